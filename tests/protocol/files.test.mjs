// The static pages: what is served, how it is cached, and that nothing else is.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { makeFolder, startDaemon } from '../lib/daemon.mjs';
import { exchange } from '../lib/http.mjs';

const OUTSIDE = 'what stands outside the root';

async function startWithFiles(t, sets = {}) {
	const folder = await makeFolder(t);
	const root = path.join(folder, 'root');
	await mkdir(path.join(root, 'sub'), { recursive: true });
	await writeFile(path.join(folder, 'outside.txt'), OUTSIDE);
	const files = {
		'index.html': '<!doctype html><p>front', 'call.html': '<!doctype html><p>call', 'sub/index.html': '<p>sub',
		'a.js': 'export {};', 'a.mjs': 'export {};', 'a.css': 'p {}', 'a.json': '{}', 'a.svg': '<svg/>',
		'a.txt': 'text', 'a.png': 'png', 'a.wasm': 'wasm', 'a.d.ts': 'export {};', 'a.unknown': '?',
		'empty.txt': '', 'client.3f9a2b1c.js': 'export {};', 'client.3f9a2b1.js': 'export {};',
		'client.3F9A2B1G.js': 'export {};', 'with space.txt': 'space', 'ümlaut.txt': 'ü', '.hidden': 'hidden',
		'large.txt': 'x'.repeat(3000000),
	};
	for (const [name, text] of Object.entries(files))
		await writeFile(path.join(root, name), text);
	const daemon = await startDaemon(t, { sets: { 'http.root': root, ...sets } });
	daemon.get = (target, headers = {}, method = 'GET') => exchange(t, daemon.port,
		`${method} ${target} HTTP/1.1\r\nHost: ${daemon.host}\r\n` +
		Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('') + '\r\n',
		{ isHead: method === 'HEAD' });
	daemon.files = files;
	return daemon;
}

test('pages of configured origins may load them, and no others', async (t) => {
	const daemon = await startWithFiles(t, { 'http.origins': 'https://friend.example' });
	for (const [Origin, allowed] of [['https://friend.example', 'https://friend.example'], ['https://evil.example', undefined]]) {
		const { headers } = await daemon.get('/a.js', { Origin });
		const again = await daemon.get('/a.js', { Origin, 'If-None-Match': headers.etag });
		assert.equal(again.status, 304);
		for (const got of [headers, again.headers]) {
			assert.equal(got['access-control-allow-origin'], allowed, Origin);
			assert.equal(got.vary, 'Origin');
		}
	}
	// What a browser keeps from a page is told to the operator, and nothing else is.
	await daemon.waitLog(/warn http\.origin_refused origin=https:\/\/evil\.example path=\/a\.js key=http\.origins/);
	assert.doesNotMatch(daemon.log, /origin_refused origin=https:\/\/friend/);
});

test('who types an address that is none reads a page, and programs a problem', async (t) => {
	const daemon = await startWithFiles(t);
	const Accept = 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8';
	const bare = await daemon.get('/nope', { Accept });
	assert.deepEqual([bare.status, bare.headers['content-type']], [404, 'application/problem+json']);
	await writeFile(path.join(daemon.options.sets['http.root'], '404.html'), '<p>none');
	const page = await daemon.get('/nope', { Accept });
	assert.deepEqual([page.status, page.headers['content-type'], page.body.toString()], [404, 'text/html; charset=utf-8', '<p>none']);
	assert.equal((await daemon.get('/nope', { Accept, 'If-None-Match': page.headers.etag })).status, 404);
	assert.equal((await daemon.get('/nope', { Accept }, 'HEAD')).status, 404);
	for (const headers of [{}, { Accept: '*/*' }, { Accept: 'application/json' }])
		assert.equal((await daemon.get('/nope', headers)).headers['content-type'], 'application/problem+json');
	assert.equal((await daemon.get('/call', { Accept })).status, 200);
});

test('a path of the other address is said to be there, unless a page has its name', async (t) => {
	const daemon = await startWithFiles(t);
	await writeFile(path.join(daemon.options.sets['http.root'], 'metrics.html'), 'mine');
	for (const [method, target] of [['GET', '/v1/admin/status'], ['POST', '/v1/admin/drain'], ['DELETE', '/v1/admin/peers/x'], ['POST', '/metrics']]) {
		const { status, body } = await daemon.get(target, { 'Content-Length': '0' }, method);
		assert.equal(status, 404, target);
		assert.match(body.toString(), /operators .* listen\.metrics/);
		assert.ok(!body.includes(daemon.metricsPort), 'but not which address');
	}
	assert.equal((await daemon.get('/metrics')).body.toString(), 'mine');
	for (const target of ['/healthz', '/readyz', '/version', '/v1/ice']) {
		const response = await fetch(`http://127.0.0.1:${daemon.metricsPort}${target}`);
		assert.equal(response.status, 404, target);
		assert.match(await response.text(), /listen\.address/);
	}
});

