/* turn.c: TURN's requests, indications and channels as pure functions (RFC
 * 8656), on top of STUN. */
#include <errno.h>

#include "codec/bytes.h"
#include "codec/turn.h"

#define TRANSPORT_UDP (17u << 24) /* a protocol number, then three zeros */
#define FAMILY_IPV4 (1u << 24)
#define FAMILY_IPV6 (2u << 24)
#define COOKIE_END 8

static size_t padded(size_t len)
{
	return (len + 3) / 4 * 4;
}

static bool is_channel(uint16_t number)
{
	return number >= TURN_MIN_CHANNEL && number <= TURN_MAX_CHANNEL;
}

static void begin(struct stun_writer *writer, const struct turn_draft *draft,
		  enum stun_class class, enum turn_method method)
{
	stun_begin(writer, draft->out, draft->cap, class, (uint16_t)method,
		   draft->id);
}

static ssize_t end(struct stun_writer *writer, const struct stun_auth *auth)
{
	if (auth)
		stun_put_auth(writer, auth);
	return stun_end(writer);
}

ssize_t turn_write_allocate(const struct turn_draft *draft, int family,
			    uint32_t lifetime_s, const struct stun_auth *auth)
{
	struct stun_writer writer;

	if (family != AF_UNSPEC && family != AF_INET && family != AF_INET6)
		return -EAFNOSUPPORT;
	begin(&writer, draft, STUN_REQUEST, TURN_ALLOCATE);
	stun_put_u32(&writer, TURN_REQUESTED_TRANSPORT, TRANSPORT_UDP);
	if (family != AF_UNSPEC)
		stun_put_u32(&writer, TURN_REQUESTED_ADDRESS_FAMILY,
			     family == AF_INET ? FAMILY_IPV4 : FAMILY_IPV6);
	if (lifetime_s)
		stun_put_u32(&writer, TURN_LIFETIME, lifetime_s);
	return end(&writer, auth);
}

ssize_t turn_write_refresh(const struct turn_draft *draft, uint32_t lifetime_s,
			   const struct stun_auth *auth)
{
	struct stun_writer writer;

	begin(&writer, draft, STUN_REQUEST, TURN_REFRESH);
	stun_put_u32(&writer, TURN_LIFETIME, lifetime_s);
	return end(&writer, auth);
}

ssize_t turn_write_create_permission(const struct turn_draft *draft,
				     const struct sockaddr_storage *peer,
				     const struct stun_auth *auth)
{
	struct stun_writer writer;

	begin(&writer, draft, STUN_REQUEST, TURN_CREATE_PERMISSION);
	stun_put_xor_address(&writer, TURN_XOR_PEER_ADDRESS, peer);
	return end(&writer, auth);
}

ssize_t turn_write_channel_bind(const struct turn_draft *draft,
				uint16_t channel,
				const struct sockaddr_storage *peer,
				const struct stun_auth *auth)
{
	struct stun_writer writer;

	if (!is_channel(channel))
		return -EINVAL;
	begin(&writer, draft, STUN_REQUEST, TURN_CHANNEL_BIND);
	stun_put_u32(&writer, TURN_CHANNEL_NUMBER, (uint32_t)channel << 16);
	stun_put_xor_address(&writer, TURN_XOR_PEER_ADDRESS, peer);
	return end(&writer, auth);
}

ssize_t turn_write_send(const struct turn_draft *draft,
			const struct sockaddr_storage *peer, struct span data)
{
	struct stun_writer writer;

	begin(&writer, draft, STUN_INDICATION, TURN_SEND);
	stun_put_xor_address(&writer, TURN_XOR_PEER_ADDRESS, peer);
	stun_put(&writer, TURN_DATA_VALUE, data);
	return end(&writer, NULL);
}

int turn_read_data(const struct stun_message *message,
		   struct sockaddr_storage *peer, struct span *data)
{
	struct sockaddr_storage from;
	struct span value;

	if (message->class != STUN_INDICATION || message->method != TURN_DATA ||
	    stun_find_xor_address(message, TURN_XOR_PEER_ADDRESS, &from) ||
	    stun_find(message, TURN_DATA_VALUE, &value))
		return -EPROTO;
	*peer = from;
	*data = value;
	return 0;
}

ssize_t turn_write_channel_data(char *out, size_t cap, uint16_t channel,
				struct span data)
{
	size_t len = TURN_CHANNEL_HEADER_LEN + padded(data.len);

	if (!is_channel(channel))
		return -EINVAL;
	if (data.len > UINT16_MAX || len > cap)
		return -ENOSPC;
	bytes_write_u16(out, channel);
	bytes_write_u16(out + 2, (uint16_t)data.len);
	out += TURN_CHANNEL_HEADER_LEN;
	if (data.len)
		memcpy(out, data.ptr, data.len);
	memset(out + data.len, 0, padded(data.len) - data.len);
	return (ssize_t)len;
}

static ssize_t stun_frame_len(struct span bytes)
{
	size_t len;

	if (bytes.len < COOKIE_END)
		return -EAGAIN;
	len = bytes_read_u16(bytes.ptr + 2);
	if (len % 4 || bytes_read_u32(bytes.ptr + 4) != STUN_MAGIC_COOKIE)
		return -EPROTO;
	return (ssize_t)(STUN_HEADER_LEN + len);
}

static ssize_t channel_frame_len(struct span bytes)
{
	if (bytes.len < TURN_CHANNEL_HEADER_LEN)
		return -EAGAIN;
	return (ssize_t)(TURN_CHANNEL_HEADER_LEN +
			 padded(bytes_read_u16(bytes.ptr + 2)));
}

ssize_t turn_frame_len(struct span bytes)
{
	uint8_t first;

	if (!bytes.len)
		return -EAGAIN;
	first = (uint8_t)bytes.ptr[0];
	if (first < 0x40)
		return stun_frame_len(bytes);
	if (first <= TURN_MAX_CHANNEL >> 8)
		return channel_frame_len(bytes);
	return -EPROTO;
}
