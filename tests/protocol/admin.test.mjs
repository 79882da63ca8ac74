// The admin API: who may ask, what is shown, what is done. Kicks have kick.test.mjs.
import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ADMIN_KEY, makeFolder, restart, root, startDaemon, until, useDaemon } from '../lib/daemon.mjs';
import { joinPeer, openPeer } from '../lib/peer.mjs';
import { judgeFile } from '../lib/schema.mjs';
import { joinSession } from '../lib/session.mjs';
import { kind, openClient } from '../lib/sio-clients.mjs';

let rooms = 0;
const newRoom = () => `admin-${++rooms}`;

async function get(daemon, name) {
	const response = await daemon.admin('GET', name);
	assert.equal(response.status, 200, name);
	assert.equal(response.headers.get('cache-control'), 'no-store');
	assert.equal(response.headers.get('content-type'), 'application/json');
	return response.json();
}

async function assertProblem(response, status, word) {
	const problem = await response.json();
	assert.equal(response.status, status, JSON.stringify(problem));
	assert.equal(judgeFile('http-problem.json', problem), null);
	assert.match(problem.detail, word);
}

const ask = (daemon, headers, name = 'status') =>
	fetch(`http://127.0.0.1:${daemon.metricsPort}/v1/admin/${name}`, { headers });

describe('who may ask', () => {
	test('is who knows the key; others hear where it is, and not what it is', async (t) => {
		const daemon = await startDaemon(t);
		for (const [words, all] of [
			[/Authorization: Bearer KEY.*admin\.key/, [{}, { Authorization: 'Bearer ' }, { Authorization: ADMIN_KEY }, { Authorization: `Basic ${ADMIN_KEY}` }]],
			[/^the key is wrong: .* admin\.key/, [{ Authorization: `Bearer ${ADMIN_KEY}x` }, { Authorization: `Bearer ${ADMIN_KEY.slice(1)}` }]]])
			for (const headers of all) {
				const response = await ask(daemon, headers);
				assert.equal(response.headers.get('www-authenticate'), 'Bearer realm="signald admin"');
				await assertProblem(response, 401, words);
			}
		assert.equal((await ask(daemon, { authorization: `bearer  ${ADMIN_KEY}` })).status, 200);
		await daemon.waitLog(/warn admin\.wrong_key/);
		assert.doesNotMatch(daemon.log, new RegExp(ADMIN_KEY));
	});

	test('is nobody for the rest of a second with too many wrong keys', async (t) => {
		const daemon = await startDaemon(t);
		const wrong = { Authorization: 'Bearer wrong' };
		const answers = await Promise.all(Array.from({ length: 60 }, () => ask(daemon, wrong)));
		const late = answers.filter(({ status }) => status === 429);
		assert.ok(answers.length - late.length <= 30, `${late.length} of 60 were put off`);
		assert.ok(late.length);
		assert.equal(late[0].headers.get('retry-after'), '1');
		await until('the key is good again', async () => (await ask(daemon, { Authorization: `Bearer ${ADMIN_KEY}` })).ok, 3000);
	});

	test('is the page of this address, and none of another origin', async (t) => {
		const daemon = await startDaemon(t, { sets: { 'http.origins': '*' } });
		const Authorization = `Bearer ${ADMIN_KEY}`;
		for (const Origin of [daemon.url, 'null', 'https://evil.example']) {
			const response = await ask(daemon, { Authorization, Origin });
			assert.equal(response.headers.get('access-control-allow-origin'), null);
			await assertProblem(response, 403, /other origins/);
		}
		assert.equal((await ask(daemon, { Authorization, Origin: `http://127.0.0.1:${daemon.metricsPort}` })).status, 200);
	});

	test('is nobody without a key and without state.dir', async (t) => {
		const daemon = await startDaemon(t, { sets: { 'admin.key': '' } });
		await assertProblem(await ask(daemon, { Authorization: 'Bearer ' }), 403, /state\.dir.*admin\.key/);
		assert.equal((await fetch(`http://127.0.0.1:${daemon.metricsPort}/metrics`)).status, 200);
	});

	test('is who can read state.dir, where a key is made once', async (t) => {
		const folder = await makeFolder(t);
		let daemon = await startDaemon(t, { sets: { 'admin.key': '', 'state.dir': folder } });
		const file = path.join(folder, 'admin-key');
		const key = (await readFile(file, 'utf8')).trim();
		assert.match(key, /^[\w-]{43}$/);
		assert.equal((await stat(file)).mode & 0o777, 0o600);
		await assertProblem(await ask(daemon, {}), 401, /admin-key in state\.dir/);
		for (let i = 0; i < 2; i++) {
			assert.equal((await ask(daemon, { Authorization: `Bearer ${key}` })).status, 200);
			assert.doesNotMatch(daemon.log, new RegExp(key));
			daemon = await restart(t, daemon);
		}
	});

	test('is who knows the new key after a reload', async (t) => {
		const [first, second] = ['the-first-key-0123', 'the-second-key-012'];
		const config = (key) => `[admin]\nkey = ${key}\n`;
		const knows = async (key) => (await ask(daemon, { Authorization: `Bearer ${key}` })).status;
		const daemon = await startDaemon(t, { config: config(first), sets: { 'admin.key': undefined } });
		assert.equal(await knows(first), 200);
		await writeFile(daemon.configPath, config(second));
		assert.equal((await daemon.admin('POST', 'reload', { headers: { Authorization: `Bearer ${first}` } })).status, 200);
		assert.deepEqual([await knows(first), await knows(second)], [401, 200]);
	});
});

