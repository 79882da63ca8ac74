// words.js: what the pages say about connections, in plain words. Pure.

/** @import {LinkState, SelectedPair, Why} from '../client/types.js' */

/** @typedef {'good' | 'busy' | 'bad'} Tone */

/** @type {Record<Why, string>} */
const REASONS = {
	'no-turn': 'This server gives out no TURN relay: none is set up, or it does not answer.',
	'turn-auth': 'The TURN server rejects the credentials it was shown (401). Most likely its secret is not the one signald uses.',
	'turn-forbidden': 'The TURN server forbids what this browser asked for (403).',
	'turn-quota': 'The TURN server has no room for another relay (486 or 508).',
	'turn-unreachable': 'No TURN server answers (701). It may be down, or a firewall on the way blocks it.',
	'no-relay': 'The TURN server gave no relay, and no reason.',
	'no-answer': 'The other side has not answered. It may be asleep, or just gone.',
	'no-path': 'Both sides have tried every way they know, and nothing came through.',
};

/**
 * Why a connection has failed, as a heading and a sentence.
 *
 * @param {Why} why
 * @param {RTCIceTransportPolicy} policy
 * @returns {{title: string, text: string}}
 */
export function explain(why, policy) {
	if (why === 'no-answer')
		return { title: 'No answer', text: REASONS[why] };
	if (why === 'no-path')
		return { title: 'No way through', text: REASONS[why] };
	if (why === 'no-turn' && policy === 'all')
		return { title: 'No way through', text: `The networks allow no direct path, and ${lower(REASONS[why])}` };
	return { title: 'No relay could be reached', text: REASONS[why] };
}

/**
 * The same in one line.
 *
 * @param {Why} why
 * @param {RTCIceTransportPolicy} policy
 */
export function explainLine(why, policy) {
	const { title, text } = explain(why, policy);
	return `${title}: ${lower(text)}`;
}

/**
 * What stands on a badge.
 *
 * @param {LinkState} link
 * @param {boolean} [isReturning] they were here before
 * @returns {{text: string, tone: Tone}}
 */
export function badge(link, isReturning = false) {
	if (link.state === 'connected')
		return { text: link.pair ? pathText(link.pair) : 'Connected', tone: 'good' };
	if (link.state === 'failed')
		return { text: 'Not connected', tone: 'bad' };
	return { text: isReturning ? 'Reconnecting…' : 'Connecting…', tone: 'busy' };
}

/** @param {SelectedPair} pair */
function pathText({ relayed, protocol, rttMs }) {
	const parts = [relayed ? 'Relayed' : 'Direct', protocol.toUpperCase()];
	if (rttMs !== undefined)
		parts.push(`${rttMs} ms`);
	return parts.join(' · ');
}

/**
 * How many connections there are of each kind.
 *
 * @param {LinkState[]} links
 */
export function count(links) {
	const connected = links.filter(({ state }) => state === 'connected');
	return {
		connected: connected.length,
		relayed: connected.filter(({ pair }) => pair?.relayed).length,
		failed: links.filter(({ state }) => state === 'failed').length,
		connecting: links.filter(({ state }) => state === 'connecting').length,
	};
}

/**
 * One state for all connections of a page.
 *
 * @param {LinkState[]} links
 * @returns {'waiting' | 'connected' | 'connecting' | 'failed'}
 */
export function overall(links) {
	const { connected, connecting } = count(links);
	if (links.length === 0)
		return 'waiting';
	if (connected)
		return 'connected';
	return connecting ? 'connecting' : 'failed';
}

/** How a connected page puts it. @param {LinkState[]} links */
export function howConnected(links) {
	const { connected, relayed } = count(links);
	if (relayed === 0)
		return 'directly';
	return relayed === connected ? 'through a relay' : `${relayed} of ${connected} through a relay`;
}

/**
 * Whom a connected page is connected to.
 *
 * @param {LinkState[]} links
 * @param {string} name of the other one, where there is only one
 */
export function whomConnected(links, name) {
	const { connected } = count(links);
	if (links.length === 1)
		return name;
	return connected === links.length ? `${connected} others` : `${connected} of ${links.length}`;
}

/** How a broadcaster's page puts it. @param {LinkState[]} links */
export function howLive(links) {
	const { connected, relayed, failed, connecting } = count(links);
	/** @type {[number, string][]} */
	const kinds = [[connected - relayed, 'direct'], [relayed, 'relayed'], [failed, 'not connected'], [connecting, 'connecting']];
	return kinds.filter(([number]) => number).map(([number, kind]) => `${number} ${kind}`).join(', ');
}

/** Things one after the other, as one says them. @param {string[]} names */
export function enumerate(names) {
	return names.join(', ').replace(/, ([^,]*)$/, ' and $1');
}

/** What a name of a room may have, in bytes. */
const MAX_ROOM_BYTES = 128;

/** Why the server said no. @type {Record<string, string>} */
const REFUSALS = {
	'room-full': 'This room is full.',
	'too-many-watchers': 'As many are watching as this room lets in.',
	'too-many-rooms': 'The server has as many rooms as it can take.',
	'role-taken': 'Somebody is live in this room already.',
	'bad-room': 'This is not a name for a room.',
	taken: 'Another tab or window has taken your place here.',
	kicked: 'You were sent out of the room.',
	'auth-required': 'This server lets in those who come with a key or a token of its application, and this page has neither. It is for servers that are open to everybody or to guests.',
	'no-room': 'Nobody is in this room yet, and guests cannot open one here.',
};

/** What an address may ask for. */
const POLICIES = ['all', 'relay'];

/**
 * What is wrong with "policy" of the page's address; nothing, if it is not there.
 *
 * @param {string | null} policy
 */
export function policyProblem(policy) {
	if (policy === null || POLICIES.includes(policy))
		return '';
	return `The address of this page asks for policy=${policy}, which there is not. It may be policy=relay, to use the relay alone, or policy=all.`;
}

/**
 * @param {{code: string, message: string}} error
 * @param {string} room that was asked for
 */
export function refusal({ code, message }, room) {
	const bytes = new TextEncoder().encode(room).length;
	if (code === 'bad-room' && bytes > MAX_ROOM_BYTES)
		return `The name of the room is too long: it has ${bytes} bytes, and ${MAX_ROOM_BYTES} are the most.`;
	return REFUSALS[code] ?? `The server refused: ${message}.`;
}

/** What the client says of a connection that it could not make; all else is the server's own word. */
const UNHEARD = ['could not connect', 'the connection was lost', 'the server does not answer', 'auth does not answer'];

/**
 * Why nobody is in yet, where it is tried again.
 *
 * @param {string} reason of the event "retry", or ""
 */
export function notYet(reason) {
	if (!reason || UNHEARD.includes(reason))
		return 'The server cannot be reached. Trying again…';
	return `The server does not let you in yet: ${reason.replace(/[:;,]? *try again.*$/, '')}. Trying again…`;
}

/** Why there is no camera. @type {Record<string, string>} */
const MEDIA_PROBLEMS = {
	NotAllowedError: 'The browser was told not to give camera and microphone to this page. You can allow them in the address bar.',
	NotFoundError: 'No camera and no microphone were found.',
	NotReadableError: 'Another program is using the camera or the microphone.',
	insecure: 'Browsers give camera and microphone to pages on https only (and on localhost).',
};

/** @param {string} name of the error, or `insecure` */
export function mediaProblem(name) {
	return MEDIA_PROBLEMS[name] ?? `Camera and microphone do not work (${name}).`;
}

/** @param {string} sentence */
function lower(sentence) {
	return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}
