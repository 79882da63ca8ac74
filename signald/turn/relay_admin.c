/* relay_admin.c: ends the allocations of those who may not relay any more. */
#include <errno.h>
#include <stdlib.h>

#include "base/member.h"
#include "codec/turncred.h"
#include "policy/metric.h"
#include "turn/icelist.h"
#include "turn/relay_watch.h"

/* For as long from a kick on a client may try again at once. */
#define SOON_FOR_MS 10000
/* Clocks differ; and a server out of reach may be back within the week. */
#define CLOCK_SLACK_S 60
#define KEEP_S (7 * 86400)

struct relay_admin {
	struct relay_duty duty;
	struct relay_watch **watches;
	size_t watches_count;
	uint64_t max_ttl_s;
	struct usercred *usercred; /* NULL: credentials cannot be deleted */
};

/* --- the servers --- */

static void stop_watches(struct relay_admin *admin)
{
	for (size_t i = 0; i < admin->watches_count; i++)
		relay_watch_free(admin->watches[i]);
	free(admin->watches);
	admin->watches = NULL;
	admin->watches_count = 0;
	/* Until somebody has looked again, and maybe nobody will. */
	metric_set(METRIC_TURN_ALLOCATIONS, 0);
}

int relay_admin_set_servers(struct relay_admin *admin,
			    const struct relay_admin_server *servers,
			    size_t count)
{
	int err = 0;

	stop_watches(admin);
	if (!count)
		return 0;
	admin->watches = calloc(count, sizeof(struct relay_watch *));
	if (!admin->watches)
		return -ENOMEM;
	admin->watches_count = count;
	for (size_t i = 0; i < count && !err; i++)
		err = relay_watch_new(&admin->watches[i], &admin->duty,
				      &servers[i]);
	if (err)
		stop_watches(admin);
	return err;
}

/* --- the users --- */

/* Those of whom every server was found empty when no credential of theirs was
 * good any more. */
static void forget_the_done(struct relay_duty *duty)
{
	const struct relay_admin *admin =
		container_of(duty, struct relay_admin, duty);
	uint64_t now_s = clock_wall_s(&duty->loop->clock);
	uint64_t found_none_s = now_s, expires_at_s;
	struct span user;
	size_t at = 0;

	for (size_t i = 0; i < admin->watches_count; i++) {
		uint64_t at_s = relay_watch_found_none_s(admin->watches[i]);

		if (at_s < found_none_s)
			found_none_s = at_s;
	}
	while (kicked_next(duty->ended, &at, &user, &expires_at_s))
		if (expires_at_s < found_none_s ||
		    expires_at_s + KEEP_S < now_s)
			kicked_forget(duty->ended, user);
	metric_set(METRIC_TURN_KICKED_USERS,
		   (int64_t)kicked_count(duty->ended));
}

/* At the servers whose administration can be asked. */
static uint64_t allocations_now(struct relay_duty *duty)
{
	const struct relay_admin *admin =
		container_of(duty, struct relay_admin, duty);
	uint64_t allocations = 0;

	for (size_t i = 0; i < admin->watches_count; i++) {
		const struct relaying *relaying =
			relay_watch_relaying(admin->watches[i]);

		if (relaying)
			allocations += relaying_allocations(relaying);
	}
	return allocations;
}

static void after_look(struct relay_duty *duty)
{
	forget_the_done(duty);
	metric_set(METRIC_TURN_ALLOCATIONS, (int64_t)allocations_now(duty));
}

void relay_admin_note_ttl(struct relay_admin *admin)
{
	uint64_t max_ttl_s = admin->duty.loop->config->turn.max_ttl_s;

	if (admin->usercred) /* see turncred_lengthen() */
		max_ttl_s *= 2;
	if (admin->max_ttl_s < max_ttl_s)
		admin->max_ttl_s = max_ttl_s;
}

