// The delays before another try.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { backoff, retryDelay } from '../../web/client/backoff.js';

/** What chance decides, at its highest. */
function useHighest(t) {
	t.mock.method(Math, 'random', () => 1 - Number.EPSILON);
}

describe('the reconnect delay', () => {
	test('is bounded by the time that the connection has been away, from half a second to twenty', (t) => {
		useHighest(t);
		const bounds = [0, 499, 500, 1000, 19999, 20000, 86400000].map((awayMs) => retryDelay(awayMs, 500, 20000) + 1);
		assert.deepEqual(bounds,
			[500, 500, 500, 1000, 19999, 20000, 20000]);
	});

	test('brings everybody back within two seconds of a server that was down for one', () => {
		for (let run = 0; run < 1000; run++) {
			let awayMs = 0;
			while (awayMs < 1000)
				awayMs += Math.max(1, retryDelay(awayMs, 500, 20000));
			assert.ok(awayMs < 2000, `${awayMs} ms`);
		}
	});

	test('is jittered in full: it may be nothing at all', (t) => {
		t.mock.method(Math, 'random', () => 0);
		assert.equal(retryDelay(5000, 500, 20000), 0);
	});

	test('spreads a thousand clients of one restart over the whole bound', () => {
		const delays = Array.from({ length: 1000 }, () => retryDelay(1000, 500, 20000));
		assert.equal(new Set(delays.map((delay) => Math.floor(delay / 100))).size, 10);
	});
});

test('the bound by attempts doubles with each, up to the cap', (t) => {
	useHighest(t);
	const bounds = [0, 1, 2, 5, 6, 1000].map((attempt) => backoff(attempt, 500, 20000) + 1);
	assert.deepEqual(bounds, [500, 1000, 2000, 16000, 20000, 20000]);
});
