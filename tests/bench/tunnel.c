/* tunnel.c: load on TURN over TLS, and what the servers used for it. */
/*
 *   tunnel turn|echo name=value...
 *   tunnel serve port=N
 *
 *   turn    pairs of clients that are both relayed send each other packets: of
 *           each pair `window` are under way
 *   echo    every client's packets come back to it, from `serve` behind the
 *           front: no TURN server limits how fast
 *   serve   what `echo` needs: reads over a PROXY header, then echoes
 *
 * A packet is ChannelData in a record of its own, as browsers send it. With
 * pace=N a client sends a packet every N microseconds instead. A packet that
 * UDP has lost between two relays is sent again, and counted. One thread, one
 * core. Prints one JSON object.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "codec/turn.h"
#include "codec/turncred.h"
#include "proc.h"
#include "wire.h"

#define CLIENTS_MAX 2048
#define EVENTS_MAX 256
#define SERVERS_MAX 2
#define CHANNEL 0x4001
#define PACKET_MAX 1400
#define BUFFER_BYTES 65536
#define STALL_NS 300000000ull /* after which a window is filled up again */
#define ANSWER_MS 5000
#define PROXY_HEADER_BYTES 28
#define CREDENTIAL_TTL_S 3600

struct options {
	const char *host, *secret, *realm;
	uint64_t port, clients, window, size, pace_us, cpu;
	uint64_t warmup_ms, measure_ms;
	uint64_t pids[SERVERS_MAX]; /* whose CPU time is read */
	size_t pids_count;
};

struct client {
	SSL *ssl;
	int fd;
	struct sockaddr_storage relayed;
	uint64_t due_ns;  /* of its next packet, when they are paced */
	uint64_t seen_ns; /* when a packet last came */
	uint64_t under_way;
	size_t len; /* of buffer */
	char buffer[BUFFER_BYTES];
};

struct reading {
	uint64_t at_ns, bytes, packets, lost;
	uint64_t cpu_ns[SERVERS_MAX];
};

static struct options options = {.host = "127.0.0.1",
				 .secret = "",
				 .realm = "",
				 .clients = 2,
				 .window = 8,
				 .size = 1200,
				 .warmup_ms = 500,
				 .measure_ms = 2000};
static struct client *clients;
static uint64_t bytes, packets, lost;
static char packet[PACKET_MAX + 8];
static size_t packet_len;
static bool is_turn;
static int loop_fd;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

/* --- the options --- */

static void add_pid(const char *value)
{
	if (options.pids_count == SERVERS_MAX)
		die("at most %d pids", SERVERS_MAX);
	options.pids[options.pids_count++] = strtoull(value, NULL, 10);
}

static void set_option(const char *argument)
{
	static const struct {
		const char *name;
		uint64_t *number;
		const char **text;
	} known[] = {
		{"host", NULL, &options.host},
		{"secret", NULL, &options.secret},
		{"realm", NULL, &options.realm},
		{"port", &options.port, NULL},
		{"clients", &options.clients, NULL},
		{"window", &options.window, NULL},
		{"size", &options.size, NULL},
		{"pace", &options.pace_us, NULL},
		{"cpu", &options.cpu, NULL},
		{"warmup_ms", &options.warmup_ms, NULL},
		{"measure_ms", &options.measure_ms, NULL},
	};
	const char *value = strchr(argument, '=');
	size_t len = value ? (size_t)(value - argument) : 0;

	if (len == 3 && !strncmp(argument, "pid", 3)) {
		add_pid(value + 1);
		return;
	}
	for (size_t i = 0; len && i < sizeof(known) / sizeof(*known); i++) {
		if (strlen(known[i].name) != len ||
		    strncmp(known[i].name, argument, len) != 0)
			continue;
		if (known[i].text)
			*known[i].text = value + 1;
		else
			*known[i].number = strtoull(value + 1, NULL, 10);
		return;
	}
	die("what is %s?", argument);
}

static void pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(options.cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("core %" PRIu64 ": %s", options.cpu, strerror(errno));
}

/* --- connecting, one client after the other --- */

static void connect_client(struct client *client, SSL_CTX *ctx)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)options.port)};
	struct timeval limit = {ANSWER_MS / 1000, 0};
	int on = 1;

	if (inet_pton(AF_INET, options.host, &to.sin_addr) != 1)
		die("host must be an IPv4 address");
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0 ||
	    connect(client->fd, (struct sockaddr *)&to, sizeof(to)))
		die("connect: %s", strerror(errno));
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	client->ssl = SSL_new(ctx);
	SSL_set_fd(client->ssl, client->fd);
	if (SSL_connect(client->ssl) != 1)
		die("no TLS handshake");
}

