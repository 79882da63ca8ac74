/* test_proof.c: the proof of a relay, against a server that plays a script. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <time.h>
#include <unistd.h>

#include "codec/bytes.h"
#include "codec/turn.h"
#include "fail_alloc.h"
#include "turn/proof.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECRET "k7Wq2mZx-9_bTgRv4LpYcJ1nHd8sFa3E"
#define WRONG_SECRET "another"
#define TICK_MS 5
#define TIMEOUT_MS 4000
#define SHORT_MS 500
#define WATCHDOG_S 20

/* What comes before the right answer, and must not be taken for it. */
enum decoy {
	DECOY_NONE,
	DECOY_ID,	 /* of another transaction */
	DECOY_METHOD,	 /* of another request */
	DECOY_UNSIGNED,	 /* nobody signed it */
	DECOY_INTEGRITY, /* signed with another key */
	DECOY_TRUNCATED,
	DECOY_INDICATION, /* with the request's id */
	DECOY_COUNT,
};

/* What the server does with requests of one method. */
struct act {
	unsigned drops;	 /* so many first ones get lost */
	unsigned stales; /* so many signed ones get 438 */
	unsigned error;	 /* the code of every answer */
	bool is_silent;
	bool stops; /* the loop, instead of an answer */
};

struct script {
	struct act unsigned_allocate, allocate, permission, send, refresh;
	enum decoy decoy;
	bool is_open_relay;
	bool has_no_realm;
	bool has_no_relayed;
	bool has_long_nonce;
	bool takes_wrong_secret;
	bool drips;	    /* TCP: byte by byte */
	const char *says;   /* TCP: this instead of an answer */
	bool closes;	    /* TCP: instead of an answer */
	bool adds_rubbish;  /* TCP: right behind the last answer */
	uint16_t data_port; /* whence the datagram seems to come */
	bool changes_data;
};

struct fake {
	const struct script *script;
	struct loop *loop;
	int fd;	     /* UDP, or the listening one */
	int peer_fd; /* TCP */
	struct event *readable, *drip;
	struct sockaddr_storage peer;
	socklen_t peer_len;
	struct sockaddr_storage relayed;
	struct act unsigned_allocate, allocate, permission, send, refresh;
	unsigned allocations; /* live */
	unsigned seen[16];    /* requests and indications by method */
	unsigned nonces;
	struct crypto_hmac *key;
	char in[4096], out[8192];
	size_t in_len, out_len;
};

struct bench {
	struct loop *loop;
	struct fake fake;
	struct turncred cred;
	struct proof *proof;
	struct proof_result result;
	char reason[256];
	unsigned done_count;
	bool frees_in_done;
};

/* For what happens in callbacks, where cmocka's may not be used. */
static void must(bool is_so)
{
	if (!is_so)
		abort();
}

/* --- the server --- */

