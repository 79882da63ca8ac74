// ledger.mjs: what was sent, what its sender was told, and what arrived. Every
// pair numbers its messages from 1.

export class Ledger {
	#pairs;

	constructor(pairsCount) {
		this.#pairs = Array.from({ length: pairsCount }, () => ({
			sent: 0, firstAt: 0, highest: 0,
			heardAt: new Map(), arrivals: [], told: new Map(),
			inFlight: new Set(), repeated: 0, reordered: 0, unknown: 0, early: 0,
		}));
		this.newIds = 0;
		this.failures = new Map();
	}

	// The number of the pair's next message, which is sent now.
	send(pairIndex) {
		const pair = this.#pairs[pairIndex];
		pair.firstAt ||= performance.now();
		return ++pair.sent;
	}

	// Its sender was told that all is well with it.
	acknowledge(pairIndex, n) {
		const pair = this.#pairs[pairIndex];
		this.newsAt = performance.now();
		pair.told.set(n, 'acknowledged');
		if (!pair.heardAt.has(n))
			pair.early++;
	}

	// Its sender was told that it failed.
	fail(pairIndex, n, why) {
		this.newsAt = performance.now();
		this.#pairs[pairIndex].told.set(n, 'failed');
		this.failures.set(why, (this.failures.get(why) ?? 0) + 1);
	}

	deliver(pairIndex, n) {
		const pair = this.#pairs[pairIndex];
		const now = performance.now();
		if (!(n >= 1 && n <= pair.sent))
			pair.unknown++;
		else if (pair.heardAt.has(n))
			pair.repeated++;
		else if (n < pair.highest)
			pair.reordered++;
		pair.highest = Math.max(pair.highest, n);
		if (!pair.heardAt.has(n))
			pair.heardAt.set(n, now);
		pair.arrivals.push(now);
		this.newsAt = now;
	}

	// A sender lost its connection: what it has not been told of was under way.
	loseConnection(pairIndex) {
		const { sent, told, inFlight } = this.#pairs[pairIndex];
		for (let n = 1; n <= sent; n++)
			if (!told.has(n))
				inFlight.add(n);
	}

	// Everything has arrived, and every sender knows.
	get isComplete() {
		return this.#pairs.every(({ sent, heardAt, told }) => heardAt.size === sent && told.size === sent);
	}

	#sum(count) {
		return this.#pairs.reduce((total, pair) => total + count(pair), 0);
	}

	// Anything lost is a wait without end, so it counts until now.
	#worstGapMs(now) {
		return Math.max(...this.#pairs.map(({ sent, firstAt, heardAt, arrivals }) => {
			const times = [firstAt, ...arrivals, ...(heardAt.has(sent) ? [] : [now])];
			return Math.max(...times.map((at, i) => (i ? at - times[i - 1] : 0)));
		}));
	}

	/*
	 * How long after a moment messages arrived again: at the first pair, and at
	 * the last; undefined when one never heard of anything sent any more.
	 */
	resumedAfter(since) {
		const waits = this.#pairs.map(({ arrivals }) => arrivals.find((at) => at > since) - since);
		return { firstMs: Math.min(...waits.filter((ms) => ms > 0)), lastMs: Math.max(...waits) };
	}

	counts() {
		const lost = (pair, isIt) => {
			let count = 0;
			for (let n = 1; n <= pair.sent; n++)
				count += !pair.heardAt.has(n) && isIt(pair.told.get(n));
			return count;
		};
		return {
			sent: this.#sum(({ sent }) => sent),
			delivered: this.#sum(({ heardAt }) => heardAt.size),
			lost: this.#sum((pair) => lost(pair, () => true)),
			lostAcknowledged: this.#sum((pair) => lost(pair, (told) => told === 'acknowledged')),
			repeated: this.#sum(({ repeated }) => repeated),
			reordered: this.#sum(({ reordered }) => reordered),
			unknown: this.#sum(({ unknown }) => unknown),
			early: this.#sum(({ early }) => early),
			untold: this.#sum(({ sent, told }) => sent - told.size),
			failed: this.#sum(({ told }) => [...told.values()].filter((what) => what === 'failed').length),
			failures: Object.fromEntries(this.failures),
			inFlight: this.#sum(({ inFlight }) => inFlight.size),
			newIds: this.newIds,
			worstGapMs: Math.round(this.#worstGapMs(performance.now())),
		};
	}
}
