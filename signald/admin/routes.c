/* routes.c: the methods and paths of the admin API. */
#include "admin/parts.h"

/* Of those that a path fits, the first: longer ones come before. */
const struct admin_route admin_routes[] = {
	{HTTP_GET, "status", admin_show_status},
	{HTTP_GET, "rooms", admin_list_rooms},
	{HTTP_GET, "rooms/{room}", admin_show_room},
	{HTTP_DELETE, "rooms/{room}", admin_close_room},
	{HTTP_GET, "peers", admin_list_peers},
	{HTTP_POST, "peers/{id}/mute", admin_mute_peer},
	{HTTP_GET, "peers/{id}", admin_show_peer},
	{HTTP_DELETE, "peers/{id}", admin_kick_peer},
	{HTTP_GET, "limits", admin_show_limits},
	{HTTP_GET, "pool", admin_show_pool},
	{HTTP_POST, "pool/{server}/drain", admin_drain_server},
	{HTTP_DELETE, "pool/{server}/drain", admin_restore_server},
	{HTTP_GET, "events", admin_stream_events},
	{HTTP_GET, "snapshot", admin_show_snapshot},
	{HTTP_POST, "drain", admin_drain},
	{HTTP_POST, "reload", admin_reload},
	{HTTP_POST, "rotate/{what}", admin_rotate},
	{HTTP_GET, "openapi.json", admin_show_document},
	{.path = NULL},
};
