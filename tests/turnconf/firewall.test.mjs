// turnconf firewall: the rules that it prints close this host's UDP services to
// relayed datagrams, and nothing else.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { chown, readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';

import { PUBLIC4, SECRET, allocated, asSets, generate, makeCertificate, makeFolder, settings, startCoturn, turnconf } from './coturn.mjs';
import { mintCredential } from './turn-client.mjs';

const SERVICE_PORT = 6379;

// Above what the system gives to connections: the test's own packets have no
// relay's port by chance, whoever coturn runs as.
const PORTS = { 'coturn.min_port': 61000, 'coturn.max_port': 61999 };

// Where users may be changed coturn runs as its own; not as the only user of a
// namespace.
async function coturnUser() {
	const map = await readFile('/proc/self/uid_map', 'utf8');
	const user = (await readFile('/etc/passwd', 'utf8')).match(/^turnserver:[^:]*:(\d+):(\d+):/m);
	const canChange = map.trim().split(/\s+/)[2] !== '1' && process.getuid() === 0;
	return canChange && user ? { name: 'turnserver', uid: Number(user[1]), gid: Number(user[2]) } : { name: 'root', uid: 0, gid: 0 };
}

async function nft(text) {
	const done = promisify(execFile)('nft', ['-f', '-'], { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
	done.child.stdin.end(text);
	return done;
}

// A service as there are some on every server, which says what it has heard.
async function startService(t) {
	const socket = dgram.createSocket('udp4');
	const heard = [];
	socket.on('message', (bytes) => heard.push(bytes.toString()));
	socket.bind(SERVICE_PORT, '0.0.0.0');
	await once(socket, 'listening');
	t.after(() => socket.close());
	return heard;
}

async function sendDirectly(text) {
	const socket = dgram.createSocket('udp4');
	await promisify(socket.send.bind(socket))(text, SERVICE_PORT, PUBLIC4);
	socket.close();
}

// Datagrams of one machine come in order: when the last is there, all are that come.
async function hears(heard, client, name) {
	client.send({ address: PUBLIC4, port: SERVICE_PORT }, `relayed ${name}`);
	// The relay has sent what came before by the time it answers.
	assert.equal((await client.permit(PUBLIC4)).code, 200);
	await sendDirectly(`direct ${name}`);
	for (let tries = 0; !heard.includes(`direct ${name}`); tries++) {
		assert.ok(tries < 300, 'not even a direct datagram came');
		await new Promise((resolve) => setTimeout(resolve, 10));
	}
	return heard.includes(`relayed ${name}`);
}

describe('turnconf firewall', () => {
	test('a local UDP service is reached through the relay before, not after; relays reach each other', async (t) => {
		const user = await coturnUser();
		const folder = await makeFolder(t);
		const { file } = await generate(folder, PORTS);
		await chown(folder, user.uid, user.gid);
		await chown(file, user.uid, user.gid);
		const coturn = await startCoturn(t, file, undefined, { uid: user.uid, gid: user.gid });
		const heard = await startService(t);
		const a = await allocated(t, coturn, {}, mintCredential(SECRET, 'alice'));
		const b = await allocated(t, coturn, {}, mintCredential(SECRET, 'bob'));
		for (const client of [a, b])
			assert.equal((await client.permit(PUBLIC4)).code, 200);

		assert.equal(await hears(heard, a, 'before'), true);

		const { code, stdout, stderr } = await turnconf('firewall', '--user', user.name, ...asSets(settings(folder, PORTS)));
		assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
		assert.ok(!stdout.includes(SECRET));
		await nft(stdout);
		t.after(() => nft('delete table inet signald_relay'));
		assert.equal(await hears(heard, a, 'after'), false);

		a.send(b.relayed, 'to the other relay');
		assert.equal((await b.receive())?.data.toString(), 'to the other relay');
		const { stdout: rules } = await promisify(execFile)('/usr/sbin/nft', ['list', 'table', 'inet', 'signald_relay']);
		assert.match(rules, /counter packets 1 bytes \d+ drop/);
	});

	test('loading it again takes the place of what was loaded', async (t) => {
		const folder = await makeFolder(t);
		const print = async (more) => (await turnconf('firewall', '--user', 'root', ...asSets(settings(folder, more)))).stdout;
		await nft(await print(PORTS));
		t.after(() => nft('delete table inet signald_relay'));
		await nft(await print({ 'coturn.min_port': 62000, 'coturn.max_port': 62999 }));
		const { stdout } = await promisify(execFile)('/usr/sbin/nft', ['list', 'table', 'inet', 'signald_relay']);
		assert.match(stdout, /62000-62999/);
		assert.doesNotMatch(stdout, /61000/);
		assert.equal(stdout.match(/ drop$/gm).length, 1);
	});

	test('with a second coturn behind port 443 its relay ports count as well', async (t) => {
		const folder = await makeFolder(t);
		const { cert, key } = await makeCertificate(folder);
		const tunnel = { 'listen.tls': '127.0.0.1:443', 'tls.cert': cert, 'tls.key': key, 'turn.tunnel': '127.0.0.1:3480', 'coturn.tunnel_min_port': 62000, 'coturn.tunnel_max_port': 62999 };
		const { stdout } = await turnconf('firewall', '--user', 'root', ...asSets(settings(folder, { ...PORTS, ...tunnel })));
		await nft(stdout);
		t.after(() => nft('delete table inet signald_relay'));
		const { stdout: rules } = await promisify(execFile)('/usr/sbin/nft', ['list', 'table', 'inet', 'signald_relay']);
		assert.match(rules, /elements = \{ 61000-61999, 62000-62999 \}/);
	});

	test('a user that nft could take for something else is refused', async () => {
		for (const user of ['', 'a b', 'x" accept #', 'a\nb']) {
			const { code, stdout, stderr } = await turnconf('firewall', '--user', user);
			assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
			assert.match(stderr, /--user must be/);
		}
	});
});
