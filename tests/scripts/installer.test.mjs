// scripts/install without a machine to change: its words, and how it edits
// signald.conf. The rest is for tests/install/run.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test } from 'node:test';
import { cleanEnv, makeFolder, root } from '../lib/daemon.mjs';

const install = (...args) => spawnSync(path.join(root, 'scripts/install'), args, { encoding: 'utf8', env: cleanEnv() });

test('--help names every option', async () => {
	const { status, stdout } = install('--help');
	assert.equal(status, 0);
	const script = await readFile(path.join(root, 'scripts/install'), 'utf8');
	const options = script.split('while (($#))')[1].split('done')[0].match(/--[a-z-]+/g);
	assert.ok(options.length > 8);
	for (const option of options)
		assert.ok(stdout.includes(option), option);
});

describe('wrong usage ends with 64 and the reason:', () => {
	for (const [args, pattern] of [
		[['--domain'], /--domain needs a value/],
		[['--domain', '--email', 'a@b'], /--domain needs a value/],
		[['--domain', '192.0.2.1'], /"192\.0\.2\.1" is no domain name/],
		[['--domain', 'example'], /"example" is no domain name/],
		[['--domain', 'https://a.example/'], /is no domain name/],
		[['--email', 'nobody'], /"nobody" is no e-mail address/],
		[['--address', 'a.example'], /"a\.example" is no IPv4 address/],
		[['--address', '999.1.1.1'], /"999\.1\.1\.1" is no IPv4 address/],
		[['--stun', 'a.example:many'], /"a\.example:many" is no HOST\[:PORT\]/],
		[['--stun', 'stun://a.example'], /is no HOST\[:PORT\]/],
		[['--acme-server', 'http://a.example/'], /https:\/\/ URL/],
		[['--package', '/nowhere.deb'], /no package \/nowhere\.deb/],
		[['--now'], /unknown argument --now/],
	])
		test(args.join(' '), () => {
			const { status, stderr } = install(...args);
			assert.equal(status, 64, stderr);
			assert.match(stderr, pattern);
			assert.equal(stderr.split('\n').length, 2);
		});
});

