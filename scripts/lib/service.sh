# service.sh: signald and coturn, or both coturns, as one service of a folder: its
# configuration, start, watch, state.json and stop.
# shellcheck shell=bash disable=SC2154 # dir, config, sets, turnserver: the caller's

start_limit_s=30
tried_limit_s=10

# A coturn that dies is started again after a second, the next time after two,
# and so on up to the longest; one that lived for steady_s begins anew.
longest_pause_s=30
steady_s=60

# The end of the ready line, which is no use to who starts it in the background.
ctrl_c=' (Ctrl-C ends it all)'

# The coturns of the configuration: "coturn", and with turn.tunnel "coturn-tunnel",
# which is the one that TURN on listen.tls goes on to.
coturns=(coturn)

# By the name of a process: its id; of one that is to be started again that of
# the sleep before it; when it began; and how long it rests when it dies.
declare -A pids=() sleeps=() began_s=() pause_s=()

# The configuration, made once: the secret in it stays on later runs.
make_config() {
	local address=$1 cli_port

	[[ ! -e $config ]] || return 0
	cli_port=$(free_cli_port 5766)
	cat >"$config.new" <<END
# signald.conf: made by scripts/run for development on this machine; yours to
# edit. "build/signald --help" lists every key. Delete it for a fresh one.

[listen]
address = 127.0.0.1:8080
metrics = 127.0.0.1:9580

[http]
root = $PWD/build/share/web

[socketio]
client_files = $PWD/build/share/socket.io

[turn]
secret = $(build/turnconf secret)
# The addresses below are this machine's: scripts/run follows when they change.
host = $address
cli = 127.0.0.1:$cli_port
cli_password = $(build/turnconf secret)
# Of the second coturn, which runs where tunnel is set.
tunnel_cli = 127.0.0.1:$(free_cli_port $((cli_port + 1)))

[coturn]
profile = development
listening_ip = $address
relay_ip = $address
pidfile = $dir/coturn.pid
userdb = $(database_folder "$dir")/turndb

[state]
dir = $dir/state

[drain]
spread_s = 1
END
	mv "$config.new" "$config"
	say "made $config"
}

# For coturn's administration: the first port from $1 on that nobody has.
free_cli_port() {
	local port=$1

	while [[ $(socket_holding tcp 127.0.0.1 "$port") ]]; do
		port=$((port + 1))
	done
	printf '%s\n' "$port"
}

# The user that coturn drops to: Debian's own for it where we may change users,
# which is as root (and not as the root of a namespace with one user alone).
coturn_user() {
	if ((EUID == 0)) && id turnserver >/dev/null 2>&1 &&
		setpriv --reuid=turnserver --regid=turnserver --clear-groups true 2>/dev/null; then
		printf 'turnserver\n'
	fi
}

# coturn wants an SQLite file, and a folder, that its user can write. It is this
# folder's alone: "turnconf secrets" empties it, so a database of the system's, or
# of another folder's, would lose the secrets of another coturn.
database_folder() {
	local hash rest

	if [[ $(coturn_user) ]]; then
		read -r hash rest < <(printf '%s' "$1" | sha256sum)
		printf '/var/lib/turn/signald-%s\n' "${hash:0:16}"
	else
		printf '%s\n' "$1"
	fi
}

make_database_folder() {
	local folder user

	user=$(coturn_user)
	[[ $user ]] || return 0
	folder=$(database_folder "$dir")
	mkdir -p -m 755 /var/lib/turn && install -d -m 700 -o "$user" -g "$user" "$folder" ||
		fail "cannot make the folder $folder, for coturn's database"
}

# What is in it is written anew at every start.
remove_database() {
	local folder

	folder=$(database_folder "$1")
	[[ $folder == "$1" ]] || rm -rf -- "$folder"
}

# A configuration that was made when all folders shared the system's database, or
# that was copied from another folder, gets the one of this folder.
leave_shared_database() {
	local before own

	own=$(database_folder "$dir")/turndb
	before=$(sed -n 's|^userdb = \(/var/lib/turn/\(signald-[0-9a-f]*/\)\{0,1\}turndb\)$|\1|p' "$config")
	[[ $before && $before != "$own" ]] || return 0
	sed -i -e "s|^userdb = $before\$|userdb = ${own//[&|\\]/\\&}|" "$config"
	say "coturn gets a database of its own, not $before: changed $config"
}

