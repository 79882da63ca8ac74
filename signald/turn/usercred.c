/* usercred.c: TURN users in Redis: one expiring key for each credential. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <hiredis/adapters/libevent.h>
#include <hiredis/async.h>

#include "base/hex.h"
#include "base/log.h"
#include "base/member.h"
#include "codec/stun.h"
#include "net/addr.h"
#include "policy/metric.h"
#include "turn/usercred.h"

/* A key of our own is written so often while nothing else is. */
#define BEAT_EVERY_MS 1000
#define BEAT_TTL_S 10
/* From a loss to the next try: this, and twice as long every time. */
#define FIRST_RETRY_MS 200
#define LAST_RETRY_MS 2000

#define TAG_BYTES 6
#define TAG_LEN 8
#define MAX_REALM 255 /* bytes of a name (RFC 1035, 2.3.4) */
#define KEY_CAP \
	(sizeof("turn/realm//user//key") + MAX_REALM + TURNCRED_USERNAME_CAP)
#define REASON_CAP 160

enum usercred_state {
	REDIS_AWAY,    /* the timer dials */
	REDIS_REFUSES, /* connected, but it has not taken a key yet, or not the
			  last one */
	REDIS_UP,
};

struct usercred {
	struct loop *loop;
	void (*on_change)(void *arg);
	void *arg;
	struct net_addr addr;
	struct crypto_hmac *passwords;
	char tag[TAG_LEN + 1]; /* behind the names of our own users */
	redisAsyncContext *redis;
	struct loop_timer timer;
	enum usercred_state state;
	uint64_t retry_ms;
	unsigned unanswered; /* commands */
	struct usercred_grant beat;
	char reason[REASON_CAP];	/* "" while it is up */
	char delete_reason[REASON_CAP]; /* "" while it deletes */
};

enum request_kind { REQUEST_SETUP, REQUEST_SET, REQUEST_DELETE };

/* One command; freed when its answer comes, or its connection ends. */
struct usercred_request {
	struct usercred *usercred;
	enum request_kind kind;
	struct usercred_grant *grant; /* NULL: nobody waits */
};

static void start_timer(struct usercred *usercred, uint64_t wait_ms)
{
	loop_timer_start(usercred->loop, &usercred->timer,
			 usercred->loop->clock.mono_ms + wait_ms);
}

/* --- up and down --- */

static void become_up(struct usercred *usercred)
{
	if (usercred->state == REDIS_UP)
		return;
	usercred->state = REDIS_UP;
	usercred->reason[0] = '\0';
	usercred->retry_ms = FIRST_RETRY_MS;
	metric_set(METRIC_TURN_REDIS_UP, 1);
	log_info("turn.redis_up",
		 log_str("address", usercred->loop->config->turn.redis));
	usercred->on_change(usercred->arg);
}

/* The log hears of a reason once. */
static void become_down(struct usercred *usercred, enum usercred_state state,
			const char *reason)
{
	bool was_up = usercred->state == REDIS_UP;

	usercred->state = state;
	if (strcmp(usercred->reason, reason) != 0) {
		(void)snprintf(usercred->reason, sizeof(usercred->reason), "%s",
			       reason);
		log_error(
			"turn.redis_down",
			log_str("address", usercred->loop->config->turn.redis),
			log_str("reason", reason),
			log_str("means", "clients get no TURN"));
	}
	metric_set(METRIC_TURN_REDIS_UP, 0);
	if (was_up)
		usercred->on_change(usercred->arg);
}

/* Its connection is over, or is being ended by who calls. */
static void be_away(struct usercred *usercred, const char *error)
{
	const char *reason = *error ? error : "connection closed";

	usercred->redis = NULL;
	start_timer(usercred, usercred->retry_ms);
	usercred->retry_ms *= 2;
	if (usercred->retry_ms > LAST_RETRY_MS)
		usercred->retry_ms = LAST_RETRY_MS;
	become_down(usercred, REDIS_AWAY, reason);
}

static void hang_up(struct usercred *usercred, const char *reason)
{
	redisAsyncContext *redis = usercred->redis;

	be_away(usercred, reason);
	redisAsyncFree(redis); /* every command is answered with nothing */
}

/* --- commands --- */

static void finish(struct usercred_grant *grant, int err)
{
	grant->request = NULL;
	grant->err = err;
	grant->on_done(grant);
}

