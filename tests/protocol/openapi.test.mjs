// docs/openapi.json against the code, both ways: every route is in it, and every
// answer is as it says.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import Ajv2020 from 'ajv/dist/2020.js';
import { root, startDaemon } from '../lib/daemon.mjs';
import { joinPeer } from '../lib/peer.mjs';
import { joinSession } from '../lib/session.mjs';

const document = JSON.parse(await readFile(path.join(root, 'docs/openapi.json'), 'utf8'));
const ajv = new Ajv2020.default({ allErrors: true, strict: false });
ajv.addSchema({ $id: 'openapi', ...document });

// "GET rooms/{room}", sorted.
const documented = Object.entries(document.paths).flatMap(([name, methods]) =>
	Object.keys(methods).map((method) => `${method.toUpperCase()} ${name.slice(1)}`)).sort();

const pointer = (...parts) => `openapi#/${parts.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`;

test('every route of the code is in the document, and the other way round', async () => {
	const source = await readFile(path.join(root, 'signald/admin/routes.c'), 'utf8');
	const routes = [...source.matchAll(/\{HTTP_(\w+), "([^"]+)"/g)].map(([, method, name]) => `${method} ${name}`).sort();
	assert.ok(routes.length >= 16);
	assert.deepEqual(routes, documented);
});

test('every path and method answers as the document says, well or with a refusal', async (t) => {
	const daemon = await startDaemon(t, { config: '[rooms]\nmax_rooms = 9\n', sets: { 'turn.host': '127.0.0.1', 'turn.secret': 'x'.repeat(20), 'turn.probe': 'no' } });
	const ada = await joinSession(t, daemon, 'r', { name: 'Ada' });
	const bob = await joinPeer(t, daemon, 'r');
	const seen = new Set();

	// Ask, and hold the answer against the document. Returns its body.
	async function check(method, form, status, { values = {}, query = '', body } = {}) {
		seen.add(`${method} ${form}`);
		const name = form.replace(/\{(\w+)\}/g, (whole, key) => encodeURIComponent(values[key]));
		const stop = new AbortController();
		const response = await daemon.admin(method, name + query, { body, signal: stop.signal });
		const said = ['paths', `/${form}`, method.toLowerCase(), 'responses', String(response.status)];
		assert.equal(response.status, status, `${method} ${name}`);
		const entry = said.reduce((at, key) => at?.[key], document);
		assert.ok(entry, `${said.join(' ')} is in the document`);
		const type = response.headers.get('content-type');
		assert.deepEqual(Object.keys(entry.content ?? {}), type ? [type] : [], `${method} ${name}`);
		if (type === 'text/event-stream') {
			stop.abort();
			return null;
		}
		const text = await response.text();
		if (!type) {
			assert.equal(text, '');
			return null;
		}
		const value = JSON.parse(text);
		const validate = ajv.getSchema(pointer(...said, 'content', type, 'schema'));
		assert.ok(validate, said.join(' '));
		assert.ok(validate(value), `${method} ${name}: ${ajv.errorsText(validate.errors)}\n${text}`);
		return value;
	}

	await check('GET', 'status', 200);
	assert.equal((await check('GET', 'rooms', 200, { query: '?limit=1' })).rooms.length, 1);
	await check('GET', 'rooms', 400, { query: '?limit=0' });
	assert.equal((await check('GET', 'snapshot', 200)).rooms.length, 1);
	assert.ok((await check('GET', 'rooms/{room}', 200, { values: { room: 'r' }, query: '?limit=1' })).next);
	await check('GET', 'rooms/{room}', 400, { values: { room: 'r' }, query: '?after=x' });
	await check('GET', 'rooms/{room}', 404, { values: { room: 'none' } });
	assert.ok((await check('GET', 'peers', 200, { query: '?limit=1' })).next);
	await check('GET', 'peers', 400, { query: '?limit=x' });
	await check('GET', 'peers/{id}', 200, { values: { id: ada.id } });
	await check('GET', 'peers/{id}', 404, { values: { id: 'none' } });
	await check('POST', 'peers/{id}/mute', 204, { values: { id: bob.id }, body: '{"seconds":1}' });
	await check('POST', 'peers/{id}/mute', 400, { values: { id: bob.id }, body: '{}' });
	await check('POST', 'peers/{id}/mute', 404, { values: { id: 'none' }, body: '{"seconds":1}' });
	await check('DELETE', 'peers/{id}', 204, { values: { id: bob.id } });
	await check('DELETE', 'peers/{id}', 400, { values: { id: 'a b' } });
	await check('DELETE', 'peers/{id}', 404, { values: { id: bob.id } });
	await check('DELETE', 'rooms/{room}', 200, { values: { room: 'r' } });
	await check('DELETE', 'rooms/{room}', 404, { values: { room: 'r' } });
	await check('GET', 'limits', 200);
	assert.equal((await check('GET', 'pool', 200)).servers.length, 1);
	await check('POST', 'pool/{server}/drain', 204, { values: { server: 'main' } });
	await check('POST', 'pool/{server}/drain', 404, { values: { server: 'none' } });
	await check('DELETE', 'pool/{server}/drain', 204, { values: { server: 'main' } });
	await check('DELETE', 'pool/{server}/drain', 404, { values: { server: 'none' } });
	await check('GET', 'snapshot', 400, { query: '?limit=0' });
	await check('GET', 'events', 200);
	await check('GET', 'events', 400, { query: '?last=x' });
	await check('POST', 'reload', 200);
	assert.equal((await check('POST', 'rotate/{what}', 200, { values: { what: 'resume-keys' } })).rotated, 'resume-keys');
	await check('POST', 'rotate/{what}', 400, { values: { what: 'resume-keys' }, body: '[]' });
	await check('POST', 'rotate/{what}', 404, { values: { what: 'turn-secret' } });
	await check('POST', 'rotate/{what}', 409, { values: { what: 'admin-key' } });
	assert.deepEqual(await check('GET', 'openapi.json', 200), document);
	await check('POST', 'drain', 202);
	assert.deepEqual([...seen].sort(), documented, 'all of them were asked');
	await daemon.ended();
});
