/* knock.c: CONNECTs of which it is not decided yet who they are of. */
#include <errno.h>
#include <stdlib.h>

#include "base/member.h"
#include "socketio/sio.h"

struct sio_knock {
	struct access_wait wait;
	struct sio_client *client;
	const struct sio_namespace *nsp;
	struct buf auth;
	struct buf query;
	struct sio_knock *next;
};

static void knock_free(struct sio_knock *knock)
{
	access_cancel(&knock->wait);
	buf_wipe(&knock->auth);
	buf_clear(&knock->query);
	free(knock);
}

/* What had none has none again. */
static struct span span_of_buf(const struct buf *buf)
{
	return buf->len ? buf_span(buf) : (struct span){NULL, 0};
}

static void on_ready(struct access_wait *wait)
{
	struct sio_knock *knock = container_of(wait, struct sio_knock, wait);
	struct sio_client *client = knock->client;
	const struct sio_packet packet = {
		.nsp = span_from(knock->nsp->name),
		.data = span_of_buf(&knock->auth),
		.query = span_of_buf(&knock->query),
	};
	struct sio_knock **at = &client->knocks;

	while (*at != knock)
		at = &(*at)->next;
	*at = knock->next;
	client->knocking = wait;
	client_enter(client, knock->nsp, &packet);
	client->knocking = NULL;
	knock_free(knock);
}

int knock_again(struct sio_client *client, const struct sio_namespace *nsp,
		const struct sio_packet *packet,
		const struct access_pending *pending)
{
	struct sio_knock *knock = calloc(1, sizeof(*knock));

	if (!knock)
		return -ENOMEM;
	buf_append_span(&knock->auth, packet->data);
	buf_append_span(&knock->query, packet->query);
	if (knock->auth.failed || knock->query.failed) {
		knock_free(knock);
		return -ENOMEM;
	}
	knock->client = client;
	knock->nsp = nsp;
	knock->wait.on_ready = on_ready;
	knock->next = client->knocks;
	client->knocks = knock;
	access_await(pending, &knock->wait);
	return 0;
}

void knock_forget_all(struct sio_client *client)
{
	while (client->knocks) {
		struct sio_knock *knock = client->knocks;

		client->knocks = knock->next;
		knock_free(knock);
	}
}

bool knock_has(const struct sio_client *client, struct span nsp)
{
	const struct sio_knock *knock = client->knocks;

	while (knock && !span_equal(span_from(knock->nsp->name), nsp))
		knock = knock->next;
	return knock;
}
