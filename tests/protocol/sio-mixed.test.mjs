// Socket.IO and native peers in one room: each hears the other in its own
// dialect, by the tutorial's rules.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startDaemon, useDaemon } from '../lib/daemon.mjs';
import { joinPeer } from '../lib/peer.mjs';
import { Client, kind, openClient } from '../lib/sio-clients.mjs';
import { newRoom } from '../lib/sio.mjs';

const DESCRIPTION = { type: 'offer', sdp: 'v=0\r\né😀' };
const CANDIDATE = { candidate: 'candidate:1 1 udp 1 192.0.2.1 9 typ host', sdpMid: '0', sdpMLineIndex: 0 };
const KINDS = ['4 websocket', '2 polling'].map(kind);

let daemon;
useDaemon({ sets: { 'socketio.namespaces': '/=tutorial, /generic=generic, /call=callUser' } }, (it) => (daemon = it));

const roomOf = () => newRoom().query.slice(5);
const openSocket = (t, room, each = KINDS[0], nsp = '/') =>
	openClient(t, daemon, each, { nsp, query: { room } });

// Whatever was sent to the client before has come.
async function settleSocket(socket, native) {
	native.send({ type: 'offer', to: socket.id, description: { settled: true } });
	assert.deepEqual(await socket.event('offer'), [native.id, { settled: true }]);
}

for (const each of KINDS)
	describe(`a broadcaster of client ${each.name}`, { concurrency: true }, () => {
		test('hears of native watchers, before it and after it, and of their leaving', async (t) => {
			const room = roomOf();
			const early = await joinPeer(t, daemon, room, { role: 'watcher' });
			const socket = await openSocket(t, room, each);
			socket.emit('broadcaster');
			const { peer } = await early.next('peer-joined');
			assert.deepEqual([peer.id, peer.role], [socket.id, 'broadcaster']);
			assert.deepEqual(await socket.event('watcher'), [early.id]);
			const late = await joinPeer(t, daemon, room, { role: 'watcher' });
			assert.deepEqual(await socket.event('watcher'), [late.id]);
			assert.equal(late.joined.peers[0].id, socket.id);
			await late.close();
			assert.deepEqual(await socket.event('disconnectPeer'), [late.id]);
		});

		test('exchanges descriptions and candidates with them', async (t) => {
			const room = roomOf();
			const watcher = await joinPeer(t, daemon, room, { role: 'watcher' });
			const socket = await openSocket(t, room, each);
			socket.emit('broadcaster');
			await socket.event('watcher');
			socket.emit('offer', watcher.id, DESCRIPTION);
			assert.deepEqual(await watcher.next('offer'), { type: 'offer', from: socket.id, description: DESCRIPTION });
			watcher.send({ type: 'answer', to: socket.id, description: { ...DESCRIPTION, type: 'answer' } });
			assert.deepEqual(await socket.event('answer'), [watcher.id, { ...DESCRIPTION, type: 'answer' }]);
			socket.emit('candidate', watcher.id, CANDIDATE);
			assert.deepEqual(await watcher.next('candidate'), { type: 'candidate', from: socket.id, candidate: CANDIDATE });
			watcher.send({ type: 'candidate', to: socket.id, candidate: CANDIDATE });
			assert.deepEqual(await socket.event('candidate'), [watcher.id, CANDIDATE]);
		});

		test('that leaves is told to native watchers', async (t) => {
			const room = roomOf();
			const watcher = await joinPeer(t, daemon, room, { role: 'watcher' });
			const socket = await openSocket(t, room, each);
			socket.emit('broadcaster');
			const { peer } = await watcher.next('peer-joined');
			socket.socket.close();
			const left = await watcher.next('peer-left');
			assert.deepEqual([left.id, left.role, left.reason], [peer.id, 'broadcaster', 'left']);
		});
	});

