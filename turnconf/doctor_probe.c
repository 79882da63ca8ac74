/* doctor_probe.c: does what a client does. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>

#include "address.h"
#include "base/crypto.h"
#include "codec/stun.h"
#include "codec/turn.h"
#include "probe.h"

#define STEP_TIMEOUT_MS 3000
#define CREDENTIAL_TTL_S 60
#define USER "turnconf-doctor"
#define WARN_DAYS 21
#define DAY_S 86400u

static const char *const transports[] = {
	[TURNLINK_UDP] = "UDP",
	[TURNLINK_TCP] = "TCP",
	[TURNLINK_TLS] = "TLS",
};

/* What a refusal, or silence, means to whoever runs the server. */
static const struct {
	int code;
	const char *text;
	const char *remedy;
} meanings[] = {
	{STUN_UNAUTHENTICATED, "the credential is refused",
	 "turn.secret and coturn's static-auth-secret differ, or the clocks "
	 "do: turnconf generate, then restart coturn; a secret in a file of "
	 "its own: turnconf secrets"},
	{TURN_FORBIDDEN, "it is forbidden",
	 "coturn is draining, or denied-peer-ip covers its own relay address: "
	 "turnconf check names the line"},
	{TURN_ALLOCATION_QUOTA_REACHED, "the quota is used up",
	 "raise coturn.total_quota, or see who holds the allocations"},
	{TURN_INSUFFICIENT_CAPACITY, "no relay port or bandwidth is left",
	 "widen coturn.min_port to max_port, or raise "
	 "coturn.capacity_kbps"},
	{STUN_TRY_ALTERNATE, "it sends clients to another server",
	 "take alternate-server out of coturn's configuration"},
	{-ETIMEDOUT, "there is no answer",
	 "is coturn running, and does the firewall let the port through?"},
	{-ECONNREFUSED, "nobody listens there",
	 "is coturn running? systemctl status coturn"},
	{-ENETUNREACH, "this machine has no way there",
	 "examine it from one that has: turnconf doctor --server NAME"},
	{-EPIPE, "the server closed the connection",
	 "see coturn's log; is something else listening there?"},
	{-EPROTO, "what answers is no TURN server, or none with TLS",
	 "another program has the port, or coturn could not read its "
	 "certificate: see its log"},
};

/* Tell what went wrong in a step; code as of turnclient.h. */
static void tell_failure(struct probe *probe, const char *step, int code)
{
	struct doctor *doctor = probe->doctor;
	const char *text = code < 0 ? strerror(-code) : "it is refused";
	const char *remedy = NULL;
	char number[16] = "";

	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		if (meanings[i].code == code) {
			text = meanings[i].text;
			remedy = meanings[i].remedy;
		}
	}
	if (code == STUN_UNAUTHENTICATED && doctor->keeps_users)
		remedy = "coturn asks another Redis than signald, or none: "
			 "turnconf generate, then restart coturn, and see its "
			 "log";
	if (code > 0)
		(void)snprintf(number, sizeof(number), " (%d)", code);
	doctor_say(doctor, "relay",
		   code == -ENETUNREACH ? DOCTOR_WARNING : DOCTOR_FAILED,
		   "%s %s, %s: %s%s", probe->transport, probe->where, step,
		   text, number);
	if (remedy)
		doctor_advise(doctor, "%s", remedy);
}

/* --- the certificate that clients get to see --- */

/* Who runs the server may have an authority of their own, that all of its
 * clients know; browsers at large do not. */
static void check_trust(struct probe *probe, const struct turnlink *link)
{
	const char *reason = turnlink_distrust(link);

	if (!reason)
		return;
	doctor_say(probe->doctor, "certificate",
		   probe->doctor->is_browser ? DOCTOR_FAILED : DOCTOR_WARNING,
		   "the certificate shown at %s: browsers do not trust it: %s",
		   probe->where, reason);
	doctor_advise(probe->doctor,
		      "get one of an authority that browsers know, and give "
		      "%s the whole chain",
		      probe->doctor->is_browser
			      ? "tls.cert, or coturn.cert where coturn has TLS "
				"of its own,"
		      : probe->is_signalds ? "tls.cert"
					   : "coturn.cert");
}

