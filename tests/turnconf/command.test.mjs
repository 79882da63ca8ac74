// The command line: exit codes, help, secrets that stay secret.
import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';

import { SECRET, asSets, bareConf, makeFolder, settings, turnconf, turnconfToFull, writeConf } from './coturn.mjs';

describe('usage', () => {
	for (const args of [[], ['frobnicate'], ['check'], ['check', 'a', 'b'], ['check', '--frob', 'a'],
		['explain'], ['secret', 'x'], ['generate', 'x'], ['generate', '--config'],
		['check', '--coturn-version', '4.6', '/dev/null'], ['check', '--coturn-version', '4.6.1x', '/dev/null'],
		['check', '/nowhere/turnserver.conf'], ['explain', '/'],
		['generate', '--set', 'turn.secrt=x'], ['generate', '--config', '/nowhere/signald.conf']]) {
		test(`2 for turnconf ${args.join(' ')}`, async () => {
			const { code, stdout, stderr } = await turnconf(...args);
			assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
			assert.ok(stderr.length > 10);
		});
	}

	for (const [args, words] of [
		[['check'], ['check: FILE is missing', 'turnconf check --help']],
		[['check', 'a', 'b'], ['only one FILE', 'another: b']],
		[['check', '--frob', 'a'], ['check: no such option: --frob']],
		[['check', '--json=yes', 'a'], ['none that takes a value: --json=yes']],
		[['rotate', '--bogus'], ['rotate: no such option: --bogus', 'turnconf rotate --help']],
		[['rotate', '-xy'], ['no such option: -x;']],
		[['secret', 'x'], ['secret: unexpected argument: x']],
		[['generate', '--config'], ['value is missing behind --config']],
	])
		test(`turnconf ${args.join(' ')} is told what is wrong, in a line`, async () => {
			const { stderr } = await turnconf(...args);
			assert.match(stderr, /^turnconf: .*\n$/);
			for (const word of words)
				assert.ok(stderr.includes(word), `${word} in ${stderr}`);
		});

	test('signald\'s configuration in place of coturn\'s is known as that', async (t) => {
		const folder = await makeFolder(t);
		for (const first of ['[listen]', '[turn far]', '# mine\n\n[coturn]']) {
			const file = await writeConf(folder, first, 'port = 80');
			for (const command of ['check', 'explain']) {
				const { code, stdout, stderr } = await turnconf(command, '--coturn-version', '4.6.1', file);
				assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
				assert.match(stderr, /^turnconf: .* looks like signald's configuration, .* turnconf generate --config .*\n$/);
			}
		}
		const other = await writeConf(folder, '[frob]', 'realm=a');
		assert.equal((await turnconf('check', '--coturn-version', '4.6.1', other)).code, 1);
	});

	test('--help and --version on every level', async () => {
		for (const level of [[], ['generate'], ['check'], ['explain'], ['try'], ['secret'], ['secrets'], ['rotate']]) {
			const help = await turnconf(...level, '--help');
			assert.deepEqual({ code: help.code, stderr: help.stderr }, { code: 0, stderr: '' });
			assert.ok(help.stdout.startsWith(`usage: turnconf ${level[0] ?? 'COMMAND'}`));
			assert.ok(help.stdout.split('\n').every((line) => line.length <= 80));
			const version = await turnconf(...level, '--version');
			assert.match(version.stdout, /^turnconf \d+\.\d+\.\d+\n$/);
			assert.equal(version.code, 0);
		}
	});

	test('2 and the reason where the output cannot be written', async (t) => {
		const folder = await makeFolder(t);
		const file = await writeConf(folder, ...bareConf(folder));
		for (const args of [['--help'], ['secret'], ['explain', file], ['check', file], ['check', '--json', file],
			['generate', ...asSets(settings(folder))]]) {
			const { code, stderr } = await turnconfToFull(...args);
			assert.equal(code, 2, args[0]);
			assert.match(stderr, /standard output: No space left on device\n$/);
		}
	});

	test('without an installed coturn it asks for the version', async (t) => {
		const file = await writeConf(await makeFolder(t), 'realm=a');
		const saved = process.env.PATH;
		process.env.PATH = '/nowhere';
		t.after(() => (process.env.PATH = saved));
		const { code, stderr } = await turnconf('check', file);
		assert.equal(code, 2);
		assert.match(stderr, /--coturn-version X\.Y\.Z/);
		assert.equal((await turnconf('check', '--coturn-version', '4.6.1', file)).code, 1);
	});
});

describe('check', () => {
	test('prints file, line, severity, why and what to write', async (t) => {
		const folder = await makeFolder(t);
		const file = await writeConf(folder, ...bareConf(folder), 'denied-peer-ip=10.0.0.0/8');
		const { code, stdout } = await turnconf('check', '--coturn-version', '4.6.1', file);
		assert.equal(code, 1);
		const line = bareConf(folder).length + 1;
		assert.ok(stdout.includes(`${file}:${line}: danger: coturn knows no CIDR`));
		assert.ok(stdout.includes('\n  instead: denied-peer-ip=10.0.0.0-10.255.255.255\n'));
		assert.match(stdout, /for coturn 4\.6\.1: \d+ danger, \d+ warning, \d+ note/);
	});

	test('says what stands in a line first, and each kind of open network once', async (t) => {
		const folder = await makeFolder(t);
		const file = await writeConf(folder, ...bareConf(folder).filter((line) => !line.startsWith('denied-peer-ip')), 'frobnicate=1');
		const { stdout } = await turnconf('check', '--coturn-version', '4.6.1', '--json', file);
		const { findings } = JSON.parse(stdout);
		const lines = findings.map(({ line }) => line ?? Infinity);
		assert.ok(lines.includes(Infinity) && lines[0] < Infinity, `${lines}`);
		assert.deepEqual(lines, lines.toSorted((a, b) => (a === b ? 0 : a - b)));
		for (const { why } of findings.filter(({ rule }) => ['inside-open', 'special-open'].includes(rule))) {
			const kinds = why.replace(/^.*?: /, '').split('; ');
			assert.ok(kinds.length > 3);
			assert.deepEqual(kinds, [...new Set(kinds)]);
			assert.doesNotMatch(why, /\d of \d/);
		}
	});

	test('prints the same as JSON', async (t) => {
		const folder = await makeFolder(t);
		const file = await writeConf(folder, ...bareConf(folder), 'no-udp=maybe');
		const { code, stdout } = await turnconf('check', '--coturn-version', '4.6.1', '--json', file);
		assert.equal(code, 1);
		const report = JSON.parse(stdout);
		assert.equal(report.file, file);
		assert.equal(report.coturnVersion, '4.6.1');
		const finding = report.findings.find(({ rule }) => rule === 'bad-boolean');
		assert.deepEqual({ severity: finding.severity, line: finding.line }, { severity: 'danger', line: bareConf(folder).length + 1 });
		assert.equal(report.findings.find(({ rule }) => rule === 'inside-open').line, null);
		assert.ok(report.advisories.every(({ id, text }) => id && text));
	});

	test('a file that is not UTF-8 makes JSON all the same, and no terminal codes', async (t) => {
		const file = await writeConf(await makeFolder(t));
		await writeFile(file, Buffer.from([0x1b, 0x5b, 0x41, 0xff, 0x0a]));
		JSON.parse((await turnconf('check', '--json', file)).stdout);
		assert.ok(!(await turnconf('check', file)).stdout.includes('\x1b'));
		assert.ok(!(await turnconf('explain', file)).stdout.includes('\x1b'));
	});
});

describe('explain', () => {
	test('says of each line what it does and whether coturn takes it', async (t) => {
		const file = await writeConf(await makeFolder(t), '# a comment', 'no-tcp-relay', 'dtls', 'no-tlsv1', 'frobnicate=1', 'no-udp=no', 'use-auth-secret=false');
		const { code, stdout } = await turnconf('explain', '--coturn-version', '4.6.1', file);
		assert.equal(code, 0);
		assert.match(stdout, / {3}2 {2}no-tcp-relay\n {6}no TCP allocations.*\n {6}taken\n/);
		assert.match(stdout, / {3}3 {2}dtls\n.*\n {6}not in this version yet/);
		assert.match(stdout, /5 {2}frobnicate=\(hidden\)\n {6}not an option of coturn/);
		assert.match(stdout, /no-udp=no\n {6}no UDP listener; set to no, so it does not\n/);
		assert.match(stdout, /use-auth-secret=false\n.*it does so whatever its value says/);
		const newer = await turnconf('explain', '--coturn-version', '4.17.1', file);
		assert.match(newer.stdout, /no-tlsv1\n.*\n {6}not in this version any more/);
	});

	test('agrees with check on what coturn does not take', async (t) => {
		const file = await writeConf(await makeFolder(t), 'denied-peer-ip=10.0.0.0/8', 'allowed-peer-ip=9.9.9.0/24', 'denied-peer-ip=10.0.0.0-10.255.255.255',
			'min-port=x', 'external-ip=name.example', 'no-auth', 'no-udp=maybe', 'frobnicate=1');
		const { stdout } = await turnconf('explain', '--coturn-version', '4.6.1', file);
		assert.match(stdout, /denied-peer-ip=10\.0\.0\.0\/8\n.*\n {6}not taken as it stands\n {6}danger: coturn knows no CIDR: it logs an error, ignores 10\.0\.0\.0\/8 .* \[deny-cidr\]\n/);
		assert.match(stdout, /allowed-peer-ip=9\.9\.9\.0\/24\n.*\n {6}not taken as it stands\n {6}warning: coturn knows no CIDR/);
		assert.match(stdout, /denied-peer-ip=10\.0\.0\.0-10\.255\.255\.255\n.*\n {6}taken\n {3,4}\d/);
		assert.match(stdout, /min-port=x\n.*\n {6}not taken as it stands\n/);
		assert.match(stdout, /external-ip=name\.example\n.*\n {6}not taken as it stands\n/);
		assert.match(stdout, /no-auth\n.*\n {6}taken\n {6}danger: no-auth lets anyone relay/);
		assert.match(stdout, /no-udp=maybe\n.*\n {6}not taken as it stands\n/);
		assert.equal(stdout.match(/frobnicate/g).length, 1);
		assert.match((await turnconf('explain', '--coturn-version', '4.17.1', file)).stdout, /not taken as it stands\n {6}danger: .*ends at its start over 10\.0\.0\.0\/8/);
	});
});

test('no command shows a secret of the file', async (t) => {
	const folder = await makeFolder(t);
	const hidden = ['static-auth-secret=S3cretOne', 'user=a:S3cretTwo', 'cli-password=S3cretThree',
		'pkey-pwd=S3cretFour', 'redis-statsdb=password=S3cretFive', 'psql-userdb=password=S3cretSix',
		'static_auth_secret=S3cretSeven', 'static-auth-secret S3cretEight # x', 'static-auth-secret:S3cretNine',
		'--static-auth-secret,S3cretTen', 'use-auth-secret=S3cretEleven', 'lt-cred-mech=yesS3cretTwelve',
		`static-auth-secret=${'x'.repeat(1004)}S3cretThirteen=S3cretThirteen`];
	const file = await writeConf(folder, ...hidden);
	await chmod(file, 0o644);
	for (const args of [['check'], ['check', '--json'], ['explain']]) {
		const { stdout, stderr } = await turnconf(...args, file);
		assert.ok(stdout.length > 100);
		assert.doesNotMatch(stdout + stderr, /S3cret/);
	}
	const refused = await turnconf('generate', ...asSets(settings(folder, { 'turn.tls': 'yes' })));
	assert.ok(!(refused.stdout + refused.stderr).includes(SECRET));
});

test('secret is new each time, long, and of safe characters', async () => {
	const seen = new Set();
	for (let i = 0; i < 20; i++) {
		const { code, stdout } = await turnconf('secret');
		assert.equal(code, 0);
		assert.match(stdout, /^[A-Za-z0-9_][A-Za-z0-9_-]{42}\n$/);
		seen.add(stdout);
	}
	assert.equal(seen.size, 20);
});

test('the configuration file, the environment and --set are read as signald reads them', async (t) => {
	const folder = await makeFolder(t);
	const config = `${folder}/signald.conf`;
	await writeFile(config, `[turn]\nhost = turn.example.org\nsecret = ${SECRET}\nport = 3999\n[coturn]\nlistening_ip = 8.8.4.10\n`, { mode: 0o600 });
	const { stdout } = await turnconf('generate', '--config', config, '--set', 'coturn.min_port=51234');
	assert.match(stdout, /^listening-port=3999$/m);
	assert.match(stdout, /^min-port=51234$/m);
	const broken = await turnconf('generate', '--config', config, '--set', 'coturn.min_port=x');
	assert.equal(broken.code, 2);
	assert.match(broken.stderr, /coturn\.min_port/);
});

test('the manual has every rule, with its severity', async () => {
	const read = (path) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
	const manual = await read('docs/turnconf.md');
	const rules = [...(await read('turnconf/rule.c')).matchAll(/^\t(?:LINE|FILE)_?\w*\("([a-z0-9-]+)", ([A-Z]+),/gm)];
	assert.ok(rules.length > 70);
	for (const [, id, severity] of rules)
		assert.ok(manual.includes(`| \`${id}\` | ${severity.toLowerCase()} |`), id);
});
