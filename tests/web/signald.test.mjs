// The place in a room, against a real WebSocket server.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { FakeConnection } from './fakepc.mjs';
import { EPOCH, joined, joinedPair, session, startPair } from './server.mjs';
import { Shelf } from './shelf.mjs';

const bob = { id: 'bob', role: 'peer', name: 'Bob', inst: 7 };
const eve = { id: 'eve', role: 'peer', inst: 9 };
const seen = (peer, more = {}) => ({ away: false, ...peer, ...more });

/** Every event of these names, as it comes: [name, id, ...]. */
function log(client, ...names) {
	const events = [];
	for (const name of names)
		client.on(name, (payload) => events.push([name, payload?.id, ...(payload?.reason ? [payload.reason] : [])]));
	return events;
}

/** Until what the server has sent is taken, and what the client has sent has come. */
async function caughtUp(client, connection) {
	const viewers = client.once('viewers');
	connection.send({ type: 'viewers', count: 1 });
	await viewers;
}

/** Time passes as it does for a page that is awake. */
function pass(t, seconds) {
	for (let s = 0; s < seconds; s++)
		t.mock.timers.tick(1000);
}

/** Of a server whose silence nobody asks about. */
const quiet = { pingInterval: 1000, maxMessageBytes: 65536 };

const data = (from, n, more = {}) => ({ type: 'signal', from, fi: 7, n, data: n, ...more });

describe('joining', () => {
	test('offers the subprotocol and sends what was asked for, and nothing that was not', async (t) => {
		const { client, connection } = await startPair(t, { role: 'watcher', name: 'Ada', metadata: { camera: true } });
		const connecting = client.connect();
		const first = await connection();
		assert.equal(first.protocol, 'signald.v1');
		const join = await first.next('join');
		assert.ok(Math.floor(join.inst / 2 ** 32) === 1 && Number.isSafeInteger(join.inst));
		assert.deepEqual({ ...join, inst: 0 },
			{ type: 'join', room: 'kitchen', role: 'watcher', name: 'Ada', metadata: { camera: true }, inst: 0, try: 1 });
		first.send({ ...joined('me'), peers: [bob], viewers: 3 });
		assert.equal((await connecting).id, 'me');
		assert.equal(client.id, 'me');
		assert.equal(client.state, 'joined');
		assert.deepEqual([...client.peers.values()], [seen(bob)]);
		assert.deepEqual(client.iceServers, [{ urls: ['stun:turn.example.org:3478'] }]);
	});

	test('asks for the rest of a long list, and tells of nobody twice', async (t) => {
		const { client, connection } = await startPair(t);
		const news = log(client, 'peer-joined');
		const connecting = client.connect();
		const first = await connection();
		await first.admit('me', { peers: [bob], next: 1 });
		await connecting;
		assert.equal((await first.next('peers')).after, 1);
		first.send({ type: 'peer-joined', peer: eve });
		first.send({ type: 'peers', peers: [bob, eve, { id: 'me', role: 'peer' }, { id: 'zoe', role: 'peer' }], next: 4 });
		assert.equal((await first.next('peers')).after, 4);
		assert.deepEqual(news, [['peer-joined', 'eve'], ['peer-joined', 'zoe']]);
	});

	test('a refusal ends it, with the code of the server', async (t) => {
		const { client, connection } = await startPair(t);
		const connecting = client.connect();
		const first = await connection();
		await first.next('join');
		first.send({ type: 'error', code: 'room-full', message: 'the room is full' });
		await assert.rejects(connecting, { code: 'room-full', message: 'the room is full' });
		assert.equal(client.state, 'closed');
		assert.equal(await first.closed, 1000);
	});

	test('is tried again after as long as the server says, when too many come', async (t) => {
		const { client, connection } = await startPair(t);
		const connecting = client.connect();
		const first = await connection();
		await first.next('join');
		const retry = client.once('retry');
		first.send({ type: 'error', code: 'rate-limited', message: 'too often', retryAfter: 1 });
		const refusedAt = performance.now();
		const { reason, delayMs } = await retry;
		assert.equal(reason, 'too often');
		assert.ok(delayMs >= 1000 && delayMs <= 2000, `${delayMs} ms`);
		assert.equal((await (await connection()).admit('me')).try, 2);
		assert.ok(performance.now() - refusedAt >= 990);
		assert.equal((await connecting).id, 'me');
	});

	test('is tried again when the server is out of memory', async (t) => {
		const { client, connection } = await startPair(t);
		const connecting = client.connect();
		const first = await connection();
		await first.next('join');
		const retry = client.once('retry');
		first.send({ type: 'error', code: 'internal', message: 'out of memory' });
		assert.equal((await retry).reason, 'out of memory');
		assert.equal((await (await connection()).admit('me')).try, 2);
		assert.equal((await connecting).id, 'me');
		await first.closed;
	});

	test('says whether a connection was lost or never made', async (t) => {
		const { client, open, first } = await joinedPair(t);
		const lost = client.once('retry');
		first.socket.terminate();
		assert.equal((await lost).reason, 'the connection was lost');
		client.close();

		class Misled extends WebSocket {
			constructor(url, protocol) {
				super(url.replace('/v1/ws', '/elsewhere'), protocol);
			}
		}
		const stranger = open({ WebSocket: Misled });
		const refused = stranger.once('retry');
		stranger.connect().catch(() => {});
		assert.equal((await refused).reason, 'could not connect');
		stranger.close();
	});

	test('with options that are there and undefined is as without them', async (t) => {
		t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000000 });
		const { client, first } = await joinedPair(t, { timeoutMs: undefined, maxPending: undefined, minRetryMs: undefined, maxRetryMs: undefined },
			{ peers: [bob] });
		const [sent, asked] = [client.send('bob', 1), client.broadcast(1)];
		sent.catch(() => {});
		await first.next('signal');
		t.mock.timers.tick(9999);
		await caughtUp(client, first);
		t.mock.timers.tick(1);
		await assert.rejects(asked, { code: 'timeout' });
		const retry = client.once('retry');
		first.socket.terminate();
		assert.ok((await retry).delayMs >= 0);
	});

	test('without any WebSocket is refused at once, and says what is missing', async (t) => {
		const had = Object.getOwnPropertyDescriptor(globalThis, 'WebSocket');
		delete globalThis.WebSocket;
		t.after(() => had && Object.defineProperty(globalThis, 'WebSocket', had));
		await assert.rejects(startPair(t, { WebSocket: undefined }), /WebSocket/);
	});
});

