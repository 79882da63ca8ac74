/* fuzz_proxy.c: a PROXY header says the two addresses, and is read back so. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "codec/proxy.h"
#include "fuzz.h"

/* A family and the bytes of two ends: address and port, as long as IPv6's. */
#define END_LEN 18
#define INPUT_LEN (1 + 2 * END_LEN)

static const int families[] = {AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC};

/* Of IPv4 the first four bytes of the address count. */
static struct sockaddr_storage make_end(int family, const uint8_t *bytes)
{
	struct sockaddr_storage addr = {0};
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	memcpy(&v4.sin_addr, bytes, sizeof(v4.sin_addr));
	memcpy(&v4.sin_port, bytes + 16, sizeof(v4.sin_port));
	memcpy(&v6.sin6_addr, bytes, sizeof(v6.sin6_addr));
	memcpy(&v6.sin6_port, bytes + 16, sizeof(v6.sin6_port));
	if (family == AF_INET)
		memcpy(&addr, &v4, sizeof(v4));
	else if (family == AF_INET6)
		memcpy(&addr, &v6, sizeof(v6));
	addr.ss_family = (sa_family_t)family;
	return addr;
}

/* As a receiver reads it (proxy-protocol.txt, 2.2). */
static void check_header(const uint8_t *header, size_t len, int family,
			 const uint8_t *ends)
{
	static const uint8_t signature[] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
					    0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
	size_t ip_len = family == AF_INET ? 4 : 16;
	const uint8_t *ips = header + 16, *ports = ips + 2 * ip_len;

	MUST(len == 16 + 2 * ip_len + 4);
	MUST(!memcmp(header, signature, sizeof(signature)));
	MUST(header[12] >> 4 == 2);   /* the version */
	MUST((header[12] & 15) == 1); /* PROXY, not LOCAL */
	MUST(header[13] >> 4 == (family == AF_INET ? 1 : 2));
	MUST((header[13] & 15) == 1); /* STREAM */
	MUST((size_t)(header[14] << 8 | header[15]) == len - 16);
	for (int end = 0; end < 2; end++) {
		const uint8_t *bytes = ends + end * END_LEN;

		MUST(!memcmp(ips + end * ip_len, bytes, ip_len));
		MUST(!memcmp(ports + 2 * end, bytes + 16, 2));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockaddr_storage client, server;
	int client_family, server_family;
	bool is_proxied;
	char *out;
	ssize_t len;

	if (size < INPUT_LEN)
		return 0;
	client_family = families[data[0] & 3];
	server_family = families[data[0] >> 2 & 3];
	client = make_end(client_family, data + 1);
	server = make_end(server_family, data + 1 + END_LEN);
	/* In a block of just its size, so that ASan sees one byte too far. */
	out = malloc(PROXY_MAX_LEN);
	MUST(out);
	len = proxy_write_header(out, &client, &server);
	is_proxied = client_family == server_family &&
		     (client_family == AF_INET || client_family == AF_INET6);
	MUST(is_proxied ? len > 0 : len == -EAFNOSUPPORT);
	if (is_proxied)
		check_header((const uint8_t *)out, (size_t)len, client_family,
			     data + 1);
	free(out);
	return 0;
}
