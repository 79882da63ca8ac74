// The client and the real server: what both promise together.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { Signald } from '../../web/client/index.js';
import { makeFolder, startDaemon } from '../lib/daemon.mjs';
import { Shelf } from './shelf.mjs';

/** A client whose network can fail. */
function open(t, daemon, options = {}) {
	const network = { isDown: false };
	class Socket extends WebSocket {
		constructor(url, protocol) {
			super(network.isDown ? 'ws://127.0.0.1:9' : url, protocol);
			network.socket = this;
		}
	}
	const client = new Signald(daemon.url, { room: 'kitchen', WebSocket: Socket, minRetryMs: 100, ...options });
	client.cut = () => network.socket.terminate();
	client.unplug = () => {
		network.isDown = true;
		client.cut();
	};
	client.plug = () => {
		network.isDown = false;
	};
	t.after(() => client.close());
	return client;
}

async function join(t, daemon, options) {
	const client = open(t, daemon, options);
	await client.connect();
	return client;
}

/** Two who see each other. */
async function joinBoth(t, daemon, options = {}) {
	const ada = await join(t, daemon, { name: 'Ada' });
	const came = ada.once('peer-joined');
	const bob = await join(t, daemon, { name: 'Bob', ...options });
	await came;
	return { ada, bob };
}

/** All that came to a client, in order. */
function inbox(client) {
	const had = [];
	client.on('message', ({ data }) => had.push(data));
	return had;
}

const numbers = (count) => Array.from({ length: count }, (_, i) => i);

test('what is sent is delivered, once and in order, and then said to be', async (t) => {
	const { ada, bob } = await joinBoth(t, await startDaemon(t));
	const had = inbox(bob);
	await Promise.all(numbers(1000).map((i) => ada.send(bob.id, i)));
	assert.deepEqual(had, numbers(1000));
});

test('a list settles when all have it, or says who has not', async (t) => {
	const daemon = await startDaemon(t);
	const { ada, bob } = await joinBoth(t, daemon);
	const came = ada.once('peer-joined');
	const eve = await join(t, daemon);
	await came;
	const [bobHad, eveHad] = [inbox(bob), inbox(eve)];
	await ada.send([bob.id, eve.id], 'both');
	assert.deepEqual([bobHad, eveHad], [['both'], ['both']]);
	const left = ada.once('peer-left');
	eve.close();
	await left;
	await assert.rejects(ada.send([bob.id, eve.id], 'one'), ({ peers }) => [...peers.keys()].join() === eve.id);
	assert.deepEqual(bobHad, ['both', 'one']);
});

test('nothing is lost, doubled or out of order while both are cut off again and again', async (t) => {
	const { ada, bob } = await joinBoth(t, await startDaemon(t));
	const ids = [ada.id, bob.id];
	const had = { ada: inbox(ada), bob: inbox(bob) };
	const sent = [];
	for (let i = 0; i < 200; i++) {
		sent.push(ada.send(bob.id, i), bob.send(ada.id, i));
		if (i % 40 === 20) {
			const back = Promise.all([ada.once('resumed'), bob.once('resumed')]);
			ada.cut();
			bob.cut();
			await back;
		}
	}
	await Promise.all(sent);
	assert.deepEqual(had, { ada: numbers(200), bob: numbers(200) });
	assert.deepEqual([ada.id, bob.id], ids);
});

test('who is cut off is away, and what is sent meanwhile is kept', async (t) => {
	const { ada, bob } = await joinBoth(t, await startDaemon(t));
	const had = inbox(bob);
	const away = ada.once('peer-away');
	bob.cut();
	assert.equal((await away).id, bob.id);
	await ada.send(bob.id, 'meanwhile');
	assert.deepEqual(had, ['meanwhile']);
});

describe('a server that is killed and started again', () => {
	const keeping = async (t, sets = {}) => startDaemon(t, { sets: { 'state.dir': await makeFolder(t), ...sets } });

	test('a second later: same ids, nothing lost, and the first message comes within two seconds', async (t) => {
		const daemon = await keeping(t);
		const { ada, bob } = await joinBoth(t, daemon);
		const ids = [ada.id, bob.id];
		const had = { ada: inbox(ada), bob: inbox(bob) };
		await ada.send(bob.id, 'before');
		const sent = [ada.send(bob.id, 'in flight'), bob.send(ada.id, 'in flight')];
		const lost = Promise.all([ada.once('retry'), bob.once('retry')]);
		daemon.signal('SIGKILL');
		await daemon.ended();
		await lost;
		sent.push(ada.send(bob.id, 'while down'));
		await delay(1000);
		await startDaemon(t, daemon.options);
		const start = performance.now();
		await Promise.all(sent);
		const tookMs = performance.now() - start;
		assert.ok(tookMs < 2000, `${tookMs} ms`);
		assert.deepEqual(had, { ada: ['in flight'], bob: ['before', 'in flight', 'while down'] });
		assert.deepEqual([ada.id, bob.id], ids);
	});

	test('waits for those who do not come back, until the window is over', async (t) => {
		const daemon = await keeping(t, { 'session.window_s': 2 });
		const { ada, bob } = await joinBoth(t, daemon);
		const [away, left] = [ada.once('peer-away'), ada.once('peer-left')];
		bob.unplug();
		daemon.signal('SIGKILL');
		await daemon.ended();
		await startDaemon(t, daemon.options);
		assert.equal((await away).id, bob.id);
		await assert.rejects(ada.send(bob.id, 'too late'), { code: 'unknown-peer' });
		assert.equal((await left).reason, 'lost');
	});

	test('in good order says when to come back, and nobody has left', async (t) => {
		const daemon = await keeping(t);
		const { ada, bob } = await joinBoth(t, daemon);
		const had = inbox(bob);
		const left = [];
		ada.on('peer-left', (peer) => left.push(peer));
		const told = ada.once('go-away');
		daemon.signal('SIGTERM');
		assert.ok((await told).reconnectAfterMs > 0);
		await daemon.ended();
		await startDaemon(t, daemon.options);
		await ada.send(bob.id, 'again');
		assert.deepEqual([left, had], [[], ['again']]);
	});
});

