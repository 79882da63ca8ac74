// Who is kicked relays no more: signald ends its allocations at the real coturn,
// and goes on ending them for as long as there may be a credential; where those
// are kept in Redis, they are gone at once.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { before, describe, test } from 'node:test';

import { startDaemon, until } from '../lib/daemon.mjs';
import { atEnd } from '../lib/ending.mjs';
import { joinPeer } from '../lib/peer.mjs';
import { OTHER4, PUBLIC4, SECRET, generate, makeFolder, startCoturn } from './coturn.mjs';
import { REDIS, keepCredential, redisOf } from './redis.mjs';
import { mintCredential } from './turn-client.mjs';

const CLI = { address: '127.0.0.1', port: 5766 };
const PASSWORD = 'rQ7wL0sV_3kPz-8dXyTn';

// From the kick to the last of its media; and how long a new allocation may live.
const MOST_MS = 2000;

const ENDED = 'signald_turn_allocations_ended_total{reason="kicked"}';

const cli = (port = CLI.port) => ({ 'turn.cli': `${CLI.address}:${port}`, 'turn.cli_password': PASSWORD });

/*
 * How users are known, and what becomes of what one tries who was kicked:
 *
 * mint(t, user)       a credential that signald could have made
 * ends(t, coturn, c)  with c nothing is relayed
 * endedLater          an allocation made with it is counted as ended
 */
const BY_SECRET = {
	name: 'by secret',
	sets: { 'turn.secret': SECRET },
	flags: [],
	start: () => {},
	mint: (t, user) => mintCredential(SECRET, user),
	ends: async (t, coturn, credential) => untilEnded(await allocate(t, coturn, credential)),
	endedLater: 1,
};

const IN_REDIS = {
	name: 'in Redis',
	sets: { ...REDIS, 'turn.secret': undefined },
	flags: ['--patched'],
	start: redisOf,
	mint: async (t, user) => keepCredential(await redisOf(t), 'turn.example.org', user),
	ends: async (t, coturn, credential) => {
		const client = await openClient(t, coturn, credential);
		assert.equal((await client.allocate()).code, 401);
	},
	endedLater: 0,
};

const MODES = [BY_SECRET, IN_REDIS];
let mode = BY_SECRET;

async function startRelay(t, { folder, ...more } = {}) {
	await mode.start(t);
	const { file, stderr } = await generate(folder ?? await makeFolder(t), { ...cli(), ...mode.sets, ...more }, ...mode.flags);
	assert.equal(stderr, '');
	const coturn = await startCoturn(t, file);
	// As long as it makes its database, it may refuse what is right.
	await until('coturn gives relays', async () => {
		const client = await coturn.client(await mode.mint(t, 'test'));
		const { code } = await client.allocate();
		client.close();
		return code === 200;
	});
	return coturn;
}

async function startSignald(t, more = {}) {
	const sets = {
		'turn.host': PUBLIC4, 'turn.probe': 'no', 'state.dir': await makeFolder(t), 'turn.realm': 'turn.example.org',
		...cli(), ...mode.sets, ...more,
	};
	const daemon = await startDaemon(t, {
		sets: Object.fromEntries(Object.entries(sets).filter(([, value]) => value !== undefined)),
	});
	await mayGive(daemon);
	return daemon;
}

// It has reached what it needs for credentials.
const mayGive = (daemon) => mode === IN_REDIS && daemon.waitLog(/turn\.redis_up/);

async function startBoth(t, more) {
	const coturn = await startRelay(t, more);
	const daemon = await startSignald(t);
	await daemon.waitLog(/turn\.cli_up server=main/);
	return { coturn, daemon };
}

const credentialOf = (peer) => peer.joined.iceServers.find((server) => server.username);

async function openClient(t, coturn, credential) {
	const client = await coturn.client(credential);
	atEnd(t, () => client.close());
	return client;
}

async function allocate(t, coturn, credential) {
	const client = await openClient(t, coturn, credential);
	const { code, relayed } = await client.allocate();
	assert.equal(code, 200, coturn.log);
	client.relayed = relayed;
	return client;
}

// A peer in the room, with an allocation.
async function joinRelayed(t, { daemon, coturn }, room) {
	const peer = await joinPeer(t, daemon, room);
	peer.relay = await allocate(t, coturn, credentialOf(peer));
	return peer;
}

