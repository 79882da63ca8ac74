// The secret is replaced while calls begin and go on: none of them notices.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, chmod, mkdir, readFile, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';

import { startDaemon, until } from '../lib/daemon.mjs';
import { atEnd } from '../lib/ending.mjs';
import { PUBLIC4, asSets, makeFolder, program, settings, startCoturn, turnconf } from './coturn.mjs';
import { mintCredential } from './turn-client.mjs';

const REALM = 'turn.example.org';
const FIRST = 'first-k7Wq2mZx-9_bTgRv4LpYcJ1nHd8s';
const OTHER = 'other-rQ7wL0sV_3kPz-8dXyTnZm5cA1b2';
const TTL_S = 10;
// What rotate waits beyond the longest life of a credential.
const SLACK_S = 5;
const CALLERS = 24;

const userdb = (folder) => path.join(folder, 'turndb');
const secretFile = (folder) => path.join(folder, 'secret');

// signald's and turnconf's configuration with the secrets in a file.
async function makeSecrets(t, ...secrets) {
	const folder = await makeFolder(t);
	await writeFile(secretFile(folder), secrets.map((secret) => `${secret}\n`).join(''), { mode: 0o600 });
	return folder;
}

const values = (folder, more = {}) => settings(folder, {
	'turn.secret': undefined, 'turn.secret_file': secretFile(folder), 'turn.max_ttl_s': TTL_S,
	'turn.ttl_s': TTL_S, 'turn.min_ttl_s': TTL_S, ...more,
});

const readSecrets = async (folder) => (await readFile(secretFile(folder), 'utf8')).trimEnd().split('\n');

async function run(command, folder, ...args) {
	const result = await turnconf(command, ...asSets(values(folder)), ...args);
	return result;
}

// What turnadmin drops at every run goes with it.
async function turnadmin(folder, realm, ...args) {
	const running = promisify(execFile)('turnadmin', ['-b', userdb(folder), '-r', realm, ...args], { cwd: folder });
	const result = await running;
	for (const name of await logs())
		if (name.startsWith(`turn_${running.child.pid}_`))
			await rm(path.join('/var/log', name));
	return result;
}

async function listed(folder, realm = REALM) {
	const { stdout } = await turnadmin(folder, realm, '-S');
	return stdout.split('\n').filter((line) => line.endsWith(`[${realm}]`)).map((line) => line.slice(0, -realm.length - 2)).sort();
}

const add = (folder, secret, realm = REALM) => turnadmin(folder, realm, '-s', secret);

const logs = async () => (await readdir('/var/log').catch(() => [])).filter((name) => /^turn_\d+_/.test(name));

async function generate(folder, more) {
	const file = path.join(folder, 'turnserver.conf');
	const { code, stderr } = await turnconf('generate', '--output', file, ...asSets(values(folder, more)));
	assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
	return file;
}

