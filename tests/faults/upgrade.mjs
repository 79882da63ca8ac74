// upgrade.mjs: signald replaced twice by another one, on the same sockets, while
// all its clients talk and calls go through its port 443. See run-upgrade, and
// docs/systemd.md for what is promised.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, readFile, readdir, readlink, rename, writeFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import WebSocket from 'ws';
import { startTunnel } from '../e2e/lab.mjs';
import { startActivated } from '../lib/activation.mjs';
import { SECRET, makeFolder, program, until } from '../lib/daemon.mjs';
import { atEnd, useScope } from '../lib/ending.mjs';
import { makeCertificate, openTls } from '../lib/tls.mjs';
import { Signald } from '../../web/client/index.js';
import { TurnClient, mintCredential } from '../turnconf/turn-client.mjs';

// As tests/faults/run-upgrade gives it.
const ADDRESS = '198.51.100.10';
const PLAIN = { host: ADDRESS, port: 8080 };
const TLS = { host: ADDRESS, port: 443 };
const METRICS = { host: '127.0.0.1', port: 9580 };
const TUNNEL = '127.0.0.1:3479';

// What is promised.
const HANDOVER_MS = 1000;
const FREEZE_MS = 1000;
// Beyond drain.spread_s: the time that a client is told to leave for the next one
// to start in, its chance, and a busy machine.
const BACK_MS = 4000;

const TICK_MS = 10;
const STALL_MS = 30;
const PACKET_MS = 20;
const PROBE_MS = 20;
const NEWCOMER_MS = 200;
const ANSWER_LIMIT_MS = 10000;
// As many newcomers as may be in at a moment.
const FEW = 10;
const CHANNEL = 0x4001;

const { values: flags } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const plan = flags.quick
	? { sessions: 200, rate: 2, spreads: [0, 1], quietMs: 500 }
	: { sessions: 1000, rate: 2, spreads: [5, 1], quietMs: 3000 };

const max = (numbers) => numbers.reduce((a, b) => Math.max(a, b), 0);
const round = Math.round;

function percentiles(numbers) {
	const sorted = Float64Array.from(numbers).sort();
	const at = (part) => round(sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? NaN);
	return { count: sorted.length, p50: at(0.5), p99: at(0.99), worst: at(1) };
}

/*
 * When this process stood still, for want of a processor or with its garbage: what
 * comes late then is not late.
 */
class Stalls {
	#all = [];

	constructor(t) {
		let lastMs = performance.now();
		const timer = setInterval(() => {
			const nowMs = performance.now();
			if (nowMs - lastMs > STALL_MS)
				this.#all.push([lastMs + TICK_MS, nowMs]);
			lastMs = nowMs;
		}, TICK_MS);
		atEnd(t, () => clearInterval(timer));
	}

	// How much of a time it did not.
	awakeMs(fromMs, toMs) {
		const within = ([from, to]) => Math.max(0, Math.min(to, toMs) - Math.max(from, fromMs));
		return this.#all.reduce((ms, stall) => ms - within(stall), toMs - fromMs);
	}

	get worstMs() {
		return max(this.#all.map(([from, to]) => to - from));
	}
}

/*
 * Two in a call, both of whom get out on 443 alone: one says something every
 * 20 ms, the other says it again.
 */
class RelayedCall {
	sent = 0;
	#heardMs = [];
	#next = 0;
	#ends;
	#timer;
	#stalls;
	#isEnded = false;

	static async open(t, daemon, stalls) {
		const call = new RelayedCall();
		call.#stalls = stalls;
		call.#ends = [await call.#join(t, daemon, 'alice'), await call.#join(t, daemon, 'bob')];
		atEnd(t, () => call.end());
		const [one, other] = call.#ends;
		for (const [from, to] of [[one, other], [other, one]])
			if ((await from.client.permit(ADDRESS)).code !== 200 || (await from.client.bindChannel(CHANNEL, to.relayed)).code !== 200)
				throw new Error('coturn lets nobody through');
		call.#listen(one.client, (data) => call.#hear(data));
		call.#listen(other.client, (data) => other.client.sendChannel(CHANNEL, data));
		call.#timer = setInterval(() => one.client.sendChannel(CHANNEL, String(call.sent++)), PACKET_MS);
		await until('it is heard', () => call.#heardMs.length > 5);
		return call;
	}

	async #join(t, daemon, user) {
		const stream = await openTls(t, daemon, { host: ADDRESS });
		const client = TurnClient.overStream(stream, mintCredential(SECRET, user));
		const { code, relayed } = await client.allocate();
		if (code !== 200)
			throw new Error(`no relay: ${code}`);
		return { stream, client, relayed };
	}

