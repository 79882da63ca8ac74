/* server_parts.h: the server, for the files that it is made of. */
#ifndef SIGNALD_SERVER_PARTS_H
#define SIGNALD_SERVER_PARTS_H

#include "access/access.h"
#include "admin/admin.h"
#include "admin/key.h"
#include "admin/notices.h"
#include "admin/pages.h"
#include "base/notify.h"
#include "dialect/api.h"
#include "dialect/native.h"
#include "dialect/socketio.h"
#include "net/files.h"
#include "net/front.h"
#include "net/inherited.h"
#include "net/listener.h"
#include "net/proxied.h"
#include "net/redirect.h"
#include "policy/lasting.h"
#include "server.h"
#include "turn/side.h"

#define SERVER_MAX_LISTENERS 16

enum { SERVER_ON_TERM, SERVER_ON_INT, SERVER_ON_HUP, SERVER_SIGNALS_COUNT };

/* In the order in which it is built; server_free() goes backwards. */
struct server {
	struct config *config;
	struct config *first_config; /* of the start: what restart keys mean */
	const struct config_sources *sources;
	struct notify notify;
	uint64_t status_ms; /* when it was last told */
	char status[NOTIFY_MAX_STATUS];
	char refused[CONFIG_MAX_ERROR]; /* why, the last reload; "": not */
	struct loop *loop;
	struct limits *limits;
	struct conn_set *conns;
	struct keyring *keyring;
	struct kicked *kicked;
	struct access *access;
	struct hub *hub;
	struct loop_task tell_due; /* acknowledgements to senders */
	struct side turn;
	uint8_t user_key[LASTING_KEY_BYTES];
	struct relay_admin *relay_admin;
	struct usercred *usercred; /* NULL where credentials need no Redis */
	struct native *native;
	struct socketio *socketio; /* NULL where it has no namespaces */
	struct files *files;	   /* NULL where http.root is empty */
	struct files *scripts; /* NULL where socketio.client_files is empty */
	struct notices *notices;
	struct admin *admin;
	struct api api;
	struct web_route routes[12];
	struct web_route operator_routes[7];
	struct web *web;
	struct web *operator_web;
	struct tls_server *tls; /* NULL where listen.tls is empty */
	struct tunnels *tunnels;
	struct front front;
	struct redirect redirect;
	struct proxied plain_clients;	 /* of listen.address */
	struct proxied tls_clients;	 /* of listen.tls */
	struct proxied redirect_clients; /* of listen.redirect */
	uint64_t cert_seen_ms;
	struct inherited inherited;
	struct listener *listeners[SERVER_MAX_LISTENERS];
	size_t listeners_count;
	struct event *signals[SERVER_SIGNALS_COUNT];
	uint64_t drain_ends_ms;	  /* 0 while serving */
	uint64_t last_answers_ms; /* 0 while it listens */
	bool is_drained;	  /* to its end */
	bool has_key_trouble;	  /* it was logged */
};

/* Log what could not be had, and the value that it was to have, "" for none.
 * Returns err. */
int server_fail(const char *what, const char *value, int err);

/* As the configuration has it, from now on. */
void server_configure_log(const struct config *config);

/* Of the names of users in credentials. */
struct span server_user_key(const struct server *server);

/* Other servers can be offered than before; arg is the server. */
void server_on_pool_change(void *arg);

/* Who answers on which path, for clients and for operators: server_routes.c.
 * All that answers has been built. */
void server_write_routes(struct server *server);
void server_write_operator_routes(struct server *server);

/*
 * Listen on every address of the configuration: server_listen.c.
 *
 * Returns 0 or a negative errno, which is logged.
 */
int server_listen(struct server *server);

/* No more connections are taken. */
void server_end_listening(struct server *server);

/* There is room for a connection again; arg is the server. */
void server_on_conn_freed(void *arg);

/* Take down all that serves; what tunnels need stays. */
void server_end_serving(struct server *server);

/*
 * When a drain has come to its end, and drain.tunnels_s wants it: let another
 * process of ours carry the tunnels on, and end this one, which does not return
 * then. It returns in the other one, when the last has ended or the time is
 * over; and at once where there are none: server_keep.c.
 */
void server_keep_tunnels(struct server *server);

/* What it does while it runs: server_life.c. Signals end it or make it read its
 * configuration again; returns 0 or -ENOMEM. */
int server_catch_signals(struct server *server);

/*
 * What the service manager hears, if there is one: server_notify.c. It is told
 * that it may wait for the end of a drain; and how the server is, every few
 * seconds when that has changed.
 */
void server_open_notify(struct server *server);
void server_tell_ready(struct server *server);
void server_tell_reloading(const struct server *server);
void server_tell_reloaded(struct server *server,
			  const struct admin_reload *result);
void server_tell_draining(struct server *server, unsigned at_most_ms);
void server_tell_alive(struct server *server);

/* What operators have it do; arg is the server: server_life.c. */
extern const struct admin_ops server_admin_ops;

/* What is looked at again and again; arg is the server. */
void server_on_tick(void *arg);

#endif