describe('the token provider', () => {
	test('is asked before every join and every resumption', async (t) => {
		let count = 0;
		const { client, connection, first, join } = await joinedPair(t, { auth: async () => ({ jwt: ++count }) });
		assert.deepEqual(join.auth, { jwt: 1 });
		const again = client.once('resumed');
		first.socket.terminate();
		assert.deepEqual((await (await connection()).resume('me')).auth, { jwt: 2 });
		await again;
	});

	test('is asked before the second try over one connection', async (t) => {
		let count = 0;
		const { connection, first } = await joinedPair(t, { auth: () => ++count });
		first.socket.terminate();
		const second = await connection();
		assert.equal((await second.refuse('expired')).auth, 2);
		assert.equal((await second.next('resume')).auth, 3);
	});

	test('that fails is asked again, like a server that is not there', async (t) => {
		const answers = [() => Promise.reject(new Error('no token today')), () => 'a token'];
		const { client, connection } = await startPair(t, { auth: () => answers.shift()() });
		const retry = client.once('retry');
		client.connect().catch(() => {});
		assert.equal((await retry).reason, 'no token today');
		assert.equal((await (await connection()).next('join')).auth, 'a token');
	});

	test('may be a value', async (t) => {
		const { join } = await joinedPair(t, { auth: 'a token' });
		assert.equal(join.auth, 'a token');
	});

	test('that never answers is asked again when its time is over', async (t) => {
		let count = 0;
		const { client, connection } = await startPair(t, { timeoutMs: 20, auth: () => ++count > 1 ? 'late' : new Promise(() => {}) });
		const retry = client.once('retry');
		client.connect().catch(() => {});
		assert.match((await retry).reason, /auth/);
		assert.equal((await (await connection()).next('join')).auth, 'late');
	});

	test('that answers after the room was closed opens nothing', async (t) => {
		let answer;
		const { client } = await startPair(t, { auth: () => new Promise((resolve) => answer = resolve) });
		const connecting = client.connect();
		await new Promise(setImmediate);
		client.close();
		answer('late');
		await assert.rejects(connecting, { code: 'left' });
	});
});

describe('sending', () => {
	test('settles when the receiver has it', async (t) => {
		const { client, first } = await joinedPair(t, {}, { peers: [bob] });
		let isDelivered = false;
		const delivered = client.send('bob', { hello: 'Bob' }).then(() => isDelivered = true);
		assert.deepEqual(await first.next('signal'), { type: 'signal', to: 'bob', ti: 7, n: 1, p: 0, data: { hello: 'Bob' } });
		await caughtUp(client, first);
		assert.equal(isDelivered, false);
		first.send({ type: 'ack', from: 'bob', ti: 7, n: 1 });
		await delivered;
	});

	test('settles by what rides on a message of the receiver', async (t) => {
		const { client, first } = await joinedPair(t, {}, { peers: [bob] });
		const delivered = client.send('bob', 1);
		await first.next('signal');
		first.send(data('bob', 1, { acked: 1 }));
		await delivered;
	});

	test('to a list settles when all have it, and says who has not', async (t) => {
		const { client, first } = await joinedPair(t, {}, { peers: [bob, eve] });
		const delivered = client.send(['bob', 'eve'], 1);
		assert.deepEqual(await first.next('signal'), { type: 'signal', to: ['bob', 'eve'], ti: [7, 9], n: 1, p: [0, 0], data: 1 });
		first.send({ type: 'ack', from: 'bob', ti: 7, n: 1 });
		first.send({ type: 'peer-left', id: 'eve', role: 'peer', reason: 'left' });
		await assert.rejects(delivered, ({ code, peers }) => code === 'undelivered' && [...peers.keys()].join() === 'eve');
	});

	test('to a client without a session is acknowledged without naming its memory', async (t) => {
		const { client, first } = await joinedPair(t, {}, { peers: [{ id: 'old', role: 'peer' }] });
		const delivered = client.send('old', 1);
		assert.equal((await first.next('signal')).ti, 0);
		first.send({ type: 'ack', from: 'old', n: 1 });
		await delivered;
	});

	test('descriptions and candidates go the same way', async (t) => {
		const { client, first } = await joinedPair(t, {}, { peers: [bob] });
		const sent = [client.offer('bob', { type: 'offer', sdp: 'v=0' }), client.answer('bob', { type: 'answer', sdp: 'v=0' }), client.candidate('bob', null)];
		assert.deepEqual(await first.next('offer'), { type: 'offer', to: 'bob', ti: 7, n: 1, p: 0, description: { type: 'offer', sdp: 'v=0' } });
		assert.deepEqual(await first.next('answer'), { type: 'answer', to: 'bob', ti: 7, n: 2, p: 1, description: { type: 'answer', sdp: 'v=0' } });
		assert.deepEqual(await first.next('candidate'), { type: 'candidate', to: 'bob', ti: 7, n: 3, p: 2, candidate: null });
		first.send({ type: 'ack', from: 'bob', ti: 7, n: 3 });
		await Promise.all(sent);
	});

	test('writes down at once what it was given', async (t) => {
		const { client, first } = await joinedPair(t, {}, { peers: [bob] });
		const value = { count: 1 };
		client.send('bob', value).catch(() => {});
		value.count = 2;
		assert.deepEqual((await first.next('signal')).data, { count: 1 });
	});

	test('before joining, and after leaving, is refused', async (t) => {
		const { client } = await startPair(t);
		await assert.rejects(client.send('bob', 1), { code: 'not-joined', mayHaveArrived: false });
		client.close();
		await assert.rejects(client.send('bob', 1), { code: 'not-joined' });
	});

	test('what is longer than the server takes is refused, before it would cost the connection', async (t) => {
		const { client, first } = await joinedPair(t, {}, { peers: [bob], limits: { maxMessageBytes: 1000, pingInterval: 25 } });
		await assert.rejects(client.send('bob', 'ü'.repeat(400)), { code: 'too-big' });
		await assert.rejects(client.broadcast('x'.repeat(1000)), { code: 'too-big' });
		client.send('bob', 'u'.repeat(400)).catch(() => {});
		const frame = await first.next('signal');
		assert.ok(JSON.stringify(frame).length < 1000);
	});

	test('gives up after the time it was given', async (t) => {
		const { client, first } = await joinedPair(t, {}, { peers: [bob] });
		await assert.rejects(client.send('bob', 1, { timeoutMs: 20 }), { code: 'timeout', mayHaveArrived: true });
		await first.next('signal');
	});

	for (const timeoutMs of [Infinity, undefined]) {
		test(`waits for ever when it may (${timeoutMs})`, async (t) => {
			const { client, first } = await joinedPair(t, {}, { peers: [bob] });
			let isOver = false;
			client.send('bob', 1, { timeoutMs }).catch(() => {}).finally(() => isOver = true);
			await first.next('signal');
			// A timer of Infinity would be due by now.
			await caughtUp(client, first);
			await new Promise((resolve) => setTimeout(resolve, 2));
			assert.equal(isOver, false);
		});
	}

	test('gives up when it is told to', async (t) => {
		const { client } = await joinedPair(t, {}, { peers: [bob] });
		const controller = new AbortController();
		const sent = client.send('bob', 1, { signal: controller.signal });
		controller.abort();
		await assert.rejects(sent, { code: 'aborted', mayHaveArrived: true });
		await assert.rejects(client.send('bob', 1, { signal: controller.signal }), { code: 'aborted', mayHaveArrived: false });
	});

	test('more than may wait is refused', async (t) => {
		const { client } = await joinedPair(t, { maxPending: 1 }, { peers: [bob] });
		client.send('bob', 1).catch(() => {});
		await assert.rejects(client.send('bob', 2), { code: 'queue-full', mayHaveArrived: false });
	});

	test('is refused by the server with a reason', async (t) => {
		const { client, first } = await joinedPair(t, {}, { peers: [bob] });
		const sent = client.send('bob', 1);
		await first.next('signal');
		first.send({ type: 'error', code: 'queue-full', to: 'bob', n: 1, message: 'full' });
		await assert.rejects(sent, { name: 'SignaldError', code: 'queue-full', message: 'full', mayHaveArrived: false });
	});

	test('to somebody out of view fails at once', async (t) => {
		const { client } = await joinedPair(t);
		await assert.rejects(client.send('zoe', 1), { code: 'unknown-peer', mayHaveArrived: false });
	});
});

