// Calls through the relay that last for longer than their credentials: with the
// client, and with one that could not hold them.
import { test } from 'node:test';

import { assertHeld, assertLost, holdCalls } from './renewal.mjs';

test('a relayed call outlives its credentials twice', async (t) => {
	const { kept, mutant, refusals } = await holdCalls(t, { ttlS: 16, before: { renewals: 1 }, renewals: 2 });
	await t.test('and is not frozen, and comes back after a cut', (t) => assertHeld(t, kept));
	await t.test('but not with a client that renews nothing', (t) => assertLost(t, mutant, refusals));
});
