// run.mjs: what signald costs beside its peers, and beside the limit.
//
//   tests/bench/run [--quick] [--check] [SERVER...]
//
//   --quick   one round of short measurements instead of five
//   --check   exit with 1 when a promise of docs/performance.md is broken
//   SERVER    only these: see contenders.mjs
//
// The servers run on one core, the load generator on another. Writes
// build/bench.json and prints the same for people.
import { spawn, execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync,
	writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { once } from 'node:events';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { beforeCommit, build, buildBefore, compile, contenders,
	isAroundSessions, isBeside, root, work } from './contenders.mjs';
import { report } from './report.mjs';
import { promises, rows } from './results.mjs';

const { values: flags, positionals } = parseArgs({
	allowPositionals: true,
	options: { quick: { type: 'boolean' }, check: { type: 'boolean' } },
});
const plan = flags.quick
	? { rounds: 1, warmup_ms: 500, measure_ms: 1000, idle: [5000], slices: 3,
		slice_ms: 500 }
	: { rounds: 5, warmup_ms: 300, measure_ms: 1200, idle: [5000, 19000],
		slices: 15, slice_ms: 600 };

const peersInRelay = 200;
const windows = [1, 8];
const besides = [['relay', 1], ['relay', 8], ['stream', 8], ['broadcast', 1]];
const messagesInCall = 11;
const watchers = 1000;
const httpConnections = 64;

const running = new Set();

function log(text) {
	process.stderr.write(`${text}\n`);
}

// The cores this process may use: the last for the servers, the first for
// the load generator.
function pickCores() {
	const list = readFileSync('/proc/self/status', 'utf8')
		.match(/^Cpus_allowed_list:\s*(.*)$/m)[1]
		.split(',')
		.flatMap((part) => {
			const [first, last = first] = part.split('-').map(Number);
			return Array.from({ length: last - first + 1 },
				(_, i) => first + i);
		});
	return { server: list.at(-1), load: list[0] };
}

const cores = pickCores();

async function freePort() {
	const server = createServer().listen(0, '127.0.0.1');

	await once(server, 'listening');
	const { port } = server.address();
	server.close();
	await once(server, 'close');
	return port;
}

async function waitForPort(name, child, port) {
	for (const until = Date.now() + 15000; Date.now() < until;) {
		if (child.exitCode !== null)
			break;
		const socket = connect(port, '127.0.0.1');
		const isOpen = await new Promise((resolve) => {
			socket.on('connect', () => resolve(true));
			socket.on('error', () => resolve(false));
		});
		socket.destroy();
		if (isOpen)
			return;
		await sleep(50);
	}
	throw new Error(`${name} does not listen: see ${join(work, name)}.log`);
}

// Start a program on the servers' core, and wait until it listens. To end it,
// SIGKILL will do: nobody is connected any more, and there is nothing to save.
async function start(name, command, port, signal = 'SIGKILL') {
	const output = openSync(join(work, `${name}.log`), 'w');
	const child = spawn('taskset', ['-c', String(cores.server), ...command],
		{ stdio: ['ignore', output, output] });
	const server = { name, port, pid: child.pid, child, signal };

	running.add(server);
	await waitForPort(name, child, port);
	return server;
}

async function startContender(name) {
	const port = await freePort();

	return start(name, contenders[name].command(port), port);
}

async function stop(server) {
	running.delete(server);
	if (server.child.exitCode !== null || server.child.signalCode !== null)
		throw new Error(`${server.name} has ended by itself`);
	server.child.kill(server.signal);
	await once(server.child, 'exit');
}

function stopAll() {
	for (const { child, signal } of running)
		child.kill(signal);
}

// One run of the load generator.
async function load(scenario, server, options) {
	const args = Object.entries(
		{ port: server.port, pid: server.pid, cpu: cores.load, ...options });
	const child = spawn(join(work, 'load'),
		[scenario, ...args.map(([key, value]) => `${key}=${value}`)],
		{ stdio: ['ignore', 'pipe', 'pipe'] });
	let stdout = '';
	let stderr = '';

	child.stdout.on('data', (data) => { stdout += data; });
	child.stderr.on('data', (data) => { stderr += data; });
	const [code] = await once(child, 'close');
	if (code !== 0)
		throw new Error(`${scenario} on ${server.name}: ${stderr}`);
	return JSON.parse(stdout);
}

function record(round, scenario, name, result, extra = {}) {
	rows.push({ scenario, server: name, round, ...extra, ...result });
	log(`  ${scenario} ${Object.values(extra).join(' ')} ${name}: `
		+ JSON.stringify(result));
}

async function measureRelay(servers, round) {
	for (const window of windows)
		for (const server of servers)
			record(round, 'relay', server.name,
				await load('relay', server, {
					speak: contenders[server.name].speak,
					peers: peersInRelay,
					window,
					warmup_ms: plan.warmup_ms,
					measure_ms: plan.measure_ms,
				}), { window });
}

async function measureBroadcast(servers, round) {
	for (const server of servers)
		record(round, 'broadcast', server.name,
			await load('broadcast', server, {
				speak: contenders[server.name].speak,
				peers: watchers,
				warmup_ms: plan.warmup_ms / 2,
				measure_ms: plan.measure_ms / 2,
			}));
}

async function measureSlice(servers, slice, [scenario, window]) {
	for (const server of servers)
		record(slice, `${scenario} beside`, server.name,
			await load(scenario, server, {
				speak: contenders[server.name].speak,
				peers: scenario === 'broadcast' ? watchers : peersInRelay,
				window,
				warmup_ms: 200,
				measure_ms: plan.slice_ms,
			}), { window });
}

// Here a few percent matter: so the slices of time are short, who comes first
// changes, and each has new processes, as the place of things in memory makes
// one faster than another of the same program.
async function measureBeside(names) {
	for (let slice = 1; slice <= plan.slices; slice++) {
		const servers = [];

		log(`beside each other: ${slice} of ${plan.slices}`);
		for (const name of slice % 2 ? names : [...names].reverse())
			servers.push(await startContender(name));
		for (const beside of besides)
			await measureSlice(servers, slice, beside);
		for (const server of servers)
			await stop(server);
	}
}

// One scenario on a process of its own: freed memory would hide what is used.
async function measureFresh(scenario, name, options, label = scenario) {
	const server = await startContender(name);

	record(1, label, name, await load(scenario, server, {
		speak: contenders[name].speak,
		collect: contenders[name].isNode ? 1 : 0,
		...options,
	}));
	await stop(server);
}

async function measureIdle(name) {
	const limit = Number(readFileSync('/proc/self/limits', 'utf8')
		.match(/^Max open files\s+(\d+)/m)[1]);

	for (const peers of plan.idle) {
		if (peers > limit - 500
			|| (contenders[name].isNode && peers !== plan.idle[0]))
			continue;
		await measureFresh('idle', name, { peers });
	}
	if (isAroundSessions(name))
		await measureFresh('idle', name,
			{ peers: plan.idle[0], calls: messagesInCall },
			'idle after a call');
}

// What a session keeps when nothing is acknowledged, and what it saves.
async function measureSessions(name) {
	await measureFresh('unheard', name, { peers: peersInRelay });
	await measureFresh('resume', name, { peers: plan.idle[0] });
}

function nginxConfig(folder, port) {
	const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

	return `
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr;
events { worker_connections 1024; }
http {
	access_log off;
	sendfile off;
	open_file_cache max=16 inactive=60s;
	keepalive_requests 1000000000;
	default_type application/json;
	${paths.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
	server {
		listen 127.0.0.1:${port};
		root ${folder}/root;
	}
}
`;
}

// nginx with one worker and one file: what /v1/ice of signald answers. Without
// sendfile and with the file kept open it is fastest for so small a one.
async function startNginx(folder, body) {
	const port = await freePort();

	chmodSync(folder, 0o755);
	mkdirSync(join(folder, 'root/v1'), { recursive: true });
	writeFileSync(join(folder, 'root/v1/ice'), body);
	writeFileSync(join(folder, 'nginx.conf'), nginxConfig(folder, port));
	const server = await start('nginx',
		['nginx', '-p', folder, '-c', join(folder, 'nginx.conf')], port,
		'SIGTERM'); // so that the master takes its worker along
	const { pid } = server;

	server.pid = Number(readFileSync(
		`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
	return server;
}

async function measureHttp(signald) {
	const folder = mkdtempSync(join(tmpdir(), 'signald-bench-'));

	try {
		const answer = await fetch(
			`http://127.0.0.1:${signald.port}/v1/ice`);
		const nginx = await startNginx(folder, await answer.text());

		for (let round = 1; round <= plan.rounds; round++)
			for (const server of [signald, nginx])
				record(round, 'http', server.name,
					await load('http', server, {
						path: '/v1/ice',
						peers: httpConnections,
						warmup_ms: plan.warmup_ms / 2,
						measure_ms: plan.measure_ms,
					}));
		await stop(nginx);
	} finally {
		rmSync(folder, { recursive: true });
	}
}

function has(program, flag = '--version') {
	try {
		execFileSync(program, [flag], { stdio: 'ignore' });
		return true;
	} catch {
		return false;
	}
}

// All instructions of one run under callgrind, start and end included. It asks
// the kernel for more than signald lets itself ask for.
async function countInstructions(name, messages) {
	const port = await freePort();
	const server = await start(name, ['valgrind', '--tool=callgrind',
		'--callgrind-out-file=/dev/null', ...contenders[name].command(port, { 'process.seccomp': 'no' })],
	port, 'SIGTERM'); // callgrind says its sum when asked to end
	const { delivered } = await load('relay', server, {
		speak: contenders[name].speak,
		peers: peersInRelay,
		window: 1,
		warmup_ms: 0,
		messages,
	});

	await stop(server);
	const collected = readFileSync(join(work, `${name}.log`), 'utf8')
		.match(/Collected : (\d+)/);
	return { delivered, instructions: Number(collected[1]) };
}

// Where the processor does not count for us, callgrind does: what a longer
// run has more than a shorter one. It cannot follow a JIT, so not for node.
async function measureInstructions(name) {
	const short = await countInstructions(name, 2000);
	const long = await countInstructions(name, 12000);

	record(1, 'instructions', name, {
		instructions: Math.round((long.instructions - short.instructions)
			/ (long.delivered - short.delivered)),
	});
}

function versionOf(name) {
	try {
		return JSON.parse(readFileSync(join(root,
			`node_modules/${name}/package.json`), 'utf8')).version;
	} catch {
		return null;
	}
}

function output(program, ...args) {
	try {
		return execFileSync(program, args, {
			cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'],
		}).trim();
	} catch {
		return null;
	}
}

function machine(loadBefore) {
	const congestion = '/proc/sys/net/ipv4/tcp_congestion_control';

	return {
		date: new Date().toISOString(),
		commit: output('git', 'describe', '--always', '--dirty'),
		cpu: cpus()[0].model.trim(),
		cores: cpus().length,
		server_core: cores.server,
		load_core: cores.load,
		kernel: release(),
		tcp_congestion_control: readFileSync(congestion, 'utf8').trim(),
		load_average_before: Number(loadBefore.toFixed(2)),
		node: process.version,
		socket_io: versionOf('socket.io'),
		ws: versionOf('ws'),
		nginx: output('sh', '-c', 'nginx -v 2>&1')?.split('/')[1] ?? null,
		libevent: output('pkg-config', '--modversion', 'libevent_core'),
	};
}

async function measureAll(names) {
	const servers = [];

	const whole = names.filter((name) => !contenders[name].isBesideOnly);

	for (const name of whole.filter((name) => name !== 'signald-before'))
		servers.push(await startContender(name));
	for (let round = 1; round <= plan.rounds; round++) {
		log(`round ${round} of ${plan.rounds}`);
		await measureRelay(servers, round);
		await measureBroadcast(servers, round);
	}
	const signald = servers.find(({ name }) => name === 'signald');
	if (signald && has('nginx', '-v'))
		await measureHttp(signald);
	for (const server of servers)
		await stop(server);

	await measureBeside(names.filter(isBeside));
	for (const name of whole)
		await measureIdle(name);
	for (const name of whole)
		if (contenders[name].speak === 'sessions')
			await measureSessions(name);
	if (rows.every((row) => !row.instructions) && has('valgrind'))
		for (const name of whole.filter((name) => !contenders[name].isNode))
			await measureInstructions(name);
}

// The contenders asked for, as far as they can be had.
function pickContenders() {
	const names = positionals.length ? positionals : Object.keys(contenders);
	const unknown = names.find((name) => !contenders[name]);

	if (unknown)
		throw new Error(`${unknown}: one of ${Object.keys(contenders)}`);
	compile();
	if (!names.includes('signald-before') || buildBefore())
		return names;
	return names.filter((name) => name !== 'signald-before');
}

function saySkipped(names) {
	if (!names.includes('signald-before'))
		console.log(`\nNothing was compared with the state before sessions, `
			+ `commit ${beforeCommit}: it was not asked for, or is not in `
			+ 'this repository (a shallow clone? git fetch --unshallow).');
}

async function main() {
	const loadBefore = loadavg()[0];
	const names = pickContenders();

	await measureAll(names);

	const list = promises();
	const facts = machine(loadBefore);
	writeFileSync(join(build, 'bench.json'), `${JSON.stringify(
		{ machine: facts, plan, rows, promises: list }, null, '\t')}\n`);
	console.log(Object.entries(facts)
		.map(([key, fact]) => `${key}=${fact}`).join('  '));
	report(names, { windows, pairs: peersInRelay / 2, watchers,
		idlePeers: plan.idle[0] }, list);
	saySkipped(names);
	if (flags.check && list.some(({ holds }) => holds !== true))
		process.exitCode = 1;
}

for (const signal of ['SIGINT', 'SIGTERM'])
	process.on(signal, () => {
		stopAll();
		process.exit(2);
	});
try {
	await main();
} catch (error) {
	log(`bench: ${error.message}`);
	process.exitCode = 2;
} finally {
	stopAll();
}