# A machine that moves to another network gets another address; what names the
# old one is written anew, everything else stays.
follow_address() {
	local address=$1 before

	before=$(sed -n 's/^relay_ip = \(.*\)$/\1/p' "$config")
	[[ $before && $before != "$address" ]] || return 0
	! own_addresses | grep -qxF "$before" || return 0
	sed -i -e "s/^\(host\|listening_ip\|relay_ip\) = ${before//./\\.}\$/\1 = $address/" "$config"
	say "this machine is now $address, it was $before: changed $config"
}

# The value of a key in effect, the --set ones included.
setting() {
	awk -v section="[$1]" -v key="$2" '
		/^\[/ { current = $0 }
		current == section && $1 == key && $2 == "=" {
			sub(/^[^=]*= ?/, "")
			print
			exit
		}' <<<"$effective"
}

read_settings() {
	local message

	if ! effective=$(build/signald --config "$config" "${sets[@]}" --print-config 2>"$dir/error"); then
		message=$(<"$dir/error")
		rm -f "$dir/error"
		fail "${message#signald: }"
	fi
	rm -f "$dir/error"
	tls=$(setting listen tls)
	tunnel=$(setting turn tunnel)
	[[ -z $tunnel ]] || coturns=(coturn coturn-tunnel)
	listen=$(setting listen address)
	listen=${listen%%,*}
	metrics=$(setting listen metrics)
	page_address=$(address_of "$listen")
	case $page_address in
	0.0.0.0) page_address=127.0.0.1 ;;
	::) page_address=::1 ;;
	esac
	page_port=$(port_of "$listen")
	page_host=$page_address
	[[ $page_host != *:* ]] || page_host="[$page_host]"
	page_host=$page_host:$page_port
}

