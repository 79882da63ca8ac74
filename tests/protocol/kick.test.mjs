// DELETE /v1/admin/peers/ID: who is sent away is gone for good.
import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { describe, test } from 'node:test';
import { makeFolder, restart, startDaemon, useDaemon } from '../lib/daemon.mjs';
import { joinPeer } from '../lib/peer.mjs';
import { judgeFile } from '../lib/schema.mjs';
import { joinSession, joinTwo } from '../lib/session.mjs';

let rooms = 0;
const newRoom = () => `kick-${++rooms}`;

async function kick(daemon, id) {
	const response = await daemon.kick(id);
	assert.equal(response.status, 204);
	assert.equal(response.headers.get('cache-control'), 'no-store');
}

// It ends, hears why, and does not come back.
async function assertGone(peer) {
	const link = await peer.open();
	const answer = await link.request(peer.resumption());
	assert.deepEqual([answer.type, answer.reason], ['not-resumed', 'kicked'], JSON.stringify(answer));
	assert.equal((await link.closed).code, 4003);
}

async function assertProblem(response, status, word) {
	assert.equal(response.status, status);
	const problem = await response.json();
	assert.equal(judgeFile('http-problem.json', problem), null);
	assert.match(problem.detail, word);
}

describe('a kick', () => {
	let daemon;
	useDaemon({}, (d) => (daemon = d));

	test('ends a session, its token, and what was said to it', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		bob.say(ada, 1);
		await ada.next('signal');
		await kick(daemon, ada.id);
		assert.deepEqual(await ada.next('kicked'), { type: 'kicked', reason: 'kicked' });
		assert.equal((await ada.closed).code, 4003);
		assert.deepEqual(await bob.next('peer-left'), { type: 'peer-left', id: ada.id, role: 'peer', reason: 'kicked' });
		const error = await bob.next('error');
		assert.deepEqual([error.code, error.to, error.n], ['unknown-peer', ada.id, 1]);
		await assertGone(ada);
		await assertGone(ada);
		const again = await joinSession(t, daemon, ada.joined.room);
		assert.notEqual(again.id, ada.id, 'as somebody new');
	});

	test('ends one that is away', async (t) => {
		const [ada, bob] = await joinTwo(t, daemon, newRoom());
		await ada.cut();
		await bob.next('peer-away');
		await kick(daemon, ada.id);
		assert.equal((await bob.next('peer-left')).reason, 'kicked');
		await assertGone(ada);
	});

	test('ends a peer without a session', async (t) => {
		const plain = await joinPeer(t, daemon, newRoom());
		const other = await joinPeer(t, daemon, plain.joined.room);
		await kick(daemon, plain.id);
		assert.deepEqual(await plain.next('kicked'), { type: 'kicked', reason: 'kicked' });
		assert.equal((await plain.closed).code, 4003);
		assert.deepEqual(await other.next('peer-left'), { type: 'peer-left', id: plain.id, role: 'peer', reason: 'kicked' });
	});

	test('takes an id that is percent-encoded', async (t) => {
		const plain = await joinPeer(t, daemon, newRoom());
		const escaped = [...plain.id].map((c) => `%${c.charCodeAt().toString(16)}`).join('');
		assert.equal((await daemon.admin('DELETE', `peers/${escaped}?other=1`)).status, 204);
		await plain.next('kicked');
	});

	test('of nobody is 404', async (t) => {
		const plain = await joinPeer(t, daemon, newRoom());
		for (const id of ['x'.repeat(22), `${plain.id}x`, plain.id.slice(1), '/chat#x', '%2F'])
			await assertProblem(await daemon.kick(id), 404, /no peer/);
		await kick(daemon, plain.id);
		await assertProblem(await daemon.kick(plain.id), 404, /no peer/);
	});

	for (const name of ['a%20b', 'x'.repeat(200)])
		test(`of "${name.slice(0, 10)}", which no peer can be, is 400`, async () => {
			await assertProblem(await daemon.admin('DELETE', `peers/${name}`), 400, /no peer has such an id/);
		});

	for (const name of ['%zz', '%0a', '%ff'])
		test(`of "${name}", which says nothing, is 400`, async () => {
			await assertProblem(await daemon.admin('DELETE', `peers/${name}`), 400, /not well encoded/);
		});

	test('is on the address of the metrics alone', async (t) => {
		const plain = await joinPeer(t, daemon, newRoom());
		assert.equal((await fetch(`${daemon.url}/v1/admin/peers/${plain.id}`, { method: 'DELETE' })).status, 404);
		await plain.settle();
	});
});

describe('who was kicked', () => {
	const startKeeping = async (t, sets = {}) => startDaemon(t, { sets: { 'state.dir': await makeFolder(t), ...sets } });

	test('does not come back to a server that was killed meanwhile', async (t) => {
		let daemon = await startKeeping(t);
		const [ada, bob] = await joinTwo(t, daemon, 'killed');
		await kick(daemon, ada.id);
		for (let i = 0; i < 2; i++) {
			daemon = await restart(t, daemon);
			await assertGone(ada);
			assert.equal((await bob.resume()).type, 'resumed');
		}
	});

	test('nor does one who was kicked while the server waited for its return', async (t) => {
		let daemon = await startKeeping(t);
		const ada = await joinSession(t, daemon, 'absent');
		daemon = await restart(t, daemon);
		await kick(daemon, ada.id);
		await assertProblem(await daemon.kick('no id'), 400, /no peer has such an id/);
		await assertGone(ada);
		daemon = await restart(t, daemon);
		await assertGone(ada);
	});

	test('is so for this server\'s life, where the file takes nothing more; the log says it', async (t) => {
		const daemon = await startKeeping(t);
		const ada = await joinSession(t, daemon, 'full');
		const file = path.join(daemon.options.sets['state.dir'], 'kicked');
		await rm(file);
		await mkdir(file);
		await assertProblem(await daemon.kick(ada.id), 500, /may come back after a restart/);
		await daemon.waitLog(/error state\.fail what=kicked error="Is a directory"/);
		await ada.closed;
		await assertGone(ada);
	});
});