static void fake_write(struct fake *fake, struct span bytes)
{
	if (fake->peer_fd >= 0 && fake->script->drips) {
		must(bytes.len <= sizeof(fake->out) - fake->out_len);
		memcpy(fake->out + fake->out_len, bytes.ptr, bytes.len);
		fake->out_len += bytes.len;
		event_active(fake->drip, EV_TIMEOUT, 0);
	} else if (fake->peer_fd >= 0) {
		(void)!send(fake->peer_fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
	} else {
		(void)!sendto(fake->fd, bytes.ptr, bytes.len, 0,
			      (struct sockaddr *)&fake->peer, fake->peer_len);
	}
}

static void drip_cb(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval next_turn = {0, 0};
	struct fake *fake = arg;

	(void)fd;
	(void)what;
	if (!fake->out_len || fake->peer_fd < 0)
		return;
	(void)!send(fake->peer_fd, fake->out, 1, MSG_NOSIGNAL);
	memmove(fake->out, fake->out + 1, --fake->out_len);
	if (fake->out_len)
		event_add(fake->drip, &next_turn);
}

struct answer {
	enum stun_class class;
	uint16_t method;
	uint8_t id[STUN_ID_LEN];
	unsigned error;
	struct crypto_hmac *key; /* NULL: unsigned */
};

static void put_challenge(struct stun_writer *writer, struct fake *fake)
{
	char nonce[800];

	memset(nonce, 'n', sizeof(nonce));
	(void)snprintf(nonce, sizeof(nonce), "nonce-%u", fake->nonces);
	if (fake->script->has_no_realm)
		return;
	stun_put(writer, STUN_REALM, SPAN("example.org"));
	stun_put(writer, STUN_NONCE,
		 fake->script->has_long_nonce ? span_of(nonce, sizeof(nonce))
					      : span_from(nonce));
}

static size_t write_answer(struct fake *fake, const struct answer *answer,
			   char *out, size_t cap)
{
	struct stun_writer writer;
	char code[4] = {0, 0, (char)(answer->error / 100),
			(char)(answer->error % 100)};
	ssize_t len;

	stun_begin(&writer, out, cap, answer->class, answer->method,
		   answer->id);
	if (answer->class == STUN_ERROR) {
		stun_put(&writer, STUN_ERROR_CODE, span_of(code, sizeof(code)));
		if (answer->error == STUN_UNAUTHENTICATED ||
		    answer->error == STUN_STALE_NONCE)
			put_challenge(&writer, fake);
	} else if (answer->method == TURN_ALLOCATE &&
		   !fake->script->has_no_relayed) {
		stun_put_xor_address(&writer, TURN_XOR_RELAYED_ADDRESS,
				     &fake->relayed);
	}
	if (answer->key)
		stun_put_integrity(&writer, answer->key);
	len = stun_end(&writer);
	must(len > 0);
	return (size_t)len;
}

static void send_decoy(struct fake *fake, struct answer answer)
{
	struct crypto_hmac *wrong = NULL;
	char out[2048];
	size_t len;

	switch (fake->script->decoy) {
	case DECOY_ID:
		answer.id[0] ^= 1;
		break;
	case DECOY_METHOD:
		answer.method = STUN_BINDING;
		break;
	case DECOY_UNSIGNED:
		answer.key = NULL;
		break;
	case DECOY_INTEGRITY:
		must(!crypto_hmac_new(&wrong, CRYPTO_SHA1, SPAN("wrong")));
		answer.key = wrong;
		break;
	case DECOY_INDICATION:
		answer.class = STUN_INDICATION;
		break;
	default:
		break;
	}
	/* A refusal, which would end the proof if it were believed. */
	if (answer.class == STUN_SUCCESS) {
		answer.class = STUN_ERROR;
		answer.error = STUN_SERVER_ERROR;
	}
	len = write_answer(fake, &answer, out, sizeof(out));
	if (fake->script->decoy == DECOY_TRUNCATED)
		len -= 8;
	fake_write(fake, span_of(out, len));
	crypto_hmac_free(wrong);
}

static void reply(struct fake *fake, const struct stun_message *request,
		  unsigned error, bool is_signed)
{
	struct answer answer = {
		.class = error ? STUN_ERROR : STUN_SUCCESS,
		.method = request->method,
		.error = error,
		.key = is_signed ? fake->key : NULL,
	};
	char out[2048];
	size_t len;

	memcpy(answer.id, request->id, sizeof(answer.id));
	if (fake->script->decoy && is_signed)
		send_decoy(fake, answer);
	len = write_answer(fake, &answer, out, sizeof(out));
	if (fake->script->adds_rubbish && request->method == TURN_REFRESH)
		len += (size_t)snprintf(out + len, sizeof(out) - len, "HTTP/");
	fake_write(fake, span_of(out, len));
}

/* The key that the request's sender ought to have. */
static bool is_rightly_signed(struct fake *fake,
			      const struct stun_message *request)
{
	struct span username;
	struct crypto_hmac *secret;
	uint8_t mac[CRYPTO_SHA1_LEN], key[CRYPTO_MD5_LEN];
	char password[CRYPTO_BASE64_LEN(sizeof(mac)) + 1];

	if (stun_find(request, STUN_USERNAME, &username))
		return false;
	must(!crypto_hmac_new(&secret, CRYPTO_SHA1, SPAN(SECRET)));
	must(!crypto_hmac_sign(secret, username, mac));
	crypto_hmac_free(secret);
	(void)crypto_base64(mac, sizeof(mac), password);
	must(!stun_long_term_key(username, SPAN("example.org"),
				 span_from(password), key));
	crypto_hmac_free(fake->key);
	fake->key = NULL;
	must(!crypto_hmac_new(&fake->key, CRYPTO_SHA1,
			      span_of(key, sizeof(key))));
	return !stun_verify(request, fake->key);
}

static bool has_right_nonce(struct fake *fake,
			    const struct stun_message *request)
{
	char expected[32];
	struct span nonce;

	(void)snprintf(expected, sizeof(expected), "nonce-%u", fake->nonces);
	return !stun_find(request, STUN_NONCE, &nonce) &&
	       span_equal(nonce, span_from(expected));
}

/* Whether the script has something else in mind than an answer. */
static bool is_waylaid(struct fake *fake, struct act *act)
{
	if (act->stops)
		loop_stop(fake->loop);
	if (act->stops || act->is_silent)
		return true;
	return act->drops && act->drops--;
}

static struct act *act_of(struct fake *fake, const struct stun_message *message)
{
	struct span unused;

	switch (message->method) {
	case TURN_ALLOCATE:
		return stun_find(message, STUN_MESSAGE_INTEGRITY, &unused)
			       ? &fake->unsigned_allocate
			       : &fake->allocate;
	case TURN_CREATE_PERMISSION:
		return &fake->permission;
	case TURN_SEND:
		return &fake->send;
	default:
		return &fake->refresh;
	}
}

static void relay(struct fake *fake, const struct stun_message *message)
{
	struct sockaddr_storage peer;
	struct stun_writer writer;
	uint8_t id[STUN_ID_LEN];
	struct span data;
	char out[2048], copy[64];
	ssize_t len;

	must(!stun_find_xor_address(message, TURN_XOR_PEER_ADDRESS, &peer));
	must(!stun_find(message, TURN_DATA_VALUE, &data));
	must(data.len <= sizeof(copy));
	memcpy(copy, data.ptr, data.len);
	if (fake->script->changes_data)
		copy[0] ^= 1;
	if (fake->script->data_port)
		((struct sockaddr_in *)&peer)->sin_port =
			htons(fake->script->data_port);
	crypto_random(id, sizeof(id));
	stun_begin(&writer, out, sizeof(out), STUN_INDICATION, TURN_DATA, id);
	stun_put_xor_address(&writer, TURN_XOR_PEER_ADDRESS, &peer);
	stun_put(&writer, TURN_DATA_VALUE, span_of(copy, data.len));
	len = stun_end(&writer);
	must(len > 0);
	fake_write(fake, span_of(out, (size_t)len));
}

static void answer_signed(struct fake *fake, const struct stun_message *message,
			  struct act *act)
{
	uint32_t lifetime = 1;

	if (!is_rightly_signed(fake, message)) {
		reply(fake, message, STUN_UNAUTHENTICATED, false);
		return;
	}
	if (act->stales || !has_right_nonce(fake, message)) {
		if (act->stales)
			act->stales--;
		fake->nonces++;
		reply(fake, message, STUN_STALE_NONCE, false);
		return;
	}
	if (!act->error && message->method == TURN_ALLOCATE)
		fake->allocations = 1;
	(void)stun_find_u32(message, TURN_LIFETIME, &lifetime);
	if (!act->error && message->method == TURN_REFRESH && !lifetime)
		fake->allocations = 0;
	reply(fake, message, act->error, true);
}

static void fake_take(struct fake *fake, struct span bytes)
{
	struct stun_message message;
	struct act *act;

	must(!stun_parse(bytes, &message));
	must(message.method < COUNT(fake->seen));
	fake->seen[message.method]++;
	act = act_of(fake, &message);
	if (is_waylaid(fake, act))
		return;
	if (fake->script->says)
		fake_write(fake, span_from(fake->script->says));
	else if (fake->script->closes)
		(void)shutdown(fake->peer_fd, SHUT_WR);
	else if (message.method == TURN_SEND)
		relay(fake, &message);
	else if (act == &fake->unsigned_allocate || fake->script->is_open_relay)
		reply(fake, &message,
		      act->error		    ? act->error
		      : fake->script->is_open_relay ? 0
						    : STUN_UNAUTHENTICATED,
		      false);
	else
		answer_signed(fake, &message, act);
}

static void take_stream(struct fake *fake)
{
	ssize_t len = recv(fake->peer_fd, fake->in + fake->in_len,
			   sizeof(fake->in) - fake->in_len, 0);

	if (len <= 0) {
		event_del(fake->readable);
		fake->allocations = 0; /* as coturn does */
		return;
	}
	fake->in_len += (size_t)len;
	while ((len = turn_frame_len(span_of(fake->in, fake->in_len))) > 0 &&
	       (size_t)len <= fake->in_len) {
		fake_take(fake, span_of(fake->in, (size_t)len));
		fake->in_len -= (size_t)len;
		memmove(fake->in, fake->in + len, fake->in_len);
	}
}

static void take_datagram(struct fake *fake)
{
	ssize_t len;

	fake->peer_len = sizeof(fake->peer);
	len = recvfrom(fake->fd, fake->in, sizeof(fake->in), MSG_DONTWAIT,
		       (struct sockaddr *)&fake->peer, &fake->peer_len);
	if (len > 0)
		fake_take(fake, span_of(fake->in, (size_t)len));
}

/* The server's own allocations do not count. */
static void fake_cb(evutil_socket_t fd, short what, void *arg)
{
	struct fake *fake = arg;
	long left = fail_alloc_left;

	(void)what;
	fail_alloc_left = 0;
	if (fake->peer_fd >= 0)
		take_stream(fake);
	else
		take_datagram(fake);
	fail_alloc_left = left;
	(void)fd;
}

static void accept_cb(evutil_socket_t fd, short what, void *arg)
{
	struct fake *fake = arg;
	long left = fail_alloc_left;

	(void)what;
	fail_alloc_left = 0;
	fake->peer_fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK);
	must(fake->peer_fd >= 0);
	must(!setsockopt(fake->peer_fd, IPPROTO_TCP, TCP_NODELAY, &(int){1},
			 sizeof(int)));
	event_free(fake->readable);
	fake->readable = event_new(fake->loop->base, fake->peer_fd,
				   EV_READ | EV_PERSIST, fake_cb, fake);
	event_add(fake->readable, NULL);
	fail_alloc_left = left;
}

