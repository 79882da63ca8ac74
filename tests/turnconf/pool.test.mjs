// The daemon and its TURN servers, which are the real coturn: what lives is
// proven, what does not is given to nobody, and what lets clients in where
// nobody is let in neither.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import { test } from 'node:test';

import { startDaemon, until } from '../lib/daemon.mjs';
import { joinPeer } from '../lib/peer.mjs';
import { OTHER4, PUBLIC4, PUBLIC6, SECRET, bareConf, generate, makeCertificate, makeFolder, startCoturn, writeConf } from './coturn.mjs';
import { addressBytes } from './turn-client.mjs';

const NOTICED_MS = 5000;

// A coturn as turnconf configures it.
async function start(t, more = {}, server = { address: PUBLIC4, port: 3478 }) {
	const { file, stderr } = await generate(await makeFolder(t), {
		'coturn.listening_ip': server.address, 'coturn.relay_ip': server.address, 'turn.port': server.port, ...more });
	assert.equal(stderr, '');
	return startCoturn(t, file, server);
}

const own = (more = {}) => ({ 'turn.host': PUBLIC4, 'turn.secret': SECRET, 'turn.realm': 'turn.example.org', ...more });

const getIce = async (daemon, query = '') => (await fetch(`${daemon.url}/v1/ice${query}`)).json();
const getTurn = async (daemon) => (await daemon.admin('GET', 'pool')).json();
const turnUrls = ({ iceServers }) => iceServers.filter((server) => server.username).flatMap((server) => server.urls);

// A peer is told so: at most once for each transport that has changed.
async function hearsOfRelay(peer, hasRelay) {
	for (let lists = 0; lists < 2; lists++) {
		if ((await peer.next('ice', NOTICED_MS + 1000)).turn === hasRelay)
			return;
	}
	assert.fail(`not told that there is ${hasRelay ? 'a' : 'no'} relay`);
}

async function ready(daemon) {
	const response = await fetch(`${daemon.url}/readyz`);
	return { ...(await response.json()), status: response.status };
}

const areBothOffered = (daemon) => until('UDP and TCP', async () => turnUrls(await getIce(daemon)).length === 2);

async function isReady(daemon) {
	await until('ready', async () => (await ready(daemon)).status === 200).catch(async (fault) => {
		throw new Error(`${fault.message}: ${JSON.stringify(await getTurn(daemon))}\n${daemon.log}`);
	});
}

test('each way to a server is proven, and offered when it works', async (t) => {
	const folder = await makeFolder(t);
	const { cert, key } = await makeCertificate(folder, PUBLIC4);
	const daemon = await startDaemon(t, { sets: own({ 'turn.tls': 'yes', 'turn.addresses': `${PUBLIC4},${PUBLIC6}` }) });
	assert.equal((await getIce(daemon)).turn, false, 'nothing is proven yet');
	await start(t, { 'turn.tls': 'yes', 'coturn.cert': cert, 'coturn.key': key,
		'coturn.listening_ip': `${PUBLIC4},${PUBLIC6}`, 'coturn.relay_ip': `${PUBLIC4},${PUBLIC6}` });
	await isReady(daemon);
	const { servers: [server], alive } = await until('all proven', async () => {
		const turn = await getTurn(daemon);
		return turn.servers[0].endpoints.every(({ state }) => state === 'up') && turn;
	});
	assert.equal(alive, true);
	assert.deepEqual(server.endpoints.map(({ transport, address }) => `${transport} ${address}`).sort(), [
		`tcp ${PUBLIC4}:3478`, `tcp [${PUBLIC6}]:3478`, `tls ${PUBLIC4}:5349`, `tls [${PUBLIC6}]:5349`,
		`udp ${PUBLIC4}:3478`, `udp [${PUBLIC6}]:3478`]);
	assert.equal(server.safety, 'safe');
	assert.deepEqual(server.offered, ['udp', 'tcp', 'tls']);
	assert.deepEqual(turnUrls(await getIce(daemon)), [`turn:${PUBLIC4}:3478?transport=udp`,
		`turn:${PUBLIC4}:3478?transport=tcp`, `turns:${PUBLIC4}:5349?transport=tcp`]);
	// Nobody signed the certificate but itself: clients may trust it all the same.
	assert.match(server.endpoints.find(({ transport }) => transport === 'tls').certificate, /self.signed/);
	assert.equal(await daemon.metric('signald_turn_up'), 1);
	assert.equal(await daemon.metric(
		`signald_turn_endpoint_up{server="main",transport="tls",address="${PUBLIC4}:5349"}`), 1);
	assert.equal(await daemon.metric('signald_turn_server_safe{server="main"}'), 1);
});