static void send_message(struct client *client, const char *out, ssize_t len)
{
	if (len < 0 || SSL_write(client->ssl, out, (int)len) != len)
		die("a message cannot be sent");
}

/* The next whole message, which must be the answer. */
static struct stun_message hear_answer(struct client *client)
{
	struct stun_message message;

	client->len = 0;
	for (;;) {
		ssize_t len =
			turn_frame_len(span_of(client->buffer, client->len));
		int n;

		if (len > 0 && (size_t)len <= client->len) {
			if (stun_parse(span_of(client->buffer, (size_t)len),
				       &message))
				die("an answer that is no STUN");
			return message;
		}
		n = SSL_read(client->ssl, client->buffer + client->len,
			     (int)(sizeof(client->buffer) - client->len));
		if (n <= 0)
			die("no answer");
		client->len += (size_t)n;
	}
}

struct identity {
	struct turncred cred;
	struct crypto_hmac *hmac; /* of the long-term key */
	char realm[128], nonce[256];
	struct stun_auth auth;
};

static void keep(struct span from, char *into, size_t cap, struct span *kept)
{
	if (span_copy(from, into, cap))
		die("too long a realm or nonce");
	*kept = span_from(into);
}

/* What the server's first refusal asks for. */
static void learn(struct identity *identity, const struct stun_message *refusal)
{
	uint8_t key[CRYPTO_MD5_LEN];
	struct span realm, nonce;

	if (stun_find(refusal, STUN_REALM, &realm) ||
	    stun_find(refusal, STUN_NONCE, &nonce))
		die("a refusal without realm and nonce");
	keep(realm, identity->realm, sizeof(identity->realm),
	     &identity->auth.realm);
	keep(nonce, identity->nonce, sizeof(identity->nonce),
	     &identity->auth.nonce);
	identity->auth.username = span_from(identity->cred.username);
	if (stun_long_term_key(identity->auth.username, identity->auth.realm,
			       span_from(identity->cred.credential), key) ||
	    crypto_hmac_new(&identity->hmac, CRYPTO_SHA1,
			    span_of(key, sizeof(key))))
		die("no key");
	identity->auth.hmac = identity->hmac;
}

static void be_somebody(struct identity *identity, size_t number)
{
	struct crypto_hmac *hmac;
	char user[32];

	(void)snprintf(user, sizeof(user), "load-%zu", number);
	if (crypto_hmac_new(&hmac, CRYPTO_SHA1, span_from(options.secret)) ||
	    turncred_make(hmac, span_from(user), (uint64_t)time(NULL),
			  CREDENTIAL_TTL_S, &identity->cred))
		die("no credential");
	crypto_hmac_free(hmac);
}

static void allocate(struct client *client, struct identity *identity)
{
	uint8_t id[STUN_ID_LEN];
	char out[1024];
	const struct turn_draft draft = {out, sizeof(out), id};
	struct stun_message answer;

	crypto_random(id, sizeof(id));
	send_message(client, out,
		     turn_write_allocate(&draft, AF_INET, 3600, NULL));
	answer = hear_answer(client);
	learn(identity, &answer);
	send_message(
		client, out,
		turn_write_allocate(&draft, AF_INET, 3600, &identity->auth));
	answer = hear_answer(client);
	if (answer.class != STUN_SUCCESS ||
	    stun_find_xor_address(&answer, TURN_XOR_RELAYED_ADDRESS,
				  &client->relayed))
		die("no allocation");
}

static void bind_channel(struct client *client, struct identity *identity,
			 const struct sockaddr_storage *peer)
{
	uint8_t id[STUN_ID_LEN];
	char out[1024];
	const struct turn_draft draft = {out, sizeof(out), id};
	struct stun_message answer;

	crypto_random(id, sizeof(id));
	send_message(client, out,
		     turn_write_channel_bind(&draft, CHANNEL, peer,
					     &identity->auth));
	answer = hear_answer(client);
	if (answer.class != STUN_SUCCESS)
		die("no channel");
}

static void join_pair(size_t i)
{
	struct client *pair[2] = {&clients[i], &clients[i + 1]};
	struct identity identity[2] = {0};

	for (size_t k = 0; k < 2; k++) {
		be_somebody(&identity[k], i + k);
		allocate(pair[k], &identity[k]);
	}
	for (size_t k = 0; k < 2; k++)
		bind_channel(pair[k], &identity[k], &pair[1 - k]->relayed);
	for (size_t k = 0; k < 2; k++)
		crypto_hmac_free(identity[k].hmac);
}

