// The real Socket.IO clients, versions 4 and 2, over every transport: the
// tutorial's events, acks, binary, rooms, namespaces, and how they come and go.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { until } from '../lib/daemon.mjs';
import { Client, KINDS, kind, openClient } from '../lib/sio-clients.mjs';
import { newRoom } from '../lib/sio.mjs';
import { isReference, ownTest, useTarget } from '../lib/sio-target.mjs';

const together = { concurrency: true };
const OFFER = { type: 'offer', sdp: 'v=0\r\no=- é漢😀 \u2028\r\n'.repeat(100) };
const roomOf = () => newRoom().query.slice(5);

// Several clients in one room of a namespace.
async function gather(t, target, kinds, options = {}) {
	const room = roomOf();
	const clients = [];
	for (const each of kinds)
		clients.push(await openClient(t, target, each, { query: { room }, ...options }));
	return clients;
}

describe('each client', together, () => {
	let target;
	useTarget({}, (it) => (target = it));

	for (const each of KINDS) {
		test(`${each.name} connects, with an id of its own`, async (t) => {
			const [one, two] = await gather(t, target, [each, each]);
			assert.match(one.id, /^[A-Za-z0-9_-]{20,}$/);
			assert.notEqual(one.id, two.id);
			if (each.how === 'default')
				await until('it upgraded', () => one.transport === 'websocket');
			else
				assert.equal(one.transport, each.how);
		});

		test(`${each.name} says room in auth or query`, async (t) => {
			const room = roomOf();
			const how = each.version === 4 ? { auth: { room } } : { query: { room } };
			const one = await openClient(t, target, each, how);
			const other = await openClient(t, target, kind('4 websocket'), { query: { room } });
			await settled(one, other);
		});

		test(`${each.name} hears of a namespace that is not there`, async (t) => {
			const client = new Client(target, each, { nsp: '/nope' });
			t.after(() => client.socket.close());
			const error = await client.life(each.version === 4 ? 'connect_error' : 'error');
			assert.equal(error.message ?? error, 'Invalid namespace');
		});

		test(`${each.name} uses several namespaces over one connection`, async (t) => {
			const one = await openClient(t, target, each, { query: { room: roomOf() } });
			const generic = one.socket.io.socket('/generic');
			await new Promise((resolve) => generic.on('connect', resolve));
			assert.notEqual(generic.id, one.id);
			generic.disconnect();
			assert.equal(one.socket.connected, true);
		});

		test(`${each.name} says goodbye`, async (t) => {
			const [broadcaster, client] = await gather(t, target, [kind('4 websocket'), each]);
			await settled(broadcaster, client);
			const { id } = client;
			client.socket.disconnect();
			assert.equal(await client.life('disconnect'), 'io client disconnect');
			assert.deepEqual(await broadcaster.event('disconnectPeer'), [id]);
		});
	}
});

// A broadcaster and its watcher know of each other.
async function settled(broadcaster, watcher) {
	broadcaster.emit('broadcaster');
	await until('the watcher is known', async () => {
		watcher.emit('watcher');
		return broadcaster.event('watcher', 500).then(([id]) => id === watcher.id, () => false);
	});
}

