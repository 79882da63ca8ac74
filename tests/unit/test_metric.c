/* test_metric.c: counters, and a strict reader of Prometheus' text 0.0.4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fail_alloc.h"
#include "policy/metric.h"

#define MAX_SAMPLES 128

struct sample {
	char series[160]; /* name and labels, as they stand */
	char family[80];
	char type[16];
	double value;
};

struct page {
	struct sample samples[MAX_SAMPLES];
	size_t count;
};

static struct page page;

/* One line, with the newline cut off. */
static char *next_line(char **rest)
{
	char *line = *rest, *end = strchr(line, '\n');

	assert_non_null(end);
	*end = '\0';
	*rest = end + 1;
	return line;
}

static size_t name_len(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz_0123456789");

	assert_true(len && *text >= 'a' && *text <= 'z');
	return len;
}

/* {name="value",...} with \\, \" and \n as the only escapes; returns what is
 * behind it. */
static const char *skip_labels(const char *at)
{
	if (*at != '{')
		return at;
	do {
		at++;
		at += name_len(at);
		assert_memory_equal(at, "=\"", 2);
		for (at += 2; *at != '"'; at++) {
			assert_true(*at);
			if (*at == '\\')
				assert_non_null(memchr("\\\"n", *++at, 3));
		}
		at++;
	} while (*at == ',');
	assert_int_equal(*at, '}');
	return at + 1;
}

/* Counters end in _total, and nothing else does. */
static void check_name(const struct sample *sample)
{
	size_t len = strlen(sample->family);
	bool is_total = len > 6 && !strcmp(sample->family + len - 6, "_total");

	assert_int_equal(is_total, !strcmp(sample->type, "counter"));
	assert_true(!strncmp(sample->family, "signald_", 8) ||
		    !strncmp(sample->family, "process_", 8));
	assert_null(strstr(sample->family, "_ms"));
}

static void read_sample(const char *line, const char *family, const char *type)
{
	struct sample *sample = &page.samples[page.count];
	const char *end = skip_labels(line + name_len(line));
	char *number_end;

	assert_true(page.count < MAX_SAMPLES);
	assert_int_equal(name_len(line), strlen(family));
	assert_memory_equal(line, family, strlen(family));
	assert_int_equal(*end, ' ');
	(void)snprintf(sample->series, sizeof(sample->series), "%.*s",
		       (int)(end - line), line);
	(void)snprintf(sample->family, sizeof(sample->family), "%s", family);
	(void)snprintf(sample->type, sizeof(sample->type), "%s", type);
	assert_true(end[1] == '-' || (end[1] >= '0' && end[1] <= '9'));
	sample->value = strtod(end + 1, &number_end);
	assert_int_equal(*number_end, '\0');
	for (size_t i = 0; i < page.count; i++)
		assert_string_not_equal(page.samples[i].series, sample->series);
	check_name(sample);
	page.count++;
}

static bool is_known_family(const char *family)
{
	for (size_t i = 0; i < page.count; i++) {
		if (!strcmp(page.samples[i].family, family))
			return true;
	}
	return false;
}

/* "# HELP family Text.", "# TYPE family type", then the family's samples, at
 * least one; each family once. */
static void read_page(char *text)
{
	char family[80] = "", type[16] = "";
	size_t samples = 1;

	page.count = 0;
	while (*text) {
		char *line = next_line(&text);
		size_t len;

		if (strncmp(line, "# HELP ", 7) != 0) {
			read_sample(line, family, type);
			samples++;
			continue;
		}
		assert_true(samples > 0);
		samples = 0;
		len = name_len(line + 7);
		(void)snprintf(family, sizeof(family), "%.*s", (int)len,
			       line + 7);
		assert_false(is_known_family(family));
		assert_int_equal(line[7 + len], ' ');
		assert_true(line[8 + len] && !strchr(line, '\\'));
		assert_int_equal(line[strlen(line) - 1], '.');

		line = next_line(&text);
		assert_int_equal(sscanf(line, "# TYPE %*[a-z_0-9] %15s", type),
				 1);
		assert_int_equal(strlen(line), 7 + len + 1 + strlen(type));
		assert_memory_equal(line + 7, family, len);
		assert_true(!strcmp(type, "counter") || !strcmp(type, "gauge"));
	}
	assert_true(samples > 0);
}

static void read_metrics(const char *version)
{
	struct buf out = {0};

	metric_write(&out, version, 1700000000);
	assert_false(out.failed);
	buf_append(&out, "", 1);
	read_page(out.ptr);
	buf_clear(&out);
}

