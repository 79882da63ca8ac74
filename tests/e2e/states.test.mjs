// What the pages look like when people are cut off and sent away, on a desk and
// on a phone: left in build/screenshots.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startChromium } from './chromium.mjs';
import { startLab } from './lab.mjs';
import { inspect, SIZES } from './looks.mjs';
import { startProxy } from './proxy.mjs';
import { CUT_OFF } from './visitor.mjs';

/*
 * People of both sizes in one call with a friend, and two broadcasts, each of
 * one size and watched on the other.
 *
 * Returns the callers and everybody, as {visitor, name}.
 */
async function startCrowd(chromium, url) {
	const callers = [];
	const crowd = [];
	for (const [size, options] of Object.entries(SIZES)) {
		const other = size === 'phone' ? 'desktop' : 'phone';
		const enter = async (page, name) => {
			const visitor = await chromium.open(new URL(page, url), options);
			visitor.forgive(CUT_OFF);
			crowd.push({ visitor, name: `${name}-${size}` });
			return visitor;
		};
		callers.push({ visitor: await enter('/call?room=garden&join', 'call'), size });
		await enter(`/broadcast?room=${size}&role=broadcaster`, 'broadcast');
		await enter(`/broadcast?room=${other}`, 'watch');
	}
	return { callers, crowd };
}

test('the pages fit, and say so, when people are cut off and sent away', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const laptop = await startChromium(t, { hasSmallCamera: true });
	const lab = await startLab(t);
	const proxy = await startProxy(t, lab.daemon);
	await laptop.open(new URL('/call?room=garden&join', lab.url));
	const { callers, crowd } = await startCrowd(chromium, proxy.url);
	const each = (act) => Promise.all(crowd.map(act));
	const seeAll = (what, matches) => each(({ visitor }) => visitor.see(what, matches));

	await seeAll('the others', ({ state, tiles }) => state === 'connected' &&
		tiles.every(({ isPlaying, state: tile }) => isPlaying || tile === 'live'));
	for (const { visitor, name } of crowd)
		await inspect(visitor, `${name}-connected`);

	proxy.shut();
	await seeAll('that the server is away', ({ state, signaling, status }) =>
		state === 'connected' && signaling === 'reconnecting' && status === 'Reconnecting to the server…');
	for (const { visitor, name } of crowd)
		await inspect(visitor, `${name}-reconnecting`);
	await proxy.open();
	await seeAll('the server again', ({ signaling, status }) => signaling === 'joined' && !/^Reconnecting/.test(status));

	await laptop.sleep(async () => {
		for (const { visitor, size } of callers) {
			await visitor.see('that the friend is away', ({ tiles }) =>
				tiles.length === 2 && tiles.some(({ badge }) => badge === 'Reconnecting…'), 90000);
			await inspect(visitor, `call-away-${size}`);
		}
	});

	for (const { visitor, name } of crowd) {
		assert.equal(await lab.kick((await visitor.look()).id), 204);
		await visitor.see('the end', ({ state, over }) => state === 'failed' && /You were sent out of the room/.test(over));
		await inspect(visitor, `${name}-kicked`);
	}
});
