/* signature.c: how others can tell that a request is ours. */
#include <inttypes.h>
#include <stdio.h>

#include "base/crypto.h"
#include "base/hex.h"
#include "codec/signature.h"

int signature_make(struct span secret, uint64_t now_s, struct span body,
		   struct signature *out)
{
	char hex[SIGNATURE_HEX_LEN + 1], time[32];
	uint8_t mac[CRYPTO_SHA256_LEN];
	struct crypto_hmac *hmac;
	int err = crypto_hmac_new(&hmac, CRYPTO_SHA256, secret);

	if (err)
		return err;
	(void)snprintf(time, sizeof(time), "%" PRIu64 ".", now_s);
	err = crypto_hmac_sign_parts(
		hmac, (struct span[]){span_from(time), body}, 2, mac);
	crypto_hmac_free(hmac);
	if (err)
		return err;
	hex_write(mac, sizeof(mac), hex);
	(void)snprintf(out->timestamp, sizeof(out->timestamp),
		       "Signald-Timestamp: %" PRIu64, now_s);
	(void)snprintf(out->signature, sizeof(out->signature),
		       "Signald-Signature: sha256=%s", hex);
	return 0;
}