/* Fails when the page has no such series. */
static double value_of(const char *series)
{
	for (size_t i = 0; i < page.count; i++) {
		if (!strcmp(page.samples[i].series, series))
			return page.samples[i].value;
	}
	fail_msg("no %s", series);
	return 0;
}

static int reset(void **state)
{
	(void)state;
	memset(metric_values, 0, sizeof(metric_values));
	return 0;
}

static void every_metric_has_a_series_of_its_own(void **state)
{
	size_t ours = 0;

	(void)state;
	for (int i = 0; i < METRIC_COUNT; i++)
		metric_set((enum metric)i, (i + 1) * 1000);
	read_metrics("1.2.3");
	for (size_t i = 0; i < page.count; i++)
		ours += !strncmp(page.samples[i].family, "signald_", 8);
	assert_int_equal(ours, METRIC_COUNT + 1); /* and build_info */
	assert_true(value_of("signald_build_info{version=\"1.2.3\"}") == 1);
}

static void refusals_are_counted_by_code(void **state)
{
	static char codes[METRIC_MOST_CODES + 1][8];
	char last[80];

	(void)state;
	metric_count_refused("bad-key", 0);
	read_metrics("1");
	assert_true(
		value_of("signald_access_refused_total{code=\"bad-key\"}") ==
		0);
	metric_count_refused("wrong-room", 2);
	metric_count_refused("bad-key", 3);
	read_metrics("1");
	assert_true(
		value_of("signald_access_refused_total{code=\"bad-key\"}") ==
		3);
	assert_true(value_of("signald_access_refused_total{code=\"wrong-"
			     "room\"}") == 2);
	/* Of more codes than there is room for none is lost. */
	for (size_t i = 0; i <= METRIC_MOST_CODES; i++) {
		(void)snprintf(codes[i], sizeof(codes[i]), "c%zu", i);
		metric_count_refused(codes[i], 1);
	}
	(void)snprintf(last, sizeof(last),
		       "signald_access_refused_total{code=\"%s\"}",
		       codes[METRIC_MOST_CODES - 3]);
	read_metrics("1");
	assert_true(value_of(last) == 4);
}

