/* snapshot.c: who is where, and up to which event that is so. */
#include <errno.h>

#include "admin/notices.h"
#include "admin/parts.h"

#define MOST_ROOMS 100
#define MOST_BYTES ((size_t)1 << 20)
#define NAME_CAP 512

struct members {
	struct buf *body;
	bool is_begun;
};

static bool add_peer(const struct peer *peer, void *arg)
{
	struct members *members = arg;

	buf_append_str(members->body, members->is_begun ? "," : "");
	members->is_begun = true;
	notices_write_peer(members->body, peer);
	return true;
}

static void write_room(struct buf *body, const struct room *room)
{
	struct members members = {.body = body};

	buf_append_str(body, "{\"name\":");
	buf_append_json(body, room->name);
	buf_append_str(body, ",\"since\":");
	admin_write_time(body, room->since_s);
	buf_append_str(body, ",\"peers\":[");
	(void)hub_list_room(room, 0, add_peer, &members);
	buf_append_str(body, "]}");
}

/* Numbers that were given count, whether they are on disk yet or not. */
static void write_position(struct buf *body, const struct notices *notices)
{
	uint64_t last;
	const char *stream = notices_stream(notices, &last);

	if (stream)
		buf_append_format(body, "{\"stream\":\"%s\",\"seq\":%llu",
				  stream, (unsigned long long)last);
	else
		buf_append_str(body, "{\"stream\":null,\"seq\":null");
}

/* A room is on one page with all its peers, and a page has one at least. What
 * would make it longer than it may be is taken back. Returns how many it has.
 */
static size_t write_all_that_fit(struct buf *body, const struct room **rooms,
				 size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t before = body->len;

		buf_append_str(body, i ? "," : "");
		write_room(body, rooms[i]);
		if (i && body->len > MOST_BYTES) {
			body->len = before;
			return i;
		}
	}
	return count;
}

static void write_rooms(struct buf *body, const struct hub *hub,
			const struct census_page *page)
{
	const struct room *found[CENSUS_MAX_PAGE];
	bool has_more;
	size_t count = census_rooms(hub, page, found, &has_more);
	size_t written;

	buf_append_str(body, ",\"rooms\":[");
	written = write_all_that_fit(body, found, count);
	buf_append_str(body, "],\"next\":");
	if (has_more || written < count)
		buf_append_json(body, found[written - 1]->name);
	else
		buf_append_str(body, "null");
	buf_append_str(body, "}\n");
}

/* A room with ten thousand peers is more than a connection's output may hold.
 */
static void reply_large(const struct admin_ask *ask, struct buf *body)
{
	struct blob *blob =
		body->failed ? NULL
			     : blob_new((struct span[]){buf_span(body)}, 1);

	buf_clear(body);
	if (!blob) {
		admin_refuse(ask, 503, "out of memory");
		return;
	}
	web_reply(ask->exchange,
		  &(struct web_response){
			  .status = 200,
			  .content_type = "application/json",
			  .file = blob,
			  .headers = "Cache-Control: no-store\r\n"});
	blob_unref(blob);
}

void admin_show_snapshot(const struct admin_ask *ask)
{
	char after[NAME_CAP];
	struct census_page page = {.after = SPAN(""), .containing = SPAN("")};
	uint64_t most = MOST_ROOMS;
	struct buf body = {0};
	int err = http_query_get(ask->request->head->query, SPAN("after"),
				 after, sizeof(after));

	if (err && err != -ENOENT) {
		admin_refuse(ask, 400,
			     "after is at most 511 bytes of UTF-8, "
			     "percent-encoded");
		return;
	}
	if (!admin_read_number(ask, "limit", 1, CENSUS_MAX_PAGE, &most))
		return;
	page.most = most;
	if (!err)
		page.after = span_from(after);
	write_position(&body, ask->admin->parts.notices);
	write_rooms(&body, ask->admin->parts.hub, &page);
	reply_large(ask, &body);
}
