/* fuzz_config.c: a configuration file is refused with a sentence, or loads. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "policy/config.h"

#define SECRET "turn.secret=0123456789abcdef"

static char path[64];

/* The text as a file without a place on any disk. */
static int make_file(const void *text, size_t len)
{
	int fd = memfd_create("conf", MFD_CLOEXEC);

	MUST(fd >= 0);
	MUST(write(fd, text, len) == (ssize_t)len);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return fd;
}

static void check_sentence(const struct config_error *error)
{
	size_t len = strlen(error->text);

	MUST(len > strlen(path) && len < CONFIG_MAX_ERROR);
	MUST(!strncmp(error->text, path, strlen(path)));
	for (size_t i = 0; i < len; i++)
		MUST((unsigned char)error->text[i] >= ' ');
}

static char *print(const struct config *config, size_t *len)
{
	char *text;
	FILE *out = open_memstream(&text, len);

	MUST(out);
	config_print(config, out);
	MUST(!fclose(out));
	return text;
}

/* What is printed loads to what prints the same; the secret, which is not
 * printed, is given anew. */
static void check_print(const struct config *config)
{
	static const char *const sets[] = {SECRET};
	struct config_sources sources = {.file = path, .sets = sets};
	struct config_error error;
	struct config *again;
	size_t len, again_len;
	char *text = print(config, &len), *again_text;
	int fd = make_file(text, len);

	sources.sets_count = *config->turn.secret ? 1 : 0;
	MUST(!config_load(&again, &sources, &error));
	again_text = print(again, &again_len);
	MUST(len == again_len && !memcmp(text, again_text, len));
	free(text);
	free(again_text);
	config_free(again);
	(void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_sources sources = {.file = path};
	struct config_error error = {""};
	struct config *config;
	int err, fd;

	/* Other files of this machine are none of our inputs. */
	if (memmem(data, size, "_file", strlen("_file")))
		return 0;
	fd = make_file(data, size);
	err = config_load(&config, &sources, &error);
	MUST(!err || err == -EINVAL);
	if (err) {
		check_sentence(&error);
	} else {
		check_print(config);
		config_free(config);
	}
	(void)close(fd);
	return 0;
}
