# booted.sh: a network with one address, and a Debian in $work/root that systemd boots
# in it. The caller has say and fail, ADDRESS, and namespaces of its own.
# shellcheck shell=bash disable=SC2154 # work: the caller's

make_network() {
	ip link set lo up
	ip link add pub type veth peer name out
	ip address add "$ADDRESS/24" dev pub
	ip link set pub up
	ip link set out up
	ip route add default via "${ADDRESS%.*}.1"
}

# More options of systemd-nspawn, where a test wants some.
nspawn_options=()

boot() {
	local began=$SECONDS

	systemd-nspawn --quiet --register=no --keep-unit --resolv-conf=off --console=pipe \
		"${nspawn_options[@]}" --directory "$work/root" --boot </dev/null >>"$work/console.log" 2>&1 &
	nspawn=$!
	until leader=$(pgrep -P "$nspawn" 2>/dev/null) && has_booted; do
		((SECONDS - began < 60)) || fail "it does not boot: $(tail -n 20 "$work/console.log")"
		sleep 0.2
	done
}

has_booted() {
	local state

	state=$(on systemctl is-system-running 2>/dev/null) || true
	[[ $state == running || $state == degraded ]]
}

halt() {
	on systemctl poweroff 2>/dev/null || true
	wait "$nspawn" || true
}

# Run something in it.
on() {
	nsenter --target "$leader" --all env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"
}

is_active() {
	local unit

	for unit in "$@"; do
		[[ $(on systemctl is-active "$unit") == active ]] ||
			fail "$unit is not active: $(on journalctl --no-pager -n 20 -u "$unit")"
	done
}

property() {
	on systemctl show "$1" --property "$2" --value
}

until_true() {
	local began=$SECONDS what=$1

	shift
	until "$@"; do
		((SECONDS - began < 20)) || fail "waited in vain: $what; $(on journalctl --no-pager -n 30)"
		sleep 0.2
	done
}
