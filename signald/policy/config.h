/* config.h: the one configuration that signald and turnconf both read. */
#ifndef SIGNALD_POLICY_CONFIG_H
#define SIGNALD_POLICY_CONFIG_H

#include <stdio.h>

#include "base/span.h"
#include "policy/file_watch.h"

/* Letters, digits, - and _ of the name in [turn NAME]. */
#define CONFIG_MAX_SERVER_NAME 24

/* What logs and metrics call the coturn of [turn], and that at turn.tunnel. */
#define CONFIG_OWN_SERVER "main"
#define CONFIG_TUNNEL_SERVER "tunnel"

/* Characters of one secret. */
#define CONFIG_MAX_SECRET 128

/* An API key's name, and its SHA-256 in hexadecimal. */
#define CONFIG_MAX_KEY_NAME 32
#define CONFIG_KEY_HASH_LEN 64

struct config_server;

/*
 * Where a value comes from, the strongest first: --set, the environment
 * (SIGNALD_SECTION_KEY, a secret also as a file named by
 * SIGNALD_SECTION_KEY_FILE), the file (a secret also as "key_file = PATH"),
 * the default in the table.
 */
struct config {
	struct {
		char *address;	/* list of ADDRESS:PORT, checked */
		char *tls;	/* the same, "" for none */
		char *redirect; /* the same */
		char *metrics;	/* one ADDRESS:PORT, "" for none */
		unsigned max_connections;
	} listen;
	struct {
		char *cert; /* PEM, full chain */
		char *key;  /* PEM */
		bool temporary;
	} tls;
	struct {
		char *root;	  /* folder of the pages, "" for none */
		char *challenges; /* folder, "" for none */
		char *origins;	  /* list of origins, or "*" */
		unsigned max_head_bytes;
		unsigned max_target_bytes;
		unsigned max_body_bytes;
		unsigned head_timeout_s;
		unsigned body_timeout_s;
		unsigned keep_alive_timeout_s;
	} http;
	struct {
		unsigned max_message_bytes;
		unsigned max_fragments;
		unsigned ping_interval_s;
		unsigned silence_timeout_s;
		unsigned join_timeout_s;
	} websocket;
	struct {
		char *path;	  /* begins and ends with "/" */
		char *namespaces; /* list of NAME=RULES[+recovery] */
		bool eio3;
		unsigned ping_interval_s;
		unsigned ping_timeout_s;
		unsigned connect_timeout_s;
		unsigned upgrade_timeout_s;
		unsigned max_payload_bytes;
		unsigned away_s;
		char *client_files; /* folder, "" for none */
		char *client;	    /* "4" or "2" */
	} socketio;
	struct {
		unsigned window_s;
		unsigned max_bytes;
		unsigned max_messages;
		unsigned token_ttl_s;
	} session;
	struct {
		char *dir; /* "" for none */
	} state;
	struct {
		char *key; /* "" for that of state.dir */
	} admin;
	struct {
		unsigned max_queued_bytes;
		unsigned stall_timeout_s;
	} output;
	struct {
		unsigned max_rooms;
		unsigned max_peers_per_room;
		unsigned max_watchers_per_broadcaster;
		unsigned max_watchers_per_room; /* 0: no limit */
		unsigned max_broadcasters_per_room;
		unsigned max_peers_listed;
		unsigned max_metadata_bytes;
		char *takeover; /* "refuse", "replace" or "same-user" */
		char *creation; /* "anybody" or "token" */
		bool address_seen_only;
	} rooms;
	struct {
		char *mode; /* "auto", or what it stands for */
		bool open_in_public;
		char *keys;	       /* list of NAME:SHA256 of API keys */
		char *token_secret;    /* of HS256, "" for none */
		char *token_key;       /* PEM file, "" for none */
		char *token_jwks;      /* file or https:// URL, or "" */
		char *token_algorithm; /* "auto", or the only one */
		char *token_issuer;    /* "" for any */
		char *token_audience;  /* "" for none */
		unsigned token_leeway_s;
		unsigned jwks_refresh_s;
		char *webhook_url; /* of mode webhook, "" for none */
		char *webhook_secret;
		unsigned webhook_timeout_ms;
		unsigned webhook_cache_entries;
		char *ca_file; /* PEM, "" for the system's */
	} access;
	struct {
		char *url; /* "" for none */
		char *secret;
		char *events; /* list of names, checked */
		unsigned timeout_ms;
		unsigned max_spool_bytes;
	} webhooks;
	struct {
		/* by address; a burst beside each rate, 0 is no limit */
		unsigned connections; /* at once */
		unsigned connections_per_s, connections_burst;
		unsigned requests_per_s, requests_burst;
		unsigned handshakes_per_s, handshakes_burst;
		unsigned joins_per_s, joins_burst;
		unsigned credentials_per_minute, credentials_burst;
		unsigned rooms_per_minute, rooms_burst;
		unsigned auth_failures_per_minute, auth_failures_burst;
		/* by user */
		unsigned user_joins_per_minute, user_joins_burst;
		/* by connection */
		unsigned messages_per_s, messages_burst;
		unsigned bytes_per_s, bytes_burst;
		unsigned table_entries; /* of each kind that is kept */
	} limits;
	struct {
		char *trusted; /* list of networks, "" for none */
		char *header;  /* "x-forwarded-for", "forwarded" or "none" */
		bool protocol; /* they put a PROXY header in front */
	} proxy;
	struct {
		/* of one server; a [turn NAME] section has these alone */
		char *host;	 /* name or address in the URLs, "" for none */
		char *addresses; /* list of IPs, "" for those of host */
		char *secret;	 /* list: the first signs, all are good */
		char *secret_file; /* that it was read from, NULL for none */
		struct file_watch secret_watch; /* of that file */
		bool stun;
		bool udp;
		bool tcp;
		bool tls;
		unsigned port;
		unsigned tls_port;
		char *region;
		unsigned weight;
		bool drained;
		char *cli; /* ADDRESS:PORT of its administration, or "" */
		char *cli_password;
		/* of all of them */
		char *realm;	   /* also the STUN realm of coturn */
		char *credentials; /* "secret" or "redis" */
		char *redis;	   /* ADDRESS:PORT of the latter */
		unsigned redis_db;
		char *redis_password; /* "" for none */
		unsigned ttl_s;
		unsigned min_ttl_s;
		unsigned max_ttl_s;
		char *tunnel; /* ADDRESS:PORT of the coturn behind listen.tls */
		bool probe;
		unsigned probe_interval_s;
		bool withhold_unsafe;
		unsigned servers_per_client;
		char *regions;	  /* file, "" for none */
		char *tunnel_cli; /* cli of the tunnel's coturn */
		bool strict;
	} turn;
	struct {
		char *profile; /* "production" or "development" */
		char *listening_ip;
		char *relay_ip;
		char *external_ip;
		unsigned min_port;
		unsigned max_port;
		unsigned tunnel_min_port; /* of the coturn at turn.tunnel */
		unsigned tunnel_max_port;
		char *cert;
		char *key;
		char *deny_peers; /* list of further addresses or ranges */
		unsigned total_quota;
		unsigned max_kbps;
		unsigned capacity_kbps;
		char *userdb;
		char *pidfile;
		char *metrics;	      /* "" for none */
		char *tunnel_metrics; /* of the coturn at turn.tunnel */
	} coturn;
	struct {
		char *level;
		char *format;
	} log;
	struct {
		unsigned spread_s;
		unsigned tunnels_s;
	} drain;
	struct {
		char *user; /* "" to stay who started it */
		bool seccomp;
	} process;
	/* The [turn NAME] sections, in the file's order. */
	struct config_server *servers;
	size_t servers_count;
	/* The file has a secret in it, and everybody on this machine may read
	 * it. */
	bool shows_secrets;
};