async function permitEachOther(...clients) {
	for (const client of clients)
		assert.equal((await client.permit(PUBLIC4)).code, 200);
}

async function kick(daemon, peer) {
	const response = await daemon.kick(peer.id);
	assert.equal(response.status, 204);
}

// Until its allocation is refused a refresh. A live one is not, whatever became
// of its credential (coturn has looked that up); of one that has ended coturn
// says 437, or 401 where the credential is none any more. Returns how long it
// took.
async function untilEnded(client, limitMs = MOST_MS) {
	const began = performance.now();
	const codes = [];
	await until('the allocation is ended', async () => {
		codes.push((await client.refresh(600)).code);
		return [401, 437].includes(codes.at(-1));
	}, limitMs).catch((fault) => {
		throw new Error(`${fault.message}; its refreshes got ${[...new Set(codes)]}`);
	});
	return Math.round(performance.now() - began);
}

// What arrives at b of a stream from a, a datagram every 10 ms: when the last
// one came, as performance.now() has it.
function stream(a, b) {
	const seen = { lastMs: 0, count: 0, isOver: false };
	const timer = setInterval(() => a.send(b.relayed, 'media'), 10);
	(async () => {
		while (!seen.isOver) {
			const item = await b.receive(100);
			if (item?.peer.port === a.relayed.port) {
				seen.lastMs = performance.now();
				seen.count++;
			}
		}
	})();
	seen.end = () => {
		seen.isOver = true;
		clearInterval(timer);
	};
	return seen;
}

for (const kind of MODES) describe(`a kick, users known ${kind.name},`, () => {
	before(() => (mode = kind));

	test('ends the media of the kicked within two seconds, and nobody else\'s', async (t) => {
		const both = await startBoth(t);
		const [ada, bob, eve] = [await joinRelayed(t, both, 'r'), await joinRelayed(t, both, 'r'), await joinRelayed(t, both, 'r')];
		const sink = await allocate(t, both.coturn, credentialOf(eve));
		await permitEachOther(ada.relay, bob.relay, eve.relay, sink);
		const ofAda = stream(ada.relay, bob.relay);
		const ofEve = stream(eve.relay, sink);
		t.after(() => [ofAda, ofEve].forEach((seen) => seen.end()));
		await until('media flows', () => ofAda.count > 20 && ofEve.count > 20);

		const kickedMs = performance.now();
		await kick(both.daemon, ada);
		await untilEnded(ada.relay);
		const countEve = ofEve.count;
		await until('the others\' media goes on', () => ofEve.count > countEve + 50);
		const tookMs = Math.round(ofAda.lastMs - kickedMs);
		t.diagnostic(`the last datagram came ${tookMs} ms after the kick`);
		assert.ok(tookMs <= MOST_MS, `${tookMs} ms`);
		for (const peer of [bob, eve])
			assert.equal((await peer.relay.refresh(600)).code, 200);
		assert.equal(await both.daemon.metric(ENDED), 1);
		assert.equal(both.daemon.log.match(/turn\.end /g).length, 1);
		await mode.ends(t, both.coturn, credentialOf(ada));
	});

	test('ends every allocation that the credential makes afterwards', async (t) => {
		const both = await startBoth(t);
		const [ada, bob] = [await joinRelayed(t, both, 'r'), await joinRelayed(t, both, 'r')];
		await permitEachOther(bob.relay);
		await kick(both.daemon, ada);
		await untilEnded(ada.relay);
		const times = [];
		for (let i = 0; i < 10; i++) {
			times.push(await mode.ends(t, both.coturn, credentialOf(ada)));
			ada.relay.send(bob.relay.relayed, 'late');
		}
		if (mode.endedLater)
			t.diagnostic(`ended after ${times.join(', ')} ms`);
		assert.equal(await bob.relay.receive(200), null);
		assert.equal(await both.daemon.metric(ENDED), 1 + 10 * mode.endedLater);
	});

	test('ends more allocations than coturn lists at once', async (t) => {
		const both = await startBoth(t, { 'rooms.max_watchers_per_broadcaster': 200 });
		const ada = await joinRelayed(t, both, 'r');
		for (let i = 0; i < 290; i++)
			await allocate(t, both.coturn, credentialOf(ada));
		await kick(both.daemon, ada);
		await until('all are ended', async () => await both.daemon.metric(ENDED) >= 291);
		await untilEnded(ada.relay);
	});

	test('ends those of many users at once, and of no other', async (t) => {
		const both = await startBoth(t);
		const all = [];
		for (let i = 0; i < 40; i++)
			all.push(await joinRelayed(t, both, 'r'));
		const kicked = all.filter((_, i) => i % 2);
		await Promise.all(kicked.map((peer) => kick(both.daemon, peer)));
		const times = await Promise.all(kicked.map((peer) => untilEnded(peer.relay)));
		t.diagnostic(`20 users, the last ended after ${Math.max(...times)} ms`);
		for (const peer of all.filter((_, i) => i % 2 === 0))
			assert.equal((await peer.relay.refresh(600)).code, 200);
		await mode.ends(t, both.coturn, credentialOf(kicked[19]));
		assert.equal(await both.daemon.metric(ENDED), 20 + mode.endedLater);
	});

	test('ends what somebody kept who has left by itself', async (t) => {
		const coturn = await startRelay(t);
		// Without one nobody may still return.
		const both = { coturn, daemon: await startSignald(t, { 'state.dir': '' }) };
		const ada = await joinRelayed(t, both, 'r');
		await ada.close();
		await until('it has left', async () => await both.daemon.metric('signald_peers') === 0);
		const response = await both.daemon.kick(ada.id);
		assert.equal(response.status, 404);
		await untilEnded(ada.relay);
	});
});

