/* http.c: HTTP/1.1 requests as pure functions, strict (RFC 9110, RFC 9112). */
#include <assert.h>
#include <endian.h>
#include <errno.h>

#include "codec/chars.h"
#include "codec/http.h"

/* Two empty lines are skipped before a request line (RFC 9112, 2.2). */
#define MAX_EMPTY_BYTES 4
#define VERSION_LEN 8 /* "HTTP/1.1" */

/* What a byte may be part of. */
#define TOKEN 0x01  /* RFC 9110, 5.6.2 */
#define TARGET 0x02 /* printable ASCII; not the blank, ", #, < and > */
#define NAME 0x04   /* a host's name or IPv4 address */
#define IPV6 0x08   /* between brackets */

/*
 * Targets are read more widely than RFC 3986 says, because browsers send { | }
 * ^ and others bare, but never what WHATWG URL always encodes. Hosts are read
 * more narrowly: no host that exists has a "%" or a sub-delimiter in its name,
 * and the comma in "a,b" is how careless proxies join two of them.
 */
static const uint8_t classes[256] = {
	['!'] = TOKEN | TARGET,
	['$' ... '\''] = TOKEN | TARGET,
	['(' ... ')'] = TARGET,
	['*' ... '+'] = TOKEN | TARGET,
	[','] = TARGET,
	['-'] = TOKEN | TARGET | NAME,
	['.'] = TOKEN | TARGET | NAME | IPV6,
	['/'] = TARGET,
	['0' ... '9'] = TOKEN | TARGET | NAME | IPV6,
	[':'] = TARGET | IPV6,
	[';'] = TARGET,
	['='] = TARGET,
	['?' ... '@'] = TARGET,
	['A' ... 'F'] = TOKEN | TARGET | NAME | IPV6,
	['G' ... 'Z'] = TOKEN | TARGET | NAME,
	['[' ... ']'] = TARGET,
	['^'] = TOKEN | TARGET,
	['_'] = TOKEN | TARGET | NAME,
	['`'] = TOKEN | TARGET,
	['a' ... 'f'] = TOKEN | TARGET | NAME | IPV6,
	['g' ... 'z'] = TOKEN | TARGET | NAME,
	['{'] = TARGET,
	['|'] = TOKEN | TARGET,
	['}'] = TARGET,
	['~'] = TOKEN | TARGET | NAME,
};

static const struct {
	struct span name;
	enum http_method method;
} methods[] = {
	{SPAN_INIT("GET"), HTTP_GET},
	{SPAN_INIT("POST"), HTTP_POST},
	{SPAN_INIT("HEAD"), HTTP_HEAD},
	{SPAN_INIT("OPTIONS"), HTTP_OPTIONS},
	{SPAN_INIT("PUT"), HTTP_PUT},
	{SPAN_INIT("PATCH"), HTTP_PATCH},
	{SPAN_INIT("DELETE"), HTTP_DELETE},
};

static const struct {
	int status;
	const char *text;
} statuses[] = {
	{100, "Continue"},
	{101, "Switching Protocols"},
	{200, "OK"},
	{201, "Created"},
	{202, "Accepted"},
	{204, "No Content"},
	{206, "Partial Content"},
	{301, "Moved Permanently"},
	{302, "Found"},
	{303, "See Other"},
	{304, "Not Modified"},
	{307, "Temporary Redirect"},
	{308, "Permanent Redirect"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{406, "Not Acceptable"},
	{408, "Request Timeout"},
	{409, "Conflict"},
	{410, "Gone"},
	{411, "Length Required"},
	{412, "Precondition Failed"},
	{413, "Content Too Large"},
	{414, "URI Too Long"},
	{415, "Unsupported Media Type"},
	{416, "Range Not Satisfiable"},
	{417, "Expectation Failed"},
	{421, "Misdirected Request"},
	{422, "Unprocessable Content"},
	{426, "Upgrade Required"},
	{428, "Precondition Required"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{500, "Internal Server Error"},
	{501, "Not Implemented"},
	{502, "Bad Gateway"},
	{503, "Service Unavailable"},
	{504, "Gateway Timeout"},
	{505, "HTTP Version Not Supported"},
};

static const struct span schemes[] = {
	SPAN_INIT("http://"),
	SPAN_INIT("https://"),
};

/* The lines of one head, while they are read. */
struct parser {
	const char *at;	 /* never passes a line's CR, which is always there */
	const char *end; /* of the head, behind its empty line */
	const struct http_limits *limits;
	struct http_request *request;
	struct http_error *error;
	bool has_host;
	bool has_length;
	bool has_close;
	bool has_keep_alive;
	bool has_upgrade;
};

static bool is_class(char c, uint8_t class)
{
	return classes[(unsigned char)c] & class;
}

static bool is_all(struct span s, uint8_t class)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_class(s.ptr[i], class))
			return false;
	return s.len > 0;
}