#define CONFIG_SHOWS_SECRETS                                             \
	"everybody on this machine may read it, and a secret is in it: " \
	"chmod 640 and chgrp signald, or a file of the secret's own"

/* A further TURN server: `turn` of its config is what its section says, the
 * rest of it is at its defaults. */
struct config_server {
	char name[CONFIG_MAX_SERVER_NAME + 1];
	struct config *config;
};

enum config_type {
	CONFIG_STRING,
	CONFIG_SECRET,	     /* never printed, also readable from a file */
	CONFIG_SECRETS,	     /* the same, one or more parted by commas; in the
				file each has a line of its own */
	CONFIG_BOOL,	     /* yes or no, true or false, on or off, 1 or 0 */
	CONFIG_UINT,	     /* between min and max */
	CONFIG_ENUM,	     /* one of allowed, words parted by "|" */
	CONFIG_ADDRESS,	     /* ADDRESS:PORT, [IPv6]:PORT, or empty */
	CONFIG_LOOPBACK,     /* the same, of this machine alone, no port 0 */
	CONFIG_ADDRESS_LIST, /* ADDRESS:PORT items, comma-separated */
	CONFIG_ADDRESSES,    /* the same, or empty */
	CONFIG_IP_LIST,	     /* addresses without ports, or empty */
	CONFIG_IP_RANGES,    /* addresses or FIRST-LAST ranges, or empty */
	CONFIG_NETWORKS,     /* ADDRESS or ADDRESS/BITS items, or empty */
	CONFIG_IP_MAPPING,   /* PUBLIC or PUBLIC/PRIVATE, or empty */
	CONFIG_ORIGINS,	     /* "*", or scheme://host[:port] items, or empty */
	CONFIG_HOST,	     /* a host name or an address, or empty */
	CONFIG_URL_PATH,     /* "/", or a path between two of them */
	CONFIG_NAMESPACES,   /* NAME=RULES[+recovery] items, or empty */
	CONFIG_WORD,	     /* letters, digits, - and _, or empty */
	CONFIG_KEYS,	     /* NAME:HASH items of API keys, or empty */
};

