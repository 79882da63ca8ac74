// What a page was sent has come once the page has answered a heartbeat: then,
// and not before, its sender hears of it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { root, startDaemon, useDaemon } from '../lib/daemon.mjs';
import { joinPeer } from '../lib/peer.mjs';
import { PING, PONG, frame, joinRaw } from '../lib/rawws.mjs';
import { joinSession } from '../lib/session.mjs';
import { KINDS, kind, openClient } from '../lib/sio-clients.mjs';
import { PAGES, openPage } from '../lib/sio-page.mjs';
import { Proxy } from '../lib/sio-proxy.mjs';
import { connectIdle, newRoom, openPolling, probe, settle } from '../lib/sio.mjs';

const together = { concurrency: true };
const DESCRIPTION = { type: 'offer', sdp: 'v=0' };
const roomOf = () => newRoom().query.slice(5);
const isAck = (m) => m.type === 'ack';

// Nothing of that type has come to a native peer by now.
async function assertUnheard(peer, type) {
	await peer.settle();
	assert.deepEqual(peer.heard(type), []);
}

// The next acknowledgement of a session's messages says so.
async function assertAcked(session, { id }, n) {
	const ack = await session.next(isAck);
	assert.deepEqual([ack.from, ack.n], [id, n]);
}

async function hears(page, from, ...data) {
	for (const each of data)
		assert.deepEqual(await page.event('signal'), [from, each]);
}

