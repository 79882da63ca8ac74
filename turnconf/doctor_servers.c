/* doctor_servers.c: the TURN servers of other machines, seen from this one. */
#include <errno.h>
#include <netdb.h>

#include "address.h"
#include "doctor.h"
#include "turnlink.h"

#define TIMEOUT_MS 3000

/* What clients find under the name; nothing is added when that is nothing. */
static void find_for_clients(struct doctor *doctor, struct address_list *list)
{
	const struct config *config = doctor->config;
	char text[ADDRESS_CAP];
	int err = address_resolve(config->turn.host, config->turn.port, list);

	if (err) {
		doctor_say(doctor, "addresses", DOCTOR_FAILED,
			   "clients are sent to %s: %s", config->turn.host,
			   gai_strerror(err));
		doctor_advise(doctor, "give the name an address in DNS");
		return;
	}
	for (size_t i = 0; i < list->count; i++) {
		address_format_ip(&list->items[i], text);
		doctor_say(doctor, "addresses", DOCTOR_OK,
			   "clients are sent to %s, which is %s%s",
			   config->turn.host, text,
			   config->turn.drained ? "; no new ones, as it is "
						  "drained"
						: "");
	}
}

/* Where signald proves it, which may be another network's way to it. */
static void find_for_signald(const struct config *config,
			     struct address_list *list)
{
	struct span rest = span_from(config->turn.addresses);
	struct span item;

	if (rest.len)
		list->count = 0;
	while (list->count < ADDRESS_MAX_LISTED &&
	       span_next_item(&rest, ',', &item)) {
		if (!address_parse(item, config->turn.port,
				   &list->items[list->count]))
			list->count++;
	}
}

/* coturn greets whoever comes to it. */
static int hear_greeting(const struct sockaddr_storage *address)
{
	struct turnlink *link;
	char greeting[64];
	ssize_t len;
	int err = turnlink_open(&link, address, TURNLINK_TCP, "", TIMEOUT_MS);

	if (err)
		return err;
	len = turnlink_read(link, greeting, sizeof(greeting),
			    turnlink_now_ms() + TIMEOUT_MS);
	turnlink_free(link);
	return len > 0 ? 0 : len < 0 ? (int)len : -EPIPE;
}

static void check_administration(struct doctor *doctor)
{
	const char *cli = doctor->config->turn.cli;
	struct sockaddr_storage address;
	int err;

	if (address_parse_port(span_from(cli), &address))
		return;
	err = hear_greeting(&address);
	if (!err) {
		doctor_say(doctor, "ports", DOCTOR_OK,
			   "coturn's administration answers at %s", cli);
		return;
	}
	doctor_say(doctor, "ports", DOCTOR_FAILED,
		   "coturn's administration does not answer at %s: %s", cli,
		   strerror(-err));
	doctor_advise(doctor,
		      "signald ends no relay of who was kicked without it: "
		      "keep a tunnel open from there to the loopback of that "
		      "server, and see that turn.cli is set there");
}

static void check_server(struct doctor *doctor, bool may_probe)
{
	struct address_list list = {.count = 0};

	find_for_clients(doctor, &list);
	find_for_signald(doctor->config, &list);
	for (size_t i = 0; may_probe && i < list.count; i++)
		doctor_probe_server(doctor, &list.items[i]);
	check_administration(doctor);
}

void doctor_check_servers(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	bool may_probe =
		config->servers_count && doctor_find_credential(doctor);

	for (size_t i = 0; i < config->servers_count; i++) {
		doctor->server = config->servers[i].name;
		doctor->config = config->servers[i].config;
		check_server(doctor, may_probe);
	}
	doctor->server = NULL;
	doctor->config = config;
}
