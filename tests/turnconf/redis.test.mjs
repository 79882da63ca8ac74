// Credentials that are kept in Redis: the real signald writes them, the real
// coturn asks for them, and the real Redis has them, or is not there.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import { restart, startDaemon, until } from '../lib/daemon.mjs';
import { joinPeer, openPeer } from '../lib/peer.mjs';
import { startRedis } from '../lib/redis.mjs';
import { OTHER4, PUBLIC4, asSets, bareConf, generate, makeFolder, settings, startCoturn, turnconf, writeConf } from './coturn.mjs';
import { REDIS, keyOf, redisOf } from './redis.mjs';

const REALM = 'turn.example.org';

// Redis is out of reach when it has said nothing for 2 s, and is asked every second.
const NOTICED_MS = 4000;
// Tries follow each other by 2 s at most.
const BACK_MS = 4000;

const TRUSTED = { 'turn.probe': 'no' };

async function startRelay(t, more = {}, server = { address: PUBLIC4, port: 3478 }) {
	const { file, stderr } = await generate(await makeFolder(t), { ...REDIS, 'turn.secret': undefined,
		'coturn.listening_ip': server.address, 'coturn.relay_ip': server.address, ...more }, '--patched');
	assert.equal(stderr, '');
	return startCoturn(t, file, server);
}

async function startSignald(t, more = {}, isUp = true) {
	const daemon = await startDaemon(t, {
		sets: { 'turn.host': PUBLIC4, 'turn.realm': REALM, ...REDIS, ...TRUSTED, ...more } });
	if (isUp)
		await daemon.waitLog(/turn\.redis_up address=127\.0\.0\.1:6379/);
	return daemon;
}

async function startAll(t, more = {}) {
	const redis = await redisOf(t);
	const coturn = await startRelay(t);
	return { redis, coturn, daemon: await startSignald(t, more) };
}

const getIce = async (daemon, query = '') => (await fetch(`${daemon.url}/v1/ice${query}`)).json();
const credentialOf = ({ iceServers }) => iceServers.find(({ username }) => username);
const getTurn = async (daemon) => (await daemon.admin('GET', 'pool')).json();

async function ready(daemon) {
	const response = await fetch(`${daemon.url}/readyz`);
	return { ...(await response.json()), status: response.status };
}

// What an Allocate with it gets, and the client; closed after the test.
async function tryAllocate(t, coturn, credential) {
	const client = await coturn.client(credential);
	t.after(() => client.close());
	const { code, relayed } = await client.allocate();
	client.relayed = relayed;
	return { code, client };
}

const allocateCode = async (...args) => (await tryAllocate(...args)).code;

function assertWithheld(ice) {
	assert.equal(ice.turn, false);
	assert.equal(credentialOf(ice), undefined);
	assert.ok(ice.iceServers.some(({ urls }) => urls.some((url) => url.startsWith('stun:'))));
}

