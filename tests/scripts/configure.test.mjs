// What setup of the compose file makes of .env and of its volumes: the script itself,
// with folders of a test in the place of the container's.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test } from 'node:test';
import { cleanEnv, makeFolder, program, root } from '../lib/daemon.mjs';

const PATHS = {
	'/usr/local/lib/signald': 'lib',
	'/var/lib/signald-config': 'config',
	'/etc/signald-coturn': 'coturn',
	'/etc/signald-redis': 'redis',
	'/usr/local/bin/turnconf': 'bin/turnconf',
	'/acme': 'acme',
};
const NAME = 'turn.example.org';

// A machine that has one address, and knows what NAME is.
async function makeMachine(t, { address = '198.51.100.10', known = address } = {}) {
	const dir = await makeFolder(t);
	const at = (...names) => path.join(dir, ...names);
	for (const name of ['lib', 'config', 'coturn', 'redis', 'acme', 'bin'])
		await mkdir(at(name));
	let script = await readFile(path.join(root, 'docker/signald/configure'), 'utf8');
	for (const [own, name] of Object.entries(PATHS))
		script = script.replaceAll(new RegExp(`(?<=[ ="])${own}\\b`, 'g'), at(name));
	// Nor is its user here.
	script = script.replace(/^(\t\tuser =) signald$/m, '$1');
	await writeFile(at('configure'), script);
	await chmod(at('configure'), 0o755);
	const net = await readFile(path.join(root, 'scripts/lib/net.sh'), 'utf8');
	await writeFile(at('lib/net.sh'), `${net}
own_addresses() { echo ${address}; }
addresses_of() { [[ $1 != ${NAME} ]] || cat ${at('known')}; }
`);
	const learn = (...addresses) => writeFile(at('known'), addresses.map((word) => `${word}\n`).join(''));
	await learn(...known.split(' ').filter((word) => word));
	for (const name of ['coturn-start', 'coturn-healthy', 'acme-run'])
		await writeFile(at('lib', name), name);
	await cp(path.join(path.dirname(program), 'turnconf'), at('bin/turnconf'));
	const env = cleanEnv({ COTURN_VERSION: '4.17.0', PATH: `${at('bin')}:${path.dirname(program)}:${process.env.PATH}` });
	const configure = (settings) => {
		const { status, stdout, stderr } = spawnSync(at('configure'), { encoding: 'utf8', env: { ...env, ...settings } });
		return { status, said: stdout + stderr };
	};
	const read = (...names) => readFile(at(...names), 'utf8');
	return { at, configure, learn, read };
}

async function assertInStep({ read }) {
	const secret = (await read('config/turn-secret')).trim();
	assert.ok((await read('coturn/turnserver.conf')).split('\n').includes(`static-auth-secret=${secret}`));
	const password = (await read('config/redis-password')).trim();
	assert.ok((await read('redis/redis.conf')).split('\n').includes(`requirepass ${password}`));
}

const SETTINGS = { SIGNALD_TURN_HOST: '198.51.100.10', SIGNALD_COTURN_PROFILE: 'development' };

describe('what is written', () => {
	test('has coturn\'s metrics where nobody else sees them', async (t) => {
		for (const [version, address] of [['4.17.0', '127.0.0.1'], ['4.6.3', '127.0.0.1'], ['4.6.2', undefined]]) {
			const machine = await makeMachine(t);
			const { status, said } = machine.configure({ ...SETTINGS, COTURN_VERSION: version });
			assert.equal(status, 0, said);
			const [, found] = (await machine.read('coturn/turnserver.conf')).match(/^prometheus-address=(.*)$/m) ?? [];
			assert.equal(found, address);
		}
	});

	test('stays where all is as before', async (t) => {
		const machine = await makeMachine(t);
		const { status, said } = machine.configure(SETTINGS);
		assert.equal(status, 0, said);
		await assertInStep(machine);
		const before = await stat(machine.at('coturn/turnserver.conf'));
		assert.equal(machine.configure(SETTINGS).status, 0);
		assert.equal((await stat(machine.at('coturn/turnserver.conf'))).ino, before.ino);
	});

	test('is made again when the secrets are a backup’s', async (t) => {
		const old = await makeMachine(t);
		assert.equal(old.configure(SETTINGS).status, 0);
		await cp(old.at('config'), old.at('backup'), { recursive: true });
		// The new machine's setup has made secrets of its own.
		await rm(old.at('config'), { recursive: true });
		await mkdir(old.at('config'));
		assert.equal(old.configure(SETTINGS).status, 0);
		await assertInStep(old);
		await cp(old.at('backup'), old.at('config'), { recursive: true });
		const { status, said } = old.configure(SETTINGS);
		assert.equal(status, 0, said);
		assert.equal(await old.read('config/turn-secret'), await old.read('backup/turn-secret'));
		await assertInStep(old);
	});

	test('is made again when it is lost', async (t) => {
		const machine = await makeMachine(t);
		for (const lost of ['coturn/turnserver.conf', 'redis/redis.conf', 'acme/run']) {
			assert.equal(machine.configure(SETTINGS).status, 0);
			await rm(machine.at(lost));
			assert.equal(machine.configure(SETTINGS).status, 0);
			await stat(machine.at(lost));
		}
	});
});

