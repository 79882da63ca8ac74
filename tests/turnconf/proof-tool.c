/*
 * proof-tool.c: one proof of a TURN server by the daemon's own objects, told as
 * one line of JSON.
 *
 * Its exit code is 0 whatever was proven, 1 when it could not begin.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "turn/proof.h"

#define TICK_MS 100 /* as the daemon's */
#define MAX_TIMEOUT_MS 60000
#define TTL_S 600

static _Noreturn void die(const char *what)
{
	(void)fprintf(stderr, "proof-tool: %s\n", what);
	exit(EXIT_FAILURE);
}

/* No reason has a character that JSON would want escaped. */
static void print_result(const struct proof_result *result, void *arg)
{
	static const char *const steps[] = {
		[PROOF_CONNECT] = "connect",
		[PROOF_ALLOCATE] = "allocate",
		[PROOF_PERMISSION] = "permission",
		[PROOF_RELAY] = "relay",
		[PROOF_RELEASE] = "release",
	};

	if (result->is_ok)
		(void)printf("{\"ok\":true,\"roundTripMs\":%u}\n",
			     result->round_trip_ms);
	else
		(void)printf("{\"ok\":false,\"ours\":%s,\"step\":\"%s\","
			     "\"reason\":\"%s\"}\n",
			     result->is_ours ? "true" : "false",
			     steps[result->step], result->reason);
	loop_stop(arg);
}

static enum link_transport transport_of(const char *name)
{
	if (!strcmp(name, "udp"))
		return LINK_UDP;
	if (!strcmp(name, "tcp"))
		return LINK_TCP;
	die("the transport must be udp or tcp");
}

static unsigned timeout_of(const char *text)
{
	uint64_t ms;

	if (span_to_u64(span_from(text), MAX_TIMEOUT_MS, &ms) || !ms)
		die("the timeout must be a number of ms, up to a minute");
	return (unsigned)ms;
}

int main(int argc, char **argv)
{
	struct proof_target target = {.relay_family = AF_UNSPEC};
	struct turncred cred;
	struct crypto_hmac *secret;
	struct proof *proof;
	struct loop *loop;

	if (argc != 5)
		die("usage: proof-tool ADDRESS:PORT udp|tcp SECRET TIMEOUT_MS");
	if (net_addr_parse(span_from(argv[1]), &target.link.addr))
		die("no address and port");
	target.link.transport = transport_of(argv[2]);
	target.timeout_ms = timeout_of(argv[4]);
	target.relay_family = target.link.addr.is_v6 ? AF_INET6 : AF_INET;
	if (crypto_hmac_new(&secret, CRYPTO_SHA1, span_from(argv[3])) ||
	    turncred_make(secret, SPAN("proof"), (uint64_t)time(NULL), TTL_S,
			  &cred) ||
	    loop_new(&loop, NULL, TICK_MS) ||
	    proof_new(&proof, loop, &target, &cred, print_result, loop))
		die("out of memory");
	(void)loop_run(loop);
	proof_free(proof);
	loop_free(loop);
	crypto_hmac_free(secret);
	return EXIT_SUCCESS;
}
