/* origin.c: which pages may use this server from a browser (RFC 6454, Fetch).
 */
#include "policy/origin.h"

struct authority {
	struct span host;
	unsigned port; /* 0: none written */
};

struct origin {
	struct span scheme;
	struct authority at;
};

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum_or(const char *marks, char c)
{
	return is_alpha(c) || is_digit(c) || (c && strchr(marks, c));
}

/* RFC 3986, 3.1. */
static bool is_scheme(struct span s)
{
	if (!s.len || !is_alpha(s.ptr[0]))
		return false;
	for (size_t i = 1; i < s.len; i++) {
		if (!is_alnum_or("+-.", s.ptr[i]))
			return false;
	}
	return true;
}

/* A name, an IPv4 address, or an IPv6 address in brackets. */
static bool is_host(struct span s)
{
	bool has_brackets = s.len > 2 && s.ptr[0] == '[';
	const char *marks = has_brackets ? ":." : "-._";

	if (has_brackets && s.ptr[s.len - 1] == ']')
		s = span_of(s.ptr + 1, s.len - 2);
	for (size_t i = 0; i < s.len; i++) {
		if (!is_alnum_or(marks, s.ptr[i]))
			return false;
	}
	return s.len != 0;
}

/* host[:port] */
static bool read_authority(struct span s, struct authority *at)
{
	size_t end = s.len;
	uint64_t port = 0;

	while (end && is_digit(s.ptr[end - 1]))
		end--;
	/* In "[::1]" the colons are inside; in "a:" the port is missing. */
	if (end && s.ptr[end - 1] == ':') {
		if (span_to_u64(span_skip(s, end), 65535, &port) || !port)
			return false;
		s.len = end - 1;
	}
	*at = (struct authority){s, (unsigned)port};
	return is_host(s);
}

static bool read_origin(struct span s, struct origin *origin)
{
	const char *colon = s.len ? memchr(s.ptr, ':', s.len) : NULL;

	if (!colon)
		return false;
	origin->scheme = span_of(s.ptr, (size_t)(colon - s.ptr));
	s = span_skip(s, origin->scheme.len);
	return is_scheme(origin->scheme) && span_has_prefix(s, SPAN("://")) &&
	       read_authority(span_skip(s, 3), &origin->at);
}

bool origin_is_valid(struct span item)
{
	struct origin origin;

	return read_origin(item, &origin);
}

/* 0 for a scheme we know no default of. */
static unsigned default_port(struct span scheme)
{
	if (span_equal_nocase(scheme, SPAN("http")))
		return 80;
	return span_equal_nocase(scheme, SPAN("https")) ? 443 : 0;
}

/* Same host and port, both reached by scheme? */
static bool is_same_place(struct span scheme, struct authority a,
			  struct authority b)
{
	unsigned a_port = a.port ? a.port : default_port(scheme);
	unsigned b_port = b.port ? b.port : default_port(scheme);

	return a_port == b_port && span_equal_nocase(a.host, b.host);
}

/* The scheme a client used is unknown behind a proxy that ends TLS, so the
 * origin's own scheme decides what a Host without port means. */
static bool is_own(const struct origin *origin, struct span host)
{
	struct authority own;

	return default_port(origin->scheme) && read_authority(host, &own) &&
	       is_same_place(origin->scheme, origin->at, own);
}

static bool is_listed(const struct origin *origin, struct span allowed)
{
	struct origin known;
	struct span item;

	while (span_next_item(&allowed, ',', &item)) {
		if (read_origin(item, &known) &&
		    span_equal_nocase(known.scheme, origin->scheme) &&
		    is_same_place(known.scheme, known.at, origin->at))
			return true;
	}
	return false;
}

enum origin_verdict origin_judge(struct span allowed, struct span origin,
				 struct span host)
{
	struct origin page;
	bool is_readable;

	if (!origin.ptr)
		return ORIGIN_ABSENT;
	is_readable = read_origin(origin, &page);
	if (is_readable && is_own(&page, host))
		return ORIGIN_OWN;
	if (span_equal(span_trim(allowed), SPAN("*")))
		return ORIGIN_ALLOWED;
	return is_readable && is_listed(&page, allowed) ? ORIGIN_ALLOWED
							: ORIGIN_FOREIGN;
}