for (const kind of MODES) describe(`users known ${kind.name}: it goes on`, () => {
	before(() => (mode = kind));

	test('after signald was killed, and for what was allocated meanwhile', async (t) => {
		const both = await startBoth(t);
		const [ada, bob] = [await joinRelayed(t, both, 'r'), await joinRelayed(t, both, 'r')];
		await kick(both.daemon, ada);
		await untilEnded(ada.relay);
		both.daemon.signal('SIGKILL');
		await both.daemon.ended();
		const meanwhile = mode === BY_SECRET && await allocate(t, both.coturn, credentialOf(ada));
		if (meanwhile)
			assert.equal((await meanwhile.refresh(600)).code, 200);
		both.daemon = await startDaemon(t, both.daemon.options);
		if (meanwhile)
			t.diagnostic(`ended ${await untilEnded(meanwhile)} ms after the restart`);
		await mode.ends(t, both.coturn, credentialOf(ada));
		assert.equal((await bob.relay.refresh(600)).code, 200);
	});

	test('after coturn was killed; the log says it once', async (t) => {
		const folder = await makeFolder(t);
		const coturn = await startRelay(t, { folder });
		const daemon = await startSignald(t);
		await daemon.waitLog(/turn\.cli_up/);
		const ada = await joinRelayed(t, { daemon, coturn }, 'r');
		await kick(daemon, ada);
		await coturn.stop();
		await daemon.waitLog(/error turn\.cli_down server=main reason="coturn closed the connection"/);
		await daemon.waitLog(/error turn\.cli_down server=main reason="Connection refused"/);
		assert.equal(await daemon.metric('signald_turn_cli_up'), 0);
		const next = await startRelay(t, { folder });
		await until('it is up again', async () => await daemon.metric('signald_turn_cli_up') === 1);
		await mode.ends(t, next, credentialOf(ada));
		assert.equal(daemon.log.match(/turn\.cli_down/g).length, 2);
	});

	test('until the last credential has expired and nobody was found since', async (t) => {
		const coturn = await startRelay(t);
		const folder = await makeFolder(t);
		const nowS = Math.floor(Date.now() / 1000);
		const old = await allocate(t, coturn, await mode.mint(t, 'p-old'));
		const ofCurrent = await mode.mint(t, 'p-current');
		const current = await allocate(t, coturn, ofCurrent);
		await appendFile(path.join(folder, 'kicked-users'), `${nowS - 5} p-old\n${nowS + 600} p-current\n`);
		const daemon = await startSignald(t, { 'state.dir': folder });
		await untilEnded(old);
		await untilEnded(current);
		await until('one is forgotten', async () => await daemon.metric('signald_turn_kicked_users') === 1);
		const later = await allocate(t, coturn, await mode.mint(t, 'p-old'));
		await mode.ends(t, coturn, ofCurrent);
		assert.equal((await later.refresh(600)).code, 200);
		daemon.signal('SIGTERM');
		await daemon.ended();
		assert.match(await readFile(path.join(folder, 'kicked-users'), 'utf8'), /p-current/);
	});
});

