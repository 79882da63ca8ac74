// scripts/check on servers that are well, and on each kind of trouble.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { once } from 'node:events';
import path from 'node:path';
import { describe, test } from 'node:test';
import tls from 'node:tls';

import { startAppliance } from '../lib/appliance.mjs';
import { cleanEnv, freePort, makeFolder, root, runProgram, SECRET, startDaemon, until } from '../lib/daemon.mjs';
import { atEnd } from '../lib/ending.mjs';
import { makeCertificate, startTls } from '../lib/tls.mjs';

// As tests/scripts/run has it.
const ADDRESS = '198.51.100.10';
const LIMIT_MS = 60000;

function check(args, env = {}) {
	return new Promise((resolve) => {
		execFile(path.join(root, 'scripts/check'), args, { env: cleanEnv(env), timeout: LIMIT_MS },
			(fault, stdout, stderr) => resolve({ code: fault?.code ?? 0, stdout, stderr }));
	});
}

// The lines, as "state check: text".
const linesOf = ({ stdout }) => [...stdout.matchAll(/^(ok|warning|failed) +(\w+) +(.*)$/gm)].map(([, state, name, text]) => `${state} ${name}: ${text}`);

function assertLine(result, pattern) {
	assert.ok(linesOf(result).some((line) => pattern.test(line)), `${pattern} in\n${result.stdout}`);
}

test('all is well, over TLS, with every way to the relay', async (t) => {
	const { cert, key } = await makeCertificate(await makeFolder(t), { address: ADDRESS });
	const port = await freePort();
	const { dir } = await startAppliance(t, {
		'listen.tls': `${ADDRESS}:${port}`, 'tls.cert': cert, 'tls.key': key, 'turn.tunnel': '127.0.0.1:3479',
	});
	const result = await check([`${ADDRESS}:${port}`], { SSL_CERT_FILE: cert });
	assert.equal(result.code, 0, result.stdout);
	assert.match(result.stdout, /^0 failed, 0 warnings$/m);
	for (const pattern of [
		new RegExp(`^ok server: https://${ADDRESS}:${port} answers after \\d+ ms, and says that it is ready$`), /^ok clock: .*same time$/,
		/^ok certificate: it is good for 89 days more$/, /^ok websocket: a peer was in a room/, /^ok polling: .* was connected/,
		/^ok relay: UDP .*:3478 relays/, /^ok relay: TCP .*:3478 relays/, new RegExp(`^ok relay: TLS .*:${port} relays`), /^ok nat: none/,
	])
		assertLine(result, pattern);
	assert.ok(!result.stdout.includes(dir));

	// Who does not know the authority does not trust it, nor do browsers.
	const strange = await check([`https://${ADDRESS}:${port}`]);
	assert.equal(strange.code, 1);
	assertLine(strange, /^failed certificate: browsers .* do not trust it: .*self-signed certificate/);
});

test('a certificate that has expired', async (t) => {
	const certificate = await makeCertificate(await makeFolder(t), { days: -1 });
	const daemon = await startTls(t, { certificate });
	const result = await check([daemon.tlsHost]);
	assert.equal(result.code, 1);
	assertLine(result, /^failed certificate: it has expired: \w{3} +\d/);
	assert.match(result.stdout, /^first of all: certificate: it has expired/m);
	assertLine(result, /^ok websocket/);
});

test('a relay that is down', async (t) => {
	const daemon = await startDaemon(t, { sets: { 'turn.host': ADDRESS, 'turn.secret': SECRET } });
	await until('that it is down', async () => (await fetch(`${daemon.url}/readyz`)).status === 503);
	const result = await check([daemon.host]);
	assert.equal(result.code, 1);
	assertLine(result, /^failed server: .* says that it is not ready: .*turn: /);
	for (const way of ['UDP', 'TCP'])
		assertLine(result, new RegExp(`^failed relay: .*set up for TURN over ${way}, and has found that it does not work$`));
	assertLine(result, /^failed relay: the server gives no relay now$/);
});

test('a relay that is not set up is no failure', async (t) => {
	const daemon = await startDaemon(t);
	const result = await check([`http://${daemon.host}/`]);
	assert.equal(result.code, 0, result.stdout);
	assertLine(result, /^warning relay: no relay is set up/);
	assertLine(result, /^ok certificate: there is none, and on this machine/);
});

