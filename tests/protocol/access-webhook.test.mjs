// access.mode = webhook: the operator's own server decides, for every dialect
// the same; and when it does not, nobody comes in.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import https from 'node:https';
import net from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { io } from 'socket.io-client';
import io2 from 'socket.io-client-2';

import { makeFolder, runProgram, startDaemon, until } from '../lib/daemon.mjs';
import { atEnd } from '../lib/ending.mjs';
import { openPeer } from '../lib/peer.mjs';
import { HOOK_SECRET, startReceiver } from '../lib/receiver.mjs';
import { makeCertificate } from '../lib/tls.mjs';

const TURN = { 'turn.host': 'turn.example.org', 'turn.secret': HOOK_SECRET, 'turn.probe': 'no' };
const TOKEN = 'a token of the operator\'s own, "ü"';

const start = (t, receiver, sets = {}) => startDaemon(t, {
	sets: { ...TURN, 'access.mode': 'webhook', 'access.webhook_url': receiver.url, 'access.webhook_secret': HOOK_SECRET, ...sets },
});

// Each gives {code: 'in'}, or what the client was told.
const come = {
	native: async (t, daemon, token, { room = 'kitchen', ...options } = {}) => {
		const peer = await openPeer(t, daemon, options.peer);
		const answer = await peer.join(room, token === undefined ? {} : { auth: token });
		return answer.type === 'error' ? answer : { code: 'in', peer, answer };
	},
	socketio: (t, daemon, token, { room = 'kitchen' } = {}) => {
		const socket = io(daemon.url, { auth: token === undefined ? {} : { token }, query: { room }, reconnection: false, forceNew: true });
		atEnd(t, () => socket.close());
		return new Promise((resolve) => {
			socket.once('connect', () => resolve({ code: 'in', socket }));
			socket.once('connect_error', ({ data, message }) => resolve({ message, ...data }));
		});
	},
	ice: async (t, daemon, token) => {
		const answer = await fetch(`${daemon.url}/v1/ice`, { headers: token === undefined ? {} : { Authorization: `Bearer ${encodeURIComponent(token)}` } });
		const body = await answer.json();
		return answer.status === 200
			? { code: 'in', body }
			: { code: body.code, message: body.detail, status: answer.status, retryAfter: Number(answer.headers.get('retry-after')) || undefined };
	},
};

test('is asked for every dialect, and told who wants what', async (t) => {
	const receiver = await startReceiver(t, () => ({ allowed: true, subject: 'ada' }));
	const daemon = await start(t, receiver);
	const headers = { 'User-Agent': 'kettle/1.0' };
	assert.equal((await come.native(t, daemon, TOKEN, { peer: { headers, origin: daemon.url } })).code, 'in');
	const { 0: native } = receiver.asked;
	assert.deepEqual(native, { type: 'access', token: TOKEN, address: '127.0.0.1', origin: daemon.url, userAgent: 'kettle/1.0', dialect: 'native', room: 'kitchen', role: null });

	assert.equal((await come.socketio(t, daemon, TOKEN)).code, 'in');
	assert.equal(receiver.asked[1].dialect, 'socketio');
	assert.equal(receiver.asked[1].token, TOKEN);
	assert.equal(receiver.asked[1].room, 'kitchen');

	assert.equal((await come.ice(t, daemon, TOKEN)).code, 'in');
	assert.equal(receiver.asked[2].dialect, 'http');
	assert.equal(receiver.asked[2].token, encodeURIComponent(TOKEN));
	assert.equal(receiver.asked[2].room, null);

	// Where an unmodified client carries it: a header, a subprotocol.
	const bearer = await openPeer(t, daemon, { headers: { Authorization: 'Bearer abc' } });
	assert.equal((await bearer.join('kitchen', { role: 'watcher' })).type, 'joined');
	assert.deepEqual([receiver.asked[3].token, receiver.asked[3].role], ['abc', 'watcher']);
	const protocol = await openPeer(t, daemon, { protocols: ['signald.v1', 'bearer.def'] });
	assert.equal((await protocol.join('kitchen')).type, 'joined');
	assert.equal(receiver.asked[4].token, 'def');

	// Who shows nothing is asked about as well.
	for (const ask of Object.values(come))
		assert.equal((await ask(t, daemon)).code, 'in');
	assert.deepEqual(receiver.asked.slice(5).map(({ token }) => token), [null, null, null]);
	assert.equal(await daemon.metric('signald_access_webhook_asks_total{result="allowed"}'), 8);
	assert.ok(!daemon.log.includes('operator\'s own'), 'no token is in the log');
});

