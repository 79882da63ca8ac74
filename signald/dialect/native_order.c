/* native_order.c: what clients say waits here for a credential of theirs. */
#include <stdlib.h>

#include "base/member.h"
#include "dialect/native_client.h"

static void order_free(struct native_order *order)
{
	if (!order)
		return;
	usercred_cancel(&order->grant);
	buf_wipe(&order->text);
	crypto_wipe(&order->grant.cred, sizeof(order->grant.cred));
	free(order);
}

/* NULL where there is nothing to wait for. */
static struct native_order *
order_new(struct native_client *client, const struct icelist_ask *ask,
	  void (*on_done)(struct usercred_grant *grant))
{
	struct icelist *icelist = *client->native->parts.icelist;
	struct native_order *order;

	if (!icelist_wants_credential(icelist))
		return NULL;
	order = calloc(1, sizeof(*order));
	if (!order)
		return NULL;
	order->client = client;
	order->grant.on_done = on_done;
	if (!span_copy(ask->subject, order->id, sizeof(order->id)) &&
	    icelist_begin(icelist, ask, &order->grant))
		return order;
	order_free(order);
	return NULL;
}

static const struct turncred *result(const struct native_order *order)
{
	return order->grant.err ? NULL : &order->grant.cred;
}

/* --- what was said --- */

static void take_again(struct usercred_grant *grant)
{
	struct native_order *order =
		container_of(grant, struct native_order, grant);
	struct native_client *client = order->client;

	/* It may have been closed while it waited, by a deadline or a drain. */
	if (wsconn_is_open(client->ws))
		native_take_text(client, buf_span(&order->text));
	client->order = NULL;
	order_free(order);
	wsconn_resume(client->ws);
}

bool native_has_credential(struct native_client *client,
			   const struct icelist_ask *ask)
{
	if (client->order)
		return true;
	client->order = order_new(client, ask, take_again);
	if (!client->order)
		return true;
	buf_append_span(&client->order->text, client->native->text);
	if (client->order->text.failed) {
		order_free(client->order);
		client->order = NULL;
		return true;
	}
	wsconn_pause(client->ws);
	return false;
}

const struct turncred *native_credential(const struct native_client *client)
{
	return client->order ? result(client->order) : NULL;
}

const char *native_ordered_id(const struct native_client *client)
{
	return client->order ? client->order->id : NULL;
}

/* --- what nobody asked for --- */

static void renew(struct usercred_grant *grant)
{
	struct native_order *order =
		container_of(grant, struct native_order, grant);
	struct native_client *client = order->client;

	client->push = NULL;
	/* It may have left, and be another peer by now. */
	if (client->peer && !strcmp(client->peer->id, order->id))
		native_write_renewed(client, result(order));
	order_free(order);
}

bool native_order_renewal(struct native_client *client,
			  const struct icelist_ask *ask)
{
	if (!client->push)
		client->push = order_new(client, ask, renew);
	return client->push;
}

void native_forget_orders(struct native_client *client)
{
	order_free(client->order);
	order_free(client->push);
	client->order = NULL;
	client->push = NULL;
}
