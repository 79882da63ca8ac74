// What turnconf writes: coturn takes it without a word, and check finds nothing.
import assert from 'node:assert/strict';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test } from 'node:test';

import {
	OTHER4, PRIVATE4, PUBLIC4, PUBLIC6, SECRET, asSets, generate, makeCertificate, makeFolder, settings,
	startCoturn, turnconf,
} from './coturn.mjs';

const CLI = { 'turn.cli': '127.0.0.1:5766', 'turn.cli_password': 'rQ7wL0sV_3kPz-8dXyTn' };

// Each is what a deployment could ask for; tls stands for a certificate.
const DEPLOYMENTS = {
	'production': {},
	'production with TLS': { tls: true },
	'production with TLS on a port of its own': { tls: true, 'turn.tls_port': 5443 },
	'production without UDP': { 'turn.udp': 'no' },
	'production without TCP': { 'turn.tcp': 'no' },
	'TLS only, STUN kept': { tls: true, 'turn.udp': 'no', 'turn.tcp': 'no' },
	'IPv4 and IPv6': { 'coturn.listening_ip': `${PUBLIC4},${PUBLIC6}`, 'coturn.relay_ip': `${PUBLIC4},${PUBLIC6}` },
	'IPv4 and IPv6 with TLS': { tls: true, 'coturn.listening_ip': `${PUBLIC4},${PUBLIC6}`, 'coturn.relay_ip': `${PUBLIC4},${PUBLIC6}` },
	'behind NAT': { 'coturn.relay_ip': PRIVATE4, 'coturn.external_ip': '8.8.9.9' },
	'behind NAT, both addresses named, with TLS': { tls: true, 'coturn.relay_ip': PRIVATE4, 'coturn.external_ip': `8.8.9.9/${PRIVATE4}` },
	'behind NAT with IPv6': { 'coturn.relay_ip': `${PRIVATE4},${PUBLIC6}`, 'coturn.external_ip': '8.8.9.9' },
	'a network of its own': { 'coturn.relay_ip': PRIVATE4, 'coturn.external_ip': `${PRIVATE4}/${PRIVATE4}` },
	'development': { 'coturn.profile': 'development', 'coturn.relay_ip': PRIVATE4 },
	'development with TLS': { tls: true, 'coturn.profile': 'development', 'coturn.relay_ip': PRIVATE4 },
	'addresses left to turnconf': { 'coturn.listening_ip': '', 'coturn.relay_ip': '' },
	'listening addresses left to turnconf': { 'coturn.listening_ip': '' },
	'limits of every kind': { 'coturn.total_quota': 100, 'coturn.max_kbps': 500, 'coturn.capacity_kbps': 100000 },
	'no limit of speed': { 'coturn.max_kbps': 0, 'coturn.capacity_kbps': 0 },
	'no pid file': { 'coturn.pidfile': '' },
	'an administration': CLI,
	'an administration on IPv6': { ...CLI, 'turn.cli': '[::1]:5766' },
	'own addresses denied': { 'coturn.deny_peers': '1.2.3.4, 2a02:7::5-2a02:7::1:3' },
};

async function values(t, { tls, ...more }) {
	const folder = await makeFolder(t);
	if (!tls)
		return { folder, more };
	const { cert, key } = await makeCertificate(folder);
	return { folder, more: { 'turn.tls': 'yes', 'coturn.cert': cert, 'coturn.key': key, ...more } };
}

describe('coturn takes it without a word, and check finds nothing', () => {
	for (const [name, deployment] of Object.entries(DEPLOYMENTS)) {
		test(name, async (t) => {
			const { folder, more } = await values(t, deployment);
			const { code, stdout, stderr, file } = await generate(folder, more);
			assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' });

			const coturn = await startCoturn(t, file);
			assert.deepEqual(coturn.complaints, []);
			const checked = await turnconf('check', '--json', file);
			assert.deepEqual(JSON.parse(checked.stdout).findings, []);
			assert.equal(checked.code, 0);
		});
	}
});