/* Clients get what they need all the same. The log hears of a reason once. */
static void note_not_deleted(struct usercred *usercred, const char *reason)
{
	if (!strcmp(usercred->delete_reason, reason))
		return;
	(void)snprintf(usercred->delete_reason, sizeof(usercred->delete_reason),
		       "%s", reason);
	log_error("turn.redis_keeps",
		  log_str("address", usercred->loop->config->turn.redis),
		  log_str("reason", usercred->delete_reason),
		  log_str("means", "who is kicked can allocate until its "
				   "credentials expire"));
}

static int refuse(struct usercred *usercred, enum request_kind kind,
		  const char *reason)
{
	if (!usercred->redis)
		return -ECONNRESET;
	switch (kind) {
	case REQUEST_SETUP:
		hang_up(usercred, reason);
		break;
	case REQUEST_SET:
		become_down(usercred, REDIS_REFUSES, reason);
		break;
	case REQUEST_DELETE:
		note_not_deleted(usercred, reason);
		break;
	}
	return -EACCES;
}

/* A Redis without the command tells all that stood behind it: the password, or
 * a credential's key. */
static void leave_out_arguments(char *error)
{
	char *arguments = strstr(error, ", with args");

	if (arguments)
		*arguments = '\0';
}

static int take_answer(struct usercred *usercred, enum request_kind kind,
		       const redisReply *reply)
{
	if (reply->type == REDIS_REPLY_ERROR) {
		leave_out_arguments(reply->str);
		return refuse(usercred, kind, reply->str);
	}
	if (kind == REQUEST_DELETE)
		usercred->delete_reason[0] = '\0';
	if (kind == REQUEST_SET && usercred->redis)
		become_up(usercred);
	return 0;
}

static void answer_cb(redisAsyncContext *redis, void *reply, void *arg)
{
	struct usercred_request *request = arg;
	struct usercred *usercred = request->usercred;
	int err = -ECONNRESET;

	loop_enter(usercred->loop);
	usercred->unanswered--;
	if (usercred->redis == redis)
		start_timer(usercred, usercred->unanswered
					      ? USERCRED_PATIENCE_MS
					      : BEAT_EVERY_MS);
	if (reply)
		err = take_answer(usercred, request->kind, reply);
	else if (usercred->redis == redis)
		be_away(usercred, redis->c.errstr);
	if (request->grant)
		finish(request->grant, err);
	free(request);
}

/* Returns 0, -ENOMEM, -ENOTCONN. */
static int command(struct usercred *usercred, enum request_kind kind,
		   struct usercred_grant *grant, int argc, const char **argv)
{
	struct usercred_request *request;

	if (!usercred->redis)
		return -ENOTCONN;
	request = calloc(1, sizeof(*request));
	if (!request)
		return -ENOMEM;
	request->usercred = usercred;
	request->kind = kind;
	request->grant = grant;
	if (redisAsyncCommandArgv(usercred->redis, answer_cb, request, argc,
				  argv, NULL)) {
		free(request);
		return -ENOTCONN;
	}
	if (!usercred->unanswered++)
		start_timer(usercred, USERCRED_PATIENCE_MS);
	if (grant)
		grant->request = request;
	return 0;
}

static void write_key(const struct usercred *usercred, const char *username,
		      char key[KEY_CAP])
{
	(void)snprintf(key, KEY_CAP, "turn/realm/%s/user/%s/key",
		       usercred->loop->config->turn.realm, username);
}

/* What STUN's messages are signed with (RFC 8489, 9.2.2), in hex. */
static int write_value(const struct usercred *usercred,
		       const struct turncred *cred,
		       char hex[2 * CRYPTO_MD5_LEN + 1])
{
	uint8_t md5[CRYPTO_MD5_LEN];
	int err = stun_long_term_key(
		span_from(cred->username),
		span_from(usercred->loop->config->turn.realm),
		span_from(cred->credential), md5);

	if (!err)
		hex_write(md5, sizeof(md5), hex);
	crypto_wipe(md5, sizeof(md5));
	return err;
}