describe('turnconf secrets', () => {
	test('makes coturn\'s database hold those of the file, and no other of the realm', async (t) => {
		const folder = await makeSecrets(t, FIRST, OTHER);
		const before = await logs();
		assert.deepEqual(await run('secrets', folder), { code: 0, stdout: '', stderr: '' });
		assert.deepEqual(await logs(), before, 'and leaves no log');
		assert.deepEqual(await listed(folder), [FIRST, OTHER].sort());
		await add(folder, 'somebody-elses-secret');
		await add(folder, 'of-another-realm-secret', 'another');
		await writeFile(secretFile(folder), `\n${OTHER}\r\n\n`);
		assert.equal((await run('secrets', folder)).code, 0);
		assert.deepEqual(await listed(folder), [OTHER]);
		assert.deepEqual(await listed(folder, 'another'), ['of-another-realm-secret']);
		assert.equal((await stat(userdb(folder))).mode & 0o007, 0, 'nobody else may read them');
	});

	test('makes it hold none where the secret stands in the configuration', async (t) => {
		const folder = await makeSecrets(t, FIRST);
		assert.equal((await run('secrets', folder)).code, 0);
		const inline = asSets(settings(folder, { 'turn.secret': FIRST }));
		assert.deepEqual(await turnconf('secrets', ...inline), { code: 0, stdout: '', stderr: '' });
		assert.deepEqual(await listed(folder), []);
		await rm(userdb(folder));
		assert.equal((await turnconf('secrets', ...inline)).code, 0);
		assert.deepEqual(await listed(folder), [], 'it is there, and empty');
	});

	test('heals a database without tables, in which a coturn that starts would look in vain', async (t) => {
		const folder = await makeSecrets(t, FIRST);
		await writeFile(userdb(folder), '');
		await chown(userdb(folder), 1, 1).catch(() => {}); // where this user may
		const { uid } = await stat(userdb(folder));
		assert.deepEqual(await run('secrets', folder), { code: 0, stdout: '', stderr: '' });
		assert.deepEqual(await listed(folder), [FIRST]);
		assert.equal((await stat(userdb(folder))).uid, uid, 'it is whose it was');
	});

	test('says so where they cannot be written, and shows none', async (t) => {
		const folder = await makeSecrets(t, FIRST);
		const { code, stderr } = await run('secrets', folder, '--set', `coturn.userdb=${folder}/none/turndb`);
		assert.equal(code, 1);
		assert.match(stderr, /userdb .*none\/turndb: cannot be made: is its folder there, and may this user write in it\?\n$/);
		assert.ok(!stderr.includes(FIRST));
		const saved = process.env.PATH;
		process.env.PATH = '/nowhere';
		t.after(() => (process.env.PATH = saved));
		const missing = await run('secrets', folder);
		assert.equal(missing.code, 1);
		assert.match(missing.stderr, /turnadmin cannot be run; it comes with coturn/);
		process.env.PATH = saved;
		await writeFile(userdb(folder), 'this is no database, whatever its name says '.repeat(50));
		const none = await run('secrets', folder);
		assert.equal(none.code, 1);
		assert.match(none.stderr, /turndb: file is not a database/);
	});
});

describe('generate', () => {
	test('writes no secret that is in a file, and all that stand in the configuration', async (t) => {
		const folder = await makeSecrets(t, FIRST, OTHER);
		const file = await generate(folder);
		const text = await readFile(file, 'utf8');
		assert.match(text, /^use-auth-secret$/m);
		assert.doesNotMatch(text, /static-auth-secret|first-|other-/);
		const checked = await turnconf('check', '--json', file);
		assert.deepEqual(JSON.parse(checked.stdout).findings, []);
		const inline = await turnconf('generate', ...asSets(settings(folder, { 'turn.secret': `${FIRST},${OTHER}` })));
		assert.deepEqual(inline.stdout.match(/^static-auth-secret=.*$/gm), [`static-auth-secret=${FIRST}`, `static-auth-secret=${OTHER}`]);
	});
});

async function startBoth(t, folder) {
	const file = await generate(folder, { 'rooms.max_watchers_per_broadcaster': 200 });
	assert.equal((await run('secrets', folder)).code, 0);
	const coturn = await startCoturn(t, file);
	const daemon = await startDaemon(t, {
		sets: {
			'turn.host': PUBLIC4, 'turn.realm': REALM, 'turn.secret_file': secretFile(folder), 'turn.max_ttl_s': TTL_S,
			'turn.ttl_s': TTL_S, 'turn.min_ttl_s': TTL_S, 'state.dir': await makeFolder(t),
		},
	});
	await until('coturn has been proved', async () => await getCredential(daemon));
	return { coturn, daemon };
}

async function getCredential(daemon) {
	const { iceServers } = await (await fetch(`${daemon.url}/v1/ice`)).json();
	return iceServers.find((server) => server.username);
}

// The code of coturn's answer to an allocation, which is given back.
async function tryCredential(coturn, credential) {
	const client = await coturn.client(credential);
	try {
		const { code } = await client.allocate();
		if (code === 200)
			await client.refresh(0);
		return code;
	} finally {
		client.close();
	}
}

