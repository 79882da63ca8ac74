// Rooms: joining, roles, who sees whom, paging, and what is relayed to whom.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startDaemon, until, useDaemon } from '../lib/daemon.mjs';
import { joinPeer, openPeer } from '../lib/peer.mjs';

const ID = /^[A-Za-z0-9_-]{22}$/;
let rooms = 0;
const newRoom = () => `room-${++rooms}`;
const ids = (peers) => peers.map((peer) => peer.id);

async function refused(peer, message, code) {
	const error = await peer.request(message);
	assert.equal(error.type, 'error', JSON.stringify(error));
	assert.equal(error.code, code, error.message);
	await peer.settle(); // the connection stays
	return error;
}

describe('joining', () => {
	let daemon;
	useDaemon({}, (d) => (daemon = d));

	test('is answered with an id, the peers, the ICE list and the limits', async (t) => {
		const room = newRoom();
		const ada = await joinPeer(t, daemon, room, { role: 'broadcaster', name: 'Ada', metadata: { camera: [1, { a: null }] } });
		const bob = await joinPeer(t, daemon, room);
		assert.match(ada.id, ID);
		assert.notEqual(ada.id, bob.id);
		assert.equal(bob.joined.room, room);
		assert.equal(bob.joined.role, 'peer');
		assert.deepEqual(bob.joined.peers,
			[{ id: ada.id, role: 'broadcaster', name: 'Ada', metadata: { camera: [1, { a: null }] } }]);
		assert.equal('next' in bob.joined, false);
		assert.deepEqual(bob.joined.features, ['delivered', 'sessions']);
		assert.deepEqual(bob.joined.limits,
			{ maxMessageBytes: 65536, maxMetadataBytes: 4096, pingInterval: 25, silenceTimeout: 60 });
		assert.deepEqual((await ada.next('peer-joined')).peer, { id: bob.id, role: 'peer' });
	});

	test('ref and n come back as they were', async (t) => {
		for (const ref of ['a', 7, 1.5, -3, '', 'ü"\\', 'x'.repeat(62)]) {
			const peer = await openPeer(t, daemon);
			peer.send({ type: 'join', room: newRoom(), ref, n: 2 ** 53 - 1 });
			const joined = await peer.next('joined');
			assert.equal(joined.ref, ref);
			assert.equal(joined.n, 2 ** 53 - 1);
			peer.send({ type: 'ping', n: 0 });
			const pong = await peer.next('pong');
			assert.equal(pong.n, 0);
			assert.equal('ref' in pong, false);
		}
	});

	for (const [what, members] of [
		['a ref over 64 bytes', { ref: 'x'.repeat(63) }], ['a ref that is an object', { ref: {} }],
		['a ref that is true', { ref: true }], ['a negative n', { n: -1 }], ['a broken n', { n: 1.5 }],
		['a text for n', { n: '1' }], ['an n over 2^53 - 1', { n: 2 ** 53 }],
	])
		test(`${what} is a bad message`, async (t) => {
			const peer = await openPeer(t, daemon);
			peer.send({ type: 'ping', ...members });
			assert.equal((await peer.next('error')).code, 'bad-message');
			await peer.settle();
		});

	test('ids never repeat', async (t) => {
		const peer = await openPeer(t, daemon);
		const seen = new Set();
		for (let i = 0; i < 200; i++) {
			seen.add((await peer.join('ids')).id);
			assert.equal((await peer.request({ type: 'leave' })).type, 'left');
		}
		assert.equal(seen.size, 200);
	});

	test('names of rooms are taken as they are', async (t) => {
		for (const room of ['x', 'x'.repeat(128), 'ü'.repeat(64), 'a b', '"\\/', '👩‍👩‍👧', '../..', '<script>', '%00']) {
			const peer = await joinPeer(t, daemon, room);
			assert.equal(peer.joined.room, room);
			const other = await joinPeer(t, daemon, room);
			assert.deepEqual(ids(other.joined.peers), [peer.id]);
		}
	});

	test('an escaped name is the name it stands for', async (t) => {
		const one = await joinPeer(t, daemon, 'kitchen');
		const other = await openPeer(t, daemon);
		other.socket.send('{"\\u0074ype":"j\\u006fin","room":"\\u006bitchen"}');
		assert.deepEqual(ids((await other.next('joined')).peers), [one.id]);
	});

	for (const room of ['', 'x'.repeat(129), 'ü'.repeat(65), 'a\nb', 'a\0b', 'a\x7fb', 'a\x1bb'])
		test(`the room ${JSON.stringify(room).slice(0, 20)} of ${room.length} is refused`, async (t) => {
			await refused(await openPeer(t, daemon), { type: 'join', room }, 'bad-room');
		});

	for (const role of ['', 'Peer', 'admin', 'x'.repeat(1000)])
		test(`the role ${JSON.stringify(role).slice(0, 20)} is refused`, async (t) => {
			await refused(await openPeer(t, daemon), { type: 'join', room: newRoom(), role }, 'bad-role');
		});

	for (const [what, members] of [
		['no room', { room: undefined }], ['a number for a room', { room: 7 }], ['null for a room', { room: null }],
		['a number for a role', { role: 7 }], ['a name over 128 bytes', { name: 'ü'.repeat(65) }],
		['a name with a line end', { name: 'a\nb' }], ['a name that is an object', { name: {} }],
		['metadata that is a list', { metadata: [] }], ['metadata that is a text', { metadata: 'x' }],
		['metadata over the limit', { metadata: { x: 'x'.repeat(4096) } }], ['a ttl that is a text', { ttl: '60' }],
	])
		test(`${what} is a bad message, which says the member`, async (t) => {
			const peer = await openPeer(t, daemon);
			const error = await peer.request({ type: 'join', room: newRoom(), ...members });
			assert.equal(error.type, 'error');
			assert.ok(['bad-message', 'bad-room', 'bad-role'].includes(error.code), error.code);
			assert.match(error.message, new RegExp(Object.keys(members)[0]));
			assert.equal((await peer.join(newRoom())).type, 'joined', 'another try is welcome');
		});

	test('a member that stands twice is refused', async (t) => {
		const peer = await openPeer(t, daemon);
		peer.socket.send('{"type":"join","room":"a","room":"b"}');
		assert.equal((await peer.next('error')).code, 'bad-message');
		peer.socket.send('{"type":"join","room":"a","other":1,"other":2}');
		assert.equal((await peer.next('joined')).room, 'a');
	});

	test('unknown members are let be, unknown types are answered', async (t) => {
		const peer = await joinPeer(t, daemon, newRoom(), { later: { version: 2 } });
		const error = await refused(peer, { type: 'dance', n: 4 }, 'unknown-type');
		assert.equal(error.n, 4);
		peer.send({ type: 'dance' });
		assert.equal((await peer.next('error')).code, 'unknown-type');
	});

	for (const message of ['[]', '"join"', '7', 'null', '{}', '{"type":7}', '{"type":null}'])
		test(`${message} is a bad message`, async (t) => {
			const peer = await openPeer(t, daemon);
			peer.socket.send(message);
			assert.equal((await peer.next('error')).code, 'bad-message');
			await peer.settle();
		});

	for (const message of ['', ' ', '{', '{"type":"ping"', '{"type":"ping"}}', '{"type":"ping",}', "{'type':'ping'}", '{type:1}',
		'{"type":"ping"} x', 'NaN', '{"a":01}', '{"a":1.}', '{"a":+1}', '{"a":"\t"}', '{"a":"\\x"}', '{"a":"\\u12"}', '\ufeff{"type":"ping"}',
		'[1,]', '[', '{"a"}', '{"a":}', 'tru', '{"type":"ping"}\0', '//', `${'['.repeat(65)}${']'.repeat(65)}`])
		test(`${JSON.stringify(message).slice(0, 30)} is no JSON: said, and closed with 1007`, async (t) => {
			const peer = await openPeer(t, daemon);
			peer.socket.send(message);
			assert.equal((await peer.next('error')).code, 'bad-json');
			const { code, reason } = await peer.closed;
			assert.equal(code, 1007);
			assert.notEqual(reason, '');
		});

	test('64 levels are not too deep', async (t) => {
		const left = await joinPeer(t, daemon, newRoom());
		const right = await joinPeer(t, daemon, left.joined.room);
		let data = 1;
		for (let i = 0; i < 63; i++)
			data = [data];
		left.send({ type: 'signal', to: right.id, data });
		assert.deepEqual((await right.next('signal')).data, data);
	});

	test('a second join is refused, after leave it is welcome', async (t) => {
		const peer = await joinPeer(t, daemon, newRoom());
		await refused(peer, { type: 'join', room: newRoom() }, 'already-joined');
		const other = await joinPeer(t, daemon, peer.joined.room);
		assert.equal((await peer.request({ type: 'leave' })).type, 'left');
		assert.deepEqual(await other.next('peer-left'),
			{ type: 'peer-left', id: peer.id, role: 'peer', reason: 'left' });
		const before = peer.id;
		assert.equal((await peer.join(newRoom())).type, 'joined');
		assert.notEqual(peer.id, before);
	});

	for (const message of [
		{ type: 'offer', to: 'x'.repeat(22), description: {} }, { type: 'signal', to: 'x'.repeat(22), data: 1 },
		{ type: 'broadcast', data: 1 }, { type: 'peers', after: 1 }, { type: 'ice' }, { type: 'leave' },
	])
		test(`${message.type} before join is refused`, async (t) => {
			await refused(await openPeer(t, daemon), message, 'not-joined');
		});

	test('ping before join is answered', async (t) => {
		await (await openPeer(t, daemon)).settle();
	});

	for (const [how, end, reason] of [
		['closing with 1000', (peer) => peer.socket.close(1000), 'left'],
		['closing without a code', (peer) => peer.socket.close(), 'lost'],
		['closing with 1011', (peer) => peer.socket.close(1011), 'lost'],
		['closing with 4001', (peer) => peer.socket.close(4001), 'lost'],
		['breaking the connection', (peer) => peer.socket.terminate(), 'lost'],
		['breaking the protocol', (peer) => peer.socket.send('{'), 'error'],
	])
		test(`${how} is told as ${reason}`, async (t) => {
			const peer = await joinPeer(t, daemon, newRoom());
			const other = await joinPeer(t, daemon, peer.joined.room);
			end(peer);
			assert.deepEqual(await other.next('peer-left'), { type: 'peer-left', id: peer.id, role: 'peer', reason });
		});
});

