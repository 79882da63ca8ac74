/* fuzz_webhook.c: no bytes that a webhook answers lead anywhere but to claims
 * of the right form, and where it is asked there is no eavesdropper. */
#include <string.h>

#include "access/webhook_answer.h"
#include "base/buf.h"
#include "fuzz.h"
#include "policy/config_webhook.h"

#define NOW_S 1700000000

static void check_allowed(const struct claims *claims)
{
	MUST(strlen(claims->subject) <= CLAIMS_MAX_SUBJECT);
	MUST(strlen(claims->room) <= CLAIMS_MAX_ROOM);
	MUST(strlen(claims->role) <= CLAIMS_MAX_ROLE);
	MUST(!(claims->rights & ~RIGHTS_ALL));
	MUST(claims->ttl_s <= CLAIMS_MAX_TTL_S);
	MUST(!claims->expires_at_s || claims->expires_at_s > NOW_S);
	MUST(!claims->metadata || *claims->metadata == '{');
}

static void check_answer(struct span text)
{
	struct webhook_answer answer;
	const char *why = NULL;
	int err = webhook_answer_read(text, NOW_S, &answer, &why);

	MUST(!err == !why);
	if (err)
		return;
	MUST(answer.cache_s <= WEBHOOK_MAX_CACHE_S);
	MUST(strlen(answer.reason) <= WEBHOOK_MAX_REASON);
	MUST(memmem(text.ptr, text.len, "true", 4) || !answer.is_allowed);
	if (answer.is_allowed)
		check_allowed(&answer.claims);
	else
		MUST(!answer.claims.rights && !answer.claims.metadata);
	claims_clear(&answer.claims);
}

static void check_url(struct span text)
{
	struct buf url = {0};

	buf_append_span(&url, text);
	buf_append(&url, "", 1);
	MUST(!url.failed);
	if (config_webhook_is_allowed(url.ptr))
		MUST(!strncmp(url.ptr, "https://", 8) ||
		     !strncmp(url.ptr, "http://", 7));
	buf_clear(&url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A block of its own size, so that ASan sees one byte too far. */
	char *copy = malloc(size ? size : 1);

	MUST(copy);
	if (size)
		memcpy(copy, data, size);
	check_answer(span_of(copy, size));
	check_url(span_of(copy, size));
	free(copy);
	return 0;
}