static void fake_open(struct fake *fake, struct loop *loop,
		      const struct script *script,
		      enum link_transport transport)
{
	bool is_stream = transport == LINK_TCP;
	struct sockaddr_in in = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in relayed = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(0x08080408),
				      .sin_port = htons(50000)};

	*fake = (struct fake){
		.script = script,
		.loop = loop,
		.peer_fd = -1,
		.unsigned_allocate = script->unsigned_allocate,
		.allocate = script->allocate,
		.permission = script->permission,
		.send = script->send,
		.refresh = script->refresh,
	};
	memcpy(&fake->relayed, &relayed, sizeof(relayed));
	fake->fd = socket(AF_INET, is_stream ? SOCK_STREAM : SOCK_DGRAM, 0);
	assert_false(bind(fake->fd, (struct sockaddr *)&in, sizeof(in)));
	assert_false(is_stream && listen(fake->fd, 4));
	fake->readable = event_new(loop->base, fake->fd, EV_READ | EV_PERSIST,
				   is_stream ? accept_cb : fake_cb, fake);
	fake->drip = event_new(loop->base, -1, 0, drip_cb, fake);
	assert_non_null(fake->readable);
	assert_non_null(fake->drip);
	assert_false(event_add(fake->readable, NULL));
}

static void fake_close(struct fake *fake)
{
	event_free(fake->readable);
	event_free(fake->drip);
	if (fake->peer_fd >= 0)
		close(fake->peer_fd);
	close(fake->fd);
	crypto_hmac_free(fake->key);
}