describe('a page that goes away (1001)', () => {
	let daemon;
	useDaemon({}, (d) => (daemon = d));

	// Its connection is gone for good; the others' are `count`.
	async function goAway(peer, count) {
		await peer.close(1001);
		await until('its connection is gone', async () => await daemon.metric('signald_websockets') === count);
	}

	test('is told as left, two seconds later', async (t) => {
		const peer = await joinPeer(t, daemon, newRoom());
		const other = await joinPeer(t, daemon, peer.joined.room);
		const began = performance.now();
		peer.socket.close(1001);
		assert.deepEqual(await other.next('peer-left'), { type: 'peer-left', id: peer.id, role: 'peer', reason: 'left' });
		const waited = performance.now() - began;
		assert.ok(waited > 1900, `told after ${waited} ms`);
		await other.close();
	});

	test('is in its room until then, but takes nothing', async (t) => {
		const peer = await joinPeer(t, daemon, newRoom(), { role: 'operator' });
		const other = await joinPeer(t, daemon, peer.joined.room);
		await goAway(peer, 1);
		await refused(other, { type: 'signal', to: peer.id, data: 1 }, 'unknown-peer');
		assert.equal((await other.request({ type: 'broadcast', data: 1 })).type, 'ack');
		const left = other.next('peer-left');
		assert.deepEqual(ids((await other.request({ type: 'peers', after: 0 })).peers), [peer.id]);
		assert.equal((await left).id, peer.id);
		assert.deepEqual((await other.request({ type: 'peers', after: 0 })).peers, []);
		await other.close();
	});

	test('makes way at once for another broadcaster', async (t) => {
		const gone = await joinPeer(t, daemon, newRoom(), { role: 'broadcaster' });
		const watcher = await joinPeer(t, daemon, gone.joined.room, { role: 'watcher' });
		const second = await openPeer(t, daemon);
		await goAway(gone, 2);
		assert.equal((await second.join(gone.joined.room, { role: 'broadcaster' })).type, 'joined');
		assert.deepEqual(ids(second.joined.peers), [watcher.id]);
		const told = () => watcher.next((m) => m.type.startsWith('peer-'));
		assert.deepEqual(await told(), { type: 'peer-left', id: gone.id, role: 'broadcaster', reason: 'left' });
		assert.deepEqual(await told(), { type: 'peer-joined', peer: { id: second.id, role: 'broadcaster' } });
		assert.deepEqual(second.heard('peer-left'), []);
		await Promise.all([watcher.close(), second.close()]);
	});

	test('may be the last in its room, which is there for the next broadcaster', async (t) => {
		const gone = await joinPeer(t, daemon, newRoom(), { role: 'broadcaster' });
		const second = await openPeer(t, daemon);
		await goAway(gone, 1);
		assert.equal((await second.join(gone.joined.room, { role: 'broadcaster' })).type, 'joined');
		assert.deepEqual(second.joined.peers, []);
		await goAway(second, 0);
		await until('nobody is left', async () => await daemon.metric('signald_peers') === 0);
		assert.equal(await daemon.metric('signald_rooms'), 0);
	});
});