describe('behind a NAT', () => {
	test('a name without an address is told, though nothing can be written', async (t) => {
		const machine = await makeMachine(t, { address: '10.0.0.5', known: '' });
		const { status, said } = machine.configure({ SIGNALD_DOMAIN: NAME });
		assert.equal(status, 1);
		assert.match(said, /^setup: turn\.example\.org has no IPv4 address yet: make its DNS record, then docker compose up -d again\./m);
		assert.match(said, /^setup: 10\.0\.0\.5 is a private address: .*SIGNALD_COTURN_EXTERNAL_IP=PUBLIC\/10\.0\.0\.5$/m);
		assert.match(said, /^setup: FAILED: .*SIGNALD_COTURN_EXTERNAL_IP$/m);
		assert.ok(said.indexOf('no IPv4') < said.indexOf('FAILED'));
	});

	test('a name with the public address is enough', async (t) => {
		const machine = await makeMachine(t, { address: '10.0.0.5', known: '8.8.8.8' });
		const { status, said } = machine.configure({ SIGNALD_DOMAIN: NAME });
		assert.equal(status, 0, said);
		assert.match(await machine.read('coturn/turnserver.conf'), /^external-ip=8\.8\.8\.8\/10\.0\.0\.5$/m);
		assert.match(await machine.read('coturn/turnserver-tunnel.conf'), /The second coturn/);
		assert.equal(said.match(/the NAT before it/g).length, 1);
	});

	test('it stays told what is known, while a lookup fails', async (t) => {
		const machine = await makeMachine(t, { address: '10.0.0.5', known: '8.8.8.8' });
		const settings = { SIGNALD_DOMAIN: NAME };
		assert.equal(machine.configure(settings).status, 0);
		const before = await stat(machine.at('coturn/turnserver.conf'));
		await machine.learn();
		const { status, said } = machine.configure(settings);
		assert.equal(status, 0, said);
		assert.match(said, /no IPv4 address yet: .* Taken for 8\.8\.8\.8 until then/);
		assert.equal((await stat(machine.at('coturn/turnserver.conf'))).ino, before.ino);
		await machine.learn('8.8.4.4');
		assert.equal(machine.configure(settings).status, 0);
		assert.match(await machine.read('coturn/turnserver.conf'), /^external-ip=8\.8\.4\.4\/10\.0\.0\.5$/m);
		// Of another host nothing is known.
		await machine.learn();
		assert.match(machine.configure({ SIGNALD_DOMAIN: 'other.example.org' }).said, /Taken for 10\.0\.0\.5 until then/);
	});

	test('of several addresses it is told one, in whatever order they come', async (t) => {
		const machine = await makeMachine(t, { address: '10.0.0.5', known: '8.8.8.8 8.8.4.4' });
		const settings = { SIGNALD_DOMAIN: NAME };
		assert.equal(machine.configure(settings).status, 0);
		const before = await stat(machine.at('coturn/turnserver.conf'));
		await machine.learn('8.8.4.4', '8.8.8.8');
		assert.equal(machine.configure(settings).status, 0);
		assert.equal((await stat(machine.at('coturn/turnserver.conf'))).ino, before.ino);
	});
});
