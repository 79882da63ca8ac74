// What signald began as: a Socket.IO tutorial's broadcast, its pages unchanged.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';

import { freePort, makeFolder, root, startDaemon } from '../lib/daemon.mjs';
import { serveFiles, startTutorialServer } from '../lib/tutorial-server.mjs';
import { startChromium } from './chromium.mjs';
import { startService } from './service.mjs';
import { folder, followTutorial, readPages, School } from './tutorial.mjs';

const web = path.join(root, 'build/share/web');

// signald with the browser client that the pages load from it.
function startSignald(t, { sets, ...options }) {
	const all = { 'socketio.client_files': path.join(root, 'build/share/socket.io'), ...sets };
	return startDaemon(t, { sets: all, ...options });
}

// The pages on a server of their own, signald at another address, which their
// author wrote into them. Returns {daemon, pages, asked}.
async function startApart(t, sets = {}) {
	const port = await freePort();
	const server = `http://127.0.0.1:${port}`;
	const pages = await serveFiles(t, await readPages((html) => html.replace('src="/socket.io/', `src="${server}/socket.io/`)));
	const daemon = await startSignald(t, { port, sets: { 'http.origins': pages.url, ...sets } });
	return { daemon, pages, asked: { server } };
}

function nativeId({ page }) {
	return page.evaluate(() => globalThis.signaldDebug.signald.id);
}

test('the pages show what they should with the server of the tutorial', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const { url } = await startTutorialServer(t, await readPages());
	await followTutorial(new School(chromium, url), 'websocket');
});

test('signald serves the tutorial: pages, client and events', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const { url } = await startSignald(t, { sets: { 'http.root': folder } });
	const tookMs = await followTutorial(new School(chromium, url), 'websocket');
	t.diagnostic(`video at two watchers ${tookMs} ms after the broadcaster came`);
});

test('the pages of another server use signald', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const { pages, asked } = await startApart(t);
	await followTutorial(new School(chromium, pages.url, asked), 'websocket');
});

test('the tutorial works where there is nothing but polling', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const { pages, asked } = await startApart(t);
	await followTutorial(new School(chromium, pages.url, { ...asked, transports: 'polling' }), 'polling');
});

test('native watchers see the tutorial\'s broadcaster', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const { daemon, pages, asked } = await startApart(t, { 'http.root': web });
	const school = new School(chromium, pages.url, asked);
	const url = new URL('/broadcast?room=default', daemon.url);

	const early = await chromium.open(url);
	await early.see('nobody live', ({ state, signaling }) => state === 'waiting' && signaling === 'joined');
	const broadcaster = await school.broadcaster();
	const late = await chromium.open(url);
	const pupil = await school.watcher();
	for (const watcher of [early, late]) {
		await watcher.seeVideos(1);
		await watcher.seeMotion();
		await watcher.see('its state', ({ state, status }) => state === 'connected' && status === 'Watching directly');
	}
	await pupil.seeVideo(await broadcaster.id());

	const ids = await Promise.all([early, late].map(nativeId));
	await broadcaster.seeLinks([...ids, await pupil.id()]);
	await early.click('#leave');
	await broadcaster.seeGone(ids[0]);
	await broadcaster.reload();
	const id = await broadcaster.id();
	await late.see('the broadcaster again', ({ tiles }) => tiles[0]?.peer === id);
	await late.seeVideos(1);
	await late.seeMotion();
	await pupil.seeVideo(id);
});

test('the tutorial\'s watchers see a native broadcaster', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const { daemon, pages, asked } = await startApart(t, { 'http.root': web });
	const school = new School(chromium, pages.url, asked);
	const url = new URL('/broadcast?room=default', daemon.url);

	const early = await school.watcher();
	await early.id();
	const broadcaster = await chromium.open(`${url}&role=broadcaster`);
	const late = await school.watcher();
	const native = await chromium.open(url);
	await native.seeVideos(1);
	const id = await nativeId(broadcaster);
	for (const watcher of [early, late])
		await watcher.seeVideo(id);
	await broadcaster.see('three watchers', ({ viewers, links }) => viewers === '3' && links.length === 3 &&
		links.every(({ state }) => state === 'connected'));

	await early.leave();
	await broadcaster.see('two watchers', ({ viewers, links }) => viewers === '2' && links.length === 2);
	await broadcaster.click('#leave');
	await broadcaster.page.reload();
	await broadcaster.see('two watchers again', ({ viewers, links }) => viewers === '2' && links.length === 2);
	await late.seeVideo(await nativeId(broadcaster));
});

test('one line more in the pages, and they go through the relay', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const service = await startService(t);
	const pages = await readPages((html) => html.replace('<script', '<script src="/ice-shim.js"></script>\n\t<script'));
	const place = await makeFolder(t);
	for (const [name, text] of pages)
		await writeFile(path.join(place, name), text);
	const daemon = await startSignald(t, { config: await service.read('signald.conf'), sets: { 'http.root': place } });

	const school = new School(chromium, daemon.url, { policy: 'relay' });
	const watcher = await school.watcher();
	await watcher.id();
	const broadcaster = await school.broadcaster();
	const { links } = await watcher.seeVideo(await broadcaster.id());
	assert.deepEqual(links.map((link) => link.path), [['relay', 'relay']]);
});
