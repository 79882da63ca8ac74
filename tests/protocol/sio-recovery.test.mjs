// State recovery: who is cut off comes back with its id, and gets what it
// missed, once and in order; or is told that it did not.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { until } from '../lib/daemon.mjs';
import { faults, floodAndCut } from '../lib/sio-flood.mjs';
import { kind, openClient } from '../lib/sio-clients.mjs';
import { Proxy } from '../lib/sio-proxy.mjs';
import { join, newRoom, openPolling, openWs } from '../lib/sio.mjs';
import { UNLIMITED, isReference, ownTest, useTarget } from '../lib/sio-target.mjs';

const NSP = '/rec';
const together = { concurrency: true };
const roomOf = () => newRoom().query.slice(5);
const DIRECT = kind('4 websocket');

// A client behind a proxy of its own, and one that is not.
async function couple(t, target, each = DIRECT, options = {}) {
	const proxy = await Proxy.start(t, target);
	const more = { nsp: NSP, query: { room: roomOf() }, ...options };
	const lost = await openClient(t, proxy, each, more);
	const friend = await openClient(t, target, DIRECT, more);
	return { proxy, lost, friend };
}

// Everything that it said has been carried out.
const settle = (client) => client.ask('ask', 'nobody');

// n notes to an id; the numbers go on.
function say(from, id, first, last) {
	for (let n = first; n <= last; n++)
		from.emit('note', id, n);
}

async function hears(client, from, first, last) {
	for (let n = first; n <= last; n++)
		assert.deepEqual((await client.event('note')).slice(0, 2), [from, n]);
}

// It is cut off, others speak to it, it comes back.
async function meanwhile(proxy, client, act) {
	proxy.shut();
	proxy.cut();
	await client.life('disconnect');
	await act();
	proxy.reopen();
	await client.life('connect');
}

