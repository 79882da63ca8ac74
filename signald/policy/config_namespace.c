/* config_namespace.c: the items of socketio.namespaces. */
#include <errno.h>

#include "policy/config_namespace.h"

static bool is_name_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z') || c == '/' || c == '.' || c == '_' ||
	       c == '-';
}

static bool is_name(struct span s)
{
	if (!s.len || s.len > CONFIG_MAX_NAMESPACE || s.ptr[0] != '/')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_name_char(s.ptr[i]))
			return false;
	return true;
}

static void cut_suffix(struct span *s, struct span suffix, bool *had_it)
{
	size_t len = s->len - suffix.len;

	*had_it =
		s->len >= suffix.len && span_equal(span_skip(*s, len), suffix);
	if (*had_it)
		s->len = len;
}

int config_namespace_next(struct span *rest, struct config_namespace *item)
{
	struct config_namespace found;
	struct span text, rules;

	if (!span_next_item(rest, ',', &text))
		return 0;
	rules = text;
	if (!span_next_item(&rules, '=', &found.name) || !is_name(found.name) ||
	    !rules.ptr)
		return -EINVAL;
	found.rules = span_trim(rules);
	cut_suffix(&found.rules, SPAN("+recovery"), &found.is_recoverable);
	if (!found.rules.len)
		return -EINVAL;
	*item = found;
	return 1;
}