describe('relaying', () => {
	let daemon;
	useDaemon({}, (d) => (daemon = d));

	async function pair(t) {
		const left = await joinPeer(t, daemon, newRoom());
		return [left, await joinPeer(t, daemon, left.joined.room)];
	}

	for (const [type, member, payload] of [
		['offer', 'description', { type: 'offer', sdp: 'v=0\r\n', more: [1, 2.5e3, 'ü\u2028'] }],
		['answer', 'description', { type: 'answer', sdp: '' }],
		['candidate', 'candidate', { candidate: 'candidate:1 1 udp 1 192.0.2.1 1 typ host', sdpMid: '0', sdpMLineIndex: 0 }],
		['candidate', 'candidate', null],
		['signal', 'data', { anything: ['at', 'all'] }], ['signal', 'data', null], ['signal', 'data', 'text'],
		['signal', 'data', false], ['signal', 'data', -0.5], ['signal', 'data', []],
	])
		test(`${type} with ${JSON.stringify(payload).slice(0, 40)} arrives, from the sender and nobody else`, async (t) => {
			const [left, right] = await pair(t);
			const ack = await left.request({ type, to: right.id, [member]: payload, from: 'somebody', n: 3, extra: 1 });
			assert.deepEqual(ack, { type: 'ack', ref: ack.ref, n: 3 });
			assert.deepEqual(await right.next(type), { type, from: left.id, [member]: payload });
		});

	test('a payload arrives byte for byte', async (t) => {
		const [left, right] = await pair(t);
		const payload = '{ "b" : 1.0E+2,\n"a":"\\u00fc\\/",  "b":[ ] }';
		let raw;
		right.socket.prependListener('message', (data) => (raw = data.toString()));
		left.socket.send(`{"to":"${right.id}","data":${payload},"type":"signal"}`);
		await right.next('signal');
		assert.ok(raw.includes(payload), raw);
	});

	test('without a ref nothing comes back', async (t) => {
		const [left, right] = await pair(t);
		left.send({ type: 'signal', to: right.id, data: 1 });
		await left.settle();
		assert.deepEqual(left.inbox.filter((m) => m.type !== 'peer-joined'), []);
	});

	test('messages arrive in the order they were sent', async (t) => {
		const [left, right] = await pair(t);
		for (let i = 0; i < 1000; i++)
			left.send({ type: i % 2 ? 'signal' : 'candidate', to: right.id, [i % 2 ? 'data' : 'candidate']: i % 2 ? i : { i } });
		for (let i = 0; i < 1000; i++) {
			const got = await right.next((m) => m.type === 'signal' || m.type === 'candidate');
			assert.equal(got.data ?? got.candidate.i, i);
		}
	});

	for (const [what, members] of [
		['no to', { to: undefined }], ['a number for to', { to: 7 }], ['no description', { description: undefined }],
		['a text for the description', { description: 'v=0' }], ['null for the description', { description: null }],
		['a list for the description', { description: [] }],
	])
		test(`an offer with ${what} is a bad message`, async (t) => {
			const [left, right] = await pair(t);
			const error = await refused(left, { type: 'offer', to: right.id, description: {}, ...members }, 'bad-message');
			assert.match(error.message, new RegExp(Object.keys(members)[0]));
			await right.settle();
			assert.deepEqual(right.inbox, []);
		});

	for (const [what, message] of [
		['a candidate that is a text', { type: 'candidate', candidate: 'x' }],
		['a candidate that is missing', { type: 'candidate' }], ['a signal without data', { type: 'signal' }],
	])
		test(`${what} is a bad message`, async (t) => {
			const [left, right] = await pair(t);
			await refused(left, { to: right.id, ...message }, 'bad-message');
		});

	test('nobody is reached outside the room', async (t) => {
		const [left] = await pair(t);
		const [stranger] = await pair(t);
		for (const to of [stranger.id, 'x'.repeat(22), 'x', left.id.slice(0, -1), `${left.id}x`])
			await refused(left, { type: 'signal', to, data: 1 }, 'unknown-peer');
		for (const to of ['', 'x'.repeat(10000)])
			assert.match((await left.request({ type: 'signal', to, data: 1 })).code, /^(unknown-peer|bad-message)$/);
		await stranger.settle();
		assert.deepEqual(stranger.heard('signal'), []);
	});

	test('who has left is not reached any more', async (t) => {
		const [left, right] = await pair(t);
		await right.close();
		await left.next('peer-left');
		await refused(left, { type: 'signal', to: right.id, data: 1 }, 'unknown-peer');
	});

	test('a broadcast reaches the room once, and not its sender', async (t) => {
		const [left, right] = await pair(t);
		const third = await joinPeer(t, daemon, left.joined.room);
		const [stranger] = await pair(t);
		const ack = await left.request({ type: 'broadcast', data: { mood: 'good' }, n: 1 });
		assert.deepEqual(ack, { type: 'ack', ref: ack.ref, n: 1 });
		for (const peer of [right, third])
			assert.deepEqual(await peer.next('broadcast'), { type: 'broadcast', from: left.id, data: { mood: 'good' } });
		for (const peer of [left, right, third, stranger]) {
			await peer.settle();
			assert.deepEqual(peer.heard('broadcast'), []);
		}
		await refused(left, { type: 'broadcast' }, 'bad-message');
	});
});

