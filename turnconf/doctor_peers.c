/* doctor_peers.c: whom a relay's clients reach, and should not. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include "base/crypto.h"
#include "codec/turn.h"
#include "policy/forbidden.h"
#include "probe.h"

/* A relayed datagram is there within a millisecond on one machine. */
#define ARRIVAL_MS 300

/* Addresses separated by commas and slashes, one of which is the peer's. */
static bool has_address(const char *list, const struct sockaddr_storage *peer)
{
	struct span rest = span_from(list);
	struct span item, part;

	while (span_next_item(&rest, ',', &item)) {
		while (span_next_item(&item, '/', &part)) {
			struct sockaddr_storage address;

			if (!address_parse(part, 0, &address) &&
			    address_is_same(&address, peer))
				return true;
		}
	}
	return false;
}

/* coturn lets clients reach itself: at where it relays from, and at both ends
 * of external_ip. */
static bool is_own_address(const struct probe *probe,
			   const struct sockaddr_storage *peer)
{
	const struct config *config = probe->doctor->config;

	return has_address(config->coturn.external_ip, peer) ||
	       has_address(config->coturn.relay_ip, peer);
}

static void tell_let_in(const struct probe *probe, const char *ip)
{
	doctor_say(probe->doctor, "peers", DOCTOR_FAILED,
		   "clients may relay to %s", ip);
	doctor_advise(probe->doctor,
		      "turnconf generate writes the whole list of addresses to "
		      "deny; restart coturn after it");
}

/* Neither let in nor refused for good: another client may hear another thing.
 */
static void tell_unknown(const struct probe *probe, const char *ip, int code)
{
	char answer[64];

	(void)snprintf(answer, sizeof(answer), "the answer is %d", code);
	doctor_say(probe->doctor, "peers", DOCTOR_WARNING,
		   "whether clients may relay to %s cannot be told: %s", ip,
		   code > 0		? answer
		   : code == -ETIMEDOUT ? "there is no answer"
					: strerror(-code));
	doctor_advise(probe->doctor, "see coturn's log, then examine it again");
}

static bool is_refusal(int code)
{
	return code == TURN_FORBIDDEN ||
	       code == TURN_PEER_ADDRESS_FAMILY_MISMATCH;
}

/* Returns what turnclient_permit() does. */
static int try_peer(const struct probe *probe, const char *ip,
		    const struct sockaddr_storage *peer)
{
	int code = turnclient_permit(probe->client, peer);

	if (!code && !is_own_address(probe, peer))
		tell_let_in(probe, ip);
	else if (code && !is_refusal(code))
		tell_unknown(probe, ip, code);
	return code;
}

static void check_inside(const struct probe *probe)
{
	size_t refused = 0, tried = 0;
	int code = 0;

	/* A server that is silent is not asked on, for seconds each time. */
	for (size_t i = 0; i < forbidden_peers_count && code >= 0; i++) {
		struct sockaddr_storage peer;

		if (address_parse(span_from(forbidden_peers[i]), 9, &peer) ||
		    peer.ss_family != probe->relayed.ss_family)
			continue;
		tried++;
		code = try_peer(probe, forbidden_peers[i], &peer);
		refused += is_refusal(code);
	}
	if (refused == tried)
		doctor_say(probe->doctor, "peers", DOCTOR_OK,
			   "private addresses are refused as peers (%zu of "
			   "%s tried)",
			   refused,
			   probe->relayed.ss_family == AF_INET6 ? "IPv6"
								: "IPv4");
}

/* A socket that takes datagrams to any address of this machine, at a port that
 * is no relay's; or -1. */
static int open_service(const struct probe *probe,
			struct sockaddr_storage *address)
{
	const struct config *config = probe->doctor->config;
	int fd = socket(probe->relayed.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*address);
	unsigned port = config_first_relay_port(config);

	if (fd < 0)
		return -1;
	/* The first free one below the relays'. */
	while (--port > 1023) {
		memset(address, 0, sizeof(*address));
		address->ss_family = probe->relayed.ss_family;
		address_set_port(address, port);
		if (!bind(fd, (struct sockaddr *)address,
			  address_length(address)) &&
		    !getsockname(fd, (struct sockaddr *)address, &len))
			return fd;
	}
	(void)close(fd);
	return -1;
}

