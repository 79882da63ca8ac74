/* metric.h: counters and gauges, and their Prometheus text. */
#ifndef SIGNALD_POLICY_METRIC_H
#define SIGNALD_POLICY_METRIC_H

#include "base/buf.h"

enum metric {
	METRIC_CONNECTIONS,
	METRIC_CONNECTIONS_TOTAL,
	METRIC_WEBSOCKETS,
	METRIC_ENGINE_SESSIONS,
	METRIC_PEERS,
	METRIC_ROOMS,
	METRIC_HTTP_REQUESTS_2XX,
	METRIC_HTTP_REQUESTS_3XX,
	METRIC_HTTP_REQUESTS_4XX,
	METRIC_HTTP_REQUESTS_5XX,
	METRIC_JOINS,
	METRIC_RELAYED_OFFER,
	METRIC_RELAYED_ANSWER,
	METRIC_RELAYED_CANDIDATE,
	METRIC_RELAYED_SIGNAL,
	METRIC_RELAYED_BROADCAST,
	METRIC_RELAYED_EVENT,
	METRIC_RELAYED_BYTES,
	METRIC_REFUSED_MESSAGES,
	METRIC_CREDENTIALS,
	METRIC_RESUMES_OK,
	METRIC_RESUMES_REFUSED,
	METRIC_PEERS_AWAY,
	METRIC_RECOVERIES_OK,
	METRIC_RECOVERIES_REFUSED,
	METRIC_CLOSED_SLOW,
	METRIC_CLOSED_SILENT,
	METRIC_CLOSED_PROTOCOL,
	METRIC_CLOSED_TIMEOUT,
	METRIC_REFUSED_ORIGIN,
	METRIC_ACCEPT_PAUSES,
	METRIC_QUEUED_BYTES,
	METRIC_TURN_UP,
	METRIC_TURN_PROBE_MS,
	METRIC_TURN_CLI_UP,
	METRIC_TURN_KICKED_USERS,
	METRIC_ALLOCATIONS_ENDED_KICKED,
	METRIC_ALLOCATIONS_ENDED_EXPIRED,
	METRIC_RELOADS_OK,
	METRIC_RELOADS_REFUSED,
	METRIC_COUNT,
};

extern int64_t metric_values[METRIC_COUNT];

static inline void metric_add(enum metric metric, int64_t n)
{
	metric_values[metric] += n;
}

static inline void metric_set(enum metric metric, int64_t value)
{
	metric_values[metric] = value;
}

/*
 * All metrics in Prometheus' text format 0.0.4: HELP and TYPE once a family,
 * base units, signald_build_info and the process_* set beside our own.
 *
 * started_at_s  Unix time at which the process started
 */
void metric_write(struct buf *out, const char *version, uint64_t started_at_s);

#endif
