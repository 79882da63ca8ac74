/* spool_line.h: a spool's records as lines, of which half a one shows. */
#ifndef SIGNALD_POLICY_SPOOL_LINE_H
#define SIGNALD_POLICY_SPOOL_LINE_H

#include "base/buf.h"

/*
 * SUM NUMBER TEXT
 *
 * SUM is the beginning of the SHA-256 of what is behind it, for lines that were
 * not written whole.
 */

#define SPOOL_MOST_NUMBER (UINT64_MAX / 4) /* more are damage */

/*
 * Cut the next whole line off the bytes of a file.
 *
 * rest  any bytes; what is behind the line, when this does not return 0
 *
 * Returns 1 with a record's number and text, -EINVAL for a line that is none,
 * 0 when no line is whole.
 */
int spool_line_take(struct span *rest, uint64_t *number, struct span *text);

/* Append a line that spool_line_take() takes. */
void spool_line_write(struct buf *out, uint64_t number, struct span text);

#endif