// The library of scripts/install, which fails with its words.
const RIG = 'me=rig; . scripts/lib/common.sh; . scripts/lib/net.sh; . scripts/lib/address.sh; . scripts/lib/install.sh; dir=$0;';
function shell(dir, script) {
	const { status, stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', RIG + script, dir], { cwd: root, encoding: 'utf8', env: cleanEnv() });
	return { status, stdout, stderr };
}

describe('signald.conf', () => {
	// What the shell says that has such a file, and the file.
	async function edit(t, text, script) {
		const file = path.join(await makeFolder(t), 'signald.conf');
		if (text === null)
			await copyFile(path.join(root, 'scripts/deb/signald.conf'), file);
		else
			await writeFile(file, text);
		const { status, stdout, stderr } = spawnSync('bash', ['-euc', `. scripts/lib/common.sh; . scripts/lib/net.sh; . scripts/lib/install.sh; config=$0; ${script}`, file], { cwd: root, encoding: 'utf8', env: cleanEnv() });
		assert.equal(status, 0, stderr);
		return { said: stdout, text: await readFile(file, 'utf8') };
	}

	for (const [what, before, script, after] of [
		['takes the # off', '[turn]\n#host = a\n#cli = b\n', 'set_key turn host x', '[turn]\nhost = x\n#cli = b\n'],
		['changes what is set, and not the hint before it', '[turn]\n#host = a\nhost = b\n', 'set_key turn host x', '[turn]\n#host = a\nhost = x\n'],
		['changes no other section', '[tls]\nkey = a\n[coturn]\nkey = b\n', 'set_key coturn key x', '[tls]\nkey = a\n[coturn]\nkey = x\n'],
		['adds to a section', '[turn]\nhost = a\n\n[log]\n', 'set_key turn port 1', '[turn]\nhost = a\nport = 1\n\n[log]\n'],
		['adds a section', '[turn]\nhost = a\n', 'set_key log level x', '[turn]\nhost = a\n\n[log]\nlevel = x\n'],
		['makes a comment of what is to be empty', '[turn]\nhost = a\n', "set_key turn host ''", '[turn]\n#host = a\n'],
		['leaves what is no key', '[turn]\n# host of all\nhostname = a\n', "set_key turn host ''", '[turn]\n# host of all\nhostname = a\n'],
		['takes values as they are', '[turn]\n', "set_key turn host 'a&b\\n|/'", '[turn]\nhost = a&b\\n|/\n'],
	])
		test(`${what}`, async (t) => {
			assert.equal((await edit(t, before, script)).text, after);
		});

	test('is nobody else’s to read while it is written', async (t) => {
		const { said, text } = await edit(t, '[turn]\nsecret = a\n', `
			cat() { stat -c %a "$config.new" >>"$config.modes"; command cat "$@"; }
			umask 022
			set_key turn secret b
			chmod 640 $config
			set_key turn secret c
			command cat $config.modes; stat -c %a $config`);
		assert.equal(said, '600\n600\n640\n');
		assert.equal(text, '[turn]\nsecret = c\n');
	});

	test('of the package gets all that a domain needs, and says it again', async (t) => {
		const { said, text } = await edit(t, null, `
			has_ipv6() { return 1; }
			domain=turn.example.org
			configure_domain
			get_key turn host; get_key listen tls; get_key coturn external_ip`);
		assert.equal(said, 'turn.example.org\n0.0.0.0:443\n');
		for (const line of ['redirect = 0.0.0.0:80', 'temporary = yes', 'tunnel = 127.0.0.1:3479', 'challenges = /var/lib/signald-challenges'])
			assert.ok(text.includes(`\n${line}\n`), line);
	});
});

describe('sockets', () => {
	// What is done to them, where units run but for those that are named.
	async function open(t, conf, { files = {}, stopped = [] } = {}) {
		const dir = await makeFolder(t);
		await writeFile(path.join(dir, 'signald.conf'), conf);
		for (const [name, text] of Object.entries(files)) {
			await mkdir(path.dirname(path.join(dir, 'units', name)), { recursive: true });
			await writeFile(path.join(dir, 'units', name), text);
		}
		const { status, stdout, stderr } = shell(dir, `
			config=$dir/signald.conf units=$dir/units
			is_running() { [[ ' ${stopped.join(' ')} ' != *" $1 "* ]]; }
			systemctl() { echo "$*"; }
			open_sockets`);
		assert.equal(status, 0, stderr);
		const names = await readdir(path.join(dir, 'units'), { recursive: true }).catch(() => []);
		const dropIn = await readFile(path.join(dir, 'units/signald.socket.d/install.conf'), 'utf8').catch(() => null);
		return { done: stdout, names, dropIn };
	}
	const BOTH = '[listen]\ntls = 0.0.0.0:443, [::]:443\nredirect = 0.0.0.0:80, [::]:80\n';
	const OLD = '[listen]\naddress = 127.0.0.1:8080\ntls = 0.0.0.0:443\nredirect = 0.0.0.0:80\n';
	const ADAPTED = '# Made by scripts/install: the addresses of signald.conf.\n[Socket]\nListenStream=\nListenStream=0.0.0.0:443\n';

	test('stay as they are for all addresses', async (t) => {
		const { done, names } = await open(t, BOTH);
		assert.deepEqual(names, []);
		assert.doesNotMatch(done, /stop|^start/m);
	});

	test('have no address that signald.conf does not name', async (t) => {
		const { done, dropIn } = await open(t, OLD);
		assert.equal(dropIn, ADAPTED);
		assert.match(done, /^stop signald (signald\.socket signald-redirect\.socket|signald-redirect\.socket signald\.socket)\nstart /m);
		assert.equal((await open(t, '[listen]\ntls = [::]:443\n')).dropIn, ADAPTED.replace('0.0.0.0', '[::]'));
	});

	test('are left alone where nothing has changed', async (t) => {
		const { done } = await open(t, '[listen]\ntls = 0.0.0.0:443\n', { files: { 'signald.socket.d/install.conf': ADAPTED } });
		assert.doesNotMatch(done, /stop|^start/m);
	});

	test('keep what the operator has put beside', async (t) => {
		const { done, names } = await open(t, BOTH, { files: { 'signald.socket.d/install.conf': ADAPTED, 'signald.socket.d/override.conf': '[Socket]\nBacklog=9\n' } });
		assert.deepEqual(names.sort(), ['signald.socket.d', 'signald.socket.d/override.conf']);
		assert.match(done, /^stop signald /m);
	});

	test('begin where they do not run', async (t) => {
		assert.match((await open(t, BOTH, { stopped: ['signald.socket'] })).done, /^start /m);
	});

	test('leave ports alone that signald.conf does not name', async (t) => {
		assert.equal((await open(t, '[listen]\naddress = 127.0.0.1:8080\n')).done, '');
		assert.match((await open(t, '[listen]\naddress = 0.0.0.0:80\n')).done, /enable signald-redirect\.socket\n/);
	});
});

test('IPv6 is there where the kernel says so', async (t) => {
	const listed = (await readFile('/proc/net/if_inet6', 'utf8').catch(() => '')) !== '';
	assert.equal(shell(await makeFolder(t), 'has_ipv6').status, listed ? 0 : 1);
	assert.equal(shell(await makeFolder(t), 'everywhere 80').stdout, listed ? '0.0.0.0:80, [::]:80' : '0.0.0.0:80');
});

describe('packages', () => {
	test('that came are recorded, also where the next one fails', async (t) => {
		const dir = await makeFolder(t);
		await writeFile(path.join(dir, 'there'), 'old\n');
		const { status, stderr } = shell(dir, `
			record=$dir/record log=$dir/log domain='' nftables='' package=$dir/x.deb
			installed_packages() { sort $dir/there; }
			install_needs() { echo coturn >>$dir/there; fail 'no more of them'; }
			bring_packages`);
		assert.equal(status, 1);
		assert.match(stderr, /no more of them\n.*packages could not be installed/);
		assert.equal(await readFile(path.join(dir, 'record/packages'), 'utf8'), 'coturn\n');
	});

	test('of the version before are kept, to go back and forth', async (t) => {
		const dir = await makeFolder(t);
		const { status, stdout, stderr } = shell(dir, `
			record=$dir/record
			keep() { package=$1; keep_package; (cd $record && tail -n +1 -- *.deb | paste -sd ' '); }
			for version in 1 2 3; do echo $version >$dir/$version; done
			keep $dir/1; keep $dir/1; keep $dir/2; keep $dir/2; keep $dir/3; keep $record/before.deb; ls $record`);
		assert.equal(status, 0, stderr);
		const two = (before, now) => `==> before.deb <== ${before}  ==> now.deb <== ${now}`;
		assert.deepEqual(stdout.trim().split('\n'), ['1', '1', two(1, 2), two(1, 2), two(2, 3), two(3, 2), 'before.deb', 'now.deb']);
	});

	test('are removed when others are done with theirs', async (t) => {
		const { stdout } = shell(await makeFolder(t), `
			quietly() { echo "$*"; }
			purge a b; apt_remove remove signald`);
		const command = (what) => `env DEBIAN_FRONTEND=noninteractive apt-get ${what.replace(' ', ' -y -q -o DPkg::Lock::Timeout=300 ')}\n`;
		assert.equal(stdout, command('purge a b') + command('remove signald'));
	});
});

describe('behind a NAT', () => {
	// What external_ip is after runs that have found MAPPING, or nothing.
	async function set(t, first, ...runs) {
		const dir = await makeFolder(t);
		await writeFile(path.join(dir, 'signald.conf'), first);
		const { status, stdout, stderr } = shell(dir, `
			config=$dir/signald.conf memory=$dir/install.conf
			run() { public=\${1%/*} private=\${1#*/}; configure_nat >>$dir/said; get_key coturn external_ip; echo; }
			${runs.map((mapping) => `run '${mapping}'`).join('\n')}`);
		assert.equal(status, 0, stderr);
		return { values: stdout.split('\n').filter((line) => line), said: await readFile(path.join(dir, 'said'), 'utf8') };
	}

	test('coturn is told what is found, each time', async (t) => {
		const { values, said } = await set(t, '[coturn]\n#external_ip =\n', '192.0.2.1/10.0.0.5', '', '192.0.2.2/10.0.0.5', '192.0.2.3/10.0.0.6');
		assert.deepEqual(values, ['192.0.2.1/10.0.0.5', '192.0.2.2/10.0.0.5', '192.0.2.3/10.0.0.6']);
		assert.equal(said, '');
	});

	test('it stays as the operator has set it, which is said', async (t) => {
		const { values, said } = await set(t, '[coturn]\nexternal_ip = 192.0.2.9\n', '192.0.2.1/10.0.0.5', '');
		assert.deepEqual(values, ['192.0.2.9', '192.0.2.9']);
		assert.match(said, /external_ip = 192\.0\.2\.9 is not of scripts\/install, and stays; found was 192\.0\.2\.1\/10\.0\.0\.5\n.*no NAT/);
	});

	test('an address that was given once is remembered', async (t) => {
		const { stdout } = shell(await makeFolder(t), `
			memory=$dir/install.conf
			for address in '' 192.0.2.1 '' 192.0.2.2 auto ''; do
				given_address
				remember address "$given"
				echo "$given"
			done`);
		assert.deepEqual(stdout.split('\n'), ['', '192.0.2.1', '192.0.2.1', '192.0.2.2', '', '', '']);
	});
});

test('the certificate of another name is not put over that of this one', async (t) => {
	const dir = await makeFolder(t);
	await mkdir(path.join(dir, 'renewal'));
	const ours = '[renewalparams]\nauthenticator = webroot\nrenew_hook = /usr/lib/signald/certificate-hook\n[[webroot_map]]\n';
	const theirs = '[renewalparams]\nrenew_hook = systemctl reload nginx\n';
	for (const [name, text] of [['new.example', ours], ['old.example', ours], ['else.example', theirs]])
		await writeFile(path.join(dir, `renewal/${name}.conf`), text);
	const { status, stdout, stderr } = shell(dir, 'letsencrypt=$dir domain=new.example; release_other_names');
	assert.equal(status, 0, stderr);
	assert.match(stdout, /^certbot renews old\.example too, .*certbot delete --cert-name old\.example\n$/);
	const read = (name) => readFile(path.join(dir, `renewal/${name}.conf`), 'utf8');
	assert.equal(await read('new.example'), ours);
	assert.equal(await read('old.example'), ours.replace(/renew_hook.*\n/, ''));
	assert.equal(await read('else.example'), theirs);
});
