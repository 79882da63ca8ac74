// visitor.mjs: somebody with a browser, and what is on their page. It runs on
// playwright's pages and on puppeteer's, which agree in all that is used here.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { root } from '../lib/daemon.mjs';

const screenshots = path.join(root, 'build/screenshots');
const LIMIT_MS = 20000;
const LOOK_MS = 50;

// What browsers say of each attempt while the server cannot be reached.
export const CUT_OFF = new RegExp([
	'WebSocket connection to .* failed', 'ERR_INTERNET_DISCONNECTED', 'ERR_CONNECTION_(?:RESET|REFUSED)',
	'can’t establish a connection to the server', 'The connection to .* was interrupted',
].join('|'));

/*
 * Runs in the page: where it stands, by its own word (data-state and texts) and
 * by the browser's (elements and statistics of the connections).
 */
async function lookAround() {
	const isVisible = (element) => element.getClientRects().length > 0;
	const textOf = (id) => document.getElementById(id)?.textContent.trim();

	// Who hears a packet before the news of where it comes from makes a
	// peer-reflexive candidate of it. Firefox leaves it so: it is what was
	// announced of that address.
	function typeOf(candidate, announced) {
		const same = announced.find(({ candidateType, address, port }) => candidateType !== 'prflx' &&
			address === candidate?.address && port === candidate?.port);
		return candidate?.candidateType === 'prflx' && same ? same.candidateType : candidate?.candidateType;
	}

	async function measure({ link: { pc } }) {
		const stats = new Map([...(await pc.getStats()).values()].map((entry) => [entry.id, entry]));
		const all = (type) => [...stats.values()].filter((entry) => entry.type === type);
		const named = all('transport').find((entry) => entry.selectedCandidatePairId);
		const pair = named ? stats.get(named.selectedCandidatePairId)
			: all('candidate-pair').find((entry) => entry.selected);
		const inbound = all('inbound-rtp').filter(({ kind }) => kind === 'video');
		return {
			state: pc.connectionState,
			signaling: pc.signalingState,
			gathering: pc.iceGatheringState,
			local: stats.get(pair?.localCandidateId)?.candidateType,
			remote: typeOf(stats.get(pair?.remoteCandidateId), all('remote-candidate')),
			frames: inbound.reduce((sum, { framesDecoded = 0 }) => sum + framesDecoded, 0),
		};
	}

	const { others, lines } = globalThis.signaldDebug ?? {};
	const tiles = [...document.querySelectorAll('.tile:not(.self)')].filter(isVisible);
	return {
		...document.documentElement.dataset,
		id: globalThis.signaldDebug?.signald.id,
		status: textOf('status'),
		veil: textOf('veil'),
		viewers: textOf('viewers-count'),
		over: [textOf('over-title'), textOf('over-text')].join(': '),
		links: await Promise.all([...(others ?? lines ?? new Map()).values()].map(measure)),
		tiles: tiles.map((tile) => {
			const video = tile.querySelector('video');
			return {
				...tile.dataset,
				who: tile.querySelector('.who').textContent,
				badge: tile.querySelector('.badge')?.textContent,
				trouble: isVisible(tile.querySelector('.trouble')) && tile.querySelector('.trouble').innerText,
				isMuted: isVisible(tile.querySelector('.muted-mark') ?? document.head),
				isDark: tile.classList.contains('is-dark'),
				isPlaying: !video.paused && video.currentTime > 0 && video.videoWidth > 0,
			};
		}),
		atMs: Date.now(),
	};
}

export class Visitor {
	constructor(page) {
		this.page = page;
		// What no page may do: complain, fail, or ask for what is not there.
		this.faults = [];
		this.forgiven = [];
		page.on('console', (message) => {
			if (/^(error|warn)/.test(message.type()))
				this.#note(`${message.type()}: ${message.text()}`);
		});
		page.on('pageerror', (error) => this.#note(`thrown: ${error.stack}`));
		page.on('requestfailed', (request) => this.#note(`failed: ${request.url()}`));
		page.on('response', (response) => {
			if (response.status() >= 400)
				this.#note(`${response.status()}: ${response.url()}`);
		});
	}

	#note(fault) {
		if (!this.forgiven.some((pattern) => pattern.test(fault)))
			this.faults.push(fault);
	}

	// A page may complain of what the test is about to do.
	forgive(pattern) {
		this.forgiven.push(pattern);
	}

	async open(url) {
		await this.page.goto(String(url));
		return this;
	}

	click(selector) {
		return this.page.click(selector);
	}

	look() {
		return this.page.evaluate(lookAround);
	}

	/*
	 * Waits until the page looks as said.
	 *
	 * matches  takes a look and says whether it is the one awaited
	 *
	 * Returns that look.
	 */
	async see(what, matches, limitMs = LIMIT_MS) {
		const deadline = performance.now() + limitMs;
		for (;;) {
			const seen = await this.look();
			if (matches(seen))
				return seen;
			if (performance.now() > deadline)
				assert.fail(`waited ${limitMs} ms in vain for ${what}; the page: ${JSON.stringify(seen, null, 1)}; its faults: ${JSON.stringify(this.faults, null, 1)}`);
			await delay(LOOK_MS);
		}
	}

	// A picture of the page, for people to judge.
	async keep(name) {
		await mkdir(screenshots, { recursive: true });
		await this.page.screenshot({ path: path.join(screenshots, `${name}.png`) });
	}

	// So many others on the page, and moving pictures of each.
	seeVideos(count, limitMs) {
		return this.see(`${count} videos`, ({ tiles, links }) =>
			tiles.length === count && tiles.every(({ isPlaying }) => isPlaying) &&
			links.length === count && links.every(({ frames }) => frames > 0), limitMs);
	}

	// Every video decodes more frames than it has.
	async seeMotion() {
		const before = (await this.look()).links;
		assert.ok(before.length > 0);
		return this.see('more frames', ({ links }) => links.length === before.length &&
			links.every(({ frames }, index) => frames > before[index].frames + 2));
	}

	/*
	 * Every connection goes this way, by the browser's own word, and the page
	 * says so. The other's may be called peer-reflexive, as it was heard from before
	 * it was announced (RFC 8445, 7.3.1.3; Firefox leaves it at that): what it is
	 * its own end says, which is asked too.
	 *
	 * path   type of both candidates: "relay" or "host"
	 * words  in the status line
	 */
	seePaths(path, words) {
		const remotes = [path, 'prflx'];
		const pairs = remotes.map((remote) => `${path}/${remote}`);
		return this.see(`the path ${path} and "${words}"`, ({ state, status, links, tiles }) =>
			state === 'connected' && status.includes(words) && links.length > 0 &&
			links.every((link) => link.state === 'connected' && link.local === path && remotes.includes(link.remote)) &&
			tiles.every(({ pair = pairs[0] }) => pairs.includes(pair)));
	}
}
