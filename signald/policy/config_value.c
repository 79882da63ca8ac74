/* config_value.c: values of every type: checked, stored, compared, written. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "policy/config_namespace.h"
#include "policy/config_value.h"
#include "policy/network.h"
#include "policy/origin.h"

#define SECRET_MIN_LEN 16u

/* The longest numeric IPv6 address and its NUL. */
#define MAX_IP INET6_ADDRSTRLEN

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

struct ip {
	int family;
	unsigned char bytes[16]; /* in network order; IPv4 in the first four */
};

static bool read_ip(struct span s, struct ip *ip)
{
	char text[MAX_IP];

	if (span_copy(s, text, sizeof(text)))
		return false;
	memset(ip, 0, sizeof(*ip));
	ip->family = memchr(s.ptr, ':', s.len) ? AF_INET6 : AF_INET;
	return inet_pton(ip->family, text, ip->bytes) == 1;
}

static bool is_ip(struct span s)
{
	struct ip ip;

	return read_ip(s, &ip);
}

/* Cut s at the first sep; false when it has none. */
static bool split(struct span s, char sep, struct span *head, struct span *tail)
{
	const char *at = s.len ? memchr(s.ptr, sep, s.len) : NULL;

	if (!at)
		return false;
	*head = span_of(s.ptr, (size_t)(at - s.ptr));
	*tail = span_skip(s, head->len + 1);
	return true;
}

static bool is_ip_range(struct span s)
{
	struct span head, tail;
	struct ip first, last;

	if (!split(s, '-', &head, &tail))
		return is_ip(s);
	return read_ip(span_trim(head), &first) &&
	       read_ip(span_trim(tail), &last) && first.family == last.family &&
	       memcmp(first.bytes, last.bytes, sizeof(first.bytes)) <= 0;
}

/* PUBLIC or PUBLIC/PRIVATE, as coturn's external-ip has it. */
static bool is_ip_mapping(struct span s)
{
	struct span head, tail;
	struct ip outer, inner;

	if (!split(s, '/', &head, &tail))
		return !s.len || is_ip(s);
	return read_ip(head, &outer) && read_ip(tail, &inner) &&
	       outer.family == inner.family;
}

/* ADDRESS:PORT or [IPv6]:PORT. */
static bool read_address(struct span s, struct ip *ip, uint64_t *port_number)
{
	struct span host, port;
	bool has_brackets = s.len && s.ptr[0] == '[';

	if (has_brackets) {
		if (!split(span_skip(s, 1), ']', &host, &port) || !port.len ||
		    port.ptr[0] != ':')
			return false;
		port = span_skip(port, 1);
	} else if (!split(s, ':', &host, &port)) {
		return false;
	}
	return read_ip(host, ip) && (ip->family == AF_INET6) == has_brackets &&
	       !span_to_u64(port, 65535, port_number);
}

/* Port 0 lets the kernel choose. */
static bool is_address(struct span s)
{
	uint64_t port;
	struct ip ip;

	return read_address(s, &ip, &port);
}

static bool is_loopback_ip(const struct ip *ip)
{
	return ip->family == AF_INET
		       ? ip->bytes[0] == 127
		       : !memcmp(ip->bytes, &in6addr_loopback, 16);
}

/* What this machine alone reaches, at a port that can be told beforehand. */
static bool is_loopback_or_none(struct span s)
{
	uint64_t port;
	struct ip ip;

	return !s.len ||
	       (read_address(s, &ip, &port) && port && is_loopback_ip(&ip));
}

static bool is_label(struct span s)
{
	if (!s.len || s.len > 63 || s.ptr[0] == '-' || s.ptr[s.len - 1] == '-')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!is_alnum(s.ptr[i]) && s.ptr[i] != '-')
			return false;
	}
	return true;
}

/* Labels of letters, digits and inner hyphens (RFC 1123, 2.1). A last label
 * of digits alone makes a mistyped address of it: 192.0.2.300. */
static bool is_host_name(struct span s)
{
	struct span label = {NULL, 0};
	uint64_t number;

	if (s.len > 253 || memchr(s.ptr, ' ', s.len) ||
	    memchr(s.ptr, '\t', s.len))
		return false;
	while (span_next_item(&s, '.', &label)) {
		if (!is_label(label))
			return false;
	}
	return span_to_u64(label, UINT64_MAX, &number) == -EINVAL;
}

static bool is_host(struct span s)
{
	return !s.len || is_ip(s) || is_host_name(s);
}

/* Every comma-separated item passes; one comma too many does not. */
static bool is_list(struct span s, bool (*is_item)(struct span))
{
	struct span item;

	while (span_next_item(&s, ',', &item)) {
		if (!is_item(item))
			return false;
	}
	return true;
}

static bool is_address_or_none(struct span s)
{
	return !s.len || is_address(s);
}

static bool is_address_list(struct span s)
{
	return is_list(s, is_address);
}

static bool is_addresses(struct span s)
{
	return !s.len || is_address_list(s);
}

static bool is_ip_list(struct span s)
{
	return !s.len || is_list(s, is_ip);
}

