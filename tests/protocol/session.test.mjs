// Sessions: peers that are cut off and come back, who may do so, and what the
// others hear of it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import WebSocket from 'ws';
import { startDaemon, until, useDaemon } from '../lib/daemon.mjs';
import { joinPeer, openPeer } from '../lib/peer.mjs';
import { CLOSE, TEXT, frame, openRawWs } from '../lib/rawws.mjs';
import { SessionPeer, joinSession, joinTwo, nextInst } from '../lib/session.mjs';

const TOKEN = /^[A-Za-z0-9_-]{40,512}$/;
let rooms = 0;
const newRoom = () => `session-${++rooms}`;

// What was said to it, in order, all of it numbered by the one sender.
async function assertHears(peer, ...data) {
	for (const each of data)
		assert.deepEqual((await peer.next('signal')).data, each);
	await peer.settle();
	assert.deepEqual(peer.heard('signal'), []);
}

async function assertRefused(answer, reason) {
	assert.equal(answer.type, 'not-resumed', JSON.stringify(answer));
	assert.equal(answer.reason, reason, answer.message);
	assert.ok(answer.message.length > 5);
}

describe('a session', () => {
	let daemon;
	useDaemon({}, (d) => (daemon = d));

	test('is made by an inst, and told to its owner alone', async (t) => {
		const room = newRoom();
		const ada = await joinSession(t, daemon, room, { inst: 2 ** 53 - 1, auth: { any: ['thing'] } });
		assert.match(ada.token, TOKEN);
		const { session } = ada.joined;
		assert.deepEqual(session, { token: ada.token, epoch: session.epoch, window: 30, settled: true });
		assert.ok(Number.isSafeInteger(session.epoch) && session.epoch > 0);
		assert.deepEqual(ada.joined.features, ['delivered', 'sessions']);

		const bob = await joinPeer(t, daemon, room);
		assert.equal('session' in bob.joined, false);
		assert.deepEqual(bob.joined.peers, [{ id: ada.id, role: 'peer', inst: 2 ** 53 - 1 }]);
		assert.deepEqual((await ada.next('peer-joined')).peer, { id: bob.id, role: 'peer' });
		const eve = await joinSession(t, daemon, room, { inst: 1 });
		assert.deepEqual((await ada.next('peer-joined')).peer, { id: eve.id, role: 'peer', inst: 1 });
		assert.notEqual(eve.epoch, ada.epoch);
	});

	for (const [member, value] of [
		['inst', -1], ['inst', 1.5], ['inst', '1'], ['inst', 2 ** 53], ['inst', null], ['try', -1], ['try', 'x'], ['try', 2 ** 53]])
		test(`${member} ${JSON.stringify(value)} of a join is a bad message`, async (t) => {
			const peer = await openPeer(t, daemon);
			const error = await peer.join(newRoom(), { inst: 1, [member]: value });
			assert.equal(error.code, 'bad-message');
			assert.match(error.message, new RegExp(member));
			assert.equal((await peer.join(newRoom())).type, 'joined', 'another try is welcome');
		});

	for (const [member, value] of [
		['token', undefined], ['token', 7], ['token', 'x'.repeat(600)], ['inst', undefined], ['inst', 0], ['inst', -1],
		['inst', 2 ** 53], ['try', 1.5], ['epoch', -1], ['epoch', 'x'], ['epoch', 2 ** 53], ['last', -1], ['last', 'x'],
		['name', 7], ['metadata', []], ['ttl', 'x'],
	])
		test(`${member} ${JSON.stringify(value)?.slice(0, 10)} of a resume is a bad message`, async (t) => {
			const ada = await joinSession(t, daemon, newRoom());
			const link = await ada.open();
			const error = await link.request({ ...ada.resumption(), [member]: value });
			assert.equal(error.code, 'bad-message', JSON.stringify(error));
			assert.match(error.message, new RegExp(member));
			await ada.settle(); // untouched
			assert.equal((await ada.resume({}, link)).type, 'resumed', 'another try is welcome');
		});

	test('is resumed after a cut with all that was missed, once and in order', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom(), { name: 'Ada', metadata: { a: 1 }, role: 'operator' });
		bob.say(ada, 1);
		bob.say(ada, 2);
		await assertHears(ada, 1, 2);
		assert.equal(ada.position, 2);

		await ada.cut();
		assert.deepEqual(await bob.next('peer-away'), { type: 'peer-away', id: ada.id });
		bob.say(ada, 3);
		await bob.request({ type: 'broadcast', data: 'to all' });
		bob.say(ada, 4);
		await bob.settle();

		const before = { ...ada };
		const resumed = await ada.resume({ name: 'Other', metadata: {} });
		assert.equal(resumed.type, 'resumed');
		for (const member of ['id', 'room', 'role', 'viewers', 'turn', 'ttl', 'refreshAfter', 'features', 'limits'])
			assert.deepEqual(resumed[member], ada.joined[member], member);
		assert.equal(resumed.session.epoch, before.epoch);
		assert.notEqual(resumed.session.token, before.token);
		assert.deepEqual(resumed.peers, [{ id: bob.id, role: 'peer', inst: bob.inst }]);
		assert.deepEqual(await bob.next('peer-back'), { type: 'peer-back', id: ada.id, inst: ada.inst });

		const relayed = [];
		for (let i = 0; i < 3; i++)
			relayed.push(await ada.next((m) => m.from === bob.id));
		assert.deepEqual(relayed.map(({ type, data, n }) => [type, data, n]),
			[['signal', 3, 3], ['broadcast', 'to all', undefined], ['signal', 4, 4]]);
		assert.equal(ada.position, 5);
		ada.say(bob, 'back');
		assert.equal((await bob.next('signal')).data, 'back');
		assert.deepEqual((await joinPeer(t, daemon, ada.joined.room)).joined.peers[0],
			{ id: ada.id, role: 'operator', name: 'Ada', metadata: { a: 1 }, inst: ada.inst }, 'as it joined');
		assert.deepEqual(bob.heard('peer-left'), []);
	});

	test('gives again what was lost on the way, and nothing that came', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		for (let i = 1; i <= 6; i++)
			bob.say(ada, i);
		await assertHears(ada, 1, 2, 3, 4, 5, 6);
		ada.ack(2);
		await ada.cut();
		await ada.resume({ last: 4 });
		await assertHears(ada, 5, 6);
		assert.equal((await bob.next((m) => m.type === 'ack' && m.n === 4)).from, ada.id, 'last is an acknowledgement');
		await ada.cut();
		await ada.resume({ last: 6 });
		await assertHears(ada);
	});

	test('takes no position of another log for one of its own', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		bob.say(ada, 1);
		bob.say(ada, 2);
		await ada.next('signal');
		await ada.cut();
		const resumed = await ada.resume({ epoch: ada.epoch === 1 ? 2 : 1, last: 2 });
		assert.equal(resumed.type, 'resumed');
		await assertHears(ada, 1, 2);
		await bob.settle();
		assert.deepEqual(bob.heard('ack'), []);
	});

	test('outlives cut after cut', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		for (let i = 1; i <= 20; i++) {
			await ada.cut();
			bob.say(ada, i);
			assert.equal((await ada.resume()).type, 'resumed');
			if (i % 3 === 0)
				ada.ack();
			await assertHears(ada, i);
		}
		assert.equal(ada.position, 20);
	});

	test('an away peer is listed as such, and is no hindrance to the room', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		await ada.cut();
		await bob.next('peer-away');
		const late = await joinPeer(t, daemon, ada.joined.room);
		assert.deepEqual(late.joined.peers.find(({ id }) => id === ada.id),
			{ id: ada.id, role: 'peer', inst: ada.inst, away: true });
		const { peers } = await bob.request({ type: 'peers', after: 0 });
		assert.equal(peers.find(({ id }) => id === ada.id).away, true);
		await ada.resume();
		await late.next('peer-back');
		assert.equal('away' in (await late.request({ type: 'peers', after: 0 })).peers[0], false);
	});

	test('a list of its own room goes on in pages, after a resume too', async (t) => {
		const paging = await startDaemon(t, { sets: { 'rooms.max_peers_listed': 2 } });
		const others = [];
		for (let i = 0; i < 5; i++)
			others.push(await joinSession(t, paging, 'pages'));
		const ada = await joinSession(t, paging, 'pages');
		await ada.cut();
		let page = await ada.resume();
		const pages = [page.peers];
		while (page.next) {
			page = await ada.request({ type: 'peers', after: page.next });
			pages.push(page.peers);
		}
		assert.deepEqual(pages.map(({ length }) => length), [2, 2, 1]);
		assert.deepEqual(pages.flat().map(({ id }) => id), others.map(({ id }) => id));
	});

	test('its being away is told to those who see it', async (t) => {
		const room = newRoom();
		const caster = await joinSession(t, daemon, room, { role: 'broadcaster' });
		const watcher = await joinSession(t, daemon, room, { role: 'watcher' });
		const second = await joinSession(t, daemon, room, { role: 'watcher' });
		await watcher.cut();
		assert.equal((await caster.next('peer-away')).id, watcher.id);
		await watcher.resume();
		assert.equal((await caster.next('peer-back')).id, watcher.id);
		await second.settle();
		assert.deepEqual(second.inbox.filter(({ type }) => type.startsWith('peer-')), []);
		await caster.cut();
		assert.equal((await second.next('peer-away')).id, caster.id);
		await caster.resume();
		assert.equal((await second.next('peer-back')).id, caster.id);
	});

	test('a second resume on a connection is refused, and so is one behind a join', async (t) => {
		const ada = await joinSession(t, daemon, newRoom());
		assert.equal((await ada.request(ada.resumption())).code, 'already-joined');
		await ada.cut();
		await ada.resume();
		assert.equal((await ada.request(ada.resumption())).code, 'already-joined');
	});

	test('is not for peers without inst: their cut is their end', async (t) => {
		const ada = await joinSession(t, daemon, newRoom());
		const plain = await joinPeer(t, daemon, ada.joined.room);
		plain.socket.terminate();
		assert.deepEqual(await ada.next('peer-left'), { type: 'peer-left', id: plain.id, role: 'peer', reason: 'lost' });
		assert.deepEqual(ada.heard('peer-away'), []);
	});
});

