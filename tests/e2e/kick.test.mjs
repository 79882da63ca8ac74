// Who is kicked out of a call is not seen any more, whatever their browser does.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import { startChromium } from './chromium.mjs';
import { seeEachOther } from './company.mjs';
import { startLab } from './lab.mjs';

const MOST_MS = 2000;
// Long enough for a relay that nobody ended to show itself.
const LOOK_ON_MS = 5000;
const LOOK_MS = 50;

// Runs in the page before it: nothing that is sent is ever ended by the browser.
function neverEnd() {
	RTCPeerConnection.prototype.close = () => {};
	MediaStreamTrack.prototype.stop = () => {};
	RTCRtpSender.prototype.replaceTrack = async () => {};
}

async function openCaller(chromium, lab) {
	const caller = await chromium.visitor();
	await caller.page.addInitScript(neverEnd);
	await caller.open(new URL('/call?room=kick&policy=relay&join', lab.url));
	return caller;
}

// Keep the connections of a page by the ids of who is at their other ends: the
// page itself forgets who has left.
async function keepConnections(caller) {
	await caller.page.evaluate(() => {
		globalThis.kept = new Map([...globalThis.signaldDebug.others].map(([id, { link }]) => [id, link.pc]));
	});
}

const packetsFrom = (caller, id) => caller.page.evaluate(async (from) => {
	const stats = [...(await globalThis.kept.get(from).getStats()).values()];
	return stats.filter(({ type }) => type === 'inbound-rtp').reduce((sum, entry) => sum + entry.packetsReceived, 0);
}, id);

// Looks on for a while. Returns when the last packet of id came, in ms since now.
async function lastPacketMs(caller, id) {
	const began = performance.now();
	let count = await packetsFrom(caller, id);
	let lastMs = 0;
	while (performance.now() - began < LOOK_ON_MS) {
		const next = await packetsFrom(caller, id);
		if (next !== count)
			lastMs = performance.now() - began;
		count = next;
		await delay(LOOK_MS);
	}
	return Math.round(lastMs);
}

async function startKick(t, sets) {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const lab = await startLab(t, sets);
	const callers = [await openCaller(chromium, lab), await openCaller(chromium, lab), await openCaller(chromium, lab)];
	await seeEachOther(callers);
	const ids = (await Promise.all(callers.map((caller) => caller.look()))).map(({ id }) => id);
	await Promise.all(callers.map(keepConnections));
	const [, friend] = ids;
	const [caller, , kicked] = callers;
	return { lab, caller, kicked, ids: { friend, kicked: ids[2] } };
}

test('the media of the kicked ends within two seconds, the others\' goes on', async (t) => {
	const { lab, caller, ids } = await startKick(t, {});
	assert.equal(await lab.kick(ids.kicked), 204);
	const [ofKicked, ofFriend] = await Promise.all([lastPacketMs(caller, ids.kicked), lastPacketMs(caller, ids.friend)]);
	t.diagnostic(`the last packet came ${ofKicked} ms after the kick`);
	assert.ok(ofKicked <= MOST_MS, `${ofKicked} ms`);
	assert.ok(ofFriend > LOOK_ON_MS - 1000, `${ofFriend} ms`);
	await caller.seeMotion();
});

test('where coturn cannot be told, a browser that does not obey is still seen', async (t) => {
	const { lab, caller, ids } = await startKick(t, { 'turn.cli': '' });
	assert.equal(await lab.kick(ids.kicked), 204);
	assert.ok(await lastPacketMs(caller, ids.kicked) > LOOK_ON_MS - 1000);
});
