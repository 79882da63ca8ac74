// The reconnect delay.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoff } from '../../web/client/index.js';

const highest = () => 1 - Number.EPSILON;

test('the bound doubles with each attempt, up to the cap', () => {
	const bounds = [0, 1, 2, 5, 6, 1000].map((attempt) => backoff(attempt, 500, 20000, highest) + 1);
	assert.deepEqual(bounds, [500, 1000, 2000, 16000, 20000, 20000]);
});

test('jitter is full: the delay may be nothing at all', () => {
	assert.equal(backoff(7, 500, 20000, () => 0), 0);
});

test('a thousand clients of one restart spread over the whole bound', () => {
	const delays = Array.from({ length: 1000 }, () => backoff(0, 1000, 1000));
	const tenths = new Set(delays.map((delay) => Math.floor(delay / 100)));
	assert.equal(tenths.size, 10);
});
