/* lasting.c: a key that is made once, and is the same after every restart. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

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
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[TEXT_CAP];
	ssize_t len;
	int err;

	if (fd < 0)
		return -errno;
	len = read(fd, text, sizeof(text));
	err = len < 0 ? -errno : parse(span_of(text, (size_t)len), key);
	(void)close(fd);
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
