// report.mjs: the outcomes for people, as lines, and for programs, as JSON.

const HEAD = ['servers', 'waits', 'joins', 'way out of both', 'selected pairs', 'video'];
const WIDTHS = [8, 11, 11, 22, 28, 8];

const row = (cells) => cells.map((cell, index) => String(cell).padEnd(WIDTHS[index])).join(' ').trimEnd();

export const headLine = () => row(HEAD);

const wayOf = ({ local, protocol }) => `${local}/${protocol}`;
const pairOf = ({ local, remote }) => `${local}-${remote}`;

/*
 * One outcome on a line: "way out" is the type of the candidate in use and the
 * protocol it leaves the machine by, "selected pairs" the local and the remote
 * candidate as either browser names them.
 */
export function lineOf({ servers, kinds, isConnected, seconds, paths = [], fault }) {
	const result = isConnected ? `${seconds.toFixed(2)} s` : `none${seconds ? `, ${seconds.toFixed(1)} s` : ''}`;
	return row([servers, ...kinds, paths.map(wayOf).join(' '), paths.map(pairOf).join(' '), result]) +
		(fault ? `  FAULT: ${fault}` : '');
}

const median = (sorted) => sorted[Math.floor((sorted.length - 1) / 2)];

// The pair, whoever called.
const keyOf = ({ servers, kinds }) => `${servers} ${[...kinds].sort().join('/')}`;

// How long each pair took over all runs, the slowest first.
function timesLines(outcomes) {
	const all = groupBy(outcomes, keyOf);
	const rows = [...all].map(([key, those]) => ({ key, seconds: those.map(({ seconds }) => seconds).sort((a, b) => a - b) }))
		.sort((a, b) => b.seconds.at(-1) - a.seconds.at(-1));
	return rows.map(({ key, seconds }) => `${key.padEnd(28)} ${seconds.length} x  median ${median(seconds).toFixed(2)} s  worst ${seconds.at(-1).toFixed(2)} s`);
}

function groupBy(items, keyFor) {
	const groups = new Map();
	for (const item of items)
		groups.set(keyFor(item), [...(groups.get(keyFor(item)) ?? []), item]);
	return groups;
}

/*
 * What came out of it all: how many were as expected, and, of more than one run,
 * how long each pair took that met through all that signald gives out.
 */
export function summaryLines(outcomes) {
	const count = (servers) => {
		const those = outcomes.filter((outcome) => outcome.servers === servers);
		const met = those.filter(({ isConnected }) => isConnected);
		const right = those.filter(({ fault }) => !fault);
		const worst = Math.max(...met.map(({ seconds }) => seconds));
		return those.length ? [`${servers}: ${right.length} of ${those.length} as expected, ${met.length} met${met.length ? `, worst ${worst.toFixed(2)} s` : ''}`] : [];
	};
	const measured = outcomes.filter(({ servers, isConnected }) => servers === 'turn' && isConnected);
	const hasRuns = outcomes.some(({ run }) => run > 1);
	return [...hasRuns ? timesLines(measured) : [], ...count('turn'), ...count('stun')];
}
