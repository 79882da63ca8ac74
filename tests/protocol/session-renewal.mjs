// Tokens that are renewed in time, and one that is not: a minute, as
// session.token_ttl_s is that at least. For tests/long.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { SECRET, startDaemon } from '../lib/daemon.mjs';
import { joinSession } from '../lib/session.mjs';

const SETS = { 'session.token_ttl_s': 60, 'session.window_s': 120, 'turn.host': 'turn.example.org', 'turn.probe': 'no', 'turn.secret': SECRET,
	'turn.min_ttl_s': 10 };

test('a token is renewed when half of its life is over, whatever is renewed beside it', async (t) => {
	const daemon = await startDaemon(t, { sets: SETS });
	const began = performance.now();
	const away = await joinSession(t, daemon, 'renewal');
	await away.cut();
	const quiet = await joinSession(t, daemon, 'renewal');
	const busy = await joinSession(t, daemon, 'renewal', { ttl: 10 });
	for (const peer of [quiet, busy]) {
		const first = peer.token;
		const renewed = await peer.next('session', 35000);
		const waited = performance.now() - began;
		assert.ok(waited > 29000 && waited < 33000, `renewed after ${waited} ms`);
		assert.equal(peer.token, renewed.token);
		assert.notEqual(peer.token, first);
	}
	assert.ok(busy.heard('ice').length >= 3, 'its credentials too');

	// Each is good until a later one is used.
	const first = quiet.joined.session.token;
	await quiet.cut();
	assert.equal((await quiet.resume({ token: first })).type, 'resumed');
	await busy.cut();
	assert.equal((await busy.resume()).type, 'resumed');
	const link = await busy.open();
	const answer = await link.request(busy.resumption({ token: busy.joined.session.token }));
	assert.deepEqual([answer.type, answer.reason], ['not-resumed', 'taken']);

	// One that nobody renewed is over, though its window is not.
	await delay(61000 - (performance.now() - began));
	const late = await away.resume();
	assert.deepEqual([late.type, late.reason], ['not-resumed', 'bad-token']);
	assert.match(late.message, /expired/);
});
