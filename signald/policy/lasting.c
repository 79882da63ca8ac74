/* lasting.c: a key that is made once, and is the same after every restart. */
#include <errno.h>

#include "base/crypto.h"
#include "policy/lasting.h"
#include "policy/state_file.h"

/* 43 characters of base64url, a newline, and one byte too many. */
#define TEXT_CAP (CRYPTO_BASE64_LEN(LASTING_KEY_BYTES) + 2)

static int parse(struct span text, uint8_t key[LASTING_KEY_BYTES])
{
	if (!text.len || text.ptr[text.len - 1] != '\n')
		return -EINVAL;
	text.len--;
	return crypto_base64url_decode(text, key, LASTING_KEY_BYTES) ==
			       LASTING_KEY_BYTES
		       ? 0
		       : -EINVAL;
}

static int load(const char *path, uint8_t key[LASTING_KEY_BYTES])
{
	char text[TEXT_CAP];
	ssize_t len = state_file_read(path, text, sizeof(text));
	int err = len < 0 ? (int)len : parse(span_of(text, (size_t)len), key);

	crypto_wipe(text, sizeof(text));
	return err;
}

static int save(const char *path, const uint8_t key[LASTING_KEY_BYTES])
{
	char text[TEXT_CAP];
	size_t len = crypto_base64url(key, LASTING_KEY_BYTES, text);
	int err;

	text[len++] = '\n';
	err = state_file_write(path, span_of(text, len));
	crypto_wipe(text, sizeof(text));
	return err;
}

int lasting_key(const char *dir, const char *file,
		uint8_t key[LASTING_KEY_BYTES])
{
	char path[STATE_FILE_PATH_CAP];
	int err = *dir ? state_file_path(dir, file, path) : -ENOENT;

	if (!err)
		err = load(path, key);
	if (err != -ENOENT)
		return err;
	crypto_random(key, LASTING_KEY_BYTES);
	return *dir ? save(path, key) : 0;
}

int lasting_key_renew(const char *dir, const char *file,
		      uint8_t key[LASTING_KEY_BYTES])
{
	uint8_t fresh[LASTING_KEY_BYTES];
	char path[STATE_FILE_PATH_CAP];
	int err = state_file_path(dir, file, path);

	if (err)
		return err;
	crypto_random(fresh, sizeof(fresh));
	err = save(path, fresh);
	if (!err)
		memcpy(key, fresh, sizeof(fresh));
	crypto_wipe(fresh, sizeof(fresh));
	return err;
}
