// Single functions of the compose file's setup, with the rest of it replaced.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { cleanEnv, makeFolder, root } from '../lib/daemon.mjs';

const script = await readFile(path.join(root, 'docker/signald/configure'), 'utf8');
const functions = script.replaceAll('/usr/local/lib/signald', 'scripts/lib').split('\nif [[ ${1-} == --follow ]]')[0];

async function shell(t, text) {
	const dir = await makeFolder(t);
	const { status, stdout, stderr } = spawnSync('bash', ['-c', `${functions}\nconfig=$0\n${text}`, dir], { cwd: root, encoding: 'utf8', env: cleanEnv() });
	assert.equal(status, 0, stdout + stderr);
	return stdout;
}

test('a tunnel is found in a configuration that goes on for long behind it', async (t) => {
	const said = await shell(t, `
		signald() { printf '%s\\n' '[turn]' "tunnel = $tunnel" && seq 100000; }
		for tunnel in 127.0.0.1:3479 ''; do
			if has_tunnel; then echo yes; else echo no; fi
		done`);
	assert.equal(said, 'yes\nno\n');
});
