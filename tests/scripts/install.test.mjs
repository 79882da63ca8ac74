// make install of what the strictest of umasks has built: pages, bundles and
// browser clients are for everybody to read.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { cleanEnv, makeFolder, root } from '../lib/daemon.mjs';

const run = promisify(execFile);

// A tree whose programs are built already, so that make has the pages to do, and
// whose packages are those of which these are made.
async function makeTree(t) {
	const tree = await makeFolder(t);
	for (const name of ['Makefile', 'docs/man', 'scripts', 'web'])
		await cp(path.join(root, name), path.join(tree, name), { recursive: true });
	await mkdir(path.join(tree, 'build'));
	for (const name of ['signald', 'turnconf'])
		await writeFile(path.join(tree, 'build', name), '');
	await mkdir(path.join(tree, 'node_modules'));
	for (const name of ['@esbuild', 'socket.io-client', 'socket.io-client-2'])
		await symlink(path.join(root, 'node_modules', name), path.join(tree, 'node_modules', name));
	return tree;
}

const install = (tree, out) => run('bash', ['-c', 'umask 077; make -s install SHARED_SRC= PREFIX=/usr DESTDIR="$1"', 'bash', out],
	{ cwd: tree, env: cleanEnv({ MAKEFLAGS: '' }) });

// [path, mode] of the folder and all that is below it.
async function modesBelow(folder) {
	const entries = (await readdir(folder, { recursive: true, withFileTypes: true }))
		.map((entry) => [path.join(entry.parentPath ?? entry.path, entry.name), entry.isDirectory()]);
	return Promise.all([[folder, true], ...entries].map(async ([name, isFolder]) =>
		({ name, isFolder, mode: (await stat(name)).mode & 0o777 })));
}

async function assertReadable(folder) {
	for (const { name, isFolder, mode } of await modesBelow(folder))
		assert.equal(mode.toString(8), isFolder ? '755' : '644', name);
}

test('whoever builds and installs, everybody can read what is served', async (t) => {
	const tree = await makeTree(t);
	const share = path.join(tree, 'build/share');
	const [first, second] = ['first', 'second'].map((name) => path.join(tree, name));

	await install(tree, first);
	for (const name of ['man/man8/signald.8', 'man/man5/signald.conf.5', 'man/man1/turnconf.1', 'bash-completion/completions/turnconf'])
		assert.equal((await stat(path.join(first, 'usr/share', name))).mode & 0o777, 0o644, name);
	for (const name of ['web/index.html', 'web/client.min.js', 'socket.io/4/socket.io.js', 'socket.io/ice-shim.js'])
		await stat(path.join(first, 'usr/share/signald', name));
	for (const folder of ['web', 'socket.io'])
		await assertReadable(path.join(share, folder));
	await assertReadable(path.join(first, 'usr/share/signald'));
	for (const name of ['bin/signald', 'lib/signald/certificate-hook'])
		assert.equal((await stat(path.join(first, 'usr', name))).mode & 0o777, 0o755, name);

	// Of a tree from before, in which all is for its owner alone.
	for (const { name, isFolder } of await modesBelow(share))
		await chmod(name, isFolder ? 0o700 : 0o600);
	await install(tree, second);
	await assertReadable(path.join(second, 'usr/share/signald'));
});

test('the units start what was installed', async (t) => {
	const tree = await makeTree(t);
	const out = path.join(tree, 'out');

	await install(tree, out);
	const folder = path.join(out, 'usr/lib/systemd/system');
	assert.deepEqual((await readdir(folder)).sort(),
		['signald-coturn-tunnel.service', 'signald-coturn.service', 'signald-redirect.socket', 'signald.service', 'signald.socket']);
	await run('make', ['-s', 'install', 'SHARED_SRC=', `DESTDIR=${out}`], { cwd: tree, env: cleanEnv({ MAKEFLAGS: '' }) });
	const text = await readFile(path.join(out, 'usr/local/lib/systemd/system/signald-coturn.service'), 'utf8');
	assert.equal(text.match(/ \/usr\/local\/bin\/turnconf /g).length, 2);
	assert.match(text, /ExecStart=\/usr\/bin\/turnserver /);
	assert.doesNotMatch(text, /\/usr\/bin\/turnconf/);
});
