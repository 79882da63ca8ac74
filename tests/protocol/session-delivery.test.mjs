// Numbered messages: each arrives once and in order, and its sender hears when
// the receiver's application has it, or why it never will.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { useDaemon } from '../lib/daemon.mjs';
import { joinPeer, openPeer } from '../lib/peer.mjs';
import { PING, PONG, TEXT, frame, joinRaw } from '../lib/rawws.mjs';
import { joinSession, joinTwo } from '../lib/session.mjs';

let rooms = 0;
const newRoom = () => `delivery-${++rooms}`;

// Nothing of these types has been heard, and nothing is on its way.
async function assertSilent(peer, ...types) {
	await peer.settle();
	for (const type of types)
		assert.deepEqual(peer.heard(type), [], type);
}

describe('a numbered message', () => {
	let daemon;
	useDaemon({}, (d) => (daemon = d));

	for (const [type, member, payload] of [
		['offer', 'description', { type: 'offer', sdp: 'v=0' }], ['answer', 'description', { type: 'answer', sdp: '' }],
		['candidate', 'candidate', null], ['signal', 'data', [1, { a: 'ü' }]],
	])
		test(`of type ${type} arrives with its sender's memory and its number`, async (t) => {
			const [ada, bob] = await joinTwo(t, daemon, newRoom());
			ada.send({ type, to: bob.id, ti: bob.inst, n: 2 ** 53 - 2, p: 0, [member]: payload });
			assert.deepEqual(await bob.next(type),
				{ type, from: ada.id, fi: ada.inst, n: 2 ** 53 - 2, [member]: payload });
			ada.send({ type, to: bob.id, ti: bob.inst, n: 2 ** 53 - 1, p: 2 ** 53 - 2, [member]: payload });
			assert.deepEqual(await bob.next(type),
				{ type, from: ada.id, fi: ada.inst, n: 2 ** 53 - 1, p: 2 ** 53 - 2, [member]: payload });
		});

	test('is acknowledged when its receiver has acknowledged it, and not before', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		ada.say(bob, 1);
		await bob.next('signal');
		await bob.settle();
		await assertSilent(ada, 'ack');
		bob.ack();
		assert.deepEqual(await ada.next('ack'), { type: 'ack', from: bob.id, ti: bob.inst, n: 1 });
		await assertSilent(ada, 'ack');
	});

	test('one acknowledgement stands for all before it', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		for (let i = 1; i <= 32; i++) {
			ada.say(bob, i);
			assert.equal((await bob.next('signal')).p ?? 0, i - 1);
		}
		bob.ack(10);
		assert.equal((await ada.next('ack')).n, 10);
		bob.ack();
		assert.equal((await ada.next('ack')).n, 32);
		assert.deepEqual(ada.pendingTo(bob), []);
		await assertSilent(ada, 'ack');
	});

	test('its acknowledgement goes along with any message', async (t) => {
		for (const message of [{ type: 'ping' }, { type: 'peers', after: 0 }, { type: 'ice' }, { type: 'broadcast', data: 1 },
			{ type: 'signal', to: 'x'.repeat(22), data: 1 }]) {
			const [ada, bob] = await joinTwo(t, daemon, newRoom());
			ada.say(bob, 1);
			await bob.next('signal');
			bob.send({ ...message, sn: 1 });
			assert.equal((await ada.next('ack')).n, 1, message.type);
		}
	});

	test('and rides on a message the other way', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		const eve = await joinSession(t, daemon, ada.joined.room);
		ada.say(bob, 1);
		ada.say(bob, 2);
		eve.say(bob, 'other');
		for (let i = 0; i < 3; i++)
			await bob.next('signal');
		bob.say(ada, 'answer', { sn: 3 });
		assert.deepEqual(await ada.next('signal'),
			{ type: 'signal', from: bob.id, fi: bob.inst, n: 1, acked: 2, data: 'answer' });
		assert.equal((await eve.next('ack')).n, 1, 'whoever is not spoken to is told');
		await assertSilent(ada, 'ack');
		bob.say(ada, 'more');
		assert.equal('acked' in await ada.next('signal'), false, 'once');
	});

	for (const sn of [-1, 1.5, '1', null, 2 ** 53])
		test(`sn ${JSON.stringify(sn)} is a bad message`, async (t) => {
			const ada = await joinSession(t, daemon, newRoom());
			for (const type of ['ack', 'ping']) {
				const error = await ada.request({ type, sn });
				assert.equal(error.code, 'bad-message');
				assert.match(error.message, /sn/);
			}
		});

	test('an ack without sn is a bad message, and one before join not joined', async (t) => {
		const ada = await joinSession(t, daemon, newRoom());
		assert.equal((await ada.request({ type: 'ack' })).code, 'bad-message');
		assert.equal((await (await openPeer(t, daemon)).request({ type: 'ack', sn: 1 })).code, 'not-joined');
	});

	test('a position beyond all that was sent is all of it, a past one nothing', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		ada.say(bob, 1);
		await bob.next('signal');
		bob.ack(2 ** 53 - 1);
		assert.equal((await ada.next('ack')).n, 1);
		ada.say(bob, 2);
		await bob.next('signal');
		bob.ack(0);
		bob.ack(1);
		await bob.settle();
		await assertSilent(ada, 'ack');
		bob.ack(2);
		assert.equal((await ada.next('ack')).n, 2);
	});

	test('repeated before it was acknowledged, it is dropped in silence', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		ada.say(bob, 1);
		ada.say(bob, 2);
		ada.repeat(bob);
		ada.repeat(bob);
		assert.deepEqual([(await bob.next('signal')).data, (await bob.next('signal')).data], [1, 2]);
		await ada.settle();
		await assertSilent(bob, 'signal');
		await assertSilent(ada, 'ack', 'error');
		bob.ack();
		assert.equal((await ada.next('ack')).n, 2);
	});

	// The first acknowledgement may have gone down with a connection.
	test('repeated after that, its acknowledgement is repeated', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		const first = ada.say(bob, 1);
		ada.say(bob, 2);
		await bob.next((m) => m.data === 2);
		bob.ack();
		assert.equal((await ada.next('ack')).n, 2);
		ada.send(first);
		assert.equal((await ada.next('ack')).n, 2);
		await assertSilent(bob, 'error');
	});

	test('acknowledged while its sender was away, it is settled by repeating it', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		ada.say(bob, 1);
		await bob.next('signal');
		await ada.cut();
		await bob.next('peer-away');
		bob.ack();
		await bob.settle();
		await ada.resume();
		await assertSilent(ada, 'ack');
		ada.repeat(bob);
		assert.equal((await ada.next('ack')).n, 1);
		assert.deepEqual(ada.pendingTo(bob), []);
		await assertSilent(bob, 'signal');
	});

	test('for one who is away it is kept, and settled when that one has it', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		await bob.cut();
		await ada.next('peer-away');
		ada.say(bob, 1);
		await assertSilent(ada, 'ack', 'error');
		await bob.resume();
		await ada.next('peer-back');
		await bob.next('signal');
		bob.ack();
		assert.equal((await ada.next('ack')).n, 1);
	});

	test('with one missing before it, it is refused: gap; from there all goes well', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		ada.say(bob, 1);
		const pending = ada.pendingTo(bob);
		for (const [n, p] of [[2, 1], [3, 2], [4, 3]])
			pending.push({ ...pending[0], n, p, data: n });
		ada.send(pending[2]); // the second was lost
		const error = await ada.next('error');
		assert.deepEqual([error.code, error.to, error.n], ['gap', bob.id, 3]);
		ada.send(pending[3]);
		assert.equal((await ada.next('error')).n, 4);
		ada.repeat(bob);
		for (let n = 1; n <= 4; n++)
			assert.equal((await bob.next('signal')).n, n);
		await assertSilent(bob, 'signal');
		await assertSilent(ada, 'error');
	});

	test('numbers may have holes: they are of all receivers together', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		const eve = await joinSession(t, daemon, ada.joined.room);
		ada.say(bob, 1);
		ada.say(eve, 2);
		ada.say(bob, 3);
		assert.deepEqual([(await bob.next('signal')).n, await bob.next('signal')].map((m) => m.p ?? m), [1, 1]);
		assert.equal((await eve.next('signal')).n, 2);
		eve.ack();
		bob.ack();
		assert.equal((await ada.next((m) => m.from === eve.id)).n, 2);
		assert.equal((await ada.next((m) => m.from === bob.id)).n, 3);
	});

	test('given up, it leaves a hole that its successors step over', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		ada.say(bob, 1);
		ada.number++; // the application gave the second up before it went
		ada.say(bob, 3);
		assert.equal((await bob.next('signal')).n, 1);
		const third = await bob.next('signal');
		assert.deepEqual([third.n, third.p], [3, 1]);
	});

	test('for another memory than the receiver has, it is refused: peer-restarted', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		const plain = await joinPeer(t, daemon, ada.joined.room);
		for (const [to, ti] of [[bob, bob.inst - 1], [bob, bob.inst + 1], [bob, 0], [plain, 7]]) {
			const { n } = ada.say(to, 1, { ti });
			const error = await ada.next('error');
			assert.deepEqual([error.code, error.to, error.n], ['peer-restarted', to.id, n]);
		}
		await assertSilent(bob, 'signal');
		await assertSilent(plain, 'signal');
	});

	test('for nobody, it is refused: unknown-peer', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		const stranger = await joinSession(t, daemon, newRoom());
		for (const id of ['x'.repeat(22), stranger.id, `${bob.id}x`]) {
			const { n } = ada.say({ id, inst: stranger.inst }, 1);
			const error = await ada.next('error');
			assert.deepEqual([error.code, error.to, error.n], ['unknown-peer', id, n]);
		}
		await assertSilent(stranger, 'signal');
	});

	test('to one who leaves before it was acknowledged, it is said to be lost, up to its number', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		ada.say(bob, 1);
		ada.say(bob, 2);
		ada.say(bob, 3);
		await bob.next((m) => m.data === 3);
		bob.ack(1);
		assert.equal((await ada.next('ack')).n, 1);
		await bob.close();
		assert.equal((await ada.next('peer-left')).id, bob.id);
		const error = await ada.next('error');
		assert.deepEqual([error.code, error.to, error.n], ['unknown-peer', bob.id, 3]);
		await assertSilent(ada, 'error');
	});

	test('n 0 is a bad message, and so are a ti and a p that are no numbers', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		for (const members of [{ n: 0 }, { ti: -1 }, { ti: 'x' }, { p: -1 }, { p: 1.5 }]) {
			ada.say(bob, 1, members);
			const error = await ada.next('error');
			assert.equal(error.code, 'bad-message', JSON.stringify(members));
			assert.match(error.message, new RegExp(`\\b${Object.keys(members)[0]}\\b`));
		}
		await assertSilent(bob, 'signal');
	});

	test('of a peer without a session, n is its own affair', async (t) => {
		const ada = await joinSession(t, daemon, newRoom());
		const plain = await joinPeer(t, daemon, ada.joined.room);
		for (const n of [0, 7, 7]) {
			plain.send({ type: 'signal', to: ada.id, n, p: 100, data: n });
			assert.deepEqual(await ada.next('signal'), { type: 'signal', from: plain.id, data: n });
		}
		await assertSilent(plain, 'error');
	});

	test('between cuts at both ends, all arrive once and in order', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		const heard = [[], []];
		for (let round = 1; round <= 10; round++) {
			for (let i = 0; i < 5; i++) {
				ada.say(bob, round * 10 + i);
				bob.say(ada, round * 10 + i);
			}
			// What was on its way is lost with the connections, or not.
			await Promise.all([ada.cut(), bob.cut()]);
			await ada.resume();
			await bob.resume();
			for (const [peer, other] of [[ada, bob], [bob, ada]])
				peer.repeat(other);
			for (const [i, peer] of [ada, bob].entries())
				while (heard[i].length < round * 5)
					heard[i].push((await peer.next('signal')).n);
			for (const peer of [ada, bob])
				peer.ack();
			for (const [peer, other] of [[ada, bob], [bob, ada]])
				while (peer.pendingTo(other).length)
					await peer.next('ack');
		}
		for (const each of heard)
			assert.deepEqual(each, Array.from({ length: 50 }, (_, i) => i + 1));
	});
});

