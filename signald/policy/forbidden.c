/* forbidden.c: addresses that try out whether a relay lets clients into
 * networks that are nobody's business. */
#include "policy/forbidden.h"

const char *const forbidden_peers[] = {
	"0.0.0.1",
	"10.0.0.1",
	"100.64.0.1",
	"127.0.0.1",
	"169.254.1.1",
	"169.254.169.254",
	"172.16.0.1",
	"192.168.0.1",
	"::1",
	"::127.0.0.1",
	"::ffff:127.0.0.1",
	"::ffff:10.0.0.1",
	"::ffff:169.254.169.254",
	"64:ff9b::10.0.0.1",
	"2002:a00:1::1",
	"fc00::1",
	"fd00:ec2::254",
	"fe80::1",
};

const size_t forbidden_peers_count =
	sizeof(forbidden_peers) / sizeof(forbidden_peers[0]);
