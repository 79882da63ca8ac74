/* fuzz_sniff.c: what a connection's first bytes are told to be stays so, and
 * agrees with the parsers that read on. */
#include <string.h>

#include "codec/http.h"
#include "codec/sniff.h"
#include "codec/stun.h"
#include "fuzz.h"

/* So many bytes are enough to tell. */
#define ENOUGH 8

static const struct http_limits limits = {.max_head_bytes = 1024,
					  .max_target_bytes = 256,
					  .max_body_bytes = 4096};

/* In a block of just its size, so that ASan sees one byte too far. */
static enum sniff sniff_alone(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1);
	enum sniff verdict;

	MUST(copy);
	memcpy(copy, data, size);
	verdict = sniff_protocol(span_of(copy, size));
	free(copy);
	return verdict;
}

/* As RFC 8489, 5 and 6 have it, written down once more. Types that begin as an
 * empty line does are of no method there is, and left to HTTP. */
static bool may_be_stun(const uint8_t *data, size_t size)
{
	static const uint8_t cookie[] = {0x21, 0x12, 0xa4, 0x42};

	return size >= ENOUGH && data[0] < 0x40 && !(data[3] & 3) &&
	       !memcmp(data + 4, cookie, sizeof(cookie));
}

/* A method's letter, or the empty line before it (RFC 9112, 2.2); and whatever
 * else HTTP is to refuse in words. */
static bool may_be_http(const uint8_t *data, size_t size)
{
	return size && (data[0] >= 0x40 || data[0] == '\r' || data[0] == '\n');
}

/* Byte by byte; returns the verdict on all of them. */
static enum sniff check_prefixes(const uint8_t *data, size_t size)
{
	enum sniff verdict = SNIFF_MORE;

	for (size_t len = 0; len <= size; len++) {
		enum sniff now = sniff_alone(data, len);

		if (verdict != SNIFF_MORE)
			MUST(now == verdict);
		if (len >= ENOUGH)
			MUST(now != SNIFF_MORE);
		verdict = now;
	}
	return verdict;
}

static void check_parsers(struct span bytes, enum sniff verdict)
{
	struct stun_message message;
	struct http_request request;
	struct http_error error;
	size_t scanned = 0;

	if (http_parse_head(bytes, &scanned, &limits, &request, &error) > 0)
		MUST(verdict == SNIFF_HTTP);
	if (verdict != SNIFF_HTTP && !stun_parse(bytes, &message))
		MUST(verdict == SNIFF_TURN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum sniff verdict = check_prefixes(data, size < 64 ? size : 64);

	MUST(sniff_alone(data, size) == verdict);
	MUST((verdict == SNIFF_TURN) ==
	     (may_be_stun(data, size) && !may_be_http(data, size)));
	MUST((verdict == SNIFF_HTTP) == may_be_http(data, size));
	check_parsers(span_of((const char *)data, size), verdict);
	return 0;
}