describe('a broadcast', () => {
	test('settles when the server has it', async (t) => {
		const { client, first } = await joinedPair(t);
		const sent = client.broadcast({ mood: 'good' });
		const { ref, ...rest } = await first.next('broadcast');
		assert.deepEqual(rest, { type: 'broadcast', data: { mood: 'good' } });
		first.send({ type: 'ack', ref });
		await sent;
	});

	test('without a connection fails at once', async (t) => {
		const { client } = await startPair(t);
		await assert.rejects(client.broadcast(1), { code: 'lost', mayHaveArrived: false });
	});

	test('whose connection is lost before its answer fails: nobody knows', async (t) => {
		const { client, first } = await joinedPair(t);
		const sent = client.broadcast(1);
		await first.next('broadcast');
		first.socket.terminate();
		await assert.rejects(sent, { code: 'lost', mayHaveArrived: true });
	});

	test('without an answer in time fails', async (t) => {
		t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000000 });
		const { client } = await joinedPair(t);
		const sent = client.broadcast(1);
		t.mock.timers.tick(10000);
		await assert.rejects(sent, { code: 'timeout', mayHaveArrived: true });
	});

	test('that the server refuses has not arrived', async (t) => {
		const { client, first } = await joinedPair(t);
		const sent = client.broadcast(1);
		const { ref } = await first.next('broadcast');
		first.send({ type: 'error', ref, code: 'internal', message: 'out of memory' });
		await assert.rejects(sent, { code: 'internal', mayHaveArrived: false });
	});
});

describe('what others send', () => {
	test('comes as an event first, then to the link its listener made', async (t) => {
		const { client, first } = await joinedPair(t);
		const order = [];
		client.on('offer', ({ from }) => {
			order.push('event');
			client.links.set(from, { receive: ({ type }) => order.push(`link ${type}`), close() {} });
		});
		const answer = client.once('answer');
		first.send({ type: 'offer', from: 'bob', description: { type: 'offer', sdp: 'v=0' } });
		first.send({ type: 'answer', from: 'bob', description: { type: 'answer', sdp: 'v=0' } });
		await answer;
		assert.deepEqual(order, ['event', 'link offer', 'link answer']);
	});

	test('is a message to us, or a broadcast', async (t) => {
		const { client, first } = await joinedPair(t);
		const [message, broadcast] = [client.once('message'), client.once('broadcast')];
		first.send(data('bob', 1, { data: { for: 'me' } }));
		first.send({ type: 'broadcast', from: 'bob', fi: 7, data: { for: 'all' } });
		assert.deepEqual([(await message).from, (await message).data, (await broadcast).data], ['bob', { for: 'me' }, { for: 'all' }]);
	});

	test('is ignored where the type is not known', async (t) => {
		const { client, first } = await joinedPair(t);
		const viewers = client.once('viewers');
		first.send({ type: 'from-the-future', peers: 7 });
		first.send({ type: 'viewers', count: 12, unknown: true });
		assert.equal(await viewers, 12);
		assert.equal(client.state, 'joined');
	});

	test('an error nobody waits for is an event', async (t) => {
		const { client, first } = await joinedPair(t);
		const error = client.once('error');
		first.send({ type: 'error', code: 'unknown-type', message: 'no such type' });
		assert.equal((await error).code, 'unknown-type');
	});
});

describe('acknowledging', () => {
	test('rides on whatever goes the other way', async (t) => {
		const { client, first } = await joinedPair(t, {}, { peers: [bob] });
		const message = client.once('message');
		first.send(data('bob', 1));
		await message;
		client.send('bob', 1).catch(() => {});
		assert.equal((await first.next('signal')).sn, 1);
		client.broadcast(1).catch(() => {});
		assert.equal('sn' in await first.next('broadcast'), false);
	});

	test('is said alone after fifty milliseconds, for all that has come', async (t) => {
		t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000000 });
		const { client, first } = await joinedPair(t);
		first.send(data('bob', 1));
		first.send(data('bob', 2, { p: 1 }));
		await caughtUp(client, first);
		t.mock.timers.tick(50);
		assert.deepEqual(await first.next('ack'), { type: 'ack', sn: 2 });
		t.mock.timers.tick(1000);
		client.broadcast(1).catch(() => {});
		await first.next('broadcast');
	});

	test('is said alone after thirty-two messages', async (t) => {
		t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000000 });
		const { client, first } = await joinedPair(t);
		for (let n = 1; n <= 33; n++)
			first.send(data('bob', n));
		await caughtUp(client, first);
		assert.deepEqual(await first.next('ack'), { type: 'ack', sn: 32 });
	});

	test('comes after the application has had the message', async (t) => {
		const { client, first } = await joinedPair(t, {}, { peers: [bob] });
		client.on('message', ({ n }) => client.send('bob', n).catch(() => {}));
		first.send(data('bob', 1));
		assert.equal('sn' in await first.next('signal'), false);
		first.send(data('bob', 2, { p: 1 }));
		assert.equal((await first.next('signal')).sn, 1);
	});

	test('in a page that nobody sees waits for no timer, which would be late', async (t) => {
		globalThis.document = Object.assign(new EventTarget(), { visibilityState: 'hidden' });
		t.after(() => delete globalThis.document);
		t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000000 });
		const { first } = await joinedPair(t);
		first.send(data('bob', 1));
		assert.deepEqual(await first.next('ack'), { type: 'ack', sn: 1 });
	});

	test('of what was dropped as seen is said as well', async (t) => {
		const { client, first } = await joinedPair(t);
		const had = [];
		client.on('message', ({ n }) => had.push(n));
		first.send(data('bob', 1));
		first.send(data('bob', 1));
		assert.equal((await first.next('ack')).sn, 2);
		assert.deepEqual(had, [1]);
	});
});

