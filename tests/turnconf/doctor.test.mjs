// turnconf doctor beside the real coturn and signald: whole, and broken in the
// ways that operators meet.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';

import { freePort, startDaemon, until } from '../lib/daemon.mjs';
import { OTHER4, PRIVATE4, PUBLIC4, PUBLIC6, SECRET, asSets, bareConf, generate, makeCertificate, makeFolder, program, settings, startCoturn, turnconf, writeConf } from './coturn.mjs';

// As an operator has it who has no name of their own.
const usual = { 'turn.host': PUBLIC4 };

async function examine(folder, more, file, ...args) {
	const { code, stdout, stderr } = await turnconf('doctor', '--json', '--turnserver', file,
		...asSets(settings(folder, { ...usual, ...more })), ...args);
	assert.equal(stderr, '');
	const report = JSON.parse(stdout);
	const failed = report.lines.filter(({ state }) => state === 'failed');
	assert.equal(code, failed.length ? 1 : 0);
	assert.equal(report.failed, failed.length);
	return { ...report, failures: failed, find: (check, pattern) => report.lines.find((line) => line.check === check && pattern.test(line.text)) };
}

// coturn as turnconf configures it, and signald.
async function startBoth(t, more = {}) {
	const folder = await makeFolder(t);
	const { file, code, stderr } = await generate(folder, { ...usual, ...more });
	assert.equal(code, 0, stderr);
	const { port } = await startDaemon(t);
	return { folder, file, listen: { 'listen.address': `127.0.0.1:${port}` } };
}

async function startGiving(t, file) {
	const coturn = await startCoturn(t, file);
	await coturn.gives();
	return coturn;
}

async function startAll(t, more = {}) {
	const both = await startBoth(t, more);
	await startGiving(t, both.file);
	return { ...both, more: { ...more, ...both.listen } };
}

// One that ended yesterday.
async function makeExpired(folder, name) {
	const { key } = await makeCertificate(folder, name);
	const request = path.join(folder, 'request.pem');
	const cert = path.join(folder, 'expired.pem');
	const run = promisify(execFile);
	await run('openssl', ['req', '-new', '-key', key, '-subj', `/CN=${name}`, '-out', request]);
	await run('openssl', ['x509', '-req', '-in', request, '-signkey', key, '-days', '-1', '-out', cert]);
	return { cert, key };
}

function assertFailed({ failures, lines }, check, text, remedy) {
	const line = failures.find((each) => each.check === check && text.test(each.text));
	assert.ok(line, `${check} ${text} in ${JSON.stringify(lines, null, 1)}`);
	assert.match(line.remedy, remedy);
}

