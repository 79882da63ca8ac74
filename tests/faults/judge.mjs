// judge.mjs: what a run must show, and how it is shown.

const BACK_MS = 2000;
const MOST_LOST_STANDING_STILL = 0.01;

// By whom: each gives what is wrong with the counts, or nothing.
const promises = {
	native: [
		({ lost }) => lost && `${lost} lost`,
		({ lostAcknowledged }) => lostAcknowledged && `${lostAcknowledged} lost although acknowledged`,
		({ early }) => early && `${early} acknowledged before they had arrived`,
		({ repeated }) => repeated && `${repeated} repeated`,
		({ reordered }) => reordered && `${reordered} reordered`,
		({ untold }) => untold && `${untold} send() without an end`,
		({ failed, failures }) => failed && `${failed} send() failed: ${JSON.stringify(failures)}`,
		({ newIds }) => newIds && `${newIds} ids lost`,
		({ fault, returns }) => fault === 'kill' && returns.some(({ firstMs }) => !(firstMs <= BACK_MS))
			&& `no message within ${BACK_MS} ms of the restart`,
	],
	socketio: [
		({ fault, lost }) => ['cut', 'away'].includes(fault) && lost && `${lost} lost`,
		({ fault, retries, lost }) => fault === 'sender' && retries && lost && `${lost} lost in spite of retries`,
		({ fault, lost, inFlight }) => fault === 'sender' && lost > inFlight && `${lost} lost, of which ${inFlight} were in flight`,
		({ fault, lost, sent }) => fault === 'stop' && lost > sent * MOST_LOST_STANDING_STILL
			&& `${lost} lost by a server that only stood still`,
	],
	reference: [],
};

// Of anybody: a generator that heard what it never said cannot be believed.
const sanity = [
	({ unknown }) => unknown && `${unknown} heard that were never sent`,
	({ sent, seconds, rate, pairs }) => sent !== seconds * rate * pairs && `only ${sent} sent`,
];

export function judge(counts) {
	return [...sanity, ...promises[counts.who]].map((find) => find(counts)).filter(Boolean);
}

const worst = (returns, name) => (returns.length ? Math.round(Math.max(...returns.map((r) => r[name]))) : '');

const columns = [
	['who', 10, ({ who }) => who],
	['fault', 14, ({ fault, retries }) => (retries ? `${fault}, retries` : fault)],
	['sent', 7, ({ sent }) => sent],
	['delivered', 9, ({ delivered }) => delivered],
	['lost', 6, ({ lost }) => lost],
	['acked+lost', 10, ({ lostAcknowledged }) => lostAcknowledged],
	['repeated', 8, ({ repeated }) => repeated],
	['reordered', 9, ({ reordered }) => reordered],
	['untold', 6, ({ untold }) => untold],
	['failed', 6, ({ failed }) => failed],
	['in flight', 9, ({ inFlight }) => inFlight],
	['gap ms', 7, ({ worstGapMs }) => worstGapMs],
	['back ms', 7, ({ returns }) => worst(returns, 'firstMs')],
	['all back', 8, ({ returns }) => worst(returns, 'lastMs')],
];

const line = (cells) => cells.map((cell, i) => {
	const [, width] = columns[i];
	return i < 2 ? String(cell).padEnd(width) : String(cell).padStart(width);
}).join(' ');

export const headline = () => line(columns.map(([name]) => name));

export function row(counts, wrong) {
	const verdict = { native: 'ok', socketio: 'ok', reference: '' }[counts.who];
	return `${line(columns.map(([, , value]) => value(counts)))}  ${wrong.join('; ') || verdict}`;
}
