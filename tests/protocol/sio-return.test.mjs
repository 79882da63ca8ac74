// Who may come back to a namespace with recovery, as who: after a restart of
// the server, after a kick, with an old offset.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { makeFolder, restart, startDaemon, until, useDaemon } from '../lib/daemon.mjs';
import { joinPeer } from '../lib/peer.mjs';
import { joinSession } from '../lib/session.mjs';
import { kind, openClient } from '../lib/sio-clients.mjs';
import { newRoom, openPolling, openWs, settle } from '../lib/sio.mjs';

const together = { concurrency: true };
const DIRECT = kind('4 websocket');
const SETS = { 'socketio.namespaces': '/=generic+recovery, /other=generic+recovery, /plain=generic', 'session.window_s': 60 };
const roomOf = () => newRoom().query.slice(5);

const kick = (daemon, id) =>
	daemon.kick(id);

// With a state of its own; as long as it is not settled, for all a test knows.
async function startKeeping(t, sets = {}) {
	return startDaemon(t, { sets: { 'state.dir': await makeFolder(t), ...SETS, ...sets } });
}

// A page by hand that says this when it connects.
async function come(t, daemon, room, auth, nsp = '/') {
	const page = await openWs(t, daemon, { query: `room=${room}` });

	page.joined = await page.connect(nsp, auth);
	return page;
}

// Its connection breaks, and the server has seen it.
async function cut(page, native) {
	page.stop();
	assert.equal((await native.next('peer-away')).id, page.id);
}

// Say these to the page; it gets them.
async function tell(native, page, ...data) {
	for (const each of data)
		native.say({ id: page.id, inst: page.inst }, each);
	for (const each of data) {
		const [, heard, offset] = await page.event('signal');
		assert.equal(heard, each);
		page.offset = offset;
	}
}

const meets = async (native, page) => {
	const { peer } = await native.next((m) => m.type === 'peer-joined' && m.peer.id === page.id);
	page.inst = peer.inst;
};

const flip = (text, at) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);

