// What lies in polls and posts: packets of both protocols, text of every width,
// binary in base64 and in octets, sizes up to the limit.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encodeOctets } from '../lib/sio-codec.mjs';
import { connectIdle, get, join, newRoom, openPolling, openWs, pair, relays } from '../lib/sio.mjs';
import { ownTest, useTarget } from '../lib/sio-target.mjs';

const TEXTS = ['plain', 'é漢', '😀', '👩‍👩‍👧 \u2028', '\ud7ff\ue000', 'x'.repeat(5000), '😀'.repeat(3000), '1:2', '"\\/\b'];
const holder = (num) => ({ _placeholder: true, num });

for (const version of [4, 3])
	describe(`payloads of protocol ${version}`, () => {
		let target;
		useTarget({}, (it) => (target = it));
		const options = { version, transport: 'polling' };

		test('text of every width goes both ways', async (t) => {
			const [left, right] = await pair(t, target, '/', options);
			for (const text of TEXTS) {
				await left.emit('offer', right.id, text);
				assert.deepEqual(await right.event('offer'), [left.id, text]);
				await right.emit('answer', left.id, text);
				assert.deepEqual(await left.event('answer'), [right.id, text]);
			}
		});

		test('many packets in one post, many in one poll', async (t) => {
			const room = newRoom();
			const left = await join(t, target, { ...options, ...room });
			const right = await openPolling(t, target, { version, isIdle: true, ...room });
			await left.emit('broadcaster');
			await connectIdle(right);
			const { id } = right;
			await right.post('42["watcher"]');
			await left.event('watcher');
			await left.post(...Array.from({ length: 200 }, (_, i) => `42${JSON.stringify(['offer', id, `${i}é😀`])}`));
			const heard = [];
			while (heard.length < 200)
				heard.push(...(await right.poll()).packets);
			assert.deepEqual(heard, heard.map((_, i) => `42${JSON.stringify(['offer', left.id, `${i}é😀`])}`));
		});

		test('binary goes both ways, its parts over several requests', async (t) => {
			const [left, right] = await pair(t, target, '/generic', options);
			const bytes = [Buffer.from([4]), Buffer.from([0, 1, 254, 255])];
			const head = `452-/generic,${JSON.stringify(['bin', right.id, holder(0), holder(1)])}`;
			await left.post(head, bytes[0], bytes[1]);
			for (const split of [false, true]) {
				if (split) {
					await left.post(head);
					await left.post(bytes[0]);
					await left.post(bytes[1], '42/generic,["after"]');
				}
				assert.match(await right.next('452-/generic,'), /"bin"/);
				assert.deepEqual(await right.next(Buffer.isBuffer), bytes[0]);
				assert.deepEqual(await right.next(Buffer.isBuffer), bytes[1]);
			}
		});

		test('binary goes between transports', async (t) => {
			const room = newRoom();
			const left = await join(t, target, { ...options, nsp: '/generic', ...room });
			const right = await join(t, target, { version, nsp: '/generic', ...room });
			const other = await join(t, target, { version: 7 - version, nsp: '/generic', ...room });
			const bytes = Buffer.from([9, 0, 200]);
			for (const [from, to] of [[left, right], [right, left], [left, other], [other, left], [right, other], [other, right]]) {
				await from.send(`451-/generic,${JSON.stringify(['bin', to.id, holder(0)])}`, bytes);
				assert.match(await to.next('451-/generic,'), /"bin"/);
				assert.deepEqual(await to.next(Buffer.isBuffer), bytes);
			}
		});

		test('base64 with and without its padding', async (t) => {
			const [left, right] = await pair(t, target, '/generic', options);
			for (let length = 0; length < 5; length++) {
				const bytes = Buffer.alloc(length, 0xfb);
				await left.post(`451-/generic,${JSON.stringify(['bin', right.id, holder(0)])}`);
				await left.post(bytes);
				await right.next('451-');
				assert.deepEqual(await right.next(Buffer.isBuffer), bytes);
			}
		});

		test('a packet as large as the limit allows arrives', async (t) => {
			const [left, right] = await pair(t, target, '/', options);
			const head = `42["offer","${right.id}",""]`;
			const text = 'x'.repeat(left.open.maxPayload - head.length - 8);
			const answer = await left.post(`42["offer","${right.id}","${text}"]`);
			assert.equal(answer.status, 200);
			const [from, heard] = await right.event('offer');
			assert.equal(from, left.id);
			assert.equal(heard === text, true);
		});
	});

describe('payloads of protocol 3 alone', () => {
	let target;
	useTarget({}, (it) => (target = it));

	test('octets are taken: text and binary', async (t) => {
		const [left, right] = await pair(t, target, '/generic', { version: 3 });
		const sender = await openPolling(t, target, { version: 3, isIdle: true, query: new URL(left.socket.url).search.match(/room=[^&]*/)[0] });
		await sender.post('40/generic,');
		const body = encodeOctets([`451-/generic,${JSON.stringify(['bin', right.id, 'é漢', holder(0)])}`, Buffer.from([1, 255, 0])]);
		const answer = await sender.postBody(body, 'application/octet-stream');
		assert.deepEqual([answer.status, answer.body], [200, 'ok']);
		assert.match(await right.next('451-'), /"bin"/);
		assert.deepEqual(await right.next(Buffer.isBuffer), Buffer.from([1, 255, 0]));
	});

	for (const body of ['5:40', '1:40', 'x:40', ':40', '2:', '-1:4', '2;40', '999999999999999999999:4', '2', '1:4😀'])
		test(`${body} is no payload: its session ends, no other`, async (t) => {
			const [left, right] = await pair(t, target);
			const bad = await openPolling(t, target, { version: 3 });
			await bad.connect();
			await bad.postBody(body);
			await bad.over();
			await relays(left, right);
		});

	const oddities = [[], [2, 1, 255, 52], [1, 1, 255, 9]]; // which the reference takes

	for (const bytes of [...oddities, [0], [0, 1], [0, 255], [0, 9, 255, 52], [0, 1, 10, 255, 52],
		Array(400).fill(1), [0, ...Array(30).fill(9), 255, 52]])
		(oddities.includes(bytes) ? ownTest : test)(`octets ${JSON.stringify(bytes).slice(0, 40)} are no payload: its session ends, no other`, async (t) => {
			const [left, right] = await pair(t, target);
			const bad = await openPolling(t, target, { version: 3 });
			await bad.connect();
			await bad.postBody(Buffer.from(bytes), 'application/octet-stream');
			await bad.over();
			await relays(left, right);
		});
});

describe('protocol 3 switched off', () => {
	let target;
	useTarget({ sets: { 'socketio.eio3': 'no' } }, (it) => (target = it));

	test('is refused over polling', async () => {
		for (const query of ['EIO=3&transport=polling', 'transport=polling', 'EIO=5&transport=polling']) {
			const answer = await get(target, `/socket.io/?${query}`);
			assert.equal(answer.status, 400);
			assert.deepEqual(JSON.parse(answer.body), { code: 5, message: 'Unsupported protocol version' });
		}
	});

	ownTest('is refused before any upgrade', async (t) => {
		await assert.rejects(openWs(t, target, { version: 3 }), { status: 400 });
	});

	test('protocol 4 is served', async (t) => {
		await join(t, target);
	});
});
