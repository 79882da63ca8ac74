// HTTP as docs/http.md promises it, byte by byte over real sockets.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { useDaemon } from '../lib/daemon.mjs';
import { exchange, openRaw } from '../lib/http.mjs';
import { judgeFile } from '../lib/schema.mjs';

// An error says what it is, in the type it promises, and counts its bytes.
function assertProblem(response, status) {
	assert.equal(response.status, status, `${response.status} ${response.body}`);
	assert.equal(response.headers['content-type'], 'application/problem+json');
	const problem = JSON.parse(response.body);
	assert.equal(judgeFile('http-problem.json', problem), null);
	assert.equal(problem.status, status);
	assert.equal(problem.title, response.reason);
}

const GET = 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n';
const BODY = '{"ttl":60}';
const POST = `POST /v1/ice HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n`;

describe('requests', () => {
	let daemon;
	useDaemon({}, (d) => (daemon = d));

	test('health, version and readiness answer as documented', async () => {
		const health = await fetch(`${daemon.url}/healthz`);
		assert.equal(health.status, 200);
		assert.deepEqual(await health.json(), { status: 'ok' });
		const ready = await fetch(`${daemon.url}/readyz`);
		assert.equal(ready.status, 200);
		assert.deepEqual(await ready.json(), { status: 'ready' });
		const version = await (await fetch(`${daemon.url}/version`)).json();
		assert.equal(version.name, 'signald');
		for (const key of ['version', 'libevent', 'openssl'])
			assert.match(version[key], /\d+\.\d+/);
	});

	test('what a check needs to know: the time, and no certificate where there is none', async () => {
		const response = await fetch(`${daemon.url}/v1/check`);
		assert.equal(response.status, 200);
		assert.equal(response.headers.get('cache-control'), 'no-store');
		const { time, ...rest } = await response.json();
		assert.ok(Math.abs(Date.parse(time) - Date.now()) < 2000, time);
		assert.deepEqual(rest, { certificate: null, turn: {} });
	});

	test('a connection carries several requests, one after another', async (t) => {
		const connection = await openRaw(t, daemon.port);
		for (let i = 0; i < 3; i++) {
			await connection.write(GET);
			assert.equal((await connection.response()).status, 200);
		}
	});

	test('pipelined requests are answered in order', async (t) => {
		const connection = await openRaw(t, daemon.port);
		await connection.write(GET + 'GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n' +
			'GET /version HTTP/1.1\r\nHost: a\r\n\r\n');
		assert.equal((await connection.response()).status, 200);
		assert.equal((await connection.response()).status, 404);
		assert.match((await connection.response()).body, /openssl/);
	});

	test('a thousand pipelined requests are all answered', async (t) => {
		const connection = await openRaw(t, daemon.port);
		void connection.write(GET.repeat(1000));
		for (let i = 0; i < 1000; i++)
			assert.equal((await connection.response()).status, 200);
	});

	test('a request may come byte by byte', async (t) => {
		const connection = await openRaw(t, daemon.port);
		for (const byte of POST + `Content-Length: ${BODY.length}\r\n\r\n${BODY}`)
			await connection.write(byte);
		assert.equal((await connection.response()).status, 200);
	});

	test('Connection: close closes behind the answer, keep-alive does not', async (t) => {
		const closing = await exchange(t, daemon.port,
			'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
		assert.equal(closing.status, 200);
		assert.equal(closing.headers.connection, 'close');
		await closing.connection.closed();
	});

	test('HTTP/1.0 is answered and closed', async (t) => {
		const { status, connection } = await exchange(t, daemon.port, 'GET /healthz HTTP/1.0\r\n\r\n');
		assert.equal(status, 200);
		await connection.closed();
	});

	test('HEAD answers like GET, without the body', async (t) => {
		const get = await exchange(t, daemon.port, GET);
		const connection = await openRaw(t, daemon.port);
		await connection.write(GET.replace('GET', 'HEAD') + GET);
		const head = await connection.response({ isHead: true });
		assert.equal(head.status, 200);
		assert.equal(head.headers['content-length'], get.headers['content-length']);
		assert.equal(head.headers['content-type'], get.headers['content-type']);
		assert.equal((await connection.response()).body, get.body);
	});

	test('absolute-form targets are understood', async (t) => {
		const { status } = await exchange(t, daemon.port,
			'GET http://a/healthz HTTP/1.1\r\nHost: a\r\n\r\n');
		assert.equal(status, 200);
	});

	test('chunked bodies are read, with extensions and trailers', async (t) => {
		const connection = await openRaw(t, daemon.port);
		await connection.write(`${POST}Transfer-Encoding: chunked\r\n\r\n` +
			'4;name=value\r\n{"tt\r\n6\r\nl":60}\r\n0\r\nTrailer: x\r\n\r\n' + GET);
		assert.equal(JSON.parse((await connection.response()).body).ttl, 60);
		assert.equal((await connection.response()).status, 200);
	});

	test('a chunked body may come byte by byte', async (t) => {
		const connection = await openRaw(t, daemon.port);
		for (const byte of `${POST}Transfer-Encoding: chunked\r\n\r\na\r\n${BODY}\r\n0\r\n\r\n`)
			await connection.write(byte);
		assert.equal(JSON.parse((await connection.response()).body).ttl, 60);
	});

	test('Expect: 100-continue is answered before the body', async (t) => {
		const connection = await openRaw(t, daemon.port);
		await connection.write(`${POST}Expect: 100-continue\r\nContent-Length: ${BODY.length}\r\n\r\n`);
		assert.equal((await connection.response()).status, 100);
		await connection.write(BODY);
		assert.equal((await connection.response()).status, 200);
	});

	test('an unknown path is 404 and says so', async (t) => {
		assertProblem(await exchange(t, daemon.port, GET.replace('healthz', 'nothing')), 404);
	});

	for (const [path, allowed] of [
		['/healthz', ['GET', 'HEAD']], ['/readyz', ['GET', 'HEAD']],
		['/version', ['GET', 'HEAD']], ['/v1/check', ['GET', 'HEAD']], ['/v1/ice', ['GET', 'HEAD', 'POST']],
		['/v1/ws', ['GET']],
	])
		test(`DELETE ${path} is 405 and names what is allowed`, async (t) => {
			const response = await exchange(t, daemon.port, `DELETE ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
			assertProblem(response, 405);
			const names = response.headers.allow.split(', ').filter((name) => name !== 'OPTIONS');
			for (const name of allowed)
				assert.ok(names.includes(name), `${response.headers.allow} holds ${name}`);
		});

	test('a POST without length is 411', async (t) => {
		assertProblem(await exchange(t, daemon.port, `${POST}\r\n`), 411);
	});

	test('a POST of another type is 415', async (t) => {
		assertProblem(await exchange(t, daemon.port,
			`POST /v1/ice HTTP/1.1\r\nHost: a\r\nContent-Type: text/xml\r\nContent-Length: 4\r\n\r\n<a/>`), 415);
	});

	for (const [what, body] of [
		['no JSON', '{"ttl":'], ['no object', '[60]'], ['a ttl that is no number', '{"ttl":"60"}'],
		['60,000 brackets', '['.repeat(60000)],
	])
		test(`a POST with ${what} is 400`, async (t) => {
			assertProblem(await exchange(t, daemon.port,
				`${POST}Content-Length: ${body.length}\r\n\r\n${body}`), 400);
		});

	test('a GET of the WebSocket without an upgrade is 426', async (t) => {
		const response = await exchange(t, daemon.port, 'GET /v1/ws HTTP/1.1\r\nHost: a\r\n\r\n');
		assertProblem(response, 426);
		assert.equal(response.headers.upgrade.toLowerCase(), 'websocket');
	});
});

describe('limits', () => {
	let daemon;
	useDaemon({ sets: {
		'http.max_head_bytes': 1024, 'http.max_target_bytes': 128, 'http.max_body_bytes': 100,
		'http.head_timeout_s': 1, 'http.body_timeout_s': 1, 'http.keep_alive_timeout_s': 1,
	} }, (d) => (daemon = d));

	test('a head over the limit is 431, also when it never ends', async (t) => {
		const whole = await exchange(t, daemon.port,
			`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(1100)}\r\n\r\n`);
		assertProblem(whole, 431);
		await whole.connection.closed();
		const endless = await exchange(t, daemon.port, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(1100)}`);
		assertProblem(endless, 431);
		await endless.connection.closed();
	});

	test('too many headers are 431', async (t) => {
		assertProblem(await exchange(t, daemon.port,
			`GET / HTTP/1.1\r\nHost: a\r\n${'a:\r\n'.repeat(100)}\r\n`), 431);
	});

	test('a target over the limit is 414', async (t) => {
		const response = await exchange(t, daemon.port, `GET /${'x'.repeat(200)} HTTP/1.1\r\nHost: a\r\n\r\n`);
		assertProblem(response, 414);
		await response.connection.closed();
	});

	test('a declared body over the limit is 413 before it is sent', async (t) => {
		const response = await exchange(t, daemon.port, `${POST}Content-Length: 101\r\n\r\n`);
		assertProblem(response, 413);
		await response.connection.closed();
	});

	test('a chunked body over the limit is 413 as soon as it is', async (t) => {
		const response = await exchange(t, daemon.port,
			`${POST}Transfer-Encoding: chunked\r\n\r\n60\r\n${'x'.repeat(96)}\r\n60\r\n${'x'.repeat(96)}`);
		assertProblem(response, 413);
		await response.connection.closed();
	});

	test('a head that trickles is cut by its total time: 408', async (t) => {
		const connection = await openRaw(t, daemon.port);
		const began = performance.now();
		const trickle = setInterval(() => connection.write('x'), 100);
		t.after(() => clearInterval(trickle));
		await connection.write('GET / HTTP/1.1\r\nHost: a\r\nX: ');
		assertProblem(await connection.response(), 408);
		await connection.closed();
		const took = performance.now() - began;
		assert.ok(took > 900 && took < 3000, `after ${took} ms`);
	});

	test('a body that trickles is cut by its total time: 408', async (t) => {
		const connection = await openRaw(t, daemon.port);
		const trickle = setInterval(() => connection.write('x'), 100);
		t.after(() => clearInterval(trickle));
		await connection.write(`${POST}Content-Length: 90\r\n\r\n`);
		assertProblem(await connection.response(), 408);
		await connection.closed();
	});

	test('a connection that sends nothing at all is closed', async (t) => {
		const connection = await openRaw(t, daemon.port);
		await connection.closed(4000);
	});

	test('a connection idle between requests is closed without a word', async (t) => {
		const connection = await openRaw(t, daemon.port);
		await connection.write(GET);
		assert.equal((await connection.response()).status, 200);
		await connection.closed(4000);
		assert.equal(connection.received.length, 0);
	});

	test('an answer goes out although the client has shut its side', async (t) => {
		const connection = await openRaw(t, daemon.port);
		connection.socket.end('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
		assert.equal((await connection.response()).status, 200);
		await connection.closed();
	});
});

// Forms that two parsers may read differently: refused, and the connection is
// closed, so that nothing behind them is taken for a request.
const FORMS = [
	['two different Content-Length', `${POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`, 400],
	['two equal Content-Length', `${POST}Content-Length: 5\r\nContent-Length: 5\r\n\r\n`, 400],
	['a list of Content-Length', `${POST}Content-Length: 5, 5\r\n\r\n`, 400],
	['Content-Length with Transfer-Encoding', `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`, 400],
	['Transfer-Encoding with Content-Length', `${POST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n`, 400],
	['a signed Content-Length', `${POST}Content-Length: +5\r\n\r\n`, 400],
	['a negative Content-Length', `${POST}Content-Length: -1\r\n\r\n`, 400],
	['a hexadecimal Content-Length', `${POST}Content-Length: 0x5\r\n\r\n`, 400],
	['an empty Content-Length', `${POST}Content-Length:\r\n\r\n`, 400],
	['an overflowing Content-Length', `${POST}Content-Length: 18446744073709551621\r\n\r\n`, [400, 413]],
	['an unknown coding', `${POST}Transfer-Encoding: gzip\r\n\r\n`, 501],
	['an unknown coding before chunked', `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n`, 501],
	['chunked that is not final', `${POST}Transfer-Encoding: chunked, gzip\r\n\r\n`, [400, 501]],
	['chunked twice', `${POST}Transfer-Encoding: chunked, chunked\r\n\r\n`, 400],
	['chunked in two headers', `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`, 400],
	['chunked in quotes', `${POST}Transfer-Encoding: "chunked"\r\n\r\n`, [400, 501]],
	['chunked with a vertical tab', `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n`, 400],
	['identity', `${POST}Transfer-Encoding: identity\r\n\r\n`, 501],
	['an empty Transfer-Encoding', `${POST}Transfer-Encoding:\r\n\r\n`, [400, 501]],
	['Transfer-Encoding in HTTP/1.0', `POST /v1/ice HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`, 400],
	['a bare LF behind the request line', 'GET / HTTP/1.1\nHost: a\r\n\r\n', 400],
	['bare LF throughout', 'GET / HTTP/1.1\nHost: a\n\n', 400],
	['a bare LF in a header', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\nY: b\r\n\r\n', 400],
	['a bare CR in a header', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\rY: b\r\n\r\n', 400],
	['a bare CR in the request line', 'GET /\r HTTP/1.1\r\nHost: a\r\n\r\n', 400],
	['a folded header', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n', 400],
	['white space before the first header', 'GET / HTTP/1.1\r\n Host: a\r\n\r\n', 400],
	['a space before the colon', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n', 400],
	['a tab before the colon', `POST /v1/ice HTTP/1.1\r\nHost: a\r\nContent-Length\t: 5\r\n\r\n`, 400],
	['NUL in a header', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n', 400],
	['NUL in the target', 'GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n', 400],
	['a control character in a header', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\n\r\n', 400],
	['DEL in a header', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\x7fb\r\n\r\n', 400],
	['an empty header name', 'GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n', 400],
	['a header name that is no token', 'GET / HTTP/1.1\r\nHost: a\r\nX(y): x\r\n\r\n', 400],
	['a header line without a colon', 'GET / HTTP/1.1\r\nHost: a\r\nhello\r\n\r\n', 400],
	['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
	['two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
	['two equal Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n', 400],
	['a Host with a path', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],
	['a Host with a user', 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n', 400],
	['a list of Hosts', 'GET / HTTP/1.1\r\nHost: a, b\r\n\r\n', 400],
	['an empty method', ' / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
	['two spaces in the request line', 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
	['a tab in the request line', 'GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
	['a request line without a version', 'GET /\r\nHost: a\r\n\r\n', 400],
	['a space behind the version', 'GET / HTTP/1.1 \r\nHost: a\r\n\r\n', 400],
	['a fragment in the target', 'GET /#a HTTP/1.1\r\nHost: a\r\n\r\n', 400],
	['a target without a slash', 'GET healthz HTTP/1.1\r\nHost: a\r\n\r\n', 400],
	['authority-form', 'GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n', 400],
	['* for GET', 'GET * HTTP/1.1\r\nHost: a\r\n\r\n', 400],
	['HTTP/2.0', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505],
	['HTTP/1.2', 'GET / HTTP/1.2\r\nHost: a\r\n\r\n', 505],
	['HTTP/0.9 with a version', 'GET / HTTP/0.9\r\nHost: a\r\n\r\n', 505],
	['a lower-case protocol name', 'GET / http/1.1\r\nHost: a\r\n\r\n', 400],
	['HTTP/11', 'GET / HTTP/11\r\nHost: a\r\n\r\n', 400],
	['HTTP/1.1.1', 'GET / HTTP/1.1.1\r\nHost: a\r\n\r\n', 400],
	['HTTP/01.1', 'GET / HTTP/01.1\r\nHost: a\r\n\r\n', 400],
	['an unknown method', 'BREW / HTTP/1.1\r\nHost: a\r\n\r\n', 501],
	['CONNECT', 'CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n', 501],
	['TRACE', 'TRACE / HTTP/1.1\r\nHost: a\r\n\r\n', 501],
	['a method that is no token', 'G(T / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
	['the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400, 501, 505]],
	['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400],
	['an unknown expectation', `${POST}Expect: 200-ok\r\nContent-Length: 5\r\n\r\n`, 417],
	['a chunk size that is no number', `${POST}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`, 400],
	['a signed chunk size', `${POST}Transfer-Encoding: chunked\r\n\r\n+a\r\n`, 400],
	['a chunk size with 0x', `${POST}Transfer-Encoding: chunked\r\n\r\n0xa\r\n`, 400],
	['an overflowing chunk size', `${POST}Transfer-Encoding: chunked\r\n\r\n1000000000000000a\r\n`, 400],
	['a chunk size with a bare LF', `${POST}Transfer-Encoding: chunked\r\n\r\na\n${BODY}\r\n0\r\n\r\n`, 400],
	['a chunk with a blank before its size', `${POST}Transfer-Encoding: chunked\r\n\r\n a\r\n${BODY}\r\n0\r\n\r\n`, 400],
	['a chunk longer than it says', `${POST}Transfer-Encoding: chunked\r\n\r\n2\r\n${BODY}\r\n0\r\n\r\n`, 400],
	['an endless chunk extension', `${POST}Transfer-Encoding: chunked\r\n\r\n2;${'x'.repeat(5000)}`, 400],
	['endless trailers', `${POST}Transfer-Encoding: chunked\r\n\r\n0\r\n${'a: b\r\n'.repeat(3000)}`, 400],
];

describe('forms that could be read in two ways', () => {
	let daemon;
	useDaemon({}, (d) => (daemon = d));

	for (const [what, bytes, status] of FORMS)
		test(`${what}: refused and closed`, async (t) => {
			const response = await exchange(t, daemon.port, bytes + GET);
			const expected = [status].flat().includes(response.status) ? response.status : [status].flat()[0];
			assertProblem(response, expected);
			await response.connection.closed();
			assert.equal(response.connection.received.length, 0,
				'what stands behind is not taken for a request');
		});
});
