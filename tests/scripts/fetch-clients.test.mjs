// scripts/fetch-clients on its own: where it takes the files from, what it
// refuses, and what it says where it cannot take them.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chmod, cp, mkdir, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { cleanEnv, makeFolder, root } from '../lib/daemon.mjs';

const run = promisify(execFile);

const packages = { 4: ['socket.io-client', '4.8.4'], 2: ['socket.io-client-2', '2.5.0'] };

// A tree with what the script needs of ours, and a PATH in which npm is the
// test's own or none.
async function makeTree(t, { npm } = {}) {
	const tree = await makeFolder(t);
	await mkdir(path.join(tree, 'scripts/lib'), { recursive: true });
	for (const name of ['fetch-clients', 'clients.sha512', 'lib/common.sh'])
		await cp(path.join(root, 'scripts', name), path.join(tree, 'scripts', name));
	const programs = path.join(tree, 'programs');
	await mkdir(programs);
	for (const name of ['bash', 'cat', 'cp', 'dirname', 'grep', 'gzip', 'install', 'mkdir', 'mktemp', 'mv', 'rm', 'sed', 'sha512sum', 'sleep', 'tar', 'timeout'])
		await symlink(path.join('/usr/bin', name), path.join(programs, name));
	if (npm) {
		await writeFile(path.join(programs, 'npm'), `#!/bin/bash\nset -e\necho "$*" >>"${tree}/npm.calls"\n${npm}\n`);
		await chmod(path.join(programs, 'npm'), 0o755);
	}
	const fetchWith = (env, ...args) => run(path.join(tree, 'scripts/fetch-clients'), args, { env: cleanEnv({ PATH: programs, ...env }) }).then(
		(result) => ({ code: 0, ...result }), ({ code, stdout, stderr }) => ({ code, stdout, stderr }));
	return { tree, programs, share: path.join(tree, 'build/share/socket.io'), fetchWith, fetchClients: (...args) => fetchWith({}, ...args) };
}

async function installPackages(tree) {
	for (const [name] of Object.values(packages))
		await cp(path.join(root, 'node_modules', name), path.join(tree, 'node_modules', name), { recursive: true });
}

// Tarballs as npm pack makes them, and sums that vouch for them.
async function packTarballs(tree) {
	for (const [name, version] of Object.values(packages)) {
		const work = path.join(tree, 'pack');
		const tarball = `socket.io-client-${version}.tgz`;
		await cp(path.join(root, 'node_modules', name), path.join(work, 'package'), { recursive: true });
		await run('tar', ['-C', work, '-czf', path.join(tree, tarball), 'package/dist', 'package/LICENSE']);
		await rm(work, { recursive: true });
	}
	const sums = path.join(tree, 'scripts/clients.sha512');
	const files = (await readFile(sums, 'utf8')).split('\n').filter((line) => !line.endsWith('.tgz')).join('\n');
	const { stdout } = await run('bash', ['-c', 'sha512sum *.tgz'], { cwd: tree });
	await writeFile(sums, stdout + files);
}

// npm pack, of the tarballs in the tree.
const packing = 'spec=${@: -1}; cp "$(dirname "$0")/../${spec/@/-}.tgz" .';

async function assertComplete(share) {
	for (const [client, [name, version]] of Object.entries(packages)) {
		const folder = path.join(share, client);
		assert.equal(await readFile(path.join(folder, 'VERSION'), 'utf8'), `${version}\n`);
		const origin = path.join(root, 'node_modules', name);
		for (const file of await readdir(folder))
			if (file !== 'VERSION')
				assert.deepEqual(await readFile(path.join(folder, file)),
					await readFile(path.join(origin, file === 'LICENSE' ? '' : 'dist', file)), file);
		const files = await readdir(folder);
		for (const file of ['LICENSE', 'socket.io.js', 'socket.io.js.map', client === '4' ? 'socket.io.min.js' : 'socket.io.slim.js'])
			assert.ok(files.includes(file), `${client}/${file}`);
	}
}

const assertSilent = (result) => assert.deepEqual(result, { code: 0, stdout: '', stderr: '' });

async function assertNothingLeft(tree) {
	assert.deepEqual((await readdir(path.join(tree, 'build'))).filter((name) => name !== 'share'), []);
}

test('the packages that npm ci has put here are taken, without npm', async (t) => {
	const { tree, share, fetchClients } = await makeTree(t);
	await installPackages(tree);
	assertSilent(await fetchClients());
	await assertComplete(share);
	await assertNothingLeft(tree);
	assert.equal((await stat(path.join(share, '4'))).mode & 0o777, 0o755);
	assert.equal((await stat(path.join(share, '4/socket.io.js'))).mode & 0o777, 0o644);
});

test('without them npm fetches both, once', async (t) => {
	const { tree, share, fetchClients } = await makeTree(t, { npm: packing });
	await packTarballs(tree);
	assertSilent(await fetchClients());
	await assertComplete(share);
	await assertNothingLeft(tree);
	assertSilent(await fetchClients());
	const calls = (await readFile(path.join(tree, 'npm.calls'), 'utf8')).trimEnd().split('\n');
	assert.deepEqual(calls.map((call) => call.split(' ').at(-1)), ['socket.io-client@4.8.4', 'socket.io-client@2.5.0']);
});

test('what is there already is left alone', async (t) => {
	const { tree, share, fetchClients } = await makeTree(t);
	await installPackages(tree);
	await fetchClients();
	const before = await stat(path.join(share, '4/socket.io.js'));
	await rm(path.join(tree, 'node_modules'), { recursive: true });
	assertSilent(await fetchClients());
	assert.equal((await stat(path.join(share, '4/socket.io.js'))).ino, before.ino);
});

