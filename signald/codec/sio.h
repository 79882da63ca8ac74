/* sio.h: Socket.IO packets, protocol 5 (and 4, as clients of v2 speak it). */
#ifndef SIGNALD_CODEC_SIO_H
#define SIGNALD_CODEC_SIO_H

#include "base/buf.h"

/* Arguments of an event that are sliced; those behind are counted only. */
#define SIO_MAX_SLICED 8
#define SIO_MAX_ATTACHMENTS 10
#define SIO_MAX_NSP 128

enum sio_type {
	SIO_CONNECT,
	SIO_DISCONNECT,
	SIO_EVENT,
	SIO_ACK,
	SIO_CONNECT_ERROR,
	SIO_BINARY_EVENT,
	SIO_BINARY_ACK,
};

/* A client's packet; its spans point into its text, or to a constant "/". */
struct sio_packet {
	enum sio_type type;
	unsigned attachments; /* binary messages that follow */
	struct span nsp;      /* "/" where the packet names none */
	struct span query;    /* behind the namespace's "?" (protocol 4) */
	bool has_id;
	uint64_t id;	  /* of an acknowledgement */
	struct span data; /* raw JSON, {NULL, 0} without any */

	/* Events: the name as raw JSON (a string or a number), and the first
	 * arguments behind it. Acks: the arguments. */
	struct span name;
	struct span args[SIO_MAX_SLICED];
	size_t args_count; /* all of them, also those not sliced */
};

/*
 * Read one packet, as an Engine.IO message has it; text is UTF-8. Its JSON is
 * checked, once, and sliced in the same pass.
 *
 * Returns 0, or -EPROTO for what the protocol forbids: an unknown type or one
 * that only servers send, a bad count of attachments (none, or more than
 * SIO_MAX_ATTACHMENTS, in a binary packet; any in another), a placeholder that
 * points at none of them, an id that is no number below 2^53, JSON that is
 * broken or nested too deep, CONNECT data that is no object, an event without a
 * name or with a reserved one (connect, connect_error, disconnect,
 * disconnecting, newListener, removeListener), an ack without an id or an
 * array, a DISCONNECT with data, a namespace longer than SIO_MAX_NSP.
 */
int sio_parse(struct span text, struct sio_packet *packet);

/* Events that clients of the reference emit to themselves: sent by another,
 * they would pass for the state of the connection. name is decoded. */
bool sio_is_reserved(struct span name);

/* Arguments n and those behind it (from 0), as they stand, commas between them;
 * empty when there are none. */
struct span sio_args_from(const struct sio_packet *packet, size_t n);

/*
 * What stands before the JSON of an event or ack: "2/chat,12", "51-/chat,".
 *
 * nsp  "/" is left out
 * id   -1 for none
 *
 * Returns its length; out holds SIO_HEAD_CAP bytes.
 */
#define SIO_HEAD_CAP (SIO_MAX_NSP + 40)
size_t sio_write_head(char out[SIO_HEAD_CAP], enum sio_type type,
		      unsigned attachments, struct span nsp, int64_t id);

#endif
