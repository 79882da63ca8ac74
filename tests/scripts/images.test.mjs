// The images have the libraries that their programs need, and where packages come
// from is for the system that builds them to say.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { makeFolder, program, root } from '../lib/daemon.mjs';
import { program as turnconf } from '../turnconf/coturn.mjs';

const run = promisify(execFile);
const dockerfile = await readFile(path.join(root, 'docker/signald/Dockerfile'), 'utf8');
const isDebian = await run('dpkg', ['--version']).then(() => true, () => false);

// What a stage installs.
function packagesOf(stage) {
	const text = dockerfile.split(/^FROM /m).find((part) => part.split('\n')[0].endsWith(`AS ${stage}`));
	return text.replaceAll('\\\n', ' ').match(/apt-get install (.*?)&&/)[1].split(/\s+/).filter((word) => word && !word.startsWith('-'));
}

// The packages that have each of the libraries that a program names.
async function neededBy(file) {
	const { stdout } = await run('objdump', ['-p', file]);
	const paths = (await run('ldd', [file])).stdout;
	return Promise.all([...stdout.matchAll(/NEEDED +(\S+)/g)].map(async ([, name]) => {
		const [, found] = paths.match(new RegExp(`^\\s*${name.replaceAll('.', '\\.')} => (\\S+)`, 'm'));
		// dpkg knows it under the path before /lib became /usr/lib, or after.
		const { stdout: owners } = await run('dpkg', ['-S', `*/${path.basename(found)}`]);
		return owners.trim().split('\n').map((line) => line.split(':')[0]);
	}));
}

for (const [stage, file] of [['signald', program], ['signald', turnconf]]) {
	test(`the image ${stage} has what ${path.basename(file)} is linked with`, { skip: !isDebian && 'packages are named as Debian has them' }, async () => {
		const needed = await neededBy(file);
		assert.ok(needed.length > 3);
		const packages = [...packagesOf(stage), 'libc6'];
		assert.deepEqual(needed.filter((owners) => !owners.some((name) => packages.includes(name))), []);
	});
}

test('the images are built from all that they need', async (t) => {
	const [, build] = dockerfile.match(/ AS build$(.*?)^RUN make /ms);
	const copied = [...build.matchAll(/^COPY (\S+) (\S+)$/gm)].map(([, from]) => from);
	const { stdout } = await run('git', ['ls-files', ...copied], { cwd: root });
	const ignore = await readFile(path.join(root, '.dockerignore'), 'utf8');
	const kept = [...ignore.matchAll(/^!(\S+)$/gm)].map(([, name]) => name);
	const folder = await makeFolder(t);
	for (const file of stdout.trim().split('\n').filter((name) => kept.some((each) => name === each || name.startsWith(`${each}/`)))) {
		await mkdir(path.join(folder, path.dirname(file)), { recursive: true });
		await copyFile(path.join(root, file), path.join(folder, file));
	}
	// What make lacks it says before it has done anything.
	await run('make', ['-n', 'all'], { cwd: folder });
});

test('nothing here names a host of packages', async () => {
	const { stdout } = await run('git', ['ls-files', 'docker', 'scripts', 'Makefile'], { cwd: root });
	for (const file of stdout.trim().split('\n'))
		assert.doesNotMatch(await readFile(path.join(root, file), 'utf8'), /(?:deb|security)\.debian\.org|registry\.npmjs\.org|pypi\.org|pythonhosted\.org/, file);
});
