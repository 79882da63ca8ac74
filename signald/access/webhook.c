/* webhook.c: asking the operator's own server who may come in. */
#include <errno.h>
#include <stdlib.h>

#include "access/webhook.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/map.h"
#include "base/member.h"
#include "codec/signature.h"
#include "codec/utf8.h"
#include "policy/metric.h"

#define MAX_PENDING 4096

/*
 * An entry lives as long as somebody refers to it: the table, its request, and
 * each who waits.
 *
 *   asked ──> in the table, with a fetch ──> answered ──┬─> kept: the table,
 * and │   the list by age └─> not kept: only those who wait have it
 */
struct webhook_entry {
	struct webhook *webhook;
	uint8_t key[CRYPTO_SHA256_LEN]; /* of all that was asked */
	unsigned refs;
	bool is_in_table;
	bool is_kept;	     /* in the list by age */
	struct fetch *fetch; /* NULL: it is answered */
	enum webhook_verdict verdict;
	struct webhook_answer answer;
	uint64_t ends_ms; /* monotonic: it is kept until then */
	struct webhook_wait *untold;
	struct webhook_wait *told;
	struct webhook_entry *next_ready;
	struct webhook_entry *prev, *next; /* of those that are kept */
	struct webhook_entry *prev_alive, *next_alive;
};

struct webhook {
	struct loop *loop;
	struct fetcher *fetcher;
	struct map *by_key;
	size_t pending_count;
	size_t kept_count;
	struct webhook_entry *oldest, *newest; /* that are kept */
	struct webhook_entry *alive;
	struct webhook_entry *ready; /* answered, and not told of yet */
	struct loop_task wake;
	uint64_t logged_ms; /* when a failure was, 0: never */
	uint64_t unlogged_count;
};

/* --- entries --- */

static struct span key_of(const struct webhook_entry *entry)
{
	return span_of(entry->key, sizeof(entry->key));
}

static void put_alive(struct webhook *webhook, struct webhook_entry *entry)
{
	entry->next_alive = webhook->alive;
	if (webhook->alive)
		webhook->alive->prev_alive = entry;
	webhook->alive = entry;
}

static void take_alive(struct webhook *webhook, struct webhook_entry *entry)
{
	if (entry->prev_alive)
		entry->prev_alive->next_alive = entry->next_alive;
	else
		webhook->alive = entry->next_alive;
	if (entry->next_alive)
		entry->next_alive->prev_alive = entry->prev_alive;
}

static struct webhook_entry *entry_ref(struct webhook_entry *entry)
{
	entry->refs++;
	return entry;
}

static void free_entry(struct webhook_entry *entry)
{
	claims_clear(&entry->answer.claims);
	free(entry);
}

static void entry_unref(struct webhook_entry *entry)
{
	if (--entry->refs)
		return;
	take_alive(entry->webhook, entry);
	free_entry(entry);
}

/* In the table, which has the reference to it. Returns NULL when memory ran
 * out. */
static struct webhook_entry *new_entry(struct webhook *webhook,
				       const uint8_t key[CRYPTO_SHA256_LEN])
{
	struct webhook_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->webhook = webhook;
	memcpy(entry->key, key, sizeof(entry->key));
	if (map_put(webhook->by_key, key_of(entry), entry)) {
		free(entry);
		return NULL;
	}
	entry->refs = 1;
	entry->is_in_table = true;
	put_alive(webhook, entry);
	return entry;
}

static void keep(struct webhook *webhook, struct webhook_entry *entry)
{
	entry->prev = webhook->newest;
	if (webhook->newest)
		webhook->newest->next = entry;
	else
		webhook->oldest = entry;
	webhook->newest = entry;
	webhook->kept_count++;
	entry->is_kept = true;
}

