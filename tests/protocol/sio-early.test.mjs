// Candidates that come before the description they belong to: pages that know
// no better would add them at once. They go behind it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { root, useDaemon } from '../lib/daemon.mjs';
import { joinPeer } from '../lib/peer.mjs';
import { joinSession } from '../lib/session.mjs';
import { heardNothingElse, kind, openClient } from '../lib/sio-clients.mjs';
import { PAGES, openPage } from '../lib/sio-page.mjs';
import { Proxy } from '../lib/sio-proxy.mjs';
import { newRoom } from '../lib/sio.mjs';

const together = { concurrency: true };
const DIRECT = kind('4 websocket');
const MAX_HELD = 64;
const roomOf = () => newRoom().query.slice(5);
const isAck = (m) => m.type === 'ack';

const candidate = (n) => ({ candidate: `candidate:${n}`, sdpMid: '0' });
const description = (n) => ({ type: 'answer', sdp: `v=${n}` });
const numbers = (first, last) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

// A session says these, each with its number.
function trickle(native, page, ...values) {
	for (const value of values)
		native.say(page, undefined, { type: 'candidate', candidate: value === null ? null : candidate(value) });
}

const answer = (native, page, n) => native.say(page, undefined, { type: 'answer', description: description(n) });

// A plain client asks whether such a candidate has come.
const ask = (plain, page, n) =>
	plain.send({ type: 'candidate', to: page.id, candidate: candidate(n), ref: `c${n}` });

// The page's next events are these, from one peer: a number for a candidate, a
// text for an answer.
async function hears(page, from, ...values) {
	for (const value of values) {
		const { name, args } = await page.next(({ name }) => name);
		const expected = typeof value === 'number' ? ['candidate', candidate(value)] : ['answer', description(value)];
		assert.deepEqual([name, args[0], args[1]], [expected[0], from, expected[1]]);
	}
}

async function assertUnheard(peer, type) {
	await peer.settle();
	assert.deepEqual(peer.heard(type), []);
}

async function assertRefused(native, { id }, code, n) {
	const error = await native.next('error');
	assert.deepEqual([error.code, error.to, error.n], [code, id, n]);
}