test('files come whole, with their media types and nosniff', async (t) => {
	const daemon = await startWithFiles(t);
	for (const [name, type] of [
		['index.html', 'text/html; charset=utf-8'], ['a.js', 'text/javascript; charset=utf-8'],
		['a.mjs', 'text/javascript; charset=utf-8'], ['a.css', 'text/css; charset=utf-8'],
		['a.json', 'application/json'], ['a.svg', 'image/svg+xml'], ['a.txt', 'text/plain; charset=utf-8'],
		['a.png', 'image/png'], ['a.wasm', 'application/wasm'], ['a.unknown', 'application/octet-stream'],
		['empty.txt', 'text/plain; charset=utf-8'], ['large.txt', 'text/plain; charset=utf-8'],
	]) {
		const response = await daemon.get(`/${name}`);
		assert.equal(response.status, 200, name);
		assert.equal(response.headers['content-type'], type, name);
		assert.equal(response.headers['x-content-type-options'], 'nosniff');
		assert.equal(response.body, daemon.files[name], name);
	}
});

test('HEAD of a file tells its length', async (t) => {
	const daemon = await startWithFiles(t);
	const head = await daemon.get('/large.txt', {}, 'HEAD');
	assert.equal(head.status, 200);
	assert.equal(head.headers['content-length'], '3000000');
});

test('folders serve their index, names their page', async (t) => {
	const daemon = await startWithFiles(t);
	for (const [target, name] of [['/', 'index.html'], ['/?a=b', 'index.html'], ['/sub/', 'sub/index.html'],
		['/call', 'call.html'], ['/call?room=x&policy=relay', 'call.html'],
		['/with%20space.txt', 'with space.txt'], ['/%C3%BCmlaut.txt', 'ümlaut.txt'],
		['/sub/../a.txt', 'a.txt'], ['/./a.txt', 'a.txt']]) {
		const response = await daemon.get(target);
		assert.equal(response.status, 200, target);
		assert.equal(response.body, daemon.files[name], target);
	}
});

test('a file not changed is 304, a changed one is not', async (t) => {
	const daemon = await startWithFiles(t);
	const { headers } = await daemon.get('/a.js');
	assert.match(headers.etag, /^(W\/)?"[^"]+"$/);
	assert.equal(headers['cache-control'], 'no-cache');
	for (const value of [headers.etag, `"x", ${headers.etag}`, '*']) {
		const same = await daemon.get('/a.js', { 'If-None-Match': value });
		assert.equal(same.status, 304, value);
		assert.equal(same.headers.etag, headers.etag);
	}
	assert.equal((await daemon.get('/a.js', { 'If-None-Match': '"x"' })).status, 200);
	const after304 = await daemon.get('/a.js', { 'If-None-Match': headers.etag });
	await after304.connection.write(`GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n`);
	assert.equal((await after304.connection.response()).body, 'text', 'the connection goes on');
});

test('only a name with a whole hash in it is immutable', async (t) => {
	const daemon = await startWithFiles(t);
	assert.match((await daemon.get('/client.3f9a2b1c.js')).headers['cache-control'], /max-age=31536000.*immutable/);
	for (const name of ['client.3f9a2b1.js', 'client.3F9A2B1G.js', 'a.d.ts', 'call'])
		assert.equal((await daemon.get(`/${name}`)).headers['cache-control'], 'no-cache', name);
});

test('nothing outside the root is served, in any encoding', async (t) => {
	const daemon = await startWithFiles(t);
	for (const target of ['/../outside.txt', '/sub/../../outside.txt', '/%2e%2e/outside.txt',
		'/%2E%2E/outside.txt', '/.%2e/outside.txt', '/..%2foutside.txt', '/..%2Foutside.txt', '/..%5coutside.txt',
		'/..\\outside.txt', '/%252e%252e/outside.txt', '//outside.txt', '/./../outside.txt', '/sub/%2e%2e/%2e%2e/outside.txt',
		'/..;/outside.txt', '/%c0%ae%c0%ae/outside.txt', '/%u002e%u002e/outside.txt', '/outside.txt%00.html',
		'/a.txt%00', '/a.txt/', '/a.txt/../../outside.txt', '/%', '/%2', '/%zz', '/etc/passwd', '//etc/passwd',
		'/sub', '/.hidden', '/sub/.', '/a.txt/.']) {
		const response = await daemon.get(target);
		assert.ok([400, 404, 301, 308].includes(response.status) || response.body !== OUTSIDE,
			`${target}: ${response.status}`);
		assert.notEqual(response.body, OUTSIDE, target);
		assert.doesNotMatch(response.body, /root:x:0/, target);
	}
});

test('files cannot be posted to', async (t) => {
	const daemon = await startWithFiles(t);
	const response = await exchange(t, daemon.port, 'POST /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n');
	assert.equal(response.status, 405);
	assert.match(response.headers.allow, /^GET, HEAD(, OPTIONS)?$/);
});

test('the metrics have an address of their own and are not served beside the pages', async (t) => {
	const daemon = await startWithFiles(t);
	assert.equal((await daemon.get('/metrics')).status, 404);
	const response = await fetch(`http://127.0.0.1:${daemon.metricsPort}/metrics`);
	assert.equal(response.status, 200);
	assert.match(response.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
	const text = await response.text();
	for (const line of text.trimEnd().split('\n'))
		assert.match(line, /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[^}]*\})? -?[0-9.e+]+)$/, line);
	assert.match(text, /^signald_build_info\{.*version=/m);
	assert.match(text, /^process_/m);
	const pages = await fetch(`http://127.0.0.1:${daemon.metricsPort}/a.txt`);
	assert.equal(pages.status, 404);
});
