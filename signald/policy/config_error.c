/* config_error.c: sentences about what is wrong with the configuration. */
#include <errno.h>
#include <stdarg.h>

#include "policy/config_error.h"

int config_refuse(struct config_error *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	for (char *c = error->text; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	return -EINVAL;
}

int config_refuse_memory(struct config_error *error)
{
	(void)config_refuse(error, "out of memory");
	return -ENOMEM;
}

void config_error_place(struct config_error *error, const char *where)
{
	struct config_error sentence = *error;

	(void)config_refuse(error, "%s: %s", where, sentence.text);
}
