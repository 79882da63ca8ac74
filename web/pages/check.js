// check.js: tries, from this browser, all that a call needs, and says what is wrong.

import { judge, judgeCertificate, judgeClock, judgeIce, judgeMissing, judgeNat, judgePolling, judgeRelay, judgeServer, judgeStun, judgeTurn, judgeWebsocket, report, turnWays, WAY_NAMES } from './check-words.js';
import { askCheck, askIce, askReady, askVersion, gather, tryPolling, tryRelay, tryTurn, tryWebsocket } from './check-steps.js';
import { byId, find } from './ui.js';

/** @import {Offered, Result, Step, Tone, TurnWay, Verdict, Way} from './check-words.js' */

const list = byId('steps', HTMLElement);
const template = byId('step', HTMLTemplateElement);

/** Those of every check; TURN has more where there are more servers. */
const NAMES = {
	server: 'Server',
	clock: 'Clock',
	certificate: 'Certificate',
	websocket: 'WebSocket',
	polling: 'Socket.IO polling',
	ice: 'ICE list',
	stun: 'STUN over UDP',
	'turn-udp': 'TURN over UDP',
	'turn-tcp': 'TURN over TCP',
	'turn-tls': 'TURN over TLS',
	relay: 'Data through the relay',
	nat: 'Address translator',
};

/** What stands behind all of a way. @type {Record<Way, string>} */
const BEHIND = { udp: 'turn-tcp', tcp: 'turn-tls', tls: 'relay' };

/** @type {Step[]} */
let steps = [];

/**
 * @param {string} id
 * @param {string} name
 * @param {string} [before]  the step that it stands before; without it at the end
 */
function add(id, name, before) {
	const item = find(/** @type {DocumentFragment} */ (template.content.cloneNode(true)), 'li', HTMLElement);
	item.id = `step-${id}`;
	find(item, 'strong', HTMLElement).textContent = name;
	list.insertBefore(item, before ? byId(`step-${before}`, HTMLElement) : null);
	/** @type {Step} */
	const step = { id, name, result: { tone: 'waiting', code: '', text: '' } };
	const at = steps.findIndex((other) => other.id === before);
	steps.splice(at < 0 ? steps.length : at, 0, step);
}

/**
 * @param {string} id
 * @param {Result} result
 */
function tell(id, result) {
	const step = steps.find((each) => each.id === id);
	if (step)
		step.result = result;
	const item = byId(`step-${id}`, HTMLElement);
	item.dataset.tone = result.tone;
	item.dataset.code = result.code;
	find(item, '.mark', HTMLElement).setAttribute('aria-label', MARK_NAMES[result.tone]);
	find(item, '.text', HTMLElement).textContent = result.text;
	const detail = find(item, '.detail', HTMLElement);
	detail.textContent = result.detail ?? '';
	detail.hidden = !result.detail || result.tone === 'good';
}

/** @type {Record<Tone, string>} */
const MARK_NAMES = { waiting: 'not begun', busy: 'being tried', good: 'works', warn: 'careful', bad: 'does not work', none: 'nothing to say' };

/**
 * Try something, and tell of it.
 *
 * @template T
 * @param {string} id
 * @param {string} text  while it goes on
 * @param {() => Promise<T>} act
 * @param {(seen: T) => Result} judgeIt
 */
async function run(id, text, act, judgeIt) {
	tell(id, { tone: 'busy', code: '', text });
	const seen = await act();
	tell(id, judgeIt(seen));
	return seen;
}

/** What /readyz says of TURN. @param {string[]} reasons */
function troubleOf(reasons) {
	return reasons.find((reason) => reason.startsWith('turn: '))?.slice('turn: '.length);
}

/* One step after the other, and what need not wait side by side. */

async function checkServer() {
	const ready = await run('server', 'Asking…', async () => {
		const [seen, version] = await Promise.all([askReady(), askVersion()]);
		return { ...seen, version };
	}, judgeServer);
	if (ready.status === 0)
		return undefined;
	tell('certificate', { tone: 'busy', code: '', text: 'Asking…' });
	const { certificate, turn } = await run('clock', 'Comparing…', askCheck, ({ clock }) => judgeClock(clock));
	tell('certificate', judgeCertificate(certificate, { isHttps: location.protocol === 'https:', isSecure: isSecureContext }));
	return { trouble: troubleOf(ready.reasons), offered: turn };
}

async function checkSignaling() {
	await Promise.all([
		run('websocket', 'Sending a message from one peer to another…', tryWebsocket, judgeWebsocket),
		run('polling', 'Connecting…', tryPolling, judgePolling),
	]);
}

/**
 * @param {string | undefined} trouble
 * @returns {Promise<RTCIceServer[] | undefined>} nothing, where there is no list
 */
async function checkIce(trouble) {
	const { list: answer } = await run('ice', 'Asking…', askIce, ({ status, list: given }) =>
		judgeIce({ status, turn: given?.turn, ways: turnWays(given?.iceServers ?? []), ttl: given?.ttl, trouble }));
	return answer?.iceServers;
}

