/* fuzz_proxyread.c: a PROXY header is read whole or not yet, from any bytes. */
#include <errno.h>
#include <string.h>

#include "codec/proxy.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_client client;
	ssize_t len = proxy_read_header(span_of(data, size), &client);

	if (len < 0) {
		MUST(len == -EPROTO);
		return 0;
	}
	MUST((size_t)len <= size && len <= PROXY_MAX_READ);
	/* What is no header never waits for more than the longest one has. */
	MUST(len || size < PROXY_MAX_READ);
	/* Any piece of it wants the rest, and what follows changes nothing. */
	for (size_t i = 0; i < (len ? (size_t)len : size); i++) {
		struct proxy_client unread;

		MUST(!proxy_read_header(span_of(data, i), &unread));
	}
	if (len)
		MUST(proxy_read_header(span_of(data, (size_t)len), &client) ==
		     len);
	return 0;
}
