// signald ctl: what it asks for, what it prints, and how it ends.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import { SECRET, ADMIN_KEY, cleanEnv, makeFolder, program, runProgram, startDaemon, until, useDaemon } from '../lib/daemon.mjs';
import { atEnd } from '../lib/ending.mjs';
import { joinPeer } from '../lib/peer.mjs';

const setsOf = (daemon, key = ADMIN_KEY) => ['--set', `listen.metrics=127.0.0.1:${daemon.metricsPort}`, '--set', `admin.key=${key}`];

async function ctl(daemon, ...args) {
	const { code, stdout, stderr } = await runProgram(['ctl', ...setsOf(daemon), ...args]);
	assert.deepEqual([code, stderr], [0, ''], `${args}`);
	return stdout;
}

async function refused(code, pattern, ...args) {
	const result = await runProgram(['ctl', ...args]);
	assert.deepEqual([result.code, result.stdout], [code, ''], result.stderr);
	assert.match(result.stderr, pattern);
	assert.equal(result.stderr.trim().split('\n').length, 1);
}

describe('signald ctl', () => {
	let daemon;
	useDaemon({}, (d) => (daemon = d));

	test('shows the server, its rooms and its peers', async (t) => {
		const ada = await joinPeer(t, daemon, 'kitchen & more', { name: 'Ädä' });
		await joinPeer(t, daemon, 'kitchen & more', { role: 'watcher' });
		assert.match(await ctl(daemon, 'status'), /^version +\d+\.\d+\.\d+$/m);
		assert.match(await ctl(daemon, 'status'), /^relaying +-$/m);
		assert.match(await ctl(daemon, 'rooms'), /^ROOM +PEERS .*\n(.*\n)*kitchen & more +2 +0 +0 +1 +\d{4}-/m);
		assert.doesNotMatch(await ctl(daemon, 'rooms', 'nothing of the kind'), /kitchen/);
		const lines = (await ctl(daemon, 'room', 'kitchen & more')).trim().split('\n');
		assert.match(lines[0], /^PEER +ROLE +NAME +NETWORK +DIALECT +AWAY +SINCE +ROOM$/);
		assert.match(lines[1], new RegExp(`^${ada.id} +peer +Ädä +127\\.0\\.0\\.1 +native +no `));
		assert.equal(lines[1].indexOf('127'), lines[0].indexOf('NETWORK'), 'columns are straight');
		assert.match(await ctl(daemon, 'peers'), new RegExp(`^${ada.id} `, 'm'));
		assert.match(await ctl(daemon, 'peer', ada.id), /^name +Ädä$/m);
		assert.match(await ctl(daemon, 'limits'), /^rooms\.max_rooms +100000 +rooms at once$/m);
		assert.match(await ctl(daemon, 'pool'), /^clients are given TURN: no$/m);
		const json = JSON.parse(await ctl(daemon, '--json', 'room', 'kitchen & more'));
		assert.deepEqual(json.members.map(({ role }) => role), ['peer', 'watcher']);
		assert.ok(JSON.parse(await ctl(daemon, 'peers', '--json')).length >= 2);
	});

	test('shows what a list has', async (t) => {
		const own = await startDaemon(t, { sets: {
			'turn.host': 'turn.example.org', 'turn.secret': SECRET, 'turn.probe': 'no', 'turn.withhold_unsafe': 'no',
		} });
		assert.match(await ctl(own, 'pool'), /^main .* udp,tcp /m);
	});

	test('lists more than one page', async (t) => {
		const own = await startDaemon(t);
		const peer = await joinPeer(t, own, 'many', { role: 'watcher' });
		const others = [];
		for (let i = 0; i < 1005; i++)
			others.push(joinPeer(t, own, 'many', { role: 'watcher' }));
		await Promise.all(others);
		for (const command of [['peers'], ['room', 'many']]) {
			const ids = (await ctl(own, ...command)).trim().split('\n').slice(1).map((line) => line.split(' ')[0]);
			assert.equal(new Set(ids).size, 1006, `${command}`);
			assert.ok(ids.includes(peer.id));
		}
	});

	test('kicks, mutes, closes', async (t) => {
		const [a, b, c] = [await joinPeer(t, daemon, 'acts'), await joinPeer(t, daemon, 'acts'), await joinPeer(t, daemon, 'acts')];
		assert.equal(await ctl(daemon, 'mute', a.id, '60'), 'it is muted\n');
		assert.equal((await a.request({ type: 'signal', to: b.id, data: 1 })).code, 'muted');
		assert.equal(await ctl(daemon, 'unmute', a.id), 'it may speak again\n');
		assert.equal((await a.request({ type: 'signal', to: b.id, data: 1 })).type, 'ack');
		assert.equal(await ctl(daemon, 'kick', a.id), 'it is gone\n');
		await a.next('kicked');
		assert.equal(await ctl(daemon, 'close', 'acts'), 'the room is closed: 2 peers were in it\n');
		await b.next('kicked');
		await c.next('kicked');
		await joinPeer(t, daemon, 'one');
		assert.equal(await ctl(daemon, 'close', 'one'), 'the room is closed: 1 peer was in it\n');
	});

	test('rotates keys', async (t) => {
		const own = await startDaemon(t, { sets: { 'state.dir': await makeFolder(t) } });
		assert.match(await ctl(own, 'rotate', 'resume-keys'), /^what is out stays good for at most 1[67]\d{4} s\nthe key is a new one\n$/);
		assert.match(await ctl(own, 'rotate', 'resume-keys', 'void'), /at most 0 s\n/);
		const made = await startDaemon(t, { sets: { 'state.dir': await makeFolder(t), 'admin.key': '' } });
		const sets = ['--set', `listen.metrics=127.0.0.1:${made.metricsPort}`, '--set', `state.dir=${made.options.sets['state.dir']}`];
		// The second finds the key of the first.
		for (let i = 0; i < 2; i++) {
			const { stdout } = await runProgram(['ctl', ...sets, 'rotate', 'admin-key', '0']);
			assert.match(stdout, /at most 0 s\nthe key is a new one\n$/);
		}
		await refused(1, /admin\.key/, ...setsOf(own), 'rotate', 'admin-key');
		await refused(64, /behind admin-key seconds/, ...setsOf(own), 'rotate', 'admin-key', 'soon');
	});

	test('prints events until it is stopped', async (t) => {
		const child = spawn(program, ['ctl', ...setsOf(daemon), 'events', '--last', '1'], { env: cleanEnv(), stdio: ['ignore', 'pipe', 'inherit'] });
		atEnd(t, () => child.kill('SIGKILL'));
		let text = '';
		child.stdout.setEncoding('utf8').on('data', (more) => (text += more));
		await until('the last one', () => text);
		const { id } = await joinPeer(t, daemon, 'printed');
		await until('the join', () => text.match(new RegExp(`^\\d{4}\\S+Z peer\\.join room=printed id=${id} `, 'm')));
		child.kill('SIGINT');
		assert.deepEqual(await once(child, 'exit'), [null, 'SIGINT']);
	});

	test('says what signald refuses, with 1', async () => {
		const sets = setsOf(daemon);
		await refused(1, /there is no peer of this id \(404\)/, ...sets, 'kick', 'nobody');
		await refused(1, /there is no room of this name/, ...sets, 'room', 'no/where?');
		await refused(1, /86400/, ...sets, 'mute', 'x', '86401');
		await refused(1, /there is no peer of this id/, ...sets, 'kick', '-begins-with-a-line-as');
		await refused(1, /there is no peer of this id/, 'kick', '--id', ...sets);
		await refused(1, /no TURN server/, ...sets, 'withdraw', 'x');
		await refused(1, /the key is wrong: it is not the one that admin\.key is set to \(401\)/, ...setsOf(daemon, 'some-other-key-0123'), 'status');
	});

	test('says what is wrong with the command line, with 64', async () => {
		await refused(64, /COMMAND: which one\? ?; see signald ctl --help/);
		await refused(64, /jump: unknown command; see/, 'jump');
		await refused(64, /evnets: unknown command; did you mean events\?; see/, 'evnets');
		await refused(64, /kick ID/, 'kick');
		await refused(64, /it is used so: mute ID SECONDS/, 'mute', 'x');
		await refused(64, /^signald ctl: events: it is used so: events; see/, 'events', 'extra');
		await refused(64, /--set: it takes section\.key=value/, '--set', 'foo', 'status');
		await refused(64, /status/, 'status', 'now');
		await refused(64, /whole number/, ...setsOf(daemon), 'mute', 'x', 'long');
		await refused(64, /--loud: unknown option/, '--loud', 'status');
		await refused(64, /needs a value/, 'status', '--config');
		const help = await runProgram(['ctl', '--help']);
		assert.equal(help.code, 0);
		for (const line of help.stdout.split('\n'))
			assert.ok(line.length <= 80, line);
		for (const command of ['status', 'rooms', 'kick', 'close', 'mute', 'events', 'reload', 'drain'])
			assert.match(help.stdout, new RegExp(`^  ${command} `, 'm'));
	});

	test('says why it cannot ask, with 69, and what the configuration lacks, with 78', async (t) => {
		const folder = await makeFolder(t);
		const silent = net.createServer((socket) => socket.end('hello\n')).listen(0, '127.0.0.1');
		atEnd(t, () => silent.close());
		await once(silent, 'listening');
		await refused(69, /no signald answers at 127\.0\.0\.1:9 \(listen\.metrics\): Connection refused/, '--set', 'listen.metrics=127.0.0.1:9', '--set', `admin.key=${ADMIN_KEY}`, 'status');
		await refused(69, /it speaks no HTTP/, '--set', `listen.metrics=127.0.0.1:${silent.address().port}`, '--set', `admin.key=${ADMIN_KEY}`, 'status');
		await refused(78, /listen\.metrics is empty/, '--set', 'listen.metrics=', 'status');
		await refused(78, /neither state\.dir nor admin\.key/, 'status');
		await refused(78, /admin-key: No such file/, '--set', `state.dir=${folder}`, 'status');
		await refused(78, /no\.such/, '--set', 'no.such=1', 'status');
	});
});

