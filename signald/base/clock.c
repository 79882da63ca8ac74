/* clock.c: the time of this loop turn, read once and passed around. */
#include <stdio.h>
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

void clock_format_iso(uint64_t wall_ms, char out[CLOCK_ISO_LEN + 1])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;
	char date[32];

	(void)gmtime_r(&seconds, &tm);
	(void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(out, CLOCK_ISO_LEN + 1, "%.19s.%03uZ", date,
		       (unsigned)(wall_ms % 1000));
}
