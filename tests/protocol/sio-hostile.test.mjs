// Hostile Socket.IO clients: each is refused or ended, while a pair of clients
// beside it goes on undisturbed.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openRaw } from '../lib/http.mjs';
import { TEXT, frame, handshake } from '../lib/rawws.mjs';
import { besideCanary } from '../lib/sio-canary.mjs';
import { encodePayload } from '../lib/sio-codec.mjs';
import { makeRandom } from '../lib/sio-flood.mjs';
import { get, join, newRoom, openPolling, openWs } from '../lib/sio.mjs';
import { isReference, ownTest, useTarget } from '../lib/sio-target.mjs';

const nested = (levels) => '['.repeat(levels) + ']'.repeat(levels);
const holder = '{"_placeholder":true,"num":0}';
const QUICK = { 'socketio.ping_interval_s': 1, 'socketio.ping_timeout_s': 1, 'socketio.connect_timeout_s': 2, 'socketio.upgrade_timeout_s': 2 };

const own = (sets) => (isReference ? {} : sets);

describe('beside a canary', () => {
	let target;
	useTarget({ sets: { ...QUICK, ...own({ 'output.stall_timeout_s': 2, 'output.max_queued_bytes': 262144 }) } }, (it) => (target = it));

	// The reference dies of deep JSON that it relays, stands still over brackets,
	// has no ear for a close over WebSocket, and feeds who never reads.
	const isOwn = (name) => /levels of JSON|of brackets|then silence|never reads its answers/.test(name);
	const hostile = (name, run) => (isOwn(name) ? ownTest : test)(name, (t) => besideCanary(t, target, () => run(t)));

	// 20 sessions over each transport say this; all end.
	const ending = (name, packets, { nsp = '/', isEarly = false } = {}) => hostile(name, async (t) => {
		for (const transport of ['websocket', 'polling']) {
			const sessions = [];
			for (let i = 0; i < 20; i++)
				sessions.push(isEarly ? await { websocket: openWs, polling: openPolling }[transport](t, target)
					: await join(t, target, { transport, nsp }));
			for (const session of sessions)
				void session.send(...packets)?.catch?.(() => {});
			for (const session of sessions)
				await session.over();
		}
	});

	ending('a second CONNECT', ['40']);
	ending('events before CONNECT', ['42["offer","x",1]'], { isEarly: true });
	ending('binary before CONNECT', [Buffer.from('x')], { isEarly: true });
	ending('100,000 levels of JSON', [`42["offer","x",${nested(100000)}]`]);
	ending('200 kB of brackets', [`42${'['.repeat(200000)}`]);
	ending('200 kB of braces', [`42[${'{"a":'.repeat(40000)}`]);
	ending('a reserved name', ['42["disconnect","x"]']);
	ending('an attachment that is not due', [Buffer.alloc(1000)], { nsp: '/generic' });
	ending('text in an attachment\'s place', [`451-/generic,["x",${holder}]`, '42/generic,["x"]'], { nsp: '/generic' });
	ending('attachments announced and never sent, then silence', [`4510-/generic,["x",${holder}]`, '1']);

	hostile('200 that announce attachments and never send them', async (t) => {
		const sessions = await Promise.all(Array.from({ length: 200 }, () => join(t, target, { nsp: '/generic', isMute: true })));
		for (const session of sessions)
			void session.send(`452-/generic,["bin",${holder}]`, Buffer.alloc(10000));
		for (const session of sessions)
			await session.over();
	});

	hostile('overlapping polls and posts', async (t) => {
		for (let i = 0; i < 30; i++) {
			const session = await openPolling(t, target, { isIdle: true });
			await session.post('40');
			await session.poll();
			const answers = await Promise.all(Array.from({ length: 10 }, (_, n) =>
				session.request(n % 2 ? { method: 'POST', body: '42["x"]' } : {}).answer.catch(({ message }) => ({ status: message }))));
			assert.ok(answers.some(({ status }) => status === 400), JSON.stringify(answers.map(({ status }) => status)));
		}
	});

	hostile('probes by the dozen for one session', async (t) => {
		for (let round = 0; round < 5; round++) {
			const session = await openPolling(t, target, newRoom());
			await session.connect();
			const probes = await Promise.all(Array.from({ length: 12 }, () =>
				openWs(t, target, { sid: session.open.sid }).catch(() => null)));
			for (const probe of probes)
				void probe?.send('2probe');
			const first = await Promise.any(probes.map((probe) => probe.next('3probe').then(() => probe)));
			await Promise.all(probes.map((probe) => probe === first || probe?.over()));
			first.stop();
			assert.equal((await session.emit('watcher')).status, 200);
			assert.equal(session.why, undefined, 'the session goes on');
		}
	});

	hostile('wrong sids of every form', async () => {
		for (const sid of ['x', '0'.repeat(22), '%00', '%22', '../..', 'x'.repeat(3000), '__proto__', 'constructor', '%f0%9f%98%80', '-', '=']) {
			for (const method of ['GET', 'POST'])
				for (const EIO of [3, 4])
					assert.equal((await get(target, `/socket.io/?EIO=${EIO}&transport=polling&sid=${sid}`, { method })).status, 400);
			await assert.rejects(openWs({ after: () => {} }, target, { sid }), { status: 400 });
		}
	});

	hostile('huge namespaces', async (t) => {
		for (const nsp of [`/${'x'.repeat(1000)}`, `/${'x'.repeat(200000)}`, `/${'/'.repeat(50000)}`, `/x?${'y=z&'.repeat(10000)}`])
			for (const packet of [`40${nsp},{}`, `40${nsp}`, `42${nsp},["x"]`, `41${nsp},`]) {
				const session = await openWs(t, target);
				await session.send(packet);
				if (packet.startsWith('40'))
					await Promise.any([session.next('44'), session.over()]);
				else
					await session.over();
			}
	});

	hostile('a thousand namespaces that are not there, over one session', async (t) => {
		const session = await openWs(t, target);
		for (let i = 0; i < 1000; i++)
			void session.send(`40/no-${i},`);
		for (let i = 0; i < 1000; i++)
			assert.equal(await session.next(), `44/no-${i},{"message":"Invalid namespace"}`);
	});

	hostile('who never reads its answers', async (t) => {
		const [room, raw] = [newRoom(), await openRaw(t, target.port)];
		const path = `/socket.io/?EIO=4&transport=websocket&${room.query}`;
		await raw.write(handshake(target.host, { path, protocol: null }));
		await raw.response();
		await raw.write(frame(TEXT, '40/generic,'));
		await raw.wait('the CONNECT', () => raw.received.includes('40/generic,'));
		const id = /40\/generic,\{"sid":"([^"]+)"/.exec(raw.received.toString('latin1'))[1];
		raw.socket.pause();
		const loud = await join(t, target, { nsp: '/generic', ...room });
		let isOver = false;
		raw.socket.on('close', () => (isOver = true));
		for (let i = 0; i < 300 && !isOver; i++) {
			await loud.send(`42/generic,["note","${id}","${'x'.repeat(50000)}"]`);
			if (i % 20 === 0)
				await loud.connect('/settle').catch(() => {});
		}
		raw.socket.resume();
		await raw.closed(15000);
	});

	hostile('a poller that never reads its answer', async (t) => {
		const room = newRoom();
		const session = await openPolling(t, target, { isIdle: true, ...room });
		await session.post('40/generic,');
		const [, id] = /"sid":"([^"]+)"/.exec((await session.poll()).body);
		const raw = await openRaw(t, target.port);
		raw.socket.pause();
		await raw.write(`GET ${session.path} HTTP/1.1\r\nHost: ${target.host}\r\n\r\n`);
		const loud = await join(t, target, { nsp: '/generic', ...room });
		for (let i = 0; i < 200; i++) {
			await loud.send(`42/generic,["note","${id}","${'x'.repeat(50000)}"]`);
			if (i % 20 === 0)
				await loud.connect('/settle').catch(() => {});
		}
		raw.end();
	});
});

