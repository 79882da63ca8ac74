# examine.sh: what scripts/check looks at, with bash, openssl and turnconf alone.
# shellcheck shell=bash disable=SC2154 # key, here: the caller's

answer_limit_s=8
# So long a server that has just started may try its own relay.
trying_limit_s=10
soon_days=14
clock_fine_ms=5000
clock_wrong_ms=60000

failed=0
warnings=0
first=''
is_proven=''       # the server, by its certificate
is_scheme_asked='' # by the user

# --- lines ---

# tell STATE CHECK TEXT [REMEDY]. A server's words may move no cursor.
tell() {
	local text=${3//[[:cntrl:]]/}

	printf '%-8s %-14s %s\n' "$1" "$2" "$text"
	[[ -z ${4-} ]] || printf '%-8s %-14s remedy: %s\n' '' '' "$4"
	count "$1" "$2: $text"
}

count() {
	case $1 in
	failed)
		failed=$((failed + 1))
		[[ $first ]] || first=$2
		;;
	warning) warnings=$((warnings + 1)) ;;
	esac
}

now_ms() {
	local now=${EPOCHREALTIME/[.,]/}

	printf '%s\n' "${now%???}"
}

# --- the target ---

# HOST, HOST:PORT, [IPv6]:PORT, with a scheme or without.
read_target() {
	scheme=''
	local rest=$1

	if [[ $rest =~ ^(https?)://(.*)$ ]]; then
		scheme=${BASH_REMATCH[1]}
		rest=${BASH_REMATCH[2]%/}
	fi
	[[ $rest =~ ^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:([0-9]{1,5}))?$ ]] || return 1
	host=${BASH_REMATCH[1]}
	port=${BASH_REMATCH[3]}
	[[ -z $port ]] || ((10#$port > 0 && 10#$port < 65536)) || return 1
	bare_host=${host#[}
	bare_host=${bare_host%]}
}

# By numbers, or by the one name that is nobody else's: 127.example.org is.
is_loopback() {
	[[ $1 =~ ^127(\.[0-9]{1,3}){3}$ || $1 == ::1 || $1 == localhost ]]
}

is_address() {
	[[ $1 == *:* || $1 =~ ^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$ ]]
}

# What openssl is to be told of the server: where it is, and its name.
tls_options() {
	printf '%s\n' -connect "$host:$port"
	is_address "$bare_host" || printf '%s\n' -servername "$bare_host"
}

# What makes openssl look whether the certificate is that server's.
name_options() {
	if is_address "$bare_host"; then
		printf '%s\n' -verify_ip "$bare_host"
	else
		printf '%s\n' -verify_hostname "$bare_host"
	fi
}

speaks_tls() {
	local -a options

	command -v openssl >/dev/null || return 1
	mapfile -t options < <(tls_options)
	timeout "$answer_limit_s" openssl s_client "${options[@]}" -brief </dev/null 2>&1 |
		grep -q 'CONNECTION ESTABLISHED\|Protocol version'
}

find_scheme() {
	local asked_port=$port

	is_scheme_asked=$scheme
	[[ $scheme ]] || {
		port=${asked_port:-443}
		if speaks_tls; then
			scheme=https
		else
			scheme=http
			port=$asked_port
		fi
	}
	if [[ -z $port ]]; then
		[[ $scheme == https ]] && port=443 || port=80
	fi
	case $scheme:$port in
	https:443 | http:80) authority=$host ;;
	*) authority=$host:$port ;;
	esac
}

# --- HTTP ---

# Whether a request for that path has the key in it: no other shows it to anybody.
takes_key() {
	[[ $key && $1 =~ ^(/v1/ws$|/v1/ice$|/socket\.io/) ]]
}

# converse PATH: what the server says to what comes on standard input, until it
# closes. A key goes to no server that has not proven in that very connection who
# it is, whatever check_key() saw before.
converse() {
	local -a options proof=()

	if [[ $scheme == https ]]; then
		mapfile -t options < <(tls_options)
		if takes_key "$1"; then
			mapfile -t proof < <(name_options)
			options+=(-verify 16 -verify_return_error "${proof[@]}")
		fi
		timeout "$answer_limit_s" openssl s_client "${options[@]}" -quiet -ign_eof 2>/dev/null
	else
		timeout "$answer_limit_s" bash -c '
			exec 3<&0 4<>"/dev/tcp/$1/$2" || exit 1
			cat <&3 >&4 &
			cat <&4
		' converse "$bare_host" "$port" 2>/dev/null
	fi
}

# The lines of a request that all of them have: a page of the server's own would say
# the same. The key is on no command line.
write_head() {
	printf '%s %s HTTP/1.1\r\nHost: %s\r\nOrigin: %s://%s\r\nUser-Agent: signald-check\r\n' \
		"$1" "$2" "$authority" "$scheme" "$authority"
	! takes_key "$2" || printf 'Authorization: Bearer %s\r\n' "$key"
}

write_request() {
	write_head "$1" "$2"
	[[ $1 == GET ]] || printf 'Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %d\r\n' "${#3}"
	printf 'Connection: close\r\n\r\n%s' "${3-}"
}

# ask METHOD PATH [BODY]: sets status (0: no answer), head, body and took_ms.
ask() {
	local answer began

	began=$(now_ms)
	answer=$(write_request "$1" "$2" "${3-}" | converse "$2" | tr -d '\0') || true
	took_ms=$(($(now_ms) - began))
	status=0
	[[ ! $answer =~ ^HTTP/1\.1\ ([0-9]{3}) ]] || status=${BASH_REMATCH[1]}
	head=${answer%%$'\r\n\r\n'*}
	body=${answer#*$'\r\n\r\n'}
}

# A text or a number of our own JSON.
member() {
	local pattern="\"$1\": ?\"?([^\",}]*)"

	[[ $body =~ $pattern ]] && printf '%s\n' "${BASH_REMATCH[1]}"
}

# --- what is looked at ---

# ask_settled PATH PATTERN: the same as ask GET, again while the server says that it
# does not know yet: not tried is not down.
ask_settled() {
	local until_s=$((SECONDS + trying_limit_s))

	while ask GET "$1" && [[ $body =~ $2 ]] && ((SECONDS < until_s)); do
		sleep 1
	done
}

# Whether there is anything more to look at.
check_server() {
	ask_settled /readyz 'nothing is known of it yet'
	case $status in
	0)
		tell failed server "$scheme://$authority does not answer" \
			"is signald running, is the name right, and does the firewall let the port through?"
		return 1
		;;
	200) tell ok server "$scheme://$authority answers after $took_ms ms, and says that it is ready" ;;
	503) tell failed server "$scheme://$authority says that it is not ready: $body" "its log says more of each reason" ;;
	*) tell warning server "$scheme://$authority answers $status to /readyz" "is that a signald, or does a proxy keep /readyz to itself?" ;;
	esac
}