describe('a credential', () => {
	test('is good as soon as it is given, however it is asked for', async (t) => {
		const { redis, coturn, daemon } = await startAll(t, { 'turn.min_ttl_s': 10 });
		for (let i = 0; i < 20; i++)
			assert.equal(await allocateCode(t, coturn, credentialOf(await getIce(daemon, `?ttl=${10 + 7 * i}`))), 200);
		for (let i = 0; i < 10; i++) {
			const peer = await joinPeer(t, daemon, 'room');
			assert.equal(await allocateCode(t, coturn, credentialOf(peer.joined)), 200);
			const asked = await peer.request({ type: 'ice', ttl: 20 + 9 * i });
			assert.equal(await allocateCode(t, coturn, credentialOf(asked)), 200);
		}
		const { username, credential } = credentialOf(await getIce(daemon));
		assert.equal(await allocateCode(t, coturn, { username, credential: `${credential}x` }), 401);
		assert.match(await redis.ask('GET', keyOf(REALM, username)), /^[0-9a-f]{32}$/);
	});

	test('waits for Redis, and what its client says waits behind it', async (t) => {
		const { redis, daemon } = await startAll(t);
		const peer = await openPeer(t, daemon);
		redis.freeze();
		let hasAnswered = false;
		const answer = getIce(daemon).then((ice) => {
			hasAnswered = true;
			return ice;
		});
		const [joined, pong] = [peer.next('joined'), peer.next('pong')];
		peer.send({ type: 'join', room: 'room', ref: 'j' });
		peer.send({ type: 'ping', ref: 'p' });
		await delay(400);
		assert.equal(hasAnswered, false);
		assert.deepEqual(peer.inbox, []);
		redis.thaw();
		const order = [];
		await Promise.all([joined.then(() => order.push('joined')), pong.then(() => order.push('pong'))]);
		assert.deepEqual(order, ['joined', 'pong']);
		const { turn, iceServers } = await joined;
		assert.equal(turn, true);
		for (const { username } of [credentialOf({ iceServers }), credentialOf(await answer)])
			assert.equal(await redis.ask('EXISTS', keyOf(REALM, username)), '1');
	});

	test('a client that goes while it waits harms nobody', async (t) => {
		const { redis, daemon } = await startAll(t);
		const peers = await Promise.all(Array.from({ length: 20 }, () => openPeer(t, daemon)));
		redis.freeze();
		const gone = new AbortController();
		const asked = Array.from({ length: 20 }, () => fetch(`${daemon.url}/v1/ice`, { signal: gone.signal }).catch(() => null));
		peers.forEach((peer) => peer.send({ type: 'join', room: 'room' }));
		await delay(200);
		gone.abort();
		peers.forEach((peer) => peer.socket.terminate());
		await Promise.all(asked);
		redis.thaw();
		await until('nobody is left', async () => await daemon.metric('signald_peers') === 0
			&& await daemon.metric('signald_websockets') === 0);
		assert.equal((await getIce(daemon)).turn, true);
	});

	// It waits for a second and more, while the deadline of its join passes.
	test('a join that waits is not carried out once its client was told to go', async (t) => {
		const { redis, daemon } = await startAll(t, { 'websocket.join_timeout_s': 1 });
		const other = await joinPeer(t, daemon, 'room');
		const peer = await openPeer(t, daemon);
		redis.freeze();
		peer.send({ type: 'join', room: 'room' });
		await delay(1300);
		redis.thaw();
		await peer.closed;
		assert.equal((await getIce(daemon)).turn, true);
		await other.settle();
		assert.deepEqual(other.inbox.filter(({ type }) => type === 'peer-joined'), []);
		assert.equal(await daemon.metric('signald_peers'), 1);
	});

	test('ends with its key, which lives as long as the answer says; what it relays goes on', async (t) => {
		const { redis, coturn, daemon } = await startAll(t, { 'turn.min_ttl_s': 10 });
		const ice = await getIce(daemon, '?ttl=10');
		const { username } = credentialOf(ice);
		const leftS = await redis.ask('TTL', keyOf(REALM, username));
		assert.ok(Math.abs(leftS - ice.ttl) <= 1, `${leftS} s of ${ice.ttl} s`);
		assert.ok(ice.ttl >= 10 && ice.ttl < 20, `${ice.ttl} s`);
		const { client } = await tryAllocate(t, coturn, credentialOf(ice));
		await until('the key has expired', async () => await redis.ask('EXISTS', keyOf(REALM, username)) === '0', 20000);
		assert.ok(Date.now() >= Date.parse(ice.expiresAt) - 1000);
		assert.equal(await allocateCode(t, coturn, credentialOf(ice)), 401);
		assert.equal((await client.refresh(600)).code, 200);
	});

	test('is the same for who asks again, so that a quota counts by user', async (t) => {
		const redis = await redisOf(t);
		const coturn = await startRelay(t, { 'rooms.max_watchers_per_broadcaster': 1 });
		const daemon = await startSignald(t);
		const codes = [];
		const names = new Set();
		// Two URLs, one watcher, twice: coturn's user-quota is 4.
		for (let i = 0; i < 8; i++) {
			const credential = credentialOf(await getIce(daemon));
			names.add(credential.username);
			codes.push(await allocateCode(t, coturn, credential));
			await delay(300);
		}
		// The name changes once in 512 s, which may be now.
		assert.ok(names.size <= 2, [...names]);
		if (names.size === 1)
			assert.deepEqual(codes, [200, 200, 200, 200, 486, 486, 486, 486]);
		assert.equal((await redis.keys(`turn/realm/${REALM}/user/*:a-*`)).length, names.size);
		for (const name of names)
			assert.match(name, /^\d{10}:a-[\w-]{22}$/);
	});

	test('bears the user\'s name, which coturn\'s log has', async (t) => {
		const { coturn, daemon } = await startAll(t);
		const peer = await joinPeer(t, daemon, 'room');
		const { username } = credentialOf(peer.joined);
		assert.match(username, /^\d{10}:p-[\w-]{22}$/);
		assert.equal(await allocateCode(t, coturn, { ...credentialOf(peer.joined), credential: 'wrong' }), 401);
		await until('coturn\'s log has the name', () => coturn.log.includes(username));
	});

	test('goes on being good when signald is started again', async (t) => {
		const { coturn, daemon } = await startAll(t, { 'state.dir': await makeFolder(t) });
		const before = credentialOf(await getIce(daemon));
		const next = await restart(t, daemon);
		await next.waitLog(/turn\.redis_up/);
		const after = credentialOf(await getIce(next));
		if (before.username === after.username)
			assert.equal(before.credential, after.credential);
		for (const credential of [before, after])
			assert.equal(await allocateCode(t, coturn, credential), 200);
	});

	test('two servers with one Redis do not take each other\'s', async (t) => {
		const { redis, coturn, daemon } = await startAll(t);
		const other = await startSignald(t);
		for (const each of [daemon, other, daemon])
			assert.equal(await allocateCode(t, coturn, credentialOf(await getIce(each))), 200);
		assert.equal(new Set((await redis.keys('*s-beat*')).map((key) => key.match(/s-beat\.([\w-]{8})/)[1])).size, 2);
	});
});

