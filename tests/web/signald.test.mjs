// The connection to signald, against a real WebSocket server.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { joined, joinedPair, startPair } from './server.mjs';

const bob = { id: 'bob', role: 'peer', name: 'Bob' };
const eve = { id: 'eve', role: 'peer' };

/** Wait for the next event of a name, begun before its cause. */
const heard = (client, name) => client.once(name);

describe('joining', () => {
	test('offers the subprotocol and sends what was asked for, and nothing that was not', async (t) => {
		const { client, connection } = await startPair(t, { role: 'watcher', name: 'Ada', metadata: { camera: true } });
		const connecting = client.connect();
		const first = await connection();
		assert.equal(first.protocol, 'signald.v1');
		const join = await first.next('join');
		assert.deepEqual({ ...join, ref: 0 },
			{ type: 'join', room: 'kitchen', role: 'watcher', name: 'Ada', metadata: { camera: true }, ref: 0 });
		first.send({ ...joined('me'), ref: join.ref, peers: [bob], viewers: 3 });
		assert.equal((await connecting).id, 'me');
		assert.equal(client.id, 'me');
		assert.equal(client.state, 'joined');
		assert.deepEqual([...client.peers.values()], [bob]);
		assert.deepEqual(client.iceServers, [{ urls: ['stun:turn.example.org:3478'] }]);
	});

	test('asks for the rest of a long list, and tells of nobody twice', async (t) => {
		const { client, connection } = await startPair(t);
		const news = [];
		client.on('peer-joined', ({ id }) => news.push(id));
		const connecting = client.connect();
		const first = await connection();
		await first.admit('me', { peers: [bob], next: 1 });
		await connecting;
		assert.equal((await first.next('peers')).after, 1);
		first.send({ type: 'peer-joined', peer: eve });
		first.send({ type: 'peers', peers: [bob, eve, { id: 'me', role: 'peer' }, { id: 'zoe', role: 'peer' }], next: 4 });
		assert.equal((await first.next('peers')).after, 4);
		assert.deepEqual(news, ['eve', 'zoe']);
	});

	test('a refusal ends it, with the code of the server', async (t) => {
		const { client, connection } = await startPair(t);
		const connecting = client.connect();
		const first = await connection();
		const { ref } = await first.next('join');
		first.send({ type: 'error', ref, code: 'room-full', message: 'the room is full' });
		await assert.rejects(connecting, { code: 'room-full', message: 'the room is full' });
		assert.equal(client.state, 'closed');
		assert.equal(await first.closed, 1000);
	});

	test('is tried again when the server is out of memory', async (t) => {
		const { client, connection } = await startPair(t);
		const connecting = client.connect();
		const first = await connection();
		const { ref } = await first.next('join');
		const retry = heard(client, 'retry');
		first.send({ type: 'error', ref, code: 'internal', message: 'out of memory' });
		assert.equal((await retry).reason, 'out of memory');
		await (await connection()).admit('me');
		assert.equal((await connecting).id, 'me');
		await first.closed;
	});
});