static void check_certificate(struct probe *probe, const struct turnlink *link)
{
	const char *name = probe->doctor->config->turn.host;
	uint64_t now_s = probe->doctor->now_s;
	bool is_for_name;
	uint64_t ends_at_s;
	long days;

	if (turnlink_certificate(link, name, &ends_at_s, &is_for_name))
		return;
	days = ends_at_s < now_s ? -1 : (long)((ends_at_s - now_s) / DAY_S);
	if (days < 0)
		doctor_say(probe->doctor, "certificate", DOCTOR_FAILED,
			   "the certificate shown at %s has expired",
			   probe->where);
	else
		doctor_say(probe->doctor, "certificate",
			   days < WARN_DAYS ? DOCTOR_WARNING : DOCTOR_OK,
			   "the certificate shown at %s is good for %ld days",
			   probe->where, days);
	if (days < WARN_DAYS)
		doctor_advise(probe->doctor, "renew it; %s",
			      probe->is_signalds
				      ? "signald takes it up by itself"
				      : "coturn reads it again at SIGUSR2");
	if (days >= 0)
		check_trust(probe, link);
	if (is_for_name)
		return;
	doctor_say(probe->doctor, "certificate", DOCTOR_FAILED,
		   "the certificate shown at %s is not for %s: browsers refuse "
		   "it",
		   probe->where, name);
	doctor_advise(probe->doctor, "get one for the name in turn.host");
}

/* --- a client's steps --- */

static bool open_client(struct probe *probe,
			const struct sockaddr_storage *server,
			enum turnlink_transport transport)
{
	struct turnlink *link;
	int err = turnlink_open(&link, server, transport,
				probe->doctor->config->turn.host,
				STEP_TIMEOUT_MS);

	if (err) {
		tell_failure(probe, "connecting", err);
		return false;
	}
	check_certificate(probe, link);
	err = turnclient_new(&probe->client, link, STEP_TIMEOUT_MS);
	if (err)
		probe->doctor->failed = true;
	return !err;
}

static int sign(struct probe *probe)
{
	const struct doctor *doctor = probe->doctor;

	if (doctor->keeps_users || *doctor->granted.credential)
		return turnclient_sign_as(
			probe->client, span_from(doctor->granted.username),
			span_from(doctor->granted.credential));
	return turnclient_sign(
		probe->client,
		config_signing_secret(doctor->config->turn.secret), USER,
		doctor->now_s, CREDENTIAL_TTL_S);
}

static bool log_in(struct probe *probe)
{
	int code = turnclient_knock(probe->client);
	int err;

	if (!code) {
		doctor_say(probe->doctor, "relay", DOCTOR_FAILED,
			   "%s %s relays for anybody, without a credential",
			   probe->transport, probe->where);
		doctor_advise(probe->doctor,
			      "coturn runs without its configuration, or with "
			      "one that asks nobody: turnconf generate, then "
			      "see that coturn can read the file");
		return false;
	}
	if (code != STUN_UNAUTHENTICATED) {
		tell_failure(probe, "Allocate", code);
		return false;
	}
	err = sign(probe);
	if (err)
		tell_failure(probe, "signing", err);
	return !err;
}

/* Over a transport that works, the datagram goes from the relay to itself. */
static bool relay_to_itself(struct probe *probe)
{
	uint64_t began_ms = turnlink_now_ms();
	uint64_t took_ms;
	char sent[PROBE_DATA_LEN], got[TURNCLIENT_MAX_DATA];
	ssize_t len;
	int code = turnclient_permit(probe->client, &probe->relayed);

	if (code) {
		tell_failure(probe, "CreatePermission for its own relay", code);
		return false;
	}
	crypto_random(sent, sizeof(sent));
	code = turnclient_send(probe->client, &probe->relayed,
			       span_of(sent, sizeof(sent)));
	len = code ? code : turnclient_receive(probe->client, got);
	if (len != PROBE_DATA_LEN || memcmp(got, sent, PROBE_DATA_LEN) != 0) {
		tell_failure(probe, "the relayed datagram",
			     len < 0 ? (int)len : -EPROTO);
		return false;
	}
	took_ms = turnlink_now_ms() - began_ms;
	doctor_say(probe->doctor, "relay", DOCTOR_OK,
		   "%s %s relays: a datagram was back after %s%llu ms",
		   probe->transport, probe->where, took_ms ? "" : "less than ",
		   took_ms ? (unsigned long long)took_ms : 1ull);
	return true;
}

