// The daemon's proof that a TURN server relays, against the real coturn.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { OTHER4, PRIVATE4, PUBLIC4, PUBLIC6, SECRET, allocated, bareConf, generate, makeFolder, startCoturn, writeConf } from './coturn.mjs';
import { METHOD, TurnClient, mintCredential } from './turn-client.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const tool = path.resolve(root, process.env.PROOF_TOOL ?? 'build/proof-tool');
const run = promisify(execFile);

const TRANSPORTS = /** @type {const} */ (['udp', 'tcp']);
const SHORT_MS = 1000;

// One proof; what it found, with the time it took.
async function prove(transport, { address = PUBLIC4, port = 3478, secret = SECRET, timeoutMs = 5000 } = {}) {
	const host = net.isIPv6(address) ? `[${address}]` : address;
	const began = performance.now();
	const { stdout } = await run(tool, [`${host}:${port}`, transport, secret, `${timeoutMs}`]);
	return { ...JSON.parse(stdout), tookMs: performance.now() - began };
}

// The same as soon as the quota lets it, within 5 s. coturn keeps what was
// refused for a minute, by its port: tries without a pause would soon meet the
// port of an earlier one.
async function proveWhenFree(transport) {
	const ends = performance.now() + 5000;

	for (;;) {
		const result = await prove(transport);
		if (!/^Allocate refused: 486/.test(result.reason) || performance.now() > ends)
			return result;
		await delay(200);
	}
}

function assertProven({ tookMs, roundTripMs, ...result }) {
	assert.deepEqual(result, { ok: true });
	assert.ok(roundTripMs >= 0 && roundTripMs <= tookMs, `${roundTripMs} ms of ${tookMs}`);
}

function assertFailed({ tookMs, ...result }, step, reason) {
	assert.deepEqual(result, { ok: false, ours: false, step, reason });
}

async function start(t, more = {}, server = undefined) {
	const { file, stderr } = await generate(await makeFolder(t), more);
	assert.equal(stderr, '');
	return startCoturn(t, file, server);
}

// coturn with less than turnconf would write.
async function startBare(t, lines) {
	return startCoturn(t, await writeConf(await makeFolder(t), ...lines));
}

// A message's first two bytes: its method and class.
const typeOf = (bytes) => (bytes.length < 20 ? -1 : bytes.readUInt16BE(0));

const SEND = METHOD.send | 0x10;
const LOCKSTEP = [METHOD.allocate, METHOD.allocate, METHOD.createPermission, SEND, METHOD.refresh];

// A way to coturn on which onMessage sees the type of each of the client's
// messages before it goes on; they come one by one, over TCP too.
function passThrough(t, transport, onMessage) {
	return transport === 'udp' ? passDatagrams(t, onMessage) : passStream(t, onMessage);
}

async function passDatagrams(t, onMessage) {
	const front = dgram.createSocket('udp4');
	const back = dgram.createSocket('udp4');
	let client;
	t.after(() => (front.close(), back.close()));
	front.bind(0, PUBLIC4);
	back.bind(0, PUBLIC4);
	await Promise.all([once(front, 'listening'), once(back, 'listening')]);
	front.on('message', async (bytes, from) => {
		client = from;
		await onMessage(typeOf(bytes));
		back.send(bytes, 3478, PUBLIC4);
	});
	back.on('message', (bytes) => front.send(bytes, client.port, client.address));
	return front.address().port;
}

async function passStream(t, onMessage) {
	const server = net.createServer((front) => {
		const back = net.connect(3478, PUBLIC4);
		t.after(() => (front.destroy(), back.destroy()));
		front.on('data', async (bytes) => {
			await onMessage(typeOf(bytes));
			back.write(bytes);
		});
		back.on('data', (bytes) => front.write(bytes));
		for (const [one, other] of [[front, back], [back, front]]) {
			one.on('error', () => {}); // "close" follows
			one.on('close', () => other.destroy());
		}
	});
	t.after(() => server.close());
	server.listen(0, PUBLIC4);
	await once(server, 'listening');
	return server.address().port;
}

// SIGSTOP reaches one thread after the other.
async function stop(child) {
	child.kill('SIGSTOP');
	const tasks = `/proc/${child.pid}/task`;
	for (;;) {
		const stats = await Promise.all((await readdir(tasks)).map((id) => readFile(`${tasks}/${id}/stat`, 'utf8')));
		if (stats.every((stat) => /\) T /.test(stat)))
			return;
		await delay(1);
	}
}

async function kill(coturn) {
	coturn.child.kill('SIGKILL');
	await coturn.exit;
}

before(async () => {
	if (!process.env.PROOF_TOOL)
		await run('make', ['-s', 'build/proof-tool'], { cwd: root });
});

describe('a relay is proven', () => {
	for (const transport of TRANSPORTS) {
		test(`over ${transport}`, async (t) => {
			const seen = [];
			await start(t);
			assertProven(await prove(transport));
			const port = await passThrough(t, transport, (type) => seen.push(type));
			assertProven(await prove(transport, { port }));
			assert.deepEqual(seen, LOCKSTEP);
		});

		test(`over ${transport} and IPv6`, async (t) => {
			await start(t, { 'coturn.listening_ip': PUBLIC6, 'coturn.relay_ip': PUBLIC6 }, { address: PUBLIC6, port: 3478 });
			assertProven(await prove(transport, { address: PUBLIC6 }));
		});

		test(`over ${transport}, behind NAT`, async (t) => {
			await start(t, { 'coturn.relay_ip': PRIVATE4, 'coturn.external_ip': OTHER4 });
			assertProven(await prove(transport));
		});

		// What is given back is free at coturn's next second; what is not, after
		// ten minutes.
		test(`over ${transport}, again and again with a quota of one`, async (t) => {
			await startBare(t, [...bareConf(await makeFolder(t)), 'user-quota=1']);
			for (let i = 0; i < 3; i++)
				assertProven(await proveWhenFree(transport));
		});
	}
});