describe('a kick', () => {
	test('deletes what its peer got by then, of every length, and nobody else\'s', async (t) => {
		const { redis, coturn, daemon } = await startAll(t, { 'turn.min_ttl_s': 10, 'turn.max_ttl_s': 604800 });
		const [ada, bob] = [await joinPeer(t, daemon, 'room'), await joinPeer(t, daemon, 'room')];
		const given = [credentialOf(ada.joined)];
		for (const ttl of [10, 11, 33, 64, 600, 1000, 4096, 86400, 604800])
			given.push(credentialOf(await ada.request({ type: 'ice', ttl })));
		const user = given[0].username.split(':')[1];
		// Some may be the same, as multiples of one power of two are of others.
		const names = new Set(given.map(({ username }) => username));
		assert.ok(names.size >= 5, `${Date.now()} ${[...names]}`);
		assert.equal((await redis.keys(`*:${user}/key`)).length, names.size);
		const response = await daemon.kick(ada.id);
		assert.equal(response.status, 204);
		await until('they are gone', async () => (await redis.keys(`*:${user}/key`)).length === 0, 1000);
		for (const credential of given)
			assert.equal(await allocateCode(t, coturn, credential), 401);
		assert.equal(await allocateCode(t, coturn, credentialOf(bob.joined)), 200);
	});

	test('while Redis is out of reach is made up for when it is back', async (t) => {
		const { redis, coturn, daemon } = await startAll(t);
		const ada = await joinPeer(t, daemon, 'room');
		const { username } = credentialOf(ada.joined);
		redis.freeze();
		await daemon.waitLog(/turn\.redis_down/, NOTICED_MS);
		await daemon.kick(ada.id);
		redis.thaw();
		await until('it is gone', async () => await redis.ask('EXISTS', keyOf(REALM, username)) === '0', BACK_MS);
		assert.equal(await allocateCode(t, coturn, credentialOf(ada.joined)), 401);
	});
});

