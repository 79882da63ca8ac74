// The presets beside the tutorial's, each as its pages go through it, with
// clients of both versions.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Client, heardNothingElse, kind, openClient } from '../lib/sio-clients.mjs';
import { newRoom } from '../lib/sio.mjs';
import { isReference, useTarget } from '../lib/sio-target.mjs';

const roomOf = () => newRoom().query.slice(5);
const MIXED = ['4 default', '2 websocket', '4 polling', '2 default'].map(kind);
const together = { concurrency: true, skip: isReference && 'the reference has no presets' };
const SIGNAL = { type: 'offer', sdp: 'v=0 é😀' };

let target;
useTarget({}, (it) => (target = it));

// Clients in a namespace, of versions and transports by turns.
async function gather(t, nsp, count, options) {
	const clients = [];
	for (let i = 0; i < count; i++)
		clients.push(await openClient(t, target, MIXED[i % MIXED.length], { nsp, ...options }));
	return clients;
}

describe('codelab', together, () => {
	test('two meet, a third is refused, messages go to the other', async (t) => {
		const room = roomOf();
		const [first, second, third] = await gather(t, '/codelab', 3);
		first.emit('create or join', room);
		assert.deepEqual(await first.event('created'), [room, first.id]);
		second.emit('create or join', room);
		assert.deepEqual(await first.event('join'), [room]);
		assert.deepEqual(await first.event('ready'), [room]);
		assert.deepEqual(await second.event('joined'), [room, second.id]);
		assert.deepEqual(await second.event('ready'), [room]);
		third.emit('create or join', room);
		assert.deepEqual(await third.event('full'), [room]);
		first.emit('message', SIGNAL);
		assert.deepEqual(await second.event('message'), [SIGNAL]);
		second.emit('message', { channel: room, message: 'got user media' });
		assert.deepEqual(await first.event('message'), ['got user media']);
		third.emit('message', 'from outside');
		third.emit('create or join', room);
		await third.event('full');
		await heardNothingElse(first, second, third);
	});

	test('who leaves makes room', async (t) => {
		const room = roomOf();
		const [first, second, third] = await gather(t, '/codelab', 3);
		first.emit('create or join', room);
		await first.event('created');
		second.emit('create or join', room);
		await first.event('ready');
		second.socket.disconnect();
		for (let isIn = false; !isIn;) {
			third.emit('create or join', room);
			isIn = (await third.next(({ name }) => name === 'full' || name === 'joined')).name === 'joined';
		}
	});
});

describe('all-users', together, () => {
	test('four make a mesh, a fifth is refused', async (t) => {
		const room = roomOf();
		const mesh = await gather(t, '/all', 4);
		for (const [i, newcomer] of mesh.entries()) {
			newcomer.emit('join room', room);
			const [ids] = await newcomer.event('all users');
			assert.deepEqual(ids.toSorted(), mesh.slice(0, i).map(({ id }) => id).toSorted());
			for (const other of mesh.slice(0, i)) {
				newcomer.emit('sending signal', { userToSignal: other.id, callerID: 'somebody else', signal: SIGNAL });
				assert.deepEqual(await other.event('user joined'), [{ signal: SIGNAL, callerID: newcomer.id }]);
				other.emit('returning signal', { signal: [i], callerID: newcomer.id });
				assert.deepEqual(await newcomer.event('receiving returned signal'), [{ signal: [i], id: other.id }]);
			}
		}
		const [fifth] = await gather(t, '/all', 1);
		fifth.emit('join room', room);
		assert.deepEqual(await fifth.event('room full'), []);
		const { id } = mesh[1];
		mesh[1].socket.disconnect();
		for (const other of [mesh[0], mesh[2], mesh[3]])
			assert.deepEqual(await other.event('user left'), [id]);
		await heardNothingElse(...mesh, fifth);
	});
});

describe('callUser', together, () => {
	test('one calls, the other answers, and ends', async (t) => {
		const options = { query: { room: roomOf() } };
		const [caller, callee] = await gather(t, '/call', 2, options);
		assert.deepEqual(await caller.event('me'), [caller.id]);
		assert.deepEqual(await callee.event('me'), [callee.id]);
		caller.emit('callUser', { userToCall: callee.id, signalData: SIGNAL, from: 'me', name: 'Ada' });
		assert.deepEqual(await callee.event('callUser'), [{ signal: SIGNAL, from: caller.id, name: 'Ada' }]);
		callee.emit('answerCall', { to: caller.id, signal: 'answer' });
		assert.deepEqual(await caller.event('callAccepted'), ['answer']);
		callee.socket.disconnect();
		assert.deepEqual(await caller.event('callEnded'), []);
		await heardNothingElse(caller);
	});

	test('who is in another room is not reached', async (t) => {
		const [caller, mate] = await gather(t, '/call', 2, { query: { room: roomOf() } });
		const [stranger] = await gather(t, '/call', 1, { query: { room: roomOf() } });
		for (const client of [caller, mate, stranger])
			await client.event('me');
		for (const to of [stranger.id, mate.id])
			caller.emit('callUser', { userToCall: to, signalData: 1, name: 'Eve' });
		await mate.event('callUser');
		await heardNothingElse(stranger, caller, mate);
	});
});