// One after the other: each needs the port that it had.
describe('after a restart', () => {
	for (const signal of ['SIGKILL', 'SIGTERM'])
		test(`by ${signal} a page has the id that it had, and is not recovered`, async (t) => {
			let daemon = await startKeeping(t);
			const room = roomOf();
			const native = await joinSession(t, daemon, room);
			const page = await openClient(t, daemon, DIRECT, { query: { room } });
			const { id } = page;
			const { peer: before } = await native.next('peer-joined');
			daemon = await restart(t, daemon, signal);
			await page.life('disconnect');
			await page.life('connect');
			assert.deepEqual([page.id, page.socket.recovered], [id, false]);
			const [after] = (await native.resume()).peers;
			assert.equal(after.id, id);
			assert.ok(after.inst > before.inst, 'it begins anew');
			native.say(after, 'hello');
			assert.deepEqual((await page.event('signal')).slice(0, 2), [native.id, 'hello']);
			assert.equal((await native.next('ack')).n, 1);
		});

	test('who speaks to a page that is not back yet is told to wait', async (t) => {
		let daemon = await startKeeping(t);
		const room = roomOf();
		const native = await joinSession(t, daemon, room);
		const page = await come(t, daemon, room);
		await meets(native, page);
		daemon = await restart(t, daemon);
		await native.resume();
		native.say(page, 'for the page that it was');
		const pending = await native.next('error');
		assert.deepEqual([pending.code, pending.to, pending.n], ['peer-pending', page.id, 1]);
		const refused = await native.request({ type: 'signal', to: page.id, data: 'plainly' });
		assert.equal(refused.code, 'peer-pending');
		const sender = await openClient(t, daemon, DIRECT, { query: { room } });
		assert.deepEqual(await sender.ask('note', page.id, 1), [{ error: 'peer-pending' }]);

		const again = await come(t, daemon, room, { pid: page.joined.pid });
		assert.equal(again.id, page.id);
		assert.notEqual(again.joined.pid, page.joined.pid);
		await meets(native, again);
		assert.ok(again.inst > page.inst);
		native.repeat(page);
		assert.equal((await native.next('error')).code, 'peer-restarted');
		await tell(native, again, 'after');
		assert.equal((await native.request({ type: 'signal', to: again.id, data: 'plainly' })).type, 'ack');
	});

	test('over polling too', async (t) => {
		let daemon = await startKeeping(t);
		const { joined, id } = await come(t, daemon, 'polled');
		daemon = await restart(t, daemon);
		const page = await openPolling(t, daemon, { query: 'room=polled' });
		assert.equal((await page.connect('/', { pid: joined.pid, offset: 'unknown.1' })).sid, id);
	});

	test('the pid of then and the pid of now are as good as each other after another', async (t) => {
		let daemon = await startKeeping(t);
		const page = await come(t, daemon, 'twice');
		const pids = [page.joined.pid];
		for (let round = 0; round < 2; round++) {
			daemon = await restart(t, daemon);
			const again = await come(t, daemon, 'twice', { pid: pids[round] });
			assert.equal(again.id, page.id);
			pids.push(again.joined.pid);
		}
		daemon = await restart(t, daemon);
		assert.equal((await come(t, daemon, 'twice', { pid: pids[0] })).id, page.id);
	});

	test('nobody has an id that is in use, or a pid that is not its own', async (t) => {
		let daemon = await startKeeping(t);
		const page = await come(t, daemon, 'ids');
		const other = await come(t, daemon, 'ids', undefined, '/other');
		const { pid } = page.joined;
		daemon = await restart(t, daemon);
		const isFresh = async (auth, nsp) => {
			const { id } = await come(t, daemon, 'ids', auth, nsp);
			assert.notEqual(id, page.id);
			assert.notEqual(id, other.id);
		};
		await isFresh({ pid }, '/other');
		await isFresh({ pid }, '/plain');
		await isFresh({ pid: other.joined.pid });
		await isFresh({ pid: page.id });
		await isFresh({ pid: `${pid}A` });
		for (let length = 0; length < pid.length; length += 7)
			await isFresh({ pid: pid.slice(0, length) });
		const bytes = Buffer.from(pid, 'base64url');
		for (let at = 0; at < pid.length; at += 5) {
			const forged = flip(pid, at);
			// The last character may hold bits that stand for nothing.
			if (!Buffer.from(forged, 'base64url').equals(bytes))
				await isFresh({ pid: forged });
		}
		const again = await come(t, daemon, 'ids', { pid });
		assert.equal(again.id, page.id, 'all of this took nothing from it');
		await isFresh({ pid });
	});

	test('an offset of before says nothing about what came after', async (t) => {
		let daemon = await startKeeping(t);
		const room = roomOf();
		const native = await joinSession(t, daemon, room);
		const page = await come(t, daemon, room);
		await meets(native, page);
		await tell(native, page, 1, 2, 3);
		daemon = await restart(t, daemon);
		await native.resume();
		const second = await come(t, daemon, room, { pid: page.joined.pid, offset: page.offset });
		await meets(native, second);
		await cut(second, native);
		for (const data of [4, 5, 6, 7, 8])
			native.say(second, data);
		await native.settle();
		const third = await come(t, daemon, room, { pid: second.joined.pid, offset: page.offset });
		assert.deepEqual(third.joined, second.joined, 'it is recovered');
		for (const data of [4, 5, 6, 7, 8])
			assert.equal((await third.event('signal'))[1], data);
	});

	test('who left before it, or was sent away before or behind it, has a fresh id', async (t) => {
		let daemon = await startKeeping(t);
		const [kicked, absent] = [await come(t, daemon, 'k'), await come(t, daemon, 'k')];
		assert.equal((await kick(daemon, kicked.id)).status, 204);
		daemon = await restart(t, daemon);
		assert.equal((await kick(daemon, absent.id)).status, 204, 'though it is not there');
		for (const { joined, id } of [kicked, absent])
			assert.notEqual((await come(t, daemon, 'k', { pid: joined.pid })).id, id);
	});

	test('who leaves behind it does not come back either', async (t) => {
		let daemon = await startKeeping(t);
		const before = await come(t, daemon, 'left');
		daemon = await restart(t, daemon);
		const page = await come(t, daemon, 'left', { pid: before.joined.pid });
		assert.equal(page.id, before.id);
		await page.send('41');
		await settle(page);
		const again = await page.connect('/', { pid: page.joined.pid });
		assert.notEqual(again.sid, before.id);
	});

	test('one window behind it everybody who is absent has gone', async (t) => {
		let daemon = await startKeeping(t, { 'session.window_s': 1 });
		const page = await come(t, daemon, 'settled');
		daemon = await restart(t, daemon);
		const native = await joinPeer(t, daemon, 'settled');
		await until('it is settled', async () =>
			(await native.request({ type: 'signal', to: page.id, data: 1 })).code === 'unknown-peer');
		const again = await come(t, daemon, 'settled', { pid: page.joined.pid });
		assert.notEqual(again.id, page.id);
	});

	test('without state.dir nobody is known', async (t) => {
		let daemon = await startDaemon(t, { sets: SETS });
		const page = await come(t, daemon, 'forgotten');
		daemon = await restart(t, daemon);
		assert.notEqual((await come(t, daemon, 'forgotten', { pid: page.joined.pid })).id, page.id);
	});
});

