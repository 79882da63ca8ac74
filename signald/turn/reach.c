/* reach.c: tries whether a TURN server relays to where nobody is let in. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/member.h"
#include "policy/forbidden.h"
#include "turn/dialog.h"
#include "turn/reach.h"

#define MAX_FORBIDDEN 48
#define PEER_PORT 9 /* discard: what is let in all the same harms nobody */
#define TRAP_WAIT_MS 200
#define TRAP_TRIES 20
#define TRAP_FIRST_PORT 2048 /* of a random choice below the relay ports */
#define MARK_LEN 16

enum stage { STAGE_ALLOCATE, STAGE_FORBIDDEN, STAGE_OWN, STAGE_RELEASE };

struct reach {
	struct loop *loop;
	void (*on_done)(const struct reach_result *result, void *arg);
	void *arg;
	struct reach_target target;
	struct dialog dialog;
	struct loop_timer deadline;
	struct loop_timer trap_wait;
	struct loop_task done;
	struct reach_result result;
	enum stage stage;
	struct sockaddr_storage peers[MAX_FORBIDDEN];
	size_t peers_count;
	size_t next; /* of the peers, then of target.own */

	/* A socket that nothing may reach. */
	struct event *trap;
	int trap_fd; /* -1: none is set */
	struct sockaddr_storage trap_addr;
	uint8_t mark[MARK_LEN];
};

/* --- how it ends --- */

static void close_trap(struct reach *reach)
{
	loop_timer_stop(&reach->trap_wait);
	if (reach->trap)
		event_free(reach->trap);
	if (reach->trap_fd >= 0)
		(void)close(reach->trap_fd);
	reach->trap = NULL;
	reach->trap_fd = -1;
}

static void finish(struct reach *reach)
{
	close_trap(reach);
	loop_timer_stop(&reach->deadline);
	dialog_close(&reach->dialog);
	loop_defer(reach->loop, &reach->done);
}

static void done_run(struct loop_task *task)
{
	struct reach *reach = container_of(task, struct reach, done);

	/* It may free it. */
	reach->on_done(&reach->result, reach->arg);
}

/* It ends without a verdict, for the reason noted; one that stands stays. */
static void give_up(struct reach *reach)
{
	if (reach->result.verdict == REACH_UNKNOWN)
		(void)snprintf(reach->result.reason,
			       sizeof(reach->result.reason), "%s",
			       reach->dialog.reason);
	finish(reach);
}

static void deadline_fire(struct loop_timer *timer)
{
	struct reach *reach = container_of(timer, struct reach, deadline);

	dialog_note(&reach->dialog, "no answer to %s within %g s",
		    reach->dialog.doing, reach->target.timeout_ms / 1000.0);
	give_up(reach);
}

static void on_failure(void *arg)
{
	give_up(arg);
}

static void release(struct reach *reach)
{
	close_trap(reach);
	reach->stage = STAGE_RELEASE;
	dialog_request(&reach->dialog,
		       &(struct dialog_request){.method = TURN_REFRESH});
}

/* --- what is tried --- */

static void add_peer(struct reach *reach, const struct sockaddr *addr,
		     socklen_t len)
{
	if (addr->sa_family != reach->target.relay_family ||
	    reach->peers_count == MAX_FORBIDDEN)
		return;
	memcpy(&reach->peers[reach->peers_count++], addr, len);
}

static void add_text(struct reach *reach, const char *text)
{
	struct sockaddr_storage peer;
	struct net_addr addr;
	socklen_t len;

	if (net_addr_parse_ip(span_from(text), &addr))
		return;
	addr.port = PEER_PORT;
	len = net_addr_to(&addr, &peer);
	add_peer(reach, (const struct sockaddr *)&peer, len);
}

static bool is_own(const struct reach *reach, const struct net_addr *addr)
{
	for (size_t i = 0; i < reach->target.own_count; i++) {
		if (net_addr_is_same_ip(&reach->target.own[i], addr))
			return true;
	}
	return false;
}

/* 10/8, 172.16/12, 192.168/16, 100.64/10, 169.254/16; fc00::/7, fe80::/10. */
static bool is_private(const struct net_addr *addr)
{
	const uint8_t *ip = addr->ip;

	if (addr->is_v6)
		return (ip[0] & 0xfe) == 0xfc ||
		       (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80);
	return ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
	       (ip[0] == 192 && ip[1] == 168) ||
	       (ip[0] == 100 && (ip[1] & 0xc0) == 64) ||
	       (ip[0] == 169 && ip[1] == 254);
}

static void add_host(struct reach *reach)
{
	struct ifaddrs *all, *each;

	if (getifaddrs(&all))
		return;
	for (each = all; each; each = each->ifa_next) {
		struct net_addr addr;
		struct sockaddr_storage bare;
		int family = each->ifa_addr ? each->ifa_addr->sa_family : 0;

		if (family != AF_INET && family != AF_INET6)
			continue;
		net_addr_from(&addr, each->ifa_addr);
		addr.port = PEER_PORT;
		if (is_private(&addr))
			add_peer(reach, (struct sockaddr *)&bare,
				 net_addr_to(&addr, &bare));
	}
	freeifaddrs(all);
}

