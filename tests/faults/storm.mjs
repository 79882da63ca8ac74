// storm.mjs: ten thousand clients whose server is killed and started again all
// come back, by the real client's own backoff: when, and at what cost.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startSignald, watchChild } from './servers.mjs';
import { Scope } from './trial.mjs';

const BACK_MS = 10000;
const GIVE_UP_MS = 60000;
const PROCESSES = 2;
const TICK_MS = 10;
// So many newcomers at once are more than one address may be. Who comes back is
// not: the server that is started again has the limits that everybody has.
const NO_LIMITS = {
	'limits.connections_per_s': 0, 'limits.handshakes_per_s': 0, 'limits.requests_per_s': 0,
	'limits.joins_per_s': 0, 'limits.rooms_per_minute': 0,
};
// Memory for what all clients need at once: less time for its garbage.
const ROOMY = ['--max-semi-space-size=64'];

// User and system time of a process so far (proc(5), fields 14 and 15).
function cpuMs(pid) {
	const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
	return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

// What a process of clients says next: when all of its are back, or after a while.
async function nextOf(child) {
	const timer = setTimeout(() => child.send('tell'), GIVE_UP_MS);
	const [message] = await once(child, 'message');
	clearTimeout(timer);
	return message;
}

const next = (processes) => Promise.all(processes.map(nextOf));

function startClients(t, url, count) {
	const script = fileURLToPath(new URL('storm-clients.mjs', import.meta.url));
	return Array.from({ length: PROCESSES }, () => {
		const child = watchChild(fork(script, [url, String(count / PROCESSES)], { execArgv: ROOMY }));
		t.after(() => child.kill('SIGKILL'));
		return child;
	});
}

// When which part of the clients was back; never, of those who were not.
function percentiles(backMs, clients) {
	const sorted = backMs.sort((a, b) => a - b);
	const whenBack = (part) => sorted[Math.ceil(clients * part) - 1] ?? Infinity;
	return { p50: whenBack(0.5), p90: whenBack(0.9), p99: whenBack(0.99), all: whenBack(1) };
}

function summary(reports, since, clients) {
	const refusals = reports.flatMap((report) => report.refusals);
	const retries = reports.flatMap((report) => report.retries);
	const newIds = reports.reduce((sum, report) => sum + report.newIds, 0);
	const backMs = reports.flatMap(({ back }) => back).map((at) => at - since);
	return { backCount: backMs.length, backMs: percentiles(backMs, clients), newIds, refusals, retries };
}

const allCpuMs = (processes) => processes.reduce((sum, { pid }) => sum + cpuMs(pid), 0);

// All obey at once, and come back to a server that goes on.
async function order(what, processes, server, clients) {
	const since = Date.now();
	const before = { server: cpuMs(server.pid), clients: allCpuMs(processes) };
	for (const child of processes)
		child.send(what);
	const reports = await next(processes);
	return { ...summary(reports, since, clients), cpuMs: cpuMs(server.pid) - before.server, clientsCpuMs: allCpuMs(processes) - before.clients };
}

// The server knows nobody any more; the time counts from before it is started.
async function killServer(processes, server, clients) {
	const before = allCpuMs(processes);
	await server.end('SIGKILL');
	const since = Date.now();
	const [reports] = await Promise.all([next(processes), server.start()]);
	return { ...summary(reports, since, clients), cpuMs: cpuMs(server.pid), clientsCpuMs: allCpuMs(processes) - before };
}

function judge(name, { backCount, backMs, refusals, newIds }) {
	return [
		backMs.all > BACK_MS && `${name}: ${backCount} were back, the last after ${backMs.all} ms`,
		newIds && `${name}: ${newIds} ids lost`,
		...refusals.map(([why, times]) => `${name}: ${times} x refused: ${why}`),
	].filter(Boolean);
}

function print(name, clients, { backMs, cpuMs, clientsCpuMs }) {
	const { p50, p90, p99, all } = backMs;
	const each = (ms) => Math.round(1000 * ms / clients);
	console.log(`${name.padEnd(21)} half ${p50} ms, 90 % ${p90}, 99 % ${p99}, all ${all};`
		+ ` CPU ${each(cpuMs)} us for each, and ${each(clientsCpuMs)} by it`);
}

/*
 * What a resumption costs is said beside what a newcomer costs who comes in the
 * same way: all leave, or are cut off, and are back.
 */
export async function runStorm({ isQuick }) {
	const clients = isQuick ? 1000 : 10000;
	const scope = new Scope();
	try {
		const sets = { 'turn.host': '127.0.0.1', 'turn.probe': 'no', 'turn.secret': 'storm-storm-storm-storm' };
		const server = await startSignald(scope, { sets, firstSets: NO_LIMITS, openFiles: clients + 1000 });
		const processes = startClients(scope, `http://127.0.0.1:${server.port}`, clients);
		await next(processes);
		console.log(`\nstorm of ${clients} clients: when they are back`);
		const newcomers = await order('anew', processes, server, clients);
		print('left, joined anew', clients, newcomers);
		const cut = await order('cut', processes, server, clients);
		print('cut, resumed', clients, cut);
		const restarted = await killServer(processes, server, clients);
		print('restarted, resumed', clients, restarted);
		const again = await order('cut', processes, server, clients);
		print('cut, resumed as well', clients, again);
		const wrong = [...judge('cut', cut), ...judge('restarted', restarted), ...judge('cut again', again)];
		console.log(wrong.join('\n') || 'ok');
		return { clients, newcomers, cut, restarted, again, wrong };
	} finally {
		await scope.end();
	}
}