// Between signald and coturn's administration; handle takes each connection.
async function startBetween(t, handle) {
	const sockets = new Set();
	const server = net.createServer((client) => {
		const coturn = net.connect(CLI.port, CLI.address);
		for (const socket of [client, coturn]) {
			sockets.add(socket);
			socket.setNoDelay(true).on('error', () => {});
		}
		client.on('close', () => coturn.destroy());
		coturn.on('close', () => client.destroy());
		client.on('data', (bytes) => coturn.write(bytes));
		handle(client, coturn);
	});
	server.listen(0, CLI.address);
	await once(server, 'listening');
	atEnd(t, async () => {
		sockets.forEach((socket) => socket.destroy());
		server.close();
		await once(server, 'close');
	});
	return server.address().port;
}

// Every byte alone, and a telnet command before it.
async function dribble(socket, bytes) {
	for (const byte of bytes) {
		socket.write(Buffer.from([0xff, 0xfb, 0x01]));
		socket.write(Buffer.from([byte]));
		await new Promise(setImmediate);
	}
}

test('a kick ends allocations on every server of the pool', async (t) => {
	mode = BY_SECRET;
	const first = await startRelay(t);
	const there = { address: OTHER4, port: 3479 };
	const { file } = await generate(await makeFolder(t), {
		...cli(CLI.port + 1), 'turn.secret': SECRET, 'turn.port': there.port, 'coturn.min_port': 40000, 'coturn.max_port': 40999,
		'coturn.listening_ip': OTHER4, 'coturn.relay_ip': OTHER4 });
	const second = await startCoturn(t, file, there);
	const daemon = await startDaemon(t, { config: `
[turn]
host = ${PUBLIC4}
secret = ${SECRET}
probe = no
cli = ${CLI.address}:${CLI.port}
cli_password = ${PASSWORD}
[turn second]
host = ${OTHER4}
port = ${there.port}
cli = ${CLI.address}:${CLI.port + 1}
cli_password = ${PASSWORD}
` });
	await daemon.waitLog(/turn\.cli_up server=main/);
	await daemon.waitLog(/turn\.cli_up server=second/);
	const [ada, bob] = [await joinPeer(t, daemon, 'r'), await joinPeer(t, daemon, 'r')];
	const relaysOf = async (peer) => [await allocate(t, first, credentialOf(peer)), await allocate(t, second, credentialOf(peer))];
	const [ofAda, ofBob] = [await relaysOf(ada), await relaysOf(bob)];
	await kick(daemon, ada);
	const took = await Promise.all(ofAda.map((relay) => untilEnded(relay)));
	t.diagnostic(`ended after ${took.join(' and ')} ms`);
	for (const relay of ofBob)
		assert.equal((await relay.refresh(600)).code, 200);
	assert.match(daemon.log, /turn\.end server=second .*reason=kicked/);
});

describe('an administration', () => {
	before(() => (mode = BY_SECRET));

	test('that comes byte by byte, between telnet\'s own commands, is understood', async (t) => {
		const coturn = await startRelay(t);
		let sent = Promise.resolve();
		const port = await startBetween(t, (client, from) => from.on('data', (bytes) => {
			sent = sent.then(() => dribble(client, bytes));
		}));
		const daemon = await startSignald(t, cli(port));
		await daemon.waitLog(/turn\.cli_up/);
		const ada = await joinRelayed(t, { daemon, coturn }, 'r');
		await kick(daemon, ada);
		await untilEnded(ada.relay, 10000);
	});

	test('that falls silent is left for a new connection', async (t) => {
		const coturn = await startRelay(t);
		let connections = 0;
		const port = await startBetween(t, (client, from) => {
			const isSilent = ++connections === 1;
			let heard = '';
			from.on('data', (bytes) => {
				heard += bytes;
				if (!isSilent || !heard.includes('id='))
					client.write(bytes);
			});
		});
		const daemon = await startSignald(t, cli(port));
		await daemon.waitLog(/turn\.cli_up/);
		const ada = await joinRelayed(t, { daemon, coturn }, 'r');
		await kick(daemon, ada);
		await daemon.waitLog(/error turn\.cli_down server=main reason="Connection timed out"/);
		await untilEnded(ada.relay, 10000);
		assert.equal(connections, 2);
	});

	test('that refuses the password is told once, and asked again later', async (t) => {
		const coturn = await startRelay(t);
		const daemon = await startSignald(t, { 'turn.cli_password': 'another-password-it-is' });
		await daemon.waitLog(/error turn\.cli_down server=main reason="coturn refuses turn\.cli_password"/);
		const ada = await joinRelayed(t, { daemon, coturn }, 'r');
		await kick(daemon, ada);
		assert.equal((await ada.relay.refresh(600)).code, 200);
		assert.doesNotMatch(daemon.log, /another-password/);
		assert.equal(daemon.log.match(/turn\.cli_down/g).length, 1);
	});

	test('that is none is told', async (t) => {
		const server = net.createServer((socket) => socket.on('error', () => {}).end('x'.repeat(5000)));
		server.listen(0, CLI.address);
		await once(server, 'listening');
		atEnd(t, () => server.close());
		const daemon = await startSignald(t, cli(server.address().port));
		await daemon.waitLog(/turn\.cli_down server=main reason="what answers is not coturn's administration"/);
	});

	test('that is not configured is a warning at the start', async (t) => {
		const daemon = await startSignald(t, { 'turn.cli': '' });
		await daemon.waitLog(/warn turn\.no_cli server=main /);
	});
});

