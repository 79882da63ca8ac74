// browser.mjs: real browsers with made-up cameras, and what their pages know.
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';

const CHROMIUM_ARGS = [
	'--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
	'--disable-component-update', '--disable-sync', '--use-fake-ui-for-media-stream',
	'--autoplay-policy=no-user-gesture-required',
];

// fps: pictures a second that the made-up camera takes
export async function launchChromium(t, { fps = 20 } = {}) {
	const browser = await chromium.launch({
		executablePath: '/usr/bin/chromium', headless: true,
		args: [...CHROMIUM_ARGS, `--use-fake-device-for-media-stream=fps=${fps}`],
	});
	t.after(() => browser.close());
	return browser;
}

export async function launchFirefox(t) {
	const browser = await puppeteer.launch({
		browser: 'firefox', executablePath: '/usr/bin/firefox-esr', headless: true,
		extraPrefsFirefox: {
			'media.navigator.streams.fake': true, 'media.navigator.permission.disabled': true,
			'media.autoplay.default': 0, 'media.autoplay.blocking_policy': 0,
			'network.captive-portal-service.enabled': false, 'network.connectivity-service.enabled': false,
		},
	});
	t.after(() => browser.close());
	return browser;
}

/*
 * Open a page that notes, by the clock that all of them share, when it had
 * joined its room and when it first showed the video of each other end.
 */
export async function openPage(browser, url) {
	const page = browser.newContext ? await (await browser.newContext()).newPage() : await browser.newPage();
	await (page.addInitScript ? page.addInitScript(noteTimes) : page.evaluateOnNewDocument(noteTimes));
	page.troubles = [];
	page.on('pageerror', (error) => page.troubles.push(error));
	await page.goto(url);
	return page;
}

/* global document, window -- what follows runs in the page */

function noteTimes() {
	const times = { joined: 0, videos: {} };
	const watch = () => {
		const debug = window.signaldDebug;
		if (debug?.signald.state === 'joined')
			times.joined ||= Date.now();
		for (const video of document.querySelectorAll('[data-peer] video')) {
			const peer = video.closest('[data-peer]').dataset.peer;
			if (video.videoWidth > 0 && video.getVideoPlaybackQuality().totalVideoFrames > 0)
				times.videos[peer] ??= Date.now();
		}
	};
	window.noted = times;
	window.setInterval(watch, 10);
}

// What the page says of itself: its state, and its status line.
export function readStatus(page) {
	return page.evaluate(() => ({
		state: document.documentElement.dataset.state,
		text: document.getElementById('status').textContent,
		trouble: document.querySelector('.trouble:not([hidden])')?.textContent ?? '',
	}));
}

export function readTimes(page) {
	return page.evaluate(() => window.noted);
}

// What getStats() says of every connection of the page.
export function readLinks(page) {
	return page.evaluate(async () => {
		const links = [];
		for (const { link } of (window.signaldDebug.others ?? window.signaldDebug.lines).values()) {
			const stats = [...(await link.pc.getStats()).values()];
			const transport = stats.find((s) => s.type === 'transport' && s.selectedCandidatePairId);
			const pair = stats.find((s) => s.type === 'candidate-pair' &&
				(transport ? s.id === transport.selectedCandidatePairId : s.selected || (s.nominated && s.state === 'succeeded')));
			const side = (id) => stats.find((s) => s.id === id)?.candidateType;
			const video = (type) => stats.find((s) => s.type === type && s.kind === 'video');
			links.push({
				state: link.pc.connectionState,
				local: side(pair?.localCandidateId), remote: side(pair?.remoteCandidateId),
				framesDecoded: video('inbound-rtp')?.framesDecoded ?? 0,
				framesEncoded: video('outbound-rtp')?.framesEncoded ?? 0,
			});
		}
		return links;
	});
}

export function readVideos(page) {
	return page.evaluate(() => [...document.querySelectorAll('[data-peer] video')].map((video) => ({
		width: video.videoWidth, height: video.videoHeight, isPaused: video.paused,
		seconds: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames,
	})));
}
