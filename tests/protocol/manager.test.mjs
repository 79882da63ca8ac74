// Under a service manager: what it is told, and sockets that it has opened.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import https from 'node:https';
import net from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { cleanEnv, freePort, makeFolder, program, startDaemon, until } from '../lib/daemon.mjs';
import { atEnd } from '../lib/ending.mjs';
import { listenToService, openSocket } from '../lib/manager.mjs';
import { joinPeer } from '../lib/peer.mjs';
import { makeCertificate } from '../lib/tls.mjs';

const isRoot = process.getuid() === 0;
const isReady = (said) => said.READY === '1';

const START = 'export LISTEN_PID=${LISTEN_PID-$$}; exec "$0" "$@"';
const START_TWICE = `sh -c '${START}' "$0" "$@"; ${START}`;

/*
 * Start signald with sockets from descriptor 3 on, for itself unless LISTEN_PID
 * says otherwise; with isTwice a second one when the first has ended. The sockets
 * are theirs then.
 */
function spawnWith(t, sockets, sets, env = {}, isTwice = false) {
	const child = spawn('sh', ['-c', isTwice ? START_TWICE : START, program,
		...Object.entries(sets).flatMap(([key, value]) => ['--set', `${key}=${value}`])],
	{
		env: cleanEnv({ LISTEN_FDS: sockets.length, ...env }), detached: true,
		stdio: ['ignore', 'ignore', 'pipe', ...sockets.map(({ fd }) => fd)],
	});
	const daemon = { child, log: '' };
	for (const socket of sockets)
		socket.close();
	child.stderr.setEncoding('utf8').on('data', (text) => (daemon.log += text));
	daemon.exit = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })));
	atEnd(t, async () => {
		if (child.exitCode === null)
			process.kill(-child.pid, 'SIGKILL');
		await daemon.exit;
	});
	daemon.says = (pattern) => until(`${pattern} in ${daemon.log}`, () => daemon.log.match(pattern));
	return daemon;
}

function skipLowPort() {
	if (!isRoot)
		return 'only root can take it away';
	return Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start')) < 1024 && 'here they are for everybody';
}

async function healthOf(port, host = '127.0.0.1') {
	return (await fetch(`http://${host}:${port}/healthz`)).status;
}

// All that comes until the end, which may be a reset.
async function textOf(socket) {
	let text = '';
	socket.setEncoding('utf8').on('data', (more) => (text += more)).on('error', () => {});
	if (!socket.closed)
		await once(socket, 'close').catch(() => {});
	return text;
}

async function firstChild(pid) {
	return Number((await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).split(' ')[0]);
}

// Most of it is waiting.
describe('the manager is told', { concurrency: true }, () => {
	test('of start, state and end', async (t) => {
		const manager = await listenToService(t);
		const daemon = await startDaemon(t, { env: { NOTIFY_SOCKET: manager.name } });
		const ready = await manager.hear('READY=1', isReady);
		assert.deepEqual(ready.said, { READY: '1', STATUS: 'serving 0 peers in 0 rooms; no TURN server is configured' });
		assert.equal(manager.heard[0], ready);
		await joinPeer(t, daemon, 'manager');
		await manager.hear('the peer', (said) => /^serving 1 peer in 1 room;/.test(said.STATUS), 15000);
		daemon.signal('SIGTERM');
		const stopping = await manager.hear('STOPPING=1', (said) => said.STOPPING === '1');
		assert.match(stopping.said.STATUS, /^draining: 1 peer /);
		assert.ok(Number(stopping.said.EXTEND_TIMEOUT_USEC) >= 3000000);
		assert.equal((await daemon.ended()).code, 0);
	});

	test('at an abstract address too', async (t) => {
		const manager = await listenToService(t, `@signald-test-${process.pid}`);
		await startDaemon(t, { env: { NOTIFY_SOCKET: manager.name } });
		await manager.hear('READY=1', isReady);
	});

	test('of a reload, with its time, and why one was refused', async (t) => {
		const manager = await listenToService(t);
		const daemon = await startDaemon(t, { config: '[websocket]\n', env: { NOTIFY_SOCKET: manager.name } });
		await manager.hear('READY=1', isReady);
		const beganUs = Number(process.hrtime.bigint() / 1000n);
		daemon.signal('SIGHUP');
		const reloading = await manager.hear('RELOADING=1', (said) => said.RELOADING === '1');
		assert.ok(Number(reloading.said.MONOTONIC_USEC) >= beganUs);
		assert.ok(Number(reloading.said.MONOTONIC_USEC) <= reloading.us);
		assert.doesNotMatch((await manager.hear('READY=1', isReady)).said.STATUS, /refused/);
		await writeFile(daemon.configPath, '[websocket]\nmax_message_bytes = many\n');
		daemon.signal('SIGHUP');
		await manager.hear('RELOADING=1', (said) => said.RELOADING === '1');
		assert.match((await manager.hear('READY=1', isReady)).said.STATUS,
			/^serving .*; the last reload was refused: .*:2: .*max_message_bytes/);
		await writeFile(daemon.configPath, '[websocket]\n');
		daemon.signal('SIGHUP');
		await manager.hear('RELOADING=1', (said) => said.RELOADING === '1');
		assert.doesNotMatch((await manager.hear('READY=1', isReady)).said.STATUS, /refused/);
	});

	test('twice in the watchdog\'s time that the loop turns, and not when it stands still', async (t) => {
		const manager = await listenToService(t);
		const daemon = await startDaemon(t, { env: { NOTIFY_SOCKET: manager.name, WATCHDOG_USEC: 2000000 } });
		const isAlive = (said) => said.WATCHDOG === '1';
		const times = [];
		for (let i = 0; i < 4; i++)
			times.push((await manager.hear('WATCHDOG=1', isAlive)).us);
		for (let i = 1; i < times.length; i++)
			assert.ok(times[i] - times[i - 1] > 600000 && times[i] - times[i - 1] < 2000000, String(times));
		daemon.signal('SIGSTOP');
		await until('it is stopped', async () => {
			const before = manager.heard.length;
			await delay(2100);
			return manager.heard.length === before;
		});
		daemon.signal('SIGCONT');
		await manager.hear('WATCHDOG=1', isAlive);
	});

	test('nothing by a socket that is none, which is no reason not to start', async (t) => {
		const daemon = await startDaemon(t, { env: { NOTIFY_SOCKET: 'vsock:2:1' } });
		assert.match(daemon.log, /warn notify\.fail/);
		await joinPeer(t, daemon, 'unheard');
	});
});

