/* limit.c: how much one address, one user or one connection may ask for. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "policy/limit.h"
#include "policy/metric.h"

#define SECOND_MS 1000
#define MINUTE_MS 60000
#define LOG_EVERY_MS 1000
#define SEAT_KEY_MAX 9 /* a network, and one more */
#define WHO_CAP 72

/* The connections of one address. */
struct seats {
	size_t count;
	size_t key_len;
	char key[SEAT_KEY_MAX];
};

struct limits {
	const struct clock *clock;
	struct buckets *tables[LIMIT_BUCKETS];
	struct bucket_rate rates[LIMIT_BUCKETS];
	struct limit_flow flow;
	struct map *seats;
	unsigned seats_most; /* 0: no limit */
	uint64_t logged_ms[LIMIT_KINDS];
	uint64_t unlogged[LIMIT_KINDS]; /* refused since then */
};

/* What it is called in logs, its counter, and the key that says how much. */
static const struct {
	const char *name;
	const char *key;
	enum metric metric;
} kinds[LIMIT_KINDS] = {
	[LIMIT_CONNECTIONS] = {"connections", "limits.connections_per_s",
			       METRIC_LIMITED_CONNECTIONS},
	[LIMIT_REQUESTS] = {"requests", "limits.requests_per_s",
			    METRIC_LIMITED_REQUESTS},
	[LIMIT_HANDSHAKES] = {"handshakes", "limits.handshakes_per_s",
			      METRIC_LIMITED_HANDSHAKES},
	[LIMIT_JOINS] = {"joins", "limits.joins_per_s", METRIC_LIMITED_JOINS},
	[LIMIT_CREDENTIALS] = {"credentials", "limits.credentials_per_minute",
			       METRIC_LIMITED_CREDENTIALS},
	[LIMIT_ROOMS] = {"rooms", "limits.rooms_per_minute",
			 METRIC_LIMITED_ROOMS},
	[LIMIT_AUTH] = {"auth", "limits.auth_failures_per_minute",
			METRIC_LIMITED_AUTH},
	[LIMIT_USER] = {"user", "limits.user_joins_per_minute",
			METRIC_LIMITED_USER},
	[LIMIT_PEER] = {"user", "limits.user_joins_per_minute",
			METRIC_LIMITED_USER},
	[LIMIT_MESSAGES] = {"messages", "limits.messages_per_s, bytes_per_s",
			    METRIC_LIMITED_MESSAGES},
	[LIMIT_SEATS] = {"at-once", "limits.connections", METRIC_LIMITED_SEATS},
};

static void set_rates(struct limits *limits, const struct config *config)
{
	const struct bucket_rate user_joins =
		bucket_rate(config->limits.user_joins_per_minute, MINUTE_MS,
			    config->limits.user_joins_burst);
	const struct bucket_rate rates[LIMIT_BUCKETS] = {
		[LIMIT_CONNECTIONS] =
			bucket_rate(config->limits.connections_per_s, SECOND_MS,
				    config->limits.connections_burst),
		[LIMIT_REQUESTS] =
			bucket_rate(config->limits.requests_per_s, SECOND_MS,
				    config->limits.requests_burst),
		[LIMIT_HANDSHAKES] =
			bucket_rate(config->limits.handshakes_per_s, SECOND_MS,
				    config->limits.handshakes_burst),
		[LIMIT_JOINS] =
			bucket_rate(config->limits.joins_per_s, SECOND_MS,
				    config->limits.joins_burst),
		[LIMIT_CREDENTIALS] = bucket_rate(
			config->limits.credentials_per_minute, MINUTE_MS,
			config->limits.credentials_burst),
		[LIMIT_ROOMS] =
			bucket_rate(config->limits.rooms_per_minute, MINUTE_MS,
				    config->limits.rooms_burst),
		[LIMIT_AUTH] = bucket_rate(
			config->limits.auth_failures_per_minute, MINUTE_MS,
			config->limits.auth_failures_burst),
		[LIMIT_USER] = user_joins,
		[LIMIT_PEER] = user_joins,
	};

	memcpy(limits->rates, rates, sizeof(rates));
	limits->flow = (struct limit_flow){
		.messages =
			bucket_rate(config->limits.messages_per_s, SECOND_MS,
				    config->limits.messages_burst),
		.bytes = bucket_rate(config->limits.bytes_per_s, SECOND_MS,
				     config->limits.bytes_burst),
	};
	limits->seats_most = config->limits.connections;
}

int limits_new(struct limits **limitsp, const struct config *config,
	       const struct clock *clock)
{
	struct limits *limits = calloc(1, sizeof(*limits));
	int err = 0;

	if (!limits)
		return -ENOMEM;
	limits->clock = clock;
	limits->seats = map_new();
	if (!limits->seats)
		err = -ENOMEM;
	for (int i = 0; i < LIMIT_BUCKETS && !err; i++)
		err = bucket_table_new(&limits->tables[i],
				       config->limits.table_entries);
	if (err) {
		limits_free(limits);
		return err;
	}
	set_rates(limits, config);
	*limitsp = limits;
	return 0;
}

void limits_free(struct limits *limits)
{
	struct seats *seats;
	size_t at = 0;

	if (!limits)
		return;
	while (limits->seats && (seats = map_next(limits->seats, &at)))
		free(seats);
	map_free(limits->seats);
	for (int i = 0; i < LIMIT_BUCKETS; i++)
		bucket_table_free(limits->tables[i]);
	free(limits);
}

