// GET /v1/admin/events: what happens, once and in order, also over a cut.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, test } from 'node:test';
import { ADMIN_KEY, startDaemon, until, useDaemon } from '../lib/daemon.mjs';
import { atEnd } from '../lib/ending.mjs';
import { joinPeer } from '../lib/peer.mjs';

// What a reader of the stream has had: {at: its id in the stream, event, ...}.
class Reader {
	events = [];
	comments = 0;
	#text = '';

	static async open(t, daemon, { query = '', headers = {} } = {}) {
		const reader = new Reader();
		const stop = new AbortController();
		atEnd(t, () => stop.abort());
		const response = await daemon.admin('GET', `events${query}`, { headers, signal: stop.signal });
		assert.equal(response.status, 200);
		assert.equal(response.headers.get('content-type'), 'text/event-stream');
		assert.equal(response.headers.get('cache-control'), 'no-store');
		reader.close = () => stop.abort();
		reader.ended = reader.#read(response.body).catch(() => {});
		return reader;
	}

	async #read(body) {
		for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
			const blocks = (this.#text + chunk).split('\n\n');
			this.#text = blocks.pop();
			for (const block of blocks)
				this.#take(block);
		}
	}

	#take(block) {
		if (block === ':')
			this.comments++;
		const data = block.match(/^data: (.*)$/m);
		if (data)
			this.events.push({ at: block.match(/^id: (\S+)$/m)?.[1], ...JSON.parse(data[1]) });
	}

	next(event, test = () => true) {
		return until(`${event} among ${JSON.stringify(this.events.slice(-5))}`,
			() => this.events.find((one) => one.event === event && test(one)));
	}
}