static bool has_arrived(int fd, const char sent[PROBE_DATA_LEN])
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	char got[PROBE_DATA_LEN];

	return poll(&poll_fd, 1, ARRIVAL_MS) > 0 &&
	       recv(fd, got, sizeof(got), 0) == PROBE_DATA_LEN &&
	       !memcmp(got, sent, PROBE_DATA_LEN);
}

/* The relay's own address has to be allowed, so that two relayed clients meet;
 * what else listens there is for a firewall to close. */
static void check_own_services(struct probe *probe)
{
	struct sockaddr_storage service, peer = probe->relayed;
	char sent[PROBE_DATA_LEN];
	int fd = open_service(probe, &service);

	if (fd < 0)
		return;
	address_set_port(&peer, address_port(&service));
	crypto_random(sent, sizeof(sent));
	if (turnclient_permit(probe->client, &peer) ||
	    turnclient_send(probe->client, &peer,
			    span_of(sent, sizeof(sent)))) {
		(void)close(fd);
		return;
	}
	if (has_arrived(fd, sent)) {
		doctor_say(probe->doctor, "firewall", DOCTOR_WARNING,
			   "clients of the relay reach every UDP service of "
			   "this machine");
		doctor_advise(probe->doctor,
			      "as root: turnconf firewall --config FILE | nft "
			      "-f -");
	} else {
		doctor_say(probe->doctor, "firewall", DOCTOR_OK,
			   "clients of the relay do not reach this machine's "
			   "UDP services");
	}
	(void)close(fd);
}

/* --- from outside: do relays hear others? --- */

static void check_reachable(struct probe *probe)
{
	char sent[PROBE_DATA_LEN], got[TURNCLIENT_MAX_DATA], text[ADDRESS_CAP];
	int fd = socket(probe->relayed.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ssize_t len = -1;

	address_format(&probe->relayed, text);
	crypto_random(sent, sizeof(sent));
	if (fd >= 0 && !turnclient_permit(probe->client, &probe->mapped) &&
	    sendto(fd, sent, sizeof(sent), 0,
		   (const struct sockaddr *)&probe->relayed,
		   address_length(&probe->relayed)) == PROBE_DATA_LEN)
		len = turnclient_receive(probe->client, got);
	if (fd >= 0)
		(void)close(fd);
	if (len == PROBE_DATA_LEN && !memcmp(got, sent, PROBE_DATA_LEN)) {
		doctor_say(probe->doctor, "reach", DOCTOR_OK,
			   "what is sent to the relay at %s comes through",
			   text);
		return;
	}
	doctor_say(probe->doctor, "reach", DOCTOR_FAILED,
		   "what is sent to the relay at %s does not come through",
		   text);
	if (probe->doctor->server) /* its relay ports are not known here */
		doctor_advise(probe->doctor,
			      "open its relay ports, UDP, in its firewall, and "
			      "see that its coturn.external_ip is the address "
			      "that leads there");
	else
		doctor_advise(
			probe->doctor,
			"open UDP %u-%u in the firewall, and see that "
			"coturn.external_ip is the address that leads there",
			probe->doctor->config->coturn.min_port,
			probe->doctor->config->coturn.max_port);
}

/* A relay of IPv4 that was asked for over IPv6. */
static void tell_unreachable(const struct probe *probe)
{
	char text[ADDRESS_CAP];

	address_format(&probe->relayed, text);
	doctor_say(probe->doctor, "reach", DOCTOR_WARNING,
		   "whether what is sent to the relay at %s comes through "
		   "cannot be told over IPv6",
		   text);
	doctor_advise(probe->doctor,
		      "examine it by its IPv4 address: turnconf doctor "
		      "--server ADDRESS");
}

void probe_check_peers(struct probe *probe)
{
	check_inside(probe);
	if (probe->is_outside &&
	    probe->mapped.ss_family != probe->relayed.ss_family)
		tell_unreachable(probe);
	else if (probe->is_outside)
		check_reachable(probe);
	else
		check_own_services(probe);
}
