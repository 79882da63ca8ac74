// tunnel.mjs: what TURN over TLS costs, and what it does to signaling.
//
//   tests/bench/run-tunnel [--quick] [--check]
//
// Three ways for the same packets: signald's tunnel to the second coturn,
// haproxy (TLS, PROXY header) to the same coturn, and coturn's own TLS listener.
// Then the front alone, with an echo in coturn's place, so that not coturn's
// speed is measured. The servers share one core, the load generator has
// another. Writes build/bench-tunnel.json and prints the same for people.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { cpus, loadavg, release } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { build, compile, root, work } from './contenders.mjs';

const { values: flags } = parseArgs({
	options: { quick: { type: 'boolean' }, check: { type: 'boolean' } },
});
const plan = flags.quick
	? { rounds: 1, warmup_ms: 300, measure_ms: 1000 }
	: { rounds: 5, warmup_ms: 500, measure_ms: 2000 };

const ADDRESS = '8.8.4.10';
const LOOPBACK = '127.0.0.1';
const PORT = { signald: 443, haproxy: 8443, coturn: 5349, behind: 3479, echo: 3490, http: 8080 };
const SECRET = 'benchmark-benchmark-benchmark';
const REALM = 'bench.example.org';
// haproxy's median, and what noise may add to ours.
const TOLERANCE = 1.05;
const P99_LIMIT_US = 10000;

// Calls: 50 packets a second each way, one at a time as they come. Bulk: as many
// as will go, from a few clients and from many.
const SCENARIOS = {
	turn: {
		servers: ['signald', 'haproxy', 'coturn'],
		loads: {
			'calls': { clients: 40, pace: 20000 },
			'1 under way': { clients: 20, window: 1 },
			'bulk': { clients: 40, window: 16 },
		},
	},
	echo: {
		servers: ['signald', 'haproxy'],
		loads: {
			'calls': { clients: 100, pace: 20000 },
			'1 under way': { clients: 20, window: 1 },
			'bulk': { clients: 40, window: 32 },
		},
	},
};

const running = new Set();
const rows = [];

const log = (text) => process.stderr.write(`${text}\n`);
const at = (name) => path.join(work, name);

function pickCores() {
	const list = readFileSync('/proc/self/status', 'utf8')
		.match(/^Cpus_allowed_list:\s*(.*)$/m)[1]
		.split(',')
		.flatMap((part) => {
			const [first, last = first] = part.split('-').map(Number);
			return Array.from({ length: last - first + 1 }, (_, i) => first + i);
		});
	return { server: list.at(-1), load: list[0] };
}

const cores = pickCores();

async function waitForPort(server, host, port) {
	for (const until = Date.now() + 15000; Date.now() < until;) {
		if (server.child.exitCode !== null)
			break;
		const socket = connect(port, host);
		const isOpen = await new Promise((resolve) => {
			socket.on('connect', () => resolve(true));
			socket.on('error', () => resolve(false));
		});
		socket.destroy();
		if (isOpen)
			return;
		await sleep(50);
	}
	throw new Error(`${server.name} does not listen: see ${at(`${server.name}.log`)}`);
}

async function start(name, command, host, port, core = cores.server) {
	const output = openSync(at(`${name}.log`), 'w');
	const child = spawn('taskset', ['-c', String(core), ...command], { stdio: ['ignore', output, output] });
	const server = { name, child, pid: child.pid };

	running.add(server);
	await waitForPort(server, host, port);
	return server;
}

async function stop(server) {
	running.delete(server);
	if (server.child.exitCode !== null || server.child.signalCode !== null)
		throw new Error(`${server.name} has ended by itself`);
	server.child.kill('SIGKILL');
	await once(server.child, 'exit');
}

// One configuration for signald and both coturns.
function settings(tunnelPort) {
	return Object.entries({
		'listen.address': `${LOOPBACK}:${PORT.http}`,
		'listen.metrics': '',
		'listen.tls': `${ADDRESS}:${PORT.signald}`,
		'tls.cert': at('cert.pem'),
		'tls.key': at('key.pem'),
		'turn.host': 'bench.example.org',
		'turn.realm': REALM,
		'turn.secret': SECRET,
		'turn.tls': 'yes',
		'turn.tunnel': `${LOOPBACK}:${tunnelPort}`,
		// The load is nobody's page, and says more than anybody may.
		'access.mode': 'open',
		'access.open_in_public': 'yes',
		'limits.messages_per_s': 0,
		'limits.bytes_per_s': 0,
		'rooms.max_watchers_per_broadcaster': 1000,
		'coturn.listening_ip': ADDRESS,
		'coturn.relay_ip': ADDRESS,
		'coturn.max_kbps': 0,
		'coturn.capacity_kbps': 0,
		'coturn.cert': at('cert.pem'),
		'coturn.key': at('key.pem'),
		'coturn.userdb': at('turndb'),
		'coturn.pidfile': at('coturn.pid'),
	}).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
}

