// HTTPS and WebSocket on the port that TURN comes to as well: the handshake,
// whose connection is whose, and the certificate.
import assert from 'node:assert/strict';
import { X509Certificate, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import tls from 'node:tls';
import { io } from 'socket.io-client';
import { freePort, makeFolder, runProgram, until } from '../lib/daemon.mjs';
import { openRaw } from '../lib/http.mjs';
import { Peer, joinPeer } from '../lib/peer.mjs';
import { atEnd, useForAll } from '../lib/ending.mjs';
import { BINDING, assertTalking, hearOut, joinTls, makeCertificate, openRawTls, openTls, replaceCertificate, standIn,
	startTls } from '../lib/tls.mjs';

const QUICK = { 'http.head_timeout_s': 1, 'http.body_timeout_s': 1 };
const GET = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n';
const handshakes = (outcome) => `signald_tls_handshakes_total{outcome="${outcome}"}`;

async function get(daemon, path_, { agent } = {}) {
	const request = https.get(`${daemon.httpsUrl}${path_}`, { ca: daemon.ca, agent });
	const [response] = await once(request, 'response');
	const chunks = [];
	for await (const chunk of response)
		chunks.push(chunk);
	return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) };
}

describe('what is served without TLS is served with it', () => {
	test('HTTP, one request after the other on a connection', async (t) => {
		const daemon = await startTls(t);
		const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
		atEnd(t, () => agent.destroy());
		for (let i = 0; i < 3; i++)
			assert.deepEqual(JSON.parse((await get(daemon, '/healthz', { agent })).body), { status: 'ok' });
		assert.equal(await daemon.metric(handshakes('ok')), 1);
	});

	test('a file of many records, whole', async (t) => {
		const root = await makeFolder(t);
		const bytes = randomBytes(3000001);
		await writeFile(path.join(root, 'big.bin'), bytes);
		const daemon = await startTls(t, { sets: { 'http.root': root } });
		const { body } = await get(daemon, '/big.bin');
		assert.equal(Buffer.compare(body, bytes), 0);
	});

	test('requests in a heap are answered in order', async (t) => {
		const daemon = await startTls(t);
		const raw = await openRawTls(t, daemon);
		await raw.write(GET.repeat(200));
		for (let i = 0; i < 200; i++)
			assert.equal((await raw.response()).status, 200);
	});

	test('a request that comes byte by byte, each in a record of its own', async (t) => {
		const daemon = await startTls(t);
		const raw = await openRawTls(t, daemon);
		for (const byte of GET)
			await raw.write(byte);
		assert.equal((await raw.response()).status, 200);
	});

	test('a body of many records', async (t) => {
		const daemon = await startTls(t);
		const raw = await openRawTls(t, daemon);
		const body = `{"ttl":300}${' '.repeat(60000)}`;
		await raw.write('POST /v1/ice HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
			+ `Content-Length: ${body.length}\r\n\r\n`);
		await raw.write(body);
		assert.equal((await raw.response()).status, 200);
	});

	test('WebSocket: peers over TLS and without meet in a room', async (t) => {
		const daemon = await startTls(t);
		const secure = await joinTls(t, daemon, 'mixed');
		const plain = await joinPeer(t, daemon, 'mixed');
		await assertTalking(secure, plain);
		await assertTalking(plain, secure);
		const long = { type: 'offer', sdp: 'x'.repeat(60000) };
		plain.send({ type: 'offer', to: secure.id, description: long });
		assert.deepEqual((await secure.next('offer')).description, long);
	});

	for (const transport of ['polling', 'websocket'])
		test(`Socket.IO over ${transport}`, async (t) => {
			const daemon = await startTls(t);
			const options = { ca: daemon.ca, transports: [transport], forceNew: true, query: { room: transport } };
			const [one, other] = [io(daemon.httpsUrl, options), io(daemon.httpsUrl, options)];
			atEnd(t, () => [one, other].forEach((socket) => socket.close()));
			const watched = new Promise((resolve) => one.once('watcher', resolve));
			await Promise.all([one, other].map((socket) => new Promise((resolve, reject) => {
				socket.once('connect', resolve);
				socket.once('connect_error', reject);
			})));
			// As the tutorial's pages do, whoever is first.
			other.on('broadcaster', () => other.emit('watcher'));
			other.emit('watcher');
			one.emit('broadcaster');
			assert.equal(await watched, other.id);
		});

	test('a page of the same address is its own', async (t) => {
		const daemon = await startTls(t);
		const peer = new Peer(daemon.wssUrl, { ca: daemon.ca, origin: daemon.httpsUrl });
		atEnd(t, () => peer.socket.terminate());
		await peer.opened;
		const foreign = new Peer(daemon.wssUrl, { ca: daemon.ca, origin: 'https://elsewhere.example' });
		await assert.rejects(foreign.opened, { status: 403 });
	});

	test('a client that reads nothing is cut at the output limit', async (t) => {
		const daemon = await startTls(t, { sets: { 'output.max_queued_bytes': 262144, 'output.stall_timeout_s': 300 } });
		const slow = await joinTls(t, daemon, 'slow');
		const writer = await joinPeer(t, daemon, 'slow');
		slow.socket.pause();
		const left = writer.next((m) => m.type === 'peer-away' || m.type === 'peer-left', 20000);
		let isCut = false;
		void left.then(() => (isCut = true), () => (isCut = true));
		for (let i = 0; i < 2000 && !isCut; i++) {
			writer.send({ type: 'signal', to: slow.id, data: 'x'.repeat(30000) });
			await writer.settle();
		}
		await left;
		assert.equal(await daemon.metric('signald_closed_total{reason="slow"}'), 1);
	});

	test('the end is said: no client takes a cut for it', async (t) => {
		const daemon = await startTls(t);
		const socket = await openTls(t, daemon);
		socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
		// Only a close_notify makes an 'end' of it in time.
		const [text] = await Promise.all([hearOut(socket), once(socket, 'end')]);
		assert.match(text, /^HTTP\/1.1 200 /);
		assert.equal(socket.fault, undefined);
	});

	test('a client that ends its side gets its answer first', async (t) => {
		const daemon = await startTls(t);
		const socket = await openTls(t, daemon, { allowHalfOpen: true });
		socket.end(GET.repeat(3));
		const text = await hearOut(socket);
		assert.equal(text.split('HTTP/1.1 200 ').length - 1, 3);
	});
});