test('a reload changes where, and who is kicked stays so', async (t) => {
	mode = BY_SECRET;
	const coturn = await startRelay(t);
	const state = await makeFolder(t);
	const daemon = await startDaemon(t, {
		sets: { 'turn.host': PUBLIC4, 'turn.secret': SECRET, 'turn.probe': 'no', 'state.dir': state },
		config: `[turn]\ncli = ${CLI.address}:${CLI.port}\ncli_password = ${PASSWORD}\n`,
	});
	await daemon.waitLog(/turn\.cli_up/);
	const ada = await joinRelayed(t, { daemon, coturn }, 'r');
	await kick(daemon, ada);
	await untilEnded(ada.relay);
	let connections = 0;
	const port = await startBetween(t, (client, from) => {
		connections++;
		from.on('data', (bytes) => client.write(bytes));
	});
	await writeFile(daemon.configPath, `[turn]\ncli = ${CLI.address}:${port}\ncli_password = ${PASSWORD}\n`);
	daemon.signal('SIGHUP');
	await until('it is connected anew', () => connections === 1);
	await untilEnded(await allocate(t, coturn, credentialOf(ada)));
	daemon.signal('SIGHUP');
	await until('loaded once more', () => daemon.log.match(/config\.reloaded/g).length === 2);
	await untilEnded(await allocate(t, coturn, credentialOf(ada)));
	assert.equal(connections, 1, 'nothing had changed');
});

for (const kind of MODES) test(`strict, users known ${kind.name}: an allocation ends once its credential has expired and its peer has left`, async (t) => {
	mode = kind;
	const coturn = await startRelay(t);
	const daemon = await startSignald(t, { 'turn.strict': 'yes', 'turn.ttl_s': 10, 'turn.min_ttl_s': 10, 'session.window_s': 1 });
	await daemon.waitLog(/turn\.cli_up/);
	const both = { daemon, coturn };
	const [ada, bob] = [await joinRelayed(t, both, 'r'), await joinRelayed(t, both, 'r')];
	const page = await (await fetch(`${daemon.url}/v1/ice`)).json();
	const anybody = await allocate(t, coturn, page.iceServers.find((server) => server.username));
	const expiresMs = 1000 * credentialOf(ada).username.split(':')[0];
	await ada.close();
	await until('the credential has expired', async () => {
		if (Date.now() < expiresMs)
			assert.equal((await ada.relay.refresh(600)).code, 200);
		return Date.now() >= expiresMs;
	}, 20000);
	await untilEnded(ada.relay, 30000, 401);
	t.diagnostic(`ended ${Date.now() - expiresMs} ms after the expiry`);
	assert.equal((await bob.relay.refresh(600)).code, 200, 'its credential has expired, but it is there');
	assert.equal((await anybody.refresh(600)).code, 200);
	await bob.close();
	await untilEnded(bob.relay, 30000, 401);
	assert.equal((await anybody.refresh(600)).code, 200);
	assert.equal(await daemon.metric(ENDED.replace('kicked', 'expired')), 2);
	assert.match(daemon.log, /turn\.end .*reason=expired/);
});
