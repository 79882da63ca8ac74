/* fuzz_forwarded.c: whoever stands right of a client that is not trusted is. */
#include "base/buf.h"
#include "net/forwarded.h"

#include "fuzz.h"

static const char trusted[] = "10.0.0.0/8, ::/8";

typedef void reader(struct forwarded_chain *chain, struct span value,
		    const char *trusted);

/* Whatever a client has written, what the last proxy adds counts alone. */
static void check(reader *read, struct span said, const char *added)
{
	static const uint8_t ip[] = {192, 0, 2, 1};
	struct forwarded_chain chain = {0};

	read(&chain, span_from(added), trusted);
	read(&chain, said, trusted);
	MUST(chain.has_client && !chain.client.is_v6);
	MUST(!memcmp(chain.client.ip, ip, sizeof(ip)));
}

/* The same where it adds to the value that came. */
static void check_joined(reader *read, struct span said, const char *added)
{
	static const uint8_t ip[] = {192, 0, 2, 1};
	struct forwarded_chain chain = {0};
	struct buf joined = {0};

	buf_append_span(&joined, said);
	buf_append_str(&joined, ", ");
	buf_append_str(&joined, added);
	MUST(!joined.failed);
	read(&chain, buf_span(&joined), trusted);
	MUST(chain.has_client && !chain.client.is_v6);
	MUST(!memcmp(chain.client.ip, ip, sizeof(ip)));
	buf_clear(&joined);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span said = span_of(data, size);

	check(forwarded_read_list, said, "192.0.2.1");
	check(forwarded_read_elements, said, "for=192.0.2.1;proto=https");
	check(forwarded_read_elements, said,
	      "for=\"192.0.2.1:80\",for=10.0.0.1");
	check_joined(forwarded_read_list, said, "192.0.2.1");
	check_joined(forwarded_read_elements, said, "for=192.0.2.1");
	check_joined(forwarded_read_elements, said,
		     "for=\"192.0.2.1:80\";host=\"a,b\",for=10.0.0.1");
	return 0;
}
