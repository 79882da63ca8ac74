/* sniff.h: HTTP or TURN, by the first bytes of a connection. */
#ifndef SIGNALD_CODEC_SNIFF_H
#define SIGNALD_CODEC_SNIFF_H

#include "base/span.h"

enum sniff {
	SNIFF_MORE, /* cannot be told yet: 8 bytes are enough */
	SNIFF_HTTP,
	SNIFF_TURN,
	SNIFF_NEITHER,
};

/*
 * Who speaks a protocol on this connection, judged by what the client says
 * first.
 *
 * A TURN client's first message is a STUN request, whose first two bits are
 * zero and which has the cookie behind its length (RFC 8489, 5); before it has
 * an allocation it can send no ChannelData. An HTTP request begins with a
 * method's letter, or with an empty line that a server overlooks (RFC 9112,
 * 2.2). Whatever has a first byte from 0x40 on is left to HTTP, which refuses
 * it in words.
 */
enum sniff sniff_protocol(struct span bytes);

#endif