test('the metrics count who is away, who came back, and who did not', async (t) => {
	const daemon = await startDaemon(t, {});
	const [ada, bob] = await joinTwo(t, daemon, newRoom());
	const counts = async () => Promise.all(['signald_peers_away', 'signald_peers', 'signald_joins_total',
		'signald_resumes_total{result="ok"}', 'signald_resumes_total{result="refused"}'].map((name) => daemon.metric(name)));
	assert.deepEqual(await counts(), [0, 2, 2, 0, 0]);
	await ada.cut();
	await bob.next('peer-away');
	assert.deepEqual(await counts(), [1, 2, 2, 0, 0]);
	await ada.resume();
	assert.deepEqual(await counts(), [0, 2, 2, 1, 0]);
	await ada.resume({ token: 'x'.repeat(60) });
	assert.deepEqual(await counts(), [0, 2, 2, 1, 1]);
});

describe('two transports of one session', () => {
	let daemon;
	useDaemon({}, (d) => (daemon = d));

	test('the later one takes over; the earlier is closed with 4001, and nobody hears of it', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		const before = ada.link;
		assert.equal((await ada.resume()).type, 'resumed');
		assert.equal((await before.closed).code, 4001);
		bob.say(ada, 1);
		await assertHears(ada, 1);
		ada.say(bob, 2);
		await assertHears(bob, 2);
		for (const type of ['peer-away', 'peer-left', 'peer-joined'])
			assert.deepEqual(bob.heard(type), [], type);
	});

	// Its close frame is not answered: the server still reads from it.
	test('what the earlier one says behind its end is not heard', async (t) => {
		const room = newRoom();
		const raw = await openRawWs(t, daemon);
		const inst = nextInst();
		await raw.sendJson({ type: 'join', room, inst });
		const { id, session } = await raw.message('joined');
		const bob = await joinSession(t, daemon, room);
		const ada = new SessionPeer(t, daemon, inst);
		Object.assign(ada, { token: session.token, epoch: session.epoch, attempt: 1 });
		assert.equal((await ada.resume()).type, 'resumed');
		for (;;) {
			const got = await raw.frame();
			if (got.opcode === CLOSE) {
				assert.equal(got.payload.readUInt16BE(), 4001);
				break;
			}
		}
		const said = { type: 'signal', to: bob.id, ti: bob.inst, data: 'late' };
		await raw.send(frame(TEXT, JSON.stringify({ ...said, n: 1 })), frame(TEXT, JSON.stringify(said)),
			frame(TEXT, '{"type":"leave"}'));
		await raw.connection.closed();
		await ada.settle();
		assert.equal(ada.id, id);
		ada.say(bob, 'first');
		await assertHears(bob, 'first');
	});

	test('nor what it had said and the server had not read', async (t) => {
		for (let round = 0; round < 20; round++) {
			const [ada, bob] = await joinTwo(t, daemon, newRoom());
			const earlier = ada.link;
			const link = await ada.open();
			// While it stands still both arrive, the resume first.
			daemon.signal('SIGSTOP');
			const resumed = ada.resume({}, link);
			await new Promise((done) => link.socket._socket.write('', done));
			earlier.send({ type: 'signal', to: bob.id, ti: bob.inst, n: 1, data: 'unread' });
			await new Promise((done) => earlier.socket._socket.write('', done));
			daemon.signal('SIGCONT');
			assert.equal((await resumed).type, 'resumed');
			assert.equal((await earlier.closed).code, 4001);
			ada.say(bob, 'first');
			await assertHears(bob, 'first');
		}
	});

	for (const [what, attempts] of [['the same try', 0], ['an earlier try', -1]])
		test(`${what} is stale: closed with 4002, and the session untouched`, async (t) => {
			const [ada, bob] = await joinTwo(t, daemon, newRoom());
			await ada.resume();
			const link = await ada.open();
			link.send(ada.resumption({ try: ada.attempt + attempts, last: 100 }));
			assert.equal((await link.closed).code, 4002);
			assert.deepEqual(link.inbox, []);
			bob.say(ada, 1);
			await assertHears(ada, 1);
			assert.equal(ada.link.closeCode, undefined);
		});

	test('a try says nothing about another memory', async (t) => {
		const ada = await joinSession(t, daemon, newRoom(), { try: 1000 });
		await ada.cut();
		assert.equal((await ada.reload()).type, 'resumed');
	});

	test('an earlier memory is too late: taken, closed with 4001', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		const before = { inst: ada.inst, token: ada.token };
		await ada.reload();
		const link = await ada.open();
		const answer = await link.request(ada.resumption({ ...before, try: 1000 }));
		await assertRefused(answer, 'taken');
		assert.equal((await link.closed).code, 4001);
		bob.say({ id: ada.id, inst: ada.inst }, 1);
		await assertHears(ada, 1);
	});

	test('a token is as good as the next until that one is used; then it is taken', async (t) => {
		const ada = await joinSession(t, daemon, newRoom());
		const first = ada.token;
		await ada.cut();
		assert.equal((await ada.resume()).type, 'resumed');
		const second = ada.token;
		await ada.cut();
		assert.equal((await ada.resume({ token: first })).type, 'resumed', 'the answer with the second may be lost');
		await ada.cut();
		assert.equal((await ada.resume({ token: second })).type, 'resumed');
		const link = await ada.open();
		await assertRefused(await link.request(ada.resumption({ token: first })), 'taken');
		assert.equal((await link.closed).code, 4001);
		await ada.settle();
	});

	test('a tab that was duplicated does not fight: both end in peace', async (t) => {
		const ada = await joinSession(t, daemon, newRoom());
		const copy = new SessionPeer(t, daemon, ada.inst);
		Object.assign(copy, { token: ada.token, epoch: ada.epoch, attempt: ada.attempt });
		const first = ada.link;
		assert.equal((await copy.resume()).type, 'resumed');
		assert.equal((await first.closed).code, 4001, 'which forbids to come back');
		await copy.settle();
	});
});

