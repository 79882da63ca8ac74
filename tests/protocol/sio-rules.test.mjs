// Rules of one's own, in a file, with native peers in the same room.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test } from 'node:test';
import { makeFolder, startDaemon } from '../lib/daemon.mjs';
import { joinPeer } from '../lib/peer.mjs';
import { kind, openClient } from '../lib/sio-clients.mjs';

// A daemon whose namespace "/" speaks by these rules, "/rec" too, with recovery.
async function startWith(t, rules) {
	const file = path.join(await makeFolder(t), 'own.rules');
	await writeFile(file, rules);
	return startDaemon(t, { sets: { 'socketio.namespaces': `/=${file}, /rec=${file}+recovery` } });
}

const openSocket = (t, daemon, nsp = '/') => openClient(t, daemon, kind('4 websocket'), { nsp, query: { room: 'r' } });

describe('own rules', { concurrency: true }, () => {
	for (const nsp of ['/', '/rec'])
		test(`a step for other dialects alone sends pages nothing, in ${nsp}`, async (t) => {
			const daemon = await startWith(t, `
[connect]
join = peer
[go]
to = all
native = broadcast $1
to = self
native = signal $1
[note]
to = self
emit = ["note", $1]
`);
			const native = await joinPeer(t, daemon, 'r');
			const [socket, other] = [await openSocket(t, daemon, nsp), await openSocket(t, daemon, nsp)];
			socket.emit('go', { n: 1 });
			assert.deepEqual((await native.next('broadcast')).data, { n: 1 });
			for (const each of [socket, other]) {
				each.emit('note', 'still here');
				assert.equal((await each.event('note'))[0], 'still here');
				assert.deepEqual(each.items.filter(({ name }) => name), []);
			}
		});

	test('a message of another dialect goes through [*] only where that tells what it is', async (t) => {
		const mute = await startWith(t, '[connect]\njoin = peer\n[*]\nto = others\nemit = ["any", $1]\n');
		const told = await startWith(t, '[connect]\njoin = peer\n[*]\nto = others\nemit = ["any", $1]\nto = $1\nemit = [$event, $from, $2...]\n');
		for (const [daemon, answer] of [[mute, 'error'], [told, 'ack']]) {
			const socket = await openSocket(t, daemon);
			const native = await joinPeer(t, daemon, 'r');
			assert.equal((await native.request({ type: 'offer', to: socket.id, description: { type: 'offer', sdp: 'x' } })).type, answer);
			if (answer === 'ack')
				assert.deepEqual(await socket.event('offer'), [native.id, { type: 'offer', sdp: 'x' }]);
		}
	});

	test('who cannot enter another room stays where it is', async (t) => {
		const daemon = await startWith(t, `
[enter]
join = peer
room = $1
most = 1
refused = ["full", $error, $room]
ack = [$error, $room]
[note]
to = self
emit = ["note", $room]
`);
		const [first, second] = [await openSocket(t, daemon), await openSocket(t, daemon)];
		assert.deepEqual(await first.ask('enter', 'one'), [null, 'one']);
		assert.deepEqual(await second.ask('enter', 'two'), [null, 'two']);
		assert.deepEqual(await second.ask('enter', 'one'), ['room-full', 'two']);
		assert.deepEqual(await second.event('full'), ['room-full', 'two']);
		second.emit('note');
		assert.deepEqual(await second.event('note'), ['two']);
		assert.deepEqual(await second.ask('enter', ''), ['bad-room', 'two']);
		assert.deepEqual(await second.ask('enter', 7), ['bad-room', 'two']);
	});

	test('who enters its room again under another name is called by that', async (t) => {
		const daemon = await startWith(t, `
[enter]
join = peer
name = $1
to = others
emit = ["message", $name]
[disconnect]
to = others
emit = ["callEnded", $name]
`);
		const [first, second] = [await openSocket(t, daemon), await openSocket(t, daemon)];
		first.emit('enter', 'Ada');
		second.emit('enter', 'Bo');
		assert.deepEqual(await first.event('message'), ['Bo']);
		second.emit('enter', 'Bob');
		assert.deepEqual(await first.event('callEnded'), ['Bo']);
		assert.deepEqual(await first.event('message'), ['Bob']);
	});
});
