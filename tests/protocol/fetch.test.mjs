// Requests to other servers, against real ones that behave and that do not.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import { promisify } from 'node:util';

import { freePort, makeFolder, root } from '../lib/daemon.mjs';
import { atEnd } from '../lib/ending.mjs';
import { makeCertificate } from '../lib/tls.mjs';

const tool = path.resolve(root, process.env.FETCH_TOOL ?? 'build/fetch-tool');
const run = promisify(execFile);

// A loop that stands still for as long keeps a message waiting that long. On a
// machine that does much else, others take their time too.
const STALL_MS = 150;

const HOST = '127.0.0.1';

// What it told of each request, and the milliseconds it took, and stood still.
async function fetchAll(args, env = {}) {
	const began = performance.now();
	const { stdout } = await run(tool, args, { env: { ...process.env, ...env }, maxBuffer: 1e8 });
	const tookMs = performance.now() - began;
	const lines = stdout.trim().split('\n').map((line) => JSON.parse(line));
	const { stallMs } = lines.pop();
	return { answers: lines, tookMs, stallMs };
}

async function fetchOne(args, env) {
	const { answers, ...rest } = await fetchAll(args, env);
	assert.equal(answers.length, 1);
	return { ...answers[0], ...rest };
}

function assertAnswer({ tookMs, stallMs, ...answer }, expected) {
	assert.deepEqual(answer, { err: '', status: 200, why: '', body: '', ...expected });
}

async function listen(t, server, host = HOST) {
	const sockets = new Set();
	server.on('connection', (socket) => {
		sockets.add(socket);
		socket.on('error', () => {});
		socket.once('close', () => sockets.delete(socket));
	});
	server.listen(0, host);
	await once(server, 'listening');
	atEnd(t, () => {
		server.close();
		for (const socket of sockets)
			socket.destroy();
	});
	return server.address().port;
}

// An HTTPS server under a certificate for localhost; its URL and CA file.
async function startServer(t, handler, { host = HOST, ...options } = {}) {
	const certificate = await makeCertificate(await makeFolder(t), options);
	const server = https.createServer({ cert: readFileSync(certificate.cert), key: readFileSync(certificate.key) }, handler);
	const port = await listen(t, server, host);
	return { server, port, url: `https://localhost:${port}/`, ca: certificate.cert };
}

// A server that takes TCP connections and does with them what it is told.
function startRaw(t, onSocket) {
	return listen(t, net.createServer(onSocket));
}

before(async () => {
	if (!process.env.FETCH_TOOL)
		await run('make', ['-s', 'build/fetch-tool'], { cwd: root });
});

describe('an answer comes', () => {
	test('to a GET over HTTPS, with a header of ours', async (t) => {
		const seen = [];
		const { url, ca } = await startServer(t, (request, response) => {
			seen.push(request);
			response.end('{"keys":[]}');
		});
		assertAnswer(await fetchOne(['-a', ca, '-h', 'Authorization: Bearer x', `${url}a?b=c`]), { body: '{"keys":[]}' });
		assert.equal(seen[0].method, 'GET');
		assert.equal(seen[0].url, '/a?b=c');
		assert.equal(seen[0].headers.authorization, 'Bearer x');
		assert.match(seen[0].headers['user-agent'], /^signald\/\d/);
		assert.equal(seen[0].headers['accept-encoding'], undefined);
	});

	test('to a POST, which may be empty', async (t) => {
		const { url, ca } = await startServer(t, async (request, response) => {
			const body = (await request.toArray()).join('');
			response.end(`${request.method} ${request.headers['content-type']} ${request.headers['content-length']} ${body}`);
		});
		assertAnswer(await fetchOne(['-a', ca, '-b', '{"a":1}', url]), { body: 'POST application/json 7 {"a":1}' });
		assertAnswer(await fetchOne(['-a', ca, '-b', '', url]), { body: 'POST application/json 0 ' });
	});

	test('over plain HTTP, of no bytes, or in chunks', async (t) => {
		const server = http.createServer((request, response) => {
			if (request.url === '/none')
				return response.writeHead(204).end();
			response.write('a');
			setTimeout(() => response.end('b'), 20);
		});
		const url = `http://${HOST}:${await listen(t, server)}`;
		assertAnswer(await fetchOne([`${url}/none`]), { status: 204 });
		assertAnswer(await fetchOne([`${url}/some`]), { body: 'ab' });
	});

	test('to many at once, and one connection serves those in turn', async (t) => {
		let connections = 0;
		const { server, url, ca } = await startServer(t, (request, response) => response.end(request.url));
		server.on('secureConnection', () => connections++);
		const urls = Array.from({ length: 20 }, (_, i) => `${url}${i}`);
		const { answers } = await fetchAll(['-a', ca, ...urls]);
		assert.deepEqual(answers.map(({ body }) => body).sort(), urls.map((_, i) => `/${i}`).sort());
		connections = 0;
		await fetchAll(['-a', ca, '-n', '1', ...urls]);
		assert.equal(connections, 1);
	});

	test('to many at once again and again, over the connections of the first ones', async (t) => {
		let connections = 0;
		const { server, url, ca } = await startServer(t, (request, response) => setTimeout(() => response.end('x'), 50));
		server.on('secureConnection', () => connections++);
		const { answers } = await fetchAll(['-a', ca, '-n', '64', ...Array.from({ length: 256 }, () => url)]);
		assert.ok(answers.every(({ body }) => body === 'x'));
		assert.equal(connections, 64);
	});

	test('whatever proxy the environment names', async (t) => {
		const { url, ca } = await startServer(t, (request, response) => response.end('direct'));
		const proxy = `http://${HOST}:${await freePort()}`;
		assertAnswer(await fetchOne(['-a', ca, url], { https_proxy: proxy, HTTPS_PROXY: proxy, ALL_PROXY: proxy, no_proxy: '' }), {
			body: 'direct',
		});
	});
});

