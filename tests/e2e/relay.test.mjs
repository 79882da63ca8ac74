// The promise: two browsers that may use nothing but the relay see each other.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startChromium } from './chromium.mjs';
import { startService } from './service.mjs';
import { joinUntilVideo } from './video.mjs';

// From the click on "Join" until both see each other.
const MOST_MS = 2000;

test('two browsers meet through the relay within two seconds', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const service = await startService(t);
	const url = new URL('/call?room=relay&policy=relay', service.url);

	const first = await chromium.open(`${url}&join`);
	await first.see('the first in the room', ({ signaling }) => signaling === 'joined');
	const second = await chromium.open(url);
	await second.page.waitForSelector('#preview-note', { state: 'hidden' });

	const tookMs = await joinUntilVideo(first, second);
	t.diagnostic(`video on both sides ${tookMs} ms after the second joined`);

	for (const visitor of [first, second]) {
		await visitor.seeVideos(1);
		await visitor.seeMotion();
		const seen = await visitor.seePaths('relay', 'Connected to Guest, through a relay');
		assert.equal(seen.tiles[0].pair, 'relay/relay');
		assert.match(seen.tiles[0].badge, /^Relayed/);
	}
	assert.ok(tookMs <= MOST_MS, `${tookMs} ms`);
});
