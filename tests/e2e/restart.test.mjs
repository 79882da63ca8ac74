// Servers that are ended and started again while people talk.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import { until } from '../lib/daemon.mjs';
import { startChromium } from './chromium.mjs';
import { seeBroadcast, seeEachOther, startBroadcast, startCall } from './company.mjs';
import { startLab } from './lab.mjs';
import { assertHeard, awaitNews, readNews, startNews } from './news.mjs';
import { BACK_MS, FREEZE_MS, readPictures, startPictures } from './pictures.mjs';
import { CUT_OFF } from './visitor.mjs';

async function idsOf(visitors) {
	return Promise.all(visitors.map(async (visitor) => (await visitor.look()).id));
}

/*
 * Restart signald and see that everybody is back as who they were, and that
 * those who see each other have seen each other all the time.
 *
 * Returns what it took, in words.
 */
async function restartUnder({ everybody, viewers, lab }, signal) {
	const ids = await idsOf(everybody);
	for (const visitor of everybody)
		await startNews(visitor);
	for (const viewer of viewers)
		await startPictures(viewer);
	const fromMs = Date.now();
	const upMs = await lab.restart(signal);
	const back = await Promise.all(everybody.map((visitor) => awaitNews(visitor, 'resumed')));
	assert.deepEqual(await idsOf(everybody), ids);
	for (const visitor of everybody)
		assert.deepEqual(await readNews(visitor, 'joined', 'closed', 'peer-joined', 'peer-left'), []);

	const [first, second] = everybody;
	await assertHeard(first, second);
	const toMs = Date.now();
	const gaps = await Promise.all(viewers.map(async (viewer) => (await readPictures(viewer)).frozenMs(fromMs, toMs)));
	const backMs = Math.max(...back.map(({ atMs }) => atMs)) - upMs;
	assert.ok(Math.max(...gaps) < FREEZE_MS, `video frozen for ${gaps} ms`);
	return `${signal}: everybody back ${backMs} ms after signald answered, worst freeze ${Math.max(...gaps)} ms`;
}

test('signald killed, or ended in good order, and started again: nobody sees it', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const lab = await startLab(t);
	const callers = await startCall(chromium, lab.url);
	const { broadcaster, watcher } = await startBroadcast(chromium, lab.url);
	const everybody = [...callers, broadcaster, watcher];
	for (const visitor of everybody)
		visitor.forgive(CUT_OFF);
	for (const signal of ['SIGKILL', 'SIGTERM']) {
		t.diagnostic(await restartUnder({ everybody, viewers: [...callers, watcher], lab }, signal));
		await seeEachOther(callers);
		await seeBroadcast({ broadcaster, watcher });
	}
});

test('who is back later than others learns what they have muted meanwhile', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const lab = await startLab(t);
	const callers = await startCall(chromium, lab.url, { policy: 'all' });
	const [early, late] = callers;
	for (const caller of callers) {
		caller.forgive(CUT_OFF);
		await startNews(caller);
	}
	await late.context.setOffline(true);
	await lab.restart('SIGKILL');
	await awaitNews(early, 'resumed');
	await early.click('#mic');
	assert.deepEqual(await readNews(late, 'resumed'), []);
	await late.context.setOffline(false);
	await late.see('the other without sound', ({ tiles }) => tiles[0].isMuted);
	await assertHeard(early, late);
});

/*
 * Wait until somebody sees pictures that come through a relay which was made
 * after a moment.
 *
 * Returns how long after it the last freeze was over, in ms.
 */
async function thawMs(visitor, coturn, fromMs) {
	const isNew = ({ port }) => coturn.allocations.some((made) => made.port === port && made.atMs > fromMs);
	const pictures = await until('pictures through a new relay', async () => {
		const seen = await readPictures(visitor);
		const carrier = seen.ports.find(isNew);
		return carrier && seen.shown.at(-1) > carrier.atMs && seen;
	}, 30000);
	return Math.round(pictures.thawedMs(fromMs, FREEZE_MS) - fromMs);
}