describe('what is shown', () => {
	let daemon;
	useDaemon({}, (d) => (daemon = d));

	test('on the page: all of it from here, and nothing else', async () => {
		const base = `http://127.0.0.1:${daemon.metricsPort}`;
		const page = await fetch(`${base}/`);
		const text = await page.text();
		assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8');
		assert.match(page.headers.get('content-security-policy'), /^default-src 'none'; script-src 'self'; .*frame-ancestors 'none'$/);
		const loaded = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url);
		assert.ok(loaded.length >= 4);
		for (const url of loaded) {
			assert.match(url, /^\/[\w.-]+$/);
			const response = await fetch(base + url);
			assert.equal(response.status, 200, url);
			const type = { js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8', svg: 'image/svg+xml' }[url.split('.').pop()];
			assert.equal(response.headers.get('content-type'), type);
			assert.ok((await response.text()).length > 100);
		}
		assert.equal((await fetch(`${base}/other`)).status, 404);
		assert.equal((await fetch(`${base}/`, { method: 'POST', body: '' })).status, 405);
	});

	test('of a room: who is in it, and how', async (t) => {
		const room = newRoom();
		const ada = await joinSession(t, daemon, room, { name: 'Ada "A"' });
		const watcher = await joinPeer(t, daemon, room, { role: 'watcher' });
		const shown = await get(daemon, `rooms/${room}`);
		assert.deepEqual([shown.name, shown.peers, shown.away, shown.broadcasters, shown.watchers, shown.next], [room, 2, 0, 0, 1, null]);
		assert.ok(Math.abs(Date.parse(shown.since) - Date.now()) < 30000, shown.since);
		assert.deepEqual(shown.members.map(({ id }) => id), [ada.id, watcher.id]);
		const [{ since, ...first }, second] = shown.members;
		assert.ok(Math.abs(Date.parse(since) - Date.now()) < 30000);
		assert.deepEqual(first, { id: ada.id, room, role: 'peer', name: 'Ada "A"', dialect: 'native', network: '127.0.0.1',
			away: false, mutedSeconds: 0, relay: null, session: { keptMessages: 0, keptBytes: 0 } });
		assert.deepEqual([second.role, second.name, second.session], ['watcher', null, null]);
		assert.deepEqual(await get(daemon, `peers/${watcher.id}`), second);
		await ada.cut();
		await until('she is away', async () => (await get(daemon, `peers/${ada.id}`)).away);
		const away = await get(daemon, `peers/${ada.id}`);
		assert.deepEqual([away.network, away.dialect], [null, 'native']);
		assert.equal((await get(daemon, `rooms/${room}`)).away, 1);
	});

	test('of many: page by page, each once, in order', async (t) => {
		const many = await startDaemon(t);
		const names = Array.from({ length: 7 }, (_, i) => `page/${i} ü%`);
		for (const name of [...names].reverse())
			await joinPeer(t, many, name);
		for (const [list, key] of [['rooms', 'name'], ['peers', 'id']]) {
			const seen = [];
			let after = '';
			do {
				const page = await get(many, `${list}?limit=3&after=${encodeURIComponent(after)}`);
				assert.ok(page[list].length <= 3);
				seen.push(...page[list].map((one) => one[key]));
				after = page.next;
			} while (after);
			assert.deepEqual(seen, [...seen].sort());
			assert.equal(new Set(seen).size, 7);
			if (list === 'rooms')
				assert.deepEqual(seen, names);
		}
		assert.deepEqual((await get(many, `rooms?contains=${encodeURIComponent('5 ü')}`)).rooms.map(({ name }) => name), [names[5]]);
		assert.equal((await get(many, `rooms/${encodeURIComponent(names[3])}`)).name, names[3]);
	});

	test('of a full room: its members page by page', async (t) => {
		const room = newRoom();
		const peers = [];
		for (let i = 0; i < 5; i++)
			peers.push(await joinPeer(t, daemon, room, { role: i % 2 ? 'watcher' : 'peer' }));
		const seen = [];
		let after = 0;
		do {
			const page = await get(daemon, `rooms/${room}?limit=2&after=${after}`);
			seen.push(...page.members.map(({ id }) => id));
			after = page.next;
		} while (after);
		assert.deepEqual(seen, peers.map(({ id }) => id));
	});

	test('of the server: its version, its counts, its limits, its pool', async (t) => {
		const own = await startDaemon(t, { sets: { 'rooms.max_rooms': 77 } });
		await joinPeer(t, own, 'one');
		const status = await get(own, 'status');
		assert.deepEqual([status.rooms, status.peers, status.away, status.draining, status.turn], [1, 1, 0, false, false]);
		assert.ok(status.connections >= 1 && status.uptimeSeconds < 60);
		assert.equal(status.mode, 'open', 'it listens to loopback alone');
		assert.equal(await get(await startDaemon(t, { sets: { 'access.mode': 'guest' } }), 'status').then(({ mode }) => mode), 'guest');
		assert.match(status.version, /^\d+\.\d+\.\d+$/);
		const { limits } = await get(own, 'limits');
		assert.equal(limits.find(({ key }) => key === 'rooms.max_rooms').value, 77);
		assert.deepEqual(await get(own, 'pool'), { alive: false, proven: false, redis: null, servers: [] });
	});

	test('is not what is not there, and not what is asked for wrongly', async () => {
		await assertProblem(await daemon.admin('GET', 'rooms/nowhere'), 404, /no room/);
		await assertProblem(await daemon.admin('GET', 'peers/nobody'), 404, /no peer/);
		await assertProblem(await daemon.admin('GET', 'nothing'), 404, /openapi\.json/);
		await assertProblem(await daemon.admin('GET', 'rooms/%zz'), 400, /not well encoded/);
		for (const query of ['limit=0', 'limit=1001', 'limit=x', 'limit=-1'])
			await assertProblem(await daemon.admin('GET', `peers?${query}`), 400, /limit must be a whole number from 1 to 1000/);
		await assertProblem(await daemon.admin('GET', `rooms?after=${'x'.repeat(600)}`), 400, /511 bytes/);
		const wrong = await daemon.admin('POST', 'rooms/x');
		assert.equal(wrong.headers.get('allow'), 'GET, HEAD, DELETE, OPTIONS');
		await assertProblem(wrong, 405, /Allow/);
		assert.equal((await daemon.admin('HEAD', 'status')).status, 200);
	});
});

