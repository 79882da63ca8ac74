// The promise: two browsers that may use nothing but the relay see each other.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startChromium } from './chromium.mjs';
import { startService } from './service.mjs';

// From the click on "Join" until both see each other.
const MOST_MS = 2000;

// Runs in the page: when it showed the first picture of somebody else. Asking
// the page again and again would cost what is measured.
async function firstPictureMs() {
	let video;
	while (!(video = document.querySelector('.tile:not(.self) video')))
		await new Promise(requestAnimationFrame);
	return new Promise((resolve) => video.requestVideoFrameCallback((nowMs) =>
		resolve(performance.timeOrigin + nowMs)));
}

test('two browsers meet through the relay within two seconds', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const service = await startService(t);
	const url = new URL('/call?room=relay&policy=relay', service.url);

	const first = await chromium.open(`${url}&join`);
	await first.see('the first in the room', ({ signaling }) => signaling === 'joined');
	const second = await chromium.open(url);
	await second.page.waitForSelector('#preview-note', { state: 'hidden' });

	const pictures = [first, second].map(({ page }) => page.evaluate(firstPictureMs));
	const beganMs = await second.page.evaluate(() => {
		document.getElementById('join').click();
		return Date.now();
	});
	const tookMs = Math.round(Math.max(...await Promise.all(pictures)) - beganMs);
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
