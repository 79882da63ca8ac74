// firefox.mjs: Debian's Firefox with a camera that is not there.
import assert from 'node:assert/strict';
import puppeteer from 'puppeteer-core';

import { atEnd } from '../lib/ending.mjs';
import { Visitor } from './visitor.mjs';

const PREFERENCES = {
	'media.navigator.streams.fake': true,
	'media.navigator.permission.disabled': true,
};

/*
 * Start a Firefox with one page, which ends with the test and fails it if the
 * page complained: first of all, since what a test starts first ends first.
 *
 * Returns the visitor.
 */
export async function startFirefox(t) {
	const browser = await puppeteer.launch({
		browser: 'firefox', executablePath: '/usr/bin/firefox-esr', headless: true,
		extraPrefsFirefox: PREFERENCES,
	});
	const visitor = new Visitor(await browser.newPage());
	atEnd(t, async () => {
		await browser.close();
		assert.deepEqual(visitor.faults, []);
	});
	return visitor;
}
