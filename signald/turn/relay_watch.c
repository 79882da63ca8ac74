/* relay_watch.c: one TURN server, on which those are looked for who may not
 * relay any more. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "base/member.h"
#include "codec/turncred.h"
#include "policy/metric.h"
#include "turn/cli.h"
#include "turn/icelist.h"
#include "turn/relay_watch.h"

/* From the start of a look to that of the next one. */
#define LOOK_EVERY_MS 1000
/* As long as somebody is found, or was kicked a moment ago: what a client makes
 * of its credential then is to be short. */
#define LOOK_SOON_MS 100
#define SOON_FOR_MS 10000
#define STRICT_EVERY_MS 10000
/* All who relay are listed so often, and less often where that takes long. */
#define CENSUS_EVERY_MS 5000
#define CENSUS_SHARE 20
/* Up to so many users are looked for one by one; of more, all who relay are
 * listed, and those among them looked for. */
#define FEW_USERS 8
/* coturn lists no more at once, unless it is told to. */
#define MAX_SESSIONS 256
/* Tries in vain, one a second, before the log hears of a coturn that was never
 * up: both may just be being started. */
#define LOSSES_AT_START 5

#define COMMAND_CAP 128

enum reason {
	KICKED,	 /* none of its allocations is right */
	EXPIRED, /* those with a credential that has expired are not */
	SPARED,	 /* it is there: all are */
};

static const char *const reason_names[] = {
	[KICKED] = "kicked",
	[EXPIRED] = "expired",
};

static const enum metric reason_metrics[] = {
	[KICKED] = METRIC_ALLOCATIONS_ENDED_KICKED,
	[EXPIRED] = METRIC_ALLOCATIONS_ENDED_EXPIRED,
};

struct user {
	enum reason reason;
	char name[TURNCRED_MAX_USER + 1];
};

/*
 * A look: the users to look for are listed (by "pu", or all that were kicked),
 * then one after the other is searched ("psp"), and every session found that is
 * not right ended ("cs").
 */
enum look_state { LOOK_NONE, LOOK_LISTS, LOOK_SEARCHES, LOOK_ENDS };

struct relay_watch {
	struct relay_duty *duty;
	char *name;
	struct cli *cli;
	struct loop_timer timer;
	int trouble;	 /* of which the log knows; 0: none */
	unsigned losses; /* since it was last up */
	bool is_up, was_up;

	enum look_state state;
	bool is_again_due; /* somebody was added since this look began */
	bool is_strict;	   /* it is one for the expired, too */
	bool is_census;	   /* it lists all who relay */
	uint64_t began_ms, began_s;
	uint64_t strict_due_ms, census_due_ms;
	struct relaying *relaying;
	uint64_t found_none_s;

	struct user **users;
	size_t users_count, users_cap, at;
	struct map *by_name; /* of the same */

	uint64_t sessions[MAX_SESSIONS];
	size_t sessions_count;
	unsigned ended; /* of the user at hand */
	unsigned ended_all;
};

static bool is_strict(const struct relay_duty *duty)
{
	return duty->loop->config->turn.strict && duty->spare;
}

/* --- the users to look for --- */

static const struct user *user_at_hand(const struct relay_watch *watch)
{
	return watch->users[watch->at];
}

static void forget_users(struct relay_watch *watch)
{
	for (size_t i = 0; i < watch->users_count; i++) {
		(void)map_remove(watch->by_name,
				 span_from(watch->users[i]->name));
		free(watch->users[i]);
	}
	watch->users_count = watch->at = 0;
}

/* Room for one more. Returns 0 or -ENOMEM. */
static int reserve_user(struct relay_watch *watch)
{
	size_t cap = watch->users_cap ? 2 * watch->users_cap : FEW_USERS;
	struct user **users;

	if (watch->users_count < watch->users_cap)
		return 0;
	users = realloc(watch->users, cap * sizeof(struct user *));
	if (!users)
		return -ENOMEM;
	watch->users = users;
	watch->users_cap = cap;
	return 0;
}