static void a_value_stands_under_its_name(void **state)
{
	static const struct {
		enum metric metric;
		const char *series;
	} cases[] = {
		{METRIC_CONNECTIONS, "signald_connections"},
		{METRIC_CONNECTIONS_TOTAL, "signald_connections_total"},
		{METRIC_WEBSOCKETS, "signald_websockets"},
		{METRIC_PEERS, "signald_peers"},
		{METRIC_ROOMS, "signald_rooms"},
		{METRIC_HTTP_REQUESTS_2XX,
		 "signald_http_requests_total{code=\"2xx\"}"},
		{METRIC_HTTP_REQUESTS_3XX,
		 "signald_http_requests_total{code=\"3xx\"}"},
		{METRIC_HTTP_REQUESTS_4XX,
		 "signald_http_requests_total{code=\"4xx\"}"},
		{METRIC_HTTP_REQUESTS_5XX,
		 "signald_http_requests_total{code=\"5xx\"}"},
		{METRIC_JOINS, "signald_joins_total"},
		{METRIC_RELAYED_OFFER,
		 "signald_messages_relayed_total{type=\"offer\"}"},
		{METRIC_RELAYED_ANSWER,
		 "signald_messages_relayed_total{type=\"answer\"}"},
		{METRIC_RELAYED_CANDIDATE,
		 "signald_messages_relayed_total{type=\"candidate\"}"},
		{METRIC_RELAYED_SIGNAL,
		 "signald_messages_relayed_total{type=\"signal\"}"},
		{METRIC_RELAYED_BROADCAST,
		 "signald_messages_relayed_total{type=\"broadcast\"}"},
		{METRIC_RELAYED_EVENT,
		 "signald_messages_relayed_total{type=\"event\"}"},
		{METRIC_RELAYED_BYTES, "signald_relayed_bytes_total"},
		{METRIC_REFUSED_MESSAGES, "signald_messages_refused_total"},
		{METRIC_CREDENTIALS, "signald_ice_credentials_issued_total"},
		{METRIC_RESUMES_OK, "signald_resumes_total{result=\"ok\"}"},
		{METRIC_RESUMES_REFUSED,
		 "signald_resumes_total{result=\"refused\"}"},
		{METRIC_PEERS_AWAY, "signald_peers_away"},
		{METRIC_CLOSED_SLOW, "signald_closed_total{reason=\"slow\"}"},
		{METRIC_CLOSED_SILENT,
		 "signald_closed_total{reason=\"silent\"}"},
		{METRIC_CLOSED_PROTOCOL,
		 "signald_closed_total{reason=\"protocol\"}"},
		{METRIC_CLOSED_TIMEOUT,
		 "signald_closed_total{reason=\"timeout\"}"},
		{METRIC_REFUSED_ORIGIN, "signald_origins_refused_total"},
		{METRIC_ACCEPT_PAUSES, "signald_accept_pauses_total"},
		{METRIC_QUEUED_BYTES, "signald_send_queue_bytes"},
		{METRIC_TLS_HANDSHAKES_OK,
		 "signald_tls_handshakes_total{outcome=\"ok\"}"},
		{METRIC_TLS_HANDSHAKES_FAILED,
		 "signald_tls_handshakes_total{outcome=\"failed\"}"},
		{METRIC_TLS_HANDSHAKES_TIMEOUT,
		 "signald_tls_handshakes_total{outcome=\"timeout\"}"},
		{METRIC_TLS_EXPIRES, "signald_tls_certificate_expires_seconds"},
		{METRIC_TUNNELS, "signald_tunnels"},
		{METRIC_TUNNELS_FAILED, "signald_tunnels_failed_total"},
		{METRIC_TUNNEL_BYTES, "signald_tunnel_bytes_total"},
		{METRIC_TURN_UP, "signald_turn_up"},
		{METRIC_RELOADS_OK, "signald_reloads_total{result=\"ok\"}"},
		{METRIC_RELOADS_REFUSED,
		 "signald_reloads_total{result=\"refused\"}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		metric_add(cases[i].metric, (int64_t)i + 7);
	read_metrics("0");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_true(value_of(cases[i].series) == (double)i + 7);
}

static void large_values_keep_every_digit(void **state)
{
	struct buf out = {0};

	(void)state;
	metric_set(METRIC_RELAYED_BYTES, 9007199254740993);
	metric_write(&out, "0", 0);
	buf_append(&out, "", 1);
	assert_non_null(strstr(out.ptr, "signald_relayed_bytes_total "
					"9007199254740993\n"));
	buf_clear(&out);
}

static void a_version_cannot_break_its_label(void **state)
{
	(void)state;
	read_metrics("1\"2\\3\n4");
	assert_true(value_of("signald_build_info{version="
			     "\"1\\\"2\\\\3\\n4\"}") == 1);
}

static void the_process_is_told_as_it_is(void **state)
{
	struct rlimit limit;
	double open_before;
	int fd;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	read_metrics("0");
	assert_true(value_of("process_start_time_seconds") == 1700000000);
	assert_true(value_of("process_max_fds") == (double)limit.rlim_cur);
	assert_true(value_of("process_resident_memory_bytes") > 100000);
	assert_true(value_of("process_virtual_memory_bytes") >=
		    value_of("process_resident_memory_bytes"));
	assert_true(value_of("process_cpu_seconds_total") < 60);
	open_before = value_of("process_open_fds");

	fd = open("/dev/null", O_RDONLY);
	assert_true(fd >= 0);
	read_metrics("0");
	assert_true(value_of("process_open_fds") == open_before + 1);
	(void)close(fd);
}

static void a_failed_allocation_marks_the_page(void **state)
{
	long n;

	(void)state;
	for (n = 1;; n++) {
		struct buf out = {0};
		bool has_failed;

		fail_alloc_at(n);
		metric_write(&out, "0", 0);
		has_failed = fail_alloc_stop();
		/* Without its own memory a reader of /proc leaves its lines
		 * out, the rest of the page is whole. */
		if (!out.failed) {
			buf_append(&out, "", 1);
			read_page(out.ptr);
		}
		buf_clear(&out);
		if (!has_failed)
			break;
	}
	assert_true(n > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_metric_has_a_series_of_its_own,
				       reset),
		cmocka_unit_test_setup(a_value_stands_under_its_name, reset),
		cmocka_unit_test_setup(large_values_keep_every_digit, reset),
		cmocka_unit_test_setup(a_version_cannot_break_its_label, reset),
		cmocka_unit_test_setup(the_process_is_told_as_it_is, reset),
		cmocka_unit_test_setup(refusals_are_counted_by_code, reset),
		cmocka_unit_test_setup(a_failed_allocation_marks_the_page,
				       reset),
	};

	return cmocka_run_group_tests_name("metric", tests, NULL, NULL);
}
