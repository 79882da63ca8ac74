/* keyring.c: the keys that sign what must be good across a restart. */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "policy/keyring.h"
#include "policy/state_file.h"

#define MAX_KEYS 4
#define KEY_BYTES 32
#define MAX_FILE 1024

/* The file has a line for each: "NUMBER CREATED_S KEY", the newest first. */
struct key {
	uint8_t number;
	uint64_t created_s;
	uint8_t bytes[KEY_BYTES];
	struct crypto_hmac *hmac;
};

struct keyring {
	struct key keys[MAX_KEYS]; /* the newest first */
	size_t count;
	char *path; /* NULL: no file */
};

void keyring_free(struct keyring *ring)
{
	if (!ring)
		return;
	for (size_t i = 0; i < ring->count; i++)
		crypto_hmac_free(ring->keys[i].hmac);
	crypto_wipe(ring->keys, sizeof(ring->keys));
	free(ring->path);
	free(ring);
}

/* --- the file --- */

static int read_line(struct span line, struct key *key)
{
	struct span number, created, text;
	uint64_t value;

	if (!span_next_item(&line, ' ', &number) ||
	    !span_next_item(&line, ' ', &created) ||
	    !span_next_item(&line, ' ', &text) || line.len)
		return -EINVAL;
	if (span_to_u64(number, UINT8_MAX, &value) ||
	    span_to_u64(created, UINT64_MAX, &key->created_s))
		return -EINVAL;
	key->number = (uint8_t)value;
	if (crypto_base64url_decode(text, key->bytes, KEY_BYTES) != KEY_BYTES)
		return -EINVAL;
	return crypto_hmac_new(&key->hmac, CRYPTO_SHA256,
			       span_of(key->bytes, KEY_BYTES));
}

static int read_lines(struct keyring *ring, struct span text)
{
	struct span line;

	while (text.len && span_next_item(&text, '\n', &line)) {
		int err;

		if (!line.len)
			continue;
		if (ring->count == MAX_KEYS)
			return -EINVAL;
		err = read_line(line, &ring->keys[ring->count]);
		if (err)
			return err;
		ring->count++;
	}
	return 0;
}

static int load(struct keyring *ring)
{
	char text[MAX_FILE];
	ssize_t len = state_file_read(ring->path, text, sizeof(text));
	int err;

	if (len < 0)
		return len == -ENOENT ? 0 : (int)len;
	err = read_lines(ring, span_of(text, (size_t)len));
	crypto_wipe(text, sizeof(text));
	return err;
}

static void write_keys(const struct key *keys, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		char text[CRYPTO_BASE64_LEN(KEY_BYTES) + 1];

		crypto_base64url(keys[i].bytes, KEY_BYTES, text);
		buf_append_format(out, "%u %llu %s\n", keys[i].number,
				  (unsigned long long)keys[i].created_s, text);
		crypto_wipe(text, sizeof(text));
	}
}

static int save(const struct keyring *ring, const struct key *keys,
		size_t count)
{
	struct buf text = {0};
	int err;

	if (!ring->path)
		return 0;
	write_keys(keys, count, &text);
	err = text.failed ? -ENOMEM
			  : state_file_write(ring->path, buf_span(&text));
	buf_wipe(&text);
	return err;
}

/* --- keys --- */

static int make_key(uint8_t number, uint64_t now_s, struct key *key)
{
	key->number = number;
	key->created_s = now_s;
	crypto_random(key->bytes, KEY_BYTES);
	return crypto_hmac_new(&key->hmac, CRYPTO_SHA256,
			       span_of(key->bytes, KEY_BYTES));
}

/* A key from the future was made before the clock was set back: a little is
 * forgiven, or a correction would void all tokens; much must not keep a key for
 * ever. */
static bool is_older(const struct key *key, uint64_t age_s, uint64_t now_s)
{
	uint64_t age = now_s > key->created_s ? now_s - key->created_s
					      : key->created_s - now_s;

	return age >= age_s;
}