describe("the tutorial's broadcast", together, () => {
	let target;
	useTarget({}, (it) => (target = it));

	for (const [i, each] of KINDS.entries()) {
		const kinds = [each, KINDS[(i + 2) % 6], KINDS[(i + 5) % 6]];
		test(`with ${kinds.map(({ name }) => name).join(', ')}`, async (t) => {
			const [broadcaster, early, late] = await gather(t, target, kinds);
			await settled(broadcaster, early);
			broadcaster.emit('broadcaster');
			await early.event('broadcaster');
			for (const watcher of [early, late]) {
				watcher.emit('watcher');
				assert.deepEqual(await broadcaster.event('watcher'), [watcher.id]);
				broadcaster.emit('offer', watcher.id, OFFER);
				assert.deepEqual(await watcher.event('offer'), [broadcaster.id, OFFER]);
				watcher.emit('answer', broadcaster.id, { type: 'answer', sdp: '' });
				assert.deepEqual(await broadcaster.event('answer'), [watcher.id, { type: 'answer', sdp: '' }]);
				for (const [from, to] of [[broadcaster, watcher], [watcher, broadcaster]])
					for (const n of [1, 2, 3])
						from.emit('candidate', to.id, { candidate: `candidate:${n}`, sdpMLineIndex: 0 });
				for (const [from, to] of [[broadcaster, watcher], [watcher, broadcaster]])
					for (const n of [1, 2, 3])
						assert.deepEqual(await to.event('candidate'), [from.id, { candidate: `candidate:${n}`, sdpMLineIndex: 0 }]);
			}
			const { id } = early;
			early.socket.close();
			assert.deepEqual(await broadcaster.event('disconnectPeer'), [id]);
			assert.deepEqual(late.heard('offer'), []);
			assert.deepEqual(late.heard('disconnectPeer'), []);
		});
	}

	test('rooms do not hear each other', async (t) => {
		const kinds = [kind('4 websocket'), kind('2 default'), kind('4 polling')];
		const one = await gather(t, target, kinds);
		const other = await gather(t, target, kinds);
		for (const room of [one, other]) {
			await settled(room[0], room[1]);
			await settled(room[0], room[2]);
		}
		if (!isReference)
			one[0].emit('offer', other[1].id, 'from the other room');
		one[1].emit('watcher');
		await one[0].event('watcher');
		one[0].emit('broadcaster');
		await one[1].event('broadcaster');
		one[1].socket.close();
		await one[0].event('disconnectPeer');
		other[0].emit('offer', other[1].id, 'own');
		assert.deepEqual(await other[1].event('offer'), [other[0].id, 'own']);
		for (const client of other)
			for (const name of ['disconnectPeer', 'offer'])
				assert.deepEqual(client.heard(name), []);
	});

	test('a broadcaster that comes again is announced again', async (t) => {
		const [broadcaster, watcher] = await gather(t, target, [kind('4 default'), kind('2 default')]);
		await settled(broadcaster, watcher);
		broadcaster.emit('offer', watcher.id, 1);
		await watcher.event('offer');
		watcher.items.length = 0;
		const again = await openClient(t, target, kind('4 default'), { query: { room: watcher.socket.io.opts.query.room } });
		again.emit('broadcaster');
		await watcher.event('broadcaster');
		watcher.emit('watcher');
		assert.deepEqual(await again.event('watcher'), [watcher.id]);
		assert.deepEqual(broadcaster.heard('watcher'), []);
	});
});

describe('acks and binary', together, () => {
	let target;
	useTarget({}, (it) => (target = it));
	const NSP = { nsp: '/generic' };

	const bytes = (value) => Buffer.from(value).toString('hex');

	for (const [i, each] of KINDS.entries()) {
		const peer = KINDS[(i + 4) % 6];

		test(`an ack between ${each.name} and ${peer.name}`, async (t) => {
			const [one, other] = await gather(t, target, [each, peer], NSP);
			for (const [from, to] of [[one, other], [other, one]]) {
				const asked = from.ask('ask', to.id, { n: 1 }, [2]);
				const heard = await to.whole('ask');
				assert.deepEqual(heard.args, [from.id, { n: 1 }, [2]]);
				heard.ack('fine', { é: '😀' });
				assert.deepEqual((await asked).slice(-2), ['fine', { é: '😀' }]);
			}
		});

		test(`binary between ${each.name} and ${peer.name}`, async (t) => {
			const [one, other] = await gather(t, target, [each, peer], NSP);
			for (const [from, to] of [[one, other], [other, one]]) {
				from.emit('bin', to.id, Buffer.from('00ff', 'hex'), { deep: [Buffer.from('07', 'hex'), 'text'] });
				const [sender, first, { deep }] = await to.event('bin');
				assert.equal(sender, from.id);
				assert.deepEqual([bytes(first), bytes(deep[0]), deep[1]], ['00ff', '07', 'text']);
				const asked = from.ask('ask', to.id, Buffer.from('aa', 'hex'));
				const heard = await to.whole('ask');
				assert.equal(bytes(heard.args[1]), 'aa');
				heard.ack(Buffer.from('bb', 'hex'));
				assert.equal(bytes((await asked).at(-1)), 'bb');
			}
		});
	}

	test('acks to several askers find the right one', async (t) => {
		const clients = await gather(t, target, [kind('4 websocket'), kind('4 polling'), kind('2 websocket')], NSP);
		const [answerer, ...askers] = clients;
		const asked = [];
		for (let i = 0; i < 30; i++)
			for (const asker of askers)
				asked.push([asker.id, i, asker.ask('ask', answerer.id, i)]);
		const heard = [];
		while (heard.length < asked.length)
			heard.push(await answerer.whole('ask'));
		for (const { args, ack } of heard.reverse())
			ack(`${args[0]} ${args[1]}`);
		for (const [id, i, answer] of asked)
			assert.equal((await answer).at(-1), `${id} ${i}`);
	});
});

