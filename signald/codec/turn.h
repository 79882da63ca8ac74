/* turn.h: TURN's requests, indications and channels as pure functions (RFC
 * 8656), on top of STUN. */
#ifndef SIGNALD_CODEC_TURN_H
#define SIGNALD_CODEC_TURN_H

#include "codec/stun.h"

/* RFC 8656, 17; the attribute DATA goes by another name than the method. */
enum turn_method {
	TURN_ALLOCATE = 0x003,
	TURN_REFRESH = 0x004,
	TURN_SEND = 0x006,
	TURN_DATA = 0x007,
	TURN_CREATE_PERMISSION = 0x008,
	TURN_CHANNEL_BIND = 0x009,
};

/* RFC 8656, 18. */
enum turn_attribute_type {
	TURN_CHANNEL_NUMBER = 0x000c,
	TURN_LIFETIME = 0x000d,
	TURN_XOR_PEER_ADDRESS = 0x0012,
	TURN_DATA_VALUE = 0x0013,
	TURN_XOR_RELAYED_ADDRESS = 0x0016,
	TURN_REQUESTED_ADDRESS_FAMILY = 0x0017,
	TURN_REQUESTED_TRANSPORT = 0x0019,
};

/* RFC 8656, 19, beside those of STUN. */
enum turn_error_code {
	TURN_FORBIDDEN = 403,
	TURN_ALLOCATION_MISMATCH = 437,
	TURN_ADDRESS_FAMILY_NOT_SUPPORTED = 440,
	TURN_WRONG_CREDENTIALS = 441,
	TURN_UNSUPPORTED_TRANSPORT = 442,
	TURN_PEER_ADDRESS_FAMILY_MISMATCH = 443,
	TURN_ALLOCATION_QUOTA_REACHED = 486,
	TURN_INSUFFICIENT_CAPACITY = 508,
};

#define TURN_MIN_CHANNEL 0x4000
#define TURN_MAX_CHANNEL 0x4fff
#define TURN_CHANNEL_HEADER_LEN 4

/* Where a message is written, and its transaction's id (stun_begin()). */
struct turn_draft {
	char *out;
	size_t cap;
	const uint8_t *id;
};

/*
 * The writers below return the message's length, or a negative error as
 * stun_end(). auth is NULL for a request without a credential, which servers
 * refuse with the realm and the nonce that the next one needs.
 */

/*
 * Ask for a relayed UDP address (RFC 8656, 7.1).
 *
 * family      AF_INET or AF_INET6; AF_UNSPEC leaves it to the server, which
 *             takes IPv4
 * lifetime_s  0 leaves it to the server
 */
ssize_t turn_write_allocate(const struct turn_draft *draft, int family,
			    uint32_t lifetime_s, const struct stun_auth *auth);

/* Prolong an allocation (RFC 8656, 8.1); with 0 seconds it ends. */
ssize_t turn_write_refresh(const struct turn_draft *draft, uint32_t lifetime_s,
			   const struct stun_auth *auth);

/* Let a peer in (RFC 8656, 10.1); its port does not matter. */
ssize_t turn_write_create_permission(const struct turn_draft *draft,
				     const struct sockaddr_storage *peer,
				     const struct stun_auth *auth);

/* Bind a channel to a peer (RFC 8656, 12.1); -EINVAL for a number that is not
 * a channel's. */
ssize_t turn_write_channel_bind(const struct turn_draft *draft,
				uint16_t channel,
				const struct sockaddr_storage *peer,
				const struct stun_auth *auth);

/* Send to a peer (RFC 8656, 11.1); nobody signs or answers an indication. */
ssize_t turn_write_send(const struct turn_draft *draft,
			const struct sockaddr_storage *peer, struct span data);

/*
 * Read what a peer sent (RFC 8656, 11.4).
 *
 * Returns 0, or -EPROTO for what is no Data indication with a peer and data.
 */
int turn_read_data(const struct stun_message *message,
		   struct sockaddr_storage *peer, struct span *data);

/*
 * Write a ChannelData message (RFC 8656, 12.4), padded as streams want it and
 * datagrams allow it.
 *
 * Returns its length, -EINVAL for a number that is not a channel's, -ENOSPC.
 */
ssize_t turn_write_channel_data(char *out, size_t cap, uint16_t channel,
				struct span data);

/*
 * How long the next message of a stream is, a STUN message or a ChannelData
 * with its padding (RFC 8489, 6.2.2, and RFC 8656, 12.5).
 *
 * bytes  what there is of the stream, from the message's first byte
 *
 * Returns its length, whether it is all there or not; -EAGAIN when that takes
 * more bytes than there are, at most 8; -EPROTO for what is neither. That the
 * first message is no ChannelData is for the caller to know: "GET " could be
 * one.
 */
ssize_t turn_frame_len(struct span bytes);

#endif
