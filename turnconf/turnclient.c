/* turnclient.c: requests, one at a time, and their answers. */
#include "turnclient.h"

#include <errno.h>
#include <stdlib.h>

#include "codec/turn.h"
#include "codec/turncred.h"

/* RFC 8489, 6.2.1. */
#define FIRST_RESEND_MS 500

#define MAX_NAME 763 /* bytes of a realm, and of a nonce (RFC 8489, 14.9) */

struct turnclient {
	struct turnlink *link;
	unsigned timeout_ms;
	struct turncred cred;
	struct crypto_hmac *key; /* NULL: requests go unsigned */
	char realm[MAX_NAME + 1], nonce[MAX_NAME + 1];
	bool has_allocation;
	char in[TURNLINK_CAP];
};

/* What a request is about; the rest is the same for all. */
struct ask {
	uint16_t method; /* of TURN, or STUN_BINDING */
	const struct sockaddr_storage *peer;
	int family; /* of the relay; AF_UNSPEC: the server's choice */
};

int turnclient_new(struct turnclient **clientp, struct turnlink *link,
		   unsigned timeout_ms)
{
	struct turnclient *client = calloc(1, sizeof(*client));

	if (!client) {
		turnlink_free(link);
		return -ENOMEM;
	}
	client->link = link;
	client->timeout_ms = timeout_ms;
	*clientp = client;
	return 0;
}

static struct stun_auth auth_of(const struct turnclient *client)
{
	return (struct stun_auth){
		.username = span_from(client->cred.username),
		.realm = span_from(client->realm),
		.nonce = span_from(client->nonce),
		.hmac = client->key,
	};
}

static ssize_t write_request(const struct turnclient *client,
			     const struct ask *ask,
			     const struct turn_draft *draft)
{
	struct stun_auth auth = auth_of(client);
	const struct stun_auth *with = client->key ? &auth : NULL;

	switch (ask->method) {
	case STUN_BINDING:
		return (ssize_t)stun_write_binding_request(draft->out,
							   draft->id);
	case TURN_ALLOCATE:
		return turn_write_allocate(draft, ask->family, 0, with);
	case TURN_CREATE_PERMISSION:
		return turn_write_create_permission(draft, ask->peer, with);
	default:
		return turn_write_refresh(draft, 0, with);
	}
}

void turnclient_free(struct turnclient *client)
{
	char out[TURNLINK_CAP];
	uint8_t id[STUN_ID_LEN];
	struct turn_draft draft = {.out = out, .cap = sizeof(out), .id = id};
	struct ask ask = {.method = TURN_REFRESH};
	ssize_t len;

	if (!client)
		return;
	if (client->has_allocation) {
		crypto_random(id, sizeof(id));
		len = write_request(client, &ask, &draft);
		if (len > 0)
			(void)turnlink_send(client->link,
					    span_of(out, (size_t)len));
	}
	crypto_hmac_free(client->key);
	crypto_wipe(&client->cred, sizeof(client->cred));
	turnlink_free(client->link);
	free(client);
}

/* --- one request --- */

/* The answer to a request may be forged unless it is signed as the request was;
 * refusals with 401 and 438 come unsigned (RFC 8489, 9.2.4). */
static bool is_believed(const struct turnclient *client,
			const struct stun_message *message)
{
	struct stun_error error;

	if (!client->key)
		return true;
	if (message->class == STUN_ERROR && !stun_find_error(message, &error) &&
	    (error.code == STUN_UNAUTHENTICATED ||
	     error.code == STUN_STALE_NONCE))
		return true;
	return !stun_verify(message, client->key);
}

/* Wait for the answer to the request with that id: 0, or a negative errno. */
static int await_answer(struct turnclient *client, const uint8_t *id,
			uint64_t until_ms, struct stun_message *answer)
{
	for (;;) {
		ssize_t len =
			turnlink_receive(client->link, client->in, until_ms);

		if (len < 0)
			return (int)len;
		if (!stun_parse(span_of(client->in, (size_t)len), answer) &&
		    (answer->class == STUN_SUCCESS ||
		     answer->class == STUN_ERROR) &&
		    !memcmp(answer->id, id, STUN_ID_LEN) &&
		    is_believed(client, answer))
			return 0;
	}
}

/* Over UDP what is not answered is sent again, and again after twice as long.
 */
static int exchange(struct turnclient *client, struct span request,
		    const uint8_t *id, struct stun_message *answer)
{
	uint64_t end_ms = turnlink_now_ms() + client->timeout_ms;
	uint64_t wait_ms = turnlink_is_stream(client->link) ? client->timeout_ms
							    : FIRST_RESEND_MS;

	for (;;) {
		uint64_t until_ms = turnlink_now_ms() + wait_ms;
		int err = turnlink_send(client->link, request);

		if (err)
			return err;
		if (until_ms > end_ms)
			until_ms = end_ms;
		err = await_answer(client, id, until_ms, answer);
		if (err != -ETIMEDOUT || until_ms == end_ms)
			return err;
		wait_ms *= 2;
	}
}

static int copy_text(const struct stun_message *message, uint16_t type,
		     char out[MAX_NAME + 1])
{
	struct span value;

	if (stun_find(message, type, &value))
		return -EPROTO;
	return span_copy(value, out, MAX_NAME + 1) ? -EPROTO : 0;
}