describe('a message to a page', together, () => {
	let daemon;
	useDaemon({ sets: { 'socketio.namespaces': '/=generic' } }, (it) => (daemon = it));

	async function couple(t, name) {
		const room = roomOf();
		const page = await openPage(t, daemon, name, room);
		const native = await joinSession(t, daemon, room);
		return { room, page, native };
	}

	for (const name of PAGES) {
		test(`${name}: is acknowledged when the page has answered behind it`, async (t) => {
			const { page, native } = await couple(t, name);
			native.say(page, 1);
			await hears(page, native.id, 1);
			await page.asked();
			await assertUnheard(native, 'ack');
			await page.answer();
			await assertAcked(native, page, 1);
		});

		test(`${name}: many share one question, and there is one at a time`, async (t) => {
			const { page, native } = await couple(t, name);
			native.say(page, 1);
			await hears(page, native.id, 1);
			await page.asked();
			for (const n of [2, 3, 4, 5])
				native.say(page, n);
			await native.settle();
			assert.deepEqual(page.questions, []);
			await page.answer();
			await assertAcked(native, page, 1);
			await hears(page, native.id, 2, 3, 4, 5);
			await page.asked();
			await assertUnheard(native, 'ack');
			await page.answer();
			await assertAcked(native, page, 5);
			await native.settle();
			assert.deepEqual(page.questions, [], 'nobody waits any more');
		});

		test(`${name}: of a plain client with a ref is answered then too`, async (t) => {
			const { room, page } = await couple(t, name);
			const plain = await joinPeer(t, daemon, room);
			plain.send({ type: 'signal', to: page.id, data: 'x', ref: 'r', n: 7 });
			await hears(page, plain.id, 'x');
			await page.asked();
			await assertUnheard(plain, 'ack');
			await page.answer();
			assert.deepEqual(await plain.next('ack'), { type: 'ack', ref: 'r', n: 7 });
		});

		test(`${name}: nobody asks for what nobody waits for`, async (t) => {
			const { room, page } = await couple(t, name);
			const plain = await joinPeer(t, daemon, room);
			plain.send({ type: 'signal', to: page.id, data: 1 });
			plain.send({ type: 'broadcast', data: 2 });
			await hears(page, plain.id, 1);
			assert.deepEqual(await page.event('broadcast'), [plain.id, 2]);
			assert.deepEqual(page.questions, []);
		});

		test(`${name}: a page that ends first did not get it`, async (t) => {
			const { room, page, native } = await couple(t, name);
			const plain = await joinPeer(t, daemon, room);
			native.say(page, 1);
			native.say(page, 2);
			plain.send({ type: 'signal', to: page.id, data: 'x', ref: 'r' });
			await hears(page, native.id, 1, 2);
			await hears(page, plain.id, 'x');
			await page.end();
			const error = await native.next('error');
			assert.deepEqual([error.code, error.to, error.n, error.ref], ['unknown-peer', page.id, 2, undefined]);
			const refused = await plain.next('error');
			assert.deepEqual([refused.code, refused.ref], ['unknown-peer', 'r']);
			assert.equal((await native.next('peer-left')).id, page.id);
			await assertUnheard(native, 'ack');
			await assertUnheard(plain, 'ack');
		});

		// It is not passed on; but what was sent before it may not have come.
		test(`${name}: an end of candidates is acknowledged with what is before it`, async (t) => {
			const { page, native } = await couple(t, name);
			native.say(page, undefined, { type: 'offer', description: DESCRIPTION });
			assert.deepEqual(await page.event('offer'), [native.id, DESCRIPTION]);
			await page.asked();
			native.say(page, undefined, { type: 'candidate', candidate: null });
			await assertUnheard(native, 'ack');
			await page.answer();
			await assertAcked(native, page, 2);
			native.say(page, undefined, { type: 'candidate', candidate: null });
			await assertAcked(native, page, 3);
		});
	}

	test('a receiver that leaves its room does not get it either', async (t) => {
		const { page, native } = await couple(t, '4 websocket');
		native.say(page, 1);
		await hears(page, native.id, 1);
		await page.emit('leave');
		const error = await native.next('error');
		assert.deepEqual([error.code, error.to, error.n], ['unknown-peer', page.id, 1]);
		await page.asked();
		await page.answer();
		await settle(page.session);
		await assertUnheard(native, 'ack');
	});

	test('an answer to a ping of before proves nothing', async (t) => {
		const quick = await startDaemon(t, { sets: { 'socketio.namespaces': '/=generic', 'socketio.ping_interval_s': 1 } });
		const room = roomOf();
		const page = await openPage(t, quick, '4 websocket', room);
		const native = await joinSession(t, quick, room);
		await page.asked(); // as every second
		native.say(page, 1);
		await hears(page, native.id, 1);
		await page.answer();
		await page.asked();
		await assertUnheard(native, 'ack');
		await page.answer();
		await assertAcked(native, page, 1);
	});

	test('a sender that comes back is told what was proved while it was away', async (t) => {
		const { page, native } = await couple(t, '4 websocket');
		native.say(page, 1);
		await hears(page, native.id, 1);
		await page.asked();
		await native.cut();
		await page.answer();
		await settle(page.session);
		await native.resume();
		native.repeat(page);
		await assertAcked(native, page, 1);
		assert.deepEqual(page.session.items, [], 'it came once');
	});
});

