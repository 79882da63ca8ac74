// TURN over TLS through signald to the second coturn: both as turnconf and
// signald run from one configuration.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';

import { until } from '../lib/daemon.mjs';
import { startTls } from '../lib/tls.mjs';
import { PUBLIC4, PUBLIC6, PRIVATE4, SECRET, allocated, generate, makeCertificate, makeFolder, startCoturn, turnconf } from './coturn.mjs';
import { FIRST_PORT, LAST_PORT, TUNNEL_PORT, allocatedOver, openTunnel, startAll, talk, tunnelSettings } from './tunnel.mjs';
import { TurnClient, mintCredential } from './turn-client.mjs';

describe('the second file', () => {
	const DEPLOYMENTS = {
		'production': {},
		'on IPv6 loopback': { 'turn.tunnel': `[::1]:${TUNNEL_PORT}` },
		'IPv4 and IPv6': { 'coturn.listening_ip': `${PUBLIC4},${PUBLIC6}`, 'coturn.relay_ip': `${PUBLIC4},${PUBLIC6}` },
		'behind NAT': { 'coturn.relay_ip': PRIVATE4, 'coturn.external_ip': '8.8.9.9' },
		'development': { 'coturn.profile': 'development', 'coturn.relay_ip': PRIVATE4 },
		'addresses left to turnconf': { 'coturn.listening_ip': '', 'coturn.relay_ip': '' },
		'443 and nothing else': { 'turn.udp': 'no', 'turn.tcp': 'no' },
	};
	for (const [name, more] of Object.entries(DEPLOYMENTS))
		test(`${name}: coturn takes it without a word, and check finds nothing`, async (t) => {
			const { code, stderr, file } = await generate(await makeFolder(t), tunnelSettings(more), '--tunnel');
			assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
			const address = more['turn.tunnel'] ? '::1' : '127.0.0.1';
			const coturn = await startCoturn(t, file, { address, port: TUNNEL_PORT, isStream: true });
			assert.deepEqual(coturn.complaints, []);
			const checked = await turnconf('check', '--json', file);
			assert.deepEqual(JSON.parse(checked.stdout).findings, []);
		});

	for (const version of ['4.5.2', '4.6.1', '4.9.0', '4.10.0', '4.15.0', '4.17.1'])
		test(`check finds nothing in what is written for ${version}`, async (t) => {
			const { code, stderr, file } = await generate(await makeFolder(t), tunnelSettings(), '--tunnel',
				'--coturn-version', version);
			assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
			const checked = await turnconf('check', '--coturn-version', version, '--json', file);
			assert.deepEqual(JSON.parse(checked.stdout).findings, []);
		});

	test('has what the first one has, but for its addresses, ports and pid file', async (t) => {
		const folder = await makeFolder(t);
		const more = tunnelSettings({ 'coturn.deny_peers': '1.2.3.4' });
		const lines = async (...args) => {
			const { file } = await generate(folder, more, ...args);
			return (await readFile(file, 'utf8')).split('\n').filter((line) => line && !line.startsWith('#'));
		};
		const [first, second] = [await lines(), await lines('--tunnel')];
		const only = (one, other) => one.filter((line) => !other.includes(line));
		assert.deepEqual(only(second, first), [
			'listening-ip=127.0.0.1', `tcp-proxy-port=${TUNNEL_PORT}`, 'no-udp', `min-port=${FIRST_PORT}`, `max-port=${LAST_PORT}`,
			'user-quota=100', `total-quota=${LAST_PORT - FIRST_PORT + 1}`,
			`pidfile=${path.join(folder, 'turnserver-tunnel.pid')}`]);
		assert.deepEqual(only(first, second), [
			`listening-ip=${PUBLIC4}`, 'listening-port=3478', 'min-port=50000', 'max-port=50999',
			'user-quota=200', 'total-quota=1000', `pidfile=${path.join(folder, 'turnserver.pid')}`]);
	});

	test('without turn.tunnel there is none', async (t) => {
		const { code, stderr } = await generate(await makeFolder(t), {}, '--tunnel');
		assert.equal(code, 1);
		assert.match(stderr, /turn\.tunnel is not set: it says where the second coturn listens/);
	});

	test('on an address that others reach it is told of', async (t) => {
		const { code, stderr } = await generate(await makeFolder(t),
			tunnelSettings({ 'turn.tunnel': `${PUBLIC4}:${TUNNEL_PORT}` }), '--tunnel');
		assert.equal(code, 0);
		assert.match(stderr, /whoever reaches this port chooses the client address.*\[proxy-port\]/);
	});

	test('relay ports of the first are refused for it', async (t) => {
		const { code, stderr } = await generate(await makeFolder(t),
			tunnelSettings({ 'coturn.tunnel_max_port': 50000 }), '--tunnel');
		assert.equal(code, 2);
		assert.match(stderr, /must lie outside coturn\.min_port to max_port/);
	});
});

