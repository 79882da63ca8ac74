// The promise: two browsers that may use nothing but the relay see each other.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startChromium } from './chromium.mjs';
import { startService } from './service.mjs';
import { assertPairs } from './visitor.mjs';

// From the click on "Join" until both see each other move.
const MOST_MS = 2000;

test('two browsers meet through the relay within two seconds', async (t) => {
	const chromium = await startChromium(t);
	const service = await startService(t);
	const url = new URL('/call?room=relay&policy=relay', service.url);

	const first = await chromium.open(`${url}&join`);
	await first.see('the first in the room', ({ signaling }) => signaling === 'joined');
	const second = await chromium.open(url);
	await second.see('the lobby', ({ state }) => state === 'ready');
	await second.page.waitForSelector('#preview-note', { state: 'hidden' });

	const beganMs = Date.now();
	const [, ...seen] = await Promise.all([
		second.click('#join'), first.seeVideos(1), second.seeVideos(1),
	]);
	const tookMs = Math.max(...seen.map(({ atMs }) => atMs)) - beganMs;
	t.diagnostic(`video on both sides ${tookMs} ms after the second joined`);

	for (const visitor of [first, second]) {
		const later = await visitor.seeMotion();
		assertPairs(later, 'relay', 'relay');
		assert.equal(later.state, 'connected');
		assert.match(later.status, /through a relay/);
		assert.equal(later.tiles[0].pair, 'relay/relay');
		assert.match(later.tiles[0].badge, /^Relayed/);
	}
	assert.ok(tookMs <= MOST_MS, `${tookMs} ms`);
});