describe('a lost connection', () => {
	/** Cut it, and wait for the next. */
	async function cut({ connection, first }) {
		first.socket.terminate();
		return connection();
	}

	test('is resumed: same id, same peers, nothing lost, nothing said twice', async (t) => {
		const pair = await joinedPair(t, { name: 'Ada', metadata: { a: 1 } }, { peers: [bob] });
		const { client, first, join } = pair;
		const events = log(client, 'joined', 'peer-joined', 'peer-left', 'peer-away', 'peer-back');
		const had = [];
		client.on('message', ({ n }) => had.push(n));
		first.send(data('bob', 1));
		await client.once('message');
		const sent = client.send('bob', 'one');
		assert.equal((await first.next('signal')).sn, 1);

		const second = await cut(pair);
		const resumed = client.once('resumed');
		const resume = await second.resume('me', { peers: [bob], session: session({ token: 'second' }) });
		assert.deepEqual(resume, {
			type: 'resume', token: 'first', inst: join.inst, try: 2, epoch: EPOCH, last: 1, name: 'Ada', metadata: { a: 1 },
		});
		await resumed;
		assert.deepEqual(await second.next('signal'), { type: 'signal', to: 'bob', ti: 7, n: 1, p: 0, data: 'one' });
		second.send(data('bob', 2, { p: 1, acked: 1 }));
		await sent;
		assert.deepEqual([client.id, had, events], ['me', [1, 2], []]);
	});

	test('keeps what is sent meanwhile', async (t) => {
		const pair = await joinedPair(t, {}, { peers: [bob] });
		const lost = pair.client.once('retry');
		pair.first.socket.terminate();
		await lost;
		const sent = pair.client.send('bob', 'meanwhile');
		const second = await pair.connection();
		await second.resume('me', { peers: [bob] });
		assert.equal((await second.next('signal')).data, 'meanwhile');
		second.send({ type: 'ack', from: 'bob', ti: 7, n: 1 });
		await sent;
	});

	test('to a server that was restarted: the position is of no use there, and new messages are had', async (t) => {
		const pair = await joinedPair(t, {}, { peers: [bob] });
		const { client, first } = pair;
		const had = [];
		client.on('message', ({ n }) => had.push(n));
		first.send(data('bob', 1));
		first.send(data('bob', 2, { p: 1 }));
		await first.next('ack');
		const second = await cut(pair);
		await second.resume('me', { peers: [bob], session: session({ epoch: 2000 }) });
		second.send(data('bob', 2, { p: 0 })); // bob's acknowledgement was lost with the server
		second.send(data('bob', 3, { p: 2 }));
		assert.equal((await second.next('ack')).sn, 2);
		assert.deepEqual(had, [1, 2, 3]);
		// The position is that of the new log.
		const third = await cut({ connection: pair.connection, first: second });
		const { epoch, last } = await third.next('resume');
		assert.deepEqual([epoch, last], [2000, 2]);
	});

	test('uses the newest token, and counts its attempts', async (t) => {
		const pair = await joinedPair(t);
		const { client, first } = pair;
		first.send({ type: 'session', token: 'renewed' });
		await caughtUp(client, first);
		const second = await cut(pair);
		const resume = await second.next('resume');
		assert.deepEqual([resume.token, resume.try], ['renewed', 2]);
		const third = await cut({ connection: pair.connection, first: second });
		assert.equal((await third.next('resume')).try, 3);
	});

	test('is over when the next stands: what it still brings is not heard', async (t) => {
		const sockets = [];
		class KeptSocket extends (await import('ws')).WebSocket {
			constructor(...args) {
				super(...args);
				sockets.push(this);
			}
		}
		const { client, connection, first } = await joinedPair(t, { WebSocket: KeptSocket }, { peers: [bob] });
		const had = [];
		client.on('message', ({ n }) => had.push(n));
		const late = sockets[0].onmessage;
		first.socket.close(4002, 'stale');
		const second = await connection();
		await second.resume('me', { peers: [bob] });
		await client.once('resumed');
		late({ data: JSON.stringify(data('bob', 8)) });
		second.send(data('bob', 1));
		assert.equal((await second.next('ack')).sn, 1);
		assert.deepEqual(had, [1]);
		await Promise.all(sockets.map((socket) => socket.terminate()));
	});

	describe('that cannot be resumed', () => {
		for (const reason of ['expired', 'overflow']) {
			test(`(${reason}) begins anew under the same id, and says what was lost`, async (t) => {
				const pair = await joinedPair(t, {}, { peers: [bob] });
				const { client, join } = pair;
				let closed = 0;
				client.links.set('bob', { receive() {}, close: () => closed++ });
				const sent = client.send('bob', 1);
				await pair.first.next('signal');
				const second = await cut(pair);
				await second.refuse(reason);
				await assert.rejects(sent, { code: 'expired', message: `because of ${reason}`, mayHaveArrived: true });
				const again = client.once('joined');
				const resume = await second.resume('me', { peers: [eve], session: session({ epoch: 3000 }) });
				assert.ok(resume.inst > join.inst);
				assert.deepEqual([resume.token, resume.epoch, resume.last, resume.try], ['first', 0, 0, 1]);
				assert.equal((await again).id, 'me');
				assert.deepEqual([[...client.peers.keys()], closed], [['eve'], 1]);
			});
		}

		for (const reason of ['bad-token', 'from-the-future']) {
			test(`(${reason}) joins as somebody new`, async (t) => {
				const pair = await joinedPair(t);
				const second = await cut(pair);
				await second.refuse(reason);
				const again = pair.client.once('joined');
				const join = await second.admit('me-again', { session: session({ token: 'new' }) });
				assert.ok(join.inst > pair.join.inst);
				assert.equal((await again).id, 'me-again');
				assert.equal(pair.client.id, 'me-again');
			});
		}

		test('for lack of memory is tried again as who it was', async (t) => {
			const pair = await joinedPair(t);
			const second = await cut(pair);
			const retry = pair.client.once('retry');
			await second.refuse('internal');
			assert.equal((await retry).reason, 'because of internal');
			const resumed = pair.client.once('resumed');
			const { token, inst } = await (await pair.connection()).resume('me');
			assert.deepEqual([token, inst], ['first', pair.join.inst]);
			assert.equal((await resumed).id, 'me');
		});

		test('not even anew joins as somebody new, without end', async (t) => {
			const pair = await joinedPair(t);
			const second = await cut(pair);
			await second.refuse('expired');
			await second.refuse('expired');
			await second.next('join');
		});

		for (const reason of ['role-taken', 'room-full', 'too-many-watchers', 'too-many-rooms', 'taken', 'kicked']) {
			test(`(${reason}) ends it`, async (t) => {
				const pair = await joinedPair(t, {}, { peers: [bob] });
				const sent = pair.client.send('bob', 1);
				await pair.first.next('signal');
				const second = await cut(pair);
				const closed = pair.client.once('closed');
				await second.refuse(reason);
				assert.equal((await closed).code, reason);
				await assert.rejects(sent, { code: reason, mayHaveArrived: true });
				assert.equal(pair.client.state, 'closed');
			});
		}
	});

	test('is opened again after the time that go-away said', async (t) => {
		const { client, connection, first } = await joinedPair(t);
		const retry = client.once('retry');
		first.send({ type: 'go-away', reason: 'shutdown', reconnectAfterMs: 250 });
		await client.once('go-away');
		first.socket.close(1012, 'restart');
		assert.deepEqual(await retry, { delayMs: 250, reason: 'restart' });
		const start = performance.now();
		await connection();
		assert.ok(performance.now() - start > 200);
	});

	test('is noticed by silence: a ping without an answer', async (t) => {
		t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000000 });
		const { client, connection, first } = await joinedPair(t, {}, { limits: { pingInterval: 4, maxMessageBytes: 65536 } });
		t.mock.timers.tick(4000);
		await first.next('ping');
		await caughtUp(client, first);
		t.mock.timers.tick(3999);
		assert.equal(client.state, 'joined');
		t.mock.timers.tick(1);
		await first.next('ping');
		t.mock.timers.tick(9999);
		assert.equal(client.state, 'joined');
		const retry = client.once('retry');
		t.mock.timers.tick(1);
		assert.match((await retry).reason, /does not answer/);
		t.mock.timers.tick(1);
		await (await connection()).next('resume');
	});

	test('is asked about at once by a page that slept', async (t) => {
		t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000000 });
		const { first } = await joinedPair(t, {}, { limits: quiet });
		// The clock on the wall has gone on, and the timers have not.
		const slept = Date.now() + 60000;
		t.mock.method(Date, 'now', () => slept);
		t.mock.timers.tick(5000);
		await first.next('ping');
	});

	test('is not asked about while the server speaks', async (t) => {
		t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000000 });
		const { client, first } = await joinedPair(t);
		for (let i = 0; i < 20; i++) {
			t.mock.timers.tick(5000);
			await caughtUp(client, first);
		}
		client.broadcast(1).catch(() => {});
		await first.next('broadcast');
	});

	test('is opened at once when the network is back', async (t) => {
		const events = new EventTarget();
		globalThis.addEventListener = events.addEventListener.bind(events);
		globalThis.removeEventListener = events.removeEventListener.bind(events);
		t.after(() => {
			delete globalThis.addEventListener;
			delete globalThis.removeEventListener;
		});
		const { client, connection, first } = await joinedPair(t, { minRetryMs: 1e8, maxRetryMs: 1e8 });
		const lost = client.once('retry');
		first.socket.terminate();
		await lost;
		events.dispatchEvent(new Event('online'));
		const second = await connection();
		await second.resume('me');
		await client.once('resumed');
		// One that stands is asked whether it still does.
		events.dispatchEvent(new Event('online'));
		await second.next('ping');
	});

	test('is opened anew when the network is back while an attempt hangs', async (t) => {
		const events = new EventTarget();
		globalThis.addEventListener = events.addEventListener.bind(events);
		t.after(() => delete globalThis.addEventListener);
		let count = 0;
		const { client, connection } = await startPair(t, { auth: () => ++count > 1 ? count : new Promise(() => {}) });
		client.connect().catch(() => {});
		await new Promise(setImmediate);
		// First it hangs in the application, then in the network: a server that says nothing.
		events.dispatchEvent(new Event('online'));
		const first = await connection();
		assert.equal((await first.next('join')).auth, 2);
		events.dispatchEvent(new Event('online'));
		assert.equal((await (await connection()).next('join')).auth, 3);
		await first.closed;
		assert.equal(client.state, 'connecting');
	});

	test('is opened at once when the page is looked at, not when it is put aside', async (t) => {
		const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
		globalThis.document = page;
		t.after(() => delete globalThis.document);
		const { client, connection, first } = await joinedPair(t, { minRetryMs: 1e8, maxRetryMs: 1e8 });
		page.visibilityState = 'hidden';
		page.dispatchEvent(new Event('visibilitychange'));
		const lost = client.once('retry');
		first.socket.terminate();
		await lost;
		page.dispatchEvent(new Event('visibilitychange'));
		page.visibilityState = 'visible';
		page.dispatchEvent(new Event('visibilitychange'));
		await (await connection()).next('resume');
	});

	test('is not opened again after a code that forbids it', async (t) => {
		for (const [code, expected] of [[1002, 'closed'], [1003, 'closed'], [1007, 'closed'], [1009, 'closed'], [4001, 'taken'], [4003, 'kicked']]) {
			const { client, first } = await joinedPair(t);
			const closed = client.once('closed');
			first.socket.close(code, 'a rule was broken');
			assert.equal((await closed).code, expected);
			assert.equal(client.state, 'closed');
		}
	});

	test('is opened again after the codes that allow it', async (t) => {
		for (const code of [1001, 1008, 1011, 1012, 1013, 4002, 4004]) {
			const { connection, first } = await joinedPair(t);
			first.socket.close(code);
			await (await connection()).next('resume');
		}
	});

	test('that keeps breaking is tried ever more slowly, by the time it was away in all', async (t) => {
		t.mock.method(Math, 'random', () => 1 - Number.EPSILON);
		t.mock.timers.enable({ apis: ['Date'], now: 1000000 });
		const { client, connection, first } = await joinedPair(t, { minRetryMs: 2, maxRetryMs: 10 });
		const delays = [];
		client.on('retry', ({ delayMs }) => delays.push(delayMs));
		let { socket } = first;
		for (let i = 0; i < 4; i++) {
			t.mock.timers.tick(4000); // held, but not for long
			socket.terminate();
			const next = await connection();
			t.mock.timers.tick(3); // away
			await next.resume('me');
			await client.once('resumed');
			({ socket } = next);
		}
		t.mock.timers.tick(5000);
		const lost = client.once('retry');
		socket.terminate();
		await lost;
		assert.deepEqual(delays, [1, 2, 5, 8, 1]);
		await (await connection()).next('resume');
	});

	test('a server that is not there is tried until it is', async (t) => {
		const { client, connection } = await startPair(t);
		const connecting = client.connect();
		for (let i = 0; i < 3; i++)
			(await connection()).socket.terminate();
		await (await connection()).admit('me');
		assert.equal((await connecting).id, 'me');
	});

	test('by a server that skips a message begins anew with another memory', async (t) => {
		const { client, connection, first, join } = await joinedPair(t, {}, { peers: [bob] });
		const had = [];
		client.on('message', ({ n }) => had.push(n));
		first.send(data('bob', 1));
		first.send(data('bob', 3, { p: 2 }));
		const second = await connection();
		const resume = await second.next('resume');
		assert.ok(resume.inst > join.inst);
		assert.deepEqual([resume.epoch, had], [0, [1]]);
	});
});