describe('across an upgrade', together, () => {
	let daemon;
	useDaemon({ sets: { 'socketio.namespaces': '/=generic' } }, (it) => (daemon = it));

	async function polling(t, version) {
		const room = roomOf();
		const page = await openPolling(t, daemon, { version, query: `room=${room}`, isIdle: true, isMute: true });
		await connectIdle(page);
		return { page, native: await joinSession(t, daemon, room) };
	}

	async function upgrade(t, page) {
		const ws = await probe(t, page, { isMute: true });
		await ws.send('5');
		return ws;
	}

	for (const [version, question] of [[4, '2'], [3, ({ ping }) => ping]]) {
		const answer = (ws, asked) => version === 4 ? ws.send('3') : ws.socket.pong(asked.ping);

		test(`protocol ${version}: what was polled is proved over the WebSocket`, async (t) => {
			const { page, native } = await polling(t, version);
			native.say(page, 1);
			await native.settle();
			const { packets } = await page.poll();
			assert.deepEqual(packets, [`42["signal","${native.id}",1]`, '2'].slice(0, version - 2));
			const ws = await upgrade(t, page);
			if (version === 4)
				await assertUnheard(native, 'ack');
			await answer(ws, version === 4 || await ws.next(question));
			await assertAcked(native, page, 1);
		});

		test(`protocol ${version}: what no poll had fetched goes first, and its question behind it`, async (t) => {
			const { page, native } = await polling(t, version);
			const ws = await probe(t, page, { isMute: true });
			native.say(page, 1);
			await native.settle();
			await ws.send('5');
			assert.equal(await ws.next(), `42["signal","${native.id}",1]`);
			const asked = await ws.next();
			if (version === 4)
				assert.equal(asked, '2');
			else
				assert.ok(asked.ping);
			await assertUnheard(native, 'ack');
			await answer(ws, asked);
			await assertAcked(native, page, 1);
		});
	}

	for (const version of [4, 2])
		test(`a client of version ${version} proves everything that comes while it upgrades`, async (t) => {
			const slow = Object.assign(await Proxy.start(t, daemon), { upgradeDelayMs: 30 });
			const room = roomOf();
			const native = await joinSession(t, daemon, room);
			const page = await openClient(t, slow, kind(`${version} default`), { query: { room } });
			const heard = [];
			page.socket.on('signal', (from, n) => heard.push(n));
			let n = 0;
			while (n < 20 || page.transport !== 'websocket') {
				native.say(page, ++n);
				await native.settle();
			}
			await native.next((m) => isAck(m) && m.n === n);
			assert.deepEqual(heard, Array.from({ length: n }, (_, i) => i + 1));
		});
});

describe('real clients', together, () => {
	let daemon;
	useDaemon({ sets: { 'socketio.namespaces': '/=generic' } }, (it) => (daemon = it));

	for (const each of KINDS)
		test(`${each.name}: prove by themselves what they got`, async (t) => {
			const room = roomOf();
			const native = await joinSession(t, daemon, room);
			const plain = await joinPeer(t, daemon, room);
			const page = await openClient(t, daemon, each, { query: { room } });
			for (let n = 1; n <= 20; n++)
				native.say(page, undefined, { type: 'offer', description: { n } });
			await native.next((m) => isAck(m) && m.n === 20);
			for (let n = 1; n <= 20; n++)
				assert.deepEqual(await page.event('offer'), [native.id, { n }]);
			assert.equal((await plain.request({ type: 'offer', to: page.id, description: DESCRIPTION })).type, 'ack');
			page.socket.close();
			const { id } = await native.next('peer-left');
			native.say({ id }, 'late');
			assert.equal((await native.next('error')).code, 'unknown-peer');
		});
});


// An event that asks for an acknowledgement, which may not come.
class Question {
	constructor(client, ...args) {
		this.client = client;
		client.emit(...args, (...answer) => {
			this.answer = answer;
			client.put({ answer });
		});
	}

	// What it is answered.
	async answered() {
		const { answer } = await this.client.next((item) => item.answer);
		return answer;
	}

	// It has not been, by now.
	async assertOpen() {
		assert.deepEqual(await this.client.ask('self', 0), [null]);
		assert.equal(this.answer, undefined);
	}
}