describe('roles', () => {
	let daemon;
	useDaemon({}, (d) => (daemon = d));

	async function full(t) {
		const room = newRoom();
		const cast = {};
		for (const role of ['peer', 'broadcaster', 'operator', 'watcher'])
			cast[role] = await joinPeer(t, daemon, room, { role });
		return { room, cast };
	}

	test('watchers see broadcasters and operators, the others see all', async (t) => {
		const { room, cast } = await full(t);
		const { peer, broadcaster, operator, watcher } = cast;
		const seen = async (role) => ids((await joinPeer(t, daemon, room, { role })).joined.peers);
		assert.deepEqual(ids(watcher.joined.peers), [broadcaster.id, operator.id]);
		assert.deepEqual(await seen('watcher'), [broadcaster.id, operator.id]);
		const all = await seen('peer');
		for (const each of [peer, broadcaster, operator, watcher])
			assert.ok(all.includes(each.id));
	});

	test('watchers are told of broadcasters and operators, and of nobody else', async (t) => {
		const { room, cast } = await full(t);
		const later = {};
		for (const role of ['watcher', 'peer', 'operator'])
			later[role] = await joinPeer(t, daemon, room, { role });
		assert.equal((await cast.watcher.next('peer-joined')).peer.id, later.operator.id);
		for (const other of [cast.peer, cast.broadcaster, cast.operator])
			for (const role of ['watcher', 'peer', 'operator'])
				await other.next((m) => m.type === 'peer-joined' && m.peer.id === later[role].id);
		for (const role of ['watcher', 'peer', 'operator'])
			await later[role].close();
		assert.equal((await cast.watcher.next('peer-left')).id, later.operator.id);
		await cast.watcher.settle();
		assert.deepEqual(cast.watcher.heard('peer-joined'), []);
		assert.deepEqual(cast.watcher.heard('peer-left'), []);
	});

	test('a broadcast of a watcher reaches all but watchers; one of a peer only who sees peers', async (t) => {
		const { room, cast } = await full(t);
		const second = await joinPeer(t, daemon, room, { role: 'watcher' });
		const reached = async (sender, data) => {
			await sender.request({ type: 'broadcast', data });
			const roles = [];
			for (const [role, each] of Object.entries({ ...cast, second })) {
				await each.settle();
				if (each.inbox.some((m) => m.type === 'broadcast' && m.data === data))
					roles.push(role);
			}
			return roles;
		};
		assert.deepEqual(await reached(second, 1), ['peer', 'broadcaster', 'operator']);
		assert.deepEqual(await reached(cast.peer, 2), ['broadcaster', 'operator']);
		assert.deepEqual(await reached(cast.broadcaster, 3), ['peer', 'operator', 'watcher', 'second']);
		assert.deepEqual(await reached(cast.operator, 4), ['peer', 'broadcaster', 'watcher', 'second']);
	});

	test('a watcher may address anybody of its room', async (t) => {
		const { cast } = await full(t);
		for (const role of ['peer', 'broadcaster', 'operator']) {
			assert.equal((await cast.watcher.request({ type: 'signal', to: cast[role].id, data: role })).type, 'ack');
			assert.equal((await cast[role].next('signal')).data, role);
		}
	});

	test('there is one broadcaster; when it goes there may be another', async (t) => {
		const { room, cast } = await full(t);
		const second = await openPeer(t, daemon);
		await refused(second, { type: 'join', room, role: 'broadcaster' }, 'role-taken');
		cast.broadcaster.socket.terminate();
		assert.equal((await cast.watcher.next('peer-left')).role, 'broadcaster');
		assert.equal((await second.join(room, { role: 'broadcaster' })).type, 'joined');
		assert.equal((await cast.watcher.next('peer-joined')).peer.id, second.id);
	});
});