describe('the others', () => {
	/** A client that was cut off while bob and eve were there, and is let in again. */
	async function back(t, more, names = ['peer-joined', 'peer-left', 'peer-away', 'peer-back']) {
		const pair = await joinedPair(t, {}, { peers: [bob, eve] });
		const events = log(pair.client, ...names);
		pair.first.socket.terminate();
		const second = await pair.connection();
		const resumed = pair.client.once('resumed');
		await second.resume('me', more);
		await resumed;
		return { ...pair, second, events };
	}

	test('who are cut off are away, not gone, and come back', async (t) => {
		const { client, first } = await joinedPair(t, {}, { peers: [bob] });
		const events = log(client, 'peer-joined', 'peer-left', 'peer-away', 'peer-back');
		client.send('bob', 1).catch(() => {});
		await first.next('signal');
		first.send({ type: 'peer-away', id: 'bob' });
		await client.once('peer-away');
		assert.equal(client.peers.get('bob').away, true);
		client.send('bob', 2).catch(() => {});
		assert.equal((await first.next('signal')).n, 2); // the server keeps it
		first.send({ type: 'peer-back', id: 'bob', inst: 7 });
		assert.deepEqual([(await first.next('signal')).n, (await first.next('signal')).n], [1, 2]);
		assert.equal(client.peers.get('bob').away, false);
		assert.deepEqual(events, [['peer-away', 'bob'], ['peer-back', 'bob']]);
	});

	test('whose page was loaded anew are told to have left and come', async (t) => {
		const { client, first } = await joinedPair(t, {}, { peers: [bob] });
		let closed = 0;
		client.links.set('bob', { receive() {}, close: () => closed++ });
		const events = log(client, 'peer-joined', 'peer-left');
		const sent = client.send('bob', 1);
		await first.next('signal');
		first.send({ type: 'peer-joined', peer: { ...bob, inst: 8 } });
		await assert.rejects(sent, { code: 'peer-restarted', mayHaveArrived: true });
		assert.deepEqual(events, [['peer-left', 'bob', 'restarted'], ['peer-joined', 'bob']]);
		assert.equal(closed, 1);
		client.send('bob', 2).catch(() => {});
		assert.deepEqual(await first.next('signal'), { type: 'signal', to: 'bob', ti: 8, n: 2, p: 0, data: 2 });
	});

	test('who leave take their link, and what is pending, with them', async (t) => {
		const { client, first } = await joinedPair(t, {}, { peers: [bob] });
		let closed = 0;
		client.links.set('bob', { receive() {}, close: () => closed++ });
		const sent = client.send('bob', 1);
		const left = client.once('peer-left');
		first.send({ type: 'peer-left', id: 'bob', role: 'peer', reason: 'lost' });
		assert.deepEqual(await left, seen(bob, { reason: 'lost' }));
		await assert.rejects(sent, { code: 'unknown-peer' });
		assert.deepEqual([closed, client.peers.size], [1, 0]);
	});

	test('who came, left, or changed while we were cut off are told of at our return', async (t) => {
		const zoe = { id: 'zoe', role: 'peer', inst: 1 };
		const { client, events } = await back(t, { peers: [{ ...bob, away: true }, zoe] });
		assert.deepEqual(events, [['peer-away', 'bob'], ['peer-joined', 'zoe'], ['peer-left', 'eve', 'lost']]);
		assert.deepEqual([...client.peers.keys()], ['bob', 'zoe']);
	});

	test('who were away already are not said to be away once more', async (t) => {
		const { client, connection, first } = await joinedPair(t, {}, { peers: [{ ...bob, away: true }] });
		const events = log(client, 'peer-away', 'peer-back', 'peer-left');
		first.socket.terminate();
		const second = await connection();
		await second.resume('me', { session: session({ epoch: 2000, settled: false }) });
		await caughtUp(client, second);
		assert.deepEqual(events, []);
		assert.equal(client.peers.get('bob').away, true);
	});

	test('keep being the same objects', async (t) => {
		const { client, first } = await joinedPair(t, {}, { peers: [bob] });
		const peer = client.peers.get('bob');
		first.send({ type: 'peer-away', id: 'bob' });
		await client.once('peer-away');
		assert.equal(peer.away, true);
	});

	test('on later pages of the list are not missed before those have come', async (t) => {
		const { client, second, events } = await back(t, { peers: [bob], next: 1 });
		await second.next('peers');
		assert.deepEqual(events, []);
		second.send({ type: 'peers', peers: [eve] });
		await caughtUp(client, second);
		assert.deepEqual(events, []);
	});

	describe('after a restart of the server', () => {
		const unsettled = { session: session({ epoch: 2000, settled: false }) };

		test('are away until they return, and what is for them waits', async (t) => {
			const { client, second, events } = await back(t, { ...unsettled, peers: [bob] });
			assert.deepEqual(events, [['peer-away', 'eve']]);
			const sent = client.send('eve', 1);
			client.send('bob', 2).catch(() => {});
			assert.equal((await second.next('signal')).to, 'bob');
			second.send({ type: 'peer-joined', peer: eve });
			assert.deepEqual(await second.next('signal'), { type: 'signal', to: 'eve', ti: 9, n: 1, p: 0, data: 1 });
			second.send({ type: 'ack', from: 'eve', ti: 9, n: 1 });
			await sent;
			assert.deepEqual(events, [['peer-away', 'eve'], ['peer-back', 'eve']]);
		});

		test('are gone when it is settled and they have not returned', async (t) => {
			const { client, second, events } = await back(t, { ...unsettled, peers: [bob] });
			const sent = client.send('eve', 1);
			second.send({ type: 'settled' });
			await assert.rejects(sent, { code: 'unknown-peer', mayHaveArrived: false });
			assert.deepEqual(events, [['peer-away', 'eve'], ['peer-left', 'eve', 'lost']]);
			assert.deepEqual([...client.peers.keys()], ['bob']);
		});

		test('are not judged by a list of which a page is missing', async (t) => {
			const { client, second, events } = await back(t, { ...unsettled, peers: [bob], next: 1 });
			await second.next('peers');
			second.send({ type: 'settled' });
			await caughtUp(client, second);
			assert.deepEqual(events, []);
			second.send({ type: 'peers', peers: [] });
			await client.once('peer-left');
			assert.deepEqual(events, [['peer-left', 'eve', 'lost']]);
		});

		test('and a message that is refused because they may return is sent when they have', async (t) => {
			const { client, second } = await back(t, { ...unsettled, peers: [bob, eve] });
			const sent = client.send('eve', 1);
			await second.next('signal');
			second.send({ type: 'error', code: 'peer-pending', to: 'eve', n: 1, message: '' });
			second.send({ type: 'peer-joined', peer: eve });
			assert.equal((await second.next('signal')).n, 1);
			second.send({ type: 'ack', from: 'eve', ti: 9, n: 1 });
			await sent;
		});
	});
});

