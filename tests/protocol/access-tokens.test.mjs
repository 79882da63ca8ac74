// Tokens, in every dialect: each fault has a code of its own, and no token means
// more than what it says.
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import https from 'node:https';
import path from 'node:path';
import { describe, test } from 'node:test';
import { io } from 'socket.io-client';

import { makeFolder, runProgram, startDaemon, useDaemon } from '../lib/daemon.mjs';
import { atEnd } from '../lib/ending.mjs';
import { openPeer } from '../lib/peer.mjs';
import { makeCertificate } from '../lib/tls.mjs';

const SECRET = '0123456789abcdef0123456789abcdef';
const TURN = { 'turn.host': 'turn.example.org', 'turn.secret': SECRET, 'turn.probe': 'no' };
const now = () => Math.floor(Date.now() / 1000);
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function mint(claims = {}, { header = {}, secret = SECRET, signature } = {}) {
	const text = `${encode({ alg: 'HS256', typ: 'JWT', ...header })}.${encode({ exp: now() + 600, aud: 'calls', iss: 'shop', ...claims })}`;
	return `${text}.${signature ?? createHmac('sha256', secret).update(text).digest('base64url')}`;
}

async function comeNative(t, daemon, { room, auth, ...options }) {
	const peer = await openPeer(t, daemon, options);
	const answer = await peer.join(room, { auth });
	return answer.type === 'error' ? answer.code : 'in';
}

function comeSocketio(t, daemon, { room, ...options }) {
	const socket = io(daemon.url, { query: { room }, reconnection: false, forceNew: true, ...options });
	atEnd(t, () => socket.close());
	return new Promise((resolve) => {
		socket.once('connect', () => resolve('in'));
		socket.once('connect_error', ({ data, message }) => resolve(data?.code ?? message));
	});
}

// Every way to show a token.
const bearer = (token) => ({ Authorization: `Bearer ${token}` });
const come = {
	'native': (t, daemon, token, room = 'kitchen') => comeNative(t, daemon, { room, auth: token }),
	'native, in a header': (t, daemon, token, room = 'kitchen') => comeNative(t, daemon, { room, headers: bearer(token) }),
	'native, as a subprotocol': (t, daemon, token, room = 'kitchen') => comeNative(t, daemon, { room, protocols: ['signald.v1', `bearer.${token}`] }),
	'socketio': (t, daemon, token, room = 'kitchen') => comeSocketio(t, daemon, { room, auth: { token } }),
	'socketio, in a header of polling': (t, daemon, token, room = 'kitchen') =>
		comeSocketio(t, daemon, { room, extraHeaders: bearer(token), transports: ['polling'] }),
	'socketio, in a header of a WebSocket': (t, daemon, token, room = 'kitchen') =>
		comeSocketio(t, daemon, { room, extraHeaders: bearer(token), transports: ['websocket'] }),
	'ice': async (t, daemon, token) => {
		const answer = await fetch(`${daemon.url}/v1/ice`, { headers: bearer(token) });
		return answer.status === 200 ? 'in' : (await answer.json()).code;
	},
};
const { ice, ...intoRooms } = come;

const FAULTS = {
	'token-malformed': { 'not three parts': () => 'abc.def', truncated: () => mint().slice(0, -44), 'something behind it': () => `${mint()}.x`, 'no JSON': () => 'YWJj.YWJj.YWJj' },
	'token-wrong-algorithm': {
		none: () => mint({}, { header: { alg: 'none' }, signature: '' }),
		'another one': () => mint({}, { header: { alg: 'RS256' } }),
	},
	'token-bad-signature': { 'cut short': () => mint().slice(0, -3), 'another secret': () => mint({}, { secret: 'another-secret-0123456789abcdefgh' }) },
	'token-expired': { 'an hour ago': () => mint({ exp: now() - 3600 }) },
	'token-not-yet': { 'in an hour': () => mint({ nbf: now() + 3600 }) },
	'token-wrong-audience': { 'another service': () => mint({ aud: 'mail' }), none: () => mint({ aud: undefined }) },
	'token-wrong-issuer': { 'another issuer': () => mint({ iss: 'mallory' }) },
	'token-bad-claims': { 'a right that is none': () => mint({ rights: ['fly'] }), 'a subject with a colon': () => mint({ sub: 'a:b' }) },
};

