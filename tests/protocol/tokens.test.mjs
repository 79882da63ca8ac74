// Tokens under the keys that the configuration names: from files and from a real HTTPS server.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { before, describe, test } from 'node:test';
import { promisify } from 'node:util';

import { makeFolder, root, until } from '../lib/daemon.mjs';
import { atEnd } from '../lib/ending.mjs';
import { makeCertificate } from '../lib/tls.mjs';

const tool = path.resolve(root, process.env.TOKENS_TOOL ?? 'build/tokens-tool');
const run = promisify(execFile);

const SECRET = '0123456789abcdef0123456789abcdef';
const REFRESH_MS = 600_000;
const LEAST_MS = 10_000;

const base64url = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const newRsa = (kid) => ({ kid, alg: 'RS256', ...generateKeyPairSync('rsa', { modulusLength: 2048 }) });
const newP256 = (kid) => ({ kid, alg: 'ES256', ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) });

// Keys take their time to make: those of all tests.
const [ANN, BOB, EVE] = [newRsa('ann'), newP256('bob'), newP256('eve')];

function mint(key, claims = {}) {
	const payload = { sub: key.kid, exp: Math.floor(Date.now() / 1000) + 86400, ...claims };
	const text = `${base64url({ alg: key.alg, kid: key.kid })}.${base64url(payload)}`;
	const signature = key.secret ? createHmac('sha256', key.secret).update(text).digest()
		: sign('sha256', Buffer.from(text), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
	return `${text}.${signature.toString('base64url')}`;
}

const jwkOf = ({ kid, alg, publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' });
const setOf = (...keys) => JSON.stringify({ keys: keys.map(jwkOf) });
const pemOf = ({ publicKey }) => publicKey.export({ format: 'pem', type: 'spki' });

// The tool with these keys of [access]; logs is what it has logged.
async function startTokens(t, keys) {
	const child = spawn(tool, Object.entries(keys).map(([name, value]) => `access.${name}=${value}`));
	const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
	const logs = [];
	createInterface(child.stderr).on('line', (line) => logs.push(line));
	atEnd(t, () => child.kill());
	const next = async () => {
		const { value, done } = await lines.next();
		assert.ok(!done, logs.join('\n'));
		return JSON.parse(value);
	};
	assert.deepEqual(await next(), { isOn: true });
	return {
		child,
		logs,
		next,
		send: (line) => child.stdin.write(`${line}\n`),
		// What comes of a token: the fault, and the rest.
		check: (token) => {
			child.stdin.write(`check ${token}\n`);
			return next();
		},
		skip: (ms) => {
			child.stdin.write(`skip ${ms}\n`);
			return next();
		},
		// Nothing leaked, where the sanitizers look.
		async end() {
			const exit = once(child, 'exit');
			child.stdin.end();
			assert.deepEqual(await exit, [0, null], logs.join('\n'));
		},
	};
}

// An identity provider: serves what is in `body`, with `status`, and counts; or holds its answers until release().
async function startProvider(t, body) {
	const certificate = await makeCertificate(await makeFolder(t));
	const held = [];
	const provider = {
		body, status: 200, asked: 0, hold: false,
		release() {
			provider.hold = false;
			held.splice(0).forEach(answer);
		},
	};
	const answer = (response) => response.writeHead(provider.status, { 'content-type': 'application/json' }).end(provider.body);
	const server = https.createServer({ cert: readFileSync(certificate.cert), key: readFileSync(certificate.key) }, (request, response) => {
		provider.asked++;
		if (provider.hold)
			held.push(response);
		else
			answer(response);
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	atEnd(t, () => {
		server.close();
		server.closeAllConnections();
	});
	const keys = { token_jwks: `https://localhost:${server.address().port}/jwks.json`, ca_file: certificate.cert };
	return Object.assign(provider, { server, keys });
}

async function assertTaken(tokens, token) {
	const answer = await tokens.check(token);
	assert.equal(answer.fault, 'ok', `${answer.fault}: ${answer.why}`);
	return answer;
}

async function assertRefused(tokens, token, fault) {
	const answer = await tokens.check(token);
	assert.equal(answer.fault, fault, answer.why);
	return answer;
}

// Put the file in place at once.
async function replace(file, text) {
	await writeFile(`${file}.new`, text);
	await rename(`${file}.new`, file);
}

before(async () => {
	if (!process.env.TOKENS_TOOL)
		await run('make', ['-s', 'build/tokens-tool'], { cwd: root });
});

test('a secret signs tokens, with its issuer and audience', async (t) => {
	const key = { kid: 'ann', alg: 'HS256', secret: SECRET };
	const tokens = await startTokens(t, { token_secret: SECRET, token_issuer: 'shop', token_audience: 'calls', token_leeway_s: 30 });
	const claims = { iss: 'shop', aud: ['calls', 'chat'] };
	const now = Math.floor(Date.now() / 1000);
	assert.equal((await assertTaken(tokens, mint(key, claims))).sub, 'ann');
	await assertTaken(tokens, mint(key, { ...claims, exp: now - 20 }));
	await assertRefused(tokens, mint(key, { ...claims, exp: now - 30 }), 'expired');
	await assertRefused(tokens, mint(key, { ...claims, nbf: now + 3600 }), 'not-yet');
	await assertRefused(tokens, mint(key, { ...claims, iss: 'store' }), 'wrong-issuer');
	await assertRefused(tokens, mint(key, { ...claims, aud: 'chat' }), 'wrong-audience');
	await assertRefused(tokens, mint(key, { ...claims, rights: ['fly'] }), 'bad-claims');
	await assertRefused(tokens, mint({ ...key, secret: `${SECRET}x` }, claims), 'bad-signature');
	await assertRefused(tokens, mint(ANN, claims), 'wrong-algorithm');
	await assertRefused(tokens, 'x', 'malformed');
	await tokens.end();
});

describe('a file is followed', () => {
	async function tryFile(t, key, textOf, begin) {
		const file = path.join(await makeFolder(t), 'keys');
		await writeFile(file, textOf(ANN));
		const tokens = await startTokens(t, { [key]: file });
		await assertTaken(tokens, mint(ANN));
		await assertRefused(tokens, mint(BOB), 'wrong-algorithm');

		// What is no key leaves those that are there, and so does a file that is gone.
		await replace(file, 'no key');
		await tokens.skip(2000);
		await until('the log tells of it', () => tokens.logs.some((line) => /token\.no_keys .*means="the keys of before stay"/.test(line)));
		assert.ok(tokens.logs.some((line) => line.includes(begin)), tokens.logs.join('\n'));
		await assertTaken(tokens, mint(ANN));
		await rm(file);
		await tokens.skip(2000);
		await assertTaken(tokens, mint(ANN));

		await replace(file, textOf(BOB));
		await tokens.skip(2000);
		await until('the new key is taken', async () => (await tokens.check(mint(BOB))).fault === 'ok');
		await assertRefused(tokens, mint(ANN), 'wrong-algorithm');
		await tokens.end();
	}

	test('of one key', (t) => tryFile(t, 'token_key', pemOf, 'holds no key'));
	test('of a set of keys', (t) => tryFile(t, 'token_jwks', setOf, 'must be a JSON object'));
});

describe('a URL is asked', () => {
	test('at the start: the first tokens wait for it', async (t) => {
		const provider = await startProvider(t, setOf(ANN, BOB));
		provider.hold = true;
		const tokens = await startTokens(t, provider.keys);
		await until('it is asked', () => provider.asked === 1);
		tokens.send(`check ${mint(ANN)}`);
		await tokens.skip(1000); // answered before the token is
		provider.release();
		const { fault, waited, keys } = await tokens.next();
		assert.deepEqual({ fault, waited, keys }, { fault: 'ok', waited: true, keys: 2 });
		assert.equal((await assertTaken(tokens, mint(BOB))).waited, false);
		await assertRefused(tokens, mint({ ...EVE, kid: 'bob' }), 'bad-signature');
		assert.equal(provider.asked, 1);
		await tokens.end();
	});

	test('for a key that is not known, once in ten seconds', async (t) => {
		const provider = await startProvider(t, setOf(ANN, BOB));
		const tokens = await startTokens(t, provider.keys);
		await assertTaken(tokens, mint(ANN));
		provider.body = setOf(ANN, EVE);
		for (let i = 0; i < 20; i++)
			await assertRefused(tokens, mint({ ...EVE, kid: `${i}` }), 'unknown-key');
		assert.equal(provider.asked, 1);
		await tokens.skip(LEAST_MS);
		assert.equal((await assertTaken(tokens, mint(EVE))).waited, true);
		for (let i = 0; i < 20; i++)
			await assertRefused(tokens, mint({ ...EVE, kid: `${i}` }), 'unknown-key');
		await assertRefused(tokens, mint(BOB), 'unknown-key');
		assert.equal(provider.asked, 2);
		await tokens.end();
	});

	test('again and again: a key that was taken back is none', async (t) => {
		const provider = await startProvider(t, setOf(ANN, BOB));
		const tokens = await startTokens(t, provider.keys);
		await assertTaken(tokens, mint(BOB));
		provider.body = setOf(ANN);
		await tokens.skip(REFRESH_MS);
		await until('it is asked', () => provider.asked === 2);
		await until('the key is gone', async () => (await tokens.check(mint(BOB))).fault === 'wrong-algorithm');
		await assertTaken(tokens, mint(ANN));
		await tokens.end();
	});

	test('in vain: the keys of before stay, and the log says why, once', async (t) => {
		const provider = await startProvider(t, setOf(ANN));
		const tokens = await startTokens(t, provider.keys);
		await assertTaken(tokens, mint(ANN));
		provider.status = 500;
		await tokens.skip(REFRESH_MS);
		await until('it failed', async () => (await tokens.check(mint(ANN))).failed === 1);
		await tokens.skip(LEAST_MS);
		await until('it failed again', async () => (await tokens.check(mint(ANN))).failed === 2);
		await assertTaken(tokens, mint(ANN));
		const told = tokens.logs.filter((line) => line.includes('token.no_keys'));
		assert.equal(told.length, 1, told.join('\n'));
		assert.match(told[0], /it answered 500/);

		provider.status = 200;
		provider.body = '{"keys":[]}';
		await tokens.skip(LEAST_MS);
		await until('a set without keys is no better', async () => (await tokens.check(mint(ANN))).failed === 3);
		await assertTaken(tokens, mint(ANN));
		await tokens.end();
	});

	test('until it answers: no token is taken before, and many may wait', async (t) => {
		const provider = await startProvider(t, setOf(ANN));
		provider.status = 404;
		const tokens = await startTokens(t, provider.keys);
		for (let i = 0; i < 10; i++)
			tokens.send(`check ${mint(ANN)}`);
		for (let i = 0; i < 10; i++) {
			const answer = await tokens.next();
			assert.equal(answer.fault, 'unavailable');
			assert.equal(answer.keys, 0);
		}
		await assertRefused(tokens, 'x', 'malformed');
		provider.status = 200;
		await tokens.skip(LEAST_MS);
		await until('it has answered', async () => (await tokens.check(mint(ANN))).fault === 'ok');
		await tokens.end();
	});

	test('and never waited for beyond five seconds', async (t) => {
		const provider = await startProvider(t, setOf(ANN));
		provider.hold = true;
		const tokens = await startTokens(t, provider.keys);
		tokens.send(`check ${mint(ANN)}`);
		await until('it is asked', () => provider.asked === 1);
		await tokens.skip(5000);
		const answer = await tokens.next();
		assert.deepEqual([answer.fault, answer.waited], ['unavailable', true]);
		await until('the log says so', () => tokens.logs.some((line) => line.includes('no whole answer within 5000 ms')));
		await tokens.end();
	});

	test('which must prove who it is', async (t) => {
		const provider = await startProvider(t, setOf(ANN));
		const tokens = await startTokens(t, { token_jwks: provider.keys.token_jwks });
		await assertRefused(tokens, mint(ANN), 'unavailable');
		assert.equal(provider.asked, 0);
		await tokens.end();
	});

	test('with somebody waiting when it all ends', async (t) => {
		const provider = await startProvider(t, setOf(ANN));
		provider.hold = true;
		const tokens = await startTokens(t, provider.keys);
		tokens.send(`check ${mint(ANN)}`);
		await until('it is asked', () => provider.asked === 1);
		if (process.env.TOKENS_TOOL) // what waits is the tool's own, and lost there
			return;
		await tokens.end();
	});
});

describe('a configuration is refused', () => {
	async function assertRefusedFor(keys, why) {
		await assert.rejects(run(tool, Object.entries(keys).map(([name, value]) => `access.${name}=${value}`)), why);
	}

	test('for a key that is not there', () => assertRefusedFor({ token_key: '/nowhere' }, /access\.token_key: \/nowhere cannot be read: No such file/));
	test('for a set that is not there', () => assertRefusedFor({ token_jwks: '/nowhere' }, /access\.token_jwks: \/nowhere: No such file/));
	test('for a key of another algorithm', async (t) => {
		const file = path.join(await makeFolder(t), 'key.pem');
		await writeFile(file, pemOf(ANN));
		await assertRefusedFor({ token_key: file, token_algorithm: 'ES256' }, /holds a key of RS256, and access\.token_algorithm is ES256/);
	});
	test('for a set of another algorithm', async (t) => {
		const file = path.join(await makeFolder(t), 'set.json');
		await writeFile(file, setOf(ANN));
		await assertRefusedFor({ token_jwks: file, token_algorithm: 'ES256' }, /no key of the set can sign tokens here/);
	});
});
