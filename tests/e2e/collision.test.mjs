// Two offers at once, of which one is rolled back.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startChromium } from './chromium.mjs';
import { startLab } from './lab.mjs';

const WATCH_MS = 1000;
const LIMIT_MS = 20000;

/*
 * Runs in the page: two clients call each other, in whose first negotiation the
 * polite one answers; then both make an offer at once.
 *
 * Returns the polite one's {rolledBack, shown}: whether its offer was, and how
 * many pictures of the other were shown after that.
 */
async function collide({ room, watchMs, limitMs }) {
	const { Signald } = await import('/client/index.js');
	const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
	async function when(what, isTrue) {
		const deadline = performance.now() + limitMs;
		while (!isTrue()) {
			if (performance.now() > deadline)
				throw new Error(`waited ${limitMs} ms in vain: ${what}`);
			await sleep(10);
		}
	}

	const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
	const options = { room, role: 'peer', stream, storage: null };
	const polite = new Signald(location.origin, options);
	const video = document.createElement('video');
	Object.assign(video, { muted: true, autoplay: true });
	document.body.append(video);
	const shown = () => video.getVideoPlaybackQuality().totalVideoFrames;
	// At once: their first offer may be here before anything else of ours has run.
	polite.on('link', (link) => link.on('stream', (theirStream) => video.srcObject = theirStream));
	await polite.connect();
	// Who comes later calls; ids are drawn.
	let rude = new Signald(location.origin, options);
	await rude.connect();
	while (rude.id < polite.id) {
		rude.close();
		rude = new Signald(location.origin, options);
		await rude.connect();
	}
	await when('both call', () => polite.links.has(rude.id) && rude.links.has(polite.id));
	const ours = polite.links.get(rude.id);
	const theirs = rude.links.get(polite.id);
	await when('the other is seen', () => shown() > 3 && ours.pc.signalingState === 'stable' && theirs.pc.signalingState === 'stable');

	// Their offer is under way for as long as it takes to make ours.
	const held = [];
	const receive = ours.receive.bind(ours);
	ours.receive = (message) => held.push(message);
	theirs.restart();
	await when('their offer is there', () => held.some(({ type }) => type === 'offer'));
	ours.restart();
	await when('ours is out', () => ours.pc.signalingState === 'have-local-offer');
	const states = [];
	ours.pc.addEventListener('signalingstatechange', () => states.push(ours.pc.signalingState));
	ours.receive = receive;
	held.splice(0).forEach(receive);
	await when('both agree', () => states.at(-1) === 'stable' && theirs.pc.signalingState === 'stable');
	const before = shown();
	await sleep(watchMs);
	return { rolledBack: states.includes('have-remote-offer'), shown: shown() - before };
}

test('who has answered, and then rolls an offer back, still sees the other', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const lab = await startLab(t);
	const { page } = await chromium.open(new URL('/', lab.url));
	const { rolledBack, shown } = await page.evaluate(collide, { room: 'collision', watchMs: WATCH_MS, limitMs: LIMIT_MS });
	assert.ok(rolledBack);
	assert.ok(shown >= 3, `${shown} pictures in ${WATCH_MS} ms`);
});