check_clock() {
	local theirs_ms ours_ms time differs_ms

	ask GET /v1/check
	ours_ms=$(($(now_ms) - took_ms / 2))
	offered=$body
	time=$(member time) || true
	if [[ $status != 200 || -z $time ]] || ! theirs_ms=$(date -d "$time" +%s%3N 2>/dev/null); then
		offered=''
		tell warning clock "the server does not say what time it is (status $status)"
		return
	fi
	differs_ms=$((ours_ms - theirs_ms))
	if ((${differs_ms#-} - took_ms / 2 <= clock_fine_ms)); then
		tell ok clock "this machine and the server have the same time"
		return
	fi
	local text="this machine's clock is $((${differs_ms#-} / 1000)) s $( ((differs_ms > 0)) && echo ahead of || echo behind) the server's, which says $time"
	if ((${differs_ms#-} - took_ms / 2 > clock_wrong_ms)); then
		tell failed clock "$text" "credentials and certificates end by it: timedatectl set-ntp true on the one that is wrong"
	else
		tell warning clock "$text"
	fi
}

check_certificate() {
	local shown verdict end days
	local -a options proof

	if [[ $scheme != https ]] && is_loopback "$bare_host"; then
		tell ok certificate "there is none, and on this machine itself none is needed"
		return
	elif [[ $scheme != https ]]; then
		tell warning certificate "there is none at $authority: browsers give camera and microphone to https pages only" "docs/tls.md"
		return
	fi
	mapfile -t options < <(tls_options)
	mapfile -t proof < <(name_options)
	shown=$(timeout "$answer_limit_s" openssl s_client "${options[@]}" "${proof[@]}" </dev/null 2>/dev/null) || true
	end=$(openssl x509 -noout -enddate <<<"$shown" 2>/dev/null) || true
	if [[ -z $end ]]; then
		tell failed certificate "$authority shows none"
		return
	fi
	days=$((($(date -d "${end#notAfter=}" +%s) - $(date +%s)) / 86400))
	if ! openssl x509 -noout -checkend 0 <<<"$shown" >/dev/null; then
		tell failed certificate "it has expired: ${end#notAfter=}" "renew it; signald takes up the new files by itself"
		return
	fi
	verdict=$(sed -n 's/^ *Verify return code: //p' <<<"$shown" | head -n 1)
	if [[ $verdict != 0\ * ]]; then
		tell failed certificate "browsers that know no more than this machine do not trust it: ${verdict#* }" \
			"get one for the name that clients use, and give tls.cert the whole chain"
		return
	fi
	is_proven=yes
	if ((days < soon_days)); then
		tell warning certificate "it is good for $days days more" "renew it"
	else
		tell ok certificate "it is good for $days days more"
	fi
}

# Whether what asks for a key may be tried: without one, or if nobody else gets it.
check_key() {
	[[ $key ]] || return 0
	if [[ $scheme == https ]]; then
		[[ ! $is_proven ]] || return 0
		tell failed key "it was not sent: $authority has not proven that it is your server" \
			"mend the certificate; or name the authority that you know: SSL_CERT_FILE=FILE"
	elif is_loopback "$bare_host"; then
		return 0
	elif [[ $is_scheme_asked ]]; then
		tell warning key "it is sent to $authority in the clear, as http:// asks for: whoever listens on the way has it" "docs/tls.md"
		return 0
	else
		tell failed key "it was not sent: there is no TLS at $authority, and all on the way could read it" \
			"docs/tls.md; to send it in the clear all the same: http://$authority"
	fi
	tell warning server "what asks for the key was not tried: websocket, polling and relay"
	return 1
}

# What stands in the way of who shows nothing, or shows the wrong thing.
tell_refusal() {
	tell failed "$1" "the server lets in nobody without a key or a token of its application ($2)" \
		"--key-file FILE; with access.mode = guest it would let in its own pages"
}

# A client's text frame of at most 125 bytes, masked with zeros (RFC 6455, 5.2).
write_frame() {
	# shellcheck disable=SC2059 # the byte of the length
	printf "\\x81\\x$(printf %02x $((128 + ${#1})))\\0\\0\\0\\0"
	printf %s "$1"
}

# The handshake; when it has been answered, a join and a goodbye, or, if it was
# refused, one more request, behind which the server closes.
write_visit() {
	write_head GET /v1/ws
	printf 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n' \
		"$(head -c 16 /dev/urandom | base64)"
	printf 'Sec-WebSocket-Protocol: signald.v1\r\n\r\n'
	local status=''
	read -t "$answer_limit_s" -r status || true
	if [[ $status != 101 ]]; then
		write_request GET /healthz
		return
	fi
	write_frame "{\"type\":\"join\",\"room\":\"check-$RANDOM$RANDOM$RANDOM\",\"ref\":1}"
	printf '\x88\x82\0\0\0\0\x03\xe8'
}

# Whoever reads says on the pipe which status the answer has, when its head has come.
visit() {
	local go

	go=$(mktemp -u)
	mkfifo -m 600 "$go"
	exec 5<>"$go"
	rm "$go"
	write_visit <&5 | converse /v1/ws | {
		read -r protocol status rest || exit 0
		printf '%s %s %s\n' "$protocol" "$status" "${rest%$'\r'}"
		while IFS= read -r line && [[ $line != $'\r' ]]; do :; done
		printf '%s\n' "$status" >&5
		tr -d '\0'
	}
	exec 5>&-
}

check_websocket() {
	local answer began code

	began=$(now_ms)
	answer=$(visit) || true
	took_ms=$(($(now_ms) - began))
	if [[ $answer == *'"type":"joined"'* ]]; then
		tell ok websocket "a peer was in a room after $took_ms ms"
		return
	fi
	code=$(grep -a -o '"code":"[^"]*"' <<<"$answer" | head -n 1 | cut -d '"' -f 4) || true
	case $code in
	'') tell failed websocket "it does not come about: ${answer%%$'\n'*}" \
		"a proxy on the way must pass on \"Upgrade: websocket\" for /v1/ws" ;;
	no-room) tell ok websocket "it works; guests may open no room here" ;;
	rate-limited) tell failed websocket "this address asks too often" "docs/limits.md" ;;
	*) tell_refusal websocket "$code" ;;
	esac
}

check_polling() {
	local base='/socket.io/?EIO=4&transport=polling' began sid

	began=$(now_ms)
	ask GET "$base"
	if [[ $status == 404 ]]; then
		tell ok polling "this server speaks no Socket.IO at /socket.io/"
		return
	fi
	sid=$(member sid) || true
	if [[ $status != 200 || -z $sid ]]; then
		tell failed polling "the handshake of Socket.IO is answered with $status"
		return
	fi
	ask POST "$base&sid=$sid" 40
	ask GET "$base&sid=$sid"
	took_ms=$(($(now_ms) - began))
	local packet=$body
	ask POST "$base&sid=$sid" 1
	case $packet in
	40* | 44*'Invalid namespace'*) tell ok polling "a client of Socket.IO that polls was connected after $took_ms ms" ;;
	44*) tell_refusal polling "$(body=$packet member code || true)" ;;
	*) tell failed polling "a client of Socket.IO that polls is not connected" ;;
	esac
}

