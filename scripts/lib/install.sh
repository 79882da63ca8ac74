# install.sh: the steps of scripts/install.
# shellcheck shell=bash disable=SC2154 # domain, email, address, ...: the caller's

config=/etc/signald/signald.conf
memory=/etc/signald/install.conf
tls_folder=/etc/signald/tls
challenges=/var/lib/signald-challenges
record=/var/lib/signald-install
log=build/install.log
hook=/usr/lib/signald/certificate-hook
letsencrypt=/etc/letsencrypt
units=/etc/systemd/system

# What is installed with the package. That of a domain is beside it.
service_needs='
coturn		command turnserver
openssl		command openssl
ca-certificates	file /etc/ssl/certs/ca-certificates.crt
iproute2	command ip
'
domain_needs='
certbot		command certbot
'
firewall_needs='
nftables	command nft
'

# --- the machine ---

need_system() {
	local version

	((EUID == 0)) || fail "this changes the machine: run it as root (sudo scripts/install ...)"
	command -v apt-get >/dev/null ||
		fail "there is no apt-get here: scripts/install is for Debian 12, Ubuntu 24.04 and later; elsewhere see docker/README.md"
	[[ -d /run/systemd/system ]] ||
		fail "systemd does not run here; in a container see docker/README.md, to try signald scripts/run"
	version=$(systemctl --version | sed -nE '1s/^systemd ([0-9]+).*/\1/p')
	((${version:-0} >= 252)) ||
		fail "the units are for systemd 252 or later, this is ${version:-unknown}: take Debian 12, Ubuntu 24.04 or later"
}

is_running() {
	systemctl --quiet is-active "$1"
}

# What holds a port that ours is to have, before anything is changed.
need_free_port() {
	local inode

	inode=$(socket_holding "$1" '' "$2")
	[[ -z $inode ]] ||
		fail "$1 port $2 is in use by $(socket_owner "$inode"), and signald is to have it: stop that (systemctl disable --now its service), or set signald up behind it: docs/deploy.md, \"Behind a proxy\""
}

need_free_ports() {
	local port

	for port in ${domain:+443} 80; do
		is_running signald.socket || is_running signald-redirect.socket ||
			need_free_port tcp "$port"
	done
	is_running signald-coturn || is_running coturn || need_free_port udp 3478
}

# --- packages ---

installed_packages() {
	dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | awk '$1 == "ii" { print $2 }' | sort -u
}

# Those that we have brought are ours to take away again, also where we have failed.
record_packages() {
	mkdir -p "$record"
	{
		cat "$record/packages" 2>/dev/null || true
		comm -13 <(printf '%s\n' "$packages_before") <(installed_packages)
	} | sort -u >"$record/packages.new"
	mv "$record/packages.new" "$record/packages"
}

# In a shell of its own, as what fails there ends it.
quietly() {
	("$@") >>"$log" 2>&1 || {
		tail -n 25 "$log" >&2
		return 1
	}
}

build_package() {
	local -a made

	say "building; the first time this takes some minutes (all of it: $here/$log)"
	quietly install_needs "$run_needs" || fail "what the build needs could not be installed"
	quietly make -s -j"$(nproc)" all || fail "the build failed"
	rm -f build/deb/signald_*.deb
	quietly make -s deb || fail "the Debian package could not be made"
	made=(build/deb/signald_*.deb)
	package=$PWD/${made[0]}
}

# Configuration that was changed here stays, what was deleted comes back. Another build
# of the same version, or an earlier one, takes the place of what is there. Services
# are ours to start.
install_package() {
	apt_without_services -o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-confmiss --reinstall --allow-downgrades "$package"
}

install_packages() {
	local needs=$service_needs

	[[ -z $domain ]] || needs+=$domain_needs
	[[ -z $nftables ]] || needs+=$firewall_needs
	say "installing $(basename "$package")"
	quietly install_needs "$needs" || fail "packages could not be installed"
	quietly install_package || fail "the package could not be installed"
	keep_package
}

