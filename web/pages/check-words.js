// check-words.js: what the check page makes of what it has seen: the text of each
// step, the verdict, the report. Pure.

import { refusal } from './words.js';

/** @import {IceError} from '../client/types.js' */

/** How a step stands: `none` says nothing against anybody. @typedef {'waiting' | 'busy' | 'good' | 'warn' | 'bad' | 'none'} Tone */

/**
 * What came of a step.
 *
 * @typedef {{tone: Tone, code: string, text: string, detail?: string}} Result
 *	code: what the verdict goes by; detail: what a program said, for the report
 */

/** A step with its result, as the page has it. @typedef {{id: string, name: string, result: Result}} Step */

/** @typedef {{tone: Tone, title: string, text: string}} Verdict */

/** One TURN URL. @typedef {{url: string, way: Way, host: string, port: number, username?: string, credential?: string}} TurnWay */

/** @typedef {'udp' | 'tcp' | 'tls'} Way */

/** What one gathering brought. @typedef {{candidates: RTCIceCandidate[], errors: IceError[], isComplete: boolean, ms: number}} Gathered */

/** A clock that differs by less is right. */
const CLOCK_FINE_MS = 5000;
/** One that differs by more is wrong: tokens and certificates are judged by it. */
const CLOCK_WRONG_MS = 60_000;

const SOON_DAYS = 14;

/** Below this a video call is no pleasure. */
const SLOW_MBPS = 1;

export const WAY_NAMES = { udp: 'UDP', tcp: 'TCP', tls: 'TLS' };

/**
 * @param {number} number
 * @param {string} unit
 */
function plural(number, unit) {
	return `${number} ${unit}${number === 1 ? '' : 's'}`;
}

/** A time span as one says it. @param {number} ms */
export function spanText(ms) {
	const s = Math.round(ms / 1000);
	if (s < 120)
		return plural(s, 'second');
	if (s < 2 * 3600)
		return plural(Math.round(s / 60), 'minute');
	if (s < 2 * 86_400)
		return plural(Math.round(s / 3600), 'hour');
	return plural(Math.round(s / 86_400), 'day');
}

/** A short one, with its unit. @param {number} ms */
export function msText(ms) {
	return ms < 1 ? 'less than 1\u00a0ms' : `${Math.round(ms)}\u00a0ms`;
}