static void unkeep(struct webhook *webhook, struct webhook_entry *entry)
{
	if (!entry->is_kept)
		return;
	webhook->kept_count--;
	entry->is_kept = false;
	if (entry->prev)
		entry->prev->next = entry->next;
	else
		webhook->oldest = entry->next;
	if (entry->next)
		entry->next->prev = entry->prev;
	else
		webhook->newest = entry->prev;
	entry->prev = NULL;
	entry->next = NULL;
}

/* Who asks the same again asks anew. */
static void take_from_table(struct webhook *webhook,
			    struct webhook_entry *entry)
{
	if (!entry->is_in_table)
		return;
	unkeep(webhook, entry);
	(void)map_remove(webhook->by_key, key_of(entry));
	entry->is_in_table = false;
	entry_unref(entry);
}

/* --- who waits --- */

static void link_wait(struct webhook_wait **list, struct webhook_wait *wait)
{
	wait->next = *list;
	wait->at = list;
	if (wait->next)
		wait->next->at = &wait->next;
	*list = wait;
}

static void unlink_wait(struct webhook_wait *wait)
{
	*wait->at = wait->next;
	if (wait->next)
		wait->next->at = wait->at;
}

void webhook_wait(struct webhook_entry *entry, struct webhook_wait *wait)
{
	if (wait->entry == entry)
		return;
	webhook_cancel(wait);
	wait->entry = entry_ref(entry);
	link_wait(&entry->untold, wait);
}

void webhook_cancel(struct webhook_wait *wait)
{
	struct webhook_entry *entry = wait->entry;

	if (!entry)
		return;
	unlink_wait(wait);
	wait->entry = NULL;
	entry_unref(entry);
}

/* Who is told may cancel others, and ask again. */
static void tell_all(struct webhook_entry *entry)
{
	while (entry->untold) {
		struct webhook_wait *wait = entry->untold;

		unlink_wait(wait);
		link_wait(&entry->told, wait);
		wait->on_ready(wait);
	}
}

static void run_wake(struct loop_task *task)
{
	struct webhook *webhook = container_of(task, struct webhook, wake);

	while (webhook->ready) {
		struct webhook_entry *entry = webhook->ready;

		webhook->ready = entry->next_ready;
		tell_all(entry);
		entry_unref(entry);
	}
}

/* --- the answer --- */

/* Once a second at most: strangers can make it fail. */
static void note_failure(struct webhook *webhook, const char *why)
{
	uint64_t now_ms = webhook->loop->clock.mono_ms;

	if (webhook->logged_ms && now_ms - webhook->logged_ms < 1000) {
		webhook->unlogged_count++;
		return;
	}
	log_warn("access.webhook_failed", log_str("why", why),
		 log_str("means", "who was asked about is refused"),
		 log_int("more", webhook->unlogged_count));
	webhook->logged_ms = now_ms;
	webhook->unlogged_count = 0;
}

static enum webhook_verdict read_answer(struct webhook_entry *entry,
					const struct fetch_answer *answer)
{
	struct webhook *webhook = entry->webhook;
	const char *why = answer->why;
	enum webhook_verdict verdict = answer->err == -EMSGSIZE
					       ? WEBHOOK_BAD_ANSWER
					       : WEBHOOK_UNAVAILABLE;

	if (!answer->err) {
		verdict = WEBHOOK_BAD_ANSWER;
		if (!webhook_answer_read(answer->body,
					 clock_wall_s(&webhook->loop->clock),
					 &entry->answer, &why))
			return entry->answer.is_allowed ? WEBHOOK_ALLOWED
							: WEBHOOK_REFUSED;
	}
	note_failure(webhook, why);
	return verdict;
}

static void count(enum webhook_verdict verdict)
{
	if (verdict == WEBHOOK_ALLOWED)
		metric_add(METRIC_WEBHOOK_ALLOWED, 1);
	else if (verdict == WEBHOOK_REFUSED)
		metric_add(METRIC_WEBHOOK_REFUSED, 1);
	else
		metric_add(METRIC_WEBHOOK_FAILED, 1);
}