const haproxyConf = (port) => `global
	nbthread 1
	maxconn 4000
	ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
	mode tcp
	timeout connect 5s
	timeout client 1h
	timeout server 1h
frontend tls
	bind ${ADDRESS}:${PORT.haproxy} ssl crt ${at('both.pem')}
	default_backend coturn
backend coturn
	server coturn ${LOOPBACK}:${port} send-proxy-v2
`;

function prepare() {
	compile();
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
		'-keyout', at('key.pem'), '-out', at('cert.pem'), '-days', '30', '-subj', '/CN=bench.example.org'],
	{ stdio: 'ignore' });
	writeFileSync(at('both.pem'), readFileSync(at('cert.pem')) + readFileSync(at('key.pem')));
	for (const [file, more] of [['first.conf', []], ['tunnel.conf', ['--tunnel']]])
		execFileSync(path.join(build, 'turnconf'), ['generate', ...more, '--output', at(file), ...settings(PORT.behind)],
			{ stdio: ['ignore', 'inherit', 'ignore'] });
	execFileSync(path.join(build, 'turnconf'), ['secrets', ...settings(PORT.behind)]);
	for (const to of ['behind', 'echo'])
		writeFileSync(at(`haproxy-${to}.cfg`), haproxyConf(PORT[to]));
}

const startSignald = (to) => start('signald', [path.join(build, 'signald'), ...settings(PORT[to])], ADDRESS, PORT.signald);
const startHaproxy = (to) => start('haproxy', ['haproxy', '-db', '-f', at(`haproxy-${to}.cfg`)], ADDRESS, PORT.haproxy);
const startCoturn = (file, host, port) => start(`coturn-${file}`, ['turnserver', '-c', at(`${file}.conf`)], host, port);
const startEcho = () => start('echo', [at('tunnel'), 'serve', `port=${PORT.echo}`, `cpu=${cores.load}`],
	LOOPBACK, PORT.echo, cores.load);

// What stands between the load and its other end, the one in front first.
async function startServers(scenario, name) {
	if (name === 'coturn')
		return [await startCoturn('first', ADDRESS, PORT.coturn)];
	const to = scenario === 'turn' ? 'behind' : 'echo';
	const front = await (name === 'signald' ? startSignald(to) : startHaproxy(to));
	const end = await (scenario === 'turn' ? startCoturn('tunnel', LOOPBACK, PORT.behind) : startEcho());
	return [front, end];
}

async function run(program, args, wrap = []) {
	const child = spawn([...wrap, program][0], [...wrap, program].slice(1).concat(args),
		{ stdio: ['ignore', 'pipe', 'pipe'] });
	let stdout = '';
	let stderr = '';

	child.stdout.on('data', (data) => (stdout += data));
	child.stderr.on('data', (data) => (stderr += data));
	const [code] = await once(child, 'close');
	if (code !== 0)
		throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
	return JSON.parse(stdout);
}

const words = (options) => Object.entries(options).map(([key, value]) => `${key}=${value}`);

function load(scenario, name, servers, options) {
	return run(at('tunnel'), [scenario, ...words({
		host: ADDRESS, port: PORT[name], secret: SECRET, realm: REALM, cpu: cores.load,
		warmup_ms: plan.warmup_ms, measure_ms: plan.measure_ms, ...options,
	}), ...servers.filter((server) => server.name !== 'echo').map((server) => `pid=${server.pid}`)]);
}

async function measure(round, scenario, name) {
	for (const [what, options] of Object.entries(SCENARIOS[scenario].loads)) {
		const servers = await startServers(scenario, name);
		const result = await load(scenario, name, servers, options);
		for (const server of servers)
			await stop(server);
		const [front, coturn] = name === 'coturn' ? [undefined, result.cpu_us_per_mb[0]] : result.cpu_us_per_mb;
		const row = { round, scenario, what, server: name, front_us_per_mb: front, coturn_us_per_mb: coturn,
			megabytes_per_s: result.megabytes / result.seconds, lost: result.lost, busy: result.busy };
		rows.push(row);
		log(`  ${scenario}, ${what}, ${name}: ${JSON.stringify(row)}`);
	}
}

// The probe goes before the load on the core that both share: its own waiting is
// not signald's. The kernel may not allow that; then it is only nicer.
function urgent() {
	try {
		execFileSync('chrt', ['-f', '10', 'true'], { stdio: 'ignore' });
		return ['chrt', '-f', '10'];
	} catch {
		return ['nice', '-n', '-20'];
	}
}

