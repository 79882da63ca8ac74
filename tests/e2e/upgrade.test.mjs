// A call that has no way but TLS on port 443, through a signald that is replaced.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { makeAuthority } from '../lib/authority.mjs';
import { makeFolder, until } from '../lib/daemon.mjs';
import { atEnd } from '../lib/ending.mjs';
import { startChromium } from './chromium.mjs';
import { seeEachOther, startCall } from './company.mjs';
import { startLab, startTunnel } from './lab.mjs';
import { awaitNews, readNews, startNews } from './news.mjs';
import { FREEZE_MS, readPictures, startPictures } from './pictures.mjs';
import { CUT_OFF } from './visitor.mjs';

const ADDRESS = '198.51.100.10';
const UPGRADES = 2;
// Behind an upgrade, to see whether anything ends late.
const STEADY_MS = 1500;

function isAlive(pid) {
	try {
		return process.kill(pid, 0);
	} catch {
		return false;
	}
}

async function startBehind443(t) {
	const authority = await makeAuthority(await makeFolder(t));
	const { cert, key } = await authority.sign(ADDRESS);
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const sets = {
		'listen.tls': `${ADDRESS}:443`, 'tls.cert': cert, 'tls.key': key, 'turn.tunnel': '127.0.0.1:3480',
		'turn.udp': 'no', 'turn.tcp': 'no', 'drain.tunnels_s': 60,
	};
	const tunnel = await startTunnel(t, sets);
	return { chromium, tunnel, lab: await startLab(t, sets, {}, { hasCli: false }) };
}

// Of all relays that carried the call, those that are none behind port 443.
async function relaysElsewhere(callers, tunnel) {
	const pictures = await Promise.all(callers.map(readPictures));
	return pictures.flatMap(({ ports }) => ports).map(({ port }) => port)
		.filter((port) => !tunnel.allocations.some((made) => made.port === port));
}

/*
 * Replace signald under a call. With the list of ICE servers that the next one
 * sends, browsers take relays of their own there, while those of before carry on.
 *
 * Returns how many tunnels the one that ended has left to go on, and the worst
 * freeze.
 */
async function upgradeUnder(t, lab, callers) {
	const fromMs = Date.now();
	const ended = lab.daemon;
	for (const caller of callers)
		await startNews(caller);
	await lab.restart('SIGTERM');
	await Promise.all(callers.map((caller) => awaitNews(caller, 'resumed')));
	for (const caller of callers)
		assert.deepEqual(await readNews(caller, 'joined', 'closed', 'peer-joined', 'peer-left'), []);
	const toMs = Date.now() + STEADY_MS;
	await until('a while later', () => Date.now() > toMs);
	const frozen = await Promise.all(callers.map(async (caller) => (await readPictures(caller)).frozenMs(fromMs, toMs)));
	const [, tunnels, pid] = ended.log.match(/tunnels\.kept tunnels=(\d+) pid=(\d+)/) ?? [];
	atEnd(t, () => pid && isAlive(pid) && process.kill(pid, 'SIGKILL'));
	return { tunnels: Number(tunnels ?? 0), freezeMs: Math.max(...frozen) };
}

test('a call over TLS 443 alone goes on while signald is replaced, twice', async (t) => {
	const { chromium, tunnel, lab } = await startBehind443(t);
	const callers = await startCall(chromium, `https://${ADDRESS}`);
	for (const caller of callers) {
		caller.forgive(CUT_OFF);
		await startPictures(caller);
	}
	for (let i = 0; i < UPGRADES; i++) {
		const { tunnels, freezeMs } = await upgradeUnder(t, lab, callers);
		t.diagnostic(`worst freeze ${freezeMs} ms, ${tunnels} tunnels kept`);
		// Of the second, where they have moved to it by then: else the first goes on.
		assert.ok(i > 0 || tunnels >= callers.length, `${tunnels} tunnels kept`);
		assert.ok(freezeMs < FREEZE_MS, `frozen for ${freezeMs} ms`);
	}
	assert.deepEqual(await relaysElsewhere(callers, tunnel), []);
	await seeEachOther(callers);
});
