/* clock.c: the time of this loop turn, read once and passed around. */
#include <time.h>

#include "base/clock.h"

static uint64_t read_ms(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void clock_update(struct clock *clock)
{
	clock->mono_ms = read_ms(CLOCK_MONOTONIC);
	clock->wall_ms = read_ms(CLOCK_REALTIME);
}

/* The last digits of a number, and a mark; returns what follows. By hand, as
 * every line of the log has a time. */
static char *put_digits(char *out, unsigned value, int count, char mark)
{
	for (int i = count; i-- > 0; value /= 10)
		out[i] = (char)('0' + value % 10);
	out[count] = mark;
	return out + count + 1;
}

void clock_format_iso(uint64_t wall_ms, char out[CLOCK_ISO_LEN + 1])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;

	(void)gmtime_r(&seconds, &tm);
	out = put_digits(out, (unsigned)tm.tm_year + 1900, 4, '-');
	out = put_digits(out, (unsigned)tm.tm_mon + 1, 2, '-');
	out = put_digits(out, (unsigned)tm.tm_mday, 2, 'T');
	out = put_digits(out, (unsigned)tm.tm_hour, 2, ':');
	out = put_digits(out, (unsigned)tm.tm_min, 2, ':');
	out = put_digits(out, (unsigned)tm.tm_sec, 2, '.');
	out = put_digits(out, (unsigned)(wall_ms % 1000), 3, 'Z');
	*out = '\0';
}