/* Without memory one is left for the next look. */
static void list_user(struct relay_watch *watch, struct span name,
		      enum reason reason)
{
	struct user *user;

	if (map_get(watch->by_name, name) || reserve_user(watch))
		return;
	user = calloc(1, sizeof(*user));
	if (!user)
		return;
	user->reason = reason;
	if (span_copy(name, user->name, sizeof(user->name)) ||
	    map_put(watch->by_name, span_from(user->name), user))
		free(user);
	else
		watch->users[watch->users_count++] = user;
}

static void list_kicked(struct relay_watch *watch)
{
	uint64_t expires_at_s;
	struct span user;
	size_t at = 0;

	while (kicked_next(watch->duty->ended, &at, &user, &expires_at_s))
		list_user(watch, user, KICKED);
}

static void take_user(struct relay_watch *watch,
		      const struct coturncli_item *item)
{
	uint64_t expires_at_s;
	struct span user;

	if (turncred_split(item->username, &expires_at_s, &user))
		return;
	/* Our own proofs are nobody's. */
	if (watch->is_census && !span_has_prefix(user, SPAN("s-")))
		relaying_note(watch->relaying, user, item->number);
	if (kicked_has(watch->duty->ended, user, 0))
		list_user(watch, user, KICKED);
	else if (watch->is_strict && expires_at_s < watch->began_s &&
		 icelist_is_peer(user))
		list_user(watch, user, EXPIRED);
}

void relay_watch_spare(struct relay_watch *watch, struct span name)
{
	struct user *user = map_get(watch->by_name, name);

	if (user && user->reason == EXPIRED)
		user->reason = SPARED;
}

/* They are all listed: those who are there keep what they have. */
static void spare_the_present(struct relay_watch *watch)
{
	struct relay_duty *duty = watch->duty;
	bool is_known = true;

	duty->asking = watch;
	if (watch->is_strict && watch->users_count)
		is_known = duty->spare(duty->spare_arg);
	duty->asking = NULL;
	for (size_t i = 0; !is_known && i < watch->users_count; i++)
		if (watch->users[i]->reason == EXPIRED)
			watch->users[i]->reason = SPARED;
}

static void report_relaying(struct span user, uint64_t before, uint64_t now,
			    void *arg)
{
	const struct relay_watch *watch = arg;
	const struct relay_duty *duty = watch->duty;

	if (duty->watcher)
		duty->watcher(
			&(struct relay_news){watch->name, user, before, now},
			duty->watcher_arg);
	log_info(now > before ? "turn.relay_start" : "turn.relay_end",
		 log_str("server", watch->name), log_span("user", user),
		 log_int("allocations", now));
}

static void take_census(struct relay_watch *watch)
{
	uint64_t now_ms = watch->duty->loop->clock.mono_ms;
	uint64_t wait_ms = CENSUS_SHARE * (now_ms - watch->began_ms);

	relaying_end(watch->relaying, report_relaying, watch);
	watch->census_due_ms =
		now_ms +
		(wait_ms > CENSUS_EVERY_MS ? wait_ms : CENSUS_EVERY_MS);
}

/* --- one look --- */

static void rest(struct relay_watch *watch)
{
	const struct relay_duty *duty = watch->duty;
	bool is_soon = watch->is_again_due ||
		       duty->loop->clock.mono_ms < duty->soon_until_ms;
	uint64_t at_ms = watch->census_due_ms;

	if (is_strict(duty) && watch->strict_due_ms < at_ms)
		at_ms = watch->strict_due_ms;
	if (kicked_count(duty->ended))
		at_ms = watch->began_ms +
			(is_soon ? LOOK_SOON_MS : LOOK_EVERY_MS);
	watch->state = LOOK_NONE;
	loop_timer_start(duty->loop, &watch->timer, at_ms);
}

static void finish(struct relay_watch *watch)
{
	struct relay_duty *duty = watch->duty;

	forget_users(watch);
	if (watch->ended_all)
		duty->soon_until_ms = duty->loop->clock.mono_ms + SOON_FOR_MS;
	else
		watch->found_none_s = watch->began_s;
	duty->on_looked(duty);
	rest(watch);
}

