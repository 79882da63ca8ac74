// The ICE list over HTTP, and who may read it.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { SECRET, startDaemon, until, useDaemon } from '../lib/daemon.mjs';
import { joinPeer, openPeer } from '../lib/peer.mjs';
import { judgeFile } from '../lib/schema.mjs';
import { joinSession } from '../lib/session.mjs';

const TURN = { 'turn.host': 'turn.example.org', 'turn.secret': SECRET };
const FRIEND = 'https://friend.example';

async function getIce(daemon, query = '', init = {}) {
	const response = await fetch(`${daemon.url}/v1/ice${query}`, init);
	assert.equal(response.status, 200);
	assert.match(response.headers.get('content-type'), /^application\/json/);
	const list = await response.json();
	assert.equal(judgeFile('http-ice.json', list), null);
	return list;
}

const turnOf = (list) => list.iceServers.find((server) => server.username);

function assertCredential(list, ttl) {
	const { username, credential } = turnOf(list);
	const [expiry] = username.split(':');
	const left = Number(expiry) - Date.now() / 1000;
	assert.ok(Math.abs(left - ttl) < 3, `${left} s left of ${ttl}`);
	assert.equal(Date.parse(list.expiresAt) / 1000, Number(expiry));
	assert.equal(list.ttl, ttl);
	assert.equal(list.refreshAfter, Math.floor(ttl * 3 / 4));
	assert.equal(credential, createHmac('sha1', SECRET).update(username).digest('base64'));
}

describe('a list', () => {
	let daemon;
	useDaemon({ sets: { ...TURN, 'turn.tls': 'yes', 'http.origins': FRIEND } }, (d) => (daemon = d));

	test('holds stun, and turn over UDP, TCP and TLS, with a credential that coturn accepts', async () => {
		const list = await getIce(daemon);
		assert.deepEqual(list.iceServers.map((server) => server.urls), [
			['stun:turn.example.org:3478'],
			['turn:turn.example.org:3478?transport=udp', 'turn:turn.example.org:3478?transport=tcp',
				'turns:turn.example.org:5349?transport=tcp'],
		]);
		assert.equal(list.turn, true);
		assertCredential(list, 600);
	});

	test('is never stored', async () => {
		const response = await fetch(`${daemon.url}/v1/ice`);
		assert.equal(response.headers.get('cache-control'), 'no-store');
	});

	test('lives as long as asked, within the bounds', async () => {
		assertCredential(await getIce(daemon, '?ttl=120'), 120);
		assertCredential(await getIce(daemon, '?ttl=1'), 60);
		assertCredential(await getIce(daemon, '?ttl=999999'), 3600);
		assertCredential(await getIce(daemon, '', { method: 'POST', body: '{"ttl":120,"more":[]}',
			headers: { 'Content-Type': 'application/json' } }), 120);
		assertCredential(await getIce(daemon, '', { method: 'POST', body: '{}',
			headers: { 'Content-Type': 'application/json; charset=utf-8' } }), 600);
	});

	for (const ttl of ['', 'x', '-1', '1.5', '60x', '%00', '99999999999999999999999'])
		test(`a ttl of "${ttl}" is refused or bounded`, async () => {
			const response = await fetch(`${daemon.url}/v1/ice?ttl=${ttl}`);
			if (response.status === 200)
				assert.equal((await response.json()).ttl, 3600);
			else
				assert.equal(response.status, 400);
		});

	test('names the same user for the same address, another for every peer', async (t) => {
		const user = (list) => turnOf(list).username.replace(/^\d+:/, '');
		assert.equal(user(await getIce(daemon)), user(await getIce(daemon, '?ttl=120')));
		const one = await joinPeer(t, daemon, 'users');
		const other = await joinPeer(t, daemon, 'users');
		const users = new Set([user(await getIce(daemon)), user(one.joined), user(other.joined)]);
		assert.equal(users.size, 3);
		assert.equal(user(await one.request({ type: 'ice' })), user(one.joined));
		for (const name of users)
			assert.match(name, /^[A-Za-z0-9_.-]+$/);
	});

	test('comes with joined and with ice, with the ttl asked for', async (t) => {
		const peer = await joinPeer(t, daemon, 'ttl', { ttl: 90 });
		assertCredential(peer.joined, 90);
		const again = await peer.request({ type: 'ice', ttl: 120 });
		assert.equal(again.type, 'ice');
		assertCredential(again, 120);
		assertCredential(await peer.request({ type: 'ice', ttl: 5 }), 60);
	});

	test('is for the pages of configured origins, errors too', async () => {
		for (const [path, method, status] of [['/v1/ice', 'GET', 200], ['/v1/ice?ttl=x', 'GET', 400],
			['/v1/ice', 'DELETE', 405], ['/v1/ice', 'POST', 415]]) {
			const body = method === 'POST' ? '<a/>' : undefined;
			const response = await fetch(`${daemon.url}${path}`, { method, body, headers: { Origin: FRIEND } });
			assert.equal(response.status, status);
			assert.equal(response.headers.get('access-control-allow-origin'), FRIEND, path);
			assert.match(response.headers.get('vary') ?? '', /origin/i, path);
		}
	});

	test('is not for pages of other origins', async () => {
		for (const Origin of ['https://evil.example', 'https://friend.example.evil.example', 'http://friend.example',
			'https://friend.example:444', 'null', 'https://FRIEND.example@evil.example']) {
			const response = await fetch(`${daemon.url}/v1/ice`, { headers: { Origin } });
			assert.equal(response.headers.get('access-control-allow-origin'), null, Origin);
		}
	});

	test('answers the preflight of a configured origin', async () => {
		const response = await fetch(`${daemon.url}/v1/ice`, { method: 'OPTIONS', headers: {
			Origin: FRIEND, 'Access-Control-Request-Method': 'POST',
			'Access-Control-Request-Headers': 'content-type' } });
		assert.equal(response.status, 204);
		assert.equal(response.headers.get('access-control-allow-origin'), FRIEND);
		assert.match(response.headers.get('access-control-allow-methods'), /POST/);
		assert.match(response.headers.get('access-control-allow-headers'), /content-type/i);
		assert.equal(response.headers.get('access-control-max-age'), '600');
	});
});

