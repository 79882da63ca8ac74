// How many watchers a room has, and who may write to whom, in each dialect.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test } from 'node:test';

import { asks, comeSocketio } from '../lib/access.mjs';
import { makeFolder, startDaemon, until, useDaemon } from '../lib/daemon.mjs';
import { useForAll } from '../lib/ending.mjs';
import { joinPeer, openPeer } from '../lib/peer.mjs';

const RULES = `
[watch]
join = watcher
refused = ["no place", $error]
ack = [$error]
[say]
to = $1
emit = ["said", $from]
ack = [$error]
[tell watchers]
to = watchers
emit = ["told", $from]
ack = [$error]
`;
const WATCHERS = '[connect]\njoin = watcher\n';

async function startWith(scope, sets) {
	const folder = await makeFolder(scope);
	await writeFile(path.join(folder, 'own.rules'), `[connect]\njoin = peer\n${RULES}`);
	await writeFile(path.join(folder, 'watchers.rules'), WATCHERS);
	return startDaemon(scope, { sets: {
		'socketio.namespaces': `/=tutorial,/own=${folder}/own.rules,/watchers=${folder}/watchers.rules`, 'log.level': 'debug', ...sets,
	} });
}

const refusalIn = (daemon, socket) => daemon.waitLog(new RegExp(`event\\.refused id=${socket.id} event=.* code=(\\S+)`)).then((found) => found[1]);

describe('a broadcaster has at most so many watchers', () => {
	let daemon;
	useForAll((scope) => startWith(scope, { 'rooms.max_watchers_per_room': 2, 'session.window_s': 30 }), (started) => (daemon = started));
	const join = (peer, room, more) => peer.join(room, { role: 'watcher', ...more });

	test('one more is refused, natively', async (t) => {
		const room = 'native';
		const first = await joinPeer(t, daemon, room, { role: 'watcher' });
		await joinPeer(t, daemon, room, { role: 'watcher' });
		const late = await openPeer(t, daemon);
		const refused = await join(late, room);
		assert.equal(refused.code, 'too-many-watchers');
		assert.match(refused.message, /rooms\.max_watchers_per_room/);
		// All others come in, and another room has its own.
		await joinPeer(t, daemon, room, { role: 'broadcaster' });
		await joinPeer(t, daemon, room);
		await joinPeer(t, daemon, `${room} two`, { role: 'watcher' });
		await first.close();
		await until('there is a place', async () => (await join(late, room)).type === 'joined');
	});

	test('and by Socket.IO: as connect_error, as what a rule says, and in the log', async (t) => {
		const room = 'socketio';
		for (let i = 0; i < 2; i++)
			assert.equal(typeof await comeSocketio(t, daemon, { namespace: '/watchers', room }), 'object');
		assert.equal(await comeSocketio(t, daemon, { namespace: '/watchers', room }), 'too-many-watchers');
		const peer = await comeSocketio(t, daemon, { namespace: '/own', room });
		assert.equal(await peer.emitWithAck('watch'), 'too-many-watchers');
		assert.deepEqual(peer.heard, [{ name: 'no place', args: ['too-many-watchers'] }]);
		const page = await comeSocketio(t, daemon, { room });
		page.emit('watcher');
		assert.equal(await refusalIn(daemon, page), 'too-many-watchers');
	});

	test('who is cut off comes back, though others came meanwhile; who begins anew does not', async (t) => {
		const room = 'cut';
		const first = await joinPeer(t, daemon, room, { role: 'watcher', inst: 7 });
		const { session } = first.joined;
		await joinPeer(t, daemon, room, { role: 'watcher' });
		first.socket.terminate();
		await until('it is away', async () => /"away": ?1/.test(await (await daemon.admin('GET', `rooms/${room}`)).text()));
		await joinPeer(t, daemon, room, { role: 'watcher' });
		const again = await openPeer(t, daemon);
		assert.equal((await again.request({ type: 'resume', token: session.token, inst: 7, try: 2, epoch: session.epoch, last: 0 })).type, 'resumed');
		await again.request({ type: 'leave' });
		const anew = await openPeer(t, daemon);
		const refused = await anew.request({ type: 'resume', token: session.token, inst: 8 });
		assert.deepEqual([refused.type, refused.reason], ['not-resumed', 'too-many-watchers']);
	});

	test('a reload takes another number', async (t) => {
		const own = await startDaemon(t, { config: '[rooms]\nmax_watchers_per_room = 1\n' });
		await joinPeer(t, own, 'r', { role: 'watcher' });
		const late = await openPeer(t, own);
		assert.equal((await join(late, 'r')).code, 'too-many-watchers');
		await writeFile(own.configPath, '[rooms]\nmax_watchers_per_room = 0\n', { mode: 0o600 });
		own.signal('SIGHUP');
		await own.waitLog(/config\.reload/);
		assert.equal((await join(late, 'r')).type, 'joined');
	});
});

