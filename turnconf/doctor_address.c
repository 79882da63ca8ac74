/* doctor_address.c: whether clients are told addresses that lead here. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>

#include "address.h"
#include "doctor.h"
#include "turnclient.h"

#define STUN_PORT 3478
#define STUN_TIMEOUT_MS 3000

static bool is_here(const struct doctor *doctor,
		    const struct sockaddr_storage *address)
{
	char text[ADDRESS_CAP];
	struct iprange range;

	address_format_ip(address, text);
	range = iprange_of(text);
	return host_has(doctor->host, &range);
}

/* The public part of coturn.external_ip; false when it is not set. */
static bool read_external(const struct doctor *doctor,
			  struct sockaddr_storage *external)
{
	struct span rest = span_from(doctor->config->coturn.external_ip);
	struct span item;

	return span_next_item(&rest, '/', &item) &&
	       !address_parse(item, 0, external);
}

static bool has_family(const struct address_list *addresses, int family)
{
	for (size_t i = 0; i < addresses->count; i++) {
		if (addresses->items[i].ss_family == family)
			return true;
	}
	return false;
}

static bool has(const struct address_list *addresses,
		const struct sockaddr_storage *address)
{
	for (size_t i = 0; i < addresses->count; i++) {
		if (address_is_same(&addresses->items[i], address))
			return true;
	}
	return false;
}

/* Does this address of turn.host lead to this machine? */
static void check_one(struct doctor *doctor,
		      const struct sockaddr_storage *address)
{
	const char *name = doctor->config->turn.host;
	struct sockaddr_storage external;
	char text[ADDRESS_CAP];

	address_format_ip(address, text);
	if (is_here(doctor, address)) {
		doctor_say(doctor, "addresses", DOCTOR_OK,
			   "%s is %s, an address of this machine", name, text);
	} else if (read_external(doctor, &external) &&
		   address_is_same(&external, address)) {
		doctor_say(doctor, "addresses", DOCTOR_OK,
			   "%s is %s, as coturn.external_ip says", name, text);
	} else {
		doctor_say(doctor, "addresses", DOCTOR_FAILED,
			   "clients are sent to %s, which is %s: neither an "
			   "address of this machine nor coturn.external_ip",
			   name, text);
		doctor_advise(doctor,
			      "behind a NAT set coturn.external_ip = %s, else "
			      "mend the name",
			      text);
	}
}

static void check_external(struct doctor *doctor,
			   const struct address_list *addresses)
{
	struct sockaddr_storage external;
	char text[ADDRESS_CAP];

	if (!read_external(doctor, &external) || has(addresses, &external) ||
	    !has_family(addresses, external.ss_family))
		return;
	address_format_ip(&external, text);
	doctor_say(doctor, "addresses", DOCTOR_FAILED,
		   "coturn.external_ip tells clients to send to relays at %s, "
		   "which is no address of %s",
		   text, doctor->config->turn.host);
	doctor_advise(doctor, "set coturn.external_ip to this machine's public "
			      "address, generate coturn's configuration anew "
			      "and restart it");
}

/* --- as somebody outside sees us --- */

static int ask_outside(const struct sockaddr_storage *server,
		       struct sockaddr_storage *mapped)
{
	struct turnclient *client;
	struct turnlink *link;
	int code =
		turnlink_open(&link, server, TURNLINK_UDP, "", STUN_TIMEOUT_MS);

	if (code)
		return code;
	code = turnclient_new(&client, link, STUN_TIMEOUT_MS);
	if (code)
		return code;
	code = turnclient_binding(client, mapped);
	turnclient_free(client);
	return code;
}

static void compare_mapped(struct doctor *doctor,
			   const struct sockaddr_storage *mapped)
{
	struct sockaddr_storage external;
	bool has_external = read_external(doctor, &external) &&
			    external.ss_family == mapped->ss_family;
	char text[ADDRESS_CAP];

	address_format_ip(mapped, text);
	if (has_external ? address_is_same(&external, mapped)
			 : is_here(doctor, mapped)) {
		doctor_say(doctor, "addresses", DOCTOR_OK,
			   "%s sees this machine at %s, where relays are said "
			   "to be",
			   doctor->arguments->stun, text);
		return;
	}
	doctor_say(doctor, "addresses", DOCTOR_FAILED,
		   "%s sees this machine at %s, and relays are said to be %s%s",
		   doctor->arguments->stun, text,
		   has_external ? "at " : "on its own address",
		   has_external ? doctor->config->coturn.external_ip : "");
	doctor_advise(doctor,
		      "coturn.external_ip = %s; then generate coturn's "
		      "configuration anew and restart it",
		      text);
}

static void check_outside(struct doctor *doctor, const char *name)
{
	struct sockaddr_storage mapped, server;
	struct address_list addresses;
	int err;

	if (address_parse_port(span_from(name), &server)) {
		err = address_resolve(name, STUN_PORT, &addresses);
		if (err) {
			doctor_say(doctor, "addresses", DOCTOR_WARNING,
				   "the name %s of --stun: %s", name,
				   gai_strerror(err));
			return;
		}
		server = addresses.items[0];
	}
	err = ask_outside(&server, &mapped);
	if (!err) {
		compare_mapped(doctor, &mapped);
		return;
	}
	doctor_say(doctor, "addresses", DOCTOR_WARNING,
		   "%s does not say how it sees this machine: %s", name,
		   err < 0 ? strerror(-err) : "it refuses STUN Bindings");
}

void doctor_check_addresses(struct doctor *doctor)
{
	const char *name = doctor->config->turn.host;
	struct address_list addresses;
	int err;

	if (!*name)
		return;
	err = address_resolve(name, 0, &addresses);
	if (err) {
		doctor_say(doctor, "addresses", DOCTOR_FAILED,
			   "clients are sent to %s: %s", name,
			   gai_strerror(err));
		doctor_advise(doctor, "give the name an address in DNS");
	} else {
		for (size_t i = 0; i < addresses.count; i++)
			check_one(doctor, &addresses.items[i]);
		check_external(doctor, &addresses);
	}
	if (doctor->arguments->stun)
		check_outside(doctor, doctor->arguments->stun);
}
