// Pages that are cut off in a namespace with recovery, and native peers that
// are: what others in the room see of it, what is kept for them, and who may
// come back.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { root, startDaemon, useDaemon } from '../lib/daemon.mjs';
import { joinPeer } from '../lib/peer.mjs';
import { joinSession } from '../lib/session.mjs';
import { heardNothingElse, kind, openClient } from '../lib/sio-clients.mjs';
import { Proxy } from '../lib/sio-proxy.mjs';
import { newRoom, openWs } from '../lib/sio.mjs';

const together = { concurrency: true };
const roomOf = () => newRoom().query.slice(5);
const DIRECT = kind('4 websocket');
const TUTORIAL = '/=tutorial+recovery';
const GENERIC = '/=generic+recovery';

const openPage = (t, daemon, room, each = DIRECT) => openClient(t, daemon, each, { query: { room } });

// A page that can be cut off.
async function openLost(t, daemon, room, each = DIRECT) {
	const proxy = await Proxy.start(t, daemon);
	const page = await openPage(t, proxy, room, each);

	return Object.assign(page, {
		async cut() {
			proxy.shut();
			proxy.cut();
			await page.life('disconnect');
		},
		async comeBack() {
			proxy.reopen();
			await page.life('connect');
		},
	});
}

const numbers = (first, last) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

// Its next event of that name; behind the arguments stands the offset.
async function hears(page, name, ...args) {
	assert.deepEqual((await page.event(name)).slice(0, -1), args);
}

// The next events of that name are these; there are no others.
async function hearsJust(page, name, from, values) {
	for (const value of values)
		assert.deepEqual((await page.event(name)).slice(0, 2), [from, value]);
	assert.deepEqual(page.heard(name), []);
}

// A broadcaster, its watcher, and one who watches both: all of them know it.
async function scene(t, daemon) {
	const room = roomOf();
	const native = await joinSession(t, daemon, room, { role: 'watcher' });
	const caster = await openLost(t, daemon, room);
	const friend = await openPage(t, daemon, room);
	caster.emit('broadcaster');
	await hears(caster, 'watcher', native.id);
	friend.emit('watcher');
	await hears(caster, 'watcher', friend.id);
	const { peer } = await native.next('peer-joined');
	assert.equal(peer.id, caster.id);
	return { room, native, caster, friend, id: caster.id, inst: peer.inst };
}

