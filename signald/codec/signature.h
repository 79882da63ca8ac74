/* signature.h: how others can tell that a request is ours (docs/webhooks.md).
 */
#ifndef SIGNALD_CODEC_SIGNATURE_H
#define SIGNALD_CODEC_SIGNATURE_H

#include "base/span.h"

#define SIGNATURE_HEX_LEN 64 /* of an HMAC-SHA256 */
#define SIGNATURE_HEADER_CAP 128

/* Two header lines without their ends, NUL-terminated. */
struct signature {
	char timestamp[SIGNATURE_HEADER_CAP];
	char signature[SIGNATURE_HEADER_CAP];
};

/*
 * Sign a body: HMAC-SHA256 (RFC 2104) over the time in decimal digits, a dot,
 * and the body.
 *
 * secret  not empty
 * now_s   Unix time
 * out     "Signald-Timestamp: 1700000000" and
 *         "Signald-Signature: sha256=" with 64 hexadecimal digits
 *
 * Returns 0, -EINVAL for an empty secret, or -ENOMEM.
 */
int signature_make(struct span secret, uint64_t now_s, struct span body,
		   struct signature *out);

#endif
