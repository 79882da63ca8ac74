/* shown.c: what clients show of who they are: with a request, and in messages.
 */
#include <errno.h>
#include <stdlib.h>

#include "access/shown.h"
#include "codec/json.h"

#define BEARER "bearer."

/* As far as it is told on: browsers send less than that. */
#define MAX_TOLD 512

struct shown_bytes {
	struct span credential;
	struct span origin;
	struct span user_agent;
	size_t len;
	char bytes[];
};

static void show(struct shown *shown, struct span credential)
{
	shown->is_too_long = credential.len > SHOWN_MAX_CREDENTIAL;
	shown->credential =
		shown->is_too_long ? (struct span){NULL, 0} : credential;
}

/* --- with a request --- */

/* Browsers can set no header of a WebSocket but this one. */
static struct span read_subprotocol(const struct http_request *head)
{
	for (size_t i = 0; i < head->headers_count; i++) {
		struct span rest = head->headers[i].value;
		struct span item;

		if (!span_equal_nocase(head->headers[i].name,
				       SPAN("Sec-WebSocket-Protocol")))
			continue;
		while (span_next_item(&rest, ',', &item))
			if (span_has_prefix(item, SPAN(BEARER)))
				return span_skip(item, sizeof(BEARER) - 1);
	}
	return (struct span){NULL, 0};
}

static struct span read_credential(const struct web_request *request,
				   char space[TICKET_LEN + 1])
{
	struct span shown = http_bearer(request->head);
	int err;

	if (!shown.ptr)
		shown = read_subprotocol(request->head);
	if (shown.ptr)
		return shown;
	err = http_query_get(request->head->query, SPAN("ticket"), space,
			     TICKET_LEN + 1);
	if (err == -ENOENT)
		return shown;
	/* Keys and tokens, which are good for longer, do not belong into
	 * addresses, which are written down everywhere. */
	if (err ||
	    strncmp(space, TICKET_PREFIX, sizeof(TICKET_PREFIX) - 1) != 0)
		return SPAN(TICKET_PREFIX);
	return span_from(space);
}

static struct span header_of(const struct web_request *request,
			     struct span name)
{
	const struct http_header *header = http_find(request->head, name);

	if (!header)
		return (struct span){NULL, 0};
	return span_of(header->value.ptr, header->value.len > MAX_TOLD
						  ? MAX_TOLD
						  : header->value.len);
}

void shown_read(struct shown *shown, const struct web_request *request,
		char space[TICKET_LEN + 1])
{
	show(shown, read_credential(request, space));
	shown->origin = header_of(request, SPAN("Origin"));
	shown->user_agent = header_of(request, SPAN("User-Agent"));
	shown->page = web_judge_page(request);
}

/* --- for later --- */

static struct span keep_span(struct shown_bytes *bytes, struct span from)
{
	struct span kept = {NULL, 0};

	if (!from.ptr)
		return kept;
	kept = span_of(bytes->bytes + bytes->len, from.len);
	if (from.len)
		memcpy(bytes->bytes + bytes->len, from.ptr, from.len);
	bytes->len += from.len;
	return kept;
}

void shown_keep(struct shown_kept *kept, const struct config *config,
		const struct web_request *request)
{
	const struct span none = {NULL, 0};
	char space[TICKET_LEN + 1];
	struct shown_bytes *bytes;
	struct shown shown;

	shown_read(&shown, request, space);
	*kept = (struct shown_kept){.page = shown.page,
				    .is_too_long = shown.is_too_long};
	if (config_mode(config) != MODE_WEBHOOK) {
		shown.origin = none;
		shown.user_agent = none;
	}
	if (!shown.credential.ptr && !shown.origin.ptr && !shown.user_agent.ptr)
		return;
	bytes = calloc(1, sizeof(*bytes) + shown.credential.len +
				  shown.origin.len + shown.user_agent.len);
	if (!bytes)
		return;
	bytes->credential = keep_span(bytes, shown.credential);
	bytes->origin = keep_span(bytes, shown.origin);
	bytes->user_agent = keep_span(bytes, shown.user_agent);
	kept->bytes = bytes;
}

void shown_forget(struct shown_kept *kept)
{
	if (kept->bytes)
		crypto_wipe(kept->bytes->bytes, kept->bytes->len);
	free(kept->bytes);
	kept->bytes = NULL;
}

void shown_recall(struct shown *shown, const struct shown_kept *kept)
{
	*shown = (struct shown){.page = kept->page,
				.is_too_long = kept->is_too_long};
	if (!kept->bytes)
		return;
	shown->credential = kept->bytes->credential;
	shown->origin = kept->bytes->origin;
	shown->user_agent = kept->bytes->user_agent;
}

/* --- in a message --- */

void shown_tell(struct shown *shown, struct span auth,
		char space[SHOWN_MAX_CREDENTIAL + 1])
{
	const struct span name = SPAN("token");
	struct span told = auth;
	int err;

	if (!auth.ptr || (json_type_of(auth) == JSON_TYPE_OBJECT &&
			  json_pick(auth, &name, 1, &told)))
		return;
	err = json_read_string(told, space, SHOWN_MAX_CREDENTIAL + 1, &told);
	/* -ENOSPC: told is what it was, with its escapes, and longer still. */
	if (!err || err == -ENOSPC)
		show(shown, told);
}