describe('for other versions', () => {
	const VERSIONS = ['4.5.2', '4.6.1', '4.6.3', '4.7.0', '4.8.0', '4.9.0', '4.10.0', '4.11.0',
		'4.12.0', '4.13.1', '4.14.0', '4.15.0', '4.16.0', '4.17.0', '4.17.1'];
	for (const version of VERSIONS) {
		test(`check finds nothing in what is written for ${version}`, async (t) => {
			const { folder, more } = await values(t, { tls: true });
			const { code, stderr, file } = await generate(folder, more, '--coturn-version', version);
			assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
			const checked = await turnconf('check', '--coturn-version', version, '--json', file);
			assert.deepEqual(JSON.parse(checked.stdout).findings, []);
		});
	}

	test('with an administration, too', async (t) => {
		for (const version of VERSIONS) {
			const folder = await makeFolder(t);
			const { stderr, file } = await generate(folder, CLI, '--coturn-version', version);
			assert.equal(stderr, '');
			const checked = await turnconf('check', '--coturn-version', version, '--json', file);
			assert.deepEqual(JSON.parse(checked.stdout).findings, []);
		}
	});

	test('an option comes and goes with the version', async (t) => {
		const { folder, more } = await values(t, { tls: true });
		const lines = async (version) => {
			const { file } = await generate(folder, more, '--coturn-version', version);
			return (await readFile(file, 'utf8')).split('\n');
		};
		const has = async (version, option) => (await lines(version)).includes(option);
		assert.ok(!await has('4.5.2', 'no-rfc5780') && await has('4.6.1', 'no-rfc5780'));
		assert.ok(await has('4.6.3', 'no-tlsv1_1') && !await has('4.7.0', 'no-tlsv1_1'));
		assert.ok(await has('4.9.0', 'no-cli') && !await has('4.10.0', 'no-cli'));
		assert.ok(await has('4.16.0', 'no-dtls') && !await has('4.17.0', 'no-dtls'));
		Object.assign(more, CLI);
		assert.ok(!await has('4.9.0', 'cli') && await has('4.10.0', 'cli'));
		assert.ok(!await has('4.9.0', 'no-cli'));
	});

	test('before 4.5.2 nothing is written', async (t) => {
		const { code, stderr } = await generate(await makeFolder(t), {}, '--coturn-version', '4.5.1');
		assert.equal(code, 1);
		assert.match(stderr, /CVE-2020-26262/);
	});
});