/* 0, the error's code, or -EPROTO for an error without one. */
static int code_of(struct turnclient *client, const struct stun_message *answer)
{
	struct stun_error error;

	if (answer->class == STUN_SUCCESS)
		return 0;
	if (stun_find_error(answer, &error))
		return -EPROTO;
	if ((error.code == STUN_UNAUTHENTICATED ||
	     error.code == STUN_STALE_NONCE) &&
	    copy_text(answer, STUN_NONCE, client->nonce))
		return -EPROTO;
	return (int)error.code;
}

static int ask_once(struct turnclient *client, const struct ask *ask,
		    struct stun_message *answer)
{
	char out[TURNLINK_CAP];
	uint8_t id[STUN_ID_LEN];
	struct turn_draft draft = {.out = out, .cap = sizeof(out), .id = id};
	ssize_t len;
	int err;

	crypto_random(id, sizeof(id));
	len = write_request(client, ask, &draft);
	if (len < 0)
		return (int)len;
	err = exchange(client, span_of(out, (size_t)len), id, answer);
	return err ? err : code_of(client, answer);
}

/* A nonce may go stale between two requests. */
static int ask_server(struct turnclient *client, const struct ask *ask,
		      struct stun_message *answer)
{
	int code = ask_once(client, ask, answer);

	return code == STUN_STALE_NONCE ? ask_once(client, ask, answer) : code;
}

/* --- the steps --- */

int turnclient_binding(struct turnclient *client,
		       struct sockaddr_storage *mapped)
{
	struct ask ask = {.method = STUN_BINDING};
	struct stun_message answer;
	int code = ask_server(client, &ask, &answer);

	return code ? code
		    : stun_find_xor_address(&answer, STUN_XOR_MAPPED_ADDRESS,
					    mapped);
}

int turnclient_knock(struct turnclient *client)
{
	struct ask ask = {.method = TURN_ALLOCATE};
	struct stun_message answer;
	int code = ask_server(client, &ask, &answer);

	if (!code)
		client->has_allocation = true;
	if (code == STUN_UNAUTHENTICATED &&
	    copy_text(&answer, STUN_REALM, client->realm))
		return -EPROTO;
	return code;
}

static int make_key(struct turnclient *client)
{
	uint8_t key[CRYPTO_MD5_LEN];
	int err = stun_long_term_key(span_from(client->cred.username),
				     span_from(client->realm),
				     span_from(client->cred.credential), key);

	if (!err)
		err = crypto_hmac_new(&client->key, CRYPTO_SHA1,
				      span_of(key, sizeof(key)));
	crypto_wipe(key, sizeof(key));
	return err;
}

int turnclient_sign(struct turnclient *client, struct span secret,
		    const char *user, uint64_t now_s, uint64_t ttl_s)
{
	struct crypto_hmac *hmac;
	int err = crypto_hmac_new(&hmac, CRYPTO_SHA1, secret);

	if (err)
		return err;
	err = turncred_make(hmac, span_from(user), now_s, ttl_s, &client->cred);
	crypto_hmac_free(hmac);
	return err ? err : make_key(client);
}

int turnclient_sign_as(struct turnclient *client, struct span username,
		       struct span credential)
{
	struct turncred *cred = &client->cred;

	if (span_copy(username, cred->username, sizeof(cred->username)) ||
	    span_copy(credential, cred->credential, sizeof(cred->credential)))
		return -EINVAL;
	return make_key(client);
}

int turnclient_allocate(struct turnclient *client, int family,
			struct sockaddr_storage *relayed)
{
	struct ask ask = {.method = TURN_ALLOCATE, .family = family};
	struct stun_message answer;
	int code = ask_server(client, &ask, &answer);

	if (code)
		return code;
	client->has_allocation = true;
	return stun_find_xor_address(&answer, TURN_XOR_RELAYED_ADDRESS,
				     relayed);
}

int turnclient_permit(struct turnclient *client,
		      const struct sockaddr_storage *peer)
{
	struct ask ask = {.method = TURN_CREATE_PERMISSION, .peer = peer};
	struct stun_message answer;

	return ask_server(client, &ask, &answer);
}

int turnclient_send(struct turnclient *client,
		    const struct sockaddr_storage *peer, struct span data)
{
	char out[TURNLINK_CAP];
	uint8_t id[STUN_ID_LEN];
	struct turn_draft draft = {.out = out, .cap = sizeof(out), .id = id};
	ssize_t len;

	crypto_random(id, sizeof(id));
	len = turn_write_send(&draft, peer, data);
	return len < 0 ? (int)len
		       : turnlink_send(client->link, span_of(out, (size_t)len));
}

ssize_t turnclient_receive(struct turnclient *client, char *data)
{
	uint64_t until_ms = turnlink_now_ms() + client->timeout_ms;

	for (;;) {
		ssize_t len =
			turnlink_receive(client->link, client->in, until_ms);
		struct sockaddr_storage peer;
		struct stun_message message;
		struct span from;

		if (len < 0)
			return len;
		if (stun_parse(span_of(client->in, (size_t)len), &message) ||
		    turn_read_data(&message, &peer, &from) ||
		    from.len > TURNCLIENT_MAX_DATA)
			continue;
		memcpy(data, from.ptr, from.len);
		return (ssize_t)from.len;
	}
}
