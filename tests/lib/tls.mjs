// tls.mjs: certificates, and clients of a signald that serves TLS.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { freePort, makeFolder, startDaemon } from './daemon.mjs';
import { RawConnection } from './http.mjs';
import { Peer } from './peer.mjs';
import { atEnd } from './ending.mjs';

const run = promisify(execFile);

// A STUN Binding request: type, length, cookie, transaction.
export const BINDING = Buffer.concat([Buffer.from('000100002112a442', 'hex'), Buffer.from('transaction!')]);

/*
 * A certificate of its own signing, for localhost.
 *
 * days    until it expires; below 0: it has, long ago
 * address one more that it is for
 */
export async function makeCertificate(folder, { days = 90, name = 'cert', address = '127.0.0.1' } = {}) {
	const cert = path.join(folder, `${name}.pem`);
	const key = path.join(folder, `${name}.key`);
	await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
		'-keyout', key, '-out', cert, '-subj', '/CN=localhost', '-days', String(Math.max(days, 1)),
		'-addext', `subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1,IP:${address}`]);
	if (days < 0)
		await expire(cert, key);
	return { cert, key };
}

// The same key under a certificate whose dates are over.
async function expire(cert, key) {
	const request = `${cert}.csr`;
	await run('openssl', ['req', '-new', '-key', key, '-out', request, '-subj', '/CN=localhost']);
	await run('openssl', ['x509', '-req', '-in', request, '-signkey', key, '-out', cert,
		'-days', '-1']);
}

// Put a pair in the place of another, each file at once, as those that renew do.
export async function replaceCertificate(from, to) {
	await rename(from.cert, to.cert);
	await rename(from.key, to.key);
}

// A daemon that also serves TLS: with tlsPort, the certificate's files, and ca if
// they are there.
export async function startTls(t, { sets = {}, address = '127.0.0.1', ...options } = {}) {
	const certificate = options.certificate ?? await makeCertificate(await makeFolder(t));
	const tlsPort = await freePort();
	// A set of undefined leaves the key to the configuration file.
	const all = Object.entries({
		'listen.tls': `${address}:${tlsPort}`, 'tls.cert': certificate.cert, 'tls.key': certificate.key, ...sets,
	}).filter(([, value]) => value !== undefined);
	const daemon = await startDaemon(t, { ...options, sets: Object.fromEntries(all) });
	return Object.assign(daemon, {
		certificate,
		tlsPort,
		tlsHost: `${address}:${tlsPort}`,
		httpsUrl: `https://${address}:${tlsPort}`,
		wssUrl: `wss://${address}:${tlsPort}/v1/ws`,
		ca: existsSync(certificate.cert) ? readFileSync(certificate.cert) : undefined,
	});
}

// A TLS connection; what goes wrong in the handshake is thrown.
export async function openTls(t, daemon, options = {}) {
	const socket = tls.connect({
		host: '127.0.0.1', port: daemon.tlsPort, ca: daemon.ca, servername: 'localhost', ...options,
	});
	atEnd(t, () => socket.destroy());
	await once(socket, 'secureConnect');
	socket.setNoDelay(true);
	socket.on('error', (fault) => (socket.fault = fault));
	return socket;
}

// The same with everything that it says gathered, as openRaw() does.
export async function openRawTls(t, daemon, options) {
	const socket = await openTls(t, daemon, options);
	return new RawConnection(socket);
}

// A peer that has joined a room over TLS.
export async function joinTls(t, daemon, room, options = {}) {
	const peer = new Peer(daemon.wssUrl, { ca: daemon.ca, ...options });
	atEnd(t, () => {
		peer.socket.terminate();
		assert.equal(peer.schemaError ?? null, null);
	});
	await peer.opened;
	assert.equal((await peer.join(room)).type, 'joined');
	return peer;
}

// What one offers the other hears.
export async function assertTalking(one, other) {
	const description = { type: 'offer', sdp: `v=0 ${randomBytes(6).toString('hex')}` };
	one.send({ type: 'offer', to: other.id, description });
	const heard = await other.next('offer');
	assert.deepEqual(heard.description, description);
}

// The whole of what a connection says, and how it ended.
export async function hearOut(socket) {
	const chunks = [];
	socket.on('data', (chunk) => chunks.push(chunk));
	await once(socket, 'close');
	return Buffer.concat(chunks).toString('latin1');
}

// A server on loopback in coturn's place, for what no coturn can be made to do:
// hold still. Resolves with { port, next() }, next() with a connection.
export async function standIn(t, host = '127.0.0.1') {
	const connections = [];
	const waiting = [];
	const server = net.createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
		atEnd(t, () => socket.destroy());
		socket.on('error', (fault) => (socket.fault = fault));
		const taker = waiting.shift();
		if (taker)
			taker(socket);
		else
			connections.push(socket);
	});
	await once(server.listen(0, host), 'listening');
	atEnd(t, () => server.close());
	return {
		port: server.address().port,
		next: () => connections.length ? Promise.resolve(connections.shift())
			: new Promise((resolve) => waiting.push(resolve)),
	};
}

// The first n bytes that a paused socket gets. All that is there is taken out
// before more is awaited: 'readable' comes at once, again and again, while some
// is left.
export async function take(socket, n) {
	const chunks = [];
	for (let missing = n; missing > 0;) {
		const bytes = socket.read();
		if (!bytes && socket.readableEnded)
			throw new Error(`ended with ${missing} of ${n} bytes missing`);
		if (!bytes) {
			await once(socket, 'readable');
			continue;
		}
		chunks.push(bytes);
		missing -= bytes.length;
	}
	const all = Buffer.concat(chunks);
	if (all.length > n)
		socket.unshift(all.subarray(n));
	return all.subarray(0, n);
}
