// trial.mjs: one run: pairs that talk through proxies while a fault is done to
// their server or to their connections.
import { setTimeout as delay } from 'node:timers/promises';
import { Ledger } from './ledger.mjs';
import { NativePair } from './native.mjs';
import { Proxy } from './proxy.mjs';
import { describe, planOf, play } from './schedule.mjs';
import { startReference, startSignald } from './servers.mjs';
import { SocketioPair } from './socketio.mjs';

// Nothing more is expected of connected Socket.IO clients after so long without
// news, nor of native ones, whose promises stand until kept or broken.
const QUIET_MS = 3000;
const SETTLE_MS = 40000;

export const speakers = {
	native: { startServer: startSignald, Pair: NativePair },
	socketio: { startServer: startSignald, Pair: SocketioPair },
	reference: { startServer: startReference, Pair: SocketioPair },
};

// Ends what was begun, the last first, as a test would.
export class Scope {
	#ends = [];

	after(end) {
		this.#ends.push(end);
	}

	async end() {
		for (const end of this.#ends.reverse())
			await end();
	}
}

async function makeWorld(t, startServer, options) {
	const server = await startServer(t, options);
	const proxies = {};
	for (const whom of ['receiver', 'sender']) {
		proxies[whom] = new Proxy(server.port);
		await proxies[whom].accept();
		t.after(() => proxies[whom].refuse());
	}
	return { server, proxies };
}

/*
 * Every pair sends at the same moments. A generator that comes late makes up
 * for it; returns how late it ever was.
 */
async function talk(pairs, { seconds, rate }) {
	const began = performance.now();
	let lateMs = 0;
	for (let i = 0; i < seconds * rate; i++) {
		const due = began + i * 1000 / rate;
		if (due > performance.now())
			await delay(due - performance.now());
		lateMs = Math.max(lateMs, performance.now() - due);
		for (const pair of pairs)
			pair.send();
	}
	return lateMs;
}

// All is delivered and told, or nothing comes any more.
async function settle(ledger, pairs) {
	const began = performance.now();
	let connectedAt = began;
	while (!ledger.isComplete) {
		const now = performance.now();
		if (!pairs.every((pair) => pair.isIdle))
			connectedAt = now;
		if (now - Math.max(connectedAt, ledger.newsAt) > QUIET_MS || now - Math.max(began, ledger.newsAt) > SETTLE_MS)
			return;
		await delay(10);
	}
}

/*
 * who, fault  names of speakers and faults
 * retries     of a Socket.IO sender
 * isQuick     a quarter of the time and of the pairs
 * seed        of a mix
 *
 * Returns what the ledger counts, and the times of the server's returns.
 */
export async function runTrial({ who, fault, retries, isQuick, seed }) {
	const { startServer, Pair } = speakers[who];
	const { seconds, steps, pingS } = planOf(fault, { isQuick, seed });
	const load = { seconds, rate: 50, pairs: isQuick ? 5 : 20 };
	const ledger = new Ledger(load.pairs);
	const scope = new Scope();
	try {
		const world = await makeWorld(scope, startServer, { pingS });
		const urls = { senderUrl: world.proxies.sender.url, receiverUrl: world.proxies.receiver.url };
		const pairs = Array.from({ length: load.pairs }, (_, i) => new Pair(i, { ...urls, ledger, pingS, retries }));
		scope.after(() => pairs.forEach((pair) => pair.close()));
		await Promise.all(pairs.map((pair) => pair.open()));
		const [lateMs] = await Promise.all([talk(pairs, load), play(steps, world)]);
		await settle(ledger, pairs);
		const returns = world.server.restarts.map((at) => ledger.resumedAfter(at));
		return { who, fault, retries, ...load, plan: describe(steps), ...ledger.counts(), returns, generatorLateMs: Math.round(lateMs) };
	} finally {
		await scope.end();
	}
}