describe('a client that is cut off', together, () => {
	let target;
	useTarget({ sets: { 'session.window_s': 30, ...UNLIMITED } }, (it) => (target = it));

	for (const name of ['4 default', '4 websocket', '4 polling'])
		(name === '4 polling' ? ownTest : test)(`${name}: keeps its id, and gets what it missed, once and in order`, async (t) => {
			const { proxy, lost, friend } = await couple(t, target, kind(name));
			const { id } = lost;
			say(friend, id, 1, 3);
			await hears(lost, friend.id, 1, 3);
			for (let round = 0; round < 3; round++) {
				await meanwhile(proxy, lost, async () => {
					say(friend, id, 1, 20);
					await settle(friend);
				});
				assert.equal(lost.id, id);
				assert.equal(lost.socket.recovered, true);
				say(friend, id, 21, 22);
				await hears(lost, friend.id, 1, 22);
			}
			assert.deepEqual(lost.heard('note'), []);
			lost.emit('note', friend.id, 'back');
			assert.deepEqual((await friend.event('note')).slice(0, 2), [id, 'back']);
		});

	ownTest('recovers before its first event too', async (t) => {
		const { proxy, lost, friend } = await couple(t, target);
		const { id } = lost;
		await meanwhile(proxy, lost, async () => {
			say(friend, id, 1, 3);
			await settle(friend);
		});
		assert.equal(lost.socket.recovered, true);
		assert.equal(lost.id, id);
		await hears(lost, friend.id, 1, 3);
	});

	test('misses nothing that was said to all, nor binary', async (t) => {
		const { proxy, lost, friend } = await couple(t, target);
		const { id } = lost;
		const { room } = lost.socket.io.opts.query;
		say(friend, id, 0, 0);
		await hears(lost, friend.id, 0, 0);
		await meanwhile(proxy, lost, async () => {
			friend.emit('note', { room, n: 1 });
			friend.emit('note', id, 2);
			friend.emit('bin', id, Buffer.from('00ff', 'hex'));
			friend.emit('note', { room, n: 3 });
			await settle(friend);
		});
		assert.equal(lost.socket.recovered, true);
		assert.deepEqual((await lost.event('note'))[0], { room, n: 1, from: friend.id });
		assert.deepEqual((await lost.event('note'))[1], 2);
		assert.equal(Buffer.from((await lost.event('bin'))[1]).toString('hex'), '00ff');
		assert.deepEqual((await lost.event('note'))[0], { room, n: 3, from: friend.id });
		assert.deepEqual(lost.heard('note'), []);
	});

	ownTest('both ends at once: both come back, nothing is lost between them', async (t) => {
		const room = roomOf();
		const ends = [];
		for (const name of ['4 websocket', '4 polling']) {
			const proxy = await Proxy.start(t, target);
			ends.push({ proxy, client: await openClient(t, proxy, kind(name), { nsp: NSP, query: { room } }) });
		}
		const [one, other] = ends.map(({ client }) => client);
		const ids = [one.id, other.id];
		for (let round = 0; round < 3; round++) {
			for (const { proxy } of ends) {
				proxy.shut();
				proxy.cut();
			}
			await Promise.all([one.life('disconnect'), other.life('disconnect')]);
			ends.forEach(({ proxy }) => proxy.reopen());
			// The client keeps what it is given until it is back.
			say(one, ids[1], 1, 10);
			say(other, ids[0], 1, 10);
			await Promise.all([one.life('connect'), other.life('connect')]);
			assert.deepEqual([one.id, other.id], ids);
			await hears(one, ids[1], 1, 10);
			await hears(other, ids[0], 1, 10);
		}
	});

	for (const name of ['4 websocket', '4 polling'])
		ownTest(`${name}: recovers while the server takes its old connection for alive`, async (t) => {
			const { proxy, lost, friend } = await couple(t, target, kind(name));
			const { id } = lost;
			say(friend, id, 1, 2);
			await hears(lost, friend.id, 1, 2);
			proxy.shut();
			proxy.cutNear();
			say(friend, id, 3, 12);
			await settle(friend);
			await lost.life('disconnect');
			proxy.reopen();
			await lost.life('connect');
			assert.deepEqual([lost.id, lost.socket.recovered], [id, true]);
			await hears(lost, friend.id, 3, 12);
		});

	// As browsers do when they go offline, or when a poll fails.
	for (const name of ['4 websocket', '4 polling'])
		test(`${name}: recovers from a close of its own transport`, async (t) => {
			const { lost, friend } = await couple(t, target, kind(name));
			const { id } = lost;
			say(friend, id, 1, 2);
			await hears(lost, friend.id, 1, 2);
			lost.socket.io.engine.close();
			await lost.life('disconnect');
			await lost.life('connect');
			assert.deepEqual([lost.id, lost.socket.recovered], [id, true]);
			say(friend, id, 3, 4);
			await hears(lost, friend.id, 3, 4);
		});

	test('does not recover from an explicit disconnect', async (t) => {
		const { lost, friend } = await couple(t, target);
		const { id } = lost;
		say(friend, id, 1, 1);
		await hears(lost, friend.id, 1, 1);
		lost.socket.disconnect();
		say(friend, id, 2, 3);
		await settle(friend);
		lost.socket.connect();
		await lost.life('connect');
		assert.notEqual(lost.id, id);
		assert.equal(lost.socket.recovered, false);
		say(friend, lost.id, 4, 4);
		await hears(lost, friend.id, 4, 4);
	});

	ownTest('is known in its room all the while', async (t) => {
		const { proxy, lost, friend } = await couple(t, target);
		await meanwhile(proxy, lost, async () => {
			const answer = await friend.ask('join', lost.socket.io.opts.query.room);
			assert.deepEqual(answer, [null, [lost.id ?? answer[1][0]]]);
		});
		assert.equal(lost.socket.recovered, true);
	});

	test('200 recoveries under load lose nothing', { skip: isReference && 'it loses some' }, async (t) => {
		const counts = await floodAndCut(t, target, { recoveries: 200, sockets: 10, burstBytes: 300000, limitMs: 20000 });
		t.diagnostic(JSON.stringify(counts));
		assert.equal(faults(counts), 0, JSON.stringify(counts));
		assert.ok(counts.recovered >= 200, 'in time');
	});
});

describe('what cannot be recovered is said to be lost', together, () => {
	let target;
	useTarget({ sets: { 'session.window_s': 1, 'session.max_bytes': 8192 } }, (it) => (target = it));

	ownTest('when the window is over', async (t) => {
		const { proxy, lost, friend } = await couple(t, target);
		const { id } = lost;
		const { room } = lost.socket.io.opts.query;
		say(friend, id, 1, 1);
		await hears(lost, friend.id, 1, 1);
		await meanwhile(proxy, lost, async () => {
			say(friend, id, 2, 3);
			await until('it is gone', async () => (await friend.ask('join', room))[1].length === 0);
		});
		assert.notEqual(lost.id, id);
		assert.equal(lost.socket.recovered, false);
		say(friend, id, 4, 4);
		say(friend, lost.id, 5, 5);
		await hears(lost, friend.id, 5, 5);
	});

	ownTest('when more was missed than is kept', async (t) => {
		const { proxy, lost, friend } = await couple(t, target);
		const { id } = lost;
		say(friend, id, 1, 1);
		await hears(lost, friend.id, 1, 1);
		await meanwhile(proxy, lost, async () => {
			for (let n = 2; n < 100; n++)
				friend.emit('note', id, n, 'x'.repeat(200));
			await settle(friend);
		});
		assert.notEqual(lost.id, id);
		assert.equal(lost.socket.recovered, false);
		say(friend, lost.id, 100, 100);
		await hears(lost, friend.id, 100, 100);
	});
});

