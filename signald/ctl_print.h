/* ctl_print.h: answers of the admin API as tables for people. */
#ifndef SIGNALD_CTL_PRINT_H
#define SIGNALD_CTL_PRINT_H

#include <jansson.h>

#include "base/span.h"

/* A column: its title, and the member that it shows of each row. */
struct ctl_column {
	const char *title;
	const char *member;
};

/* Rows are objects of an array; columns end with a NULL title. What there is
 * none of is "-". */
void ctl_print_table(const json_t *rows, const struct ctl_column *columns);

/* One object, a member a line; of a list in it only how many it has. */
void ctl_print_object(const json_t *object);

/* The TURN servers, and each way to them. */
void ctl_print_pool(const json_t *pool);

/* A line of the event stream: "time event key=value ...". */
void ctl_print_event(struct span json);

#endif