describe('the handshake', () => {
	let daemon;
	useForAll((scope) => startTls(scope, { sets: QUICK }), (it) => (daemon = it));

	test('TLS 1.2 and 1.3, with forward secrecy', async (t) => {
		for (const version of ['TLSv1.2', 'TLSv1.3']) {
			const socket = await openTls(t, daemon, { minVersion: version, maxVersion: version });
			assert.equal(socket.getProtocol(), version);
			assert.match(socket.getCipher().standardName, /^TLS_(ECDHE_ECDSA_WITH_)?(AES_(128|256)_GCM|CHACHA20)/);
		}
	});

	test('TLS 1.1 is refused, by the server', async (t) => {
		const refused = openTls(t, daemon, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
		await assert.rejects(refused, { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
	});

	test('ciphers without forward secrecy are refused', async (t) => {
		const refused = openTls(t, daemon, { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256:AES256-SHA' });
		await assert.rejects(refused, { code: 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE' });
	});

	test('a session is resumed by a ticket', async (t) => {
		for (const version of ['TLSv1.2', 'TLSv1.3']) {
			const first = tls.connect({ host: '127.0.0.1', port: daemon.tlsPort, ca: daemon.ca, servername: 'localhost',
				minVersion: version, maxVersion: version });
			atEnd(t, () => first.destroy());
			const [session] = await once(first, 'session');
			const second = await openTls(t, daemon, { session, minVersion: version, maxVersion: version });
			assert.equal(second.isSessionReused(), true, version);
		}
	});

	for (const [offered, chosen] of [
		[['h2', 'http/1.1'], 'http/1.1'], [['stun.turn'], 'stun.turn'], [['stun.nat-discovery'], 'stun.nat-discovery'],
		[undefined, false],
	])
		test(`ALPN: of ${offered ?? 'none'} it takes ${chosen || 'none'}`, async (t) => {
			const socket = await openTls(t, daemon, { ALPNProtocols: offered });
			assert.equal(socket.alpnProtocol, chosen);
		});

	test('ALPN: who offers only h2 is told so', async (t) => {
		const refused = openTls(t, daemon, { ALPNProtocols: ['h2'] });
		await assert.rejects(refused, { code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL' });
	});

	test('no TLS at all is cut, and counted', async (t) => {
		const before = await daemon.metric(handshakes('failed'));
		const raw = await openRaw(t, daemon.tlsPort);
		await raw.write(GET);
		await raw.closed();
		assert.ok(await daemon.metric(handshakes('failed')) > before);
	});

	for (const [what, bytes] of [['nothing', ''], ['half a greeting', Buffer.from('160301020001', 'hex').toString('latin1')]])
		test(`who says ${what} is cut in time, and counted`, async (t) => {
			const before = await daemon.metric(handshakes('timeout'));
			const began = performance.now();
			const raw = await openRaw(t, daemon.tlsPort);
			await raw.write(bytes);
			await raw.closed();
			assert.ok(performance.now() - began > 900 && performance.now() - began < 4000);
			assert.equal(await daemon.metric(handshakes('timeout')), before + 1);
		});

	test('who shakes hands and says nothing is cut in time', async (t) => {
		const socket = await openTls(t, daemon);
		const began = performance.now();
		assert.equal(await hearOut(socket), '');
		assert.ok(performance.now() - began < 4000);
	});
});

describe('HTTP or TURN', () => {
	const NEITHER = [
		['a STUN request without the cookie', Buffer.from('0001000000000000', 'hex')],
		['TLS inside TLS', Buffer.from('1603010200010001', 'hex')],
	];
	for (const [what, bytes] of NEITHER)
		test(`${what} is neither, and is cut`, async (t) => {
			const daemon = await startTls(t);
			const socket = await openTls(t, daemon);
			socket.write(bytes);
			assert.equal(await hearOut(socket), '');
			assert.equal(await daemon.metric('signald_closed_total{reason="protocol"}'), 1);
		});

	test('what ALPN agreed upon is what may be spoken', async (t) => {
		const coturn = await standIn(t);
		const daemon = await startTls(t, { sets: { 'turn.tunnel': `127.0.0.1:${coturn.port}` } });
		for (const [protocol, bytes] of [['stun.turn', GET], ['http/1.1', BINDING]]) {
			const socket = await openTls(t, daemon, { ALPNProtocols: [protocol] });
			socket.write(bytes);
			assert.equal(await hearOut(socket), '');
		}
		const socket = await openTls(t, daemon, { ALPNProtocols: ['stun.turn'] });
		socket.write(BINDING);
		await coturn.next();
	});
});

const fingerprint = async (t, daemon, ca) => (await openTls(t, daemon, { ca: readFileSync(ca) }))
	.getPeerCertificate().fingerprint256;
const printOf = (cert) => new X509Certificate(readFileSync(cert)).fingerprint256;

describe('the certificate', () => {
	test('a new one is taken up without a drop', async (t) => {
		const daemon = await startTls(t);
		const one = await joinTls(t, daemon, 'lasting');
		const other = await joinTls(t, daemon, 'lasting');
		const next = await makeCertificate(await makeFolder(t), { days: 30 });
		const expected = printOf(next.cert);
		const expiry = await daemon.metric('signald_tls_certificate_expires_seconds');
		assert.ok(Math.abs(expiry - (Date.now() / 1000 + 90 * 86400)) < 3600);
		assert.notEqual(await fingerprint(t, daemon, daemon.certificate.cert), expected);
		await replaceCertificate(next, daemon.certificate);
		await daemon.waitLog(/tls\.certificate .*days_left=(29|30)/);
		assert.equal(await fingerprint(t, daemon, daemon.certificate.cert), expected);
		assert.ok(await daemon.metric('signald_tls_certificate_expires_seconds') < expiry);
		await assertTalking(one, other);
	});

	for (const [days, warning] of [
		[15, undefined], [13, /^certificate: expires within 1[34] days$/], [1, /^certificate: expires within (1 day|2 days)$/], [-1, /^certificate: expired$/],
	])
		test(`with ${days} days left /readyz ${warning ? `warns: ${warning.source}` : 'has nothing to tell'}`, async (t) => {
			const daemon = await startTls(t, { certificate: await makeCertificate(await makeFolder(t), { days }) });
			const response = await fetch(`${daemon.url}/readyz`);
			assert.equal(response.status, 200);
			const { status, warnings } = await response.json();
			assert.equal(status, 'ready');
			assert.equal(warnings?.length, warning && 1);
			assert.match(warnings?.[0] ?? '', warning ?? /^$/);
		});

	test('SIGHUP takes it up at once, from other files too', async (t) => {
		const folder = await makeFolder(t);
		const certificate = await makeCertificate(folder);
		const next = await makeCertificate(folder, { name: 'next' });
		const text = ({ cert, key }) => `[tls]\ncert = ${cert}\nkey = ${key}\n`;
		const daemon = await startTls(t, { certificate, config: text(certificate),
			sets: { 'tls.cert': undefined, 'tls.key': undefined } });
		await writeFile(daemon.configPath, text(next));
		daemon.signal('SIGHUP');
		await daemon.waitLog(/config\.reloaded/);
		assert.equal(await fingerprint(t, daemon, next.cert), printOf(next.cert));
	});

	for (const [what, why, spoil] of [
		['a key of another', /the private key is not that of/, async (folder, { key }) =>
			replaceKey((await makeCertificate(folder, { name: 'other' })).key, key)],
		['rubbish', /holds no certificate in PEM/, (folder, { cert }) => writeFile(cert, 'rubbish')],
		['one that has expired', /has expired/, async (folder, certificate) =>
			replaceCertificate(await makeCertificate(folder, { name: 'old', days: -1 }), certificate)],
	])
		test(`${what} is refused in the log, and the old one stays`, async (t) => {
			const daemon = await startTls(t);
			const ca = path.join(await makeFolder(t), 'ca.pem');
			await writeFile(ca, daemon.ca);
			const before = await fingerprint(t, daemon, ca);
			await spoil(await makeFolder(t), daemon.certificate);
			await daemon.waitLog(new RegExp(`tls\\.refused why=".*${why.source}`));
			assert.equal(await fingerprint(t, daemon, ca), before);
		});

	test('an expired one is served at the start, with an error in the log', async (t) => {
		const certificate = await makeCertificate(await makeFolder(t), { days: -1 });
		const daemon = await startTls(t, { certificate });
		await daemon.waitLog(/error tls\.expired what=".* has expired"/);
		const socket = await openTls(t, daemon, { rejectUnauthorized: false });
		assert.equal(socket.authorizationError, 'CERT_HAS_EXPIRED');
	});

	for (const days of [90, -1])
		test(`/v1/check says how long one of ${days} days is good for`, async (t) => {
			const certificate = await makeCertificate(await makeFolder(t), { days });
			const daemon = await startTls(t, { certificate });
			const { certificate: told, time } = await (await fetch(`${daemon.url}/v1/check`)).json();
			const end = new X509Certificate(readFileSync(certificate.cert)).validTo;
			assert.equal(Date.parse(told.expiresAt), Date.parse(end));
			assert.equal(told.daysLeft, Math.floor((Date.parse(end) / 1000 - Math.floor(Date.parse(time) / 1000)) / 86400));
		});

	for (const [what, files, why] of [
		['none there', () => ({ cert: '/nowhere/c.pem', key: '/nowhere/k.pem' }),
			/the certificate \/nowhere\/c\.pem cannot be read: No such file/],
		['one without its key', ({ cert }) => ({ cert, key: cert }), /holds no private key in PEM/],
	])
		test(`with ${what} signald does not start, and says why`, async (t) => {
			const { cert, key } = files(await makeCertificate(await makeFolder(t)));
			const { code, stderr } = await runProgram(['--set', `listen.address=127.0.0.1:${await freePort()}`,
				'--set', 'listen.metrics=', '--set', `listen.tls=127.0.0.1:${await freePort()}`,
				'--set', `tls.cert=${cert}`, '--set', `tls.key=${key}`]);
			assert.equal(code, 1);
			assert.match(stderr, why);
		});

	test('--check-config judges it', async (t) => {
		const folder = await makeFolder(t);
		const check = async ({ cert, key }) => runProgram(['--check-config', '--set', 'listen.tls=127.0.0.1:443',
			'--set', `tls.cert=${cert}`, '--set', `tls.key=${key}`]);
		const good = await makeCertificate(folder);
		assert.equal((await check(good)).code, 0);
		const other = await makeCertificate(folder, { name: 'other' });
		const mixed = await check({ cert: good.cert, key: other.key });
		assert.deepEqual([mixed.code, mixed.stderr],
			[78, `signald: listen.tls: the private key is not that of ${good.cert}\n`]);
		const old = await check(await makeCertificate(folder, { name: 'old', days: -1 }));
		assert.equal(old.code, 78);
		assert.match(old.stderr, /has expired/);
	});
});

async function replaceKey(from, to) {
	await writeFile(to, readFileSync(from));
}

test('many connections that shake hands at once all succeed', async (t) => {
	const daemon = await startTls(t);
	await Promise.all(Array.from({ length: 200 }, async () => {
		const socket = await openTls(t, daemon);
		socket.write(GET);
		await once(socket, 'data');
	}));
	assert.equal(await daemon.metric(handshakes('ok')), 200);
});

test('a connection that comes and goes leaves nothing behind', async (t) => {
	const daemon = await startTls(t, { sets: QUICK });
	for (let i = 0; i < 20; i++) {
		const socket = net.connect(daemon.tlsPort, '127.0.0.1');
		await once(socket, 'connect');
		socket.destroy();
		(await openTls(t, daemon)).destroy();
	}
	await until('all are gone', async () => await daemon.metric('signald_connections') <= 1);
});