describe('a page that is loaded again', () => {
	test('keeps its id, with a memory that is later, and begins anew', async (t) => {
		const { open, connection, join } = await joinedPair(t, { storage: new Shelf(), name: 'Ada' }, { peers: [bob] });
		const page = open();
		const connecting = page.connect();
		const resume = await (await connection()).resume('me', { peers: [bob], session: session({ epoch: 5 }) });
		assert.ok(resume.inst > join.inst);
		assert.deepEqual({ ...resume, inst: 0 }, { type: 'resume', token: 'first', epoch: 0, last: 0, inst: 0, try: 1, name: 'Ada' });
		assert.equal((await connecting).id, 'me');
	});

	test('in another room or role is somebody else', async (t) => {
		const { open, connection } = await joinedPair(t, { storage: new Shelf() });
		open({ room: 'garden' }).connect().catch(() => {});
		await (await connection()).next('join');
		open({ role: 'watcher' }).connect().catch(() => {});
		await (await connection()).next('join');
	});

	test('after it has left is somebody else', async (t) => {
		const { client, open, connection } = await joinedPair(t, { storage: new Shelf() });
		client.close();
		open().connect().catch(() => {});
		await (await connection()).next('join');
	});

	test('after another tab has taken its place is somebody else', async (t) => {
		const { client, open, connection, first } = await joinedPair(t, { storage: new Shelf() });
		const closed = client.once('closed');
		first.socket.close(4001, 'taken over');
		await closed;
		open().connect().catch(() => {});
		await (await connection()).next('join');
	});
});

