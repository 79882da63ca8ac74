/* doctor_ready.c: asks signald whether it should get traffic, and for a
 * credential. */
#include <errno.h>
#include <netinet/in.h>

#include "address.h"
#include "doctor.h"
#include "turnlink.h"

#define TIMEOUT_MS 3000

/* As a page of the server's own: guests get credentials by those. */
#define REQUEST(path)                     \
	"GET " path " HTTP/1.1\r\n"       \
	"Host: localhost\r\n"             \
	"Sec-Fetch-Site: same-origin\r\n" \
	"Connection: close\r\n\r\n"

/* What a connection says until it ends, as a text. Returns its length or a
 * negative errno. */
static ssize_t read_all(struct turnlink *link, char *out, size_t cap)
{
	uint64_t until_ms = turnlink_now_ms() + TIMEOUT_MS;
	size_t len = 0;

	while (len < cap - 1) {
		ssize_t n =
			turnlink_read(link, out + len, cap - 1 - len, until_ms);

		if (n < 0)
			return n;
		if (!n)
			break;
		len += (size_t)n;
	}
	out[len] = '\0';
	return (ssize_t)len;
}

/* Whoever listens on all addresses is asked on loopback. Returns the answer's
 * length or a negative errno. */
static ssize_t ask(const struct doctor *doctor, struct span request, char *out,
		   size_t cap)
{
	struct span rest = span_from(doctor->config->listen.address);
	struct sockaddr_storage address;
	struct turnlink *link;
	struct span item;
	ssize_t len;

	if (!span_next_item(&rest, ',', &item) ||
	    address_parse_port(item, &address))
		return -EINVAL;
	len = turnlink_open(&link, &address, TURNLINK_TCP, "", TIMEOUT_MS);
	if (len)
		return len;
	len = turnlink_send(link, request);
	if (!len)
		len = read_all(link, out, cap);
	turnlink_free(link);
	return len;
}

/* An answer is one line of JSON behind the head. */
static void tell_answer(struct doctor *doctor, const char *answer)
{
	const char *body = strstr(answer, "\r\n\r\n");

	if (!strncmp(answer, "HTTP/1.1 200 ", 13)) {
		doctor_say(doctor, "signald", DOCTOR_OK,
			   "it says that it is ready");
		return;
	}
	doctor_say(doctor, "signald", DOCTOR_FAILED,
		   "it says that it is not ready: %.400s",
		   body ? body + 4 : answer);
	doctor_advise(doctor, "its log says more of each reason");
}

void doctor_check_ready(struct doctor *doctor)
{
	char answer[2048];
	ssize_t len;

	if (doctor->config->proxy.protocol) {
		doctor_say(doctor, "signald", DOCTOR_WARNING,
			   "it cannot be asked whether it is ready: with "
			   "proxy.protocol it answers to its proxies only");
		doctor_advise(doctor, "ask the proxy for /readyz");
		return;
	}
	len = ask(doctor, SPAN(REQUEST("/readyz")), answer, sizeof(answer));
	if (len >= 0) {
		tell_answer(doctor, answer);
		return;
	}
	doctor_say(doctor, "signald", DOCTOR_FAILED,
		   "it cannot be asked whether it is ready: %s",
		   strerror((int)-len));
	doctor_advise(doctor, "is signald running?");
}

/* --- a credential --- */

/* A member of signald's own JSON, which has no blanks and, in these two, no
 * escapes. */
static int find_text(const char *answer, const char *name, char *out,
		     size_t cap)
{
	const char *at = strstr(answer, name);

	if (!at)
		return -ENOENT;
	at += strlen(name);
	return span_copy(span_of(at, strcspn(at, "\"")), out, cap);
}

bool doctor_find_credential(struct doctor *doctor)
{
	struct turncred *granted = &doctor->granted;
	char answer[4096];
	ssize_t len;

	if (!doctor->keeps_users || *granted->credential)
		return true;
	if (doctor->has_asked)
		return false;
	doctor->has_asked = true;
	if (doctor->arguments->server) {
		doctor_say(doctor, "relay", DOCTOR_WARNING,
			   "not tried: with turn.credentials = redis signald "
			   "alone has credentials");
		doctor_advise(doctor, "run doctor on the server itself");
		return false;
	}
	if (doctor->config->proxy.protocol) {
		doctor_say(doctor, "relay", DOCTOR_WARNING,
			   "not tried: with turn.credentials = redis signald "
			   "alone has credentials, and with proxy.protocol it "
			   "answers to its proxies only");
		return false;
	}
	len = ask(doctor, SPAN(REQUEST("/v1/ice")), answer, sizeof(answer));
	if (len >= 0 &&
	    !find_text(answer, "\"username\":\"", granted->username,
		       sizeof(granted->username)) &&
	    !find_text(answer, "\"credential\":\"", granted->credential,
		       sizeof(granted->credential)))
		return true;
	if (len >= 0 && !strncmp(answer, "HTTP/1.1 401 ", 13)) {
		doctor_say(doctor, "relay", DOCTOR_WARNING,
			   "not tried: signald gives credentials to those "
			   "alone who show a key, a ticket or a token "
			   "(access.mode)");
		doctor_advise(doctor, "see whether a client of yours relays");
		return false;
	}
	doctor_say(doctor, "relay", DOCTOR_FAILED,
		   "not tried: signald gives no credential: %s",
		   len < 0 ? strerror((int)-len)
			   : "it offers clients no TURN server");
	doctor_advise(doctor, "see what signald says of itself, and its log");
	return false;
}
