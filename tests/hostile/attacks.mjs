// attacks.mjs: what strangers do to a server. Each attack resolves with what it
// saw, and throws when the server did not end what it must.
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { setTimeout as delay } from 'node:timers/promises';
import { TEXT, frame, handshake } from '../lib/rawws.mjs';
import { makeRandom } from '../lib/sio-flood.mjs';

const AT_ONCE = 100; // connections that are being made
const SCHEDULE_MS = 3000; // by which a busy machine may be late
const MB = 1024 * 1024;

function connect(port) {
	const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
	socket.on('error', () => {}); // a server may reset what it refuses
	return socket;
}

// Run one for each number, some at a time.
async function forEach(count, run, atOnce = AT_ONCE) {
	let next = 0;
	const worker = async () => {
		while (next < count)
			await run(next++);
	};
	await Promise.all(Array.from({ length: Math.min(count, atOnce) }, worker));
}

/*
 * Open connections, each of which says what say(number) gives and then nothing,
 * and wait until the server has ended all of them.
 *
 * Resolves with the longest that one lived, in ms.
 */
async function openAndWait(count, port, say, limitMs) {
	let slowestMs = 0, open = count;
	const ends = [];
	await forEach(count, async (i) => {
		const socket = connect(port);
		await once(socket, 'connect');
		const began = performance.now();
		socket.resume();
		const bytes = say(i);
		if (bytes)
			socket.write(bytes);
		ends.push(once(socket, 'close').then(() => {
			open--;
			slowestMs = Math.max(slowestMs, performance.now() - began);
		}));
	});
	await Promise.race([Promise.all(ends), delay(limitMs + SCHEDULE_MS, null, { ref: false })]);
	if (open || slowestMs > limitMs + SCHEDULE_MS)
		throw new Error(`${open} of ${count} silent connections are still open after ${limitMs} ms`);
	return Math.round(slowestMs);
}

// Connections that say nothing, or begin a request.
export async function sockets({ daemon, counts, timeoutMs }) {
	const began = ['', 'GET / HT', 'GET / HTTP/1.1\r\nHost: a\r\n'];
	const ms = await openAndWait(counts.sockets, daemon.port, (i) => began[i % began.length], timeoutMs);
	return `all ended within ${ms} ms`;
}

// Connections that are reset at every stage.
export async function resets({ daemon, counts }) {
	const shake = handshake(daemon.host);
	const stages = ['', 'GET / HT', shake.slice(0, 60), shake, `${shake}${frame(TEXT, '{"type":"join","room":"r"}').toString('latin1')}`];
	await forEach(counts.resets, async (i) => {
		const socket = connect(i % 7 === 6 ? daemon.tlsPort : daemon.port);
		await once(socket, 'connect');
		const bytes = stages[i % stages.length];
		if (bytes)
			await new Promise((resolve) => socket.write(bytes, 'latin1', resolve));
		if (i % 2)
			await delay(i % 5);
		socket.resetAndDestroy();
	});
	return `${counts.resets} reset`;
}

// What a TLS client says first; two thirds of it.
async function halfHello() {
	const server = net.createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	const client = tls.connect({ port: server.address().port, host: '127.0.0.1', servername: 'localhost' });
	client.on('error', () => {});
	const [peer] = await once(server, 'connection');
	const [hello] = await once(peer, 'data');
	client.destroy();
	peer.destroy();
	server.close();
	return hello.subarray(0, Math.floor(hello.length * 2 / 3));
}

// Handshakes of WebSocket and of TLS that stop half way.
export async function halfHandshakes({ daemon, counts, timeoutMs }) {
	const hello = await halfHello();
	const half = counts.handshakes / 2;
	const [ws, ssl] = await Promise.all([
		openAndWait(half, daemon.port, () => handshake(daemon.host).slice(0, -2), timeoutMs),
		openAndWait(half, daemon.tlsPort, () => hello, timeoutMs),
	]);
	return `all ended within ${ws} ms (WebSocket) and ${ssl} ms (TLS)`;
}

const NATIVE = [
	'{"type":"join","room":"mutant","role":"peer","name":"x","metadata":{"a":[1]},"ref":1}',
	'{"type":"join","room":"mutant","inst":4294967297,"try":2,"auth":{}}',
	'{"type":"signal","to":"xxxxxxxxxxxxxxxxxxxxxx","data":{"a":"\\u00fc"},"n":5}',
	'{"type":"offer","to":["xxxxxxxxxxxxxxxxxxxxxx","y"],"ti":[1,0],"p":[0,2],"n":5,"sn":1,"description":{}}',
	'{"type":"broadcast","data":[1,2.5e3,null,true]}', '{"type":"ice","ttl":60}', '{"type":"peers","after":1}',
	'{"type":"ack","sn":3}', '{"type":"leave"}', '{"type":"ping","ref":"a"}',
	`{"type":"resume","token":"${'AQEAAQ'.repeat(12)}","inst":7,"try":1,"epoch":12345,"last":4}`,
];
const SOCKETIO = [
	'40', '40/chat,{"token":"x"}', '42["broadcaster"]', '42["watcher"]', '42["offer","xxxxxxxx",{"sdp":"v=0"}]', '421["join","x"]',
	'451-["x",{"_placeholder":true,"num":0}]', '41', '2probe', '3', '5', '430["x"]',
];

