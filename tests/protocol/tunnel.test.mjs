// TURN that comes over TLS, passed on: whose it is, how it ends, and that a slow
// reader stops a fast writer. Here a stand-in is at the other end; coturn itself
// is in tests/turnconf/tunnel.test.mjs.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { freePort, makeFolder, program, until } from '../lib/daemon.mjs';
import { joinPeer } from '../lib/peer.mjs';
import { BINDING, assertTalking, hearOut, joinTls, makeCertificate, openTls, standIn, startTls,
	take } from '../lib/tls.mjs';

const PROXY_BYTES = { 4: 28, 6: 52 };

// What the stand-in hears of a client: the header in front, then its own bytes.
async function tunnelled(t, daemon, coturn, family = 4, first = BINDING, options = {}) {
	const socket = await openTls(t, daemon, options);
	socket.write(first);
	const far = await coturn.next();
	const header = await take(far, PROXY_BYTES[family]);
	assert.deepEqual(await take(far, BINDING.length), BINDING);
	return { socket, far, header };
}

// The next byte that comes through it, in both directions.
async function assertOpen({ socket, far }) {
	const up = randomBytes(40);
	const down = randomBytes(40);
	socket.write(up);
	assert.deepEqual(await take(far, 40), up);
	far.write(down);
	assert.deepEqual(await take(socket, 40), down);
}

async function startTunnel(t, sets = {}) {
	const coturn = await standIn(t);
	const daemon = await startTls(t, { sets: { 'turn.tunnel': `127.0.0.1:${coturn.port}`, ...sets } });
	return { coturn, daemon };
}

describe('the tunnel', () => {
	test('without turn.tunnel TURN is cut, and the log says why', async (t) => {
		const daemon = await startTls(t);
		const socket = await openTls(t, daemon);
		socket.write(BINDING);
		assert.equal(await hearOut(socket), '');
		await daemon.waitLog(/tunnel\.fail client=127\.0\.0\.1:\d+ tunnel="" why="it is empty: TURN is not served here"/);
		assert.equal(await daemon.metric('signald_tunnels_failed_total'), 1);
	});

	test('with no coturn there TURN is cut, and the log says where none was', async (t) => {
		const port = await freePort();
		const daemon = await startTls(t, { sets: { 'turn.tunnel': `127.0.0.1:${port}` } });
		const socket = await openTls(t, daemon);
		socket.write(BINDING);
		assert.equal(await hearOut(socket), '');
		await daemon.waitLog(new RegExp(`tunnel\\.fail .*tunnel=127\\.0\\.0\\.1:${port} why="Connection refused"`));
		await until('no tunnel is left', async () => await daemon.metric('signald_tunnels') === 0);
	});

	test('begins with a PROXY header that says whose it is', async (t) => {
		const { coturn, daemon } = await startTunnel(t);
		const tunnel = await tunnelled(t, daemon, coturn);
		const { header, socket } = tunnel;
		assert.equal(header.subarray(0, 16).toString('hex'), '0d0a0d0a000d0a515549540a2111000c');
		assert.deepEqual([...header.subarray(16, 24)], [127, 0, 0, 1, 127, 0, 0, 1]);
		assert.equal(header.readUInt16BE(24), socket.localPort);
		assert.equal(header.readUInt16BE(26), daemon.tlsPort);
		await assertOpen(tunnel);
		assert.equal(await daemon.metric('signald_tunnels'), 1);
	});

	test('the same over IPv6, to a coturn on IPv6', async (t) => {
		const coturn = await standIn(t, '::1');
		const daemon = await startTls(t, { address: '[::1]', sets: { 'turn.tunnel': `[::1]:${coturn.port}` } });
		const tunnel = await tunnelled(t, daemon, coturn, 6, BINDING, { host: '::1' });
		assert.equal(tunnel.header.subarray(12, 16).toString('hex'), '21210024');
		assert.equal(tunnel.header.readUInt16BE(48), tunnel.socket.localPort);
		await assertOpen(tunnel);
	});

	test('a first message that comes byte by byte', async (t) => {
		const { coturn, daemon } = await startTunnel(t);
		const socket = await openTls(t, daemon);
		for (const byte of BINDING) {
			socket.write(Buffer.from([byte]));
			await new Promise((resolve) => setImmediate(resolve));
		}
		const far = await coturn.next();
		await take(far, PROXY_BYTES[4]);
		assert.deepEqual(await take(far, BINDING.length), BINDING);
		await assertOpen({ socket, far });
	});

	test('coturn ends, the client hears it', async (t) => {
		const { coturn, daemon } = await startTunnel(t);
		const { socket, far } = await tunnelled(t, daemon, coturn);
		far.end('last words');
		assert.equal(await hearOut(socket), 'last words');
		assert.equal(socket.fault, undefined);
		await until('no tunnel is left', async () => await daemon.metric('signald_tunnels') === 0);
	});

	test('the client ends, coturn hears all it said', async (t) => {
		const { coturn, daemon } = await startTunnel(t);
		const { socket, far } = await tunnelled(t, daemon, coturn);
		socket.end('last words');
		assert.equal((await take(far, 10)).toString(), 'last words');
		far.resume();
		await once(far, 'end');
		far.end();
		await until('no tunnel is left', async () => await daemon.metric('signald_tunnels') === 0);
	});

	for (const [who, cut] of [['client', ({ socket }) => socket.destroy()], ['coturn', ({ far }) => far.resetAndDestroy()]])
		test(`a ${who} that is cut off takes the other side with it`, async (t) => {
			const { coturn, daemon } = await startTunnel(t);
			const tunnel = await tunnelled(t, daemon, coturn);
			const gone = once(who === 'client' ? tunnel.far.resume() : tunnel.socket.resume(), 'close');
			if (who === 'client')
				tunnel.far.on('end', () => tunnel.far.end());
			cut(tunnel);
			await gone;
			await until('no tunnel is left', async () => await daemon.metric('signald_tunnels') === 0);
		});

	test('turn.tunnel can be changed while it runs', async (t) => {
		const folder = await makeFolder(t);
		const certificate = await makeCertificate(folder);
		const [one, other] = [await standIn(t), await standIn(t)];
		const daemon = await startTls(t, { certificate, config: `[turn]\ntunnel = 127.0.0.1:${one.port}\n` });
		const first = await tunnelled(t, daemon, one);
		await writeFile(daemon.configPath, `[turn]\ntunnel = 127.0.0.1:${other.port}\n`);
		daemon.signal('SIGHUP');
		await daemon.waitLog(/config\.reloaded/);
		await assertOpen(await tunnelled(t, daemon, other));
		await assertOpen(first);
	});
});

