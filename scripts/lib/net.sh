# net.sh: addresses, ports and HTTP with nothing but bash and /proc.
# shellcheck shell=bash

# The IPv4 addresses of this machine but loopback and link-local ones. The
# kernel lists them in the local table ("host LOCAL" under each address).
own_addresses() {
	local address line

	while read -r line; do
		case $line in
		'|-- '*) address=${line#|-- } ;;
		'/32 host LOCAL')
			[[ $address == 127.* || $address == 169.254.* ]] ||
				printf '%s\n' "$address"
			;;
		esac
	done </proc/net/fib_trie | sort -u
}

# Where IPv6 is turned off nobody can listen on it. Files of /proc have no size.
has_ipv6() {
	[[ -r /proc/net/if_inet6 ]] && read -r _ </proc/net/if_inet6
}

# The address from which this machine would reach others: the one on the
# interface of the default route, else the first there is.
main_address() {
	local device source

	if command -v ip >/dev/null; then
		device=$(ip -4 route show default |
			awk '{for (i = 1; i < NF; i++) if ($i == "dev") {print $(i + 1); exit}}')
		source=$([[ -z $device ]] || ip -4 -o addr show dev "$device" scope global |
			awk '{split($4, a, "/"); print a[1]; exit}')
	fi
	[[ ${source-} ]] || source=$(own_addresses | head -n 1)
	printf '%s\n' "$source"
}

# The IPv4 addresses of a name, a line each. DNS first: clouds put the machine's own
# name into /etc/hosts, as 127.0.1.1.
addresses_of() {
	local found

	found=$(getent -s hosts:dns ahostsv4 "$1" || getent ahostsv4 "$1") || return 0
	awk '!seen[$1]++ { print $1 }' <<<"$found"
}

# Of no use to anybody outside: private, shared, link-local, loopback.
is_private() {
	local a b rest

	IFS=. read -r a b rest <<<"$1"
	a=$((10#$a)) b=$((10#$b))
	((a == 10 || a == 127 || a == 0 || a >= 224)) || ((a == 172 && b >= 16 && b < 32)) ||
		((a == 192 && b == 168)) || ((a == 100 && b >= 64 && b < 128)) || ((a == 169 && b == 254))
}

# "ADDRESS:PORT" or "[IPv6]:PORT" in its two parts.
address_of() {
	local address=${1%:*}

	address=${address#[}
	printf '%s\n' "${address%]}"
}

port_of() {
	printf '%s\n' "${1##*:}"
}

# An IPv4 address as the kernel's tables write it.
kernel_hex() {
	local a b c d

	IFS=. read -r a b c d <<<"$1"
	printf '%02X%02X%02X%02X' "$d" "$c" "$b" "$a"
}

# The inode of the socket that holds PROTOCOL ADDRESS:PORT, nothing if it is free.
# An address of "" stands for all; sockets bound to all addresses hold each.
socket_holding() {
	local protocol=$1 address=$2 hex_port state=07 wanted
	local -a tables=()
	local table

	[[ $protocol == udp ]] || state=0A
	printf -v hex_port %04X "$3"
	wanted=any
	[[ $address == *.*.*.* ]] && wanted=$(kernel_hex "$address")
	[[ $wanted == 00000000 ]] && wanted=any
	for table in "/proc/net/$protocol" "/proc/net/${protocol}6"; do
		[[ ! -r $table ]] || tables+=("$table")
	done
	awk -v wanted="$wanted" -v port="$hex_port" -v state="$state" '
		split($2, at, ":") == 2 && at[2] == port && $4 == state &&
		(wanted == "any" || at[1] == wanted || at[1] ~ /^0+$/) {
			print $10
			exit
		}' "${tables[@]}"
}

# "name (pid N)" of the process that has a socket open, as far as we may look.
socket_owner() {
	local fd pid

	for fd in /proc/[0-9]*/fd/*; do
		[[ $(readlink "$fd" 2>/dev/null) == "socket:[$1]" ]] || continue
		pid=${fd#/proc/}
		pid=${pid%%/*}
		printf '%s (pid %s)\n' "$(<"/proc/$pid/comm")" "$pid"
		return
	done
	printf 'another program\n'
}

# Fail with one line if somebody has the port. KEY is what would move ours.
need_port() {
	local protocol=$1 address=$2 port=$3 key=$4 inode

	inode=$(socket_holding "$protocol" "$address" "$port")
	[[ -z $inode ]] ||
		fail "$protocol port $port${address:+ on $address} is in use by $(socket_owner "$inode"); stop it, or choose another: --set $key"
}

# GET an URL's path, with one more header if given: HOST PORT PATH [HEADER]. Prints
# the status code, then the body. curl may be missing. Who accepts and then says
# nothing is given up on.
http_get() {
	local line status

	{
		printf 'GET %s HTTP/1.1\r\nHost: %s:%s\r\n%sConnection: close\r\n\r\n' \
			"$3" "$1" "$2" "${4:+$4$'\r\n'}" >&4
		read -t 5 -r _ status _ <&4 || return 1
		while read -t 5 -r line <&4 && [[ $line != $'\r' ]]; do :; done
		printf '%s\n' "$status"
		timeout 5 cat <&4
	} 4<>"/dev/tcp/$1/$2"
} 2>/dev/null
