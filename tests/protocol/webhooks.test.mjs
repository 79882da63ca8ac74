// Webhooks out: what happens is told in order, each event once at least, over
// failures, restarts and kill -9; and what is dropped shows.
import assert from 'node:assert/strict';
import { readFile, readdir, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { io } from 'socket.io-client';

import { SECRET, freePort, makeFolder, restart, runProgram, startDaemon, until } from '../lib/daemon.mjs';
import { atEnd } from '../lib/ending.mjs';
import { openPeer } from '../lib/peer.mjs';
import { HOOK_SECRET, startReceiver } from '../lib/receiver.mjs';

const start = async (t, receiver, sets = {}) => startDaemon(t, {
	sets: { 'state.dir': await makeFolder(t), 'webhooks.url': receiver.url, 'webhooks.secret': HOOK_SECRET, ...sets },
});

// A receiver as docs/webhooks.md has it: events that it has had are passed over,
// and gaps are told of.
async function startBooks(t, options = {}) {
	const books = { events: [], gaps: [], repeated: 0, last: 0, bodies: [], fault: undefined };
	const receiver = await startReceiver(t, async (body, exchange) => {
		if (books.fault)
			return books.fault(body, exchange);
		assert.equal(body.type, 'events');
		books.bodies.push(body);
		books.stream ??= body.stream;
		if (body.stream !== books.stream)
			throw new Error(`another stream: ${body.stream}`);
		if (body.dropped)
			books.gaps.push(body.dropped);
		for (const event of body.events) {
			if (event.seq <= books.last) {
				books.repeated++;
				continue;
			}
			if (event.seq !== books.last + 1 && !(body.dropped?.to === event.seq - 1 && body.dropped.from <= books.last + 1))
				receiver.faults.push(`${event.seq} behind ${books.last}, and no word of it`);
			books.last = event.seq;
			books.events.push(event);
		}
		return {};
	}, options);
	return Object.assign(books, { receiver, url: receiver.url, port: receiver.port });
}

const told = (books, type, count = 1, limitMs = 20000) =>
	until(`${count} ${type} are told of, not ${JSON.stringify(books.events.map(({ type: of, room }) => `${of} ${room ?? ''}`).slice(-20))}`, () => {
		const found = books.events.filter((event) => event.type === type);
		return found.length >= count && found;
	}, limitMs);

const leave = async (peer) => {
	peer.socket.close(1000);
	await peer.closed;
};

test('rooms and peers come and go in this order', async (t) => {
	const books = await startBooks(t);
	const daemon = await start(t, books);
	const ada = await openPeer(t, daemon);
	const { id } = await ada.join('kitchen', { name: 'Ada "ü"' });
	const socket = io(daemon.url, { query: { room: 'kitchen' }, reconnection: false, forceNew: true });
	atEnd(t, () => socket.close());
	socket.once('connect', () => socket.emit('broadcaster'));
	await told(books, 'peer.joined', 2);
	await leave(ada);
	await told(books, 'peer.left');
	socket.close();
	await told(books, 'room.closed');
	assert.deepEqual(books.events.map(({ type, room }) => [type, room]), [
		['server.started', undefined],
		['room.opened', 'kitchen'], ['peer.joined', 'kitchen'], ['peer.joined', 'kitchen'],
		['peer.left', 'kitchen'], ['peer.left', 'kitchen'], ['room.closed', 'kitchen'],
	]);
	assert.deepEqual(books.events.map(({ seq }) => seq), [1, 2, 3, 4, 5, 6, 7]);
	assert.deepEqual(books.events[2].peer, { id, role: 'peer', name: 'Ada "ü"', user: null, dialect: 'native' });
	assert.equal(books.events[3].peer.dialect, 'socketio');
	assert.equal(books.events[4].reason, 'left');
	assert.ok(Math.abs(Date.parse(books.events[2].time) - Date.now()) < 60000);
	assert.equal(await daemon.metric('signald_webhooks_delivered_total'), 7);
	await until('nothing waits', async () => await daemon.metric('signald_webhooks_queued_events') === 0);
});

test('who becomes another is told of with the new role', async (t) => {
	const books = await startBooks(t);
	const daemon = await start(t, books, { 'webhooks.events': 'peer.role' });
	const sockets = [];
	for (let i = 0; i < 2; i++) {
		const socket = io(daemon.url, { reconnection: false, forceNew: true });
		atEnd(t, () => socket.close());
		await new Promise((resolve) => socket.once('connect', resolve));
		socket.emit('broadcaster');
		sockets.push(socket);
		if (!i)
			await until('it has joined', async () => await daemon.metric('signald_joins_total') === 1);
	}
	const [{ peer }] = await told(books, 'peer.role');
	assert.deepEqual([peer.id, peer.role], [sockets[0].id, 'peer']);
});

test('only what is selected is told', async (t) => {
	const books = await startBooks(t);
	const daemon = await start(t, books, { 'webhooks.events': 'room.closed, refused', 'access.mode': 'token', 'access.token_secret': HOOK_SECRET });
	const refused = await openPeer(t, daemon);
	for (let i = 0; i < 3; i++)
		assert.equal((await refused.join('kitchen', { auth: 'x' })).code, 'token-malformed');
	await until('three refusals', () => books.events.filter(({ code }) => code === 'token-malformed').reduce((sum, { count }) => sum + count, 0) === 3);
	assert.deepEqual([...new Set(books.events.map(({ type }) => type))], ['server.started', 'refused']);
});

test('what is not taken is told again, in the same order, later and later', async (t) => {
	const books = await startBooks(t);
	const times = [];
	books.fault = () => {
		times.push(Date.now());
		if (times.length === 4)
			books.fault = undefined;
		return [500, 302, 403, undefined][times.length - 1];
	};
	const daemon = await start(t, books, { 'webhooks.timeout_ms': 300 });
	const peer = await openPeer(t, daemon);
	for (let i = 0; i < 5; i++) {
		await peer.join(`room${i}`);
		await peer.request({ type: 'leave' });
	}
	await told(books, 'room.closed', 5, 30000);
	assert.deepEqual(books.events.map(({ seq }) => seq), Array.from({ length: 21 }, (_, i) => i + 1));
	const [first, second, third] = times.slice(1).map((time, i) => time - times[i]);
	assert.ok(first >= 700 && second >= 1400 && third >= 2900, `waited ${first}, ${second}, ${third} ms`);
	assert.equal(await daemon.metric('signald_webhooks_failed_total'), 4);
	assert.match(daemon.log, /webhooks\.failed why="it answered 500" times=1/);
	assert.match(daemon.log, /webhooks\.works_again failures=4/);
});

test('an answer that got lost brings the same events again, with their numbers', async (t) => {
	const books = await startBooks(t);
	const daemon = await start(t, books);
	await told(books, 'server.started');
	let taken;
	const { answer } = books.receiver;
	books.receiver.answer = async (body, exchange) => {
		if (taken)
			return answer(body, exchange);
		taken = body;
		await answer(body, exchange);
		exchange.request.socket.destroy();
	};
	const peer = await openPeer(t, daemon);
	await peer.join('kitchen');
	await until('some come again', () => books.repeated > 0);
	assert.equal(books.repeated, taken.events.length);
});

test('nothing that was taken into the spool is lost by kill -9', async (t) => {
	const books = await startBooks(t);
	books.fault = () => 503;
	let daemon = await start(t, books);
	const names = [];
	for (let life = 0; life < 4; life++) {
		const peer = await openPeer(t, daemon);
		for (let i = 0; i < 10; i++) {
			names.push(`life${life}-${i}`);
			await peer.join(names.at(-1));
			if (i < 9)
				await peer.request({ type: 'leave' });
		}
		// The answer to the last join is there, and so is its event.
		daemon = await restart(t, daemon);
	}
	books.fault = undefined;
	await told(books, 'server.started', 5, 60000);
	assert.deepEqual(books.events.filter(({ type }) => type === 'peer.joined').map(({ room }) => room), names);
	assert.deepEqual(books.gaps, []);
	assert.deepEqual(books.events.map(({ seq }) => seq), Array.from({ length: books.events.length }, (_, i) => i + 1));
});

test('kill -9 in the midst of deliveries loses nothing and keeps the order', async (t) => {
	const books = await startBooks(t);
	let daemon = await start(t, books);
	let joined = 0;
	for (let life = 0; life < 3; life++) {
		const peers = await Promise.all(Array.from({ length: 8 }, () => openPeer(t, daemon)));
		const lives = peers.map(async (peer, n) => {
			for (let i = 0; i < 40; i++) {
				await peer.join(`room${n}`);
				joined++;
				await peer.request({ type: 'leave' });
			}
		});
		await Promise.race([Promise.allSettled(lives), delay(250 + 100 * life)]);
		daemon = await restart(t, daemon);
		await Promise.allSettled(lives);
	}
	await told(books, 'server.started', 4, 60000);
	assert.ok(books.events.filter(({ type }) => type === 'peer.joined').length >= joined, 'all whose join was answered are told of');
	assert.deepEqual(books.gaps, []);
	// In each room everything is in order, up to the cut of a kill.
	const state = new Map();
	for (const { type, room, peer } of books.events) {
		if (type === 'server.started') {
			state.clear();
			continue;
		}
		const before = state.get(room);
		assert.equal(before, { 'room.opened': undefined, 'peer.joined': 'open', 'peer.left': peer?.id, 'room.closed': 'open' }[type], `${type} of ${room}`);
		state.set(room, { 'room.opened': 'open', 'peer.joined': peer?.id, 'peer.left': 'open', 'room.closed': undefined }[type]);
	}
});

test('a drain leaves the rest for the next life, those who were sent away included', async (t) => {
	const books = await startBooks(t);
	books.fault = () => 503;
	let daemon = await start(t, books);
	const peer = await openPeer(t, daemon);
	await peer.join('kitchen');
	daemon = await restart(t, daemon, 'SIGTERM');
	books.fault = undefined;
	await told(books, 'server.started', 2);
	assert.deepEqual(books.events.map(({ type, reason }) => reason ?? type), ['server.started', 'room.opened', 'peer.joined', 'shutdown', 'room.closed', 'server.started']);
});

test('what was refused in the last second is told, too', async (t) => {
	const books = await startBooks(t);
	const daemon = await start(t, books, { 'access.mode': 'token', 'access.token_secret': `${SECRET}-of-tokens` });
	await told(books, 'server.started');
	await fetch(`${daemon.url}/v1/ice`);
	await restart(t, daemon, 'SIGTERM');
	await told(books, 'server.started', 2);
	assert.deepEqual(books.events.map(({ type, code, count }) => [type, code, count].filter((it) => it !== undefined)),
		[['server.started'], ['refused', 'auth-required', 1], ['server.started']]);
});

test('beyond the bound the oldest is dropped, which is counted, logged, and told', async (t) => {
	const books = await startBooks(t);
	books.fault = () => 503;
	const daemon = await start(t, books, { 'webhooks.max_spool_bytes': 65536, 'limits.joins_burst': 10000, 'limits.rooms_burst': 10000 });
	const folder = path.join(daemon.options.sets['state.dir'], 'webhooks');
	const peer = await openPeer(t, daemon);
	for (let i = 0; i < 300; i++) {
		await peer.join(`a room with a long name ${'x'.repeat(60)} ${i}`);
		await peer.request({ type: 'leave' });
	}
	const used = await Promise.all((await readdir(folder)).map(async (name) => (await stat(path.join(folder, name))).size));
	assert.ok(used.reduce((sum, size) => sum + size, 0) <= 65536 + 1024, `the files have ${used}`);
	await daemon.waitLog(/webhooks\.dropped events=\d+ key=webhooks\.max_spool_bytes/);
	books.fault = undefined;
	await until('the last is told of', () => books.events.at(-1)?.room?.endsWith(' 299') && books.events.at(-1).type === 'room.closed', 60000);
	assert.equal(books.gaps.length, 1);
	assert.equal(books.gaps[0].from, 1);
	assert.equal(books.events[0].seq, books.gaps[0].to + 1);
	assert.equal(books.last, 1201);
	assert.equal(await daemon.metric('signald_webhooks_dropped_total'), books.gaps[0].to);
});

test('a spool that was damaged gives what is whole, and says what is missing', async (t) => {
	const books = await startBooks(t);
	books.fault = () => 503;
	const daemon = await start(t, books);
	const folder = path.join(daemon.options.sets['state.dir'], 'webhooks');
	const peer = await openPeer(t, daemon);
	await peer.join('a');
	await peer.request({ type: 'leave' });
	daemon.signal('SIGKILL');
	await daemon.ended();
	const file = path.join(folder, (await readdir(folder)).find((name) => name.endsWith('.log')));
	const lines = (await readFile(file, 'latin1')).split('\n');
	assert.equal(lines.length, 6);
	lines[2] = lines[2].replace('peer', 'pear');
	await writeFile(file, `${lines.slice(0, 5).join('\n')}\n0123abcd 6 {"half`);
	books.fault = undefined;
	await startDaemon(t, daemon.options);
	await told(books, 'server.started', 2);
	assert.deepEqual(books.events.map(({ seq }) => seq), [1, 2, 4, 5, 6]);
});

test('a spool that cannot be read for a while is told later, without anything new', async (t) => {
	const books = await startBooks(t);
	books.fault = () => 503;
	const daemon = await start(t, books);
	await daemon.waitLog(/webhooks\.failed why="it answered 503" times=1/);
	const file = path.join(daemon.options.sets['state.dir'], 'webhooks', '00000000000000000001.log');
	books.fault = undefined;
	await rename(file, `${file}.away`);
	await daemon.waitLog(/webhooks\.failed why="the spool cannot be read: No such file or directory" times=[23]/);
	await rename(`${file}.away`, file);
	await told(books, 'server.started');
	await daemon.waitLog(/webhooks\.works_again/);
});

test('a spool is of one signald at a time', async (t) => {
	const books = await startBooks(t);
	books.fault = () => 503;
	const daemon = await start(t, books);
	const { sets } = daemon.options;
	const other = ['listen.address=127.0.0.1:0', 'listen.metrics=', ...Object.entries(sets).map((entry) => entry.join('='))]
		.flatMap((set) => ['--set', set]);
	assert.equal((await runProgram(['--check-config', ...other])).code, 0);
	const { code, stderr } = await runProgram(other);
	assert.equal(code, 1);
	assert.match(stderr, /server\.fail what=state\.dir .*file=webhooks error="another signald uses this folder: each needs a state\.dir of its own/);
	// It has not touched it; and the next may have it at once.
	const peer = await openPeer(t, daemon);
	await peer.join('kitchen');
	const next = await restart(t, daemon, 'SIGTERM');
	assert.ok(next.isRunning);
	books.fault = undefined;
	await told(books, 'server.started', 2);
	assert.deepEqual(books.events.map(({ seq }) => seq), [1, 2, 3, 4, 5, 6]);
});

test('a reload changes where it goes, and ends it', async (t) => {
	const [before, after] = [await startBooks(t), await startBooks(t)];
	const folder = await makeFolder(t);
	const text = (url) => `[state]\ndir = ${folder}\n[webhooks]\nurl = ${url}\nsecret = ${HOOK_SECRET}\n`;
	const daemon = await startDaemon(t, { config: text(before.url) });
	await told(before, 'server.started');
	const reload = async (config) => {
		await writeFile(daemon.configPath, config);
		assert.equal((await daemon.admin('POST', 'reload')).status, 200);
	};
	await until('nothing waits', async () => await daemon.metric('signald_webhooks_queued_events') === 0);
	await reload(text(after.url));
	after.last = 1;
	const peer = await openPeer(t, daemon);
	await peer.join('kitchen');
	await told(after, 'peer.joined');
	assert.equal(after.stream, before.stream);
	await reload(text(''));
	await peer.request({ type: 'leave' });
	await reload(text(after.url));
	await told(after, 'server.started');
	assert.deepEqual(after.events.map(({ type }) => type), ['room.opened', 'peer.joined', 'server.started']);
});

test('the snapshot says who is where, and up to which event', async (t) => {
	const books = await startBooks(t);
	const daemon = await start(t, books, { 'limits.joins_burst': 10000 });
	const crowd = await Promise.all(Array.from({ length: 24 }, () => openPeer(t, daemon)));
	const moves = crowd.map(async (peer, n) => {
		for (let i = 0; i < 20; i++) {
			await peer.join(`room${(n + i) % 7}`);
			if (i < 19)
				await peer.request({ type: 'leave' });
		}
	});
	// While they move: pages, each with its own position.
	const pages = [];
	let next = '';
	while (next !== null) {
		const page = await (await daemon.admin('GET', `snapshot?limit=2${next && `&after=${encodeURIComponent(next)}`}`)).json();
		pages.push(page);
		next = page.next;
	}
	await Promise.all(moves);
	const whole = await (await daemon.admin('GET', 'snapshot')).json();
	assert.equal(whole.next, null);
	await until('all is told', () => books.last >= whole.seq);
	assert.equal(whole.stream, books.stream);

	// Pages and the events behind them give what the whole one says.
	const rooms = new Map();
	const since = new Map();
	for (const page of pages)
		for (const room of page.rooms) {
			rooms.set(room.name, new Set(room.peers.map(({ id }) => id)));
			since.set(room.name, page.seq);
		}
	for (const { seq, type, room, peer } of books.events) {
		if (seq <= (since.get(room) ?? pages[0].seq) || seq > whole.seq)
			continue;
		if (type === 'room.opened')
			rooms.set(room, new Set());
		else if (type === 'room.closed')
			rooms.delete(room);
		else if (type === 'peer.joined')
			rooms.get(room)?.add(peer.id);
		else if (type === 'peer.left')
			rooms.get(room)?.delete(peer.id);
	}
	const sorted = (entries) => [...entries].map(([name, ids]) => [name, [...ids].sort()]).sort();
	assert.deepEqual(sorted(rooms), sorted(whole.rooms.map(({ name, peers }) => [name, peers.map(({ id }) => id)])));
});

test('a page of the snapshot has 1 MiB at most, with whole rooms', async (t) => {
	const daemon = await startDaemon(t, { sets: { 'limits.joins_burst': 10000, 'session.window_s': 300 } });
	const name = '"'.repeat(128); // twice as long in JSON
	const rooms = 300;
	const inEach = 12;
	for (let at = 0; at < rooms * inEach; at += 100)
		await Promise.all(Array.from({ length: 100 }, async (_, i) => {
			const peer = await openPeer(t, daemon);
			const joined = await peer.join(`room${String((at + i) % rooms).padStart(3, '0')}`, { name, inst: at + i + 1 });
			assert.equal(joined.type, 'joined');
			peer.socket.terminate(); // it is away, and still in its room
		}));
	const pages = [];
	for (let next = ''; next !== null;) {
		const text = await (await daemon.admin('GET', `snapshot?limit=1000&after=${next}`)).text();
		assert.ok(text.length < (1 << 20) + 1000, `${text.length} bytes`);
		pages.push(JSON.parse(text));
		({ next } = pages.at(-1));
	}
	assert.equal(pages.length, 2);
	assert.deepEqual(pages.flatMap((page) => page.rooms.map((room) => room.peers.length)), Array(rooms).fill(inEach));
});

test('without webhooks there is a snapshot, and no position', async (t) => {
	const daemon = await startDaemon(t);
	const peer = await openPeer(t, daemon);
	const { id } = await peer.join('kitchen', { name: 'Ada' });
	const snapshot = await (await daemon.admin('GET', 'snapshot')).json();
	const { since } = snapshot.rooms[0];
	assert.deepEqual(snapshot, { stream: null, seq: null, rooms: [{ name: 'kitchen', since, peers: [{ id, role: 'peer', name: 'Ada', user: null, dialect: 'native' }] }], next: null });
	for (const query of ['limit=0', 'limit=x', 'after=%ff'])
		assert.equal((await daemon.admin('GET', `snapshot?${query}`)).status, 400, query);
});

test('a receiver that is down from the start, and one that never answers, hold nothing up', async (t) => {
	const port = await freePort();
	const daemon = await start(t, { url: `http://127.0.0.1:${port}/hook` });
	const peer = await openPeer(t, daemon);
	const began = performance.now();
	for (let i = 0; i < 50; i++) {
		await peer.join('kitchen');
		await peer.request({ type: 'leave' });
	}
	assert.ok(performance.now() - began < 5000);
	await daemon.waitLog(/webhooks\.failed why=/);
	const books = await startBooks(t, { port });
	await told(books, 'room.closed', 50, 60000);
});

test('a configuration that would tell in the clear, unsigned, or nothing, is refused', async () => {
	const check = async (...sets) => (await runProgram(['--check-config', ...sets.flatMap((set) => ['--set', set])])).stderr;
	const dir = 'state.dir=/tmp';
	const secret = `webhooks.secret=${HOOK_SECRET}`;
	assert.match(await check('webhooks.url=https://a.example/', secret), /webhooks\.url needs state\.dir/);
	assert.match(await check('webhooks.url=http://a.example/', secret, dir), /webhooks\.url must be a URL/);
	assert.match(await check('webhooks.url=https://a.example/', dir), /webhooks\.url needs webhooks\.secret, which is empty/);
	assert.match(await check('webhooks.events=room.painted'), /webhooks\.events must be all, or one or more of room\.opened/);
	assert.match(await check('webhooks.events='), /webhooks\.events must be all, or one or more of/);
	assert.equal(await check('webhooks.url=https://a.example/', secret, dir, 'webhooks.events=peer.left'), '');
});