describe('Redis', () => {
	test('that sets keys and deletes none is not taken for away', async (t) => {
		const { redis, daemon } = await startAll(t);
		const ada = await joinPeer(t, daemon, 'room');
		await redis.ask('ACL', 'SETUSER', 'default', '-del');
		for (const id of [ada.id, (await joinPeer(t, daemon, 'room')).id])
			await daemon.kick(id);
		await daemon.waitLog(/error turn\.redis_keeps address=127\.0\.0\.1:6379 reason="NOPERM .* means="who is kicked can allocate until/);
		// It beats every second, which would have flapped.
		await delay(2500);
		assert.equal((await getIce(daemon)).turn, true);
		assert.equal(daemon.log.match(/turn\.redis_keeps/g).length, 1, 'the log has it once');
		assert.equal(daemon.log.match(/turn\.redis_up/g).length, 1);
		assert.doesNotMatch(daemon.log, /turn\.redis_down/);
	});

	test('that ends: TURN is withheld, everybody says so, and all of it comes back by itself', async (t) => {
		const { redis, coturn, daemon } = await startAll(t);
		const peer = await joinPeer(t, daemon, 'room');
		assert.equal((await ready(daemon)).status, 200);
		await redis.stop();
		assertWithheld(await peer.next('ice', NOTICED_MS));
		assertWithheld(await getIce(daemon));
		assertWithheld((await joinPeer(t, daemon, 'room')).joined);
		const { status, reasons } = await ready(daemon);
		assert.equal(status, 503);
		assert.match(reasons[0], /^turn: Redis, where credentials are kept: (Connection refused|Server closed the connection)$/);
		assert.deepEqual([await daemon.metric('signald_turn_redis_up'), await daemon.metric('signald_turn_up')], [0, 0]);
		assert.match(daemon.log, /error turn\.redis_down address=127\.0\.0\.1:6379 reason="Server closed the connection" means="clients get no TURN"/);
		assert.equal((await getTurn(daemon)).redis.up, false);

		await redis.start();
		const back = await peer.next((m) => m.type === 'ice' && m.turn, BACK_MS);
		// coturn connects anew when it asks next.
		await until('the new credential relays', async () => await allocateCode(t, coturn, credentialOf(back)) === 200);
		assert.equal((await ready(daemon)).status, 200);
		assert.deepEqual((await getTurn(daemon)).redis, { up: true, error: null });
		assert.deepEqual([await daemon.metric('signald_turn_redis_up'), await daemon.metric('signald_turn_up')], [1, 1]);
	});

	test('that falls silent: who waits gets STUN after 2 s, and the others at once', async (t) => {
		const { redis, daemon } = await startAll(t);
		const peer = await openPeer(t, daemon);
		redis.freeze();
		const began = performance.now();
		peer.send({ type: 'join', room: 'room' });
		const [ice, joined] = await Promise.all([getIce(daemon), peer.next('joined')]);
		const tookMs = Math.round(performance.now() - began);
		t.diagnostic(`answered without TURN after ${tookMs} ms`);
		assertWithheld(ice);
		assertWithheld(joined);
		assert.ok(tookMs >= 1000 && tookMs < NOTICED_MS, `${tookMs} ms`);
		await daemon.waitLog(/turn\.redis_down .*reason="no answer within 2 s"/);
		const later = performance.now();
		assertWithheld(await getIce(daemon));
		assert.ok(performance.now() - later < 500);
		redis.thaw();
		assert.equal((await peer.next('ice', BACK_MS)).turn, true);
	});

	test('that is not there at the start is waited for', async (t) => {
		const daemon = await startSignald(t, {}, false);
		const peer = await joinPeer(t, daemon, 'room');
		assertWithheld(peer.joined);
		await daemon.waitLog(/turn\.redis_down .*reason="Connection refused"/);
		await delay(1500);
		assert.equal(daemon.log.match(/turn\.redis_down/g).length, 1, 'the log has it once');
		await redisOf(t);
		assert.equal((await peer.next((m) => m.type === 'ice' && m.turn, BACK_MS)).turn, true);
	});

	test('that takes no key gives its reason, and is asked again', async (t) => {
		const { redis, daemon } = await startAll(t);
		await redis.ask('CONFIG', 'SET', 'maxmemory', '1');
		await daemon.waitLog(/turn\.redis_down .*reason="OOM command not allowed/, NOTICED_MS);
		assertWithheld(await getIce(daemon));
		await redis.ask('CONFIG', 'SET', 'maxmemory', '0');
		await until('it is given again', async () => (await getIce(daemon)).turn, BACK_MS);
		await redis.ask('REPLICAOF', '127.0.0.1', '1');
		await daemon.waitLog(/turn\.redis_down .*reason="READONLY/, NOTICED_MS);
		await redis.ask('REPLICAOF', 'NO', 'ONE');
		await until('it is given again', async () => (await getIce(daemon)).turn, BACK_MS);
	});

	test('with a password and a database of its own is used with both', async (t) => {
		const password = 'a-password_of-Redis';
		const redis = await startRedis(t, { password });
		const more = { 'turn.redis_password': password, 'turn.redis_db': 3 };
		const coturn = await startRelay(t, more);
		const daemon = await startSignald(t, more);
		assert.equal(await allocateCode(t, coturn, credentialOf(await getIce(daemon))), 200);
		assert.equal(await redis.ask('DBSIZE'), '0');
		// No more rights than the manual says: for what comes anew, too.
		await redis.ask('ACL', 'SETUSER', 'default', 'resetkeys', `~turn/realm/${REALM}/*`, '-@all', '+auth', '+select', '+set', '+del', '+get', '+keys');
		const ada = await joinPeer(t, await startSignald(t, more), 'room');
		assert.equal(await allocateCode(t, await startRelay(t, { ...more, 'coturn.listening_ip': OTHER4, 'coturn.relay_ip': OTHER4 },
			{ address: OTHER4, port: 3478 }), credentialOf(ada.joined)), 200);
		const wrong = await startSignald(t, { ...more, 'turn.redis_password': 'not-the-password-at-all' }, false);
		await wrong.waitLog(/turn\.redis_down .*reason="WRONGPASS/);
		assertWithheld(await getIce(wrong));
		const none = await startSignald(t, { 'turn.redis_db': 3 }, false);
		await none.waitLog(/turn\.redis_down .*reason="NOAUTH/);
		assert.doesNotMatch(wrong.log + daemon.log, /not-the-password|a-password_of/);
	});

	// Redis answers a command it does not have with all that stood behind it.
	test('that lacks a command does not get the password into the log', async (t) => {
		await startRedis(t, { password: 'a-password_of-Redis', more: ['--rename-command', 'AUTH', ''] });
		const daemon = await startSignald(t, { 'turn.redis_password': 'a-password_of-Redis' }, false);
		await daemon.waitLog(/turn\.redis_down .*reason="ERR unknown command 'AUTH'"/);
		assert.doesNotMatch(daemon.log + await (await fetch(`${daemon.url}/readyz`)).text(), /a-password_of/);
	});
});

describe('the daemon\'s own proofs', () => {
	const isReady = (daemon) => until('ready', async () => (await ready(daemon)).status === 200);

	async function startProven(t) {
		const redis = await redisOf(t);
		const coturn = await startRelay(t);
		const daemon = await startSignald(t, { 'turn.probe': 'yes' });
		await isReady(daemon);
		await daemon.waitLog(/turn\.safe server=main/);
		return { redis, coturn, daemon, peer: await joinPeer(t, daemon, 'room') };
	}

	test('are made with credentials in Redis, and nothing counts against coturn while that is away', async (t) => {
		const { redis, coturn, daemon, peer } = await startProven(t);
		assert.equal(await allocateCode(t, coturn, credentialOf(peer.joined)), 200);
		await redis.stop();
		assertWithheld(await peer.next('ice', NOTICED_MS));
		await delay(2500);
		assert.doesNotMatch(daemon.log, /turn\.down/);
		await redis.start();
		assert.equal((await peer.next((m) => m.type === 'ice' && m.turn, BACK_MS)).turn, true);
		await isReady(daemon);
	});

	test('come before a server is given that went while Redis was away', async (t) => {
		const { redis, coturn, daemon, peer } = await startProven(t);
		await redis.stop();
		assertWithheld(await peer.next('ice', NOTICED_MS));
		await coturn.stop();
		await redis.start();
		await until('Redis is up again', () => daemon.log.match(/turn\.redis_up/g).length === 2, BACK_MS);
		const untilMs = performance.now() + 2500;
		while (performance.now() < untilMs) {
			assertWithheld(await getIce(daemon));
			await delay(20);
		}
		assert.deepEqual(peer.inbox.filter(({ type, turn }) => type === 'ice' && turn), []);
		assert.equal(await daemon.metric('signald_turn_up'), 0);
	});

	test('find out that coturn asks another Redis', async (t) => {
		await redisOf(t);
		await startRedis(t, { port: 6380 });
		await startRelay(t, { 'turn.redis': '127.0.0.1:6380' });
		const daemon = await startSignald(t, { 'turn.probe': 'yes' });
		await daemon.waitLog(/turn\.down .*the server refuses the credential \(401\)/);
		assertWithheld(await getIce(daemon));
	});

	test('cover every server of the pool', async (t) => {
		await redisOf(t);
		await startRelay(t);
		const other = await startRelay(t, {}, { address: OTHER4, port: 3478 });
		const daemon = await startDaemon(t, {
			sets: { 'turn.host': PUBLIC4, 'turn.realm': REALM, ...REDIS },
			config: `[turn other]\nhost = ${OTHER4}\n`,
		});
		await until('both are given', async () =>
			(await getIce(daemon)).iceServers.filter(({ username }) => username).length === 2);
		const { iceServers } = await getIce(daemon);
		const turns = iceServers.filter(({ username }) => username);
		assert.equal(turns[0].username, turns[1].username);
		assert.equal(await allocateCode(t, other, turns[0]), 200);
	});
});

describe('turnconf', () => {
	const sets = (folder, more = {}) => asSets(settings(folder, { ...REDIS, 'turn.secret': undefined, ...more }));

	test('writes no file for a coturn that strangers can end, unless it is told that it has the patch', async (t) => {
		const folder = await makeFolder(t);
		const refused = await turnconf('generate', '--coturn-version', '4.12.9', ...sets(folder));
		assert.equal(refused.code, 1);
		assert.equal(refused.stdout, '');
		assert.match(refused.stderr, /before 4\.13\.0 .*GHSA-4g7c-p5wg-j4hp.*turn\.credentials = secret/);
		for (const flags of [['--coturn-version', '4.13.0'], ['--coturn-version', '4.6.1', '--patched']]) {
			const { code, stdout } = await turnconf('generate', ...flags, ...sets(folder, { 'turn.redis': '[::1]:7000', 'turn.redis_db': 2 }));
			assert.equal(code, 0);
			assert.match(stdout, /^lt-cred-mech\nredis-userdb=ip=::1 port=7000 dbname=2 connect_timeout=5$/m);
			assert.doesNotMatch(stdout, /auth-secret|^userdb/m);
		}
	});

	// What the refusal is for.
	test('is right: a stranger\'s user name ends such a coturn', async (t) => {
		await redisOf(t);
		const folder = await makeFolder(t);
		const lines = bareConf(folder).filter((line) => !/auth-secret|^userdb/.test(line));
		const file = await writeConf(folder, ...lines, 'lt-cred-mech', 'redis-userdb=ip=127.0.0.1 port=6379 dbname=0');
		const { stdout: found } = await turnconf('check', '--json', file);
		const isTold = JSON.parse(found).findings.some(({ rule }) => rule === 'redis-user-format');
		const coturn = await startCoturn(t, file);
		const client = await coturn.client({ username: '%s'.repeat(12), credential: 'none' });
		t.after(() => client.close());
		await Promise.race([client.allocate().catch(() => null), coturn.exit]);
		const hasEnded = await Promise.race([coturn.exit.then(() => true), delay(1000, false)]);
		assert.equal(isTold, hasEnded);
	});

	test('has nothing to rotate, and no secrets to put anywhere', async (t) => {
		const folder = await makeFolder(t);
		const rotated = await turnconf('rotate', ...sets(folder));
		assert.equal(rotated.code, 1);
		assert.match(rotated.stderr, /there is no secret that could be replaced: each credential has a key of its own in Redis, 127\.0\.0\.1:6379/);
		assert.deepEqual(await turnconf('secrets', ...sets(folder)), { code: 0, stdout: '', stderr: '' });
	});

	test('doctor relays with a credential of signald', async (t) => {
		await redisOf(t);
		const folder = await makeFolder(t);
		const more = { 'turn.host': PUBLIC4, 'turn.redis_db': 1 };
		const { file } = await generate(folder, { ...REDIS, 'turn.secret': undefined, ...more }, '--patched');
		await startCoturn(t, file);
		const daemon = await startSignald(t, more);
		const examine = async (...args) => JSON.parse((await turnconf('doctor', '--json', '--turnserver', file,
			...sets(folder, { ...more, 'listen.address': daemon.host }), ...args)).stdout).lines;
		for (const flags of [[], ['--patched']]) {
			const { findings } = JSON.parse((await turnconf('check', '--json', '--coturn-version', '4.6.1', ...flags, file)).stdout);
			assert.equal(findings.some(({ rule }) => rule === 'redis-user-format'), !flags.length);
			const told = (await examine('--coturn-version', '4.6.1', ...flags)).filter(({ check }) => check === 'turnserver.conf');
			assert.equal(told.some(({ state, text }) => state === 'failed' && /would write none: .*--patched if yours/.test(text)), !flags.length,
				JSON.stringify(told, null, 1));
		}
		const lines = await examine();
		for (const transport of ['UDP', 'TCP'])
			assert.ok(lines.some(({ check, state, text }) => check === 'relay' && state === 'ok' && text.startsWith(`${transport} ${PUBLIC4}:3478 relays`)),
				JSON.stringify(lines, null, 1));
		const other = await examine('--set', `turn other.host=${PUBLIC4}`);
		assert.equal(other.filter(({ check, state, text }) => check === 'relay' && state === 'ok' && /relays/.test(text)).length, 4);
		const outside = await examine('--server', PUBLIC4);
		assert.ok(outside.some(({ check, state, text }) => check === 'relay' && state === 'warning' && /signald alone has credentials/.test(text)));
		daemon.isExpectedToEnd = true;
		daemon.signal('SIGKILL');
		await daemon.exit;
		assert.ok((await examine()).some(({ check, state, text }) => check === 'relay' && state === 'failed' && /gives no credential/.test(text)));
	});
});