describe('a page that was loaded again', () => {
	let daemon;
	useDaemon({}, (d) => (daemon = d));

	test('keeps its id; the others hear of its new memory', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom(), { name: 'Ada' });
		const { epoch } = ada;
		await ada.cut();
		await bob.next('peer-away');
		const resumed = await ada.reload(undefined, { name: 'Ada again', metadata: { b: 2 } });
		assert.equal(resumed.type, 'resumed');
		assert.equal(resumed.id, ada.joined.id);
		assert.notEqual(resumed.session.epoch, epoch);
		assert.deepEqual(await bob.next('peer-joined'), { type: 'peer-joined',
			peer: { id: ada.id, role: 'peer', name: 'Ada again', metadata: { b: 2 }, inst: ada.inst } });
		await bob.settle();
		for (const type of ['peer-left', 'peer-back'])
			assert.deepEqual(bob.heard(type), [], type);
	});

	test('gets nothing that was meant for the page before, whose senders are told', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		const plain = await joinPeer(t, daemon, ada.joined.room);
		const before = { id: ada.id, inst: ada.inst };
		bob.say(before, 1);
		bob.say(before, 2);
		plain.send({ type: 'signal', to: ada.id, data: 'plain', ref: 'p' });
		await ada.next('signal');
		await ada.cut();
		await bob.next('peer-away');
		bob.say(before, 3);
		await bob.request({ type: 'broadcast', data: 'old' });
		await ada.reload();
		// The error first: it is about the inst that is known until then.
		const told = await bob.next((m) => m.type === 'error' || m.type === 'peer-joined' && m.peer.id === ada.id);
		assert.deepEqual([told.type, told.code, told.to, told.n], ['error', 'peer-restarted', ada.id, 3]);
		assert.equal((await plain.next('error')).code, 'peer-restarted');
		await ada.settle();
		assert.deepEqual(ada.inbox.filter(({ from }) => from), []);

		bob.say(before, 4);
		const late = await bob.next('error');
		assert.deepEqual([late.code, late.to, late.n], ['peer-restarted', ada.id, 4]);
		bob.say(ada, 5);
		await assertHears(ada, 5);
		assert.equal(ada.position, 1);
	});

	test('numbers anew', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		ada.say(bob, 'old');
		const old = await bob.next('signal');
		assert.deepEqual([old.fi, old.n], [ada.inst, 1]);
		await ada.reload();
		ada.say(bob, 'new');
		const fresh = await bob.next('signal');
		assert.deepEqual([fresh.fi, fresh.n, fresh.data], [ada.inst, 1, 'new']);
		assert.ok(fresh.fi > old.fi);
		bob.ack();
		assert.equal((await ada.next('ack')).n, 1);
	});

	test('takes over from the page before, if that still lives', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		const before = ada.link;
		assert.equal((await ada.reload()).type, 'resumed');
		assert.equal((await before.closed).code, 4001);
		await bob.next('peer-joined');
		assert.deepEqual(bob.heard('peer-away'), []);
	});
});

