/* rig.c: the whole server in this process, for fuzz targets of whole
 * connections. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "base/buf.h"
#include "net/conn_parts.h"
#include "rig.h"
#include "server_parts.h"

#define COMMAND 0xFF
#define MAX_STRANGERS 6
#define MAX_IDS 10
#define ID_CAP 64
#define MAX_TURNS 400 /* in which a message must come through */
#define QUIET_TURNS 2 /* after which nothing moves any more */
#define SEND_BUFFER_BYTES 8192
#define QUEUE_LIMIT_BYTES 262144
#define FIFTH_MS 200
#define CANARIES 2
#define GOODBYE_S 150 /* longer than anything of a stranger may stay */
#define GOODBYE_STEP_MS 15000

/* A client of the server: a stranger, or a canary. */
struct client {
	int fd;	  /* -1: not there */
	SSL *ssl; /* NULL: without */
	bool is_paused;
	bool is_framing;   /* writes WebSocket messages */
	struct buf unsent; /* not yet taken by the socket */
	struct buf piece;  /* up to the next command */
	char form;	   /* what becomes of it: 0, 'w', 'k', 'B' */
	uint8_t form_arg;
	struct buf heard; /* by canaries alone, since they were last asked */
};

static struct {
	const struct rig_options *options;
	struct server *server;
	struct client strangers[MAX_STRANGERS], canaries[CANARIES];
	struct client *speaker;
	char ids[MAX_IDS][ID_CAP]; /* heard by strangers, in order */
	size_t ids_count;
	char canary_ids[CANARIES][ID_CAP];
	unsigned songs;
} rig;

/* What all inputs have in common, where there is TLS. */
static struct {
	char folder[32], cert[64], key[64];
	char listen[64], cert_set[96], key_set[96], tunnel[64];
	SSL_CTX *clients;
	int coturn; /* listens at turn.tunnel, and says again what it hears */
	int door;   /* where strangers get their connections */
	struct sockaddr_in door_at;
} tls;

/* --- time and chance, so that an input does the same every time --- */

static uint64_t now_ns;
static uint64_t random_state;

/* What the daemon, libevent included, asks for durations is ours. Each question
 * takes a microsecond, so that no slice of time lasts for ever. */
int clock_gettime(clockid_t id, struct timespec *ts)
{
	if (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_COARSE)
		return (int)syscall(SYS_clock_gettime, id, ts);
	now_ns += 1000;
	ts->tv_sec = (time_t)(now_ns / 1000000000u);
	ts->tv_nsec = (long)(now_ns % 1000000000u);
	return 0;
}

/* Of what signald itself draws; libcrypto has other ways to its own. */
int RAND_bytes(unsigned char *out, int len)
{
	for (int i = 0; i < len; i++) {
		random_state = random_state * 6364136223846793005u +
			       1442695040888963407u;
		out[i] = (uint8_t)(random_state >> 56);
	}
	return 1;
}

/* --- TLS --- */