describe('another status is an error', () => {
	test('that says which', async (t) => {
		const { url, ca } = await startServer(t, (request, response) => response.writeHead(503).end('later'));
		assertAnswer(await fetchOne(['-a', ca, url]), { err: 'EBADMSG', status: 503, why: 'it answered 503' });
	});

	test('and a redirect is not followed', async (t) => {
		const seen = [];
		const { url, ca } = await startServer(t, (request, response) => {
			seen.push(request.url);
			response.writeHead(302, { location: '/elsewhere' }).end();
		});
		assertAnswer(await fetchOne(['-a', ca, url]), {
			err: 'EBADMSG', status: 302, why: 'it answered 302, and redirects are not followed',
		});
		assert.deepEqual(seen, ['/']);
	});
});

describe('a server that cannot be trusted is told nothing', () => {
	async function assertRejected(t, options, { host = 'localhost', ca } = {}) {
		const seen = [];
		const server = await startServer(t, (request, response) => response.end(seen.push(request.url)), options);
		const answer = await fetchOne([...(ca ?? ['-a', server.ca]), `https://${host}:${server.port}/`]);
		assert.equal(answer.err, 'EKEYREJECTED', answer.why);
		assert.notEqual(answer.why, '');
		assert.deepEqual(seen, []);
	}

	test('by the authorities of the system', (t) => assertRejected(t, {}, { ca: [] }));
	test('by another authority', async (t) => {
		const { cert } = await makeCertificate(await makeFolder(t));
		await assertRejected(t, {}, { ca: ['-a', cert] });
	});
	test('for another name', (t) => assertRejected(t, { host: '127.0.0.2' }, { host: '127.0.0.2' }));
	test('any more', (t) => assertRejected(t, { days: -1 }));
	test('by a file that is not there', (t) => assertRejected(t, {}, { ca: ['-a', '/nowhere/ca.pem'] }));
	test('when it speaks no TLS', async (t) => {
		const port = await listen(t, http.createServer((request, response) => response.end()));
		assert.equal((await fetchOne([`https://localhost:${port}/`])).err, 'EIO');
	});
});

