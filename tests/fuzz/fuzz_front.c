/* fuzz_front.c: the same on the port of TLS: HTTP, TURN for the tunnel, and
 * what is neither; an input that begins with a zero is no TLS at all. */
#include "rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool is_bare = size && !data[0];

	return rig_run(
		&(struct rig_options){.is_tls = true, .is_bare = is_bare},
		data + is_bare, size - is_bare);
}
