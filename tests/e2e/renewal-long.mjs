// The same as renewal.test.mjs, only longer: a call of five minutes with
// credentials of thirty seconds.
import { test } from 'node:test';

import { assertHeld, assertLost, holdCalls } from './renewal.mjs';

test('a relayed call outlives its credentials for five minutes', async (t) => {
	const { kept, mutant, refusals } = await holdCalls(t,
		{ ttlS: 30, before: { renewals: 5, seconds: 125 }, renewals: 8, seconds: 300 });
	await t.test('and is not frozen, and comes back after a cut', (t) => assertHeld(t, kept));
	await t.test('but not with a client that renews nothing', (t) => assertLost(t, mutant, refusals));
});
