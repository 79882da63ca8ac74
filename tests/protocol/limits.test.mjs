// What one address, one user or one connection may ask for: who asks for more
// hears when to come again, and nobody else notices.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { io } from 'socket.io-client';
import { besideCall } from '../lib/canary.mjs';
import { startDaemon, until } from '../lib/daemon.mjs';
import { atEnd } from '../lib/ending.mjs';
import { openRaw } from '../lib/http.mjs';
import { joinPeer, openPeer } from '../lib/peer.mjs';
import { handshake } from '../lib/rawws.mjs';
import { joinSession } from '../lib/session.mjs';

const limited = (daemon, kind) => daemon.metric(`signald_limited_total{kind="${kind}"}`);

describe('one address', () => {
	test('that asks too often by HTTP gets 429 with Retry-After, and its connection is closed', async (t) => {
		const daemon = await startDaemon(t, { sets: { 'limits.requests_per_s': 1, 'limits.requests_burst': 8 } });
		let refused;
		for (let i = 0; i < 10 && !refused; i++) {
			const answer = await fetch(`${daemon.url}/version`);
			if (answer.status !== 200)
				refused = answer;
			else
				await answer.text();
		}
		assert.equal(refused.status, 429);
		assert.equal(refused.headers.get('content-type'), 'application/problem+json');
		assert.equal(refused.headers.get('retry-after'), '1');
		assert.equal(refused.headers.get('connection'), 'close');
		const problem = await refused.json();
		assert.deepEqual([problem.status, problem.title], [429, 'Too Many Requests']);
		assert.match(problem.detail, /Retry-After/);
		assert.ok(await limited(daemon, 'requests') >= 1);
		await daemon.waitLog(/limit.reached kind=requests by=127.0.0.1 times=1 key=limits.requests_per_s/);
		await until('it may ask again', async () => (await fetch(`${daemon.url}/version`)).status === 200);
	});

	test('gets no more ICE lists than it may', async (t) => {
		const daemon = await startDaemon(t, { sets: { 'limits.credentials_per_minute': 1, 'limits.credentials_burst': 2 } });
		const peer = await joinPeer(t, daemon, 'lists');
		assert.equal((await fetch(`${daemon.url}/v1/ice`)).status, 200);
		assert.equal((await peer.request({ type: 'ice' })).type, 'ice');
		const refused = await fetch(`${daemon.url}/v1/ice`);
		assert.equal(refused.status, 429);
		const seconds = Number(refused.headers.get('retry-after'));
		assert.ok(seconds > 50 && seconds <= 60, `${seconds} s`);
		const error = await peer.request({ type: 'ice' });
		assert.deepEqual([error.type, error.code], ['error', 'rate-limited']);
		assert.ok(error.retryAfter > 50 && error.retryAfter <= 60);
		assert.equal(await limited(daemon, 'credentials'), 2);
	});

	test('opens no more connections at once than it may, and one that ends makes room', async (t) => {
		const daemon = await startDaemon(t, { sets: { 'limits.connections': 5 } });
		const peers = [];
		for (let i = 0; i < 3; i++)
			peers.push(await joinPeer(t, daemon, `room${i}`));
		await until('its other connections are gone', async () => await daemon.metric('signald_connections') <= 5);
		const raw = [];
		for (let i = 0; i < 6; i++)
			raw.push(await openRaw(t, daemon.port));
		await until('some are refused', async () => await limited(daemon, 'at-once') > 0);
		await peers[0].settle();
		for (const connection of raw)
			connection.end();
		await until('there is room', async () => openPeer(t, daemon).then(() => true, () => false));
	});

	test('opens connections no faster than it may', async (t) => {
		const daemon = await startDaemon(t, { sets: { 'limits.connections_per_s': 1, 'limits.connections_burst': 20 } });
		await besideCall(t, daemon, async () => {
			for (let i = 0; i < 25; i++)
				await openRaw(t, daemon.port);
			await until('some are refused', async () => await limited(daemon, 'connections') > 0);
		});
	});

	test('begins no more WebSockets and Socket.IO sessions than it may', async (t) => {
		const daemon = await startDaemon(t, { sets: { 'limits.handshakes_per_s': 1, 'limits.handshakes_burst': 2 } });
		await openPeer(t, daemon);
		const answer = await fetch(`${daemon.url}/socket.io/?EIO=4&transport=polling`);
		assert.equal(answer.status, 200);
		const refused = (await Promise.allSettled(Array.from({ length: 8 }, () => openPeer(t, daemon)))).map(({ reason }) => reason).filter(Boolean);
		assert.ok(refused.length > 0);
		assert.ok(refused.every(({ status, headers }) => status === 429 && headers['retry-after'] === '1'));
		const polls = await Promise.all(Array.from({ length: 8 }, () => fetch(`${daemon.url}/socket.io/?EIO=4&transport=polling`)));
		assert.ok(polls.some(({ status }) => status === 429));
	});

	test('joins no faster than it may, hears when it may again, and is closed when it does not wait', async (t) => {
		const daemon = await startDaemon(t, { sets: { 'limits.joins_per_s': 1, 'limits.joins_burst': 3 } });
		await besideCall(t, daemon, async () => {
			await joinPeer(t, daemon, 'joins');
			const peers = await Promise.all(Array.from({ length: 8 }, () => openPeer(t, daemon)));
			const answers = await Promise.all(peers.map((one) => one.join('joins')));
			const peer = peers[answers.findIndex(({ type }) => type === 'error')];
			const error = peer.joined;
			assert.deepEqual([error.type, error.code, error.retryAfter], ['error', 'rate-limited', 1]);
			assert.match(error.message, /retryAfter/);
			for (let i = 0; i < 40; i++)
				peer.send({ type: 'join', room: 'joins' });
			assert.deepEqual(await peer.closed, { code: 1008, reason: 'rate limited' });
			const patient = await openPeer(t, daemon);
			await delay(1000 * (await patient.join('joins')).retryAfter);
			assert.equal((await patient.join('joins')).type, 'joined');
		});
	});

	test('makes no more rooms than it may', async (t) => {
		const daemon = await startDaemon(t, { sets: { 'limits.rooms_per_minute': 1, 'limits.rooms_burst': 2 } });
		await joinPeer(t, daemon, 'one');
		await joinPeer(t, daemon, 'two');
		await joinPeer(t, daemon, 'two');
		const peer = await openPeer(t, daemon);
		const error = await peer.join('three');
		assert.deepEqual([error.type, error.code], ['error', 'rate-limited']);
		assert.ok(error.retryAfter > 30 && error.retryAfter <= 60);
		assert.equal((await peer.join('one')).type, 'joined');
		assert.equal(await limited(daemon, 'rooms'), 1);
	});

	test('whose Socket.IO clients join too often hears it as a connect_error with data', async (t) => {
		const daemon = await startDaemon(t, { sets: { 'limits.joins_per_s': 1, 'limits.joins_burst': 2 } });
		const connect = () => {
			const socket = io(daemon.url, { transports: ['websocket'], forceNew: true, reconnection: false });
			atEnd(t, () => socket.disconnect());
			return new Promise((resolve) => {
				socket.on('connect', () => resolve('connected'));
				socket.on('connect_error', resolve);
			});
		};
		assert.equal(await connect(), 'connected');
		const error = (await Promise.all(Array.from({ length: 8 }, connect))).find((answer) => answer !== 'connected');
		assert.equal(error.message, 'rate-limited');
		assert.deepEqual(error.data, { code: 'rate-limited', retryAfter: 1 });
	});
});

