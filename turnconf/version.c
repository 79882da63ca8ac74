/* version.c: reads coturn's version from text or from the program itself. */
#include "version.h"

#include <errno.h>
#include <stdio.h>

#include "codec/chars.h"
#include "program.h"

/* One to three digits at the start of *rest. */
static int parse_part(struct span *rest, unsigned *part)
{
	unsigned value = 0;
	size_t len = 0;

	while (len < rest->len && is_digit(rest->ptr[len])) {
		if (len == 3)
			return -EINVAL;
		value = value * 10 + (unsigned)(rest->ptr[len] - '0');
		len++;
	}
	if (!len)
		return -EINVAL;

	*rest = span_skip(*rest, len);
	*part = value;
	return 0;
}

static int skip_point(struct span *rest)
{
	if (!rest->len || rest->ptr[0] != '.')
		return -EINVAL;

	*rest = span_skip(*rest, 1);
	return 0;
}

int version_parse(struct span text, unsigned *version)
{
	unsigned major, minor, patch;

	if (parse_part(&text, &major) || skip_point(&text) ||
	    parse_part(&text, &minor) || skip_point(&text) ||
	    parse_part(&text, &patch))
		return -EINVAL;
	if (text.len && text.ptr[0] == '.')
		return -EINVAL;

	*version = VERSION(major, minor, patch);
	return 0;
}

void version_format(unsigned version, char out[VERSION_TEXT_CAP])
{
	(void)snprintf(out, VERSION_TEXT_CAP, "%u.%u.%u",
		       version / 1000000u % 1000u, version / 1000u % 1000u,
		       version % 1000u);
}

/* The version is the first line that is one, alone. */
static int find_version(struct span text, unsigned *version)
{
	struct span line;

	while (span_next_item(&text, '\n', &line)) {
		if (!version_parse(line, version))
			return 0;
	}
	return -EPROTO;
}

int version_detect(const char *program, unsigned *version)
{
	const char *const argv[] = {program, "--version", NULL};
	char answer[4096];
	ssize_t len = program_run(argv, answer, sizeof(answer), NULL);

	if (len < 0)
		return (int)len;
	return find_version(span_of(answer, (size_t)len), version);
}