static bool is_ip_ranges(struct span s)
{
	return !s.len || is_list(s, is_ip_range);
}

static bool is_network(struct span s)
{
	struct network network;

	return !network_parse(s, &network);
}

static bool is_networks(struct span s)
{
	return !s.len || is_list(s, is_network);
}

static bool is_origins(struct span s)
{
	return !s.len || span_equal(s, SPAN("*")) ||
	       is_list(s, origin_is_valid);
}

/* "/", or names between two of them. */
static bool is_url_path(struct span s)
{
	if (!s.len || s.ptr[0] != '/' || s.ptr[s.len - 1] != '/')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (c == '/' ? i && s.ptr[i - 1] == '/'
			     : !is_alnum(c) && c != '.' && c != '_' && c != '-')
			return false;
	}
	return s.len > 1;
}

static bool is_namespaces(struct span s)
{
	struct span rest = s;
	struct config_namespace item;

	while (rest.len)
		if (config_namespace_next(&rest, &item) < 1)
			return false;
	return true;
}

/* Without what an operator takes for syntax and a file would keep: quotes
 * around it, a comment behind it. */
static bool is_plain(struct span s)
{
	if (s.len && (s.ptr[0] == '"' || s.ptr[0] == '\''))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		bool is_mark = s.ptr[i] == '#' || s.ptr[i] == ';';

		if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f)
			return false;
		if (is_mark && (i == 0 || s.ptr[i - 1] == ' '))
			return false;
	}
	return true;
}

static bool is_word(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!is_alnum(s.ptr[i]) && s.ptr[i] != '_' && s.ptr[i] != '-')
			return false;
	}
	return true;
}

/* What coturn's own reader neither cuts nor splits. */
static bool is_secret(struct span s)
{
	return (!s.len ||
		(s.len >= SECRET_MIN_LEN && s.len <= CONFIG_MAX_SECRET)) &&
	       is_word(s);
}

static bool is_secrets(struct span s)
{
	struct span item;

	if (!s.len)
		return true;
	if (memchr(s.ptr, ' ', s.len) || memchr(s.ptr, '\t', s.len))
		return false;
	while (span_next_item(&s, ',', &item))
		if (!item.len || !is_secret(item))
			return false;
	return true;
}

static bool is_hex(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!memchr("0123456789abcdef", s.ptr[i], 16))
			return false;
	return true;
}

/* NAME:HASH, as signald key prints it. */
static bool is_key(struct span s)
{
	struct span name, hash;

	return split(s, ':', &name, &hash) && name.len &&
	       name.len <= CONFIG_MAX_KEY_NAME && is_word(name) &&
	       hash.len == CONFIG_KEY_HASH_LEN && is_hex(hash);
}

static bool is_keys(struct span s)
{
	return !s.len || is_list(s, is_key);
}

bool config_is_loopback(struct span address)
{
	uint64_t port;
	struct ip ip;

	return read_address(address, &ip, &port) && is_loopback_ip(&ip);
}

/* The texts: checked, and kept as they are. */
static const struct {
	bool (*is_valid)(struct span);
	const char *rule;
} texts[] = {
	[CONFIG_STRING] = {is_plain, "plain text, without quotes around it or "
				     "a comment behind it"},
	[CONFIG_SECRET] = {is_secret, "characters of A-Z a-z 0-9 _ -"},
	[CONFIG_SECRETS] = {is_secrets,
			    "16 to 128 characters of A-Z a-z 0-9 _ -, or "
			    "more such parted by commas"},
	[CONFIG_ADDRESS] = {is_address_or_none,
			    "ADDRESS:PORT, [IPv6]:PORT, or empty"},
	[CONFIG_LOOPBACK] =
		{is_loopback_or_none,
		 "127.0.0.1:PORT or [::1]:PORT (loopback alone: it takes "
		 "orders unencrypted), or empty"},
	[CONFIG_ADDRESS_LIST] = {is_address_list,
				 "ADDRESS:PORT or [IPv6]:PORT, "
				 "more parted by commas"},
	[CONFIG_ADDRESSES] = {is_addresses, "ADDRESS:PORT or [IPv6]:PORT, "
					    "more parted by commas, or empty"},
	[CONFIG_IP_LIST] = {is_ip_list, "addresses parted by commas, or empty"},
	[CONFIG_IP_RANGES] = {is_ip_ranges,
			      "addresses or FIRST-LAST ranges (no /BITS) "
			      "parted by commas, or empty"},
	[CONFIG_NETWORKS] = {is_networks,
			     "ADDRESS or ADDRESS/BITS (all bits behind BITS "
			     "zero) parted by commas, or empty"},
	[CONFIG_IP_MAPPING] = {is_ip_mapping,
			       "PUBLIC or PUBLIC/PRIVATE address, or empty"},
	[CONFIG_ORIGINS] = {is_origins,
			    "*, scheme://host[:port] without a slash "
			    "at the end, more parted by commas, or "
			    "empty"},
	[CONFIG_HOST] = {is_host, "a host name, an address, or empty"},
	[CONFIG_URL_PATH] = {is_url_path,
			     "a path of A-Z a-z 0-9 . _ - between two \"/\", "
			     "such as /socket.io/"},
	[CONFIG_NAMESPACES] = {is_namespaces,
			       "NAME=RULES parted by commas, as "
			       "/=tutorial, /x=generic+recovery, "
			       "/y=/etc/y.rules; or empty"},
	[CONFIG_WORD] = {is_word, "one word of A-Z a-z 0-9 _ -, or empty"},
	[CONFIG_KEYS] = {is_keys, "NAME:HASH as signald key prints it, more "
				  "parted by commas, or empty"},
};

