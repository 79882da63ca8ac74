// Who is still there: heartbeats of both protocols over both transports, and
// clients that vanish without a word.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { join, newRoom, open, openPolling, openWs, probe, relays } from '../lib/sio.mjs';
import { ownTest, useTarget } from '../lib/sio-target.mjs';

const QUICK = { sets: { 'socketio.ping_interval_s': 1, 'socketio.ping_timeout_s': 1 } };

const together = { concurrency: true };

describe('heartbeats', together, () => {
	let target;
	useTarget(QUICK, (it) => (target = it));

	test('are announced as they are configured', async (t) => {
		const { pingInterval, pingTimeout } = (await openWs(t, target)).open;
		assert.deepEqual([pingInterval, pingTimeout], [1000, 1000]);
	});

	for (const transport of ['polling', 'websocket']) {
		test(`over ${transport} come, not before their time, again and again`, async (t) => {
			let last = performance.now();
			const session = await join(t, target, { transport, isMute: true });
			for (let i = 0; i < 2; i++) {
				assert.equal(await session.next('2'), '2');
				const passed = performance.now() - last;
				assert.ok(passed > 800, `${passed} ms`);
				last = performance.now();
				await session.send('3');
			}
			assert.equal(session.why, undefined);
		});

		test(`over ${transport}, unanswered, end the session`, async (t) => {
			const began = performance.now();
			const session = await join(t, target, { transport, isMute: true });
			await session.over();
			const passed = performance.now() - began;
			assert.ok(passed > 1800, `${passed} ms`);
			assert.equal(session.items.filter((item) => item === '2').length, 1);
		});

		test(`a client's ping over ${transport} is an error in protocol 4`, async (t) => {
			const session = await join(t, target, { transport });
			await session.send('2');
			await session.over();
		});

		test(`over ${transport} in protocol 3 come from the client`, async (t) => {
			const clock = await join(t, target, { isMute: true });
			const session = await join(t, target, { transport, version: 3 });
			// Longer than a silence may last.
			for (let i = 0; i < 3; i++) {
				await clock.next('2');
				await clock.send('3');
				await session.send('2');
				assert.equal(await session.next(), '3');
			}
			assert.equal(session.why, undefined);
		});

		test(`silence over ${transport} in protocol 3 ends the session`, async (t) => {
			const began = performance.now();
			const session = await join(t, target, { transport, version: 3 });
			await session.over();
			assert.ok(performance.now() - began > 1800);
		});
	}

	ownTest('a ping of protocol 3 with data is answered with that data', async (t) => {
		const session = await join(t, target, { version: 3 });
		await session.send('2hello');
		assert.equal(await session.next(), '3hello');
	});

	test('pings of WebSocket itself are answered, and are no sign of life', async (t) => {
		const session = await join(t, target, { isMute: true });
		const pong = new Promise((resolve) => session.socket.once('pong', resolve));
		session.socket.ping('x');
		assert.equal(String(await pong), 'x');
		await session.over();
	});

});

describe('heartbeats with patience', together, () => {
	let target;
	useTarget({ sets: { ...QUICK.sets, 'socketio.ping_timeout_s': 20 } }, (it) => (target = it));

	test('go on after an upgrade', async (t) => {
		const session = await openPolling(t, target, { isIdle: true });
		await session.post('40');
		await session.poll();
		const ws = await probe(t, session);
		const released = await session.poll();
		ws.isMute = true;
		await ws.send('5');
		// On a slow machine the first ping came by the last poll.
		if (released.packets.includes('2'))
			await ws.send('3');
		for (let i = 0; i < 2; i++) {
			assert.equal(await ws.next('2'), '2');
			await ws.send('3');
		}
		assert.equal(ws.why, undefined);
	});
});

describe('a client that vanishes is told to the broadcaster', together, () => {
	let target;
	useTarget(QUICK, (it) => (target = it));

	async function watched(t, transport, options) {
		const room = newRoom();
		const broadcaster = await join(t, target, room);
		await broadcaster.emit('broadcaster');
		const watcher = await open[transport](t, target, { ...room, ...options });
		await watcher.connect();
		await watcher.emit('watcher');
		await broadcaster.event('watcher');
		const bystander = await join(t, target, room);
		await bystander.emit('watcher');
		await broadcaster.event('watcher');
		return { broadcaster, watcher, bystander };
	}

	for (const [transport, how, vanish] of [
		['polling', 'its connection breaks while a poll is held', (session) => session.stop()],
		['polling', 'it stops polling', (session) => (session.isPolling = false)],
		['websocket', 'its connection breaks', (session) => session.stop()],
		['websocket', 'it says nothing more', (session) => (session.isMute = true)],
		['websocket', 'it closes', (session) => session.socket.close()],
		['websocket', 'it says 1', (session) => session.send('1')],
		['polling', 'it says 1', (session) => session.send('1')],
		['polling', 'it breaks the protocol', (session) => session.send('42["x"')],
	])
		(transport + how === 'websocketit says 1' ? ownTest : test)(`over ${transport}: ${how}`, async (t) => {
			const { broadcaster, watcher, bystander } = await watched(t, transport);
			await vanish(watcher);
			assert.deepEqual(await broadcaster.event('disconnectPeer', 6000), [watcher.id]);
			await relays(bystander, broadcaster);
			assert.deepEqual(broadcaster.items, []);
		});

	test('over polling of protocol 3: it stops polling', async (t) => {
		const { broadcaster, watcher } = await watched(t, 'polling', { version: 3 });
		watcher.isPolling = false;
		assert.deepEqual(await broadcaster.event('disconnectPeer', 6000), [watcher.id]);
	});
});
