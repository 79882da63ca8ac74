// The Socket.IO client that pages load from the server: which files there are,
// with the headers of the reference server, and what a 404 says.
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { makeFolder, root, startDaemon } from '../lib/daemon.mjs';
import { exchange } from '../lib/http.mjs';

const SCRIPT = 'application/javascript; charset=utf-8';
const SOURCE_MAP = 'application/json; charset=utf-8';

const clients = {
	4: { version: '4.8.4', scripts: ['socket.io.js', 'socket.io.min.js', 'socket.io.esm.min.js', 'socket.io.msgpack.min.js'] },
	2: { version: '2.5.0', scripts: ['socket.io.js', 'socket.io.slim.js'] },
};

const dist = (client) => path.join(root, 'node_modules', client === '4' ? 'socket.io-client' : 'socket.io-client-2', 'dist');

// As scripts/fetch-clients lays them out, of the packages that npm has put here.
async function install(folder) {
	for (const [client, { version }] of Object.entries(clients)) {
		await cp(dist(client), path.join(folder, client), { recursive: true });
		await writeFile(path.join(folder, client, 'VERSION'), `${version}\n`);
	}
}

async function start(t, { client, isInstalled = true } = {}) {
	const folder = await makeFolder(t);
	if (isInstalled)
		await install(folder);
	const daemon = await startDaemon(t, { sets: { 'socketio.client_files': folder, ...(client && { 'socketio.client': client }) } });
	const ask = (name, headers = {}, method = 'GET') => exchange(t, daemon.port,
		`${method} /socket.io/${name} HTTP/1.1\r\nHost: ${daemon.host}\r\n` +
		Object.entries(headers).map(([key, value]) => `${key}: ${value}\r\n`).join('') + '\r\n',
		{ isHead: method === 'HEAD' });
	return { folder, ask };
}

function assertProblem(response, pattern, message) {
	assert.equal(response.status, 404, message);
	assert.equal(response.headers['content-type'], 'application/problem+json');
	assert.match(JSON.parse(response.body).detail, pattern);
}

for (const [client, { version, scripts }] of Object.entries(clients))
	test(`every file of client ${client} comes whole, as from the reference server`, async (t) => {
		const { ask } = await start(t, { client });
		for (const name of scripts.flatMap((script) => [script, `${script}.map`])) {
			const response = await ask(name);
			assert.equal(response.status, 200, name);
			assert.equal(response.headers['content-type'], name.endsWith('.map') ? SOURCE_MAP : SCRIPT, name);
			assert.equal(response.headers['cache-control'], 'public, max-age=0', name);
			assert.equal(response.headers.etag, `"${version}"`, name);
			assert.equal(response.headers['x-content-type-options'], 'nosniff', name);
			assert.equal(response.body, await readFile(path.join(dist(client), name), 'utf8'), name);
		}
	});

test('client 4 is the one that is served unasked', async (t) => {
	const { ask } = await start(t);
	assert.equal((await ask('socket.io.js')).headers.etag, '"4.8.4"');
});

test('a query changes nothing, and HEAD tells the length', async (t) => {
	const { ask } = await start(t);
	const { body } = await ask('socket.io.js');
	assert.equal((await ask('socket.io.js?v=2&transport=polling')).body, body);
	const head = await ask('socket.io.js', {}, 'HEAD');
	assert.equal(head.status, 200);
	assert.equal(head.headers['content-length'], String(Buffer.byteLength(body)));
	assert.equal(head.headers.etag, '"4.8.4"');
});

test('the version that the page has already is 304, any other is sent', async (t) => {
	const { ask } = await start(t);
	for (const tag of ['"4.8.4"', 'W/"4.8.4"', '"4.8.3", "4.8.4"']) {
		const same = await ask('socket.io.js', { 'If-None-Match': tag });
		assert.equal(same.status, 304, tag);
		assert.equal(same.headers.etag, '"4.8.4"');
		assert.equal(same.headers['cache-control'], 'public, max-age=0');
		assert.equal(same.body, '');
	}
	for (const tag of ['"4.8.3"', '4.8.4', 'W/"2.5.0"'])
		assert.equal((await ask('socket.io.js', { 'If-None-Match': tag })).status, 200, tag);
});

test('each client has its own files only', async (t) => {
	for (const [client, name] of [['4', 'socket.io.slim.js'], ['2', 'socket.io.min.js'], ['2', 'socket.io.dev.js']]) {
		const { ask } = await start(t, { client });
		assertProblem(await ask(name), /no such file/, name);
	}
});

test('nothing else of the folder is served', async (t) => {
	const { ask, folder } = await start(t);
	await writeFile(path.join(folder, '4', 'notes.js'), 'notes');
	for (const name of ['VERSION', 'notes.js', '../4/socket.io.js', '%2e%2e/VERSION', '4/socket.io.js', 'SOCKET.IO.JS', 'socket.io.js/', 'socket.io.js%00'])
		assert.notEqual((await ask(name)).status, 200, name);
});

test('where the files are not installed, the answer says what to do', async (t) => {
	const { ask } = await start(t, { isInstalled: false });
	for (const name of ['socket.io.js', 'socket.io.min.js.map'])
		assertProblem(await ask(name), /not installed.*scripts\/fetch-clients.*npm.*socketio\.client_files/, name);
});

test('files that are installed later are found, and stay when they are removed', async (t) => {
	const { ask, folder } = await start(t, { isInstalled: false });
	assert.equal((await ask('socket.io.js')).status, 404);
	await install(folder);
	const { status, body } = await ask('socket.io.js');
	assert.equal(status, 200);
	await rm(folder, { recursive: true });
	assert.equal((await ask('socket.io.js')).body, body);
	assert.equal((await ask('socket.io.min.js')).status, 404);
});

test('files without a version, or with one that fits no header, are as good as none', async (t) => {
	const { ask, folder } = await start(t, { isInstalled: false });
	await mkdir(path.join(folder, '4'));
	await writeFile(path.join(folder, '4', 'socket.io.js'), 'script');
	assert.equal((await ask('socket.io.js')).status, 404);
	for (const version of ['', '\n', '4.8"4', '4.8\r\nX: y', 'x'.repeat(100)]) {
		await writeFile(path.join(folder, '4', 'VERSION'), version);
		assert.equal((await ask('socket.io.js')).status, 404, JSON.stringify(version));
	}
	await writeFile(path.join(folder, '4', 'VERSION'), '4.9.0-rc.1');
	const response = await ask('socket.io.js');
	assert.equal(response.headers.etag, '"4.9.0-rc.1"');
	assert.equal(response.body, 'script');
});
