/* config_error.h: sentences about what is wrong with the configuration. */
#ifndef SIGNALD_POLICY_CONFIG_ERROR_H
#define SIGNALD_POLICY_CONFIG_ERROR_H

#include "policy/config.h"

/*
 * Write the sentence; control characters of the strangers' text in it become
 * "?", so that it stays one line. Returns -EINVAL.
 */
int config_refuse(struct config_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The sentence for -ENOMEM; returns that. */
int config_refuse_memory(struct config_error *error);

/* Say where in front of the sentence: "where: sentence". */
void config_error_place(struct config_error *error, const char *where);

#endif
