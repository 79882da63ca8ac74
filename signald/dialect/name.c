/* name.c: names that strangers give: of rooms, of peers. */
#include <errno.h>

#include "codec/json.h"
#include "dialect/name.h"

/* U+0000 to U+001F, U+007F to U+009F, at the start of text. */
static bool begins_with_control(struct span text)
{
	unsigned char c = (unsigned char)text.ptr[0];

	return c < 0x20 || c == 0x7f ||
	       (c == 0xc2 && text.len > 1 && (unsigned char)text.ptr[1] < 0xa0);
}

bool name_is_good(struct span name)
{
	if (name.len > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (begins_with_control(span_skip(name, i)))
			return false;
	return true;
}

int name_decode(struct span raw, char out[NAME_MAX_BYTES + 1], size_t *len)
{
	if (json_decode_string(raw, out, NAME_MAX_BYTES + 1, len) ||
	    !name_is_good(span_of(out, *len)))
		return -EINVAL;
	return 0;
}
