/* cli.h: a connection to one coturn's telnet administration, kept up. */
#ifndef SIGNALD_TURN_CLI_H
#define SIGNALD_TURN_CLI_H

#include <errno.h>

#include "codec/coturncli.h"
#include "net/addr.h"
#include "net/loop.h"

struct cli;

/* What its owner hears; none of them may free the cli. */
struct cli_handlers {
	void (*on_ready)(void *arg); /* logged in: it may be asked */
	/* part of the answer; the item's username lives for the call */
	void (*on_item)(const struct coturncli_item *item, void *arg);
	void (*on_answered)(void *arg); /* it may be asked the next thing */
	/* Not reached, or not any more: what was asked is lost. It is tried
	 * again until it is ready. */
	void (*on_lost)(int err, void *arg);
};

/* What err may be beside what the network gives; -ETIMEDOUT is of either. */
#define CLI_REFUSED (-EACCES) /* the password is wrong */
#define CLI_CLOSED (-EPIPE)   /* coturn hung up */
#define CLI_STRANGE (-EPROTO) /* not what coturn says */

/*
 * Begin to connect; nothing is called before the loop runs.
 *
 * password  copied
 * handlers  borrowed
 *
 * Returns 0 or -ENOMEM.
 */
int cli_new(struct cli **clip, struct loop *loop, const struct net_addr *addr,
	    const char *password, const struct cli_handlers *handlers,
	    void *arg);

/* Hangs up; takes NULL. */
void cli_free(struct cli *cli);

/* It is logged in, and nothing is asked. */
bool cli_is_ready(const struct cli *cli);

/*
 * Ask one thing. Only when it is ready.
 *
 * command  at most 128 bytes, without a newline
 */
void cli_ask(struct cli *cli, const char *command);

#endif