static void write_pem(const char *path, EVP_PKEY *key, X509 *cert)
{
	FILE *file = fopen(path, "w");

	MUST(file);
	MUST(cert ? PEM_write_X509(file, cert)
		  : PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
	MUST(!fclose(file));
}

/* A certificate of its own signing. */
static void make_certificate(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	MUST(key && cert && X509_set_version(cert, 2));
	MUST(X509_gmtime_adj(X509_getm_notBefore(cert), -86400) &&
	     X509_gmtime_adj(X509_getm_notAfter(cert), 86400 * 30));
	MUST(X509_NAME_add_entry_by_txt(
		X509_get_subject_name(cert), "CN", MBSTRING_ASC,
		(const unsigned char *)"localhost", -1, -1, 0));
	MUST(X509_set_issuer_name(cert, X509_get_subject_name(cert)) &&
	     X509_set_pubkey(cert, key) && X509_sign(cert, key, EVP_sha256()));
	write_pem(tls.cert, NULL, cert);
	write_pem(tls.key, key, NULL);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void remove_certificate(void)
{
	(void)unlink(tls.cert);
	(void)unlink(tls.key);
	(void)rmdir(tls.folder);
}

/* Returns a socket that listens on loopback, at *at. */
static int listen_on_loopback(struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	*at = (struct sockaddr_in){.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	MUST(fd >= 0 && !bind(fd, (struct sockaddr *)at, len) &&
	     !listen(fd, 64) && !getsockname(fd, (struct sockaddr *)at, &len));
	return fd;
}

static void start_coturn(void)
{
	struct sockaddr_in at;

	tls.coturn = listen_on_loopback(&at);
	(void)snprintf(tls.tunnel, sizeof(tls.tunnel),
		       "turn.tunnel=127.0.0.1:%u", ntohs(at.sin_port));
	tls.door = listen_on_loopback(&tls.door_at);
}

/* Both ends of a TCP connection: coturn is told its addresses. */
static void connect_by_tcp(int ends[2])
{
	ends[1] = socket(AF_INET, SOCK_STREAM, 0);
	MUST(ends[1] >= 0 && !connect(ends[1], (struct sockaddr *)&tls.door_at,
				      sizeof(tls.door_at)));
	ends[0] = accept4(tls.door, NULL, NULL, SOCK_NONBLOCK);
	MUST(ends[0] >= 0);
	MUST(!fcntl(ends[1], F_SETFL, O_NONBLOCK));
}

static void prepare_tls(void)
{
	if (tls.clients)
		return;
	(void)strcpy(tls.folder, "/tmp/rig.XXXXXX");
	MUST(mkdtemp(tls.folder));
	(void)snprintf(tls.cert, sizeof(tls.cert), "%s/cert", tls.folder);
	(void)snprintf(tls.key, sizeof(tls.key), "%s/key", tls.folder);
	(void)snprintf(tls.cert_set, sizeof(tls.cert_set), "tls.cert=%s",
		       tls.cert);
	(void)snprintf(tls.key_set, sizeof(tls.key_set), "tls.key=%s", tls.key);
	(void)strcpy(tls.listen, "listen.tls=127.0.0.1:0");
	make_certificate();
	(void)atexit(remove_certificate);
	start_coturn();
	tls.clients = SSL_CTX_new(TLS_client_method());
	MUST(tls.clients);
	SSL_CTX_set_mode(tls.clients,
			 SSL_MODE_ENABLE_PARTIAL_WRITE |
				 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

/* Those of signald who came through the tunnel. */
#define MAX_TUNNELS 16
static int tunnels[MAX_TUNNELS];
static size_t tunnels_count;

/* Returns whether anything came. */
static bool serve_tunnels(void)
{
	char bytes[4096];
	bool has_moved = false;
	ssize_t len;
	int fd;

	if (!tls.clients)
		return false;
	while (tunnels_count < MAX_TUNNELS &&
	       (fd = accept4(tls.coturn, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		tunnels[tunnels_count++] = fd;
		has_moved = true;
	}
	for (size_t i = 0; i < tunnels_count; i++)
		while ((len = recv(tunnels[i], bytes, sizeof(bytes), 0)) > 0) {
			(void)send(tunnels[i], bytes, (size_t)len,
				   MSG_NOSIGNAL);
			has_moved = true;
		}
	return has_moved;
}

static void end_tunnels(void)
{
	while (tunnels_count)
		(void)close(tunnels[--tunnels_count]);
}

/* --- the server --- */

#define MAX_SETS 24

static struct server *start_server(void)
{
	/* Small limits, so that inputs of a few KB reach them. */
	const char *sets[MAX_SETS] = {
		"listen.address=127.0.0.1:0",
		"listen.metrics=",
		"log.level=error",
		"turn.host=turn.example.org",
		"turn.secret=a-secret-of-the-fuzz-targets",
		"turn.probe=no",
		"http.max_head_bytes=2048",
		"http.max_target_bytes=512",
		"http.max_body_bytes=4096",
		"websocket.max_message_bytes=4096",
		"websocket.max_fragments=8",
		"socketio.namespaces=/=tutorial,/kept=generic+recovery",
		"socketio.max_payload_bytes=4096",
		"output.max_queued_bytes=262144",
		"rooms.max_metadata_bytes=512",
	};
	struct config_sources sources = {.sets = sets};
	struct config_error error;
	struct config *config;
	struct server *server;

	while (sets[sources.sets_count])
		sources.sets_count++;
	if (rig.options->is_tls) {
		prepare_tls();
		sets[sources.sets_count++] = tls.listen;
		sets[sources.sets_count++] = tls.cert_set;
		sets[sources.sets_count++] = tls.key_set;
		sets[sources.sets_count++] = tls.tunnel;
	}

	if (config_load(&config, &sources, &error)) {
		(void)fprintf(stderr, "%s\n", error.text);
		abort();
	}
	MUST(!server_new(&server, config, &sources));
	return server;
}

static bool is_stranger(const struct client *client)
{
	return client >= rig.strangers &&
	       client < rig.strangers + MAX_STRANGERS;
}

static void start_tls(struct client *client)
{
	client->ssl = SSL_new(tls.clients);
	MUST(client->ssl && SSL_set_fd(client->ssl, client->fd));
	SSL_set_connect_state(client->ssl);
}

static void connect_client(struct client *client, unsigned number)
{
	struct net_addr peer = {.port = (uint16_t)(40000 + number),
				.ip = {203, 0, 113, (uint8_t)number}};
	const int bytes = SEND_BUFFER_BYTES;
	struct conn *conn;
	bool is_front = rig.options->is_tls && is_stranger(client);
	int ends[2];

	if (is_front)
		connect_by_tcp(ends);
	else
		MUST(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
				 ends));
	(void)setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	*client = (struct client){.fd = ends[1]};
	loop_enter(rig.server->loop);
	conn = conn_new(rig.server->conns, ends[0], &peer, NULL, NULL);
	MUST(conn);
	if (!is_front) {
		web_accept(conn, rig.server->web);
		return;
	}
	front_accept(conn, &rig.server->front);
	if (!rig.options->is_bare)
		start_tls(client);
}

static void forget_client(struct client *client)
{
	SSL_free(client->ssl);
	client->ssl = NULL;
	if (client->fd >= 0)
		(void)close(client->fd);
	client->fd = -1;
	buf_clear(&client->unsent);
	buf_clear(&client->piece);
	buf_clear(&client->heard);
}

/* --- what clients hear --- */

/* The ids in what the server writes: "id":"…" and "sid":"…". */
static void find_ids(const char *bytes, size_t len)
{
	const char *at = bytes, *end = bytes + len;

	while (rig.ids_count < MAX_IDS &&
	       (at = memmem(at, (size_t)(end - at), "id\":\"", 5))) {
		const char *quote = memchr(at + 5, '"', (size_t)(end - at - 5));
		size_t n = quote ? (size_t)(quote - at - 5) : 0;

		at += 5;
		if (!n || n >= ID_CAP)
			continue;
		memcpy(rig.ids[rig.ids_count], at, n);
		rig.ids[rig.ids_count++][n] = '\0';
	}
}

/* As recv(). */
static ssize_t take_bytes(struct client *client, char *bytes, size_t cap)
{
	return client->ssl ? SSL_read(client->ssl, bytes, (int)cap)
			   : recv(client->fd, bytes, cap, 0);
}

static bool hear(struct client *client)
{
	char bytes[16384];
	ssize_t len;
	bool has_heard = false;
	OSSL_HANDSHAKE_STATE state;

	if (client->fd < 0 || client->is_paused)
		return false;
	state = client->ssl ? SSL_get_state(client->ssl) : TLS_ST_OK;
	while ((len = take_bytes(client, bytes, sizeof(bytes))) > 0) {
		has_heard = true;
		if (is_stranger(client))
			find_ids(bytes, (size_t)len);
		else
			buf_append(&client->heard, bytes, (size_t)len);
	}
	return has_heard ||
	       (client->ssl && SSL_get_state(client->ssl) != state);
}

/* As send(); -1 with another errno than EAGAIN when the server has ended it. */
static ssize_t give_bytes(struct client *client)
{
	int len, why;

	if (!client->ssl)
		return send(client->fd, client->unsent.ptr, client->unsent.len,
			    MSG_NOSIGNAL);
	len = SSL_write(client->ssl, client->unsent.ptr,
			(int)client->unsent.len);
	why = SSL_get_error(client->ssl, len);
	errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE
			? EAGAIN
			: EPIPE;
	return len > 0 ? len : -1;
}

static bool send_unsent(struct client *client)
{
	ssize_t len;

	if (client->fd < 0 || !client->unsent.len)
		return false;
	len = give_bytes(client);
	if (len > 0)
		buf_consume(&client->unsent, (size_t)len);
	else if (errno != EAGAIN)
		buf_clear(&client->unsent); /* the server has ended it */
	return len > 0;
}

/* Nobody holds more than the limit says; what is exempt are logs and files. */
static void check_queues(void)
{
	for (const struct conn *conn = rig.server->conns->all; conn;
	     conn = conn->next)
		MUST(conn_queued_bytes(conn) <=
		     conn->exempt + QUEUE_LIMIT_BYTES);
}

static void turn(void)
{
	MUST(event_base_loop(rig.server->loop->base, EVLOOP_NONBLOCK) >= 0);
}

/* Until nothing moves any more. */
static void settle(void)
{
	int quiet = 0;

	for (int i = 0; i < MAX_TURNS && quiet < QUIET_TURNS; i++) {
		bool has_moved = false;

		turn();
		check_queues();
		has_moved |= serve_tunnels();
		for (size_t c = 0; c < MAX_STRANGERS; c++) {
			has_moved |= send_unsent(&rig.strangers[c]);
			has_moved |= hear(&rig.strangers[c]);
		}
		for (size_t c = 0; c < CANARIES; c++) {
			has_moved |= send_unsent(&rig.canaries[c]);
			has_moved |= hear(&rig.canaries[c]);
		}
		quiet = has_moved ? 0 : quiet + 1;
	}
}

/* --- what clients say --- */

static void put(struct client *client, const void *bytes, size_t len)
{
	buf_append(&client->unsent, bytes, len);
}

static void put_text(struct client *client, const char *text)
{
	put(client, text, strlen(text));
}

__attribute__((format(printf, 2, 3))) static void
put_format(struct client *client, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	MUST(vsnprintf(text, sizeof(text), format, args) < (int)sizeof(text));
	va_end(args);
	put_text(client, text);
}

/* claimed: the length that the header tells. */
static void put_frame(struct client *client, uint8_t first, struct span payload,
		      size_t claimed)
{
	static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	uint8_t head[8] = {first};
	size_t head_len = 2;

	if (claimed < 126) {
		head[1] = (uint8_t)(0x80 | claimed);
	} else {
		head[1] = 0x80 | 126;
		head[2] = (uint8_t)(claimed >> 8);
		head[3] = (uint8_t)claimed;
		head_len = 4;
	}
	put(client, head, head_len);
	put(client, mask, sizeof(mask));
	for (size_t i = 0; i < payload.len; i++) {
		char byte = (char)(payload.ptr[i] ^ mask[i % 4]);

		put(client, &byte, 1);
	}
}

static const char *id_of(uint8_t name)
{
	if (name == 'a' || name == 'b')
		return rig.canary_ids[name - 'a'];
	return name >= '0' && name < '0' + MAX_IDS ? rig.ids[name - '0'] : "";
}

static void put_post(struct client *client, uint8_t name, struct span body)
{
	put_format(
		client,
		"POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\n"
		"Host: h\r\nContent-Length: %zu\r\n\r\n",
		id_of(name), body.len);
	put(client, body.ptr, body.len);
}

/* The piece is whole. */
static void end_piece(struct client *client)
{
	struct span piece = buf_span(&client->piece);

	if (client->form == 'w')
		put_frame(client, client->form_arg, piece, piece.len);
	else if (client->form == 'k')
		put_frame(client, 0x81, piece, client->form_arg);
	else if (client->form == 'B')
		put_post(client, client->form_arg, piece);
	else if (client->is_framing && piece.len)
		put_frame(client, 0x81, piece, piece.len);
	else
		put(client, piece.ptr, piece.len);
	client->piece.len = 0;
	client->form = '\0';
}

static void put_handshake(struct client *client, const char *target,
			  const char *protocol)
{
	put_format(client,
		   "GET %s HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
		   "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
		   target, protocol);
	client->is_framing = true;
}

static void shake_native(struct client *client)
{
	put_handshake(client, "/v1/ws",
		      "Sec-WebSocket-Protocol: signald.v1\r\n");
}

/* --- the canaries --- */

static void move_on(uint64_t ms)
{
	now_ns += ms * 1000000u;
}

/* Wait for words in what a canary hears; what was heard is forgotten. */
static bool has_heard(struct client *canary, const char *words)
{
	bool is_there = canary->heard.len &&
			memmem(canary->heard.ptr, canary->heard.len, words,
			       strlen(words));

	canary->heard.len = 0;
	return is_there;
}

static void join_canary(size_t number)
{
	struct client *canary = &rig.canaries[number];
	const char *at;

	connect_client(canary, 200 + (unsigned)number);
	shake_native(canary);
	put_frame(canary, 0x81, SPAN("{\"type\":\"join\",\"room\":\"room\"}"),
		  29);
	settle();
	MUST(canary->heard.len);
	at = memmem(canary->heard.ptr, canary->heard.len,
		    "\"joined\",\"id\":\"", 15);
	MUST(at);
	memcpy(rig.canary_ids[number], at + 15, 22);
	canary->heard.len = 0;
}

/* A message each way must come, now. */
static void sing(void)
{
	for (size_t c = 0; c < CANARIES; c++) {
		char text[128], words[64];

		(void)snprintf(words, sizeof(words), "\"data\":\"song %u\"",
			       ++rig.songs);
		(void)snprintf(text, sizeof(text),
			       "{\"type\":\"signal\",\"to\":\"%s\",%s}",
			       rig.canary_ids[!c], words);
		rig.canaries[!c].heard.len = 0;
		put_frame(&rig.canaries[c], 0x81, span_from(text),
			  strlen(text));
		settle();
		MUST(has_heard(&rig.canaries[!c], words));
	}
}

/* --- an input --- */

static void come(struct client *stranger);

static void pass_time(uint8_t fifths)
{
	move_on((uint64_t)fifths * FIFTH_MS);
	sing();
}

static void next_stranger(void)
{
	for (size_t i = 0; i < MAX_STRANGERS; i++)
		if (rig.strangers[i].fd < 0) {
			come(&rig.strangers[i]);
			return;
		}
}

/* How many bytes belong to the command behind its name. */
static size_t args_count(uint8_t name)
{
	return strchr("twkiGB", name) && name ? 1 : 0;
}

static void run_command(uint8_t name, uint8_t arg)
{
	struct client *speaker = rig.speaker;

	/* Ids go into the piece; all else ends it. */
	if (name == 'i') {
		buf_append_str(&speaker->piece, id_of(arg));
		return;
	}
	if (name == COMMAND) {
		buf_append(&speaker->piece, "\xff", 1);
		return;
	}
	end_piece(speaker);
	switch (name) {
	case 'n':
		next_stranger();
		break;
	case 'f':
		sing();
		break;
	case 't':
		sing();
		pass_time(arg);
		break;
	case 'p':
		speaker->is_paused = true;
		break;
	case 'r':
		speaker->is_paused = false;
		break;
	case 'e':
		settle();
		if (speaker->fd >= 0)
			(void)shutdown(speaker->fd, SHUT_WR);
		break;
	case 'x':
		settle();
		forget_client(speaker);
		break;
	case 'u':
		speaker->is_framing = false;
		break;
	case 'm':
		speaker->is_framing = true;
		break;
	case 'w':
	case 'k':
	case 'B':
		speaker->form = (char)name;
		speaker->form_arg = arg;
		break;
	case 'G':
		put_format(speaker,
			   "GET /socket.io/?EIO=4&transport=polling&sid=%s "
			   "HTTP/1.1\r\nHost: h\r\n\r\n",
			   id_of(arg));
		break;
	case 'W':
		shake_native(speaker);
		break;
	case 'E':
		put_handshake(speaker, "/socket.io/?EIO=4&transport=websocket",
			      "");
		break;
	default:
		if (name >= '0' && name < '0' + MAX_STRANGERS)
			rig.speaker = &rig.strangers[name - '0'];
	}
}

static void run_input(const uint8_t *data, size_t size)
{
	for (size_t at = 0; at < size;) {
		const uint8_t *mark = memchr(data + at, COMMAND, size - at);
		size_t len = mark ? (size_t)(mark - data) - at : size - at;
		size_t args;

		buf_append(&rig.speaker->piece, data + at, len);
		at += len;
		if (at + 1 >= size)
			break;
		args = args_count(data[at + 1]);
		if (at + 1 + args >= size)
			break;
		run_command(data[at + 1], data[at + 1 + args]);
		at += 2 + args;
	}
	end_piece(rig.speaker);
}

static void come(struct client *stranger)
{
	const char *greeting = rig.options->greeting;

	forget_client(stranger);
	connect_client(stranger, 1 + (unsigned)(stranger - rig.strangers));
	rig.speaker = stranger;
	if (greeting)
		run_input((const uint8_t *)greeting, strlen(greeting));
}

/* All strangers go; what remains is as it was before they came. */
static void say_goodbye(void)
{
	for (size_t i = 0; i < MAX_STRANGERS; i++) {
		rig.strangers[i].is_paused = false;
		settle();
		forget_client(&rig.strangers[i]);
	}
	for (unsigned ms = 0; ms < GOODBYE_S * 1000; ms += GOODBYE_STEP_MS) {
		move_on(GOODBYE_STEP_MS);
		sing();
	}
	MUST(conn_set_count(rig.server->conns) == CANARIES);
	MUST(native_clients_count(rig.server->native) == CANARIES);
	MUST(hub_peers_count(rig.server->hub) == CANARIES);
	MUST(socketio_sessions_count(rig.server->socketio) == 0);
	MUST(!conn_set_has_output(rig.server->conns));
}

int rig_run(const struct rig_options *options, const uint8_t *data, size_t size)
{
	if (size > RIG_MAX_INPUT)
		return 0;
	memset(&rig, 0, sizeof(rig));
	now_ns = 1000000000000u;
	random_state = 1;
	rig.options = options;
	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < MAX_STRANGERS; i++)
		rig.strangers[i].fd = -1;
	rig.server = start_server();
	for (size_t c = 0; c < CANARIES; c++)
		join_canary(c);
	come(&rig.strangers[0]);
	run_input(data, size);
	sing();
	say_goodbye();
	for (size_t c = 0; c < CANARIES; c++)
		forget_client(&rig.canaries[c]);
	settle();
	end_tunnels();
	server_free(rig.server);
	return 0;
}
