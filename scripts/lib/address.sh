# address.sh: by which address clients reach this machine, and whether a NAT stands
# before it. Wants common.sh and net.sh.
# shellcheck shell=bash

# Who says how this machine is seen from outside: HOST:PORT.
stun_default=stun.cloudflare.com:3478
stun_limit_s=2

is_ipv4() {
	local byte='(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'

	[[ $1 =~ ^$byte(\.$byte){3}$ ]]
}

# HOST:PORT, by name or IPv4 address.
is_host_port() {
	[[ $1 =~ ^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?:[0-9]{1,5}$ ]] &&
		((10#${1##*:} >= 1 && 10#${1##*:} <= 65535))
}

# The bytes of a STUN answer, one each a word in decimal: what it says of who asked.
# XOR-MAPPED-ADDRESS of IPv4 (RFC 8489, 14.2).
read_stun_answer() {
	local -a bytes=("$@")
	local -a cookie=(33 18 164 66)
	local at=20 type len

	((${#bytes[@]} >= 20 && bytes[0] == 1 && bytes[1] == 1)) || return 1
	while ((at + 4 <= ${#bytes[@]})); do
		type=$((bytes[at] << 8 | bytes[at + 1]))
		len=$((bytes[at + 2] << 8 | bytes[at + 3]))
		if ((type == 0x20 && len == 8 && bytes[at + 5] == 1 && at + 12 <= ${#bytes[@]})); then
			printf '%d.%d.%d.%d\n' $((bytes[at + 8] ^ cookie[0])) $((bytes[at + 9] ^ cookie[1])) \
				$((bytes[at + 10] ^ cookie[2])) $((bytes[at + 11] ^ cookie[3]))
			return
		fi
		at=$((at + 4 + (len + 3) / 4 * 4))
	done
	return 1
}

# The address that HOST:PORT sees this machine at, by STUN; nothing where it does
# not answer. Each of its datagrams is one read.
seen_from() {
	local address answer try

	address=$(addresses_of "$(address_of "$1")" | head -n 1)
	[[ $address ]] || return 0
	for try in 1 2; do
		answer=$({
			printf '\0\1\0\0\x21\x12\xa4\x42signald-%04d' "$try" >&3
			timeout "$stun_limit_s" dd bs=1500 count=1 status=none <&3 | od -An -v -tu1 -w1500
		} 2>/dev/null 3<>"/dev/udp/$address/$(port_of "$1")") || true
		# shellcheck disable=SC2086 # words
		read_stun_answer $answer && return
	done
	return 0
}

# The address by which a name leads here: one of ours, the one that we are seen at, or,
# where nobody says that, the first.
find_by_name() {
	local name=$1 known

	known=$(addresses_of "$name")
	[[ $known ]] || fail "$name has no IPv4 address: give it an A record${seen:+ with $seen, which this machine is seen at from outside}"
	public=$(grep -xF "$own" <<<"$known" | head -n 1) || true
	[[ $public ]] || public=$(grep -xF "${seen:-none}" <<<"$known") || true
	[[ $public || $seen ]] || public=$(head -n 1 <<<"$known")
	[[ $public ]] || fail "$name is ${known//$'\n'/, }, but this machine is ${own//$'\n'/, } and is seen from outside as $seen: give the A record of $name that address, or say --address if another leads here"
	[[ $public != 127.* ]] || fail "$name is $public here, which no client reaches: give its A record the public address${seen:+, $seen}"
}

find_without_name() {
	public=$(main_address)
	! is_private "$public" || public=$seen
	[[ $public ]] || fail "this machine has a private address, $(main_address), and $stun does not say how it is seen from outside: give --address PUBLIC"
}

# What is to be known of a NAT before this machine: private.
find_nat() {
	if ! grep -qxF "$public" <<<"$own"; then
		private=$(main_address)
		say "clients reach this machine at $public, which it does not carry itself ($private does): a NAT stands before it"
	elif [[ $seen && $seen != "$public" ]]; then
		say "note: $stun sees this machine as $seen, clients are told $public"
	fi
}

# Find where clients go: public, the address, and private, where this machine is
# behind a NAT that has it; else that is empty. Fails with what would be right.
#
# $1  the name that clients use, or nothing
# $2  the address that the operator has given, or nothing
# $3  HOST:PORT of a STUN server
find_public_address() {
	local name=$1 given=$2 stun=$3 own seen

	private='' public=''
	own=$(own_addresses)
	[[ $own ]] || fail "this machine has no IPv4 address but loopback"
	seen=$(seen_from "$stun")
	[[ $seen || $stun == "$stun_default" ]] || say "note: $stun does not say how it sees this machine"
	if [[ $given ]]; then
		is_ipv4 "$given" || fail "$given is no IPv4 address"
		public=$given
	elif [[ $name ]]; then
		find_by_name "$name"
	else
		find_without_name
	fi
	find_nat
}
