// The lab leaves nothing behind, also where it is killed.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { root, until } from '../lib/daemon.mjs';

// All processes: [{pid, parent, name, isOver}].
async function listProcesses() {
	const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
	const all = await Promise.all(pids.map(async (pid) => {
		const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
		const [, name, state, parent] = text?.match(/^\d+ \((.*)\) (\S) (\d+) /s) ?? [];
		return { pid: Number(pid), parent: Number(parent), name, isOver: !text || state === 'Z' };
	}));
	return all.filter(({ isOver }) => !isOver);
}

async function listDescendants(pid) {
	const all = await listProcesses();
	const found = all.filter((each) => each.pid === pid);
	for (const { pid: parent } of found)
		found.push(...all.filter((each) => each.parent === parent));
	return found;
}

// The networks live in files that only the lab's own mounts hold, and go with them.
test('a lab that is killed takes its browsers and servers along', async (t) => {
	const child = spawn('tests/nat/run', ['--with', 'turn', '--pairs', 'cone/cone'], { cwd: root, stdio: 'ignore' });
	const gone = once(child, 'exit');
	t.after(() => child.kill('SIGKILL'));
	const needed = ['chromium', 'signald', 'turnserver', 'node'];
	const descendants = await until('all of it runs', async () => {
		const those = await listDescendants(child.pid);
		return needed.every((name) => those.some((each) => each.name.startsWith(name))) && those;
	}, 60000);

	child.kill('SIGKILL');
	await gone;
	await until('nothing of it is left', async () => {
		const pids = new Set((await listProcesses()).map(({ pid }) => pid));
		return !descendants.some(({ pid }) => pids.has(pid));
	}, 5000);
});
