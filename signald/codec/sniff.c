/* sniff.c: HTTP or TURN, by the first bytes of a connection. */
#include <errno.h>

#include "codec/sniff.h"
#include "codec/turn.h"

#define FIRST_CHANNEL_BYTE (TURN_MIN_CHANNEL >> 8)

enum sniff sniff_protocol(struct span bytes)
{
	ssize_t len;

	if (!bytes.len)
		return SNIFF_MORE;
	if ((unsigned char)bytes.ptr[0] >= FIRST_CHANNEL_BYTE ||
	    bytes.ptr[0] == '\r' || bytes.ptr[0] == '\n')
		return SNIFF_HTTP;
	len = turn_frame_len(bytes);
	if (len == -EAGAIN)
		return SNIFF_MORE;
	return len < 0 ? SNIFF_NEITHER : SNIFF_TURN;
}
