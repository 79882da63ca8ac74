// The pages as people see them: on a desk and on a phone, by day and by night.
// What they look like is left in build/screenshots.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startChromium } from './chromium.mjs';
import { startService } from './service.mjs';

const SIZES = {
	desktop: { viewport: { width: 1280, height: 800 } },
	phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
};

// Runs in the page: what sticks out of it sideways, or lies below its end
// where it cannot be scrolled to.
function findOutcasts() {
	const page = document.documentElement;
	const controls = [...document.querySelectorAll('button, a, input, summary, [role="status"]')];
	const outcasts = controls.filter((element) => {
		const { left, right, bottom, width } = element.getBoundingClientRect();
		return width > 0 && (left < 0 || right > page.clientWidth || bottom > page.scrollHeight);
	});
	const names = outcasts.map(({ id, className, textContent }) => `${id || className}: ${textContent.trim()}`);
	return page.scrollWidth > page.clientWidth ? [...names, `page: ${page.scrollWidth} wide`] : names;
}

async function inspect(visitor, name) {
	assert.deepEqual(await visitor.page.evaluate(findOutcasts), [], name);
	for (const colorScheme of ['dark', 'light']) {
		await visitor.page.emulateMedia({ colorScheme });
		await visitor.keep(`${name}-${colorScheme}`);
	}
}

async function visitHome(visitor, service, name) {
	await visitor.open(service.url);
	await visitor.see('that the relay works', ({ relay }) => relay === 'works');
	await inspect(visitor, `home-${name}`);
}

async function visitCall(visitor, url, name) {
	await visitor.open(url);
	await visitor.page.waitForSelector('#preview-note', { state: 'hidden' });
	await inspect(visitor, `lobby-${name}`);
	await visitor.page.fill('#name', 'Grace');
	await visitor.click('#join');
	await visitor.seeVideos(1);
	await visitor.see('the relay named', ({ tiles }) => /^Relayed/.test(tiles[0].badge));
	await inspect(visitor, `call-${name}`);
	await visitor.click('#leave');
	await inspect(visitor, `left-${name}`);
}

async function visitBroadcast(visitor, url, name) {
	await visitor.open(url);
	await visitor.seeVideos(1);
	await visitor.see('one watching', ({ viewers, status }) => viewers === '1' && /relay/.test(status));
	await inspect(visitor, `watch-${name}`);
}

for (const [size, options] of Object.entries(SIZES)) {
	test(`the pages fit a ${size}, and complain of nothing`, async (t) => {
		const chromium = await startChromium(t);
		const service = await startService(t);
		const call = new URL('/call?room=garden&policy=relay', service.url);
		const show = new URL('/broadcast?room=stage&policy=relay', service.url);

		const visitor = await chromium.visitor(options);
		await visitHome(visitor, service, size);

		const friend = await chromium.open(`${call}&join`, options);
		await friend.see('a friend', ({ state }) => state === 'waiting');
		await inspect(friend, `alone-${size}`);
		await visitCall(visitor, call, size);
		await friend.click('#leave');

		const broadcaster = await chromium.open(`${show}&role=broadcaster`, options);
		await broadcaster.see('live', ({ state }) => state === 'waiting');
		await visitBroadcast(visitor, show, size);
		await broadcaster.see('one watcher', ({ state, viewers }) => state === 'connected' && viewers === '1');
		await inspect(broadcaster, `broadcast-${size}`);
	});
}