describe('a client that gets out on 443 alone', () => {
	test('allocates, and coturn knows its own address', async (t) => {
		const all = await startAll(t);
		const client = await allocatedOver(t, all, 'alice', { localAddress: PRIVATE4 });
		const { mapped, relayed } = client;
		assert.equal(mapped.address, PRIVATE4);
		assert.equal(relayed.address, PUBLIC4);
		assert.ok(relayed.port >= FIRST_PORT && relayed.port <= LAST_PORT, `port ${relayed.port}`);
		assert.equal(await all.daemon.metric('signald_tunnels'), 1);
		// Its log names a client when it goes.
		client.close();
		const line = `remote ${PRIVATE4}:${mapped.port}`;
		await until(`${line} in the log, which is:\n${all.behind.log}`, () => all.behind.log.includes(line));
	});

	test('talks with another one, and with a client of the first coturn', async (t) => {
		const all = await startAll(t);
		const [a, b] = [await allocatedOver(t, all, 'alice'), await allocatedOver(t, all, 'bob')];
		await talk(a, b);
		const c = await allocated(t, all.coturn, {}, mintCredential(SECRET, 'carol'));
		await talk(await allocatedOver(t, all, 'dan'), c);
	});

	test('says ALPN stun.turn, or TLS 1.2, or both, or neither', async (t) => {
		const all = await startAll(t);
		for (const ALPNProtocols of [undefined, ['stun.turn']])
			for (const maxVersion of ['TLSv1.2', 'TLSv1.3'])
				await allocatedOver(t, all, 'alice', { ALPNProtocols, maxVersion });
	});

	test('reaches nobody\'s network', async (t) => {
		const client = await allocatedOver(t, await startAll(t), 'mallory');
		for (const address of ['127.0.0.1', PRIVATE4, '10.0.0.1', '169.254.169.254'])
			assert.equal((await client.permit(address)).code, 403, address);
	});

	test('is counted: the quota is the user\'s, over all connections', async (t) => {
		const all = await startAll(t, { 'rooms.max_watchers_per_broadcaster': 1 });
		for (let i = 0; i < 2; i++)
			await allocatedOver(t, all, 'alice');
		const third = await openTunnel(t, all.daemon, mintCredential(SECRET, 'alice'));
		assert.equal((await third.allocate()).code, 486);
		await allocatedOver(t, all, 'bob');
	});

	test('needs a credential', async (t) => {
		const all = await startAll(t);
		const stranger = await openTunnel(t, all.daemon, mintCredential('another-secret-0123456789', 'eve'));
		assert.equal((await stranger.allocate()).code, 401);
	});

	test('thousands of datagrams both ways arrive whole and in order', async (t) => {
		const all = await startAll(t, { 'coturn.max_kbps': 0, 'coturn.capacity_kbps': 0 });
		const [a, b] = [await allocatedOver(t, all, 'alice'), await allocatedOver(t, all, 'bob')];
		await talk(a, b);
		// UDP lies between the two relays: so many at a time that none is lost.
		for (let i = 0; i < 3000; i += 20) {
			for (let j = i; j < i + 20; j++) {
				a.sendChannel(0x4001, `${j}:${'a'.repeat(j % 1200)}`);
				b.sendChannel(0x4002, `${j}:${'b'.repeat(j % 1100)}`);
			}
			for (let j = i; j < i + 20; j++) {
				assert.equal((await b.receive())?.data.toString(), `${j}:${'a'.repeat(j % 1200)}`);
				assert.equal((await a.receive())?.data.toString(), `${j}:${'b'.repeat(j % 1100)}`);
			}
		}
	});

	test('its allocation ends with its connection', async (t) => {
		const all = await startAll(t, { 'rooms.max_watchers_per_broadcaster': 1 });
		for (let i = 0; i < 2; i++)
			(await allocatedOver(t, all, 'alice')).close();
		await until('the quota is free again', async () => {
			const client = await openTunnel(t, all.daemon, mintCredential(SECRET, 'alice'));
			return (await client.allocate()).code === 200;
		});
	});
});

test('it is proven and offered as any other way, and not when the second coturn is gone', async (t) => {
	const folder = await makeFolder(t);
	const { file } = await generate(folder, tunnelSettings(), '--tunnel');
	const behind = await startCoturn(t, file, { address: '127.0.0.1', port: TUNNEL_PORT, isStream: true });
	const daemon = await startTls(t, { address: PUBLIC4, certificate: await makeCertificate(folder, PUBLIC4), sets: {
		'turn.host': PUBLIC4, 'turn.secret': SECRET, 'turn.udp': 'no', 'turn.tcp': 'no', 'turn.tunnel': `127.0.0.1:${TUNNEL_PORT}`,
	} });
	// Its own page: guests' lists of others have no TURN.
	const list = async () => (await fetch(`${daemon.url}/v1/ice`, { headers: { origin: daemon.url } })).json();
	const { iceServers } = await until('it is offered', async () => {
		const answer = await list();
		return answer.turn && answer;
	});
	assert.deepEqual(iceServers.at(-1).urls, [`turns:${PUBLIC4}:${daemon.tlsPort}?transport=tcp`]);
	await behind.stop();
	await until('it is not', async () => !(await list()).turn, 5000);
});

test('the port of the second coturn answers nobody without a header', async (t) => {
	const { file } = await generate(await makeFolder(t), tunnelSettings(), '--tunnel');
	await startCoturn(t, file, { address: '127.0.0.1', port: TUNNEL_PORT, isStream: true });
	const stream = net.connect(TUNNEL_PORT, '127.0.0.1');
	t.after(() => stream.destroy());
	const closed = new Promise((resolve) => stream.on('close', resolve));
	const client = TurnClient.overStream(stream, mintCredential(SECRET));
	const answer = await Promise.race([client.allocate().then(() => 'an answer', () => 'none'), closed.then(() => 'closed')]);
	assert.equal(answer, 'closed');
});
