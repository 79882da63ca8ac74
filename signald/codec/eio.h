/* eio.h: Engine.IO packets and polling payloads, protocols 3 and 4. */
#ifndef SIGNALD_CODEC_EIO_H
#define SIGNALD_CODEC_EIO_H

#include "base/buf.h"

enum eio_version { EIO_3 = 3, EIO_4 = 4 };

/* The first character of a text packet. */
enum eio_type {
	EIO_OPEN = '0',
	EIO_CLOSE = '1',
	EIO_PING = '2',
	EIO_PONG = '3',
	EIO_MESSAGE = '4',
	EIO_UPGRADE = '5',
	EIO_NOOP = '6',
};

struct eio_packet {
	enum eio_type type;
	bool is_binary;	  /* always an EIO_MESSAGE */
	struct span data; /* what stands behind the type */
};

/*
 * Read one text packet, as a WebSocket text message has it.
 *
 * Returns 0, or -EPROTO for an empty text or an unknown type (base64 is for
 * payloads).
 */
int eio_parse_text(struct span text, struct eio_packet *packet);

/*
 * Read one binary packet, as a WebSocket binary message has it: in protocol 3 a
 * leading byte says that it is a message (4), in protocol 4 there is none.
 *
 * Returns 0, or -EPROTO.
 */
int eio_parse_binary(enum eio_version version, struct span bytes,
		     struct eio_packet *packet);

/*
 * Walks over the packets of a polling payload: in protocol 4 parted by U+001E,
 * in protocol 3 each behind its length in UTF-16 code units and a colon, or,
 * in an application/octet-stream body, behind a flag byte, the decimal digits
 * of its length in bytes as bytes of 0 to 9, and 0xff. Base64 is decoded in
 * place, so a payload can be walked over once.
 *
 * The caller sets version, is_octets, next and left; the payload is UTF-8,
 * which he has checked, or octets.
 */
struct eio_reader {
	enum eio_version version;
	bool is_octets; /* protocol 3, application/octet-stream */
	char *next;
	size_t left;
	bool has_begun;
};

/*
 * The next packet; its data points into the payload. Text in octets is checked
 * to be UTF-8.
 *
 * Returns 1 with a packet, 0 at the end, -EPROTO for what is not a payload (an
 * empty one is not one): an unknown type, a length that does not end at a
 * character's end or beyond the payload, base64 that is none or not in its one
 * padded form. Nothing can be read behind it.
 */
int eio_next(struct eio_reader *reader, struct eio_packet *packet);

/* Append a text packet to a polling payload, a buffer that holds nothing else;
 * the parts together are UTF-8, without U+001E. */
void eio_append_text(struct buf *payload, enum eio_version version,
		     enum eio_type type, const struct span *parts,
		     size_t parts_count);

/* Append a binary message to a polling payload, in base64. */
void eio_append_binary(struct buf *payload, enum eio_version version,
		       struct span bytes);

#endif
