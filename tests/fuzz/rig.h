/*
 * rig.h: the whole server in this process, for fuzz targets of whole
 * connections.
 *
 * Strangers talk to it over socket pairs, as an input says, on the real loop
 * and a clock that only moves when it is told to. Two well-behaved peers stand
 * in a room beside them, the canaries: whatever strangers do, a message of one
 * must reach the other. When the input ends all strangers go, and two minutes
 * later nothing may be left of them.
 *
 * An input is bytes for the stranger's connection. The byte 0xFF makes a
 * command of the byte behind it:
 *
 *   n      another stranger comes, who speaks from here on
 *   0..5   that stranger speaks from here on
 *   f      send what was written so far, and let the server work
 *   t B    the same, then let B fifths of a second pass
 *   p r    read no answers any more; read them again
 *   e x    shut the sending side; cut the connection
 *   u      what follows goes as it stands; m: as text messages of WebSocket
 *   w B    what follows, up to the next command, is one frame; B is its first
 * byte k L    what follows is one frame that claims L bytes i D    here goes
 * the id that was heard as number D (0..9), a or b: a canary's W E    a
 * handshake of /v1/ws; of Socket.IO over WebSocket G D    a poll of the
 * Engine.IO session number D; B D: what follows, up to the next command, is
 * posted to it 0xFF   the byte 0xFF
 */
#ifndef SIGNALD_TESTS_FUZZ_RIG_H
#define SIGNALD_TESTS_FUZZ_RIG_H

#include <stdbool.h>

#include "fuzz.h"

#define RIG_MAX_INPUT 8192

struct rig_options {
	/* Every stranger begins with these bytes, which are an input too. */
	const char *greeting;
	/* Over listen.tls: HTTP or TURN is told by the first bytes. */
	bool is_tls;
	/* What strangers write under TLS is TLS' own bytes. */
	bool is_bare;
};

/* Run one input; a broken promise aborts. Returns 0, for libFuzzer. */
int rig_run(const struct rig_options *options, const uint8_t *data,
	    size_t size);

#endif
