// service.mjs: signald and coturn as scripts/run starts them, and as it leaves
// them behind for a test to disturb.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { cleanEnv, root } from '../lib/daemon.mjs';
import { atEnd } from '../lib/ending.mjs';

const LIMIT_MS = 60000;
const bin = path.join(root, 'tests/e2e/bin');

class Service {
	constructor(folder) {
		this.folder = folder;
	}

	async run(...args) {
		const env = cleanEnv({ PATH: `${bin}:${process.env.PATH}` });
		return promisify(execFile)('scripts/run', ['--dir', this.folder, ...args],
			{ cwd: root, env, timeout: LIMIT_MS });
	}

	async start() {
		await this.run('--detach', '--no-build');
		const state = JSON.parse(await this.read('state.json'));
		this.url = state.url;
		this.coturnPid = state.coturnPid;
	}

	stop() {
		return this.run('--stop');
	}

	read(name) {
		return readFile(path.join(this.folder, name), 'utf8');
	}

	// The allocations that coturn has refused because somebody had enough.
	async quotaRefusals() {
		return (await this.read('coturn.log')).match(/.*error (?:486|508).*/g) ?? [];
	}

	// How many allocations coturn has made.
	async allocations() {
		return (await this.read('coturn.log')).match(/ALLOCATE processed, success/g)?.length ?? 0;
	}
}

// One that somebody else has started, and ends.
const deployed = process.env.SIGNALD_E2E_URL;

// Its folder stays: tests/e2e/run keeps the logs if a test fails.
export async function startService(t) {
	if (deployed)
		return Object.assign(new Service(os.tmpdir()), { url: deployed });
	const service = new Service(await mkdtemp(path.join(os.tmpdir(), 'service-')));
	atEnd(t, () => service.stop());
	await service.start();
	return service;
}

// GET with an answer that must be JSON: {status, body}.
export async function getJson(base, name) {
	const response = await fetch(new URL(name, base), { signal: AbortSignal.timeout(LIMIT_MS) });
	assert.match(response.headers.get('content-type'), /^application\/(problem\+)?json\b/);
	return { status: response.status, body: await response.json() };
}
