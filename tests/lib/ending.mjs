// ending.mjs: what is done when a test is over.
import { after, before } from 'node:test';

const endings = new WeakMap();

// One after the other, whatever becomes of the one before.
async function endAll(all) {
	const faults = [];
	for (const end of all) {
		try {
			await end();
		} catch (fault) {
			faults.push(fault);
		}
	}
	if (faults.length)
		throw faults.length > 1 ? new AggregateError(faults, faults.map(({ message }) => message).join('; ')) : faults[0];
}

/*
 * Do something when the test is over, in the order of the calls: all of it, also
 * when something fails, as t.after() would not. A failure is the test's.
 */
export function atEnd(t, end) {
	if (!endings.has(t)) {
		const all = [];
		endings.set(t, all);
		t.after(() => endAll(all));
	}
	endings.get(t).push(end);
}

// What start(scope) gives is there for all tests of a describe().
export function useForAll(start, give) {
	const ends = [];
	before(async () => give(await start({ after: (end) => ends.push(end) })));
	after(() => endAll(ends));
}

/*
 * Outside a test runner: what was started for use(scope) ends after it.
 */
export async function useScope(use) {
	const ends = [];
	try {
		await use({ after: (end) => ends.push(end) });
	} finally {
		await endAll(ends);
	}
}
