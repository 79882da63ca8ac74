// The PROXY protocol in: who the client is, from trusted proxies alone.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import tls from 'node:tls';
import { makeFolder, runProgram, startDaemon, until } from '../lib/daemon.mjs';
import { openRaw, RawConnection } from '../lib/http.mjs';
import { makeCertificate } from '../lib/tls.mjs';

const together = { concurrency: true };
const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const REQUEST = 'GET /version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const v4 = (last) => Buffer.concat([SIGNATURE, Buffer.from([0x21, 0x11, 0, 12, 192, 0, 2, last, 203, 0, 113, 1, 0x12, 0x34, 0, 80])]);
const local = Buffer.concat([SIGNATURE, Buffer.from([0x20, 0, 0, 0])]);
const v1 = (last) => Buffer.from(`PROXY TCP4 192.0.2.${last} 203.0.113.1 4660 80\r\n`);
// One request for each address: whoever comes as it a second time is refused.
const ONE = '[limits]\nrequests_per_s = 1\nrequests_burst = 1\n';

const withHeader = async (daemon, header) => {
	const connection = await openRaw(daemon.t, daemon.port);
	await connection.write(Buffer.concat([header, Buffer.from(REQUEST)]));
	return connection;
};
const statusWith = async (daemon, header) => (await (await withHeader(daemon, header)).response()).status;

// Begun without, since whoever waits for its start asks without a header.
async function startStrict(t, trusted = '127.0.0.0/8', more = {}) {
	const daemon = await startDaemon(t, { config: '', sets: more });
	await writeFile(daemon.configPath, `[proxy]\ntrusted = ${trusted}\nprotocol = yes\n${ONE}`);
	daemon.signal('SIGHUP');
	await daemon.waitLog(/config.reloaded/);
	daemon.t = t;
	return daemon;
}

describe('proxy.protocol = yes', together, () => {
	test('takes version 1 and 2, in one piece or byte by byte, and who is named is the client', async (t) => {
		const daemon = await startStrict(t);
		assert.equal(await statusWith(daemon, v4(1)), 200);
		assert.equal(await statusWith(daemon, v4(1)), 429);
		assert.equal(await statusWith(daemon, v1(1)), 429);
		assert.equal(await statusWith(daemon, v1(2)), 200);
		const slow = await openRaw(t, daemon.port);
		for (const byte of v1(3)) {
			await slow.write(Buffer.from([byte]));
			await new Promise(setImmediate);
		}
		await slow.write(REQUEST);
		assert.equal((await slow.response()).status, 200);
		await daemon.waitLog(/kind=requests by=192.0.2.1 /);
	});

	test('takes a proxy that speaks for itself as what it is', async (t) => {
		const daemon = await startStrict(t);
		assert.equal(await statusWith(daemon, local), 200);
		assert.equal(await statusWith(daemon, Buffer.from('PROXY UNKNOWN\r\n')), 429, 'the same address');
	});

	test('reads nothing of the TLS behind it', async (t) => {
		const { cert, key } = await makeCertificate(await makeFolder(t));
		const daemon = await startStrict(t, '127.0.0.1', { 'listen.tls': '127.0.0.1:0', 'tls.cert': cert, 'tls.key': key });
		const [, port] = daemon.log.match(/server.listen address=127.0.0.1:(\d+) for=tls/);
		const raw = await openRaw(t, Number(port));
		await raw.write(v4(7));
		raw.socket.removeAllListeners('data');
		const socket = tls.connect({ socket: raw.socket, rejectUnauthorized: false });
		const inside = new RawConnection(socket);
		await inside.write(REQUEST);
		assert.equal((await inside.response()).status, 200);
	});

	test('closes what begins with something else, or comes from somebody else', async (t) => {
		const daemon = await startStrict(t);
		for (const header of [Buffer.from(''), Buffer.from('PROXY TCP4 1.2.3 4.5.6.7 1 2\r\n'),
			Buffer.concat([SIGNATURE, Buffer.from([0x31, 0x11, 0, 12])])]) {
			const connection = await withHeader(daemon, header);
			await connection.closed();
			assert.equal(connection.received.length, 0);
		}
		const foreign = await startStrict(t, '192.0.2.0/24');
		const connection = await withHeader(foreign, v4(1));
		await connection.closed();
		assert.equal(connection.received.length, 0);
	});

	test('closes whose header does not come', async (t) => {
		const daemon = await startStrict(t, '127.0.0.1', { 'http.head_timeout_s': 1 });
		const connection = await openRaw(t, daemon.port);
		await connection.write('PROXY TCP4 ');
		await connection.closed();
		await until('it is counted', async () => await daemon.metric('signald_closed_total{reason="timeout"}') === 1);
	});

	test('needs proxies to trust', async () => {
		const { code, stderr } = await runProgram(['--check-config', '--set', 'proxy.protocol=yes']);
		assert.notEqual(code, 0);
		assert.match(stderr, /proxy\.protocol = yes needs proxy\.trusted, which is empty/);
		const bad = await runProgram(['--check-config', '--set', 'proxy.trusted=10.0.0.1/8']);
		assert.notEqual(bad.code, 0);
		assert.match(bad.stderr, /proxy\.trusted.*all bits behind BITS/);
	});
});

test('without it a PROXY header is no request', async (t) => {
	const daemon = await startDaemon(t, { sets: { 'proxy.trusted': '127.0.0.1' } });
	daemon.t = t;
	assert.equal(await statusWith(daemon, v1(1)), 400);
});