test('only the servers that are configured are offered', async (t) => {
	const daemon = await startDaemon(t, { sets: { ...TURN, 'turn.host': '2001:db8::1', 'turn.stun': 'no',
		'turn.udp': 'no', 'turn.port': 3999 } });
	const list = await getIce(daemon);
	assert.deepEqual(list.iceServers.map((server) => server.urls),
		[['turn:[2001:db8::1]:3999?transport=tcp']]);
});

test('without TURN the list says so and holds none', async (t) => {
	const daemon = await startDaemon(t);
	const list = await getIce(daemon);
	assert.equal(list.turn, false);
	assert.equal(turnOf(list), undefined);
});

// A STUN server (RFC 8489): answers Binding requests with success.
async function startStun(t, port = 0) {
	const socket = dgram.createSocket('udp4');
	socket.on('message', (request, from) => {
		const answer = Buffer.alloc(32);
		answer.writeUInt16BE(0x0101, 0);
		answer.writeUInt16BE(12, 2);
		request.copy(answer, 4, 4, 20);
		answer.writeUInt16BE(0x0020, 20);
		answer.writeUInt16BE(8, 22);
		answer[25] = 1;
		answer.writeUInt16BE(from.port ^ 0x2112, 26);
		from.address.split('.').forEach((byte, i) => (answer[28 + i] = Number(byte) ^ answer[4 + i]));
		socket.send(answer, from.port, from.address);
	});
	socket.bind(port, '127.0.0.1');
	await once(socket, 'listening');
	const close = () => new Promise((resolve) => socket.close(resolve));
	let isOpen = true;
	const server = { port: socket.address().port, close: () => ((isOpen = false), close()) };
	t.after(() => (isOpen ? close() : undefined));
	return server;
}

test('a TURN server that falls silent is not offered, and readyz says why; one that is back is', async (t) => {
	const stun = await startStun(t);
	const daemon = await startDaemon(t, { sets: { ...TURN, 'turn.probe': `127.0.0.1:${stun.port}`,
		'turn.probe_interval_s': 1 } });
	const ready = async () => {
		const response = await fetch(`${daemon.url}/readyz`);
		return { ...(await response.json()), status: response.status };
	};
	await until('ready', async () => (await ready()).status === 200);
	assert.equal((await getIce(daemon)).turn, true);

	await stun.close();
	const down = await until('not ready', async () => {
		const answer = await ready();
		return answer.status === 503 ? answer : null;
	}, 15000);
	assert.equal(down.reasons.length, 1);
	assert.match(down.reasons[0], /^turn: /);
	const list = await getIce(daemon);
	assert.equal(list.turn, false);
	assert.equal(turnOf(list), undefined);
	const peer = await openPeer(t, daemon);
	assert.equal(turnOf(await peer.join('down')), undefined);

	await startStun(t, stun.port);
	await until('ready again', async () => (await ready()).status === 200, 15000);
	assert.ok(turnOf(await getIce(daemon)));
});

test('fresh credentials come before the old ones end, unasked, and live as long as those', async (t) => {
	const daemon = await startDaemon(t, { sets: { ...TURN, 'turn.min_ttl_s': 10 } });
	const plain = await joinPeer(t, daemon, 'fresh', { ttl: 10 });
	const session = await joinSession(t, daemon, 'fresh');
	await session.cut();
	const resumed = await session.resume({ ttl: 10 });
	const long = await joinPeer(t, daemon, 'fresh');
	const began = performance.now();
	await Promise.all([[plain, plain.joined], [session, resumed]].map(async ([peer, first]) => {
		assertCredential(first, 10);
		const fresh = await peer.next('ice');
		assert.ok(performance.now() - began < 7500, 'before the client would ask');
		assert.equal('ref' in fresh, false);
		assertCredential(fresh, 10);
		assert.notEqual(turnOf(fresh).username, turnOf(first).username);
	}));
	await long.settle();
	assert.deepEqual(long.heard('ice'), []);
});