test('a server that wants a key gets one', async (t) => {
	const { stdout } = await runProgram(['key', 'shop']);
	const [, key, item] = stdout.match(/(sk_\S+)[^]*access\.keys: +(\S+)/);
	const daemon = await startDaemon(t, { sets: { 'access.mode': 'key', 'access.keys': item } });
	const without = await check([daemon.host]);
	assert.equal(without.code, 1);
	for (const name of ['websocket', 'polling', 'relay'])
		assertLine(without, new RegExp(`^failed ${name}: the server lets in nobody without a key`));

	const file = path.join(await makeFolder(t), 'key');
	await writeFile(file, `${key}\n`);
	const result = await check(['--key-file', file, daemon.host]);
	assert.equal(result.code, 0, result.stdout);
	for (const name of ['websocket', 'polling'])
		assertLine(result, new RegExp(`^ok ${name}`));
	assert.ok(!result.stdout.includes(key));
	assert.equal((await check([daemon.host], { SIGNALING_KEY: key })).code, 0);
});

describe('a key', () => {
	const KEY = 'sk_shop_not-for-strangers';

	// A server that has nothing, and keeps what it is sent: .heads, of requests.
	async function startRecorder(t, certificate, { address = ADDRESS, afterwards } = {}) {
		const heads = [];
		const answer = (socket) => {
			socket.on('error', () => {});
			let text = '';
			socket.on('data', (data) => {
				text += data;
				if (!text.includes('\r\n\r\n'))
					return;
				heads.push(text);
				text = '';
				socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n');
			});
		};
		const read = async ({ cert, key }) => ({ cert: await readFile(cert), key: await readFile(key) });
		const server = certificate ? tls.createServer(await read(certificate), answer) : net.createServer(answer);
		const other = afterwards && await read(afterwards);
		let connections = 0;
		// The third is the one that the certificate is looked at in.
		server.on('connection', () => {
			if (++connections === 3 && other)
				server.setSecureContext(other);
		});
		server.on('tlsClientError', () => {});
		await once(server.listen(0, address), 'listening');
		atEnd(t, () => server.close());
		return { heads, host: `${address}:${server.address().port}` };
	}

	const pathsWithKey = ({ heads }) => heads.filter((head) => head.includes(KEY)).map((head) => head.split(' ')[1]);
	const expected = ['/v1/ws', '/socket.io/?EIO=4&transport=polling', '/v1/ice'];

	function assertWithheld(result, server, pattern) {
		assert.equal(result.code, 1);
		assertLine(result, pattern);
		assert.ok(server.heads.length > 0, result.stdout);
		assert.deepEqual(pathsWithKey(server), []);
	}

	test('goes to who has proven itself, and with what needs it alone', async (t) => {
		const certificate = await makeCertificate(await makeFolder(t), { address: ADDRESS });
		const server = await startRecorder(t, certificate);
		const result = await check([server.host], { SIGNALING_KEY: KEY, SSL_CERT_FILE: certificate.cert });
		assert.deepEqual(pathsWithKey(server), expected, result.stdout);
		assert.ok(server.heads.some((head) => head.startsWith('GET /readyz ')));
	});

	for (const scheme of ['', 'https://'])
		test(`does not go to ${scheme}HOST with a certificate of nobody's`, async (t) => {
			const server = await startRecorder(t, await makeCertificate(await makeFolder(t), { address: ADDRESS }));
			const result = await check([scheme + server.host], { SIGNALING_KEY: KEY });
			assertWithheld(result, server, /^failed key: it was not sent: .* has not proven that it is your server$/);
			assertLine(result, /^warning server: what asks for the key was not tried/);
		});

	test('does not go to who has the certificate of another', async (t) => {
		const certificate = await makeCertificate(await makeFolder(t));
		const server = await startRecorder(t, certificate);
		const result = await check([server.host], { SIGNALING_KEY: KEY, SSL_CERT_FILE: certificate.cert });
		assertWithheld(result, server, /^failed key: it was not sent/);
	});

	test('does not go to who shows another certificate afterwards', async (t) => {
		const certificate = await makeCertificate(await makeFolder(t), { address: ADDRESS });
		const afterwards = await makeCertificate(await makeFolder(t), { address: ADDRESS });
		const server = await startRecorder(t, certificate, { afterwards });
		const result = await check([`https://${server.host}`], { SIGNALING_KEY: KEY, SSL_CERT_FILE: certificate.cert });
		assertWithheld(result, server, /^failed websocket/);
		assertLine(result, /^ok certificate/);
	});

	test('does not go out in the clear unless that is written out', async (t) => {
		const server = await startRecorder(t);
		assertWithheld(await check([server.host], { SIGNALING_KEY: KEY }), server, /^failed key: it was not sent: there is no TLS at/);
		const result = await check([`http://${server.host}`], { SIGNALING_KEY: KEY });
		assertLine(result, /^warning key: it is sent to .* in the clear, as http:\/\/ asks for/);
		assert.deepEqual(pathsWithKey(server), expected);
	});

	test('goes to this machine itself', async (t) => {
		const server = await startRecorder(t, null, { address: '127.0.0.1' });
		await check([server.host], { SIGNALING_KEY: KEY });
		assert.deepEqual(pathsWithKey(server), expected);
	});
});

