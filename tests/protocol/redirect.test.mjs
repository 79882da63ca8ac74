// Plain HTTP beside TLS: certificate authorities find what their client has put
// there, everybody else the way to https; and TLS before there is a certificate.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test } from 'node:test';
import { freePort, makeFolder, runProgram, until } from '../lib/daemon.mjs';
import { exchange } from '../lib/http.mjs';
import { assertTalking, joinTls, makeCertificate, openTls, replaceCertificate, startTls } from '../lib/tls.mjs';

const CHALLENGES = '.well-known/acme-challenge';

async function startRedirect(t, sets = {}) {
	const port = await freePort();
	const challenges = await makeFolder(t);
	await mkdir(path.join(challenges, CHALLENGES), { recursive: true });
	const daemon = await startTls(t, { sets: {
		'listen.redirect': `127.0.0.1:${port}`, 'http.challenges': challenges, ...sets,
	} });
	const ask = (target, { method = 'GET', host = 'turn.example.org', more = '', body = '', version = '1.1' } = {}) =>
		exchange(t, port, `${method} ${target} HTTP/${version}\r\n${host === null ? '' : `Host: ${host}\r\n`}${more}\r\n${body}`,
			{ isHead: method === 'HEAD' });
	return Object.assign(daemon, { ask, challenges, redirectPort: port });
}

describe('who comes by plain HTTP', () => {
	test('is sent to the same place by https, whatever was asked for and how', async (t) => {
		const daemon = await startRedirect(t);
		const at = `https://turn.example.org:${daemon.tlsPort}`;
		for (const [target, options, location] of [
			['/', {}, `${at}/`],
			['/call?room=x%20y&policy=relay', {}, `${at}/call?room=x%20y&policy=relay`],
			['/call?', {}, `${at}/call`],
			['/v1/ice', { method: 'POST', more: 'Content-Length: 2\r\n', body: '{}' }, `${at}/v1/ice`],
			['/call', { method: 'HEAD' }, `${at}/call`],
			['/call', { host: 'turn.example.org:80' }, `${at}/call`],
			['/call', { host: '192.0.2.7' }, `https://192.0.2.7:${daemon.tlsPort}/call`],
			['/call', { host: '[2001:db8::7]:80' }, `https://[2001:db8::7]:${daemon.tlsPort}/call`],
			['http://other.example/call', {}, `https://other.example:${daemon.tlsPort}/call`],
			['/.well-known/security.txt', {}, `${at}/.well-known/security.txt`],
		]) {
			const { status, headers } = await daemon.ask(target, options);
			assert.deepEqual([status, headers.location, headers['cache-control']], [308, location, 'no-store'], `${target} ${JSON.stringify(options)}`);
		}
	});

	test('needs a host to be sent to', async (t) => {
		const daemon = await startRedirect(t);
		for (const options of [{ host: null, version: '1.0' }, { host: ':80' }]) {
			const { status, headers } = await daemon.ask('/', options);
			assert.deepEqual([status, headers.location], [400, undefined], JSON.stringify(options));
		}
	});

	test('gets nothing else there: no page, no list, no WebSocket', async (t) => {
		const daemon = await startRedirect(t, { 'http.root': path.resolve('web') });
		for (const target of ['/index.html', '/v1/ice', '/v1/ws', '/metrics', '/socket.io/?EIO=4&transport=polling'])
			assert.equal((await daemon.ask(target)).status, 308, target);
	});
});

describe('a certificate authority', () => {
	test('finds what its client has put there, at once, and nothing else', async (t) => {
		const daemon = await startRedirect(t);
		const file = path.join(daemon.challenges, CHALLENGES, 'token-1');
		await writeFile(path.join(daemon.challenges, 'outside'), 'outside');
		assert.equal((await daemon.ask(`/${CHALLENGES}/token-1`)).status, 404);
		await writeFile(file, 'token-1.thumbprint');
		const { status, body } = await daemon.ask(`/${CHALLENGES}/token-1`);
		assert.deepEqual([status, body.toString()], [200, 'token-1.thumbprint']);
		await rm(file);
		assert.equal((await daemon.ask(`/${CHALLENGES}/token-1`)).status, 404);
		assert.notEqual((await daemon.ask(`/${CHALLENGES}/../../outside`)).status, 200);
		assert.equal((await daemon.ask(`/${CHALLENGES}/`)).status, 404);
	});

	test('hears that none is expected', async (t) => {
		const daemon = await startRedirect(t, { 'http.challenges': undefined });
		const { status, body } = await daemon.ask(`/${CHALLENGES}/token-1`);
		assert.equal(status, 404);
		assert.match(body.toString(), /http\.challenges is empty/);
	});
});