describe('requests', () => {
	test('get their own answer, in whatever order answers come', async (t) => {
		const { client, first } = await joinedPair(t);
		const one = client.signal('bob', 1);
		const two = client.broadcast({ two: 2 });
		const sentOne = await first.next('signal');
		const sentTwo = await first.next('broadcast');
		assert.deepEqual([sentOne.to, sentOne.data, sentTwo.data], ['bob', 1, { two: 2 }]);
		first.send({ type: 'error', ref: sentTwo.ref, code: 'queue-full', message: 'full' });
		first.send({ type: 'ack', ref: sentOne.ref });
		await assert.rejects(two, { name: 'SignaldError', code: 'queue-full' });
		assert.equal((await one).type, 'ack');
	});

	test('fail when no answer comes in time', async (t) => {
		t.mock.timers.enable({ apis: ['setTimeout'] });
		const { client } = await joinedPair(t);
		const request = client.signal('bob', 1);
		t.mock.timers.tick(10000);
		await assert.rejects(request, { code: 'timeout' });
	});

	test('fail at once without a connection', async (t) => {
		const { client } = await startPair(t);
		await assert.rejects(client.signal('bob', 1), { code: 'lost' });
	});

	test('a candidate asks for no answer', async (t) => {
		const { client, first } = await joinedPair(t);
		client.candidate('bob', null);
		assert.deepEqual(await first.next('candidate'), { type: 'candidate', to: 'bob', candidate: null });
	});

	test('an error nobody waits for is an event', async (t) => {
		const { client, first } = await joinedPair(t);
		const error = heard(client, 'error');
		first.send({ type: 'error', code: 'unknown-peer', message: 'gone' });
		assert.equal((await error).code, 'unknown-peer');
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
		const answer = heard(client, 'answer');
		first.send({ type: 'offer', from: 'bob', description: { type: 'offer', sdp: 'v=0' } });
		first.send({ type: 'answer', from: 'bob', description: { type: 'answer', sdp: 'v=0' } });
		await answer;
		assert.deepEqual(order, ['event', 'link offer', 'link answer']);
	});

	test('is ignored where the type is not known', async (t) => {
		const { client, first } = await joinedPair(t);
		const viewers = heard(client, 'viewers');
		first.send({ type: 'from-the-future', peers: 7 });
		first.send({ type: 'viewers', count: 12, unknown: true });
		assert.equal(await viewers, 12);
		assert.equal(client.state, 'joined');
	});

	test('a peer that leaves takes its link with it', async (t) => {
		const { client, first } = await joinedPair(t, {}, { peers: [bob] });
		let closed = 0;
		client.links.set('bob', { receive() {}, close: () => closed++ });
		const left = heard(client, 'peer-left');
		first.send({ type: 'peer-left', id: 'bob', role: 'peer', reason: 'lost' });
		assert.equal((await left).reason, 'lost');
		assert.equal(closed, 1);
		assert.equal(client.peers.size, 0);
	});
});

