// pictures.mjs: what somebody sees of the others' video, picture by picture.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';

// How often it is looked which relay the packets come through, and whether there
// is another picture.
const PATH_MS = 200;
const TICK_MS = 50;

// Until somebody who sees pictures at all has seen one.
const FIRST_MS = 3000;

// People take a video that stands for longer for one that is frozen.
export const FREEZE_MS = 1000;

// Until a relayed call is back after the relay, or the network, is.
export const BACK_MS = 10000;

// Runs in the page: when pictures of somebody else came to their element, since
// when packets go through which port of the relay, to which of the other's, and
// when the page ran. Whether they are drawn then is the browser's affair: one that
// has no screen leaves a whole window undrawn now and then, and drops all of them;
// requestVideoFrameCallback() is silent there.
function watchPictures({ pathMs, tickMs }) {
	const pictures = { sinceMs: Date.now(), shown: [], ports: [], ticks: [], total: 0, undrawn: 0 };
	const { others, lines } = globalThis.signaldDebug;
	let video;
	let count;

	// The element is another one when the peer has begun anew.
	function look() {
		const nowMs = Date.now();
		const found = document.querySelector('.tile:not(.self) video');
		pictures.ticks.push(nowMs);
		if (!found)
			return;
		const { totalVideoFrames: total, droppedVideoFrames: undrawn } = found.getVideoPlaybackQuality();
		if (found === video && total !== count)
			pictures.shown.push(nowMs);
		video = found;
		count = total;
		Object.assign(pictures, { total, undrawn });
	}

	async function measure() {
		const [{ link } = {}] = (others ?? lines).values();
		const stats = link ? await link.pc.getStats() : new Map();
		const transport = [...stats.values()].find(({ type }) => type === 'transport');
		const pair = stats.get(transport?.selectedCandidatePairId);
		const port = stats.get(pair?.localCandidateId)?.port;
		const farPort = stats.get(pair?.remoteCandidateId)?.port;
		const last = pictures.ports.at(-1);
		if (port && (port !== last?.port || farPort !== last.farPort))
			pictures.ports.push({ port, farPort, atMs: Date.now() });
	}

	globalThis.pictures = pictures;
	setInterval(look, tickMs);
	setInterval(measure, pathMs);
}

// The times without any of these moments, {fromMs, toMs}, from one to another.
function gaps(all, fromMs, toMs) {
	const within = all.filter((atMs) => atMs > fromMs && atMs < toMs);
	const moments = [fromMs, ...within, toMs];
	return moments.slice(1).map((atMs, index) => ({ fromMs: moments[index], toMs: atMs }));
}

// The longest of them.
function worstGap(all, fromMs, toMs) {
	return Math.round(Math.max(...gaps(all, fromMs, toMs).map((gap) => gap.toMs - gap.fromMs)));
}

export class Pictures {
	constructor({ sinceMs, shown, ports, ticks, total, undrawn }) {
		this.sinceMs = sinceMs;
		this.shown = shown;
		this.ports = ports;
		this.ticks = ticks;
		this.total = total;
		this.undrawn = undrawn;
	}

	// The longest that one picture stood.
	worstGapMs(fromMs, toMs) {
		return worstGap(this.shown, fromMs, toMs);
	}

	// The same, less what the page itself stood meanwhile: that is a busy machine.
	frozenMs(fromMs, toMs) {
		return Math.max(...gaps(this.shown, fromMs, toMs).map((gap) =>
			Math.round(gap.toMs - gap.fromMs) - worstGap(this.ticks, gap.fromMs, gap.toMs)));
	}

	// When the first picture was shown after a moment, if any was.
	firstAfter(fromMs) {
		return this.shown.find((atMs) => atMs > fromMs);
	}

	// When the last freeze since a moment was over, or that moment.
	thawedMs(fromMs, freezeMs) {
		const before = (index) => this.shown[index - 1] ?? this.sinceMs;
		const isThaw = (atMs, index) => atMs > fromMs && atMs - before(index) > freezeMs;
		return this.shown.findLast(isThaw) ?? fromMs;
	}
}

async function seesPictures(visitor) {
	for (let i = 0; i < FIRST_MS / TICK_MS; i++) {
		if ((await readPictures(visitor)).shown.length)
			return true;
		await delay(TICK_MS);
	}
	return false;
}

// Watch from now on somebody who sees pictures.
export async function startPictures(visitor) {
	await visitor.page.evaluate(watchPictures, { pathMs: PATH_MS, tickMs: TICK_MS });
	assert.ok(await seesPictures(visitor), 'no pictures');
}

export async function readPictures(visitor) {
	return new Pictures(await visitor.page.evaluate(() => globalThis.pictures));
}