describe('mutations', () => {
	let target;
	useTarget({ sets: QUICK }, (it) => (target = it));

	const VALID = ['40', '40/generic,{"room":"x"}', '41', '41/generic,', '42["offer","id",{"a":[1,null]}]', '42/generic,7["ask","id"]',
		'430[1]', `451-["bin",${holder}]`, `462-/generic,1[${holder}]`, '2', '3', '1', '5', '6', '2probe', '40/generic?room=x,', '44{"message":"x"}'];

	function mutate(text, random) {
		const bytes = Buffer.from(text);
		const at = random(bytes.length);

		switch (random(5)) {
		case 0: return bytes.subarray(0, at);
		case 1: return Buffer.concat([bytes.subarray(0, at), bytes.subarray(random(bytes.length))]);
		case 2: return Buffer.concat([bytes, bytes]);
		case 3: bytes[at] ^= 1 << random(7); return bytes;
		default: bytes[at] = random(128); return bytes;
		}
	}

	// A mutation may hold bytes that are no UTF-8: what JavaScript makes of them.
	const some = (random) => Array.from({ length: 1 + random(4) }, () => {
		const valid = VALID[random(VALID.length)];
		return random(4) === 0 ? valid : mutate(valid, random).toString();
	});

	for (const seed of [1, 2, 3])
		test(`of valid traffic, seed ${seed}`, (t) => besideCanary(t, target, async () => {
			const random = makeRandom(seed);
			for (let i = 0; i < 150; i++) {
				const version = random(2) + 3;
				const ws = await openWs(t, target, { version });
				for (const packet of ['40/generic,', ...some(random)])
					void ws.send(random(8) ? packet : Buffer.from(packet)).catch(() => {});
				const poller = await openPolling(t, target, { version, isIdle: true });
				const body = Buffer.from(encodePayload(version, some(random)));
				const sent = [poller.postBody(random(2) ? mutate(body.toString() || 'x', random) : body,
					random(6) ? 'text/plain;charset=UTF-8' : 'application/octet-stream')];
				if (random(3) === 0)
					sent.push(poller.poll());
				await Promise.race(sent.map((answer) => answer.catch(() => {})));
				ws.stop();
				poller.stop();
			}
		}));
});
