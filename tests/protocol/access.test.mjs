// Who may come in, and what they may do there: the same in every dialect.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import { asks, codeOfIce, comeNative, comeSocketio, getTicket, makeKey, RIGHTS, TURN } from '../lib/access.mjs';
import { runProgram, startDaemon, useDaemon } from '../lib/daemon.mjs';
import { useForAll } from '../lib/ending.mjs';
import { openPeer } from '../lib/peer.mjs';

test('an open server says no to an address that others can reach', async () => {
	const args = ['--set', 'access.mode=open', '--set', 'listen.address=0.0.0.0:0', '--check-config'];
	const refused = await runProgram(args);
	assert.equal(refused.code, 78);
	assert.match(refused.stderr, /access\.mode = open lets everybody in.*access\.open_in_public = yes/);
	assert.equal((await runProgram([...args, '--set', 'access.open_in_public=yes'])).code, 0);
});

test('at start the log says in one sentence who may come in', async (t) => {
	const open = await startDaemon(t);
	await open.waitLog(/access\.mode mode=open/);
	const guest = await startDaemon(t, { sets: { 'access.mode': 'guest' } });
	await guest.waitLog(/access\.mode mode=guest means="pages of this server and of http\.origins/);
});

test('who is open by nobody\'s will, with a relay of the internet, is warned at start', async (t) => {
	const count = ({ log }) => log.match(/WARN.*access\.open|access\.open/g)?.length ?? 0;
	const warned = await startDaemon(t, { sets: TURN });
	await warned.waitLog(/warn.*access\.open relay=turn\.example\.org means="access\.mode is auto.*set access\.mode = guest/i);
	assert.equal(count(warned), 1);
	for (const more of [{ 'access.mode': 'guest' }, { 'access.mode': 'open' }, { 'turn.host': 'localhost' }, { 'turn.host': '127.0.0.1' },
		{ 'turn.host': '::1' }, { 'coturn.profile': 'development' }])
		assert.equal(count(await startDaemon(t, { sets: { ...TURN, ...more } })), 0, JSON.stringify(more));
});

test('whose listen.metrics others reach is warned at start', async (t) => {
	const inside = await startDaemon(t);
	await inside.waitLog(/access\.mode/);
	assert.doesNotMatch(inside.log, /admin\.open/);
	const warned = await startDaemon(t, { sets: { 'listen.metrics': '0.0.0.0:0' } });
	await warned.waitLog(/warn.*admin\.open key=listen\.metrics address=0\.0\.0\.0:0 means="more than this machine may reach it/i);
	assert.doesNotMatch((await startDaemon(t, { sets: { 'listen.metrics': '' } })).log, /admin\.open/);
});

describe('guests', () => {
	let daemon;
	useDaemon({ sets: { ...TURN, 'access.mode': 'guest', 'http.origins': 'https://app.example' } }, (started) => (daemon = started));
	const pages = () => ({ own: daemon.url, listed: 'https://app.example' });

	test('come by our pages and by those of configured origins', async (t) => {
		for (const origin of Object.values(pages())) {
			const peer = await comeNative(t, daemon, { origin });
			assert.equal(typeof peer, 'object', origin);
		}
	});

	test('and by nothing else', async (t) => {
		assert.equal(await comeNative(t, daemon), 'auth-required');
		assert.equal(await comeSocketio(t, daemon), 'auth-required');
		await assert.rejects(openPeer(t, daemon, { origin: 'https://evil.example' }), { status: 403 });
	});

	test('by Socket.IO too, polling and WebSocket', async (t) => {
		for (const transports of [['polling'], ['websocket']])
			for (const Origin of Object.values(pages()))
				assert.equal(typeof await comeSocketio(t, daemon, { transports, extraHeaders: { Origin } }), 'object');
	});

	test('get TURN by the bare list where their page is one of those', async () => {
		for (const headers of [{ Origin: daemon.url }, { Origin: 'https://app.example' },
			{ 'Sec-Fetch-Site': 'same-origin' }, { Referer: `${daemon.url}/call?room=x` }])
			assert.equal(await codeOfIce(daemon, headers), undefined, JSON.stringify(headers));
		for (const headers of [{}, { 'Sec-Fetch-Site': 'cross-site' }, { Referer: 'https://evil.example/' }, { Referer: 'nonsense' }])
			assert.equal(await codeOfIce(daemon, headers), '401 auth-required', JSON.stringify(headers));
	});

	test('are no operators', async (t) => {
		assert.equal(await comeNative(t, daemon, { origin: daemon.url, role: 'operator' }), 'not-allowed');
	});
});

test('who tries keys is slowed down, and nobody is heard to be right meanwhile', async (t) => {
	const { key, item } = await makeKey();
	const sets = { 'access.mode': 'key', 'access.keys': item, 'limits.auth_failures_burst': 3, 'limits.auth_failures_per_minute': 60 };
	const daemon = await startDaemon(t, { sets });
	const ask = (shown) => fetch(`${daemon.url}/v1/ice`, { headers: { Authorization: `Bearer ${shown}` } });
	const wrong = `sk_${'A'.repeat(43)}`;
	for (let i = 0; i < 3; i++)
		assert.equal((await ask(wrong)).status, 401);
	const slowed = await ask(key);
	assert.equal(slowed.status, 429);
	assert.equal((await slowed.json()).code, 'rate-limited');
	assert.equal(slowed.headers.get('retry-after'), '1');
	assert.equal(await comeNative(t, daemon, { auth: key }), 'rate-limited');
	assert.equal(await comeSocketio(t, daemon, { auth: { token: key } }), 'rate-limited');
	await delay(1100);
	assert.equal((await ask(key)).status, 200);
});

test('where guests make no rooms, they come into those of others, and make none by coming again', async (t) => {
	const { key, item } = await makeKey();
	const daemon = await startDaemon(t, { sets: { 'access.mode': 'guest', 'access.keys': item, 'rooms.creation': 'token' } });
	const guest = await openPeer(t, daemon, { origin: daemon.url });
	const join = () => guest.join('hall', { inst: 7 });
	assert.equal((await join()).code, 'no-room');
	const host = await comeNative(t, daemon, { auth: key, room: 'hall' });
	assert.equal(typeof host, 'object');
	const { session } = await join();
	await host.close();
	await guest.request({ type: 'leave' });
	const again = await openPeer(t, daemon, { origin: daemon.url });
	assert.equal((await again.request({ type: 'resume', token: session.token, inst: 8 })).reason, 'no-room');
});

describe('keys and tickets', () => {
	let daemon;
	let key;
	useForAll(async (scope) => {
		const made = await makeKey();
		key = made.key;
		return startDaemon(scope, { sets: { ...TURN, 'access.mode': 'key', 'access.keys': made.item } });
	}, (started) => (daemon = started));

	test('are needed', async (t) => {
		assert.equal(await comeNative(t, daemon, { origin: daemon.url }), 'auth-required');
		assert.equal(await comeSocketio(t, daemon), 'auth-required');
		assert.equal(await codeOfIce(daemon, { Origin: daemon.url }), '401 auth-required');
	});

	test('a key comes in, in every way to show it', async (t) => {
		const ways = [{ auth: key }, { auth: { token: key } }, { headers: { Authorization: `Bearer ${key}` } },
			{ protocols: ['signald.v1', `bearer.${key}`] }];
		for (const way of ways)
			assert.equal(typeof await comeNative(t, daemon, way), 'object', JSON.stringify(way));
		assert.equal(typeof await comeSocketio(t, daemon, { auth: { token: key } }), 'object');
		assert.equal(typeof await comeSocketio(t, daemon, { extraHeaders: { Authorization: `Bearer ${key}` } }), 'object');
		assert.equal(await codeOfIce(daemon, { Authorization: `Bearer ${key}` }), undefined);
		assert.equal(await codeOfIce(daemon, { Authorization: `bearer ${key}` }), undefined);
	});

	test('a wrong one does not', async (t) => {
		const wrong = `sk_${'A'.repeat(43)}`;
		assert.equal(await comeNative(t, daemon, { auth: wrong }), 'bad-key');
		assert.equal(await comeSocketio(t, daemon, { auth: { token: wrong } }), 'bad-key');
		assert.equal(await codeOfIce(daemon, { Authorization: `Bearer ${wrong}` }), '401 bad-key');
		assert.equal(await comeNative(t, daemon, { auth: 'what is this' }), 'bad-credential');
		assert.equal(await daemon.metric('signald_access_refused_total{code="bad-key"}'), 3);
		assert.equal(await daemon.metric('signald_access_refused_total{code="bad-credential"}'), 1);
		assert.equal(await daemon.metric('signald_access_refused_total{code="bad-ticket"}'), 0);
	});

	test('a ticket comes in once, in every way to show it', async (t) => {
		const ways = {
			auth: (ticket) => comeNative(t, daemon, { auth: ticket }),
			header: (ticket) => comeNative(t, daemon, { headers: { Authorization: `Bearer ${ticket}` } }),
			subprotocol: (ticket) => comeNative(t, daemon, { protocols: ['signald.v1', `bearer.${ticket}`] }),
			query: (ticket) => comeNative(t, daemon, { query: `?ticket=${ticket}` }),
			socketio: (ticket) => comeSocketio(t, daemon, { auth: { token: ticket } }),
			'socketio header': (ticket) => comeSocketio(t, daemon, { extraHeaders: { Authorization: `Bearer ${ticket}` } }),
			'socketio query': (ticket) => comeSocketio(t, daemon, { query: { room: 'kitchen', ticket } }),
			'ice header': async (ticket) => await codeOfIce(daemon, { Authorization: `Bearer ${ticket}` }) ?? {},
			ice: async (ticket) => await codeOfIce(daemon, {}, `?ticket=${ticket}`) ?? {},
		};
		for (const [name, come] of Object.entries(ways)) {
			const ticket = await getTicket(daemon, key);
			assert.equal(typeof await come(ticket), 'object', name);
			assert.match(await come(ticket), /bad-ticket$/, name);
		}
	});

	test('a key does not belong into an address', async (t) => {
		assert.equal(await comeNative(t, daemon, { query: `?ticket=${key}` }), 'bad-ticket');
		assert.equal(await codeOfIce(daemon, {}, `?ticket=${key}`), '401 bad-ticket');
	});

	test('only a backend with a key gets tickets', async () => {
		const ask = (headers, body) => fetch(`${daemon.url}/v1/tickets`, { method: 'POST', headers, body });
		for (const [headers, code] of [[{}, 'auth-required'], [{ Authorization: `Bearer sk_${'A'.repeat(43)}` }, 'bad-key'],
			[{ Authorization: `Bearer ${await getTicket(daemon, key)}` }, 'bad-key']]) {
			const answer = await ask(headers);
			assert.equal(answer.status, 401);
			assert.match(answer.headers.get('www-authenticate'), /^Bearer /);
			assert.equal((await answer.json()).code, code);
		}
		const bad = await ask({ Authorization: `Bearer ${key}` }, '{"rights": ["fly"]}');
		assert.equal(bad.status, 400);
		assert.match((await bad.json()).detail, /rights/);
	});

	test('a ticket is for its room and role, and says who somebody is', async (t) => {
		const give = (claims) => getTicket(daemon, key, claims);
		assert.equal(await comeNative(t, daemon, { auth: await give({ room: 'cellar' }) }), 'wrong-room');
		assert.equal(await comeSocketio(t, daemon, { auth: { token: await give({ room: 'cellar' }) } }), 'wrong-room');
		assert.equal(await comeNative(t, daemon, { auth: await give({ role: 'watcher' }), role: 'broadcaster' }), 'wrong-role');
		const host = await comeNative(t, daemon, { auth: key, room: 'den' });
		const watcher = await openPeer(t, daemon);
		const auth = await give({ room: 'd*', role: 'watcher', metadata: { seat: 4 } });
		assert.equal((await watcher.join('den', { auth, metadata: { seat: 1 } })).role, 'watcher');
		const { peer } = await host.next('peer-joined');
		assert.deepEqual(peer.metadata, { seat: 4 });
	});

	test('its ttl is the most that TURN credentials get', async (t) => {
		const peer = await openPeer(t, daemon);
		assert.equal((await peer.join('den', { ttl: 3600, auth: await getTicket(daemon, key, { ttl: 90 }) })).ttl, 90);
		assert.equal((await peer.request({ type: 'ice', ttl: 3600 })).ttl, 90);
	});

	test('who may kick sends away others of the room, for good', async (t) => {
		const room = 'r-kick';
		const host = await comeNative(t, daemon, { auth: key, room });
		const guest = await openPeer(t, daemon);
		const { session } = await guest.join(room, { inst: 3, auth: await getTicket(daemon, key, { rights: RIGHTS.slice(0, -1) }) });
		const other = await comeNative(t, daemon, { auth: key, room: 'elsewhere' });
		assert.equal(await asks(guest, { type: 'kick', to: host.id }), 'not-allowed');
		for (const to of [other.id, host.id, 'nobody'])
			assert.equal(await asks(host, { type: 'kick', to }), 'unknown-peer', to);
		assert.equal((await host.request({ type: 'kick', to: guest.id })).type, 'ack');
		assert.equal((await guest.closed).code, 4003);
		assert.equal((await host.next('peer-left')).reason, 'kicked');
		const again = await openPeer(t, daemon);
		again.send({ type: 'resume', token: session.token, inst: 4 });
		assert.equal((await again.next('not-resumed')).reason, 'kicked');
	});

	test('what was vouched for stays, whatever is said on coming again', async (t) => {
		const host = await comeNative(t, daemon, { auth: key, room: 'vouched' });
		const peer = await openPeer(t, daemon);
		const { session } = await peer.join('vouched', { inst: 5, auth: await getTicket(daemon, key, { metadata: { seat: 4 } }) });
		assert.deepEqual((await host.next('peer-joined')).peer.metadata, { seat: 4 });
		const again = await openPeer(t, daemon);
		assert.equal((await again.request({ type: 'resume', token: session.token, inst: 6, metadata: { seat: 1 } })).type, 'resumed');
		assert.deepEqual((await host.next('peer-joined')).peer.metadata, { seat: 4 });
	});

	test('a ticket ends with its exp, if that is sooner', async (t) => {
		const ticket = await getTicket(daemon, key, { exp: Math.floor(Date.now() / 1000) + 1 });
		await delay(1100);
		assert.equal(await comeNative(t, daemon, { auth: ticket }), 'bad-ticket');
	});
});
