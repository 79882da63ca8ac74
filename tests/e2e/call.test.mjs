// Two browsers in a call, through a real coturn.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { startAppliance } from '../lib/appliance.mjs';
import { launchChromium, launchFirefox, openPage, readLinks, readStatus, readTimes, readVideos } from '../lib/browser.mjs';
import { until } from '../lib/daemon.mjs';

const WITHIN_MS = 2000;

// The video of every other end moves: more frames are decoded and shown, at
// their size, while we look.
async function assertVideoPlays(page, count) {
	const before = await readLinks(page);
	const shown = await readVideos(page);
	assert.equal(before.length, count);
	assert.equal(shown.length, count);
	await until('more frames', async () => {
		const links = await readLinks(page);
		const videos = await readVideos(page);
		return links.every((link, i) => link.framesDecoded >= before[i].framesDecoded + 10) &&
			videos.every((video, i) => video.width > 0 && video.height > 0 && !video.isPaused &&
				video.frames >= shown[i].frames + 5 && video.seconds > shown[i].seconds);
	}, 15000);
}

async function assertPaths(page, local, remote = local) {
	for (const link of await readLinks(page)) {
		assert.equal(link.state, 'connected');
		assert.match(link.local, local);
		assert.match(link.remote, remote);
	}
}

/*
 * The first joins and waits, then the second joins.
 *
 * Returns both pages, and how long after the second join both showed video.
 */
async function call(t, appliance, [first, second], policy) {
	const url = `${appliance.url}call?room=e2e&policy=${policy}&join=1`;
	const pages = [await openPage(first, url)];
	await until('the first waits', async () => (await readStatus(pages[0])).state === 'waiting', 20000);
	pages.push(await openPage(second, url));
	const times = await Promise.all(pages.map((page) => until('video', async () => {
		const noted = await readTimes(page);
		return Object.keys(noted.videos).length ? noted : null;
	}, 30000)));
	const tookMs = Math.max(...times.map(({ videos }) => Math.max(...Object.values(videos)))) - times[1].joined;
	t.diagnostic(`video both ways ${tookMs} ms after the second join (${policy})`);
	return { pages, tookMs };
}

test('two browsers see each other through the relay alone, within 2 s', async (t) => {
	const appliance = await startAppliance(t);
	const { pages, tookMs } = await call(t, appliance, [await launchChromium(t), await launchChromium(t)], 'relay');
	for (const page of pages) {
		await assertVideoPlays(page, 1);
		await assertPaths(page, /^relay$/);
		const { state, text } = await until('the page says so', async () => {
			const status = await readStatus(page);
			return /relay/.test(status.text) ? status : null;
		});
		assert.equal(state, 'connected');
		assert.match(text, /relay/);
		assert.deepEqual(page.troubles, []);
	}
	assert.ok(tookMs < WITHIN_MS, `${tookMs} ms`);
	assert.doesNotMatch(await appliance.readLog('coturn'), /error|denied|quota/i);
});

test('two browsers that can reach each other talk directly', async (t) => {
	const appliance = await startAppliance(t);
	const { pages } = await call(t, appliance, [await launchChromium(t), await launchChromium(t)], 'all');
	for (const page of pages) {
		await assertVideoPlays(page, 1);
		await assertPaths(page, /^(host|prflx|srflx)$/);
	}
});

test('when one hangs up the other sees it, and may be called again', async (t) => {
	const appliance = await startAppliance(t);
	const browser = await launchChromium(t);
	const { pages: [first, second] } = await call(t, appliance, [browser, browser], 'relay');
	await second.click('#leave');
	await until('the first is alone', async () =>
		(await readStatus(first)).state === 'waiting' && (await readVideos(first)).length === 0);
	const third = await openPage(browser, `${appliance.url}call?room=e2e&policy=relay&join=1`);
	await until('video again', async () => (await readVideos(third)).length === 1 &&
		(await readLinks(third))[0].framesDecoded > 0, 20000);
	await assertVideoPlays(first, 1);
});

test('a relay that knows another secret is not used, and the page says why', async (t) => {
	const appliance = await startAppliance(t);
	const text = await readFile(appliance.config, 'utf8');
	await writeFile(appliance.config, text.replace(/^secret = .*$/m, 'secret = another-secret-than-coturn-has'));
	process.kill(appliance.signaldPid, 'SIGHUP');
	await until('the reload', async () => /reload/.test(await appliance.readLog('signald')));

	const browser = await launchChromium(t);
	const url = `${appliance.url}call?room=e2e&policy=relay&join=1`;
	const pages = [await openPage(browser, url), await openPage(browser, url)];
	for (const page of pages) {
		const status = await until('the page has failed', async () => {
			const now = await readStatus(page);
			return now.state === 'failed' ? now : null;
		}, 40000);
		assert.match(status.text, /TURN server rejects the credentials/);
		assert.deepEqual((await readTimes(page)).videos, {});
		for (const link of await readLinks(page))
			assert.equal(link.local, undefined);
	}
	assert.match(await appliance.readLog('coturn'), /401|check_stun_auth|Cannot find credentials/i);
});

test('Chromium and Firefox see each other through the relay', async (t) => {
	const appliance = await startAppliance(t);
	const { pages } = await call(t, appliance, [await launchChromium(t), await launchFirefox(t)], 'relay');
	for (const page of pages) {
		await assertVideoPlays(page, 1);
		await assertPaths(page, /^relay$/);
	}
});
