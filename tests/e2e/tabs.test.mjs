// Tabs that are duplicated, loaded again, or sent away.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startChromium } from './chromium.mjs';
import { seeBroadcast, seeEachOther, startBroadcast, startCall } from './company.mjs';
import { startLab } from './lab.mjs';
import { assertHeard, awaitNews, readNews, startNews } from './news.mjs';
import { FREEZE_MS, readPictures, startPictures } from './pictures.mjs';
import { CUT_OFF } from './visitor.mjs';

async function idOf(visitor) {
	return (await visitor.see('an id', ({ id, signaling }) => id && signaling === 'joined')).id;
}

// The tab once more, with what it keeps, as "Duplicate" in a browser's menu.
async function duplicate(chromium, visitor) {
	const [page] = await Promise.all([
		visitor.context.waitForEvent('page'),
		visitor.page.evaluate(() => void window.open(location.href)),
	]);
	return chromium.meet(page, visitor.context);
}

test('a tab is duplicated: one more peer, and nobody is disturbed', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const lab = await startLab(t);
	const [original, friend] = await startCall(chromium, lab.url, { policy: 'all' });
	const id = await idOf(original);
	await startNews(original);
	await startPictures(original);
	const fromMs = Date.now();

	const copy = await duplicate(chromium, original);
	assert.notEqual(await idOf(copy), id);
	for (const visitor of [original, friend, copy])
		await visitor.seeVideos(2);
	const gapMs = (await readPictures(original)).frozenMs(fromMs, Date.now());
	assert.equal(await idOf(original), id);
	assert.deepEqual(await readNews(original, 'joined', 'resumed', 'retry', 'closed'), []);
	t.diagnostic(`worst freeze of the original ${gapMs} ms`);
	assert.ok(gapMs < FREEZE_MS, `video frozen for ${gapMs} ms`);

	// And so it stays when the copy is loaded again, and when it goes.
	const copyId = await idOf(copy);
	await copy.page.reload();
	await friend.seeVideos(2);
	assert.equal(await idOf(copy), copyId);
	await copy.page.close();
	await original.see('the copy gone', ({ tiles }) => tiles.length === 1);
	await assertHeard(original, friend);
});

// As on a page without https.
function removeLocks() {
	Object.defineProperty(Navigator.prototype, 'locks', { value: undefined });
}

test('a tab is duplicated where there are no locks: the copy takes the place, and nobody fights for it', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const lab = await startLab(t);
	const prepare = (visitor) => visitor.context.addInitScript(removeLocks);
	const [original, friend] = await startCall(chromium, lab.url, { policy: 'all', prepare });
	const id = await idOf(original);
	const opened = [];
	original.page.on('websocket', (socket) => opened.push(socket.url()));

	const copy = await duplicate(chromium, original);
	const seen = await original.see('the end', ({ state }) => state === 'failed');
	assert.equal(seen.over, 'You are not in the room: Another tab or window has taken your place here.');
	assert.equal(await idOf(copy), id);
	// Both are in the browser that goes off, and may ask for their icon just then.
	for (const visitor of [original, copy]) {
		visitor.forgive(CUT_OFF);
		visitor.forgive(/^failed: .*icon\.svg$/);
	}
	await original.context.setOffline(true);
	await original.context.setOffline(false);
	await seeEachOther([copy, friend], 'all');
	await assertHeard(copy, friend);
	assert.deepEqual(opened, []);
	assert.equal((await original.look()).signaling, 'closed');
});

test('a page is loaded again: the same peer, and both see each other again', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const lab = await startLab(t);
	const callers = await startCall(chromium, lab.url);
	const [loaded, friend] = callers;
	const id = await idOf(loaded);
	await startNews(friend);
	const fromMs = Date.now();
	await loaded.page.reload();
	await seeEachOther(callers);
	t.diagnostic(`both see each other ${Date.now() - fromMs} ms after the page was loaded again`);
	assert.equal(await idOf(loaded), id);
	const news = await readNews(friend, 'peer-left', 'peer-joined');
	assert.deepEqual(news.map((event) => [event.name, event.id, event.reason]),
		[['peer-left', id, 'restarted'], ['peer-joined', id, undefined]]);
	await assertHeard(loaded, friend);
});

test('a broadcaster\'s page is loaded again: the watchers see them again', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const lab = await startLab(t);
	const { broadcaster, watcher } = await startBroadcast(chromium, lab.url);
	const other = await chromium.open(new URL('/broadcast?room=stage', lab.url));
	await other.seeVideos(1);
	const id = await idOf(broadcaster);
	const fromMs = Date.now();
	await broadcaster.page.reload();
	await broadcaster.see('two watchers', ({ state, viewers, links }) =>
		state === 'connected' && viewers === '2' && links.length === 2);
	for (const visitor of [watcher, other]) {
		await visitor.see('the broadcaster again', ({ tiles }) => tiles[0]?.peer === id);
		await visitor.seeVideos(1);
		await visitor.seeMotion();
	}
	t.diagnostic(`watched again ${Date.now() - fromMs} ms after the page was loaded again`);
	assert.equal(await idOf(broadcaster), id);
});

// Sent away, and told so in plain words; nothing brings the page back by itself.
async function kick(lab, visitor) {
	const { id } = await visitor.look();
	const opened = [];
	visitor.page.on('websocket', (socket) => opened.push(socket.url()));
	await startNews(visitor);
	assert.equal(await lab.kick(id), 204);
	const seen = await visitor.see('the end', ({ state }) => state === 'failed');
	assert.equal(seen.over, 'You are not in the room: You were sent out of the room.');
	assert.equal(seen.signaling, 'closed');
	assert.equal((await awaitNews(visitor, 'closed')).code, 'kicked');
	await visitor.context.setOffline(true);
	await visitor.context.setOffline(false);
	return async () => {
		assert.deepEqual(opened, []);
		assert.equal((await visitor.look()).signaling, 'closed');
		return id;
	};
}

test('who is sent out of a call hears so, and stays out', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const lab = await startLab(t);
	const callers = await startCall(chromium, lab.url, { policy: 'all' });
	const [kicked, friend] = callers;
	const assertOut = await kick(lab, kicked);
	await friend.see('nobody', ({ tiles, state }) => tiles.length === 0 && state === 'waiting');
	// Nor does a server that has forgotten everything but who was sent away.
	friend.forgive(CUT_OFF);
	await startNews(friend);
	await lab.restart('SIGKILL');
	await awaitNews(friend, 'resumed');
	const id = await assertOut();

	// A person may come back, as somebody else.
	await kicked.click('#again');
	await kicked.see('the lobby', ({ state }) => state === 'ready');
	await kicked.click('#join');
	assert.notEqual(await idOf(kicked), id);
	await seeEachOther(callers, 'all');
});

test('who is sent out of a broadcast hears so, and stays out', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const lab = await startLab(t);
	const { broadcaster, watcher } = await startBroadcast(chromium, lab.url);
	const other = await chromium.open(new URL('/broadcast?room=stage', lab.url));
	await other.seeVideos(1);
	const assertWatcherOut = await kick(lab, watcher);
	await seeBroadcast({ broadcaster, watcher: other });
	await assertWatcherOut();
	const assertOut = await kick(lab, broadcaster);
	await other.see('the end', ({ state, veil }) => state === 'waiting' && /has ended/.test(veil));
	await assertOut();
});
