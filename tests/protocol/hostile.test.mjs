// Hostile and broken clients: each is refused or cut with its reason, while a
// call beside it goes on undisturbed.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { besideCall } from '../lib/canary.mjs';
import { startDaemon, until, useDaemon } from '../lib/daemon.mjs';
import { openRaw } from '../lib/http.mjs';
import { joinPeer, openPeer } from '../lib/peer.mjs';
import { TEXT, frame, handshake, joinRaw, openRawWs } from '../lib/rawws.mjs';
import { joinSession } from '../lib/session.mjs';

const QUICK = {
	'http.head_timeout_s': 1, 'http.body_timeout_s': 1, 'websocket.join_timeout_s': 2,
	'websocket.max_message_bytes': 250000, 'websocket.ping_interval_s': 1, 'websocket.silence_timeout_s': 3,
};
// Silence is not what cuts these.
const STALLING = {
	'output.stall_timeout_s': 2, 'output.max_queued_bytes': 262144, 'websocket.max_message_bytes': 250000,
	'limits.messages_per_s': 0, 'limits.credentials_per_minute': 0,
};

describe('beside a call', () => {
	let daemon;
	useDaemon({ sets: QUICK }, (d) => (daemon = d));

	for (const [what, text] of [
		['100,000 brackets', '['.repeat(100000)],
		['20,000 levels in one member', `{"type":"ping","x":${'[{"a":'.repeat(10000)}`],
		['deep objects that are closed', `${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}`],
	])
		test(`${what} close with 1007`, async (t) => {
			await besideCall(t, daemon, async () => {
				const ws = await openRawWs(t, daemon);
				await ws.send(frame(TEXT, text));
				assert.equal((await ws.message('error')).code, 'bad-json');
				const closing = await ws.closing();
				assert.equal(closing.code, 1007);
				assert.match(closing.reason, /JSON|nested|deep/i);
			});
		});

	test('a 300 kB message of brackets closes with 1009', async (t) => {
		await besideCall(t, daemon, async () => {
			const ws = await openRawWs(t, daemon);
			void ws.send(frame(TEXT, '['.repeat(300000)));
			assert.equal((await ws.closing()).code, 1009);
		});
	});

	test('a half-sent frame ends with the silence timeout, and is told as lost', async (t) => {
		await besideCall(t, daemon, async () => {
			const broken = await joinRaw(t, daemon, { room: 'half' });
			const witness = await joinPeer(t, daemon, 'half');
			await broken.send(frame(TEXT, `{"type":"ping","x":"${'x'.repeat(500)}"}`).subarray(0, 300));
			const left = await witness.next('peer-left', 8000);
			assert.equal(left.id, broken.joined.id);
			assert.equal(left.reason, 'lost');
			await broken.connection.closed();
		});
	});

	test('a slow head is cut with 408', async (t) => {
		await besideCall(t, daemon, async () => {
			const slow = await Promise.all(Array.from({ length: 20 }, () => openRaw(t, daemon.port)));
			for (const connection of slow)
				await connection.write('GET / HTTP/1.1\r\nHost: a\r\nX: ');
			for (const connection of slow) {
				assert.equal((await connection.response()).status, 408);
				await connection.closed();
			}
		});
	});

	test('a half-made handshake is cut with 408', async (t) => {
		await besideCall(t, daemon, async () => {
			const connection = await openRaw(t, daemon.port);
			await connection.write(handshake(daemon.host).slice(0, -2));
			assert.equal((await connection.response()).status, 408);
			await connection.closed();
		});
	});

	test('a WebSocket that joins no room is closed with 1008', async (t) => {
		await besideCall(t, daemon, async () => {
			const closing = await (await openRawWs(t, daemon)).closing();
			assert.equal(closing.code, 1008);
		});
	});

	test('a thousand connections that come and go at once disturb nobody', async (t) => {
		await besideCall(t, daemon, async () => {
			for (let round = 0; round < 10; round++) {
				const all = await Promise.all(Array.from({ length: 100 }, () => openRaw(t, daemon.port)));
				all.forEach((connection, i) => {
					if (i % 3 === 0)
						void connection.write('GET / HT');
					if (i % 3 === 1)
						void connection.write(handshake(daemon.host));
				});
				all.forEach((connection) => connection.end());
			}
			await until('they are gone', async () => await daemon.metric('signald_connections') <= 4);
		});
	});

	test('mutated messages: every one is answered, refused or closed, and nothing dies', async (t) => {
		await besideCall(t, daemon, async () => {
			let seed = 1;
			const random = (below) => {
				seed = (seed * 1103515245 + 12345) % 2147483648;
				return Math.floor(seed / 2147483648 * below);
			};
			const samples = [
				'{"type":"join","room":"mutant","role":"peer","name":"x","metadata":{"a":[1]},"ref":1}',
				'{"type":"signal","to":"xxxxxxxxxxxxxxxxxxxxxx","data":{"a":"\\u00fc"},"n":5}',
				'{"type":"broadcast","data":[1,2.5e3,null,true]}', '{"type":"ice","ttl":60}', '{"type":"peers","after":1}',
				'{"type":"join","room":"mutant","inst":4294967297,"try":2,"auth":{}}', '{"type":"ack","sn":3}',
				'{"type":"signal","to":["xxxxxxxxxxxxxxxxxxxxxx","yyyy"],"ti":[1,0],"p":[0,2],"n":5,"sn":1,"data":1}',
				`{"type":"resume","token":"${'AQEAAQ'.repeat(12)}","inst":7,"try":1,"epoch":12345,"last":4}`,
			];
			for (let round = 0; round < 40; round++) {
				const ws = await openRawWs(t, daemon);
				for (let i = 0; i < 50; i++) {
					const bytes = Buffer.from(samples[random(samples.length)]);
					for (let flips = 1 + random(3); flips > 0; flips--)
						bytes[random(bytes.length)] = random(4) ? 32 + random(95) : random(256);
					const whole = frame(TEXT, bytes);
					if (random(20) === 0)
						whole[random(whole.length)] ^= 1 << random(8);
					if (!ws.connection.isClosed)
						void ws.send(whole);
				}
				ws.end();
			}
		});
	});
});

