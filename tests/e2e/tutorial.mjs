// tutorial.mjs: the pages of a Socket.IO tutorial, who is on them, and the
// whole of what the tutorial shows.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { root } from '../lib/daemon.mjs';
import { Visitor } from './visitor.mjs';

export const folder = path.join(root, 'tests/e2e/tutorial');

// A broadcaster has to hear that a watcher has gone before people wonder.
const GONE_MS = 3000;

/*
 * The pages as files for a server.
 *
 * edit  what their author changed in the HTML
 *
 * Returns a Map from name to text.
 */
export async function readPages(edit = (html) => html) {
	const files = new Map();
	for (const name of await readdir(folder)) {
		const text = await readFile(path.join(folder, name), 'utf8');
		files.set(name, name.endsWith('.html') ? edit(text) : text);
	}
	return files;
}

// Runs in the page: what it has heard and whom it is connected to.
async function lookAround() {
	async function measure([id, connection]) {
		const stats = new Map([...(await connection.getStats()).values()].map((entry) => [entry.id, entry]));
		const all = (type) => [...stats.values()].filter((entry) => entry.type === type);
		const { selectedCandidatePairId } = all('transport')[0] ?? {};
		const pair = stats.get(selectedCandidatePairId);
		const inbound = all('inbound-rtp').filter(({ kind }) => kind === 'video');
		return {
			id,
			state: connection.connectionState,
			path: [pair?.localCandidateId, pair?.remoteCandidateId].map((name) => stats.get(name)?.candidateType),
			frames: inbound.reduce((sum, { framesDecoded = 0 }) => sum + framesDecoded, 0),
		};
	}

	const { socket, seen, connections } = window.tutorial;
	const video = document.querySelector('video');
	return {
		id: socket.id,
		transport: socket.io.engine?.transport?.name,
		seen,
		links: await Promise.all(Object.entries(connections).map(measure)),
		isPlaying: !video.paused && video.currentTime > 0 && video.videoWidth > 0,
		openedAtMs: performance.timeOrigin,
	};
}

/** Somebody on one of the pages. */
export class Pupil extends Visitor {
	look() {
		return this.page.evaluate(lookAround);
	}

	// Known once the server has greeted the page.
	async id() {
		return (await this.see('a greeting', ({ id }) => id)).id;
	}

	// Moving pictures from this id: more frames than a look ago.
	async seeVideo(id) {
		const linkTo = ({ links }) => links.find((link) => link.id === id);
		const before = await this.see(`video from ${id}`, (seen) =>
			seen.isPlaying && linkTo(seen)?.state === 'connected' && linkTo(seen).frames > 0);
		return this.see('more frames', (seen) => linkTo(seen).frames > linkTo(before).frames + 2);
	}

	// Its connections are to these, all of them up.
	seeLinks(ids) {
		const awaited = ids.toSorted().join();
		return this.see(`connections to ${awaited}`, ({ links }) =>
			links.map(({ id }) => id).toSorted().join() === awaited &&
			links.every(({ state }) => state === 'connected'));
	}

	seeGone(id) {
		const isFarewell = ([event, who]) => event === 'disconnectPeer' && who === id;
		return this.see(`disconnectPeer ${id}`, ({ seen }) => seen.some(isFarewell), GONE_MS);
	}

	// What a page that goes away had asked for is asked for in vain.
	#forgiveAborts() {
		this.faults = this.faults.filter((fault) => !/^failed: .*[/]socket\.io[/]/.test(fault));
	}

	// The page will say no goodbye; only the browser does (1001).
	async silence() {
		await this.page.evaluate(() => Object.assign(window, { onunload: null, onbeforeunload: null }));
		return this;
	}

	async shut() {
		await this.page.close();
		this.#forgiveAborts();
	}

	// Goes elsewhere.
	async leave() {
		await this.page.goto('about:blank');
		this.#forgiveAborts();
	}

	async reload() {
		await this.page.reload();
		this.#forgiveAborts();
	}
}

/** Those who have the pages open, tabs of one browser. */
export class School {
	/*
	 * chromium  of startChromium()
	 * url       where the pages are
	 * asked     query of all pages: server, transports, policy
	 */
	constructor(chromium, url, asked = {}) {
		Object.assign(this, { chromium, url, asked });
	}

	async #visit(name) {
		this.context ??= this.chromium.browser.newContext({ viewport: { width: 320, height: 240 } });
		const context = await this.context;
		const pupil = new Pupil(await context.newPage());
		this.chromium.visitors.push(pupil);
		return pupil.open(Object.assign(new URL(name, this.url), { search: new URLSearchParams(this.asked) }));
	}

	broadcaster() {
		return this.#visit('broadcast.html');
	}

	watcher() {
		return this.#visit('watch.html');
	}
}

function idsOf(pupils) {
	return Promise.all(pupils.map((pupil) => pupil.id()));
}

// They see each other: who broadcasts, and everybody who watches.
async function assertBroadcast(broadcaster, watchers) {
	const id = await broadcaster.id();
	await Promise.all(watchers.map((watcher) => watcher.seeVideo(id)));
	await broadcaster.seeLinks(await idsOf(watchers));
}

async function assertGone(broadcaster, watchers, goAway) {
	const gone = watchers.shift();
	const id = await gone.id();
	await goAway(gone);
	await broadcaster.seeGone(id);
	await broadcaster.seeLinks(await idsOf(watchers));
}

async function assertReturn(broadcaster, watchers) {
	const before = await Promise.all(watchers.map((watcher) => watcher.look()));
	const oldId = await broadcaster.id();
	await broadcaster.reload();
	await broadcaster.see('a new id', ({ id }) => id && id !== oldId);
	await assertBroadcast(broadcaster, watchers);
	const after = await Promise.all(watchers.map((watcher) => watcher.look()));
	for (const [index, { id, openedAtMs }] of after.entries()) {
		assert.equal(id, before[index].id, 'the same connection to the server');
		assert.equal(openedAtMs, before[index].openedAtMs, 'the same page');
	}
}

/*
 * Everything the tutorial shows, in its order.
 *
 * school     where it happens
 * transport  that everybody has to end up with
 *
 * Returns the milliseconds from the broadcaster's page to video at two watchers.
 */
export async function followTutorial(school, transport) {
	const watchers = [await school.watcher(), await school.watcher()];
	await idsOf(watchers);
	const broadcaster = await school.broadcaster();
	const beganMs = (await broadcaster.look()).openedAtMs;
	await assertBroadcast(broadcaster, watchers);
	const tookMs = Math.round(Date.now() - beganMs);

	watchers.push(await school.watcher());
	await assertBroadcast(broadcaster, watchers);
	for (const pupil of [broadcaster, ...watchers])
		await pupil.see(transport, (seen) => seen.transport === transport);

	await assertGone(broadcaster, watchers, async (watcher) => (await watcher.silence()).shut());
	await assertReturn(broadcaster, watchers);
	await assertReturn(await broadcaster.silence(), watchers);
	await assertGone(broadcaster, watchers, (watcher) => watcher.leave());
	return tookMs;
}
