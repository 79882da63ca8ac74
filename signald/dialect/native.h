/* native.h: the native dialect: docs/protocol.md over WebSocket. */
#ifndef SIGNALD_DIALECT_NATIVE_H
#define SIGNALD_DIALECT_NATIVE_H

#include "access/access.h"
#include "hub/session.h"
#include "net/web.h"
#include "policy/keyring.h"
#include "policy/kicked.h"
#include "turn/icelist.h"

struct native;

/* What it works with, all borrowed. */
struct native_parts {
	struct loop *loop;
	struct hub *hub;
	/* where the one in force is kept; a reload exchanges it */
	struct icelist *const *icelist;
	const struct keyring *keyring; /* signs resume tokens */
	const struct kicked *kicked;   /* whose tokens are void */
	struct access *access;
	/* Sends a peer away for good, with all it has. Returns 0 or a negative
	 * errno. */
	int (*kick)(struct span id, void *arg);
	void *kick_arg;
};

/* Returns 0 or -ENOMEM. */
int native_new(struct native **nativep, const struct native_parts *parts);

/* Its connections must be gone; takes NULL. */
void native_free(struct native *native);

/* The web_handler of /v1/ws; arg is the struct native. */
web_handler native_handle;

/* Connections, whether in a room or not. */
size_t native_clients_count(const struct native *native);

/* Send every peer a fresh ICE list, as its servers have changed: shortly, and
 * one after the other, so that what else there is to do goes on. */
void native_push_ice(struct native *native);

/* The same with newer resume tokens, as those that are out are void. */
void native_push_tokens(struct native *native);

/* Say go-away to everybody, close them one by one over spread_s seconds with
 * 1012, and take nobody new. */
void native_drain(struct native *native, unsigned spread_s);

#endif