describe('recovery, packet by packet', () => {
	let target;
	useTarget({ sets: { 'session.window_s': 30 } }, (it) => (target = it));

	// Two by hand: what `left` was sent has a number behind it.
	async function two(t) {
		const room = newRoom();
		const left = await join(t, target, { nsp: NSP, ...room });
		const right = await join(t, target, { nsp: NSP, ...room });
		const tell = async (n) => {
			await right.send(`42${NSP},["note","${left.id}",${n}]`);
			return JSON.parse((await left.next(`42${NSP},["note"`)).slice(2 + NSP.length + 1)).at(-1);
		};
		return { room, left, right, tell };
	}

	const again = async (t, room, auth) => {
		const session = await openWs(t, target, room);
		return { session, answer: await session.connect(NSP, auth) };
	};

	test('CONNECT is answered with a pid, which is neither id nor sid', async (t) => {
		const { left, right } = await two(t);
		assert.match(left.joined.pid, /^[A-Za-z0-9_-]{16,}$/);
		assert.notEqual(left.joined.pid, right.joined.pid);
		assert.notEqual(left.joined.pid, left.joined.sid);
		assert.notEqual(left.joined.pid, left.open.sid);
		const plain = await join(t, target, { nsp: '/generic' });
		if (!isReference)
			assert.equal('pid' in plain.joined, false);
	});

	test('every event has an offset, a text', async (t) => {
		const { tell } = await two(t);
		const offsets = [await tell(1), await tell(2)];
		for (const offset of offsets)
			assert.equal(typeof offset, 'string');
		assert.notEqual(offsets[0], offsets[1]);
	});

	test('what was missed comes before the answer or behind it, and nothing else', async (t) => {
		const { room, left, right, tell } = await two(t);
		const offset = await tell(1);
		left.stop();
		await left.over();
		for (const n of [2, 3])
			await right.send(`42${NSP},["note","${left.id}",${n}]`);
		await right.connect('/settle').catch(() => {});
		const { session, answer } = await again(t, room, { pid: left.joined.pid, offset });
		assert.deepEqual(answer, left.joined);
		for (const n of [2, 3])
			assert.equal(JSON.parse((await session.next(`42${NSP},["note"`)).slice(7))[2], n);
		assert.deepEqual(session.items, []);
	});

	for (const [what, auth] of [
		['an unknown pid', () => ({ pid: 'x'.repeat(22), offset: '1' })],
		['an empty pid', () => ({ pid: '', offset: '1' })],
		['a pid that is no text', () => ({ pid: 7, offset: '1' })],
		['an unknown offset', ({ pid }) => ({ pid, offset: 'unknown' })],
		['an offset of the future', ({ pid }) => ({ pid, offset: '999999999' })],
		['an offset that is no text', ({ pid }) => ({ pid, offset: 1 })],
		['a negative offset', ({ pid }) => ({ pid, offset: '-1' })],
	])
		test(`${what} gives a fresh id`, async (t) => {
			const { room, left, tell } = await two(t);
			await tell(1);
			left.stop();
			await left.over();
			const { session, answer } = await again(t, room, auth(left.joined));
			assert.notEqual(answer.sid, left.joined.sid);
			assert.notEqual(answer.pid, left.joined.pid);
			assert.deepEqual(session.items, []);
		});

	// The client keeps the last offset it heard, whatever it was of.
	test('an offset of an earlier id does not count for the next one', async (t) => {
		const { room, left, right, tell } = await two(t);
		await tell(1);
		const offset = await tell(2);
		await left.send(`41${NSP},`);
		const { session: next, answer: fresh } = await again(t, room);
		next.stop();
		await next.over();
		for (const n of [3, 4, 5, 6])
			await right.send(`42${NSP},["note","${fresh.sid}",${n}]`);
		await right.connect('/settle').catch(() => {});
		const { session, answer } = await again(t, room, { pid: fresh.pid, offset });
		assert.equal(answer.sid, fresh.sid, 'it is recovered');
		for (const n of [3, 4, 5, 6])
			assert.equal(JSON.parse((await session.next(`42${NSP},["note"`)).slice(7))[2], n);
	});

	test('a pid is of its namespace alone', async (t) => {
		const { room, left, tell } = await two(t);
		const offset = await tell(1);
		left.stop();
		await left.over();
		const session = await openWs(t, target, room);
		const answer = await session.connect('/generic', { pid: left.joined.pid, offset });
		assert.notEqual(answer.sid, left.joined.sid);
	});

	ownTest('who comes back takes over, its old connection is closed', async (t) => {
		const { room, left, tell } = await two(t);
		const offset = await tell(1);
		const { answer } = await again(t, room, { pid: left.joined.pid, offset });
		assert.deepEqual(answer, left.joined);
		await left.over();
	});

	ownTest('over polling too', async (t) => {
		const { room, left, right, tell } = await two(t);
		const offset = await tell(1);
		left.stop();
		await left.over();
		await right.send(`42${NSP},["note","${left.id}",2]`);
		const session = await openPolling(t, target, room);
		assert.deepEqual(await session.connect(NSP, { pid: left.joined.pid, offset }), left.joined);
		assert.match(await session.next(`42${NSP},["note"`), /,2,"[^"]+"\]$/);
	});
});
