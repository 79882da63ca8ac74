/* right.c: what somebody may do, in every dialect. */
#include "policy/right.h"

/* In the order of the bits. */
static const char *const names[] = {
	"join", "publish", "watch", "signal", "broadcast", "turn", "kick",
};

#define RIGHTS_COUNT (sizeof(names) / sizeof(*names))

unsigned right_parse(struct span name)
{
	for (unsigned i = 0; i < RIGHTS_COUNT; i++)
		if (span_equal(name, span_from(names[i])))
			return 1u << i;
	return 0;
}

const char *right_name(enum right right)
{
	unsigned i = 0;

	while (i + 1 < RIGHTS_COUNT && !(right & 1u << i))
		i++;
	return names[i];
}
