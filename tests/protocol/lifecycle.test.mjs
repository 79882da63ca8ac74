// The daemon's life: its command line, configuration, reload, drain and end.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { chmod, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import { SECRET, freePort, makeFolder, runProgram, startDaemon, until } from '../lib/daemon.mjs';
import { openRaw } from '../lib/http.mjs';
import { Peer, joinPeer, openPeer } from '../lib/peer.mjs';
import { joinRaw } from '../lib/rawws.mjs';

async function configFile(t, text) {
	const file = path.join(await makeFolder(t), 'signald.conf');
	await writeFile(file, text, { mode: 0o600 });
	return file;
}

describe('the command line', () => {
	test('--version says the versions in one line', async () => {
		const { code, stdout } = await runProgram(['--version']);
		assert.equal(code, 0);
		assert.match(stdout, /^signald \d+\.\d+\.\d+ \(libevent \d.*, OpenSSL \d.*\)\n$/);
	});

	test('--help lists every key with its default', async () => {
		const { code, stdout } = await runProgram(['--help']);
		assert.equal(code, 0);
		for (const word of ['--config', '--set', '--check-config', '--print-config', '127.0.0.1:8080', 'max_message_bytes',
			'spread_s', 'production|development'])
			assert.ok(stdout.includes(word), word);
	});

	test('--print-config prints what --config takes, secrets masked', async (t) => {
		const file = await configFile(t, `[turn]\nhost = turn.example\nsecret = ${SECRET}\nttl_s = 300\n`);
		const first = await runProgram(['--config', file, '--set', 'turn.ttl_s=120', '--print-config']);
		assert.equal(first.code, 0, first.stderr);
		assert.match(first.stdout, /^ttl_s = 120$/m);
		assert.match(first.stdout, /^# secret = .*set/m);
		assert.equal(first.stdout.includes(SECRET), false);
		const again = await configFile(t, first.stdout);
		const second = await runProgram(['--config', again, '--set', `turn.secret=${SECRET}`, '--print-config']);
		assert.equal(second.code, 0, second.stderr);
		assert.equal(second.stdout, first.stdout);
	});

	test('flag beats environment beats file beats default', async (t) => {
		const file = await configFile(t, '[turn]\nttl_s = 100\n');
		const ttl = async (args, env) => {
			const { stdout, stderr } = await runProgram([...args, '--print-config'], { env });
			return Number(/^ttl_s = (\d+)$/m.exec(stdout)?.[1] ?? assert.fail(stderr));
		};
		assert.equal(await ttl([], {}), 600);
		assert.equal(await ttl(['--config', file], {}), 100);
		assert.equal(await ttl(['--config', file], { SIGNALD_TURN_TTL_S: '200' }), 200);
		assert.equal(await ttl(['--config', file, '--set', 'turn.ttl_s=300'], { SIGNALD_TURN_TTL_S: '200' }), 300);
	});

	test('secrets come from files too', async (t) => {
		const secretFile = path.join(await makeFolder(t), 'secret');
		await writeFile(secretFile, `${SECRET}\n`, { mode: 0o600 });
		const file = await configFile(t, `[turn]\nhost = turn.example\nsecret_file = ${secretFile}\n`);
		assert.equal((await runProgram(['--config', file, '--check-config'])).code, 0);
		const env = { SIGNALD_TURN_SECRET_FILE: secretFile, SIGNALD_TURN_HOST: 'turn.example', SIGNALD_TURN_PROBE: 'no' };
		const daemon = await startDaemon(t, { env });
		const list = await (await fetch(`${daemon.url}/v1/ice`)).json();
		const { username, credential } = list.iceServers.find((server) => server.username);
		assert.equal(credential, createHmac('sha1', SECRET).update(username).digest('base64'));
	});

	test('--check-config names a good one', async (t) => {
		const file = await configFile(t, '# comment\n[listen]\naddress = 127.0.0.1:1, [::1]:1\n\n[turn]\nttl_s = 60\n');
		const { code, stderr, stdout } = await runProgram(['--config', file, '--check-config']);
		assert.equal(code, 0, stderr);
		assert.equal(stderr, '');
		assert.equal(stdout, `signald: the configuration is good: ${file}\n`);
	});

	test('--check-config says that it read no file where none was given', async () => {
		const { code, stdout } = await runProgram(['--check-config']);
		assert.equal(code, 0);
		assert.equal(stdout, 'signald: the configuration is good: the defaults and the environment alone, as no --config was given\n');
	});

	// Each says where, which key, and what is allowed.
	for (const [what, text, words] of [
		['an unknown key', '[turn]\n\nsecert = x\n', [':3', 'secert']],
		['an unknown section', '[trun]\nttl_s = 1\n', ['trun']],
		['a key twice', '[turn]\nttl_s = 60\nttl_s = 70\n', [':3', 'ttl_s']],
		['a number that is none', '[turn]\nttl_s = soon\n', [':2', 'ttl_s', '10', '86400']],
		['a number out of range', '[turn]\nttl_s = 5\n', [':2', 'ttl_s', '10', '86400']],
		['a number with a unit', '[turn]\nttl_s = 60s\n', [':2', 'ttl_s']],
		['an unknown word', '[log]\nlevel = loud\n', [':2', 'level', 'error', 'debug']],
		['a switch that is none', '[turn]\ntls = maybe\n', [':2', 'tls', 'yes', 'no']],
		['an address without a port', '[listen]\naddress = 127.0.0.1\n', [':2', 'address']],
		['an address that is none', '[listen]\naddress = somewhere:80\n', [':2', 'address']],
		['a port out of range', '[listen]\naddress = 127.0.0.1:65536\n', [':2', 'address']],
		['an origin with a path', '[http]\norigins = https://a.example/x\n', [':2', 'origins']],
		['a line that is nothing', '[turn]\nhello\n', [':2']],
		['TURN without a secret', '[turn]\nhost = turn.example\n', ['turn.secret']],
		['a weak secret', '[turn]\nhost = turn.example\nsecret = short\n', ['secret', '16']],
		['a namespace without a slash', '[socketio]\nnamespaces = chat=generic\n', [':2', 'namespaces', '/x=generic']],
		['a namespace twice', '[socketio]\nnamespaces = /=tutorial, /=codelab\n', ['socketio.namespaces', '/:', 'twice']],
		['rules that are no preset', '[socketio]\nnamespaces = /=tutoral\n', ["'tutoral'", 'tutorial', 'codelab']],
		['a rules file that is not there', '[socketio]\nnamespaces = /=/nowhere/own.rules\n', ['/nowhere/own.rules', 'No such file']],
		['a path without its slash', '[socketio]\npath = /socket.io\n', [':2', 'path', '/socket.io/']],
		['ports the wrong way round', '[coturn]\nmin_port = 60000\nmax_port = 50000\n', ['min_port', 'max_port']],
	])
		test(`${what} is refused with the place and what is allowed`, async (t) => {
			const file = await configFile(t, text);
			const { code, stderr } = await runProgram(['--config', file, '--check-config']);
			assert.equal(code, 78, stderr);
			for (const word of words)
				assert.ok(stderr.includes(word), `${word} in: ${stderr}`);
			assert.equal(stderr.trimEnd().split('\n').length, 1, 'one line');
		});

	test('a folder that the start would miss is missed by --check-config', async (t) => {
		const folder = await makeFolder(t);
		const file = await configFile(t, '[turn]\nttl_s = 60\n');
		for (const [key, value, words] of [
			['http.root', `${folder}/nope`, ['the folder does not exist', 'a folder', 'or empty']],
			['http.root', file, ['Not a directory']],
			['state.dir', `${folder}/nope`, ['the folder does not exist', 'may write in']],
			['state.dir', file, ['Not a directory']],
		]) {
			const args = ['--set', 'listen.address=127.0.0.1:0', '--set', `${key}=${value}`];
			const { code, stderr } = await runProgram([...args, '--check-config']);
			assert.equal(code, 78, stderr);
			for (const word of [key, value, ...words])
				assert.ok(stderr.includes(word), `${word} in: ${stderr}`);
			const start = await runProgram(args);
			assert.equal(start.code, 1, 'the start does fail');
			if (key === 'state.dir' && value !== file)
				assert.match(start.stderr + start.stdout, /what=state\.dir value=\S+\/nope error="the folder does not exist: make it/);
		}
		const args = ['--set', `http.root=${folder}`, '--set', `state.dir=${folder}`, '--set', `socketio.client_files=${folder}/nope`];
		const { code, stderr } = await runProgram([...args, '--check-config']);
		assert.equal(code, 0, stderr);
	});

	test('a mistake in a rules file is told with its line, at the start too', async (t) => {
		const rules = path.join(await makeFolder(t), 'own.rules');
		await writeFile(rules, '[call]\nto = $1\nemit = ["incoming", $form]\n');
		const args = ['--set', `socketio.namespaces=/=${rules}`];
		for (const more of [['--check-config'], []]) {
			const { code, stderr } = await runProgram([...args, ...more]);
			assert.equal(code, more.length ? 78 : 1, stderr);
			assert.match(stderr, /own\.rules:3: unknown variable \$form; there are .*\$from/);
		}
	});

	test('--print-rules prints a preset that a namespace takes as a file', async (t) => {
		const { code, stdout } = await runProgram(['--print-rules', 'tutorial']);
		assert.equal(code, 0);
		assert.match(stdout, /^\[broadcaster\]$/m);
		const file = path.join(await makeFolder(t), 'own.rules');
		await writeFile(file, stdout);
		assert.equal((await runProgram(['--set', `socketio.namespaces=/=${file}`, '--check-config'])).code, 0);
		const unknown = await runProgram(['--print-rules', 'tutoral']);
		assert.equal(unknown.code, 64);
		assert.match(unknown.stderr, /no preset 'tutoral'; there are tutorial, codelab/);
	});

	test('a bad secret is not shown', async (t) => {
		const file = await configFile(t, '[turn]\nhost = turn.example\nsecret = not allowed: $secret$\n');
		const { code, stderr } = await runProgram(['--config', file, '--check-config']);
		assert.equal(code, 78);
		assert.equal(stderr.includes('not allowed: $secret$'), false);
	});

	test('a misspelt variable is refused', async () => {
		const { code, stderr } = await runProgram(['--check-config'], { env: { SIGNALD_TURN_SECERT: 'x' } });
		assert.equal(code, 78);
		assert.match(stderr, /SIGNALD_TURN_SECERT/);
		const other = await runProgram(['--check-config'], { env: { SIGNALD_URL: 'x' } });
		assert.match(other.stderr, /unknown key SIGNALD_URL: variables that begin with SIGNALD_ are signald's keys/);
	});

	for (const [what, args, word] of [
		['an unknown option', ['--frobnicate'], '--frobnicate'], ['--config without a file', ['--config'], '--config'],
		['--set without a value', ['--set'], '--set'], ['--set without a =', ['--set', 'turn.ttl_s'], 'section.key=value'], ['a stray word', ['hello'], 'hello: unexpected argument; see'],
		['a misspelt command', ['kye', 'shop'], 'kye: unexpected argument; did you mean key?'],
	])
		test(`${what} is a usage error: exit code 64`, async () => {
			const { code, stderr } = await runProgram(args);
			assert.equal(code, 64, stderr);
			assert.ok(stderr.includes(word), stderr);
		});

	for (const [what, args, word] of [
		['a file that is not there', ['--config', '/nonexistent/signald.conf'], '/nonexistent/signald.conf'],
		['a --set of an unknown key', ['--set', 'turn.x=1'], 'turn.x'],
	])
		test(`${what} is refused`, async () => {
			const { code, stderr } = await runProgram([...args, '--check-config']);
			assert.equal(code, 78, stderr);
			assert.ok(stderr.includes(word), stderr);
		});

	test('a file that everybody may read, with a secret in it, is told', async (t) => {
		const folder = await makeFolder(t);
		const file = path.join(folder, 'signald.conf');
		const secret = path.join(folder, 'secret');
		await writeFile(secret, SECRET, { mode: 0o600 });
		const said = async (text, mode) => {
			await writeFile(file, text);
			await chmod(file, mode);
			const { code, stderr } = await runProgram(['--config', file, '--check-config']);
			assert.equal(code, 0, stderr);
			return stderr;
		};
		const own = `[turn]\nhost = turn.example.org\nsecret = ${SECRET}\n`;
		assert.match(await said(own, 0o644), /^signald: warning: \S+: everybody on this machine may read it, and a secret is in it: [^\n]*\n$/);
		const server = net.createServer().listen(0, '127.0.0.1');
		t.after(() => server.close());
		await once(server, 'listening');
		const ended = await runProgram(['--config', file, '--set', `listen.address=127.0.0.1:${server.address().port}`, '--set', 'listen.metrics=']);
		assert.match(ended.stderr, / config\.open .*chmod 640/);
		assert.equal(await said(own, 0o640), '');
		assert.equal(await said(`[turn]\nhost = turn.example.org\nsecret_file = ${secret}\n`, 0o644), '');
	});

	test('a port in use is said in one line', async (t) => {
		const server = net.createServer().listen(0, '127.0.0.1');
		t.after(() => server.close());
		await once(server, 'listening');
		const address = `127.0.0.1:${server.address().port}`;
		const { code, stderr } = await runProgram(['--set', `listen.address=${address}`, '--set', 'listen.metrics=']);
		assert.equal(code, 1);
		assert.ok(stderr.includes(address), stderr);
		assert.match(stderr, /in use: ss -ltnp, as root, says by which program/);
	});
});

describe('reload', () => {
	test('SIGHUP takes a good configuration', async (t) => {
		const daemon = await startDaemon(t, { config: '[websocket]\nmax_message_bytes = 2000\n' });
		const before = await joinPeer(t, daemon, 'reload');
		assert.equal(before.joined.limits.maxMessageBytes, 2000);
		await writeFile(daemon.configPath, '[websocket]\nmax_message_bytes = 3000\n');
		daemon.signal('SIGHUP');
		await until('the reload is counted', async () => await daemon.metric('signald_reloads_total{result="ok"}') === 1);
		const after = await joinPeer(t, daemon, 'reload');
		assert.equal(after.joined.limits.maxMessageBytes, 3000);
		await before.settle();
		assert.equal((await before.request({ type: 'signal', to: after.id, data: 1 })).type, 'ack');
	});

	test('SIGHUP refuses a bad one, says why, and keeps the old', async (t) => {
		const daemon = await startDaemon(t, { config: '[websocket]\nmax_message_bytes = 2000\n' });
		const peer = await joinPeer(t, daemon, 'reload');
		await writeFile(daemon.configPath, '[websocket]\n\nmax_message_bytes = many\n');
		daemon.signal('SIGHUP');
		await daemon.waitLog(/:3.*max_message_bytes/);
		assert.equal(await daemon.metric('signald_reloads_total{result="refused"}'), 1);
		await peer.settle();
		assert.equal((await joinPeer(t, daemon, 'reload')).joined.limits.maxMessageBytes, 2000);
	});

	test('SIGHUP names keys that need a restart', async (t) => {
		const daemon = await startDaemon(t, { config: '[turn]\nrealm = one\n' });
		await writeFile(daemon.configPath, '[turn]\nrealm = two\n');
		daemon.signal('SIGHUP');
		await daemon.waitLog(/turn\.realm/);
		await daemon.waitLog(/restart/);
		assert.equal((await fetch(`${daemon.url}/healthz`)).status, 200);
	});

	test('SIGHUP refuses to lose the secrets before Redis can have the users', async (t) => {
		const secret = 'secret = the-secret-of-these-tests-0123456789\n';
		const realm = '[turn]\nprobe = no\nrealm = turn.example.org\n';
		const redis = `${realm}credentials = redis\nredis = 127.0.0.1:6379\n`;
		const daemon = await startDaemon(t, { config: `${realm}host = 192.0.2.7\n${secret}` });
		const refusals = [
			['turn', `${redis}host = 192.0.2.7\n`],
			['turn other', `${redis}[turn other]\nhost = 192.0.2.8\n`],
		];
		for (const [section, config] of refusals) {
			await writeFile(daemon.configPath, config);
			daemon.signal('SIGHUP');
			await daemon.waitLog(new RegExp(`config\\.refused .*until then \\[${section}\\] needs a secret: restart`));
			await (await joinPeer(t, daemon, 'reload')).settle();
			const { turn, iceServers } = await (await fetch(`${daemon.url}/v1/ice`)).json();
			assert.equal(turn, true);
			assert.deepEqual(iceServers.at(-1).urls.slice(0, 1), ['turn:192.0.2.7:3478?transport=udp']);
		}
		assert.equal(await daemon.metric('signald_reloads_total{result="refused"}'), 2);
		await writeFile(daemon.configPath, `${redis}host = 192.0.2.7\n${secret}`);
		daemon.signal('SIGHUP');
		await daemon.waitLog(/config\.needs_restart keys="?turn\.credentials/);
		assert.equal((await (await fetch(`${daemon.url}/v1/ice`)).json()).turn, true);
	});

	test('SIGHUP a hundred times leaves a call alone', async (t) => {
		const daemon = await startDaemon(t, { config: '' });
		const left = await joinPeer(t, daemon, 'reload');
		const right = await joinPeer(t, daemon, 'reload');
		for (let i = 0; i < 100; i++) {
			daemon.signal('SIGHUP');
			assert.equal((await left.request({ type: 'signal', to: right.id, data: i })).type, 'ack');
			assert.equal((await right.next('signal')).data, i);
		}
	});
});

describe('the end', () => {
	test('SIGTERM drains: not ready, go-away, 1012, all within the spread', async (t) => {
		const daemon = await startDaemon(t, { sets: { 'drain.spread_s': 2 } });
		const watching = await openRaw(t, daemon.port);
		await watching.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
		await watching.response();
		const peers = [];
		for (let i = 0; i < 20; i++)
			peers.push(await joinPeer(t, daemon, `drain-${i}`));
		const began = performance.now();
		daemon.signal('SIGTERM');
		const goAways = await Promise.all(peers.map((peer) => peer.next('go-away')));
		for (const message of goAways) {
			assert.equal(message.reason, 'shutdown');
			assert.ok(message.reconnectAfterMs >= 0 && message.reconnectAfterMs <= 60000);
		}
		await watching.write('GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n');
		const ready = await watching.response();
		assert.equal(ready.status, 503);
		assert.deepEqual(JSON.parse(ready.body), { status: 'not-ready', reasons: ['draining'] });
		const times = await Promise.all(peers.map(async (peer) => {
			assert.equal((await peer.closed).code, 1012);
			return performance.now() - began;
		}));
		assert.ok(Math.max(...times) < 3500, 'all within the spread');
		assert.ok(Math.max(...times) - Math.min(...times) > 500, 'not all at once');
		assert.deepEqual(await daemon.ended(), { code: 0, signal: null });
	});

	test('while draining nobody new is let in', async (t) => {
		const daemon = await startDaemon(t, { sets: { 'drain.spread_s': 30 } });
		await joinPeer(t, daemon, 'drain');
		const waiting = await openPeer(t, daemon);
		daemon.signal('SIGTERM');
		await waiting.next('go-away');
		const late = new Peer(daemon.wsUrl);
		t.after(() => late.socket.terminate());
		await assert.rejects(late.opened);
		daemon.signal('SIGTERM');
		await daemon.ended();
	});

	test('a second SIGTERM ends it at once', async (t) => {
		const daemon = await startDaemon(t, { sets: { 'drain.spread_s': 60 } });
		const peers = await Promise.all(Array.from({ length: 5 }, () => joinPeer(t, daemon, 'drain')));
		daemon.signal('SIGTERM');
		await Promise.all(peers.map((peer) => peer.next('go-away')));
		const began = performance.now();
		daemon.signal('SIGTERM');
		await daemon.ended();
		assert.ok(performance.now() - began < 2000);
		for (const peer of peers)
			assert.ok([1001, 1006, 1012].includes((await peer.closed).code));
	});

	test('SIGTERM ends a daemon without clients at once, and SIGINT too', async (t) => {
		for (const signal of ['SIGTERM', 'SIGINT']) {
			const daemon = await startDaemon(t, { sets: { 'drain.spread_s': 60 } });
			daemon.signal(signal);
			assert.deepEqual(await daemon.ended(3000), { code: 0, signal: null });
		}
	});

	test('a peer that is held for its page holds up nothing', async (t) => {
		const daemon = await startDaemon(t);
		const peer = await joinPeer(t, daemon, 'held');
		await peer.close(1001);
		await until('its connection is gone', async () => await daemon.metric('signald_websockets') === 0);
		daemon.signal('SIGTERM');
		assert.deepEqual(await daemon.ended(), { code: 0, signal: null });
		assert.match(daemon.log, new RegExp(`peer\\.leave id=${peer.id} reason=left room=held`));
	});

	test('a client that does not answer the close does not hold up the end', async (t) => {
		const daemon = await startDaemon(t, { sets: { 'drain.spread_s': 1 } });
		const deaf = await joinRaw(t, daemon);
		deaf.connection.socket.pause();
		daemon.signal('SIGTERM');
		await daemon.ended(8000);
	});

	test('who is between two requests is not waited for, who has begun one is', async (t) => {
		const daemon = await startDaemon(t);
		const metrics = await openRaw(t, daemon.metricsPort);
		const [idle, busy] = [await openRaw(t, daemon.port), await openRaw(t, daemon.port)];
		for (const connection of [idle, metrics]) {
			await connection.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
			await connection.response();
		}
		await busy.write('GET /healthz HTTP/1.1\r\nHost: a\r\n');
		await fetch(`${daemon.url}/healthz`); // so it has been read
		daemon.signal('SIGTERM');
		await idle.closed();
		await metrics.closed();
		await busy.write('\r\n');
		assert.equal((await busy.response()).status, 200);
		await daemon.ended();
	});

	test('an answer on its way is finished', async (t) => {
		const folder = await makeFolder(t);
		const text = 'x'.repeat(10000000);
		await writeFile(path.join(folder, 'large.txt'), text);
		await chmod(folder, 0o755);
		const daemon = await startDaemon(t, { sets: { 'http.root': folder, 'drain.spread_s': 5 } });
		const connection = await openRaw(t, daemon.port);
		await connection.write('GET /large.txt HTTP/1.1\r\nHost: a\r\n\r\n');
		await connection.wait('the first bytes', () => connection.received.length > 0);
		daemon.signal('SIGTERM');
		assert.equal((await connection.response()).body.length, text.length);
		await daemon.ended(8000);
	});

	test('the address is free for the next one at once', async (t) => {
		const port = await freePort();
		for (let i = 0; i < 3; i++) {
			const daemon = await startDaemon(t, { port });
			await joinPeer(t, daemon, 'again');
			daemon.signal('SIGTERM');
			await daemon.ended();
		}
	});
});

test('IPv6 and several addresses are served', async (t) => {
	const [one, two] = [await freePort(), await freePort()];
	const child = await startDaemon(t, { sets: { 'listen.address': `127.0.0.1:${one},[::1]:${two}` }, port: one });
	assert.equal((await fetch(`http://[::1]:${two}/healthz`)).status, 200);
	assert.equal((await fetch(`${child.url}/healthz`)).status, 200);
});