# The package that is installed now, and the one before, to go back to.
keep_package() {
	mkdir -p "$record"
	! cmp -s "$package" "$record/now.deb" || return 0
	cp "$package" "$record/new"
	[[ ! -e $record/now.deb ]] || mv "$record/now.deb" "$record/before.deb"
	mv "$record/new" "$record/now.deb"
}

bring_packages() {
	packages_before=$(installed_packages)
	trap record_packages EXIT
	[[ $package ]] || build_package
	install_packages
}

# --- configuration ---

# The value of a key as it is written in the file; nothing where it is not set.
get_key() {
	[[ ! -e $config ]] || section="[$1]" key=$2 awk '
		/^\[/ { current = $0 }
		current == ENVIRON["section"] && $0 ~ "^" ENVIRON["key"] "[ \t]*=" {
			sub(/^[^=]*=[ \t]*/, "")
			print
			exit
		}' "$config"
}

# set_key SECTION KEY VALUE: where the key stands, or stands as a comment, else at
# the end of its section, else of the file. Without a value it becomes a comment.
set_key() {
	(umask 077 && section="[$1]" key=$2 value=$3 awk '
		function is_set(line) { return line ~ "^" ENVIRON["key"] "[ \t]*=" }
		function is_hint(line) { return line ~ "^#[ \t]*" ENVIRON["key"] "[ \t]*=" }
		{ lines[NR] = $0 }
		/^\[/ { current = $0 }
		current != ENVIRON["section"] { next }
		!NF { next }
		{ last = NR }
		is_set($0) && !set { set = NR }
		is_hint($0) && !hint { hint = NR }
		END {
			at = set ? set : hint
			line = ENVIRON["key"] " = " ENVIRON["value"]
			for (i = 1; i <= NR; i++) {
				if (i != at)
					print lines[i]
				else if (ENVIRON["value"] != "")
					print line
				else
					print (is_hint(lines[i]) ? "" : "#") lines[i]
				if (!at && i == last && ENVIRON["value"] != "")
					print line
			}
			if (!last && ENVIRON["value"] != "")
				printf "\n%s\n%s\n", ENVIRON["section"], line
		}' "$config" >"$config.new")
	cat "$config.new" >"$config"
	rm "$config.new"
}

# The same for all IPv4 addresses, and for IPv6 where there is any.
everywhere() {
	printf '0.0.0.0:%d%s' "$1" "$(! has_ipv6 || printf ', [::]:%d' "$1")"
}

configure_domain() {
	set_key listen address 127.0.0.1:8080
	set_key listen tls "$(everywhere 443)"
	set_key listen redirect "$(everywhere 80)"
	set_key tls cert "$tls_folder/fullchain.pem"
	set_key tls key "$tls_folder/privkey.pem"
	set_key tls temporary yes
	set_key http challenges "$challenges"
	set_key turn host "$domain"
	set_key turn cli 127.0.0.1:5766
	set_key turn tunnel 127.0.0.1:3479
	set_key turn tunnel_cli 127.0.0.1:5767
}

configure_address() {
	set_key listen address "$(everywhere 80)"
	set_key turn host "$public"
	set_key turn cli 127.0.0.1:5766
}

# What a run was told or has found, for the next one: beside the settings, with which
# it is backed up and restored.
recall() {
	config=$memory get_key install "$1"
}

remember() {
	[[ $(recall "$1") != "$2" ]] || return 0
	[[ -e $memory ]] ||
		printf '# Made by scripts/install for its next run: --address, and the external_ip that it has set.\n[install]\n' >"$memory"
	config=$memory set_key install "$1" "$2"
}

# What the operator has set stays.
configure_nat() {
	local mapping=${private:+$public/$private} now

	now=$(get_key coturn external_ip)
	if [[ $now && $now != "$(recall external_ip)" ]]; then
		[[ $now == "$mapping" ]] ||
			say "note: coturn.external_ip = $now is not of scripts/install, and stays; found was ${mapping:-that there is no NAT}"
		return
	fi
	[[ $now == "$mapping" ]] || set_key coturn external_ip "$mapping"
	remember external_ip "$mapping"
}

# What is there stays, unless another domain is asked for.
configure() {
	if [[ $domain && ($(get_key turn host) != "$domain" || -z $(get_key listen tls)) ]]; then
		configure_domain
	elif [[ -z $(get_key turn host) ]]; then
		configure_address
	fi
	remember address "$given"
	configure_nat
	# Folders that the configuration names, in this run or an earlier one.
	[[ $(get_key http challenges) != "$challenges" ]] || install -d -m 755 "$challenges"
	install -d -m 700 -o signald -g signald /var/lib/signald
	runuser -u signald -- signald --config "$config" --check-config >/dev/null ||
		fail "$config is not good, as said above; signald was left as it was"
}

# --- services ---

# names_address PATTERN: whether signald is to listen there.
names_address() {
	local key

	[[ $(for key in address tls redirect; do get_key listen "$key"; done | tr ', ' '\n\n' | grep -xE "$1") ]]
}

# A socket unit has all addresses, of IPv6 too; signald does not start where it has one
# more than the settings. Other drop-ins are the operator's. Says by is_other whether
# anything has changed.
adapt_socket() {
	local folder=$units/$1.d
	local file=$folder/install.conf text=''

	! names_address "0\.0\.0\.0:$2" || text+=ListenStream=0.0.0.0:$2$'\n'
	! names_address "\[::\]:$2" || text+=ListenStream=[::]:$2$'\n'
	if [[ ! $text || $text == *0.0.0.0*::* ]]; then
		[[ -e $file ]] || return 0
		rm "$file"
		rmdir --ignore-fail-on-non-empty "$folder"
	else
		text=$'# Made by scripts/install: the addresses of signald.conf.\n[Socket]\nListenStream=\n'$text
		[[ ! -e $file || $(<"$file")$'\n' != "$text" ]] || return 0
		install -d "$folder"
		printf %s "$text" >"$file"
	fi
	is_other=yes
}

# A socket unit cannot begin while its service runs, and each of them starts that: they
# end and begin together.
open_sockets() {
	local socket is_other=''
	local -A ports=()

	! has_tls || ports[signald.socket]=443
	if [[ $(get_key listen redirect) ]] || names_address '.*:80'; then
		ports[signald-redirect.socket]=80
	fi
	((${#ports[@]})) || return 0
	for socket in "${!ports[@]}"; do
		adapt_socket "$socket" "${ports[$socket]}"
		is_running "$socket" || is_other=yes
	done
	systemctl daemon-reload
	systemctl --quiet enable "${!ports[@]}"
	[[ $is_other ]] || return 0
	systemctl stop signald "${!ports[@]}"
	systemctl start "${!ports[@]}" ||
		fail "these ports could not be opened: ${ports[*]}; see journalctl -u signald.socket -u signald-redirect.socket"
}

start_service() {
	systemctl --quiet enable "$1"
	systemctl "$2" "$1" || {
		journalctl --no-pager -n 15 -u "$1" >&2
		fail "$1 does not start: the end of its log is above"
	}
}

# A coturn that runs as it should is left alone, with all that it relays.
start_coturn() {
	if is_running "$1" && [[ $is_changed ]]; then
		say "the configuration has changed: $1 starts anew, and ends what it relays"
		start_service "$1" restart
	else
		start_service "$1" start
	fi
}

has_tls() {
	[[ $(get_key listen tls) ]]
}

start_all() {
	systemctl daemon-reload
	! is_running coturn ||
		say "coturn.service runs here, with /etc/turnserver.conf: signald-coturn takes its place and its ports, and is configured by $config"
	open_sockets
	start_coturn signald-coturn
	[[ -z $(get_key turn tunnel) ]] || start_coturn signald-coturn-tunnel
	# Whoever connects meanwhile waits in its sockets; relayed calls go on.
	start_service signald restart
}

# --- the certificate ---

has_certificate() {
	local file=$tls_folder/fullchain.pem

	[[ -s $file && -e /etc/letsencrypt/renewal/$domain.conf ]] &&
		openssl x509 -in "$file" -noout -checkend 0 >/dev/null &&
		openssl x509 -in "$file" -noout -checkhost "$domain" | grep -q 'does match'
}

ask_authority() {
	certbot certonly --webroot --webroot-path "$challenges" --domain "$domain" --cert-name "$domain" \
		--deploy-hook "$hook" --agree-tos --non-interactive --keep-until-expiring \
		"${mail[@]}" "${server[@]}"
}

# A certificate of another name, as of the domain before, would be put over ours when
# certbot renews it.
release_other_names() {
	local file name ours="^(renew|deploy)_hook *= *$hook *$"

	for file in "$letsencrypt"/renewal/*.conf; do
		name=$(basename "$file" .conf)
		[[ $name != "$domain" ]] || continue
		grep -qsE "$ours" "$file" || continue
		sed -i -E "\\,$ours,d" "$file"
		say "certbot renews $name too, which is not put in place any more; if nobody needs it: certbot delete --cert-name $name"
	done
}

get_certificate() {
	[[ $domain && $(get_key tls cert) == "$tls_folder/fullchain.pem" ]] || return 0
	systemctl --quiet enable --now certbot.timer || true
	has_certificate || obtain_certificate
	[[ $trouble ]] || release_other_names
}

obtain_certificate() {
	local -a mail=(--register-unsafely-without-email) server=()

	[[ -z $email ]] || mail=(--email "$email")
	[[ -z $acme_server ]] || server=(--server "$acme_server")
	say "asking for a certificate for $domain: ${acme_server:-letsencrypt.org}"
	if ! quietly ask_authority; then
		trouble="no certificate for $domain: see certbot's words above. Its A record must lead here ($public), and TCP port 80 must be open to the whole world; until then browsers refuse https://$domain/. Then run scripts/install again"
		return 0
	fi
	RENEWED_LINEAGE=/etc/letsencrypt/live/$domain "$hook" ||
		trouble="the certificate for $domain did not reach signald, as said above"
}

# --- the end ---

doctor() {
	local -a options=(--config "$config" --turnserver /run/signald-coturn/turnserver.conf)

	[[ -z $(get_key turn tunnel) ]] ||
		options+=(--tunnel-turnserver /run/signald-coturn-tunnel/turnserver.conf)
	turnconf doctor "${options[@]}"
}

# What a command says, and how it ended: words, code. signald needs some seconds to
# prove its servers, so that the first answer need not be the last.
ask_until_well() {
	local deadline=$((SECONDS + 20))

	while :; do
		code=0
		words=$("$@" 2>&1) || code=$?
		((code && SECONDS < deadline)) || return 0
		sleep 1
	done
}

examine_here() {
	local words code

	ask_until_well doctor
	say "turnconf doctor:"
	grep -v '^ok ' <<<"$words" | sed 's/^/  /'
	((code == 0)) || trouble=${trouble:-the doctor has found something, as said above}
}

examine_as_client() {
	local words code

	# Nothing to wait for where it is known already what fails.
	if [[ $trouble || $private ]]; then
		code=0
		words=$(scripts/check "$url" 2>&1) || code=$?
	else
		ask_until_well scripts/check "$url"
	fi
	say "scripts/check $url:"
	sed 's/^/  /' <<<"$words"
	((code)) || return 0
	if [[ $private ]]; then
		say "this machine may not reach itself by its public address: ask again from another, scripts/check $url, or open ${url}check"
	else
		trouble=${trouble:-the check of $url has found something, as said above}
	fi
}

tell_end() {
	say ''
	[[ -z $domain ]] || say "signald serves $url (calls: ${url}call?room=x; check: ${url}check)"
	[[ $domain ]] || say "signald serves $url, in plain HTTP: browsers give no camera and no microphone there, and whoever is on the way reads along. With a name of its own: scripts/install --domain NAME"
	say "settings: $config (signald.conf(5)); logs: journalctl -u signald; from now on: docs/install.md"
	[[ -z $trouble ]] || fail "$trouble"
}

# The address that the operator has given, in this run or an earlier one.
given_address() {
	given=${address:-$(recall address)}
	[[ $given != auto ]] || given=''
}

install_all() {
	local configured before is_changed='' trouble='' url given

	given_address
	address=$given
	configured=$(get_key turn host)
	if [[ -z $domain && $configured ]]; then
		if is_ipv4 "$configured"; then
			address=${address:-$configured}
		else
			domain=$configured
		fi
	fi
	mkdir -p build
	: >"$log"
	find_public_address "$domain" "$address" "$stun"
	[[ $configured ]] || need_free_ports
	bring_packages
	before=$(sha256sum "$config")
	configure
	[[ $(sha256sum "$config") == "$before" ]] || is_changed=yes
	start_all
	get_certificate
	url=https://$domain/
	[[ $domain ]] || url=http://$(get_key turn host)/
	if [[ $nftables ]]; then
		apply_firewall
	else
		show_firewall
	fi
	tell_ports
	examine_here
	examine_as_client
	tell_end
}

# --- away with it ---

# What came with us and is there still.
packages_of_ours() {
	comm -12 "$record/packages" <(installed_packages) | grep -vx signald || true
}

# Of these, what nobody needs by now; of others not one.
packages_unneeded() {
	local -a ours

	mapfile -t ours < <(packages_of_ours)
	((${#ours[@]})) || return 0
	apt-mark auto "${ours[@]}" >/dev/null
	apt-get -s -o APT::AutoRemove::RecommendsImportant=false -o APT::AutoRemove::SuggestsImportant=false \
		autoremove 2>/dev/null | awk '$1 == "Remv" { print $2 }' | sort -u |
		comm -12 - <(printf '%s\n' "${ours[@]}" | sort -u)
}

# apt keeps some for their priority alone: those whose end takes nobody else along.
packages_alone() {
	local name

	for name in $(packages_of_ours); do
		[[ $(apt-get -s purge "$name" 2>/dev/null | awk '$1 == "Purg" { print $2 }') != "$name" ]] ||
			printf '%s\n' "$name"
	done
}

apt_remove() {
	quietly env DEBIAN_FRONTEND=noninteractive apt-get "$1" -y -q -o DPkg::Lock::Timeout=300 "${@:2}"
}

purge() {
	(($#)) || return 0
	apt_remove purge "$@" ||
		say "some packages could not be removed, as said above: $*"
}

# A purge of certbot would take certificates that have expired.
purge_packages() {
	local -a packages

	[[ -e $record/packages ]] || return 0
	mapfile -t packages < <(packages_unneeded)
	say "removing the packages that scripts/install had brought: ${#packages[@]}"
	[[ ! -d /etc/letsencrypt ]] || mv /etc/letsencrypt /etc/letsencrypt.kept
	purge "${packages[@]}"
	mapfile -t packages < <(packages_alone)
	purge "${packages[@]}"
	[[ ! -d /etc/letsencrypt.kept ]] || {
		rm -rf /etc/letsencrypt
		mv /etc/letsencrypt.kept /etc/letsencrypt
	}
	# Where certbot works; its purge leaves the folder.
	command -v certbot >/dev/null || rm -rf /var/lib/letsencrypt
}

uninstall_all() {
	local unit

	mkdir -p build
	: >"$log"
	[[ -e $record || -e $config ]] || fail "nothing is installed here"
	remove_firewall
	for unit in signald.socket signald-redirect.socket signald-coturn-tunnel signald-coturn; do
		systemctl --quiet disable --now "$unit" 2>/dev/null || true
		rm -f "$units/$unit.d/install.conf"
		rmdir "$units/$unit.d" 2>/dev/null || true
	done
	systemctl --quiet disable signald 2>/dev/null || true
	! dpkg-query -W signald >/dev/null 2>&1 ||
		apt_remove remove signald ||
		fail "the package signald could not be removed"
	purge_packages
	# coturn's database is written anew at each start, and its user is gone.
	rm -rf "$record" "$challenges" /var/lib/signald-coturn
	systemctl daemon-reload
	tell_left
}

tell_left() {
	local folders='/etc/signald /var/lib/signald' theirs=''

	if [[ -d /etc/letsencrypt ]]; then
		folders+=' /etc/letsencrypt'
		theirs=", certificates and their account in /etc/letsencrypt"
	fi
	say "removed. What is left is data: configuration, secrets and certificates in /etc/signald, state in /var/lib/signald$theirs"
	say "another scripts/install goes on with it. To delete it for good: apt-get purge -y signald; rm -rf $folders"
}