/* --- which address clients are told to send to --- */

/* Where coturn's configuration says that relays are. */
static bool is_expected_relay(const struct probe *probe)
{
	const struct config *config = probe->doctor->config;
	const char *list = config->coturn.external_ip;
	struct sockaddr_storage address;
	struct span rest, item;
	char separator = '/';
	bool has_family = false;

	if (!*list) {
		list = *config->coturn.relay_ip ? config->coturn.relay_ip
						: config->coturn.listening_ip;
		separator = ',';
	}
	rest = span_from(list);
	while (span_next_item(&rest, separator, &item)) {
		if (address_parse(item, 0, &address) ||
		    address.ss_family != probe->relayed.ss_family)
			continue;
		has_family = true;
		if (address_is_same(&address, &probe->relayed))
			return true;
		if (separator == '/')
			return false; /* behind it is the private one */
	}
	return !has_family;
}

static void check_relayed_address(struct probe *probe)
{
	char text[ADDRESS_CAP];

	if (is_expected_relay(probe))
		return;
	address_format_ip(&probe->relayed, text);
	doctor_say(probe->doctor, "relay", DOCTOR_FAILED,
		   "%s %s says that its relays are at %s, which "
		   "coturn.external_ip and relay_ip do not",
		   probe->transport, probe->where, text);
	doctor_advise(probe->doctor, "coturn runs with an older configuration: "
				     "turnconf generate, then restart it");
}

/* --- all of it --- */

/* At an IPv6 address a relay of IPv6, which is one that browsers may ask for;
 * where the server has none, the one that it gives who does not say. */
static int allocate(struct probe *probe)
{
	int code;

	if (!probe->is_v6)
		return turnclient_allocate(probe->client, AF_UNSPEC,
					   &probe->relayed);
	code = turnclient_allocate(probe->client, AF_INET6, &probe->relayed);
	if (code != TURN_ADDRESS_FAMILY_NOT_SUPPORTED)
		return code;
	doctor_say(probe->doctor, "relay", DOCTOR_WARNING,
		   "%s %s has no relay of IPv6: peers that have IPv6 alone are "
		   "not reached",
		   probe->transport, probe->where);
	doctor_advise(probe->doctor,
		      "give coturn an IPv6 address to relay from: "
		      "coturn.relay_ip, or coturn.listening_ip");
	return turnclient_allocate(probe->client, AF_UNSPEC, &probe->relayed);
}

static void use_client(struct probe *probe, bool is_first)
{
	int code = turnclient_binding(probe->client, &probe->mapped);

	if (code) {
		tell_failure(probe, "STUN Binding", code);
		return;
	}
	if (!log_in(probe))
		return;
	code = allocate(probe);
	if (code) {
		tell_failure(probe, "Allocate", code);
		return;
	}
	check_relayed_address(probe);
	if (relay_to_itself(probe) && is_first)
		probe_check_peers(probe);
}

/* Whose certificate it is, the probe has already. */
static void run_probe(struct probe *probe,
		      const struct sockaddr_storage *server,
		      enum turnlink_transport transport, bool is_first)
{
	const struct doctor *doctor = probe->doctor;

	probe->transport = transports[transport];
	probe->is_v6 = server->ss_family == AF_INET6;
	probe->is_outside = doctor->arguments->server || doctor->server;
	address_format(server, probe->where);
	if (open_client(probe, server, transport))
		use_client(probe, is_first);
	turnclient_free(probe->client);
}

static void check_transport(struct doctor *doctor,
			    const struct sockaddr_storage *server,
			    enum turnlink_transport transport, bool is_first)
{
	struct probe probe = {.doctor = doctor};

	run_probe(&probe, server, transport, is_first);
}

void doctor_probe_way(struct doctor *doctor,
		      const struct sockaddr_storage *server,
		      enum turnlink_transport transport)
{
	check_transport(doctor, server, transport, false);
}

