/* fuzz_spool_line.c: whatever lies in the file of a spool is cut into lines,
 * and each that is a record is what is written of it. */
#include <string.h>

#include "fuzz.h"
#include "policy/spool_line.h"

/* The bytes lie in a block of their own size, so that ASan sees one too far. */
static void check_lines(struct span bytes)
{
	char *copy = malloc(bytes.len ? bytes.len : 1);
	struct span rest = span_of(copy, bytes.len), text;
	uint64_t number;
	int found;

	MUST(copy);
	if (bytes.len)
		memcpy(copy, bytes.ptr, bytes.len);
	for (;;) {
		const char *begin = rest.ptr;
		struct buf again = {0};

		found = spool_line_take(&rest, &number, &text);
		if (!found)
			break;
		MUST(rest.ptr > begin);
		if (found < 0)
			continue;
		spool_line_write(&again, number, text);
		MUST(again.len <= (size_t)(rest.ptr - begin));
		buf_clear(&again);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_lines(span_of(data, size));
	return 0;
}