describe('what is wrong is told', () => {
	for (const transport of TRANSPORTS) {
		const over = transport.toUpperCase();

		test(`another secret, over ${transport}`, async (t) => {
			await start(t);
			assertFailed(await prove(transport, { secret: 'another' }), 'allocate',
				'the server refuses the credential (401): is turn.secret, or turn.redis, the one of its configuration, and its clock right?');
		});

		test(`no coturn, over ${transport}`, async () => {
			const result = await prove(transport);
			assertFailed(result, transport === 'udp' ? 'allocate' : 'connect', `nothing listens there over ${over}`);
			assert.ok(result.tookMs < 3000, `${result.tookMs} ms`);
		});

		test(`the relay's own address is denied, over ${transport}`, async (t) => {
			const seen = [];
			await startBare(t, [...bareConf(await makeFolder(t)), `denied-peer-ip=${PUBLIC4}`]);
			const port = await passThrough(t, transport, (type) => seen.push(type));
			assertFailed(await prove(transport, { port }), 'permission',
				'the server forbids its own relay address (403): does denied-peer-ip cover it?');
			assert.deepEqual(seen, LOCKSTEP.filter((type) => type !== SEND));
		});

		test(`the quota is used up, over ${transport}`, async (t) => {
			const coturn = await startBare(t, [...bareConf(await makeFolder(t)), 'user-quota=1']);
			await allocated(t, coturn, {}, mintCredential(SECRET, 'proof'));
			assertFailed(await prove(transport), 'allocate', 'Allocate refused: 486, the quota is used up');
		});

		test(`no credential is asked for, over ${transport}`, async (t) => {
			const lines = bareConf(await makeFolder(t)).filter((line) => !/secret/.test(line));
			await startBare(t, [...lines, 'no-auth']);
			assertFailed(await prove(transport), 'allocate',
				'the server asks for no credential: anybody can relay through it');
		});

		for (const [method, step, reason] of [
			['allocate', 'allocate', `no answer to Allocate over ${over} within 1 s`],
			['createPermission', 'permission', `no answer to CreatePermission over ${over} within 1 s`],
			['refresh', 'release', `no answer to Refresh over ${over} within 1 s`],
		]) {
			test(`coturn hangs at ${method}, over ${transport}`, async (t) => {
				const coturn = await start(t);
				const port = await passThrough(t, transport, (type) =>
					type === METHOD[method] && stop(coturn.child));
				const result = await prove(transport, { port, timeoutMs: SHORT_MS });
				assertFailed(result, step, reason);
				assert.ok(result.tookMs < 3 * SHORT_MS, `${result.tookMs} ms`);
			});
		}

		test(`coturn hangs with the datagram, over ${transport}`, async (t) => {
			const coturn = await start(t);
			const port = await passThrough(t, transport, (type) => type === SEND && stop(coturn.child));
			assertFailed(await prove(transport, { port, timeoutMs: SHORT_MS }), 'relay',
				'the relayed datagram did not come back within 1 s');
		});
	}

	test('the port has been that of another user, over udp', async (t) => {
		const coturn = await start(t);
		const port = await passThrough(t, 'udp', () => {});
		const other = await TurnClient.open({
			server: { address: PUBLIC4, port }, credential: mintCredential('another', 'other') });
		t.after(() => other.close());
		assert.equal((await other.allocate()).code, 401);
		assertFailed(await prove('udp', { port, timeoutMs: SHORT_MS }), 'allocate',
			'no rightly signed answer to Allocate over UDP within 1 s, but an unsigned 437');
		assert.equal(coturn.child.exitCode, null);
		assertProven(await prove('udp'));
	});

	test('coturn that serves UDP only', async (t) => {
		await startBare(t, [...bareConf(await makeFolder(t)), 'no-tcp']);
		assertProven(await prove('udp'));
		assertFailed(await prove('tcp'), 'connect', 'nothing listens there over TCP');
	});

	test('coturn dies in the middle, over tcp', async (t) => {
		const coturn = await start(t);
		const port = await passThrough(t, 'tcp', (type) => type === METHOD.createPermission && kill(coturn));
		const result = await prove('tcp', { port });
		assert.equal(result.step, 'permission');
		assert.match(result.reason, /^the server closed the TCP connection|Connection reset by peer$/);
	});

	test('a proof that gave up leaves nothing allocated, over udp', async (t) => {
		const coturn = await startBare(t, [...bareConf(await makeFolder(t)), 'user-quota=1']);
		const port = await passThrough(t, 'udp', (type) => type === SEND && stop(coturn.child));
		assert.equal((await prove('udp', { port, timeoutMs: SHORT_MS })).ok, false);
		coturn.child.kill('SIGCONT');
		assertProven(await proveWhenFree('udp'));
	});
});