test('signald ctl finds all in the configuration that signald reads; reload and drain', async (t) => {
	const folder = await makeFolder(t);
	const daemon = await startDaemon(t, { config: '[rooms]\nmax_rooms = 5\n', sets: { 'admin.key': undefined, 'state.dir': folder } });
	const config = path.join(folder, 'own.conf');
	await writeFile(config, `[listen]\nmetrics = 127.0.0.1:${daemon.metricsPort}\n[state]\ndir = ${folder}\n`);
	const run = async (...args) => {
		const { code, stdout, stderr } = await runProgram(['ctl', '--config', config, ...args]);
		return [code, stdout, stderr];
	};
	assert.match((await readFile(path.join(folder, 'admin-key'), 'utf8')), /^\S{43}\n$/);
	assert.deepEqual(await run('reload'), [0, 'the configuration is read again\n', '']);
	await writeFile(daemon.configPath, '[rooms]\nmax_rooms = 5\n[turn]\nrealm = other\n');
	assert.deepEqual(await run('reload'), [0, 'turn.realm needs a restart\nthe configuration is read again\n', '']);
	await writeFile(daemon.configPath, '[rooms]\nmax_rooms = -1\n');
	const [code, stdout, stderr] = await run('reload');
	assert.deepEqual([code, stdout], [1, '']);
	assert.match(stderr, /rooms\.max_rooms|max_rooms/);
	assert.deepEqual(await run('drain'), [0, 'it drains, and ends then\n', '']);
	assert.equal((await daemon.ended()).code, 0);
});