describe('a token of a secret', () => {
	let daemon;
	useDaemon({
		sets: {
			...TURN, 'access.mode': 'token', 'access.token_secret': SECRET, 'access.token_issuer': 'shop', 'access.token_audience': 'calls',
			'limits.auth_failures_per_minute': 0,
		},
	}, (started) => (daemon = started));

	for (const [dialect, ask] of Object.entries(come)) {
		test(`lets in: ${dialect}`, async (t) => assert.equal(await ask(t, daemon, mint()), 'in'));

		test(`with a fault does not: ${dialect}`, async (t) => {
			for (const [code, forms] of Object.entries(FAULTS))
				for (const [form, make] of Object.entries(forms))
					assert.equal(await ask(t, daemon, make()), code, `${code}: ${form}`);
		});
	}

	test('is for its room', async (t) => {
		for (const [dialect, ask] of Object.entries(intoRooms)) {
			assert.equal(await ask(t, daemon, mint({ room: 'kit*' })), 'in', dialect);
			assert.equal(await ask(t, daemon, mint({ room: 'cellar' })), 'wrong-room', dialect);
		}
		// A list of servers is for no room.
		assert.equal(await ice(t, daemon, mint({ room: 'cellar' })), 'in');
	});

	test('may be shown again, for it is no ticket', async (t) => {
		const token = mint();
		for (const ask of Object.values(come))
			assert.equal(await ask(t, daemon, token), 'in');
	});

	test('is not in the log', () => {
		assert.doesNotMatch(daemon.log, /eyJ/);
	});
});

test('is no key: where keys are asked for, it does not count', async (t) => {
	const daemon = await startDaemon(t, { sets: { 'access.mode': 'key', 'access.keys': `shop:${'0'.repeat(64)}`, 'access.token_secret': SECRET, 'access.token_issuer': 'shop', 'access.token_audience': 'calls' } });
	for (const [dialect, ask] of Object.entries(come))
		assert.equal(await ask(t, daemon, mint()), 'bad-credential', dialect);
});

