// chromium.mjs: Debian's Chromium with a camera that is not there.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';

import { atEnd } from '../lib/ending.mjs';
import { Visitor } from './visitor.mjs';

const PROGRAM = '/usr/bin/chromium';

const FLAGS = [
	'--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
	'--disable-component-update', '--disable-sync',
	'--renderer-process-limit=4',
	'--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
];

/*
 * A film for the camera, small enough that one machine encodes it for a dozen
 * watchers: 160x120 in grey, a bar that wanders.
 *
 * Returns its path.
 */
async function makeFilm() {
	const [width, height, frames] = [160, 120, 32];
	const parts = [Buffer.from(`YUV4MPEG2 W${width} H${height} F10:1 Ip A1:1 C420jpeg\n`)];
	for (let frame = 0; frame < frames; frame++) {
		const picture = Buffer.alloc(width * height * 1.5, 128);
		for (let y = 0; y < height; y++)
			picture.fill(230, y * width + frame * 5, y * width + frame * 5 + 5);
		parts.push(Buffer.from('FRAME\n'), picture);
	}
	const file = path.join(os.tmpdir(), 'film.y4m');
	await writeFile(file, Buffer.concat(parts));
	return file;
}

class Chromium {
	constructor(browser) {
		this.browser = browser;
		this.visitors = [];
	}

	/*
	 * A visitor with a profile of their own.
	 *
	 * options  of playwright's context: viewport, colorScheme and such
	 */
	async visitor(options = {}) {
		return this.visitorIn(await this.browser.newContext(options));
	}

	// One more in a profile that others have: tabs of one browser, and far
	// cheaper than a profile each.
	async visitorIn(context) {
		return this.meet(await context.newPage(), context);
	}

	// Whoever is on a page that has been opened.
	meet(page, context) {
		const visitor = new Visitor(page);
		visitor.context = context;
		this.visitors.push(visitor);
		return visitor;
	}

	async open(url, options) {
		const visitor = await this.visitor(options);
		return visitor.open(url);
	}

	// So many tabs of one small window.
	async openMany(count, url) {
		const context = await this.browser.newContext({ viewport: { width: 320, height: 240 } });
		return Promise.all(Array.from({ length: count }, async () => {
			const visitor = await this.visitorIn(context);
			return visitor.open(url);
		}));
	}

	// Stop all its processes for as long as action takes: a laptop that is shut.
	async sleep(action) {
		const session = await this.browser.newBrowserCDPSession();
		const { processInfo } = await session.send('SystemInfo.getProcessInfo');
		await session.detach();
		for (const { id } of processInfo)
			process.kill(id, 'SIGSTOP');
		try {
			return await action();
		} finally {
			for (const { id } of processInfo)
				process.kill(id, 'SIGCONT');
		}
	}

	async end() {
		await this.browser.close();
		assert.deepEqual(this.visitors.flatMap(({ faults }) => faults), []);
	}
}

/*
 * Start a Chromium for who ends it: end() fails if a page complained.
 *
 * hasSmallCamera  160x120 instead of the 1280x720 that the pages ask for
 * program         what starts it, in another way
 * env             environment variables for that
 * flags           more of them, for its command line
 */
export async function launchChromium({ hasSmallCamera = false, program = PROGRAM, env = {}, flags = [] } = {}) {
	const args = [...FLAGS, ...flags];
	if (hasSmallCamera)
		args.push(`--use-file-for-fake-video-capture=${await makeFilm()}`);
	return new Chromium(await chromium.launch({
		executablePath: program, args, chromiumSandbox: false, env: { ...process.env, ...env },
	}));
}

// The same, which ends with the test: first of all, since what a test starts first
// ends first.
export async function startChromium(t, options) {
	const started = await launchChromium(options);
	atEnd(t, () => started.end());
	return started;
}

/*
 * Start a Chromium with one window, of whose pages only one is seen at a time:
 * playwright keeps all of them visible, whatever stands before them. It ends
 * with the test.
 *
 * Returns {open(url)}, which gives one more visitor, who is looked at.
 */
export async function startWindow(t) {
	const browser = await puppeteer.launch({
		browser: 'chrome', executablePath: PROGRAM, headless: true, args: [...FLAGS, '--no-sandbox'],
	});
	const visitors = [];
	atEnd(t, async () => {
		await browser.close();
		assert.deepEqual(visitors.flatMap(({ faults }) => faults), []);
	});
	return {
		async open(url) {
			const visitor = new Visitor(await browser.newPage());
			visitors.push(visitor);
			return visitor.open(url);
		},
	};
}