describe('the end of a session', () => {
	let daemon;
	useDaemon({ sets: { 'session.window_s': 1 } }, (d) => (daemon = d));

	test('comes with the end of its window: lost, and expired', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		bob.say(ada, 'lost with it');
		await ada.next('signal');
		await ada.cut();
		await bob.next('peer-away');
		const began = performance.now();
		assert.deepEqual(await bob.next('peer-left'), { type: 'peer-left', id: ada.id, role: 'peer', reason: 'lost' });
		assert.ok(performance.now() - began > 800, 'not before it');
		const error = await bob.next('error');
		assert.deepEqual([error.code, error.to, error.n], ['unknown-peer', ada.id, 1]);

		const link = await ada.open();
		await assertRefused(await ada.resume({}, link), 'expired');
		assert.equal((await ada.reload(link)).type, 'resumed', 'on the same connection');
		assert.equal(ada.id, ada.joined.id);
		assert.deepEqual((await bob.next('peer-joined')).peer, { id: ada.id, role: 'peer', inst: ada.inst });
		bob.say(ada, 'anew');
		await assertHears(ada, 'anew');
	});

	test('a page that remembers its token alone need not ask twice', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		await ada.cut();
		await bob.next('peer-left');
		assert.equal((await ada.reload()).type, 'resumed');
		assert.equal((await bob.next('peer-joined')).peer.id, ada.id);
	});

	test('a limit reached meanwhile is its end: room-full', async (t) => {
		const small = await startDaemon(t, { sets: { 'session.window_s': 1, 'rooms.max_peers_per_room': 2, 'rooms.max_rooms': 1 } });
		const [ada, bob] = await joinTwo(t, small, 'small');
		await ada.cut();
		await bob.next('peer-away');
		const third = await joinPeer(t, small, 'small');
		await bob.next('peer-left');
		const link = await ada.open();
		await assertRefused(await ada.reload(link), 'room-full');
		await third.close();
		await bob.next('peer-left');
		assert.equal((await ada.reload(link)).type, 'resumed', 'the connection stays');
	});

	test('or too-many-rooms', async (t) => {
		const small = await startDaemon(t, { sets: { 'session.window_s': 1, 'rooms.max_rooms': 1 } });
		const ada = await joinSession(t, small, 'one');
		await ada.cut();
		const other = await openPeer(t, small);
		await until('its room is free', async () => (await other.join('two')).type === 'joined');
		await assertRefused(await ada.reload(), 'too-many-rooms');
	});

	// How a connection ends, and what the others hear: of its being away, and of
	// its leaving, after so many ms.
	for (const [how, end, isAway, reason, afterMs] of [
		['leave', (ada) => ada.send({ type: 'leave' }), false, 'left', 0],
		['a close with 1000', (ada) => ada.link.socket.close(1000), false, 'left', 0],
		['a close with 1001', (ada) => ada.link.socket.close(1001), true, 'left', 1800],
		['a close with 1011', (ada) => ada.link.socket.close(1011), true, 'lost', 800],
		['a close without a code', (ada) => ada.link.socket.close(), true, 'lost', 800],
		['a reset', (ada) => ada.link.socket._socket.resetAndDestroy(), true, 'lost', 800],
		['an end without a close', (ada) => ada.link.socket.terminate(), true, 'lost', 800],
		['broken framing', (ada) => ada.link.socket._socket.write(Buffer.from([0xff, 0xff])), false, 'error', 0],
	])
		test(`${how} is told as ${isAway ? 'away, then ' : ''}${reason}`, async (t) => {
			const [ada, bob] = await joinTwo(t, daemon, newRoom());
			ada.link.socket.on('error', () => {});
			end(ada);
			const presence = (m) => m.type.startsWith('peer-');
			if (isAway)
				assert.deepEqual(await bob.next(presence), { type: 'peer-away', id: ada.id });
			const began = performance.now();
			assert.deepEqual(await bob.next(presence), { type: 'peer-left', id: ada.id, role: 'peer', reason });
			assert.ok(performance.now() - began >= afterMs);
			// Whoever left does not come back with what it knew.
			assert.equal((await ada.resume()).type, 'not-resumed');
			await bob.settle();
			assert.deepEqual(bob.heard('peer-joined'), []);
		});

	test('a page that closed with 1001 may come back in time', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		await ada.close(1001);
		await bob.next('peer-away');
		bob.say(ada, 1);
		assert.equal((await ada.resume()).type, 'resumed');
		await bob.next('peer-back');
		await assertHears(ada, 1);
	});

	test('an away broadcaster makes way at once; its return is role-taken', async (t) => {
		const room = newRoom();
		const patient = await startDaemon(t, {});
		const [caster, watcher] = await joinTwo(t, patient, room, { role: 'broadcaster' }, { role: 'watcher' });
		await caster.cut();
		await watcher.next('peer-away');
		const second = await joinSession(t, patient, room, { role: 'broadcaster' });
		assert.equal((await watcher.next('peer-left')).id, caster.id);
		assert.equal((await watcher.next('peer-joined')).peer.id, second.id);
		const link = await caster.open();
		await assertRefused(await caster.resume({}, link), 'expired');
		await assertRefused(await caster.reload(link), 'role-taken');
		assert.equal((await link.join(room, { role: 'watcher' })).type, 'joined', 'the connection stays');
	});

	test('who acknowledges nothing for two windows is closed with 4004, and away', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		bob.say(ada, 1);
		const began = performance.now();
		assert.equal((await ada.closed).code, 4004);
		assert.ok(performance.now() - began > 1800);
		await bob.next('peer-away');
		assert.equal((await ada.resume()).type, 'resumed');
		ada.ack();
		assert.equal((await bob.next('ack')).n, 1);
	});
});