describe('the lines', () => {
	async function linesOf(t, more) {
		const made = await values(t, more);
		const { file, stderr } = await generate(made.folder, made.more);
		assert.equal(stderr, '');
		return (await readFile(file, 'utf8')).split('\n');
	}
	const valueOf = (lines, option) => lines.find((line) => line.startsWith(`${option}=`))?.slice(option.length + 1);

	test('user-quota is TURN URLs x watchers x 2', async (t) => {
		const two = await linesOf(t, { 'rooms.max_watchers_per_broadcaster': 20 });
		assert.equal(valueOf(two, 'user-quota'), '80');
		const three = await linesOf(t, { tls: true, 'rooms.max_watchers_per_broadcaster': 20 });
		assert.equal(valueOf(three, 'user-quota'), '120');
	});

	test('total-quota is the number of relay ports, once an address', async (t) => {
		assert.equal(valueOf(await linesOf(t, {}), 'total-quota'), '1000');
		const two = await linesOf(t, { 'coturn.relay_ip': `${PUBLIC4},8.8.4.11,${PUBLIC6}` });
		assert.equal(valueOf(two, 'total-quota'), '2000');
	});

	test('the administration is on loopback, and its password nowhere to be read', async (t) => {
		const lines = await linesOf(t, CLI);
		assert.equal(valueOf(lines, 'cli-ip'), '127.0.0.1');
		assert.equal(valueOf(lines, 'cli-port'), '5766');
		assert.match(valueOf(lines, 'cli-password'), /^\$5\$[0-9a-f]{16}\$[0-9a-f]{64}$/);
		assert.ok(!lines.join().includes(CLI['turn.cli_password']));
		const again = await linesOf(t, CLI);
		assert.notEqual(valueOf(again, 'cli-password'), valueOf(lines, 'cli-password'));
		const six = await linesOf(t, { ...CLI, 'turn.cli': '[::1]:5999' });
		assert.deepEqual([valueOf(six, 'cli-ip'), valueOf(six, 'cli-port')], ['::1', '5999']);
	});

	test('metrics are where they are asked for, each coturn\'s own', async (t) => {
		const sets = { 'coturn.metrics': '127.0.0.1:9641', 'coturn.tunnel_metrics': '[::1]:9642' };
		const metricsOf = (lines) => [lines.includes('prometheus'), valueOf(lines, 'prometheus-address'), valueOf(lines, 'prometheus-port')];
		const version = ['--coturn-version', '4.17.0'];
		const folder = await makeFolder(t);
		const one = await generate(folder, sets, ...version);
		assert.deepEqual(metricsOf((await readFile(one.file, 'utf8')).split('\n')), [true, '127.0.0.1', '9641']);
		const checked = await turnconf('check', '--coturn-version', '4.17.0', '--json', one.file);
		assert.deepEqual(JSON.parse(checked.stdout).findings, []);
		const two = await generate(folder, { ...sets, 'turn.tunnel': '127.0.0.1:3480', 'listen.tls': '127.0.0.1:443', 'tls.cert': '/c.pem', 'tls.key': '/k.pem' }, '--tunnel', ...version);
		assert.equal(two.stderr, '');
		assert.deepEqual(metricsOf((await readFile(two.file, 'utf8')).split('\n')), [true, '::1', '9642']);
		assert.ok(!(await linesOf(t, {})).join().includes('prometheus'));
		const old = await generate(folder, sets, '--coturn-version', '4.6.2');
		assert.match(old.stderr, /before 4\.6\.3 shows its metrics to everybody.*coturn\.metrics/);
	});

	test('kilobits become bytes', async (t) => {
		const lines = await linesOf(t, { 'coturn.max_kbps': 8000, 'coturn.capacity_kbps': 80000 });
		assert.equal(valueOf(lines, 'max-bps'), '1000000');
		assert.equal(valueOf(lines, 'bps-capacity'), '10000000');
	});

	test('addresses left to turnconf are all to listen on, and the default routes\' to relay from', async (t) => {
		const lines = await linesOf(t, { 'coturn.listening_ip': '', 'coturn.relay_ip': '' });
		const of = (option) => lines.filter((line) => line.startsWith(`${option}=`)).map((line) => line.slice(option.length + 1)).sort();
		assert.deepEqual(of('listening-ip'), [PRIVATE4, PUBLIC6, PUBLIC4, OTHER4].sort());
		assert.deepEqual(of('relay-ip'), [PUBLIC6, PUBLIC4].sort());
	});

	test('without relay_ip it relays from where it listens', async (t) => {
		assert.equal(valueOf(await linesOf(t, { 'coturn.relay_ip': '' }), 'relay-ip'), PUBLIC4);
	});

	test('only development allows a peer, its own relay, and says so first', async (t) => {
		const development = await linesOf(t, { 'coturn.profile': 'development', 'coturn.relay_ip': PRIVATE4 });
		assert.deepEqual(development.filter((line) => line.startsWith('allowed-')), [`allowed-peer-ip=${PRIVATE4}`]);
		assert.match(development.slice(0, 4).join('\n'), /DEVELOPMENT/);
		const production = await linesOf(t, {});
		assert.deepEqual(production.filter((line) => line.startsWith('allow')), []);
		assert.doesNotMatch(production.join('\n'), /DEVELOPMENT|SECLEVEL/);
	});

	test('external-ip names both addresses, and a comment what that allows', async (t) => {
		const lines = await linesOf(t, { 'coturn.relay_ip': PRIVATE4, 'coturn.external_ip': '8.8.9.9' });
		const at = lines.indexOf(`external-ip=8.8.9.9/${PRIVATE4}`);
		assert.match(lines.slice(at - 2, at).join(' '), /allows the second one as a peer/);
	});
});

test('an address is the same however it is written', async (t) => {
	const { code, stderr, file } = await generate(await makeFolder(t),
		{ 'coturn.relay_ip': 'fd00:0077::5', 'coturn.external_ip': '2A00:1450::10/FD00:77::5' });
	assert.equal(code, 0, stderr);
	assert.match(await readFile(file, 'utf8'), /^external-ip=2A00:1450::10\/FD00:77::5$/m);
});