describe('a message to several', () => {
	let daemon;
	useDaemon({}, (d) => (daemon = d));

	async function cast(t) {
		const ada = await joinSession(t, daemon, newRoom());
		const here = await joinSession(t, daemon, ada.joined.room);
		const away = await joinSession(t, daemon, ada.joined.room);
		const plain = await joinPeer(t, daemon, ada.joined.room);
		await away.cut();
		await ada.next('peer-away');
		return { ada, here, away, plain };
	}

	test('reaches each, with its own p; acknowledgements and errors come one by one', async (t) => {
		const { ada, here, away, plain } = await cast(t);
		ada.say(here, 1);
		ada.say(away, 2);
		const gone = 'x'.repeat(22);
		ada.send({ type: 'offer', to: [here.id, away.id, plain.id, gone], ti: [here.inst, away.inst, 0, 5], n: 3, p: [1, 2, 0, 0],
			description: { type: 'offer' } });
		const offer = { type: 'offer', from: ada.id, fi: ada.inst, n: 3, description: { type: 'offer' } };
		assert.deepEqual(await here.next('offer'), { ...offer, p: 1 });
		assert.deepEqual(await plain.next('offer'), offer);
		const error = await ada.next('error');
		assert.deepEqual([error.code, error.to, error.n], ['unknown-peer', gone, 3]);
		assert.deepEqual(await ada.next('ack'), { type: 'ack', from: plain.id, n: 3 });
		here.ack();
		assert.deepEqual(await ada.next('ack'), { type: 'ack', from: here.id, ti: here.inst, n: 3 });
		await away.resume();
		assert.deepEqual(await away.next('offer'), { ...offer, p: 2 });
		away.ack();
		assert.deepEqual(await ada.next('ack'), { type: 'ack', from: away.id, ti: away.inst, n: 3 });
	});

	test('is refused by one and taken by the others', async (t) => {
		const { ada, here, away, plain } = await cast(t);
		ada.send({ type: 'signal', to: [here.id, away.id, plain.id], ti: [here.inst + 1, away.inst, 0], n: 5, p: [0, 4, 0], data: 1 });
		const errors = [await ada.next('error'), await ada.next('error')];
		assert.deepEqual(errors.map(({ code, to, n }) => [code, to, n]),
			[['peer-restarted', here.id, 5], ['gap', away.id, 5]]);
		assert.equal((await plain.next('signal')).n, 5);
		await assertSilent(here, 'signal');
	});

	test('may leave out ti and p', async (t) => {
		const { ada, here, plain } = await cast(t);
		ada.send({ type: 'signal', to: [here.id, plain.id], n: 1, data: 1 });
		for (const peer of [here, plain])
			assert.equal((await peer.next('signal')).n, 1);
	});

	test('with a ref has one answer: when all have it, or with the first that has not', async (t) => {
		const { ada, here, away, plain } = await cast(t);
		const sender = await joinPeer(t, daemon, ada.joined.room);
		sender.send({ type: 'signal', to: [here.id, plain.id], data: 1, ref: 'good' });
		await plain.next('signal');
		await plain.settle();
		await assertSilent(sender, 'ack');
		await here.next('signal');
		here.ack();
		assert.deepEqual(await sender.next('ack'), { type: 'ack', ref: 'good' });

		sender.send({ type: 'signal', to: [here.id, 'x'.repeat(22), away.id], data: 2, ref: 'bad' });
		await here.next('signal');
		here.ack();
		await here.settle();
		await assertSilent(sender, 'ack', 'error');
		await away.resume();
		await away.next('signal');
		away.ack();
		const error = await sender.next('error');
		assert.deepEqual([error.ref, error.code, error.to], ['bad', 'unknown-peer', 'x'.repeat(22)]);
		await assertSilent(sender, 'ack', 'error');
	});

	test('may be for 64, and named twice one gets it once', async (t) => {
		const ada = await joinSession(t, daemon, newRoom());
		const others = [];
		for (let i = 0; i < 63; i++)
			others.push(await joinSession(t, daemon, ada.joined.room));
		ada.send({ type: 'signal', to: [...others.map(({ id }) => id), others[0].id], n: 1, data: 1 });
		for (const other of others) {
			await other.next('signal');
			await assertSilent(other, 'signal');
		}
	});

	for (const [what, members] of [
		['nobody', { to: [] }], ['65', { to: Array.from({ length: 65 }, () => 'x') }], ['a number', { to: [7] }],
		['a list', { to: [['x']] }], ['an id that is too long', { to: ['x'.repeat(100)] }],
		['two with one ti', { to: ['x', 'y'], ti: [1] }], ['one with two p', { to: ['x'], p: [1, 2] }],
		['one with a ti that is no list', { to: ['x'], ti: 1 }], ['one with a p that is no list', { to: ['x'], p: 1 }],
		['one with a ti that is no number', { to: ['x'], ti: ['a'] }], ['one with a p below 0', { to: ['x'], p: [-1] }],
	])
		test(`to ${what} is a bad message`, async (t) => {
			const ada = await joinSession(t, daemon, newRoom());
			const error = await ada.request({ type: 'signal', n: 1, data: 1, ...members });
			assert.equal(error.code, 'bad-message', JSON.stringify(error));
		});
});

