// Networks that come and go, and machines that sleep.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startChromium, startWindow } from './chromium.mjs';
import { seeBroadcast, seeEachOther, startBroadcast, startCall } from './company.mjs';
import { startLab } from './lab.mjs';
import { assertHeard, awaitNews, readNews, startNews } from './news.mjs';
import { FREEZE_MS, readPictures, startPictures } from './pictures.mjs';
import { startProxy } from './proxy.mjs';
import { CUT_OFF } from './visitor.mjs';

test('every connection to the server breaks: the pages go on', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const lab = await startLab(t);
	const proxy = await startProxy(t, lab.daemon);
	const callers = await startCall(chromium, proxy.url, { policy: 'all' });
	const { broadcaster, watcher } = await startBroadcast(chromium, proxy.url);
	const everybody = [...callers, broadcaster, watcher];
	const viewers = [...callers, watcher];
	const before = await Promise.all(everybody.map((visitor) => visitor.look()));
	for (const visitor of everybody) {
		visitor.forgive(CUT_OFF);
		await startNews(visitor);
	}
	for (const viewer of viewers)
		await startPictures(viewer);

	const fromMs = Date.now();
	proxy.cut();
	const back = await Promise.all(everybody.map((visitor) => awaitNews(visitor, 'resumed')));
	await assertHeard(...callers);
	const toMs = Date.now();
	for (const [index, visitor] of everybody.entries()) {
		assert.equal((await visitor.look()).id, before[index].id);
		assert.deepEqual(await readNews(visitor, 'joined', 'closed', 'peer-left'), []);
	}
	await seeEachOther(callers, 'all');
	await seeBroadcast({ broadcaster, watcher });
	const gaps = await Promise.all(viewers.map(async (viewer) => (await readPictures(viewer)).frozenMs(fromMs, toMs)));
	assert.ok(Math.max(...gaps) < FREEZE_MS, `video frozen for ${gaps} ms`);
	t.diagnostic(`back ${Math.max(...back.map(({ atMs }) => atMs)) - fromMs} ms after the cut, worst freeze ${Math.max(...gaps)} ms`);
});

/*
 * Wait until somebody who cannot reach the server has decided to wait for so
 * long, and is not through with it by the time that we know.
 *
 * Returns for how long.
 */
async function seeWaiting(visitor, leastMs) {
	for (let sinceMs = 0; ;) {
		const { delayMs, atMs } = await awaitNews(visitor, 'retry', { sinceMs, leastMs, limitMs: 60000 });
		if (Date.now() - atMs < leastMs / 4)
			return delayMs;
		sinceMs = atMs + 1;
	}
}

// Who comes back at once does so long before the time that they would have waited.
async function assertBackAtOnce(t, visitor, { delayMs, why }, act) {
	const { id } = await visitor.look();
	const fromMs = Date.now();
	await act();
	const { atMs } = await awaitNews(visitor, 'resumed', { sinceMs: fromMs });
	t.diagnostic(`back ${atMs - fromMs} ms after ${why}; the next try was ${delayMs} ms away`);
	assert.ok(atMs - fromMs < delayMs / 2, `${atMs - fromMs} of ${delayMs} ms`);
	assert.equal((await visitor.look()).id, id);
}

test('who is online again does not wait for the next try', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const lab = await startLab(t);
	const proxy = await startProxy(t, lab.daemon);
	const callers = await startCall(chromium, proxy.url, { policy: 'all' });
	const [roamer, friend] = callers;
	for (const caller of callers) {
		caller.forgive(CUT_OFF);
		await startNews(caller);
	}

	// The browser's switch breaks no WebSocket that is open.
	await roamer.context.setOffline(true);
	proxy.shut();
	const delayMs = await seeWaiting(roamer, 3000);
	await proxy.open();
	await assertBackAtOnce(t, roamer, { delayMs, why: '"online"' }, () => roamer.context.setOffline(false));
	await awaitNews(friend, 'resumed');
	await assertHeard(roamer, friend);
	await seeEachOther(callers, 'all');
});

test('who looks at the page again does not wait for the next try', async (t) => {
	const window = await startWindow(t);
	const lab = await startLab(t);
	const proxy = await startProxy(t, lab.daemon);
	const url = new URL('/call?room=window&join', proxy.url);
	const hidden = await window.open(url);
	await hidden.see('in the room', ({ signaling }) => signaling === 'joined');
	hidden.forgive(CUT_OFF);
	await startNews(hidden);
	const seen = await window.open(url);
	seen.forgive(CUT_OFF);
	await hidden.seeVideos(1);
	assert.equal(await hidden.page.evaluate(() => document.visibilityState), 'hidden');

	proxy.shut();
	const delayMs = await seeWaiting(hidden, 3000);
	await proxy.open();
	await assertBackAtOnce(t, hidden, { delayMs, why: 'the page was shown' }, () => hidden.page.bringToFront());
	await seen.see('in the room', ({ signaling }) => signaling === 'joined');
	await assertHeard(hidden, seen);
	assert.deepEqual(await readNews(hidden, 'joined', 'closed', 'peer-left'), []);
});

test('a machine sleeps for longer than its place is kept: all of it is back by itself', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const laptop = await startChromium(t, { hasSmallCamera: true });
	const lab = await startLab(t, { 'session.window_s': 1, 'websocket.ping_interval_s': 1, 'websocket.silence_timeout_s': 2 });
	const call = new URL('/call?room=call&policy=relay&join', lab.url);
	const callers = [await laptop.open(call), await chromium.open(call)];
	await seeEachOther(callers);
	const stage = new URL('/broadcast?room=stage', lab.url);
	const broadcaster = await laptop.open(`${stage}&role=broadcaster`);
	const watcher = await chromium.open(stage);
	await seeBroadcast({ broadcaster, watcher });

	const asleep = [callers[0], broadcaster];
	const ids = await Promise.all(asleep.map(async (visitor) => (await visitor.look()).id));
	await laptop.sleep(async () => {
		await callers[1].see('nobody', ({ tiles }) => tiles.length === 0);
		await watcher.see('the end', ({ state, veil }) => state === 'waiting' && /has ended/.test(veil));
	});
	const wokenMs = Date.now();
	for (const visitor of asleep)
		await startNews(visitor);
	// The one first who has seen nobody meanwhile: the other may show for a moment what was before.
	await seeEachOther(callers.toReversed());
	t.diagnostic(`the call is back ${Date.now() - wokenMs} ms after waking up`);
	await seeBroadcast({ broadcaster, watcher });
	assert.deepEqual(await Promise.all(asleep.map(async (visitor) => (await visitor.look()).id)), ids);
	await assertHeard(...callers);
});
