/* config_namespace.h: the items of socketio.namespaces. */
#ifndef SIGNALD_POLICY_CONFIG_NAMESPACE_H
#define SIGNALD_POLICY_CONFIG_NAMESPACE_H

#include "base/span.h"

#define CONFIG_MAX_NAMESPACE 64 /* bytes of a name */
#define CONFIG_MAX_NAMESPACES 16

/* One item, "NAME=RULES" or "NAME=RULES+recovery". */
struct config_namespace {
	struct span name;  /* begins with "/" */
	struct span rules; /* a preset's name, or a path, which has a "/" */
	bool is_recoverable;
};

/*
 * The next item of the list; *rest moves behind it.
 *
 * Returns 1 with an item, 0 when the list is used up, -EINVAL for an item that
 * is none: a name that does not begin with "/", is longer than
 * CONFIG_MAX_NAMESPACE or has other characters than A-Z a-z 0-9 . _ - /, or no
 * rules.
 */
int config_namespace_next(struct span *rest, struct config_namespace *item);

#endif
