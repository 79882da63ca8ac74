// Engine.IO, request by request: handshakes, origins, and every way in which a
// request is refused or ends its session, and its session alone.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openRaw } from '../lib/http.mjs';
import { get, newRoom, openPolling, openWs, pair, relays, settle } from '../lib/sio.mjs';
import { ORIGIN, isReference, ownTest, useTarget } from '../lib/sio-target.mjs';

const POLLING = '/socket.io/?EIO=4&transport=polling';
const SOCKET = '/socket.io/?EIO=4&transport=websocket';

// An Engine.IO error, as JSON.
function refuses(answer, status, code, message) {
	assert.equal(answer.status, status, answer.body);
	assert.match(answer.headers['content-type'], /^application\/json/);
	const body = JSON.parse(answer.body);
	assert.equal(body.code, code, answer.body);
	if (message)
		assert.deepEqual(body, { code, message });
	else
		assert.ok(body.message.length > 0);
}

const isGone = async (session) =>
	refuses(await session.request({ method: 'POST', body: '3' }).answer, 400, 1, 'Session ID unknown');

describe('handshake', () => {
	let target;
	useTarget({}, (it) => (target = it));

	test('over polling says what the client needs to know', async (t) => {
		const session = await openPolling(t, target, { isIdle: true });
		const { headers, body } = session.handshakeAnswer;
		assert.match(headers['content-type'], /^text\/plain; charset=UTF-8$/i);
		assert.equal(headers['cache-control'], 'no-store');
		assert.equal(headers['set-cookie'], undefined);
		assert.equal(headers['content-length'], String(Buffer.byteLength(body)));
		assert.deepEqual(session.open, {
			sid: session.open.sid, upgrades: ['websocket'], pingInterval: 25000, pingTimeout: 20000,
			maxPayload: session.open.maxPayload,
		});
		assert.ok(Number.isInteger(session.open.maxPayload) && session.open.maxPayload >= 65536);
	});

	test('over WebSocket offers no upgrade', async (t) => {
		const session = await openWs(t, target);
		assert.deepEqual(session.open.upgrades, []);
		assert.equal(session.open.pingInterval, 25000);
	});

	test('sids are long, letters of a URL, and never the same', async (t) => {
		const seen = new Set();
		for (let i = 0; i < 100; i++) {
			const { sid } = (await openPolling(t, target, { isIdle: true })).open;
			assert.match(sid, /^[A-Za-z0-9_-]{20,}$/);
			seen.add(sid);
		}
		assert.equal(seen.size, 100);
	});

	test('a public id is no sid', async (t) => {
		const session = await openPolling(t, target);
		const { sid } = await session.connect();
		assert.notEqual(sid, session.open.sid);
		assert.ok(sid.length >= 20);
		refuses(await get(target, `${POLLING}&sid=${sid}`), 400, 1);
	});

	test('other parameters, in whatever order, are let be', async (t) => {
		for (const path of ['/socket.io/?t=abc&transport=polling&EIO=4', `${POLLING}&room=x&token=%20%26&t=1`,
			`${POLLING}&b64=1`, '/socket.io/?transport=polling&x=&EIO=4&=y&&z'])
			assert.match((await get(target, path)).body, /^0\{"sid"/);
	});

	test('protocol 3 gets the same in its own framing, and its CONNECT', async (t) => {
		const answer = await get(target, '/socket.io/?EIO=3&transport=polling&b64=1');
		const [, length, open] = /^(\d+):(0\{[^}]*\})(2:40)?$/.exec(answer.body);
		assert.equal(Number(length), open.length);
		const session = await openPolling(t, target, { version: 3 });
		assert.equal(await session.next(), '40');
		const ws = await openWs(t, target, { version: 3 });
		assert.equal(await ws.next(), '40');
	});

	test('no EIO at all means protocol 3', async () => {
		assert.match((await get(target, '/socket.io/?transport=polling&b64=1')).body, /^\d+:0\{/);
	});
});

describe('origins', () => {
	let target;
	useTarget({}, (it) => (target = it));
	const allowed = { headers: { Origin: ORIGIN } };
	const foreign = { headers: { Origin: 'https://evil.example' } };

	function isAllowed({ headers }) {
		assert.equal(headers['access-control-allow-origin'], ORIGIN);
		assert.equal(headers['access-control-allow-credentials'], 'true');
		assert.match(headers.vary ?? '', /origin/i);
	}

	test('an allowed one finds its headers on every answer', async (t) => {
		const session = await openPolling(t, target, { isIdle: true, ...allowed });
		isAllowed(session.handshakeAnswer);
		isAllowed(await session.post('40'));
		isAllowed(await session.poll());
		for (const path of ['/socket.io/?EIO=4', `${POLLING}&sid=nobody`, SOCKET])
			isAllowed(await get(target, path, allowed));
		isAllowed(await get(target, POLLING, { method: 'POST', ...allowed }));
	});

	ownTest('also on answers that end its session', async (t) => {
		const session = await openPolling(t, target, { isIdle: true, ...allowed });
		const first = session.request();
		isAllowed(await session.poll());
		isAllowed(await first.answer);
		isAllowed(await session.poll());
	});

	test('a preflight is answered', async () => {
		const answer = await get(target, POLLING, {
			method: 'OPTIONS', headers: { Origin: ORIGIN, 'Access-Control-Request-Method': 'POST',
				'Access-Control-Request-Headers': 'x-one,content-type' },
		});
		assert.equal(answer.status, 204);
		isAllowed(answer);
		assert.match(answer.headers['access-control-allow-methods'], /GET.*POST/);
		assert.match(answer.headers['access-control-allow-headers'], /x-one/);
	});

	test('who sends none (no browser) is served', async (t) => {
		await (await openPolling(t, target)).connect();
		await (await openWs(t, target)).connect();
	});

	test('a page of our own is served', async (t) => {
		const own = { Origin: target.url };
		await (await openPolling(t, target, { headers: own })).connect();
		await (await openWs(t, target, { headers: own })).connect();
	});

	ownTest('a foreign one is refused on both transports', async (t) => {
		const answer = await get(target, POLLING, foreign);
		refuses(answer, 403, 4);
		assert.equal(answer.headers['access-control-allow-origin'], undefined);
		await assert.rejects(openWs(t, target, foreign), { status: 403 });
		await assert.rejects(openPolling(t, target, { version: 3, ...foreign }), { status: 403 });
	});

	ownTest('a foreign one with a sid does not get further', async (t) => {
		const session = await openPolling(t, target, { isIdle: true });
		await session.post('40');
		assert.equal((await get(target, session.path, foreign)).status, 403);
		assert.equal((await get(target, session.path, { method: 'POST', body: '41', ...foreign })).status, 403);
		await assert.rejects(openWs(t, target, { sid: session.open.sid, ...foreign }), { status: 403 });
		assert.match((await session.poll()).body, /^40/);
	});

	ownTest('a foreign preflight is refused', async () => {
		const answer = await get(target, POLLING, {
			method: 'OPTIONS', headers: { ...foreign.headers, 'Access-Control-Request-Method': 'POST' },
		});
		assert.equal(answer.headers['access-control-allow-origin'], undefined);
	});
});

describe('a request', () => {
	let target;
	useTarget({}, (it) => (target = it));

	for (const [what, path, status, code, message, options] of [
		['without a transport', '/socket.io/?EIO=4', 400, 0, 'Transport unknown'],
		['with an unknown transport', '/socket.io/?EIO=4&transport=pigeon', 400, 0, 'Transport unknown'],
		['with a WebTransport', '/socket.io/?EIO=4&transport=webtransport', 400, 0, 'Transport unknown'],
		['with no query', '/socket.io/', 400, 0, 'Transport unknown'],
		['with an unknown sid', `${POLLING}&sid=nobody`, 400, 1, 'Session ID unknown'],
		['with a long sid', `${POLLING}&sid=${'x'.repeat(1000)}`, 400, 1, 'Session ID unknown'],
		['with __proto__ for a sid', `${POLLING}&sid=__proto__`, 400, 1, 'Session ID unknown'],
		['that posts to an unknown sid', `${POLLING}&sid=nobody`, 400, 1, 'Session ID unknown', { method: 'POST', body: '2' }],
		['that handshakes by POST', POLLING, 400, 2, 'Bad handshake method', { method: 'POST', body: '' }],
		['that handshakes by PUT', POLLING, 400, 2, 'Bad handshake method', { method: 'PUT', body: '' }],
		['for a WebSocket without Upgrade', SOCKET, 400, 3, 'Bad request'],
	])
		test(`${what} gets ${status} ${code}`, async () => {
			refuses(await get(target, path, options), status, code, message);
		});

	test('for a WebSocket of an unknown sid gets 400', async (t) => {
		await assert.rejects(openWs(t, target, { sid: 'nobody' }), { status: 400 });
	});

	test('with another EIO than its session gets 400 3', async (t) => {
		const session = await openPolling(t, target, { isIdle: true });
		refuses(await get(target, session.path.replace('EIO=4', 'EIO=3')), 400, 3, 'Bad request');
		const old = await openPolling(t, target, { isIdle: true, version: 3 });
		refuses(await get(target, old.path.replace('EIO=3', 'EIO=4')), 400, 3, 'Bad request');
		await assert.rejects(openWs(t, target, { sid: old.open.sid, version: 4 }), { status: 400 });
		await session.post('40');
		assert.match((await session.poll()).body, /^40/, 'the session goes on');
	});

	test('of polling for a session over WebSocket gets 400 3', async (t) => {
		const session = await openWs(t, target);
		refuses(await get(target, `${POLLING}&sid=${session.open.sid}`), 400, 3, 'Bad request');
		await session.connect();
	});

	ownTest('for a second WebSocket of such a session is closed', async (t) => {
		const session = await openWs(t, target);
		const second = await openWs(t, target, { sid: session.open.sid }).catch(() => null);
		await second?.over();
		await session.connect();
	});

	ownTest('with a method that means nothing gets 405', async (t) => {
		const session = await openPolling(t, target, { isIdle: true });
		for (const method of ['PUT', 'DELETE'])
			assert.equal((await session.request({ method }).answer).status, 405);
	});

	ownTest('without a trailing slash is another page\'s', async () => {
		assert.notEqual((await get(target, '/socket.iox?EIO=4&transport=polling')).status, 200);
	});
});

describe('what ends a session, or does not', () => {
	let target;
	useTarget({}, (it) => (target = it));

	async function connected(t, options) {
		const session = await openPolling(t, target, { isIdle: true, ...options });
		await session.post('40');
		await session.poll();
		return session;
	}

	const beside = (name, run) => test(name, async (t) => {
		const [left, right] = await pair(t, target);
		await run(t);
		await relays(left, right);
	});

	beside('a second GET: it gets 400, the first one 1', async (t) => {
		const session = await connected(t);
		const first = session.request();
		await session.post('42["x"]'); // the first GET is there
		const second = await session.poll();
		assert.deepEqual([second.status, second.body], [400, '']);
		const answer = await first.answer;
		assert.deepEqual([answer.status, answer.body], [200, isReference ? answer.body : '1']);
		await isGone(session);
	});

	beside('a second POST: 400', async (t) => {
		const session = await connected(t);
		const slow = await openRaw(t, target.port);
		await slow.write(`POST ${session.path} HTTP/1.1\r\nHost: ${target.host}\r\nContent-Length: 10\r\n\r\n4`);
		let second;
		do // until the slow one is there
			second = await session.post('42["x"]');
		while (second.status === 200);
		assert.deepEqual([second.status, second.body], [400, '']);
		await isGone(session);
	});

	beside('octets in protocol 4: 400', async (t) => {
		const session = await connected(t);
		const answer = await session.postBody(Buffer.from([0, 1, 255, 52]), 'application/octet-stream');
		assert.deepEqual([answer.status, answer.body], [400, '']);
		await isGone(session);
	});

	beside('a POST over maxPayload: 413, and it lives on', async (t) => {
		const session = await connected(t);
		const answer = await session.postBody(`42["x","${'x'.repeat(session.open.maxPayload)}"]`);
		assert.deepEqual([answer.status, answer.body], [413, '']);
		assert.equal((await session.post('40/generic,')).body, 'ok');
		assert.match((await session.poll()).body, /^40\/generic,/);
	});

	for (const body of ['9', 'x', '\x1e', '40/generic,\x1e9', '2', '', 'b!!!', 'bQQ==\x1e'])
		beside(`what is no packet, ${JSON.stringify(body)}: ok, then it is gone`, async (t) => {
			const session = await connected(t);
			const poll = session.request();
			const answer = await session.postBody(body);
			assert.deepEqual([answer.status, answer.body], [200, 'ok']);
			assert.match((await poll.answer).body, /6$|1$|^40/);
			await isGone(session);
		});

	for (const packet of ['42{"bad"', '42/generic,["early"]', '40', '451-["x"]\x1e42["x"]'])
		beside(`a broken rule of Socket.IO, ${JSON.stringify(packet)}: ok, then 6 and 1`, async (t) => {
			const session = await connected(t);
			const poll = session.request();
			const answer = await session.postBody(packet);
			assert.deepEqual([answer.status, answer.body], [200, 'ok']);
			assert.match((await poll.answer).body, /^(6\x1e)?1$/);
			await isGone(session);
		});

	beside('its own close: ok, the held poll gets 6', async (t) => {
		const session = await connected(t);
		const poll = session.request();
		const answer = await session.post('1');
		assert.deepEqual([answer.status, answer.body], [200, 'ok']);
		assert.equal((await poll.answer).body, '6');
		await isGone(session);
	});

	beside('packets behind a close are not heard', async (t) => {
		const room = newRoom();
		const session = await connected(t, room);
		const witness = await openWs(t, target, room);
		await witness.connect();
		await witness.emit('broadcaster');
		await session.post('1', '42["watcher"]');
		await isGone(session);
		await settle(witness);
		assert.deepEqual(witness.items.filter((item) => item.startsWith('42["watcher"')), []);
	});
});