describe('who does not read, beside a call', () => {
	let daemon;
	useDaemon({ sets: STALLING }, (d) => (daemon = d));

	test('who asks for 100,000 ICE lists and reads none is cut, not fed', async (t) => {
		await besideCall(t, daemon, async () => {
			const greedy = await joinRaw(t, daemon, { room: 'greedy' });
			const witness = await joinPeer(t, daemon, 'greedy');
			greedy.connection.socket.pause();
			const many = Buffer.concat(Array.from({ length: 1000 }, () => frame(TEXT, '{"type":"ice"}')));
			let isCut = false;
			greedy.connection.socket.on('close', () => (isCut = true));
			const left = witness.next('peer-left', 20000);
			for (let i = 0; i < 100 && !isCut; i++)
				void greedy.connection.socket.write(many);
			const message = await left;
			assert.equal(message.id, greedy.joined.id);
			assert.match(message.reason, /slow|lost/);
		});
	});

	test('a peer that does not read is cut with its reason; its room goes on', async (t) => {
		await besideCall(t, daemon, async () => {
			const sender = await joinPeer(t, daemon, 'deaf');
			const other = await joinPeer(t, daemon, 'deaf');
			const deaf = await joinRaw(t, daemon, { room: 'deaf' });
			deaf.connection.socket.pause();
			const data = 'x'.repeat(30000);
			let sent = 0;
			const left = sender.next('peer-left', 20000);
			let isOver = false;
			void left.then(() => (isOver = true));
			while (!isOver && sent < 2000) {
				sender.send({ type: 'signal', to: deaf.joined.id, data });
				await sender.request({ type: 'signal', to: other.id, data: ++sent });
			}
			const message = await left;
			assert.equal(message.id, deaf.joined.id);
			assert.equal(message.reason, 'slow');
			for (let i = 1; i <= sent; i++)
				assert.equal((await other.next('signal')).data, i);
		});
		assert.ok(await daemon.metric('signald_closed_total{reason="slow"}') >= 1);
		await daemon.waitLog(/slow/);
	});

	test('a burst larger than the output limit is refused: queue-full, then cut', async (t) => {
		await besideCall(t, daemon, async () => {
			const sender = await joinPeer(t, daemon, 'burst');
			const deaf = await joinRaw(t, daemon, { room: 'burst' });
			deaf.connection.socket.pause();
			const data = 'x'.repeat(60000);
			for (let i = 0; i < 400; i++)
				sender.send({ type: 'signal', to: deaf.joined.id, data, ref: i });
			const error = await sender.next('error', 15000);
			assert.ok(['queue-full', 'unknown-peer'].includes(error.code), error.code);
			assert.equal((await sender.next('peer-left', 15000)).reason, 'slow');
		});
	});

	test('a session that does not read is cut, and gets what was kept for it over its next connection', async (t) => {
		await besideCall(t, daemon, async () => {
			const room = 'deaf session';
			const sender = await joinSession(t, daemon, room, { metadata: { x: 'x'.repeat(4000) } });
			const deaf = await joinSession(t, daemon, room);
			deaf.link.socket._socket.pause();
			for (let i = 1; i <= 20; i++)
				sender.say(deaf, 'x'.repeat(30000));
			await sender.settle();
			// Its log may fill a quarter of the output; what it cannot keep is said at once.
			assert.deepEqual(sender.heard('error').map(({ code, n }) => [code, n]).slice(0, 2), [['queue-full', 3], ['gap', 4]]);
			for (let i = 0; i < 3000; i++)
				deaf.send({ type: 'peers', after: 0 });
			assert.deepEqual(await sender.next('peer-away'), { type: 'peer-away', id: deaf.id });
			assert.equal((await deaf.resume({ last: 0 })).type, 'resumed');
			for (let n = 1; n <= 2; n++)
				assert.equal((await deaf.next('signal')).n, n);
			deaf.ack();
			while (sender.pendingTo(deaf)[0].n <= 2)
				await sender.next('ack');
		});
		assert.ok(await daemon.metric('signald_closed_total{reason="slow"}') >= 1);
	});

	// Something waits to be sent, and half a second later it still does.
	async function isStuck() {
		for (let i = 0; i < 25; i++) {
			if (await daemon.metric('signald_send_queue_bytes') === 0)
				return false;
			await delay(20);
		}
		return true;
	}

	test('a reader that stands still is cut by time, however little waits for it', async (t) => {
		await besideCall(t, daemon, async () => {
			const sender = await joinPeer(t, daemon, 'stalled');
			const deaf = await joinRaw(t, daemon, { room: 'stalled' });
			deaf.connection.socket.pause();
			// Until the kernel takes no more of it, then not one byte more.
			let lastSent;
			while (!sender.heard('peer-left').length && !await isStuck()) {
				lastSent = performance.now();
				sender.send({ type: 'signal', to: deaf.joined.id, data: 'x'.repeat(20000) });
				await sender.settle();
			}
			const left = await sender.next('peer-left', 15000);
			assert.equal(left.id, deaf.joined.id);
			assert.equal(left.reason, 'slow');
			assert.ok(performance.now() - lastSent > 1500, 'it was time that cut it');
		});
	});
});