/** Hours and minutes are enough to compare clocks by. @param {number} atMs */
function clockText(atMs) {
	return `${new Date(atMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/* The server. */

/**
 * @param {{status: number, reasons: string[], ms: number, version?: string}} seen  of /readyz; status 0: no answer
 * @returns {Result}
 */
export function judgeServer({ status, reasons, ms, version }) {
	const name = version ? `signald ${version}` : 'It';
	if (status === 0)
		return { tone: 'bad', code: 'unreachable', text: 'It does not answer.' };
	if (status === 429)
		return { tone: 'bad', code: 'limited', text: 'It answers that this network asks too often.' };
	if (status === 200)
		return { tone: 'good', code: 'ok', text: `${name} answers after ${msText(ms)}, and says that it is ready.` };
	if (reasons.includes('draining'))
		return { tone: 'bad', code: 'draining', text: 'It is going down, and takes nobody in.' };
	if (reasons.some((reason) => reason.startsWith('turn: ')))
		return { tone: 'warn', code: 'turn-trouble', text: `${name} answers after ${msText(ms)}, but is not content with its relay.`, detail: reasons.join('; ') };
	// A proxy may keep /readyz to itself.
	return { tone: 'good', code: 'ok', text: `It answers after ${msText(ms)}.`, detail: `/readyz: ${status}` };
}

/**
 * @param {{serverMs: number, oursMs: number, rttMs: number} | undefined} seen  both clocks at one moment, give or take half of rttMs
 * @returns {Result}
 */
export function judgeClock(seen) {
	if (!seen)
		return { tone: 'none', code: 'unknown', text: 'The server has not said what time it is.' };
	const differsMs = seen.oursMs - seen.serverMs;
	const size = Math.abs(differsMs);
	const sureMs = seen.rttMs / 2;
	if (size - sureMs <= CLOCK_FINE_MS)
		return { tone: 'good', code: 'ok', text: size <= sureMs + 1000 ? 'This device and the server have the same time.' : `This device and the server have the same time, but for ${spanText(size)}.` };
	const where = differsMs > 0 ? 'ahead of' : 'behind';
	const text = `The clock of this device is ${spanText(size)} ${where} the server’s: here it is ${clockText(seen.oursMs)}, there ${clockText(seen.serverMs)}.`;
	return size - sureMs <= CLOCK_WRONG_MS ? { tone: 'warn', code: 'drift', text } : { tone: 'bad', code: 'wrong', text };
}

/** @typedef {{expiresAt: string, daysLeft: number} | {temporary: true}} Certificate */

/**
 * @param {Certificate | null | undefined} certificate  as the server tells it; undefined: it does not
 * @param {{isHttps: boolean, isSecure: boolean}} page  how it was loaded, and whether the browser takes that for safe
 * @returns {Result}
 */
export function judgeCertificate(certificate, { isHttps, isSecure }) {
	if (certificate && 'temporary' in certificate)
		return { tone: 'bad', code: 'temporary', text: 'There is none yet: meanwhile the server shows one that no browser trusts.' };
	if (certificate) {
		const { daysLeft } = certificate;
		const day = certificate.expiresAt.slice(0, 10);
		if (daysLeft < 0)
			return { tone: 'bad', code: 'expired', text: `It has expired: its last day was ${day}.` };
		const text = `It is good for ${plural(daysLeft, 'day')}, until ${day}.`;
		if (daysLeft < SOON_DAYS)
			return { tone: 'warn', code: 'soon', text };
		return isSecure ? { tone: 'good', code: 'ok', text } : { tone: 'warn', code: 'insecure', text: `${text} But this page was loaded without it, by http.` };
	}
	if (isHttps)
		return { tone: 'good', code: 'ok', text: 'It belongs to a proxy in front of signald. This browser has taken it.' };
	if (!isSecure)
		return { tone: 'warn', code: 'insecure', text: 'There is none: this page was loaded by http. Browsers give camera and microphone to pages on https only.' };
	return { tone: 'none', code: 'local', text: 'There is none, and on this machine itself none is needed.' };
}

/* Signaling. */

/** Why nobody is let in who shows nothing. */
const NEEDS_KEY = 'This server lets in those who come with a key or a token of its application, and this page has neither.';

/** Codes with which the server turns away who shows nothing. */
const ACCESS_CODES = ['auth-required', 'not-allowed', 'bad-token', 'no-room'];

/**
 * A refusal in the server's words: of the WebSocket or of Socket.IO.
 *
 * @param {{code: string, message: string}} error
 * @returns {Result}
 */
export function judgeRefusal(error) {
	const detail = `${error.code}: ${error.message}`;
	if (error.code === 'rate-limited')
		return { tone: 'bad', code: 'limited', text: 'The server says that this network asks too often.', detail };
	if (error.code === 'no-room')
		return { tone: 'none', code: 'no-room', text: 'It works. The server lets no guest open a room, so no message was sent.', detail };
	if (ACCESS_CODES.includes(error.code))
		return { tone: 'warn', code: 'refused', text: NEEDS_KEY, detail };
	return { tone: 'bad', code: 'failed', text: refusal(error, ''), detail };
}

/**
 * @param {{rttMs: number} | {error: {code: string, message: string}} | {isSilent: true}} seen
 * @returns {Result}
 */
export function judgeWebsocket(seen) {
	if ('error' in seen)
		return judgeRefusal(seen.error);
	if ('isSilent' in seen)
		return { tone: 'bad', code: 'blocked', text: 'No WebSocket can be opened to the server.' };
	return { tone: 'good', code: 'ok', text: `A message from one peer reached another after ${msText(seen.rttMs)}.` };
}

/**
 * @param {{ms: number} | {error: {code: string, message: string}} | {status: number}} seen  status 0: no answer
 * @returns {Result}
 */
export function judgePolling(seen) {
	if ('error' in seen)
		return judgeRefusal(seen.error);
	if ('ms' in seen)
		return { tone: 'good', code: 'ok', text: `A client that polls is connected after ${msText(seen.ms)}.` };
	if (seen.status === 404)
		return { tone: 'none', code: 'off', text: 'This server speaks no Socket.IO at /socket.io/. Only applications that are written for it need it.' };
	if (seen.status === 429)
		return { tone: 'bad', code: 'limited', text: 'The server says that this network asks too often.' };
	return { tone: 'bad', code: 'failed', text: seen.status ? `The server answers ${seen.status}.` : 'The server does not answer.' };
}

/* The ICE list, STUN and TURN. */

/**
 * Each TURN URL of a list.
 *
 * @param {RTCIceServer[]} iceServers
 * @returns {TurnWay[]} first UDP, then TCP, then TLS
 */
export function turnWays(iceServers) {
	const ways = iceServers.flatMap(({ urls, username, credential }) => [urls].flat().map((url) => ({ ...parseUrl(url), url, username, credential })));
	const order = Object.keys(WAY_NAMES);
	return /** @type {TurnWay[]} */ (ways.filter(({ way }) => way)).sort((a, b) => order.indexOf(a.way) - order.indexOf(b.way));
}

/** @param {string} url */
function parseUrl(url) {
	const [, scheme = '', host = '', port, transport] = url.match(/^(turns?):(\[[^\]]*\]|[^:?]*)(?::(\d+))?(?:\?transport=(\w+))?$/) ?? [];
	/** @type {Way | undefined} */
	const way = scheme === 'turns' ? 'tls' : scheme && transport === 'tcp' ? 'tcp' : scheme ? 'udp' : undefined;
	return { way, host, port: Number(port ?? (scheme === 'turns' ? 5349 : 3478)) };
}

/** What /readyz may say of TURN that is not silence. */
const TROUBLES = [
	{ pattern: /nothing is known of it yet/, code: 'untried', text: 'The server gives no relay: it has not tried the one that it has yet.' },
	{ pattern: /refuses the credential/, code: 'auth', text: 'The server gives no relay: the one that it has refuses its credentials.' },
	{ pattern: /which it must refuse/, code: 'unsafe', text: 'The server keeps its relay back: it would let strangers into private networks.' },
];

/**
 * @param {{status: number, turn?: boolean, ways?: TurnWay[], ttl?: number, trouble?: string}} seen
 *	trouble: what /readyz says of TURN
 * @returns {Result}
 */
export function judgeIce({ status, turn, ways = [], ttl = 0, trouble }) {
	if (status === 401 || status === 403)
		return { tone: 'warn', code: 'refused', text: NEEDS_KEY };
	if (status === 429)
		return { tone: 'bad', code: 'limited', text: 'The server says that this network asks too often.' };
	if (status !== 200)
		return { tone: 'bad', code: 'failed', text: status ? `The server answers ${status}.` : 'The server does not answer.' };
	if (turn && ways.length)
		return { tone: 'good', code: 'ok', text: `The server gives ${plural(ways.length, 'way')} to a relay, with credentials for ${plural(Math.round(ttl / 60), 'minute')}.` };
	const known = TROUBLES.find(({ pattern }) => pattern.test(trouble ?? ''));
	if (known)
		return { tone: known.code === 'untried' ? 'warn' : 'bad', code: known.code, text: known.text, detail: trouble };
	if (trouble)
		return { tone: 'bad', code: 'down', text: 'The server gives no relay: the one that it has does not work now.', detail: trouble };
	return { tone: 'warn', code: 'no-turn', text: 'The server gives no relay: none is set up. Only people whose networks allow a direct path can connect.' };
}

/** Codes of ICE errors that are a server's word. @type {Record<number, {code: string, text: string}>} */
const TURN_ERRORS = {
	400: { code: 'error', text: 'The relay does not understand the request (400).' },
	401: { code: 'auth', text: 'The relay answers, but refuses the credentials that the server gave (401).' },
	403: { code: 'forbidden', text: 'The relay answers, but forbids it (403).' },
	437: { code: 'error', text: 'The relay still knows this port from before (437). Check again in a minute.' },
	438: { code: 'error', text: 'The relay answers, but took the request for an old one (438).' },
	442: { code: 'error', text: 'The relay does not relay over this transport (442).' },
	486: { code: 'quota', text: 'The relay answers, but this user has as many relays as they may (486).' },
	508: { code: 'quota', text: 'The relay answers, but has no room for another one (508).' },
};

/**
 * @param {IceError[]} errors
 * @returns {string} of each one, as browsers have it
 */
function errorsText(errors) {
	return [...new Set(errors.map(({ code, text }) => `${code} ${text}`.trim()))].join('; ');
}

/** What one hears where nothing answers. @param {TurnWay} way */
function silence({ way, host, port }) {
	if (way === 'udp')
		return `Nothing comes back over UDP from ${host}:${port}.`;
	if (way === 'tcp')
		return `No TCP connection to ${host}:${port} comes about, or nothing comes back.`;
	return `No TLS connection to ${host}:${port} comes about: it is blocked, or this browser does not trust the certificate.`;
}

/**
 * @param {TurnWay} way
 * @param {Gathered} seen  with this URL alone, by the relay alone
 * @returns {Result}
 */
export function judgeTurn(way, { candidates, errors, isComplete, ms }) {
	const detail = errorsText(errors);
	if (candidates.some(({ type }) => type === 'relay'))
		return { tone: 'good', code: 'ok', text: `The relay at ${way.host}:${way.port} answers after ${msText(ms)}.` };
	// Whoever says something was reached; no answer may also come of an
	// address that this device cannot use.
	const known = errors.map(({ code }) => TURN_ERRORS[code]).find(Boolean);
	if (known)
		return { tone: 'bad', ...known, detail };
	const other = errors.find(({ code }) => code >= 300 && code < 700);
	if (other)
		return { tone: 'bad', code: 'error', text: `The relay answers with the error ${other.code}.`, detail };
	const within = isComplete ? '' : ` within ${Math.round(ms / 1000)} s`;
	return { tone: 'bad', code: 'unreachable', text: silence(way), detail: detail || `no answer${within}` };
}

/** Which ways to a relay are set up, and whether they work just now (null: it has not tried), as the server tells it. @typedef {Record<string, boolean | null>} Offered */

/**
 * A way that the list does not have.
 *
 * @param {Way} way
 * @param {Offered} offered
 * @returns {Result}
 */
export function judgeMissing(way, offered) {
	const { tls, tunnel, [way]: own } = offered;
	const known = way === 'tls' ? [tls, tunnel] : [own];
	if (known.includes(null))
		return { tone: 'warn', code: 'untried', text: 'The server is set up for it, but has not tried it yet.' };
	if (known.some((works) => works !== undefined))
		return { tone: 'bad', code: 'down', text: 'The server is set up for it, but has found that it does not work now.' };
	const more = way === 'tls' ? ' Networks that allow nothing but websites get no relay here.' : '';
	return { tone: 'none', code: 'not-offered', text: `This server is not set up for it.${more}` };
}

/**
 * @param {string[]} urls  of STUN servers that were asked
 * @param {Gathered} seen
 * @returns {Result}
 */
export function judgeStun(urls, { candidates, errors, isComplete, ms }) {
	if (urls.length === 0)
		return { tone: 'none', code: 'not-offered', text: 'This server is not set up for it.' };
	const own = candidates.find(({ type }) => type === 'srflx');
	if (own)
		return { tone: 'good', code: 'ok', text: `It answers after ${msText(ms)}: others see this device at ${own.address}.` };
	// Where others see what the device has itself, browsers tell of nothing.
	if (isComplete && errors.length === 0)
		return { tone: 'good', code: 'same', text: `It answers after ${msText(ms)}: others see this device at its own address.` };
	return { tone: 'bad', code: 'unreachable', text: 'Nothing comes back over UDP.', detail: errorsText(errors) || `no answer within ${Math.round(ms / 1000)} s` };
}

/** @type {Result} */
const NO_NAT = { tone: 'good', code: 'open', text: 'None: this device has an address of its own that others see. Direct paths are likely.' };

/**
 * Which translator of addresses (NAT) this device is behind. Browsers ask all STUN
 * servers from one port, and tell of each other address that they are seen at.
 *
 * @param {string[]} urls  of STUN servers that were asked
 * @param {Gathered} seen
 * @returns {Result}
 */
export function judgeNat(urls, { candidates, errors, isComplete }) {
	const isIpv4 = (/** @type {RTCIceCandidate} */ { address }) => !address?.includes(':');
	const seen = candidates.filter(({ type }) => type === 'srflx').filter(isIpv4);
	const [first] = seen;
	if (!first)
		return isComplete && errors.length === 0 && urls.length
			? NO_NAT
			: { tone: 'none', code: 'unknown', text: 'Whether there is one (a NAT) cannot be told without an answer to STUN.' };
	const hosts = candidates.filter(({ type, protocol }) => type === 'host' && protocol === 'udp');
	if (hosts.some(({ address }) => address === first.address))
		return NO_NAT;
	const isHidden = hosts.some(({ address }) => address?.endsWith('.local'));
	// Where the addresses of this device are hidden (mDNS), so is this port.
	const bases = seen.map(({ relatedPort, port }) => [relatedPort, port]).filter(([base]) => base);
	const hasTwo = bases.some(([base, port]) => bases.some(([otherBase, otherPort]) => base === otherBase && port !== otherPort));
	const answered = new Set(urls).size - new Set(errors.map(({ url }) => url)).size;
	if (hasTwo || (answered >= 2 && seen.length > Math.max(1, hosts.length)))
		return { tone: 'warn', code: 'symmetric', text: 'A NAT that takes another port for everybody (symmetric). Direct paths to others behind such a one fail: then calls go through the relay.' };
	if (answered >= 2)
		return { tone: 'good', code: 'cone', text: 'A NAT that takes the same port for everybody. Direct paths are likely.' };
	if (hosts.some(({ port }) => seen.some((other) => other.port === port)))
		return { tone: 'good', code: 'keeps', text: `${isHidden ? 'None, or a NAT' : 'A NAT'} that keeps the port. Most of these take the same one for everybody, and allow direct paths; with one STUN server it cannot be told for sure.` };
	return { tone: 'none', code: 'changes', text: 'A NAT that takes another port than this device. Whether it is the same for everybody cannot be told with one STUN server.' };
}

/**
 * @param {{way: TurnWay, mbps: number, rttMs: number, bytes: number, ms: number} | {way: TurnWay, why: string} | undefined} seen
 *	undefined: there was no relay to try
 * @returns {Result}
 */
export function judgeRelay(seen) {
	if (!seen)
		return { tone: 'none', code: 'none', text: 'There is no relay to send through.' };
	const over = `over ${WAY_NAMES[seen.way.way]}`;
	if ('why' in seen)
		return { tone: 'bad', code: 'no-data', text: `The relay ${over} was given, but nothing sent through it arrives.`, detail: seen.why };
	const { mbps, rttMs, bytes, ms } = seen;
	const speed = mbps < 10 ? mbps.toFixed(1) : String(Math.round(mbps));
	const text = `Up to ${speed} Mbit/s through the relay ${over}, and ${msText(rttMs)} there and back.`;
	const detail = `${bytes} bytes in ${Math.round(ms)} ms`;
	return mbps < SLOW_MBPS ? { tone: 'warn', code: 'slow', text, detail } : { tone: 'good', code: 'ok', text, detail };
}

/* The verdict. */

/** @typedef {(step: string, ...codes: string[]) => boolean} Asks whether a step ended so */

/**
 * What may be wrong, the first thing first: what is said of it, and what to do.
 *
 * @type {{tone: Tone, title: string, text: string, isSo: (is: Asks, turn: Record<Way, string[]>) => boolean}[]}
 */
const RULES = [
	{
		tone: 'bad', title: 'The server does not answer',
		text: 'Is this device online? If other websites open, the server is down: tell who runs it.',
		isSo: (is) => is('server', 'unreachable'),
	},
	{
		tone: 'bad', title: 'The server is going down',
		text: 'It is being restarted, most likely. Check again in a minute.',
		isSo: (is) => is('server', 'draining'),
	},
	{
		tone: 'bad', title: 'This network asks too often',
		text: 'The server limits what one address may ask for. Wait a minute, and check again. Who runs the server finds the limits in docs/limits.md.',
		isSo: (is) => ['server', 'websocket', 'polling', 'ice'].some((step) => is(step, 'limited')),
	},
	{
		tone: 'bad', title: 'The server’s certificate has expired',
		text: 'Browsers warn of this server, and use neither its pages nor TURN over TLS. Who runs it must renew the certificate: signald takes up new files by itself within seconds.',
		isSo: (is) => is('certificate', 'expired'),
	},
	{
		tone: 'bad', title: 'The server has no certificate yet',
		text: 'It is being fetched, most likely: check again in a minute. If it stays so, who runs the server must see why it is not obtained, and that tls.cert and tls.key name it.',
		isSo: (is) => is('certificate', 'temporary'),
	},
	{
		tone: 'bad', title: 'The clocks of this device and of the server differ',
		text: 'One of the two is wrong, and credentials and certificates end by the clock. Compare both, below, with a clock that you trust. Is it this device: switch on automatic date and time in its settings. Is it the server: who runs it must switch on time synchronisation there (timedatectl set-ntp true).',
		isSo: (is) => is('clock', 'wrong'),
	},
	{
		tone: 'warn', title: 'This server asks for a key or a token',
		text: 'So this page cannot try all of it. Check from the application that the server is for; who runs it can run scripts/check with a key.',
		isSo: (is) => is('ice', 'refused') || is('websocket', 'refused'),
	},
	{
		tone: 'bad', title: 'WebSocket does not get through',
		text: 'Websites do. A proxy or a virus scanner on the way does not know WebSocket, or the proxy in front of the server does not pass it on: who runs either must allow “Upgrade: websocket” for /v1/ws.',
		isSo: (is) => is('websocket', 'blocked', 'failed'),
	},
	{
		tone: 'warn', title: 'The server has just started',
		text: 'It is still trying its own relay. Check again in a few seconds.',
		isSo: (is, { udp, tcp, tls }) => is('ice', 'untried') || [...udp, ...tcp, ...tls].includes('untried'),
	},
	{
		tone: 'bad', title: 'The server’s relay is down',
		text: 'People whose networks allow a direct path can connect, others cannot. Who runs the server must start coturn; “turnconf doctor” on the server says what is wrong.',
		isSo: (is) => is('ice', 'down'),
	},
	{
		tone: 'bad', title: 'The server’s relay is not safe',
		text: 'People whose networks allow a direct path can connect, others cannot until it is. Who runs the server must have coturn run with what “turnconf generate” writes; “turnconf doctor” says what it lets through.',
		isSo: (is) => is('ice', 'unsafe'),
	},
	{
		tone: 'bad', title: 'The server gives no ICE list',
		text: 'Without it browsers know neither STUN nor relay. Who runs the server finds the reason in its log.',
		isSo: (is) => is('ice', 'failed'),
	},
	{
		tone: 'warn', title: 'No relay is set up on this server',
		text: 'Signaling works, but only people whose networks allow a direct path can connect. Who runs the server sets turn.host and turn.secret, and starts coturn.',
		isSo: (is) => is('ice', 'no-turn'),
	},
	{
		tone: 'bad', title: 'The relay refuses the server’s credentials',
		text: 'Either signald and coturn have different secrets, or their clocks differ: “turnconf doctor” on the server says which.',
		isSo: (is, { udp, tcp, tls }) => is('ice', 'auth') || [...udp, ...tcp, ...tls].includes('auth'),
	},
	{
		tone: 'warn', title: 'A part of the server’s relay is down',
		text: 'Calls work where a network allows another way; which one is down stands below. Who runs the server must see why: “turnconf doctor” there says it.',
		isSo: (_, { udp, tcp, tls }) => [...udp, ...tcp, ...tls].includes('down'),
	},
	{
		tone: 'bad', title: 'The relay has no room',
		text: 'As many are relayed as it lets in. Check again later; who runs the server can raise the quotas of coturn.',
		isSo: (_, { udp, tcp, tls }) => !hasOk(udp, tcp, tls) && [...udp, ...tcp, ...tls].includes('quota'),
	},
	{
		tone: 'bad', title: 'This network lets nothing through to the relay',
		text: 'Websites come through, but no way to the relay does. Try another network, as that of a phone. Who looks after this one can allow UDP and TCP to port 3478 of the server; who runs the server can offer TURN over TLS on port 443, which nearly every network allows.',
		isSo: (_, { udp, tcp, tls }) => udp.length + tcp.length + tls.length > 0 && !hasOk(udp, tcp, tls),
	},
	{
		tone: 'bad', title: 'The relay passes nothing on',
		text: 'It is there and lets this device in, but what is sent through it is lost. Who runs the server must open its relay ports (UDP 49152 to 65535) in the firewall, and see that coturn.external_ip is right; “turnconf doctor” says more.',
		isSo: (is) => is('relay', 'no-data'),
	},
	{
		tone: 'warn', title: 'This network blocks UDP',
		text: 'Calls work, through the relay over TCP or TLS: with more delay, and with less quality where the network is slow. There is nothing that you must do. Who looks after this network can allow UDP to port 3478 of the server.',
		isSo: (is, { udp, tcp, tls }) => (udp.includes('unreachable') || is('stun', 'unreachable')) && !hasOk(udp) && hasOk(tcp, tls),
	},
	{
		tone: 'warn', title: 'STUN does not answer',
		text: 'Calls work through the relay, but direct paths are found less often. Who runs the server finds out with “turnconf doctor”.',
		isSo: (is) => is('stun', 'unreachable'),
	},
	{
		tone: 'warn', title: 'Not every way to the relay works',
		text: 'Calls work. What does not, and why, stands below: networks that allow nothing else have no relay.',
		isSo: (_, { udp, tcp, tls }) => [...udp, ...tcp, ...tls].some((code) => code !== 'ok' && code !== 'not-offered'),
	},
	{
		tone: 'warn', title: 'The server is not content with its relay',
		text: 'From here all works. Who runs the server should look at what it says, below, and at what “turnconf doctor” says there.',
		isSo: (is) => is('server', 'turn-trouble'),
	},
	{
		tone: 'warn', title: 'The relay is slow from here',
		text: 'A video call takes 1 to 2 Mbit/s each way. Is something else using this network? Try another one.',
		isSo: (is) => is('relay', 'slow'),
	},
	{
		tone: 'warn', title: 'Socket.IO does not work by polling',
		text: 'All else does. Applications that are written for Socket.IO may not get through where there is no WebSocket.',
		isSo: (is) => is('polling', 'failed'),
	},
	{
		tone: 'warn', title: 'The certificate ends soon',
		text: 'All works now. Who runs the server should see that it is renewed.',
		isSo: (is) => is('certificate', 'soon'),
	},
	{
		tone: 'warn', title: 'This page was loaded without https',
		text: 'All else works, but browsers give camera and microphone to pages on https only (and on localhost). Use the https address of this server.',
		isSo: (is) => is('certificate', 'insecure'),
	},
	{
		tone: 'warn', title: 'The clocks of this device and of the server differ a little',
		text: 'All works. One of the two should be set right.',
		isSo: (is) => is('clock', 'drift'),
	},
];

/** @param {...string[]} ways */
function hasOk(...ways) {
	return ways.flat().includes('ok');
}

/**
 * The first thing that is wrong, and what to do.
 *
 * @param {Step[]} steps
 * @returns {Verdict}
 */
export function judge(steps) {
	const codeOf = (/** @type {string} */ id) => steps.find((step) => step.id === id)?.result.code ?? '';
	const codesOf = (/** @type {Way} */ way) => steps
		.filter(({ id, result }) => id.startsWith(`turn-${way}`) && result.code !== 'not-offered').map(({ result }) => result.code);
	const turn = { udp: codesOf('udp'), tcp: codesOf('tcp'), tls: codesOf('tls') };
	const rule = RULES.find(({ isSo }) => isSo((step, ...codes) => codes.includes(codeOf(step)), turn));
	if (rule)
		return { tone: rule.tone, title: rule.title, text: rule.text };
	return { tone: 'good', title: 'All is well', text: 'This browser reaches the server, and can be connected to anybody: directly where networks allow it, and through the relay where not.' };
}

/* The report. */

/** @type {Record<Tone, string>} */
const MARKS = { waiting: '....', busy: '....', good: 'ok  ', warn: 'WARN', bad: 'BAD ', none: '-   ' };

/**
 * The page as a text to send to somebody. It holds no credentials.
 *
 * @param {{steps: Step[], verdict: Verdict, address: string, atMs: number, tookMs: number, browser: string}} check
 */
export function report({ steps, verdict, address, atMs, tookMs, browser }) {
	const lines = steps.map(({ name, result: { tone, text, detail } }) =>
		`${MARKS[tone]} ${name}: ${text}${detail ? ` [${detail}]` : ''}`);
	return [
		`Check of ${address}`,
		`${new Date(atMs).toISOString()}, took ${(tookMs / 1000).toFixed(1)} s`,
		browser,
		'',
		`${verdict.title}. ${verdict.text}`,
		'',
		...lines,
		'',
	].join('\n').replaceAll('\u00a0', ' ');
}