/* So that the front knows it for TURN, and has connected to what is behind. */
static void greet(struct client *client)
{
	uint8_t id[STUN_ID_LEN];
	char out[STUN_HEADER_LEN + 8];

	crypto_random(id, sizeof(id));
	send_message(client, out, (ssize_t)stun_write_binding_request(out, id));
	(void)hear_answer(client);
}

static void connect_all(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* The same for all contenders: coturn 4.6.1 knows no TLS 1.3. */
	SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES128-GCM-SHA256");
	for (size_t i = 0; i < options.clients; i++)
		connect_client(&clients[i], ctx);
	for (size_t i = 0; i < options.clients; i += is_turn ? 2 : 1) {
		if (is_turn)
			join_pair(i);
		else
			greet(&clients[i]);
	}
	SSL_CTX_free(ctx);
}

/* --- sending and hearing --- */

static void say(struct client *client)
{
	for (;;) {
		int n = SSL_write(client->ssl, packet, (int)packet_len);

		if (n == (int)packet_len)
			break;
		/* The servers never wait for us, so this ends. */
		if (SSL_get_error(client->ssl, n) != SSL_ERROR_WANT_WRITE)
			die("a connection is lost");
	}
	bytes += packet_len;
	client->under_way++;
}

static void fill_window(struct client *client, uint64_t at_ns)
{
	while (client->under_way < options.window)
		say(client);
	client->seen_ns = at_ns;
}

/* In pairs only one fills the window; the other one answers. */
static bool is_starter(size_t i)
{
	return !is_turn || i % 2 == 0;
}

static void heard(struct client *client)
{
	packets++;
	bytes += packet_len;
	if (client->under_way)
		client->under_way--;
	if (!options.pace_us)
		say(client);
}

static void take_packets(struct client *client)
{
	size_t used = 0;

	while (client->len - used >= packet_len) {
		if (memcmp(client->buffer + used, packet, packet_len) != 0)
			die("a packet has changed on its way");
		used += packet_len;
		heard(client);
	}
	client->len -= used;
	memmove(client->buffer, client->buffer + used, client->len);
}

static void hear(struct client *client)
{
	for (;;) {
		int n = SSL_read(client->ssl, client->buffer + client->len,
				 (int)(sizeof(client->buffer) - client->len));

		if (n <= 0) {
			if (SSL_get_error(client->ssl, n) ==
			    SSL_ERROR_WANT_READ)
				break;
			die("a connection is lost");
		}
		client->len += (size_t)n;
		take_packets(client);
	}
	client->seen_ns = now_ns();
}

/* What UDP has lost between the relays would be missing for ever. */
static void look_for_losses(uint64_t at_ns)
{
	for (size_t i = 0; i < options.clients; i++) {
		struct client *client = &clients[i];
		struct client *other = is_turn ? &clients[i ^ 1] : client;

		if (!is_starter(i) || at_ns - client->seen_ns < STALL_NS ||
		    at_ns - other->seen_ns < STALL_NS)
			continue;
		lost += options.window;
		client->under_way = other->under_way = 0;
		fill_window(client, at_ns);
	}
}

static void send_due(uint64_t at_ns)
{
	for (size_t i = 0; i < options.clients; i++) {
		struct client *client = &clients[i];

		if (at_ns < client->due_ns)
			continue;
		say(client);
		client->due_ns += options.pace_us * 1000;
	}
}

static void turn(void)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(loop_fd, events, EVENTS_MAX,
			       options.pace_us ? 1 : 50);
	uint64_t at_ns;

	for (int i = 0; i < count; i++)
		hear(events[i].data.ptr);
	at_ns = now_ns();
	if (options.pace_us)
		send_due(at_ns);
	else
		look_for_losses(at_ns);
}

static void run_until(uint64_t until_ns)
{
	while (now_ns() < until_ns)
		turn();
}

static struct reading read_all(void)
{
	struct reading reading = {.at_ns = now_ns(),
				  .bytes = bytes,
				  .packets = packets,
				  .lost = lost};

	for (size_t i = 0; i < options.pids_count; i++)
		reading.cpu_ns[i] = proc_cpu_ns((pid_t)options.pids[i]);
	return reading;
}

static void print(const struct reading *from, const struct reading *to)
{
	double megabytes = (double)(to->bytes - from->bytes) / 1e6;
	double ns = (double)(to->at_ns - from->at_ns);

	if (to->packets == from->packets)
		die("nothing came while it was measured");
	printf("{\"seconds\":%.3f,\"megabytes\":%.3f,\"packets\":%" PRIu64
	       ",\"lost\":%" PRIu64 ",\"cpu_us_per_mb\":[",
	       ns / 1e9, megabytes, to->packets - from->packets,
	       to->lost - from->lost);
	for (size_t i = 0; i < options.pids_count; i++)
		printf("%s%.1f", i ? "," : "",
		       (double)(to->cpu_ns[i] - from->cpu_ns[i]) / 1e3 /
			       megabytes);
	printf("],\"busy\":[");
	for (size_t i = 0; i < options.pids_count; i++)
		printf("%s%.3f", i ? "," : "",
		       (double)(to->cpu_ns[i] - from->cpu_ns[i]) / ns);
	printf("]}\n");
}