static void search_next(struct relay_watch *watch)
{
	char command[COMMAND_CAP];

	watch->sessions_count = 0;
	watch->ended = 0;
	while (watch->at < watch->users_count &&
	       user_at_hand(watch)->reason == SPARED)
		watch->at++;
	if (watch->at == watch->users_count) {
		finish(watch);
		return;
	}
	(void)snprintf(command, sizeof(command), "psp :%s",
		       user_at_hand(watch)->name);
	watch->state = LOOK_SEARCHES;
	cli_ask(watch->cli, command);
}

/* The search is for a part of the name, and finds all of the user's. */
static void take_session(struct relay_watch *watch,
			 const struct coturncli_item *item)
{
	const struct user *wanted = user_at_hand(watch);
	uint64_t expires_at_s;
	struct span user;

	if (turncred_split(item->username, &expires_at_s, &user) ||
	    !span_equal(user, span_from(wanted->name)) ||
	    watch->sessions_count == MAX_SESSIONS)
		return;
	if (wanted->reason == EXPIRED && expires_at_s >= watch->began_s)
		return;
	watch->sessions[watch->sessions_count++] = item->number;
}

static void report_ended(const struct relay_watch *watch)
{
	const struct user *user = user_at_hand(watch);

	if (!watch->ended)
		return;
	metric_add(reason_metrics[user->reason], watch->ended);
	log_info("turn.end", log_str("server", watch->name),
		 log_str("user", user->name),
		 log_int("allocations", watch->ended),
		 log_str("reason", reason_names[user->reason]));
}

static void end_next(struct relay_watch *watch)
{
	char command[COMMAND_CAP];

	if (!watch->sessions_count) {
		report_ended(watch);
		watch->at++;
		search_next(watch);
		return;
	}
	(void)snprintf(command, sizeof(command), "cs %018" PRIu64,
		       watch->sessions[--watch->sessions_count]);
	watch->ended++;
	watch->ended_all++;
	watch->state = LOOK_ENDS;
	cli_ask(watch->cli, command);
}

static void begin(struct relay_watch *watch)
{
	const struct relay_duty *duty = watch->duty;
	const struct clock *clock = &duty->loop->clock;

	loop_timer_stop(&watch->timer);
	watch->began_ms = clock->mono_ms;
	watch->began_s = clock_wall_s(clock);
	watch->is_again_due = false;
	watch->ended_all = 0;
	watch->is_strict =
		is_strict(duty) && clock->mono_ms >= watch->strict_due_ms;
	if (watch->is_strict)
		watch->strict_due_ms = clock->mono_ms + STRICT_EVERY_MS;
	watch->is_census = clock->mono_ms >= watch->census_due_ms;
	if (watch->is_census)
		relaying_begin(watch->relaying);
	if (watch->is_strict || watch->is_census ||
	    kicked_count(duty->ended) > FEW_USERS) {
		watch->state = LOOK_LISTS;
		cli_ask(watch->cli, "pu");
		return;
	}
	list_kicked(watch);
	search_next(watch);
}

static void timer_fire(struct loop_timer *timer)
{
	struct relay_watch *watch =
		container_of(timer, struct relay_watch, timer);

	if (cli_is_ready(watch->cli))
		begin(watch);
}

void relay_watch_look_now(struct relay_watch *watch)
{
	if (watch->state != LOOK_NONE)
		watch->is_again_due = true;
	else if (cli_is_ready(watch->cli))
		begin(watch);
}

/* --- what the server's administration tells --- */

static void on_ready(void *arg)
{
	struct relay_watch *watch = arg;

	log_info("turn.cli_up", log_str("server", watch->name));
	metric_add(METRIC_TURN_CLI_UP, 1);
	watch->trouble = 0;
	watch->losses = 0;
	watch->is_up = watch->was_up = true;
	begin(watch);
}