test('a guest is let in as the page is', async (t) => {
	const daemon = await startDaemon(t, { sets: { 'access.mode': 'guest' } });
	const result = await check([daemon.host]);
	assert.equal(result.code, 0, result.stdout);
	assertLine(result, /^ok websocket: a peer was in a room/);
});

// As far as a server whose clock is wrong can be had without one.
async function startWrong(t, shiftMs) {
	const server = http.createServer((request, response) => {
		const isCheck = request.url === '/v1/check';
		response.statusCode = isCheck || request.url === '/readyz' ? 200 : 404;
		response.end(isCheck ? JSON.stringify({ time: new Date(Date.now() + shiftMs) }) : '{}');
	});
	await once(server.listen(0, '127.0.0.1'), 'listening');
	atEnd(t, () => server.close());
	return `127.0.0.1:${server.address().port}`;
}

for (const [shiftMs, pattern] of [
	[-3600 * 1000, /^failed clock: this machine's clock is 3(600|599) s ahead of the server's/],
	[3600 * 1000, /^failed clock: this machine's clock is 3(600|599) s behind the server's/],
	[-30 * 1000, /^warning clock: this machine's clock is (30|29) s ahead of/],
])
	test(`a clock that is ${shiftMs} ms off`, async (t) => {
		assertLine(await check([await startWrong(t, shiftMs)]), pattern);
	});

// A server that knows after so many questions how its relay is.
async function startYoung(t, questions) {
	const asked = {};
	const server = http.createServer(({ url }, response) => {
		asked[url] = (asked[url] ?? 0) + 1;
		const knows = asked[url] > (url === '/readyz' ? Math.min(questions, 2) : questions);
		if (url === '/readyz') {
			response.statusCode = knows ? 200 : 503;
			response.end(knows ? '{"status": "ready"}' : '{"status": "not-ready", "reasons": ["turn: main: nothing is known of it yet"]}');
		} else if (url === '/v1/check') {
			response.end(`{"time": "${new Date().toISOString()}", "certificate": null, "turn": {"udp": ${knows || null}, "tunnel": ${knows ? false : null}}}`);
		} else {
			response.statusCode = 404;
			response.end('{}');
		}
	});
	await once(server.listen(0, '127.0.0.1'), 'listening');
	atEnd(t, () => server.close());
	return `127.0.0.1:${server.address().port}`;
}

test('a server that has just started is given time to try its relay', async (t) => {
	const result = await check([await startYoung(t, 2)]);
	assertLine(result, /^ok server: /);
	assert.deepEqual(linesOf(result).filter((line) => /set up for|found out/.test(line)),
		['failed relay: the server is set up for TURN over TLS on port 443, and has found that it does not work']);
});

test('a relay that is not tried yet is no failure', async (t) => {
	const result = await check([await startYoung(t, 1000)]);
	assertLine(result, /^warning relay: the server has not yet found out whether its TURN over UDP works$/);
	assert.ok(!/set up for/.test(result.stdout), result.stdout);
});

test('what a stranger answers moves no cursor', async (t) => {
	const server = http.createServer((request, response) => {
		response.statusCode = 503;
		response.end('\x1b[2J\x1b]0;title\x07');
	});
	await once(server.listen(0, '127.0.0.1'), 'listening');
	atEnd(t, () => server.close());
	const { code, stdout } = await check([`127.0.0.1:${server.address().port}`]);
	assert.equal(code, 1);
	assert.match(stdout, /^[\n -~]*$/);
});

test('nobody answers', async () => {
	const result = await check([`127.0.0.1:${await freePort()}`]);
	assert.equal(result.code, 1);
	assert.deepEqual(linesOf(result).length, 1);
	assertLine(result, /^failed server: .* does not answer$/);
});

test('wrong usage is said, and is 64', async () => {
	for (const args of [[], ['a', 'b'], ['--nonsense', 'a'], ['--key-file'], ['--key-file', '/nowhere', 'a'], ['a:0'], ['a:65536'], ['a b'], ['ftp://a'], ['a/path'], ['$(id)']]) {
		const { code, stdout, stderr } = await check(args);
		assert.equal(code, 64, args.join(' '));
		assert.equal(stdout, '');
		assert.match(stderr, /^check: .*; see scripts\/check --help\n$/);
	}
	const help = await check(['--help']);
	assert.equal(help.code, 0);
	assert.match(help.stdout, /^usage: scripts\/check /);
});