void limits_configure(struct limits *limits, const struct config *config)
{
	set_rates(limits, config);
	for (int i = 0; i < LIMIT_BUCKETS; i++)
		bucket_table_set_most(limits->tables[i],
				      config->limits.table_entries);
}

/* --- who was refused --- */

/* A network as people write it; the name of a user or a peer as it is. */
static void format_key(enum limit_kind kind, struct span key, char who[WHO_CAP])
{
	uint8_t ip[16] = {0};
	char text[INET6_ADDRSTRLEN] = "";

	if (kind == LIMIT_USER || kind == LIMIT_PEER) {
		(void)snprintf(who, WHO_CAP, "%.*s", (int)key.len, key.ptr);
		return;
	}
	memcpy(ip, key.ptr, key.len);
	(void)inet_ntop(key.len == 4 ? AF_INET : AF_INET6, ip, text,
			sizeof(text));
	(void)snprintf(who, WHO_CAP, "%s%s", text, key.len == 4 ? "" : "/64");
}

void limit_note(struct limits *limits, enum limit_kind kind, struct span key)
{
	uint64_t now_ms = limits->clock->mono_ms;
	char who[WHO_CAP];

	metric_add(kinds[kind].metric, 1);
	limits->unlogged[kind]++;
	if (limits->logged_ms[kind] &&
	    now_ms - limits->logged_ms[kind] < LOG_EVERY_MS)
		return;
	format_key(kind, key, who);
	log_warn("limit.reached", log_str("kind", kinds[kind].name),
		 log_str("by", who), log_int("times", limits->unlogged[kind]),
		 log_str("key", kinds[kind].key));
	limits->logged_ms[kind] = now_ms;
	limits->unlogged[kind] = 0;
}

/* --- buckets --- */

uint64_t limit_take(struct limits *limits, enum limit_kind kind,
		    struct span key)
{
	uint64_t wait_ms;

	if (!limits || !key.len)
		return 0;
	wait_ms = bucket_take(limits->tables[kind], &limits->rates[kind], key,
			      limits->clock->mono_ms);
	if (wait_ms)
		limit_note(limits, kind, key);
	return wait_ms;
}

void limit_give(struct limits *limits, enum limit_kind kind, struct span key)
{
	if (limits && key.len)
		bucket_give(limits->tables[kind], &limits->rates[kind], key);
}

uint64_t limit_auth_wait_ms(struct limits *limits, struct span network)
{
	uint64_t wait_ms;

	if (!limits)
		return 0;
	wait_ms = bucket_wait_ms(limits->tables[LIMIT_AUTH],
				 &limits->rates[LIMIT_AUTH], network,
				 limits->clock->mono_ms);
	if (wait_ms)
		limit_note(limits, LIMIT_AUTH, network);
	return wait_ms;
}

void limit_auth_failed(struct limits *limits, struct span network)
{
	/* One that finds the bucket empty was asked about before. */
	if (limits)
		(void)bucket_take(limits->tables[LIMIT_AUTH],
				  &limits->rates[LIMIT_AUTH], network,
				  limits->clock->mono_ms);
}

/* --- connections at once --- */

static struct seats *add_seats(struct limits *limits, struct span key)
{
	struct seats *seats = calloc(1, sizeof(*seats));

	if (!seats)
		return NULL;
	seats->key_len = key.len;
	memcpy(seats->key, key.ptr, key.len);
	if (!map_put(limits->seats, span_of(seats->key, seats->key_len), seats))
		return seats;
	free(seats);
	return NULL;
}

static int enter(struct limits *limits, struct span key)
{
	struct seats *seats = map_get(limits->seats, key);

	if (seats && limits->seats_most && seats->count >= limits->seats_most)
		return -EBUSY;
	if (!seats)
		seats = add_seats(limits, key);
	if (!seats)
		return -ENOMEM;
	seats->count++;
	return 0;
}

static void leave(struct limits *limits, struct span key)
{
	struct seats *seats = map_get(limits->seats, key);

	if (!seats || --seats->count)
		return;
	(void)map_remove(limits->seats, key);
	free(seats);
}

int limit_enter(struct limits *limits, struct span network)
{
	int err = limits ? enter(limits, network) : 0;

	if (err == -EBUSY)
		limit_note(limits, LIMIT_SEATS, network);
	return err;
}

void limit_leave(struct limits *limits, struct span network)
{
	if (limits)
		leave(limits, network);
}

/* One byte longer than any network's, and so another's. */
static struct span returned_key(struct span network, char key[SEAT_KEY_MAX])
{
	memcpy(key, network.ptr, network.len);
	key[network.len] = 0;
	return span_of(key, network.len + 1);
}

int limit_enter_returned(struct limits *limits, struct span network)
{
	char key[SEAT_KEY_MAX];

	return limits ? enter(limits, returned_key(network, key)) : 0;
}

void limit_leave_returned(struct limits *limits, struct span network)
{
	char key[SEAT_KEY_MAX];

	if (limits)
		leave(limits, returned_key(network, key));
}

/* --- the rest --- */

const struct limit_flow *limit_flow(const struct limits *limits)
{
	static const struct limit_flow none;

	return limits ? &limits->flow : &none;
}

size_t limits_bytes(const struct limits *limits)
{
	size_t bytes = sizeof(*limits);

	for (int i = 0; i < LIMIT_BUCKETS; i++)
		bytes += bucket_table_bytes(limits->tables[i]);
	return bytes + map_count(limits->seats) * sizeof(struct seats);
}