static int refuse(struct http_error *error, int status, const char *detail)
{
	error->status = status;
	error->detail = detail;
	return -EPROTO;
}

/* Part 1: where the head ends. Control characters are judged here, and only
 * here, so that a broken head is refused before it is whole. */

/* 16 bytes that the compiler compares at once, on any processor. */
typedef uint8_t block __attribute__((vector_size(16)));

static size_t first_hit(const uint64_t hits[2])
{
	if (hits[0])
		return (size_t)__builtin_ctzll(le64toh(hits[0])) / 8;
	return 8 + (size_t)__builtin_ctzll(le64toh(hits[1])) / 8;
}

/* The first control character at or behind at; len without one. */
static size_t find_control(const char *bytes, size_t at, size_t len)
{
	for (; len - at >= sizeof(block); at += sizeof(block)) {
		uint64_t hits[2];
		block bad;

		memcpy(&bad, bytes + at, sizeof(bad));
		bad = (block)((bad < 0x20) | (bad == 0x7f));
		memcpy(hits, &bad, sizeof(hits));
		if (hits[0] | hits[1])
			return at + first_hit(hits);
	}
	while (at < len && !is_control(bytes[at]))
		at++;
	return at;
}

static size_t skip_empty_lines(const char *bytes, size_t len)
{
	size_t at = 0;

	while (at < MAX_EMPTY_BYTES && len - at >= 2 && bytes[at] == '\r' &&
	       bytes[at + 1] == '\n')
		at += 2;
	return at;
}

static int refuse_control(struct http_error *error, char c)
{
	if (c == '\n')
		return refuse(error, 400,
			      "a bare LF; every line must end with CR LF");
	if (c == '\r')
		return refuse(error, 400, "a CR that no LF follows");
	return refuse(error, 400,
		      "a control character; only tabs in values are allowed");
}

/*
 * Look for the empty line behind the last header.
 *
 * start    of the request line
 * scanned  in: bytes already seen, out: bytes seen, on 0
 *
 * Returns the head's length, 0 when len bytes do not hold its end.
 */
static ssize_t find_end(const char *bytes, size_t start, size_t len,
			size_t *scanned, struct http_error *error)
{
	size_t at = *scanned > start ? *scanned : start;

	/* The limit on heads, and with it len, may have come down since. */
	if (at > len)
		at = len;

	while ((at = find_control(bytes, at, len)) < len) {
		if (bytes[at] != '\r') {
			if (bytes[at++] != '\t')
				return refuse_control(error, bytes[at - 1]);
			continue;
		}
		if (at + 1 == len)
			break; /* what follows it decides, next time */
		if (bytes[at + 1] != '\n')
			return refuse_control(error, '\r');
		if (at == start)
			return refuse(error, 400,
				      "empty lines; a request line is due");
		if (bytes[at - 1] == '\n')
			return (ssize_t)at + 2;
		at += 2;
	}
	*scanned = at;
	return 0;
}

static int refuse_long_head(const char *bytes, size_t start, size_t len,
			    struct http_error *error)
{
	if (memchr(bytes + start, '\n', len - start))
		return refuse(error, 431,
			      "too many bytes of headers; send fewer");
	return refuse(error, 414, "the request line is too long");
}

/* Part 2: the request line. */

/* The rest of the line, without its CR LF; the parser moves behind that. */
static struct span take_line(struct parser *parser)
{
	const char *start = parser->at;
	const char *cr = memchr(start, '\r', (size_t)(parser->end - start));

	parser->at = cr + 2;
	return span_of(start, (size_t)(cr - start));
}

/* The bytes of that class; the parser moves behind them. */
static struct span take_class(struct parser *parser, uint8_t class)
{
	const char *start = parser->at;
	const char *at = start;

	while (is_class(*at, class))
		at++;
	parser->at = at;
	return span_of(start, (size_t)(at - start));
}

