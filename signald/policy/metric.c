/* metric.c: counters and gauges, and their Prometheus text. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/metric.h"

/* Descriptors counted one by one, at a microsecond or more each, while every
 * connection waits. */
#define MOST_COUNTED 2048

int64_t metric_values[METRIC_COUNT];

static struct {
	const char *code; /* NULL: free, and so are all that follow */
	uint64_t count;
} refused[METRIC_MOST_CODES];

struct row {
	const char *family;
	const char *labels; /* NULL: none */
	const char *type;   /* NULL: one more sample of the family above */
	const char *help;
};

#define GAUGE(family, help)                            \
	{                                              \
		"signald_" family, NULL, "gauge", help \
	}
#define COUNTER(family, help)                                     \
	{                                                         \
		"signald_" family "_total", NULL, "counter", help \
	}
#define FIRST(family, labels, help)                                 \
	{                                                           \
		"signald_" family "_total", labels, "counter", help \
	}
#define NEXT(family, labels)                                   \
	{                                                      \
		"signald_" family "_total", labels, NULL, NULL \
	}

/* clang-format off */
static const struct row rows[METRIC_COUNT] = {
	[METRIC_CONNECTIONS] = GAUGE("connections",
		"Client connections open now."),
	[METRIC_CONNECTIONS_TOTAL] = COUNTER("connections",
		"Client connections accepted."),
	[METRIC_WEBSOCKETS] = GAUGE("websockets",
		"Connections that speak WebSocket now."),
	[METRIC_ENGINE_SESSIONS] = GAUGE("engine_sessions",
		"Sessions of Socket.IO clients now."),
	[METRIC_PEERS] = GAUGE("peers",
		"Peers in rooms now."),
	[METRIC_ROOMS] = GAUGE("rooms",
		"Rooms with at least one peer now."),
	[METRIC_HTTP_REQUESTS_2XX] = FIRST("http_requests", "code=\"2xx\"",
		"HTTP requests answered, by class of status."),
	[METRIC_HTTP_REQUESTS_3XX] = NEXT("http_requests", "code=\"3xx\""),
	[METRIC_HTTP_REQUESTS_4XX] = NEXT("http_requests", "code=\"4xx\""),
	[METRIC_HTTP_REQUESTS_5XX] = NEXT("http_requests", "code=\"5xx\""),
	[METRIC_JOINS] = COUNTER("joins",
		"Peers that joined a room."),
	[METRIC_RELAYED_OFFER] = FIRST("messages_relayed", "type=\"offer\"",
		"Messages passed on to peers, by type."),
	[METRIC_RELAYED_ANSWER] = NEXT("messages_relayed", "type=\"answer\""),
	[METRIC_RELAYED_CANDIDATE] = NEXT("messages_relayed", "type=\"candidate\""),
	[METRIC_RELAYED_SIGNAL] = NEXT("messages_relayed", "type=\"signal\""),
	[METRIC_RELAYED_BROADCAST] = NEXT("messages_relayed", "type=\"broadcast\""),
	[METRIC_RELAYED_EVENT] = NEXT("messages_relayed", "type=\"event\""),
	[METRIC_RELAYED_BYTES] = COUNTER("relayed_bytes",
		"Bytes of the messages passed on."),
	[METRIC_REFUSED_MESSAGES] = COUNTER("messages_refused",
		"Messages answered with an error."),
	[METRIC_CREDENTIALS] = COUNTER("ice_credentials_issued",
		"TURN credentials given out."),
	[METRIC_RESUMES_OK] = FIRST("resumes", "result=\"ok\"",
		"Native clients that came back to their session, by result."),
	[METRIC_RESUMES_REFUSED] = NEXT("resumes", "result=\"refused\""),
	[METRIC_PEERS_AWAY] = GAUGE("peers_away",
		"Peers that were cut off and may come back."),
	[METRIC_RECOVERIES_OK] = FIRST("recoveries", "result=\"ok\"",
		"Socket.IO clients that came back for what they missed, by result."),
	[METRIC_RECOVERIES_REFUSED] = NEXT("recoveries", "result=\"refused\""),
	[METRIC_CLOSED_SLOW] = FIRST("closed", "reason=\"slow\"",
		"Connections the server closed, by reason."),
	[METRIC_CLOSED_SILENT] = NEXT("closed", "reason=\"silent\""),
	[METRIC_CLOSED_PROTOCOL] = NEXT("closed", "reason=\"protocol\""),
	[METRIC_CLOSED_TIMEOUT] = NEXT("closed", "reason=\"timeout\""),
	[METRIC_REFUSED_ORIGIN] = COUNTER("origins_refused",
		"Requests refused for the origin of their page."),
	[METRIC_ACCEPT_PAUSES] = COUNTER("accept_pauses",
		"Times accepting stopped as descriptors or connections ran out."),
	[METRIC_QUEUED_BYTES] = GAUGE("send_queue_bytes",
		"Output waiting to be sent now."),
	[METRIC_TLS_HANDSHAKES_OK] = FIRST("tls_handshakes", "outcome=\"ok\"",
		"TLS handshakes with clients, by outcome."),
	[METRIC_TLS_HANDSHAKES_FAILED] = NEXT("tls_handshakes", "outcome=\"failed\""),
	[METRIC_TLS_HANDSHAKES_TIMEOUT] = NEXT("tls_handshakes", "outcome=\"timeout\""),
	[METRIC_TLS_EXPIRES] = GAUGE("tls_certificate_expires_seconds",
		"Unix time at which the certificate in use ends; 0 without one."),
	[METRIC_TUNNELS] = GAUGE("tunnels",
		"TURN connections passed on to coturn now."),
	[METRIC_TUNNELS_FAILED] = COUNTER("tunnels_failed",
		"TURN connections that did not reach a coturn."),
	[METRIC_TUNNEL_BYTES] = COUNTER("tunnel_bytes",
		"Bytes passed between TURN clients and coturn, both ways."),
	[METRIC_TURN_UP] = GAUGE("turn_up",
		"1 while clients are given a TURN server, else 0."),
	[METRIC_TURN_REDIS_UP] = GAUGE("turn_redis_up",
		"1 while Redis takes credentials (turn.credentials = redis), else 0."),
	[METRIC_TURN_CLI_UP] = GAUGE("turn_cli_up",
		"TURN servers whose administration answers now."),
	[METRIC_TURN_KICKED_USERS] = GAUGE("turn_kicked_users",
		"Users who are looked for there, to end what they allocate."),
	[METRIC_TURN_ALLOCATIONS] = GAUGE("turn_allocations",
		"Allocations at the TURN servers whose administration is asked, every few seconds."),
	[METRIC_ALLOCATIONS_ENDED_KICKED] = FIRST("turn_allocations_ended",
		"reason=\"kicked\"",
		"Allocations that were ended at their TURN server, by reason."),
	[METRIC_ALLOCATIONS_ENDED_EXPIRED] = NEXT("turn_allocations_ended",
		"reason=\"expired\""),
	[METRIC_LIMITED_CONNECTIONS] = FIRST("limited", "kind=\"connections\"",
		"What was refused or slowed down by a limit, by kind."),
	[METRIC_LIMITED_REQUESTS] = NEXT("limited", "kind=\"requests\""),
	[METRIC_LIMITED_HANDSHAKES] = NEXT("limited", "kind=\"handshakes\""),
	[METRIC_LIMITED_JOINS] = NEXT("limited", "kind=\"joins\""),
	[METRIC_LIMITED_CREDENTIALS] = NEXT("limited", "kind=\"credentials\""),
	[METRIC_LIMITED_ROOMS] = NEXT("limited", "kind=\"rooms\""),
	[METRIC_LIMITED_AUTH] = NEXT("limited", "kind=\"auth\""),
	[METRIC_LIMITED_USER] = NEXT("limited", "kind=\"user\""),
	[METRIC_LIMITED_MESSAGES] = NEXT("limited", "kind=\"messages\""),
	[METRIC_LIMITED_SEATS] = NEXT("limited", "kind=\"at-once\""),
	[METRIC_TOKEN_KEYS] = GAUGE("token_keys",
		"Keys that tokens may be signed with now."),
	[METRIC_JWKS_OK] = FIRST("jwks_fetches", "result=\"ok\"",
		"Times the URL of access.token_jwks was asked for keys, by result."),
	[METRIC_JWKS_FAILED] = NEXT("jwks_fetches", "result=\"failed\""),
	[METRIC_WEBHOOK_ALLOWED] = FIRST("access_webhook_asks", "result=\"allowed\"",
		"Who wanted in and was asked about at access.webhook_url, by result; shared: the answer was there, or on its way."),
	[METRIC_WEBHOOK_REFUSED] = NEXT("access_webhook_asks", "result=\"refused\""),
	[METRIC_WEBHOOK_FAILED] = NEXT("access_webhook_asks", "result=\"failed\""),
	[METRIC_WEBHOOK_SHARED] = NEXT("access_webhook_asks", "result=\"shared\""),
	[METRIC_WEBHOOKS_QUEUED] = GAUGE("webhooks_queued_events",
		"Events that webhooks.url was not told of yet."),
	[METRIC_WEBHOOKS_QUEUED_BYTES] = GAUGE("webhooks_spool_bytes",
		"Bytes in state.dir/webhooks."),
	[METRIC_WEBHOOKS_DELIVERED] = COUNTER("webhooks_delivered",
		"Events that webhooks.url has taken."),
	[METRIC_WEBHOOKS_FAILED] = COUNTER("webhooks_failed",
		"Requests to webhooks.url that failed, and were or will be made again."),
	[METRIC_WEBHOOKS_DROPPED] = COUNTER("webhooks_dropped",
		"Events that were dropped as the spool was full or could not be written."),
	[METRIC_RELOADS_OK] = FIRST("reloads", "result=\"ok\"",
		"Times the configuration was read again, by result."),
	[METRIC_RELOADS_REFUSED] = NEXT("reloads", "result=\"refused\""),
};
/* clang-format on */

