// A server that ends, by SIGKILL or by SIGTERM, and one that takes its place:
// ids, rooms and messages outlive it.
import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test } from 'node:test';
import { makeFolder, restart, runProgram, startDaemon } from '../lib/daemon.mjs';
import { joinPeer } from '../lib/peer.mjs';
import { joinSession, joinTwo } from '../lib/session.mjs';

// With a state of its own; as long as it is not settled, for all a test knows.
async function startKeeping(t, sets = {}) {
	return startDaemon(t, { sets: { 'state.dir': await makeFolder(t), 'session.window_s': 60, ...sets } });
}

async function assertRefused(answer, reason) {
	assert.equal(answer.type, 'not-resumed', JSON.stringify(answer));
	assert.equal(answer.reason, reason, answer.message);
}

describe('after kill -9', () => {
	test('peers are back with their ids, rooms and roles, over logs that are new', async (t) => {
		let daemon = await startKeeping(t);
		const about = { name: 'Ada', metadata: { a: 1 }, role: 'operator' };
		const [ada, bob] = await joinTwo(t, daemon, 'kept "ü"', about);
		const { epoch } = ada;
		assert.equal(ada.joined.session.settled, false, 'it has just started');
		daemon = await restart(t, daemon);
		await Promise.all([ada.closed, bob.closed]);

		const resumed = await ada.resume(about);
		assert.equal(resumed.type, 'resumed');
		for (const member of ['id', 'room', 'role'])
			assert.equal(resumed[member], ada.joined[member], member);
		assert.notEqual(resumed.session.epoch, epoch);
		assert.deepEqual([resumed.session.settled, resumed.session.window, resumed.peers], [false, 60, []]);
		const second = await bob.resume();
		assert.deepEqual(second.peers, [{ id: ada.id, ...about, inst: ada.inst }]);
		assert.deepEqual((await ada.next('peer-joined')).peer, { id: bob.id, role: 'peer', inst: bob.inst },
			'with the inst that it had: it is back');
	});

	test('what was pending is sent again, and arrives once', async (t) => {
		let daemon = await startKeeping(t);
		const [ada, bob] = await joinTwo(t, daemon, 'pending');
		ada.say(bob, 1);
		ada.say(bob, 2);
		assert.equal((await bob.next((m) => m.data === 2)).n, 2);
		bob.ack(1);
		await ada.next('ack');
		ada.say(bob, 3);
		daemon = await restart(t, daemon);

		// The sender is there first, and is told to wait.
		await ada.resume();
		ada.repeat(bob);
		for (const n of [2, 3]) {
			const error = await ada.next('error');
			assert.deepEqual([error.code, error.to, error.n], ['peer-pending', bob.id, n]);
		}
		await bob.resume();
		assert.equal(bob.position, 0);
		await ada.next('peer-joined');
		ada.repeat(bob);
		assert.equal((await bob.next('signal')).n, 2, 'which the receiver knows by its number');
		assert.equal((await bob.next('signal')).n, 3);
		assert.equal(bob.position, 2);
		bob.ack();
		assert.equal((await ada.next('ack')).n, 3);
		assert.deepEqual(ada.pendingTo(bob), []);
	});

	test('a position in the log of before acknowledges nothing in the new one', async (t) => {
		let daemon = await startKeeping(t);
		const [ada, bob] = await joinTwo(t, daemon, 'positions');
		for (let i = 1; i <= 5; i++)
			ada.say(bob, i);
		await bob.next((m) => m.data === 5);
		bob.ack();
		while (ada.pendingTo(bob).length)
			await ada.next('ack');
		const before = { epoch: bob.epoch, last: bob.position };
		daemon = await restart(t, daemon);
		await ada.resume();
		await bob.resume();
		ada.say(bob, 6);
		await bob.next('signal');
		// Its application never got that one, and this connection neither the answer.
		await bob.cut();
		assert.equal((await bob.resume(before)).type, 'resumed');
		assert.equal((await bob.next('signal')).data, 6);
		await ada.settle();
		assert.deepEqual(ada.heard('ack'), []);
	});

	test('a receiver that has forgotten is a page that was loaded anew', async (t) => {
		let daemon = await startKeeping(t);
		const [ada, bob] = await joinTwo(t, daemon, 'reload');
		const before = { id: bob.id, inst: bob.inst };
		ada.say(before, 1);
		daemon = await restart(t, daemon);
		await ada.resume();
		assert.equal((await bob.reload()).type, 'resumed');
		assert.equal((await ada.next('peer-joined')).peer.inst, bob.inst);
		ada.repeat(before);
		const error = await ada.next('error');
		assert.deepEqual([error.code, error.to, error.n], ['peer-restarted', bob.id, 1]);
	});

	test('who may still come is pending, to everybody; when the window is over, unknown', async (t) => {
		let daemon = await startKeeping(t, { 'session.window_s': 2 });
		const [ada, bob] = await joinTwo(t, daemon, 'settled');
		const plain = await joinPeer(t, daemon, 'settled');
		daemon = await restart(t, daemon);
		const began = performance.now();
		assert.equal((await ada.resume()).session.settled, false);
		const again = await joinPeer(t, daemon, 'settled');
		ada.say(bob, 1);
		assert.equal((await ada.next('error')).code, 'peer-pending');
		assert.equal((await again.request({ type: 'signal', to: plain.id, data: 1 })).code, 'peer-pending');

		assert.deepEqual(await ada.next('settled'), { type: 'settled' });
		assert.ok(performance.now() - began > 1000);
		await again.next('settled');
		ada.repeat(bob);
		const error = await ada.next('error');
		assert.deepEqual([error.code, error.to, error.n], ['unknown-peer', bob.id, 1]);
		assert.equal((await joinSession(t, daemon, 'settled')).joined.session.settled, true);

		// Late, but not lost: its id is still its own.
		const link = await bob.open();
		await assertRefused(await bob.resume({}, link), 'expired');
		assert.equal((await bob.reload(link)).type, 'resumed');
		assert.equal(bob.id, bob.joined.id);
		await ada.next('peer-joined');
	});

	test('twice within one window', async (t) => {
		let daemon = await startKeeping(t);
		const [ada, bob] = await joinTwo(t, daemon, 'twice');
		ada.say(bob, 1);
		daemon = await restart(t, daemon);
		await ada.resume();
		daemon = await restart(t, daemon);
		await bob.resume();
		await ada.resume();
		ada.repeat(bob);
		assert.equal((await bob.next('signal')).data, 1);
		bob.ack();
		assert.equal((await ada.next('ack')).n, 1);
	});

	test('a place that must be unique is its holder\'s: who came meanwhile is sent away', async (t) => {
		let daemon = await startKeeping(t);
		const [caster, watcher] = await joinTwo(t, daemon, 'stage', { role: 'broadcaster' }, { role: 'watcher' });
		daemon = await restart(t, daemon);
		await watcher.resume();
		const newcomer = await joinSession(t, daemon, 'stage', { role: 'broadcaster' });
		assert.equal((await watcher.next('peer-joined')).peer.id, newcomer.id);
		assert.equal((await caster.resume()).type, 'resumed');
		assert.deepEqual(await newcomer.next('kicked'), { type: 'kicked', reason: 'role-taken' });
		assert.equal((await newcomer.closed).code, 4003);
		assert.deepEqual(await watcher.next('peer-left'),
			{ type: 'peer-left', id: newcomer.id, role: 'broadcaster', reason: 'kicked' });
		assert.equal((await watcher.next('peer-joined')).peer.id, caster.id);
	});

	test('also a plain newcomer; but a holder who has returned keeps its place', async (t) => {
		let daemon = await startKeeping(t, { 'rooms.max_broadcasters_per_room': 2 });
		const one = await joinSession(t, daemon, 'stage', { role: 'broadcaster' });
		const two = await joinSession(t, daemon, 'stage', { role: 'broadcaster' });
		daemon = await restart(t, daemon);
		assert.equal((await one.resume()).type, 'resumed');
		const newcomer = await joinPeer(t, daemon, 'stage', { role: 'broadcaster' });
		assert.equal((await two.resume()).type, 'resumed');
		assert.deepEqual(await newcomer.next('kicked'), { type: 'kicked', reason: 'role-taken' });
		assert.equal((await newcomer.closed).code, 4003);
		await one.settle();
	});

	test('a newcomer keeps it once the window is over', async (t) => {
		let daemon = await startKeeping(t, { 'session.window_s': 1 });
		const caster = await joinSession(t, daemon, 'stage', { role: 'broadcaster' });
		daemon = await restart(t, daemon);
		const newcomer = await joinSession(t, daemon, 'stage', { role: 'broadcaster' });
		await newcomer.next('settled');
		await assertRefused(await caster.reload(), 'role-taken');
		await newcomer.settle();
	});

	test('without state.dir nothing is kept, and it says so', async (t) => {
		let daemon = await startDaemon(t, {});
		const [ada] = await joinTwo(t, daemon, 'gone');
		assert.equal(ada.joined.session.settled, true);
		await daemon.waitLog(/warn state\.none key=state\.dir/);
		daemon = await restart(t, daemon);
		const link = await ada.open();
		await assertRefused(await ada.resume({}, link), 'bad-token');
		assert.equal((await link.join('gone', { inst: ada.inst })).session.settled, true);
	});
});

