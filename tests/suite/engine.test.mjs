// Engine.IO, protocol 4, as its official suite checks it: handshake, heartbeat,
// messages, upgrade, close; the application sends back what it hears.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { get, holdPoll } from '../lib/sio.mjs';
import { ownTest } from '../lib/sio-target.mjs';
import { MAX_PAYLOAD, PATIENT, PING_INTERVAL_MS, PING_TIMEOUT_MS, SILENT, Socket, useSuite } from '../lib/sio-suite.mjs';

const PATH = '/engine.io/';
const POLLING = `${PATH}?EIO=4&transport=polling`;
const WEBSOCKET = `${PATH}?EIO=4&transport=websocket`;

// Each describe() starts one with heartbeats to its needs.
let target;
const give = (it) => (target = it);

async function open() {
	const { body } = await get(target, POLLING);
	return JSON.parse(body.slice(1)).sid;
}

const poll = (sid) => get(target, `${POLLING}&sid=${sid}`);
const post = (sid, body) => get(target, `${POLLING}&sid=${sid}`, { method: 'POST', body });

async function openSocket(t) {
	const socket = new Socket(t, target, WEBSOCKET);
	await socket.next('0');
	return socket;
}

// Past the heartbeats, which need their answer in time.
async function pollMessages(sid) {
	for (;;) {
		const { body } = await poll(sid);
		const messages = body.split('\x1e').filter((packet) => packet !== '2');
		if (messages.length < body.split('\x1e').length)
			await post(sid, '3');
		if (messages.length > 0)
			return messages;
	}
}

const socketOf = (t, sid) => new Socket(t, target, `${WEBSOCKET}&sid=${sid}`);
const opened = (socket) => new Promise((resolve) => socket.ws.once('open', resolve));

async function upgraded(t) {
	const sid = await open();
	const socket = socketOf(t, sid);
	await opened(socket);
	socket.send('2probe');
	const released = poll(sid);
	assert.equal(await socket.next(), '3probe');
	assert.match((await released).body, /^6|^2/);
	socket.send('5');
	return { sid, socket };
}

function isOpening(text, upgrades) {
	assert.equal(text[0], '0');
	const open = JSON.parse(text.slice(1));
	assert.deepEqual(Object.keys(open).toSorted(), ['maxPayload', 'pingInterval', 'pingTimeout', 'sid', 'upgrades']);
	assert.equal(typeof open.sid, 'string');
	assert.ok(open.sid.length > 0);
	assert.deepEqual(open, { sid: open.sid, upgrades, pingInterval: PING_INTERVAL_MS, pingTimeout: PING_TIMEOUT_MS, maxPayload: MAX_PAYLOAD });
}

describe('handshake', () => {
	useSuite([], give);

	test('polling opens a session', async () => {
		const answer = await get(target, POLLING);
		assert.equal(answer.status, 200);
		isOpening(answer.body, ['websocket']);
	});

	for (const [what, query] of [
		['no EIO', 'transport=polling'], ['an unknown EIO', 'EIO=abc&transport=polling'],
		['no transport', 'EIO=4'], ['an unknown transport', 'EIO=4&transport=abc'],
	])
		(query.startsWith('EIO=4') ? test : ownTest)(`polling with ${what} is refused`, async () => {
			const answer = await get(target, `${PATH}?${query}`);
			// Without EIO the protocol is 3, where that is served.
			assert.ok(answer.status === 400 || /^\d+:0\{/.test(answer.body), answer.body);
		});

	for (const method of ['POST', 'PUT', 'DELETE'])
		test(`${method} opens no session`, async () => {
			assert.equal((await get(target, POLLING, { method })).status, 400);
		});

	test('WebSocket opens a session', async (t) => {
		isOpening(await new Socket(t, target, WEBSOCKET).next(), []);
	});

	for (const query of ['EIO=4', 'EIO=4&transport=abc', 'EIO=4&transport=websocket&sid=unknown', 'transport=abc'])
		test(`WebSocket with ${query} is refused`, async (t) => {
			await new Socket(t, target, `${PATH}?${query}`).over();
		});

	test('WebSocket asked for without Upgrade is refused', async () => {
		assert.equal((await get(target, WEBSOCKET)).status, 400);
	});
});

describe('messages over polling', () => {
	useSuite(SILENT, give);

	test('one is sent and comes back', async () => {
		const sid = await open();
		const answer = await post(sid, '4hello');
		assert.deepEqual([answer.status, answer.body], [200, 'ok']);
		assert.deepEqual(await pollMessages(sid), ['4hello']);
	});

	test('several in one payload come back in order', async () => {
		const sid = await open();
		assert.equal((await post(sid, '4test1\x1e4test2\x1e4test3')).body, 'ok');
		assert.deepEqual(await pollMessages(sid), ['4test1', '4test2', '4test3']);
	});

	test('text of every width comes back', async () => {
		const sid = await open();
		await post(sid, '4é漢😀');
		assert.deepEqual(await pollMessages(sid), ['4é漢😀']);
	});

	test('binary comes back in base64', async () => {
		const sid = await open();
		await post(sid, '4text\x1ebAQIDBA==');
		assert.deepEqual(await pollMessages(sid), ['4text', 'bAQIDBA==']);
	});

	test('a payload that is none ends the session', async () => {
		const sid = await open();
		assert.equal((await post(sid, 'abc')).status, 200);
		assert.equal((await poll(sid)).status, 400);
	});

	test('an unknown packet type ends the session', async () => {
		const sid = await open();
		await post(sid, '9');
		assert.equal((await poll(sid)).status, 400);
	});

	test('a second poll ends the session', async () => {
		const sid = await open();
		const answers = await Promise.all([poll(sid), poll(sid)]);
		assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 400]);
		assert.match(answers.find(({ status }) => status === 200).body, /^[12]/);
		assert.equal((await poll(sid)).status, 400);
	});

	test('a body of the limit passes, one above does not', async () => {
		const sid = await open();
		const most = `4${'x'.repeat(MAX_PAYLOAD - 1)}`;
		assert.equal((await post(sid, most)).status, 200);
		assert.equal((await pollMessages(sid))[0] === most, true);
		assert.equal((await post(sid, `${most}x`)).status, 413);
	});

	test('the answer says text and its length', async () => {
		const sid = await open();
		await post(sid, '4x');
		const { headers } = await poll(sid);
		assert.match(headers['content-type'], /text\/plain; charset=utf-8/i);
		assert.ok(headers['content-length'] >= 2);
	});
});