// Calls without end: a fresh credential, an allocation, refreshes, and again. The
// credential is used as late as a client would that got it just before a change.
async function call({ coturn, daemon }, index, tally) {
	for (let round = index; !tally.isOver; round++) {
		const credential = await getCredential(daemon);
		const began = Date.now();
		while (!tally.isOver && Date.now() - began < (round % 4) * (TTL_S - 1) * 250)
			await new Promise((resolve) => setTimeout(resolve, 50));
		const client = await coturn.client(credential);
		const codes = [(await client.allocate()).code];
		for (let i = 0; i < 5 && codes.at(-1) === 200; i++)
			codes.push((await client.refresh(600)).code);
		await client.refresh(0);
		client.close();
		tally.allocations++;
		tally.refreshes += codes.length - 1;
		if (codes.some((code) => code !== 200))
			tally.failed.push({ codes, username: credential.username, atMs: Date.now() });
	}
}

test('rotate: nobody notices, and the old secret is void at its end', async (t) => {
	const folder = await makeSecrets(t, FIRST);
	const both = await startBoth(t, folder);
	const user = (await getCredential(both.daemon)).username.split(':')[1];
	const kept = await both.coturn.client(await getCredential(both.daemon));
	atEnd(t, () => kept.close());
	assert.equal((await kept.allocate()).code, 200);
	const tally = { allocations: 0, refreshes: 0, failed: [], isOver: false };
	const callers = Array.from({ length: CALLERS }, (_, index) => call(both, index, tally));
	await until('calls', () => tally.allocations > CALLERS);

	const began = Date.now();
	const child = spawn(program, ['rotate', ...asSets(values(folder))], { stdio: ['ignore', 'pipe', 'pipe'] });
	const ended = once(child, 'close');
	let said = '';
	for (const stream of [child.stdout, child.stderr])
		stream.setEncoding('utf8').on('data', (text) => (said += text));
	await both.daemon.waitLog(/info secret\.renewed/);
	const during = await readSecrets(folder);
	assert.equal(during.length, 2);
	assert.equal(during[1], FIRST);
	assert.deepEqual(await listed(folder), [...during].sort());
	for (const secret of during)
		assert.equal(await tryCredential(both.coturn, mintCredential(secret)), 200);
	// Who writes its database keeps coturn from reading it, if it has no log.
	let writes = 0;
	const writing = (async () => {
		for (; child.exitCode === null; writes++)
			assert.equal((await run('secrets', folder)).stderr, '');
	})();
	const [code] = await ended;
	await writing;
	const tookMs = Date.now() - began;
	const before = tally.allocations;
	await until('calls go on', () => tally.allocations > before + CALLERS);
	tally.isOver = true;
	await Promise.all(callers);

	t.diagnostic(`${CALLERS} callers, ${tally.allocations} allocations and ${tally.refreshes} refreshes, ${tally.failed.length} failed; ${writes + 2} writes of the database; rotated in ${tookMs} ms`);
	assert.equal(code, 0, said);
	assert.match(said, /^A fresh secret signs from now on\.\nThe old secret goes in 1[45] s, /);
	assert.match(said, /The old secret is void\.\n$/);
	assert.ok(!said.includes(during[0]) && !said.includes(FIRST));
	assert.ok(tookMs > TTL_S * 1000 && tookMs < (TTL_S + SLACK_S + 3) * 1000, `${tookMs} ms`);
	assert.deepEqual(tally.failed, []);
	assert.deepEqual(await readSecrets(folder), [during[0]]);
	assert.deepEqual(await listed(folder), [during[0]]);
	assert.equal(await tryCredential(both.coturn, mintCredential(FIRST)), 401);
	assert.equal(await tryCredential(both.coturn, mintCredential(during[0])), 200);
	assert.equal((await kept.refresh(600)).code, 200, 'what began with the old one goes on');
	assert.equal((await getCredential(both.daemon)).username.split(':')[1], user, 'quotas and kicks count on');
});

test('an interrupted rotation goes on where it was', async (t) => {
	const folder = await makeSecrets(t, FIRST);
	const child = spawn(program, ['rotate', ...asSets(values(folder))], { stdio: ['ignore', 'pipe', 'ignore'] });
	await once(child.stdout.setEncoding('utf8'), 'data');
	await until('it waits', async () => (await readSecrets(folder)).length === 2);
	child.kill('SIGKILL');
	await once(child, 'close');
	const [fresh] = await readSecrets(folder);
	// Cut short between its two files.
	await turnadmin(folder, REALM, '-X', fresh);
	// Nothing of the old one is good any more by now.
	const pastS = Date.now() / 1000 - TTL_S - SLACK_S - 1;
	await utimes(secretFile(folder), pastS, pastS);
	const { code, stdout } = await run('rotate', folder);
	assert.equal(code, 0);
	assert.equal(stdout, 'Going on: there is an old secret yet.\nThe old secret is void.\n');
	assert.deepEqual(await readSecrets(folder), [fresh]);
	assert.deepEqual(await listed(folder), [fresh]);
});

