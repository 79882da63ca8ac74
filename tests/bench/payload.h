/* payload.h: what two browsers really say to each other, numbered. */
#ifndef BENCH_PAYLOAD_H
#define BENCH_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

#define PAYLOAD_DIGITS 10

enum payload_kind { PAYLOAD_CANDIDATE, PAYLOAD_SDP, PAYLOAD_KINDS };

/*
 * A JSON object as JSON.stringify writes it, so that a server that parses and
 * writes it again changes nothing. PAYLOAD_DIGITS of its bytes, from
 * digits_at on, are the place of the message's number.
 */
struct payload {
	const char *text;
	size_t len;
	size_t digits_at;
};

/* Find the places of the numbers. Call once, before everything else. */
void payload_init(void);

const struct payload *payload_of(enum payload_kind kind);

/* A description, then ten candidates: the mix of a call that is set up. */
enum payload_kind payload_kind_of(uint64_t number);

/* Write a number as PAYLOAD_DIGITS decimal digits, without a NUL. */
void payload_put_digits(char *to, uint64_t number);

/* Is it the payload of this number at `text`, which has its length? */
int payload_is(const struct payload *payload, const char *text,
	       uint64_t number);

#endif