static int set(struct usercred *usercred, struct usercred_grant *grant,
	       uint64_t ttl_s)
{
	char key[KEY_CAP], value[2 * CRYPTO_MD5_LEN + 1], ttl[24];
	const char *argv[] = {"SET", key, value, "EX", ttl};
	int err = write_value(usercred, &grant->cred, value);

	if (err)
		return err;
	write_key(usercred, grant->cred.username, key);
	(void)snprintf(ttl, sizeof(ttl), "%" PRIu64, ttl_s);
	err = command(usercred, REQUEST_SET, grant, 5, argv);
	crypto_wipe(value, sizeof(value));
	return err;
}

static int begin(struct usercred *usercred, struct usercred_grant *grant,
		 struct span user, uint64_t ttl_s)
{
	uint64_t now_s = clock_wall_s(&usercred->loop->clock);
	int err;

	ttl_s = turncred_lengthen(now_s, ttl_s);
	err = turncred_make(usercred->passwords, user, now_s, ttl_s,
			    &grant->cred);
	return err ? err : set(usercred, grant, ttl_s);
}

static int begin_own(struct usercred *usercred, struct usercred_grant *grant,
		     struct span user, uint64_t ttl_s)
{
	char name[TURNCRED_MAX_USER + 1];
	int len = snprintf(name, sizeof(name), "%.*s.%s", (int)user.len,
			   user.ptr, usercred->tag);

	return begin(usercred, grant, span_of(name, (size_t)len), ttl_s);
}

int usercred_begin(struct usercred *usercred, struct usercred_grant *grant,
		   struct span user, uint64_t ttl_s)
{
	return usercred->state == REDIS_UP ? begin(usercred, grant, user, ttl_s)
					   : -ENOTCONN;
}

int usercred_begin_own(struct usercred *usercred, struct usercred_grant *grant,
		       struct span user, uint64_t ttl_s)
{
	return usercred->state == REDIS_UP
		       ? begin_own(usercred, grant, user, ttl_s)
		       : -ENOTCONN;
}

void usercred_cancel(struct usercred_grant *grant)
{
	if (grant->request)
		grant->request->grant = NULL;
	grant->request = NULL;
}

void usercred_revoke(struct usercred *usercred, struct span user)
{
	uint64_t now_s = clock_wall_s(&usercred->loop->clock);
	uint64_t expiries_s[TURNCRED_MAX_ALIVE];
	size_t count = turncred_list_alive(now_s, expiries_s);
	char keys[TURNCRED_MAX_ALIVE][KEY_CAP];
	const char *argv[TURNCRED_MAX_ALIVE + 1] = {"DEL"};
	int argc = 1;

	for (size_t i = 0; i < count; i++) {
		char username[TURNCRED_USERNAME_CAP];

		if (turncred_username(expiries_s[i], user, username))
			continue;
		write_key(usercred, username, keys[i]);
		argv[argc++] = keys[i];
	}
	/* Where it is not sent, Redis is away: see usercred.h. */
	if (argc > 1)
		(void)command(usercred, REQUEST_DELETE, NULL, argc, argv);
}

/* --- the connection --- */

static void beat_done(struct usercred_grant *grant)
{
	(void)grant; /* what it tells is known by now */
}

/* As a client's credential is written, so that what would be wrong with one is
 * found out before there is any: Redis full, read-only, or not for us. */
static void beat(struct usercred *usercred)
{
	int err;

	usercred_cancel(&usercred->beat);
	err = begin_own(usercred, &usercred->beat, SPAN("s-beat"), BEAT_TTL_S);
	if (err)
		hang_up(usercred, err == -ENOTSUP ? "no MD5 here, which STUN's "
						    "credentials need"
						  : strerror(-err));
}

static void connect_cb(const redisAsyncContext *redis, int status)
{
	struct usercred *usercred = redis->data;

	loop_enter(usercred->loop);
	if (status != REDIS_OK && usercred->redis == redis)
		be_away(usercred, redis->c.errstr);
}

static void disconnect_cb(const redisAsyncContext *redis, int status)
{
	struct usercred *usercred = redis->data;

	(void)status;
	loop_enter(usercred->loop);
	if (usercred->redis == redis)
		be_away(usercred, redis->c.errstr);
}