describe('join-room', together, () => {
	test('who comes, talks and goes is told by the id it said', async (t) => {
		const room = roomOf();
		const [ada, bob, eve] = await gather(t, '/zoom', 3);
		ada.emit('join-room', room, 'peer-ada');
		eve.emit('join-room', roomOf(), 'peer-eve');
		ada.emit('message', 'alone');
		assert.deepEqual(await ada.event('createMessage'), ['alone', 'peer-ada']);
		bob.emit('join-room', room, 'peer-bob');
		assert.deepEqual(await ada.event('user-connected'), ['peer-bob']);
		bob.emit('message', 'hello é');
		for (const client of [ada, bob])
			assert.deepEqual(await client.event('createMessage'), ['hello é', 'peer-bob']);
		bob.socket.disconnect();
		assert.deepEqual(await ada.event('user-disconnected'), ['peer-bob']);
		await heardNothingElse(ada, bob, eve);
	});
});

describe('generic', together, () => {
	// Who has joined another room says what comes after, to be heard last.
	const rest = ['and', { more: [1, null] }];

	test('events go to an id, a {to}, a {target}, a {room}', async (t) => {
		const room = roomOf();
		const [one, two, three] = await gather(t, '/generic', 3, { query: { room } });
		one.emit('note', two.id, ...rest);
		assert.deepEqual(await two.event('note'), [one.id, ...rest]);
		for (const field of ['to', 'target']) {
			one.emit('note', { [field]: two.id, from: 'somebody', n: 1 }, ...rest);
			const [first, ...others] = await two.event('note');
			assert.deepEqual([first, others], [{ [field]: two.id, from: one.id, n: 1 }, rest]);
		}
		one.emit('note', { room, n: 2 });
		for (const client of [two, three])
			assert.deepEqual(await client.event('note'), [{ room, n: 2, from: one.id }]);
		one.emit('note', { room: 'elsewhere' });
		one.emit('note');
		one.emit('note', 'nobody', 1);
		one.emit('note', two.id, 'last');
		assert.deepEqual(await two.event('note'), [one.id, 'last']);
		await heardNothingElse(one, two, three);
	});

	test('join tells who is there, leave leaves', async (t) => {
		const room = roomOf();
		const [one, two] = await gather(t, '/generic', 2);
		assert.deepEqual(await one.ask('join', room), [null, []]);
		assert.deepEqual(await two.ask('join', room), [null, [one.id]]);
		one.emit('note', { room, n: 1 });
		assert.deepEqual(await two.event('note'), [{ room, n: 1, from: one.id }]);
		assert.deepEqual(await two.ask('leave'), [null]);
		one.emit('note', { room, n: 2 });
		one.emit('note', two.id, 3);
		await one.ask('ask', 'nobody');
		assert.deepEqual(await two.ask('join', room), [null, [one.id]]);
		one.emit('note', two.id, 4);
		assert.deepEqual(await two.event('note'), [one.id, 4]);
	});

	test('who asks nobody is told', async (t) => {
		const [one] = await gather(t, '/generic', 1, { query: { room: roomOf() } });
		const answer = await one.ask('ask', 'nobody', 1);
		assert.deepEqual(answer, [{ error: 'unknown-peer' }]);
	});

	test('rooms do not hear each other, namespaces neither', async (t) => {
		const [one, two] = await gather(t, '/generic', 2, { query: { room: roomOf() } });
		const [stranger] = await gather(t, '/generic', 1, { query: { room: roomOf() } });
		const [other] = await gather(t, '/call', 1, { query: { room: one.socket.io.opts.query.room } });
		await other.event('me');
		for (const to of [stranger.id, other.id, two.id])
			one.emit('note', to, 'x');
		await two.event('note');
		two.emit('note', one.id, 'y');
		await one.event('note');
		await heardNothingElse(stranger, other, one, two);
	});

	for (const [what, options] of [
		['too long, in the query', { query: { room: 'x'.repeat(129) } }],
		['too long, in auth', { auth: { room: 'x'.repeat(129) } }],
		['with a line end, in the query', { query: { room: 'a\nb' } }],
		['with a line end, in auth', { auth: { room: 'a\nb' } }],
	])
		test(`a room ${what}, is refused with an error`, async (t) => {
			const client = new Client(target, kind('4 websocket'), { nsp: '/generic', ...options });
			t.after(() => client.socket.close());
			const error = await client.next(({ life }) => life === 'connect_error' || life === 'connect');
			assert.equal(error.life, 'connect_error', 'it is not put into some other room');
			assert.match(error.about.message, /room/);
		});
});
