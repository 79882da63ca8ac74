// The units: what systemd says of them, without a systemd that runs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { makeFolder, root } from '../lib/daemon.mjs';

const FOLDER = path.join(root, 'scripts/systemd');
const SERVICES = ['signald.service', 'signald-coturn.service', 'signald-coturn-tunnel.service'];
const MAX_EXPOSURE = 2.0;

const analyze = (...args) => spawnSync('systemd-analyze', ['--no-pager', ...args], { encoding: 'utf8' });

for (const service of SERVICES)
	test(`${service} is exposed by less than ${MAX_EXPOSURE.toFixed(1)}`, (t) => {
		const { stdout, stderr, status } = analyze('security', '--offline=true', `--threshold=${MAX_EXPOSURE * 10}`, path.join(FOLDER, service));
		const exposure = Number(stdout.match(/Overall exposure level for .*: ([\d.]+)/)?.[1]);
		t.diagnostic(`${service}: exposure ${exposure}`);
		assert.ok(exposure < MAX_EXPOSURE, stdout + stderr);
		assert.equal(status, 0, stderr);
	});

test('systemd understands every line of every unit', async (t) => {
	const folder = await makeFolder(t);
	const units = [...SERVICES, 'signald.socket', 'signald-redirect.socket'];
	for (const name of units) {
		const text = await readFile(path.join(FOLDER, name), 'utf8');
		// Where ours are not installed.
		await writeFile(path.join(folder, name), text.replace(/\/usr\/bin\/(signald|turnconf|turnserver)\b/g, '/bin/true'));
	}
	const { stdout, stderr } = analyze('verify', '--man=no', ...units.map((name) => path.join(folder, name)));
	const complaints = (stdout + stderr).split('\n').filter((line) => units.some((name) => line.includes(name)));
	assert.deepEqual(complaints, []);
});

test('both coturns are confined in the same way', async () => {
	const [one, two] = await Promise.all(SERVICES.slice(1).map(async (name) => {
		const text = await readFile(path.join(FOLDER, name), 'utf8');
		return text.slice(text.indexOf('UMask='));
	}));
	assert.equal(one, two);
});

test('signald has a user of its own', async (t) => {
	const folder = await makeFolder(t);
	await copyFile(path.join(FOLDER, 'signald.sysusers'), path.join(folder, 'signald.conf'));
	const { stdout, stderr, status } = spawnSync('systemd-sysusers', ['--dry-run', path.join(folder, 'signald.conf')], { encoding: 'utf8' });
	assert.equal(status, 0, stderr);
	assert.doesNotMatch(stdout + stderr, /ignoring|[Ff]ailed/);
});