static int parse_method(struct parser *parser, struct span *name)
{
	*name = take_class(parser, TOKEN);
	if (!name->len || *parser->at != ' ')
		return refuse(parser->error, 400,
			      "the request line must begin with a method "
			      "and one blank");
	parser->at++;
	return 0;
}

static int parse_target(struct parser *parser)
{
	parser->request->target = take_class(parser, TARGET);
	if (!parser->request->target.len || *parser->at != ' ')
		return refuse(parser->error, 400,
			      "the request target must be one word of "
			      "printable ASCII, other characters "
			      "percent-encoded");
	parser->at++;
	return 0;
}

/* Leaves the parser at the first header. */
static int parse_version(struct parser *parser)
{
	struct span version = take_line(parser);

	if (version.len != VERSION_LEN ||
	    !span_has_prefix(version, SPAN("HTTP/")) ||
	    !is_digit(version.ptr[5]) || version.ptr[6] != '.' ||
	    !is_digit(version.ptr[7]))
		return refuse(parser->error, 400,
			      "the request line must end with one blank and "
			      "HTTP/1.1");
	if (version.ptr[5] != '1' || version.ptr[7] > '1')
		return refuse(parser->error, 505,
			      "only HTTP/1.1 and HTTP/1.0 are spoken here");
	parser->request->minor = (unsigned)(version.ptr[7] - '0');
	return 0;
}

static int set_method(struct parser *parser, struct span name)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (!span_equal(methods[i].name, name))
			continue;
		parser->request->method = methods[i].method;
		return 0;
	}
	return refuse(parser->error, 501, "a method this server does not know");
}

/* The bytes at the start of s that are a host; 0 when it begins with none. */
static size_t host_len(struct span s)
{
	size_t len = 0;
	const char *end;

	if (s.len && s.ptr[0] == '[') {
		end = memchr(s.ptr, ']', s.len);
		if (!end ||
		    !is_all(span_of(s.ptr + 1, (size_t)(end - s.ptr) - 1),
			    IPV6))
			return 0;
		return (size_t)(end - s.ptr) + 1;
	}
	while (len < s.len && is_class(s.ptr[len], NAME))
		len++;
	return len;
}

/* host[:port], without userinfo (RFC 3986, 3.2; RFC 9110, 4.2.4). */
static bool is_authority(struct span s)
{
	size_t len = host_len(s);
	uint64_t port;

	if (!len || len == s.len)
		return len;
	if (s.ptr[len] != ':')
		return false;
	s = span_skip(s, len + 1);
	return !s.len || !span_to_u64(s, UINT16_MAX, &port);
}

static void set_path(struct http_request *request, struct span s)
{
	const char *mark = memchr(s.ptr, '?', s.len);

	request->path = s;
	request->query = span_of(s.ptr + s.len, 0);
	if (!mark)
		return;
	request->path.len = (size_t)(mark - s.ptr);
	request->query = span_skip(s, request->path.len + 1);
}

/* http://host/path: its host counts, not Host's (RFC 9112, 3.2.2). */
static int set_absolute(struct parser *parser, struct span target,
			size_t scheme_len)
{
	struct http_request *request = parser->request;
	struct span rest = span_skip(target, scheme_len);
	size_t len = 0;

	while (len < rest.len && rest.ptr[len] != '/' && rest.ptr[len] != '?')
		len++;
	request->host = span_of(rest.ptr, len);
	if (!is_authority(request->host))
		return refuse(parser->error, 400,
			      "the request target's host must be a name or an "
			      "address, with a port or without");
	set_path(request, span_skip(rest, len));
	if (!request->path.len)
		request->path = span_of(rest.ptr - 1, 1); /* of "://" */
	return 0;
}

static int set_target(struct parser *parser)
{
	struct http_request *request = parser->request;
	struct span target = request->target;

	request->host = (struct span){NULL, 0};
	if (target.ptr[0] == '/') {
		set_path(request, target);
		return 0;
	}
	if (span_equal(target, SPAN("*")) && request->method == HTTP_OPTIONS) {
		request->path = span_of(target.ptr, 0);
		request->query = request->path;
		return 0;
	}
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t len = schemes[i].len;

		if (target.len >= len &&
		    span_equal_nocase(span_of(target.ptr, len), schemes[i]))
			return set_absolute(parser, target, len);
	}
	return refuse(parser->error, 400,
		      "the request target must be a path that begins with /, "
		      "or an http or https URL");
}

