/* fuzz_coturncli.c: whatever coturn prints is read in bounds, and alike in one
 * piece and byte by byte. */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "codec/coturncli.h"
#include "fuzz.h"

static void check_item(struct span line, const struct coturncli_item *item)
{
	struct span name = item->username;

	if (item->kind != COTURNCLI_SESSION && item->kind != COTURNCLI_USER) {
		MUST(!name.len);
		return;
	}
	MUST(name.ptr >= line.ptr && name.ptr < line.ptr + line.len);
	MUST(name.len < (size_t)(line.ptr + line.len - name.ptr));
	MUST(!memchr(name.ptr, '\n', name.len));
}

/* Every item into out as a line of its own; -EMSGSIZE ends it. */
static int read_all(struct buf *in, struct buf *out)
{
	struct coturncli_item item;
	ssize_t n;

	while ((n = coturncli_parse(buf_span(in), &item)) > 0) {
		MUST((size_t)n <= in->len && n <= COTURNCLI_MAX_LINE);
		check_item(span_of(in->ptr, (size_t)n), &item);
		buf_append_format(out, "%d %llu ", (int)item.kind,
				  (unsigned long long)item.number);
		buf_append_span(out, item.username);
		buf_append_str(out, "\n");
		buf_consume(in, (size_t)n);
	}
	MUST(!n || n == -EMSGSIZE);
	return (int)n;
}

static int feed(const uint8_t *data, size_t size, size_t step, struct buf *out)
{
	struct coturncli_telnet telnet = {0};
	struct buf in = {0};
	int err = 0;

	for (size_t at = 0; at < size && !err; at += step) {
		size_t len = size - at < step ? size - at : step;
		size_t before = in.len;

		buf_append(&in, data + at, len);
		MUST(!in.failed);
		in.len =
			before + coturncli_strip(&telnet, in.ptr + before, len);
		err = read_all(&in, out);
	}
	buf_clear(&in);
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = {0}, bytes = {0};
	int err = feed(data, size, size ? size : 1, &whole);

	MUST(feed(data, size, 1, &bytes) == err);
	MUST(span_equal(buf_span(&whole), buf_span(&bytes)));
	buf_clear(&whole);
	buf_clear(&bytes);
	return 0;
}