describe('candidates of a native peer', together, () => {
	let daemon;
	useDaemon({ sets: { 'socketio.namespaces': '/=tutorial, /generic=generic, /call=callUser' } }, (it) => (daemon = it));

	// A broadcaster's page, and a watcher with a session.
	async function couple(t) {
		const room = roomOf();
		const page = await openClient(t, daemon, DIRECT, { query: { room } });
		page.emit('broadcaster');
		const native = await joinSession(t, daemon, room, { role: 'watcher' });
		assert.deepEqual(await page.event('watcher'), [native.id]);
		return { room, page, native };
	}

	test('go behind its first description, in order; later ones as they come', async (t) => {
		const { page, native } = await couple(t);
		trickle(native, page, 1, 2, 3);
		answer(native, page, 'a');
		trickle(native, page, 4);
		answer(native, page, 'b');
		trickle(native, page, 5);
		await hears(page, native.id, 'a', 1, 2, 3, 4, 'b', 5);
		await native.next((m) => isAck(m) && m.n === 7);
	});

	for (const name of PAGES)
		test(`${name}: are acknowledged with it, when all of it has come`, async (t) => {
			const room = roomOf();
			const page = await openPage(t, daemon, name, room);
			const native = await joinSession(t, daemon, room, { role: 'watcher' });
			await page.emit('broadcaster');
			assert.deepEqual(await page.event('watcher'), [native.id]);
			trickle(native, page, 1, 2, null);
			await assertUnheard(native, 'ack');
			answer(native, page, 'a');
			assert.deepEqual(await page.event('answer'), [native.id, description('a')]);
			for (const n of [1, 2])
				assert.deepEqual(await page.event('candidate'), [native.id, candidate(n)]);
			await page.asked();
			await assertUnheard(native, 'ack');
			await page.answer();
			if (name !== '3 polling') {
				// It was asked behind the answer, and before the candidates.
				await page.asked();
				await assertUnheard(native, 'ack');
				await page.answer();
			}
			assert.equal((await native.next('ack')).n, 4);
		});

	test('with a ref are answered when they have come', async (t) => {
		const { room, page } = await couple(t);
		const plain = await joinPeer(t, daemon, room, { role: 'watcher' });
		assert.deepEqual(await page.event('watcher'), [plain.id]);
		ask(plain, page, 1);
		ask(plain, page, 2);
		plain.send({ type: 'candidate', to: page.id, candidate: null, ref: 'end' });
		await assertUnheard(plain, 'ack');
		plain.send({ type: 'answer', to: page.id, description: description('a'), ref: 'a' });
		await hears(page, plain.id, 'a', 1, 2);
		for (const ref of ['c1', 'c2', 'end', 'a'])
			assert.equal((await plain.next('ack')).ref, ref);
	});

	test(`are ${MAX_HELD} at most`, async (t) => {
		const { room, page, native } = await couple(t);
		const plain = await joinPeer(t, daemon, room, { role: 'watcher' });
		assert.deepEqual(await page.event('watcher'), [plain.id]);
		trickle(native, page, ...numbers(1, MAX_HELD + 1));
		await assertRefused(native, page, 'queue-full', MAX_HELD + 1);
		for (const n of numbers(1, MAX_HELD))
			plain.send({ type: 'candidate', to: page.id, candidate: candidate(n) });
		ask(plain, page, MAX_HELD + 1);
		const error = await plain.next('error');
		assert.deepEqual([error.code, error.ref], ['queue-full', `c${MAX_HELD + 1}`]);
		answer(native, page, 'a');
		await hears(page, native.id, 'a', ...numbers(1, MAX_HELD));
		plain.send({ type: 'answer', to: page.id, description: description('b') });
		await hears(page, plain.id, 'b', ...numbers(1, MAX_HELD));
		await native.next((m) => isAck(m) && m.n === MAX_HELD + 2);
	});

	test('are not kept at length: the page that gets them at once is not cut for it', async (t) => {
		const { page, native } = await couple(t);
		const long = { candidate: `candidate:${'x'.repeat(20000)}`, sdpMid: '0' };
		for (let n = 1; n <= 4; n++)
			native.say(page, undefined, { type: 'candidate', candidate: long });
		await assertRefused(native, page, 'queue-full', 4);
		answer(native, page, 'a');
		await hears(page, native.id, 'a');
		for (let n = 1; n <= 3; n++)
			assert.deepEqual((await page.event('candidate'))[1], long);
	});

	test('of a memory that is gone are dropped, and the new one begins anew', async (t) => {
		const { page, native } = await couple(t);
		trickle(native, page, 1, 2);
		await native.settle();
		await native.reload();
		await page.event('disconnectPeer');
		await page.event('watcher');
		trickle(native, page, 3);
		answer(native, page, 'a');
		await hears(page, native.id, 'a', 3);
		await native.next((m) => isAck(m) && m.n === 2);
		await native.reload();
		await page.event('disconnectPeer');
		await page.event('watcher');
		trickle(native, page, 4);
		await native.settle();
		await heardNothingElse(page);
		answer(native, page, 'b');
		await hears(page, native.id, 'b', 4);
	});

	test('of one that leaves are dropped', async (t) => {
		const { room, page } = await couple(t);
		const plain = await joinPeer(t, daemon, room, { role: 'watcher' });
		assert.deepEqual(await page.event('watcher'), [plain.id]);
		ask(plain, page, 1);
		await plain.close();
		assert.deepEqual(await page.event('disconnectPeer'), [plain.id]);
		await heardNothingElse(page);
	});

	test('to a page that ends did not come', async (t) => {
		const { room, page, native } = await couple(t);
		const plain = await joinPeer(t, daemon, room, { role: 'watcher' });
		const { id } = page;
		trickle(native, page, 1, 2);
		ask(plain, page, 1);
		await Promise.all([native.settle(), plain.settle()]);
		page.socket.close();
		await assertRefused(native, { id }, 'unknown-peer', 2);
		const error = await plain.next('error');
		assert.deepEqual([error.code, error.ref], ['unknown-peer', 'c1']);
	});

	test('to a page that leaves its room did not, and what it is told there later begins anew', async (t) => {
		const room = roomOf();
		const native = await joinSession(t, daemon, room);
		const page = await openClient(t, daemon, DIRECT, { nsp: '/generic', query: { room } });
		answer(native, page, 'a');
		trickle(native, page, 1);
		await hears(page, native.id, 'a', 1);
		await native.next((m) => isAck(m) && m.n === 2);
		const enterAgain = async () => {
			assert.deepEqual(await page.ask('leave'), [null]);
			assert.deepEqual(await page.ask('join', room), [null, [native.id]]);
		};
		await enterAgain();
		trickle(native, page, 2);
		await native.settle();
		await heardNothingElse(page);
		await enterAgain();
		await assertRefused(native, page, 'unknown-peer', 3);
		native.pending.clear();
		trickle(native, page, 2);
		await native.settle();
		await heardNothingElse(page);
		answer(native, page, 'b');
		await hears(page, native.id, 'b', 2);
	});

	// Acknowledgements are cumulative.
	test('hold back what is numbered behind them', async (t) => {
		const room = roomOf();
		const native = await joinSession(t, daemon, room);
		const page = await openClient(t, daemon, DIRECT, { nsp: '/generic', query: { room } });
		trickle(native, page, 1);
		native.say(page, 'second');
		native.send({ type: 'signal', to: page.id, data: 'not numbered' });
		assert.deepEqual(await page.event('signal'), [native.id, 'not numbered']);
		await assertUnheard(native, 'ack');
		answer(native, page, 'a');
		await hears(page, native.id, 'a', 1);
		assert.deepEqual(await page.event('signal'), [native.id, 'second']);
		assert.equal((await native.next(isAck)).n, 3);
	});

	// Its page would not hear of the other's leaving.
	test('between watchers pass at once', async (t) => {
		const room = roomOf();
		const page = await openClient(t, daemon, DIRECT, { query: { room } });
		page.emit('watcher');
		const caster = await joinPeer(t, daemon, room, { role: 'broadcaster' });
		const [{ id }] = caster.joined.peers;
		const native = await joinSession(t, daemon, room, { role: 'watcher' });
		assert.deepEqual(await page.event('broadcaster'), []);
		trickle(native, { id }, 1);
		await hears(page, native.id, 1);
	});

	test('are refused by rules that know none', async (t) => {
		const room = roomOf();
		const native = await joinSession(t, daemon, room);
		const page = await openClient(t, daemon, DIRECT, { nsp: '/call', query: { room } });
		trickle(native, page, 1);
		await assertRefused(native, page, 'unknown-peer', 1);
	});
});