describe('the number of viewers', () => {
	let daemon;
	useDaemon({}, (d) => (daemon = d));

	test('is told to everybody, at most once a second', async (t) => {
		const room = newRoom();
		const broadcaster = await joinPeer(t, daemon, room, { role: 'broadcaster' });
		const times = [];
		broadcaster.socket.on('message', (data) => {
			if (JSON.parse(data).type === 'viewers')
				times.push(performance.now());
		});
		assert.equal(broadcaster.joined.viewers, 0);
		const watchers = [];
		for (let i = 1; i <= 20; i++) {
			watchers.push(await joinPeer(t, daemon, room, { role: 'watcher' }));
			assert.ok(watchers.at(-1).joined.viewers >= i - 1 && watchers.at(-1).joined.viewers <= i);
		}
		await broadcaster.next((m) => m.type === 'viewers' && m.count === 20);
		await watchers[0].next((m) => m.type === 'viewers' && m.count === 20);
		await watchers[19].close();
		await broadcaster.next((m) => m.type === 'viewers' && m.count === 19);
		await Promise.all(watchers.slice(0, 19).map((watcher) => watcher.close()));
		await broadcaster.next((m) => m.type === 'viewers' && m.count === 0);
		for (let i = 1; i < times.length; i++)
			assert.ok(times[i] - times[i - 1] > 900, `two within ${times[i] - times[i - 1]} ms`);
	});

	// What n watchers of one room hear in all, once everybody knows the number.
	async function bytesOfAudience(t, count) {
		const room = newRoom();
		const broadcaster = await joinPeer(t, daemon, room, { role: 'broadcaster' });
		const watchers = [];
		while (watchers.length < count)
			watchers.push(...await Promise.all(Array.from({ length: Math.min(50, count - watchers.length) },
				() => joinPeer(t, daemon, room, { role: 'watcher' }))));
		await broadcaster.next((m) => m.type === 'viewers' && m.count === count, 30000);
		const bytes = [broadcaster, ...watchers].reduce((sum, peer) => sum + peer.bytes, 0);
		await Promise.all([broadcaster, ...watchers].map((peer) => peer.close()));
		return bytes;
	}

	test('and presence cost bytes that grow linearly with the audience', async (t) => {
		const half = await bytesOfAudience(t, 500);
		const whole = await bytesOfAudience(t, 1000);
		t.diagnostic(`500 watchers: ${half} bytes, 1000: ${whole}, ratio ${(whole / half).toFixed(2)}`);
		assert.ok(whole / half < 2.6, `${whole} / ${half}`);
	});
});