static void on_item(const struct coturncli_item *item, void *arg)
{
	struct relay_watch *watch = arg;

	if (watch->state == LOOK_SEARCHES && item->kind == COTURNCLI_SESSION)
		take_session(watch, item);
	else if (watch->state == LOOK_LISTS && item->kind == COTURNCLI_USER)
		take_user(watch, item);
}

static void on_answered(void *arg)
{
	struct relay_watch *watch = arg;

	if (watch->state == LOOK_LISTS) {
		if (watch->is_census)
			take_census(watch);
		spare_the_present(watch);
		search_next(watch);
	} else {
		end_next(watch);
	}
}

static const char *words_for(int err)
{
	switch (err) {
	case CLI_REFUSED:
		return "coturn refuses turn.cli_password";
	case CLI_CLOSED:
		return "coturn closed the connection";
	case CLI_STRANGE:
		return "what answers is not coturn's administration";
	default:
		return strerror(-err);
	}
}

/* The log hears of it once, until it is another trouble. */
static void report_trouble(struct relay_watch *watch, int err)
{
	bool is_early = err == -ECONNREFUSED && !watch->was_up &&
			watch->losses < LOSSES_AT_START;

	if (watch->trouble == err || is_early)
		return;
	watch->trouble = err;
	log_error("turn.cli_down", log_str("server", watch->name),
		  log_str("reason", words_for(err)),
		  log_str("means", "who is kicked goes on relaying there"));
}

static void on_lost(int err, void *arg)
{
	struct relay_watch *watch = arg;
	struct relay_duty *duty = watch->duty;
	bool was_up = watch->is_up;

	if (was_up)
		metric_add(METRIC_TURN_CLI_UP, -1);
	watch->is_up = false;
	watch->state = LOOK_NONE;
	watch->losses++;
	forget_users(watch);
	loop_timer_stop(&watch->timer);
	report_trouble(watch, err);
	duty->on_looked(duty);
	if (was_up && err == CLI_CLOSED && duty->on_gone)
		duty->on_gone(watch->name, duty->on_gone_arg);
}

static const struct cli_handlers handlers = {
	.on_ready = on_ready,
	.on_item = on_item,
	.on_answered = on_answered,
	.on_lost = on_lost,
};

/* --- beginning and end --- */

static int start(struct relay_watch *watch,
		 const struct relay_admin_server *server)
{
	struct net_addr addr;

	watch->name = strdup(server->name);
	watch->by_name = map_new();
	watch->relaying = relaying_new();
	if (!watch->name || !watch->by_name || !watch->relaying)
		return -ENOMEM;
	if (net_addr_parse(span_from(server->address), &addr))
		return -EINVAL;
	return cli_new(&watch->cli, watch->duty->loop, &addr, server->password,
		       &handlers, watch);
}

int relay_watch_new(struct relay_watch **watchp, struct relay_duty *duty,
		    const struct relay_admin_server *server)
{
	struct relay_watch *watch = calloc(1, sizeof(*watch));
	int err;

	if (!watch)
		return -ENOMEM;
	watch->duty = duty;
	watch->timer.fire = timer_fire;
	err = start(watch, server);
	if (err)
		relay_watch_free(watch);
	else
		*watchp = watch;
	return err;
}

void relay_watch_free(struct relay_watch *watch)
{
	if (!watch)
		return;
	if (watch->is_up)
		metric_add(METRIC_TURN_CLI_UP, -1);
	loop_timer_stop(&watch->timer);
	cli_free(watch->cli);
	if (watch->by_name)
		forget_users(watch);
	map_free(watch->by_name);
	relaying_free(watch->relaying);
	free(watch->users);
	free(watch->name);
	free(watch);
}

const struct relaying *relay_watch_relaying(const struct relay_watch *watch)
{
	return watch->is_up && relaying_is_known(watch->relaying)
		       ? watch->relaying
		       : NULL;
}

uint64_t relay_watch_found_none_s(const struct relay_watch *watch)
{
	return watch->found_none_s;
}