describe('messages over WebSocket', () => {
	useSuite(SILENT, give);

	test('text and binary come back as they were', async (t) => {
		const socket = await openSocket(t);
		socket.send('4hello', Buffer.from([1, 2, 3, 4]), '4', '4é漢😀', Buffer.alloc(0), Buffer.alloc(100000, 7));
		assert.equal(await socket.next('4'), '4hello');
		assert.deepEqual(await socket.next(Buffer.isBuffer), Buffer.from([1, 2, 3, 4]));
		assert.equal(await socket.next('4'), '4');
		assert.equal(await socket.next('4'), '4é漢😀');
		assert.equal((await socket.next(Buffer.isBuffer)).length, 0);
		assert.equal((await socket.next(Buffer.isBuffer)).length, 100000);
	});

	for (const packet of ['abc', '', '9', '2'])
		test(`${JSON.stringify(packet)} closes`, async (t) => {
			const socket = await openSocket(t);
			socket.send(packet);
			await socket.over();
		});

	test('a message over the limit closes', async (t) => {
		const socket = await openSocket(t);
		socket.send(`4${'x'.repeat(MAX_PAYLOAD)}`);
		await socket.over();
	});
});

describe('heartbeat, answered', () => {
	useSuite(PATIENT, give);

	test('over polling: goes on', async () => {
		const sid = await open();
		for (let i = 0; i < 3; i++) {
			const answer = await poll(sid);
			assert.equal(answer.body, '2');
			assert.equal((await post(sid, '3')).body, 'ok');
		}
	});

	test('over WebSocket: goes on', async (t) => {
		const socket = await openSocket(t);
		for (let i = 0; i < 3; i++) {
			assert.equal(await socket.next(), '2');
			socket.send('3');
		}
		socket.send('4still');
		assert.equal(await socket.next('4'), '4still');
	});

	test('after an upgrade: goes on', async (t) => {
		const { socket } = await upgraded(t);
		for (let i = 0; i < 2; i++) {
			assert.equal(await socket.next('2'), '2');
			socket.send('3');
		}
	});
});

describe('heartbeat, unanswered', () => {
	useSuite([], give);

	// A tick of the server's clock may be missing.
	const isInTime = (began) => assert.ok(performance.now() - began > PING_INTERVAL_MS + PING_TIMEOUT_MS - 20);

	test('over polling: ends', async () => {
		const began = performance.now();
		const sid = await open();
		const heard = [];
		for (let answer = await poll(sid); answer.status === 200; answer = await poll(sid))
			heard.push(answer.body);
		assert.match(heard.join(), /^2(,1)?$/);
		isInTime(began);
	});

	test('over WebSocket: ends', async (t) => {
		const began = performance.now();
		const socket = await openSocket(t);
		await socket.over();
		assert.deepEqual(socket.items, ['2']);
		isInTime(began);
	});
});

describe('close', () => {
	useSuite(SILENT, give);

	test('over polling: the held poll is released, the session gone', async () => {
		const sid = await open();
		const held = await holdPoll(target, `${POLLING}&sid=${sid}`);
		assert.equal((await post(sid, '1')).body, 'ok');
		assert.equal((await held.answer).body, '6');
		assert.equal((await poll(sid)).status, 400);
	});

	test('over WebSocket', async (t) => {
		const socket = await openSocket(t);
		socket.send('1');
		await socket.over();
	});
});

describe('upgrade', () => {
	useSuite(SILENT, give);

	test('goes from polling to WebSocket', async (t) => {
		const { socket } = await upgraded(t);
		socket.send('4hello');
		assert.equal(await socket.next('4'), '4hello');
	});

	test('polling is over then', async (t) => {
		const { sid, socket } = await upgraded(t);
		socket.send('4x');
		await socket.next('4');
		assert.equal((await poll(sid)).status, 400);
		assert.equal((await post(sid, '4y')).status, 400);
		socket.send('4z');
		assert.equal(await socket.next('4'), '4z');
	});

	test('what was sent over polling comes over WebSocket', async (t) => {
		const sid = await open();
		const socket = socketOf(t, sid);
		await opened(socket);
		await post(sid, '4before');
		socket.send('2probe');
		assert.equal(await socket.next(), '3probe');
		socket.send('5');
		assert.equal(await socket.next('4'), '4before');
	});

	test('a second upgrade is closed, the first goes on', async (t) => {
		const { sid, socket } = await upgraded(t);
		socket.send('4x');
		await socket.next('4');
		const second = socketOf(t, sid);
		await second.over();
		socket.send('4still');
		assert.equal(await socket.next('4'), '4still');
	});

	test('a wrong probe is closed, polling goes on', async (t) => {
		const sid = await open();
		const socket = socketOf(t, sid);
		await opened(socket);
		socket.send('4x');
		await socket.over();
		await post(sid, '4y');
		assert.deepEqual(await pollMessages(sid), ['4y']);
	});
});
