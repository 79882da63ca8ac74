// turnconf try beside the real coturn: an ICE list as signald gives it, and lists
// that are none.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test } from 'node:test';

import { freePort } from '../lib/daemon.mjs';
import { PUBLIC4, SECRET, generate, makeCertificate, makeFolder, startCoturn, turnconf, turnconfTrusting } from './coturn.mjs';
import { mintCredential } from './turn-client.mjs';

async function writeList(t, list) {
	const file = path.join(await makeFolder(t), 'ice.json');
	await writeFile(file, typeof list === 'string' ? list : JSON.stringify(list));
	return file;
}

const tryList = async (t, list, ...args) => turnconf('try', ...args, await writeList(t, list));

const stateOf = ({ stdout }) => JSON.parse(stdout).lines.map(({ state, check }) => `${state} ${check}`);

describe('a list', () => {
	async function start(t) {
		const folder = await makeFolder(t);
		const { cert, key } = await makeCertificate(folder, PUBLIC4);
		const { file } = await generate(folder, { 'turn.host': PUBLIC4, 'turn.tls': 'yes', 'coturn.cert': cert, 'coturn.key': key });
		const coturn = await startCoturn(t, file);
		await coturn.gives();
		return cert;
	}

	const urls = [`turn:${PUBLIC4}?transport=udp`, `turn:${PUBLIC4}:3478?transport=tcp`, `turns:${PUBLIC4}`];

	test('that works is tried over each transport, and nothing of it is told', async (t) => {
		const cert = await start(t);
		const granted = mintCredential(SECRET);
		const list = await writeList(t, { iceServers: [{ urls: [`stun:${PUBLIC4}:3478`] }, { urls, ...granted }] });
		const tried = await turnconfTrusting(cert, 'try', list);
		assert.equal(tried.code, 0, tried.stdout);
		assert.match(tried.stdout, /^ok +relay +UDP 8\.8\.4\.10:3478 answers STUN Bindings, and sees this machine at 8\.8\.4\.10:\d+\n/);
		for (const where of ['UDP 8.8.4.10:3478', 'TCP 8.8.4.10:3478', 'TLS 8.8.4.10:5349'])
			assert.ok(tried.stdout.includes(`${where} relays: a datagram was back after`), tried.stdout);
		assert.ok(!tried.stdout.includes(granted.credential));
	});

	test('of a server whose certificate browsers do not trust has failed', async (t) => {
		await start(t);
		const tried = await tryList(t, { iceServers: [{ urls: urls[2], ...mintCredential(SECRET) }] }, '--json');
		assert.equal(tried.code, 1);
		const failures = JSON.parse(tried.stdout).lines.filter(({ state }) => state === 'failed');
		assert.deepEqual(failures.map(({ text }) => text), ['the certificate shown at 8.8.4.10:5349: browsers do not trust it: self-signed certificate']);
		assert.match(failures[0].remedy, /the whole chain$/);
	});

	test('with an old credential is refused, and that is a finding', async (t) => {
		await start(t);
		const tried = await tryList(t, { iceServers: [{ urls: urls[0], ...mintCredential(SECRET, 'test', -10) }] }, '--json');
		assert.equal(tried.code, 1);
		const [line] = JSON.parse(tried.stdout).lines;
		assert.match(line.text, /^UDP 8\.8\.4\.10:3478, Allocate: the credential is refused \(401\)$/);
	});

	test('of a server that is not there', async (t) => {
		const port = await freePort();
		const tried = await tryList(t, { iceServers: [{ urls: `turn:127.0.0.1:${port}?transport=tcp`, ...mintCredential(SECRET) }] }, '--json');
		assert.equal(tried.code, 1);
		assert.deepEqual(stateOf(tried), ['failed relay']);
	});

	for (const url of ['', 'http://a', 'turn:', 'turn:a:0', 'turn:a:65536', 'turn:[::1', 'turn:a?transport=sctp', 'turn:a:3478:1', `turn:${'a'.repeat(256)}`])
		test(`with "${url.slice(0, 30)}" has no URL there`, async (t) => {
			const tried = await tryList(t, { iceServers: [{ urls: [url] }] });
			assert.equal(tried.code, 1);
			assert.match(tried.stdout, /is no URL of a STUN or TURN server/);
		});

	for (const [what, entry, text] of [
		['that is no object', 'turn:a', 'entry 2 of the list is no object'],
		['that is an array', [], 'entry 2 of the list is no object'],
		['without urls', { url: 'turn:a' }, 'entry 2 of the list has no URL in urls'],
		['with no URLs', { urls: [] }, 'entry 2 of the list has no URL in urls'],
		['with urls of another kind', { urls: { a: 'turn:a' } }, 'entry 2 of the list has no URL in urls'],
		['with a URL that is a number', { urls: [1] }, 'entry 2 of the list has a URL that is no text'],
		['without a credential', { urls: 'turn:a' }, 'the list has no username and credential for turn:a: browsers refuse it'],
		['with half a credential', { urls: ['turns:a'], username: 'u' }, 'the list has no username and credential for turns:a: browsers refuse it'],
		['with an empty credential', { urls: ['turn:a'], username: 'u', credential: '' }, 'the list has no username and credential for turn:a: browsers refuse it'],
	])
		test(`with an entry ${what} has failed`, async (t) => {
			await start(t);
			const tried = await tryList(t, { iceServers: [{ urls: `stun:${PUBLIC4}` }, entry] }, '--json');
			assert.equal(tried.code, 1);
			assert.deepEqual(stateOf(tried), ['ok relay', 'failed relay']);
			assert.equal(JSON.parse(tried.stdout).lines[1].text, text);
		});

	test('of nobody is said to be that', async (t) => {
		const tried = await tryList(t, { iceServers: [] });
		assert.equal(tried.code, 0);
		assert.match(tried.stdout, /^warning +relay +nothing was tried: the list has no servers\n/);
	});

	test('of a stranger moves no cursor', async (t) => {
		const tried = await tryList(t, { iceServers: [{ urls: ['turn:\x1b[2Ja', '\x1b]0;title\x07'] }] });
		assert.equal(tried.code, 1);
		assert.match(tried.stdout, /^[\n -~]*$/);
	});

	test('with a credential of any length is no danger', async (t) => {
		const tried = await tryList(t, { iceServers: [{ urls: urls[0], username: 'u'.repeat(5000), credential: 'c' }] });
		assert.equal(tried.code, 1);
		assert.match(tried.stdout, /the credential is longer than signald's are/);
	});

	for (const [what, text] of [['is no JSON', '{'], ['has no servers', '{"turn": false}'], ['is an array', '[]'], ['is empty', '']])
		test(`that ${what} is wrong usage`, async (t) => {
			const tried = await tryList(t, text);
			assert.equal(tried.code, 2);
			assert.match(tried.stderr, /^turnconf: .*ice\.json: /);
		});
});