test('whoever is away for longer than the window begins anew, under the same id', async (t) => {
	const { ada, bob } = await joinBoth(t, await startDaemon(t, { sets: { 'session.window_s': 1 } }));
	const { id } = bob;
	const [left, came] = [ada.once('peer-left'), ada.once('peer-joined')];
	const [lost, again] = [bob.once('retry'), bob.once('joined')];
	bob.unplug();
	await lost;
	const sent = bob.send(ada.id, 'too late');
	assert.deepEqual([(await left).id, (await left).reason], [id, 'lost']);
	bob.plug();
	await assert.rejects(sent, { code: 'expired', mayHaveArrived: false });
	assert.equal((await again).id, id);
	assert.deepEqual([...bob.peers.keys()], [ada.id]);
	await came;
	await ada.send(id, 'welcome back');
});

describe('a page that is loaded again', () => {
	test('keeps its id, and gets nothing of what was meant for the one before', async (t) => {
		const daemon = await startDaemon(t);
		const storage = new Shelf();
		const { ada, bob } = await joinBoth(t, daemon, { storage });
		const news = [];
		for (const name of ['peer-left', 'peer-joined'])
			ada.on(name, ({ id, reason }) => news.push([name, id, reason]));
		// It goes without a word, as when its browser is killed.
		const away = ada.once('peer-away');
		bob.unplug();
		await away;
		const sent = ada.send(bob.id, 'for the old page');
		const page = open(t, daemon, { storage });
		const had = inbox(page);
		const [{ id }] = await Promise.all([page.connect(), assert.rejects(sent, { code: 'peer-restarted' })]);
		assert.equal(id, bob.id);
		await ada.send(id, 'for the new page');
		assert.deepEqual(had, ['for the new page']);
		assert.deepEqual(news, [['peer-left', id, 'restarted'], ['peer-joined', id, undefined]]);
	});

	test('while it still runs elsewhere takes the place, and the other does not fight for it', async (t) => {
		const daemon = await startDaemon(t);
		const storage = new Shelf();
		const { bob } = await joinBoth(t, daemon, { storage });
		const closed = bob.once('closed');
		const page = await join(t, daemon, { storage });
		assert.equal((await closed).code, 'taken');
		assert.equal(page.id, bob.id);
		assert.equal(bob.state, 'closed');
	});
});

test('whoever is sent away hears so, and stays away', async (t) => {
	const daemon = await startDaemon(t);
	const { ada, bob } = await joinBoth(t, daemon);
	const [closed, left] = [bob.once('closed'), ada.once('peer-left')];
	await daemon.kick(bob.id);
	assert.equal((await closed).code, 'kicked');
	assert.equal((await left).reason, 'kicked');
});

test('a server that stands still for as long as a few pings is waited for', async (t) => {
	const daemon = await startDaemon(t, { sets: { 'websocket.ping_interval_s': 1 } });
	const { ada, bob } = await joinBoth(t, daemon);
	daemon.signal('SIGSTOP');
	const sent = ada.send(bob.id, 'patience');
	await delay(3000);
	daemon.signal('SIGCONT');
	await sent;
	assert.deepEqual([ada.state, bob.state], ['joined', 'joined']);
});

test('a big room is listed whole', async (t) => {
	const daemon = await startDaemon(t, { sets: { 'rooms.max_peers_listed': 2 } });
	const others = [];
	for (let i = 0; i < 5; i++)
		others.push((await join(t, daemon)).id);
	const ada = open(t, daemon);
	const ids = new Set();
	const all = new Promise((resolve) => {
		const count = (id) => ids.add(id).size === 5 && resolve();
		ada.on('joined', ({ peers }) => peers.forEach(({ id }) => count(id)));
		ada.on('peer-joined', ({ id }) => count(id));
	});
	await ada.connect();
	await all;
	const resumed = ada.once('resumed');
	const left = [];
	ada.on('peer-left', ({ id }) => left.push(id));
	ada.cut();
	await resumed;
	await ada.send(others, 'all');
	assert.deepEqual([left, [...ada.peers.keys()].sort()], [[], others.sort()]);
});

test('what a client without sessions is sent is delivered as well', async (t) => {
	const daemon = await startDaemon(t);
	const ada = await join(t, daemon);
	const came = ada.once('peer-joined');
	const plain = new WebSocket(daemon.wsUrl, 'signald.v1');
	t.after(() => plain.terminate());
	plain.on('open', () => plain.send('{"type":"join","room":"kitchen"}'));
	const { id, inst } = await came;
	const had = [];
	plain.on('message', (text) => had.push(JSON.parse(text)));
	await Promise.all([ada.send(id, 1), ada.send(id, 2)]);
	assert.deepEqual([inst, had.map(({ data }) => data)], [undefined, [1, 2]]);
});
