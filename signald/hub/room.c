/* room.c: the peers of one room, in the order in which they came. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "hub/room.h"

#define MIN_CAP 4
/* Fewer holes are not worth closing. */
#define MIN_HOLES 16

struct room *room_new(struct span name)
{
	struct room *room = calloc(1, sizeof(*room) + name.len);

	if (!room)
		return NULL;
	memcpy(room + 1, name.ptr, name.len);
	room->name = span_of(room + 1, name.len);
	return room;
}

void room_free(struct room *room)
{
	if (!room)
		return;
	free(room->cast.members);
	free(room->audience.members);
	free(room);
}

struct room_list *room_list_of(struct room *room, enum hub_role role)
{
	return role == ROLE_WATCHER ? &room->audience : &room->cast;
}

static int grow(struct room_list *list)
{
	size_t cap = list->cap ? list->cap * 2 : MIN_CAP;
	struct room_member *members =
		reallocarray(list->members, cap, sizeof(*members));

	if (!members)
		return -ENOMEM;
	list->members = members;
	list->cap = cap;
	return 0;
}

int room_reserve(struct room *room, enum hub_role role, size_t places)
{
	struct room_list *list = room_list_of(room, role);

	while (list->cap - list->len < places)
		if (grow(list))
			return -ENOMEM;
	return 0;
}

void room_add(struct room *room, struct peer *peer)
{
	struct room_list *list = room_list_of(room, peer->role);

	assert(list->len < list->cap);
	peer->room = room;
	peer->seq = ++room->last_seq;
	list->members[list->len++] = (struct room_member){peer->seq, peer};
	list->count++;
	if (peer->role == ROLE_BROADCASTER)
		room->broadcasters_count++;
}

size_t room_list_after(const struct room_list *list, uint64_t seq)
{
	size_t low = 0, high = list->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list->members[middle].seq <= seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void close_holes(struct room_list *list)
{
	size_t len = 0;

	for (size_t i = 0; i < list->len; i++)
		if (list->members[i].peer)
			list->members[len++] = list->members[i];
	list->len = len;
}

void room_remove(struct room *room, struct peer *peer)
{
	struct room_list *list = room_list_of(room, peer->role);

	list->members[room_list_after(list, peer->seq) - 1].peer = NULL;
	list->count--;
	if (list->len - list->count > list->count + MIN_HOLES)
		close_holes(list);
	if (peer->role == ROLE_BROADCASTER)
		room->broadcasters_count--;
}