describe('the event stream', () => {
	let daemon;
	useDaemon({ sets: { 'log.level': 'error' } }, (d) => (daemon = d));

	test('tells of joins, kicks, leaves and mutes, whatever log.level is', async (t) => {
		const reader = await Reader.open(t, daemon);
		const room = 'told "ü"';
		const peer = await joinPeer(t, daemon, room);
		const joined = await reader.next('peer.join', ({ id }) => id === peer.id);
		assert.deepEqual([joined.level, joined.room, joined.role], ['info', room, 'peer']);
		assert.match(joined.client, /^127\.0\.0\.1:\d+$/);
		assert.match(joined.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
		await daemon.admin('POST', `peers/${peer.id}/mute`, { body: '{"seconds":5}' });
		assert.equal((await reader.next('peer.mute')).seconds, 5);
		await daemon.kick(peer.id);
		assert.deepEqual((await reader.next('peer.leave', ({ id }) => id === peer.id)).reason, 'kicked');
		await reader.next('peer.kick', ({ id }) => id === peer.id);
		assert.equal(daemon.log, '', 'nothing of it is in a log of errors');
	});

	test('tells how much was refused', async (t) => {
		const reader = await Reader.open(t, daemon);
		const peer = await joinPeer(t, daemon, 'refused');
		for (let i = 0; i < 3; i++)
			await peer.request({ type: 'signal', to: 'nobody', data: 1 });
		await until('three are told', () => reader.events.filter(({ event }) => event === 'refused')
			.reduce((sum, { messages = 0 }) => sum + messages, 0) >= 3);
		await fetch(`${daemon.url}/v1/ice`, { headers: { Origin: 'https://evil.example' } });
		await reader.next('http.origin_refused', ({ origin }) => origin === 'https://evil.example');
		await reader.next('refused', ({ origins }) => origins === 1);
	});

	test('goes on behind the last that a reader had', async (t) => {
		const first = await Reader.open(t, daemon);
		for (let i = 0; i < 5; i++)
			await joinPeer(t, daemon, 'resumed');
		const last = await first.next('peer.join', ({ room }) => room === 'resumed');
		first.close();
		await first.ended;
		const had = first.events.slice(0, first.events.indexOf(last) + 1);
		const late = (await joinPeer(t, daemon, 'resumed')).id;
		const second = await Reader.open(t, daemon, { headers: { 'Last-Event-ID': last.at } });
		await second.next('peer.join', ({ id }) => id === late);
		assert.equal(second.events.filter(({ event, room }) => event === 'peer.join' && room === 'resumed').length, 5);
		const numbers = [...had, ...second.events].map(({ at }) => Number(at.split('-')[1]));
		assert.deepEqual(numbers, numbers.map((_, i) => numbers[0] + i), 'none is missing, none comes twice');
		assert.ok(!second.events.some(({ event }) => event === 'stream.gap'));
	});

	test('says that something is missing, where it is', async (t) => {
		for (const id of ['1234-5', 'x', '-', `${'f'.repeat(40)}-1`]) {
			const reader = await Reader.open(t, daemon, { headers: { 'Last-Event-ID': id } });
			await until('a gap', () => reader.events[0]);
			assert.equal(reader.events[0].event, 'stream.gap', id);
		}
	});

	test('begins with the last ones, if they are asked for', async (t) => {
		const probe = await Reader.open(t, daemon);
		await joinPeer(t, daemon, 'last');
		await probe.next('peer.join', ({ room }) => room === 'last');
		const reader = await Reader.open(t, daemon, { query: '?last=2' });
		await until('two', () => reader.events.length >= 2);
		assert.ok(reader.events.slice(0, 2).some(({ room }) => room === 'last'));
		assert.equal((await daemon.admin('GET', 'events?last=1025')).status, 400);
		const head = await daemon.admin('HEAD', 'events');
		assert.deepEqual([head.status, head.headers.get('content-type')], [200, 'text/event-stream']);
	});

	test('says where more happened at once than is kept, and tells nothing twice', async (t) => {
		const sets = { 'limits.messages_per_s': 0, 'limits.joins_per_s': 0, 'limits.rooms_per_minute': 0 };
		const own = await startDaemon(t, { sets });
		const reader = await Reader.open(t, own);
		const peers = await Promise.all(Array.from({ length: 16 }, (_, i) => joinPeer(t, own, `r${i}`)));
		await until('all have come', () => reader.events.filter(({ event }) => event === 'peer.join').length === 16);
		// What they say while it is stopped is read in one turn: 3200 lines.
		own.signal('SIGSTOP');
		for (const [at, peer] of peers.entries()) {
			for (let i = 0; i < 100; i++) {
				peer.send({ type: 'leave' });
				peer.send({ type: 'join', room: `r${at}` });
			}
		}
		await new Promise((resolve) => setTimeout(resolve, 300));
		own.signal('SIGCONT');
		await Promise.all(peers.map((peer) => peer.settle()));
		await joinPeer(t, own, 'the end');
		await reader.next('peer.join', ({ room }) => room === 'the end');
		const gaps = reader.events.filter(({ event }) => event === 'stream.gap').length;
		assert.ok(gaps >= 1, 'more was logged in a turn than is kept');
		let last = 0;
		let jumps = 0;
		let isGap = false;
		for (const { event, at } of reader.events) {
			if (event === 'stream.gap') {
				isGap = true;
				continue;
			}
			const number = Number(at.split('-')[1]);
			assert.ok(number > last, `${number} behind ${last}`);
			if (last && number > last + 1) {
				assert.ok(isGap, `${last} to ${number} without a gap`);
				jumps++;
			}
			isGap = false;
			last = number;
		}
		assert.equal(jumps, gaps);
	});

	test('has 16 readers at most', async (t) => {
		const own = await startDaemon(t);
		const readers = [];
		for (let i = 0; i < 16; i++)
			readers.push(await Reader.open(t, own));
		const refused = await own.admin('GET', 'events');
		assert.equal(refused.status, 503);
		assert.match((await refused.json()).detail, /16/);
		readers[0].close();
		await until('there is room again', async () => {
			const stop = new AbortController();
			const { status } = await own.admin('GET', 'events', { signal: stop.signal });
			stop.abort();
			return status === 200;
		});
	});

	test('cuts a reader that does not read, and no other', async (t) => {
		const sets = { 'limits.messages_per_s': 0, 'limits.joins_per_s': 0, 'limits.rooms_per_minute': 0 };
		const own = await startDaemon(t, { sets });
		const good = await Reader.open(t, own);
		const slow = net.connect({ port: own.metricsPort, host: '127.0.0.1' });
		slow.on('error', () => {});
		atEnd(t, () => slow.destroy());
		await once(slow, 'connect');
		slow.pause();
		slow.write(`GET /v1/admin/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_KEY}\r\n\r\n`);
		const before = (await (await own.admin('GET', 'status')).json()).connections;
		// Each is a line of some 400 bytes, and leaves a second one.
		const room = '"\\'.repeat(60);
		const peer = await joinPeer(t, own, room);
		for (let i = 0; i < 7500; i++) {
			peer.send({ type: 'leave' });
			peer.send({ type: 'join', room });
			if (i % 200 === 0)
				await peer.settle();
		}
		await peer.settle();
		await until('one connection less', async () => (await (await own.admin('GET', 'status')).json()).connections < before);
		await joinPeer(t, own, 'the end');
		await good.next('peer.join', (one) => one.room === 'the end');
		assert.ok(good.events.length > 15000);
	});
});
