/* sio.h: what client.c, socket.c and recover.c share: clients and sockets. */
#ifndef SIGNALD_SOCKETIO_SIO_H
#define SIGNALD_SOCKETIO_SIO_H

#include "base/map.h"
#include "hub/outlog.h"
#include "socketio/attachments.h"
#include "socketio/socket.h"

#define SIO_MAX_NAMESPACES 16
#define SIO_MAX_ROOM_QUERY 128

struct sio_namespace {
	const char *name;
	bool is_recoverable;
	const struct sio_app *app;
	void *arg;
};

struct sio {
	struct loop *loop;
	struct sio_limits limits;
	const struct keyring *keyring; /* signs recovery ids */
	uint64_t began_ms;	       /* wall time */
	struct engine *engine;
	struct sio_namespace namespaces[SIO_MAX_NAMESPACES];
	size_t namespaces_count;
	struct map *by_pid;	  /* sockets of recoverable namespaces */
	struct sio_recovery *cut; /* those cut off, the newest first */
	size_t cut_count;
	bool is_ending;
};

/* An Engine.IO session. */
struct sio_client {
	struct sio *sio;
	struct engine_session *session;
	struct sio_socket *sockets;
	struct attachments *awaited; /* NULL: no packet lacks attachments */
	struct net_addr peer;
	struct shown_kept shown;  /* by its handshake */
	struct sio_knock *knocks; /* CONNECTs that are not decided yet */
	/* Of the one that is looked at again, or NULL. */
	const struct access_wait *knocking;
	bool has_room;
	size_t room_len;
	char room[]; /* ?room= of the handshake */
};

/* An offset: the socket's tag, a dot, a number. A client that comes back as
 * another, or to another life of the server under its old id, must not name a
 * number of its earlier self. */
#define SIO_TAG_LEN 8
#define SIO_OFFSET_CAP 32

/* What a recoverable socket has beside: it outlives its client for a while. */
struct sio_recovery {
	struct sio_socket *socket;
	struct loop_timer window; /* runs while it is cut off */
	struct sio_recovery *prev_cut;
	struct sio_recovery *next_cut;
	bool is_cut;
	enum engine_end end; /* how it was cut off */
	char tag[SIO_TAG_LEN];
	char pid[]; /* the id of its recovery, secret */
};

struct sio_socket {
	struct sio *sio;
	const struct sio_namespace *nsp;
	struct sio_client *client; /* NULL while cut off */
	struct sio_socket *next;   /* of the same client */
	void *owner;
	struct sio_recovery *recovery; /* NULL: not recoverable */
	/* Events by the number that is their offset; kept whole for a recovery,
	 * else only where somebody waits to hear that one has come. */
	struct outlog log;
	uint64_t pinged;   /* what had been sent at the last ping */
	uint64_t awaited;  /* the last one that somebody waits for */
	uint64_t inst;	   /* which memory of its client it is; 0: the only */
	bool has_returned; /* its client has proved an id of before */
	char id[SIO_ID_CAP];
};

/* --- socket.c --- */

/*
 * A new socket, not yet attached to the client.
 *
 * auth  of its CONNECT: it may prove an id of before
 *
 * Returns NULL when memory ran out.
 */
struct sio_socket *socket_new(struct sio_client *client,
			      const struct sio_namespace *nsp,
			      struct span auth);
void socket_free(struct sio_socket *socket);

void socket_attach(struct sio_socket *socket, struct sio_client *client);
void socket_detach(struct sio_socket *socket);

/* Tell the app, and free it. */
void socket_end(struct sio_socket *socket, enum engine_end end);

/* Its client's session has ended: it ends, or waits for its recovery. */
void socket_cut(struct sio_socket *socket, enum engine_end end);

/* A packet that is no event: CONNECT, DISCONNECT, CONNECT_ERROR. */
void client_send(struct sio_client *client, enum sio_type type, const char *nsp,
		 const struct span *data, size_t data_count);

/* The client has been sent "40", with its ids. */
void socket_send_connect(const struct sio_socket *socket);

/* Let it into a namespace, or refuse it. */
void client_enter(struct sio_client *client, const struct sio_namespace *nsp,
		  const struct sio_packet *packet);

/* --- knock.c --- */

/* Do client_enter() again when what it waits for is there. Returns 0 or
 * -ENOMEM. */
int knock_again(struct sio_client *client, const struct sio_namespace *nsp,
		const struct sio_packet *packet,
		const struct access_pending *pending);
void knock_forget_all(struct sio_client *client);

/* One for that namespace waits. */
bool knock_has(const struct sio_client *client, struct span nsp);

/* --- recover.c --- */

/*
 * The id of a socket that a CONNECT's pid proves to have been the client's, on
 * this server's life before.
 *
 * Returns 0, or -EINVAL.
 */
int recovery_read_id(const struct sio *sio, const struct sio_namespace *nsp,
		     struct span auth, char id[SIO_ID_CAP]);

/* NULL when memory ran out. */
struct sio_recovery *recovery_new(struct sio_socket *socket);
void recovery_free(struct sio_recovery *recovery); /* takes NULL */

/* A socket whose session ended so is to be waited for; and wait for it. */
bool recovery_may_wait(const struct sio_socket *socket, enum engine_end end);
void recovery_wait(struct sio_recovery *recovery, enum engine_end end);

/* The offset of an event. Returns its length. */
size_t recovery_write_offset(const struct sio_socket *socket, uint64_t number,
			     char out[SIO_OFFSET_CAP]);

/*
 * Give a client the socket it lost.
 *
 * auth  of its CONNECT: pid, and offset when it ever got an event
 *
 * Returns the socket, which has been sent what it missed; NULL where nothing is
 * to be recovered, or not all of it.
 */
struct sio_socket *socket_recover(struct sio_client *client,
				  const struct sio_namespace *nsp,
				  struct span auth);

#endif