# The lines of the configuration without those of the keys in $1, a word a line.
without_keys() {
	keys=$1 awk '
		BEGIN {
			count = split(ENVIRON["keys"], list, "\n")
			for (i = 1; i <= count; i++)
				gone[list[i]]
		}
		{
			line = $0
			gsub(/^[ \t]+|[ \t\r]+$/, "", line)
		}
		line ~ /^\[/ { section = substr(line, 2, length(line) - 2) }
		line ~ /^[^[#;]/ {
			name = line
			sub(/[ \t]*[=:].*/, "", name)
			name = section "." name
			base = name
			sub(/_file$/, "", base)
			if (name in gone || base in gone || (name "_file") in gone)
				next
		}
		{ print }' "$config"
}

# What runs, as one file for those who look at it: the configuration, and in it what
# --set changes. signald itself keeps both apart, and so can read the first again.
write_running() {
	local set name
	local -A given=()

	for set in "${sets[@]}"; do
		[[ $set == --set ]] || given[${set%%=*}]=${set#*=}
	done
	{
		printf '# What scripts/run has started: %s, and its --set.\n' "$config"
		printf '# Made anew at every start, for turnconf doctor, signald ctl and signald token.\n'
		without_keys "$(printf '%s\n' "${!given[@]}")"
		for name in "${!given[@]}"; do
			printf '\n[%s]\n%s = %s\n' "${name%.*}" "${name##*.}" "${given[$name]}"
		done
	} >"$dir/running.conf.new"
	mv "$dir/running.conf.new" "$dir/running.conf"
}

# ADDRESS:PORT over TCP, of a KEY; nothing when it is empty.
need_address() {
	[[ -z $1 ]] || need_port tcp "$(address_of "$1")" "$(port_of "$1")" "$2"
}

need_ports() {
	local address port
	local -a tls_addresses

	need_address "$listen" listen.address=ADDRESS:PORT
	need_address "$metrics" listen.metrics=ADDRESS:PORT
	IFS=', ' read -ra tls_addresses <<<"$tls"
	for address in "${tls_addresses[@]}"; do
		need_address "$address" listen.tls=ADDRESS:PORT
	done
	address=$(setting coturn listening_ip)
	address=${address%%,*}
	port=$(setting turn port)
	need_port udp "$address" "$port" turn.port=PORT
	need_port tcp "$address" "$port" turn.port=PORT
	need_address "$(setting turn cli)" turn.cli=127.0.0.1:PORT
	[[ $tunnel ]] || return 0
	need_address "$tunnel" turn.tunnel=127.0.0.1:PORT
	need_address "$(setting turn tunnel_cli)" turn.tunnel_cli=127.0.0.1:PORT
}

# The file of a coturn.
conf_of() {
	printf '%s/turnserver%s.conf\n' "$dir" "${1#coturn}"
}

# turnconf with our configuration: its standard output to a file ($1), its standard
# error, as one line, ends us.
turnconf() {
	local message out=$1

	shift
	message=$(build/turnconf "$@" --config "$config" "${sets[@]}" 2>&1 >"$out") ||
		fail "${message#turnconf: }"
	[[ -z $message ]] || printf '%s\n' "$message" >&2
}

write_coturn_configs() {
	local conf name
	local -a options

	make_database_folder
	for name in "${coturns[@]}"; do
		conf=$(conf_of "$name")
		options=()
		[[ $name == coturn ]] || options=(--tunnel)
		turnconf "$conf.new" generate "${options[@]}"
		mv "$conf.new" "$conf"
	done
	turnconf /dev/null secrets
}

# Its log goes on where an earlier one ended.
start_coturn() {
	local user
	local -a options=()

	user=$(coturn_user)
	[[ -z $user ]] || options=(--proc-user "$user" --proc-group "$user")
	"$turnserver" -c "$(conf_of "$1")" "${options[@]}" \
		</dev/null >>"$dir/$1.log" 2>&1 9>&- &
	pids[$1]=$!
	began_s[$1]=$SECONDS
}

start_coturns() {
	local name

	for name in "${coturns[@]}"; do
		: >"$dir/$name.log"
		pause_s[$name]=1
		start_coturn "$name"
	done
}

start_signald() {
	build/signald --config "$config" "${sets[@]}" \
		</dev/null >"$dir/signald.log" 2>&1 9>&- &
	pids[signald]=$!
}

# The service's end, whatever brought it: signald first, it may be draining.
stop_children() {
	local pid

	trap 'kill -TERM ${pids[signald]-} 2>/dev/null' INT TERM
	[[ -z ${pids[signald]-} ]] || end_child "${pids[signald]}"
	for pid in "${pids[@]}" "${sleeps[@]}"; do
		end_child "$pid"
	done
	remove_database "$dir"
	rm -f "$dir/state.json"
	trap - INT TERM
}

end_child() {
	kill -TERM "$1" 2>/dev/null || true
	# A signal interrupts wait; the child is gone only when kill says so.
	while kill -0 "$1" 2>/dev/null; do
		wait "$1" 2>/dev/null || true
	done
}

# Say who died, how, what becomes of it, and the last it said.
tell_death() {
	printf '%s: %s ended by itself (%s)%s; the end of %s:\n' "$me" "$1" \
		"$(ending "$2")" "$3" "$dir/$1.log"
	tail -n 8 "$dir/$1.log" | sed 's/^/    /'
} >&2

# The process of an id.
name_of() {
	local name

	for name in "${!pids[@]}"; do
		[[ ${pids[$name]} != "$1" ]] || printf '%s\n' "$name"
	done
}

# Say which one died, and end the others.
report_death() {
	local name

	name=$(name_of "$1")
	stop_children
	tell_death "$name" "$2" ''
	exit 1
}

ending() {
	if (($1 > 128)); then
		printf 'signal %d' "$(($1 - 128))"
	else
		printf 'exit code %d' "$1"
	fi
}

# Report a child that is dead already.
check_alive() {
	local child code=0

	for child; do
		kill -0 "$child" 2>/dev/null && continue
		{ wait "$child" || code=$?; } 2>/dev/null
		report_death "$child" "$code"
	done
}

# Does a coturn have the port by which its clients come?
is_listening() {
	local address

	if [[ $1 == coturn ]]; then
		address=$(setting coturn listening_ip)
		[[ $(socket_holding udp "${address%%,*}" "$(setting turn port)") ]]
	else
		[[ $(socket_holding tcp "$(address_of "$tunnel")" "$(port_of "$tunnel")") ]]
	fi
}

# Wait until they have, so that signald's first question is answered.
wait_coturns() {
	local name deadline=$((SECONDS + start_limit_s))

	for name in "${coturns[@]}"; do
		until is_listening "$name"; do
			check_alive "${pids[@]}"
			((SECONDS < deadline)) ||
				fail "$name has not opened its port after $start_limit_s s; see $dir/$name.log"
			sleep 0.05
		done
	done
}

# Wait until signald is ready, which includes that a coturn answers it.
wait_ready() {
	local answer deadline=$((SECONDS + start_limit_s))

	while :; do
		check_alive "${pids[@]}"
		answer=$(http_get "$page_address" "$page_port" /readyz || true)
		[[ ${answer%%$'\n'*} != 200 ]] || break
		((SECONDS < deadline)) ||
			fail "not ready after $start_limit_s s: ${answer#*$'\n'}; see $dir/*.log"
		sleep 0.05
	done
	wait_tried
}

# One way to the relay is enough to be ready. Until the others have been tried too,
# as that behind listen.tls, whoever looks takes them for missing.
wait_tried() {
	local deadline=$((SECONDS + tried_limit_s))

	while [[ $(http_get "$page_address" "$page_port" /v1/check) =~ \"(udp|tcp|tls|tunnel)\":\ null ]]; do
		check_alive "${pids[@]}"
		((SECONDS < deadline)) || return 0
		sleep 0.2
	done
}

json_string() {
	local text=${1//\\/\\\\}

	printf '"%s"' "${text//\"/\\\"}"
}

write_state() {
	cat >"$dir/state.json.new" <<END
{
	"url": "http://$page_host/",
	"wsUrl": "ws://$page_host/v1/ws",
	"iceUrl": "http://$page_host/v1/ice",
	"metricsUrl": $([[ $metrics ]] && printf '"http://%s/metrics"' "$metrics" || printf null),
	"signaldPid": ${pids[signald]},
	"coturnPid": ${pids[coturn]-null},
	"coturnTunnelPid": ${pids[coturn-tunnel]-null},
	"supervisorPid": $$,
	"config": $(json_string "$config")
}
END
	mv "$dir/state.json.new" "$dir/state.json"
}

state_number() {
	sed -n "s/^.*\"$1\": \([0-9]*\).*/\1/p" "$2/state.json"
}

state_text() {
	sed -n "s/^.*\"$1\": \"\(.*\)\".*/\1/p" "$2/state.json"
}

# One service a folder: the lock is ours until this process ends, however it does.
lock_folder() {
	{ exec 9>>"$dir/lock"; } 2>/dev/null ||
		fail "cannot write in the folder $dir"
	flock -n 9 ||
		fail "already running in $dir${1:+ at $1}; scripts/run --stop --dir $dir ends it"
	if [[ -e $dir/state.json ]]; then
		stop_leftovers "$dir"
	fi
}

# The same before there is anything to run: what is to be said comes at once.
try_folder() {
	(lock_folder "$(current_url)") || exit 1
}

current_url() {
	[[ ! -e $dir/state.json ]] || state_text url "$dir"
}

prepare_service() {
	local address

	lock_folder "$(current_url)"
	address=$(main_address)
	[[ $address ]] ||
		fail "this machine has no IPv4 address but loopback, and coturn relays to no loopback address"
	make_config "$address"
	mkdir -p "$dir/state"
	leave_shared_database
	follow_address "$address"
	read_settings
	need_ports
	write_running
}

# Wait until one of these children ends: sets dead and code. bash's own word
# about the death goes nowhere: ours says more. Who died while we waited for
# another program counts as told, and wait -n would pass over it.
wait_death() {
	local pid

	dead=''
	code=0
	for pid; do
		kill -0 "$pid" 2>/dev/null && continue
		dead=$pid
		{ wait "$pid" || code=$?; } 2>/dev/null
		return
	done
	{ wait -n -p dead "$@" || code=$?; } 2>/dev/null
}

# A coturn is dead: it is to be started again after a pause.
rest_coturn() {
	local name=$1 longer

	unset "pids[$name]"
	((SECONDS - began_s[$name] < steady_s)) || pause_s[$name]=1
	tell_death "$name" "$2" ", and is started again in ${pause_s[$name]} s"
	sleep "${pause_s[$name]}" 9>&- &
	sleeps[$name]=$!
	longer=$((pause_s[$name] * 2))
	pause_s[$name]=$((longer < longest_pause_s ? longer : longest_pause_s))
}

# Start those whose pause was over with the sleep that has ended.
revive_coturn() {
	local name

	for name in "${!sleeps[@]}"; do
		[[ ${sleeps[$name]} == "$1" ]] || continue
		unset "sleeps[$name]"
		start_coturn "$name"
		write_state
	done
}

# A coturn may die and come back: signald takes its servers out of the list
# meanwhile. Without signald there is nothing to serve.
supervise() {
	local code dead='' name

	while :; do
		wait_death "${pids[@]}" "${sleeps[@]}"
		name=$(name_of "$dead")
		case $name in
		signald) report_death "$dead" "$code" ;;
		'') revive_coturn "$dead" ;;
		*) rest_coturn "$name" "$code" ;;
		esac
	done
}

run_service() {
	prepare_service
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	trap stop_children EXIT
	write_coturn_configs
	start_coturns
	wait_coturns
	start_signald
	wait_ready
	write_state
	say "signald is ready: http://$page_host/ (relay $(setting turn host):$(setting turn port)${tls:+, TLS on $tls}; logs in $dir)$ctrl_c"
	supervise
}

# The same in the background, in a session of its own; back when it is ready.
detach_service() {
	local child ready code=0

	setsid scripts/run --dir "$dir" --no-build "${sets[@]}" </dev/null >"$dir/run.log" 2>&1 &
	child=$!
	while kill -0 "$child" 2>/dev/null; do
		if [[ -e $dir/state.json && $(state_number supervisorPid "$dir") == "$child" ]] &&
			ready=$(grep 'signald is ready' "$dir/run.log"); then
			printf '%s\n' "${ready%"$ctrl_c"}"
			say "to end it: scripts/run --stop --dir $dir"
			return
		fi
		sleep 0.1
	done
	wait "$child" || code=$?
	cat "$dir/run.log" >&2
	exit "$code"
}

# A process of ours has the folder in its command line; a stranger that got the
# same number later has not.
is_ours() {
	[[ -r /proc/$1/cmdline ]] && tr '\0' '\n' <"/proc/$1/cmdline" | grep -qF "$2"
}

end_by_pid() {
	local pid=$1 deadline=$((SECONDS + 20))

	kill -TERM "$pid" 2>/dev/null || return 0
	while kill -0 "$pid" 2>/dev/null && ((SECONDS < deadline)); do
		sleep 0.1
	done
	! kill -KILL "$pid" 2>/dev/null || say "pid $pid did not end, killed it"
}

# What a supervisor that was killed outright has left running.
stop_leftovers() {
	local key pid

	for key in signaldPid coturnPid coturnTunnelPid; do
		pid=$(state_number "$key" "$1")
		[[ -z $pid ]] || ! is_ours "$pid" "$1/" || end_by_pid "$pid"
	done
	remove_database "$1"
	rm -f "$1/state.json"
}

stop_service() {
	local folder pid

	if [[ ! -e $1/state.json ]]; then
		say "nothing runs in $1"
		return
	fi
	folder=$(cd "$1" && pwd)
	pid=$(state_number supervisorPid "$folder")
	# Its lock tells the supervisor from a stranger that got its number later.
	flock -n "$folder/lock" true || end_by_pid "$pid"
	[[ ! -e $folder/state.json ]] || stop_leftovers "$folder"
	say "stopped"
}
