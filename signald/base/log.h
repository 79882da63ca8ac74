/* log.h: one line per fact, with fields that cannot be forged. */
#ifndef SIGNALD_BASE_LOG_H
#define SIGNALD_BASE_LOG_H

#include <stdio.h>

#include "base/span.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_field {
	const char *key;
	enum { LOG_FIELD_END, LOG_FIELD_SPAN, LOG_FIELD_INT } kind;
	struct span span;
	int64_t number;
};

/* The fields of a line; strings are borrowed for the call. */
#define log_span(key_, span_) \
	((struct log_field){.key = (key_), LOG_FIELD_SPAN, .span = (span_)})
#define log_str(key_, str_) log_span(key_, span_from(str_))
#define log_int(key_, number_) \
	((struct log_field){   \
		.key = (key_), LOG_FIELD_INT, .number = (int64_t)(number_)})

/* The one log of the process. out is borrowed. Starts as info, text, stderr. */
void log_configure(enum log_level level, enum log_format format, FILE *out);

/* The line is to be written, or somebody listens for it. */
bool log_is_on(enum log_level level);

typedef void log_listener(enum log_level level, const char *event,
			  const struct log_field *fields, void *arg);

/* Hear of every line from info on, whatever is written, as it is; NULL: nobody
 * does. The listener must not log. */
void log_listen(log_listener *listener, void *arg);

/*
 * Write one line: time, level, event, fields. A value with blanks, quotes or
 * control characters is quoted and escaped, so that no stranger's room name
 * makes a second line or field. Values over 256 bytes are cut.
 *
 * fields  ended by LOG_FIELD_END
 */
void log_write(enum log_level level, const char *event,
	       const struct log_field *fields);

/* The element in front is skipped: it lets a line have no fields at all. */
#define log_event(level, event, ...)                                    \
	do {                                                            \
		if (log_is_on(level))                                   \
			log_write((level), (event),                     \
				  &(const struct log_field[]){          \
					  {.kind = LOG_FIELD_END},      \
					  ##__VA_ARGS__,                \
					  {.kind = LOG_FIELD_END}}[1]); \
	} while (0)

#define log_error(event, ...) log_event(LOG_ERROR, event, ##__VA_ARGS__)
#define log_warn(event, ...) log_event(LOG_WARN, event, ##__VA_ARGS__)
#define log_info(event, ...) log_event(LOG_INFO, event, ##__VA_ARGS__)
#define log_debug(event, ...) log_event(LOG_DEBUG, event, ##__VA_ARGS__)

#endif
