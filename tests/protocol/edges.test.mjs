// edges.test.mjs: where two rules meet: a limit and a reload, an end and an answer.
import assert from 'node:assert/strict';
import { writeFile, chmod } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { freePort, makeFolder, startDaemon } from '../lib/daemon.mjs';
import { openRaw } from '../lib/http.mjs';
import { joinPeer, openPeer } from '../lib/peer.mjs';
import { handshake, joinRaw } from '../lib/rawws.mjs';

async function serveFile(t, name, size) {
	const folder = await makeFolder(t);
	await writeFile(path.join(folder, name), 'x'.repeat(size));
	await chmod(folder, 0o755);
	return startDaemon(t, { sets: { 'http.root': folder } });
}

async function lower(daemon, config) {
	await writeFile(daemon.configPath, config);
	daemon.signal('SIGHUP');
	await daemon.waitLog(/config\.reloaded/);
}

test('300 pipelined requests get 300 answers', async (t) => {
	const daemon = await serveFile(t, 'page.txt', 4000);
	const connection = await openRaw(t, daemon.port);
	await connection.write('GET /page.txt HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(300));
	for (let i = 0; i < 300; i++)
		assert.equal((await connection.response()).body.length, 4000);
});

test('two pipelined files beyond the output limit come whole', async (t) => {
	const daemon = await serveFile(t, 'large.txt', 3000000);
	const connection = await openRaw(t, daemon.port);
	await connection.write('GET /large.txt HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(2));
	for (let i = 0; i < 2; i++)
		assert.equal((await connection.response()).body.length, 3000000);
});

test('a client that has sent its last word still gets the whole answer', async (t) => {
	const daemon = await serveFile(t, 'large.txt', 9000000);
	const connection = await openRaw(t, daemon.port);
	connection.socket.end('GET /large.txt HTTP/1.1\r\nHost: a\r\n\r\n');
	assert.equal((await connection.response()).body.length, 9000000);
	await connection.closed();
});

test('a head limit lowered below what has come is an answer, not a crash', async (t) => {
	const daemon = await startDaemon(t, { config: '' });
	const connection = await openRaw(t, daemon.port);
	await connection.write(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(9000)}`);
	const other = await openRaw(t, daemon.port);
	await other.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
	await other.response();
	await lower(daemon, '[http]\nmax_head_bytes = 1024\nmax_target_bytes = 512\n');
	await connection.write('x'.repeat(50000));
	assert.equal((await connection.response()).status, 431);
	assert.equal((await fetch(`${daemon.url}/healthz`)).status, 200);
});

test('a body limit lowered below what has come refuses the rest', async (t) => {
	const daemon = await startDaemon(t, { config: '' });
	const connection = await openRaw(t, daemon.port);
	await connection.write('POST /v1/ice HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
		+ `7d0\r\n${'x'.repeat(2000)}\r\n`);
	const other = await openRaw(t, daemon.port);
	await other.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
	await other.response();
	await lower(daemon, '[http]\nmax_body_bytes = 1000\n');
	await connection.write('f0000000\r\nxxxx');
	assert.equal((await connection.response()).status, 413);
});

for (const what of ['join', 'leave'])
	test(`who ${what}s after go-away is still closed with 1012 in time`, async (t) => {
		const daemon = await startDaemon(t, { sets: { 'drain.spread_s': 1 } });
		const peer = what === 'leave' ? await joinPeer(t, daemon, 'end') : await openPeer(t, daemon);
		daemon.signal('SIGTERM');
		await peer.next('go-away');
		peer.send(what === 'leave' ? { type: 'leave' } : { type: 'join', room: 'end' });
		assert.equal((await peer.closed).code, 1012);
		await daemon.ended();
	});

test('a member that stands twice is refused with the ref of its message', async (t) => {
	const daemon = await startDaemon(t, {});
	const peer = await openPeer(t, daemon);
	peer.socket.send('{"type":"ping","ref":"twice","type":"ping"}');
	const error = await peer.next('error');
	assert.equal(error.code, 'bad-message');
	assert.equal(error.ref, 'twice');
});

test('subprotocols may be offered in several headers', async (t) => {
	const daemon = await startDaemon(t, {});
	const connection = await openRaw(t, daemon.port);
	await connection.write(handshake('a', { protocol: 'chat' })
		.replace(/\r\n\r\n$/, '\r\nSec-WebSocket-Protocol: other, signald.v1\r\n\r\n'));
	await connection.wait('101', () => connection.received.includes('HTTP/1.1 101 '));
});

test('a late joiner is told the number of viewers when it changes back', async (t) => {
	const daemon = await startDaemon(t, {});
	await joinPeer(t, daemon, 'stage', { role: 'watcher' });
	const second = await joinPeer(t, daemon, 'stage', { role: 'watcher' });
	const late = await joinPeer(t, daemon, 'stage');
	assert.equal(late.joined.viewers, 2);
	await second.close();
	let told;
	do
		told = await late.next('viewers');
	while (told.count !== 1);
});

test('a full server still shows its metrics', async (t) => {
	const metrics = await freePort();
	const daemon = await startDaemon(t, { sets: {
		'listen.max_connections': 2, 'listen.metrics': `127.0.0.1:${metrics}` } });
	for (let i = 0; i < 4; i++)
		await openRaw(t, daemon.port);
	assert.equal((await fetch(`http://127.0.0.1:${metrics}/metrics`)).status, 200);
});

test('one message as large as the output limit reaches its receiver', async (t) => {
	const daemon = await startDaemon(t, { sets: {
		'websocket.max_message_bytes': 65536, 'output.max_queued_bytes': 65536 } });
	const left = await joinPeer(t, daemon, 'large');
	const right = await joinPeer(t, daemon, 'large');
	const data = 'x'.repeat(65536 - JSON.stringify({ type: 'signal', to: right.id, data: '', ref: 'r1' }).length - 10);
	assert.equal((await left.request({ type: 'signal', to: right.id, data })).type, 'ack');
	assert.equal((await right.next('signal')).data, data);
});

test('memory behind the output of those who do not read is what the limit says', async (t) => {
	const daemon = await startDaemon(t, { sets: {
		'output.max_queued_bytes': 262144, 'output.stall_timeout_s': 60, 'limits.messages_per_s': 0 } });
	const loud = await joinPeer(t, daemon, 'memory');
	const deaf = await joinRaw(t, daemon, { room: 'memory' });
	deaf.connection.socket.pause();
	const told = loud.next('peer-left', 30000);
	// A broadcast is shared, a signal copied behind it: many small pieces.
	const timer = setInterval(() => {
		for (let i = 0; i < 2000; i++) {
			loud.send({ type: 'broadcast', data: 1 });
			loud.send({ type: 'signal', to: deaf.joined.id, data: 1 });
		}
	}, 10);
	t.after(() => clearInterval(timer));
	assert.equal((await told).reason, 'slow');
});

test('a relay that never answers is said in the log and in readyz', async (t) => {
	const nobody = await freePort();
	const daemon = await startDaemon(t, { sets: {
		'turn.host': '127.0.0.1', 'turn.secret': 'nobody-nobody-nobody', 'turn.port': nobody } });
	await daemon.waitLog(/turn\.down/);
	const ready = await fetch(`${daemon.url}/readyz`);
	assert.equal(ready.status, 503);
	assert.match(await ready.text(), /turn: main, 127\.0\.0\.1:\d+: nothing listens there over UDP/);
	assert.equal((await (await fetch(`${daemon.url}/v1/ice`)).json()).turn, false);
});
