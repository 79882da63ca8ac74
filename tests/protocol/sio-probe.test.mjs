// From polling to WebSocket, step by step.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { acquaint, comesAtOnce, connectIdle, holdPoll, join, newRoom, openPolling, openWs, probe, relays } from '../lib/sio.mjs';
import { ownTest, useTarget } from '../lib/sio-target.mjs';

describe('an upgrade', () => {
	let target;
	useTarget({}, (it) => (target = it));

	// A polling session in `/`, with a broadcaster in its room.
	async function polling(t, options) {
		const room = newRoom();
		const other = await join(t, target, room);
		await other.emit('broadcaster');
		const session = await openPolling(t, target, { isIdle: true, ...room, ...options });
		await connectIdle(session);
		await session.post('42["watcher"]');
		await other.event('watcher');
		return { session, other };
	}

	for (const version of [4, 3])
		test(`of protocol ${version} goes its way`, async (t) => {
			const { session, other } = await polling(t, { version });
			const held = session.request();
			const ws = await probe(t, session);
			assert.equal((await held.answer).body, version === 4 ? '6' : '1:6');
			await ws.send('5');
			await other.emit('offer', session.id, 1);
			assert.deepEqual(await ws.event('offer'), [other.id, 1]);
			await ws.emit('answer', other.id, 2);
			assert.deepEqual(await other.event('answer'), [session.id, 2]);
			const late = await session.request().answer;
			assert.equal(late.status, 400);
			assert.deepEqual(JSON.parse(late.body), { code: 3, message: 'Bad request' });
		});

	ownTest('releases the held poll at once', async (t) => {
		const { session } = await polling(t);
		const held = await holdPoll(target, session.path);
		const ws = await openWs(t, target, { sid: session.open.sid });
		await ws.send('2probe');
		assert.equal(await ws.next(), '3probe');
		assert.equal((await comesAtOnce(target, held.answer)).body, '6');
	});

	ownTest('answers a poll at once while it probes', async (t) => {
		const { session } = await polling(t);
		const ws = await probe(t, session);
		for (let i = 0; i < 3; i++) {
			const answer = await comesAtOnce(target, session.poll());
			assert.equal(answer.body, '6');
		}
		await ws.send('5');
	});

	test('stays with polling until its 5', async (t) => {
		const { session, other } = await polling(t);
		const ws = await probe(t, session);
		await other.emit('offer', session.id, 1);
		let packets = [];
		while (!packets.some((p) => p.startsWith('42["offer"')))
			({ packets } = await session.poll());
		assert.equal((await session.post(`42["answer","${other.id}",2]`)).body, 'ok');
		assert.deepEqual(await other.event('answer'), [session.id, 2]);
		assert.deepEqual(ws.items, []);
		await ws.send('5');
		await other.emit('offer', session.id, 3);
		assert.deepEqual(await ws.event('offer'), [other.id, 3]);
	});

	test('sends what no poll has taken first, and in order', async (t) => {
		const { session, other } = await polling(t);
		const ws = await probe(t, session);
		await session.poll();
		for (let i = 0; i < 100; i++)
			await other.emit('offer', session.id, i);
		await ws.send('5');
		for (let i = 100; i < 200; i++)
			await other.emit('offer', session.id, i);
		for (let i = 0; i < 200; i++)
			assert.deepEqual(await ws.event('offer'), [other.id, i]);
	});

	test('takes binary that waits along', async (t) => {
		const room = newRoom();
		const other = await join(t, target, { nsp: '/generic', ...room });
		const session = await openPolling(t, target, { isIdle: true, ...room });
		await session.post('40/generic,');
		const [, packet] = /^40\/generic,(.*)/.exec((await session.poll()).body);
		const ws = await probe(t, session);
		await session.poll();
		await other.send(`451-/generic,["bin","${JSON.parse(packet).sid}",{"_placeholder":true,"num":0}]`, Buffer.from([1, 2]));
		await ws.send('5');
		assert.match(await ws.next('451-'), /"bin"/);
		assert.deepEqual(await ws.next(Buffer.isBuffer), Buffer.from([1, 2]));
	});

	test('a 5 right behind the probe, with no poll held, upgrades', async (t) => {
		const { session, other } = await polling(t);
		const ws = await openWs(t, target, { sid: session.open.sid });
		await ws.send('2probe', '5');
		assert.equal(await ws.next(), '3probe');
		await other.emit('offer', session.id, 1);
		assert.deepEqual(await ws.event('offer'), [other.id, 1]);
	});

	test('a 5 with a poll in the air: that poll ends, the session does not', async (t) => {
		const { session, other } = await polling(t);
		const held = await holdPoll(target, session.path);
		const ws = await openWs(t, target, { sid: session.open.sid });
		await ws.send('2probe', '5');
		const answer = await held.answer;
		assert.match(answer.body, /^[16]$|^\{"code":3/);
		await relays(Object.assign(ws, { id: session.id }), other);
	});

	for (const first of ['2', '2other', '3probe', '5', '40', '42["x"]', 'x', '', '1', '6', Buffer.from('2probe')])
		ownTest(`a first frame ${JSON.stringify(String(first))}${Buffer.isBuffer(first) ? ' in binary' : ''} closes the WebSocket alone`, async (t) => {
			const { session, other } = await polling(t);
			const ws = await openWs(t, target, { sid: session.open.sid });
			await ws.send(first);
			await ws.over();
			void session.keepPolling();
			await relays(session, other);
		});

	for (const next of ['42["x"]', 'x'])
		test(`${next} instead of 5 closes the WebSocket alone`, async (t) => {
			const { session, other } = await polling(t);
			const ws = await probe(t, session);
			await ws.send(next);
			await ws.over();
			void session.keepPolling();
			await relays(session, other);
		});

	test('a second WebSocket for the same session is closed', async (t) => {
		const { session, other } = await polling(t);
		const first = await probe(t, session);
		const second = await openWs(t, target, { sid: session.open.sid });
		void second.send('2probe');
		await second.over();
		await first.send('5');
		await other.emit('offer', session.id, 1);
		assert.deepEqual(await first.event('offer'), [other.id, 1]);
		const third = await openWs(t, target, { sid: session.open.sid });
		void third.send('2probe');
		await third.over();
		await relays(Object.assign(first, { id: session.id }), other);
	});

	test('that broke off can be tried again', async (t) => {
		const { session, other } = await polling(t);
		const first = await probe(t, session);
		first.stop();
		await first.over();
		const second = await probe(t, session).catch(() => null);
		const again = second ?? await probe(t, session);
		await session.poll();
		await again.send('5');
		await other.emit('offer', session.id, 1);
		assert.deepEqual(await again.event('offer'), [other.id, 1]);
	});

	test('whose session closes meanwhile ends with it', async (t) => {
		const { session } = await polling(t);
		const ws = await probe(t, session);
		await session.post('1');
		await ws.over();
	});

	test('whose WebSocket then closes is told to the broadcaster', async (t) => {
		const { session, other } = await polling(t);
		const ws = await probe(t, session);
		await session.poll();
		await ws.send('5');
		ws.stop();
		assert.deepEqual(await other.event('disconnectPeer'), [session.id]);
	});
});

describe('an upgrade that never comes', () => {
	let target;
	useTarget({ sets: { 'socketio.upgrade_timeout_s': 1 } }, (it) => (target = it));

	for (const packets of [[], ['2probe']])
		test(`after ${JSON.stringify(packets)}: the WebSocket is closed, the session goes on`, async (t) => {
			const room = newRoom();
			const other = await join(t, target, room);
			const session = await openPolling(t, target, room);
			await session.connect();
			await acquaint(other, session);
			const ws = await openWs(t, target, { sid: session.open.sid });
			const began = performance.now();
			await ws.send(...packets);
			await ws.over();
			assert.ok(performance.now() - began > 900, 'not before its time');
			await relays(session, other);
			await relays(other, session);
		});
});
