// The WebSocket handshake (RFC 6455, 4.2), and whose pages may make it.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { startDaemon, useDaemon } from '../lib/daemon.mjs';
import { exchange, openRaw } from '../lib/http.mjs';
import { Peer } from '../lib/peer.mjs';
import { PING, PONG, frame, handshake, openRawWs, RawWebSocket } from '../lib/rawws.mjs';
import { judgeFile } from '../lib/schema.mjs';

const FRIEND = 'https://friend.example:8443';
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

describe('the handshake', () => {
	let daemon;
	useDaemon({ sets: { 'http.origins': `${FRIEND}, https://other.example` } }, (d) => (daemon = d));

	test('answers with the accept key of the RFC\'s own example', async (t) => {
		const response = await exchange(t, daemon.port, handshake(daemon.host, { key: KEY }));
		assert.equal(response.status, 101);
		assert.equal(response.headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
		assert.equal(response.headers['sec-websocket-protocol'], 'signald.v1');
		assert.equal(response.headers.upgrade.toLowerCase(), 'websocket');
		assert.equal(response.headers.connection.toLowerCase(), 'upgrade');
		assert.equal(response.headers['sec-websocket-extensions'], undefined);
	});

	test('may come byte by byte', async (t) => {
		const connection = await openRaw(t, daemon.port);
		for (const byte of handshake(daemon.host))
			await connection.write(byte);
		assert.equal((await connection.response()).status, 101);
	});

	test('takes frames that came with it in one packet', async (t) => {
		const connection = await openRaw(t, daemon.port);
		await connection.write(Buffer.concat([Buffer.from(handshake(daemon.host)), frame(PING, 'now')]));
		assert.equal((await connection.response()).status, 101);
		const pong = await new RawWebSocket(connection).frame();
		assert.equal(pong.opcode, PONG);
		assert.equal(pong.payload.toString(), 'now');
	});

	for (const [what, options] of [
		['upper case and a list in Upgrade and Connection', { upgrade: 'WebSocket', connection: 'keep-alive, UPGRADE' }],
		['other subprotocols beside ours', { protocol: 'chat, signald.v1, signald.v9' }],
		['extensions, which it declines', { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' } }],
		['a query', { path: '/v1/ws?token=x' }],
		['no Origin', {}],
		['a configured Origin', { headers: { Origin: FRIEND } }],
	])
		test(`accepts ${what}`, async (t) => {
			const response = await exchange(t, daemon.port, handshake(daemon.host, options));
			assert.equal(response.status, 101, response.body);
			assert.equal(response.headers['sec-websocket-protocol'], 'signald.v1');
			assert.equal(response.headers['sec-websocket-extensions'], undefined);
		});

	test('accepts the server\'s own Origin', async (t) => {
		const response = await exchange(t, daemon.port,
			handshake(daemon.host, { headers: { Origin: daemon.url } }));
		assert.equal(response.status, 101);
	});

	for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1', 'http://friend.example:8443',
		'https://friend.example', `${FRIEND}.evil.example`, 'file://', '', 'https://evil.example@other.example',
		'http://localhost:1'])
		test(`refuses the Origin "${origin}" with 403`, async (t) => {
			const response = await exchange(t, daemon.port,
				handshake(daemon.host, { headers: { Origin: origin } }));
			assert.equal(response.status, 403, response.body);
			assert.equal(judgeFile('http-problem.json', JSON.parse(response.body)), null);
		});

	for (const [what, options, status] of [
		['no subprotocol', { protocol: null }, 400],
		['another subprotocol', { protocol: 'chat' }, 400],
		['version 8', { version: '8' }, 426],
		['no version', { version: null }, [400, 426]],
		['no key', { key: null }, 400],
		['a short key', { key: 'c2hvcnQ=' }, 400],
		['a long key', { key: Buffer.alloc(17).toString('base64') }, 400],
		['a key that is no base64', { key: '!!!!!!!!!!!!!!!!!!!!!!==' }, 400],
		['no Connection: upgrade', { connection: 'keep-alive' }, 426],
		['another upgrade', { upgrade: 'h2c' }, 426],
		['POST', { method: 'POST', headers: { 'Content-Length': '0' } }, 405],
		['HTTP/1.0', { http: 'HTTP/1.0' }, [400, 426]],
	])
		test(`with ${what} is refused: ${status}`, async (t) => {
			const response = await exchange(t, daemon.port, handshake(daemon.host, options));
			assert.ok([status].flat().includes(response.status), `${response.status} ${response.body}`);
			assert.equal(judgeFile('http-problem.json', JSON.parse(response.body)), null);
			if (response.status === 426 && options.version)
				assert.equal(response.headers['sec-websocket-version'], '13');
		});

	test('with a body never takes it for frames', async (t) => {
		const response = await exchange(t, daemon.port, Buffer.concat([
			Buffer.from(`${handshake(daemon.host, { headers: { 'Content-Length': '5' } })}hello`), frame(PING, 'now')]));
		assert.ok([101, 400].includes(response.status), response.body);
		if (response.status === 101)
			assert.equal((await new RawWebSocket(response.connection).frame()).payload.toString(), 'now');
	});

	test('counts the foreign pages it refused', async () => {
		const before = await daemon.metric('signald_origins_refused_total');
		const peer = new Peer(daemon.wsUrl, { origin: 'https://evil.example' });
		await assert.rejects(peer.opened, { status: 403 });
		assert.equal(await daemon.metric('signald_origins_refused_total'), before + 1);
	});
});

test('origins = * lets every page in', async (t) => {
	const daemon = await startDaemon(t, { sets: { 'http.origins': '*' } });
	for (const Origin of ['https://evil.example', 'null'])
		await openRawWs(t, daemon, { headers: { Origin } });
	const response = await fetch(`${daemon.url}/v1/ice`, { headers: { Origin: 'https://evil.example' } });
	assert.ok(['*', 'https://evil.example'].includes(response.headers.get('access-control-allow-origin')));
	assert.equal(response.headers.get('access-control-allow-credentials'), null);
});

test('accept keys are right for many keys', async (t) => {
	const daemon = await startDaemon(t);
	for (let i = 0; i < 50; i++) {
		const key = createHash('md5').update(`${i}`).digest('base64');
		const response = await exchange(t, daemon.port, handshake(daemon.host, { key }));
		const expected = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
		assert.equal(response.headers['sec-websocket-accept'], expected);
		response.connection.end();
	}
});
