/* rotate.c: a key is replaced by a new one, and what it was good for stays good
 * for a while. */
#include <errno.h>

#include "admin/parts.h"
#include "base/log.h"
#include "codec/json.h"

#define GRACE_S 300u
#define MAX_GRACE_S 86400u

/* What is asked for. Each kind of key has one of them: resume keys end with
 * what they signed, two days after their making, or at once. */
struct rotation {
	bool is_void;	  /* what earlier keys signed is good no more */
	uint64_t grace_s; /* for so long the earlier key is good still */
};

/* grace_s  in so many seconds nothing of before is good any more */
static void answer(const struct admin_ask *ask, uint64_t grace_s)
{
	struct buf body = {0};

	log_info("admin.rotated", log_span("what", ask->name),
		 log_int("grace_s", grace_s));
	buf_append_str(&body, "{\"rotated\":");
	buf_append_json(&body, ask->name);
	buf_append_str(&body, ",\"graceSeconds\":");
	buf_append_u64(&body, grace_s);
	buf_append_str(&body, "}\n");
	admin_reply(ask, 200, &body);
}

static void refuse_disk(const struct admin_ask *ask, int err)
{
	log_error("state.fail", log_span("what", ask->name),
		  log_str("dir", ask->admin->parts.loop->config->state.dir),
		  log_str("error", strerror(-err)));
	admin_refuse(ask, 500,
		     "the new key could not be kept in state.dir: the key is "
		     "the one of before; the log says why");
}

static void rotate_resume_keys(const struct admin_ask *ask,
			       const struct rotation *rotation)
{
	const struct admin_parts *parts = &ask->admin->parts;
	uint64_t now_s = clock_wall_s(&parts->loop->clock);
	int err = keyring_renew(parts->keyring, now_s,
				rotation->is_void ? KEYRING_VOID_EARLIER
						  : KEYRING_KEEP_EARLIER);

	if (err == -EBUSY) {
		admin_refuse(ask, 409,
			     "three earlier keys are still good, and there is "
			     "no place for one more: wait until one is two "
			     "days old, or void them all with {\"void\": "
			     "true}");
		return;
	}
	if (err) {
		refuse_disk(ask, err);
		return;
	}
	if (rotation->is_void)
		parts->ops->on_tokens_void(parts->arg);
	answer(ask, keyring_grace_s(parts->keyring, now_s));
}

static void rotate_admin_key(const struct admin_ask *ask,
			     const struct rotation *rotation)
{
	struct admin *admin = ask->admin;
	const struct loop *loop = admin->parts.loop;
	int err;

	if (!admin->key.is_made) {
		admin_refuse(ask, 409,
			     "the key is what admin.key is set to: set another "
			     "there, and reload");
		return;
	}
	err = admin_key_renew(&admin->key, loop->config->state.dir,
			      loop->clock.mono_ms / 1000 + rotation->grace_s);
	if (err)
		refuse_disk(ask, err);
	else
		answer(ask, rotation->grace_s);
}

enum option { OPTION_VOID, OPTION_GRACE, OPTIONS_COUNT };

static const struct {
	const char *name;
	void (*rotate)(const struct admin_ask *ask,
		       const struct rotation *rotation);
	enum option option;
	const char *form;
} kinds[] = {
	{"resume-keys", rotate_resume_keys, OPTION_VOID,
	 "the body is none, or {\"void\": true}: resume keys have no "
	 "graceSeconds"},
	{"admin-key", rotate_admin_key, OPTION_GRACE,
	 "the body is none, or {\"graceSeconds\": N}, with N from 0 to 86400 "
	 "(a day), and 0 for a key that is void at once"},
};

#define KINDS_COUNT (sizeof(kinds) / sizeof(*kinds))

static int read_option(enum option option, struct span value,
		       struct rotation *rotation)
{
	if (option == OPTION_GRACE)
		return json_to_u64(value, MAX_GRACE_S, &rotation->grace_s);
	rotation->is_void = span_equal(value, SPAN("true"));
	return json_type_of(value) == JSON_TYPE_BOOL ? 0 : -EINVAL;
}

/* What another kind has would be thought to have been done. */
static int read_body(struct span body, enum option has,
		     struct rotation *rotation)
{
	static const struct span names[OPTIONS_COUNT] = {
		[OPTION_VOID] = SPAN_INIT("void"),
		[OPTION_GRACE] = SPAN_INIT("graceSeconds"),
	};
	struct span values[OPTIONS_COUNT];

	if (!body.len)
		return 0;
	if (json_pick(body, names, OPTIONS_COUNT, values))
		return -EINVAL;
	for (int i = 0; i < OPTIONS_COUNT; i++)
		if (values[i].ptr &&
		    (i != (int)has || read_option(has, values[i], rotation)))
			return -EINVAL;
	return 0;
}

void admin_rotate(const struct admin_ask *ask)
{
	struct rotation rotation = {.grace_s = GRACE_S};
	size_t i = 0;

	while (i < KINDS_COUNT &&
	       !span_equal(ask->name, span_from(kinds[i].name)))
		i++;
	if (i == KINDS_COUNT)
		admin_refuse(ask, 404,
			     "resume-keys and admin-key are rotated here; the "
			     "secret of TURN by turnconf rotate, what the "
			     "configuration holds by a reload");
	else if (read_body(ask->request->body, kinds[i].option, &rotation))
		admin_refuse(ask, 400, kinds[i].form);
	else
		kinds[i].rotate(ask, &rotation);
}