describe('a log', () => {
	let daemon;
	useDaemon({ sets: { 'session.max_messages': 16, 'session.max_bytes': 4096 } }, (d) => (daemon = d));

	test('that could not keep a broadcast is not resumed: overflow', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		await ada.cut();
		for (let i = 0; i < 17; i++)
			bob.send({ type: 'broadcast', data: i });
		await bob.settle();
		const link = await ada.open();
		await assertRefused(await ada.resume({}, link), 'overflow');
		await bob.settle();
		assert.deepEqual(bob.heard('peer-back'), []);
		assert.equal((await ada.reload(link)).type, 'resumed', 'on the same connection');
		assert.equal(ada.id, ada.joined.id);
		assert.equal((await bob.next('peer-joined')).peer.inst, ada.inst);
		await ada.settle();
		assert.deepEqual(ada.heard('broadcast'), []);
	});

	test('that is full refuses what is addressed, and is resumed whole', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		await ada.cut();
		for (let i = 1; i <= 17; i++)
			bob.say(ada, i);
		const error = await bob.next('error');
		assert.deepEqual([error.code, error.to, error.n], ['queue-full', ada.id, 17]);
		assert.equal((await ada.resume()).type, 'resumed');
		await assertHears(ada, ...Array.from({ length: 16 }, (_, i) => i + 1));
		ada.ack();
		await bob.next('ack');
		bob.say(ada, 18); // the one that was refused is given up: p is that before it
		await assertHears(ada, 18);
	});

	test('never disturbs a peer that is here, if it cannot keep what it reads', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		for (let i = 0; i < 40; i++)
			bob.send({ type: 'broadcast', data: i });
		for (let i = 0; i < 40; i++)
			assert.equal((await ada.next('broadcast')).data, i);
		await ada.cut();
		assert.equal((await ada.resume({ last: 40 })).type, 'resumed', 'it has all of it');
	});

	test('takes one message of any size while it is empty', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		await ada.cut();
		bob.say(ada, 'x'.repeat(20000));
		bob.say(ada, 'y');
		const error = await bob.next('error');
		assert.deepEqual([error.code, error.n], ['queue-full', 2]);
		await ada.resume();
		await assertHears(ada, 'x'.repeat(20000));
	});
});

