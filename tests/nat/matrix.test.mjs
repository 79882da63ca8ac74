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
		const tell = (outcome) => t.diagnostic(lineOf(outcome));
		const first = await runCases(CASES, { ...lab, run: 1 }, tell);
		// A machine that is busy with something else may be late once.
		const late = CASES.filter((each) => first.some(({ kinds, servers, isLate }) => isLate && kinds === each.kinds && servers === each.servers));
		const second = await runCases(late, { ...lab, run: 1 }, tell);
		assert.deepEqual([...first.filter(({ isLate }) => !isLate), ...second].filter(({ fault }) => fault), []);
	});
});