describe('a lost connection', () => {
	test('is opened again: new id, new peers, old links closed, open requests refused', async (t) => {
		const { client, connection, first } = await joinedPair(t, {}, { peers: [bob] });
		let closed = 0;
		client.links.set('bob', { receive() {}, close: () => closed++ });
		const open = client.signal('bob', 1);
		await first.next('signal');
		const again = heard(client, 'joined');
		first.socket.terminate();
		await assert.rejects(open, { code: 'lost' });
		await (await connection()).admit('me-again', { peers: [eve] });
		assert.equal((await again).id, 'me-again');
		assert.equal(client.id, 'me-again');
		assert.deepEqual([...client.peers.keys()], ['eve']);
		assert.equal(closed, 1);
	});

	test('is tried again after the time that go-away said', async (t) => {
		const { client, connection, first } = await joinedPair(t);
		const retry = heard(client, 'retry');
		first.send({ type: 'go-away', reason: 'shutdown', reconnectAfterMs: 250 });
		await heard(client, 'go-away');
		first.socket.close(1012, 'restart');
		assert.deepEqual(await retry, { delayMs: 250, reason: 'restart' });
		const start = performance.now();
		await connection();
		assert.ok(performance.now() - start > 200);
	});

	test('by a server that goes away leaves the links alone until the next join', async (t) => {
		const { client, connection, first } = await joinedPair(t, {}, { peers: [bob] });
		let closed = 0;
		client.links.set('bob', { receive() {}, close: () => closed++ });
		const left = heard(client, 'peer-left');
		first.send({ type: 'go-away', reason: 'shutdown', reconnectAfterMs: 1 });
		first.send({ type: 'peer-left', id: 'bob', role: 'peer', reason: 'shutdown' });
		await left;
		const again = heard(client, 'joined');
		first.socket.close(1012);
		const second = await connection();
		assert.equal(closed, 0);
		await second.admit('me-again');
		await again;
		assert.equal(closed, 1);
	});

	test('is tried again when the server will not have it back yet', async (t) => {
		const { client, connection, first } = await joinedPair(t, { role: 'broadcaster' });
		first.socket.terminate();
		const second = await connection();
		const { ref } = await second.next('join');
		second.send({ type: 'error', ref, code: 'role-taken', message: 'the room has its broadcaster' });
		const again = heard(client, 'joined');
		await (await connection()).admit('me-again');
		assert.equal((await again).id, 'me-again');
	});

	test('is noticed by silence: a ping without an answer', async (t) => {
		t.mock.timers.enable({ apis: ['setTimeout'] });
		const limits = { pingInterval: 5 };
		const { client, connection, first } = await joinedPair(t, {}, { limits });
		t.mock.timers.tick(5000);
		await first.next('ping');
		const alive = heard(client, 'viewers');
		first.send({ type: 'viewers', count: 1 });
		await alive;
		t.mock.timers.tick(5000);
		await first.next('ping');
		t.mock.timers.tick(9999);
		assert.equal(client.state, 'joined');
		const retry = heard(client, 'retry');
		t.mock.timers.tick(1);
		assert.match((await retry).reason, /silent/);
		t.mock.timers.tick(1);
		await (await connection()).next('join');
	});

	test('is not opened again after a code that forbids it', async (t) => {
		for (const code of [1002, 1003, 1007, 1008, 1009]) {
			const { client, first } = await joinedPair(t);
			const closed = heard(client, 'closed');
			first.socket.close(code, 'a rule was broken');
			assert.deepEqual({ ...(await closed) }, { name: 'SignaldError', code: 'closed' });
			assert.equal(client.state, 'closed');
		}
	});

	test('is opened again after the codes that allow it', async (t) => {
		for (const code of [1001, 1011, 1012, 1013]) {
			const { connection, first } = await joinedPair(t);
			first.socket.close(code);
			await (await connection()).next('join');
		}
	});

	test('that keeps breaking is tried ever more slowly', async (t) => {
		t.mock.method(Math, 'random', () => 1 - Number.EPSILON);
		const { client, connection, first } = await joinedPair(t, { minRetryMs: 2, maxRetryMs: 10 });
		const delays = [];
		client.on('retry', ({ delayMs }) => delays.push(delayMs));
		let socket = first.socket;
		for (let i = 0; i < 4; i++) {
			socket.terminate();
			const next = await connection();
			await next.admit(`me-${i}`);
			await heard(client, 'joined');
			socket = next.socket;
		}
		assert.deepEqual(delays, [1, 3, 7, 9]);
	});

	test('a server that is not there is tried until it is', async (t) => {
		const { client, connection } = await startPair(t);
		const connecting = client.connect();
		for (let i = 0; i < 3; i++)
			(await connection()).socket.terminate();
		await (await connection()).admit('me');
		assert.equal((await connecting).id, 'me');
	});
});

describe('credentials', () => {
	const list = (password) => [{ urls: ['turn:a'], username: '1:u', credential: password }];

	test('are renewed when refreshAfter has passed, again and again', async (t) => {
		const { client, first } = await joinedPair(t, { ttl: 60 }, { refreshAfter: 0.05 });
		for (const password of ['second', 'third']) {
			const { ref, ttl } = await first.next('ice');
			assert.equal(ttl, 60);
			const ice = heard(client, 'ice');
			first.send({ type: 'ice', ref, iceServers: list(password), ttl: 60, expiresAt: '', refreshAfter: 0.05 });
			assert.deepEqual((await ice).iceServers, list(password));
			assert.deepEqual(client.iceServers, list(password));
		}
	});

	test('are taken when they come unasked', async (t) => {
		const { client, first } = await joinedPair(t);
		const ice = heard(client, 'ice');
		first.send({ type: 'ice', iceServers: list('new'), ttl: 600, expiresAt: '', refreshAfter: 450 });
		await ice;
		assert.deepEqual(client.iceServers, list('new'));
	});
});

test('close leaves with 1000 and stays away', async (t) => {
	const { client, first } = await joinedPair(t);
	const ends = [];
	client.on('closed', ({ code }) => ends.push(code));
	client.close();
	client.close();
	assert.deepEqual(ends, ['left']);
	assert.equal(await first.closed, 1000);
	assert.equal(client.send({ type: 'ping' }), false);
});
