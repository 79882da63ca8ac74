// results.mjs: every single measurement, and what is promised of them.
import { keptBytesMax } from './contenders.mjs';

export const rows = [];

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
export function value(column, scenario, server, extra) {
	const values = select(scenario, server, extra)
		.map((row) => row[column])
		.filter((number) => number !== null && number !== undefined);

	return values.length ? median(values) : null;
}

// The median over the rounds of how many times more CPU `a` used than `b`.
export function ratio(scenario, a, b, extra) {
	const others = new Map(select(scenario, b, extra)
		.map((row) => [row.round, row]));
	const values = select(scenario, a, extra)
		.map((row) => row.cpu_us / others.get(row.round)?.cpu_us)
		.filter(Number.isFinite);

	return values.length ? median(values) : null;
}

// Null where one of the two is.
export function difference(a, b) {
	return a === null || b === null ? null : a - b;
}

export function quotient(a, b) {
	return a === null || b === null ? null : a / b;
}

// The worst of what was measured with different counts of peers.
export function idleBytes(name) {
	const values = select('idle', name).map((row) => row.bytes_per_peer);

	return values.length ? Math.max(...values) : null;
}

export function calledBytes(name) {
	return value('bytes_per_peer', 'idle after a call', name);
}

export function instructionsOf(name) {
	return value('instructions', 'relay', name, { window: 1 })
		?? value('instructions', 'instructions', name);
}

// [sentence, measured, comparison, limit]
function promisesOfSessions() {
	const name = 'signald-sessions';
	const before = 'signald-before';
	const cpu = (window) => ratio('relay beside', name, before, { window });

	return [
		[`${name} / ${before}, CPU, 1 in flight`, cpu(1), '<=', 1.15],
		[`${name} / ${before}, CPU, 8 in flight`, cpu(8), '<=', 1.15],
		[`${name} - ${before}, bytes of an idle peer`,
			difference(idleBytes(name), idleBytes(before)), '<', 1024],
		[`${name} - ${before}, bytes of one after a call`,
			difference(calledBytes(name), calledBytes(before)), '<', 1024],
		[`${name}, bytes for one that acknowledges nothing`,
			value('bytes_per_receiver', 'unheard', name), '<=',
			keptBytesMax],
		[`${name}, resume / join, CPU`,
			quotient(value('resume_cpu_us', 'resume', name),
				value('join_cpu_us', 'resume', name)), '<', 1],
	];
}

// The limits are asked, and never reached.
function promisesOfLimits() {
	const cpu = (window) => ratio('relay beside', 'signald',
		'signald-unlimited', { window });

	return [
		['signald / signald-unlimited, CPU, 1 in flight', cpu(1), '<=', 1.05],
		['signald / signald-unlimited, CPU, 8 in flight', cpu(8), '<=', 1.05],
	];
}

// What is promised, and whether it holds; null where it was not measured.
export function promises() {
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
		...promisesOfSessions(),
		...promisesOfLimits(),
	].map(([what, measured, comparison, limit]) => ({
		what, measured, comparison, limit,
		holds: measured === null ? null : {
			'<': measured < limit,
			'<=': measured <= limit,
			'>=': measured >= limit,
		}[comparison],
	}));
}