test('a public key is no secret: key confusion is refused', async (t) => {
	const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
	const file = path.join(await makeFolder(t), 'key.pem');
	const pem = publicKey.export({ type: 'spki', format: 'pem' });
	await writeFile(file, pem);
	const daemon = await startDaemon(t, { sets: { 'access.mode': 'token', 'access.token_key': file } });
	const confused = mint({ iss: undefined, aud: undefined }, { secret: pem });
	const text = `${encode({ alg: 'RS256' })}.${encode({ exp: now() + 600 })}`;
	const honest = `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
	for (const [dialect, ask] of Object.entries(come)) {
		assert.equal(await ask(t, daemon, confused), 'token-wrong-algorithm', dialect);
		assert.equal(await ask(t, daemon, honest), 'in', dialect);
	}
});

// A set of keys behind https://, whose answer takes as long as is said.
async function startIssuer(t) {
	const folder = await makeFolder(t);
	const { cert, key } = await makeCertificate(folder);
	const issuer = { keys: [], asked: 0, waitMs: 0, ca: cert };
	const options = { cert: await readFile(cert), key: await readFile(key) };
	const server = https.createServer(options, (request, response) => {
		issuer.asked++;
		setTimeout(() => response.end(JSON.stringify({ keys: issuer.keys.map(({ jwk }) => jwk) })), issuer.waitMs);
	});
	await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
	atEnd(t, () => server.close());
	issuer.url = `https://127.0.0.1:${server.address().port}/keys`;
	return issuer;
}

function makeKey(kid) {
	const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
	const text = `${encode({ alg: 'ES256', kid })}.${encode({ exp: now() + 600 })}`;
	const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' });
	return { jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' }, token: `${text}.${signature.toString('base64url')}` };
}

test('who comes while keys are being fetched waits for them, and is let in', async (t) => {
	const issuer = await startIssuer(t);
	const ann = makeKey('ann');
	issuer.keys = [ann];
	issuer.waitMs = 700;
	const daemon = await startDaemon(t, { sets: { ...TURN, 'access.mode': 'token', 'access.token_jwks': issuer.url, 'access.ca_file': issuer.ca } });
	const all = Object.values(come).map((ask) => ask(t, daemon, ann.token));
	assert.deepEqual(await Promise.all(all), all.map(() => 'in'));
	assert.equal(issuer.asked, 1);
	for (const [dialect, ask] of Object.entries(come))
		assert.equal(await ask(t, daemon, makeKey('eve').token), 'token-unknown-key', dialect);
});

test('a shell without a library makes tokens', async (t) => {
	const sets = { ...TURN, 'access.mode': 'token', 'access.token_secret': SECRET, 'access.token_issuer': 'shop', 'access.token_audience': 'calls' };
	const daemon = await startDaemon(t, { sets });
	const options = Object.entries(sets).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
	const make = (claims) => runProgram(['token', claims, ...options]);
	const { stdout, code } = await make('{"room": "kitchen", "sub": "ada"}');
	assert.equal(code, 0);
	assert.equal(await come.native(t, daemon, stdout.trim()), 'in');
	assert.equal(await come.native(t, daemon, stdout.trim(), 'cellar'), 'wrong-room');
	const bad = await make('{"rights": ["fly"]}');
	assert.equal(bad.code, 64);
	assert.match(bad.stderr, /rights must/);
	for (const name of ['rooms', 'nbf', 'kind']) {
		const unknown = await make(`{"${name}": "kitchen"}`);
		assert.equal(unknown.code, 64);
		assert.match(unknown.stderr, new RegExp(`token: "${name}" is not known here: there are sub, room, .*exp;`));
	}
	assert.match((await make('{"exp": 1700000000000}')).stderr, /exp is in milliseconds; it must be seconds/);
	const bare = await runProgram(['token', '{}']);
	assert.equal(bare.code, 78);
	assert.match(bare.stderr, /access\.token_secret/);
});

test('a backend without a library gets tokens', async (t) => {
	const key = await runProgram(['key', 'shop']);
	const [, secret, item] = key.stdout.match(/^key: +(\S+)\naccess.keys: +(\S+)$/m);
	const sets = { ...TURN, 'access.mode': 'token', 'access.token_secret': SECRET, 'access.keys': item };
	const daemon = await startDaemon(t, { sets });
	const ask = (body) => fetch(`${daemon.url}/v1/tickets`, { method: 'POST', headers: { Authorization: `Bearer ${secret}` }, body: JSON.stringify(body) });
	const answer = await ask({ kind: 'token', room: 'kitchen' });
	assert.equal(answer.status, 201);
	const { token, expiresIn } = await answer.json();
	assert.equal(expiresIn, 3600);
	for (const room of ['kitchen', 'kitchen'])
		assert.equal(await come.native(t, daemon, token, room), 'in');
	assert.equal(await come.socketio(t, daemon, token, 'cellar'), 'wrong-room');
	assert.deepEqual([(await ask({ kind: 'spell' })).status, (await (await ask({ room: 7 })).json()).code], [400, 'bad-claims']);
	for (const kind of ['ticket', 'token']) {
		const refused = await ask({ kind, rooms: 'kitchen' });
		assert.equal(refused.status, 400);
		const { code, detail } = await refused.json();
		assert.equal(code, 'bad-claims');
		assert.match(detail, /^"rooms" is not known here: there are sub, room, .*, kind$/);
	}
});

test('nobody gets a token that would be taken nowhere', async (t) => {
	const key = await runProgram(['key', 'shop']);
	const [, secret, item] = key.stdout.match(/^key: +(\S+)\naccess.keys: +(\S+)$/m);
	const headers = { Authorization: `Bearer ${secret}` };
	const keyed = { ...TURN, 'access.mode': 'key', 'access.keys': item, 'access.token_secret': SECRET };
	const guarded = { ...TURN, 'access.mode': 'guest', 'access.keys': item };
	for (const [sets, why] of [[keyed, /access\.mode = key and webhook take none/], [guarded, /access\.token_secret, which is empty: set one \(turnconf secret makes it\), or take a ticket, .*POST \/v1\/tickets/]]) {
		const daemon = await startDaemon(t, { sets });
		const answer = await fetch(`${daemon.url}/v1/tickets`, { method: 'POST', headers, body: '{"kind": "token"}' });
		const { code, detail } = await answer.json();
		assert.deepEqual([answer.status, code], [409, 'no-tokens']);
		assert.match(detail, why);
		assert.equal((await fetch(`${daemon.url}/v1/tickets`, { method: 'POST', headers, body: '{}' })).status, 201);
		const shell = await runProgram(['token', '{}', ...Object.entries(sets).flatMap(([name, value]) => ['--set', `${name}=${value}`])]);
		assert.equal(shell.code, 78);
		assert.match(shell.stderr, why);
	}
});

test('a token of somebody else may say more than we know', async (t) => {
	const daemon = await startDaemon(t, { sets: { ...TURN, 'access.mode': 'token', 'access.token_secret': SECRET } });
	assert.equal(await come.native(t, daemon, mint({ rooms: 'cellar', email: 'ada@example.org', aud: undefined })), 'in');
});

test('the commands that make keys and tokens say how they are used', async () => {
	for (const [command, usage] of [['key', /^usage: signald key NAME\n/], ['token', /^usage: signald token CLAIMS .*--config/]])
		for (const flag of ['--help', '-h']) {
			const { code, stdout, stderr } = await runProgram([command, flag]);
			assert.equal(code, 0, stderr);
			assert.match(stdout, usage);
		}
	const bare = await runProgram(['token']);
	assert.equal(bare.code, 64);
	assert.match(bare.stderr, /token: it takes the claims/);
});