test('what it echoes of the question is an answer, null too', async (t) => {
	const receiver = await startReceiver(t, ({ room, role }) => ({ allowed: true, subject: null, room, role, rights: null, ttl: null, metadata: null, exp: null }));
	const daemon = await start(t, receiver);
	for (const [dialect, ask] of Object.entries(come))
		assert.equal((await ask(t, daemon, TOKEN)).code, 'in', dialect);
});

test('clients of Socket.IO 2 wait for its answer too', async (t) => {
	const receiver = await startReceiver(t, async ({ token }) => {
		await delay(200);
		return { allowed: token === 'good', reason: 'not today' };
	});
	const daemon = await start(t, receiver);
	const meet = (token) => new Promise((resolve) => {
		const socket = io2(daemon.url, { transportOptions: { polling: { extraHeaders: { Authorization: `Bearer ${token}` } } }, reconnection: false, forceNew: true });
		atEnd(t, () => socket.close());
		socket.once('connect', () => resolve('in'));
		socket.once('error', resolve);
	});
	assert.equal(await meet('good'), 'in');
	assert.equal(await meet('bad'), 'not today');
});

test('its answer is what the claims of a token are', async (t) => {
	const receiver = await startReceiver(t, ({ dialect, token }) => ({
		allowed: true, subject: 'ada', role: { host: 'broadcaster', x: 'watcher' }[dialect === 'native' && token], room: 'kit*', ttl: 77, metadata: { name: 'Ada' },
		rights: dialect === 'http' ? ['join'] : ['join', 'publish', 'watch', 'turn'],
	}));
	const daemon = await start(t, receiver);
	assert.equal((await come.native(t, daemon, 'host')).answer.role, 'broadcaster');
	const { peer, answer } = await come.native(t, daemon, 'x');
	assert.equal(answer.role, 'watcher');
	assert.deepEqual(answer.peers[0].metadata, { name: 'Ada' });
	const turn = answer.iceServers.find(({ username }) => username);
	const lives = Number(turn.username.split(':')[0]) - Date.now() / 1000;
	assert.ok(lives > 0 && lives < 90, `a credential lives ${lives} s`);
	peer.send({ type: 'signal', to: answer.peers[0].id, data: 1 });
	assert.equal((await peer.next('error')).code, 'not-allowed');
	assert.equal((await come.native(t, daemon, 'x', { room: 'cellar' })).code, 'wrong-room');
	assert.equal((await come.socketio(t, daemon, 'x', { room: 'cellar' })).code, 'wrong-room');
	const ice = await come.ice(t, daemon, 'x');
	assert.deepEqual([ice.code, ice.status], ['not-allowed', 403]);
});

