/* cli.c: a connection to one coturn's telnet administration, kept up. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/member.h"
#include "turn/cli.h"

#define RETRY_MS 1000
/* Each try is a guess, as coturn sees it. */
#define RETRY_REFUSED_MS 10000
#define ANSWER_TIMEOUT_MS 5000 /* of silence where an answer is due */
#define COMMAND_CAP 160

enum cli_state {
	CLI_AWAY, /* the timer opens it */
	CLI_CONNECTING,
	CLI_GREETING,	/* it is to ask for the password */
	CLI_LOGGING_IN, /* the password is on its way */
	CLI_READY,
	CLI_ASKING,
};

struct cli {
	struct loop *loop;
	const struct cli_handlers *handlers;
	void *arg;
	struct net_addr addr;
	char *password;
	struct event *event; /* NULL: closed */
	struct loop_timer timer;
	struct coturncli_telnet telnet;
	struct buf input; /* less than a line */
	int fd;
	enum cli_state state;
};

static void hang_up(struct cli *cli)
{
	if (cli->event)
		event_free(cli->event);
	if (cli->fd >= 0)
		(void)close(cli->fd);
	cli->event = NULL;
	cli->fd = -1;
	cli->telnet = (struct coturncli_telnet){0};
	buf_clear(&cli->input);
	cli->state = CLI_AWAY;
}

static void start_timer(struct cli *cli, uint64_t wait_ms)
{
	loop_timer_start(cli->loop, &cli->timer,
			 cli->loop->clock.mono_ms + wait_ms);
}

static void lose(struct cli *cli, int err)
{
	hang_up(cli);
	start_timer(cli, err == CLI_REFUSED ? RETRY_REFUSED_MS : RETRY_MS);
	cli->handlers->on_lost(err, cli->arg);
}

/* --- what is said --- */

/* coturn takes what comes in one piece for one command: there is only ever one
 * on its way, so the socket's buffer is empty and takes all of it. */
static void say(struct cli *cli, const char *line, enum cli_state next)
{
	char text[COMMAND_CAP];
	int len = snprintf(text, sizeof(text), "%s\r\n", line);
	ssize_t sent;

	assert(len < COMMAND_CAP);
	cli->state = next;
	start_timer(cli, ANSWER_TIMEOUT_MS);
	sent = send(cli->fd, text, (size_t)len, MSG_NOSIGNAL);
	crypto_wipe(text, sizeof(text));
	/* What else there is to say of the failure, reading says. */
	if (sent != len)
		(void)shutdown(cli->fd, SHUT_RDWR);
}

void cli_ask(struct cli *cli, const char *command)
{
	assert(cli_is_ready(cli));
	say(cli, command, CLI_ASKING);
}

bool cli_is_ready(const struct cli *cli)
{
	return cli->state == CLI_READY;
}

/* --- what is heard --- */

static void become_ready(struct cli *cli)
{
	void (*tell)(void *) = cli->state == CLI_ASKING
				       ? cli->handlers->on_answered
				       : cli->handlers->on_ready;

	if (cli->state == CLI_READY)
		return;
	cli->state = CLI_READY;
	loop_timer_stop(&cli->timer);
	tell(cli->arg);
}

static void take_password_question(struct cli *cli)
{
	if (cli->state == CLI_GREETING)
		say(cli, cli->password, CLI_LOGGING_IN);
	else
		lose(cli, CLI_REFUSED);
}

static void take_item(struct cli *cli, const struct coturncli_item *item)
{
	switch (item->kind) {
	case COTURNCLI_PROMPT:
		become_ready(cli);
		break;
	case COTURNCLI_PASSWORD:
		take_password_question(cli);
		break;
	case COTURNCLI_UNKNOWN:
		lose(cli, CLI_STRANGE);
		break;
	case COTURNCLI_SESSION:
	case COTURNCLI_USER:
		if (cli->state == CLI_ASKING)
			cli->handlers->on_item(item, cli->arg);
		break;
	case COTURNCLI_TEXT:
		break;
	}
}

