/* parts.h: what the files of the admin API share. */
#ifndef SIGNALD_ADMIN_PARTS_H
#define SIGNALD_ADMIN_PARTS_H

#include "admin/admin.h"
#include "admin/key.h"
#include "hub/census.h"

struct admin {
	struct admin_parts parts;
	struct admin_key key;
	struct admin_events *events;
	struct admin_closing *closings; /* rooms being closed */
	uint64_t started_at_s;		/* Unix time */
};

/* A request whose key was right. */
struct admin_ask {
	struct admin *admin;
	struct web_exchange *exchange;
	const struct web_request *request;
	struct span name; /* of {…} in its path, decoded */
};

typedef void admin_handler(const struct admin_ask *ask);

struct admin_route {
	enum http_method method;
	const char *path; /* behind ADMIN_PREFIX, as in docs/openapi.json */
	admin_handler *handle;
};

/* Ended by a row whose path is NULL: routes.c. */
extern const struct admin_route admin_routes[];

/* Answer with JSON from a buffer, which is cleared. */
void admin_reply(const struct admin_ask *ask, int status, struct buf *body);
void admin_reply_nothing(const struct admin_ask *ask); /* 204 */
void admin_refuse(const struct admin_ask *ask, int status, const char *detail);

/* A whole number in the query; *value stays where there is none. Returns false
 * after an answer. */
bool admin_read_number(const struct admin_ask *ask, const char *name,
		       uint64_t least, uint64_t most, uint64_t *value);

/* One more member of an object; null for a span without a pointer. */
void admin_write_text(struct buf *out, const char *name, struct span text);

/* A time in quotes. */
void admin_write_time(struct buf *out, uint64_t wall_s);

/* --- show.c --- */
admin_handler admin_list_rooms;
admin_handler admin_show_room;
admin_handler admin_list_peers;
admin_handler admin_show_peer;
admin_handler admin_show_status;
admin_handler admin_show_limits;
admin_handler admin_show_pool;
admin_handler admin_show_document;

/* --- snapshot.c --- */
admin_handler admin_show_snapshot;

/* --- acts.c --- */
admin_handler admin_kick_peer;
admin_handler admin_mute_peer;
admin_handler admin_drain;
admin_handler admin_reload;
admin_handler admin_drain_server;
admin_handler admin_restore_server;

/* --- rotate.c --- */
admin_handler admin_rotate;

/* --- events.c --- */

/* From now on it hears of what is logged. Returns 0 or -ENOMEM. */
int admin_events_new(struct admin_events **eventsp, struct loop *loop);

/* Its readers must be gone; takes NULL. */
void admin_events_free(struct admin_events *events);
void admin_events_tick(struct admin_events *events);
admin_handler admin_stream_events;

/* --- close.c --- */
admin_handler admin_close_room;
void admin_forget_closings(struct admin *admin);

#endif
