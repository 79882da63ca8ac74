/* census.c: who is where, for operators: pages of rooms and of peers. */
#include "hub/census.h"
#include "hub/hub_peer.h"

/* The values of a map that come first behind a key, in order of their keys. */
struct pick {
	const struct census_page *page;
	struct span (*key_of)(const void *value);
	const void **found;
	size_t count;
	bool has_more;
};

static int compare(struct span a, struct span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len ? memcmp(a.ptr, b.ptr, len) : 0;

	if (order)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

static bool is_wanted(const struct census_page *page, struct span key)
{
	if (page->after.len && compare(key, page->after) <= 0)
		return false;
	return !page->containing.len ||
	       memmem(key.ptr, key.len, page->containing.ptr,
		      page->containing.len);
}

/* The first of those found whose key is greater. */
static size_t place_of(const struct pick *pick, struct span key)
{
	size_t low = 0, high = pick->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(pick->key_of(pick->found[middle]), key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void consider(struct pick *pick, const void *value)
{
	struct span key = pick->key_of(value);
	size_t at;

	if (!is_wanted(pick->page, key))
		return;
	at = place_of(pick, key);
	if (pick->count == pick->page->most) {
		pick->has_more = true;
		if (at == pick->count)
			return;
		pick->count--;
	}
	memmove(pick->found + at + 1, pick->found + at,
		(pick->count - at) * sizeof(*pick->found));
	pick->found[at] = value;
	pick->count++;
}

static size_t pick_all(const struct map *map, struct pick *pick, bool *has_more)
{
	const void *value;
	size_t at = 0;

	while ((value = map_next(map, &at)) != NULL)
		consider(pick, value);
	*has_more = pick->has_more;
	return pick->count;
}

static struct span name_of_room(const void *value)
{
	return ((const struct room *)value)->name;
}

static struct span id_of_peer(const void *value)
{
	const struct peer *peer = value;

	return span_of(peer->id, peer->id_len);
}

size_t census_rooms(const struct hub *hub, const struct census_page *page,
		    const struct room **found, bool *has_more)
{
	struct pick pick = {.page = page,
			    .key_of = name_of_room,
			    .found = (const void **)found};

	return pick_all(hub->rooms, &pick, has_more);
}

size_t census_peers(const struct hub *hub, const struct census_page *page,
		    const struct peer **found, bool *has_more)
{
	struct pick pick = {.page = page,
			    .key_of = id_of_peer,
			    .found = (const void **)found};

	return pick_all(hub->peers, &pick, has_more);
}

const struct room *census_room(const struct hub *hub, struct span name)
{
	return map_get(hub->rooms, name);
}

const struct peer *census_peer(const struct hub *hub, struct span id)
{
	return map_get(hub->peers, id);
}

void census_facts(const struct peer *peer, struct census_facts *facts)
{
	const struct hub_peer *about = hub_peer_of(peer);
	const struct session *session = about->session;

	*facts = (struct census_facts){
		.since_s = about->since_s,
		.muted_s = hub_muted_s(peer, ENVELOPE_SIGNAL),
		.has_session = session,
		.kept_messages = session ? session->log.len : 0,
		.kept_bytes = session ? session->log.bytes : 0,
	};
}

uint64_t census_mark(const struct hub *hub)
{
	return hub->last_serial;
}

/* The holes in a list are as many as its members at most. */
static const struct peer *first_of(const struct room_list *list, uint64_t mark)
{
	for (size_t i = 0; i < list->len; i++) {
		const struct peer *peer = list->members[i].peer;

		if (peer && hub_peer_of(peer)->arrival <= mark)
			return peer;
	}
	return NULL;
}

const struct peer *census_next(const struct hub *hub, struct span room,
			       uint64_t mark)
{
	const struct room *found = map_get(hub->rooms, room);
	const struct peer *peer = found ? first_of(&found->cast, mark) : NULL;

	return found && !peer ? first_of(&found->audience, mark) : peer;
}
