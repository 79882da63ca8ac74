/* conn_account.c: by whose account a connection is there. */
#include <errno.h>

#include "net/conn_parts.h"
#include "policy/network.h"

static struct limits *limits_of(const struct conn *conn)
{
	return conn->set->loop->limits;
}

struct span conn_network(const struct conn *conn)
{
	return net_addr_network(&conn->peer);
}

bool conn_is_proxy(const struct conn *conn)
{
	const char *trusted = conn->set->loop->config->proxy.trusted;

	return *trusted &&
	       network_list_has(trusted, conn->peer.is_v6, conn->peer.ip);
}

void conn_leave_seat(struct conn *conn)
{
	if (conn->seat == CONN_SEAT)
		limit_leave(limits_of(conn), conn_network(conn));
	else if (conn->seat == CONN_RETURNED_SEAT)
		limit_leave_returned(limits_of(conn), conn_network(conn));
	conn->seat = CONN_NO_SEAT;
}

static int take_seat(struct conn *conn)
{
	int err = limit_enter(limits_of(conn), conn_network(conn));

	if (!err)
		conn->seat = CONN_SEAT;
	return err;
}

bool conn_admit(struct conn *conn)
{
	if (conn_is_proxy(conn))
		return true;
	/* Without an answer: to write one, it would have to be read first. */
	if (take_seat(conn))
		conn_close(conn, "too many connections of one address");
	else if (limit_take(limits_of(conn), LIMIT_CONNECTIONS,
			    conn_network(conn)))
		conn_close(conn, "connections of one address too fast");
	return conn->state == CONN_OPEN;
}

bool conn_admit_as(struct conn *conn, const struct net_addr *client)
{
	conn->peer = *client;
	return conn_admit(conn);
}

int conn_be_of(struct conn *conn, const struct net_addr *client)
{
	const struct net_addr before = conn->peer;

	if (conn->seat != CONN_NO_SEAT || net_addr_is_same(client, &before))
		return 0;
	conn->peer = *client;
	if (!take_seat(conn))
		return 0;
	conn->peer = before;
	return -EBUSY;
}

void conn_vouch(struct conn *conn)
{
	struct limits *limits = limits_of(conn);
	struct span network = conn_network(conn);

	if (conn->is_vouched)
		return;
	conn->is_vouched = true;
	limit_give(limits, LIMIT_REQUESTS, network);
	limit_give(limits, LIMIT_HANDSHAKES, network);
	if (conn->seat != CONN_SEAT)
		return;
	limit_give(limits, LIMIT_CONNECTIONS, network);
	if (!limit_enter_returned(limits, network)) {
		limit_leave(limits, network);
		conn->seat = CONN_RETURNED_SEAT;
	}
}