describe('SIGTERM', () => {
	test('sends everybody away for a while; nobody hears that another has left', async (t) => {
		let daemon = await startKeeping(t, { 'drain.spread_s': 1 });
		const [ada, bob] = await joinTwo(t, daemon, 'drain');
		const others = [];
		for (let i = 0; i < 10; i++)
			others.push(await joinSession(t, daemon, 'drain'));
		const all = [ada, bob, ...others];
		ada.say(bob, 1);
		daemon.signal('SIGTERM');
		for (const peer of all) {
			const { reason, reconnectAfterMs } = await peer.next('go-away');
			assert.equal(reason, 'shutdown');
			assert.ok(reconnectAfterMs >= 250 && reconnectAfterMs <= 2250, `${reconnectAfterMs}`);
		}
		for (const peer of all)
			assert.equal((await peer.closed).code, 1012);
		for (const peer of all)
			for (const type of ['peer-left', 'peer-away'])
				assert.deepEqual(peer.heard(type), [], type);
		assert.deepEqual(await daemon.ended(), { code: 0, signal: null });

		daemon = await startDaemon(t, daemon.options);
		for (const peer of all)
			assert.equal((await peer.resume()).type, 'resumed');
		ada.repeat(bob);
		assert.equal((await bob.next('signal')).data, 1);
		bob.ack();
		assert.equal((await ada.next('ack')).n, 1);
		assert.equal(await daemon.metric('signald_peers'), 12);
	});

	test('what is said while it drains arrives, now or later', async (t) => {
		let daemon = await startKeeping(t, { 'drain.spread_s': 2 });
		const [ada, bob] = await joinTwo(t, daemon, 'drain');
		daemon.signal('SIGTERM');
		await ada.next('go-away');
		const first = await Promise.race([ada.closed.then(() => ada), bob.closed.then(() => bob)]);
		const [gone, here] = first === ada ? [ada, bob] : [bob, ada];
		here.say(gone, 'to one who is gone');
		await here.closed;
		await daemon.ended();
		daemon = await startDaemon(t, daemon.options);
		await gone.resume();
		await here.resume();
		here.repeat(gone);
		assert.equal((await gone.next('signal')).data, 'to one who is gone');
	});
});