describe('links', () => {
	/** Links are made with these connections, which only know how to negotiate. */
	const wanted = { links: true, RTCPeerConnection: FakeConnection };

	test('are made with everybody, after the application knows that it has joined', async (t) => {
		const { client, connection } = await startPair(t, wanted);
		const events = log(client, 'joined', 'link', 'peer-joined');
		client.connect().catch(() => {});
		const first = await connection();
		await first.admit('me', { peers: [bob] });
		first.send({ type: 'peer-joined', peer: eve });
		await caughtUp(client, first);
		assert.deepEqual(events, [['joined', 'me'], ['link', 'bob'], ['peer-joined', 'eve'], ['link', 'eve']]);
		assert.deepEqual([...client.links.keys()], ['bob', 'eve']);
	});

	test('call those who were there, and are called by those who come', async (t) => {
		const { client, first } = await joinedPair(t, wanted, { peers: [bob], next: 1 });
		first.send({ type: 'peer-joined', peer: eve });
		first.send({ type: 'peers', peers: [{ id: 'zoe', role: 'peer' }] });
		first.send({ type: 'peer-joined', peer: { id: 'kim', role: 'watcher' } });
		await caughtUp(client, first);
		assert.deepEqual([...client.links.values()].map(({ id, isCaller }) => [id, isCaller]),
			[['bob', true], ['eve', false], ['zoe', true], ['kim', true]]);
	});

	test('are made with those who are wanted', async (t) => {
		const { client } = await joinedPair(t, { ...wanted, links: ({ role }) => role === 'watcher' },
			{ peers: [bob, { id: 'kim', role: 'watcher' }] });
		assert.deepEqual([...client.links.keys()], ['kim']);
	});

	test('are not made where nobody has asked for them', async (t) => {
		const { client } = await joinedPair(t, {}, { peers: [bob] });
		assert.equal(client.links.size, 0);
	});

	test('are told before what the peer sends, which they get', async (t) => {
		const { client, first } = await joinedPair(t, wanted, { peers: [bob] });
		first.send({ type: 'offer', from: 'bob', fi: 7, n: 1, description: { type: 'offer', sdp: 'v=0\r\na=ice-ufrag:x\r\n' } });
		const answer = await first.next('answer');
		assert.equal(answer.description.offerUfrag, 'x');
		assert.equal(client.links.get('bob').pc.signalingState, 'stable');
	});

	test('outlive the connection to the server', async (t) => {
		const { client, connection, first } = await joinedPair(t, wanted, { peers: [bob] });
		const link = client.links.get('bob');
		first.socket.terminate();
		await (await connection()).resume('me', { peers: [bob] });
		await client.once('resumed');
		assert.equal(client.links.get('bob'), link);
		assert.equal(link.pc.connectionState, 'new');
	});

	test('of somebody who has begun anew are made anew, and they call', async (t) => {
		const { client, first } = await joinedPair(t, wanted, { peers: [bob] });
		const link = client.links.get('bob');
		const next = client.once('link');
		first.send({ type: 'peer-joined', peer: { ...bob, inst: 8 } });
		assert.equal((await next).isCaller, false);
		assert.equal(link.pc.connectionState, 'closed');
	});

	test('are made anew when we begin anew, and we call', async (t) => {
		const { client, connection, first } = await joinedPair(t, wanted, { peers: [bob] });
		const link = client.links.get('bob');
		first.socket.terminate();
		const second = await connection();
		await second.refuse('expired');
		const next = client.once('link');
		await second.resume('me', { peers: [bob] });
		assert.equal((await next).isCaller, true);
		assert.equal(link.pc.connectionState, 'closed');
	});

	for (const [what, end] of [['the link', ({ link }) => link.close()], ['the room', ({ client }) => client.close()]]) {
		test(`are left to their listener, which may close ${what} at once`, async (t) => {
			const stream = { getTracks: () => [{ kind: 'video' }] };
			const { client, connection } = await startPair(t, { ...wanted, stream });
			const links = [];
			client.on('link', (link) => {
				links.push(link);
				end({ link, client });
			});
			client.connect().catch(() => {});
			await (await connection()).admit('me', { peers: [bob] });
			await client.once('link');
			await new Promise(setImmediate);
			assert.deepEqual([links.length, links[0].pc.connectionState, client.links.size], [1, 'closed', 0]);
		});
	}

	test('need an RTCPeerConnection, which is said at once', async (t) => {
		await assert.rejects(startPair(t, { links: true }), /RTCPeerConnection/);
		await assert.rejects(startPair(t, { stream: { getTracks: () => [] } }), /RTCPeerConnection/);
	});

	test('are not made because a stream is shared later', async (t) => {
		const { client, first } = await joinedPair(t, { RTCPeerConnection: FakeConnection }, { peers: [bob] });
		client.share({ getTracks: () => [] });
		first.send({ type: 'peer-joined', peer: eve });
		await caughtUp(client, first);
		assert.equal(client.links.size, 0);
	});

	test('are not made once the room is closed', async (t) => {
		const { client, connection } = await startPair(t, wanted);
		client.on('joined', () => client.close());
		client.connect().catch(() => {});
		const first = await connection();
		await first.admit('me', { peers: [bob] });
		await first.closed;
		assert.equal(client.links.size, 0);
	});

	test('send the stream that is shared, those made later too', async (t) => {
		const stream = (name) => ({ getTracks: () => [{ kind: 'video', name }] });
		const early = stream('early');
		const { client, first } = await joinedPair(t, { stream: early, RTCPeerConnection: FakeConnection }, { peers: [bob] });
		const names = (id) => client.links.get(id).pc.getSenders().map(({ track }) => track.name);
		assert.deepEqual(names('bob'), ['early']);
		client.share(stream('late'));
		first.send({ type: 'peer-joined', peer: eve });
		await caughtUp(client, first);
		assert.deepEqual([names('bob'), names('eve')], [['early', 'late'], ['late']]);
	});
});

