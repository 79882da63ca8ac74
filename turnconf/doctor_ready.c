/* doctor_ready.c: asks signald whether it should get traffic. */
#include <errno.h>
#include <netinet/in.h>

#include "address.h"
#include "doctor.h"
#include "turnlink.h"

#define TIMEOUT_MS 3000

static const char request[] = "GET /readyz HTTP/1.1\r\n"
			      "Host: localhost\r\n"
			      "Connection: close\r\n\r\n";

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

static ssize_t ask(const struct sockaddr_storage *address, char *out,
		   size_t cap)
{
	struct turnlink *link;
	ssize_t len =
		turnlink_open(&link, address, TURNLINK_TCP, "", TIMEOUT_MS);

	if (len)
		return len;
	len = turnlink_send(link, SPAN(request));
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

/* Whoever listens on all addresses is asked on loopback. */
void doctor_check_ready(struct doctor *doctor)
{
	struct span rest = span_from(doctor->config->listen.address);
	struct sockaddr_storage address;
	char answer[2048];
	struct span item;
	ssize_t len;

	if (!span_next_item(&rest, ',', &item) ||
	    address_parse_port(item, &address))
		return;
	len = ask(&address, answer, sizeof(answer));
	if (len >= 0) {
		tell_answer(doctor, answer);
		return;
	}
	doctor_say(doctor, "signald", DOCTOR_FAILED,
		   "it cannot be asked whether it is ready: %s",
		   strerror((int)-len));
	doctor_advise(doctor, "is signald running?");
}