describe('a page that is cut off', together, () => {
	let soon, late, short;
	useDaemon({ sets: { 'socketio.namespaces': TUTORIAL, 'socketio.away_s': 1 } }, (it) => (soon = it));
	useDaemon({ sets: { 'socketio.namespaces': TUTORIAL, 'socketio.away_s': 30 } }, (it) => (late = it));
	useDaemon({ sets: { 'socketio.namespaces': TUTORIAL, 'socketio.away_s': 1, 'session.window_s': 2 } }, (it) => (short = it));

	test('is away at once for native peers, and gone for pages after socketio.away_s; then it comes anew', async (t) => {
		const { native, caster, friend, id, inst } = await scene(t, soon);
		await caster.cut();
		assert.deepEqual(await native.next('peer-away'), { type: 'peer-away', id });
		const began = performance.now();
		await hears(friend, 'disconnectPeer', id);
		assert.ok(performance.now() - began > 700, 'not before its time');
		await caster.comeBack();
		assert.deepEqual([caster.id, caster.socket.recovered], [id, true]);
		assert.deepEqual(await native.next('peer-back'), { type: 'peer-back', id, inst });
		await hears(friend, 'broadcaster');
		await heardNothingElse(friend, caster);
		await native.settle();
		assert.deepEqual(native.inbox.filter(({ type }) => type.startsWith('peer-')), []);
	});

	test('and is back before that: pages see nothing of it', async (t) => {
		const { native, caster, friend, id, inst } = await scene(t, late);
		for (let round = 0; round < 3; round++) {
			await caster.cut();
			assert.deepEqual(await native.next('peer-away'), { type: 'peer-away', id });
			await caster.comeBack();
			assert.deepEqual(await native.next('peer-back'), { type: 'peer-back', id, inst });
		}
		await heardNothingElse(friend, caster);
	});

	test('leaves once, at the end of its window', async (t) => {
		const { native, caster, friend, id } = await scene(t, short);
		await caster.cut();
		await hears(friend, 'disconnectPeer', id);
		await native.next('peer-away');
		assert.deepEqual(await native.next('peer-left'), { type: 'peer-left', id, role: 'broadcaster', reason: 'lost' });
		await heardNothingElse(friend);
		await caster.comeBack();
		assert.notEqual(caster.id, id);
		assert.equal(caster.socket.recovered, false);
		assert.equal(await short.metric('signald_peers_away'), 0);
	});

	test('is taken for gone by the end of its window at the latest', async (t) => {
		const daemon = await startDaemon(t, { sets: { 'socketio.namespaces': TUTORIAL, 'session.window_s': 1 } });
		const { caster, friend, id } = await scene(t, daemon);
		await caster.cut();
		await hears(friend, 'disconnectPeer', id);
		await heardNothingElse(friend);
	});

	test('as broadcaster makes way for the next, and comes back as somebody new', async (t) => {
		const { native, caster, friend, id } = await scene(t, late);
		await caster.cut();
		await native.next('peer-away');
		const next = await openPage(t, late, friend.socket.io.opts.query.room);
		next.emit('broadcaster');
		assert.deepEqual(await native.next('peer-left'), { type: 'peer-left', id, role: 'broadcaster', reason: 'left' });
		assert.equal((await native.next('peer-joined')).peer.id, next.id);
		await hears(friend, 'disconnectPeer', id);
		await hears(friend, 'broadcaster');
		await caster.comeBack();
		assert.notEqual(caster.id, id);
		assert.equal(caster.socket.recovered, false);
	});

	test('is no hindrance to the end of the server', async (t) => {
		const daemon = await startDaemon(t, { sets: { 'socketio.namespaces': TUTORIAL } });
		const { native, caster } = await scene(t, daemon);
		native.say({ id: caster.id }, undefined, { type: 'offer', description: {}, ti: undefined });
		await caster.event('offer');
		await caster.cut();
		await native.next('peer-away');
		daemon.signal('SIGTERM');
		assert.deepEqual(await daemon.ended(), { code: 0, signal: null });
	});
});

describe('a native peer that is cut off', together, () => {
	let soon, late, short;
	useDaemon({ sets: { 'socketio.namespaces': TUTORIAL, 'socketio.away_s': 1 } }, (it) => (soon = it));
	useDaemon({ sets: { 'socketio.namespaces': TUTORIAL, 'socketio.away_s': 30 } }, (it) => (late = it));
	useDaemon({ sets: { 'socketio.namespaces': TUTORIAL, 'socketio.away_s': 1, 'session.window_s': 2 } }, (it) => (short = it));

	test('is gone for pages after socketio.away_s, and comes anew', async (t) => {
		const { native, caster } = await scene(t, soon);
		await native.cut();
		await hears(caster, 'disconnectPeer', native.id);
		await native.resume();
		await hears(caster, 'watcher', native.id);
		await heardNothingElse(caster);
	});

	test('and is back before that: pages see nothing of it', async (t) => {
		const { native, caster } = await scene(t, late);
		for (let round = 0; round < 3; round++) {
			await native.cut();
			assert.equal((await native.resume()).type, 'resumed');
		}
		await heardNothingElse(caster);
	});

	test('leaves once, at the end of its window', async (t) => {
		const { room, native, caster } = await scene(t, short);
		const witness = await joinPeer(t, short, room);
		await native.cut();
		await hears(caster, 'disconnectPeer', native.id);
		await witness.next('peer-left');
		await heardNothingElse(caster);
	});

	test('that loads its page again leaves and comes', async (t) => {
		const { native, caster } = await scene(t, late);
		for (let round = 0; round < 2; round++) {
			await native.reload();
			const first = await caster.next(({ name }) => name);
			assert.deepEqual([first.name, first.args[0]], ['disconnectPeer', native.id]);
			await hears(caster, 'watcher', native.id);
		}
		await heardNothingElse(caster);
	});

	test('that does so when it was taken for gone comes', async (t) => {
		const { native, caster } = await scene(t, soon);
		await native.cut();
		await hears(caster, 'disconnectPeer', native.id);
		await native.reload();
		await hears(caster, 'watcher', native.id);
		await heardNothingElse(caster);
	});

	// Whoever was told of it would never be told that it has left.
	test('and taken for gone is not told to newcomers before it is back', async (t) => {
		const { room, native, caster, friend } = await scene(t, soon);
		await native.cut();
		await hears(caster, 'disconnectPeer', native.id);
		const next = await openPage(t, soon, room);
		next.emit('broadcaster');
		await hears(friend, 'broadcaster');
		await heardNothingElse(next);
		await native.resume();
		await hears(next, 'watcher', native.id);
		await native.close();
		await hears(next, 'disconnectPeer', native.id);
	});

	test('nor does it stand in $others', async (t) => {
		const daemon = await startDaemon(t, { sets: { 'socketio.namespaces': GENERIC, 'socketio.away_s': 1 } });
		const room = roomOf();
		const native = await joinSession(t, daemon, room);
		const lost = await openLost(t, daemon, room);
		const page = await openPage(t, daemon, room);
		const known = [native.id, lost.id];
		assert.deepEqual(await page.ask('join', room), [null, known]);
		await lost.cut();
		await native.cut();
		assert.deepEqual(await page.ask('join', room), [null, known], 'away, which pages need not know');
		let others;
		do
			[, others] = await page.ask('join', room);
		while (others.length);
		await native.resume();
		await lost.comeBack();
		assert.deepEqual(await page.ask('join', room), [null, known]);
	});

	test('without a session has left at once', async (t) => {
		const { room, caster } = await scene(t, late);
		const plain = await joinPeer(t, late, room, { role: 'watcher' });
		await hears(caster, 'watcher', plain.id);
		plain.socket.terminate();
		await hears(caster, 'disconnectPeer', plain.id);
	});
});