/* Of a server that is offered for STUN alone. */
void doctor_probe_stun(struct doctor *doctor,
		       const struct sockaddr_storage *server)
{
	struct probe probe = {.doctor = doctor,
			      .transport = transports[TURNLINK_UDP]};
	char mapped[ADDRESS_CAP];
	int code;

	address_format(server, probe.where);
	if (!open_client(&probe, server, TURNLINK_UDP))
		return;
	code = turnclient_binding(probe.client, &probe.mapped);
	if (code) {
		tell_failure(&probe, "STUN Binding", code);
	} else {
		address_format(&probe.mapped, mapped);
		doctor_say(doctor, "relay", DOCTOR_OK,
			   "UDP %s answers STUN Bindings, and sees this "
			   "machine at %s",
			   probe.where, mapped);
	}
	turnclient_free(probe.client);
}

void doctor_probe_server(struct doctor *doctor, struct sockaddr_storage *server)
{
	const struct config *config = doctor->config;
	const bool is_on[] = {[TURNLINK_UDP] = config->turn.udp,
			      [TURNLINK_TCP] = config->turn.tcp,
			      [TURNLINK_TLS] = config->turn.tls};
	bool is_first = true;

	if (config->turn.stun && !config->turn.udp)
		doctor_probe_stun(doctor, server);
	for (size_t i = 0; i < sizeof(is_on) / sizeof(is_on[0]); i++) {
		if (!is_on[i])
			continue;
		if (i == TURNLINK_TLS)
			address_set_port(server, config->turn.tls_port);
		check_transport(doctor, server, (enum turnlink_transport)i,
				is_first);
		is_first = false;
	}
}

/* The one behind signald's TLS, at that address, or where signald listens. */
static void check_tunnel(struct doctor *doctor,
			 const struct sockaddr_storage *outside)
{
	struct span rest = span_from(doctor->config->listen.tls);
	struct sockaddr_storage address, server;
	struct probe probe;
	struct span item;

	while (span_next_item(&rest, ',', &item)) {
		if (address_parse_port(item, &address))
			continue;
		server = outside ? *outside : address;
		address_set_port(&server, address_port(&address));
		probe = (struct probe){.doctor = doctor, .is_signalds = true};
		run_probe(&probe, &server, TURNLINK_TLS, false);
		if (outside)
			break;
	}
}

static void add_own(const struct doctor *doctor, struct span ip,
		    struct address_list *list)
{
	if (list->count < ADDRESS_MAX_LISTED &&
	    !address_parse(ip, doctor->config->turn.port,
			   &list->items[list->count]))
		list->count++;
}

/* Where this machine's coturn is asked: where it is told to listen, or at one
 * address of each family. */
static void find_own(const struct doctor *doctor, struct address_list *list)
{
	struct span rest = span_from(doctor->config->coturn.listening_ip);
	char text[HOST_ADDRESS_CAP];
	struct span item;

	list->count = 0;
	while (span_next_item(&rest, ',', &item))
		add_own(doctor, item, list);
	if (list->count)
		return;
	if (!host_default_address(false, text))
		add_own(doctor, span_from(text), list);
	if (!host_default_address(true, text))
		add_own(doctor, span_from(text), list);
}

void doctor_check_relay(struct doctor *doctor)
{
	const char *name = doctor->arguments->server;
	struct address_list list = {.count = 0};
	int err = 0;

	if (!*doctor->config->turn.host || !doctor_find_credential(doctor))
		return;
	if (name)
		err = address_resolve(name, doctor->config->turn.port, &list);
	else
		find_own(doctor, &list);
	if (err || !list.count) {
		doctor_say(doctor, "relay", DOCTOR_FAILED, "%s: %s",
			   name ? name : "this machine",
			   err ? gai_strerror(err)
			       : "no address to ask coturn at");
		return;
	}
	for (size_t i = 0; i < list.count; i++) {
		doctor_probe_server(doctor, &list.items[i]);
		if (name && doctor->config->turn.tunnel[0])
			check_tunnel(doctor, &list.items[i]);
	}
	if (name || !doctor->config->turn.tunnel[0])
		return;
	if (doctor->config->proxy.protocol)
		doctor_say(
			doctor, "relay", DOCTOR_WARNING,
			"TLS at listen.tls: not tried, as with "
			"proxy.protocol signald answers to its proxies only");
	else
		check_tunnel(doctor, NULL);
}
