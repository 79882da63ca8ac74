// news.mjs: what a page's client has heard, and proof that its peers still
// hear each other through the server.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';

const LIMIT_MS = 20000;

const NAMES = ['joined', 'resumed', 'retry', 'closed', 'peer-joined', 'peer-away', 'peer-back', 'peer-left'];

// Runs in the page: write down what happens from now on.
function watchNews(names) {
	const news = [];
	for (const name of names) {
		globalThis.signaldDebug.signald.on(name, ({ id, reason, code, delayMs }) =>
			news.push({ name, id, reason, code, delayMs, atMs: Date.now() }));
	}
	globalThis.news = news;
}

export async function startNews(visitor) {
	await visitor.page.evaluate(watchNews, NAMES);
}

// Of these names, oldest first.
export async function readNews(visitor, ...names) {
	const news = await visitor.page.evaluate(() => globalThis.news);
	return news.filter(({ name }) => names.includes(name));
}

// Runs in the page: the first event of this name, or null in time.
async function findNews({ name, sinceMs, leastMs, limitMs }) {
	const isWanted = (event) => event.name === name && event.atMs >= sinceMs && (event.delayMs ?? 0) >= leastMs;
	const deadline = performance.now() + limitMs;
	while (performance.now() < deadline) {
		const found = globalThis.news.find(isWanted);
		if (found)
			return found;
		await new Promise((resolve) => setTimeout(resolve, 20));
	}
	return null;
}

/*
 * Wait in the page, so that what is measured is not disturbed, until something
 * has happened.
 *
 * sinceMs  not before, as Date.now() has it; without it: since startNews()
 * leastMs  of a retry: not without so much delay
 *
 * Returns it.
 */
export async function awaitNews(visitor, name, { sinceMs = 0, leastMs = 0, limitMs = LIMIT_MS } = {}) {
	const found = await visitor.page.evaluate(findNews, { name, sinceMs, leastMs, limitMs });
	assert.ok(found, `waited ${limitMs} ms in vain for ${name}`);
	return found;
}

// Runs in the page: send something, which settles when the peer has it.
async function sendOne(text) {
	const { signald } = globalThis.signaldDebug;
	const [id] = signald.links.keys();
	await signald.send(id, { text });
}

// Runs in the page: listen for the next such message.
function listen() {
	const { signald } = globalThis.signaldDebug;
	globalThis.heard = new Promise((resolve) => {
		const stop = signald.on('message', ({ data }) => {
			if (data.text) {
				stop();
				resolve(data.text);
			}
		});
	});
}

// Runs in the page: one more medium for the connection, agreed on by both.
async function negotiateOne() {
	const [{ pc }] = globalThis.signaldDebug.signald.links.values();
	const added = pc.addTransceiver('audio');
	while (!added.currentDirection)
		await new Promise((resolve) => setTimeout(resolve, 20));
	return pc.signalingState;
}

// What was promised, in time.
export async function soon(what, promise) {
	const late = delay(LIMIT_MS, null, { ref: false }).then(() => assert.fail(`waited ${LIMIT_MS} ms in vain: ${what}`));
	return Promise.race([promise, late]);
}

// A message comes to the other, and a negotiation comes to its end, each way.
export async function assertHeard(one, other) {
	for (const [from, to] of [[one, other], [other, one]]) {
		await to.page.evaluate(listen);
		await soon('it is delivered', from.page.evaluate(sendOne, 'still there'));
		assert.equal(await soon('it is heard', to.page.evaluate(() => globalThis.heard)), 'still there');
		assert.equal(await soon('it is agreed', from.page.evaluate(negotiateOne)), 'stable');
	}
}