/* --- a proof against it --- */

static void on_done(const struct proof_result *result, void *arg)
{
	struct bench *bench = arg;

	bench->done_count++;
	bench->result = *result;
	(void)snprintf(bench->reason, sizeof(bench->reason), "%s",
		       result->reason ? result->reason : "");
	if (bench->frees_in_done) {
		proof_free(bench->proof);
		bench->proof = NULL;
	}
	loop_stop(bench->loop);
}

static void bench_open(struct bench *bench, const struct script *script,
		       enum link_transport transport)
{
	struct crypto_hmac *secret;

	*bench = (struct bench){.frees_in_done = true};
	assert_int_equal(loop_new(&bench->loop, NULL, TICK_MS), 0);
	assert_int_equal(crypto_hmac_new(&secret, CRYPTO_SHA1,
					 script->takes_wrong_secret
						 ? SPAN(WRONG_SECRET)
						 : SPAN(SECRET)),
			 0);
	assert_int_equal(turncred_make(secret, SPAN("proof"),
				       (uint64_t)time(NULL), 600, &bench->cred),
			 0);
	crypto_hmac_free(secret);
	fake_open(&bench->fake, bench->loop, script, transport);
}

static struct proof_target target_of(struct bench *bench,
				     enum link_transport transport,
				     unsigned timeout_ms)
{
	struct proof_target target = {.link.transport = transport,
				      .timeout_ms = timeout_ms};
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	assert_false(
		getsockname(bench->fake.fd, (struct sockaddr *)&addr, &len));
	net_addr_from(&target.link.addr, (struct sockaddr *)&addr);
	return target;
}

static int bench_begin(struct bench *bench, enum link_transport transport,
		       unsigned timeout_ms)
{
	struct proof_target target = target_of(bench, transport, timeout_ms);
	int err = proof_new(&bench->proof, bench->loop, &target, &bench->cred,
			    on_done, bench);

	assert_int_equal(bench->done_count, 0);
	return err;
}