/* Never printed. */
static inline bool config_type_is_secret(enum config_type type)
{
	return type == CONFIG_SECRET || type == CONFIG_SECRETS;
}

/* Users are kept in Redis, and not known by a secret. */
static inline bool config_keeps_users(const struct config *config)
{
	return !strcmp(config->turn.credentials, "redis");
}

enum config_mode {
	MODE_OPEN,  /* whoever can reach it may do everything */
	MODE_GUEST, /* own pages and those of http.origins, by a room's link */
	MODE_KEY,   /* API keys, and tickets got with them */
	MODE_TOKEN, /* those, and tokens */
	MODE_WEBHOOK, /* keys and tickets; access.webhook_url decides of all
			 others */
};

/* access.mode, decided where it is "auto". */
enum config_mode config_mode(const struct config *config);
const char *config_mode_name(enum config_mode mode);

/* What it means, in one sentence for people. */
const char *config_mode_means(enum config_mode mode);

/*
 * Whether the relay is open as nobody has said who may come in: access.mode is
 * auto, and open as all listeners are loopback's, which is so behind a proxy on
 * this machine as well; and clients are sent to a TURN server elsewhere. Not so
 * with coturn.profile = development.
 *
 * Returns the host of such a server, of the configuration, or NULL.
 */
const char *config_open_relay(const struct config *config);

/* Other machines can reach it: it listens to more than loopback. */
bool config_is_public(const struct config *config);

/* The same of listen.metrics. */
bool config_shows_metrics(const struct config *config);

/* Of a list of secrets the one that signs; empty where there is none. */
static inline struct span config_signing_secret(const char *secrets)
{
	return span_of(secrets, strcspn(secrets, ","));
}

enum config_reload { CONFIG_RESTART, CONFIG_RELOAD };

/* One row feeds parsing, checking, --help, reload and docs/configuration.md. */
struct config_key {
	const char *section;
	const char *name;
	enum config_type type;
	enum config_reload reload;
	size_t offset;	     /* of the field in struct config */
	const char *initial; /* the default, as it would be written */
	unsigned min, max;   /* CONFIG_UINT; min: characters of CONFIG_SECRET,
				16 where it is 0 */
	const char *allowed; /* CONFIG_ENUM */
	const char *help;    /* one line; units in it */
	bool is_per_server;  /* may stand in a [turn NAME] section */
};

/* The table, ended by a row whose section is NULL. */
extern const struct config_key config_keys[];

#define CONFIG_MAX_ERROR 512

/* One sentence: where (file and line, variable or flag), which key, what was
 * wrong, what is allowed. Never holds a secret. */
struct config_error {
	char text[CONFIG_MAX_ERROR];
};

struct config_sources {
	const char *file;	 /* NULL: none */
	const char *const *sets; /* "section.key=value" */
	size_t sets_count;
	const char *const *environ; /* "NAME=value", NULL-terminated; or NULL */
};

/*
 * Read and check the configuration from all sources.
 *
 * An unknown section or key, a key given twice in the file, a bad or
 * out-of-range value, an unreadable file, and keys that contradict each other
 * (min_port above max_port, TURN without a secret, ...) are errors. An unknown
 * SIGNALD_* variable is one too: a misspelt secret must not be overlooked.
 *
 * Returns 0, -EINVAL or -ENOMEM with *error set; *configp is written only on
 * success and freed with config_free().
 */
int config_load(struct config **configp, const struct config_sources *sources,
		struct config_error *error);

/*
 * Read the file of turn.secret, which there must be, again.
 *
 * config  whole: its servers that have the same secret, and not from a file of
 *         theirs, then have the new one too; or one server's of it
 *
 * Returns 1 when it is another now, 0 when not; -EINVAL with *error set: the
 * secret is as before then; or -ENOMEM, the same, though the servers may have
 * remained behind.
 */
int config_reread_secret(struct config *config, struct config_error *error);

/* The lowest relay port of the coturns on this host, the tunnel's included. */
unsigned config_first_relay_port(const struct config *config);

/*
 * Give what needs a restart the values of the start.
 *
 * Returns 0; or -ENOMEM, or -EINVAL where the rest does not go with those, with
 * *error set: config is good for nothing but config_free() then.
 */
int config_keep_restart(struct config *config, const struct config *start,
			struct config_error *error);

/* Wipes the secrets; takes NULL. */
void config_free(struct config *config);

/* Every key with its value in effect, as a file config_load() takes; secrets
 * masked. */
void config_print(const struct config *config, FILE *out);

/* Every key with type, default, range and meaning, for --help. */
void config_print_help(FILE *out);

/*
 * Which keys differ between two configurations and need a restart.
 *
 * out  a list such as "listen.address, http.root"; empty when there are none
 */
void config_diff_restart(const struct config *before,
			 const struct config *after, char *out, size_t cap);

#endif
