/* mint.c: tokens of our own, for those who have nothing to make them with. */
#include <errno.h>
#include <stdlib.h>

#include "access/mint.h"
#include "base/crypto.h"

const char *mint_why_not(const struct config *config)
{
	enum config_mode mode = config_mode(config);

	if (mode == MODE_KEY || mode == MODE_WEBHOOK)
		return "tokens are not taken here, as access.mode = key and "
		       "webhook take none: a ticket is, or set it to token";
	return *config->access.token_secret
		       ? NULL
		       : "tokens are signed with access.token_secret, which "
			 "is empty: set one (turnconf secret makes it), or "
			 "take a ticket, which is not signed (POST "
			 "/v1/tickets)";
}

static void write_name(struct buf *out, const char *name)
{
	buf_append_str(out, out->len > 1 ? ",\"" : "\"");
	buf_append_str(out, name);
	buf_append_str(out, "\":");
}

static void write_text(struct buf *out, const char *name, const char *text)
{
	if (!*text)
		return;
	write_name(out, name);
	buf_append_json(out, span_from(text));
}

static void write_number(struct buf *out, const char *name, uint64_t number)
{
	if (!number)
		return;
	write_name(out, name);
	buf_append_u64(out, number);
}

static void write_rights(struct buf *out, unsigned rights)
{
	const char *comma = "";

	write_name(out, "rights");
	buf_append_str(out, "[");
	for (unsigned right = 1; right & RIGHTS_ALL; right <<= 1) {
		if (!(rights & right))
			continue;
		buf_append_str(out, comma);
		buf_append_json(out, span_from(right_name((enum right)right)));
		comma = ",";
	}
	buf_append_str(out, "]");
}

static void write_payload(struct buf *out, const struct config *config,
			  const struct claims *claims, uint64_t now_s)
{
	buf_append_str(out, "{");
	write_text(out, "iss", config->access.token_issuer);
	write_text(out, "aud", config->access.token_audience);
	write_text(out, "sub", claims->subject);
	write_text(out, "room", claims->room);
	write_text(out, "role", claims->role);
	write_rights(out, claims->rights);
	write_number(out, "ttl", claims->ttl_s);
	if (claims->metadata) {
		write_name(out, "metadata");
		buf_append_str(out, claims->metadata);
	}
	write_number(out, "exp",
		     claims->expires_at_s ? claims->expires_at_s
					  : now_s + MINT_LIVES_S);
	buf_append_str(out, "}");
}

static void append_base64url(struct buf *out, const void *bytes, size_t len)
{
	char *text = malloc(CRYPTO_BASE64_LEN(len) + 1);

	if (!text) {
		out->failed = true;
		return;
	}
	buf_append(out, text, crypto_base64url(bytes, len, text));
	free(text);
}

/* RFC 7515, 7.1: what stands from `at` on gets its signature. */
static int sign(const char *secret, struct buf *out, size_t at)
{
	uint8_t mac[CRYPTO_SHA256_LEN];
	struct crypto_hmac *hmac;
	int err = crypto_hmac_new(&hmac, CRYPTO_SHA256, span_from(secret));

	if (err)
		return err;
	err = crypto_hmac_sign(hmac, span_skip(buf_span(out), at), mac);
	crypto_hmac_free(hmac);
	if (err)
		return err;
	buf_append_str(out, ".");
	append_base64url(out, mac, sizeof(mac));
	return out->failed ? -ENOMEM : 0;
}

int mint_token(const struct config *config, const struct claims *claims,
	       uint64_t now_s, struct buf *out)
{
	static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
	struct buf payload = {0};
	const size_t at = out->len;

	if (mint_why_not(config))
		return -ENOENT;
	write_payload(&payload, config, claims, now_s);
	append_base64url(out, header, sizeof(header) - 1);
	buf_append_str(out, ".");
	append_base64url(out, payload.ptr, payload.len);
	if (payload.failed)
		out->failed = true;
	buf_clear(&payload);
	return out->failed ? -ENOMEM
			   : sign(config->access.token_secret, out, at);
}