# A way to the relay, as people call it: the tunnel is behind the port of the pages.
way_name() {
	local pages=443

	[[ $scheme != https ]] || pages=$port
	case $1 in
	tunnel) printf 'TLS on port %s\n' "$pages" ;;
	*) printf '%s\n' "${1^^}" ;;
	esac
}

# Of the ways that the server has, those that it has found not to work just now.
check_offered() {
	local way

	[[ $offered ]] || return 0
	ask_settled /v1/check '"(udp|tcp|tls|tunnel)": null'
	offered=$body
	for way in udp tcp tls tunnel; do
		case $offered in
		*"\"$way\": false"*)
			tell failed relay "the server is set up for TURN over $(way_name "$way"), and has found that it does not work" \
				"turnconf doctor on the server says why"
			;;
		*"\"$way\": null"*)
			tell warning relay "the server has not yet found out whether its TURN over $(way_name "$way") works" \
				"it has just started: again in some seconds"
			;;
		esac
	done
}

# Our own address, or that of a NAT, as a STUN server sees it.
tell_nat() {
	local seen=$1

	if own_addresses | grep -qxF "$seen"; then
		tell ok nat "none: others see this machine at its own address, $seen"
	else
		tell ok nat "others see this machine at $seen, which is a NAT's address"
	fi
}