int relay_admin_end_user(struct relay_admin *admin, struct span user)
{
	const struct clock *clock = &admin->duty.loop->clock;
	int err;

	if (user.len > TURNCRED_MAX_USER)
		return -EINVAL;
	err = kicked_add(admin->duty.ended, user,
			 clock_wall_s(clock) + admin->max_ttl_s +
				 CLOCK_SLACK_S);
	if (err == -EINVAL || err == -ENOMEM)
		return err;
	forget_the_done(&admin->duty);
	if (admin->usercred)
		usercred_revoke(admin->usercred, user);
	admin->duty.soon_until_ms = clock->mono_ms + SOON_FOR_MS;
	for (size_t i = 0; i < admin->watches_count; i++)
		relay_watch_look_now(admin->watches[i]);
	return err;
}

void relay_admin_use_redis(struct relay_admin *admin, struct usercred *usercred)
{
	admin->usercred = usercred;
}

void relay_admin_revoke_all(struct relay_admin *admin)
{
	uint64_t expires_at_s;
	struct span user;
	size_t at = 0;

	while (kicked_next(admin->duty.ended, &at, &user, &expires_at_s))
		usercred_revoke(admin->usercred, user);
}

void relay_admin_spare(struct relay_admin *admin, struct span user)
{
	relay_watch_spare(admin->duty.asking, user);
}

/* --- who relays --- */

/* A client may relay through several. */
static bool is_on_earlier(const struct relay_admin *admin, size_t before,
			  struct span user)
{
	for (size_t i = 0; i < before; i++)
		if (relaying_of(relay_watch_relaying(admin->watches[i]), user))
			return true;
	return false;
}

static void count_relaying(const struct relay_admin *admin, size_t i,
			   struct relay_census *census)
{
	const struct relaying *relaying =
		relay_watch_relaying(admin->watches[i]);
	struct span user;
	size_t at = 0;

	census->allocations += relaying_allocations(relaying);
	while (relaying_next(relaying, &at, &user)) {
		if (is_on_earlier(admin, i, user))
			continue;
		if (icelist_is_peer(user))
			census->peers++;
		else
			census->others++;
	}
}

void relay_admin_census(const struct relay_admin *admin,
			struct relay_census *census)
{
	*census = (struct relay_census){.is_known = admin->watches_count};
	for (size_t i = 0; i < admin->watches_count; i++)
		if (!relay_watch_relaying(admin->watches[i]))
			census->is_known = false;
	for (size_t i = 0; i < admin->watches_count && census->is_known; i++)
		count_relaying(admin, i, census);
}

uint64_t relay_admin_allocations(const struct relay_admin *admin,
				 struct span user)
{
	uint64_t allocations = 0;

	for (size_t i = 0; i < admin->watches_count; i++) {
		const struct relaying *relaying =
			relay_watch_relaying(admin->watches[i]);

		if (relaying)
			allocations += relaying_of(relaying, user);
	}
	return allocations;
}

/* --- beginning and end --- */

int relay_admin_new(struct relay_admin **adminp, struct loop *loop,
		    const char *dir)
{
	struct relay_admin *admin = calloc(1, sizeof(*admin));
	int err;

	if (!admin)
		return -ENOMEM;
	admin->duty.loop = loop;
	admin->duty.on_looked = after_look;
	relay_admin_note_ttl(admin);
	err = kicked_new(&admin->duty.ended, dir, RELAY_ADMIN_FILE,
			 clock_wall_s(&loop->clock) - KEEP_S);
	if (err) {
		relay_admin_free(admin);
		return err;
	}
	*adminp = admin;
	return 0;
}

void relay_admin_set_spare(struct relay_admin *admin, bool (*spare)(void *arg),
			   void *arg)
{
	admin->duty.spare = spare;
	admin->duty.spare_arg = arg;
}

void relay_admin_set_gone(struct relay_admin *admin,
			  void (*on_gone)(const char *server, void *arg),
			  void *arg)
{
	admin->duty.on_gone = on_gone;
	admin->duty.on_gone_arg = arg;
}

void relay_admin_set_watcher(struct relay_admin *admin, relay_watcher *watcher,
			     void *arg)
{
	admin->duty.watcher = watcher;
	admin->duty.watcher_arg = arg;
}

void relay_admin_free(struct relay_admin *admin)
{
	if (!admin)
		return;
	stop_watches(admin);
	kicked_free(admin->duty.ended);
	free(admin);
}