test('when descriptors run out, accepting pauses; it goes on when some are free', async (t) => {
	const daemon = await startDaemon(t, { openFiles: 64, sets: { 'http.head_timeout_s': 60 } });
	await besideCall(t, daemon, async () => {
		const held = [];
		for (let i = 0; i < 100; i++)
			held.push(await openRaw(t, daemon.port));
		await daemon.waitLog(/listener\.pause.*Too many open files/);
		for (const connection of held)
			connection.end();
		await until('new connections are answered', () =>
			fetch(`${daemon.url}/healthz`, { signal: AbortSignal.timeout(1000) }).then((r) => r.ok, () => false));
	});
	assert.ok(await daemon.metric('signald_accept_pauses_total') >= 1);
	await joinPeer(t, daemon, 'after');
});

test('connections over max_connections wait, and are served when there is room', async (t) => {
	const daemon = await startDaemon(t, { sets: { 'listen.max_connections': 5, 'http.head_timeout_s': 60 } });
	const held = [];
	for (let i = 0; i < 5; i++) {
		held.push(await joinPeer(t, daemon, 'full'));
	}
	const waiting = await openRaw(t, daemon.port);
	await waiting.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
	await held[0].settle();
	assert.equal(waiting.received.length, 0);
	await held[0].close();
	assert.equal((await waiting.response()).status, 200);
});

test('a log line cannot be forged, and holds no secret, credential or SDP', async (t) => {
	const secret = 'the-secret-that-nobody-may-read-0';
	const daemon = await startDaemon(t, { sets: { 'turn.host': 'turn.example', 'turn.probe': 'no', 'turn.secret': secret, 'log.level': 'debug' } });
	const name = 'x\u2028level=error event=forged "y"';
	const left = await joinPeer(t, daemon, 'log level=error\u2028event=forged', { name });
	const right = await joinPeer(t, daemon, left.joined.room);
	const sdp = 'v=0\r\na=ice-pwd:PASSWORDOFTHESDP\r\n';
	await left.request({ type: 'offer', to: right.id, description: { type: 'offer', sdp } });
	await left.request({ type: 'candidate', to: right.id, candidate: { candidate: 'CANDIDATELINE' } });
	const odd = await openPeer(t, daemon);
	odd.send({ type: 'join', room: 'odd', role: 'SDPINROLE PASSWORDOFTHESDP' });
	await odd.next('error');
	odd.socket.send(`{"type":"offer","PASSWORDOFTHESDP`);
	await odd.closed;
	await fetch(`${daemon.url}/v1/ice?token=PASSWORDOFTHESDP`);
	const { credential } = left.joined.iceServers.find((server) => server.credential);
	await left.close();
	await right.next('peer-left');
	for (const word of [secret, credential, 'PASSWORDOFTHESDP', 'CANDIDATELINE'])
		assert.equal(daemon.log.includes(word), false, `${word} in the log`);
	for (const line of daemon.log.trimEnd().split('\n'))
		assert.doesNotMatch(line, /^\S*\s*event=forged/);
	assert.match(daemon.log, /peer/, 'the log says something at all');
});