describe('turnconf doctor', () => {
	test('a server that is well has nothing failed, and has relayed over UDP and TCP', async (t) => {
		const cli = { 'turn.cli': '127.0.0.1:5766', 'turn.cli_password': 'a-password-of-the-administration' };
		const { folder, file, more } = await startAll(t, cli);
		const report = await examine(folder, more, file);
		assert.deepEqual(report.failures, []);
		assert.ok(report.find('ports', /^coturn's administration has TCP 127\.0\.0\.1:5766 open/));
		for (const transport of ['UDP', 'TCP'])
			assert.ok(report.find('relay', new RegExp(`^${transport} ${PUBLIC4}:3478 relays: a datagram was back after (less than )?\\d+ ms$`)));
		assert.ok(report.find('peers', /refused as peers \(8 of IPv4 tried\)/));
		assert.ok(report.find('turnserver.conf', /is what signald's configuration asks for/));

		// The secrets stand in coturn's file, and signald has them from one of its own.
		const secrets = path.join(folder, 'secrets');
		for (const [secret, isFit] of [[SECRET, true], [`${SECRET}x`, false]]) {
			await writeFile(secrets, `${secret}\n`, { mode: 0o600 });
			const apart = await examine(folder, { ...more, 'turn.secret': undefined, 'turn.secret_file': secrets }, file);
			assert.equal(Boolean(apart.find('turnserver.conf', /is what signald's configuration asks for/)), isFit);
		}
		assert.ok(report.find('addresses', new RegExp(`${PUBLIC4}, an address of this machine`)));
		assert.ok(report.find('ports', /^signald has TCP 127\.0\.0\.1:\d+ open/));
		assert.ok(report.find('signald', /^it says that it is ready$/));
		assert.equal(report.find('configuration', new RegExp(`^access\\.mode is auto, and open.* relay through ${PUBLIC4}$`)).state, 'warning');
		assert.equal((await examine(folder, { ...more, 'access.mode': 'guest' }, file)).find('configuration', /access\.mode/), undefined);
		assert.ok(report.find('coturn', /^version \d+\.\d+\.\d+$/));
		assert.equal(report.find('firewall', /reach every UDP service/).state, 'warning');
		assert.match(report.find('firewall', /reach every UDP service/).remedy, /turnconf firewall/);
	});

	test('a turnserver.conf that cannot be read', async (t) => {
		const folder = await makeFolder(t);
		const long = path.join(folder, 'long.conf');
		await writeFile(long, '');
		await truncate(long, 64 << 20);
		for (const [file, why] of [[folder, 'Is a directory'], [long, 'too long for a turnserver\\.conf']]) {
			assertFailed(await examine(folder, {}, file), 'turnserver.conf', new RegExp(`^${file} cannot be read: ${why}$`), /^run this as root, .*--turnserver FILE$/);
		}
		const none = path.join(folder, 'none');
		assertFailed(await examine(folder, {}, none), 'turnserver.conf', new RegExp(`^there is no file ${none}$`), /^write it \(turnconf generate\), or say where .*--turnserver FILE$/);
	});

	test('as text each line says its state, what was seen, and what to do', async (t) => {
		const { folder, file, more } = await startAll(t);
		const { code, stdout } = await turnconf('doctor', '--turnserver', file, ...asSets(settings(folder, { ...usual, ...more })));
		assert.equal(code, 0, stdout);
		assert.match(stdout, /^ok {7}relay {10}UDP 8\.8\.4\.10:3478 relays/m);
		assert.match(stdout, /^warning {2}firewall {7}clients .*\n {24}remedy: as root: turnconf firewall/m);
		assert.match(stdout, /\n0 failed, \d+ warnings\n$/);
	});

	test('another secret', async (t) => {
		const { folder, file, more } = await startAll(t);
		const report = await examine(folder, { ...more, 'turn.secret': 'another-secret-0123456789-0123456' }, file);
		assertFailed(report, 'relay', /^UDP .*: the credential is refused \(401\)$/, /turn\.secret and coturn's static-auth-secret differ/);
		assertFailed(report, 'turnserver.conf', /is not what signald's configuration asks for/, /turnconf generate/);
	});

	test('what it says to do has the same configuration, without its secrets', async (t) => {
		const { folder, file, more } = await startAll(t);
		const own = path.join(folder, 'own folder');
		await mkdir(own);
		const config = path.join(own, "it's.conf");
		await writeFile(config, '[coturn]\nmax_port = 50998\n');
		const secret = 'another-secret-0123456789-0123456';
		const report = await examine(folder, { ...more, 'coturn.max_port': undefined, 'turn.secret': secret }, file, '--config', config);
		const { remedy } = report.failures.find(({ check }) => check === 'turnserver.conf');
		assert.ok(!remedy.includes(secret), remedy);
		const command = remedy.replace(/, then restart coturn$/, '').replace(/^turnconf /, '')
			.replace('--set turn.secret=... ', `--set turn.secret=${secret} `);
		await promisify(execFile)('sh', ['-c', `"$0" ${command}`, program]);
		assert.match(await readFile(file, 'utf8'), /^max-port=50998$/m);
		const after = await examine(folder, { ...more, 'coturn.max_port': undefined, 'turn.secret': secret }, file, '--config', config);
		assert.ok(after.find('turnserver.conf', /is what/));
	});

	test('coturn is not running', async (t) => {
		const { folder, file, listen } = await startBoth(t);
		const report = await examine(folder, listen, file);
		assertFailed(report, 'ports', /nobody has UDP 8\.8\.4\.10:3478 open/, /is coturn running/);
		assertFailed(report, 'ports', /nobody has TCP 8\.8\.4\.10:3478 open/, /is coturn running/);
		assertFailed(report, 'relay', /^UDP 8\.8\.4\.10:3478, STUN Binding: nobody listens there$/, /is coturn running/);
		assertFailed(report, 'relay', /^TCP 8\.8\.4\.10:3478, connecting: nobody listens there$/, /is coturn running/);
	});

	test('signald is not running', async (t) => {
		const { folder, file } = await startAll(t);
		const report = await examine(folder, { 'listen.address': '127.0.0.1:1' }, file);
		assertFailed(report, 'ports', /nobody has TCP 127\.0\.0\.1:1 open, where signald should be/, /is signald running/);
		assertFailed(report, 'signald', /cannot be asked whether it is ready: Connection refused/, /is signald running/);
		assert.equal(report.failed, 2);
	});

	test('signald that answers to its proxies only is not said to be ill', async (t) => {
		const folder = await makeFolder(t);
		const { file } = await generate(folder, usual);
		const report = await examine(folder, { 'proxy.protocol': 'yes', 'proxy.trusted': '10.0.0.0/8' }, file);
		const { state, text } = report.find('signald', /cannot be asked/);
		assert.equal(state, 'warning');
		assert.match(text, /with proxy\.protocol it answers to its proxies only/);
	});

	test('signald is not ready, and says why', async (t) => {
		const folder = await makeFolder(t);
		const turn = { 'turn.host': PUBLIC4, 'turn.secret': SECRET, 'turn.probe_interval_s': 1 };
		const { file } = await generate(folder, usual);
		const daemon = await startDaemon(t, { sets: turn });
		await until('it is not ready', async () => (await fetch(`${daemon.url}/readyz`)).status === 503);
		const report = await examine(folder, { 'listen.address': daemon.host }, file);
		assertFailed(report, 'signald', /not ready: .*"reasons"/, /log/);
	});

	test('external_ip is another address than clients are sent to, and than coturn says', async (t) => {
		const { folder, file, more } = await startAll(t, { 'turn.host': OTHER4, 'coturn.listening_ip': `${PUBLIC4},${PRIVATE4}`, 'coturn.relay_ip': PRIVATE4, 'coturn.external_ip': OTHER4 });
		const well = await examine(folder, more, file);
		assert.deepEqual(well.failures, []);
		const report = await examine(folder, { ...more, 'coturn.external_ip': '8.8.4.99' }, file, '--stun', PUBLIC4);
		assertFailed(report, 'addresses', /relays at 8\.8\.4\.99, which is no address of 8\.8\.4\.11/, /coturn\.external_ip/);
		assertFailed(report, 'addresses', /8\.8\.4\.10 sees this machine at 8\.8\.4\.10, and relays are said to be at 8\.8\.4\.99/, /coturn\.external_ip = 8\.8\.4\.10/);
		assertFailed(report, 'relay', /says that its relays are at 8\.8\.4\.11, which coturn\.external_ip and relay_ip do not/, /restart/);
	});

	test('clients are sent to a machine that is not this one', async (t) => {
		const { folder, file, more } = await startAll(t);
		const report = await examine(folder, { ...more, 'turn.host': '8.8.4.77' }, file);
		assertFailed(report, 'addresses', /clients are sent to 8\.8\.4\.77, .*neither an address of this machine/, /coturn\.external_ip = 8\.8\.4\.77/);
	});

	test('a certificate that has expired, is for another name, or soon ends', async (t) => {
		const folder = await makeFolder(t);
		const good = await makeCertificate(folder, 'turn.example.org');
		const { listen, file, folder: both } = await startBoth(t, { 'turn.tls': 'yes', 'coturn.cert': good.cert, 'coturn.key': good.key });
		const tls = { ...listen, 'turn.tls': 'yes', 'coturn.cert': good.cert, 'coturn.key': good.key };
		const coturn = await startGiving(t, file);
		const named = await examine(both, tls, file);
		assertFailed(named, 'certificate', /not for 8\.8\.4\.10: browsers refuse it/, /turn\.host/);
		assert.equal(named.find('certificate', /is good for [12] days/).state, 'warning');
		const distrust = named.find('certificate', /browsers do not trust it: self-signed certificate$/);
		assert.equal(distrust.state, 'warning');
		assert.match(distrust.remedy, /give coturn\.cert the whole chain$/);
		assert.ok(named.find('relay', /^TLS 8\.8\.4\.10:5349 relays/));
		await coturn.stop();

		const expired = await makeExpired(folder, 'turn.example.org');
		await copyFile(expired.cert, good.cert);
		await startGiving(t, file);
		const report = await examine(both, tls, file);
		assertFailed(report, 'certificate', /has expired$/, /renew it/);
		assertFailed(report, 'certificate', /shown at 8\.8\.4\.10:5349 has expired/, /renew it/);
	});

	test('TURN over the port of the pages, behind signald', async (t) => {
		const folder = await makeFolder(t);
		const { cert, key } = await makeCertificate(folder, PUBLIC4);
		const port = await freePort();
		const tls = { 'listen.tls': `${PUBLIC4}:${port}`, 'tls.cert': cert, 'tls.key': key, 'turn.tunnel': '127.0.0.1:3480', 'coturn.tunnel_min_port': 40000, 'coturn.tunnel_max_port': 40999 };
		const { file } = await generate(folder, { ...usual, ...tls });
		await startGiving(t, file);
		const { port: plain } = await startDaemon(t, { sets: tls });
		const more = { ...tls, 'listen.address': `127.0.0.1:${plain}` };
		const without = await examine(folder, more, file);
		assertFailed(without, 'ports', /nobody has TCP 127\.0\.0\.1:3480 open, where the second coturn should be/, /turnconf generate --tunnel/);
		assertFailed(without, 'relay', new RegExp(`^TLS ${PUBLIC4}:${port}, .*the server closed the connection`), /log/);

		const cli = await examine(folder, { ...more, 'turn.tunnel_cli': '127.0.0.1:5769', 'turn.cli_password': 'a-password-of-the-administration' }, file);
		assertFailed(cli, 'ports', /nobody has TCP 127\.0\.0\.1:5769 open, where the second coturn's administration should be/, /--tunnel/);

		const second = await generate(folder, { ...usual, ...tls }, '--tunnel');
		await startCoturn(t, second.file, { address: '127.0.0.1', port: 3480, isStream: true });
		const report = await examine(folder, more, file, '--tunnel-turnserver', second.file);
		assert.deepEqual(report.failures, []);
		assert.ok(report.find('turnserver.conf', /tunnel\.conf is what/));
		const moved = await examine(folder, { ...more, 'coturn.tunnel_max_port': 40998 }, file, '--tunnel-turnserver', second.file);
		assertFailed(moved, 'turnserver.conf', /tunnel\.conf is not what/, /turnconf generate --tunnel .*--set coturn\.tunnel_max_port=40998 .*--output \S*tunnel\.conf, then restart/);
		assert.ok(report.find('relay', new RegExp(`^TLS ${PUBLIC4}:${port} relays`)));
		const shown = report.find('certificate', /shown at .* is good for/);
		assert.equal(shown.state, 'warning');
		assert.equal(shown.remedy, 'renew it; signald takes it up by itself');
		assert.match(report.find('certificate', /do not trust it/).remedy, /give tls\.cert the whole chain$/);
	});

	// The coturn of another machine, which is [turn second].
	async function startSecond(t, more = {}) {
		const folder = await makeFolder(t);
		const { file, code, stderr } = await generate(folder, { 'turn.host': OTHER4, 'coturn.listening_ip': OTHER4, 'coturn.relay_ip': OTHER4,
			'coturn.min_port': 51000, 'coturn.max_port': 51999, ...more });
		assert.equal(code, 0, stderr);
		const coturn = await startCoturn(t, file, { address: OTHER4, port: 3478 });
		await coturn.gives();
		return coturn;
	}
	const ofSecond = ({ lines }, state) => lines.filter((line) => line.server === 'second' && line.state === state);

	test('the servers of other machines are asked as well, and named', async (t) => {
		const { folder, file, more } = await startAll(t);
		const cli = { 'turn.cli': '127.0.0.1:5768', 'turn.cli_password': 'a-password-of-the-administration' };
		const coturn = await startSecond(t, cli);
		const both = { ...more, 'turn second.host': OTHER4, 'turn second.cli': cli['turn.cli'], 'turn second.cli_password': cli['turn.cli_password'] };
		const well = await examine(folder, both, file);
		assert.deepEqual(well.failures, []);
		const said = ofSecond(well, 'ok').map(({ text }) => text).join('\n');
		for (const pattern of [/^clients are sent to 8\.8\.4\.11, which is 8\.8\.4\.11$/m, /^UDP 8\.8\.4\.11:3478 relays/m, /^TCP 8\.8\.4\.11:3478 relays/m,
			/refused as peers/, /^what is sent to the relay at 8\.8\.4\.11:51\d\d\d comes through$/m, /^coturn's administration answers at 127\.0\.0\.1:5768$/m])
			assert.match(said, pattern);
		assert.ok(well.lines.some(({ server, text }) => server === null && /^UDP 8\.8\.4\.10:3478 relays/.test(text)));
		const drained = await examine(folder, { ...both, 'turn second.drained': 'yes', 'turn second.udp': 'no' }, file);
		assert.ok(drained.find('addresses', /which is 8\.8\.4\.11; no new ones, as it is drained$/));
		assert.ok(drained.find('relay', /^UDP 8\.8\.4\.11:3478 answers STUN Bindings, and sees this machine at 8\.8\.4\.1[01]:\d+$/));

		await coturn.stop();
		const dead = await examine(folder, both, file);
		assert.deepEqual(dead.failures.map(({ server }) => server), ['second', 'second', 'second']);
		assertFailed(dead, 'relay', /^UDP 8\.8\.4\.11:3478, STUN Binding: nobody listens there$/, /is coturn running/);
		assertFailed(dead, 'relay', /^TCP 8\.8\.4\.11:3478, connecting: nobody listens there$/, /is coturn running/);
		assertFailed(dead, 'ports', /administration does not answer at 127\.0\.0\.1:5768: Connection refused/, /keep a tunnel open/);
		const { stdout } = await turnconf('doctor', '--turnserver', file, ...asSets(settings(folder, { ...usual, ...both })));
		assert.match(stdout, /^failed {3}relay {10}second: UDP 8\.8\.4\.11:3478, STUN Binding: nobody listens there$/m);
	});

	test('what a server elsewhere lacks is said of it', async (t) => {
		const { folder, file, more } = await startAll(t);
		await startSecond(t);
		const wrong = await examine(folder, { ...more, 'turn second.host': OTHER4, 'turn second.secret': 'another-secret-0123456789-0123456' }, file);
		assertFailed(wrong, 'relay', /^UDP 8\.8\.4\.11:3478, .*: the credential is refused \(401\)$/, /turn\.secret/);
		const nameless = await examine(folder, { ...more, 'turn second.host': 'nowhere.example', 'turn second.addresses': OTHER4 }, file);
		assertFailed(nameless, 'addresses', /^clients are sent to nowhere\.example: /, /DNS/);
		assert.equal(nameless.failed, 1);
		assert.ok(nameless.find('relay', /^UDP 8\.8\.4\.11:3478 relays/));
		const route = (action) => promisify(execFile)('/usr/sbin/ip', ['route', action, 'throw', '8.8.9.0/24']);
		await route('add');
		t.after(() => route('del'));
		const far = await examine(folder, { ...more, 'turn second.host': '8.8.9.1' }, file);
		assert.deepEqual(far.failures, []);
		assert.match(ofSecond(far, 'warning')[0].text, /this machine has no way there/);
	});

	test('a machine that has no coturn of its own needs none', async (t) => {
		const { folder, listen } = await startBoth(t);
		await startSecond(t);
		const report = await examine(folder, { ...listen, 'turn.host': '', 'turn second.host': OTHER4 }, '/nowhere/turnserver.conf');
		assert.deepEqual(report.failures, []);
		assert.ok(report.find('configuration', /clients are sent to other machines' TURN servers/));
		assert.ok(report.find('relay', /^UDP 8\.8\.4\.11:3478 relays/));
		const none = await examine(folder, { ...listen, 'turn.host': '' }, '/nowhere/turnserver.conf');
		assertFailed(none, 'configuration', /clients are given no TURN server/, /set turn\.host/);
	});

	test('a coturn that asks nobody for a credential', async (t) => {
		const folder = await makeFolder(t);
		const file = await writeConf(folder, ...bareConf(folder).filter((line) => !/auth/.test(line)));
		await startCoturn(t, file);
		const report = await examine(folder, {}, file);
		assertFailed(report, 'relay', /relays for anybody, without a credential/, /turnconf generate/);
		assertFailed(report, 'turnserver.conf', /has \d+ dangers/, /turnconf check/);
	});

	test('a coturn without the list of denied peers', async (t) => {
		const folder = await makeFolder(t);
		const file = await writeConf(folder, ...bareConf(folder));
		await startGiving(t, file);
		const report = await examine(folder, {}, file);
		assertFailed(report, 'peers', /clients may relay to 10\.0\.0\.1$/, /turnconf generate/);
		assertFailed(report, 'peers', /clients may relay to 169\.254\.169\.254$/, /turnconf generate/);
		// An own address that only begins like the peer's excuses nothing.
		const behindNat = await examine(folder, { 'coturn.external_ip': `${PUBLIC4}/10.0.0.10` }, file);
		assertFailed(behindNat, 'peers', /clients may relay to 10\.0\.0\.1$/, /turnconf generate/);
		const own = await examine(folder, { 'coturn.external_ip': `${PUBLIC4}/10.0.0.1` }, file);
		assert.equal(own.find('peers', /clients may relay to 10\.0\.0\.1$/), undefined);
	});

	test('over IPv6 it is a relay of IPv6 that is proven, and kept from private peers', async (t) => {
		const { folder, file, more } = await startAll(t, { 'coturn.listening_ip': `${PUBLIC4},${PUBLIC6}`, 'coturn.relay_ip': `${PUBLIC4},${PUBLIC6}` });
		const report = await examine(folder, more, file);
		assert.deepEqual(report.failures, []);
		assert.ok(report.find('relay', /^UDP \[2a00:1450::10\]:3478 relays/));
		assert.ok(report.find('peers', /refused as peers \(8 of IPv4 tried\)/));
		assert.ok(report.find('peers', /refused as peers \(10 of IPv6 tried\)/), JSON.stringify(report.lines, null, 1));
		const outside = await examine(folder, { ...more, 'turn.host': PUBLIC6 }, file, '--server', PUBLIC6);
		assert.deepEqual(outside.failures, []);
		assert.ok(outside.find('reach', /relay at \[2a00:1450::10\]:\d+ comes through/));
	});

	test('over IPv6 a coturn that relays from IPv4 alone, or lets clients into private networks of IPv6', async (t) => {
		const both = [`listening-ip=${PUBLIC4}`, `listening-ip=${PUBLIC6}`];
		const folder = await makeFolder(t);
		const bare = bareConf(folder).filter((line) => !/^(listening|relay)-ip/.test(line));
		const file = await writeConf(folder, ...bare, ...both, `relay-ip=${PUBLIC4}`, `relay-ip=${PUBLIC6}`);
		const more = { 'coturn.listening_ip': `${PUBLIC4},${PUBLIC6}` };
		const coturn = await startGiving(t, file);
		assertFailed(await examine(folder, more, file), 'peers', /clients may relay to fc00::1$/, /turnconf generate/);
		await coturn.stop();
		await startGiving(t, await writeConf(folder, ...bare, ...both, `relay-ip=${PUBLIC4}`, 'denied-peer-ip=0.0.0.0-255.255.255.255'));
		const report = await examine(folder, { ...more, 'coturn.relay_ip': PUBLIC4 }, file, '--server', PUBLIC6);
		assert.equal(report.find('relay', /^UDP \[2a00:1450::10\]:3478 has no relay of IPv6/).state, 'warning');
	});

	test('a private peer of which coturn does not speak', async (t) => {
		const { folder, file, more } = await startAll(t);
		// CreatePermission for 10.0.0.1, as XOR-PEER-ADDRESS has it.
		const done = promisify(execFile)('/usr/sbin/nft', ['-f', '-']);
		done.child.stdin.end('table inet deaf {\n chain input {\n type filter hook input priority filter\n udp dport 3478 @th,64,16 0x0008 @th,288,32 0x2b12a443 drop\n }\n}\n');
		await done;
		t.after(() => promisify(execFile)('/usr/sbin/nft', ['delete table inet deaf']));
		const report = await examine(folder, more, file);
		assert.deepEqual(report.failures, []);
		assert.equal(report.find('peers', /^whether clients may relay to 10\.0\.0\.1 cannot be told: there is no answer$/).state, 'warning');
		assert.equal(report.find('peers', /refused as peers/), undefined);
	});

	test('from outside it asks the relay alone, and whether others reach it', async (t) => {
		const { folder, file, more } = await startAll(t);
		const report = await examine(folder, more, file, '--server', PUBLIC4);
		assert.equal(report.server, PUBLIC4);
		assert.deepEqual(report.failures, []);
		assert.ok(report.find('reach', /what is sent to the relay at 8\.8\.4\.10:\d+ comes through/));
		assert.deepEqual(report.lines.filter(({ check }) => ['ports', 'clock', 'turnserver.conf', 'firewall', 'coturn'].includes(check)), []);

		const nft = (text) => {
			const done = promisify(execFile)('/usr/sbin/nft', ['-f', '-']);
			done.child.stdin.end(text);
			return done;
		};
		await nft('table inet closed {\n chain input {\n type filter hook input priority filter\n udp dport 50000-50999 udp sport != { 3478, 50000-50999 } drop\n }\n}\n');
		t.after(() => nft('delete table inet closed'));
		const closed = await examine(folder, more, file, '--server', PUBLIC4);
		assertFailed(closed, 'reach', /does not come through/, /open UDP 50000-50999/);
		assert.equal(closed.failed, 1);
	});

	test('no secret is shown, whatever goes wrong', async (t) => {
		const { folder, file, more } = await startAll(t);
		const hidden = 'S3cret-that-nobody-may-see-0123456789';
		const { stdout, stderr } = await turnconf('doctor', '--turnserver', file, ...asSets(settings(folder, { ...usual, ...more, 'turn.secret': hidden })));
		assert.ok(stdout.length > 100);
		assert.ok(!(stdout + stderr).includes(hidden));
		assert.equal((await turnconf('doctor', '--config', '/nowhere/signald.conf')).code, 2);
	});
});