/* It may be kept no longer than what it says is good for. */
static uint64_t keep_ms(const struct webhook_entry *entry)
{
	uint64_t now_s = clock_wall_s(&entry->webhook->loop->clock);
	uint64_t ends_at_s = entry->answer.claims.expires_at_s;
	uint64_t cache_s = entry->answer.cache_s;

	if (ends_at_s && ends_at_s < now_s + cache_s)
		cache_s = ends_at_s > now_s ? ends_at_s - now_s : 0;
	return cache_s * 1000;
}

/* One more is kept: one may be too many. A reload forgets all. */
static void drop_surplus(struct webhook *webhook)
{
	if (webhook->kept_count >
	    webhook->loop->config->access.webhook_cache_entries)
		take_from_table(webhook, webhook->oldest);
}

static void on_answer(const struct fetch_answer *answer, void *arg)
{
	struct webhook_entry *entry = arg;
	struct webhook *webhook = entry->webhook;
	uint64_t kept_ms;

	entry->fetch = NULL;
	webhook->pending_count--;
	entry->verdict = read_answer(entry, answer);
	count(entry->verdict);
	/* The request's reference is now that of the list. */
	entry->next_ready = webhook->ready;
	webhook->ready = entry;
	loop_defer(webhook->loop, &webhook->wake);
	kept_ms = keep_ms(entry);
	if (!kept_ms || !entry->is_in_table) {
		take_from_table(webhook, entry);
		return;
	}
	entry->ends_ms = webhook->loop->clock.mono_ms + kept_ms;
	keep(webhook, entry);
	drop_surplus(webhook);
}

/* --- the question --- */

/* Strangers' bytes need not be UTF-8, which JSON must be. */
static void append_text(struct buf *body, struct span text)
{
	struct buf clean = {0};

	if (!text.ptr) {
		buf_append_str(body, "null");
		return;
	}
	if (utf8_is_valid(text)) {
		buf_append_json(body, text);
		return;
	}
	buf_append_span(&clean, text);
	for (size_t i = 0; i < clean.len; i++)
		if ((unsigned char)clean.ptr[i] >= 0x80)
			clean.ptr[i] = '?';
	body->failed |= clean.failed;
	buf_append_json(body, buf_span(&clean));
	buf_wipe(&clean);
}

static void append_member(struct buf *body, const char *name, struct span text)
{
	buf_append_str(body, ", \"");
	buf_append_str(body, name);
	buf_append_str(body, "\": ");
	append_text(body, text);
}

static struct span or_none(struct span text)
{
	return text.len ? text : (struct span){NULL, 0};
}

static void write_question(struct buf *body,
			   const struct webhook_question *question)
{
	char address[NET_ADDR_CAP];

	net_addr_format_ip(question->from, address);
	buf_append_str(body, "{\"type\": \"access\"");
	append_member(body, "token", question->token);
	append_member(body, "address", span_from(address));
	append_member(body, "origin", question->origin);
	append_member(body, "userAgent", question->user_agent);
	append_member(body, "dialect", span_from(question->dialect));
	append_member(body, "room", question->room);
	append_member(body, "role", or_none(question->role));
	buf_append_str(body, "}");
}

static int start(struct webhook_entry *entry, struct span body)
{
	struct webhook *webhook = entry->webhook;
	const struct config *config = webhook->loop->config;
	struct signature signature;
	const char *const headers[] = {signature.timestamp, signature.signature,
				       NULL};
	const struct fetch_request request = {
		.url = config->access.webhook_url,
		.body = body,
		.content_type = "application/json",
		.headers = headers,
		.timeout_ms = config->access.webhook_timeout_ms,
		.max_bytes = WEBHOOK_MAX_ANSWER,
		.ca_file = config->access.ca_file,
	};
	int err = signature_make(span_from(config->access.webhook_secret),
				 clock_wall_s(&webhook->loop->clock), body,
				 &signature);

	if (!err)
		err = fetch_start(&entry->fetch, webhook->fetcher, &request,
				  on_answer, entry);
	if (err)
		return err;
	webhook->pending_count++;
	entry->verdict = WEBHOOK_PENDING;
	(void)entry_ref(entry); /* the request's */
	return 0;
}

