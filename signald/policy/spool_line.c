/* spool_line.c: a spool's records as lines, of which half a one shows. */
#include <errno.h>

#include "base/crypto.h"
#include "base/hex.h"
#include "policy/spool_line.h"

#define SUM_LEN 8

static void write_sum(struct span bytes, char out[SUM_LEN + 1])
{
	uint8_t hash[CRYPTO_SHA256_LEN];

	crypto_sha256(bytes, hash);
	hex_write(hash, SUM_LEN / 2, out);
}

void spool_line_write(struct buf *out, uint64_t number, struct span text)
{
	size_t begin = out->len;
	char sum[SUM_LEN + 1];

	buf_append_str(out, "00000000 ");
	buf_append_u64(out, number);
	buf_append_str(out, " ");
	buf_append_span(out, text);
	if (out->failed)
		return;
	write_sum(span_of(out->ptr + begin + SUM_LEN + 1,
			  out->len - begin - SUM_LEN - 1),
		  sum);
	memcpy(out->ptr + begin, sum, SUM_LEN);
	buf_append_str(out, "\n");
}

static int read_line(struct span line, uint64_t *number, struct span *text)
{
	char sum[SUM_LEN + 1];
	struct span behind;
	const char *blank;

	if (line.len < SUM_LEN + 1 || line.ptr[SUM_LEN] != ' ')
		return -EINVAL;
	behind = span_skip(line, SUM_LEN + 1);
	write_sum(behind, sum);
	blank = behind.len ? memchr(behind.ptr, ' ', behind.len) : NULL;
	if (memcmp(sum, line.ptr, SUM_LEN) != 0 || !blank ||
	    span_to_u64(span_of(behind.ptr, (size_t)(blank - behind.ptr)),
			SPOOL_MOST_NUMBER, number))
		return -EINVAL;
	*text = span_skip(behind, (size_t)(blank + 1 - behind.ptr));
	return 1;
}

int spool_line_take(struct span *rest, uint64_t *number, struct span *text)
{
	const char *end = rest->len ? memchr(rest->ptr, '\n', rest->len) : NULL;
	struct span line;

	if (!end)
		return 0;
	line = span_of(rest->ptr, (size_t)(end - rest->ptr));
	*rest = span_skip(*rest, line.len + 1);
	return read_line(line, number, text);
}