test('who is refused hears why', async (t) => {
	const receiver = await startReceiver(t, ({ token }) => ({ allowed: false, reason: token === 'a' ? 'ada is on holiday' : undefined }));
	const daemon = await start(t, receiver);
	for (const [dialect, ask] of Object.entries(come)) {
		const told = await ask(t, daemon, 'a');
		assert.equal(told.code, 'webhook-refused', dialect);
		assert.equal(told.message, 'ada is on holiday', dialect);
		assert.match((await ask(t, daemon, 'b')).message, /operator's server/);
	}
	assert.equal((await come.ice(t, daemon, 'a')).status, 403);
	assert.equal(await daemon.metric('signald_access_webhook_asks_total{result="refused"}'), 7);
});

test('keys and tickets are judged here: it hears nothing of them', async (t) => {
	const receiver = await startReceiver(t, () => ({ allowed: false }));
	const { stdout } = await runProgram(['key', 'shop']);
	const key = stdout.match(/sk_\S+/)[0];
	const daemon = await start(t, receiver, { 'access.keys': stdout.match(/shop:[0-9a-f]+/)[0] });
	assert.equal((await come.native(t, daemon, key)).code, 'in');
	const made = await fetch(`${daemon.url}/v1/tickets`, { method: 'POST', headers: { Authorization: `Bearer ${key}` } });
	assert.equal((await come.socketio(t, daemon, (await made.json()).ticket)).code, 'in');
	assert.equal((await come.native(t, daemon, 'tk_0123456789012345678901')).code, 'bad-ticket');
	assert.equal(receiver.asked.length, 0);
});

const FAULTS = {
	'webhook-unavailable': {
		'a status of 500': () => 500,
		'a status of 403': () => 403,
		'a redirect': (ask, { response }) => void response.writeHead(302, { Location: '/hook?again' }).end(JSON.stringify({ allowed: true })),
		'no answer': () => undefined,
		'half an answer': (ask, { response }) => void response.writeHead(200, { 'Content-Length': 100 }).write('{"allowed": true'),
		'a connection that ends': (ask, { request }) => void request.socket.destroy(),
	},
	'webhook-bad-answer': {
		nothing: () => '',
		'no JSON': () => 'yes',
		'no object': () => '[true]',
		'no allowed': () => ({ subject: 'ada' }),
		'a word for allowed': () => ({ allowed: 'yes' }),
		'allowed twice': () => '{"allowed": true, "allowed": true}',
		'a right that is none': () => ({ allowed: true, rights: ['fly'] }),
		'a subject with a colon': () => ({ allowed: true, subject: 'a:b' }),
		'a cache that is no number': () => ({ allowed: true, cache: 'long' }),
		'what has ended': () => ({ allowed: true, exp: 1 }),
		'17,000 bytes': () => ({ allowed: true, padding: 'x'.repeat(17000) }),
		'no UTF-8': (ask, { response }) => void response.end(Buffer.from('{"allowed": true, "x": "\xff"}', 'latin1')),
	},
};

test('what is no answer lets nobody in, and says when to try again', async (t) => {
	let fault;
	const receiver = await startReceiver(t, (...all) => fault(...all));
	const daemon = await start(t, receiver, { 'access.webhook_timeout_ms': 300, 'limits.auth_failures_burst': 1, 'limits.auth_failures_per_minute': 1 });
	for (const [code, forms] of Object.entries(FAULTS)) {
		for (const [form, answer] of Object.entries(forms)) {
			fault = answer;
			const told = await Promise.all(Object.values(come).map((ask) => ask(t, daemon, 'x')));
			assert.deepEqual(told.map((one) => one.code), [code, code, code], form);
			assert.deepEqual(told.map((one) => one.retryAfter), [5, 5, 5], form);
			assert.equal(told[2].status, 503);
		}
	}
	assert.match(daemon.log, /access\.webhook_failed why=/);
	assert.match(daemon.log, /access\.refused code=webhook-bad-answer/);
	// None of it was anybody's fault, and so nobody is slowed down.
	fault = () => ({ allowed: true });
	assert.equal((await come.native(t, daemon, 'x')).code, 'in');
});

test('where nobody listens nobody comes in', async (t) => {
	const receiver = await startReceiver(t, () => ({ allowed: true }));
	const daemon = await start(t, receiver);
	receiver.close();
	for (const ask of Object.values(come))
		assert.equal((await ask(t, daemon, 'x')).code, 'webhook-unavailable');
});

test('a server that cannot be trusted is not asked', async (t) => {
	const folder = await makeFolder(t);
	const { cert, key } = await makeCertificate(folder);
	let asked = 0;
	const server = https.createServer({ cert: await readFile(cert), key: await readFile(key) }, (request, response) => {
		asked++;
		response.end('{"allowed": true}');
	});
	await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
	atEnd(t, () => server.close());
	const receiver = { url: `https://127.0.0.1:${server.address().port}/` };
	const strict = await start(t, receiver);
	assert.equal((await come.native(t, strict, 'x')).code, 'webhook-unavailable');
	assert.equal(asked, 0);
	const trusting = await start(t, receiver, { 'access.ca_file': cert });
	assert.equal((await come.native(t, trusting, 'x')).code, 'in');
});

test('an answer is kept as it allows, for the same question alone', async (t) => {
	const receiver = await startReceiver(t, ({ token }) => ({ allowed: token !== 'no', cache: token === 'never' ? 0 : 2 }));
	const daemon = await start(t, receiver);
	for (let i = 0; i < 3; i++)
		await come.native(t, daemon, 'x');
	assert.equal(receiver.asked.length, 1);
	assert.equal(await daemon.metric('signald_access_webhook_asks_total{result="shared"}'), 2);
	await come.native(t, daemon, 'x', { room: 'cellar' });
	await come.native(t, daemon, 'y');
	await come.native(t, daemon, 'x', { peer: { headers: { 'User-Agent': 'kettle' } } });
	await come.socketio(t, daemon, 'x');
	assert.equal(receiver.asked.length, 5, 'another question is another question');
	for (let i = 0; i < 2; i++)
		assert.equal((await come.native(t, daemon, 'no')).code, 'webhook-refused');
	assert.equal(receiver.asked.length, 6, 'a no is kept as well');
	for (let i = 0; i < 2; i++)
		await come.native(t, daemon, 'never');
	assert.equal(receiver.asked.length, 8, 'without cache it is good once');
	await until('the answer has grown old', async () => {
		await come.native(t, daemon, 'x');
		return receiver.asked.length === 9;
	});
});

test('no more answers are kept than the bound says', async (t) => {
	const receiver = await startReceiver(t, () => ({ allowed: true, cache: 3600 }));
	const daemon = await start(t, receiver, { 'access.webhook_cache_entries': 2 });
	for (const token of ['a', 'b', 'c', 'b', 'c'])
		await come.native(t, daemon, token);
	assert.equal(receiver.asked.length, 3);
	await come.native(t, daemon, 'a');
	assert.equal(receiver.asked.length, 4, 'the oldest has gone');
});

test('those who ask the same at once share one request, whose answer is not kept', async (t) => {
	let open;
	const gate = new Promise((resolve) => (open = resolve));
	const receiver = await startReceiver(t, () => gate.then(() => ({ allowed: true })));
	const daemon = await start(t, receiver);
	const all = Array.from({ length: 20 }, () => come.native(t, daemon, 'x'));
	await until('they have come', async () => await daemon.metric('signald_access_webhook_asks_total{result="shared"}') === 19);
	open();
	assert.ok((await Promise.all(all)).every(({ code }) => code === 'in'));
	assert.equal(receiver.asked.length, 1);
	assert.equal((await come.native(t, daemon, 'x')).code, 'in');
	assert.equal(receiver.asked.length, 2);
});

test('who goes away while it is asked harms nobody', async (t) => {
	let open;
	const gate = new Promise((resolve) => (open = resolve));
	const receiver = await startReceiver(t, () => gate.then(() => ({ allowed: true })));
	const daemon = await start(t, receiver, { 'access.webhook_timeout_ms': 30000 });
	const stays = come.native(t, daemon, 'x');
	for (let i = 0; i < 10; i++) {
		const peer = await openPeer(t, daemon);
		peer.send({ type: 'join', room: 'kitchen', auth: i % 2 ? 'x' : `x${i}` });
		const socket = io(daemon.url, { auth: { token: `y${i % 3}` }, query: { room: 'kitchen' }, reconnection: false, forceNew: true, transports: [i % 2 ? 'websocket' : 'polling'] });
		const bare = net.connect(daemon.port, '127.0.0.1', () =>
			bare.write(`GET /v1/ice HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer z${i % 2}\r\n\r\n`));
		atEnd(t, () => (peer.socket.terminate(), socket.close(), bare.destroy()));
		await until('it is asked about', async () => receiver.asked.length > 0);
		if (i % 2)
			await delay(30);
		peer.socket.terminate();
		socket.close();
		bare.destroy();
	}
	await until('most were asked about', async () => receiver.asked.length >= 8);
	open();
	assert.equal((await stays).code, 'in');
	assert.equal((await come.socketio(t, daemon, 'later')).code, 'in');
	assert.equal((await come.ice(t, daemon, 'later')).code, 'in');
});

test('a reload forgets the answers, and goes to the new address', async (t) => {
	const before = await startReceiver(t, () => ({ allowed: true, cache: 3600 }));
	const after = await startReceiver(t, () => ({ allowed: false, cache: 3600 }));
	const text = (url) => `[access]\nmode = webhook\nwebhook_url = ${url}\nwebhook_secret = ${HOOK_SECRET}\n`;
	const daemon = await startDaemon(t, { config: text(before.url) });
	assert.equal((await come.native(t, daemon, 'x')).code, 'in');
	await writeFile(daemon.configPath, text(after.url));
	daemon.signal('SIGHUP');
	await daemon.waitLog(/config\.reload/);
	assert.equal((await come.native(t, daemon, 'x')).code, 'webhook-refused');
});

test('who is refused again and again is slowed down, before it is asked', async (t) => {
	const receiver = await startReceiver(t, () => ({ allowed: false }));
	const daemon = await start(t, receiver, { 'limits.auth_failures_burst': 3, 'limits.auth_failures_per_minute': 1 });
	for (let i = 0; i < 3; i++)
		assert.equal((await come.native(t, daemon, `x${i}`)).code, 'webhook-refused');
	const told = await come.native(t, daemon, 'x');
	assert.equal(told.code, 'rate-limited');
	assert.ok(told.retryAfter > 0);
	assert.equal(receiver.asked.length, 3);
});

test('what is too long for a credential is refused as it is, and not asked about', async (t) => {
	const receiver = await startReceiver(t, () => ({ allowed: true }));
	const daemon = await start(t, receiver);
	for (const [dialect, ask] of Object.entries(come)) {
		assert.equal((await ask(t, daemon, 'x'.repeat(8192))).code, 'in', dialect);
		assert.equal(receiver.asked.splice(0).length, 1, dialect);
		const told = await ask(t, daemon, 'x'.repeat(8193));
		assert.equal(told.code, 'bad-credential', dialect);
		assert.match(told.message, /longer than 8192 bytes/, dialect);
	}
	// In a handshake, and then nothing in the message; or something better.
	const headers = { Authorization: `Bearer ${'x'.repeat(8193)}` };
	assert.equal((await come.native(t, daemon, undefined, { peer: { headers } })).code, 'bad-credential');
	assert.equal(receiver.asked.length, 0);
	assert.equal((await come.native(t, daemon, 'good', { peer: { headers } })).code, 'in');
});

test('a stranger makes it be asked no more often than the limits of an address say', async (t) => {
	const limits = { native: 'joins', socketio: 'joins', ice: 'credentials' };
	for (const [dialect, kind] of Object.entries(limits)) {
		for (const allowed of [true, false]) {
			const receiver = await startReceiver(t, () => ({ allowed }));
			const daemon = await start(t, receiver, { 'limits.joins_per_s': 1, 'limits.joins_burst': 3, 'limits.credentials_per_minute': 1, 'limits.credentials_burst': 3 });
			const codes = await Promise.all(Array.from({ length: 20 }, (_, i) => come[dialect](t, daemon, `x${i}`)));
			const refused = codes.filter(({ code, status }) => code === 'rate-limited' || status === 429);
			assert.equal(receiver.asked.length, 20 - refused.length, dialect);
			assert.equal(await daemon.metric(`signald_limited_total{kind="${kind}"}`), refused.length);
			assert.ok(refused.length >= 10, `${dialect}: ${refused.length} of 20 were refused`);
		}
	}
});

test('a configuration that would ask in the clear, or unsigned, is refused', async () => {
	const check = async (...sets) => (await runProgram(['--check-config', ...sets.flatMap((set) => ['--set', set])])).stderr;
	const secret = `access.webhook_secret=${HOOK_SECRET}`;
	assert.match(await check('access.mode=webhook'), /access\.mode = webhook needs access\.webhook_url/);
	for (const url of ['http://hook.example.org/', 'http://203.0.113.1/', 'http://172.32.0.1/', 'http://[2001:db8::1]/', 'ftp://127.0.0.1/', 'https://', 'https://ann:word@hook.example.org/', '127.0.0.1'])
		assert.match(await check(`access.webhook_url=${url}`, secret), /access\.webhook_url must be a URL that begins with https/, url);
	for (const url of ['https://hook.example.org/in?x=@', 'http://127.0.0.1:1/', 'http://10.1.2.3/x', 'http://172.31.0.1', 'http://192.168.1.1:80', 'http://[::1]:1/', 'http://[fd00::1]/', 'http://localhost/'])
		assert.equal(await check(`access.webhook_url=${url}`, secret), '', url);
	assert.match(await check('access.webhook_url=https://a.example/'), /access\.webhook_url needs access\.webhook_secret, which is empty/);
});
