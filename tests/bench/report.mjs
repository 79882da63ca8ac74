// report.mjs: what was measured, as tables for people.
import { isBeside } from './contenders.mjs';
import { calledBytes, difference, idleBytes, instructionsOf, quotient, ratio,
	rows, value } from './results.mjs';

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

const isMeasured = (scenario) => (name) =>
	rows.some((row) => row.scenario === scenario && row.server === name);

function printRelay(names, pairs, window) {
	const of = (column, name, digits) =>
		number(value(column, 'relay', name, { window }), digits);

	printTable([`relay, ${pairs} pairs, ${window} in flight`,
		'CPU us', 'of signald', 'relays/s', 'p50 us', 'p99 us',
		'instructions'],
	names.filter(isMeasured('relay')).map((name) => [name,
		of('cpu_us', name),
		number(ratio('relay', name, 'signald', { window })),
		of('per_second', name, 0),
		of('latency_p50_us', name, 0),
		of('latency_p99_us', name, 0),
		window === 1
			? number(instructionsOf(name), 0)
			: of('instructions', name, 0)]));
}

function printBroadcast(names, watchers) {
	printTable([`broadcast to ${watchers}`, 'CPU us a delivery',
		'of signald', 'p99 us'],
	names.filter(isMeasured('broadcast')).map((name) => [name,
		number(value('cpu_us', 'broadcast', name)),
		number(ratio('broadcast', name, 'signald')),
		number(value('latency_p99_us', 'broadcast', name), 0)]));
}

function printIdle(names, peers) {
	const idle = (column, name, digits) =>
		number(value(column, 'idle', name, { peers }), digits);

	printTable([`${peers} idle peers`, 'bytes a peer',
		'CPU us to join', 'to close'],
	names.map((name) => [name, idle('bytes_per_peer', name, 0),
		idle('join_cpu_us', name, 1), idle('close_cpu_us', name, 1)]));
}

function printHttp() {
	printTable(['GET /v1/ice', 'CPU us', 'requests a CPU second', 'p99 us'],
		['signald', 'nginx'].map((name) => {
			const cpu = value('cpu_us', 'http', name);

			return [name, number(cpu), number(cpu && 1e6 / cpu, 0),
				number(value('latency_p99_us', 'http', name), 0)];
		}));
}

// What sessions cost, against the state before there were any.
function printSessions(names, peers) {
	const before = 'signald-before';
	const cpu = (name, scenario, window) =>
		number(ratio(`${scenario} beside`, name, before, { window }));
	const join = (name) => value('join_cpu_us', 'idle', name, { peers });

	printTable(['beside signald-before', 'CPU, 1 in flight', '8 in flight',
		'one way', 'broadcast', 'join', 'instructions', 'bytes idle',
		'after a call'],
	names.filter(isBeside).map((name) => [name,
		cpu(name, 'relay', 1),
		cpu(name, 'relay', 8),
		cpu(name, 'stream', 8),
		cpu(name, 'broadcast', 1),
		number(quotient(join(name), join(before))),
		number(quotient(instructionsOf(name), instructionsOf(before))),
		number(difference(idleBytes(name), idleBytes(before)), 0),
		number(difference(calledBytes(name), calledBytes(before)), 0)]));
}

// What a session keeps for who reads and says nothing, and a way back.
function printKept(names) {
	const of = (column, scenario, name, digits = 0) =>
		number(value(column, scenario, name), digits);

	printTable(['nothing acknowledged', 'messages kept', 'their bytes',
		'memory', 'once acknowledged', 'CPU us to join', 'to resume'],
	names.filter(isMeasured('unheard')).map((name) => [name,
		of('messages', 'unheard', name),
		of('kept_bytes', 'unheard', name),
		of('bytes_per_receiver', 'unheard', name),
		of('bytes_when_acked', 'unheard', name),
		of('join_cpu_us', 'resume', name, 1),
		of('resume_cpu_us', 'resume', name, 1)]));
}

// A busy machine makes caches cold and every number larger.
function printOthers() {
	const shares = rows.map((row) => row.others)
		.filter((share) => share !== undefined)
		.sort((a, b) => a - b);

	if (shares.length)
		console.log('\nOther processes took '
			+ `${number(shares[shares.length >> 1])} cores while `
			+ `measuring, at most ${number(shares.at(-1))}.`);
}

function printPromises(list) {
	printTable(['promise', 'measured', 'limit', ''],
		list.map(({ what, measured, comparison, limit, holds }) => [what,
			number(measured), `${comparison} ${limit}`,
			holds === null ? 'not measured' : holds ? 'ok' : 'BROKEN']));
}

// names: who was measured; sizes: with how many; list: of promises.
export function report(names, sizes, list) {
	for (const window of sizes.windows)
		printRelay(names, sizes.pairs, window);
	printBroadcast(names, sizes.watchers);
	printIdle(names, sizes.idlePeers);
	printHttp();
	printSessions(names, sizes.idlePeers);
	printKept(names);
	printOthers();
	printPromises(list);
}