// Several went there and back.
function heartbeats({ socket, version }, count) {
	const { engine } = socket.io;
	return new Promise((resolve) => engine.on(version === 4 ? 'ping' : 'pong', () => --count || resolve()));
}

describe('coming back', together, () => {
	let target;
	useTarget({ sets: { 'socketio.ping_interval_s': 1, 'socketio.ping_timeout_s': 1 } }, (it) => (target = it));

	for (const each of KINDS)
		test(`${each.name} reconnects when its connection breaks, with another id`, async (t) => {
			const [broadcaster, client] = await gather(t, target, [kind('4 websocket'), each]);
			await settled(broadcaster, client);
			const { id } = client;
			client.socket.io.engine.close();
			await client.life('disconnect');
			await client.life('connect');
			assert.notEqual(client.id, id);
			assert.deepEqual(await broadcaster.event('disconnectPeer', 6000), [id]);
			await settled(broadcaster, client);
			broadcaster.emit('offer', client.id, 1);
			assert.deepEqual(await client.event('offer'), [broadcaster.id, 1]);
		});

	test('clients of both versions stay over several heartbeats', async (t) => {
		const clients = await gather(t, target, KINDS);
		const ids = clients.map(({ id }) => id);
		await Promise.all(clients.map((client) => heartbeats(client, 3)));
		assert.deepEqual(clients.map(({ id }) => id), ids);
		for (const client of clients)
			assert.deepEqual(client.items.filter(({ life }) => life), []);
	});

	ownTest('after an explicit disconnect, connect() is welcome', async (t) => {
		const [one, other] = await gather(t, target, [kind('4 default'), kind('2 default')]);
		for (const client of [one, other]) {
			client.socket.disconnect();
			client.socket.connect();
			await client.life('connect');
		}
		await settled(one, other);
	});
});

describe('a message over the limit', together, () => {
	let target;
	useTarget({}, (it) => (target = it));

	for (const each of KINDS.filter(({ how }) => how !== 'default'))
		test(`from ${each.name} ends its sender alone`, async (t) => {
			const [broadcaster, watcher, loud] = await gather(t, target, [kind('4 websocket'), kind('2 polling'), each],
				{ reconnection: false });
			await settled(broadcaster, watcher);
			await settled(broadcaster, loud);
			const { id } = loud;
			loud.emit('offer', broadcaster.id, 'x'.repeat(1100000));
			assert.match(await loud.life('disconnect'), /transport (close|error)/);
			assert.deepEqual(await broadcaster.event('disconnectPeer', 40000), [id]);
			broadcaster.emit('offer', watcher.id, 1);
			assert.deepEqual(await watcher.event('offer'), [broadcaster.id, 1]);
			assert.deepEqual(broadcaster.heard('offer'), []);
		});
});
