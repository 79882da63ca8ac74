/* doctor.h: looks at a server as it runs, and says what is wrong with it. */
#ifndef TURNCONF_DOCTOR_H
#define TURNCONF_DOCTOR_H

#include <limits.h>
#include <sys/socket.h>

#include "codec/turncred.h"
#include "command.h"
#include "turnlink.h"

/* Where the Debian package has signald's configuration. */
#define DOCTOR_CONFIG "/etc/signald/signald.conf"

enum doctor_state { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_FAILED };

struct doctor_line {
	const char *check;
	const char *server; /* of [turn NAME]; NULL: this machine */
	enum doctor_state state;
	struct buf text;   /* what was seen */
	struct buf remedy; /* what to do; empty when that is nothing */
};

/* One examination; lines gather in the order of what is looked at. */
struct doctor {
	const struct arguments *arguments;
	const struct config *config; /* that of the server, if one is set */
	const char *server; /* the [turn NAME] looked at; NULL: this machine */
	unsigned version;   /* of coturn; 0: not known */
	const struct host *host; /* this machine */
	uint64_t now_s;
	bool is_browser;	 /* what it would refuse has failed */
	bool keeps_users;	 /* in Redis */
	bool has_asked;		 /* signald for a credential */
	struct turncred granted; /* by it; empty when there is none */
	struct doctor_line *lines;
	size_t lines_count;
	bool failed; /* memory ran out: there may be more */
};

/* One more line; format is what was seen, a sentence without its full stop. */
void doctor_say(struct doctor *doctor, const char *check,
		enum doctor_state state, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* What to do about the line said last. */
void doctor_advise(struct doctor *doctor, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Which files are looked at where none is named: doctor_files.c.
 *
 * signald's: DOCTOR_CONFIG, or NULL where there is none. coturn's: beside
 * signald's, else where the units, the containers, or people have it. And how
 * one is written anew; NULL: by turnconf generate. */
const char *doctor_find_config(void);
void doctor_find_turnserver(const char *config, bool is_tunnel,
			    char out[PATH_MAX]);
const char *doctor_rewriting(const char *path, bool is_tunnel);

/* What can be seen on this machine: doctor_local.c. */
void doctor_check_config(struct doctor *doctor);
void doctor_check_version(struct doctor *doctor);
void doctor_check_file(struct doctor *doctor);
void doctor_check_clock(struct doctor *doctor);
void doctor_check_ports(struct doctor *doctor);
void doctor_check_certificate(struct doctor *doctor);

/* Which addresses clients are told: doctor_address.c. */
void doctor_check_addresses(struct doctor *doctor);

/* What signald says of itself: doctor_ready.c. */
void doctor_check_ready(struct doctor *doctor);

/* Where users are kept in Redis, only signald makes credentials: get one of it.
 * Returns whether there is one, or none is needed; else has said why not. */
bool doctor_find_credential(struct doctor *doctor);

/* What the server does, asked as a client: doctor_probe.c. */
void doctor_check_relay(struct doctor *doctor);

/* The servers of [turn NAME], as far as they can be seen from here:
 * doctor_servers.c. */
void doctor_check_servers(struct doctor *doctor);

/* Over each transport that clients are offered; the port of server is set:
 * doctor_probe.c. */
void doctor_probe_server(struct doctor *doctor,
			 struct sockaddr_storage *server);

/* The same over one transport, or for STUN alone; the rest of what clients may
 * do there is not looked at. */
void doctor_probe_way(struct doctor *doctor,
		      const struct sockaddr_storage *server,
		      enum turnlink_transport transport);
void doctor_probe_stun(struct doctor *doctor,
		       const struct sockaddr_storage *server);

/* Report the lines, and clear them. Returns the exit code. */
int doctor_finish(struct doctor *doctor);

/* Lines as text, and how many of them are no good. */
void doctor_report_text(const struct doctor *doctor, FILE *out);

/*
 * {"server", "failed", "warnings", "lines": [{"check", "server", "state",
 * "text", "remedy"}]}; server and remedy may be null.
 *
 * Returns 0 or -ENOMEM.
 */
int doctor_report_json(const struct doctor *doctor, FILE *out);

/* turnconf doctor; returns the exit code. */
int doctor_run(const struct arguments *arguments);

#endif