describe('a token', () => {
	let daemon;
	useDaemon({}, (d) => (daemon = d));

	const flip = (text, at) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);

	test('that was changed in any place is no token', async (t) => {
		const ada = await joinSession(t, daemon, newRoom());
		const link = await ada.open();
		for (let at = 0; at < ada.token.length; at++) {
			const token = flip(ada.token, at);
			// The last character may hold bits that stand for nothing.
			if (Buffer.from(token, 'base64url').equals(Buffer.from(ada.token, 'base64url')))
				continue;
			await assertRefused(await link.request(ada.resumption({ token })), 'bad-token');
		}
		await ada.settle();
		assert.equal((await ada.resume({}, link)).type, 'resumed');
	});

	test('of any other length is none either', async (t) => {
		const ada = await joinSession(t, daemon, newRoom());
		const link = await ada.open();
		for (let length = 0; length < ada.token.length; length++)
			await assertRefused(await link.request(ada.resumption({ token: ada.token.slice(0, length) })), 'bad-token');
		for (const token of [`${ada.token}A`, `${ada.token}AAAA`, ` ${ada.token}`, `${ada.token}=`, '!'.repeat(60), 'é'.repeat(30)])
			await assertRefused(await link.request(ada.resumption({ token })), 'bad-token');
	});

	test('that is none is logged once a second at most, however often it is shown', async (t) => {
		const own = await startDaemon(t, {});
		const ada = await joinSession(t, own, newRoom());
		const link = await ada.open();
		const token = flip(ada.token, 3);
		const begun = performance.now();
		for (let i = 0; i < 300; i++)
			await assertRefused(await link.request(ada.resumption({ token })), 'bad-token');
		const most = 1 + Math.ceil((performance.now() - begun) / 1000);
		const lines = own.log.match(/peer\.not_resumed reason=bad-token times=\d+/g);
		assert.ok(lines.length <= most, `${lines.length} lines`);
		assert.match(lines[0], /times=1$/);
		await delay(1100);
		await assertRefused(await link.request(ada.resumption({ token })), 'bad-token');
		await until('all are counted', () => [...own.log.matchAll(/reason=bad-token times=(\d+)/g)]
			.reduce((sum, [, times]) => sum + Number(times), 0) === 301);
	});

	test('of another server is none', async (t) => {
		const other = await startDaemon(t, {});
		const stranger = await joinSession(t, other, newRoom());
		const ada = new SessionPeer(t, daemon, stranger.inst);
		Object.assign(ada, { token: stranger.token, epoch: stranger.epoch, attempt: 1 });
		const link = await ada.open();
		await assertRefused(await ada.resume({}, link), 'bad-token');
		assert.equal((await link.join(newRoom(), { inst: nextInst() })).type, 'joined', 'it joins afresh');
	});

	// What a Socket.IO client has for its recovery is signed with the same keys.
	test('of another dialect is none, nor is this one of theirs', async (t) => {
		const recovering = await startDaemon(t, { sets: { 'socketio.namespaces': '/=tutorial+recovery' } });
		const ada = await joinSession(t, recovering, newRoom());
		const connect = async (auth) => {
			const socket = new WebSocket(`ws://${recovering.host}/socket.io/?EIO=4&transport=websocket`);
			t.after(() => socket.terminate());
			await once(socket, 'message');
			socket.send(`40${auth}`);
			return JSON.parse((await once(socket, 'message'))[0].toString().slice(2));
		};
		const { sid, pid } = await connect('');
		assert.match(pid, TOKEN);
		await assertRefused(await ada.resume({ token: pid }), 'bad-token');
		const stranger = await connect(JSON.stringify({ pid: ada.token, offset: '0' }));
		assert.notEqual(stranger.sid, ada.id);
		assert.notEqual(stranger.sid, sid);
	});

	test('is not in the log', async (t) => {
		const ada = await joinSession(t, daemon, newRoom());
		await ada.cut();
		await ada.resume();
		await ada.settle();
		assert.equal(daemon.log.includes(ada.token), false);
		assert.match(daemon.log, new RegExp(`peer\\.resume .*id=${ada.id}`));
	});
});
