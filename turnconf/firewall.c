/* firewall.c: writes nftables rules from the one configuration. */
#include "firewall.h"

#include <errno.h>
#include <stdio.h>

/* The user of Debian's package. */
#define USUAL_USER "turnserver"

/*
 * What is to be dropped is marked as it leaves, when its sender is known, and
 * dropped as it arrives: a packet dropped on its way out is an error to its
 * sender, and coturn 4.6.1 ends the client's allocation over it.
 */
#define MARK "0x7369676e"

/* nft takes a user's name in quotes and has no way to escape one. */
#define USER_CHARACTERS                                        \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"0123456789_.-"

static void write_ports(const struct config *config, struct buf *out)
{
	buf_append_format(out, "%u-%u", config->coturn.min_port,
			  config->coturn.max_port);
	if (config->turn.tunnel[0])
		buf_append_format(out, ", %u-%u",
				  config->coturn.tunnel_min_port,
				  config->coturn.tunnel_max_port);
}

/*
 * A relay sends from a port of its range to whatever peer its client names, and
 * coturn can deny addresses but no ports: the host's own public address has to
 * stay allowed, since two relayed clients meet there. So whatever coturn's user
 * sends from a relay port to this host is dropped, unless it goes to a relay
 * port.
 *
 * user  coturn's, a name or a number; others' packets from the same ports pass
 *
 * Returns 0 or -ENOMEM.
 */
static int write_rules(const struct config *config, const char *user,
		       struct buf *out)
{
	buf_append_str(
		out,
		"# Made by turnconf: clients of the relay reach no UDP service "
		"of this host but each\n"
		"# other's relay ports. Load it after coturn's user is there, "
		"at each boot, and after\n"
		"# the ports have changed: turnconf firewall ... | nft -f -\n"
		"# It takes the place of what it loaded before; to take it "
		"away:\n"
		"# nft delete table inet signald_relay\n"
		"table inet signald_relay\n"
		"delete table inet signald_relay\n"
		"table inet signald_relay {\n"
		"\tset relay_ports {\n"
		"\t\ttype inet_service\n"
		"\t\tflags interval\n"
		"\t\telements = { ");
	write_ports(config, out);
	buf_append_format(out,
			  " }\n"
			  "\t}\n"
			  "\tchain output {\n"
			  "\t\ttype filter hook output priority filter\n"
			  "\t\tmeta skuid != \"%s\" accept\n"
			  "\t\tudp sport @relay_ports fib daddr type local "
			  "udp dport != @relay_ports meta mark set " MARK "\n"
			  "\t}\n"
			  "\tchain input {\n"
			  "\t\ttype filter hook input priority filter\n"
			  "\t\tiifname \"lo\" meta mark " MARK " counter drop\n"
			  "\t}\n"
			  "}\n",
			  user);
	return out->failed ? -ENOMEM : 0;
}

int firewall_run(const struct arguments *arguments)
{
	const char *user = arguments->user ? arguments->user : USUAL_USER;
	struct config *config = NULL;
	struct buf text = {0};
	int code;

	if (!*user || user[strspn(user, USER_CHARACTERS)])
		return command_complain("--user must be a user's name or "
					"number, not \"%s\"",
					user);
	code = command_load_config(arguments, &config);
	if (code)
		return code;

	if (write_rules(config, user, &text))
		code = command_complain("out of memory");
	else
		(void)fwrite(text.ptr, 1, text.len, stdout);
	buf_clear(&text);
	config_free(config);
	return code;
}
