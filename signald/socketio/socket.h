/* socket.h: Socket.IO: clients, their sockets in namespaces, their packets. */
#ifndef SIGNALD_SOCKETIO_SOCKET_H
#define SIGNALD_SOCKETIO_SOCKET_H

#include "access/access.h"
#include "codec/sio.h"
#include "hub/outlog.h"
#include "policy/keyring.h"
#include "socketio/engine.h"

/* All the namespaces that are served on one path. */
struct sio;

/* One client in one namespace; it belongs to this module, and lives until
 * on_end. */
struct sio_socket;

struct sio_limits {
	struct engine_limits engine;
	unsigned connect_timeout_ms;
	unsigned recovery_window_ms;
	struct outlog_limits log; /* kept for one socket */
};

/* What a client said when it asked for a namespace. */
struct sio_connect {
	struct span auth;  /* raw JSON object, {NULL, 0} without one */
	struct span query; /* of the namespace, in protocol 4's packet */
	struct span room;  /* ?room= of the handshake, {NULL, 0} without one;
			   empty when it  could not be read */
	const struct shown_kept *shown; /* by the handshake */
	const struct access_wait *wait; /* that of before, or NULL */
	const struct net_addr *from;
};

/* Why a client may not come: the message of its connect_error, and in its data
 * the code, unless that is NULL. */
struct sio_refusal {
	const char *message;
	const char *code;
	unsigned retry_after_s; /* beside a code; 0: that is not known */
	bool is_pending; /* it is not decided yet: ask again when it is */
	struct access_pending pending;
};

/* An event, or the answer to one of ours. */
struct sio_message {
	const struct sio_packet *packet;
	const struct span *attachments; /* packet->attachments of them */
};

/* What a namespace does with its sockets. */
struct sio_app {
	/*
	 * Returns the socket's owner, or NULL with *refusal.
	 */
	void *(*on_connect)(struct sio_socket *socket,
			    const struct sio_connect *connect,
			    struct sio_refusal *refusal, void *namespace_arg);
	/* May a client that proves to have had this id, on the server's life
	 * before, have it again? */
	bool (*may_return)(struct span id, void *namespace_arg);
	/* The client has been told that it is connected. */
	void (*on_ready)(void *arg);
	void (*on_event)(const struct sio_message *message, void *arg);
	/* The answer to sio_ask(); its id is in the packet. */
	void (*on_ack)(const struct sio_message *message, void *arg);
	/* Its client was cut off, and may come back; it has. */
	void (*on_cut)(void *arg);
	void (*on_recovered)(void *arg);
	/* Over: the client left, or was cut off for good. */
	void (*on_end)(enum engine_end end, void *arg);
};

struct sio_namespace_options {
	const char *name; /* begins with "/"; borrowed */
	bool is_recoverable;
	const struct sio_app *app;
	void *arg;
};

/* Returns 0 or -ENOMEM. keyring is borrowed. */
int sio_new(struct sio **siop, struct loop *loop, const struct keyring *keyring,
	    const struct sio_limits *limits);

/* Its connections must be gone; ends the sockets that are left. Takes NULL. */
void sio_free(struct sio *sio);

void sio_set_limits(struct sio *sio, const struct sio_limits *limits);

/* Returns 0, -EEXIST for a name that is there already, -ENOMEM. */
int sio_add_namespace(struct sio *sio,
		      const struct sio_namespace_options *options);

/* The engine beneath, for its handlers, its count and its drain. */
struct engine *sio_engine(const struct sio *sio);

/* "/chat#" and a session's id are the longest ids. */
#define SIO_ID_CAP (64 + 1 + CRYPTO_ID_LEN + 1)

/* Public: what other clients know the socket by. */
const char *sio_socket_id(const struct sio_socket *socket);

/* Which memory of its client it is: later ones have higher numbers; 0 where the
 * id is of one memory alone. */
uint64_t sio_socket_inst(const struct sio_socket *socket);

/* Where its client connects from, into out; empty while it is cut off. */
void sio_socket_address(const struct sio_socket *socket,
			char out[NET_ADDR_CAP]);

/* The same as it is; NULL while it is cut off. */
const struct net_addr *sio_socket_peer(const struct sio_socket *socket);
/* What it is limited by, and as whom: the network of its client, empty while it
 * is cut off. */
struct limits *sio_socket_limits(const struct sio_socket *socket);
struct span sio_socket_network(const struct sio_socket *socket);

/* What is sent with an event or an answer: a JSON array in pieces, at most
 * SIO_MAX_PARTS, the last of which ends with "]". */
#define SIO_MAX_PARTS 26

struct sio_content {
	const struct span *parts;
	size_t parts_count;
	const struct span *attachments;
	unsigned attachments_count;
	/* Of sio_emit(): who is to hear that it has come; NULL for nobody. */
	const struct receipt *receipt;
};

/*
 * Send an event. In a recoverable namespace it is kept, and sent later to a
 * socket that is cut off; its clients get one argument more, the offset.
 *
 * Returns 0, -EPIPE when its connection is over, -ENOBUFS when the client does
 * not read, or what was kept for it is too much. With 0 the receipt is the
 * socket's: a heartbeat that the client answers settles it.
 */
int sio_emit(struct sio_socket *socket, const struct sio_content *content);

/*
 * Nothing is sent, but the receipt's owner is to hear when all has come that
 * was sent before. Returns 0 with the receipt taken, or as sio_emit().
 */
int sio_await(struct sio_socket *socket, const struct receipt *receipt);

/* Send an event and ask for an answer; it is not kept for a recovery. */
int sio_ask(struct sio_socket *socket, uint64_t id,
	    const struct sio_content *content);

/* Answer an event that had an id. */
int sio_answer(struct sio_socket *socket, uint64_t id,
	       const struct sio_content *content);

/* Tell the client that it is disconnected, and end the socket: on_end is called
 * from here. */
void sio_disconnect(struct sio_socket *socket);

/* One event's bytes can serve all sockets of this namespace. */
bool sio_is_shareable(const struct sio_socket *socket);

/* An event encoded once for many sockets of this socket's namespace; NULL when
 * memory ran out. */
struct blob *sio_encode(const struct sio_socket *socket,
			const struct sio_content *content);
int sio_emit_encoded(struct sio_socket *socket, struct blob *event);

#endif
