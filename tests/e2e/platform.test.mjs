// The client wherever it runs: Firefox, workers, Node.js, pages of other
// origins, and the first example of its manual.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { WebSocket } from 'ws';

import { Signald } from '../../web/client/index.js';
import { root } from '../lib/daemon.mjs';
import { atEnd } from '../lib/ending.mjs';
import { serveFiles } from '../lib/tutorial-server.mjs';
import { startChromium } from './chromium.mjs';
import { seeEachOther } from './company.mjs';
import { startFirefox } from './firefox.mjs';
import { startLab } from './lab.mjs';
import { assertHeard, awaitNews, readNews, soon, startNews } from './news.mjs';
import { startProxy } from './proxy.mjs';
import { CUT_OFF } from './visitor.mjs';

// What the manuals call the server.
const EXAMPLE = 'https://signal.example.org';

test('Firefox and Chromium are in a call, and go on after a cut', async (t) => {
	const chromium = await startChromium(t);
	const firefox = await startFirefox(t);
	const lab = await startLab(t);
	const proxy = await startProxy(t, lab.daemon);
	const url = new URL('/call?room=mixed&policy=relay&join', proxy.url);
	const callers = [firefox, await chromium.visitor()];
	for (const caller of callers)
		await caller.open(url);
	await seeEachOther(callers);

	const before = await Promise.all(callers.map((caller) => caller.look()));
	for (const caller of callers) {
		caller.forgive(CUT_OFF);
		await startNews(caller);
	}
	proxy.cut();
	for (const [index, caller] of callers.entries()) {
		await awaitNews(caller, 'resumed');
		assert.equal((await caller.look()).id, before[index].id);
		assert.deepEqual(await readNews(caller, 'joined', 'closed', 'peer-left'), []);
	}
	await assertHeard(...callers);
	await seeEachOther(callers);
});

/*
 * Somebody in Node.js.
 *
 * Returns {client, next()}, which gives the data of the next message.
 */
async function startNode(t, url, room) {
	const client = new Signald(url, { room, WebSocket, name: 'Node' });
	const heard = [];
	const waiting = [];
	client.on('message', ({ data }) => {
		heard.push(data);
		waiting.shift()?.();
	});
	atEnd(t, () => client.close());
	await soon('to be in the room', client.connect());
	return {
		client,
		async next() {
			if (!heard.length)
				await soon('a message', new Promise((resolve) => waiting.push(resolve)));
			return heard.shift();
		},
	};
}

// A worker that is in the room, and gives back what comes.
const WORKER = `
import { Signald } from '/client/index.js';

const room = new Signald(location.origin, { room: 'works', name: typeof window });
const counts = { joined: 0, resumed: 0 };
for (const name of Object.keys(counts))
	room.on(name, () => counts[name]++);
room.on('message', async ({ from, data }) => {
	await room.send(from, { echo: data });
	postMessage({ id: room.id, counts });
});
await room.connect();
`;

// Runs in the page: start the worker, and keep the last that it said.
function startWorker() {
	const worker = new Worker('/worker.js', { type: 'module' });
	worker.onmessage = ({ data }) => (globalThis.said = data);
	worker.onerror = ({ message }) => (globalThis.said = { message });
}

test('a worker and Node.js are in a room, and go on after a cut', async (t) => {
	const chromium = await startChromium(t);
	const lab = await startLab(t, {}, { 'worker.js': WORKER });
	const proxy = await startProxy(t, lab.daemon);
	const node = await startNode(t, lab.url, 'works');
	const page = await chromium.visitor();
	await page.open(new URL('/', proxy.url));
	page.forgive(CUT_OFF);
	const came = node.client.once('peer-joined');
	await page.page.evaluate(startWorker);
	const { id, name } = await soon('the worker', came);
	assert.equal(name, 'undefined', 'the type of its window');

	await soon('it is delivered', node.client.send(id, 'before'));
	assert.deepEqual(await node.next(), { echo: 'before' });
	const away = node.client.once('peer-away');
	proxy.cut();
	assert.equal((await soon('the cut', away)).id, id);
	await soon('it is delivered', node.client.send(id, 'meanwhile'));
	assert.deepEqual(await node.next(), { echo: 'meanwhile' });
	await page.page.waitForFunction(() => globalThis.said?.counts.resumed);
	assert.deepEqual(await page.page.evaluate(() => globalThis.said), { id, counts: { joined: 1, resumed: 1 } });
	assert.deepEqual([...node.client.peers.keys()], [id]);
});

// A page of another origin, which may use this server.
async function startStranger(t, chromium) {
	const files = new Map();
	const site = await serveFiles(t, files);
	const lab = await startLab(t, { 'http.origins': site.url });
	const open = async (html) => {
		files.set('page.html', `<!doctype html>\n<meta charset="utf-8">\n<link rel="icon" href="data:">\n<body>\n${html}`);
		return chromium.open(`${site.url}/page.html`);
	};
	return { lab, open };
}

function classicPage(url, integrity) {
	return `<script src="${url}/signald.min.js" crossorigin="anonymous" integrity="${integrity}"></script>
<script>
	window.room = window.signald && new signald.Signald('${url}', { room: 'classic' });
	room?.on('message', ({ from, data }) => room.send(from, { echo: data }));
	room?.connect();
</script>`;
}

test('a page of another origin runs the bundle that it has named the hash of, and no other', async (t) => {
	const chromium = await startChromium(t);
	const { lab, open } = await startStranger(t, chromium);
	const integrity = (await (await fetch(`${lab.url}/signald.min.js.sri`)).text()).trim();
	assert.match(integrity, /^sha384-[A-Za-z0-9+/]{64}$/);
	const node = await startNode(t, lab.url, 'classic');
	const came = node.client.once('peer-joined');
	await open(classicPage(lab.url, integrity));
	const { id } = await soon('the page', came);
	await soon('it is delivered', node.client.send(id, 'hello'));
	assert.deepEqual(await node.next(), { echo: 'hello' });

	const other = await open(classicPage(lab.url, integrity.replace(/.{8}$/, 'AAAAAAAA')));
	assert.equal(await other.page.evaluate(() => typeof window.signald), 'undefined');
	assert.match(other.faults.splice(0).join('\n'), /integrity/);
});

// Runs in the page: how many pictures of others it shows, by their size and time.
function countVideos() {
	return [...document.querySelectorAll('video')].filter(({ videoWidth, currentTime }) => videoWidth && currentTime).length;
}

test('the first example of the manual is a video call', async (t) => {
	const [, example] = (await readFile(path.join(root, 'docs/client.md'), 'utf8')).match(/^```\w*\n(.*?)^```$/ms);
	assert.ok(example.includes(EXAMPLE));

	const chromium = await startChromium(t, { hasSmallCamera: true });
	const { lab, open } = await startStranger(t, chromium);
	const html = example.replaceAll(EXAMPLE, lab.url);
	const pages = [await open(html), await open(html)];
	for (const { page } of pages) {
		await page.waitForFunction(countVideos);
		const moments = () => page.evaluate(() => document.querySelector('video').currentTime);
		const before = await moments();
		await page.waitForFunction((then) => document.querySelector('video').currentTime > then + 0.5, before);
	}
	await pages[1].page.close();
	await pages[0].page.waitForFunction(() => !document.querySelector('video'));
});
