// scripts/run as a person uses it: it starts, says where, stops, and says in one
// line what is in its way.
import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { access, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { runScript, startAppliance } from '../lib/appliance.mjs';
import { cleanEnv, makeFolder, root, until } from '../lib/daemon.mjs';
import { joinSession } from '../lib/session.mjs';
import { makeCertificate } from '../turnconf/coturn.mjs';
import { TurnClient } from '../turnconf/turn-client.mjs';

const execute = promisify(execFile);
const ADDRESS = '198.51.100.10';

function isAlive(pid) {
	try {
		process.kill(pid, 0);
		return true;
	} catch {
		return false;
	}
}

async function start(dir, ...args) {
	const result = await runScript(['--detach', '--no-build', '--dir', dir, ...args]);
	if (result.code === 0)
		result.state = JSON.parse(await readFile(path.join(dir, 'state.json'), 'utf8'));
	return result;
}

// One line on standard error that holds the words, and nothing left running.
async function assertRefused(dir, args, ...words) {
	const { code, stderr } = await start(dir, ...args);
	assert.equal(code, 1, stderr);
	const lines = stderr.trimEnd().split('\n').filter((line) => !line.startsWith('made '));
	assert.equal(lines.length, 1, stderr);
	for (const word of words)
		assert.ok(lines[0].includes(word), `${word} in: ${lines[0]}`);
	await assert.rejects(access(path.join(dir, 'state.json')));
}

// As its own page asks: guests come by that.
async function fetchList({ url, iceUrl }) {
	const { origin } = new URL(url);
	return (await fetch(iceUrl, { headers: { origin } })).json();
}

test('the state says where everything is, and it all answers', async (t) => {
	const appliance = await startAppliance(t);
	assert.equal(appliance.url, 'http://127.0.0.1:8080/');
	assert.equal(appliance.wsUrl, 'ws://127.0.0.1:8080/v1/ws');
	assert.equal(appliance.config, path.join(appliance.dir, 'signald.conf'));
	assert.match(await (await fetch(appliance.url)).text(), /<!doctype html>/i);
	const list = await fetchList(appliance);
	assert.equal(list.turn, true);
	assert.ok(list.iceServers.some(({ urls }) => urls.includes(`turn:${ADDRESS}:3478?transport=udp`)));
	assert.match(await (await fetch(appliance.metricsUrl)).text(), /^signald_turn_up 1$/m);
	for (const key of ['signaldPid', 'coturnPid', 'supervisorPid'])
		assert.ok(isAlive(appliance[key]), key);
});

test('coturn starts without a warning, and is no way in', async (t) => {
	const appliance = await startAppliance(t);
	// What it refuses to signald's own test of where it lets clients in is as it should be.
	const log = (await appliance.readLog('coturn')).replace(/^.*ERROR: A peer IP \S+ denied in the range: .*$/gm, '');
	assert.doesNotMatch(log, /warn|error|bad configuration|cannot/i);
	const config = await readFile(path.join(appliance.dir, 'turnserver.conf'), 'utf8');
	assert.deepEqual(config.match(/^allowed-peer-ip=.*$/gm), [`allowed-peer-ip=${ADDRESS}`]);
	assert.doesNotMatch(config, /allow-loopback-peers/);
	assert.match(config, /^denied-peer-ip=10\.0\.0\.0-10\.255\.255\.255$/m);
});

test('what holds a secret is for its owner only, and the secret stays', async (t) => {
	const dir = await makeFolder(t);
	const read = async () => /^secret = (.*)$/m.exec(await readFile(path.join(dir, 'signald.conf'), 'utf8'))[1];
	assert.equal((await start(dir)).code, 0);
	const secret = await read();
	assert.ok(secret.length >= 32);
	for (const name of ['signald.conf', 'turnserver.conf', 'state.json', 'signald.log', 'coturn.log'])
		assert.equal((await stat(path.join(dir, name))).mode & 0o077, 0, name);
	assert.equal((await runScript(['--stop', '--dir', dir])).code, 0);
	assert.equal((await start(dir)).code, 0);
	assert.equal(await read(), secret);
	await runScript(['--stop', '--dir', dir]);
	const other = await makeFolder(t);
	assert.equal((await start(other)).code, 0);
	assert.notEqual(/^secret = (.*)$/m.exec(await readFile(path.join(other, 'signald.conf'), 'utf8'))[1], secret);
	await runScript(['--stop', '--dir', other]);
});

test('a peer keeps its id over a stop and a start', async (t) => {
	const { dir, wsUrl } = await startAppliance(t);
	const peer = await joinSession(t, { wsUrl }, 'stopped');
	assert.equal((await runScript(['--stop', '--dir', dir])).code, 0);
	assert.equal((await peer.closed).code, 1012);
	assert.equal((await stat(path.join(dir, 'state'))).mode & 0o777, 0o700);
	assert.equal((await stat(path.join(dir, 'state/resume-keys'))).mode & 0o777, 0o600);
	assert.equal((await start(dir)).code, 0);
	assert.equal((await peer.resume()).type, 'resumed');
	assert.equal(peer.id, peer.joined.id);
});

test('--stop ends both and leaves no state; with nothing running it says so', async (t) => {
	const dir = await makeFolder(t);
	const { state, stdout } = await start(dir);
	assert.match(stdout, /^signald is ready: http:\/\/127\.0\.0\.1:8080\/ \(relay 198\.51\.100\.10:3478; logs in .*\)\nto end it: /m);
	assert.doesNotMatch(stdout, /Ctrl-C/);
	const stopped = await runScript(['--stop', '--dir', dir]);
	assert.equal(stopped.code, 0);
	for (const key of ['signaldPid', 'coturnPid', 'supervisorPid'])
		assert.equal(isAlive(state[key]), false, key);
	await assert.rejects(access(path.join(dir, 'state.json')));
	const again = await runScript(['--stop', '--dir', dir]);
	assert.equal(again.code, 0);
	assert.match(again.stdout, /nothing runs/);
});

test('a second start is refused, and disturbs nothing', async (t) => {
	const appliance = await startAppliance(t);
	const { code, stderr } = await start(appliance.dir);
	assert.equal(code, 1);
	assert.match(stderr, /already running .*http:\/\/127\.0\.0\.1:8080\//);
	// And comes before anything is built or installed.
	const built = await runScript(['--dir', appliance.dir], { PATH: await pathWithout(t, 'make') });
	assert.equal(built.code, 1);
	assert.equal(built.stdout, '');
	assert.match(built.stderr, /^run: already running .*\n$/);
	assert.equal((await fetch(`${appliance.url}readyz`)).status, 200);
	assert.ok(isAlive(appliance.signaldPid));
});

test('--set reaches signald and coturn', async (t) => {
	const appliance = await startAppliance(t, {
		'listen.address': '127.0.0.1:8181', 'listen.metrics': '', 'turn.port': 3999,
		'turn.realm': 'other.example' });
	assert.equal(appliance.url, 'http://127.0.0.1:8181/');
	assert.equal(appliance.metricsUrl, null);
	const config = await readFile(path.join(appliance.dir, 'turnserver.conf'), 'utf8');
	assert.match(config, /^listening-port=3999$/m);
	assert.match(config, /^realm=other\.example$/m);
	const { iceServers } = await fetchList(appliance);
	assert.deepEqual(iceServers[0].urls, [`stun:${ADDRESS}:3999`]);
});

// What of it is in effect, by a program of ours.
const effective = async (...args) => (await execute('build/signald', [...args, '--print-config'], { cwd: root, env: cleanEnv() })).stdout;

test('running.conf is what runs, --set included, for those who look at it', async (t) => {
	const sets = { 'listen.metrics': '127.0.0.1:9599', 'turn.port': 3998, 'turn.secret': randomBytes(24).toString('base64url'), 'http.origins': 'http://a.example, http://b.example' };
	const { dir, config } = await startAppliance(t, sets);
	const running = path.join(dir, 'running.conf');
	assert.equal((await stat(running)).mode & 0o777, 0o600);
	const args = Object.entries(sets).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
	assert.equal(await effective('--config', running), await effective('--config', config, ...args));
	const { stdout } = await execute('build/signald', ['ctl', '--config', running, '--json', 'status'], { cwd: root, env: cleanEnv() });
	assert.equal(JSON.parse(stdout).peers, 0);
	const doctor = await execute('build/turnconf', ['doctor', '--json', '--config', running, '--turnserver', path.join(dir, 'turnserver.conf')], { cwd: root, env: cleanEnv() })
		.catch((fault) => fault);
	const lines = JSON.parse(doctor.stdout).lines.filter(({ check }) => ['ports', 'signald', 'turnserver.conf', 'relay'].includes(check));
	assert.deepEqual(lines.filter(({ state }) => state === 'failed'), []);
	assert.ok(lines.some(({ check, state }) => check === 'signald' && state === 'ok'));
});

test('running.conf takes the place of any form of a key, and the last --set counts', async (t) => {
	const dir = await makeFolder(t);
	const first = await start(dir);
	assert.equal(first.code, 0, first.stderr);
	await runScript(['--stop', '--dir', dir]);
	const config = path.join(dir, 'signald.conf');
	await writeFile(path.join(dir, 'secret'), 'B'.repeat(40), { mode: 0o600 });
	const text = (await readFile(config, 'utf8')).replace(/^secret = .*$/m, `  secret_file: ${dir}/secret`);
	await writeFile(config, `${text}\n[log]\r\nlevel=debug\r\n`, { mode: 0o600 });
	const sets = ['--set', 'log.level=warn', '--set', 'log.level=error', '--set', `turn.secret=${'C'.repeat(40)}`, '--set', 'turn eu.host=192.0.2.1', '--set', 'turn eu.weight=3', '--set', 'turn.probe=no'];
	const second = await start(dir, ...sets);
	await runScript(['--stop', '--dir', dir]);
	assert.equal(second.code, 0, second.stderr);
	assert.equal(await effective('--config', path.join(dir, 'running.conf')), await effective('--config', config, ...sets));
});

test('when signald dies coturn is ended too, and the cause is said', async (t) => {
	const appliance = await startAppliance(t);
	process.kill(appliance.signaldPid, 'SIGKILL');
	await until('the end', () => !isAlive(appliance.supervisorPid));
	assert.equal(isAlive(appliance.coturnPid), false);
	assert.match(await appliance.readLog('run'), /run: signald ended by itself \(signal 9\); the end of .*signald\.log:\n {4}/);
	assert.equal((await runScript(['--stop', '--dir', appliance.dir])).code, 0);
});

const readState = async ({ dir }) => JSON.parse(await readFile(path.join(dir, 'state.json'), 'utf8'));

// A new process stands in the state.
const awaitCoturn = (appliance, before, limitMs) => until('another coturn', async () => {
	const { coturnPid } = await readState(appliance);
	return coturnPid !== before && isAlive(coturnPid) && coturnPid;
}, limitMs);

// An allocation with what signald gives out.
async function allocates(appliance, port = 3478) {
	const { iceServers } = await fetchList(appliance);
	const credential = iceServers.find(({ username }) => username);
	if (!credential)
		return false;
	const client = await TurnClient.open({ server: { address: ADDRESS, port }, credential });
	try {
		return (await client.allocate()).code === 200;
	} catch {
		return false;
	} finally {
		client.close();
	}
}

test('a coturn that dies is back within 5 s, and later each time', async (t) => {
	const appliance = await startAppliance(t);
	let pid = appliance.coturnPid;
	for (const pauseS of [1, 2, 4]) {
		const diedMs = performance.now();
		process.kill(pid, 'SIGKILL');
		pid = await awaitCoturn(appliance, pid, 10000);
		await until('it relays', () => allocates(appliance), 15000);
		const tookMs = performance.now() - diedMs;
		t.diagnostic(`coturn relays again ${Math.round(tookMs)} ms after its death`);
		assert.ok(tookMs >= pauseS * 1000, `${tookMs} ms`);
		if (pauseS === 1)
			assert.ok(tookMs < 5000, `${tookMs} ms`);
		await until('readiness', async () => (await fetch(`${appliance.url}readyz`)).status === 200, 15000);
		const log = await appliance.readLog('run');
		assert.match(log, new RegExp(`run: coturn ended by itself \\(signal 9\\), and is started again in ${pauseS} s; the end of .*coturn\\.log:\n {4}`));
	}
	const { signaldPid, supervisorPid } = await readState(appliance);
	assert.deepEqual([signaldPid, supervisorPid], [appliance.signaldPid, appliance.supervisorPid]);
	assert.equal((await runScript(['--stop', '--dir', appliance.dir])).code, 0);
	assert.equal(isAlive(pid), false);
});

// TURN on the port of TLS, which goes on to a second coturn.
async function startBoth(t) {
	const { cert, key } = await makeCertificate(await makeFolder(t), ADDRESS);
	const sets = { 'listen.tls': `${ADDRESS}:443`, 'tls.cert': cert, 'tls.key': key, 'turn.tunnel': '127.0.0.1:3479' };
	return startAppliance(t, sets);
}

const isReady = async ({ url }) => (await fetch(`${url}readyz`)).status === 200;

// Its secret in a file, so that coturn has it from its database.
async function startBySecretFile(t, port, sets = {}) {
	const secretFile = path.join(await makeFolder(t), 'secret');
	await writeFile(secretFile, `${randomBytes(24).toString('hex')}\n`, { mode: 0o600 });
	return startAppliance(t, { 'turn.secret_file': secretFile, 'turn.port': port, 'listen.metrics': '',
		'listen.address': `127.0.0.1:${port + 5000}`, ...sets });
}

test('two of them, and the system\'s database, keep their secrets to themselves', async (t) => {
	const system = '/var/lib/turn/turndb';
	const before = await readFile(system).catch(() => null);
	const first = await startBySecretFile(t, 3478);
	assert.ok(await isReady(first));
	const second = await startBySecretFile(t, 3480);
	assert.ok(await isReady(second));
	for (const [appliance, port] of [[first, 3478], [second, 3480]])
		assert.ok(await allocates(appliance, port), `at ${port}`);
	const databases = await Promise.all([first, second].map(async ({ config }) =>
		/^userdb = (.*)$/m.exec(await readFile(config, 'utf8'))[1]));
	assert.equal(new Set([...databases, system]).size, 3);
	assert.equal((await runScript(['--stop', '--dir', second.dir])).code, 0);
	assert.ok(await allocates(first, 3478), 'while the other one is stopped');
	assert.deepEqual(await readFile(system).catch(() => null), before);
	assert.equal((await runScript(['--stop', '--dir', first.dir])).code, 0);
	for (const database of databases.filter((file) => file.startsWith('/var/lib/turn/')))
		await assert.rejects(access(path.dirname(database)), 'nothing is left of it');
});

test('a configuration that names the system\'s database, or another folder\'s, gets its own', async (t) => {
	const dir = await makeFolder(t);
	const file = path.join(dir, 'signald.conf');
	assert.equal((await start(dir)).code, 0);
	const before = await readFile(file, 'utf8');
	for (const other of ['turndb', 'signald-0123456789abcdef/turndb']) {
		await runScript(['--stop', '--dir', dir]);
		await writeFile(file, before.replace(/^userdb = .*$/m, `userdb = /var/lib/turn/${other}`));
		assert.equal((await start(dir)).code, 0);
		assert.equal(await readFile(file, 'utf8'), before);
		assert.match(await readFile(path.join(dir, 'run.log'), 'utf8'), /a database of its own/);
	}
	await runScript(['--stop', '--dir', dir]);
});

test('what it makes can be used from any folder', async (t) => {
	const { config } = await startAppliance(t);
	const text = await readFile(config, 'utf8');
	for (const key of ['root', 'client_files', 'userdb', 'pidfile', 'dir'])
		assert.match(text, new RegExp(`^${key} = /`, 'm'));
});

// A client that gets out on 443 alone, with what an ICE list has for it, or null.
async function openByTls({ iceServers }) {
	const credential = iceServers.find(({ urls }) => urls.includes(`turns:${ADDRESS}:443?transport=tcp`));
	if (!credential)
		return null;
	const socket = tls.connect({ host: ADDRESS, port: 443, rejectUnauthorized: false });
	await once(socket, 'secureConnect');
	return Object.assign(TurnClient.overStream(socket, credential), { ended: once(socket, 'end') });
}

// The relayed port that it gets, or null.
async function allocatesByTls(appliance) {
	let client = null;
	try {
		client = await openByTls(await fetchList(appliance));
		const answer = await client?.allocate();
		return answer?.code === 200 ? answer.relayed.port : null;
	} catch {
		return null;
	} finally {
		client?.close();
	}
}

test('with listen.tls and turn.tunnel there are two coturns, and both are watched', async (t) => {
	const appliance = await startBoth(t);
	assert.match(await appliance.readLog('run'), /\(relay 198\.51\.100\.10:3478, TLS on 198\.51\.100\.10:443; logs in /);
	const port = await until('it relays for who comes by TLS', () => allocatesByTls(appliance));
	assert.ok(port >= 45056 && port <= 49151, `${port}`);
	const { origin } = new URL(appliance.url);
	const peer = await joinSession(t, { ...appliance, origin }, 'kicked');
	const client = await openByTls(peer.joined);
	t.after(() => client.close());
	assert.equal((await client.allocate()).code, 200);
	const key = (await readFile(path.join(appliance.dir, 'state/admin-key'), 'utf8')).trim();
	const kicked = await fetch(new URL(`/v1/admin/peers/${peer.id}`, appliance.metricsUrl), { method: 'DELETE', headers: { Authorization: `Bearer ${key}` } });
	assert.equal(kicked.status, 204);
	const kickedMs = performance.now();
	await client.ended; // coturn closes a connection with its allocation
	assert.ok(performance.now() - kickedMs < 2000);
	assert.doesNotMatch((await appliance.readLog('coturn-tunnel')).replace(/^.*ERROR: A peer IP \S+ denied in the range: .*$/gm, ''), /warn|error|bad configuration|cannot/i);

	process.kill(appliance.coturnTunnelPid, 'SIGKILL');
	const second = await until('another one', async () => {
		const { coturnTunnelPid: pid } = await readState(appliance);
		return pid !== appliance.coturnTunnelPid && isAlive(pid) && pid;
	}, 10000);
	assert.match(await appliance.readLog('run'), /run: coturn-tunnel ended by itself \(signal 9\), and is started again in 1 s; the end of .*coturn-tunnel\.log:\n {4}/);
	await until('it relays again', () => allocatesByTls(appliance), 15000);
	const state = await readState(appliance);
	assert.deepEqual([state.coturnPid, state.signaldPid], [appliance.coturnPid, appliance.signaldPid]);

	// Each has a pause of its own, and one that is away does not hold up the other.
	process.kill(second, 'SIGKILL');
	process.kill(state.coturnPid, 'SIGKILL');
	await awaitCoturn(appliance, state.coturnPid, 10000);
	await until('the second one', async () => isAlive((await readState(appliance)).coturnTunnelPid), 10000);
	const log = await appliance.readLog('run');
	assert.match(log, /run: coturn ended .* again in 1 s/);
	assert.match(log, /run: coturn-tunnel ended .* again in 2 s/);
	await until('both relay', async () => await allocates(appliance) && await allocatesByTls(appliance), 15000);

	const last = await readState(appliance);
	assert.equal((await runScript(['--stop', '--dir', appliance.dir])).code, 0);
	for (const key of ['signaldPid', 'coturnPid', 'coturnTunnelPid', 'supervisorPid'])
		assert.equal(isAlive(last[key]), false, key);
});

test('both coturns end with signald, and with what a killed supervisor left', async (t) => {
	const appliance = await startBoth(t);
	process.kill(appliance.supervisorPid, 'SIGKILL');
	await until('it is gone', () => !isAlive(appliance.supervisorPid));
	assert.equal((await runScript(['--stop', '--dir', appliance.dir])).code, 0);
	const other = await startBoth(t);
	process.kill(other.signaldPid, 'SIGKILL');
	await until('the end', () => !isAlive(other.supervisorPid));
	for (const { coturnPid, coturnTunnelPid } of [appliance, other])
		assert.deepEqual([isAlive(coturnPid), isAlive(coturnTunnelPid)], [false, false]);
});

test('while coturn is away signald may die, or all be stopped', async (t) => {
	for (const end of ['death', 'stop']) {
		const appliance = await startAppliance(t);
		process.kill(appliance.coturnPid, 'SIGKILL');
		await until('it is noticed', async () => /started again in 1 s/.test(await appliance.readLog('run')));
		if (end === 'death')
			process.kill(appliance.signaldPid, 'SIGKILL');
		else
			assert.equal((await runScript(['--stop', '--dir', appliance.dir])).code, 0);
		await until('the end', () => !isAlive(appliance.supervisorPid));
		assert.equal(isAlive(appliance.signaldPid), false);
		await assert.rejects(access(path.join(appliance.dir, 'state.json')));
		assert.equal((await runScript(['--stop', '--dir', appliance.dir])).code, 0);
	}
});

test('what a killed supervisor left is ended by the next start, and by --stop', async (t) => {
	const dir = await makeFolder(t);
	const first = (await start(dir)).state;
	process.kill(first.supervisorPid, 'SIGKILL');
	await until('it is gone', () => !isAlive(first.supervisorPid));
	const second = (await start(dir)).state;
	assert.equal(isAlive(first.signaldPid), false);
	process.kill(second.supervisorPid, 'SIGKILL');
	await until('it is gone', () => !isAlive(second.supervisorPid));
	assert.equal((await runScript(['--stop', '--dir', dir])).code, 0);
	for (const key of ['signaldPid', 'coturnPid'])
		assert.equal(isAlive(second[key]), false, key);
});

test('a stale state names strangers, and they are left alone', async (t) => {
	const dir = await makeFolder(t);
	const stranger = spawn('sleep', ['60']);
	t.after(() => stranger.kill());
	await writeFile(path.join(dir, 'state.json'), JSON.stringify({
		url: 'http://127.0.0.1:1/', signaldPid: stranger.pid, coturnPid: stranger.pid, supervisorPid: stranger.pid }, null, '\t'));
	const { code, state } = await start(dir);
	assert.equal(code, 0);
	assert.ok(isAlive(stranger.pid));
	await runScript(['--stop', '--dir', dir]);
	assert.ok(isAlive(stranger.pid));
	assert.equal(isAlive(state.signaldPid), false);
});

test('in the foreground it says the address, and a Ctrl-C ends it all', async (t) => {
	const dir = await makeFolder(t);
	const child = spawn('scripts/run', ['--no-build', '--dir', dir], { cwd: root, env: cleanEnv() });
	let text = '';
	child.stdout.setEncoding('utf8').on('data', (chunk) => (text += chunk));
	await until('the address', () => /signald is ready: http:\/\/127\.0\.0\.1:8080\/ .*\(Ctrl-C ends it all\)\n/.test(text));
	const state = JSON.parse(await readFile(path.join(dir, 'state.json'), 'utf8'));
	const exit = once(child, 'exit');
	child.kill('SIGINT');
	assert.deepEqual(await exit, [130, null]);
	assert.equal(isAlive(state.signaldPid), false);
	assert.equal(isAlive(state.coturnPid), false);
	await assert.rejects(access(path.join(dir, 'state.json')));
});

test('a port in use is said with its holder', async (t) => {
	const server = net.createServer().listen(8080, '127.0.0.1');
	t.after(() => server.close());
	await once(server, 'listening');
	await assertRefused(await makeFolder(t), [], 'tcp port 8080', 'in use', `pid ${process.pid}`, 'listen.address');
});

test('so is coturn\'s', async (t) => {
	const socket = dgram.createSocket('udp4');
	socket.bind(3478, '0.0.0.0');
	t.after(() => socket.close());
	await once(socket, 'listening');
	await assertRefused(await makeFolder(t), [], 'udp port 3478', 'in use', 'turn.port');
});

test('so are the ports of TLS and of the second coturn', async (t) => {
	const server = net.createServer().listen(3479, '127.0.0.1');
	t.after(() => server.close());
	await once(server, 'listening');
	const { cert, key } = await makeCertificate(await makeFolder(t), ADDRESS);
	const sets = (listen) => [`listen.tls=${listen}`, `tls.cert=${cert}`, `tls.key=${key}`, 'turn.tunnel=127.0.0.1:3479'].flatMap((set) => ['--set', set]);
	await assertRefused(await makeFolder(t), sets('127.0.0.1:8443'), 'tcp port 3479', 'in use', 'turn.tunnel');
	await assertRefused(await makeFolder(t), sets('[::1]:8443, 127.0.0.1:3479'), 'tcp port 3479', 'in use', 'listen.tls');
});

test('a bad setting, a bad folder and a bad argument are one line each', async (t) => {
	const dir = await makeFolder(t);
	await assertRefused(dir, ['--set', 'turn.ttl_s=soon'], 'turn.ttl_s', '86400');
	await assertRefused(dir, ['--set', 'turn.tls=yes'], 'cert');
	for (const [args, word, expected] of [[['--dir', '/proc/none'], '/proc/none', 1], [['--frobnicate'], '--frobnicate', 64], [['--set'], '--set', 64],
		[['--set', 'soon'], 'SECTION.KEY=VALUE', 64]]) {
		const { code, stderr } = await runScript(['--no-build', ...args]);
		assert.equal(code, expected);
		assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
		assert.ok(stderr.includes(word), stderr);
	}
	const { code, stdout } = await runScript(['--help']);
	assert.equal(code, 0);
	assert.match(stdout, /--detach/);
});

test('scripts/test says what is wrong with its arguments', () => {
	for (const args of [['--foo'], ['--prepare', '--foo']]) {
		const { status, stdout, stderr } = spawnSync('scripts/test', args, { cwd: root, encoding: 'utf8' });
		assert.deepEqual({ status, stdout, stderr }, { status: 64, stdout: '', stderr: `test: unknown arguments ${args.join(' ')}; see scripts/test --help\n` });
	}
	assert.match(spawnSync('scripts/test', ['--help'], { cwd: root, encoding: 'utf8' }).stdout, /^usage: scripts\/test /);
});

test('without coturn it says what to install', async (t) => {
	const { code, stderr } = await runScript(['--no-build', '--dir', await makeFolder(t)],
		{ PATH: await pathWithout(t, 'turnserver') });
	assert.equal(code, 1);
	assert.match(stderr, /^run: .*turnserver is missing: apt-get install coturn\n$/);
});

// A PATH with every program but one.
async function pathWithout(t, name) {
	const folder = await makeFolder(t);
	for (const program of await readdir('/usr/bin'))
		if (program !== name)
			await symlink(path.join('/usr/bin', program), path.join(folder, program));
	return folder;
}

test('when the machine has moved to another address, the configuration follows', async (t) => {
	const dir = await makeFolder(t);
	assert.equal((await start(dir)).code, 0);
	await runScript(['--stop', '--dir', dir]);
	const file = path.join(dir, 'signald.conf');
	const before = await readFile(file, 'utf8');
	await writeFile(file, before.replaceAll(ADDRESS, '192.0.2.77'));
	const { code, state } = await start(dir);
	assert.equal(code, 0);
	assert.equal(await readFile(file, 'utf8'), before);
	assert.equal((await fetchList(state)).turn, true);
	await runScript(['--stop', '--dir', dir]);
});
