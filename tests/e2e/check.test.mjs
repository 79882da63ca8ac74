// The check page: what it says of a server that is well, and of each thing that
// is wrong. What it looks like is left in build/screenshots.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { freePort, makeFolder, root, SECRET, startDaemon, until } from '../lib/daemon.mjs';
import { makeAuthority } from '../lib/authority.mjs';
import { startChromium } from './chromium.mjs';
import { makeHousehold } from './household.mjs';
import { startLab, startTunnel } from './lab.mjs';
import { inspect, SIZES as SCREENS } from './looks.mjs';

const ADDRESS = '198.51.100.10';
const TUNNEL = '127.0.0.1:3480';
const HOUR_MS = 3600 * 1000;

// It may take a second try of where a server relays to, after 15 s.
const OFFER_MS = 30000;

// All of the page is to be on the pictures.
const withHeight = (screen, height) => ({ ...screen, viewport: { ...screen.viewport, height } });
const SIZES = { desktop: withHeight(SCREENS.desktop, 1700), phone: withHeight(SCREENS.phone, 2800) };

const tlsOf = ({ cert, key }, port) => ({
	'listen.tls': `${ADDRESS}:${port}`, 'tls.cert': cert, 'tls.key': key, 'turn.tunnel': TUNNEL,
});

// Runs in the page: the verdict, and each step as it says it.
function readPage() {
	const textOf = (element) => element.textContent.trim();
	const steps = [...document.querySelectorAll('#steps > li')].map((item) => [item.id.slice('step-'.length), {
		...item.dataset, name: textOf(item.querySelector('strong')), text: textOf(item.querySelector('.text')),
	}]);
	return {
		title: textOf(document.querySelector('#verdict-title')),
		text: textOf(document.querySelector('#verdict-text')),
		tone: document.documentElement.dataset.verdict,
		steps: Object.fromEntries(steps),
		report: document.querySelector('#report').textContent,
	};
}

// Somebody opens the page, and waits until it is through.
async function check(t, visitor, url) {
	const fromMs = performance.now();
	await visitor.open(new URL('/check', url));
	await visitor.see('the end of the check', ({ state }) => state === 'checked');
	const seen = await visitor.page.evaluate(readPage);
	t.diagnostic(`${Math.round(performance.now() - fromMs)} ms: ${seen.title}`);
	return seen;
}

const codes = ({ steps }, ...names) => names.map((name) => Object.entries(steps).find(([id]) => id.startsWith(name))?.[1].code);

// On a clock that is wrong by so much.
async function shiftClock(visitor, shiftMs) {
	await visitor.page.addInitScript((ms) => {
		const Real = Date;
		globalThis.Date = class extends Real {
			constructor(...args) {
				super(...args.length ? args : [Real.now() + ms]);
			}

			static now() {
				return Real.now() + ms;
			}
		};
	}, shiftMs);
}

// Whether the ICE list has just these ways.
async function untilOffered(daemon, wanted) {
	await until(`the ways ${JSON.stringify(wanted)}`, async () => {
		const { turn } = await (await fetch(`${daemon.url}/v1/check`)).json();
		return JSON.stringify(turn) === JSON.stringify(wanted);
	}, OFFER_MS).catch(async ({ message }) => {
		assert.fail(`${message}; the pool: ${await (await daemon.admin('GET', 'pool')).text()}`);
	});
}

// A server that is well; each visitor has something wrong, or nothing.
async function start(t) {
	const [household, noUdp] = await Promise.all([1, 2].map(makeHousehold));
	await noUdp.block('meta l4proto udp');
	// Browsers read at their start whom they trust.
	const authority = await makeAuthority(await makeFolder(t));
	const [chromium, strict] = await Promise.all([household, noUdp].map(({ browser }) => startChromium(t, browser)));
	const sets = tlsOf(await authority.sign(ADDRESS), 443);
	const tunnel = await startTunnel(t, sets);
	const lab = await startLab(t, sets);
	await untilOffered(lab.daemon, { udp: true, tcp: true, tunnel: true });
	return { chromium, strict, authority, tunnel, lab, url: `https://${ADDRESS}/` };
}

