// matrix.mjs: which networks are to meet which, and what is expected of it.
import { meet } from './meeting.mjs';

// Cases side by side that wait for browsers to give up.
const AT_ONCE = 4;

// From the click on "Join" until both see each other.
export const MOST_S = 2;

const FAMILY4 = ['open', 'cone', 'symmetric', 'tcp-only', '443-only'];
const everyPair = FAMILY4.flatMap((one, index) => FAMILY4.slice(index).map((other) => [one, other]));
const acrossFamilies = ['cone', 'symmetric', '443-only'].map((kind) => ['ipv6', kind]);

// Without a relay only these meet: one can be spoken to by all, or both keep
// the port that others have been told.
const DIRECT = ['open/open', 'open/cone', 'open/symmetric', 'cone/cone'];

const nameOf = (kinds) => kinds.join('/');

/*
 * The cases: {kinds, servers, isToConnect, mostS}.
 *
 * servers  "turn" for all that signald gives out, "stun" for STUN alone
 * mostS    until both see each other; with STUN alone cases run side by side,
 *          and it is only asked whether
 */
const CASES = [
	...[...everyPair, ...acrossFamilies].map((kinds) => ({ kinds, servers: 'turn', isToConnect: true, mostS: MOST_S })),
	...everyPair.map((kinds) => ({ kinds, servers: 'stun', isToConnect: DIRECT.includes(nameOf(kinds)), mostS: Infinity })),
];

/*
 * Those of the cases that are asked for.
 *
 * pairs    "kind/kind" in either order; none: all
 * servers  "turn" or "stun"; none: both
 */
export function selectCases({ pairs, servers } = {}) {
	const isMeant = ({ kinds }) => !pairs || [kinds, kinds.toReversed()].some((order) => pairs.includes(nameOf(order)));
	return CASES.filter((each) => isMeant(each) && (!servers || each.servers === servers));
}

// The clients that these cases need: kinds, one twice that meets itself.
export function kindsOf(cases) {
	const needed = new Set(cases.flatMap(({ kinds }) => kinds));
	return [...needed].flatMap((kind) => (cases.some(({ kinds: [one, other] }) => one === kind && other === kind) ? [kind, kind] : [kind]));
}

// What is wrong with the outcome of a case; nothing if it is as expected.
function faultOf({ isToConnect, mostS }, { isConnected, seconds, complaints = [], error }) {
	if (error || complaints.length)
		return error ?? `a page complains: ${complaints.join('; ')}`;
	if (isConnected !== isToConnect)
		return isConnected ? 'connects' : 'does not connect';
	return isConnected && seconds > mostS ? `takes longer than ${mostS} s` : undefined;
}

async function runCase(one, { clients, servers, run }) {
	// In every second run the other one calls.
	const kinds = run % 2 ? one.kinds : one.kinds.toReversed();
	const outcome = await clients.pair(kinds).then((pair) => meet(pair, servers[one.servers]))
		.catch((error) => ({ isConnected: false, error: error.message.split('\n')[0] }));
	const isLate = one.isToConnect && outcome.isConnected && outcome.seconds > one.mostS;
	return { run, servers: one.servers, kinds, isToConnect: one.isToConnect, ...outcome, isLate, fault: faultOf(one, outcome) };
}

// Browsers are started before anything is measured.
async function wakeUp(cases, clients) {
	for (const { kinds } of cases)
		await clients.pair(kinds);
}

/*
 * Run cases: those with a relay one after the other, since they are measured;
 * then those with STUN alone side by side, most of which wait for a browser to
 * give up.
 *
 * lab   {clients, servers, run}: of clients.mjs and server.mjs; run: 1, 2, ...
 * tell  called with each outcome as it is there
 *
 * Returns the outcomes: {run, servers, kinds, isToConnect, isConnected, seconds,
 * paths, isLate, fault}; isLate: they met, but not in time.
 */
export async function runCases(cases, lab, tell) {
	const outcomes = [];
	const take = async (one) => {
		const outcome = await runCase(one, lab);
		outcomes.push(outcome);
		tell(outcome);
	};
	await wakeUp(cases, lab.clients);
	for (const one of cases.filter(({ servers }) => servers === 'turn'))
		await take(one);
	const waiting = cases.filter(({ servers }) => servers === 'stun');
	await Promise.all(Array.from({ length: AT_ONCE }, async () => {
		while (waiting.length)
			await take(waiting.shift());
	}));
	return outcomes;
}