test('the address needs TLS to send to, and the folder to be there', async (t) => {
	const { cert, key } = await makeCertificate(await makeFolder(t));
	const sets = (all) => ['--check-config', ...Object.entries(all).flatMap(([name, value]) => ['--set', `${name}=${value}`])];
	const alone = await runProgram(sets({ 'listen.redirect': '127.0.0.1:8081' }));
	assert.equal(alone.code, 78);
	assert.match(alone.stderr, /listen\.redirect needs listen\.tls, which is empty/);
	const missing = await runProgram(sets({
		'listen.tls': '127.0.0.1:8443', 'tls.cert': cert, 'tls.key': key, 'listen.redirect': '127.0.0.1:8081',
		'http.challenges': '/nowhere/at/all',
	}));
	assert.equal(missing.code, 78);
	assert.match(missing.stderr, /http\.challenges.*\/nowhere\/at\/all/s);
});

describe('without a certificate', () => {
	const startWithout = (t, folder) => startTls(t, {
		certificate: { cert: path.join(folder, 'cert.pem'), key: path.join(folder, 'cert.key') },
		sets: { 'tls.temporary': 'yes' },
	});

	test('the configuration is refused, unless one is to come', async (t) => {
		const folder = await makeFolder(t);
		const check = (temporary) => runProgram(['--check-config', '--set', 'listen.tls=127.0.0.1:8443', '--set', `tls.cert=${folder}/cert.pem`,
			'--set', `tls.key=${folder}/cert.key`, '--set', `tls.temporary=${temporary}`]);
		const refused = await check('no');
		assert.equal(refused.code, 78);
		assert.match(refused.stderr, /listen\.tls: the certificate .*cert\.pem cannot be read/);
		assert.equal((await check('yes')).code, 0);
		// What is there and cannot be read is another thing.
		await writeFile(path.join(folder, 'file'), '');
		const hidden = await runProgram(['--check-config', '--set', 'listen.tls=127.0.0.1:8443', '--set', `tls.cert=${folder}/file/cert.pem`,
			'--set', `tls.key=${folder}/file/cert.key`, '--set', 'tls.temporary=yes']);
		assert.equal(hidden.code, 78);
		assert.match(hidden.stderr, /cert\.pem cannot be read: Not a directory/);
	});

	test('TLS is there, under one of our own, until the real one is: which takes its place by itself', async (t) => {
		const folder = await makeFolder(t);
		const daemon = await startWithout(t, folder);
		await daemon.waitLog(/warn tls\.temporary/);
		await assert.rejects(openTls(t, daemon), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
		const early = await openTls(t, daemon, { rejectUnauthorized: false });
		assert.match(early.getPeerCertificate().subject.CN, /^signald, until/);
		assert.equal(await daemon.metric('signald_tls_certificate_expires_seconds'), 0);
		const told = async () => (await (await fetch(`${daemon.url}/v1/check`)).json()).certificate;
		assert.deepEqual(await told(), { temporary: true });
		const ready = async () => (await fetch(`${daemon.url}/readyz`)).json();
		assert.deepEqual(await ready(), { status: 'ready', warnings: ['certificate: temporary, which no client trusts'] });

		const made = await makeCertificate(await makeFolder(t));
		daemon.ca = readFileSync(made.cert);
		await replaceCertificate(made, daemon.certificate);
		await until('the certificate is served', () => openTls(t, daemon).then(() => true, () => false));
		assert.ok(await daemon.metric('signald_tls_certificate_expires_seconds') > 0);
		assert.equal((await told()).daysLeft, 89);
		assert.deepEqual(await ready(), { status: 'ready' });
		assert.equal(early.destroyed, false);
		const [one, other] = [await joinTls(t, daemon, 'r'), await joinTls(t, daemon, 'r')];
		await assertTalking(one, other);
	});

	test('half of a pair is none', async (t) => {
		const folder = await makeFolder(t);
		const made = await makeCertificate(await makeFolder(t));
		await rename(made.cert, path.join(folder, 'cert.pem'));
		const daemon = await startWithout(t, folder);
		await daemon.waitLog(/warn tls\.temporary/);
		const serial = async (of) => (await openTls(t, of, { rejectUnauthorized: false })).getPeerCertificate().serialNumber;
		const other = await startWithout(t, await makeFolder(t));
		assert.notEqual(await serial(daemon), await serial(other), 'browsers refuse two of one number');
	});
});