// A room with one of each, the watchers twice.
async function fill(t, daemon, room) {
	const come = (role) => joinPeer(t, daemon, room, { role });
	return { host: await come('broadcaster'), peer: await come('peer'), one: await come('watcher'), two: await come('watcher') };
}

const says = (from, to) => asks(from, { type: 'signal', to: to.id, data: 1 });

describe('where only those who see each other write to each other', () => {
	let daemon;
	useForAll((scope) => startWith(scope, { 'rooms.address_seen_only': 'yes' }), (started) => (daemon = started));

	test('watchers and the broadcaster do, natively, and watchers with nobody else', async (t) => {
		const { host, peer, one, two } = await fill(t, daemon, 'native');
		for (const [from, to] of [[one, host], [host, one], [host, two], [peer, host], [host, peer]])
			assert.equal(typeof await says(from, to), 'object');
		for (const [from, to] of [[one, two], [two, one], [one, peer], [peer, one]])
			assert.equal(await says(from, to), 'not-addressable');
		await two.settle();
		assert.equal(two.heard('signal').length, 1);
		assert.equal(await asks(one, { type: 'signal', to: 'nobody', data: 1 }), 'unknown-peer');
	});

	test('a numbered message to somebody else is refused alone', async (t) => {
		const { host, two } = await fill(t, daemon, 'numbered');
		const one = await joinPeer(t, daemon, 'numbered', { role: 'watcher', inst: 5 });
		one.send({ type: 'signal', to: two.id, n: 1, p: 0, data: 1 });
		const refused = await one.next('error');
		assert.deepEqual([refused.code, refused.to, refused.n], ['not-addressable', two.id, 1]);
		one.send({ type: 'signal', to: host.id, n: 2, p: 0, data: 2 });
		assert.equal((await host.next('signal')).n, 2);
	});

	test('by Socket.IO too, and across dialects', async (t) => {
		const room = 'socketio';
		const host = await joinPeer(t, daemon, room, { role: 'broadcaster' });
		const watcher = await comeSocketio(t, daemon, { namespace: '/own', room });
		assert.equal(await watcher.emitWithAck('watch'), null);
		const peer = await comeSocketio(t, daemon, { namespace: '/own', room });
		assert.equal(await watcher.emitWithAck('say', peer.id), 'not-addressable');
		assert.equal(await peer.emitWithAck('say', watcher.id), 'not-addressable');
		assert.equal(await peer.emitWithAck('tell watchers'), 'not-addressable');
		assert.deepEqual(watcher.heard, []);
		assert.equal(await watcher.emitWithAck('say', 'nobody'), 'unknown-peer');
		const native = await openPeer(t, daemon);
		await native.join(room, { role: 'watcher' });
		assert.equal(await asks(native, { type: 'offer', to: watcher.id, description: {} }), 'not-addressable');
		assert.equal(await asks(native, { type: 'offer', to: host.id, description: {} }), native);
	});

	test("the tutorial's pages notice nothing", async (t) => {
		const room = 'tutorial';
		const host = await comeSocketio(t, daemon, { room });
		const watcher = await comeSocketio(t, daemon, { room });
		const heard = (socket, name) => until(name, () => socket.heard.find((each) => each.name === name));
		host.emit('broadcaster');
		watcher.emit('watcher');
		assert.deepEqual((await heard(host, 'watcher')).args, [watcher.id]);
		host.emit('offer', watcher.id, { sdp: 'o' });
		await heard(watcher, 'offer');
		watcher.emit('answer', host.id, { sdp: 'a' });
		watcher.emit('candidate', host.id, {});
		await heard(host, 'answer');
		await heard(host, 'candidate');
		host.emit('candidate', watcher.id, {});
		await heard(watcher, 'candidate');
		host.close();
		await heard(watcher, 'disconnectPeer');
		assert.doesNotMatch(daemon.log, new RegExp(`event\\.refused id=(${host.id}|${watcher.id}) `));
	});
});

describe('by default', () => {
	let daemon;
	useDaemon({}, (started) => (daemon = started));

	test('everybody in a room may write to everybody whose id it has', async (t) => {
		const { peer, one, two } = await fill(t, daemon, 'any');
		for (const [from, to] of [[one, two], [peer, one], [one, peer]])
			assert.equal(typeof await says(from, to), 'object');
	});
});