/* What is wrong with the line comes first, then what we cannot do with it. */
static int parse_request_line(struct parser *parser)
{
	struct span method;

	if (parse_method(parser, &method) || parse_target(parser) ||
	    parse_version(parser))
		return -EPROTO;
	if (parser->request->target.len > parser->limits->max_target_bytes)
		return refuse(parser->error, 414,
			      "the request target is too long");
	if (set_method(parser, method))
		return -EPROTO;
	return set_target(parser);
}

/* Part 3: the headers. */

static int on_host(struct parser *parser, struct span value)
{
	if (parser->has_host)
		return refuse(parser->error, 400,
			      "two Host headers; there must be one");
	if (!is_authority(value))
		return refuse(parser->error, 400,
			      "Host must be a name or an address, with a port "
			      "or without");
	parser->has_host = true;
	if (!parser->request->host.len)
		parser->request->host = value;
	return 0;
}

static int on_content_length(struct parser *parser, struct span value)
{
	struct http_request *request = parser->request;
	int err;

	if (parser->has_length)
		return refuse(parser->error, 400,
			      "two Content-Length headers; send one");
	err = span_to_u64(value, parser->limits->max_body_bytes,
			  &request->content_length);
	if (err == -ERANGE)
		return refuse(parser->error, 413,
			      "Content-Length is above what is taken here");
	if (err)
		return refuse(parser->error, 400,
			      "Content-Length must be one decimal number");
	parser->has_length = true;
	return 0;
}

static int on_transfer_encoding(struct parser *parser, struct span value)
{
	struct http_request *request = parser->request;
	bool is_unknown = false;
	struct span coding;

	while (span_next_item(&value, ',', &coding)) {
		if (request->body_kind == HTTP_BODY_CHUNKED)
			return refuse(parser->error, 400,
				      "a coding behind chunked, which must be "
				      "the last one");
		if (!is_all(coding, TOKEN))
			return refuse(parser->error, 400,
				      "Transfer-Encoding must be chunked");
		if (span_equal_nocase(coding, SPAN("chunked")))
			request->body_kind = HTTP_BODY_CHUNKED;
		else
			is_unknown = true;
	}
	if (is_unknown)
		return refuse(parser->error, 501,
			      "a transfer coding other than chunked");
	return 0;
}

static int on_connection(struct parser *parser, struct span value)
{
	struct span option;

	while (span_next_item(&value, ',', &option)) {
		if (span_equal_nocase(option, SPAN("close")))
			parser->has_close = true;
		else if (span_equal_nocase(option, SPAN("keep-alive")))
			parser->has_keep_alive = true;
		else if (span_equal_nocase(option, SPAN("upgrade")))
			parser->has_upgrade = true;
	}
	return 0;
}

static int on_expect(struct parser *parser, struct span value)
{
	if (!span_equal_nocase(value, SPAN("100-continue")))
		return refuse(parser->error, 417,
			      "an expectation other than 100-continue");
	parser->request->is_expecting_continue = true;
	return 0;
}

/* The headers that decide where the next request begins: in lower case, each at
 * its length, which tells them apart. */
static const struct {
	const char *name;
	int (*on)(struct parser *parser, struct span value);
} known_headers[] = {
	[4] = {"host", on_host},
	[6] = {"expect", on_expect},
	[10] = {"connection", on_connection},
	[14] = {"content-length", on_content_length},
	[17] = {"transfer-encoding", on_transfer_encoding},
};

