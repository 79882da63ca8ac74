// meeting.mjs: two people on the pages, and whether and how they meet.
import { randomBytes } from 'node:crypto';

import { joinUntilVideo } from '../e2e/video.mjs';

// Chromium says that it found no way some 15 s after it began to look.
const LIMIT_MS = 60000;

// Looking costs the machine that is measured.
const LOOK_MS = 500;

/*
 * Runs in the page: the pair of candidates in use, by the browser's own word.
 * protocol is that of the way out of this machine: to the relay, where it is one.
 */
async function readPath() {
	const [{ link }] = globalThis.signaldDebug.others.values();
	const stats = await link.pc.getStats();
	const transport = [...stats.values()].find(({ type }) => type === 'transport');
	const pair = stats.get(transport?.selectedCandidatePairId);
	const local = stats.get(pair?.localCandidateId);
	const remote = stats.get(pair?.remoteCandidateId);
	const video = [...stats.values()].find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video');
	return {
		local: local?.candidateType,
		protocol: local?.relayProtocol ?? local?.protocol,
		remote: remote?.candidateType,
		address: local?.address,
		frames: video?.framesDecoded ?? 0,
	};
}

async function enter(browser, url) {
	const visitor = await browser.visitor({ viewport: { width: 320, height: 240 } });
	await visitor.open(url);
	return visitor;
}

// Where several meetings are held at once, pages are opened by one after the
// other: that is what costs.
let opened = Promise.resolve();

function enterBoth(entries) {
	const visitors = opened.then(() => Promise.all(entries.map(([browser, url]) => enter(browser, url))));
	opened = visitors.catch(() => {});
	return visitors;
}

/*
 * Wait until both pages say that there is no way: each browser has tried every
 * pair of candidates, and has given up (connectionState "failed", a state that
 * the page shows for good while it goes on trying).
 */
async function seeFailure(visitors) {
	const hasFailed = () => document.documentElement.dataset.state === 'failed';
	await Promise.all(visitors.map(({ page }) =>
		page.waitForFunction(hasFailed, null, { timeout: LIMIT_MS, polling: LOOK_MS })));
}

// Both decode more frames than they had.
async function readPaths(visitors) {
	await Promise.all(visitors.map((visitor) => visitor.seeMotion()));
	return Promise.all(visitors.map(({ page }) => page.evaluate(readPath)));
}

async function callEachOther(visitors) {
	const [waiting, joining] = visitors;
	await waiting.see('the first in the room', ({ signaling }) => signaling === 'joined');
	await joining.page.waitForSelector('#preview-note', { state: 'hidden' });
	const beganMs = performance.now();
	const tookMs = await Promise.race([joinUntilVideo(waiting, joining), seeFailure(visitors)]);
	if (tookMs === undefined)
		return { isConnected: false, seconds: (performance.now() - beganMs) / 1000 };
	return { isConnected: true, seconds: tookMs / 1000, paths: await readPaths(visitors) };
}

/*
 * Let two browsers call each other: the first waits in the room, the second
 * joins by a click.
 *
 * Returns {isConnected, seconds, paths, complaints}: seconds from the click
 * until both saw the other, or gave up; paths of both, [{local, protocol,
 * remote, address, frames}], where they met; what the pages complained of.
 */
export async function meet([first, second], base) {
	const url = new URL(`/call?room=${randomBytes(6).toString('hex')}`, base);
	const visitors = await enterBoth([[first, `${url}&join`], [second, url]]);
	try {
		const outcome = await callEachOther(visitors);
		return { ...outcome, complaints: visitors.flatMap(({ faults }) => [...faults]) };
	} finally {
		await Promise.all(visitors.map(({ context }) => context.close()));
		// They have been told of, or are about the end.
		for (const { faults } of visitors)
			faults.length = 0;
	}
}