static void bench_run(struct bench *bench)
{
	const struct timeval watchdog = {WATCHDOG_S, 0};

	assert_false(event_base_loopexit(bench->loop->base, &watchdog));
	assert_int_equal(loop_run(bench->loop), 0);
}

/* What came for the server after the loop was stopped. */
static void bench_drain(struct bench *bench)
{
	char byte;

	while (bench->fake.peer_fd < 0 &&
	       recv(bench->fake.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0) {
		bench->fake.refresh = (struct act){0};
		take_datagram(&bench->fake);
	}
}

static void bench_close(struct bench *bench)
{
	proof_free(bench->proof);
	fake_close(&bench->fake);
	loop_free(bench->loop);
}

/* A whole proof; bench is closed, and keeps the result and what was seen. */
static void prove(struct bench *bench, const struct script *script,
		  enum link_transport transport, unsigned timeout_ms)
{
	bench_open(bench, script, transport);
	assert_int_equal(bench_begin(bench, transport, timeout_ms), 0);
	bench_run(bench);
	bench_drain(bench);
	bench_close(bench);
	assert_int_equal(bench->done_count, 1);
}

static void assert_ok(const struct bench *bench)
{
	assert_string_equal(bench->reason, "");
	assert_true(bench->result.is_ok);
	assert_null(bench->result.reason);
	assert_int_equal(bench->fake.allocations, 0);
}

static void assert_failed(const struct bench *bench, enum proof_step step,
			  const char *reason)
{
	assert_string_equal(bench->reason, reason);
	assert_false(bench->result.is_ok);
	assert_false(bench->result.is_ours);
	assert_int_equal(bench->result.step, step);
}

/* --- the tests --- */

static void a_server_that_relays_is_proven(void **state)
{
	static const enum link_transport both[] = {LINK_UDP, LINK_TCP};
	struct bench bench;

	(void)state;
	for (size_t i = 0; i < COUNT(both); i++) {
		prove(&bench, &(struct script){.decoy = DECOY_NONE}, both[i],
		      TIMEOUT_MS);
		assert_ok(&bench);
		assert_int_equal(bench.fake.seen[TURN_ALLOCATE], 2);
		assert_int_equal(bench.fake.seen[TURN_CREATE_PERMISSION], 1);
		assert_int_equal(bench.fake.seen[TURN_SEND], 1);
		assert_int_equal(bench.fake.seen[TURN_REFRESH], 1);
		assert_in_range(bench.result.round_trip_ms, 0, 400);
	}
}

static void lost_datagrams_are_sent_again(void **state)
{
	static const struct act lost = {.drops = 1};
	static const struct script each[] = {
		{.unsigned_allocate = lost}, {.allocate = lost},
		{.permission = lost},	     {.send = lost},
		{.refresh = lost},
	};
	struct bench bench;

	(void)state;
	for (size_t i = 0; i < COUNT(each); i++) {
		unsigned sum = 0;

		prove(&bench, &each[i], LINK_UDP, TIMEOUT_MS);
		assert_ok(&bench);
		/* The round trip is that of the sending which came back. */
		assert_in_range(bench.result.round_trip_ms, 0, 400);
		for (size_t m = 0; m < COUNT(bench.fake.seen); m++)
			sum += bench.fake.seen[m];
		assert_int_equal(sum, 6);
	}
}

static void a_datagram_lost_behind_a_stream_is_sent_again(void **state)
{
	struct bench bench;

	(void)state;
	prove(&bench, &(struct script){.send.drops = 1}, LINK_TCP, TIMEOUT_MS);
	assert_ok(&bench);
	assert_int_equal(bench.fake.seen[TURN_SEND], 2);
}

static void what_was_released_already_is_released(void **state)
{
	struct bench bench;

	(void)state;
	prove(&bench, &(struct script){.refresh.error = 437}, LINK_TCP,
	      TIMEOUT_MS);
	assert_string_equal(bench.reason, "");
	assert_true(bench.result.is_ok);
}

static void requests_are_not_repeated_over_tcp(void **state)
{
	struct bench bench;

	(void)state;
	prove(&bench, &(struct script){.permission.is_silent = true}, LINK_TCP,
	      700);
	assert_failed(&bench, PROOF_PERMISSION,
		      "no answer to CreatePermission over TCP within 0.7 s");
	assert_int_equal(bench.fake.seen[TURN_CREATE_PERMISSION], 1);
}

static void answers_that_are_not_the_servers_are_ignored(void **state)
{
	struct bench bench;

	(void)state;
	for (int decoy = DECOY_ID; decoy < DECOY_COUNT; decoy++) {
		struct script script = {.decoy = (enum decoy)decoy};

		prove(&bench, &script, LINK_UDP, TIMEOUT_MS);
		assert_ok(&bench);
		assert_int_equal(bench.fake.seen[TURN_REFRESH], 1);
		if (decoy == DECOY_TRUNCATED)
			continue; /* a stream is cut by what it says */
		prove(&bench, &script, LINK_TCP, TIMEOUT_MS);
		assert_ok(&bench);
	}
}

static void a_stream_may_come_byte_by_byte(void **state)
{
	struct bench bench;

	(void)state;
	prove(&bench, &(struct script){.drips = true, .decoy = DECOY_INTEGRITY},
	      LINK_TCP, TIMEOUT_MS);
	assert_ok(&bench);
}

static void nothing_counts_that_comes_after_the_end(void **state)
{
	struct bench bench;

	(void)state;
	prove(&bench, &(struct script){.adds_rubbish = true}, LINK_TCP,
	      TIMEOUT_MS);
	assert_ok(&bench);
}

static void a_stale_nonce_is_renewed_once_a_step(void **state)
{
	static const struct script twice = {.permission.stales = 2};
	static const struct script each = {.allocate.stales = 1,
					   .permission.stales = 1,
					   .refresh.stales = 1};
	struct bench bench;

	(void)state;
	prove(&bench, &each, LINK_UDP, TIMEOUT_MS);
	assert_ok(&bench);
	prove(&bench, &twice, LINK_UDP, TIMEOUT_MS);
	assert_failed(&bench, PROOF_PERMISSION,
		      "CreatePermission refused: 438, the server does not take "
		      "the nonce it gave");
}

/* A reason for each way to fail, and nothing is left allocated. */
static void every_failure_says_what_it_is(void **state)
{
	static const struct {
		struct script script;
		enum link_transport transport;
		enum proof_step step;
		const char *reason;
	} each[] = {
		{{.unsigned_allocate.is_silent = true},
		 LINK_UDP,
		 PROOF_ALLOCATE,
		 "no answer to Allocate over UDP within 0.5 s"},
		{{.unsigned_allocate.is_silent = true},
		 LINK_TCP,
		 PROOF_ALLOCATE,
		 "no answer to Allocate over TCP within 0.5 s"},
		{{.takes_wrong_secret = true},
		 LINK_UDP,
		 PROOF_ALLOCATE,
		 "the server refuses the credential (401): is turn.secret, or "
		 "turn.redis, the one of its configuration, and its clock "
		 "right?"},
		{{.unsigned_allocate.error = 403},
		 LINK_UDP,
		 PROOF_ALLOCATE,
		 "Allocate refused: 403, forbidden: is it draining?"},
		{{.allocate.error = 486},
		 LINK_UDP,
		 PROOF_ALLOCATE,
		 "Allocate refused: 486, the quota is used up"},
		{{.allocate.error = 499},
		 LINK_UDP,
		 PROOF_ALLOCATE,
		 "Allocate refused: 499, a code that TURN does not use here"},
		{{.has_no_realm = true},
		 LINK_UDP,
		 PROOF_ALLOCATE,
		 "Allocate refused: 401 without a realm and nonce to answer "
		 "with"},
		{{.has_long_nonce = true},
		 LINK_UDP,
		 PROOF_ALLOCATE,
		 "Allocate refused: 401 without a realm and nonce to answer "
		 "with"},
		{{.has_no_relayed = true},
		 LINK_UDP,
		 PROOF_ALLOCATE,
		 "the answer to Allocate has no relayed address"},
		{{.is_open_relay = true},
		 LINK_UDP,
		 PROOF_ALLOCATE,
		 "the server asks for no credential: anybody can relay through "
		 "it"},
		{{.permission.error = 403},
		 LINK_UDP,
		 PROOF_PERMISSION,
		 "the server forbids its own relay address (403): does "
		 "denied-peer-ip cover it?"},
		{{.permission.is_silent = true},
		 LINK_UDP,
		 PROOF_PERMISSION,
		 "no answer to CreatePermission over UDP within 0.5 s"},
		{{.permission.is_silent = true, .decoy = DECOY_NONE},
		 LINK_UDP,
		 PROOF_PERMISSION,
		 "no answer to CreatePermission over UDP within 0.5 s"},
		{{.send.is_silent = true},
		 LINK_UDP,
		 PROOF_RELAY,
		 "the relayed datagram did not come back within 0.5 s"},
		{{.data_port = 50001},
		 LINK_UDP,
		 PROOF_RELAY,
		 "the relayed datagram did not come back within 0.5 s"},
		{{.changes_data = true},
		 LINK_TCP,
		 PROOF_RELAY,
		 "the relayed datagram did not come back within 0.5 s"},
		{{.refresh.error = 400},
		 LINK_TCP,
		 PROOF_RELEASE,
		 "Refresh refused: 400, bad request"},
		{{.says = "HTTP/1.1 400 Bad Request\r\n\r\n"},
		 LINK_TCP,
		 PROOF_ALLOCATE,
		 "what listens there over TCP is no TURN server"},
		/* Would be the beginning of a ChannelData. */
		{{.says = "AA\x01\x01"},
		 LINK_TCP,
		 PROOF_ALLOCATE,
		 "what listens there over TCP is no TURN server"},
		{{.says = "\x01\x13\xff\xfc\x21\x12\xa4\x42"},
		 LINK_TCP,
		 PROOF_ALLOCATE,
		 "what listens there over TCP is no TURN server"},
		{{.closes = true},
		 LINK_TCP,
		 PROOF_ALLOCATE,
		 "the server closed the TCP connection during Allocate"},
	};
	struct bench bench;

	(void)state;
	for (size_t i = 0; i < COUNT(each); i++) {
		prove(&bench, &each[i].script, each[i].transport, SHORT_MS);
		assert_failed(&bench, each[i].step, each[i].reason);
		if (each[i].transport == LINK_UDP)
			assert_int_equal(bench.fake.allocations, 0);
	}
}

static void where_nothing_listens_it_says_so(void **state)
{
	static const enum link_transport both[] = {LINK_UDP, LINK_TCP};
	static const char *const reasons[] = {
		"nothing listens there over UDP",
		"nothing listens there over TCP",
	};
	static const enum proof_step where[] = {PROOF_ALLOCATE, PROOF_CONNECT};

	(void)state;
	for (size_t i = 0; i < COUNT(both); i++) {
		static const struct script none;
		struct bench bench;

		bench_open(&bench, &none, both[i]);
		struct proof_target target =
			target_of(&bench, both[i], TIMEOUT_MS);
		event_del(bench.fake.readable);
		close(bench.fake.fd);
		bench.fake.fd = socket(AF_INET, SOCK_DGRAM, 0);
		assert_int_equal(proof_new(&bench.proof, bench.loop, &target,
					   &bench.cred, on_done, &bench),
				 0);
		bench_run(&bench);
		bench_close(&bench);
		assert_int_equal(bench.done_count, 1);
		assert_failed(&bench, where[i], reasons[i]);
	}
}

/* A socket may not send to everybody: this machine's lack, not the server's. */
static void begin_with_what_fails_at_once(struct bench *bench)
{
	static const struct script none;
	struct proof_target target;

	bench_open(bench, &none, LINK_UDP);
	target = target_of(bench, LINK_UDP, TIMEOUT_MS);
	assert_int_equal(
		net_addr_parse(SPAN("255.255.255.255:3478"), &target.link.addr),
		0);
	assert_int_equal(proof_new(&bench->proof, bench->loop, &target,
				   &bench->cred, on_done, bench),
			 0);
	assert_int_equal(bench->done_count, 0);
}

static void what_fails_at_once_is_told_later(void **state)
{
	struct bench bench;

	(void)state;
	begin_with_what_fails_at_once(&bench);
	bench_run(&bench);
	bench_close(&bench);
	assert_int_equal(bench.done_count, 1);
	assert_true(bench.result.is_ours);
	assert_int_equal(bench.result.step, PROOF_CONNECT);
	assert_string_equal(bench.reason,
			    "connecting over UDP: Permission denied");

	begin_with_what_fails_at_once(&bench);
	proof_free(bench.proof);
	bench.proof = NULL;
	loop_defer(bench.loop, &(struct loop_task){.run = NULL});
	assert_null(bench.loop->tasks->next); /* no task of the proof is left */
	bench.loop->tasks = NULL;
	bench_close(&bench);
	assert_int_equal(bench.done_count, 0);
}

static void a_proof_may_be_kept_after_its_end(void **state)
{
	static const struct script none;
	struct bench bench;

	(void)state;
	bench_open(&bench, &none, LINK_UDP);
	bench.frees_in_done = false;
	assert_int_equal(bench_begin(&bench, LINK_UDP, TIMEOUT_MS), 0);
	bench_run(&bench);
	assert_non_null(bench.proof);
	assert_int_equal(bench.fake.seen[TURN_REFRESH], 1);
	bench_close(&bench);
	assert_ok(&bench);
}

static void it_can_be_freed_at_every_step(void **state)
{
	static const struct act stop = {.stops = true};
	static const struct {
		struct script script;
		bool has_sent_credential;
	} each[] = {
		{{.unsigned_allocate = stop}, false},
		{{.allocate = stop}, true},
		{{.permission = stop}, true},
		{{.send = stop}, true},
		{{.refresh = stop}, true},
	};
	static const enum link_transport both[] = {LINK_UDP, LINK_TCP};

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(each); i++) {
		enum link_transport transport = both[i % 2];
		bool has_farewell = each[i / 2].has_sent_credential &&
				    transport == LINK_UDP;
		struct bench bench;
		unsigned refreshes;

		bench_open(&bench, &each[i / 2].script, transport);
		assert_int_equal(bench_begin(&bench, transport, TIMEOUT_MS), 0);
		bench_run(&bench);
		refreshes = bench.fake.seen[TURN_REFRESH];
		proof_free(bench.proof);
		bench.proof = NULL;
		bench_drain(&bench);
		assert_int_equal(bench.fake.seen[TURN_REFRESH],
				 refreshes + has_farewell);
		if (transport == LINK_UDP)
			assert_int_equal(bench.fake.allocations, 0);
		assert_int_equal(bench.done_count, 0);
		bench_close(&bench);
	}
}