test('--now-remove does not wait', async (t) => {
	const folder = await makeSecrets(t, FIRST);
	await chmod(secretFile(folder), 0o640);
	const both = await startBoth(t, folder);
	const old = await getCredential(both.daemon);
	assert.equal(await tryCredential(both.coturn, old), 200);
	const began = Date.now();
	const { code } = await run('rotate', folder, '--now-remove');
	assert.equal(code, 0);
	assert.ok(Date.now() - began < 5000);
	assert.equal(await tryCredential(both.coturn, old), 401);
	await both.daemon.waitLog(/secret\.renewed/);
	assert.equal(await tryCredential(both.coturn, await getCredential(both.daemon)), 200);
	const [fresh, ...rest] = await readSecrets(folder);
	assert.deepEqual([rest, await listed(folder)], [[], [fresh]]);
	assert.notEqual(fresh, FIRST);
	assert.equal((await stat(secretFile(folder))).mode & 0o777, 0o640, 'the file is whose it was');
});

test('--now-remove lets none stay that signed before, also where a rotation is under way', async (t) => {
	const folder = await makeSecrets(t, `${FIRST}\n${OTHER}`);
	const { code, stdout } = await run('rotate', folder, '--now-remove');
	assert.equal(code, 0);
	assert.equal(stdout, 'A fresh secret signs from now on.\nThe old secret is void.\n');
	const [fresh, ...rest] = await readSecrets(folder);
	assert.ok(![FIRST, OTHER].includes(fresh));
	assert.deepEqual([rest, await listed(folder)], [[], [fresh]]);
});

test('a secret that another host has too is not rotated', async (t) => {
	const folder = await makeSecrets(t, FIRST);
	const shared = await run('rotate', folder, '--set', 'turn fra.host=fra.example.org');
	assert.equal(shared.code, 1);
	assert.match(shared.stderr, /\[turn fra\] has the same secret/);
	assert.deepEqual(await readSecrets(folder), [FIRST]);
	const apart = await run('rotate', folder, '--now-remove', '--set', 'turn fra.host=fra.example.org', '--set', `turn fra.secret=${OTHER}`);
	assert.equal(apart.code, 0, apart.stderr);
});

test('a secret in the configuration itself is not rotated, and the reason said', async (t) => {
	const folder = await makeFolder(t);
	const { code, stderr } = await turnconf('rotate', ...asSets(settings(folder, { 'turn.secret': FIRST })));
	assert.equal(code, 1);
	assert.match(stderr, /turn\.secret stands in the configuration itself.*turn\.secret_file/);
	assert.ok(!stderr.includes(FIRST));
	await assert.rejects(stat(userdb(folder)), { code: 'ENOENT' });
});

test('a file that signald cannot read leaves the secret as it was', async (t) => {
	const folder = await makeSecrets(t, FIRST);
	const both = await startBoth(t, folder);
	for (const text of ['short\n', '', `${FIRST},\n`, '\n\n']) {
		const refusals = both.daemon.log.match(/secret\.refused/g)?.length ?? 0;
		await writeFile(secretFile(folder), text);
		await until('it is refused', () => (both.daemon.log.match(/error secret\.refused/g)?.length ?? 0) > refusals);
		assert.equal(await tryCredential(both.coturn, await getCredential(both.daemon)), 200);
	}
	await rm(secretFile(folder));
	await mkdir(path.join(folder, 'elsewhere'));
	await writeFile(secretFile(folder), `${OTHER}\n${FIRST}\n`);
	await both.daemon.waitLog(/secret\.renewed file=/);
	assert.equal(await tryCredential(both.coturn, await getCredential(both.daemon)), 401, 'signed by one that coturn does not know');
	assert.equal((await run('secrets', folder)).code, 0);
	assert.equal(await tryCredential(both.coturn, await getCredential(both.daemon)), 200);
});
