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

/* The next in the chain, farther from us than those before. */
static void add_node(struct forwarded_chain *chain, struct span text,
		     const char *trusted)
{
	struct net_addr addr;

	if (read_node(text, &addr)) {
		chain->is_over = true;
		return;
	}
	chain->client = addr;
	chain->has_client = true;
	chain->is_over = !network_list_has(trusted, addr.is_v6, addr.ip);
}

/* One that begins or ends a quoted string: an even number of backslashes stands
 * before it. */
static bool is_quote(struct span text, size_t at)
{
	size_t before = at;

	if (text.ptr[at] != '"')
		return false;
	while (before && text.ptr[before - 1] == '\\')
		before--;
	return (at - before) % 2 == 0;
}

/* The item behind the last comma; *rest ends before that. Only a comma outside
 * of quotes counts where they are asked for. Returns false where there is none
 * left. */
static bool take_last(struct span *rest, bool has_quotes, struct span *item)
{
	bool is_quoted = false;
	size_t at = rest->len;

	if (!rest->ptr)
		return false;
	while (at && (is_quoted || rest->ptr[at - 1] != ',')) {
		at--;
		if (has_quotes && is_quote(*rest, at))
			is_quoted = !is_quoted;
	}
	*item = span_trim(span_skip(*rest, at));
	*rest = at ? span_of(rest->ptr, at - 1) : (struct span){NULL, 0};
	return true;
}

void forwarded_read_list(struct forwarded_chain *chain, struct span value,
			 const char *trusted)
{
	struct span rest = value, item;

	while (!chain->is_over && take_last(&rest, false, &item))
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

/* Its node, kept in space; NULL where there is none, or nobody can tell what
 * stands where. */
static struct span read_element(struct span element, char space[NODE_CAP])
{
	struct span node = {NULL, 0}, name, said;
	char text[NODE_CAP];

	do {
		if (!take_pair(&element, text, &name, &said))
			return (struct span){NULL, 0};
		if (!span_equal_nocase(name, SPAN("for")) ||
		    said.len > NODE_CAP)
			continue;
		memcpy(space, said.ptr, said.len);
		node = span_of(space, said.len);
	} while (take_mark(&element, ';'));
	return element.len ? (struct span){NULL, 0} : node;
}

/*
 * From the right, for what stands at the left is the client's own: a quote that
 * it leaves open must not take what its proxy has put down behind it.
 */
void forwarded_read_elements(struct forwarded_chain *chain, struct span value,
			     const char *trusted)
{
	struct span rest = value, element;
	char space[NODE_CAP];

	while (!chain->is_over && take_last(&rest, true, &element))
		add_node(chain, read_element(element, space), trusted);
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
	for (size_t i = head->headers_count; i-- > 0;) {
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