/** @param {RTCIceServer[]} iceServers */
async function checkStun(iceServers) {
	const urls = iceServers.flatMap((server) => server.urls).filter((url) => url.startsWith('stun'));
	if (urls.length === 0) {
		const none = { candidates: [], errors: [], isComplete: true, ms: 0 };
		tell('stun', judgeStun(urls, none));
		tell('nat', judgeNat(urls, none));
		return;
	}
	tell('nat', { tone: 'busy', code: '', text: 'Waiting for STUN…' });
	const seen = await run('stun', 'Asking which address others see…', () => gather([{ urls }], 'all', 'srflx'), (gathered) => judgeStun(urls, gathered));
	tell('nat', judgeNat(urls, seen));
}

/**
 * @param {TurnWay[]} ways
 * @param {Offered} offered
 * @returns {Promise<TurnWay | undefined>} the best one that works
 */
async function checkTurn(ways, offered) {
	/** @type {{way: TurnWay, id: string}[]} */
	const all = [];
	for (const kind of /** @type {Way[]} */ (Object.keys(WAY_NAMES))) {
		const some = ways.filter(({ way }) => way === kind);
		if (some.length === 0)
			tell(`turn-${kind}`, judgeMissing(kind, offered));
		for (const [number, way] of some.entries()) {
			const id = number ? `turn-${kind}-${number}` : `turn-${kind}`;
			if (number)
				add(id, `${NAMES[`turn-${kind}`]}, another`, BEHIND[kind]);
			all.push({ way, id });
		}
	}
	const works = await Promise.all(all.map(async ({ way, id }) => {
		const seen = await run(id, 'Asking for a relay…', () => tryTurn(way), (gathered) => judgeTurn(way, gathered));
		return seen.candidates.length > 0;
	}));
	return ways.find((_, index) => works[index]);
}

/** @param {TurnWay | undefined} way */
async function checkRelay(way) {
	if (!way) {
		tell('relay', judgeRelay(undefined));
		return;
	}
	const show = (/** @type {number} */ mbps) => tell('relay', { tone: 'busy', code: '', text: `Sending… ${mbps.toFixed(1)} Mbit/s` });
	await run('relay', 'Connecting two ends…', () => tryRelay(way, show), judgeRelay);
}

/** The relay may have ended since it was asked for. @param {TurnWay[]} ways */
async function askAgain(ways) {
	const { reasons } = await askReady();
	const trouble = troubleOf(reasons);
	if (trouble)
		tell('ice', judgeIce({ status: 200, turn: false, ways, trouble }));
}

async function checkAll() {
	const told = await checkServer();
	if (!told)
		return;
	const { trouble, offered } = told;
	await checkSignaling();
	const iceServers = await checkIce(trouble);
	if (!iceServers)
		return;
	const ways = turnWays(iceServers);
	await Promise.all([checkStun(iceServers), checkTurn(ways, offered).then(async (way) => {
		if (!way && ways.length)
			await askAgain(ways);
		await checkRelay(way);
	})]);
}

/* The page. */

/** @param {Verdict} verdict */
function showVerdict({ tone, title, text }) {
	const card = byId('verdict', HTMLElement);
	card.dataset.tone = tone;
	byId('verdict-title', HTMLElement).textContent = title;
	byId('verdict-text', HTMLElement).textContent = text;
}

/** Nothing is left half said. */
function settle() {
	for (const { id, result } of steps)
		if (result.tone === 'waiting' || result.tone === 'busy')
			tell(id, { tone: 'none', code: 'not-tried', text: 'Not tried.' });
}

async function start() {
	const again = byId('again', HTMLButtonElement);
	const root = document.documentElement;
	const atMs = Date.now();
	const fromMs = performance.now();
	again.disabled = true;
	root.dataset.state = 'checking';
	showVerdict({ tone: 'busy', title: 'Checking…', text: 'This takes a few seconds.' });
	byId('report-card', HTMLElement).hidden = true;
	list.replaceChildren();
	steps = [];
	for (const [id, name] of Object.entries(NAMES))
		add(id, name);
	let failure = '';
	await checkAll().catch((error) => {
		failure = String(error);
	});
	settle();
	const verdict = failure
		? /** @type {Verdict} */ ({ tone: 'bad', title: 'This page failed', text: `${failure}. Is this browser very old, or does it forbid WebRTC?` })
		: judge(steps);
	showVerdict(verdict);
	byId('report', HTMLElement).textContent = report({
		steps, verdict, atMs, address: location.origin, tookMs: performance.now() - fromMs, browser: navigator.userAgent,
	});
	byId('report-card', HTMLElement).hidden = false;
	again.disabled = false;
	root.dataset.state = 'checked';
	root.dataset.verdict = verdict.tone;
}

/** Who cannot copy by a program can mark the text themselves. */
async function copy() {
	const button = byId('copy', HTMLButtonElement);
	const label = find(button, 'span', HTMLElement);
	const text = byId('report', HTMLElement);
	const isCopied = await Promise.resolve(navigator.clipboard?.writeText(text.textContent ?? '')).then(() => Boolean(navigator.clipboard), () => false);
	if (!isCopied)
		getSelection()?.selectAllChildren(text);
	label.textContent = isCopied ? 'Report copied' : 'Marked: copy it now';
	setTimeout(() => {
		label.textContent = 'Copy report';
	}, 2500);
}

byId('again', HTMLButtonElement).onclick = start;
byId('copy', HTMLButtonElement).onclick = copy;
void start();