static void list_peers(struct reach *reach)
{
	/* The whole list of ranges is a matter of turnconf's tests. */
	for (size_t i = 0; i < forbidden_peers_count; i++)
		add_text(reach, forbidden_peers[i]);
	add_host(reach);
}

/* --- services of this host behind the relay's own address --- */

static void try_next_own(struct reach *reach);

static void trap_cb(evutil_socket_t fd, short what, void *arg)
{
	struct reach *reach = arg;
	uint8_t got[MARK_LEN];
	struct net_addr addr;

	(void)what;
	loop_enter(reach->loop);
	if (recv(fd, got, sizeof(got), 0) != sizeof(got) ||
	    memcmp(got, reach->mark, sizeof(got)) != 0)
		return;
	reach->result.is_exposed = true;
	net_addr_from(&addr, (struct sockaddr *)&reach->trap_addr);
	net_addr_format(&addr, reach->result.exposed);
	release(reach);
}

/* What was tried is done with: nothing fell into the trap. */
static void leave_own(struct reach *reach)
{
	close_trap(reach);
	try_next_own(reach);
}

static void trap_wait_fire(struct loop_timer *timer)
{
	leave_own(container_of(timer, struct reach, trap_wait));
}

/* A port that is none of the relay's; 0 when there is no room for one. */
static uint16_t random_port(const struct reach *reach)
{
	unsigned below = reach->target.first_relay_port;
	uint16_t number;

	if (below <= TRAP_FIRST_PORT)
		return 0;
	crypto_random((uint8_t *)&number, sizeof(number));
	return (uint16_t)(TRAP_FIRST_PORT + number % (below - TRAP_FIRST_PORT));
}