/* In front of everything else. */
static int set_up(struct usercred *usercred)
{
	const struct config *config = usercred->loop->config;
	const char *auth[] = {"AUTH", config->turn.redis_password};
	char number[16];
	const char *select[] = {"SELECT", number};
	int err = 0;

	(void)snprintf(number, sizeof(number), "%u", config->turn.redis_db);
	if (*config->turn.redis_password)
		err = command(usercred, REQUEST_SETUP, NULL, 2, auth);
	if (!err && config->turn.redis_db)
		err = command(usercred, REQUEST_SETUP, NULL, 2, select);
	return err;
}

static redisAsyncContext *open_context(const struct usercred *usercred)
{
	char ip[NET_ADDR_CAP];

	net_addr_format_ip(&usercred->addr, ip);
	return redisAsyncConnect(ip, usercred->addr.port);
}

static void dial(struct usercred *usercred)
{
	redisAsyncContext *redis = open_context(usercred);

	if (!redis || redis->err ||
	    redisLibeventAttach(redis, usercred->loop->base)) {
		be_away(usercred, redis && redis->err ? redis->c.errstr
						      : strerror(ENOMEM));
		if (redis)
			redisAsyncFree(redis);
		return;
	}
	redis->data = usercred;
	usercred->redis = redis;
	usercred->state = REDIS_REFUSES;
	(void)redisAsyncSetConnectCallback(redis, connect_cb);
	(void)redisAsyncSetDisconnectCallback(redis, disconnect_cb);
	if (set_up(usercred))
		hang_up(usercred, strerror(ENOMEM));
	else
		beat(usercred);
}

static void timer_fire(struct loop_timer *timer)
{
	struct usercred *usercred = container_of(timer, struct usercred, timer);

	if (!usercred->redis)
		dial(usercred);
	else if (usercred->unanswered)
		hang_up(usercred, "no answer within 2 s");
	else
		beat(usercred);
}

/* --- beginning and end --- */

/* Passwords and tag come of one key, but tell nothing of each other. */
static int derive(struct usercred *usercred, struct span key)
{
	uint8_t passwords[CRYPTO_SHA256_LEN], tag[CRYPTO_SHA256_LEN];
	struct crypto_hmac *hmac;
	int err = crypto_hmac_new(&hmac, CRYPTO_SHA256, key);

	if (err)
		return err;
	err = crypto_hmac_sign(hmac, SPAN("turn passwords"), passwords);
	if (!err)
		err = crypto_hmac_sign(hmac, SPAN("turn tag"), tag);
	if (!err)
		err = crypto_hmac_new(&usercred->passwords, CRYPTO_SHA1,
				      span_of(passwords, sizeof(passwords)));
	if (!err)
		(void)crypto_base64url(tag, TAG_BYTES, usercred->tag);
	crypto_wipe(passwords, sizeof(passwords));
	crypto_hmac_free(hmac);
	return err;
}

int usercred_new(struct usercred **usercredp, struct loop *loop,
		 struct span key, void (*on_change)(void *arg), void *arg)
{
	struct usercred *usercred = calloc(1, sizeof(*usercred));
	int err;

	if (!usercred)
		return -ENOMEM;
	usercred->loop = loop;
	usercred->on_change = on_change;
	usercred->arg = arg;
	usercred->timer.fire = timer_fire;
	usercred->beat.on_done = beat_done;
	usercred->retry_ms = FIRST_RETRY_MS;
	err = net_addr_parse(span_from(loop->config->turn.redis),
			     &usercred->addr);
	if (!err)
		err = derive(usercred, key);
	if (err) {
		usercred_free(usercred);
		return err;
	}
	loop_enter(loop);
	start_timer(usercred, 0);
	*usercredp = usercred;
	return 0;
}

void usercred_free(struct usercred *usercred)
{
	redisAsyncContext *redis;

	if (!usercred)
		return;
	loop_timer_stop(&usercred->timer);
	usercred_cancel(&usercred->beat);
	redis = usercred->redis;
	usercred->redis = NULL;
	if (redis)
		redisAsyncFree(redis);
	crypto_hmac_free(usercred->passwords);
	crypto_wipe(&usercred->beat.cred, sizeof(usercred->beat.cred));
	free(usercred);
}

bool usercred_is_up(const struct usercred *usercred)
{
	return usercred->state == REDIS_UP;
}

const char *usercred_trouble(const struct usercred *usercred)
{
	if (usercred->state == REDIS_UP)
		return "";
	return *usercred->reason ? usercred->reason : "not connected yet";
}