describe('nothing is written, and the reason names the key', () => {
	const REFUSED = {
		'loopback in development': [{ 'coturn.profile': 'development', 'coturn.relay_ip': '127.0.0.1' }, /relay_ip 127\.0\.0\.1.*loopback.*network interface/],
		'loopback in production': [{ 'coturn.relay_ip': '::1' }, /relay_ip ::1/],
		'a private relay in production': [{ 'coturn.relay_ip': PRIVATE4 }, /relay_ip 10\.77\.0\.5 is not a public address.*external_ip.*development/],
		'TLS without a certificate': [{ 'turn.tls': 'yes' }, /coturn\.cert/],
		'a certificate that is not there': [{ 'turn.tls': 'yes', 'coturn.cert': '/nowhere/c.pem', 'coturn.key': '/nowhere/k.pem' }, /\/nowhere\/c\.pem cannot be read/],
		'an administration for everybody': [{ ...CLI, 'turn.cli': '8.8.4.10:5766' }, /turn\.cli must be 127\.0\.0\.1:PORT .*loopback.*8\.8\.4\.10:5766/],
		'an administration without a password': [{ 'turn.cli': CLI['turn.cli'] }, /turn\.cli_password/],
		'no TURN URL': [{ 'turn.udp': 'no', 'turn.tcp': 'no' }, /turn\.udp, turn\.tcp and turn\.tls/],
		'no secret': [{ 'turn.secret': undefined, 'turn.host': '' }, /turn\.secret/],
		'no userdb': [{ 'coturn.userdb': '' }, /coturn\.userdb/],
		'a capacity without a share': [{ 'coturn.capacity_kbps': 1000, 'coturn.max_kbps': 0 }, /capacity_kbps/],
		'a capacity below one share': [{ 'coturn.capacity_kbps': 1000, 'coturn.max_kbps': 2000 }, /capacity_kbps/],
		'an external address for two relays': [{ 'coturn.relay_ip': `${PRIVATE4},8.8.4.11`, 'coturn.external_ip': '8.8.9.9' }, /PUBLIC\/PRIVATE/],
		'an external address of another relay': [{ 'coturn.external_ip': '8.8.9.9/10.0.0.9' }, /10\.0\.0\.9/],
		'an external address of loopback': [{ 'coturn.external_ip': '127.0.1.1' }, /no client reaches 127\.0\.1\.1/],
		'an external address of IPv6 loopback': [{ 'coturn.relay_ip': '2a00:1450::10', 'coturn.external_ip': '::1' }, /no client reaches ::1/],
		'an external address of zero': [{ 'coturn.external_ip': '0.0.0.0' }, /no client reaches 0\.0\.0\.0/],
		'an external address that is none': [{ 'coturn.external_ip': 'turn.example.org' }, /external_ip/],
		'everybody denied': [{ 'coturn.deny_peers': '::-::1:0' }, /deny_peers/],
		'a path coturn cannot read': [{ 'coturn.userdb': '/var/lib/x;' }, /userdb/],
	};
	for (const [name, [more, reason]] of Object.entries(REFUSED)) {
		test(name, async (t) => {
			const folder = await makeFolder(t);
			const { code, stderr, file } = await generate(folder, more);
			assert.notEqual(code, 0);
			assert.match(stderr, reason);
			assert.ok(!stderr.includes(SECRET));
			await assert.rejects(stat(file), { code: 'ENOENT' });
		});
	}

	test('a certificate and the key of another', async (t) => {
		const folder = await makeFolder(t);
		const { cert } = await makeCertificate(folder);
		const { key } = await makeCertificate(await makeFolder(t));
		const { code, stderr } = await generate(folder, { 'turn.tls': 'yes', 'coturn.cert': cert, 'coturn.key': key });
		assert.equal(code, 1);
		assert.match(stderr, /the private key is not that of/);
	});
});

describe('the file', () => {
	test('has mode 0600 and replaces the old one whole', async (t) => {
		const folder = await makeFolder(t);
		await writeFile(path.join(folder, 'turnserver.conf'), 'old', { mode: 0o644 });
		const { file } = await generate(folder);
		// Root's own is 0640 and coturn's group, anybody else's 0600.
		const { mode, gid } = await stat(file);
		assert.equal(mode & 0o777, gid === process.getgid() ? 0o600 : 0o640);
		assert.match(await readFile(file, 'utf8'), /^# Made by turnconf/);
		assert.deepEqual(await readdir(folder), ['turnserver.conf']);
	});

	test('that cannot be written leaves nothing behind', async (t) => {
		const folder = await makeFolder(t);
		const result = await turnconf('generate', '--output', folder, ...asSets(settings(folder)));
		assert.equal(result.code, 1);
		assert.deepEqual(await readdir(folder), []);
	});

	test('goes to standard output without --output', async (t) => {
		const { stdout, code } = await turnconf('generate', ...asSets(settings(await makeFolder(t))));
		assert.equal(code, 0);
		assert.ok(stdout.includes(`static-auth-secret=${SECRET}\n`));
	});

	test('says on standard error what check would find: a privileged port', async (t) => {
		const { folder, more } = await values(t, { tls: true, 'turn.tls_port': 443 });
		const { code, stderr } = await generate(folder, more);
		assert.equal(code, 0);
		assert.match(stderr, /port 443 needs CAP_NET_BIND_SERVICE.*\[privileged-port\]/);
	});
});
