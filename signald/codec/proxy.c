/* proxy.c: the PROXY protocol's header, which says whose connection this is. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "codec/proxy.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define SIGNATURE_LEN 12
#define HEADER_LEN 16
#define VERSION_2_LOCAL 0x20
#define VERSION_2_PROXY 0x21
#define TCP_OVER_IPV4 0x11
#define TCP_OVER_IPV6 0x21
#define UNSPECIFIED 0x00
#define VERSION_1 "PROXY "
#define VERSION_1_MAX 107 /* "\r\n" included */

static char *put(char *out, const void *bytes, size_t len)
{
	memcpy(out, bytes, len);
	return out + len;
}

/* Addresses and ports are in network order already. */
static char *put_v4(char *out, const struct sockaddr_storage *client,
		    const struct sockaddr_storage *server)
{
	struct sockaddr_in from, to;

	memcpy(&from, client, sizeof(from));
	memcpy(&to, server, sizeof(to));
	out = put(out, &from.sin_addr, 4);
	out = put(out, &to.sin_addr, 4);
	out = put(out, &from.sin_port, 2);
	return put(out, &to.sin_port, 2);
}

static char *put_v6(char *out, const struct sockaddr_storage *client,
		    const struct sockaddr_storage *server)
{
	struct sockaddr_in6 from, to;

	memcpy(&from, client, sizeof(from));
	memcpy(&to, server, sizeof(to));
	out = put(out, &from.sin6_addr, 16);
	out = put(out, &to.sin6_addr, 16);
	out = put(out, &from.sin6_port, 2);
	return put(out, &to.sin6_port, 2);
}

ssize_t proxy_write_header(char out[PROXY_MAX_LEN],
			   const struct sockaddr_storage *client,
			   const struct sockaddr_storage *server)
{
	bool is_v6 = client->ss_family == AF_INET6;
	char *end;

	if (client->ss_family != server->ss_family ||
	    (!is_v6 && client->ss_family != AF_INET))
		return -EAFNOSUPPORT;
	(void)put(out, SIGNATURE, SIGNATURE_LEN);
	out[12] = VERSION_2_PROXY;
	out[13] = is_v6 ? TCP_OVER_IPV6 : TCP_OVER_IPV4;
	end = is_v6 ? put_v6(out + HEADER_LEN, client, server)
		    : put_v4(out + HEADER_LEN, client, server);
	out[14] = 0;
	out[15] = (char)(end - out - HEADER_LEN);
	return end - out;
}

/* --- reading --- */

/* Both begin alike. */
static bool may_begin_with(struct span bytes, struct span start)
{
	size_t len = bytes.len < start.len ? bytes.len : start.len;

	return !len || !memcmp(bytes.ptr, start.ptr, len);
}

static uint16_t read_u16(const char *at)
{
	return (uint16_t)((uint8_t)at[0] << 8 | (uint8_t)at[1]);
}

/* Source and destination address, then their ports. */
static ssize_t read_v2_addresses(struct span addresses, bool is_v6,
				 struct proxy_client *client)
{
	size_t ip_len = is_v6 ? 16 : 4;

	if (addresses.len < 2 * ip_len + 4)
		return -EPROTO;
	client->is_v6 = is_v6;
	memcpy(client->ip, addresses.ptr, ip_len);
	client->port = read_u16(addresses.ptr + 2 * ip_len);
	return 0;
}

static ssize_t read_v2(struct span bytes, struct proxy_client *client)
{
	struct span rest;
	ssize_t err = 0;
	size_t len;

	if (bytes.len < HEADER_LEN)
		return 0;
	len = HEADER_LEN + read_u16(bytes.ptr + 14);
	if (len > PROXY_MAX_READ)
		return -EPROTO;
	if (bytes.len < len)
		return 0;
	rest = span_of(bytes.ptr + HEADER_LEN, len - HEADER_LEN);
	if (bytes.ptr[12] == VERSION_2_LOCAL ||
	    (bytes.ptr[12] == VERSION_2_PROXY && bytes.ptr[13] == UNSPECIFIED))
		client->is_local = true;
	else if (bytes.ptr[12] == VERSION_2_PROXY &&
		 (bytes.ptr[13] == TCP_OVER_IPV4 ||
		  bytes.ptr[13] == TCP_OVER_IPV6))
		err = read_v2_addresses(rest, bytes.ptr[13] == TCP_OVER_IPV6,
					client);
	else
		err = -EPROTO;
	return err ? err : (ssize_t)len;
}

static bool read_v1_ip(struct span text, bool is_v6, uint8_t ip[16])
{
	char copy[INET6_ADDRSTRLEN];

	return !span_copy(text, copy, sizeof(copy)) &&
	       inet_pton(is_v6 ? AF_INET6 : AF_INET, copy, ip) == 1;
}

/* The words behind "PROXY ", parted by one blank each. */
static int read_v1_words(struct span line, struct proxy_client *client)
{
	struct span family, from, to, from_port, to_port;
	uint8_t server_ip[16];
	uint64_t port, server_port;

	if (!span_next_item(&line, ' ', &family))
		return -EPROTO;
	if (span_equal(family, SPAN("UNKNOWN"))) {
		client->is_local = true;
		return 0;
	}
	client->is_v6 = span_equal(family, SPAN("TCP6"));
	if (!client->is_v6 && !span_equal(family, SPAN("TCP4")))
		return -EPROTO;
	if (!span_next_item(&line, ' ', &from) ||
	    !span_next_item(&line, ' ', &to) ||
	    !span_next_item(&line, ' ', &from_port) ||
	    !span_next_item(&line, ' ', &to_port) || line.ptr ||
	    !read_v1_ip(from, client->is_v6, client->ip) ||
	    !read_v1_ip(to, client->is_v6, server_ip) ||
	    span_to_u64(from_port, UINT16_MAX, &port) ||
	    span_to_u64(to_port, UINT16_MAX, &server_port))
		return -EPROTO;
	client->port = (uint16_t)port;
	return 0;
}

static ssize_t read_v1(struct span bytes, struct proxy_client *client)
{
	const struct span start = SPAN(VERSION_1);
	const char *end = memchr(bytes.ptr, '\n', bytes.len);
	size_t len = end ? (size_t)(end - bytes.ptr) + 1 : bytes.len;
	int err;

	if (len > VERSION_1_MAX || (!end && len == VERSION_1_MAX))
		return -EPROTO;
	if (!end)
		return 0;
	if (len < start.len + 2 || end[-1] != '\r')
		return -EPROTO;
	err = read_v1_words(span_of(bytes.ptr + start.len, len - 2 - start.len),
			    client);
	return err ? err : (ssize_t)len;
}

ssize_t proxy_read_header(struct span bytes, struct proxy_client *client)
{
	struct proxy_client read = {0};
	ssize_t len = -EPROTO;

	if (!bytes.len)
		return 0;
	if (may_begin_with(bytes, span_of(SIGNATURE, SIGNATURE_LEN)))
		len = read_v2(bytes, &read);
	else if (may_begin_with(bytes, SPAN(VERSION_1)))
		len = read_v1(bytes, &read);
	if (len > 0)
		*client = read;
	return len;
}
