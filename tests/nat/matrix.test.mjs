// What every test run shows of the NAT matrix: a pair of each sort. The whole is
// "make nat".
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { withLab } from './lab.mjs';
import { runCases, selectCases } from './matrix.mjs';
import { lineOf } from './report.mjs';

const CASES = [
	...selectCases({ servers: 'turn', pairs: ['symmetric/443-only', 'cone/cone', 'cone/tcp-only', 'ipv6/443-only'] }),
	...selectCases({ servers: 'stun', pairs: ['cone/cone', 'cone/symmetric'] }),
];

test('browsers behind every kind of NAT meet; without a relay only where it can be', async (t) => {
	await withLab(CASES, async (lab) => {
		const outcomes = await runCases(CASES, { ...lab, run: 1 }, (outcome) => t.diagnostic(lineOf(outcome)));
		assert.deepEqual(outcomes.filter(({ fault }) => fault), []);
	});
});