describe('between the dialects', { concurrency: true }, () => {
	test('a Socket.IO watcher hears of a native broadcaster, before it and after it', async (t) => {
		const room = roomOf();
		const early = await openSocket(t, room);
		early.emit('watcher');
		const broadcaster = await joinPeer(t, daemon, room, { role: 'broadcaster' });
		assert.deepEqual(await early.event('broadcaster'), []);
		assert.equal(broadcaster.joined.peers[0].id, early.id);
		const late = await openSocket(t, room, KINDS[1]);
		late.emit('watcher');
		assert.equal((await broadcaster.next('peer-joined')).peer.id, late.id);
		assert.deepEqual(await late.event('broadcaster'), []);
		await broadcaster.close();
		assert.deepEqual(await early.event('disconnectPeer'), [broadcaster.id]);
		assert.deepEqual(await late.event('disconnectPeer'), [broadcaster.id]);
	});

	test('the end of candidates is not passed on: such pages could not take it', async (t) => {
		const room = roomOf();
		const native = await joinPeer(t, daemon, room, { role: 'watcher' });
		const socket = await openSocket(t, room);
		socket.emit('broadcaster');
		await socket.event('watcher');
		const ack = await native.request({ type: 'candidate', to: socket.id, candidate: null });
		assert.equal(ack.type, 'ack');
		await settleSocket(socket, native);
		assert.deepEqual(socket.heard('candidate'), []);
	});

	test('a native peer gets only what its protocol promises', async (t) => {
		const room = roomOf();
		const native = await joinPeer(t, daemon, room, { role: 'watcher' });
		const socket = await openSocket(t, room);
		socket.emit('broadcaster');
		await socket.event('watcher');
		for (const bad of ['v=0', 5, null, ['v=0'], undefined])
			socket.emit('offer', native.id, bad);
		socket.emit('candidate', native.id, 'candidate:1');
		socket.emit('offer', native.id, Buffer.from('v=0'));
		socket.emit('offer', native.id, DESCRIPTION);
		assert.deepEqual((await native.next('offer')).description, DESCRIPTION);
		assert.deepEqual([...native.heard('offer'), ...native.heard('candidate')], []);
	});

	test('an id of another room is unknown, either way', async (t) => {
		const native = await joinPeer(t, daemon, roomOf(), { role: 'watcher' });
		const room = roomOf();
		const near = await joinPeer(t, daemon, room, { role: 'watcher' });
		const socket = await openSocket(t, room);
		socket.emit('broadcaster');
		await socket.event('watcher');
		const refused = await native.request({ type: 'offer', to: socket.id, description: DESCRIPTION });
		assert.deepEqual([refused.type, refused.code], ['error', 'unknown-peer']);
		socket.emit('offer', native.id, DESCRIPTION);
		socket.emit('offer', near.id, DESCRIPTION);
		await near.next('offer');
		await native.settle();
		assert.deepEqual(native.heard('offer'), []);
		assert.deepEqual(socket.heard('offer'), []);
	});

	test('a native broadcaster is not replaced; a Socket.IO one is', async (t) => {
		const room = roomOf();
		const first = await openSocket(t, room);
		first.emit('broadcaster');
		const watcher = await joinPeer(t, daemon, room, { role: 'watcher' });
		await first.event('watcher');
		const second = await openSocket(t, room);
		second.emit('broadcaster');
		assert.deepEqual(await second.event('watcher'), [watcher.id]);
		assert.equal((await watcher.next('peer-left')).id, first.id);
		assert.equal((await watcher.next((m) => m.type === 'peer-joined' && m.peer.role === 'broadcaster')).peer.id, second.id);

		const kept = roomOf();
		const native = await joinPeer(t, daemon, kept, { role: 'broadcaster' });
		const third = await openSocket(t, kept);
		third.emit('broadcaster');
		third.emit('watcher');
		assert.deepEqual(await third.event('broadcaster'), []);
		assert.equal((await native.next('peer-joined')).peer.role, 'watcher');
	});

	test('generic events are signals to native peers, and theirs are events', async (t) => {
		const room = roomOf();
		const native = await joinPeer(t, daemon, room);
		const socket = await openSocket(t, room, KINDS[0], '/generic');
		await native.next('peer-joined');
		socket.emit('note', native.id, { a: 1 }, 'two');
		assert.deepEqual((await native.next('signal')).data, { event: 'note', args: [native.id, { a: 1 }, 'two'] });
		assert.deepEqual(await socket.ask('ask', native.id, 1), []);
		native.send({ type: 'offer', to: socket.id, description: DESCRIPTION });
		assert.deepEqual(await socket.event('offer'), [native.id, DESCRIPTION]);
		assert.deepEqual(await socket.ask('ask', 'nobody'), [{ error: 'unknown-peer' }]);
	});

	test('peers under other rules hear each other by kind', async (t) => {
		const room = roomOf();
		const caller = await openSocket(t, room, KINDS[0], '/call');
		await caller.event('me');
		const other = await openSocket(t, room, KINDS[1], '/generic');
		caller.emit('callUser', { userToCall: other.id, signalData: DESCRIPTION, name: 'Ada' });
		assert.deepEqual(await other.event('offer'), [caller.id, DESCRIPTION]);
		other.emit('answer', caller.id, { ...DESCRIPTION, type: 'answer' });
		assert.deepEqual(await caller.event('callAccepted'), [{ ...DESCRIPTION, type: 'answer' }]);
	});
});

test('a client that finds its room full is told at connecting', async (t) => {
	const small = await startDaemon(t, { sets: { 'socketio.namespaces': '/=generic', 'rooms.max_peers_per_room': 2 } });
	await openClient(t, small, KINDS[0]);
	await openClient(t, small, KINDS[0]);
	const third = new Client(small, KINDS[0], { reconnection: false });
	t.after(() => third.socket.close());
	assert.equal((await third.life('connect_error')).message, 'room-full');
});