/* Returns what was asked, or NULL where it cannot be. */
static struct webhook_entry *begin(struct webhook *webhook,
				   const uint8_t key[CRYPTO_SHA256_LEN],
				   struct span body)
{
	struct webhook_entry *entry;

	if (webhook->pending_count >= MAX_PENDING)
		return NULL;
	entry = new_entry(webhook, key);
	if (entry && start(entry, body)) {
		take_from_table(webhook, entry);
		return NULL;
	}
	return entry;
}

static struct webhook_entry *find(struct webhook *webhook,
				  const uint8_t key[CRYPTO_SHA256_LEN],
				  const struct webhook_wait *wait)
{
	struct webhook_entry *entry;

	if (wait && wait->entry &&
	    !memcmp(wait->entry->key, key, CRYPTO_SHA256_LEN))
		return wait->entry;
	entry = map_get(webhook->by_key, span_of(key, CRYPTO_SHA256_LEN));
	if (!entry)
		return NULL;
	if (entry->fetch || entry->ends_ms > webhook->loop->clock.mono_ms) {
		metric_add(METRIC_WEBHOOK_SHARED, 1);
		return entry;
	}
	take_from_table(webhook, entry);
	return NULL;
}

static void say(struct webhook_entry *entry, struct webhook_result *result)
{
	result->verdict = entry->verdict;
	result->entry = entry;
	result->reason = entry->answer.reason;
	if (entry->verdict == WEBHOOK_ALLOWED &&
	    claims_copy(&result->claims, &entry->answer.claims))
		result->verdict = WEBHOOK_BUSY;
}

void webhook_ask(struct webhook *webhook,
		 const struct webhook_question *question,
		 const struct webhook_wait *wait, struct webhook_result *result)
{
	uint8_t key[CRYPTO_SHA256_LEN];
	struct webhook_entry *entry = NULL;
	struct buf body = {0};

	*result = (struct webhook_result){.verdict = WEBHOOK_BUSY};
	write_question(&body, question);
	if (!body.failed) {
		crypto_sha256(buf_span(&body), key);
		entry = find(webhook, key, wait);
		if (!entry)
			entry = begin(webhook, key, buf_span(&body));
	}
	buf_wipe(&body);
	if (entry)
		say(entry, result);
}

/* --- beginning and end --- */

void webhook_configure(struct webhook *webhook)
{
	struct webhook_entry *next;

	for (struct webhook_entry *entry = webhook->alive; entry;
	     entry = next) {
		next = entry->next_alive;
		take_from_table(webhook, entry);
	}
}

int webhook_new(struct webhook **webhookp, struct loop *loop,
		struct fetcher *fetcher)
{
	struct webhook *webhook = calloc(1, sizeof(*webhook));

	if (!webhook)
		return -ENOMEM;
	webhook->loop = loop;
	webhook->fetcher = fetcher;
	webhook->wake.run = run_wake;
	webhook->by_key = map_new();
	if (!webhook->by_key) {
		free(webhook);
		return -ENOMEM;
	}
	*webhookp = webhook;
	return 0;
}

static void forget_waits(struct webhook_wait *wait)
{
	for (; wait; wait = wait->next)
		wait->entry = NULL;
}

void webhook_free(struct webhook *webhook)
{
	if (!webhook)
		return;
	loop_cancel(webhook->loop, &webhook->wake);
	while (webhook->alive) {
		struct webhook_entry *entry = webhook->alive;

		webhook->alive = entry->next_alive;
		fetch_cancel(entry->fetch);
		forget_waits(entry->untold);
		forget_waits(entry->told);
		free_entry(entry);
	}
	map_free(webhook->by_key);
	free(webhook);
}
