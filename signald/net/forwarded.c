/* forwarded.c: who the client of a trusted proxy is, by its headers. */
#include "net/forwarded.h"
#include "policy/network.h"

#define NODE_CAP 64

/* ADDRESS, ADDRESS:PORT, [IPv6] or [IPv6]:PORT. */
static int read_node(struct span text, struct net_addr *addr)
{
	bool is_bracketed = text.len > 2 && text.ptr[0] == '[' &&
			    text.ptr[text.len - 1] == ']';

	if (is_bracketed)
		text = span_of(text.ptr + 1, text.len - 2);
	if (!text.len || (net_addr_parse_ip(text, addr) &&
			  (is_bracketed || net_addr_parse(text, addr))))
		return -1;
	/* A client has one name: IPv4 inside IPv6 is IPv4. */
	net_addr_unmap(addr);
	return 0;
}

/* The next in the chain, nearer to us than those before. */
static void add_node(struct forwarded_chain *chain, struct span text,
		     const char *trusted)
{
	struct net_addr addr;

	if (read_node(text, &addr)) {
		chain->has_client = false;
	} else if (!chain->has_client ||
		   !network_list_has(trusted, addr.is_v6, addr.ip)) {
		chain->client = addr;
		chain->has_client = true;
	}
}

void forwarded_read_list(struct forwarded_chain *chain, struct span value,
			 const char *trusted)
{
	struct span rest = value, item;

	while (rest.ptr && span_next_item(&rest, ',', &item))
		add_node(chain, item, trusted);
}

/* --- RFC 7239 --- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void skip_blanks(struct span *rest)
{
	while (rest->len && is_blank(rest->ptr[0]))
		*rest = span_skip(*rest, 1);
}

/* Up to one of the characters that end a token or a name here. */
static struct span take_token(struct span *rest)
{
	size_t len = 0;
	struct span token;

	while (len < rest->len && !strchr("=;, \t\"", rest->ptr[len]))
		len++;
	token = span_of(rest->ptr, len);
	*rest = span_skip(*rest, len);
	return token;
}

/* A quoted string, without its escapes; too long or without an end: empty. */
static struct span take_quoted(struct span *rest, char text[NODE_CAP])
{
	size_t len = 0;

	*rest = span_skip(*rest, 1);
	while (rest->len && rest->ptr[0] != '"') {
		if (rest->ptr[0] == '\\' && rest->len > 1)
			*rest = span_skip(*rest, 1);
		if (len < NODE_CAP)
			text[len] = rest->ptr[0];
		len++;
		*rest = span_skip(*rest, 1);
	}
	if (!rest->len || len > NODE_CAP)
		return (struct span){NULL, 0};
	*rest = span_skip(*rest, 1);
	return span_of(text, len);
}

/* One NAME=VALUE. Returns false where there is none. */
static bool take_pair(struct span *rest, char text[NODE_CAP], struct span *name,
		      struct span *value)
{
	skip_blanks(rest);
	*name = take_token(rest);
	if (!name->len || !rest->len || rest->ptr[0] != '=')
		return false;
	*rest = span_skip(*rest, 1);
	if (rest->len && rest->ptr[0] == '"')
		*value = take_quoted(rest, text);
	else
		*value = take_token(rest);
	skip_blanks(rest);
	return value->ptr;
}

/* What is left ends here, or goes on behind this character. */
static bool take_mark(struct span *rest, char mark)
{
	if (!rest->len || rest->ptr[0] != mark)
		return false;
	*rest = span_skip(*rest, 1);
	return true;
}

void forwarded_read_elements(struct forwarded_chain *chain, struct span value,
			     const char *trusted)
{
	struct span rest = value;

	do {
		struct span node = {NULL, 0}, name, said;
		char text[NODE_CAP], kept[NODE_CAP];

		do {
			if (!take_pair(&rest, text, &name, &said)) {
				/* Nobody can tell what stands where. */
				chain->has_client = false;
				return;
			}
			if (!span_equal_nocase(name, SPAN("for")) ||
			    said.len > NODE_CAP)
				continue;
			memcpy(kept, said.ptr, said.len);
			node = span_of(kept, said.len);
		} while (take_mark(&rest, ';'));
		add_node(chain, node, trusted);
	} while (take_mark(&rest, ','));
	if (rest.len)
		chain->has_client = false;
}

void forwarded_client(const struct http_request *head,
		      const struct config *config, struct net_addr *client)
{
	const char *trusted = config->proxy.trusted;
	bool is_list = !strcmp(config->proxy.header, "x-forwarded-for");
	struct span name =
		is_list ? SPAN("X-Forwarded-For") : SPAN("Forwarded");
	struct forwarded_chain chain = {0};

	if (!strcmp(config->proxy.header, "none"))
		return;
	for (size_t i = 0; i < head->headers_count; i++) {
		if (!span_equal_nocase(head->headers[i].name, name))
			continue;
		if (is_list)
			forwarded_read_list(&chain, head->headers[i].value,
					    trusted);
		else
			forwarded_read_elements(&chain, head->headers[i].value,
						trusted);
	}
	if (chain.has_client)
		*client = chain.client;
}