describe('who was here before', () => {
	// Thirty newcomers and thirty more would be too many for these.
	const FEW = {
		'limits.connections': 40, 'limits.connections_per_s': 1, 'limits.connections_burst': 45,
		'limits.handshakes_per_s': 1, 'limits.handshakes_burst': 45, 'limits.joins_per_s': 1, 'limits.joins_burst': 35,
	};

	test('comes back by a token at the expense of nobody, again and again', async (t) => {
		const daemon = await startDaemon(t, { sets: FEW });
		const peers = [];
		for (let i = 0; i < 30; i++)
			peers.push(await joinSession(t, daemon, `storm${i >> 1}`));
		for (let round = 0; round < 4; round++) {
			for (const peer of peers)
				await peer.cut();
			// As many at once as the burst has left.
			for (let i = 0; i < peers.length; i += 10) {
				const answers = await Promise.all(peers.slice(i, i + 10).map((peer) => peer.resume()));
				assert.deepEqual(answers.filter(({ type }) => type !== 'resumed'), []);
			}
		}
		assert.equal(await limited(daemon, 'connections'), 0);
		// And a newcomer is one.
		await joinPeer(t, daemon, 'new');
	});

	test('is limited by its own bucket', async (t) => {
		const daemon = await startDaemon(t, { sets: { 'limits.user_joins_per_minute': 1, 'limits.user_joins_burst': 2 } });
		const [often, other] = [await joinSession(t, daemon, 'often'), await joinSession(t, daemon, 'often')];
		for (let i = 0; i < 2; i++) {
			await often.cut();
			assert.equal((await often.resume()).type, 'resumed');
		}
		await often.cut();
		const error = await often.resume();
		assert.deepEqual([error.type, error.code], ['error', 'rate-limited']);
		assert.ok(error.retryAfter > 30 && error.retryAfter <= 60);
		await other.cut();
		assert.equal((await other.resume()).type, 'resumed');
		assert.equal(await limited(daemon, 'user'), 1);
	});
});