describe('candidates among pages', together, () => {
	let daemon;
	const rules = `${root}tests/lib/sio-early`;
	useDaemon({ sets: { 'socketio.namespaces': `/=tutorial, /generic=generic, /call=${rules}.rules, `
		+ `/kept=${rules}.rules+recovery, /half=${rules}-half.rules` } }, (it) => (daemon = it));

	// A broadcaster and a watcher that know each other.
	async function tutorial(t) {
		const query = { room: roomOf() };
		const left = await openClient(t, daemon, DIRECT, { query });
		const right = await openClient(t, daemon, kind('2 polling'), { query });
		left.emit('broadcaster');
		await heardNothingElse(left);
		right.emit('watcher');
		assert.deepEqual(await left.event('watcher'), [right.id]);
		return [left, right];
	}

	test('wait as well where all descriptions are known', async (t) => {
		const [left, right] = await tutorial(t);
		for (const n of [1, 2])
			right.emit('candidate', left.id, candidate(n));
		await heardNothingElse(left, right);
		right.emit('answer', left.id, description('a'));
		right.emit('candidate', left.id, candidate(3));
		await hears(left, right.id, 'a', 1, 2, 3);
	});

	for (const [what, value] of [['a text', 'v=0'], ['a number', 7], ['bytes', Buffer.from('v=0')], ['nothing', undefined]])
		test(`a description may be ${what}`, async (t) => {
			const [left, right] = await tutorial(t);
			right.emit('candidate', left.id, candidate(1));
			right.emit('answer', left.id, value);
			await left.event('answer');
			await hears(left, right.id, 1);
		});

	for (const nsp of ['/call', '/kept'])
		test(`in ${nsp} one that goes to all counts`, async (t) => {
			const query = { room: roomOf() };
			const left = await openClient(t, daemon, DIRECT, { nsp, query });
			const right = await openClient(t, daemon, DIRECT, { nsp, query });
			let isAnswered = false;
			right.socket.emit('candidate', left.id, candidate(1), () => (isAnswered = true));
			await heardNothingElse(left, right);
			assert.equal(isAnswered, false);
			right.emit('call', description('a'));
			assert.deepEqual((await left.event('offer')).slice(0, 2), [right.id, description('a')]);
			await hears(left, right.id, 1);
			assert.deepEqual(await right.ask('candidate', left.id, candidate(2)), [null]);
			await hears(left, right.id, 2);
		});

	for (const nsp of ['/generic', '/half'])
		test(`in ${nsp} they pass at once: a description may have another name`, async (t) => {
			const query = { room: roomOf() };
			const left = await openClient(t, daemon, DIRECT, { nsp, query });
			const right = await openClient(t, daemon, DIRECT, { nsp, query });
			right.emit('candidate', left.id, candidate(1));
			await hears(left, right.id, 1);
			right.emit('answer', left.id, description('a'));
			right.emit('candidate', left.id, candidate(2));
			await hears(left, right.id, 'a', 2);
		});
});