	async #listen(client, hear) {
		while (!this.#isEnded) {
			const item = await client.receive();
			if (item)
				hear(item.data);
		}
	}

	#hear(data) {
		const n = Number(data);
		this.isReordered ||= n < this.#next;
		this.#next = n + 1;
		this.#heardMs.push(performance.now());
	}

	get heard() {
		return this.#heardMs.length;
	}

	get worstMs() {
		const all = [...this.#heardMs, ...(this.#isEnded ? [] : [performance.now()])];
		return max(all.slice(1).map((atMs, i) => this.#stalls.awakeMs(all[i], atMs)));
	}

	get ports() {
		return this.#ends.map(({ stream }) => stream.localPort);
	}

	// They say no more, and what is on its way comes.
	async fallSilent() {
		clearInterval(this.#timer);
		await until('all of the call has come', () => this.heard === this.sent, 3000).catch(() => {});
		this.#isEnded = true;
	}

	end() {
		clearInterval(this.#timer);
		this.#isEnded = true;
		this.#ends.forEach(({ client }) => client.close());
	}
}

/*
 * Strangers who come all the time, each with a connection of its own, to one port
 * and to the other, and must be answered.
 */
class Strangers {
	answers = [];
	faults = [];
	#ca;
	#stalls;
	#timer;
	#count = 0;
	#open = 0;

	constructor(t, { ca, stalls }) {
		this.#ca = ca;
		this.#stalls = stalls;
		this.#timer = setInterval(() => this.#come(), PROBE_MS);
		atEnd(t, () => clearInterval(this.#timer));
	}

	#come() {
		const isTls = this.#count++ % 2 === 1;
		const began = performance.now();
		const ask = (isTls ? https : http).get({
			...(isTls ? { ...TLS, ca: this.#ca, servername: 'localhost' } : PLAIN),
			path: '/healthz', agent: false, timeout: ANSWER_LIMIT_MS,
		});
		this.#open++;
		const end = (fault) => {
			this.#open--;
			if (fault)
				this.faults.push(`${isTls ? 'TLS' : 'plain'}: ${fault}`);
			else
				this.answers.push({ began, ms: this.#stalls.awakeMs(began, performance.now()) });
		};
		ask.on('response', (response) => {
			response.resume();
			response.on('end', () => end(response.statusCode === 200 ? null : response.statusCode));
			response.on('error', ({ message }) => end(message));
		});
		ask.on('timeout', () => ask.destroy(new Error(`no answer in ${ANSWER_LIMIT_MS} ms`)));
		ask.on('error', ({ message }) => end(message));
	}

	// Of those who came in that time, the one who waited longest.
	worstMs(fromMs, toMs) {
		return max(this.answers.filter(({ began }) => began >= fromMs && began <= toMs).map(({ ms }) => ms));
	}

	async end() {
		clearInterval(this.#timer);
		await until('all are answered', () => this.#open === 0, ANSWER_LIMIT_MS + 1000);
	}
}

/*
 * Clients who come for the first time, one after the other. While a server drains
 * it lets nobody new in, and they try again by themselves.
 */
class Newcomers {
	joins = [];
	faults = [];
	#timer;
	#waiting = new Set();

	constructor(t) {
		this.#timer = setInterval(() => this.#come(), NEWCOMER_MS);
		atEnd(t, () => {
			clearInterval(this.#timer);
			this.#waiting.forEach((signald) => signald.close());
		});
	}

	async #come() {
		const began = performance.now();
		const room = `newcomer-${this.joins.length}-${this.#waiting.size}`;
		const signald = new Signald(`http://${ADDRESS}:${PLAIN.port}`, { room, WebSocket });
		this.#waiting.add(signald);
		await signald.connect().then(() => this.joins.push({ began, ms: performance.now() - began }), ({ message }) => this.faults.push(message));
		this.#waiting.delete(signald);
		signald.close();
	}

	worstMs(fromMs, toMs) {
		return max(this.joins.filter(({ began }) => began >= fromMs && began <= toMs).map(({ ms }) => ms));
	}

	async end() {
		clearInterval(this.#timer);
		await until('all newcomers are in', () => this.#waiting.size === 0, ANSWER_LIMIT_MS);
	}
}

// Pages and Prometheus keep their connections for the next request.
async function holdIdle(t) {
	const agent = new http.Agent({ keepAlive: true });
	atEnd(t, () => agent.destroy());
	for (const at of [PLAIN, METRICS]) {
		const [response] = await once(http.get({ ...at, path: '/healthz', agent }), 'response');
		response.resume();
		await once(response, 'end');
	}
}

class Sessions {
	#child;
	#ended;

	constructor(t, count, rate) {
		const script = fileURLToPath(new URL('upgrade-sessions.mjs', import.meta.url));
		this.#child = fork(script, [`http://${ADDRESS}:${PLAIN.port}`, String(count), String(rate)], { execArgv: ['--max-semi-space-size=64'] });
		this.#ended = once(this.#child, 'exit').then(() => [{ fault: 'the sessions ended by themselves' }]);
		atEnd(t, () => this.#child.kill('SIGKILL'));
	}

	async next() {
		const waiting = new AbortController();
		const message = once(this.#child, 'message', { signal: waiting.signal });
		message.catch(() => {});
		const [said] = await Promise.race([message, this.#ended]);
		waiting.abort();
		if (said.fault)
			throw new Error(said.fault);
		return said;
	}

	ask(what) {
		this.#child.send(what);
		return this.next();
	}

	// Gathers until all who have lost their connection are back.
	async awaitBack(count) {
		const all = { awayMs: [], tookMs: [] };
		for (const deadline = performance.now() + 30000; performance.now() < deadline; await delay(100)) {
			const { awayMs, tookMs, out } = await this.ask('times');
			all.awayMs.push(...awayMs);
			all.tookMs = all.tookMs.concat(tookMs);
			if (all.awayMs.length >= count && !out)
				break;
		}
		return all;
	}
}

const isThere = (pid) => readlink(`/proc/${pid}/exe`).then(() => true, () => false);

// The TCP sockets of a process: {isListening, localPort, remotePort}.
async function socketsOf(pid) {
	const fds = await readdir(`/proc/${pid}/fd`);
	const links = await Promise.all(fds.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
	const inodes = new Set(links.map((link) => link.match(/^socket:\[(\d+)\]$/)?.[1]).filter(Boolean));
	const port = (field) => parseInt(field.split(':')[1], 16);
	const lines = (await readFile('/proc/net/tcp', 'utf8')).trim().split('\n').slice(1);
	return lines.map((line) => line.trim().split(/\s+/)).filter((fields) => inodes.has(fields[9]))
		.map((fields) => ({ isListening: fields[3] === '0A', localPort: port(fields[1]), remotePort: port(fields[2]) }));
}

// What is wrong with one that is to carry the calls of those clients and nothing else.
async function judgeKeeper(pid, ports) {
	const tunnelPort = Number(TUNNEL.split(':')[1]);
	const sockets = await socketsOf(pid);
	const near = sockets.filter(({ localPort }) => localPort === TLS.port).map(({ remotePort }) => remotePort);
	const far = sockets.filter(({ remotePort }) => remotePort === tunnelPort);
	const sorted = (list) => [...list].sort((a, b) => a - b).join();
	const isRight = sorted(near) === sorted(ports) && far.length === ports.length && sockets.length === 2 * ports.length;
	return isRight ? [] : [`the old process has other sockets than its tunnels: ${JSON.stringify(sockets)}`];
}

async function metric(name) {
	const text = await (await fetch(`http://${METRICS.host}:${METRICS.port}/metrics`)).text();
	return Number(text.match(new RegExp(`^${name} (.*)$`, 'm'))?.[1]);
}

// Another file in the place of the one that runs, as a package manager does it.
async function install(target) {
	await copyFile(program, `${target}.new`);
	await rename(`${target}.new`, target);
}

async function writeConfig(file, { certificate, folder, spread }) {
	await writeFile(file, `
[listen]
address = ${PLAIN.host}:${PLAIN.port}
tls = ${TLS.host}:${TLS.port}
metrics = ${METRICS.host}:${METRICS.port}
[tls]
cert = ${certificate.cert}
key = ${certificate.key}
[access]
mode = open
open_in_public = yes
[turn]
host = ${ADDRESS}
secret = ${SECRET}
tunnel = ${TUNNEL}
udp = no
tcp = no
[state]
dir = ${folder}
[drain]
spread_s = ${spread}
tunnels_s = 60
`, { mode: 0o600 });
}

async function startWorld(t) {
	const folder = await makeFolder(t);
	const state = await makeFolder(t);
	const certificate = await makeCertificate(folder, { address: ADDRESS });
	const file = path.join(folder, 'signald');
	const config = path.join(folder, 'signald.conf');
	const settings = (spread) => writeConfig(config, { certificate, folder: state, spread });
	await startTunnel(t, { 'turn.tunnel': TUNNEL, 'listen.tls': `${TLS.host}:${TLS.port}`, 'tls.cert': certificate.cert, 'tls.key': certificate.key });
	await settings(plan.spreads[0]);
	await install(file);
	const signald = await startActivated(t, { program: file, args: ['--config', config], sockets: [PLAIN, TLS] });
	const ca = await readFile(certificate.cert);
	return { signald, ca, stalls: new Stalls(t), settings, install: () => install(file), daemon: { tlsPort: TLS.port, ca } };
}

const keepersOf = ({ log }) => [...log.matchAll(/tunnels\.kept tunnels=(\d+) pid=(\d+)/g)]
	.map(([, tunnels, pid]) => ({ tunnels: Number(tunnels), pid: Number(pid) }));

/*
 * Replace signald while all go on.
 *
 * calls   whose tunnels the one that ends has
 * spread  seconds over which it closes, which it knows
 * later   the same of the next one
 *
 * Returns what was measured, with what of it is wrong.
 */
async function upgradeUnder(t, { world, sessions, strangers, newcomers, calls, spread, later }) {
	const keptBefore = keepersOf(world.signald).length;
	const count = plan.sessions;
	await holdIdle(t);
	await sessions.ask('times');
	await world.settings(later);
	await world.install();
	const { before, next, termMs } = await world.signald.upgrade();
	const back = await sessions.awaitBack(count);
	const doneMs = performance.now();
	await delay(plan.quietMs);
	const [keeper] = keepersOf(world.signald).slice(keptBefore);
	atEnd(t, async () => keeper && await isThere(keeper.pid) && process.kill(keeper.pid, 'SIGKILL'));
	const handoverMs = next.upMs - before.endedMs;
	const waitMs = strangers.worstMs(termMs, doneMs);
	const joinMs = newcomers.worstMs(termMs, doneMs);
	const away = percentiles(back.awayMs);
	const took = percentiles(back.tookMs);
	const [peers, rooms, tunnels] = [await metric('signald_peers'), await metric('signald_rooms'), await metric('signald_tunnels')];
	const freezeMs = max(calls.map((call) => call.worstMs));
	console.log(`drain.spread_s ${spread}: ended ${round(before.endedMs - termMs)} ms after SIGTERM, the next one serves ${round(handoverMs)} ms later;`
		+ ` a connect waits ${round(waitMs)} ms at most`);
	console.log(`  ${away.count} connections lost: away ${away.p50} ms (half), ${away.p99} (99 %), ${away.worst} (all);`
		+ ` a message sent meanwhile takes ${took.p50} (half), ${took.p99} (99 %), ${took.worst} (all)`);
	console.log(`  a newcomer is in after ${round(joinMs)} ms at most`);
	console.log(`  ${keeper?.tunnels} tunnels go on in pid ${keeper?.pid}, worst gap in their call ${round(freezeMs)} ms;`
		+ ` the next one has ${peers} peers in ${rooms} rooms`);
	const wrong = [
		before.code !== 0 && `the old one ended with ${before.code}`,
		next.beganMs < before.endedMs && 'the next one was started while the old one served',
		!(waitMs <= HANDOVER_MS) && `a connect waited ${waitMs} ms`,
		!(freezeMs <= FREEZE_MS) && `the call through 443 was frozen for ${freezeMs} ms`,
		away.count !== count && `${away.count} of ${count} sessions lost their connection`,
		!(away.worst <= 1000 * spread + BACK_MS) && `a session was away for ${away.worst} ms`,
		// Who is turned away tries again within as long as it has waited.
		!(joinMs <= 2000 * spread + BACK_MS) && `a newcomer waited ${joinMs} ms`,
		!(peers >= count && peers < count + FEW) && `${peers} peers in the next one`,
		tunnels !== 0 && `${tunnels} tunnels in the next one, of nobody`,
		keeper?.tunnels !== 2 * calls.length && `${keeper?.tunnels} tunnels were kept`,
		...(keeper ? await judgeKeeper(keeper.pid, calls.flatMap((call) => call.ports)) : []),
	].filter(Boolean);
	return { spread, endedMs: before.endedMs - termMs, handoverMs, waitMs, joinMs, away, took, freezeMs, keeper, wrong };
}

function judgeCounts(counts) {
	const none = ['lost', 'lostAcknowledged', 'repeated', 'reordered', 'unknown', 'early', 'untold', 'failed', 'newIds'];
	return [
		...none.map((name) => counts[name] && `${counts[name]} ${name}`),
		counts.sent < plan.sessions && `only ${counts.sent} sent`,
		...counts.refusals.map(([why, times]) => `${times} x refused: ${why}`),
	].filter(Boolean);
}

async function run(t) {
	const world = await startWorld(t);
	const sessions = new Sessions(t, plan.sessions, plan.rate);
	await sessions.next();
	const strangers = new Strangers(t, world);
	const newcomers = new Newcomers(t);
	const calls = [];
	const upgrades = [];
	for (const [i, spread] of plan.spreads.entries()) {
		// Each server has a call of its own; those of the servers before go on.
		const call = await RelayedCall.open(t, world.daemon, world.stalls);
		await delay(plan.quietMs);
		upgrades.push(await upgradeUnder(t, { world, sessions, strangers, newcomers, calls: [call], spread, later: plan.spreads[i + 1] ?? 0 }));
		calls.push(call);
	}
	const freezes = calls.map((call) => round(call.worstMs));
	for (const call of calls)
		await call.fallSilent();
	await Promise.all([strangers.end(), newcomers.end()]);
	const counts = await sessions.ask('end');
	const gone = calls.map(({ sent, heard }) => sent - heard);
	const keepers = upgrades.map(({ keeper }) => keeper?.pid);
	for (const call of calls)
		call.end();
	await until('who carried the calls ends with them', async () => !(await Promise.all(keepers.map(isThere))).some(Boolean), 5000)
		.catch(() => {});
	const left = (await Promise.all(keepers.map(isThere))).filter(Boolean).length;

	console.log(`this process stood still for ${round(world.stalls.worstMs)} ms at most, which is taken off\n${plan.sessions} sessions: ${counts.sent} sent, ${counts.delivered} delivered, ${counts.lost} lost, ${counts.repeated} repeated,`
		+ ` ${counts.reordered} reordered, ${counts.failed} failed, ${counts.newIds} ids lost`);
	console.log(`${strangers.answers.length} strangers answered, ${strangers.faults.length} not; ${newcomers.joins.length} newcomers joined, ${newcomers.faults.length} not`);
	console.log(`calls through 443: ${calls.map(({ sent }, i) => `${sent} packets, ${gone[i]} lost, worst gap ${freezes[i]} ms`).join('; ')}`);
	const wrong = [
		...upgrades.flatMap((one) => one.wrong),
		...judgeCounts(counts),
		...[...new Set(strangers.faults)].map((fault) => `a stranger got ${fault}`),
		...newcomers.faults.map((fault) => `a newcomer was told: ${fault}`),
		...freezes.filter((ms) => !(ms <= FREEZE_MS)).map((ms) => `a call was frozen for ${ms} ms`),
		...gone.filter(Boolean).map((lost) => `${lost} packets of a call were lost`),
		calls.some((call) => call.isReordered) && 'packets of a call came in another order',
		left && `${left} processes were left behind`,
	].filter(Boolean);
	if (wrong.length)
		console.log(`the log, but for peers:\n${world.signald.log.replace(/.* peer\..*\n/g, '')}`);
	return { sessions: plan.sessions, upgrades, counts, strangers: strangers.answers.length, freezes, wrong };
}

await useScope(async (t) => {
	const result = await run(t);
	console.log(result.wrong.join('\n') || 'ok');
	await writeFile(new URL('../../build/upgrade.json', import.meta.url), `${JSON.stringify(result, null, '\t')}\n`);
	process.exitCode = result.wrong.length ? 1 : 0;
});
