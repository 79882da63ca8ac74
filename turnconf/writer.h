/* writer.h: lines of a turnserver.conf, as one version of coturn takes them. */
#ifndef TURNCONF_WRITER_H
#define TURNCONF_WRITER_H

#include "profile.h"

#define WRITER_MAX_ADDRESSES HOST_MAX_ADDRESSES

struct writer_addresses {
	char items[WRITER_MAX_ADDRESSES][HOST_ADDRESS_CAP];
	size_t count;
};

/* A file under way: what it is for, what is known before its first line, and
 * the text so far. */
struct writer {
	const struct config *config;
	const struct profile_target *target;
	struct writer_addresses listening;
	struct writer_addresses relay;
	char external[2][HOST_ADDRESS_CAP]; /* public and private, or empty */
	struct buf *out;
	char *error; /* PROFILE_MAX_ERROR */
};

/* Note the sentence that says which key to change. Returns -EINVAL. */
int writer_fail(struct writer *writer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

bool writer_is_development(const struct writer *writer);

void writer_comment(struct writer *writer, const char *text);

/*
 * One option; value NULL: its name alone. One that this coturn has not, or only
 * grumbles at, is left out.
 *
 * Returns 0, -EINVAL when coturn would not read back that value, or -ENOMEM.
 */
int writer_put(struct writer *writer, const char *name, const char *value);
int writer_put_number(struct writer *writer, const char *name, uint64_t number);

/* Each of the names, up to a NULL, alone. */
int writer_put_all(struct writer *writer, const char *const *names);

/* The same option for each address. */
int writer_put_list(struct writer *writer, const char *name,
		    const struct writer_addresses *list);

#endif
