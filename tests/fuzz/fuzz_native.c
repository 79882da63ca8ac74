/* fuzz_native.c: the same for clients of /v1/ws in the canaries' room. */
#include "rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return rig_run(
		&(struct rig_options){
			.greeting = "\xffW{\"type\":\"join\",\"room\":\"room\","
				    "\"inst\":7}\xff"
				    "f"},
		data, size);
}