static void write_head(struct buf *out, const char *family, const char *type,
		       const char *help)
{
	buf_append_format(out, "# HELP %s %s\n# TYPE %s %s\n", family, help,
			  family, type);
}

static void write_row(struct buf *out, const struct row *row, int64_t value)
{
	if (row->type)
		write_head(out, row->family, row->type, row->help);
	buf_append_str(out, row->family);
	if (row->labels)
		buf_append_format(out, "{%s}", row->labels);
	buf_append_format(out, " %" PRId64 "\n", value);
}

void metric_count_refused(const char *code, uint64_t n)
{
	size_t i = 0;

	while (i < METRIC_MOST_CODES - 1 && refused[i].code &&
	       strcmp(refused[i].code, code) != 0)
		i++;
	if (!refused[i].code)
		refused[i].code = code;
	refused[i].count += n;
}

/* A label's value, in which three characters are escaped. */
static void write_label_value(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			buf_append_str(out, "\\n");
		else if (*text == '"' || *text == '\\')
			buf_append_format(out, "\\%c", *text);
		else
			buf_append(out, text, 1);
	}
}

static void write_refused(struct buf *out)
{
	static const char family[] = "signald_access_refused_total";

	if (!refused[0].code)
		return;
	write_head(out, family, "counter",
		   "Clients refused for what they showed, or for showing "
		   "nothing, by code.");
	for (size_t i = 0; i < METRIC_MOST_CODES && refused[i].code; i++)
		buf_append_format(out, "%s{code=\"%s\"} %" PRIu64 "\n", family,
				  refused[i].code, refused[i].count);
}

