/* clock.h: the time of this loop turn, read once and passed around. */
#ifndef SIGNALD_BASE_CLOCK_H
#define SIGNALD_BASE_CLOCK_H

#include <stdint.h>

/*
 * Modules take a const struct clock * and never ask the system, so a test moves
 * time by writing the fields.
 */
struct clock {
	uint64_t mono_ms; /* since some start: for durations and deadlines */
	uint64_t wall_ms; /* Unix time: for credentials and logs */
};

/* Read the system's clocks. */
void clock_update(struct clock *clock);

static inline uint64_t clock_wall_s(const struct clock *clock)
{
	return clock->wall_ms / 1000;
}

#define CLOCK_ISO_LEN 24 /* 2026-11-22T10:00:00.000Z */

/* wall_ms in RFC 3339, UTC, NUL-terminated. */
void clock_format_iso(uint64_t wall_ms, char out[CLOCK_ISO_LEN + 1]);

#endif
