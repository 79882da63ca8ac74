# debian.sh: a bare Debian 12, made from this machine's own apt sources.
# shellcheck shell=bash

# Debian's own sources of this machine, one a line, in apt's format. Whatever
# mirror or proxy it uses is what the bare system is to use.
debian_sources() {
	# shellcheck disable=SC2016
	apt-get indextargets 'Created-By: Packages' 'Origin: Debian' \
		--format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' |
		grep -E '^deb [^ ]+ bookworm' | sort -u
}

# How apt is to fetch (proxies, dates that are not checked), as it says itself.
debian_fetching() {
	apt-config dump | grep -E '^Acquire::(Check|http|https|Retries)' || true
}

# Install minbase, nothing more, in an empty folder.
debian_install() {
	local root=$1 mirror

	mirror=$(debian_sources | awk '$3 == "bookworm" { print $2; exit }')
	[[ $mirror ]] || {
		echo "apt knows no source for Debian 12 here" >&2
		return 1
	}
	debootstrap --variant=minbase bookworm "$root" "$mirror" >"$root.log" 2>&1 || {
		tail -n 20 "$root.log" >&2
		return 1
	}
	rm -f "$root.log" "$root"/var/cache/apt/archives/*.deb
	debian_sources >"$root/etc/apt/sources.list"
	debian_fetching >"$root/etc/apt/apt.conf.d/50fetching"
}

# The same as a tar file, which is kept for a week.
debian_tarball() {
	local tarball=$1

	[[ -z $(find "$tarball" -mtime -7 2>/dev/null) ]] || return 0
	mkdir -p "$(dirname "$tarball")"
	rm -rf "$tarball".{root,new}
	debian_install "$tarball.root" &&
		tar -C "$tarball.root" --numeric-owner -cf "$tarball.new" . &&
		mv "$tarball.new" "$tarball"
	rm -rf "$tarball".{root,new}
	[[ -e $tarball ]]
}

# npm's way to its registry: what is not npm's default here is set there.
copy_npm_way() {
	local root=$1 key value

	command -v npm >/dev/null || return 0
	for key in registry proxy https-proxy noproxy cafile; do
		value=$(npm config get "$key" 2>/dev/null)
		[[ $value && $value != null && $value != undefined ]] || continue
		if [[ $key == cafile ]]; then
			cp -L "$value" "$root/etc/npm-ca.pem"
			value=/etc/npm-ca.pem
		fi
		printf '%s=%s\n' "$key" "$value"
	done >"$root/root/.npmrc"
}