const MEGABYTE = 1 << 20;
const FLOOD_BYTES = 64 * MEGABYTE;
// Sockets of the two programs and of the kernel between them, and some.
const HELD_BYTES = 24 * MEGABYTE;
// Two reads of at most 64 KB, and what an allocator makes of them; with the
// sanitizer's, which keeps what was freed for a while, a part of what passed.
const MEMORY_BYTES = (/asan/.test(program) ? 16 : 1) * MEGABYTE;

function residentBytes(daemon) {
	return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))[1]) * 1024;
}

// Writes a flood as fast as it is taken: { digest, taken(), done }. What was
// written is the same every time, so that both ends can sum it up.
function flood(socket) {
	const block = randomBytes(MEGABYTE);
	const sum = createHash('sha256');
	let written = 0;
	const done = (async () => {
		for (; written < FLOOD_BYTES; written += block.length) {
			sum.update(block);
			if (!socket.write(block))
				await once(socket, 'drain');
		}
		return sum.digest('hex');
	})();
	return { done, taken: () => written };
}

// How far it got when it got no further: the daemon has not read any more for a
// while, though it was there the whole time.
async function standstill(daemon) {
	let last = -1;
	let same = 0;
	await until('the flood stands still', async () => {
		const passed = await daemon.metric('signald_tunnel_bytes_total');
		same = passed === last ? same + 1 : 0;
		last = passed;
		return same === 20;
	}, 30000);
	return last;
}

async function sumUp(socket) {
	const sum = createHash('sha256');
	for (let left = FLOOD_BYTES; left;) {
		const bytes = socket.read();
		if (!bytes) {
			await once(socket, 'readable');
			continue;
		}
		sum.update(bytes);
		left -= bytes.length;
	}
	return sum.digest('hex');
}

