/* fuzz_socketio.c: the same for Engine.IO sessions, over polling (the first
 * stranger's begins so), WebSocket and from one to the other. */
#include "rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return rig_run(
		&(struct rig_options){
			.greeting = "GET /socket.io/?EIO=4&transport=polling "
				    "HTTP/1.1\r\nHost: h\r\n\r\n\xff"
				    "f"},
		data, size);
}
