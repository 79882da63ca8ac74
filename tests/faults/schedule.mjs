// schedule.mjs: the faults, as steps at moments of a run, and how they are done.
//
// A step is [at, what, whom]. Moments are in seconds of a run of twelve.
import { setTimeout as delay } from 'node:timers/promises';
import { makeRandom } from '../lib/sio-flood.mjs';

const RUN_S = 12;
const MIX_S = 60;
const QUICK = 1 / 4;

const both = ['receiver', 'sender'];
const away = (at, whom, seconds) => [[at, 'refuse', whom], [at + seconds, 'accept', whom]];
const kill = (at, seconds) => [[at, 'kill'], [at + seconds, 'start']];
const stop = (at, seconds) => [[at, 'stop'], [at + seconds, 'continue']];

/*
 * pingS    seconds between pings, where the fault is one that only they find
 * steps    of a run
 */
export const faults = {
	cut: { steps: [[5, 'cut', 'receiver']], what: "the receiver's connection is cut" },
	away: { steps: away(4, 'receiver', 3), what: 'the receiver is away for 3 s' },
	both: { steps: [2, 4, 6, 8, 10].flatMap((at) => both.map((whom) => [at, 'cut', whom])), what: 'both are cut five times' },
	sender: { steps: [[5, 'cut', 'sender']], what: "the sender's connection is cut" },
	kill: { steps: kill(4, 1), what: 'the server is killed and started 1 s later' },
	term: { steps: [[4, 'restart']], what: 'the server is told to end, and started when it has' },
	stop: { steps: stop(2, 8), pingS: 2, what: 'the server stands still for 8 s' },
	mix: { pingS: 2, what: 'all of these at random for a minute' },
};

// What a mix is made of: how long it takes, and its steps.
const ingredients = [
	() => [0, (at) => [[at, 'cut', 'receiver']]],
	() => [0, (at) => [[at, 'cut', 'sender']]],
	() => [0, (at) => both.map((whom) => [at, 'cut', whom])],
	(random) => lasting(3 * random(), (at, s) => away(at, 'receiver', s)),
	(random) => lasting(3 * random(), (at, s) => away(at, 'sender', s)),
	(random) => lasting(2 * random(), kill),
	() => [1, (at) => [[at, 'restart']]],
	(random) => lasting(1 + 7 * random(), stop),
];

const lasting = (seconds, steps) => [seconds, (at) => steps(at, seconds)];

function shuffle(list, random) {
	const rest = [...list];
	return list.map(() => rest.splice(Math.floor(random() * rest.length), 1)[0]);
}

// Round after round of all ingredients, in an order and with waits of chance;
// the last seconds are left for what came to work again.
export function mix(seconds, seed) {
	const below = makeRandom(seed);
	const random = () => below(1 << 20) / (1 << 20);
	const steps = [];
	let at = 1;
	for (;;) {
		for (const ingredient of shuffle(ingredients, random)) {
			const [lasts, make] = ingredient(random);
			if (at + lasts > seconds - 2)
				return steps;
			steps.push(...make(at));
			at += lasts + 1 + 3 * random();
		}
	}
}

const doing = {
	cut: ({ proxies }, whom) => proxies[whom].cut(),
	refuse: ({ proxies }, whom) => proxies[whom].refuse(),
	accept: ({ proxies }, whom) => proxies[whom].accept(),
	kill: ({ server }) => server.end('SIGKILL'),
	start: ({ server }) => server.start(),
	stop: ({ server }) => server.signal('SIGSTOP'),
	continue: ({ server }) => server.signal('SIGCONT'),
	restart: async ({ server }) => {
		await server.end('SIGTERM');
		await server.start();
	},
};

/*
 * What happens in a run of a fault: {seconds, steps, pingS}. A quick one takes a
 * quarter of the time: all moments move together, and a mix has fewer steps.
 */
export function planOf(fault, { isQuick, seed }) {
	const { steps, pingS } = faults[fault];
	const scale = isQuick ? QUICK : 1;
	if (!steps)
		return { seconds: MIX_S * scale, pingS, steps: mix(MIX_S * scale, seed) };
	const moved = steps.map(([at, ...step]) => [at * scale, ...step]);
	return { seconds: RUN_S * scale, pingS: pingS && Math.ceil(pingS * scale), steps: moved };
}

// Do the steps to a world: {server, proxies: {receiver, sender}}.
export async function play(steps, world) {
	const began = performance.now();
	for (const [at, what, whom] of steps) {
		const waitMs = began + at * 1000 - performance.now();
		await delay(Math.max(0, waitMs));
		await doing[what](world, whom);
	}
}

export const describe = (steps) => steps.map(([at, what, whom]) => `${at.toFixed(1)} ${what}${whom ? ` ${whom}` : ''}`).join(', ');
