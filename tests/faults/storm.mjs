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

// User and system time of a process so far (proc(5), fields 14 and 15).
function cpuMs(pid) {
	const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
	return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

// What every process of clients says next: when all are back, or after a while.
async function next(processes) {
	const all = Promise.all(processes.map(async (child) => (await once(child, 'message'))[0]));
	const timer = setTimeout(() => processes.forEach((child) => child.send('tell')), GIVE_UP_MS);
	return all.finally(() => clearTimeout(timer));
}

function startClients(t, url, count) {
	const script = fileURLToPath(new URL('storm-clients.mjs', import.meta.url));
	return Array.from({ length: PROCESSES }, () => {
		const child = watchChild(fork(script, [url, String(count / PROCESSES)]));
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
	const refusals = reports.flatMap((report) => Object.entries(report.refusals)).map(([why, n]) => `${n} x ${why}`);
	const newIds = reports.reduce((sum, report) => sum + report.newIds, 0);
	const backMs = reports.flatMap(({ back }) => back).map((at) => at - since);
	return { backCount: backMs.length, backMs: percentiles(backMs, clients), refusals, newIds };
}

const allCpuMs = (processes) => processes.reduce((sum, { pid }) => sum + cpuMs(pid), 0);

// The server goes on and knows them all: what a resumption costs it.
async function cutAll(processes, server, clients) {
	const since = Date.now();
	const before = { server: cpuMs(server.pid), clients: allCpuMs(processes) };
	for (const child of processes)
		child.send('cut');
	const reports = await next(processes);
	return { ...summary(reports, since, clients), cpuMs: cpuMs(server.pid) - before.server, clientsCpuMs: allCpuMs(processes) - before.clients };
}

// It knows nothing any more; the time counts from before it is started.
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
		...refusals.map((refusal) => `${name}: refused: ${refusal}`),
	].filter(Boolean);
}

const each = (clients, cpuMs) => `${(1000 * cpuMs / clients).toFixed(1)} us`;

function print(clients, name, { backMs, cpuMs, clientsCpuMs }) {
	const { p50, p90, p99, all } = backMs;
	console.log(`${name.padEnd(20)} half back after ${p50} ms, 90 % ${p90}, 99 % ${p99}, all ${all};`
		+ ` CPU for each ${each(clients, cpuMs)}, by each ${each(clients, clientsCpuMs)}`);
}

export async function runStorm({ isQuick }) {
	const clients = isQuick ? 1000 : 10000;
	const scope = new Scope();
	try {
		const sets = { 'turn.host': '127.0.0.1', 'turn.secret': 'storm-storm-storm-storm' };
		const server = await startSignald(scope, { sets, openFiles: clients + 1000 });
		const processes = startClients(scope, `http://127.0.0.1:${server.port}`, clients);
		await next(processes);
		const join = { cpuMs: cpuMs(server.pid), clientsCpuMs: allCpuMs(processes) };
		console.log(`\nstorm of ${clients} clients; CPU for a fresh join ${each(clients, join.cpuMs)}, by a client ${each(clients, join.clientsCpuMs)}`);
		const cut = await cutAll(processes, server, clients);
		print(clients, 'all cut at once', cut);
		const restart = await killServer(processes, server, clients);
		print(clients, 'killed and restarted', restart);
		const wrong = [...judge('cut', cut), ...judge('restart', restart)];
		console.log(wrong.join('\n') || 'ok');
		return { clients, join, cut, restart, wrong };
	} finally {
		await scope.end();
	}
}
