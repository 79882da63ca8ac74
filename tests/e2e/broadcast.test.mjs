// One broadcaster, twelve watchers, every one of them through the relay.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startAppliance } from '../lib/appliance.mjs';
import { launchChromium, openPage, readLinks, readStatus, readVideos } from '../lib/browser.mjs';
import { until } from '../lib/daemon.mjs';

const WATCHERS = 12;

test('twelve watchers see a broadcaster through the relay, and none is refused', async (t) => {
	const appliance = await startAppliance(t);
	// A slow camera: two cores encode it for each watcher.
	const studio = await launchChromium(t, { fps: 3 });
	const homes = await launchChromium(t);
	const url = (role) => `${appliance.url}broadcast?room=e2e&policy=relay&role=${role}`;
	const broadcaster = await openPage(studio, url('broadcaster'));
	await until('on air', async () => (await readStatus(broadcaster)).state === 'waiting', 20000);

	const watchers = [];
	for (let i = 0; i < WATCHERS; i++)
		watchers.push(await openPage(homes, url('watcher')));
	for (const [i, page] of watchers.entries()) {
		await until(`watcher ${i + 1} sees it`, async () => {
			const [link] = await readLinks(page);
			const [video] = await readVideos(page);
			return link?.framesDecoded > 0 && video?.width > 0;
		}, 40000);
		const [link] = await readLinks(page);
		assert.equal(link.local, 'relay');
		assert.equal(link.remote, 'relay');
		assert.equal((await readStatus(page)).state, 'connected');
	}
	const links = await readLinks(broadcaster);
	assert.equal(links.length, WATCHERS);
	for (const link of links)
		assert.deepEqual([link.state, link.local, link.remote], ['connected', 'relay', 'relay']);

	await until('the number of viewers', () => broadcaster.evaluate((count) =>
		document.getElementById('viewers-count').textContent === String(count), WATCHERS));
	assert.doesNotMatch(await appliance.readLog('coturn'), /quota|486|508/i);

	await watchers[0].close();
	await until('one viewer fewer', () => broadcaster.evaluate((count) =>
		document.getElementById('viewers-count').textContent === String(count), WATCHERS - 1));
	await broadcaster.close();
	for (const page of watchers.slice(1))
		await until('the watchers are told', async () => (await readStatus(page)).state === 'waiting');
});

test('there is one broadcaster, and the second is told so', async (t) => {
	const appliance = await startAppliance(t);
	const browser = await launchChromium(t, { fps: 3 });
	const url = `${appliance.url}broadcast?room=e2e&role=broadcaster`;
	const first = await openPage(browser, url);
	await until('on air', async () => (await readStatus(first)).state === 'waiting', 20000);
	const second = await openPage(browser, url);
	const status = await until('refused', async () => {
		const now = await readStatus(second);
		return now.state === 'failed' ? now : null;
	}, 20000);
	assert.match(status.text, /place is taken/);
});
