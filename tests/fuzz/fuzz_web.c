/* fuzz_web.c: whatever HTTP connections carry, the server lives, others are
 * heard, and nothing stays. */
#include "rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return rig_run(&(struct rig_options){0}, data, size);
}