describe('long lists', () => {
	let daemon;
	useDaemon({ sets: { 'rooms.max_peers_listed': 3 } }, (d) => (daemon = d));

	// All pages of the list that joined began.
	async function pages(peer) {
		const all = [peer.joined.peers];
		let { next } = peer.joined;
		while (next !== undefined) {
			const page = await peer.request({ type: 'peers', after: next });
			assert.equal(page.type, 'peers');
			all.push(page.peers);
			({ next } = page);
		}
		return all;
	}

	test('come in pages, in order of joining, each peer once', async (t) => {
		const room = newRoom();
		const peers = [];
		for (let i = 0; i < 10; i++)
			peers.push(await joinPeer(t, daemon, room, { role: i % 3 ? 'peer' : 'watcher' }));
		const last = await joinPeer(t, daemon, room);
		const got = await pages(last);
		for (const page of got)
			assert.ok(page.length <= 3);
		const listed = ids(got.flat());
		assert.equal(new Set(listed).size, listed.length);
		assert.deepEqual([...listed].sort(), ids(peers).sort());
	});

	test('go on behind a peer that has left meanwhile', async (t) => {
		const room = newRoom();
		const peers = [];
		for (let i = 0; i < 9; i++)
			peers.push(await joinPeer(t, daemon, room));
		const last = await joinPeer(t, daemon, room);
		assert.deepEqual(ids(last.joined.peers), ids(peers.slice(0, 3)));
		for (const gone of [peers[2], peers[3]]) {
			await gone.close();
			await last.next('peer-left');
		}
		const page = await last.request({ type: 'peers', after: last.joined.next });
		assert.deepEqual(ids(page.peers), ids(peers.slice(4, 7)));
	});

	test('a page of exactly all has no next', async (t) => {
		const room = newRoom();
		for (let i = 0; i < 3; i++)
			await joinPeer(t, daemon, room);
		const last = await joinPeer(t, daemon, room);
		assert.equal(last.joined.peers.length, 3);
		assert.equal(last.joined.next, undefined);
	});

	for (const after of ['x', -1, 1.5, null, {}])
		test(`peers after ${JSON.stringify(after)} is a bad message`, async (t) => {
			await refused(await joinPeer(t, daemon, newRoom()), { type: 'peers', after }, 'bad-message');
		});

	test('peers after a number far off are none', async (t) => {
		const peer = await joinPeer(t, daemon, newRoom());
		assert.deepEqual((await peer.request({ type: 'peers', after: 2 ** 53 - 1 })).peers, []);
	});
});

