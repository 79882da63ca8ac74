// The firewall of scripts/install: which ports it lets in, by the configuration.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test } from 'node:test';
import { cleanEnv, makeFolder, program, root } from '../lib/daemon.mjs';

const PLAIN = '[listen]\naddress = 0.0.0.0:80, [::]:80\n[turn]\nhost = 198.51.100.10\nsecret = 0123456789abcdef\n';
const DOMAIN = `[listen]
address = 127.0.0.1:8080, [::1]:8080
tls = 0.0.0.0:443, [::]:443
redirect = 0.0.0.0:80
[tls]
cert = /nowhere/cert
key = /nowhere/key
[turn]
host = turn.example.org
secret = 0123456789abcdef
tunnel = 127.0.0.1:3479
`;

// What the shell says whose configuration is that text.
async function shell(t, text, script) {
	const file = path.join(await makeFolder(t), 'signald.conf');
	await writeFile(file, text);
	const env = cleanEnv({ PATH: `${path.dirname(program)}:${process.env.PATH}` });
	const { status, stdout, stderr } = spawnSync('bash', ['-euc', `. scripts/lib/common.sh; . scripts/lib/firewall.sh; config=$0; ${script}`, file], { cwd: root, encoding: 'utf8', env });
	assert.equal(status, 0, stderr);
	return stdout.trim().split('\n');
}

describe('let in are', () => {
	for (const [what, text, expected] of [
		['HTTP and TURN', PLAIN, ['80, 3478', '3478, 49152-65535']],
		['with a domain both coturns, and nothing of loopback', DOMAIN, ['80, 443, 3478', '3478, 45056-49151, 49152-65535']],
		['what is configured otherwise', `${PLAIN}port = 3500\n[coturn]\nmin_port = 50000\nmax_port = 50999\n`, ['80, 3500', '3500, 50000-50999']],
		['coturn’s own TLS', `${PLAIN}tls = yes\n[coturn]\ncert = /nowhere/cert\nkey = /nowhere/key\n`, ['80, 3478, 5349', '3478, 49152-65535']],
	])
		test(what, async (t) => assert.deepEqual(await shell(t, text, 'tcp_ports; udp_ports'), expected));
});

test('rules of an earlier run that do not let in what is configured now are told', async (t) => {
	const script = `
		firewall_unit=$config; firewall_rules=$config.nft
		write_firewall >"$firewall_rules"
		show_firewall
		sed -i 's/^tls = .*/&, 0.0.0.0:444/' "$config"
		show_firewall`;
	const said = await shell(t, DOMAIN, script);
	assert.equal(said.length, 3);
	assert.match(said[2], /^firewall: ATTENTION: these name other ports/);
});