find_turnconf() {
	if [[ -x $here/build/turnconf ]]; then
		printf '%s\n' "$here/build/turnconf"
	else
		command -v turnconf
	fi
}

check_relay() {
	local turnconf line state

	ask GET /v1/ice
	case $status in
	200) ;;
	401 | 403)
		tell_refusal relay "$status"
		return
		;;
	*)
		tell failed relay "/v1/ice answers $status"
		return
		;;
	esac
	if [[ $offered == *'"turn": {}'* ]]; then
		tell warning relay "no relay is set up on the server: only peers whose networks allow a direct path connect" "turn.host and turn.secret"
	elif [[ $body != *'"turn":true'* ]]; then
		tell failed relay "the server gives no relay now" "start coturn; turnconf doctor on the server says what is wrong"
	fi
	if ! turnconf=$(find_turnconf); then
		tell failed relay "turnconf is not here, so STUN and TURN were not tried" "run make"
		return
	fi
	while IFS= read -r line; do
		state=${line%% *}
		case $line in
		*' failed, '*' warnings') continue ;;
		turnconf:*)
			tell failed relay "$line"
			continue
			;;
		esac
		printf '%s\n' "$line"
		count "$state" "relay: ${line:24}"
		[[ ! $line =~ sees\ this\ machine\ at\ \[?([0-9a-fA-F.:]+[0-9a-fA-F])\]?:[0-9]+$ ]] || tell_nat "${BASH_REMATCH[1]}"
	done < <("$turnconf" try - <<<"$body" 2>&1 || true)
}

examine() {
	find_scheme
	if check_server; then
		check_clock
		check_certificate
		check_offered
		if check_key; then
			check_websocket
			check_polling
			check_relay
		fi
	fi
	say "$failed failed, $warnings warnings"
	[[ -z $first ]] || say "first of all: $first"
	((failed == 0))
}