describe('what is done', () => {
	let daemon;
	useDaemon({}, (d) => (daemon = d));
	const mute = (id, seconds) => daemon.admin('POST', `peers/${id}/mute`, { body: JSON.stringify({ seconds }) });

	test('a closed room has nobody in it any more, and others do not notice', async (t) => {
		const room = `${newRoom()}/with a slash`;
		const inside = [await joinSession(t, daemon, room), await joinPeer(t, daemon, room), await joinPeer(t, daemon, room, { role: 'watcher' })];
		const outside = await joinPeer(t, daemon, newRoom());
		const response = await daemon.admin('DELETE', `rooms/${encodeURIComponent(room)}`);
		assert.deepEqual([response.status, await response.json()], [200, { kicked: 3, kept: true }]);
		for (const peer of inside) {
			await peer.next('kicked');
			assert.equal((await peer.closed).code, 4003);
		}
		await assertProblem(await daemon.admin('DELETE', `rooms/${encodeURIComponent(room)}`), 404, /no room/);
		await outside.settle();
		await daemon.waitLog(/info room\.close room=".*with a slash" peers=3/);
	});

	test('who is muted says nothing, negotiates all the same, and speaks again later', async (t) => {
		const room = newRoom();
		const [loud, other] = [await joinPeer(t, daemon, room), await joinPeer(t, daemon, room)];
		assert.equal((await mute(loud.id, 60)).status, 204);
		assert.ok((await get(daemon, `peers/${loud.id}`)).mutedSeconds > 55);
		for (const message of [{ type: 'signal', to: other.id, data: 1 }, { type: 'broadcast', data: 2 }]) {
			loud.send({ ...message, ref: message.type });
			const error = await loud.next('error');
			assert.equal(judgeFile('server/error.json', error), null);
			assert.deepEqual([error.code, error.ref], ['muted', message.type]);
			assert.ok(error.retryAfter > 55 && error.retryAfter <= 60, `${error.retryAfter}`);
			assert.match(error.message, new RegExp(`${error.retryAfter} s`));
		}
		loud.send({ type: 'offer', to: other.id, description: { type: 'offer', sdp: '' } });
		await other.next('offer');
		other.send({ type: 'signal', to: loud.id, data: 'heard' });
		assert.equal((await loud.next('signal')).data, 'heard');
		assert.deepEqual(other.heard('signal'), []);
		assert.equal((await mute(loud.id, 0)).status, 204);
		loud.send({ type: 'signal', to: other.id, data: 3 });
		assert.equal((await other.next('signal')).data, 3);
		await mute(loud.id, 1);
		await delay(1100);
		loud.send({ type: 'broadcast', data: 4 });
		assert.equal((await other.next('broadcast')).data, 4);
	});

	test('a Socket.IO page that is muted hears so from every event but those to itself', async (t) => {
		const own = await startDaemon(t, { sets: { 'socketio.namespaces': `/=${root}tests/lib/sio-ack.rules` } });
		const query = { room: newRoom() };
		const [loud, other] = [await openClient(t, own, kind('4 websocket'), { query }), await openClient(t, own, kind('4 websocket'), { query })];
		assert.deepEqual(await loud.ask('tell', other.id, 1), [null, 'told']);
		assert.equal((await own.admin('POST', `peers/${loud.id}/mute`, { body: '{"seconds":60}' })).status, 204);
		assert.deepEqual(await loud.ask('tell', other.id, 2), ['muted', 'told']);
		for (const event of ['others', 'all', 'broadcaster', 'watchers'])
			assert.deepEqual(await loud.ask(event, 3), ['muted'], event);
		assert.deepEqual(await loud.ask('self', 4), [null]);
		assert.equal((await own.admin('POST', `peers/${loud.id}/mute`, { body: '{"seconds":0}' })).status, 204);
		assert.deepEqual(await loud.ask('tell', other.id, 5), [null, 'told']);
		assert.deepEqual(other.heard('note').map(({ args }) => args[1]), [1, 5]);
		assert.equal((await get(own, `peers/${encodeURIComponent(loud.id)}`)).dialect, 'socketio');
	});

	test('a mute wants a time', async (t) => {
		const peer = await joinPeer(t, daemon, newRoom());
		for (const body of ['', '{}', '[]', '{"seconds":-1}', '{"seconds":86401}', '{"seconds":"1"}', 'x'])
			await assertProblem(await daemon.admin('POST', `peers/${peer.id}/mute`, { body }), 400, /\{"seconds": N\}.*86400/);
		await assertProblem(await mute('nobody', 5), 404, /no peer/);
	});

	test('a reload is told what waits for a restart, and why it is refused', async (t) => {
		const own = await startDaemon(t, { config: '[rooms]\nmax_rooms = 10\n' });
		const reload = () => own.admin('POST', 'reload');
		await writeFile(own.configPath, '[rooms]\nmax_rooms = 20\n[turn]\nrealm = other\n[coturn]\nmin_port = 50000\n');
		const good = await reload();
		assert.deepEqual([good.status, await good.json()], [200, { reloaded: true, needsRestart: ['turn.realm', 'coturn.min_port'] }]);
		assert.equal((await get(own, 'limits')).limits.find(({ key }) => key === 'rooms.max_rooms').value, 20);
		await writeFile(own.configPath, '[rooms]\nmax_rooms = many\n');
		await assertProblem(await reload(), 422, /signald\.conf:2.*max_rooms.*many/);
		assert.equal((await get(own, 'limits')).limits.find(({ key }) => key === 'rooms.max_rooms').value, 20);
	});

	// Whether a token is good after a restart, and what it answers.
	const resumes = async (t, own, token) => {
		const peer = await openPeer(t, own);
		const answer = await peer.request({ type: 'resume', token, inst: 9 });
		return answer.reason ?? answer.type;
	};

	test('the keys of resume tokens are changed, and those of before stay good', async (t) => {
		const sets = { 'state.dir': await makeFolder(t) };
		let own = await startDaemon(t, { sets });
		const rotate = (body) => own.admin('POST', 'rotate/resume-keys', { body });
		const first = (await joinPeer(t, own, newRoom(), { inst: 5 })).joined.session;
		const file = path.join(sets['state.dir'], 'resume-keys');
		const linesOf = async () => (await readFile(file, 'utf8')).trim().split('\n');
		const [before] = await linesOf();
		const rotated = await (await rotate()).json();
		assert.equal(rotated.rotated, 'resume-keys');
		assert.ok(rotated.graceSeconds > 86400 && rotated.graceSeconds <= 2 * 86400);
		const [fresh, kept] = await linesOf();
		assert.equal(kept, before);
		assert.notEqual(fresh.split(' ')[0], before.split(' ')[0]);
		const second = (await joinPeer(t, own, newRoom(), { inst: 5 })).joined.session;
		own = await restart(t, own);
		assert.equal(await resumes(t, own, first.token), 'resumed');
		assert.equal(await resumes(t, own, second.token), 'resumed');
		assert.equal((await rotate()).status, 200);
		assert.equal((await rotate('{"void": false}')).status, 200);
		await assertProblem(await rotate(), 409, /void/);
		assert.equal((await linesOf()).length, 4);
		await own.waitLog(/admin\.rotated what=resume-keys grace_s=\d+/);
	});

	test('and where they must not, all they signed is void, on disk too', async (t) => {
		const sets = { 'state.dir': await makeFolder(t) };
		let own = await startDaemon(t, { sets });
		const first = (await joinPeer(t, own, newRoom(), { inst: 5 })).joined.session;
		const here = await joinPeer(t, own, newRoom(), { inst: 5 });
		assert.deepEqual(await (await own.admin('POST', 'rotate/resume-keys', { body: '{"void": true}' })).json(), { rotated: 'resume-keys', graceSeconds: 0 });
		// Whoever is here has a newer one at once.
		const { token } = await here.next('session');
		assert.equal(await resumes(t, own, here.joined.session.token), 'bad-token');
		assert.equal(await resumes(t, own, token), 'resumed');
		const second = (await joinPeer(t, own, newRoom(), { inst: 5 })).joined.session;
		assert.equal(await resumes(t, own, first.token), 'bad-token');
		own = await restart(t, own);
		assert.equal(await resumes(t, own, first.token), 'bad-token');
		assert.equal(await resumes(t, own, second.token), 'resumed');
		for (const body of ['{"void": 1}', '{"void": "true"}', '{"void": null}', '{"graceSeconds": 0}', 'x', '[]'])
			await assertProblem(await own.admin('POST', 'rotate/resume-keys', { body }), 400, /\{"void": true\}/);
	});

	test('the key of the API is changed, and the one of before is good for a while', async (t) => {
		const sets = { 'state.dir': await makeFolder(t), 'admin.key': '' };
		const own = await startDaemon(t, { sets });
		const file = path.join(sets['state.dir'], 'admin-key');
		const read = async () => (await readFile(file, 'utf8')).trim();
		const bearer = (key) => ({ Authorization: `Bearer ${key}` });
		const knows = async (key) => (await own.admin('GET', 'status', { headers: bearer(key) })).status;
		const rotate = (key, body) => own.admin('POST', 'rotate/admin-key', { headers: bearer(key), body });
		const first = await read();
		assert.deepEqual(await (await rotate(first)).json(), { rotated: 'admin-key', graceSeconds: 300 });
		const second = await read();
		assert.notEqual(second, first);
		assert.equal((await stat(file)).mode & 0o777, 0o600);
		assert.deepEqual([await knows(first), await knows(second)], [200, 200]);
		assert.equal((await rotate(second, '{"graceSeconds": 1}')).status, 200);
		const third = await read();
		assert.deepEqual([await knows(first), await knows(second), await knows(third)], [401, 200, 200]);
		await until('the second is over', async () => await knows(second) === 401);
		assert.equal((await rotate(third, '{"graceSeconds": 0}')).status, 200);
		assert.deepEqual([await knows(third), await knows(await read())], [401, 200]);
		for (const key of [first, second, third, await read()])
			assert.ok(!own.log.includes(key), 'no key is in the log');
		const last = await read();
		for (const value of ['86401', '-1', '-0', '0.5', '1.0', '1e3', '18446744073709551617', '1'.repeat(400), '"60"', 'true', 'null', '[1]', '{}', '', '1, "graceSeconds": 2'])
			await assertProblem(await rotate(last, `{"graceSeconds": ${value}}`), 400, /from 0 to 86400/);
		await assertProblem(await rotate(last, '{"void": true}'), 400, /0 for a key that is void at once/);
		assert.equal(await read(), last, 'none of it changed anything');
	});

	test('what is not made here is not rotated here', async () => {
		await assertProblem(await daemon.admin('POST', 'rotate/admin-key'), 409, /admin\.key/);
		await assertProblem(await daemon.admin('POST', 'rotate/turn-secret'), 404, /turnconf rotate/);
	});

	test('a TURN server is drained, and taken back', async (t) => {
		const own = await startDaemon(t, { sets: { 'turn.host': '127.0.0.1', 'turn.secret': 'x'.repeat(20), 'turn.probe': 'no' } });
		const peer = await joinPeer(t, own, 'pool');
		const drain = (method, name = 'main') => own.admin(method, `pool/${name}/drain`);
		assert.equal((await get(own, 'pool')).servers[0].drained, false);
		assert.equal((await drain('POST')).status, 204);
		assert.equal((await get(own, 'pool')).servers[0].drained, true);
		assert.ok(!JSON.stringify(await peer.next('ice')).includes('turn:'));
		assert.equal((await drain('DELETE')).status, 204);
		assert.equal((await get(own, 'pool')).servers[0].drained, false);
		assert.ok(JSON.stringify(await peer.next('ice')).includes('turn:'));
		await assertProblem(await drain('POST', 'nobody'), 404, /no TURN server/);
	});

	test('a drain ends the server, and is asked for twice without harm', async (t) => {
		const own = await startDaemon(t, { sets: { 'drain.spread_s': 1 } });
		const peer = await joinPeer(t, own, 'drained');
		for (let i = 0; i < 2; i++) {
			const response = await own.admin('POST', 'drain');
			assert.deepEqual([response.status, await response.json()], [202, { draining: true }]);
		}
		await peer.next('go-away');
		assert.equal((await get(own, 'status')).draining, true);
		assert.equal((await peer.closed).code, 1012);
		assert.equal((await own.ended()).code, 0);
	});
});
