// One camera, a dozen who watch, all through the relay.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startChromium } from './chromium.mjs';
import { startService } from './service.mjs';

const WATCHERS = 12;

function seeAll(watchers, ...args) {
	return Promise.all(watchers.map((watcher) => watcher.see(...args)));
}

async function assertWatched(watchers) {
	await Promise.all(watchers.map(async (watcher) => {
		await watcher.seeVideos(1, 60000);
		await watcher.seeMotion();
		await watcher.seePaths('relay', 'Watching through a relay');
	}));
}

const isAlone = ({ state, status, veil, links }) => state === 'waiting' && links.length === 0 &&
	status === 'Waiting for the broadcast to start' && /Nobody is live/.test(veil);

const hasSeenIt = ({ state, status, veil, links }) => state === 'waiting' && links.length === 0 &&
	status === 'The broadcast has ended' && /^The broadcast has ended\. If it goes on, /.test(veil);

test('a broadcast reaches twelve relayed watchers, ends and comes back', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const service = await startService(t);
	const url = new URL('/broadcast?room=stage&policy=relay', service.url);

	const watchers = await chromium.openMany(WATCHERS, url);
	await seeAll(watchers, 'nobody live', isAlone);

	const broadcaster = await chromium.open(`${url}&role=broadcaster`);
	await assertWatched(watchers);
	await broadcaster.see('twelve watchers', ({ viewers, links }) =>
		viewers === String(WATCHERS) && links.length === WATCHERS);
	await broadcaster.seePaths('relay', 'You are live: 12 relayed');

	for (const [visitor, does] of [[watchers[0], 'Leave'], [broadcaster, 'Stop the broadcast']])
		for (const attribute of ['title', 'aria-label'])
			assert.equal(await visitor.page.getAttribute('#leave', attribute), does);

	await watchers.pop().click('#leave');
	await broadcaster.see('eleven watchers', ({ viewers, links }) =>
		viewers === String(WATCHERS - 1) && links.length === WATCHERS - 1);

	await broadcaster.click('#leave');
	await broadcaster.see('the end', ({ over }) => /The broadcast is over/.test(over));
	await seeAll(watchers, 'the broadcaster gone', hasSeenIt);

	await broadcaster.click('#again');
	await assertWatched(watchers);

	// Every one of these connections holds several allocations of one user.
	assert.ok(await service.allocations() >= 4 * WATCHERS);
	assert.deepEqual(await service.quotaRefusals(), []);
});

// As a browser that wants a touch before it plays sound.
function forbidSound() {
	const play = HTMLMediaElement.prototype.play;
	HTMLMediaElement.prototype.play = function () {
		return this.muted ? play.call(this) : Promise.reject(new DOMException('a touch first', 'NotAllowedError'));
	};
}

test('who did not turn on sound is offered it again, but not over a broadcast that has ended', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const service = await startService(t);
	const url = new URL('/broadcast?room=stage', service.url);

	const watcher = await chromium.visitor();
	await watcher.page.addInitScript(forbidSound);
	await watcher.open(url);
	const broadcaster = await chromium.open(`${url}&role=broadcaster`);
	for (let ends = 0; ends < 2; ends++) {
		await watcher.seeVideos(1);
		await watcher.page.waitForSelector('#unmute', { state: 'visible' });
		await broadcaster.click('#leave');
		await watcher.see('the end', hasSeenIt);
		assert.equal(await watcher.page.isVisible('#unmute'), false);
		await broadcaster.page.getByText('Go live again').click();
	}
});

test('a second broadcaster is refused, and offered to watch', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const service = await startService(t);
	const url = new URL('/broadcast?room=stage&role=broadcaster', service.url);

	const first = await chromium.open(url);
	await first.see('live', ({ state, signaling }) => state === 'waiting' && signaling === 'joined');
	const second = await chromium.open(url);
	const seen = await second.see('the refusal', ({ state }) => state === 'failed');
	assert.equal(seen.over, 'The place is taken: Somebody is live in this room already.');
	await second.click('#again');
	await second.seeVideos(1);
	await second.seeMotion();
	await second.seePaths('host', 'Watching directly');
});

test('who went live from the watchers\' page is still live when it is loaded again', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const service = await startService(t);
	const url = new URL('/broadcast?room=stage', service.url);

	const broadcaster = await chromium.open(url);
	await broadcaster.see('nobody live', isAlone);
	await broadcaster.click('#go-live');
	await broadcaster.see('live', ({ role, signaling }) => role === 'broadcaster' && signaling === 'joined');
	const watcher = await chromium.open(url);
	await watcher.seeVideos(1);

	await broadcaster.page.reload();
	await broadcaster.see('live again', ({ role, state, viewers }) => role === 'broadcaster' && state === 'connected' && viewers === '1');
	await watcher.seeVideos(1);
	await watcher.seeMotion();
	await watcher.seePaths('host', 'Watching directly');
});
