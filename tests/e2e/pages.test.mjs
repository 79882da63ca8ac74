// The pages as people see them: on a desk and on a phone, by day and by night.
// What they look like is left in build/screenshots.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';

import { root, startDaemon } from '../lib/daemon.mjs';
import { startChromium } from './chromium.mjs';
import { inspect, SIZES } from './looks.mjs';
import { startService } from './service.mjs';

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

async function visitTooLong(visitor, service, name) {
	await visitor.open(new URL(`/call?room=${'long'.repeat(40)}&join`, service.url));
	await visitor.see('what is wrong', ({ over }) => over.endsWith('The name of the room is too long: it has 160 bytes, and 128 are the most.'));
	await inspect(visitor, `too-long-${name}`);
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
		await visitTooLong(visitor, service, size);

		const broadcaster = await chromium.open(`${show}&role=broadcaster`, options);
		await broadcaster.see('live', ({ state }) => state === 'waiting');
		await visitBroadcast(visitor, show, size);
		await broadcaster.see('one watcher', ({ state, viewers }) => state === 'connected' && viewers === '1');
		await inspect(broadcaster, `broadcast-${size}`);
	});
}

// Not a lab with a relay: nobody comes so far.
async function startDeaf(t, sets = {}) {
	const { url } = await startDaemon(t, { sets: { 'http.root': path.join(root, 'build/share/web'), ...sets } });
	return url;
}

test('where a key is asked for, the pages say so in plain words', async (t) => {
	const chromium = await startChromium(t);
	const url = await startDeaf(t, { 'access.mode': 'key', 'access.keys': `shop:${'0'.repeat(64)}` });
	const plain = /key or a token of its application.* open to everybody or to guests/;
	for (const page of ['/call?room=x&join', '/broadcast?room=x']) {
		const visitor = await chromium.open(new URL(page, url));
		await visitor.see('why', ({ state, over }) => state === 'failed' && plain.test(over));
		await inspect(visitor, `key${page.slice(1, 5)}`);
	}
	const visitor = await chromium.open(url);
	await visitor.page.locator('#check-ice', { hasText: plain }).waitFor();
	// The browser says so itself of the ICE list.
	assert.deepEqual(visitor.faults.splice(0).filter((fault) => !/401/.test(fault)), []);
});

test('an address that asks for what there is not is told so, and goes on without it', async (t) => {
	const chromium = await startChromium(t);
	const url = await startDeaf(t);
	for (const page of ['/call?room=x&join', '/broadcast?room=x']) {
		const visitor = await chromium.open(new URL(`${page}&policy=bogus`, url));
		await visitor.see('what is wrong', ({ state, over }) => state === 'failed' && /policy=bogus, which there is not/.test(over));
		await visitor.click('#again');
		await visitor.see('the page', ({ state }) => state === 'waiting');
	}
});

test('an address of no page leads to those that there are', async (t) => {
	const chromium = await startChromium(t);
	const visitor = await chromium.open(new URL('/nope', await startDeaf(t)));
	await visitor.page.getByText('There is no such page').waitFor();
	assert.deepEqual(visitor.faults.splice(0).filter((fault) => !/404/.test(fault)), []);
	await inspect(visitor, 'nope');
	await visitor.page.getByText('To the start page').click();
	await visitor.page.waitForSelector('#form');
});

test('a page of which a script does not come is loaded again, and in the end says so', async (t) => {
	const chromium = await startChromium(t);
	const daemon = await startDaemon(t, { sets: { 'http.root': path.join(root, 'build/share/web') } });
	const visitor = await chromium.visitor();
	visitor.forgive(/backoff\.js|ERR_ADDRESS_UNREACHABLE/);
	let failures = 2;
	let requests = 0;
	await visitor.page.route('**/client/backoff.js', (route) => {
		requests++;
		return failures-- > 0 ? route.abort('addressunreachable') : route.continue();
	});
	await visitor.open(new URL('/broadcast?room=stage', daemon.url));
	await visitor.page.waitForSelector('html[data-state=waiting]');
	assert.equal(requests, 3);

	// As often as before: what was gives no credit.
	[failures, requests] = [Infinity, 0];
	await visitor.page.reload();
	await visitor.page.getByRole('alert').getByText('A part of this page did not come').waitFor();
	assert.equal(requests, 4);
	await inspect(visitor, 'part-missing');
});