describe('credentials', () => {
	const list = (password, more = {}) => ({
		iceServers: [{ urls: ['turn:a'], username: '1:u', credential: password }], ttl: 60, expiresAt: '', refreshAfter: 45, ...more,
	});

	test('are taken when they come unasked', async (t) => {
		const { client, first } = await joinedPair(t);
		const ice = client.once('ice');
		first.send({ type: 'ice', ...list('new') });
		await ice;
		assert.deepEqual(client.iceServers, list('new').iceServers);
	});

	test('that the server does not renew in time are asked for, again and again', async (t) => {
		t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000000 });
		t.mock.method(Math, 'random', () => 0);
		const { client, first } = await joinedPair(t, { ttl: 60 }, { refreshAfter: 45, limits: quiet });
		for (const password of ['second', 'third']) {
			pass(t, 45);
			const { ref, ttl } = await first.next('ice');
			assert.equal(ttl, 60);
			const ice = client.once('ice');
			first.send({ type: 'ice', ref, ...list(password) });
			assert.deepEqual((await ice).iceServers, list(password).iceServers);
		}
	});

	test('that the server renews are not asked for', async (t) => {
		t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000000 });
		const { client, first } = await joinedPair(t, {}, { refreshAfter: 45, limits: quiet });
		pass(t, 40);
		const ice = client.once('ice');
		first.send({ type: 'ice', ...list('pushed') });
		await ice;
		pass(t, 40);
		client.broadcast(1).catch(() => {});
		await first.next('broadcast');
	});

	test('in use are renewed in their own time, though others came with a resumption', async (t) => {
		t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000000 });
		t.mock.method(Math, 'random', () => 0);
		const { client, connection, first } = await joinedPair(t, {}, { refreshAfter: 45, limits: quiet });
		pass(t, 40);
		const resumed = client.once('resumed');
		const lost = client.once('retry');
		first.socket.terminate();
		await lost;
		t.mock.timers.tick(1);
		const second = await connection();
		await second.resume('me', { ...list('resumed'), limits: quiet });
		await resumed;
		assert.deepEqual(client.iceServers, list('resumed').iceServers);
		pass(t, 5);
		await second.next('ice');
	});

	test('that cannot be had are asked for again half a minute later', async (t) => {
		t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000000 });
		t.mock.method(Math, 'random', () => 0);
		const { client, first } = await joinedPair(t, {}, { refreshAfter: 45, limits: quiet });
		pass(t, 45);
		const { ref } = await first.next('ice');
		first.send({ type: 'error', ref, code: 'internal', message: 'out of memory' });
		await caughtUp(client, first);
		pass(t, 30);
		await first.next('ice');
	});
});

describe('the end', () => {
	test('of our own leaves with 1000, rejects what is pending, and is for good', async (t) => {
		const { client, first } = await joinedPair(t, {}, { peers: [bob] });
		const ends = log(client, 'closed');
		const sent = client.send('bob', 1);
		client.close();
		client.close();
		await assert.rejects(sent, { code: 'left' });
		assert.equal(ends.length, 1);
		assert.equal(await first.closed, 1000);
		assert.equal(client.state, 'closed');
	});

	test('is the end for connect() too, before and after it', async (t) => {
		const { client, first, open, connection } = await joinedPair(t);
		client.close();
		await assert.rejects(client.connect(), { name: 'SignaldError', code: 'left' });
		await first.closed;
		const other = open();
		other.close();
		await assert.rejects(other.connect(), { code: 'left' });
		// Whoever comes next is not one of them.
		open({ name: 'next' }).connect().catch(() => {});
		assert.equal((await (await connection()).next('join')).name, 'next');
	});

	test('listens to the network no longer', async (t) => {
		const signals = [];
		globalThis.addEventListener = (name, listener, { signal }) => signals.push([name, signal]);
		t.after(() => delete globalThis.addEventListener);
		const { client } = await joinedPair(t);
		assert.deepEqual(signals.map(([name, { aborted }]) => [name, aborted]), [['online', false]]);
		client.close();
		assert.equal(signals[0][1].aborted, true);
	});

	test('by the server sending us away says why', async (t) => {
		const { client, first } = await joinedPair(t);
		const closed = client.once('closed');
		first.send({ type: 'kicked', reason: 'bad manners' });
		const { code, message } = await closed;
		assert.deepEqual([code, message], ['kicked', 'bad manners']);
	});
});