// Messages between two peers, one at a time, while the load runs; `beside` carries it.
async function measureSignaling(round, scenario, beside) {
	const servers = beside ? await startServers(scenario, beside) : [];
	const signald = servers.find(({ name }) => name === 'signald') ?? await startSignald('behind');
	const heavy = beside && load(scenario, beside, servers, {
		...SCENARIOS[scenario].loads.bulk, clients: 100, measure_ms: 3 * plan.measure_ms });
	if (heavy)
		await sleep(plan.warmup_ms + 500);
	const probe = await run(at('load'), ['relay', ...words({ speak: 'native', port: PORT.http, pid: signald.pid,
		cpu: cores.load, peers: 2, window: 1, warmup_ms: 100, measure_ms: plan.measure_ms })], urgent());
	const carried = await heavy;
	for (const server of new Set([...servers, signald]))
		await stop(server);
	const row = { round, scenario: beside ? scenario : 'none', beside: beside ?? 'nothing',
		p50_us: probe.latency_p50_us, p99_us: probe.latency_p99_us, messages_per_s: probe.per_second,
		megabytes_per_s: carried ? carried.megabytes / carried.seconds : 0, busy: carried?.busy ?? [] };
	rows.push({ kind: 'signaling', ...row });
	log(`  signaling beside ${row.beside} (${row.scenario}): ${JSON.stringify(row)}`);
}

function median(values) {
	const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
	const middle = sorted.length / 2;
	if (!sorted.length)
		return undefined;
	return sorted.length % 2 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const pick = (wanted, field) => median(rows
	.filter((row) => Object.entries(wanted).every(([key, value]) => row[key] === value))
	.map((row) => row[field]));

function summary() {
	const costs = Object.entries(SCENARIOS).flatMap(([scenario, { servers, loads }]) =>
		Object.keys(loads).flatMap((what) => servers.map((server) => {
			const of = { scenario, what, server };
			return { ...of, front: pick(of, 'front_us_per_mb'), coturn: pick(of, 'coturn_us_per_mb'),
				speed: pick(of, 'megabytes_per_s'), lost: pick(of, 'lost') };
		})));
	const besides = [['none', 'nothing'], ['turn', 'signald'], ['turn', 'haproxy'], ['echo', 'signald']];
	const signaling = besides.map(([scenario, beside]) => {
		const of = { kind: 'signaling', scenario, beside };
		return { scenario, beside, p50: pick(of, 'p50_us'), p99: pick(of, 'p99_us'), speed: pick(of, 'megabytes_per_s') };
	});
	return { costs, signaling };
}

function promises({ costs, signaling }) {
	const cost = (scenario, what, server) => costs.find((row) =>
		row.scenario === scenario && row.what === what && row.server === server).front;
	const frugal = Object.entries(SCENARIOS).flatMap(([scenario, { loads }]) => Object.keys(loads).map((what) => ({
		promise: `${scenario}, ${what}: no more CPU per megabyte than haproxy`,
		isKept: cost(scenario, what, 'signald') <= TOLERANCE * cost(scenario, what, 'haproxy'),
	})));
	const quick = signaling.filter(({ beside }) => beside === 'signald').map(({ scenario, p99 }) => ({
		promise: `signaling's p99 beside ${scenario} at full load is under ${P99_LIMIT_US / 1000} ms`,
		isKept: p99 < P99_LIMIT_US,
	}));
	return [...frugal, ...quick];
}

const ms = (us) => (us === undefined ? '–' : (us / 1000).toFixed(2));

function print({ costs, signaling }, kept) {
	const line = (...cells) => console.log(`| ${cells.join(' | ')} |`);
	line('load', 'TLS ended by', 'front, CPU ms/MB', 'coturn, CPU ms/MB', 'together', 'MB/s');
	line('---', '---', '---', '---', '---', '---');
	for (const { scenario, what, server, front, coturn, speed } of costs)
		line(`${scenario}, ${what}`, server, ms(front), ms(coturn), ms((front ?? 0) + (coturn ?? 0)), speed.toFixed(1));
	console.log();
	line('signaling beside', 'p50, ms', 'p99, ms', 'MB/s carried');
	line('---', '---', '---', '---');
	for (const { scenario, beside, p50, p99, speed } of signaling)
		line(beside === 'nothing' ? beside : `${beside}, ${scenario}`, ms(p50), ms(p99), speed.toFixed(1));
	console.log();
	for (const { promise, isKept } of kept)
		console.log(`${isKept ? 'kept  ' : 'BROKEN'}  ${promise}`);
}

async function main() {
	mkdirSync(work, { recursive: true });
	prepare();
	for (let round = 1; round <= plan.rounds; round++) {
		log(`round ${round} of ${plan.rounds}`);
		for (const [scenario, { servers }] of Object.entries(SCENARIOS))
			for (const name of round % 2 ? servers : [...servers].reverse())
				await measure(round, scenario, name);
		await measureSignaling(round);
		for (const [scenario, beside] of [['turn', 'signald'], ['turn', 'haproxy'], ['echo', 'signald']])
			await measureSignaling(round, scenario, beside);
	}
	const result = summary();
	const kept = promises(result);
	const machine = { cpu: cpus()[0].model, cores: cpus().length, kernel: release(), loadavg: loadavg() };
	writeFileSync(path.join(root, 'build/bench-tunnel.json'),
		`${JSON.stringify({ machine, plan, ...result, promises: kept, rows }, null, '\t')}\n`);
	print(result, kept);
	if (flags.check && kept.some(({ isKept }) => !isKept))
		process.exitCode = 1;
}

try {
	await main();
} finally {
	for (const { child } of running)
		child.kill('SIGKILL');
}