describe('a kick', together, () => {
	let daemon;
	useDaemon({ sets: SETS }, (it) => (daemon = it));

	for (const name of ['4 websocket', '4 polling', '2 websocket', '2 polling'])
		test(`${name}: disconnects the page, which comes back as somebody new`, async (t) => {
			const room = roomOf();
			const native = await joinSession(t, daemon, room);
			const page = await openClient(t, daemon, kind(name), { query: { room } });
			const friend = await openClient(t, daemon, DIRECT, { query: { room } });
			const { id } = page;
			native.say({ id: (await native.next('peer-joined')).peer.id }, 'x', { ti: undefined });
			await page.event('signal');
			assert.equal((await kick(daemon, id)).status, 204);
			assert.equal(await page.life('disconnect'), 'io server disconnect');
			assert.deepEqual(await native.next('peer-left'), { type: 'peer-left', id, role: 'peer', reason: 'kicked' });
			assert.deepEqual(await friend.ask('note', id, 1), [{ error: 'unknown-peer' }]);
			assert.equal((await kick(daemon, id)).status, 404);
			page.socket.connect();
			await page.life('connect');
			if (name.startsWith('4'))
				assert.notEqual(page.id, id);
			assert.ok(!page.socket.recovered);
		});

	test('of a page that is away voids its recovery', async (t) => {
		const room = roomOf();
		const native = await joinSession(t, daemon, room);
		const page = await come(t, daemon, room);
		await meets(native, page);
		await tell(native, page, 1);
		await cut(page, native);
		native.say(page, 2);
		assert.equal((await kick(daemon, page.id)).status, 204);
		const error = await native.next('error');
		assert.deepEqual([error.code, error.to, error.n], ['unknown-peer', page.id, 2]);
		assert.equal((await native.next('peer-left')).reason, 'kicked');
		const again = await come(t, daemon, room, { pid: page.joined.pid, offset: page.offset });
		assert.notEqual(again.id, page.id);
		assert.deepEqual(again.items, []);
		assert.equal(await daemon.metric('signald_peers_away'), 0);
	});
});

// More than a connection may hold back at once.
test('what cannot be sent again is never skipped', async (t) => {
	const nsps = ['/a', '/b', '/c', '/d', '/e', '/f'];
	const daemon = await startDaemon(t, { sets: {
		'socketio.namespaces': nsps.map((nsp) => `${nsp}=generic+recovery`).join(),
		'output.max_queued_bytes': 131072, 'socketio.max_payload_bytes': 65536,
	} });
	const native = await joinSession(t, daemon, 'much');
	const page = await openWs(t, daemon, { query: 'room=much' });
	const sockets = [];
	for (const nsp of nsps) {
		const { sid, pid } = await page.connect(nsp);
		const { peer } = await native.next((m) => m.type === 'peer-joined' && m.peer.id === sid);
		native.say(peer, 'first');
		const packet = await page.next(`42${nsp},["signal"`);
		sockets.push({ nsp, peer, sid, auth: { pid, offset: JSON.parse(packet.slice(nsp.length + 3)).at(-1) } });
	}
	page.stop();
	for (const { sid } of sockets)
		await native.next((m) => m.type === 'peer-away' && m.id === sid);
	for (const { peer } of sockets)
		native.say(peer, 'x'.repeat(30000));
	await native.settle();

	// All of it is to go out in one turn.
	const second = await openWs(t, daemon, { query: 'room=much' });
	daemon.signal('SIGSTOP');
	for (const { nsp, auth } of sockets)
		await second.send(`40${nsp},${JSON.stringify(auth)}`);
	await new Promise((done) => second.socket._socket.write('', done));
	daemon.signal('SIGCONT');
	await second.over();
	for (const { peer } of sockets)
		for (let n = 0; n < 3; n++)
			native.say(peer, n);
	await native.settle();

	const third = await openWs(t, daemon, { query: 'room=much' });
	let fresh = 0;
	for (const { nsp, sid, auth } of sockets) {
		if ((await third.connect(nsp, auth)).sid === sid) {
			const packet = await third.next(`42${nsp},["signal"`);
			assert.match(packet, /xxx/, 'the first that it lacks');
		} else {
			fresh++;
		}
	}
	assert.ok(fresh > 0, 'the connection took not all of it');
	assert.equal(await daemon.metric('signald_peers_away'), 0);
});
