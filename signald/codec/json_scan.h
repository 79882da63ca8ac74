/* json_scan.h: what the parts of the JSON reader share, and nobody else. */
#ifndef SIGNALD_CODEC_JSON_SCAN_H
#define SIGNALD_CODEC_JSON_SCAN_H

#include "codec/json.h"

/*
 * Every json_skip_ function takes where to begin and where the text ends, and
 * returns where it stopped, or NULL when the grammar is broken there. All of
 * them may be called with at == end.
 */

static inline bool json_is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline const char *json_skip_space(const char *at, const char *end)
{
	while (at < end && (unsigned char)*at <= ' ' && json_is_space(*at))
		at++;
	return at;
}

/* To the first byte that cannot stand for itself in a string, or to the end. */
const char *json_skip_plain(const char *at, const char *end);

/* at  behind the opening quote; returns the place behind the closing one */
const char *json_skip_string(const char *at, const char *end);

/* A string, a number or a word. */
const char *json_skip_scalar(const char *at, const char *end);

/*
 * A value of any type.
 *
 * err  becomes -E2BIG when being nested deeper than depth_max is the reason for
 *      NULL
 */
const char *json_skip_value(const char *at, const char *end, unsigned depth_max,
			    int *err);

/* The colon behind a member's name, with white space around it. */
static inline const char *json_skip_colon(const char *at, const char *end)
{
	at = json_skip_space(at, end);
	if (at == end || *at != ':')
		return NULL;
	return json_skip_space(at + 1, end);
}

/* Four hexadecimal digits as a number, or -1. */
int json_read_hex4(const char *at, const char *end);

/* What the letter of a two-character escape stands for; 0 for all others. */
extern const char json_escapes[256];

/* Whether a validated string's inside stands for the bytes of name. */
bool json_decodes_to(struct span inside, struct span name);

#endif
