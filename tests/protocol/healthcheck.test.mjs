// signald --healthcheck: says what /readyz says, by its exit code too.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import { describe, test } from 'node:test';
import { SECRET, cleanEnv, freePort, program, runProgram, startDaemon, until, useDaemon } from '../lib/daemon.mjs';
import { atEnd } from '../lib/ending.mjs';

// Who answers to no one but those that the test has in mind.
function startPlainly(t, [command, ...args]) {
	const child = spawn(command, args, { env: cleanEnv(), stdio: 'ignore' });
	atEnd(t, async () => {
		child.kill('SIGKILL');
		await once(child, 'exit');
	});
	return child;
}

// A process that stands still, whose queue of connections is full: Node accepts all.
const FULL = `
import socket, time
at = socket.socket()
at.bind(('127.0.0.1', 0))
at.listen(0)
waiting = []
for _ in range(4):
    waiting.append(socket.socket())
    waiting[-1].setblocking(False)
    waiting[-1].connect_ex(at.getsockname())
print(at.getsockname()[1], flush=True)
time.sleep(60)
`;

const check = (address, ...more) => runProgram(['--healthcheck', '--set', `listen.address=${address}`, ...more]);

describe('signald --healthcheck', () => {
	let daemon;
	useDaemon({}, (d) => (daemon = d));

	test('is content with one that is ready', async () => {
		for (const address of [daemon.host, `${daemon.host}, 127.0.0.1:9`]) {
			const { code, stdout, stderr } = await check(address);
			assert.deepEqual([code, stdout, stderr], [0, 'ready\n', ''], address);
		}
	});

	test('says that nobody is there', async () => {
		const { code, stdout, stderr } = await check(`127.0.0.1:${await freePort()}`);
		assert.deepEqual([code, stderr], [1, '']);
		assert.match(stdout, /^not ready: no signald answers at 127\.0\.0\.1:\d+ \(listen\.address\): Connection refused\n$/);
	});

	test('says what TURN lacks', async (t) => {
		const own = await startDaemon(t, { sets: {
			'turn.host': '127.0.0.1', 'turn.port': await freePort(), 'turn.secret': SECRET,
		} });
		await until('it knows', async () => (await fetch(`${own.url}/readyz`)).status === 503);
		const { code, stdout } = await check(own.host);
		assert.equal(code, 1);
		assert.match(stdout, /^not ready: turn: .+\n$/);
	});

	test('does not wait for who says nothing', async (t) => {
		const server = net.createServer(() => {}).listen(0, '127.0.0.1');
		await once(server, 'listening');
		atEnd(t, () => server.close());
		const began = performance.now();
		const { code, stdout } = await check(`127.0.0.1:${server.address().port}`);
		assert.equal(code, 1);
		assert.match(stdout, /^not ready: .*timed out\n$/);
		assert.ok(performance.now() - began < 4000);
	});

	test('nor for who takes no connection', async (t) => {
		const child = spawn('python3', ['-c', FULL], { stdio: ['ignore', 'pipe', 'inherit'] });
		atEnd(t, () => child.kill('SIGKILL'));
		const [port] = await once(child.stdout, 'data');
		const began = performance.now();
		const { code, stdout } = await check(`127.0.0.1:${Number(port)}`);
		assert.equal(code, 1);
		assert.match(stdout, /^not ready: no signald answers at .*timed out\n$/);
		assert.ok(performance.now() - began < 4000);
	});

	test('comes with a PROXY header where all must have one', async (t) => {
		const port = await freePort();
		const proxy = ['--set', 'proxy.protocol=yes', '--set', 'proxy.trusted=127.0.0.1'];
		startPlainly(t, [program, '--set', `listen.address=127.0.0.1:${port}`, '--set', 'listen.metrics=', ...proxy]);
		await until('it is ready', async () => (await check(`127.0.0.1:${port}`, ...proxy)).code === 0);
		assert.equal((await check(`127.0.0.1:${port}`)).code, 1);
	});

	test('reads the same configuration, and says what is wrong with it', async () => {
		const { code, stderr } = await check('nowhere');
		assert.equal(code, 78);
		assert.match(stderr, /listen\.address/);
	});
});

// As a container without all of root's rights.
test('a root without some capabilities becomes process.user, or says what it lacks', {
	skip: process.getuid() !== 0 && 'only root can give up what it has',
}, async (t) => {
	const started = (bounds, ...sets) => spawnSync('setpriv', ['--bounding-set', bounds, '--inh-caps', '-all', program,
		'--set', 'process.user=nobody', '--set', 'listen.metrics=', ...sets.flatMap((set) => ['--set', set])], { encoding: 'utf8', timeout: 5000 });
	const refused = started('-all,+net_bind_service', `listen.address=127.0.0.1:${await freePort()}`);
	assert.equal(refused.status, 1);
	assert.match(refused.stderr, /process\.user: nobody: Operation not permitted: root needs the capabilities SETUID and SETGID/);

	const address = `127.0.0.1:${await freePort()}`;
	const child = startPlainly(t, ['setpriv', '--bounding-set', '-all,+setuid,+setgid', '--inh-caps', '-all', program,
		'--set', 'process.user=nobody', '--set', 'listen.metrics=', '--set', `listen.address=${address}`]);
	await until('it is ready', async () => (await check(address)).code === 0);
	const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
	for (const line of [/^Uid:\t(?!0\t)(\d+)\t\1\t\1\t\1$/m, /^Groups:\t\d+ *$/m, /^CapPrm:\t0+$/m, /^CapEff:\t0+$/m, /^NoNewPrivs:\t1$/m])
		assert.match(status, line);
});
