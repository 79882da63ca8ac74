// What the daemon gives up at its start, as the system has it of the process.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, readFile } from 'node:fs/promises';
import net from 'node:net';
import { test } from 'node:test';
import { makeFolder, runProgram, startDaemon } from '../lib/daemon.mjs';
import { joinPeer } from '../lib/peer.mjs';

const isRoot = process.getuid() === 0;
// The sanitizers need what the filter takes away.
const isSanitized = /asan/.test(process.env.SIGNALD ?? '');

async function statusOf(daemon) {
	const text = await readFile(`/proc/${daemon.pid}/status`, 'utf8');
	return Object.fromEntries(text.trim().split('\n').map((line) => line.split(/:\s*/, 2)));
}

// A port below 1024 that nobody has.
async function lowPort() {
	for (let port = 1000; port > 800; port--) {
		const server = net.createServer();
		const isFree = await new Promise((resolve) => {
			server.once('error', () => resolve(false));
			server.listen(port, '127.0.0.1', () => resolve(true));
		});
		if (!isFree)
			continue;
		await new Promise((resolve) => server.close(resolve));
		return port;
	}
	throw new Error('no free port from 801 to 1000');
}

test('by default it has a filter, no core dumps, and gets no new rights', async (t) => {
	const daemon = await startDaemon(t);
	const status = await statusOf(daemon);
	assert.equal(status.NoNewPrivs, '1');
	assert.equal(status.Seccomp, isSanitized ? '0' : '2');
	assert.match(daemon.log, isSanitized ? /process\.confined seccomp=off/ : /process\.confined seccomp=on/);
	assert.match(await readFile(`/proc/${daemon.pid}/limits`, 'utf8'), /Max core file size\s+0\s+0/);
	await joinPeer(t, daemon, 'confined');
});

test('process.seccomp = no leaves the filter away and says so', async (t) => {
	const daemon = await startDaemon(t, { sets: { 'process.seccomp': 'no' } });
	assert.equal((await statusOf(daemon)).Seccomp, '0');
	assert.match(daemon.log, /process\.confined seccomp=off/);
});

test('root becomes process.user, binds a low port, and keeps no right of root', { skip: !isRoot && 'only root can' }, async (t) => {
	const folder = await makeFolder(t);
	await chmod(folder, 0o777);
	const port = await lowPort();
	const daemon = await startDaemon(t, { port, sets: { 'process.user': 'nobody', 'state.dir': folder } });
	const status = await statusOf(daemon);
	for (const kind of ['Uid', 'Gid'])
		assert.match(status[kind], /^(\d+)\t\1\t\1\t\1$/);
	assert.doesNotMatch(status.Uid, /^0\b/);
	for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'])
		assert.match(status[set], /^0+$/, set);
	assert.doesNotMatch(daemon.log, /process\.root/);
	await joinPeer(t, daemon, 'unprivileged');
	// Nor may another process of that user look into it.
	const [uid, gid] = [status.Uid, status.Gid].map((ids) => Number(ids.split('\t')[0]));
	for (const file of ['environ', 'maps', 'mem']) {
		const look = spawnSync('head', ['-c', '1', `/proc/${daemon.pid}/${file}`], { uid, gid, encoding: 'utf8', cwd: '/' });
		assert.match(look.stderr, /Permission denied/, file);
	}
	assert.equal(spawnSync('head', ['-c', '1', '/proc/self/environ'], { uid, gid, cwd: '/' }).status, 0);
});

test('root that stays root is told in the log', { skip: !isRoot && 'only root is' }, async (t) => {
	const daemon = await startDaemon(t);
	assert.match(daemon.log, /level=warn event=process\.root|warn process\.root/);
});

test('a user that is not there ends the start, and --check-config, with a sentence', async () => {
	const set = ['--set', 'process.user=no-such-user'];
	for (const [args, code] of [[['--check-config'], 78], [[], 1]]) {
		const { code: got, stderr } = await runProgram([...args, ...set]);
		assert.equal(got, code);
		assert.match(stderr, /process\.user: no-such-user: there is no user of this name/);
	}
});
