/* coturncli.h: what coturn's telnet administration prints. */
#ifndef SIGNALD_CODEC_COTURNCLI_H
#define SIGNALD_CODEC_COTURNCLI_H

#include <sys/types.h>

#include "base/span.h"

/* A username has at most 512 bytes. */
#define COTURNCLI_MAX_LINE 2048

/*
 * It greets, asks for the password, and prints "> " whenever it waits for a
 * command, of which it takes one at a time:
 *
 *   psp TEXT  the sessions whose username has TEXT in it, 256 at most
 *   pu        all usernames, each with the number of its sessions
 *   cs ID     end a session
 *
 * As coturn 4.6.1 has it, and 4.17.1.
 */
enum coturncli_kind {
	COTURNCLI_TEXT,	    /* a line that says nothing to us */
	COTURNCLI_PASSWORD, /* it asks for the password */
	COTURNCLI_PROMPT,   /* it waits for a command: the answer is whole */
	COTURNCLI_UNKNOWN,  /* it did not understand the command */
	COTURNCLI_SESSION,  /* of psp: number, username */
	COTURNCLI_USER,	    /* of pu: username; number of its sessions */
};

struct coturncli_item {
	enum coturncli_kind kind;
	uint64_t number; /* of a session: its id */
	struct span username;
};

/* Where in a telnet command the last bytes ended; zero-initialised. */
struct coturncli_telnet {
	enum {
		TELNET_DATA,
		TELNET_COMMAND,	   /* behind IAC */
		TELNET_OPTION,	   /* behind IAC WILL and the like */
		TELNET_SUB,	   /* within IAC SB ... IAC SE */
		TELNET_SUB_COMMAND /* behind an IAC in there */
	} state;
};

/*
 * Take telnet's own commands (RFC 854), carriage returns and NULs out of the
 * bytes that came, in place. Returns how many are left.
 */
size_t coturncli_strip(struct coturncli_telnet *telnet, char *bytes,
		       size_t len);

/*
 * Take one line, or the prompt, off the start of what came.
 *
 * text  stripped
 *
 * Returns the bytes consumed, 0 when more are needed, -EMSGSIZE for a line
 * longer than COTURNCLI_MAX_LINE: this is not coturn.
 */
ssize_t coturncli_parse(struct span text, struct coturncli_item *item);

#endif
