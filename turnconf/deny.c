/* deny.c: the list of ranges that must not be relayed to. */
#include "deny.h"

#include "version.h"

#define ALWAYS VERSION_OLDEST

/* clang-format off */
const struct deny_range deny_ranges[] = {
	{"0.0.0.0-0.255.255.255", true, ALWAYS, "this host (RFC 791)"},
	{"10.0.0.0-10.255.255.255", true, 0, "private (RFC 1918)"},
	{"100.64.0.0-100.127.255.255", true, 0, "carrier-grade NAT (RFC 6598), some clouds' metadata"},
	{"127.0.0.0-127.255.255.255", true, ALWAYS, "loopback (RFC 1122)"},
	{"169.254.0.0-169.254.255.255", true, VERSION(4, 13, 1), "link-local (RFC 3927), clouds' metadata"},
	{"172.16.0.0-172.31.255.255", true, 0, "private (RFC 1918)"},
	{"192.0.0.0-192.0.0.255", true, 0, "protocol assignments (RFC 6890)"},
	{"192.0.2.0-192.0.2.255", false, 0, "documentation (RFC 5737)"},
	{"192.31.196.0-192.31.196.255", false, 0, "AS112 (RFC 7535)"},
	{"192.52.193.0-192.52.193.255", false, 0, "AMT (RFC 7450)"},
	{"192.88.99.0-192.88.99.255", true, 0, "6to4 relays (RFC 7526)"},
	{"192.168.0.0-192.168.255.255", true, 0, "private (RFC 1918)"},
	{"192.175.48.0-192.175.48.255", false, 0, "AS112 (RFC 7534)"},
	{"198.18.0.0-198.19.255.255", true, 0, "benchmarks (RFC 2544)"},
	{"198.51.100.0-198.51.100.255", false, 0, "documentation (RFC 5737)"},
	{"203.0.113.0-203.0.113.255", false, 0, "documentation (RFC 5737)"},
	{"224.0.0.0-239.255.255.255", true, 0, "multicast (RFC 5771)"},
	{"240.0.0.0-255.255.255.255", true, 0, "reserved, broadcast (RFC 1112)"},
	{"168.63.129.16", true, 0, "Azure's wire server"},
	{"::1-::ffff:ffff", true, 0, "loopback, IPv4-compatible (RFC 4291)"},
	{"::100-::ffff:ffff", true, 0, "loopback, IPv4-compatible (RFC 4291)"},
	{"::1:0-::ffff:ffff", true, 0, "loopback, IPv4-compatible (RFC 4291)"},
	{"::100:0-::ffff:ffff", true, 0, "loopback, IPv4-compatible (RFC 4291)"},
	{"::ffff:0:0-::ffff:ffff:ffff", true, 0, "IPv4-mapped (RFC 4291)"},
	{"::ffff:0:0:0-::ffff:0:ffff:ffff", true, 0, "IPv4-translated (RFC 2765)"},
	{"64:ff9b::-64:ff9b::ffff:ffff", true, 0, "NAT64 (RFC 6052)"},
	{"64:ff9b:1::-64:ff9b:1:ffff:ffff:ffff:ffff:ffff", true, 0, "local NAT64 (RFC 8215)"},
	{"100::-100:0:0:1:ffff:ffff:ffff:ffff", false, 0, "discard (RFC 6666, RFC 9780)"},
	{"2001::-2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", true, 0, "protocol assignments, Teredo, ORCHID (RFC 2928, RFC 4380)"},
	{"2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", false, 0, "documentation (RFC 3849)"},
	{"2002::-2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true, 0, "6to4 (RFC 3056)"},
	{"2620:4f:8000::-2620:4f:8000:ffff:ffff:ffff:ffff:ffff", false, 0, "AS112 (RFC 7534)"},
	{"3fff::-3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", false, 0, "documentation (RFC 9637)"},
	{"5f00::-5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true, 0, "segment routing (RFC 9602)"},
	{"fc00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true, VERSION(4, 13, 1), "unique local (RFC 4193)"},
	{"fe80::-feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true, VERSION(4, 13, 1), "link-local, site-local (RFC 4291, RFC 3879)"},
	{"ff00::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true, 0, "multicast (RFC 4291)"},
};
/* clang-format on */

const size_t deny_ranges_count = sizeof(deny_ranges) / sizeof(deny_ranges[0]);