describe('one connection that sends too much', () => {
	test('is read no faster than it may send, is told so once, and loses nothing', async (t) => {
		const daemon = await startDaemon(t, { sets: { 'limits.messages_per_s': 400, 'limits.messages_burst': 100 } });
		await besideCall(t, daemon, async () => {
			const receiver = await joinPeer(t, daemon, 'flood');
			const sender = await joinPeer(t, daemon, 'flood');
			const began = performance.now();
			for (let i = 0; i < 700; i++)
				sender.send({ type: 'signal', to: receiver.id, data: i });
			const error = await sender.next('error');
			assert.deepEqual([error.code, error.retryAfter, error.ref], ['rate-limited', 1, undefined]);
			for (let i = 0; i < 700; i++)
				assert.equal((await receiver.next('signal')).data, i);
			const seconds = (performance.now() - began) / 1000;
			assert.ok(seconds > 1.3 && seconds < 6, `${seconds} s`);
			await sender.settle();
			const told = 1 + sender.heard('error').length;
			assert.ok(told <= seconds + 1, `told ${told} times`);
			assert.ok(await limited(daemon, 'messages') >= 1);
		});
	});

	test('counts bytes as well, of parts of messages too', async (t) => {
		const daemon = await startDaemon(t, { sets: { 'limits.bytes_per_s': 50000, 'limits.bytes_burst': 50000 } });
		const sender = await joinPeer(t, daemon, 'bytes');
		const began = performance.now();
		const ref = sender.request({ type: 'broadcast', data: 'x'.repeat(60000) });
		const others = [1, 2].map(() => sender.request({ type: 'broadcast', data: 'x'.repeat(60000) }));
		assert.equal((await ref).type, 'ack');
		for (const other of others)
			assert.equal((await other).type, 'ack');
		assert.ok(performance.now() - began > 1000);
	});

	test('counts pings of WebSocket too', async (t) => {
		const daemon = await startDaemon(t, { sets: { 'limits.messages_per_s': 50, 'limits.messages_burst': 20 } });
		const peer = await joinPeer(t, daemon, 'pings');
		for (let i = 0; i < 60; i++)
			peer.socket.ping('x');
		assert.equal((await peer.next('error')).code, 'rate-limited');
		await peer.settle();
	});
});

describe('a proxy that is trusted', () => {
	const TRUSTED = { 'proxy.trusted': '127.0.0.1', 'limits.requests_per_s': 1, 'limits.requests_burst': 3 };
	const ask = async (daemon, headers) => (await fetch(`${daemon.url}/version`, { headers })).status;

	test('says who its client is: each client has its own limits', async (t) => {
		const daemon = await startDaemon(t, { sets: TRUSTED });
		const from = (address) => ask(daemon, { 'X-Forwarded-For': address });
		for (let i = 0; i < 3; i++)
			assert.equal(await from('192.0.2.7'), 200);
		assert.equal(await from('192.0.2.7'), 429);
		assert.equal(await from('198.51.100.1, 192.0.2.7'), 429, 'what the client made up counts for nothing');
		assert.equal(await from('192.0.2.7, 127.0.0.1'), 429, 'one trusted proxy behind the other');
		assert.equal(await from('192.0.2.8'), 200);
		for (let i = 0; i < 3; i++)
			assert.equal(await from(`2001:db8::${i}`), 200);
		assert.equal(await from('2001:db8::ffff'), 429, 'one /64 is one client');
		assert.equal(await from('2001:db8:0:1::1'), 200);
	});

	test('names the address that logs and connections have', async (t) => {
		const daemon = await startDaemon(t, { sets: { ...TRUSTED, 'proxy.header': 'forwarded', 'limits.connections': 1 } });
		const connection = await openRaw(t, daemon.port);
		const headers = { Forwarded: 'for=10.9.9.9, for="[2001:db8:7::1]:4711";proto=https' };
		await connection.write(handshake(daemon.host, { headers }));
		assert.equal((await connection.response()).status, 101);
		const second = await openRaw(t, daemon.port);
		await second.write(handshake(daemon.host, { headers }));
		assert.equal((await second.response()).status, 429, 'it may have one connection');
		await daemon.waitLog(/kind=at-once by=2001:db8:7::\/64/);
	});

	test('is believed because of its address alone', async (t) => {
		const daemon = await startDaemon(t, { sets: { ...TRUSTED, 'proxy.trusted': '192.0.2.0/24' } });
		const all = [];
		for (let i = 0; i < 5; i++)
			all.push(await ask(daemon, { 'X-Forwarded-For': `192.0.2.${i}`, Forwarded: `for=192.0.2.${i}` }));
		assert.equal(all.at(-1), 429, 'an address that anybody can write changes nothing');
		await daemon.waitLog(/kind=requests by=127.0.0.1/);
	});
});