async function seeNothing(t, { chromium, lab, url }) {
	const visitors = await Promise.all(Object.values(SIZES).map((size) => chromium.visitor(size)));
	const [seen] = await Promise.all(visitors.map((visitor) => check(t, visitor, url)));
	assert.equal(seen.title, 'All is well');
	assert.deepEqual(codes(seen, 'server', 'clock', 'certificate', 'websocket', 'polling', 'ice', 'stun', 'turn-udp', 'turn-tcp', 'turn-tls', 'relay', 'nat'),
		['ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'keeps']);
	assert.match(seen.steps.relay.text, /^Up to [\d.]+ Mbit\/s through the relay over UDP, and .*ms there and back\.$/);
	assert.match(seen.report, /^Check of https:\/\/198\.51\.100\.10\n.*\n.*Chrome.*\n\nAll is well\. /);
	const list = await (await fetch(`${lab.url}/v1/ice`, { headers: { Origin: lab.url } })).json();
	const { username, credential } = list.iceServers.find((server) => server.username);
	assert.ok(!seen.report.includes(username.split(':')[1]) && !seen.report.includes(credential));
	for (const [index, size] of Object.keys(SIZES).entries())
		await inspect(visitors[index], `check-${size}`);
}

async function seeClocks(t, { chromium, url }) {
	const clocks = [[-5 * HOUR_MS, '5 hours behind'], [HOUR_MS, '60 minutes ahead of']];
	await Promise.all(clocks.map(async ([shiftMs, where]) => {
		const visitor = await chromium.visitor(SIZES.desktop);
		await shiftClock(visitor, shiftMs);
		const seen = await check(t, visitor, url);
		assert.equal(seen.title, 'The clocks of this device and of the server differ');
		assert.ok(seen.steps.clock.text.includes(where), seen.steps.clock.text);
	}));
}

// The same on the server, whose credentials have ended before they are given out.
async function seeServerClock(t, { chromium, lab }) {
	const library = path.join(await makeFolder(t), 'wrong-clock.so');
	await promisify(execFile)('cc', ['-D_GNU_SOURCE', '-shared', '-fPIC', '-o', library, path.join(root, 'tests/e2e/wrong-clock.c')]);
	const port = await freePort();
	const daemon = await startDaemon(t, {
		port, env: { LD_PRELOAD: library, WRONG_CLOCK_S: '-7200' }, sets: {
			'listen.address': `127.0.0.1:${port},${ADDRESS}:${port}`, 'http.root': lab.root, 'turn.host': ADDRESS, 'turn.secret': SECRET,
		},
	});
	await untilOffered(daemon, { udp: false, tcp: false });
	await until('the cause is known', async () => /refuses the credential/.test(await (await fetch(`${daemon.url}/readyz`)).text()));
	const visitor = await chromium.visitor(SIZES.desktop);
	visitor.forgive(/503/);
	const seen = await check(t, visitor, `http://${ADDRESS}:${port}/`);
	assert.equal(seen.title, 'The clocks of this device and of the server differ');
	assert.match(seen.steps.clock.text, /2 hours ahead of the server’s/);
	assert.deepEqual(codes(seen, 'server', 'ice', 'turn-udp'), ['turn-trouble', 'auth', 'down']);
	await inspect(visitor, 'check-clock');
}

async function seeNoUdp(t, { strict, url }) {
	const visitor = await strict.visitor(SIZES.desktop);
	const seen = await check(t, visitor, url);
	assert.equal(seen.title, 'This network blocks UDP');
	assert.deepEqual(codes(seen, 'stun', 'turn-udp', 'turn-tcp', 'turn-tls', 'relay', 'nat'), ['unreachable', 'unreachable', 'ok', 'ok', 'ok', 'unknown']);
	await inspect(visitor, 'check-no-udp');
}

async function seeExpired(t, { chromium, authority, lab }) {
	const port = await freePort();
	const certificate = await authority.sign(ADDRESS, { name: 'expired', days: -1 });
	const daemon = await startDaemon(t, { sets: {
		...tlsOf(certificate, port), 'http.root': lab.root, 'turn.host': ADDRESS, 'turn.secret': SECRET,
	} });
	await untilOffered(daemon, { udp: true, tcp: true, tunnel: false });
	// Who reads the browser's warning, and goes on.
	const visitor = await chromium.visitor({ ...SIZES.phone, ignoreHTTPSErrors: true });
	const seen = await check(t, visitor, `https://${ADDRESS}:${port}/`);
	assert.equal(seen.title, 'The server’s certificate has expired');
	assert.deepEqual(codes(seen, 'certificate', 'turn-tcp', 'turn-tls'), ['expired', 'ok', 'down']);
	await inspect(visitor, 'check-expired');
}

// A server that is for somebody's application alone.
async function seeKey(t, { chromium, lab }) {
	const port = await freePort();
	await startDaemon(t, { port, sets: {
		'listen.address': `127.0.0.1:${port},${ADDRESS}:${port}`, 'http.root': lab.root, 'turn.host': ADDRESS, 'turn.secret': SECRET,
		'access.mode': 'key', 'access.keys': `app:${'0'.repeat(64)}`,
	} });
	const visitor = await chromium.visitor(SIZES.desktop);
	visitor.forgive(/401/);
	const seen = await check(t, visitor, `http://${ADDRESS}:${port}/`);
	assert.equal(seen.title, 'This server asks for a key or a token');
	assert.deepEqual(codes(seen, 'certificate', 'websocket', 'polling', 'ice', 'turn-udp', 'relay'),
		['insecure', 'refused', 'refused', 'refused', 'not-tried', 'not-tried']);
	await inspect(visitor, 'check-key');
}

async function seeDown(t, { chromium, lab, tunnel, url }) {
	await lab.coturn.kill();
	await untilOffered(lab.daemon, { udp: false, tcp: false, tunnel: true });
	const early = await chromium.visitor(SIZES.desktop);
	const checking = check(t, early, url);
	await early.page.waitForSelector('#step-relay[data-code="ok"]');

	// What it waits for is STUN alone.
	await tunnel.kill();
	await untilOffered(lab.daemon, { udp: false, tcp: false, tunnel: false });
	const visitor = await chromium.visitor(SIZES.phone);
	visitor.forgive(/503/);
	const [part, seen] = await Promise.all([checking, check(t, visitor, url)]);
	assert.equal(part.title, 'A part of the server’s relay is down');
	assert.deepEqual(codes(part, 'turn-udp', 'turn-tcp', 'turn-tls', 'relay'), ['down', 'down', 'ok', 'ok']);
	assert.equal(seen.title, 'The server’s relay is down');
	assert.deepEqual(codes(seen, 'websocket', 'ice', 'relay'), ['ok', 'down', 'none']);
	await inspect(visitor, 'check-down');
}

test('the check page finds what is wrong', { concurrency: true }, async (t) => {
	const scene = await start(t);
	// At once: they wait more than they work.
	await Promise.all([
		t.test('nothing', (t) => seeNothing(t, scene)),
		t.test('the clock of a device', (t) => seeClocks(t, scene)),
		t.test('the clock of the server', (t) => seeServerClock(t, scene)),
		t.test('a network without UDP', (t) => seeNoUdp(t, scene)),
		t.test('a key that is asked for', (t) => seeKey(t, scene)),
		t.test('a certificate that has expired', (t) => seeExpired(t, scene)),
	]);
	await t.test('a relay that is down, or a part of it', (t) => seeDown(t, scene));
});
