// run.mjs: what signald costs beside its peers, and beside the limit.
//
//   tests/bench/run [--quick] [--check] [SERVER...]
//
//   --quick   one round of short measurements instead of five
//   --check   exit with 1 when a promise of docs/performance.md is broken
//   SERVER    only these: signald, signald-socketio, bare, socket.io, ws
//
// The servers run on one core, the load generator on another. Writes
// build/bench.json and prints the same for people.
import { spawn, execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync,
	writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { once } from 'node:events';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const build = join(root, 'build');
const work = join(build, 'bench');

const { values: flags, positionals } = parseArgs({
	allowPositionals: true,
	options: { quick: { type: 'boolean' }, check: { type: 'boolean' } },
});
const plan = flags.quick
	? { rounds: 1, warmup_ms: 500, measure_ms: 1000, idle: [5000] }
	: { rounds: 5, warmup_ms: 300, measure_ms: 1200, idle: [5000, 19000] };

const peersInRelay = 200;
const windows = [1, 8];
const watchers = 1000;
const httpConnections = 64;

function signaldCommand(port) {
	const settings = {
		'listen.address': `127.0.0.1:${port}`,
		'listen.metrics': '',
		'socketio.namespaces':
			`/=tutorial, /all=${join(here, 'all.rules')}`,
		'turn.host': '127.0.0.1',
		'turn.secret': 'benchmark-benchmark-benchmark',
	};

	return [join(build, 'signald'), ...Object.entries(settings)
		.flatMap(([key, value]) => ['--set', `${key}=${value}`])];
}

// Whose clients `speak` what. The same program twice is two processes: neither
// profits from memory that the other wire has warmed.
const contenders = {
	signald: {
		speak: 'native',
		command: signaldCommand,
	},
	'signald-socketio': {
		speak: 'socketio',
		command: signaldCommand,
	},
	bare: {
		speak: 'bare',
		command: (port) => [join(work, 'bare'), String(port)],
	},
	'socket.io': {
		speak: 'socketio',
		isNode: true,
		command: (port) => [process.execPath, '--expose-gc',
			join(here, 'socketio-server.mjs'), String(port)],
	},
	ws: {
		speak: 'native',
		isNode: true,
		command: (port) => [process.execPath, '--expose-gc',
			join(here, 'ws-server.mjs'), String(port)],
	},
};

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

function compile() {
	const flagsC = ['-O2', '-g', '-std=gnu11', '-D_GNU_SOURCE', '-Wall',
		'-Wextra', '-Wshadow', '-Wconversion', '-Wno-sign-conversion',
		'-Werror'];
	const source = (name) => join(here, `${name}.c`);
	const cc = process.env.CC ?? 'cc';

	mkdirSync(work, { recursive: true });
	execFileSync(cc, [...flagsC, '-o', join(work, 'load'),
		...['load', 'payload', 'proc', 'speak', 'wire'].map(source)],
	{ stdio: 'inherit' });
	execFileSync(cc, [...flagsC, '-o', join(work, 'bare'), source('bare'),
		'-levent_core'], { stdio: 'inherit' });
}

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

const rows = [];

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

// A fresh process for each count: freed memory would hide what is used.
async function measureIdle(name) {
	const limit = Number(readFileSync('/proc/self/limits', 'utf8')
		.match(/^Max open files\s+(\d+)/m)[1]);

	for (const peers of plan.idle) {
		if (peers > limit - 500
			|| (contenders[name].isNode && peers !== plan.idle[0]))
			continue;
		const server = await startContender(name);

		record(1, 'idle', name, await load('idle', server, {
			speak: contenders[name].speak,
			peers,
			collect: contenders[name].isNode ? 1 : 0,
		}));
		await stop(server);
	}
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

function has(program) {
	try {
		execFileSync(program, ['--version'], { stdio: 'ignore' });
		return true;
	} catch {
		return false;
	}
}

// All instructions of one run under callgrind, start and end included.
async function countInstructions(name, messages) {
	const port = await freePort();
	const server = await start(name, ['valgrind', '--tool=callgrind',
		'--callgrind-out-file=/dev/null', ...contenders[name].command(port)],
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

function median(values) {
	const sorted = values.toSorted((a, b) => a - b);
	const middle = sorted.length >> 1;

	return sorted.length % 2
		? sorted[middle]
		: (sorted[middle - 1] + sorted[middle]) / 2;
}

function select(scenario, server, extra = {}) {
	return rows.filter((row) => row.scenario === scenario
		&& row.server === server
		&& Object.entries(extra).every(([key, value]) => row[key] === value));
}

// The median of a column, or null where nothing was measured.
function value(column, scenario, server, extra) {
	const values = select(scenario, server, extra)
		.map((row) => row[column])
		.filter((number) => number !== null && number !== undefined);

	return values.length ? median(values) : null;
}

// The median over the rounds of how many times more CPU `a` used than `b`.
function ratio(scenario, a, b, extra) {
	const others = select(scenario, b, extra);
	const values = select(scenario, a, extra)
		.map((row, i) => row.cpu_us / others[i]?.cpu_us)
		.filter(Number.isFinite);

	return values.length ? median(values) : null;
}

// The worst of what was measured with different counts of peers.
function idleBytes(name) {
	const values = select('idle', name).map((row) => row.bytes_per_peer);

	return values.length ? Math.max(...values) : null;
}

function instructionsOf(name) {
	return value('instructions', 'relay', name, { window: 1 })
		?? value('instructions', 'instructions', name);
}

// What is promised: [sentence, measured, comparison, limit].
function promises() {
	const cpu = (a, b, window) => ratio('relay', a, b, { window });

	return [
		['signald / bare, CPU, 1 in flight',
			cpu('signald', 'bare', 1), '<=', 1.5],
		['signald / bare, CPU, 8 in flight',
			cpu('signald', 'bare', 8), '<=', 3],
		['socket.io / signald, CPU, 1 in flight',
			cpu('socket.io', 'signald', 1), '>=', 6],
		['socket.io / signald, CPU, 8 in flight',
			cpu('socket.io', 'signald', 8), '>=', 12],
		['signald-socketio / signald, CPU, 1 in flight',
			cpu('signald-socketio', 'signald', 1), '<=', 1.25],
		['signald-socketio / signald, CPU, 8 in flight',
			cpu('signald-socketio', 'signald', 8), '<=', 1.25],
		['socket.io / signald-socketio, CPU, 1 in flight',
			cpu('socket.io', 'signald-socketio', 1), '>=', 6],
		['socket.io / signald-socketio, CPU, 8 in flight',
			cpu('socket.io', 'signald-socketio', 8), '>=', 12],
		['signald, bytes of an idle peer',
			idleBytes('signald'), '<', 2048],
		['signald-socketio, bytes of an idle peer',
			idleBytes('signald-socketio'), '<', 2560],
		['nginx static file / signald /v1/ice, CPU',
			ratio('http', 'nginx', 'signald'), '>=', 1],
		['socket.io / bare, CPU, 1 in flight',
			cpu('socket.io', 'bare', 1), '>=', 6],
		['socket.io / bare, CPU, 8 in flight',
			cpu('socket.io', 'bare', 8), '>=', 30],
		['bare, user instructions, 1 in flight',
			instructionsOf('bare'), '<', 1200],
	].map(([what, measured, comparison, limit]) => ({
		what, measured, comparison, limit,
		holds: measured === null ? null : {
			'<': measured < limit,
			'<=': measured <= limit,
			'>=': measured >= limit,
		}[comparison],
	}));
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

function number(value, digits = 2) {
	return value === null ? '-' : value.toFixed(digits);
}

function printTable(titles, lines) {
	const all = [titles, ...lines];
	const widths = titles.map((_, i) =>
		Math.max(...all.map((line) => line[i].length)));

	console.log();
	for (const line of all)
		console.log(line.map((cell, i) => (i === 0
			? cell.padEnd(widths[i])
			: cell.padStart(widths[i]))).join('  '));
}

function printRelay(names, window) {
	const of = (column, name, digits) =>
		number(value(column, 'relay', name, { window }), digits);

	printTable([`relay, ${peersInRelay / 2} pairs, ${window} in flight`,
		'CPU us', 'of signald', 'relays/s', 'p50 us', 'p99 us',
		'instructions'],
	names.map((name) => [name,
		of('cpu_us', name),
		number(ratio('relay', name, 'signald', { window })),
		of('per_second', name, 0),
		of('latency_p50_us', name, 0),
		of('latency_p99_us', name, 0),
		window === 1
			? number(instructionsOf(name), 0)
			: of('instructions', name, 0)]));
}

function printRest(names) {
	const idle = (column, name, digits) => number(value(column, 'idle', name,
		{ peers: plan.idle[0] }), digits);

	printTable([`broadcast to ${watchers}`, 'CPU us a delivery',
		'of signald', 'p99 us'],
	names.map((name) => [name,
		number(value('cpu_us', 'broadcast', name)),
		number(ratio('broadcast', name, 'signald')),
		number(value('latency_p99_us', 'broadcast', name), 0)]));
	printTable([`${plan.idle[0]} idle peers`, 'bytes a peer',
		'CPU us to join', 'to close'],
	names.map((name) => [name, idle('bytes_per_peer', name, 0),
		idle('join_cpu_us', name, 1), idle('close_cpu_us', name, 1)]));
	printTable(['GET /v1/ice', 'CPU us', 'requests a CPU second', 'p99 us'],
		['signald', 'nginx'].map((name) => {
			const cpu = value('cpu_us', 'http', name);

			return [name, number(cpu), number(cpu && 1e6 / cpu, 0),
				number(value('latency_p99_us', 'http', name), 0)];
		}));
}

// A busy machine makes caches cold and every number larger.
function printOthers() {
	const shares = rows.map((row) => row.others)
		.filter((share) => share !== undefined);

	if (shares.length)
		console.log(`\nOther processes took ${number(median(shares))} cores `
			+ `while measuring, at most ${number(Math.max(...shares))}.`);
}

function printPromises(list) {
	printTable(['promise', 'measured', 'limit', ''],
		list.map(({ what, measured, comparison, limit, holds }) => [what,
			number(measured), `${comparison} ${limit}`,
			holds === null ? 'not measured' : holds ? 'ok' : 'BROKEN']));
}

async function measureAll(names) {
	const servers = [];

	for (const name of names)
		servers.push(await startContender(name));
	for (let round = 1; round <= plan.rounds; round++) {
		log(`round ${round} of ${plan.rounds}`);
		await measureRelay(servers, round);
		await measureBroadcast(servers, round);
	}
	const signald = servers.find(({ name }) => name === 'signald');
	if (signald)
		await measureHttp(signald);
	for (const server of servers)
		await stop(server);

	for (const name of names)
		await measureIdle(name);
	if (rows.every((row) => !row.instructions) && has('valgrind'))
		for (const name of names.filter((name) => !contenders[name].isNode))
			await measureInstructions(name);
}

async function main() {
	const names = positionals.length ? positionals : Object.keys(contenders);
	const unknown = names.find((name) => !contenders[name]);
	const loadBefore = loadavg()[0];

	if (unknown)
		throw new Error(`${unknown}: one of ${Object.keys(contenders)}`);
	compile();
	await measureAll(names);

	const list = promises();
	const facts = machine(loadBefore);
	writeFileSync(join(build, 'bench.json'), `${JSON.stringify(
		{ machine: facts, plan, rows, promises: list }, null, '\t')}\n`);
	console.log(Object.entries(facts)
		.map(([key, fact]) => `${key}=${fact}`).join('  '));
	for (const window of windows)
		printRelay(names, window);
	printRest(names);
	printOthers();
	printPromises(list);
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
