/* config_keys.c: every configuration key, its default and what it means. */
#include "policy/config.h"

#define AT(section, name) #section, #name
/* A member's name takes no parentheses. NOLINTNEXTLINE */
#define OFF(section, name) offsetof(struct config, section.name)
#define TEXT(section, name, type, initial, reload, help)                      \
	{                                                                     \
		AT(section, name), type, reload, OFF(section, name), initial, \
			0, 0, NULL, help, false                               \
	}
#define UINT(section, name, initial, min, max, reload, help)                \
	{                                                                   \
		AT(section, name), CONFIG_UINT, reload, OFF(section, name), \
			initial, min, max, NULL, help, false                \
	}
#define WORD(section, name, initial, allowed, reload, help)                 \
	{                                                                   \
		AT(section, name), CONFIG_ENUM, reload, OFF(section, name), \
			initial, 0, 0, allowed, help, false                 \
	}
/* Of one TURN server: these can be taken from a [turn NAME] section too. */
#define SERVER_TEXT(name, type, initial, help)                                 \
	{                                                                      \
		AT(turn, name), type, CONFIG_RELOAD, OFF(turn, name), initial, \
			0, 0, NULL, help, true                                 \
	}
#define SERVER_UINT(name, initial, min, max, help)                           \
	{                                                                    \
		AT(turn, name), CONFIG_UINT, CONFIG_RELOAD, OFF(turn, name), \
			initial, min, max, NULL, help, true                  \
	}