static const struct {
	struct span word;
	bool value;
} bools[] = {
	{SPAN_INIT("yes"), true},  {SPAN_INIT("no"), false},
	{SPAN_INIT("true"), true}, {SPAN_INIT("false"), false},
	{SPAN_INIT("on"), true},   {SPAN_INIT("off"), false},
	{SPAN_INIT("1"), true},	   {SPAN_INIT("0"), false},
};

static void *field(struct config *config, const struct config_key *key)
{
	return (char *)config + key->offset;
}

static const void *const_field(const struct config *config,
			       const struct config_key *key)
{
	return (const char *)config + key->offset;
}

static int set_bool(bool *value, struct span text)
{
	for (size_t i = 0; i < sizeof(bools) / sizeof(bools[0]); i++) {
		if (span_equal_nocase(text, bools[i].word)) {
			*value = bools[i].value;
			return 0;
		}
	}
	return -EINVAL;
}

static int set_uint(unsigned *value, const struct config_key *key,
		    struct span text)
{
	uint64_t number;

	if (span_to_u64(text, key->max, &number) || number < key->min)
		return -EINVAL;
	*value = (unsigned)number;
	return 0;
}

static int set_text(char **value, struct span text)
{
	char *copy = malloc(text.len + 1);

	if (!copy)
		return -ENOMEM;
	(void)span_copy(text, copy, text.len + 1);
	if (*value)
		crypto_wipe(*value, strlen(*value));
	free(*value);
	*value = copy;
	return 0;
}

static bool is_word_of(const char *allowed, struct span text)
{
	struct span rest = span_from(allowed);
	struct span word;

	while (span_next_item(&rest, '|', &word)) {
		if (span_equal(word, text))
			return true;
	}
	return false;
}

int config_value_set(struct config *config, const struct config_key *key,
		     struct span text)
{
	switch (key->type) {
	case CONFIG_BOOL:
		return set_bool(field(config, key), text);
	case CONFIG_UINT:
		return set_uint(field(config, key), key, text);
	case CONFIG_ENUM:
		if (!is_word_of(key->allowed, text))
			return -EINVAL;
		return set_text(field(config, key), text);
	default:
		if (!texts[key->type].is_valid(text) ||
		    (key->type == CONFIG_SECRET && text.len &&
		     text.len < key->min))
			return -EINVAL;
		return set_text(field(config, key), text);
	}
}

void config_value_rule(const struct config_key *key, char *out, size_t cap)
{
	switch (key->type) {
	case CONFIG_BOOL:
		(void)snprintf(out, cap, "yes or no");
		break;
	case CONFIG_UINT:
		(void)snprintf(out, cap, "a whole number from %u to %u",
			       key->min, key->max);
		break;
	case CONFIG_ENUM:
		(void)snprintf(out, cap, "one of %s", key->allowed);
		break;
	case CONFIG_SECRET:
		(void)snprintf(out, cap, "%u to %d %s",
			       key->min ? key->min : SECRET_MIN_LEN,
			       CONFIG_MAX_SECRET, texts[key->type].rule);
		break;
	default:
		(void)snprintf(out, cap, "%s", texts[key->type].rule);
	}
}

const char *config_value_text(const struct config *config,
			      const struct config_key *key,
			      char scratch[CONFIG_MAX_NUMBER])
{
	const void *value = const_field(config, key);

	switch (key->type) {
	case CONFIG_BOOL:
		return *(const bool *)value ? "yes" : "no";
	case CONFIG_UINT:
		(void)snprintf(scratch, CONFIG_MAX_NUMBER, "%u",
			       *(const unsigned *)value);
		return scratch;
	default:
		return *(char *const *)value;
	}
}

unsigned config_value_uint(const struct config *config,
			   const struct config_key *key)
{
	return *(const unsigned *)const_field(config, key);
}

bool config_value_equal(const struct config *a, const struct config *b,
			const struct config_key *key)
{
	char a_scratch[CONFIG_MAX_NUMBER], b_scratch[CONFIG_MAX_NUMBER];

	return !strcmp(config_value_text(a, key, a_scratch),
		       config_value_text(b, key, b_scratch));
}

void config_value_clear(struct config *config, const struct config_key *key)
{
	char **value = field(config, key);

	if (key->type == CONFIG_BOOL || key->type == CONFIG_UINT || !*value)
		return;
	crypto_wipe(*value, strlen(*value));
	free(*value);
	*value = NULL;
}