static void watch(struct client *client)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

	if (fcntl(client->fd, F_SETFL, O_NONBLOCK))
		die("fcntl: %s", strerror(errno));
	client->len = 0;
	if (epoll_ctl(loop_fd, EPOLL_CTL_ADD, client->fd, &event))
		die("epoll: %s", strerror(errno));
}

static void start_all(void)
{
	uint64_t at_ns = now_ns();

	for (size_t i = 0; i < options.clients; i++)
		watch(&clients[i]);
	for (size_t i = 0; i < options.clients; i++) {
		/* Spread over the interval, as clients are. */
		clients[i].due_ns =
			at_ns + options.pace_us * 1000 * i / options.clients;
		if (!options.pace_us && is_starter(i))
			fill_window(&clients[i], at_ns);
	}
}

static void measure(void)
{
	struct reading from, to;
	char data[PACKET_MAX];

	memset(data, 'x', sizeof(data));
	packet_len = (size_t)turn_write_channel_data(
		packet, sizeof(packet), CHANNEL,
		span_of(data, options.size < 4 ? 4 : options.size & ~3ull));
	connect_all();
	start_all();
	run_until(now_ns() + options.warmup_ms * 1000000);
	from = read_all();
	run_until(from.at_ns + options.measure_ms * 1000000);
	to = read_all();
	print(&from, &to);
}

/* --- what is behind the front in `echo` --- */

struct echo {
	int fd;
	size_t header_left;
};

static void serve_echo(struct echo *echo)
{
	static char buffer[BUFFER_BYTES];
	ssize_t n = recv(echo->fd, buffer, sizeof(buffer), 0);
	size_t skip;

	if (n <= 0) {
		if (n < 0 && errno == EAGAIN)
			return;
		close(echo->fd);
		free(echo);
		return;
	}
	skip = (size_t)n < echo->header_left ? (size_t)n : echo->header_left;
	echo->header_left -= skip;
	for (ssize_t at = (ssize_t)skip; at < n;) {
		ssize_t sent = send(echo->fd, buffer + at, (size_t)(n - at),
				    MSG_NOSIGNAL);

		if (sent < 0 && errno != EAGAIN)
			return; /* the next recv() ends it */
		at += sent > 0 ? sent : 0;
	}
}

static int listen_here(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)options.port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
	    listen(fd, CLIENTS_MAX))
		die("listen: %s", strerror(errno));
	return fd;
}

static void add_echo(int listener)
{
	struct echo *echo = calloc(1, sizeof(*echo));
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = echo};
	int on = 1;

	echo->header_left = PROXY_HEADER_BYTES;
	echo->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (echo->fd < 0 || epoll_ctl(loop_fd, EPOLL_CTL_ADD, echo->fd, &event))
		die("accept: %s", strerror(errno));
	setsockopt(echo->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void serve(void)
{
	struct epoll_event events[EVENTS_MAX] = {{.events = EPOLLIN}};
	int listener = listen_here();

	if (epoll_ctl(loop_fd, EPOLL_CTL_ADD, listener, &events[0]))
		die("epoll: %s", strerror(errno));
	for (;;) {
		int count = epoll_wait(loop_fd, events, EVENTS_MAX, -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr)
				serve_echo(events[i].data.ptr);
			else
				add_echo(listener);
		}
	}
}

int main(int argc, char **argv)
{
	const char *scenario = argc > 1 ? argv[1] : "";

	signal(SIGPIPE, SIG_IGN);
	for (int i = 2; i < argc; i++)
		set_option(argv[i]);
	if (!options.port || options.clients > CLIENTS_MAX ||
	    options.size > PACKET_MAX)
		die("port is needed, clients at most %d, size at most %d",
		    CLIENTS_MAX, PACKET_MAX);
	pin();
	loop_fd = epoll_create1(EPOLL_CLOEXEC);
	clients = calloc(options.clients, sizeof(*clients));
	if (loop_fd < 0 || !clients)
		die("starting: %s", strerror(errno));
	is_turn = !strcmp(scenario, "turn");
	if (!strcmp(scenario, "serve"))
		serve();
	else if (is_turn || !strcmp(scenario, "echo"))
		measure();
	else
		die("usage: tunnel turn|echo|serve name=value...");
	return 0;
}
