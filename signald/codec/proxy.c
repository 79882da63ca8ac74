/* proxy.c: the PROXY protocol's header, which says whose connection this is. */
#include <errno.h>
#include <netinet/in.h>

#include "codec/proxy.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define SIGNATURE_LEN 12
#define HEADER_LEN 16
#define VERSION_2_PROXY 0x21
#define TCP_OVER_IPV4 0x11
#define TCP_OVER_IPV6 0x21

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
