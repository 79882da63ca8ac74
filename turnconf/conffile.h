/* conffile.h: turnserver.conf as coturn reads it, line by line. */
#ifndef TURNCONF_CONFFILE_H
#define TURNCONF_CONFFILE_H

#include "base/span.h"

/* coturn reads so many bytes at once, a newline included: the rest of a longer
 * line is taken for a line of its own. */
#define CONFFILE_MAX_LINE 1023

/* All zero but for rest, which starts as the whole text. */
struct conffile_reader {
	struct span rest;
	unsigned number;
	bool in_line; /* the last piece ended without a newline */
};

struct conffile_line {
	unsigned number; /* in the file, from 1 */
	struct span name;
	struct span value; /* empty when there is none */
	bool is_piece;	   /* the rest of a line that was too long */
	bool has_nul;	   /* coturn sees nothing behind a NUL */
};

static inline struct conffile_reader conffile_start(struct span text)
{
	return (struct conffile_reader){.rest = text};
}

/*
 * The next line that is neither blank nor a comment. Spans point into the text.
 *
 * The name ends at the first blank, tab or "="; any run of these parts it from
 * the value. Only a line that starts with "#" is a comment: a "#" behind a
 * value belongs to the value. A value in double quotes loses them.
 *
 * Returns false at the end of the text.
 */
bool conffile_next(struct conffile_reader *reader, struct conffile_line *line);

/*
 * What of a line's name may be shown: where no option has that name, there may
 * be a secret in it ("static-auth-secret:SECRET"), and the rest of a line that
 * was too long may be all secret.
 *
 * Returns its first letters, digits, "-" and "_"; nothing of such a rest.
 */
struct span conffile_shown_name(const struct conffile_line *line);

/* The last line of that name, which is the one in force for most options. */
bool conffile_find(struct span text, const char *name,
		   struct conffile_line *line);

enum conffile_bool { CONFFILE_NO, CONFFILE_YES, CONFFILE_BAD };

/* A boolean value as coturn reads it: its first letter counts; none is a yes;
 * CONFFILE_BAD ends coturn with 255. */
enum conffile_bool conffile_to_bool(struct span value);

#endif