describe('a message with a ref', () => {
	let daemon;
	useDaemon({ sets: { 'limits.messages_per_s': 0 } }, (d) => (daemon = d));

	test('to a session is answered when that has acknowledged it', async (t) => {
		const ada = await joinSession(t, daemon, newRoom());
		const plain = await joinPeer(t, daemon, ada.joined.room);
		plain.send({ type: 'signal', to: ada.id, data: 1, ref: 1, n: 9 });
		assert.deepEqual(await ada.next('signal'), { type: 'signal', from: plain.id, data: 1 });
		await ada.settle();
		await assertSilent(plain, 'ack');
		ada.ack();
		assert.deepEqual(await plain.next('ack'), { type: 'ack', ref: 1, n: 9 });
	});

	test('of a session, without a number, likewise', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		ada.send({ type: 'signal', to: bob.id, data: 1, ref: 'mine' });
		await bob.next('signal');
		bob.ack();
		assert.deepEqual(await ada.next((m) => m.ref === 'mine'), { type: 'ack', ref: 'mine' });
	});

	test('to a session that is away, when that is back and has it', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		const plain = await joinPeer(t, daemon, ada.joined.room);
		await bob.cut();
		await ada.next('peer-away');
		plain.send({ type: 'signal', to: bob.id, data: 1, ref: 1 });
		await assertSilent(plain, 'ack', 'error');
		await bob.resume();
		await bob.next('signal');
		bob.ack();
		assert.equal((await plain.next('ack')).ref, 1);
	});

	// A client that cannot acknowledge, and of which we see every frame.
	async function plainPair(t) {
		const sender = await joinPeer(t, daemon, newRoom());
		const raw = await joinRaw(t, daemon, { room: sender.joined.room });
		return [sender, raw];
	}

	async function nextFrame(raw, opcode) {
		const got = await raw.frame();
		assert.equal(got.opcode, opcode, got.payload.toString());
		return got.payload;
	}

	test('to a plain client is answered when its pong shows that it came', async (t) => {
		const [sender, raw] = await plainPair(t);
		sender.send({ type: 'signal', to: raw.joined.id, data: 1, ref: 1 });
		assert.equal(JSON.parse(await nextFrame(raw, TEXT)).data, 1);
		const ping = await nextFrame(raw, PING);
		await assertSilent(sender, 'ack');
		await raw.send(frame(PONG, 'something else'), frame(PONG, ''));
		await raw.sendJson({ type: 'ping' });
		assert.equal(JSON.parse(await nextFrame(raw, TEXT)).type, 'pong');
		await assertSilent(sender, 'ack');
		await raw.send(frame(PONG, ping));
		assert.deepEqual(await sender.next('ack'), { type: 'ack', ref: 1 });
	});

	test('costs at most one ping at a time', async (t) => {
		const [sender, raw] = await plainPair(t);
		for (let i = 1; i <= 3; i++)
			sender.send({ type: 'signal', to: raw.joined.id, data: i, ref: i });
		assert.equal(JSON.parse(await nextFrame(raw, TEXT)).data, 1);
		let ping = await nextFrame(raw, PING);
		for (const data of [2, 3])
			assert.equal(JSON.parse(await nextFrame(raw, TEXT)).data, data);
		await raw.send(frame(PONG, ping));
		assert.equal((await sender.next('ack')).ref, 1);
		ping = await nextFrame(raw, PING);
		await assertSilent(sender, 'ack');
		await raw.send(frame(PONG, ping));
		assert.equal((await sender.next('ack')).ref, 2);
		assert.equal((await sender.next('ack')).ref, 3);
	});

	test('a numbered one to a plain client is proved the same way', async (t) => {
		const ada = await joinSession(t, daemon, newRoom());
		const raw = await joinRaw(t, daemon, { room: ada.joined.room });
		ada.say({ id: raw.joined.id }, 1);
		assert.deepEqual(JSON.parse(await nextFrame(raw, TEXT)),
			{ type: 'signal', from: ada.id, fi: ada.inst, n: 1, data: 1 });
		const ping = await nextFrame(raw, PING);
		await assertSilent(ada, 'ack');
		await raw.send(frame(PONG, ping));
		assert.deepEqual(await ada.next('ack'), { type: 'ack', from: raw.joined.id, n: 1 });
	});

	test('to one who never shows it: no more than 4,096 are waited for', async (t) => {
		const [sender, raw] = await plainPair(t);
		for (let i = 1; i <= 4097; i++)
			sender.send({ type: 'signal', to: raw.joined.id, data: 0, ref: i });
		const error = await sender.next('error');
		assert.deepEqual([error.ref, error.code, error.to], [4097, 'queue-full', raw.joined.id]);
		sender.send({ type: 'signal', to: raw.joined.id, data: 'without a ref' });
		let heard;
		do
			heard = await raw.frame();
		while (heard.opcode !== TEXT || JSON.parse(heard.payload).data !== 'without a ref');
		await assertSilent(sender, 'ack', 'error');
	});

	test('without a ref or a number costs no ping', async (t) => {
		const [sender, raw] = await plainPair(t);
		sender.send({ type: 'signal', to: raw.joined.id, data: 1 });
		await sender.settle();
		await raw.sendJson({ type: 'ping' });
		assert.equal(JSON.parse(await nextFrame(raw, TEXT)).data, 1);
		assert.equal(JSON.parse(await nextFrame(raw, TEXT)).type, 'pong');
	});

	test('to one that ends before it has shown so is answered with an error', async (t) => {
		const [sender, raw] = await plainPair(t);
		sender.send({ type: 'signal', to: raw.joined.id, data: 1, ref: 1 });
		await nextFrame(raw, TEXT);
		raw.end();
		const error = await sender.next('error');
		assert.deepEqual([error.ref, error.code], [1, 'unknown-peer']);
		await assertSilent(sender, 'ack');
	});

	test('a numbered one likewise', async (t) => {
		const ada = await joinSession(t, daemon, newRoom());
		const raw = await joinRaw(t, daemon, { room: ada.joined.room });
		const { n } = ada.say({ id: raw.joined.id }, 1);
		await nextFrame(raw, TEXT);
		raw.end();
		const error = await ada.next('error');
		assert.deepEqual([error.code, error.to, error.n], ['unknown-peer', raw.joined.id, n]);
	});

	test('whoever asked and is gone is not told, and harms nobody', async (t) => {
		const [sender, raw] = await plainPair(t);
		sender.send({ type: 'signal', to: raw.joined.id, data: 1, ref: 1 });
		await nextFrame(raw, TEXT);
		const ping = await nextFrame(raw, PING);
		sender.socket.terminate();
		assert.equal((await raw.message('peer-left')).id, sender.id);
		await raw.send(frame(PONG, ping));
		await raw.sendJson({ type: 'ping' });
		await raw.message('pong');
	});

	test('leaving, joining again, its answer still comes', async (t) => {
		const [sender, raw] = await plainPair(t);
		sender.send({ type: 'signal', to: raw.joined.id, data: 1, ref: 1 });
		await nextFrame(raw, TEXT);
		const ping = await nextFrame(raw, PING);
		await sender.request({ type: 'leave' });
		await sender.join(newRoom());
		await raw.send(frame(PONG, ping));
		assert.equal((await sender.next('ack')).ref, 1);
	});

	test('a broadcast with a ref is answered when it was taken', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		assert.deepEqual(await ada.link.request({ type: 'broadcast', data: 1, n: 3 }), { type: 'ack', ref: 'r2', n: 3 });
		assert.deepEqual(await bob.next('broadcast'), { type: 'broadcast', from: ada.id, fi: ada.inst, data: 1 });
		assert.equal(bob.position, 1, 'it has a position');
	});
});