describe('an event whose rule has ack = [...]', together, () => {
	let daemon;
	useDaemon({ sets: { 'socketio.namespaces': `/=${root}tests/lib/sio-ack.rules` } }, (it) => (daemon = it));

	const openSender = (t, room, each = KINDS[2]) => openClient(t, daemon, each, { query: { room } });

	for (const name of PAGES)
		test(`${name}: is acknowledged when the receiver has answered behind it`, async (t) => {
			const room = roomOf();
			const sender = await openSender(t, room);
			const page = await openPage(t, daemon, name, room);
			const question = new Question(sender, 'tell', page.id, 1);
			assert.deepEqual(await page.event('note'), [sender.id, 1]);
			await page.asked();
			await question.assertOpen();
			await page.answer();
			assert.deepEqual(await question.answered(), [null, 'told']);
		});

	test('or when a native session has acknowledged it', async (t) => {
		const room = roomOf();
		const sender = await openSender(t, room);
		const native = await joinSession(t, daemon, room);
		const question = new Question(sender, 'tell', native.id, 1);
		assert.equal((await native.next('signal')).data, 1);
		await native.settle();
		await question.assertOpen();
		native.ack();
		assert.deepEqual(await question.answered(), [null, 'told']);
	});

	test('also when that was cut off meanwhile', async (t) => {
		const room = roomOf();
		const sender = await openSender(t, room);
		const native = await joinSession(t, daemon, room);
		await native.cut();
		const question = new Question(sender, 'tell', native.id, 1);
		await question.assertOpen();
		await native.resume();
		assert.equal((await native.next('signal')).data, 1);
		await native.settle();
		await question.assertOpen();
		native.ack();
		assert.deepEqual(await question.answered(), [null, 'told']);
	});

	test('or when a plain native client has answered the ping behind it', async (t) => {
		const room = roomOf();
		const sender = await openSender(t, room);
		const native = await joinRaw(t, daemon, { room });
		const question = new Question(sender, 'tell', native.joined.id, 1);
		assert.equal((await native.message('signal')).data, 1);
		const ping = await native.frame();
		assert.equal(ping.opcode, PING);
		await question.assertOpen();
		await native.send(frame(PONG, ping.payload));
		assert.deepEqual(await question.answered(), [null, 'told']);
	});

	for (const each of KINDS)
		test(`${each.name}: between real clients`, async (t) => {
			const room = roomOf();
			const [sender, receiver] = [await openSender(t, room, each), await openSender(t, room, each)];
			for (let n = 0; n < 5; n++)
				assert.deepEqual(await sender.ask('tell', receiver.id, n), [null, 'told']);
			for (let n = 0; n < 5; n++)
				assert.deepEqual(await receiver.event('note'), [sender.id, n]);
		});

	// Its sender tries again, or lets its time run out.
	for (const [what, join, hears, end] of [
		['a page', openPage, (it) => it.event('note'), (it) => it.end()],
		['a native session', joinSession, (it) => it.next('signal'), (it) => it.send({ type: 'leave' })],
		['a session that begins anew', joinSession, (it) => it.next('signal'), (it) => it.reload()],
		['a plain native client', joinRaw, (it) => it.message('signal'), (it) => it.connection.end()],
	])
		test(`is not acknowledged when the receiver, ${what}, ends first`, async (t) => {
			const room = roomOf();
			const sender = await openSender(t, room);
			const friend = await joinPeer(t, daemon, room);
			const receiver = join === openPage ? await openPage(t, daemon, '4 websocket', room)
				: await join(t, daemon, join === joinRaw ? { room } : room);
			await friend.next('peer-joined');
			const question = new Question(sender, 'tell', receiver.id ?? receiver.joined.id, 1);
			await hears(receiver);
			await end(receiver);
			await friend.next(({ type }) => type === 'peer-left' || type === 'peer-joined');
			await question.assertOpen();
		});

	test('with two steps is acknowledged when both have come', async (t) => {
		const room = roomOf();
		const sender = await openSender(t, room);
		const page = await openPage(t, daemon, '4 polling', room);
		const native = await joinSession(t, daemon, room);
		for (const isPageFirst of [true, false]) {
			const question = new Question(sender, 'both', page.id, native.id, 1);
			assert.deepEqual(await page.event('note'), [sender.id, 1]);
			await page.asked();
			await native.next('signal');
			if (isPageFirst)
				await page.answer();
			else
				native.ack();
			await settle(page.session);
			await native.settle();
			await question.assertOpen();
			if (isPageFirst)
				native.ack();
			else
				await page.answer();
			assert.deepEqual(await question.answered(), [null]);
		}
	});

	test('and not at all when one of the two has not', async (t) => {
		const room = roomOf();
		const sender = await openSender(t, room);
		const page = await openPage(t, daemon, '4 websocket', room);
		const native = await joinSession(t, daemon, room);
		const question = new Question(sender, 'both', page.id, native.id, 1);
		await native.next('signal');
		native.ack();
		await native.settle();
		await page.end();
		await native.next('peer-left');
		await question.assertOpen();
	});

	test('says who is unknown at once; or with what has come', async (t) => {
		const room = roomOf();
		const sender = await openSender(t, room);
		const page = await openPage(t, daemon, '4 websocket', room);
		assert.deepEqual(await sender.ask('tell', 'nobody', 1), ['unknown-peer', 'told']);
		assert.deepEqual(await sender.ask('both', 'nobody', 'neither', 1), ['unknown-peer']);
		for (const ids of [[page.id, 'nobody'], ['nobody', page.id]]) {
			const question = new Question(sender, 'both', ...ids, 1);
			await page.asked();
			await question.assertOpen();
			await page.answer();
			assert.deepEqual(await question.answered(), ['unknown-peer']);
		}
	});

	test('to many is acknowledged at once: it was accepted', async (t) => {
		const room = roomOf();
		const sender = await openSender(t, room);
		const native = await joinPeer(t, daemon, room, { role: 'watcher' });
		const page = await openPage(t, daemon, '4 websocket', room);
		await page.emit('cast');
		assert.equal((await native.next((m) => m.type === 'peer-joined' && m.peer.role === 'broadcaster')).peer.id, page.id);
		for (const [n, name] of ['others', 'all', 'broadcaster', 'watchers', 'self'].entries())
			assert.deepEqual(await sender.ask(name, n), [null]);
		for (const n of [0, 1, 2])
			assert.deepEqual(await page.event('note'), [sender.id, n]);
		assert.deepEqual(page.questions, []);
	});

	test('without a callback asks nobody', async (t) => {
		const room = roomOf();
		const sender = await openSender(t, room);
		const page = await openPage(t, daemon, '4 websocket', room);
		sender.emit('tell', page.id, 1);
		assert.deepEqual(await page.event('note'), [sender.id, 1]);
		await settle(page.session);
		assert.deepEqual(page.questions, []);
	});

	test('whose sender is gone when it has come disturbs nobody', async (t) => {
		const room = roomOf();
		const sender = await openSender(t, room);
		const page = await openPage(t, daemon, '4 websocket', room);
		sender.emit('tell', page.id, 1, () => {});
		await page.asked();
		sender.socket.close();
		const next = await openSender(t, room);
		const question = new Question(next, 'tell', page.id, 2);
		await page.answer();
		await page.asked();
		await page.answer();
		assert.deepEqual(await question.answered(), [null, 'told']);
	});

	// Each is repeated until it is acknowledged, and so none is lost.
	test('is what the retries of a client that is cut off wait for', async (t) => {
		const room = roomOf();
		const proxy = await Proxy.start(t, daemon);
		const receiver = await openSender(t, room);
		const sender = await openClient(t, proxy, KINDS[2], { query: { room }, retries: 100, ackTimeout: 200 });
		const came = new Set();
		let sent = 0;
		const say = (count) => {
			for (let i = 0; i < count; i++)
				sender.socket.emit('tell', receiver.id, ++sent);
		};
		const hear = async () => {
			const [, n] = await receiver.event('note');
			assert.ok(n <= came.size + 1, 'in order');
			came.add(n);
		};
		for (let round = 0; round < 4; round++) {
			say(20);
			await hear();
			proxy.cut();
			await sender.life('disconnect');
			say(5);
			await sender.life('connect');
		}
		while (came.size < sent)
			await hear();
	});
});
