// renewal.mjs: relayed calls that outlive their credentials, and the judgement
// of them, which is the same for the client and for one without renewal.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { root, until } from '../lib/daemon.mjs';
import { startChromium } from './chromium.mjs';
import { startCall } from './company.mjs';
import { startLab } from './lab.mjs';
import { BACK_MS, FREEZE_MS, readPictures, startPictures } from './pictures.mjs';

const CUT_MS = 5000;

// RFC 8489, 14.8.
const STALE_NONCE = 438;

// Credentials expire at whole seconds.
const GRAIN_S = 1;

/*
 * The client without what renews credentials: it keeps the list it joined with.
 *
 * Returns the text of its signald.js.
 */
async function readWithoutRenewal() {
	const source = await readFile(path.join(root, 'web/client/signald.js'), 'utf8');
	return ['#onIce(list) {\n', '#renewAt(at) {\n'].reduce((text, head) => {
		assert.equal(text.split(head).length, 2, `${head.trim()} is not where it was`);
		return text.replace(head, `${head}\t\treturn;\n`);
	}, source);
}

// As whom coturn knows somebody.
async function userOf({ page }) {
	const list = await page.evaluate(() => globalThis.signaldDebug.signald.iceServers);
	return list.find(({ username }) => username).username.replace(/^\d+:/, '');
}

// The first allocation with each credential of one user.
function generationsOf(allocations) {
	return allocations.filter(({ expiryMs }, index) =>
		allocations.findIndex((other) => other.expiryMs === expiryMs) === index);
}

/*
 * Judge one page of a call.
 *
 * allocations  that coturn made for it
 * pictures     that it showed
 * cut          {fromMs, toMs} when there was no relay
 * call         {fromMs, toMs} that is judged
 * ttlS         of credentials
 * least        how many renewals there should be
 * freezeMs     how long a picture may stand outside the cut
 *
 * Returns {renewals, worstGapMs, backMs, ageS, wrong}: what was measured, and
 * what is wrong with it: too few renewals; an expiry or a port that is not
 * newer than the one before; one that came late; pictures that did not take
 * the new paths; that froze; no fresh credential behind those after the cut;
 * none at all.
 */
export function judge({ allocations, pictures, cut, call, ttlS, least, freezeMs }) {
	const generations = generationsOf(allocations);
	const pairs = generations.slice(1).map((next, index) => [generations[index], next]);
	const renewals = pairs.length;
	// Back is who sees them flow: a first one may come before the path stands.
	const thawedMs = pictures.firstAfter(cut.toMs) && pictures.thawedMs(cut.toMs, freezeMs);
	const backMs = thawedMs && Math.round(thawedMs - cut.toMs);
	// What brought the pictures back: the first relay of after the cut that became
	// the path. Until then a browser may try those of before.
	const paths = pictures.ports.filter(({ atMs }) => atMs > cut.toMs);
	const made = allocations.find(({ port, atMs }) => atMs > cut.toMs && paths.some((path) => path.port === port));
	const ageS = made && ttlS - (made.expiryMs - made.atMs) / 1000;
	const worstGapMs = Math.max(pictures.worstGapMs(call.fromMs, cut.fromMs),
		thawedMs ? pictures.worstGapMs(thawedMs, call.toMs) : 0);

	// Whatever was due while there was no relay was late; and on a machine that is
	// busy with other things, everything is, by as much as pictures stand.
	const slackMs = Math.max(0, Math.min(freezeMs, BACK_MS) - FREEZE_MS);
	const isLate = ([{ expiryMs }, { atMs }]) => atMs > expiryMs + slackMs && !(atMs > cut.fromMs && expiryMs < cut.toMs + BACK_MS);
	const isSteady = ([given, next]) => next.expiryMs > given.expiryMs && next.port !== given.port;
	const faults = {
		renewals: renewals < least,
		order: !pairs.every(isSteady),
		late: pairs.some(isLate),
		paths: new Set(pictures.ports.map(({ port }) => port)).size < least + 1,
		frozen: worstGapMs > freezeMs,
		restart: !made || ageS > ttlS + GRAIN_S,
		return: !thawedMs || backMs > BACK_MS,
	};
	const { total, undrawn } = pictures;
	return { renewals, worstGapMs, freezeMs, backMs, ageS, total, undrawn, wrong: Object.keys(faults).filter((name) => faults[name]) };
}

class Trial {
	constructor(lab, options) {
		this.lab = lab;
		this.options = options;
	}

	allocationsOf(user) {
		return this.lab.coturn.allocations.filter((allocation) => allocation.user === user);
	}

	// Their packets come through a relay of the newest credential.
	async hasTaken(visitor) {
		const { ports } = await readPictures(visitor);
		const allocations = this.allocationsOf(await userOf(visitor));
		const newestMs = Math.max(...allocations.map(({ expiryMs }) => expiryMs));
		return allocations.some(({ port, expiryMs }) => port === ports.at(-1)?.port && expiryMs === newestMs);
	}