/* A loss in the middle empties the input. */
static void take_input(struct cli *cli)
{
	struct coturncli_item item;
	size_t at = 0;
	ssize_t n = 0;

	while (cli->fd >= 0 &&
	       (n = coturncli_parse(span_skip(buf_span(&cli->input), at),
				    &item)) > 0) {
		at += (size_t)n;
		take_item(cli, &item);
	}
	if (cli->fd < 0)
		return;
	if (n < 0)
		lose(cli, CLI_STRANGE);
	else
		buf_consume(&cli->input, at);
}

static void read_some(struct cli *cli)
{
	char *bytes = cli->loop->scratch;
	ssize_t len = recv(cli->fd, bytes, LOOP_SCRATCH_BYTES, 0);

	if (len < 0) {
		if (errno == ECONNRESET)
			lose(cli, CLI_CLOSED);
		else if (errno != EAGAIN && errno != EINTR)
			lose(cli, -errno);
		return;
	}
	if (!len) {
		lose(cli, CLI_CLOSED);
		return;
	}
	len = (ssize_t)coturncli_strip(&cli->telnet, bytes, (size_t)len);
	buf_append(&cli->input, bytes, (size_t)len);
	if (cli->input.failed) {
		lose(cli, -ENOMEM);
		return;
	}
	if (cli->state != CLI_READY)
		start_timer(cli, ANSWER_TIMEOUT_MS);
	take_input(cli);
}

/* --- the connection --- */

static void io_cb(evutil_socket_t fd, short what, void *arg);

static int watch(struct cli *cli, short what)
{
	if (cli->event)
		event_free(cli->event);
	cli->event = event_new(cli->loop->base, cli->fd,
			       (short)(what | EV_PERSIST), io_cb, cli);
	return cli->event && !event_add(cli->event, NULL) ? 0 : -ENOMEM;
}

static void finish_connecting(struct cli *cli)
{
	socklen_t len = sizeof(int);
	int error = 0, err;

	if (getsockopt(cli->fd, SOL_SOCKET, SO_ERROR, &error, &len))
		error = errno;
	err = error ? -error : watch(cli, EV_READ);
	if (err) {
		lose(cli, err);
		return;
	}
	cli->state = CLI_GREETING;
	start_timer(cli, ANSWER_TIMEOUT_MS);
}

static void io_cb(evutil_socket_t fd, short what, void *arg)
{
	struct cli *cli = arg;

	(void)fd;
	(void)what;
	loop_enter(cli->loop);
	if (cli->state == CLI_CONNECTING)
		finish_connecting(cli);
	else
		read_some(cli);
}

static int dial(struct cli *cli)
{
	struct sockaddr_storage sockaddr;
	socklen_t len = net_addr_to(&cli->addr, &sockaddr);

	cli->fd = socket(sockaddr.ss_family,
			 SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (cli->fd < 0)
		return -errno;
	if (connect(cli->fd, (struct sockaddr *)&sockaddr, len) &&
	    errno != EINPROGRESS)
		return -errno;
	cli->state = CLI_CONNECTING;
	start_timer(cli, ANSWER_TIMEOUT_MS);
	return watch(cli, EV_WRITE);
}

static void timer_fire(struct loop_timer *timer)
{
	struct cli *cli = container_of(timer, struct cli, timer);
	int err;

	if (cli->state != CLI_AWAY) {
		lose(cli, -ETIMEDOUT);
		return;
	}
	err = dial(cli);
	if (err)
		lose(cli, err);
}

int cli_new(struct cli **clip, struct loop *loop, const struct net_addr *addr,
	    const char *password, const struct cli_handlers *handlers,
	    void *arg)
{
	struct cli *cli = calloc(1, sizeof(*cli));

	if (!cli)
		return -ENOMEM;
	cli->loop = loop;
	cli->handlers = handlers;
	cli->arg = arg;
	cli->addr = *addr;
	cli->fd = -1;
	cli->timer.fire = timer_fire;
	cli->password = strdup(password);
	if (!cli->password) {
		cli_free(cli);
		return -ENOMEM;
	}
	start_timer(cli, 0);
	*clip = cli;
	return 0;
}

void cli_free(struct cli *cli)
{
	if (!cli)
		return;
	loop_timer_stop(&cli->timer);
	hang_up(cli);
	if (cli->password)
		crypto_wipe(cli->password, strlen(cli->password));
	free(cli->password);
	free(cli);
}