function mutate(text, random) {
	const bytes = Buffer.from(text);
	for (let flips = 1 + random(3); flips > 0; flips--)
		bytes[random(bytes.length)] = random(4) ? 32 + random(95) : random(256);
	return random(10) ? bytes : bytes.subarray(0, random(bytes.length + 1));
}

// A connection of mutated messages, and of mutated frames around some.
async function mutant(daemon, random, messages) {
	const isNative = random(2) === 0;
	const samples = isNative ? NATIVE : SOCKETIO;
	const socket = connect(daemon.port);
	await once(socket, 'connect');
	const closed = once(socket, 'close');
	socket.resume();
	const shake = isNative ? handshake(daemon.host)
		: handshake(daemon.host, { path: '/socket.io/?EIO=4&transport=websocket', protocol: null });
	socket.write(shake);
	for (let i = 0; i < messages && !socket.destroyed; i++) {
		const whole = frame(TEXT, random(6) ? mutate(samples[random(samples.length)], random) : samples[random(samples.length)],
			{ mask: Buffer.from([1, 2, 3, random(256)]) });
		if (random(40) === 0)
			whole[random(whole.length)] ^= 1 << random(8);
		if (!socket.write(whole))
			await Promise.race([once(socket, 'drain'), closed]);
		if (i % 8 === 7)
			await new Promise(setImmediate);
	}
	socket.end();
	await Promise.race([closed, delay(2000, null, { ref: false })]);
	socket.destroy();
}

export async function mutations({ daemon, counts, seed }) {
	const random = makeRandom(seed);
	const each = 50;
	await forEach(counts.messages / each, () => mutant(daemon, random, each), 8);
	return `${counts.messages} sent, seed ${seed}`;
}

// Say one more byte of something every half second, until it is over.
async function drip(port, head, rest, limitMs) {
	const socket = connect(port);
	await once(socket, 'connect');
	socket.resume();
	const began = performance.now();
	let isOver = false;
	const closed = once(socket, 'close').then(() => (isOver = true));
	socket.write(head);
	for (let at = 0; !isOver && at < rest.length; at++) {
		socket.write(rest[at], () => {});
		await Promise.race([closed, delay(500)]);
		if (performance.now() - began > limitMs + SCHEDULE_MS)
			throw new Error(`a slow request goes on after ${limitMs} ms`);
	}
	return performance.now() - began;
}

export async function slowRequests({ daemon, counts, timeoutMs }) {
	const long = 'x'.repeat(1000);
	const body = `POST /v1/ice HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n`;
	const chunked = `POST /v1/ice HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n`;
	const heads = ['GET / HTTP/1.1\r\nHost: a\r\nX: ', body, chunked];
	const all = await Promise.all(Array.from({ length: counts.slow }, (_, i) => drip(daemon.port, heads[i % 3], long, timeoutMs)));
	return `all ended within ${Math.round(Math.max(...all))} ms`;
}

// A client that asks for long lists and does not read them.
function openDeaf(port, host) {
	const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
	// One that reads nothing hears of the end by what it writes.
	const over = () => (socket.isOver = true);
	socket.pause();
	socket.on('error', over).on('close', over);
	const metadata = JSON.stringify({ x: 'x'.repeat(4000) });
	socket.write(Buffer.concat([Buffer.from(handshake(host)), frame(TEXT, `{"type":"join","room":"deaf","metadata":${metadata}}`)]));
	return socket;
}

// What waits for those who do not read stays within its limit, and they are cut.
export async function nonReaders({ daemon, counts, stallMs }) {
	const asks = Buffer.concat(Array.from({ length: 20 }, () => frame(TEXT, '{"type":"peers","after":0}')));
	const began = performance.now();
	const all = Array.from({ length: counts.deaf }, () => openDeaf(daemon.port, daemon.host));
	const open = () => all.filter(({ isOver }) => !isOver);
	let mostBytes = 0;
	try {
		while (open().length) {
			for (const socket of open())
				if (socket.writableLength < MB)
					socket.write(asks);
			mostBytes = Math.max(mostBytes, await daemon.metric('signald_send_queue_bytes'));
			if (performance.now() - began > stallMs + 2 * SCHEDULE_MS)
				throw new Error(`${open().length} of ${counts.deaf} clients that do not read are still there`);
			await delay(50);
		}
	} finally {
		for (const socket of all)
			socket.destroy();
	}
	if (mostBytes > counts.deaf * MB)
		throw new Error(`${mostBytes} bytes waited for ${counts.deaf} clients that do not read`);
	return `all cut within ${Math.round(performance.now() - began)} ms, at most ${Math.ceil(mostBytes / counts.deaf / 1024)} KiB each`;
}