describe('messages to a page that is away', together, () => {
	let daemon;
	const rules = `${root}tests/lib/sio-ack.rules`;
	useDaemon({ sets: { 'socketio.namespaces': `${GENERIC}, /ack=${rules}+recovery`,
		'session.max_messages': 16, 'session.max_bytes': 4096 } }, (it) => (daemon = it));

	async function couple(t) {
		const room = roomOf();
		const native = await joinSession(t, daemon, room);
		const lost = await openLost(t, daemon, room);
		const { peer } = await native.next('peer-joined');
		return { room, native, lost, peer };
	}

	test('are kept, and acknowledged when it is back', async (t) => {
		const { native, lost, peer } = await couple(t);
		await lost.cut(); // before its first event
		for (const n of numbers(1, 3))
			native.say(peer, n);
		await native.settle();
		assert.deepEqual(native.heard('ack'), []);
		await lost.comeBack();
		assert.equal(lost.socket.recovered, true);
		await hearsJust(lost, 'signal', native.id, [1, 2, 3]);
		await native.next((m) => m.type === 'ack' && m.n === 3);
		await lost.cut();
		native.say(peer, 4);
		await lost.comeBack();
		await hearsJust(lost, 'signal', native.id, [4]);
	});

	test('that it shows to have got, by its offset, are acknowledged; others come again', async (t) => {
		const room = roomOf();
		const native = await joinSession(t, daemon, room);
		const come = async (auth) => {
			const page = await openWs(t, daemon, { query: `room=${room}`, isMute: true });
			page.joined = await page.connect('/', auth);
			return page;
		};
		const hear = async (page, n) => {
			const [, heard, offset] = await page.event('signal');
			assert.equal(heard, n);
			return offset;
		};
		const first = await come();
		const { peer } = await native.next('peer-joined');
		for (const n of numbers(1, 3))
			native.say(peer, n);
		await hear(first, 1);
		const offset = await hear(first, 2);
		await native.settle();
		assert.deepEqual(native.heard('ack'), []);
		first.stop();
		await native.next('peer-away');
		const second = await come({ pid: first.joined.pid, offset });
		assert.deepEqual(second.joined, first.joined);
		assert.equal((await native.next('ack')).n, 2);
		await hear(second, 3);
		await second.next('2');
		await native.settle();
		assert.deepEqual(native.heard('ack'), []);
		await second.send('3');
		assert.equal((await native.next('ack')).n, 3);
	});

	test('beyond session.max_messages are refused; what was kept comes', async (t) => {
		const { room, native, lost, peer } = await couple(t);
		const plain = await joinPeer(t, daemon, room);
		await lost.cut();
		for (const n of numbers(1, 17))
			native.say(peer, n);
		const error = await native.next('error');
		assert.deepEqual([error.code, error.to, error.n], ['queue-full', peer.id, 17]);
		const refused = await plain.request({ type: 'signal', to: peer.id, data: 'x' });
		assert.deepEqual([refused.type, refused.code], ['error', 'queue-full']);
		await lost.comeBack();
		assert.equal(lost.socket.recovered, true);
		await hearsJust(lost, 'signal', native.id, numbers(1, 16));
		await native.next((m) => m.type === 'ack' && m.n === 16);
		assert.equal((await plain.request({ type: 'signal', to: peer.id, data: 'x' })).type, 'ack');
		await hearsJust(lost, 'signal', plain.id, ['x']);
	});

	test('beyond session.max_bytes too', async (t) => {
		const { native, lost, peer } = await couple(t);
		const [large, small] = ['x'.repeat(3000), 'y'.repeat(1500)];
		await lost.cut();
		await native.next('peer-away'); // who is still there may be sent more
		native.say(peer, large);
		native.say(peer, small);
		const error = await native.next('error');
		assert.deepEqual([error.code, error.n], ['queue-full', 2]);
		await lost.comeBack();
		await hearsJust(lost, 'signal', native.id, [large]);
	});

	test('are refused to a page that asks for an acknowledgement too', async (t) => {
		const query = { room: roomOf() };
		const proxy = await Proxy.start(t, daemon);
		const lost = await openClient(t, proxy, DIRECT, { nsp: '/ack', query });
		const friend = await openClient(t, daemon, DIRECT, { nsp: '/ack', query });
		const { id } = lost;
		proxy.shut();
		proxy.cut();
		await lost.life('disconnect');
		const asked = numbers(1, 16).map((n) => friend.ask('tell', id, n));
		assert.deepEqual(await friend.ask('tell', id, 17), ['queue-full', 'told']);
		proxy.reopen();
		await lost.life('connect');
		assert.equal(lost.socket.recovered, true);
		await hearsJust(lost, 'note', friend.id, numbers(1, 16));
		for (const answer of await Promise.all(asked))
			assert.deepEqual(answer, [null, 'told']);
		assert.deepEqual(await friend.ask('tell', id, 18), [null, 'told']);
	});

	test('and broadcasts, as long as there is room, come in their order', async (t) => {
		const { native, lost, peer } = await couple(t);
		await lost.cut();
		native.say(peer, 1);
		for (const n of numbers(2, 15))
			native.send({ type: 'broadcast', data: n });
		native.say(peer, 16);
		await native.settle();
		await lost.comeBack();
		assert.equal(lost.socket.recovered, true);
		for (const n of numbers(1, 16))
			assert.equal((await lost.next(({ name }) => name)).args[1], n);
	});

	test('are lost with it when there were more broadcasts than are kept', async (t) => {
		const { native, lost, peer } = await couple(t);
		await lost.cut();
		native.say(peer, 1);
		for (const n of numbers(2, 18))
			native.send({ type: 'broadcast', data: n });
		await native.settle();
		assert.deepEqual(native.heard('error'), []);
		await lost.comeBack();
		assert.equal(lost.socket.recovered, false, 'which is never said of a gap');
		assert.notEqual(lost.id, peer.id);
		const error = await native.next('error');
		assert.deepEqual([error.code, error.to, error.n], ['unknown-peer', peer.id, 1]);
		assert.deepEqual((await native.next('peer-left')).id, peer.id);
		await heardNothingElse(lost);
	});

	test('come once when both ends were cut off at once', async (t) => {
		const { native, lost, peer } = await couple(t);
		for (let round = 0; round < 5; round++) {
			native.say(peer, 5 * round + 1);
			native.say(peer, 5 * round + 2);
			await Promise.all([lost.cut(), native.cut()]);
			lost.emit('note', native.id, round); // kept by the client
			if (round % 2)
				await lost.comeBack();
			assert.equal((await native.resume()).type, 'resumed');
			if (!(round % 2))
				await lost.comeBack();
			native.repeat(peer);
			for (const n of [3, 4, 5])
				native.say(peer, 5 * round + n);
			const [, ...data] = (await native.next('signal')).data.args;
			assert.deepEqual(data, [round]);
			native.ack();
		}
		assert.equal(lost.socket.recovered, true);
		await native.next((m) => m.type === 'ack' && m.n === 25);
		await hearsJust(lost, 'signal', native.id, numbers(1, 25));
	});
});