test('rooms and peers are limited, and room is made when somebody leaves', async (t) => {
	const daemon = await startDaemon(t, { sets: {
		'rooms.max_rooms': 2, 'rooms.max_peers_per_room': 2, 'rooms.max_broadcasters_per_room': 2,
		'rooms.max_metadata_bytes': 10 } });
	const one = await joinPeer(t, daemon, 'one', { role: 'broadcaster' });
	await joinPeer(t, daemon, 'one', { role: 'broadcaster' });
	await joinPeer(t, daemon, 'two', { metadata: { a: 'bc' } });
	const late = await openPeer(t, daemon);
	await refused(late, { type: 'join', room: 'one' }, 'room-full');
	await refused(late, { type: 'join', room: 'three' }, 'too-many-rooms');
	await refused(late, { type: 'join', room: 'two', metadata: { a: 'bcd' } }, 'bad-message');
	await one.close();
	assert.equal((await until('room', async () => {
		const answer = await late.join('one');
		return answer.type === 'joined' ? answer : null;
	})).type, 'joined');
});

test('the metrics count what happened', async (t) => {
	const daemon = await startDaemon(t);
	const left = await joinPeer(t, daemon, 'metrics');
	const right = await joinPeer(t, daemon, 'metrics');
	await left.request({ type: 'signal', to: right.id, data: 1 });
	await left.request({ type: 'broadcast', data: 1 });
	await left.request({ type: 'dance' });
	for (const [name, value] of [
		['signald_peers', 2], ['signald_rooms', 1], ['signald_websockets', 2], ['signald_joins_total', 2],
		['signald_messages_relayed_total{type="signal"}', 1], ['signald_messages_relayed_total{type="broadcast"}', 1],
		['signald_messages_refused_total', 1],
	])
		assert.equal(await daemon.metric(name), value, name);
	await left.close();
	await right.next('peer-left');
	await right.close();
	await until('nobody is counted', async () => await daemon.metric('signald_peers') === 0 &&
		await daemon.metric('signald_rooms') === 0 && await daemon.metric('signald_websockets') === 0);
});