test('a transport that is not served is not offered; the others are', async (t) => {
	await start(t, { 'turn.tcp': 'no' });
	const daemon = await startDaemon(t, { sets: own({ 'turn.tls': 'yes' }) });
	await isReady(daemon);
	await until('all judged', async () =>
		(await getTurn(daemon)).servers[0].endpoints.every(({ state }) => state !== 'unknown'));
	assert.deepEqual(turnUrls(await getIce(daemon)), [`turn:${PUBLIC4}:3478?transport=udp`]);
	await daemon.waitLog(/turn\.down server=main transport=TLS address=8\.8\.4\.10:5349 detail="?nothing listens there over TCP/);
});

test('a certificate for another name makes no server of it', async (t) => {
	const folder = await makeFolder(t);
	const { cert, key } = await makeCertificate(folder, 'other.example');
	await start(t, { 'turn.tls': 'yes', 'coturn.cert': cert, 'coturn.key': key });
	const daemon = await startDaemon(t, { sets: own({ 'turn.host': 'turn.example.org', 'turn.addresses': PUBLIC4, 'turn.tls': 'yes' }) });
	await daemon.waitLog(/turn\.down server=main transport=TLS .*the certificate is not good: hostname mismatch/i);
	await isReady(daemon);
	assert.deepEqual(turnUrls(await getIce(daemon)).filter((url) => url.startsWith('turns:')), []);
});

test('one that dies is given to nobody after 5 s, one that is back is, and clients hear of both', async (t) => {
	const coturn = await start(t);
	const daemon = await startDaemon(t, { sets: own() });
	await areBothOffered(daemon);
	const peer = await joinPeer(t, daemon, 'room');
	assert.equal(peer.joined.turn, true);

	const died = performance.now();
	await coturn.stop();
	await hearsOfRelay(peer, false);
	t.diagnostic(`noticed after ${Math.round(performance.now() - died)} ms`);
	assert.ok(performance.now() - died < NOTICED_MS);
	assert.equal((await getIce(daemon)).turn, false);
	const { status, reasons } = await ready(daemon);
	assert.equal(status, 503);
	assert.match(reasons[0], /^turn: main, 8\.8\.4\.10:3478: nothing listens there over (UDP|TCP)$/);
	assert.equal(await daemon.metric('signald_turn_up'), 0);

	await start(t);
	await hearsOfRelay(peer, true);
	await isReady(daemon);
});

test('one that dies under a connection to its administration is given to nobody at once, nor before it is proven again', async (t) => {
	const cli = { 'turn.cli': '127.0.0.1:5766', 'turn.cli_password': 'cli-0123456789abcdef' };
	const coturn = await start(t, cli);
	// Proofs of their own would not tell: the first after the death is a minute away.
	const daemon = await startDaemon(t, { sets: own({ ...cli, 'turn.probe_interval_s': 60 }) });
	await areBothOffered(daemon);
	await daemon.waitLog(/turn\.cli_up/);
	const peer = await joinPeer(t, daemon, 'room');
	assert.equal(peer.joined.turn, true);
	await coturn.stop();
	await until('it is given to nobody', async () => (await getIce(daemon)).turn === false, 500);
	await hearsOfRelay(peer, false);
	await start(t, cli);
	await hearsOfRelay(peer, true);
	await isReady(daemon);
	assert.equal(await daemon.metric('signald_turn_up'), 1);
});

test('one that falls silent is given to nobody after 5 s either, and clients hear of it', async (t) => {
	const coturn = await start(t);
	const daemon = await startDaemon(t, { sets: own() });
	await areBothOffered(daemon);
	const peer = await joinPeer(t, daemon, 'room');
	const stopped = performance.now();
	coturn.child.kill('SIGSTOP');
	await hearsOfRelay(peer, false);
	const tookMs = performance.now() - stopped;
	t.diagnostic(`noticed after ${Math.round(tookMs)} ms`);
	assert.ok(tookMs < NOTICED_MS, `${tookMs} ms`);
	assert.equal((await getIce(daemon)).turn, false);
	coturn.child.kill('SIGCONT');
	await hearsOfRelay(peer, true);
});

test('of two servers the one that lives is given', async (t) => {
	const first = await start(t);
	await start(t, { 'turn.port': 3479, 'coturn.min_port': 40000, 'coturn.max_port': 40999 }, { address: OTHER4, port: 3479 });
	const daemon = await startDaemon(t, { config: `
[turn]
host = ${PUBLIC4}
secret = ${SECRET}
[turn second]
host = ${OTHER4}
port = 3479
region = far
` });
	await until('both', async () => turnUrls(await getIce(daemon)).length === 4);
	const near = await getIce(daemon, '?region=far');
	assert.equal(near.iceServers.find(({ username }) => username).urls[0], `turn:${OTHER4}:3479?transport=udp`);
	await first.stop();
	await until('one', async () => turnUrls(await getIce(daemon)).length === 2, NOTICED_MS);
	assert.ok(turnUrls(await getIce(daemon)).every((url) => url.includes(OTHER4)));
	assert.equal((await ready(daemon)).status, 200);
	const { servers } = await getTurn(daemon);
	assert.deepEqual(servers.map(({ name, offered }) => [name, offered]), [['main', []], ['second', ['udp', 'tcp']]]);
});

test('a drained server gets no new clients', async (t) => {
	await start(t);
	const daemon = await startDaemon(t, { sets: own({ 'turn.drained': 'yes' }) });
	await daemon.waitLog(/turn\.up .*transport=UDP/);
	assert.equal((await getIce(daemon)).turn, false);
});

for (const [what, weaken, reached] of [
	['has no deny list', (lines) => lines, /10\.0\.0\.1/],
	['lets one private network in', (lines) => lines.map((line) =>
		line.replace('denied-peer-ip=192.168.0.0-192.168.255.255', 'denied-peer-ip=192.168.1.0-192.168.255.255')), /192\.168\.0\.1/],
	['lets the cloud\'s metadata service in', (lines) => [...lines, 'allowed-peer-ip=169.254.169.254'], /169\.254\.169\.254/],
])
	test(`a server that ${what} is found out at start, and withheld`, async (t) => {
		const folder = await makeFolder(t);
		let lines = bareConf(folder);
		if (what !== 'has no deny list')
			lines = (await readFile((await generate(folder)).file, 'utf8')).split('\n');
		await startCoturn(t, await writeConf(folder, ...weaken(lines)));
		const daemon = await startDaemon(t, { sets: own() });
		const [line] = await daemon.waitLog(/turn\.unsafe .*/);
		assert.match(line, reached);
		const { status, reasons } = await ready(daemon);
		assert.equal(status, 503);
		assert.match(reasons[0], /it relays to .*, which it must refuse \(403\)/);
		assert.equal((await getIce(daemon)).turn, false);
		assert.equal(await daemon.metric('signald_turn_server_safe{server="main"}'), 0);

		const lax = await startDaemon(t, { sets: own({ 'turn.withhold_unsafe': 'no' }) });
		await until('offered', async () => (await getIce(lax)).turn);
		await until('said all the same', async () => (await ready(lax)).status === 503);
	});

test('services of the host behind the relay\'s own address are told of, and nothing is withheld', async (t) => {
	await start(t);
	const daemon = await startDaemon(t, { sets: own({ 'coturn.relay_ip': PUBLIC4, 'coturn.min_port': 50000, 'coturn.max_port': 50999 }) });
	const [line] = await daemon.waitLog(/turn\.exposed .*/);
	assert.match(line, /turnconf firewall/);
	await isReady(daemon);
	assert.equal((await getIce(daemon)).turn, true);
	assert.equal(await daemon.metric('signald_turn_server_exposed{server="main"}'), 1);
});

test('with STUN alone there is nothing to prove', async (t) => {
	const daemon = await startDaemon(t, { sets: own({ 'turn.udp': 'no', 'turn.tcp': 'no' }) });
	assert.equal((await ready(daemon)).status, 200);
	assert.deepEqual((await getIce(daemon)).iceServers, [{ urls: [`stun:${PUBLIC4}:3478`] }]);
});

// A name server (RFC 1035) of the test's namespace: {name: [addresses]}.
async function startNames(t, names) {
	const socket = dgram.createSocket('udp4');
	t.after(() => socket.close());
	socket.on('message', (query, from) => {
		const labels = [];
		let at = 12;
		for (; query[at]; at += query[at] + 1)
			labels.push(query.toString('latin1', at + 1, at + 1 + query[at]));
		const isV6 = query.readUInt16BE(at + 1) === 28;
		const all = names[labels.join('.').toLowerCase()];
		const found = (all ?? []).filter((address) => net.isIPv6(address) === isV6).map(addressBytes);
		const head = Buffer.from(query.subarray(0, at + 5));
		head.writeUInt16BE(all ? 0x8180 : 0x8183, 2);
		head.writeUInt16BE(found.length, 6);
		head.writeUInt32BE(0, 8);
		socket.send(Buffer.concat([head, ...found.map((bytes) =>
			Buffer.concat([Buffer.from([0xc0, 12, 0, isV6 ? 28 : 1, 0, 1, 0, 0, 0, 1, 0, bytes.length]), bytes]))]),
		from.port, from.address);
	});
	socket.bind(53, '127.0.0.1');
	await once(socket, 'listening');
}

test('a name is looked up, and proven at all its addresses', async (t) => {
	const names = { 'relay.test': [PUBLIC4, PUBLIC6], 'later.test': null };
	await startNames(t, names);
	await start(t, { 'coturn.listening_ip': `${PUBLIC4},${PUBLIC6}`, 'coturn.relay_ip': `${PUBLIC4},${PUBLIC6}`, 'turn.tcp': 'no' });
	const daemon = await startDaemon(t, { config: `
[turn]
host = relay.test
secret = ${SECRET}
tcp = no
[turn later]
host = later.test
tcp = no
` });
	await isReady(daemon);
	await daemon.waitLog(/turn\.unresolved server=later detail="later\.test cannot be looked up/);
	names['later.test'] = [PUBLIC4];
	const { servers } = await until('all proven', async () => {
		const turn = await getTurn(daemon);
		return turn.servers.every(({ endpoints }) => endpoints.length && endpoints.every(({ state }) => state === 'up')) && turn;
	}, 15000);
	assert.deepEqual(servers.map(({ endpoints }) => endpoints.map(({ address }) => address).sort()),
		[[`${PUBLIC4}:3478`, `[${PUBLIC6}]:3478`], [`${PUBLIC4}:3478`]]);
});

test('reloads in the middle of a lookup harm nothing', async (t) => {
	const silent = dgram.createSocket('udp4');
	t.after(() => silent.close());
	silent.bind(53, '127.0.0.1');
	await once(silent, 'listening');
	const daemon = await startDaemon(t, { sets: own({ 'turn.host': 'silent.test' }) });
	for (let i = 1; i <= 5; i++) {
		daemon.signal('SIGHUP');
		await until('it is loaded', () => daemon.log.match(/config\.reloaded/g)?.length === i);
	}
	assert.equal((await getIce(daemon)).turn, false);
});

test('a name that nobody knows is said', async (t) => {
	const daemon = await startDaemon(t, { sets: own({ 'turn.host': 'nobody.invalid' }) });
	await daemon.waitLog(/turn\.unresolved server=main detail="nobody\.invalid cannot be looked up/, 30000);
	assert.match((await ready(daemon)).reasons[0], /^turn: main: nobody\.invalid cannot be looked up/);
});

test('a reload keeps what is known of a server, and drops what is gone', async (t) => {
	await start(t);
	const daemon = await startDaemon(t, { sets: own() });
	await isReady(daemon);
	daemon.signal('SIGHUP');
	await daemon.waitLog(/config\.reloaded/);
	assert.equal((await getIce(daemon)).turn, true, 'at once');
	await isReady(daemon);
});

test('proofs leave no allocation behind, and few of them are many a minute', async (t) => {
	const folder = await makeFolder(t);
	const { file } = await generate(folder, { 'coturn.total_quota': 4, 'rooms.max_watchers_per_broadcaster': 1 });
	await startCoturn(t, file);
	const daemon = await startDaemon(t, { sets: own({ 'turn.probe_interval_s': 1 }) });
	await isReady(daemon);
	const ends = performance.now() + 6000;
	await until('six seconds of proofs', () => performance.now() > ends, 8000);
	assert.doesNotMatch(daemon.log, /turn\.down/);
});