test('a file that was changed or lost is put right', async (t) => {
	const { tree, share, fetchClients } = await makeTree(t);
	await installPackages(tree);
	await fetchClients();
	await appendFile(path.join(share, '4/socket.io.js'), '//');
	await rm(path.join(share, '2/LICENSE'));
	assertSilent(await fetchClients());
	await assertComplete(share);
});

test('another version in node_modules is passed over', async (t) => {
	const { tree, share, fetchClients } = await makeTree(t, { npm: packing });
	await installPackages(tree);
	await packTarballs(tree);
	await appendFile(path.join(tree, 'node_modules/socket.io-client/dist/socket.io.min.js'), '//');
	assertSilent(await fetchClients());
	await assertComplete(share);
});

test('a tarball that is not vouched for is refused, optional or not', async (t) => {
	const { tree, share, fetchClients } = await makeTree(t, { npm: `${packing}; printf x >>"\${spec/@/-}.tgz"` });
	await packTarballs(tree);
	for (const args of [[], ['--optional']]) {
		const { code, stderr } = await fetchClients(...args);
		assert.equal(code, 1);
		assert.match(stderr, /^fetch-clients: socket\.io-client-4\.8\.4\.tgz from npm is not what scripts\/clients\.sha512 vouches for\n$/);
		await assert.rejects(stat(share));
		await assertNothingLeft(tree);
	}
});

test('so are files that are not, in a tarball that is', async (t) => {
	const { tree, share, fetchClients } = await makeTree(t, { npm: packing });
	await packTarballs(tree);
	const sums = path.join(tree, 'scripts/clients.sha512');
	await writeFile(sums, (await readFile(sums, 'utf8')).replace(/^.{8}(.*  4\/socket\.io\.js)$/m, '00000000$1'));
	const { code, stderr } = await fetchClients('--optional');
	assert.equal(code, 1);
	assert.match(stderr, /the files of socket\.io-client@4\.8\.4 are not what/);
	await assert.rejects(stat(share));
});

const absences = [
	['npm', undefined, 'npm is missing: apt-get install npm'],
	['the registry', 'echo "npm ERR! code ENOTFOUND" >&2; exit 1', 'npm cannot fetch socket.io-client@4.8.4 (ENOTFOUND)'],
	['the package', 'echo "npm error code E404" >&2; exit 1', 'npm cannot fetch socket.io-client@4.8.4 (E404)'],
	['a reason', 'exit 1', 'npm cannot fetch socket.io-client@4.8.4 (npm pack failed)'],
];
for (const [what, npm, words] of absences)
	test(`without ${what} it says so in one line, and fails unless it is optional`, async (t) => {
		const { tree, fetchClients } = await makeTree(t, { npm });
		assert.deepEqual(await fetchClients(), { code: 1, stdout: '', stderr: `fetch-clients: ${words}\n` });
		assert.deepEqual(await fetchClients('--optional'),
			{ code: 0, stdout: `fetch-clients: left out the Socket.IO client files: ${words}\n`, stderr: '' });
		await assertNothingLeft(tree);
	});

// Make a limit of the script's shorter than anybody wants to wait for.
async function shorten(tree, limit, value) {
	const script = path.join(tree, 'scripts/fetch-clients');
	const text = await readFile(script, 'utf8');
	const shorter = text.replace(new RegExp(`^${limit}=.*$`, 'm'), `${limit}=${value}`);
	assert.notEqual(shorter, text);
	await writeFile(script, shorter);
}

// npm itself, which knows no registry but the one at PORT.
async function useRealNpm(tree, programs, port) {
	for (const name of ['env', 'node', 'npm'])
		await symlink((await run('bash', ['-c', `command -v ${name}`])).stdout.trim(), path.join(programs, name));
	return {
		npm_config_registry: `http://127.0.0.1:${port}/`, npm_config_noproxy: '127.0.0.1', NO_PROXY: '127.0.0.1',
		npm_config_userconfig: '/dev/null', npm_config_cache: path.join(tree, 'cache'),
	};
}

test('a registry that accepts and says nothing is given up', async (t) => {
	const { tree, programs, fetchWith } = await makeTree(t);
	const sockets = [];
	const registry = net.createServer((socket) => sockets.push(socket.on('error', () => {}))).listen(0, '127.0.0.1');
	await once(registry, 'listening');
	t.after(() => {
		sockets.forEach((socket) => socket.destroy());
		registry.close();
	});
	await shorten(tree, 'answer_limit_ms', 300);
	const env = await useRealNpm(tree, programs, registry.address().port);
	const { code, stdout, stderr } = await fetchWith(env, '--optional');
	assert.match(stdout, /^fetch-clients: left out the Socket\.IO client files: npm cannot fetch socket\.io-client@4\.8\.4 \([A-Z_]+\)\n$/);
	assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
	assert.ok(sockets.length > 0);
	await assertNothingLeft(tree);
});

test('so is an npm that does not end', async (t) => {
	const { tree, fetchClients } = await makeTree(t, { npm: 'exec sleep 1000' });
	await shorten(tree, 'fetch_limit_s', 0.3);
	assert.deepEqual(await fetchClients(),
		{ code: 1, stdout: '', stderr: 'fetch-clients: npm cannot fetch socket.io-client@4.8.4 (not done in 0.3 s)\n' });
	await assertNothingLeft(tree);
});

test('an unknown argument is one line', async (t) => {
	const { fetchClients } = await makeTree(t);
	const { code, stderr } = await fetchClients('--all');
	assert.equal(code, 1);
	assert.match(stderr, /^fetch-clients: unknown argument --all.*\n$/);
	assert.match((await fetchClients('--help')).stdout, /--optional/);
});
