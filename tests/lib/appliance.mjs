// appliance.mjs: signald and coturn as an operator starts them, by scripts/run.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { cleanEnv, root } from './daemon.mjs';
import { atEnd } from './ending.mjs';

const run = promisify(execFile);

// scripts/run to its end: {code, stdout, stderr}.
export async function runScript(args, env = {}) {
	const options = { cwd: root, env: cleanEnv(env), timeout: 60000 };
	return run(path.join(root, 'scripts/run'), args, options).then(
		(result) => ({ code: 0, ...result }),
		({ code, stdout, stderr }) => ({ code, stdout, stderr }));
}

// Started in a folder of its own, stopped after the test: state.json and dir.
export async function startAppliance(t, sets = {}) {
	const dir = await mkdtemp(path.join(os.tmpdir(), 'signald-test-'));
	const args = Object.entries(sets).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
	atEnd(t, async () => {
		await runScript(['--stop', '--dir', dir]);
		await rm(dir, { recursive: true });
	});
	const { code, stderr } = await runScript(['--detach', '--no-build', '--dir', dir, ...args]);
	if (code !== 0)
		throw new Error(`scripts/run failed: ${stderr}`);
	const state = JSON.parse(await readFile(path.join(dir, 'state.json'), 'utf8'));
	return { ...state, dir, readLog: (name) => readFile(path.join(dir, `${name}.log`), 'utf8') };
}
