# firewall.sh: nftables rules that let in who has business here, and keep what is
# relayed from this machine's own services.
# shellcheck shell=bash disable=SC2154 # config: the caller's

firewall_rules=/etc/signald/firewall.nft
firewall_unit=/etc/systemd/system/signald-firewall.service

# The ports of SSH, for whoever applies these rules from afar.
ssh_ports() {
	local found

	found=$(sshd -T 2>/dev/null | awk '$1 == "port" { print $2 }') || true
	{
		printf '%s\n' "${found:-22}"
		[[ -z ${SSH_CONNECTION-} ]] || printf '%s\n' "${SSH_CONNECTION##* }"
	} | sort -un | paste -sd ,
}

# A key as signald has it in effect.
in_effect() {
	signald --config "$config" --print-config 2>/dev/null | section="[$1]" key=$2 awk '
		/^\[/ { current = $0 }
		current == ENVIRON["section"] && $1 == ENVIRON["key"] && $2 == "=" {
			sub(/^[^=]*= ?/, "")
			print
		}'
}

# TCP: signald's own addresses but those of loopback, and coturn.
tcp_ports() {
	local addresses key

	addresses=$(for key in address tls redirect; do in_effect listen "$key"; done)
	{
		tr ', ' '\n\n' <<<"$addresses" | sed -nE '/^127\.|^\[::1\]/d; s/.*:([0-9]+)$/\1/p'
		in_effect turn port
		[[ $(in_effect turn tls) != yes ]] || in_effect turn tls_port
	} | sort -un | paste -sd , | sed 's/,/, /g'
}

udp_ports() {
	local tunnel=''

	[[ -z $(in_effect turn tunnel) ]] ||
		tunnel="$(in_effect coturn tunnel_min_port)-$(in_effect coturn tunnel_max_port), "
	printf '%s, %s%s-%s\n' "$(in_effect turn port)" "$tunnel" "$(in_effect coturn min_port)" "$(in_effect coturn max_port)"
}

# For "nft -f", as often as one likes.
write_firewall() {
	cat <<END
# Made by scripts/install: in comes who has business here, and nobody else.
# To take it away: nft delete table inet signald_ports
table inet signald_ports
delete table inet signald_ports
table inet signald_ports {
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		ct state invalid drop
		iif "lo" accept
		meta l4proto { icmp, ipv6-icmp } accept
		udp dport { 68, 546 } accept comment "answers to DHCP"
		tcp dport { $(ssh_ports) } accept comment "SSH"
		tcp dport { $(tcp_ports) } accept comment "signald, TURN"
		udp dport { $(udp_ports) } accept comment "STUN, TURN, relayed media"
	}
}
END
	turnconf firewall --config "$config"
}

# Said to whoever has another firewall, such as a cloud's.
tell_ports() {
	say "a firewall before this machine, such as a cloud's security group, has to let in:"
	say "  TCP $(tcp_ports)"
	say "  UDP $(udp_ports)"
}

apply_firewall() {
	write_firewall >"$firewall_rules.new"
	nft --check --file "$firewall_rules.new" ||
		fail "nft does not take the rules in $firewall_rules.new"
	mv "$firewall_rules.new" "$firewall_rules"
	cat >"$firewall_unit" <<END
# Made by scripts/install --nftables.
[Unit]
Description=Firewall of signald (nftables)
After=nftables.service
# Which flushes all rules, these too, when it begins and when it reloads.
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service
Before=network-online.target signald.service signald-coturn.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f $firewall_rules
ExecReload=/usr/sbin/nft -f $firewall_rules
ExecStop=-/usr/sbin/nft delete table inet signald_ports
ExecStop=-/usr/sbin/nft delete table inet signald_relay

[Install]
WantedBy=multi-user.target
END
	systemctl daemon-reload
	systemctl --quiet enable signald-firewall
	systemctl reload-or-restart signald-firewall 2>/dev/null || {
		journalctl --no-pager -n 10 -u signald-firewall >&2
		fail "the firewall rules were not taken: what nft says is above"
	}
	say "firewall: applied, now and at every boot; the rules are in $firewall_rules"
}

# The rules in force may have been edited, and are of the ports of their day.
lets_in_all() {
	grep -qF "tcp dport { $(tcp_ports) }" "$firewall_rules" &&
		grep -qF "udp dport { $(udp_ports) }" "$firewall_rules"
}

show_firewall() {
	if [[ -e $firewall_unit ]]; then
		say "firewall: the rules of an earlier --nftables are in force: $firewall_rules"
		lets_in_all ||
			say "firewall: ATTENTION: these name other ports than those below; another --nftables writes them anew"
		return
	fi
	say "firewall: no rules were applied; --nftables applies these:"
	write_firewall | grep -v '^#' | sed 's/^/  /'
}

remove_firewall() {
	[[ -e $firewall_unit ]] || return 0
	systemctl --quiet disable --now signald-firewall || true
	rm -f "$firewall_unit" "$firewall_rules"
	systemctl daemon-reload
}