for (const downMs of [0, 3000]) {
	test(`coturn is away for ${downMs} ms, and the relayed call is back by itself`, async (t) => {
		const chromium = await startChromium(t, { hasSmallCamera: true });
		const lab = await startLab(t);
		const callers = await startCall(chromium, lab.url);
		for (const caller of callers)
			await startPictures(caller);
		await lab.coturn.kill();
		await delay(downMs);
		const fromMs = Date.now();
		await lab.coturn.start();
		const took = await Promise.all(callers.map((caller) => thawMs(caller, lab.coturn, fromMs)));
		t.diagnostic(`down for ${downMs} ms: back ${took.join(' and ')} ms after coturn`);
		// A side that was back within a second has not frozen; that its relay was lost,
		// the new one says that it sees pictures through.
		assert.ok(downMs < FREEZE_MS || Math.min(...took) > 0, `${took} ms`);
		assert.ok(Math.max(...took) < BACK_MS, `${took} ms`);
		await seeEachOther(callers);
	});
}

// Which coturn made the relay of that port.
function makerOf(port, coturns) {
	return coturns.find(({ allocations }) => allocations.some((made) => made.port === port));
}

// Which one relays for this side now, if any does.
function carrierOf(pictures, coturns) {
	return makerOf(pictures.ports.at(-1)?.port, coturns);
}

// Whether both ends of the path are relays of that one.
function isWithin(pictures, coturn) {
	const { port, farPort } = pictures.ports.at(-1) ?? {};
	return Boolean(makerOf(port, [coturn]) && makerOf(farPort, [coturn]));
}

const STEADY_MS = 2000;

/*
 * Wait until somebody's path is within one coturn, and pictures have come for
 * STEADY_MS.
 *
 * Returns how long after that the last freeze was over, in ms: 0 when none was
 * of FREEZE_MS. worstMs is the longest.
 */
async function comeThrough(visitor, coturn, fromMs) {
	let seen;
	const isSteady = async () => {
		seen = await readPictures(visitor);
		return isWithin(seen, coturn) && seen.shown.at(-1) > seen.thawedMs(fromMs, FREEZE_MS) + STEADY_MS;
	};
	await until('steady pictures through the coturn', isSteady, 30000).catch((cause) => {
		const since = (all) => all.map(({ port, farPort, atMs }) => [port, farPort, atMs - fromMs]);
		const paths = { ports: since(seen.ports), made: since(coturn.allocations) };
		throw new Error(JSON.stringify({ ...paths, lastMs: seen.shown.at(-1) - fromMs }), { cause });
	});
	return {
		tookMs: Math.round(seen.thawedMs(fromMs, FREEZE_MS) - fromMs),
		worstMs: seen.frozenMs(fromMs, seen.shown.at(-1)),
	};
}

for (const [how, hasCli] of [['as signald sees', true], ['as the browsers notice', false]]) {
	test(`coturn dies, ${how}, and the call goes on through another server by itself`, async (t) => {
		const chromium = await startChromium(t, { hasSmallCamera: true });
		const lab = await startLab(t, {}, {}, { hasSecond: true, hasCli });
		const callers = await startCall(chromium, lab.url);
		for (const caller of callers)
			await startPictures(caller);
		const carrier = await until('a relay that carries', async () =>
			carrierOf(await readPictures(callers[0]), lab.coturns));
		const other = lab.coturns.find((coturn) => coturn !== carrier);
		const fromMs = Date.now();
		await carrier.kill();
		const seen = await Promise.all(callers.map((caller) => comeThrough(caller, other, fromMs)));
		const took = seen.map(({ tookMs }) => tookMs);
		t.diagnostic(`worst freeze ${seen.map(({ worstMs }) => worstMs).join(' and ')} ms, back ${took.join(' and ')} ms`);
		assert.ok(Math.max(...took) < BACK_MS, `${took} ms`);
		await seeEachOther(callers);
	});
}
