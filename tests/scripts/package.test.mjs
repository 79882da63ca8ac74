// What is installed beside the programs: configuration, manual pages, completion.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test } from 'node:test';
import { cleanEnv, makeFolder, root } from '../lib/daemon.mjs';

const BIN = path.join(root, 'build');
const env = { ...cleanEnv(), PATH: `${BIN}:${process.env.PATH}` };
const run = (name, ...args) => spawnSync(name, args, { env, encoding: 'utf8' });
const read = (name) => readFile(path.join(root, name), 'utf8');

// A manual page as it is read: without troff's ways to write - and \, and without fonts.
const plain = (page) => page.replace(/\\-/g, '-').replace(/\\f[BIR]|\\[&e]/g, '');

describe('/etc/signald/signald.conf', () => {
	// The same, for a folder in which all that it names is there.
	async function makeConfig(t, change = (text) => text) {
		const folder = await makeFolder(t);
		const file = path.join(folder, 'signald.conf');
		for (const name of ['secrets', 'state', 'web', 'socket.io', 'db'])
			await mkdir(path.join(folder, name));
		for (const name of ['turn-secret', 'turn-cli-password'])
			await writeFile(path.join(folder, 'secrets', name), 'test-secret-0123456789abcdef\n', { mode: 0o600 });
		const text = (await read('scripts/deb/signald.conf'))
			.replaceAll('/etc/signald/secrets', path.join(folder, 'secrets'))
			.replaceAll('/usr/share/signald', folder)
			.replaceAll('/var/lib/signald-coturn', path.join(folder, 'db'))
			.replaceAll('/var/lib/signald', path.join(folder, 'state'));
		await writeFile(file, change(text));
		return file;
	}

	test('is good as it comes', async (t) => {
		const { status, stderr } = run('signald', '--config', await makeConfig(t), '--check-config');
		assert.equal(status, 0, stderr);
	});

	// By hand it is the same file (docs/systemd.md). Behind a proxy "auto" would let everybody in.
	test('lets guests in, and no others', async (t) => {
		assert.match(await read('docs/systemd.md'), / scripts\/deb\/signald\.conf >\/etc\/signald\/signald\.conf$/m);
		const { stdout } = run('signald', '--config', await makeConfig(t), '--print-config');
		assert.match(stdout, /^\[access\]\n(?:(?!\[).*\n)*mode = guest$/m);
	});

	test('is good for coturn with turn.host and turn.cli', async (t) => {
		const file = await makeConfig(t, (text) => text.replace('#host = turn.example.org', 'host = 203.0.113.7').replace('#cli =', 'cli ='));
		const { status, stdout, stderr } = run('turnconf', 'generate', '--config', file, '--coturn-version', '4.6.1', '--set', 'coturn.relay_ip=8.8.4.10');
		assert.equal(status, 0, stderr);
		assert.match(stdout, /^cli-port=5766$/m);
		assert.match(stdout, /^userdb=.*\/db\/turndb$/m);
	});
});

describe('the manual pages name', () => {
	test('every option and command of signald', async () => {
		const page = plain(await read('docs/man/signald.8'));
		const help = run('signald', '--help').stdout.split('\n[listen]')[0];
		for (const [option] of help.matchAll(/--[a-z-]+/g))
			assert.ok(page.includes(option), option);
		const ctl = run('signald', 'ctl', '--help').stdout;
		const commands = [...ctl.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name]) => name);
		assert.ok(commands.length > 10, ctl);
		for (const name of commands)
			assert.match(page, new RegExp(`\\b${name}\\b`));
	});

	test('every command of turnconf, and every option of theirs', async () => {
		const page = plain(await read('docs/man/turnconf.1'));
		const commands = [...run('turnconf', '--help').stdout.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name);
		assert.ok(commands.length >= 8, String(commands));
		for (const command of commands) {
			assert.match(page, new RegExp(`\\b${command}\\b`));
			for (const [option] of run('turnconf', command, '--help').stdout.matchAll(/--[a-z-]+/g))
				assert.ok(page.includes(option), `${option} of ${command}`);
		}
	});
});

describe('the completion offers', () => {
	// What bash-completion does for its users, as far as ours uses it.
	const RIG = `
		_init_completion() { cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} words=("\${COMP_WORDS[@]}") cword=$COMP_CWORD; }
		_filedir() { COMPREPLY=(a-file); }
		compopt() { :; }
		. "$0"
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		"_$1"
		printf '%s\\n' "\${COMPREPLY[@]}"`;
	const offer = (...words) => {
		const { stdout, stderr } = run('bash', '-uc', RIG, path.join(root, 'scripts/completion/signald'), ...words);
		assert.equal(stderr, '');
		return stdout.trim().split('\n');
	};
	for (const [words, expected] of [
		[['signald', '--ch'], ['--check-config']],
		[['signald', 'k'], ['key']],
		[['signald', 'ctl', 'wi'], ['withdraw']],
		[['signald', 'ctl', '--j'], ['--json']],
		[['signald', '--config', ''], ['a-file']],
		[['signald', '--set', 'turn.min_'], ['turn.min_ttl_s=']],
		[['signald', '--set', 'turn.redis_p'], ['turn.redis_password=']],
		[['signald', '--print-rules', 'cod'], ['codelab']],
		[['turnconf', 'gen'], ['generate']],
		[['turnconf', 'generate', '--tun'], ['--tunnel']],
		[['turnconf', 'check', ''], ['a-file']],
	])
		test(`${expected} for ${words.join(' ')}`, () => assert.deepEqual(offer(...words), expected));
});
