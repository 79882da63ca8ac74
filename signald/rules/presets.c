/* presets.c: rules for the applications that many have built. */
#include "rules/rules.h"

/* One line of a text in each of these. */
/* clang-format off */
static const char tutorial[] =
	"# One broadcaster and its watchers, each watcher with a connection of\n"
	"# its own: the video broadcast tutorial's events.\n"
	"\n"
	"[broadcaster]\n"
	"join = broadcaster replacing\n"
	"to = others\n"
	"emit = [\"broadcaster\"]\n"
	"\n"
	"[watcher]\n"
	"join = watcher\n"
	"to = broadcaster\n"
	"emit = [\"watcher\", $from]\n"
	"\n"
	"[offer]\n"
	"to = $1\n"
	"emit = [\"offer\", $from, $2]\n"
	"native = offer $2\n"
	"\n"
	"[answer]\n"
	"to = $1\n"
	"emit = [\"answer\", $from, $2]\n"
	"native = answer $2\n"
	"\n"
	"[candidate]\n"
	"to = $1\n"
	"emit = [\"candidate\", $from, $2]\n"
	"native = candidate $2\n"
	"\n"
	"[disconnect]\n"
	"to = broadcaster\n"
	"emit = [\"disconnectPeer\", $from]\n"
	"to = watchers\n"
	"emit = [\"disconnectPeer\", $from]\n";

static const char codelab[] =
	"# Two in a room, the first of whom waits for the second: the events of\n"
	"# the \"create or join\" codelab. A message goes to the other one as it\n"
	"# came, or out of a {channel, message}.\n"
	"\n"
	"[create or join]\n"
	"join = peer\n"
	"room = $1\n"
	"most = 2\n"
	"refused = [\"full\", $1]\n"
	"when = alone\n"
	"to = self\n"
	"emit = [\"created\", $room, $from]\n"
	"when = others\n"
	"to = others\n"
	"emit = [\"join\", $room]\n"
	"to = self\n"
	"emit = [\"joined\", $room, $from]\n"
	"to = all\n"
	"emit = [\"ready\", $room]\n"
	"\n"
	"[message]\n"
	"to = others in $1.channel\n"
	"emit = [\"message\", $1.message]\n"
	"native = signal $1.message\n"
	"else = others\n"
	"emit = [\"message\", $1]\n"
	"native = signal $1\n";

static const char all_users[] =
	"# A mesh of up to four: who comes hears who is there, and calls each of\n"
	"# them (simple-peer with trickle: false).\n"
	"\n"
	"[join room]\n"
	"join = peer\n"
	"room = $1\n"
	"most = 4\n"
	"refused = [\"room full\"]\n"
	"to = self\n"
	"emit = [\"all users\", $others]\n"
	"\n"
	"[sending signal]\n"
	"to = $1.userToSignal\n"
	"emit = [\"user joined\", {\"signal\": $1.signal, \"callerID\": $from}]\n"
	"native = offer $1.signal\n"
	"\n"
	"[returning signal]\n"
	"to = $1.callerID\n"
	"emit = [\"receiving returned signal\", {\"signal\": $1.signal, \"id\": $from}]\n"
	"native = answer $1.signal\n"
	"\n"
	"[disconnect]\n"
	"to = others\n"
	"emit = [\"user left\", $from]\n";

static const char call_user[] =
	"# One calls another by the id it was shown (simple-peer with\n"
	"# trickle: false).\n"
	"\n"
	"[connect]\n"
	"join = peer\n"
	"to = self\n"
	"emit = [\"me\", $from]\n"
	"\n"
	"[callUser]\n"
	"to = $1.userToCall\n"
	"emit = [\"callUser\", {\"signal\": $1.signalData, \"from\": $from, \"name\": $1.name}]\n"
	"native = offer $1.signalData\n"
	"\n"
	"[answerCall]\n"
	"to = $1.to\n"
	"emit = [\"callAccepted\", $1.signal]\n"
	"native = answer $1.signal\n"
	"\n"
	"[disconnect]\n"
	"to = others\n"
	"emit = [\"callEnded\"]\n";

static const char join_room[] =
	"# Rooms of pages that call each other with PeerJS: who comes tells its\n"
	"# PeerJS id, here kept as its name; and a chat.\n"
	"\n"
	"[join-room]\n"
	"join = peer\n"
	"room = $1\n"
	"name = $2\n"
	"to = others\n"
	"emit = [\"user-connected\", $name]\n"
	"\n"
	"[message]\n"
	"to = all\n"
	"emit = [\"createMessage\", $1, $name]\n"
	"native = broadcast $1\n"
	"\n"
	"[disconnect]\n"
	"to = others\n"
	"emit = [\"user-disconnected\", $name]\n";

/* An event to one peer or to a room, as the generic preset addresses it. */
#define SIGNAL "native = signal {\"event\": $event, \"args\": [$1...]}\n"
#define ADDRESSED(native)                          \
	"to = $1\n"                                \
	"emit = [$event, $from, $2...]\n" native   \
	"else = $1.to\n"                           \
	"emit = [$event, $1+from, $2...]\n" SIGNAL \
	"else = $1.target\n"                       \
	"emit = [$event, $1+from, $2...]\n" SIGNAL \
	"else = others in $1.room\n"               \
	"emit = [$event, $1+from, $2...]\n" SIGNAL \
	"ack = relay\n"

static const char generic[] =
	"# For an application of your own: any event goes to the peer whose id\n"
	"# is its first argument, and arrives with the sender's id in that place;\n"
	"# or to the peer that {to} or {target} of its first argument names, or\n"
	"# to the others in {room}, and arrives with {from} put in.\n"
	"\n"
	"[connect]\n"
	"join = peer\n"
	"\n"
	"[join]\n"
	"join = peer\n"
	"room = $1\n"
	"ack = [$error, $others]\n"
	"\n"
	"[leave]\n"
	"leave = yes\n"
	"ack = [$error]\n"
	"\n"
	"[offer]\n"
	ADDRESSED("native = offer $2\n")
	"\n"
	"[answer]\n"
	ADDRESSED("native = answer $2\n")
	"\n"
	"[candidate]\n"
	ADDRESSED("native = candidate $2\n")
	"\n"
	"[*]\n"
	ADDRESSED(SIGNAL);
/* clang-format on */

static const struct {
	const char *name, *text;
} presets[] = {
	{"tutorial", tutorial},	  {"codelab", codelab},
	{"all-users", all_users}, {"callUser", call_user},
	{"join-room", join_room}, {"generic", generic},
};

#define PRESETS_COUNT (sizeof(presets) / sizeof(*presets))

const char *rules_preset(const char *name)
{
	for (size_t i = 0; i < PRESETS_COUNT; i++) {
		if (!strcmp(presets[i].name, name))
			return presets[i].text;
	}
	return NULL;
}

const char *rules_preset_name(size_t index)
{
	return index < PRESETS_COUNT ? presets[index].name : NULL;
}