describe('a slow reader stops a fast writer', () => {
	for (const [way, ends] of [
		['client to coturn', ({ socket, far }) => ({ from: socket, to: far })],
		['coturn to client', ({ socket, far }) => ({ from: far, to: socket })],
	])
		test(`${way}: memory stays bounded, and nothing is lost`, async (t) => {
			const { coturn, daemon } = await startTunnel(t, { 'output.stall_timeout_s': 300 });
			const tunnel = await tunnelled(t, daemon, coturn);
			await assertOpen(tunnel);
			const { from, to } = ends(tunnel);
			const before = residentBytes(daemon);
			const { done, taken } = flood(from);
			const passed = await standstill(daemon);
			assert.ok(passed < HELD_BYTES, `${passed} bytes were read`);
			assert.ok(taken() < FLOOD_BYTES);
			assert.ok(residentBytes(daemon) - before < MEMORY_BYTES, `${residentBytes(daemon) - before} bytes more`);
			const sum = await sumUp(to);
			assert.equal(sum, await done);
		});

	test('both ways at once, and signaling goes on beside it', async (t) => {
		const { coturn, daemon } = await startTunnel(t, { 'output.stall_timeout_s': 300 });
		const tunnel = await tunnelled(t, daemon, coturn);
		const up = flood(tunnel.socket);
		const down = flood(tunnel.far);
		await standstill(daemon);
		const one = await joinTls(t, daemon, 'beside');
		await assertTalking(one, await joinPeer(t, daemon, 'beside'));
		const sums = await Promise.all([sumUp(tunnel.far), sumUp(tunnel.socket)]);
		assert.deepEqual(sums, await Promise.all([up.done, down.done]));
	});

	// Every so many ms so many bytes at most, as long as it lives: { bytes() }.
	function sip(t, socket, everyMs, most) {
		let bytes = 0;
		const timer = setInterval(() => {
			for (let left = most, chunk; left > 0 && (chunk = socket.read(Math.min(left, socket.readableLength)));)
				[bytes, left] = [bytes + chunk.length, left - chunk.length];
		}, everyMs);
		t.after(() => clearInterval(timer));
		return { bytes: () => bytes };
	}

	for (const [way, ends] of [
		['coturn', ({ socket, far }) => ({ stuck: far, lively: socket })],
		['the client', ({ socket, far }) => ({ stuck: socket, lively: far })],
	])
		test(`${way} that takes nothing ends the tunnel, however much it says`, async (t) => {
			const { coturn, daemon } = await startTunnel(t, { 'output.stall_timeout_s': 2 });
			const tunnel = await tunnelled(t, daemon, coturn);
			const { stuck, lively } = ends(tunnel);
			const taken = sip(t, lively, 50, MEGABYTE / 8);
			void flood(stuck).done.catch(() => {});
			void flood(lively).done.catch(() => {});
			const began = Date.now();
			await until('the tunnel is over', async () => await daemon.metric('signald_tunnels') === 0, 8000);
			assert.ok(Date.now() - began > 1500);
			assert.ok(taken.bytes() > MEGABYTE, `${taken.bytes()} bytes were taken`);
			assert.equal(await daemon.metric('signald_closed_total{reason="slow"}'), 1);
		});

	for (const way of ['socket', 'far'])
		test(`a ${way === 'far' ? 'coturn' : 'client'} that is slow, but takes something all the time, stays`, async (t) => {
			const { coturn, daemon } = await startTunnel(t, { 'output.stall_timeout_s': 1 });
			const tunnel = await tunnelled(t, daemon, coturn);
			void flood(tunnel[way === 'far' ? 'socket' : 'far']).done.catch(() => {});
			// Few bytes seldom would do, but kernels tell the other side of room only when there is much of it.
			const taken = sip(t, tunnel[way], 50, MEGABYTE / 4);
			await until('16 MB are through', () => taken.bytes() > 16 * MEGABYTE || tunnel[way].closed, 30000);
			assert.equal(tunnel[way].closed, false);
			assert.equal(await daemon.metric('signald_tunnels'), 1);
		});

	test('a side that takes nothing for too long ends the tunnel', async (t) => {
		const { coturn, daemon } = await startTunnel(t, { 'output.stall_timeout_s': 1 });
		for (const which of ['socket', 'far']) {
			const tunnel = await tunnelled(t, daemon, coturn);
			tunnel[which].write(Buffer.alloc(32 * MEGABYTE));
			await new Promise((resolve) => tunnel[which].on('close', resolve));
		}
		assert.equal(await daemon.metric('signald_closed_total{reason="slow"}'), 2);
		assert.equal(await daemon.metric('signald_tunnels'), 0);
	});
});