/* Those that are good are the newest. */
static size_t count_good(const struct keyring *ring, uint64_t now_s)
{
	size_t good = 0;

	while (good < ring->count &&
	       !is_older(&ring->keys[good], KEYRING_LIVES_S, now_s))
		good++;
	return good;
}

/* A new key, before so many of those that are there. */
static int change(struct keyring *ring, size_t kept, uint64_t now_s)
{
	struct key keys[MAX_KEYS];
	int err =
		make_key((uint8_t)(ring->count ? ring->keys[0].number + 1 : 1),
			 now_s, &keys[0]);

	if (err)
		return err;
	memcpy(keys + 1, ring->keys, kept * sizeof(*keys));
	err = save(ring, keys, kept + 1);
	if (err) {
		crypto_hmac_free(keys[0].hmac);
	} else {
		for (size_t i = kept; i < ring->count; i++)
			crypto_hmac_free(ring->keys[i].hmac);
		memcpy(ring->keys, keys, (kept + 1) * sizeof(*keys));
		ring->count = kept + 1;
	}
	crypto_wipe(keys, sizeof(keys));
	return err;
}

int keyring_rotate(struct keyring *ring, uint64_t now_s)
{
	size_t good = count_good(ring, now_s);

	if (ring->count && !is_older(&ring->keys[0], KEYRING_SIGNS_S, now_s))
		return 0;
	return change(ring, good < MAX_KEYS ? good : MAX_KEYS - 1, now_s);
}

int keyring_renew(struct keyring *ring, uint64_t now_s,
		  enum keyring_earlier earlier)
{
	size_t good =
		earlier == KEYRING_VOID_EARLIER ? 0 : count_good(ring, now_s);

	return good < MAX_KEYS ? change(ring, good, now_s) : -EBUSY;
}

uint64_t keyring_grace_s(const struct keyring *ring, uint64_t now_s)
{
	uint64_t ends_s;

	if (ring->count < 2)
		return 0;
	ends_s = ring->keys[1].created_s + KEYRING_LIVES_S;
	return ends_s > now_s ? ends_s - now_s : 0;
}

static int open_file(struct keyring *ring, const char *dir)
{
	char path[STATE_FILE_PATH_CAP];
	int err = state_file_path(dir, KEYRING_FILE, path);

	if (err)
		return err;
	ring->path = strdup(path);
	return ring->path ? load(ring) : -ENOMEM;
}

int keyring_new(struct keyring **ringp, const char *dir, uint64_t now_s)
{
	struct keyring *ring = calloc(1, sizeof(*ring));
	int err = 0;

	if (!ring)
		return -ENOMEM;
	if (*dir)
		err = open_file(ring, dir);
	if (!err)
		err = keyring_rotate(ring, now_s);
	if (err) {
		keyring_free(ring);
		return err;
	}
	*ringp = ring;
	return 0;
}

/* --- signatures --- */

static int sign(const struct key *key, struct span message,
		uint8_t mac[KEYRING_MAC_BYTES])
{
	uint8_t whole[CRYPTO_SHA256_LEN];
	int err = crypto_hmac_sign(key->hmac, message, whole);

	if (!err)
		memcpy(mac, whole, KEYRING_MAC_BYTES);
	return err;
}

int keyring_sign(const struct keyring *ring, struct span message, uint8_t *key,
		 uint8_t mac[KEYRING_MAC_BYTES])
{
	*key = ring->keys[0].number;
	return sign(&ring->keys[0], message, mac);
}

bool keyring_verify(const struct keyring *ring, struct span message,
		    uint8_t key, const uint8_t mac[KEYRING_MAC_BYTES])
{
	uint8_t expected[KEYRING_MAC_BYTES];

	for (size_t i = 0; i < ring->count; i++)
		if (ring->keys[i].number == key)
			return !sign(&ring->keys[i], message, expected) &&
			       crypto_equal(span_of(expected, sizeof(expected)),
					    span_of(mac, KEYRING_MAC_BYTES));
	return false;
}