static void write_build_info(struct buf *out, const char *version)
{
	write_head(out, "signald_build_info", "gauge",
		   "1, labelled with what is running.");
	buf_append_str(out, "signald_build_info{version=\"");
	write_label_value(out, version);
	buf_append_str(out, "\"} 1\n");
}

static void write_cpu(struct buf *out)
{
	struct rusage usage;
	long us;

	if (getrusage(RUSAGE_SELF, &usage))
		return;
	us = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
	write_head(out, "process_cpu_seconds_total", "counter",
		   "Processor time used, by the program and for it.");
	buf_append_format(out, "process_cpu_seconds_total %ld.%06ld\n",
			  usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
				  us / 1000000,
			  us % 1000000);
}

static void write_gauge(struct buf *out, const char *family, const char *help,
			uint64_t value)
{
	write_head(out, family, "gauge", help);
	buf_append_format(out, "%s %" PRIu64 "\n", family, value);
}

/* /proc/self/statm starts with two numbers: all pages, and those present. */
static void write_memory(struct buf *out)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	FILE *statm = fopen("/proc/self/statm", "re");
	char line[128], *end;
	bool is_read;

	if (!statm)
		return;
	is_read = fgets(line, sizeof(line), statm) != NULL;
	(void)fclose(statm);
	if (!is_read)
		return;
	write_gauge(out, "process_virtual_memory_bytes",
		    "Address space in use.", strtoull(line, &end, 10) * page);
	write_gauge(out, "process_resident_memory_bytes",
		    "Memory that is really there.",
		    strtoull(end, NULL, 10) * page);
}

/* Returns -1 when nobody can tell in a reasonable time. */
static long count_descriptors(void)
{
	long count = -3; /* ".", ".." and the folder itself */
	struct stat st;
	DIR *folder;

	/* Linux 6.2 and later know the number without a walk. */
	if (!stat("/proc/self/fd", &st) && st.st_size > 0)
		return (long)st.st_size;
	folder = opendir("/proc/self/fd");
	if (!folder)
		return -1;
	while (count < MOST_COUNTED && readdir(folder))
		count++;
	(void)closedir(folder);
	return count < MOST_COUNTED ? count : -1;
}

static void write_descriptors(struct buf *out)
{
	long count = count_descriptors();
	struct rlimit limit;

	if (count >= 0)
		write_gauge(out, "process_open_fds", "Descriptors open now.",
			    (uint64_t)count);
	if (!getrlimit(RLIMIT_NOFILE, &limit))
		write_gauge(out, "process_max_fds",
			    "Descriptors that may be open.", limit.rlim_cur);
}

void metric_write(struct buf *out, const char *version, uint64_t started_at_s)
{
	for (size_t i = 0; i < METRIC_COUNT; i++)
		write_row(out, &rows[i], metric_values[i]);
	write_refused(out);
	write_build_info(out, version);
	write_cpu(out);
	write_memory(out);
	write_descriptors(out);
	write_gauge(out, "process_start_time_seconds",
		    "Unix time at which the process started.", started_at_s);
}
