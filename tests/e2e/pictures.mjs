// pictures.mjs: what somebody sees of the others' video, picture by picture.

// How often it is looked which relay the packets come through.
const PATH_MS = 200;

// Runs in the page: when each picture of somebody else was shown, and since when
// they come through which port of the relay.
function watchPictures(pathMs) {
	const pictures = { shown: [], ports: [] };
	const { others, lines } = globalThis.signaldDebug;
	let video;

	function note(nowMs) {
		pictures.shown.push(performance.timeOrigin + nowMs);
		video.requestVideoFrameCallback(note);
	}

	// The element is another one when the peer has begun anew.
	function find() {
		const found = document.querySelector('.tile:not(.self) video');
		if (found && found !== video) {
			video = found;
			video.requestVideoFrameCallback(note);
		}
	}

	async function measure() {
		const [{ link } = {}] = (others ?? lines).values();
		const stats = link ? await link.pc.getStats() : new Map();
		const transport = [...stats.values()].find(({ type }) => type === 'transport');
		const pair = stats.get(transport?.selectedCandidatePairId);
		const local = stats.get(pair?.localCandidateId);
		if (local && local.port !== pictures.ports.at(-1)?.port)
			pictures.ports.push({ port: local.port, atMs: Date.now() });
	}

	globalThis.pictures = pictures;
	find();
	setInterval(find, pathMs);
	setInterval(measure, pathMs);
}

// The longest that one picture stood, from one moment to another.
function worstGap(shown, fromMs, toMs) {
	const within = shown.filter((atMs) => atMs > fromMs && atMs < toMs);
	const moments = [fromMs, ...within, toMs];
	return Math.round(Math.max(...moments.slice(1).map((atMs, index) => atMs - moments[index])));
}

export class Pictures {
	constructor(shown, ports) {
		this.shown = shown;
		this.ports = ports;
	}

	worstGapMs(fromMs, toMs) {
		return worstGap(this.shown, fromMs, toMs);
	}

	// When the first picture was shown after a moment, if any was.
	firstAfter(fromMs) {
		return this.shown.find((atMs) => atMs > fromMs);
	}

	// When the last freeze since a moment was over, or that moment.
	thawedMs(fromMs, freezeMs) {
		const isThaw = (atMs, index) => atMs > fromMs && atMs - this.shown[index - 1] > freezeMs;
		return this.shown.findLast(isThaw) ?? fromMs;
	}
}

export async function startPictures(visitor) {
	await visitor.page.evaluate(watchPictures, PATH_MS);
}

export async function readPictures(visitor) {
	const { shown, ports } = await visitor.page.evaluate(() => globalThis.pictures);
	return new Pictures(shown, ports);
}