/* Returns 0, -EADDRNOTAVAIL when the address is none of this host. */
static int open_trap(struct reach *reach, struct net_addr addr)
{
	int fd = socket(addr.is_v6 ? AF_INET6 : AF_INET,
			SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err = -EADDRNOTAVAIL;

	if (fd < 0)
		return -errno;
	for (int i = 0; i < TRAP_TRIES; i++) {
		socklen_t len;

		addr.port = random_port(reach);
		len = net_addr_to(&addr, &reach->trap_addr);
		if (!addr.port)
			break;
		err = bind(fd, (struct sockaddr *)&reach->trap_addr, len)
			      ? -errno
			      : 0;
		if (err != -EADDRINUSE)
			break;
	}
	if (!err) {
		reach->trap = event_new(reach->loop->base, fd,
					EV_READ | EV_PERSIST, trap_cb, reach);
		if (!reach->trap || event_add(reach->trap, NULL))
			err = -ENOMEM;
	}
	if (err)
		(void)close(fd);
	else
		reach->trap_fd = fd;
	return err;
}

static void try_next_own(struct reach *reach)
{
	reach->stage = STAGE_OWN;
	while (reach->next < reach->target.own_count) {
		const struct net_addr *own = &reach->target.own[reach->next++];
		int family = own->is_v6 ? AF_INET6 : AF_INET;

		if (family != reach->target.relay_family ||
		    open_trap(reach, *own))
			continue;
		dialog_request(&reach->dialog,
			       &(struct dialog_request){
				       .method = TURN_CREATE_PERMISSION,
				       .peer = &reach->trap_addr});
		return;
	}
	release(reach);
}

static void spring_trap(struct reach *reach)
{
	crypto_random(reach->mark, sizeof(reach->mark));
	if (dialog_send(&reach->dialog, &reach->trap_addr,
			span_of(reach->mark, sizeof(reach->mark))))
		return;
	loop_timer_start(reach->loop, &reach->trap_wait,
			 reach->loop->clock.mono_ms + TRAP_WAIT_MS);
}

/* --- its steps --- */

/* What coturn lets in by itself, or has to: its relay's own addresses. */
static void skip_own(struct reach *reach)
{
	struct net_addr addr;

	while (reach->next < reach->peers_count) {
		net_addr_from(&addr,
			      (struct sockaddr *)&reach->peers[reach->next]);
		if (!is_own(reach, &addr))
			return;
		reach->next++;
	}
}

static void try_next_peer(struct reach *reach)
{
	skip_own(reach);
	if (reach->next == reach->peers_count) {
		if (reach->result.verdict == REACH_UNKNOWN)
			reach->result.verdict = REACH_SAFE;
		reach->next = 0;
		try_next_own(reach);
		return;
	}
	reach->stage = STAGE_FORBIDDEN;
	dialog_request(
		&reach->dialog,
		&(struct dialog_request){.method = TURN_CREATE_PERMISSION,
					 .peer = &reach->peers[reach->next]});
}

static void note_let_in(struct reach *reach)
{
	const struct sockaddr_storage *peer = &reach->peers[reach->next];
	char ip[INET6_ADDRSTRLEN] = "";
	const void *bytes =
		peer->ss_family == AF_INET
			? (const void *)&((const struct sockaddr_in *)peer)
				  ->sin_addr
			: (const void *)&((const struct sockaddr_in6 *)peer)
				  ->sin6_addr;

	(void)inet_ntop(peer->ss_family, bytes, ip, sizeof(ip));
	reach->result.verdict = REACH_UNSAFE;
	(void)snprintf(reach->result.reason, sizeof(reach->result.reason),
		       "it relays to %s, which it must refuse (403): turnconf "
		       "generate writes the denied-peer-ip lines",
		       ip);
}

/* The address it relays from is its own, wherever that was written down. */
static void add_relayed(struct reach *reach, const struct stun_message *message)
{
	struct net_addr *own = &reach->target.own[reach->target.own_count];
	struct sockaddr_storage relayed;

	if (reach->target.own_count == REACH_MAX_OWN ||
	    stun_find_xor_address(message, TURN_XOR_RELAYED_ADDRESS, &relayed))
		return;
	net_addr_from(own, (struct sockaddr *)&relayed);
	own->port = 0;
	if (!is_own(reach, own))
		reach->target.own_count++;
}

static void take_allocation(struct reach *reach,
			    const struct stun_message *message,
			    const struct stun_error *refusal)
{
	if (!refusal) {
		add_relayed(reach, message);
		reach->next = 0;
		try_next_peer(reach);
	} else if (refusal->code == TURN_ADDRESS_FAMILY_NOT_SUPPORTED) {
		reach->result.verdict = REACH_NONE;
		finish(reach);
	} else {
		dialog_note_refusal(&reach->dialog, refusal->code);
		give_up(reach);
	}
}

static void take_peer(struct reach *reach, const struct stun_error *refusal)
{
	if (!refusal) {
		note_let_in(reach);
		release(reach);
		return;
	}
	/* Another refusal lets nobody in either, but says nothing of what the
	 * next client hears. */
	if (refusal->code != TURN_FORBIDDEN &&
	    refusal->code != TURN_PEER_ADDRESS_FAMILY_MISMATCH) {
		dialog_note_refusal(&reach->dialog, refusal->code);
		give_up(reach);
		return;
	}
	reach->next++;
	try_next_peer(reach);
}

static void on_answer(const struct stun_message *message,
		      const struct stun_error *refusal, void *arg)
{
	struct reach *reach = arg;

	switch (reach->stage) {
	case STAGE_ALLOCATE:
		take_allocation(reach, message, refusal);
		break;
	case STAGE_FORBIDDEN:
		take_peer(reach, refusal);
		break;
	case STAGE_OWN:
		if (refusal)
			leave_own(reach);
		else
			spring_trap(reach);
		break;
	case STAGE_RELEASE:
		finish(reach);
		break;
	}
}

static void on_data(const struct sockaddr_storage *from, struct span data,
		    void *arg)
{
	(void)from;
	(void)data;
	(void)arg;
}

static void allocate(void *arg)
{
	struct reach *reach = arg;

	dialog_request(
		&reach->dialog,
		&(struct dialog_request){.method = TURN_ALLOCATE,
					 .family = reach->target.relay_family});
}

static const struct dialog_ops dialog_ops = {
	.on_open = allocate,
	.on_answer = on_answer,
	.on_data = on_data,
	.on_failure = on_failure,
};

/* --- its life --- */

static void begin(struct reach *reach, const struct turncred *cred)
{
	int err = dialog_open(&reach->dialog, reach->loop, &reach->target.link,
			      cred, &dialog_ops, reach);

	if (err) {
		dialog_note_error(&reach->dialog, err);
		give_up(reach);
	} else if (reach->dialog.link.is_open) {
		allocate(reach);
	}
}

int reach_new(struct reach **reachp, struct loop *loop,
	      const struct reach_target *target, const struct turncred *cred,
	      void (*on_done)(const struct reach_result *result, void *arg),
	      void *arg)
{
	struct reach *reach = calloc(1, sizeof(*reach));

	if (!reach)
		return -ENOMEM;
	loop_enter(loop);
	reach->loop = loop;
	reach->on_done = on_done;
	reach->arg = arg;
	reach->target = *target;
	reach->trap_fd = -1;
	reach->deadline.fire = deadline_fire;
	reach->trap_wait.fire = trap_wait_fire;
	reach->done.run = done_run;
	list_peers(reach);
	loop_timer_start(loop, &reach->deadline,
			 loop->clock.mono_ms + target->timeout_ms);
	begin(reach, cred);
	*reachp = reach;
	return 0;
}

void reach_free(struct reach *reach)
{
	if (!reach)
		return;
	close_trap(reach);
	loop_timer_stop(&reach->deadline);
	loop_cancel(reach->loop, &reach->done);
	dialog_close(&reach->dialog);
	free(reach);
}