describe('candidates for a page that is away', together, () => {
	let daemon;
	useDaemon({ sets: { 'socketio.namespaces': '/=generic+recovery', 'session.max_messages': 16 } }, (it) => (daemon = it));

	async function couple(t) {
		const room = roomOf();
		const proxy = await Proxy.start(t, daemon);
		const native = await joinSession(t, daemon, room);
		const page = await openClient(t, proxy, DIRECT, { query: { room } });
		const { peer } = await native.next('peer-joined');
		proxy.shut();
		proxy.cut();
		await page.life('disconnect');
		return { proxy, native, page, peer };
	}

	async function comeBack(proxy, page) {
		proxy.reopen();
		await page.life('connect');
		assert.equal(page.socket.recovered, true);
	}

	test('are kept behind their description', async (t) => {
		const { proxy, native, page, peer } = await couple(t);
		trickle(native, peer, 1, 2);
		answer(native, peer, 'a');
		trickle(native, peer, 3);
		await native.settle();
		await comeBack(proxy, page);
		await hears(page, native.id, 'a', 1, 2, 3);
		await native.next((m) => isAck(m) && m.n === 4);
	});

	test('wait through its being away', async (t) => {
		const { proxy, native, page, peer } = await couple(t);
		trickle(native, peer, 1);
		await native.settle();
		await comeBack(proxy, page);
		await heardNothingElse(page);
		answer(native, peer, 'a');
		await hears(page, native.id, 'a', 1);
		assert.equal((await native.next(isAck)).n, 2);
	});

	// The browser's last candidate is none: no event, and no offset of one.
	test('cost it nothing when they end', async (t) => {
		const { proxy, native, page, peer } = await couple(t);
		answer(native, peer, 'a');
		trickle(native, peer, null);
		await native.settle();
		await comeBack(proxy, page);
		await hears(page, native.id, 'a');
		await native.next((m) => isAck(m) && m.n === 2);
		proxy.cut();
		await page.life('disconnect');
		await comeBack(proxy, page);
		answer(native, peer, 'b');
		await hears(page, native.id, 'b');
	});

	test('that find no room behind it are said not to come', async (t) => {
		const { proxy, native, page, peer } = await couple(t);
		for (const n of numbers(1, 14))
			native.say(peer, n);
		trickle(native, peer, 15, 16);
		answer(native, peer, 'a');
		await assertRefused(native, peer, 'no-description', 16);
		await comeBack(proxy, page);
		for (const n of numbers(1, 14))
			assert.equal((await page.event('signal'))[1], n);
		await hears(page, native.id, 'a', 15);
		await native.next((m) => isAck(m) && m.n === 17);
		await heardNothingElse(page);
	});
});

// All of them wait for the same ten seconds.
describe('without a description', together, () => {
	let daemon;
	useDaemon({ sets: { 'socketio.namespaces': '/=tutorial, /generic=generic' } }, (it) => (daemon = it));

	test('they are given up after 10 s, and their senders are told', async (t) => {
		const room = roomOf();
		const page = await openClient(t, daemon, DIRECT, { query: { room } });
		page.emit('broadcaster');
		const native = await joinSession(t, daemon, room, { role: 'watcher' });
		const plain = await joinPeer(t, daemon, room, { role: 'watcher' });
		for (const { id } of [native, plain])
			assert.deepEqual(await page.event('watcher'), [id]);
		const began = performance.now();
		trickle(native, page, 1, 2);
		ask(plain, page, 1);
		for (const n of [1, 2]) {
			const error = await native.next('error', 20000);
			assert.deepEqual([error.code, error.to, error.n], ['no-description', page.id, n]);
		}
		assert.ok(performance.now() - began > 9800, 'not before their time');
		const error = await plain.next('error');
		assert.deepEqual([error.code, error.ref], ['no-description', 'c1']);
		trickle(native, page, 3);
		await native.settle();
		answer(native, page, 'a');
		await hears(page, native.id, 'a', 3);
		await native.next((m) => isAck(m) && m.n === 4);
		await heardNothingElse(page);
	});

	test('what is numbered behind them goes then', async (t) => {
		const room = roomOf();
		const native = await joinSession(t, daemon, room);
		const page = await openClient(t, daemon, DIRECT, { nsp: '/generic', query: { room } });
		trickle(native, page, 1);
		native.say(page, 'second');
		await assertUnheard(native, 'ack');
		const error = await native.next('error', 20000);
		assert.deepEqual([error.code, error.n], ['no-description', 1]);
		assert.deepEqual(await page.event('signal'), [native.id, 'second']);
		assert.equal((await native.next(isAck)).n, 2);
	});
});