describe('sockets of the manager', () => {
	test('serve the address that they are bound to, beside those that signald opens', async (t) => {
		const [plain, metrics, own] = [await openSocket(t, '127.0.0.1'), await openSocket(t, '127.0.0.1'), await freePort()];
		const manager = await listenToService(t);
		const daemon = spawnWith(t, [metrics, plain], {
			'listen.address': `127.0.0.1:${plain.port},127.0.0.1:${own}`, 'listen.metrics': `127.0.0.1:${metrics.port}`,
		}, { LISTEN_FDNAMES: 'operators:web', NOTIFY_SOCKET: manager.name });
		// Ready means that all of them answer, filter and all.
		await manager.hear('READY=1', isReady);
		for (const port of [plain.port, own])
			assert.equal(await healthOf(port), 200);
		assert.equal((await fetch(`http://127.0.0.1:${metrics.port}/metrics`)).status, 200);
		assert.match(daemon.log, new RegExp(`server\\.listen address=127.0.0.1:${plain.port} for=http inherited=web`));
		assert.match(daemon.log, new RegExp(`address=127.0.0.1:${own} for=http\n`));
		assert.match(daemon.log, /for=metrics inherited=operators/);
	});

	test('serve TLS', async (t) => {
		const [plain, tls] = [await freePort(), await openSocket(t, '127.0.0.1')];
		const { cert, key } = await makeCertificate(await makeFolder(t));
		const daemon = spawnWith(t, [tls], {
			'listen.address': `127.0.0.1:${plain}`, 'listen.metrics': '', 'listen.tls': `127.0.0.1:${tls.port}`, 'tls.cert': cert, 'tls.key': key,
		});
		await daemon.says(/server\.start/);
		assert.match(daemon.log, /for=tls inherited=/);
		const answer = await new Promise((resolve, reject) => {
			https.get(`https://127.0.0.1:${tls.port}/healthz`, { rejectUnauthorized: false }, resolve).on('error', reject);
		});
		assert.equal(answer.statusCode, 200);
		answer.destroy();
	});

	test('below 1024 need no right of root', { skip: !isRoot && 'only root can' }, async (t) => {
		let low;
		for (let port = 900; !low; port--)
			low = await openSocket(t, '127.0.0.1', port).catch(() => null);
		const daemon = spawnWith(t, [low], { 'listen.address': `127.0.0.1:${low.port}`, 'listen.metrics': '', 'process.user': 'nobody' });
		await daemon.says(/server\.start/);
		assert.equal(await healthOf(low.port), 200);
	});

	test('are named to whom may not open a port below 1024', { skip: skipLowPort() }, async () => {
		const { status, stderr } = spawnSync('setpriv', ['--bounding-set=-net_bind_service', program,
			'--set', 'listen.address=127.0.0.1:81', '--set', 'listen.metrics='], { env: cleanEnv(), encoding: 'utf8', timeout: 10000 });
		assert.equal(status, 1);
		assert.match(stderr, /address=127\.0\.0\.1:81 error="Permission denied: a port below 1024 .* \(signald\.socket\)"/);
	});

	test('keep who comes until the next process is there', async (t) => {
		const socket = await openSocket(t, '127.0.0.1');
		const daemon = spawnWith(t, [socket],
			{ 'listen.address': `127.0.0.1:${socket.port}`, 'listen.metrics': '', 'drain.spread_s': 0 }, {}, true);
		await daemon.says(/server\.start/);
		process.kill(-daemon.child.pid, 'SIGSTOP');
		const waiting = healthOf(socket.port);
		process.kill(await firstChild(daemon.child.pid), 'SIGKILL');
		process.kill(-daemon.child.pid, 'SIGCONT');
		// Whom the first had not accepted is the second's.
		assert.equal(await waiting, 200);
		await daemon.says(/server\.start[^]*server\.start/);
	});

	test('leave whom the first process has let in to it, to the last answer', async (t) => {
		const socket = await openSocket(t, '127.0.0.1');
		const daemon = spawnWith(t, [socket],
			{ 'listen.address': `127.0.0.1:${socket.port}`, 'listen.metrics': '', 'drain.spread_s': 0 }, {}, true);
		await daemon.says(/server\.start/);
		const slow = net.connect(socket.port, '127.0.0.1');
		await once(slow, 'connect');
		slow.write('GET /healthz HTTP/1.1\r\nHost: x\r\n');
		assert.equal(await healthOf(socket.port), 200); // so it was accepted as well
		process.kill(await firstChild(daemon.child.pid), 'SIGTERM');
		await daemon.says(/server\.drain/);
		await delay(150);
		// By a connection of its own: fetch() would take the one from before.
		const late = net.connect(socket.port, '127.0.0.1');
		late.write('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
		slow.end('\r\n');
		assert.match(await textOf(slow), /^HTTP\/1\.1 200 /);
		// Who came meanwhile waits for the second.
		assert.match(await textOf(late), /^HTTP\/1\.1 200 /);
		await daemon.says(/server\.start[^]*server\.end[^]*server\.start/);
	});

	test('that no address asks for end the start with a sentence', async (t) => {
		const [asked, other] = [await openSocket(t, '127.0.0.1'), await openSocket(t, '127.0.0.1')];
		const daemon = spawnWith(t, [asked, other], { 'listen.address': `127.0.0.1:${asked.port}`, 'listen.metrics': '' },
			{ LISTEN_FDNAMES: 'signald.socket:signald.socket' });
		assert.equal((await daemon.exit).code, 1);
		assert.match(daemon.log, new RegExp(`server\\.fail what=listen address=127.0.0.1:${other.port} inherited=signald.socket `
			+ 'error="a socket was inherited for it, and none of listen.address, listen.tls, listen.redirect and listen.metrics has this address'));
	});

	test('of IPv6 that take IPv4 as well are refused, those of IPv6 alone are not', async (t) => {
		const both = await openSocket(t, '::');
		const refused = spawnWith(t, [both], { 'listen.address': `[::]:${both.port}`, 'listen.metrics': '' });
		assert.equal((await refused.exit).code, 1);
		assert.match(refused.log, /it is of \[::\] and takes IPv4 as well \(BindIPv6Only=ipv6-only\)/);
		const alone = await openSocket(t, '::', 0, { ipv6Only: true });
		const daemon = spawnWith(t, [alone], { 'listen.address': `[::]:${alone.port}`, 'listen.metrics': '' });
		await daemon.says(/server\.start/);
		assert.equal(await healthOf(alone.port, '[::1]'), 200);
	});

	test('of another process are left alone', async (t) => {
		const socket = await openSocket(t, '127.0.0.1');
		const port = await freePort();
		const daemon = spawnWith(t, [socket], { 'listen.address': `127.0.0.1:${port}`, 'listen.metrics': '' }, { LISTEN_PID: '1' });
		await daemon.says(/server\.start/);
		assert.doesNotMatch(daemon.log, /inherited/);
		assert.equal(await healthOf(port), 200);
	});

	test('of systemd itself serve', async (t) => {
		const port = await freePort();
		const child = spawn('systemd-socket-activate', ['--listen', `127.0.0.1:${port}`, program,
			'--set', `listen.address=127.0.0.1:${port}`, '--set', 'listen.metrics='], { env: cleanEnv(), stdio: ['ignore', 'ignore', 'pipe'] });
		let log = '';
		child.stderr.setEncoding('utf8').on('data', (text) => (log += text));
		const ended = new Promise((resolve) => child.on('close', resolve));
		atEnd(t, async () => {
			child.kill('SIGKILL');
			await ended;
		});
		await until('it listens', () => /Listening on/.test(log));
		assert.equal(await healthOf(port), 200);
		assert.match(log, /for=http inherited=/);
	});
});
