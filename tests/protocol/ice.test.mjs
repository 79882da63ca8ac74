// The ICE list over HTTP, and who may read it.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test } from 'node:test';
import { SECRET, makeFolder, startDaemon, until, useDaemon } from '../lib/daemon.mjs';
import { joinPeer } from '../lib/peer.mjs';
import { judgeFile } from '../lib/schema.mjs';
import { joinSession } from '../lib/session.mjs';

// No coturn is here: whether it is proven is of turn.test.mjs.
const TURN = { 'turn.host': 'turn.example.org', 'turn.secret': SECRET, 'turn.probe': 'no' };
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

	test('is of the ways that /v1/check names', async () => {
		const { turn } = await (await fetch(`${daemon.url}/v1/check`)).json();
		assert.deepEqual(turn, { udp: true, tcp: true, tls: true });
	});

	test('lacks a way that is not proven yet, which is no way that is down', async (t) => {
		const silent = createSocket('udp4').bind(0, '127.0.0.1');
		await once(silent, 'listening');
		t.after(() => silent.close());
		const { url } = await startDaemon(t, { sets: { 'turn.host': '127.0.0.1', 'turn.secret': SECRET, 'turn.port': silent.address().port, 'turn.tcp': 'no' } });
		const ways = async () => (await (await fetch(`${url}/v1/check`)).json()).turn;
		assert.deepEqual(await ways(), { udp: null });
		await until('that it is down', async () => (await ways()).udp === false);
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

test('a secret in a file is read again when it changes, each server its own', async (t) => {
	const folder = await makeFolder(t);
	const file = (name) => path.join(folder, name);
	const secret = (letter) => letter.repeat(8) + '-another-secret';
	// As turnconf rotate does it; a file that is written in place may be seen half done.
	const write = async (name, letter) => {
		await writeFile(file(`${name}.new`), `${secret(letter)}\n`);
		await rename(file(`${name}.new`), file(name));
	};
	await write('own', 'a');
	await write('far', 'a');
	const daemon = await startDaemon(t, { config: `[turn]
host = own.example
secret_file = ${file('own')}
probe = no
servers_per_client = 3
[turn far]
host = far.example
secret_file = ${file('far')}
[turn near]
host = near.example
` });
	const signers = async () => {
		const { iceServers } = await getIce(daemon);
		return Object.fromEntries(iceServers.filter(({ username }) => username).map(({ urls, username, credential }) =>
			[/^turn:(\w+)/.exec(urls[0])[1], [...'abc'].find((letter) => credential === createHmac('sha1', secret(letter)).update(username).digest('base64'))]));
	};
	assert.deepEqual(await signers(), { own: 'a', far: 'a', near: 'a' });
	await write('far', 'b');
	await daemon.waitLog(/secret\.renewed file=.*far/);
	assert.deepEqual(await signers(), { own: 'a', far: 'b', near: 'a' });
	await write('far', 'a');
	await daemon.waitLog(/(secret\.renewed file=.*far[^]*){2}/);
	await write('own', 'c');
	await daemon.waitLog(/secret\.renewed file=.*own/);
	assert.deepEqual(await signers(), { own: 'c', far: 'a', near: 'c' });
	await writeFile(file('far.new'), 'short\n');
	await rename(file('far.new'), file('far'));
	await daemon.waitLog(/secret\.refused reason=".*far: /);
	assert.deepEqual(await signers(), { own: 'c', far: 'a', near: 'c' });
});