	// So many renewals, and the last of them has become the path.
	async reach(count, visitors) {
		const users = await Promise.all(visitors.map(userOf));
		const { ttlS } = this.options;
		await until(`${count} renewals`, () => users.every((user) =>
			generationsOf(this.allocationsOf(user)).length > count), (count + 2) * ttlS * 1000);
		await until('paths through the newest relays', async () => {
			const taken = await Promise.all(visitors.map((visitor) => this.hasTaken(visitor)));
			return taken.every(Boolean);
		}, 2 * ttlS * 1000);
	}

	// A crash of coturn that signald does not notice, as it is not told to look:
	// what was relayed is lost, and no new list comes because of it.
	async cut() {
		const fromMs = Date.now();
		await this.lab.coturn.kill();
		await delay(CUT_MS);
		const toMs = Date.now();
		await this.lab.coturn.start();
		this.outage = { fromMs, toMs };
	}

	async judge(visitor, freezeMs) {
		const allocations = this.allocationsOf(await userOf(visitor));
		const pictures = await readPictures(visitor);
		const { ttlS, renewals: least } = this.options;
		return judge({ allocations, pictures, cut: this.outage, call: this.call, ttlS, least, freezeMs });
	}

	async refusalsOf(visitor) {
		const user = await userOf(visitor);
		return this.lab.coturn.refusals.filter((refusal) => refusal.user === user && refusal.atMs > this.outage.toMs);
	}
}

/*
 * Two calls through the relay at once: one of the client, one of a client
 * without renewal. In the middle of them the relay is cut for five seconds.
 *
 * ttlS      of credentials
 * before    {renewals, seconds}: that the cut comes after, both
 * renewals  that the calls last for
 * seconds   and at least
 *
 * Returns the judgements {kept, mutant}, each of both sides, and the {refusals}
 * that the latter have met after the cut.
 */
export async function holdCalls(t, { ttlS, before, renewals, seconds = 0 }) {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const lab = await startLab(t, { 'turn.ttl_s': ttlS, 'turn.min_ttl_s': ttlS, 'turn.probe': 'no' });
	const body = await readWithoutRenewal();
	const mutate = ({ page }) => page.route('**/client/signald.js', (route) => route.fulfill({ contentType: 'text/javascript', body }));
	const mutants = await startCall(chromium, lab.url, { room: 'mutant', prepare: mutate });
	const visitors = await startCall(chromium, lab.url, { room: 'kept' });
	for (const visitor of [...mutants, ...visitors])
		await startPictures(visitor);

	const trial = new Trial(lab, { ttlS, renewals });
	const fromMs = Date.now();
	await trial.reach(before.renewals, visitors);
	await delay(fromMs + (before.seconds ?? 0) * 1000 - Date.now());
	await trial.cut();
	for (const visitor of visitors)
		await visitor.seeMotion();
	const gone = mutants.map((mutant) => mutant.see('no relay', ({ tiles }) => tiles[0].why === 'turn-auth', 60000));
	await Promise.all(gone);
	await trial.reach(renewals, visitors);
	await delay(fromMs + seconds * 1000 - Date.now());
	trial.call = { fromMs, toMs: Date.now() };

	// A machine that is busy with other things freezes everybody: a call in which
	// nothing is renewed shows for how long.
	const mutant = await Promise.all(mutants.map((visitor) => trial.judge(visitor, Infinity)));
	const freezeMs = Math.max(FREEZE_MS, ...mutant.map(({ worstGapMs }) => 2 * worstGapMs));
	return {
		kept: await Promise.all(visitors.map((visitor) => trial.judge(visitor, freezeMs))),
		mutant,
		refusals: await Promise.all(mutants.map((visitor) => trial.refusalsOf(visitor))),
	};
}

function tell(t, judgements) {
	for (const { renewals, worstGapMs, backMs, ageS, total, undrawn } of judgements) {
		t.diagnostic(`${renewals} renewals, ${total} pictures (${undrawn} not drawn), worst freeze ${worstGapMs} ms; after the cut ` +
			(backMs === undefined ? 'nothing' : `back in ${backMs} ms by a credential ${ageS?.toFixed(1)} s old`));
	}
}

export function assertHeld(t, judgements) {
	tell(t, judgements);
	for (const { wrong, ...measured } of judgements)
		assert.ok(!wrong.length, `${wrong}: ${JSON.stringify(measured)}`);
}

/*
 * The same judgement condemns a client that renews nothing, and for that reason:
 * its one credential held a relay for as long as there was one, and got it no
 * other one afterwards.
 */
export function assertLost(t, judgements, refusals) {
	tell(t, judgements);
	for (const [index, { renewals, wrong }] of judgements.entries()) {
		assert.equal(renewals, 0);
		assert.deepEqual(wrong, ['renewals', 'paths', 'restart', 'return']);
		// Another coturn has other nonces: of that too a client is told.
		const verdicts = refusals[index].filter(({ code }) => code !== STALE_NONCE);
		assert.ok(verdicts.length > 0);
		for (const { code, expiryMs, atMs } of verdicts) {
			assert.equal(code, 401);
			assert.ok(expiryMs < atMs, 'refused because it has expired');
		}
	}
}