describe('state.dir', () => {
	const serve = (dir, more = []) => runProgram(['--set', `state.dir=${dir}`, '--set', 'listen.address=127.0.0.1:0',
		'--set', 'listen.metrics=', ...more]);

	test('holds keys that are for its owner alone, and the same at the next start', async (t) => {
		let daemon = await startKeeping(t);
		const dir = daemon.options.sets['state.dir'];
		assert.deepEqual((await readdir(dir)).sort(), ['kicked', 'kicked-users', 'resume-keys', 'user-key']);
		for (const name of ['resume-keys', 'user-key'])
			assert.equal((await stat(path.join(dir, name))).mode & 0o777, 0o600, name);
		const keys = await readFile(path.join(dir, 'resume-keys'), 'utf8');
		daemon = await restart(t, daemon);
		assert.equal(await readFile(path.join(dir, 'resume-keys'), 'utf8'), keys);
		assert.equal(daemon.log.includes(keys.split(' ').at(-1).trim()), false, 'no key in the log');
	});

	for (const [what, make, word] of [
		['is not there', (dir) => path.join(dir, 'none'), 'the folder does not exist: make it'],
		['is a file', async (dir) => {
			await writeFile(path.join(dir, 'file'), '');
			return path.join(dir, 'file');
		}, 'Not a directory'],
		// Not even root makes a file there.
		['cannot be written', () => '/sys', /Permission denied|Read-only file system/],
		['has no way for its new keys', async (dir) => {
			await mkdir(path.join(dir, 'resume-keys.new'));
			return dir;
		}, 'Is a directory'],
		['leads into itself', async (dir) => {
			await symlink('loop', path.join(dir, 'loop'));
			return path.join(dir, 'loop');
		}, 'Too many levels'],
	])
		test(`that ${what} is said at the start, and ends it`, async (t) => {
			const dir = await make(await makeFolder(t));
			const { code, stderr } = await serve(dir);
			assert.equal(code, 1, stderr);
			const line = stderr.split('\n').find((each) => each.includes('server.fail')) ?? assert.fail(stderr);
			assert.match(line, /what=state\.dir/);
			assert.ok(line.includes(`value=${dir}`), line);
			assert.match(line, new RegExp(word));
		});

	const KEY = 'A'.repeat(43);

	for (const [what, text] of [
		['is no list of keys', 'hello\n'], ['holds a key that is too short', `1 1700000000 ${KEY.slice(1)}\n`],
		['holds a key that is none', `1 1700000000 ${'!'.repeat(43)}\n`], ['holds a number that is none', `one 1700000000 ${KEY}\n`],
		['holds a time that is none', `1 soon ${KEY}\n`], ['holds a line with more behind it', `1 1700000000 ${KEY} more\n`],
		['holds too many keys', `1 1700000000 ${KEY}\n`.repeat(5)], ['is far too long', 'x'.repeat(5000)],
	])
		test(`whose key file ${what} is refused at the start, and left as it is`, async (t) => {
			const dir = await makeFolder(t);
			await writeFile(path.join(dir, 'resume-keys'), text);
			const { code, stderr } = await serve(dir);
			assert.equal(code, 1, stderr);
			assert.match(stderr, /server\.fail what=state\.dir/);
			assert.match(stderr, /resume-keys/);
			assert.equal(await readFile(path.join(dir, 'resume-keys'), 'utf8'), text);
		});

	test('with what a crash left of a file that was being made is as good as without', async (t) => {
		let daemon = await startKeeping(t);
		const dir = daemon.options.sets['state.dir'];
		const ada = await joinSession(t, daemon, 'half');
		await writeFile(path.join(dir, 'resume-keys.new'), '1 17');
		await writeFile(path.join(dir, 'kicked.new'), '17');
		daemon = await restart(t, daemon);
		assert.equal((await ada.resume()).type, 'resumed');
	});

	test('without its key file makes new keys: tokens of before are none', async (t) => {
		let daemon = await startKeeping(t);
		const ada = await joinSession(t, daemon, 'new keys');
		daemon.signal('SIGKILL');
		await daemon.ended();
		await writeFile(path.join(daemon.options.sets['state.dir'], 'resume-keys'), '');
		daemon = await startDaemon(t, daemon.options);
		await assertRefused(await ada.resume(), 'bad-token');
	});
});
