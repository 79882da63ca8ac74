/* ask.c: acknowledgements that go through to the peer they are asked of. */
#include <errno.h>
#include <stdlib.h>

#include "dialect/visitor.h"

/* Questions that may be open with one visitor; the oldest makes way. */
#define MAX_ASKS 1024

static void drop_oldest(struct visitor *visitor)
{
	struct ask **at = &visitor->asks;

	while ((*at)->next)
		at = &(*at)->next;
	free(*at);
	*at = NULL;
	visitor->asks_count--;
}

int visitor_ask(struct visitor *visitor, const struct events_message *message)
{
	struct ask *ask = calloc(1, sizeof(*ask));
	int err;

	if (!ask)
		return -ENOMEM;
	ask->id = visitor->last_ask;
	err = sio_ask(visitor->socket, ask->id, &message->content);
	if (err) {
		free(ask);
		return err;
	}
	visitor->last_ask++;
	ask->asker_id = message->asker_id;
	(void)span_copy(span_from(sio_socket_id(message->asker->socket)),
			ask->asker, sizeof(ask->asker));
	if (visitor->asks_count == MAX_ASKS)
		drop_oldest(visitor);
	ask->next = visitor->asks;
	visitor->asks = ask;
	visitor->asks_count++;
	*message->is_asked = true;
	return 0;
}

static struct ask *take_ask(struct visitor *visitor, uint64_t id)
{
	for (struct ask **at = &visitor->asks; *at; at = &(*at)->next) {
		struct ask *ask = *at;

		if (ask->id != id)
			continue;
		*at = ask->next;
		visitor->asks_count--;
		return ask;
	}
	return NULL;
}

void visitor_take_answer(struct visitor *visitor,
			 const struct sio_message *message)
{
	const struct sio_packet *packet = message->packet;
	struct ask *ask = take_ask(visitor, packet->id);
	struct visitor *asker;

	if (!ask)
		return; /* nobody asked, or too long ago */
	asker = map_get(visitor->space->events->visitors,
			span_from(ask->asker));
	if (asker)
		(void)sio_answer(
			asker->socket, ask->asker_id,
			&(struct sio_content){
				.parts = &packet->data,
				.parts_count = 1,
				.attachments = message->attachments,
				.attachments_count = packet->attachments,
			});
	free(ask);
}

void visitor_forget_asks(struct visitor *visitor)
{
	while (visitor->asks) {
		struct ask *ask = visitor->asks;

		visitor->asks = ask->next;
		free(ask);
	}
}
