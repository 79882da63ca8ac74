// Calls: the direct way, more than two, and what people do in them.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startChromium } from './chromium.mjs';
import { startCall as startPair } from './company.mjs';
import { startService } from './service.mjs';

test('where the network allows it, two browsers meet directly', async (t) => {
	const chromium = await startChromium(t);
	const service = await startService(t);
	const url = new URL('/call?room=direct&join', service.url);

	const visitors = [await chromium.open(url), await chromium.open(url)];
	for (const visitor of visitors) {
		await visitor.seeVideos(1);
		await visitor.seeMotion();
		const seen = await visitor.seePaths('host', 'Connected to Guest, directly');
		assert.match(seen.tiles[0].badge, /^Direct/);
	}
});

// From the start page to the room, as a person would; the link is what "Copy
// link" leaves in the clipboard.
async function startCall(visitor, service) {
	await visitor.context.grantPermissions(['clipboard-read', 'clipboard-write']);
	await visitor.open(service.url);
	await visitor.click('.choice[formaction="/call"]');
	await enter(visitor, 'Ada');
	await visitor.click('#copy');
	await visitor.page.getByText('Link copied').waitFor();
	return visitor.page.evaluate(() => navigator.clipboard.readText());
}

async function enter(visitor, name) {
	await visitor.page.fill('#name', name);
	await visitor.click('#join');
	await visitor.see(`${name} in the room`, ({ signaling }) => signaling === 'joined');
}

test('three people meet by a link, mute, and part', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const service = await startService(t);

	const ada = await chromium.visitor();
	const link = await startCall(ada, service);
	assert.match(link, /\/call\?room=[a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4}$/);
	const bob = await chromium.open(link);
	await enter(bob, 'Bob');
	const eve = await chromium.open(link);
	await enter(eve, 'Eve');
	for (const visitor of [ada, bob, eve]) {
		await visitor.seeVideos(2);
		await visitor.seeMotion();
	}

	await ada.click('#mic');
	await ada.click('#camera');
	for (const visitor of [bob, eve]) {
		await visitor.see('Ada without sound and picture', ({ tiles }) =>
			tiles.every(({ who, isMuted, isDark }) => isMuted === (who === 'Ada') && isDark === isMuted));
	}
	await bob.keep('three-muted');
	await ada.click('#mic');
	await ada.click('#camera');
	for (const visitor of [bob, eve]) {
		await visitor.see('Ada with sound and picture', ({ tiles }) =>
			tiles.every(({ isMuted, isDark }) => !isMuted && !isDark));
	}

	await eve.click('#leave');
	await eve.see('the end', ({ state, over }) => state === 'ended' && /You left the call/.test(over));
	for (const visitor of [ada, bob]) {
		const seen = await visitor.see('Eve gone', ({ tiles }) => tiles.length === 1);
		assert.ok(seen.tiles[0].who !== 'Eve');
		await visitor.seeMotion();
	}
});

// Runs in the page: which captions stick out of their tiles, and which tiles
// lie over each other.
function findClipped() {
	const tiles = [...document.querySelectorAll('.tile')].map((tile) => ({ tile, box: tile.getBoundingClientRect() }));
	const clipped = tiles.flatMap(({ tile, box }) => [...tile.querySelectorAll('.who, .badge')].filter((element) => {
		const { left, right } = element.getBoundingClientRect();
		return left < box.left || right > box.right;
	}));
	const covered = tiles.flatMap(({ box: a }, index) => tiles.slice(index + 1).filter(({ box: b }) =>
		a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom));
	return [...clipped.map(({ textContent }) => textContent), ...covered.map(({ tile }) => `${tile.id}: covers another`)];
}

test('on a narrow phone and on a desk four people see each other whole', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const service = await startService(t);
	const url = new URL('/call?room=four', service.url);
	const sizes = [{ width: 375, height: 667 }, { width: 1280, height: 800 }];

	const visitors = [];
	for (const viewport of [...sizes, ...sizes]) {
		const visitor = await chromium.visitor({ viewport });
		await visitor.open(url);
		await enter(visitor, 'Somebody whose name is longer than this');
		visitors.push(visitor);
	}
	for (const visitor of visitors) {
		await visitor.seeVideos(3);
		await visitor.see('the ways', ({ tiles }) => tiles.every(({ badge }) => / ms$/.test(badge)));
		assert.deepEqual(await visitor.page.evaluate(findClipped), []);
	}
	await visitors[0].keep('four-phone');
	await visitors[1].keep('four-desktop');
});

test('who joins before the camera is there is seen all the same', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const service = await startService(t);
	const url = new URL('/call?room=late', service.url);

	const early = await chromium.open(`${url}&join`);
	await early.see('in the room', ({ signaling }) => signaling === 'joined');
	const late = await chromium.visitor();
	// The browser's question to its user, which waits for the answer.
	await late.page.addInitScript(() => {
		const devices = navigator.mediaDevices;
		const open = devices.getUserMedia.bind(devices);
		const allowed = new Promise((resolve) => (globalThis.allow = resolve));
		devices.getUserMedia = (wish) => allowed.then(() => open(wish));
	});
	await late.open(url);
	await late.click('#join');
	await late.seeVideos(1);
	await early.see('somebody without sound and picture', ({ tiles, links }) =>
		tiles.length === 1 && tiles[0].isMuted && tiles[0].isDark && links[0].state === 'connected');

	await late.page.evaluate(() => globalThis.allow());
	await early.seeVideos(1);
	await early.see('sound and picture', ({ tiles }) => !tiles[0].isMuted && !tiles[0].isDark);
	await early.seeMotion();
	await late.seeMotion();
});

// As where cookies and site data are blocked: asking is an error already.
function forbidStorage() {
	for (const name of ['sessionStorage', 'localStorage']) {
		Object.defineProperty(globalThis, name, {
			get() {
				throw new DOMException('forbidden', 'SecurityError');
			},
		});
	}
}

test('where pages may store nothing, a call is one all the same', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const service = await startService(t);
	const prepare = (visitor) => visitor.context.addInitScript(forbidStorage);
	const [ada, bob] = await startPair(chromium, service.url, { policy: 'all', prepare });
	await ada.click('#leave');
	await bob.see('nobody', ({ tiles, state }) => tiles.length === 0 && state === 'waiting');
});
