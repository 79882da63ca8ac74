/* probe.c: asks the TURN server for a STUN Binding, again and again. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/member.h"
#include "codec/stun.h"
#include "net/addr.h"
#include "policy/metric.h"
#include "turn/probe.h"

#define MISSES_UNTIL_DOWN 3
#define RETRY_MS 1000 /* while a question is open, or the server is down */
#define DATAGRAM_CAP 1500

enum probe_state { PROBE_UNKNOWN, PROBE_UP, PROBE_DOWN };

struct probe {
	struct loop *loop;
	void (*on_change)(bool is_alive, const char *detail, void *arg);
	void *arg;
	struct net_addr addr;
	struct event *event;
	struct loop_timer timer;
	uint64_t asked_ms;
	unsigned misses;
	int fd;
	enum probe_state state;
	bool is_asking; /* a question is open */
	uint8_t id[STUN_ID_LEN];
};

static void change(struct probe *probe, enum probe_state state,
		   const char *detail)
{
	if (probe->state == state)
		return;
	probe->state = state;
	metric_set(METRIC_TURN_UP, state == PROBE_UP);
	probe->on_change(state == PROBE_UP, detail, probe->arg);
}

static void read_cb(evutil_socket_t fd, short what, void *arg);

/* A connected socket: its errors are seen, and nobody else's answers. */
static int open_socket(struct probe *probe)
{
	struct sockaddr_storage sockaddr;
	socklen_t len = net_addr_to(&probe->addr, &sockaddr);
	int fd = socket(sockaddr.ss_family,
			SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sockaddr, len)) {
		int err = -errno;

		(void)close(fd);
		return err;
	}
	probe->event = event_new(probe->loop->base, fd, EV_READ | EV_PERSIST,
				 read_cb, probe);
	if (!probe->event || event_add(probe->event, NULL)) {
		(void)close(fd);
		return -ENOMEM;
	}
	probe->fd = fd;
	return 0;
}

static void ask(struct probe *probe)
{
	char request[64];
	size_t len;

	crypto_random(probe->id, sizeof(probe->id));
	len = stun_write_binding_request(request, probe->id);
	probe->is_asking = true;
	probe->asked_ms = probe->loop->clock.mono_ms;
	/* A refusal, or no network, shows as silence, which is what counts. */
	if (probe->fd >= 0 || !open_socket(probe))
		(void)!send(probe->fd, request, len, MSG_NOSIGNAL);
	loop_timer_start(probe->loop, &probe->timer,
			 probe->asked_ms + RETRY_MS);
}

static void timer_fire(struct loop_timer *timer)
{
	struct probe *probe = container_of(timer, struct probe, timer);

	if (probe->is_asking && ++probe->misses >= MISSES_UNTIL_DOWN)
		change(probe, PROBE_DOWN, "no answer to STUN Binding requests");
	ask(probe);
}

static void take_answer(struct probe *probe, struct span datagram)
{
	struct stun_message message;
	uint64_t now_ms = probe->loop->clock.mono_ms;

	if (stun_parse(datagram, &message) || message.class != STUN_SUCCESS ||
	    message.method != STUN_BINDING || !probe->is_asking ||
	    memcmp(message.id, probe->id, sizeof(probe->id)) != 0)
		return;
	probe->is_asking = false;
	probe->misses = 0;
	metric_set(METRIC_TURN_PROBE_MS, (int64_t)(now_ms - probe->asked_ms));
	change(probe, PROBE_UP, NULL);
	loop_timer_start(probe->loop, &probe->timer,
			 now_ms + probe->loop->config->turn.probe_interval_s *
					  1000ull);
}

static void read_cb(evutil_socket_t fd, short what, void *arg)
{
	struct probe *probe = arg;
	char datagram[DATAGRAM_CAP];
	ssize_t len;

	(void)what;
	loop_enter(probe->loop);
	len = recv(fd, datagram, sizeof(datagram), 0);
	if (len > 0)
		take_answer(probe, span_of(datagram, (size_t)len));
}

int probe_new(struct probe **probep, struct loop *loop,
	      void (*on_change)(bool is_alive, const char *detail, void *arg),
	      void *arg)
{
	struct probe *probe = calloc(1, sizeof(*probe));
	int err = -ENOMEM;

	if (!probe)
		return err;
	probe->loop = loop;
	probe->on_change = on_change;
	probe->arg = arg;
	probe->timer.fire = timer_fire;
	probe->fd = -1;
	err = net_addr_parse(span_from(loop->config->turn.probe), &probe->addr);
	if (err)
		goto fail;
	ask(probe);
	*probep = probe;
	return 0;

fail:
	probe_free(probe);
	return err;
}

void probe_free(struct probe *probe)
{
	if (!probe)
		return;
	loop_timer_stop(&probe->timer);
	if (probe->event)
		event_free(probe->event);
	if (probe->fd >= 0)
		(void)close(probe->fd);
	free(probe);
}