/* clang-format off */
const struct config_key config_keys[] = {
	TEXT(listen, address, CONFIG_ADDRESS_LIST, "127.0.0.1:8080",
	     CONFIG_RESTART, "where HTTP and WebSocket are served"),
	TEXT(listen, tls, CONFIG_ADDRESSES, "",
	     CONFIG_RESTART, "where HTTPS, WebSocket and TURN share a TLS port, as a rule 443; empty for nowhere"),
	TEXT(listen, metrics, CONFIG_ADDRESS, "127.0.0.1:9580",
	     CONFIG_RESTART, "where operators find /metrics, their page and the admin API; empty for nowhere"),
	UINT(listen, max_connections, "100000", 1, 10000000,
	     CONFIG_RELOAD, "connections at once; more wait in the kernel's queue"),

	TEXT(tls, cert, CONFIG_STRING, "",
	     CONFIG_RELOAD, "certificate file (PEM, full chain) of listen.tls; read again when it changes"),
	TEXT(tls, key, CONFIG_STRING, "",
	     CONFIG_RELOAD, "its private key file (PEM); read again when it changes"),

	TEXT(http, root, CONFIG_STRING, "",
	     CONFIG_RESTART, "folder of the static pages; empty for none"),
	TEXT(http, origins, CONFIG_ORIGINS, "",
	     CONFIG_RELOAD, "pages of these origins may use this server beside its own; * for all"),
	UINT(http, max_head_bytes, "16384", 1024, 65536,
	     CONFIG_RELOAD, "request line and headers, bytes"),
	UINT(http, max_target_bytes, "4096", 128, 16384,
	     CONFIG_RELOAD, "request target, bytes"),
	UINT(http, max_body_bytes, "65536", 0, 16777216,
	     CONFIG_RELOAD, "request body, bytes"),
	UINT(http, head_timeout_s, "10", 1, 300,
	     CONFIG_RELOAD, "a request's head must be whole after so many seconds"),
	UINT(http, body_timeout_s, "10", 1, 300,
	     CONFIG_RELOAD, "a request's body must be whole after so many seconds"),
	UINT(http, keep_alive_timeout_s, "60", 1, 3600,
	     CONFIG_RELOAD, "seconds an idle connection waits for its next request"),

	UINT(websocket, max_message_bytes, "65536", 1024, 16777216,
	     CONFIG_RELOAD, "one message, bytes; longer ones close with 1009"),
	UINT(websocket, max_fragments, "128", 1, 65536,
	     CONFIG_RELOAD, "frames that one message may come in"),
	UINT(websocket, ping_interval_s, "25", 1, 3600,
	     CONFIG_RELOAD, "seconds of silence after which a client is pinged"),
	UINT(websocket, silence_timeout_s, "60", 2, 7200,
	     CONFIG_RELOAD, "seconds of silence after which a client is closed"),
	UINT(websocket, join_timeout_s, "10", 1, 300,
	     CONFIG_RELOAD, "seconds a client has to join a room"),

	TEXT(socketio, path, CONFIG_URL_PATH, "/socket.io/",
	     CONFIG_RESTART, "where Engine.IO is served"),
	TEXT(socketio, namespaces, CONFIG_NAMESPACES, "/=tutorial",
	     CONFIG_RESTART, "NAME=PRESET or NAME=/path/of.rules, +recovery behind it; empty for no Socket.IO"),
	TEXT(socketio, eio3, CONFIG_BOOL, "yes",
	     CONFIG_RELOAD, "serve clients of Socket.IO 1 and 2 (Engine.IO protocol 3) as well"),
	UINT(socketio, ping_interval_s, "25", 1, 3600,
	     CONFIG_RELOAD, "seconds between two pings of a client"),
	UINT(socketio, ping_timeout_s, "20", 1, 3600,
	     CONFIG_RELOAD, "seconds a client has to answer one"),
	UINT(socketio, connect_timeout_s, "45", 1, 3600,
	     CONFIG_RELOAD, "seconds a client has to connect to a namespace"),
	UINT(socketio, upgrade_timeout_s, "10", 1, 300,
	     CONFIG_RELOAD, "seconds an upgrade to WebSocket may take"),
	UINT(socketio, max_payload_bytes, "1000000", 1024, 16777216,
	     CONFIG_RELOAD, "one WebSocket message, or one body of a POST, bytes"),
	UINT(socketio, away_s, "5", 0, 3600,
	     CONFIG_RELOAD, "seconds until a peer that was cut off has left, as Socket.IO pages see it"),
	TEXT(socketio, client_files, CONFIG_STRING, "",
	     CONFIG_RESTART, "folder of the browser client (socket.io.js); empty for none"),
	WORD(socketio, client, "4", "4|2",
	     CONFIG_RESTART, "which client socket.io.js is: 2 for pages of the years before 2021"),

	UINT(session, window_s, "30", 1, 3600,
	     CONFIG_RELOAD, "seconds a peer that was cut off may come back and keep its id"),
	UINT(session, max_bytes, "262144", 1024, 16777216,
	     CONFIG_RELOAD, "kept for one peer until it has them, bytes; at most a quarter of output.max_queued_bytes"),
	UINT(session, max_messages, "1024", 16, 1048576,
	     CONFIG_RELOAD, "kept for one peer until it has them, messages"),
	UINT(session, token_ttl_s, "600", 60, 86400,
	     CONFIG_RELOAD, "seconds a resume token is good for; a connected client gets new ones in time"),
	TEXT(state, dir, CONFIG_STRING, "",
	     CONFIG_RESTART, "folder of what outlives a restart: keys of resume tokens, who was kicked; empty: nothing does"),

	TEXT(admin, key, CONFIG_SECRET, "",
	     CONFIG_RELOAD, "key of the admin API; empty: that in state.dir/admin-key"),

	UINT(output, max_queued_bytes, "1048576", 65536, 1073741824,
	     CONFIG_RELOAD, "unsent output of one connection, bytes; more closes it"),
	UINT(output, stall_timeout_s, "10", 1, 300,
	     CONFIG_RELOAD, "seconds a connection may take nothing of its output"),

	UINT(rooms, max_rooms, "100000", 1, 100000000,
	     CONFIG_RELOAD, "rooms at once"),
	UINT(rooms, max_peers_per_room, "10000", 2, 10000000,
	     CONFIG_RELOAD, "peers in one room, watchers included"),
	UINT(rooms, max_watchers_per_broadcaster, "50", 1, 100000,
	     CONFIG_RELOAD, "watchers one broadcaster is planned to serve: sizes coturn's quota"),
	UINT(rooms, max_broadcasters_per_room, "1", 1, 1000,
	     CONFIG_RELOAD, "broadcasters in one room"),
	UINT(rooms, max_peers_listed, "100", 1, 1000,
	     CONFIG_RELOAD, "peers in one page of a room's list"),
	UINT(rooms, max_metadata_bytes, "4096", 0, 65536,
	     CONFIG_RELOAD, "a peer's metadata, bytes of JSON"),
	WORD(rooms, takeover, "refuse", "refuse|replace|same-user",
	     CONFIG_RELOAD, "a second broadcaster is refused, or the first goes, or goes if both are of one user"),
	WORD(rooms, creation, "anybody", "anybody|token",
	     CONFIG_RELOAD, "whose coming makes a room: token: only theirs who come by a token, a ticket or a key"),

	WORD(access, mode, "auto", "auto|open|guest|key|token|webhook",
	     CONFIG_RESTART, "who may come in; auto: open where only this machine is listened to, else guest"),
	TEXT(access, open_in_public, CONFIG_BOOL, "no",
	     CONFIG_RESTART, "let mode = open listen to other machines too: strangers use the relay at your cost then"),
	TEXT(access, keys, CONFIG_KEYS, "",
	     CONFIG_RELOAD, "API keys of backends: NAME:HASH items as signald key prints them"),

	SERVER_TEXT(host, CONFIG_HOST, "",
		    "the server's name or address as clients see it; empty for no TURN"),
	SERVER_TEXT(addresses, CONFIG_IP_LIST, "",
		    "where signald itself reaches it to prove it; empty: what host stands for"),
	SERVER_TEXT(secret, CONFIG_SECRETS, "",
		    "shared with coturn (turnconf secret makes one); of more the first signs, all are good"),
	SERVER_TEXT(stun, CONFIG_BOOL, "yes", "offer stun: on port"),
	SERVER_TEXT(udp, CONFIG_BOOL, "yes", "offer turn: over UDP on port"),
	SERVER_TEXT(tcp, CONFIG_BOOL, "yes", "offer turn: over TCP on port"),
	SERVER_TEXT(tls, CONFIG_BOOL, "no", "offer turns: over TLS on tls_port"),
	SERVER_UINT(port, "3478", 1, 65535, "coturn's port for UDP and TCP"),
	SERVER_UINT(tls_port, "5349", 1, 65535, "coturn's port for TLS"),
	SERVER_TEXT(region, CONFIG_WORD, "",
		    "where it stands; clients of the same region get it first"),
	SERVER_UINT(weight, "10", 1, 1000,
		    "its share of the clients, against the weights of the others"),
	SERVER_TEXT(drained, CONFIG_BOOL, "no",
		    "give it to no more clients; those it has stay"),
	SERVER_TEXT(cli, CONFIG_LOOPBACK, "",
		    "coturn's administration: ends what the kicked relay; empty: nothing does"),
	SERVER_TEXT(cli_password, CONFIG_SECRET, "",
		    "its password (turnconf secret makes one)"),
	TEXT(turn, realm, CONFIG_HOST, "signald",
	     CONFIG_RESTART, "coturn's realm, of all the servers"),
	WORD(turn, credentials, "secret", "secret|redis",
	     CONFIG_RESTART, "how coturn knows users: by the shared secret, or by a key for each credential in Redis"),
	TEXT(turn, redis, CONFIG_ADDRESS, "127.0.0.1:6379",
	     CONFIG_RESTART, "Redis of turn.credentials = redis, as signald and coturn reach it"),
	UINT(turn, redis_db, "0", 0, 1023, CONFIG_RESTART, "number of its database, which is to be of this use alone"),
	TEXT(turn, redis_password, CONFIG_SECRET, "",
	     CONFIG_RESTART, "its password; empty for none"),
	UINT(turn, ttl_s, "600", 10, 86400,
	     CONFIG_RELOAD, "seconds a credential lives"),
	UINT(turn, min_ttl_s, "60", 10, 86400,
	     CONFIG_RELOAD, "least seconds a client may ask for"),
	UINT(turn, max_ttl_s, "3600", 10, 604800,
	     CONFIG_RELOAD, "most seconds a client may ask for"),
	TEXT(turn, tunnel, CONFIG_ADDRESS, "",
	     CONFIG_RELOAD, "where TURN that comes to listen.tls goes on to: a coturn of its own; empty: it is refused"),
	TEXT(turn, probe, CONFIG_BOOL, "yes",
	     CONFIG_RELOAD, "prove each server by relaying through it; clients get those that work; no: all are given"),
	UINT(turn, probe_interval_s, "2", 1, 3600,
	     CONFIG_RELOAD, "seconds between two proofs of a server"),
	TEXT(turn, withhold_unsafe, CONFIG_BOOL, "yes",
	     CONFIG_RELOAD, "do not give out a server that relays into private networks (tried at start and every hour)"),
	UINT(turn, servers_per_client, "2", 1, 10,
	     CONFIG_RELOAD, "TURN servers in one ICE list, the best ones"),
	TEXT(turn, regions, CONFIG_STRING, "",
	     CONFIG_RELOAD, "file of NETWORK REGION lines, or a MaxMind .mmdb of countries or cities; empty for none"),
	TEXT(turn, tunnel_cli, CONFIG_LOOPBACK, "",
	     CONFIG_RELOAD, "the same of the coturn behind the tunnel, with the same password"),
	TEXT(turn, strict, CONFIG_BOOL, "no",
	     CONFIG_RELOAD, "end what peers who left still relay when their credential has expired"),

	WORD(coturn, profile, "production", "production|development",
	     CONFIG_RESTART, "development allows relaying to coturn's own relay_ip, for one machine alone"),
	TEXT(coturn, listening_ip, CONFIG_IP_LIST, "",
	     CONFIG_RESTART, "addresses coturn listens on; empty for all"),
	TEXT(coturn, relay_ip, CONFIG_IP_LIST, "",
	     CONFIG_RESTART, "addresses coturn relays from; empty: those it listens on, or of the default route"),
	TEXT(coturn, external_ip, CONFIG_IP_MAPPING, "",
	     CONFIG_RESTART, "the public address behind a cloud's NAT: PUBLIC or PUBLIC/PRIVATE"),
	UINT(coturn, min_port, "49152", 1024, 65535, CONFIG_RESTART, "first relay port"),
	UINT(coturn, max_port, "65535", 1024, 65535, CONFIG_RESTART, "last relay port"),
	UINT(coturn, tunnel_min_port, "45056", 1024, 65535, CONFIG_RESTART, "first relay port of the coturn at turn.tunnel"),
	UINT(coturn, tunnel_max_port, "49151", 1024, 65535, CONFIG_RESTART, "last relay port of the coturn at turn.tunnel; none may be coturn's own"),
	TEXT(coturn, cert, CONFIG_STRING, "",
	     CONFIG_RESTART, "certificate file (PEM, full chain) for turns:"),
	TEXT(coturn, key, CONFIG_STRING, "",
	     CONFIG_RESTART, "its private key file (PEM)"),
	TEXT(coturn, deny_peers, CONFIG_IP_RANGES, "",
	     CONFIG_RESTART, "addresses or FIRST-LAST ranges of your own that must not be relayed to"),
	UINT(coturn, total_quota, "0", 0, 1000000,
	     CONFIG_RESTART, "allocations at once; 0: as many as relay ports carry"),
	UINT(coturn, max_kbps, "8000", 0, 10000000,
	     CONFIG_RESTART, "kilobits per second of one allocation; 0: no limit"),
	UINT(coturn, capacity_kbps, "4000000", 0, 100000000,
	     CONFIG_RESTART, "kilobits per second of the whole server, max_kbps of it for each allocation; 0: no limit"),
	TEXT(coturn, userdb, CONFIG_STRING, "/var/lib/turn/turndb",
	     CONFIG_RESTART, "coturn's SQLite file"),
	TEXT(coturn, pidfile, CONFIG_STRING, "/run/turnserver/turnserver.pid",
	     CONFIG_RESTART, "coturn's pid file; empty for none"),

	WORD(log, level, "info", "error|warn|info|debug", CONFIG_RELOAD, "least important lines shown"),
	WORD(log, format, "text", "text|json", CONFIG_RELOAD, "event and key=value, or one JSON object a line"),

	UINT(drain, spread_s, "5", 0, 300,
	     CONFIG_RELOAD, "seconds over which SIGTERM closes the connections"),

	TEXT(process, user, CONFIG_STRING, "",
	     CONFIG_RESTART, "user that signald becomes when root starts it; the files it names are read as that user"),
	TEXT(process, seccomp, CONFIG_BOOL, "yes",
	     CONFIG_RESTART, "leave signald only the system calls that it needs while it runs"),
	{NULL, NULL, CONFIG_STRING, CONFIG_RESTART, 0, NULL, 0, 0, NULL, NULL, false},
};
/* clang-format on */