describe('a limit holds for all of it', () => {
	const TOO_LONG = { err: 'EMSGSIZE', why: 'its answer is longer than 10 bytes, or its head than 16384' };

	test('bytes that are announced', async (t) => {
		const { url, ca } = await startServer(t, (request, response) => response.end('x'.repeat(11)));
		assertAnswer(await fetchOne(['-a', ca, '-m', '11', url]), { body: 'x'.repeat(11) });
		assertAnswer(await fetchOne(['-a', ca, '-m', '10', url]), TOO_LONG);
	});

	test('bytes without end', async (t) => {
		const port = await startRaw(t, (socket) => {
			socket.write('HTTP/1.1 200 OK\r\n\r\n');
			setInterval(() => socket.write('x'), 10).unref();
		});
		assertAnswer(await fetchOne(['-m', '10', `http://${HOST}:${port}/`]), TOO_LONG);
	});

	test('headers without end', async (t) => {
		const port = await startRaw(t, (socket) => {
			socket.write('HTTP/1.1 200 OK\r\n');
			setInterval(() => socket.write(`X: ${'x'.repeat(1000)}\r\n`), 1).unref();
		});
		assertAnswer(await fetchOne(['-m', '10', `http://${HOST}:${port}/`]), { ...TOO_LONG, status: 200 });
	});

	for (const [what, onSocket] of /** @type {[string, (socket: import('node:net').Socket) => void][]} */ ([
		['a server that is silent', () => {}],
		['a head of a byte every 50 ms', (socket) => {
			let sent = 0;
			setInterval(() => socket.write('HTTP/1.1 200 OK'.charAt(sent++) || 'x'), 50).unref();
		}],
		['a body of a byte every 50 ms', (socket) => {
			socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n');
			setInterval(() => socket.write('x'), 50).unref();
		}],
	]))
		test(`time, of ${what}`, async (t) => {
			const port = await startRaw(t, onSocket);
			const { status, ...answer } = await fetchOne(['-t', '500', `http://${HOST}:${port}/`]);
			assertAnswer({ ...answer, status: 200 }, { err: 'ETIMEDOUT', why: 'no whole answer within 500 ms' });
			assert.ok(answer.tookMs >= 500 && answer.tookMs < 2000, `${answer.tookMs} ms`);
		});

	test('time, of half a TLS handshake', async (t) => {
		const port = await startRaw(t, () => {});
		const answer = await fetchOne(['-t', '500', `https://localhost:${port}/`]);
		assert.equal(answer.err, 'ETIMEDOUT');
		assert.ok(answer.tookMs < 2000, `${answer.tookMs} ms`);
	});
});

describe('nobody waits', () => {
	test('while a name is resolved, or when that takes too long', async (t) => {
		const url = `http://slow.test:${await listen(t, http.createServer((request, response) => response.end('ok')))}/`;
		const slow = await fetchOne([url], { FETCH_TOOL_NAMES_MS: '600' });
		assertAnswer(slow, { body: 'ok' });
		assert.ok(slow.tookMs >= 600 && slow.stallMs < STALL_MS, `${slow.stallMs} ms`);
		const late = await fetchOne(['-t', '500', url], { FETCH_TOOL_NAMES_MS: '5000' });
		assertAnswer(late, { err: 'ETIMEDOUT', status: 0, why: 'no whole answer within 500 ms' });
		assert.ok(late.tookMs < 3000 && late.stallMs < STALL_MS, `${late.tookMs} ms, ${late.stallMs} ms`);
	});

	test('for one that is cancelled, wherever it is', async (t) => {
		const port = await startRaw(t, () => {});
		for (const [url, names] of [[`http://${HOST}:${port}/`, ''], [`https://localhost:${port}/`, ''], ['http://slow.test/', '5000']]) {
			const { answers, tookMs, stallMs } = await fetchAll(['-c', '200', url], names ? { FETCH_TOOL_NAMES_MS: names } : {});
			assert.deepEqual(answers, [{ cancelled: true }]);
			assert.ok(tookMs < 2000 && stallMs < STALL_MS, `${tookMs} ms, ${stallMs} ms`);
		}
	});

	test('for a port that nobody listens on', async () => {
		const answer = await fetchOne([`http://${HOST}:${await freePort()}/`]);
		assert.equal(answer.err, 'ECONNREFUSED');
		assert.notEqual(answer.why, '');
	});

	test('for a connection that ends in the middle', async (t) => {
		const port = await startRaw(t, (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx'));
		assert.equal((await fetchOne([`http://${HOST}:${port}/`])).err, 'EIO');
	});

	test('for a name that there is not', async () => {
		const { err, why } = await fetchOne(['http://nobody.invalid/']);
		assert.equal(err, 'EHOSTUNREACH');
		assert.match(why, /nobody\.invalid/);
	});
});

for (const url of ['file:///etc/passwd', 'ftp://localhost/', 'gopher://localhost/', 'localhost', '', 'https://', 'http://[::1'])
	test(`no request goes to ${JSON.stringify(url)}`, async () => {
		await assert.rejects(run(tool, [url]), /fetch-tool: no URL/);
	});