static int use_header(struct parser *parser, const struct http_header *header)
{
	size_t len = header->name.len;
	const char *known;

	if (len >= sizeof(known_headers) / sizeof(known_headers[0]))
		return 0;
	known = known_headers[len].name;
	if (!known)
		return 0;
	/* A name is a token: with bit 5 set only a letter's two cases meet, and
	 * nothing but "-" becomes "-". */
	for (size_t i = 0; i < len; i++)
		if ((header->name.ptr[i] | 0x20) != known[i])
			return 0;
	return known_headers[len].on(parser, header->value);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int refuse_name(const struct parser *parser, struct span name)
{
	char c = *parser->at;

	if (name.len)
		return refuse(parser->error, 400,
			      "a header's name must be a token with a colon "
			      "right behind it");
	if (!is_blank(c))
		return refuse(parser->error, 400, "a header without a name");
	if (parser->request->headers_count)
		return refuse(parser->error, 400,
			      "a folded header; send it on one line");
	return refuse(parser->error, 400,
		      "a blank in front of the first header");
}

/* Most values have one blank in front, and are done with that. */
static struct span take_value(struct parser *parser)
{
	struct span value;

	if (*parser->at == ' ')
		parser->at++;
	value = take_line(parser);
	if (value.len &&
	    (is_blank(value.ptr[0]) || is_blank(value.ptr[value.len - 1])))
		return span_trim(value);
	return value;
}

static int parse_header(struct parser *parser)
{
	struct http_request *request = parser->request;
	struct span name = take_class(parser, TOKEN);
	struct http_header *header;

	if (!name.len || *parser->at != ':')
		return refuse_name(parser, name);
	if (request->headers_count == HTTP_MAX_HEADERS)
		return refuse(parser->error, 431,
			      "too many headers; send fewer");
	parser->at++;
	header = &request->headers[request->headers_count++];
	header->name = name;
	header->value = take_value(parser);
	return use_header(parser, header);
}

/* What the headers mean together. */
static int conclude(struct parser *parser)
{
	struct http_request *request = parser->request;
	bool is_chunked = request->body_kind == HTTP_BODY_CHUNKED;

	if (!parser->has_host && request->minor)
		return refuse(parser->error, 400,
			      "no Host header; HTTP/1.1 asks for one");
	if (is_chunked && parser->has_length)
		return refuse(parser->error, 400,
			      "Content-Length beside Transfer-Encoding; "
			      "send one of them");
	if (is_chunked && !request->minor)
		return refuse(parser->error, 400,
			      "Transfer-Encoding, which HTTP/1.0 has not");
	if (parser->has_length)
		request->body_kind = HTTP_BODY_LENGTH;
	request->is_keep_alive = !parser->has_close &&
				 (request->minor || parser->has_keep_alive);
	/* RFC 9110, 7.8 and 10.1.1: HTTP/1.0's are ignored. */
	request->is_upgrade = parser->has_upgrade && request->minor;
	if (!request->minor)
		request->is_expecting_continue = false;
	return 0;
}

static int parse_lines(struct parser *parser)
{
	struct http_request *request = parser->request;

	request->body_kind = HTTP_BODY_NONE;
	request->content_length = 0;
	request->is_expecting_continue = false;
	request->headers_count = 0;
	if (parse_request_line(parser))
		return -EPROTO;
	while (*parser->at != '\r')
		if (parse_header(parser))
			return -EPROTO;
	return conclude(parser);
}

ssize_t http_parse_head(struct span buf, size_t *scanned,
			const struct http_limits *limits,
			struct http_request *request, struct http_error *error)
{
	size_t max = limits->max_head_bytes;
	size_t len = buf.len < max ? buf.len : max;
	size_t start = skip_empty_lines(buf.ptr, len);
	struct parser parser = {
		.limits = limits, .request = request, .error = error};
	ssize_t end;

	assert(*scanned <= buf.len);
	end = find_end(buf.ptr, start, len, scanned, error);
	if (!end && len == max)
		return refuse_long_head(buf.ptr, start, len, error);
	if (end <= 0)
		return end;

	parser.at = buf.ptr + start;
	parser.end = buf.ptr + end;
	if (parse_lines(&parser))
		return -EPROTO;
	*scanned = 0;
	return end;
}

const struct http_header *http_find(const struct http_request *request,
				    struct span name)
{
	for (size_t i = 0; i < request->headers_count; i++)
		if (span_equal_nocase(request->headers[i].name, name))
			return &request->headers[i];
	return NULL;
}

struct span http_bearer(const struct http_request *request)
{
	const struct http_header *header =
		http_find(request, SPAN("Authorization"));
	const struct span scheme = SPAN("Bearer ");

	if (!header || header->value.len <= scheme.len ||
	    !span_equal_nocase(span_of(header->value.ptr, scheme.len), scheme))
		return (struct span){NULL, 0};
	return span_trim(span_skip(header->value, scheme.len));
}

bool http_has_token(struct span value, struct span token)
{
	struct span item;

	while (span_next_item(&value, ',', &item))
		if (span_equal_nocase(item, token))
			return true;
	return false;
}

const char *http_status_text(int status)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i].status == status)
			return statuses[i].text;
	return "Unknown";
}

const char *http_method_name(enum http_method method)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (methods[i].method == method)
			return methods[i].name.ptr;
	return "Unknown";
}