static void it_can_be_freed_before_anything_happened(void **state)
{
	static const struct script none;
	static const enum link_transport both[] = {LINK_UDP, LINK_TCP};

	(void)state;
	for (size_t i = 0; i < COUNT(both); i++) {
		struct bench bench;

		bench_open(&bench, &none, both[i]);
		assert_int_equal(bench_begin(&bench, both[i], TIMEOUT_MS), 0);
		bench_close(&bench);
		assert_int_equal(bench.done_count, 0);
	}
	proof_free(NULL);
}

/* Returns whether an allocation failed. */
static bool prove_without_memory(enum link_transport transport, long n)
{
	static const struct script none;
	struct bench bench;
	bool has_failed;
	int err;

	bench_open(&bench, &none, transport);
	fail_alloc_at(n);
	err = bench_begin(&bench, transport, TIMEOUT_MS);
	if (!err) {
		event_base_dispatch(bench.loop->base);
	} else {
		bench.proof = NULL;
	}
	has_failed = fail_alloc_stop();
	assert_true(err == 0 || err == -ENOMEM);
	assert_int_equal(bench.done_count, !err);
	if (!err && has_failed && !bench.result.is_ok) {
		assert_true(bench.result.is_ours);
		/* libcrypto does not tell why it gives no MD5. */
		assert_true(strstr(bench.reason, "memory") ||
			    strstr(bench.reason, "MD5"));
	}
	if (!has_failed)
		assert_ok(&bench);
	bench_close(&bench);
	return has_failed;
}

