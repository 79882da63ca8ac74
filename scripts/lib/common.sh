# common.sh: what the scripts share: how they speak, and Debian's packages.
# shellcheck shell=bash

me=${0##*/}

say() {
	printf '%s\n' "$*"
}

# One clear line, then out.
fail() {
	printf '%s: %s\n' "$me" "$*" >&2
	exit 1
}

as_root() {
	if ((EUID == 0)); then
		"$@"
	else
		sudo "$@"
	fi
}

# What a build and a run need: PACKAGE, and how to see that it is there. Looking
# for the thing and not for the package lets other sources of it count.
run_needs='
gcc		command cc
libc6-dev	file /usr/include/stdio.h
make		command make
pkg-config	command pkg-config
libevent-dev	library libevent_core
libssl-dev	library libcrypto
libjansson-dev	library jansson
libinih-dev	library inih
libhiredis-dev	library hiredis
libcjose-dev	library cjose
libcurl4-openssl-dev	library libcurl
libseccomp-dev	library libseccomp
coturn		command turnserver
npm		command npm
ca-certificates	file /etc/ssl/certs/ca-certificates.crt
'

# What the tests and the lint need beside it.
test_needs='
clang		command clang
libclang-rt-dev	file /usr/lib/llvm-14/lib/clang/*/include/fuzzer
clang-tidy	command clang-tidy
clang-format	command clang-format
cppcheck	command cppcheck
curl		command curl
shellcheck	command shellcheck
libcmocka-dev	library cmocka
perl		command prove
git		command git
nodejs		command node
chromium	command chromium
firefox-esr	command firefox-esr
iproute2	command ip
nftables	command nft
libmaxminddb0	file /usr/lib/*/libmaxminddb.so.0
libnss3-tools	command certutil
lego		command lego
pebble		command pebble
procps		command ps
prometheus	command promtool
python3		command python3
redis-server	command redis-server
spin		command spin
systemd		command systemd-analyze
'

has() {
	case $1 in
	command) command -v "$2" >/dev/null || [[ -x /usr/sbin/$2 ]] ;;
	file) compgen -G "$2" >/dev/null ;;
	library) pkg-config --exists "$2" 2>/dev/null ;;
	esac
}

# Print the packages of a list that are missing here.
missing_packages() {
	local package how what

	while read -r package how what; do
		[[ -z $package ]] || has "$how" "$what" || printf '%s ' "$package"
	done <<<"$1"
}

# Debian starts a service when its package is installed. We want coturn's and
# Redis' programs alone: the service would take the port that ours is to have,
# now and after the next boot. A policy that somebody else laid down stays as it is.
# A machine that has just booted may be at its own updates: those are waited for.
apt_without_services() (
	policy=/usr/sbin/policy-rc.d
	if [[ ! -e $policy ]]; then
		trap 'as_root rm -f "$policy"' EXIT
		printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
		as_root chmod 755 "$policy"
	fi
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
)

# Install what a list names and the machine lacks.
install_needs() {
	local missing service
	local -a packages

	missing=$(missing_packages "$1")
	[[ $missing ]] || return 0
	read -ra packages <<<"$missing"
	command -v apt-get >/dev/null ||
		fail "missing here, and there is no apt-get to install them: $missing"
	((EUID == 0)) || command -v sudo >/dev/null ||
		fail "missing here: $missing; as root: apt-get install $missing"

	say "installing $missing"
	as_root apt-get update -q || fail "apt-get update failed"
	apt_without_services "${packages[@]}" ||
		fail "apt-get could not install: $missing"
	command -v systemctl >/dev/null || return 0
	for service in coturn redis-server; do
		[[ " $missing" != *" $service "* ]] ||
			as_root systemctl --quiet disable "$service.service" || true
	done
}