static void memory_may_run_out_anywhere(void **state)
{
	static const enum link_transport both[] = {LINK_UDP, LINK_TCP};
	uint8_t warm_up[1];

	(void)state;
	crypto_random(warm_up, sizeof(warm_up));
	for (size_t i = 0; i < COUNT(both); i++) {
		long n = 1;

		(void)prove_without_memory(both[i], 0);
		while (prove_without_memory(both[i], n))
			n++;
		assert_in_range(n, 4, 1000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_that_relays_is_proven),
		cmocka_unit_test(lost_datagrams_are_sent_again),
		cmocka_unit_test(a_datagram_lost_behind_a_stream_is_sent_again),
		cmocka_unit_test(what_was_released_already_is_released),
		cmocka_unit_test(requests_are_not_repeated_over_tcp),
		cmocka_unit_test(answers_that_are_not_the_servers_are_ignored),
		cmocka_unit_test(a_stream_may_come_byte_by_byte),
		cmocka_unit_test(nothing_counts_that_comes_after_the_end),
		cmocka_unit_test(a_stale_nonce_is_renewed_once_a_step),
		cmocka_unit_test(every_failure_says_what_it_is),
		cmocka_unit_test(where_nothing_listens_it_says_so),
		cmocka_unit_test(what_fails_at_once_is_told_later),
		cmocka_unit_test(a_proof_may_be_kept_after_its_end),
		cmocka_unit_test(it_can_be_freed_at_every_step),
		cmocka_unit_test(it_can_be_freed_before_anything_happened),
		cmocka_unit_test(memory_may_run_out_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
