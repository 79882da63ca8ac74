// home.js: the start page: makes a room, and tries the relay.

import { turnUrls, whyNoRelay } from '../client/stats.js';
import { enumerate, explainLine } from './words.js';
import { byId, find, inventRoom } from './ui.js';

/** @import {IceError, IceList} from '../client/types.js' */
/** @import {Tone} from './words.js' */

/** How long a relay may take to answer. */
const GATHER_MS = 8000;

/**
 * @param {string} id
 * @param {Tone} tone
 * @param {string} text
 */
function tell(id, tone, text) {
	const item = byId(id, HTMLElement);
	item.dataset.tone = tone;
	find(item, 'span', HTMLElement).textContent = text;
}

/** @returns {Promise<IceList>} */
async function fetchIce() {
	const response = await fetch('/v1/ice');
	if (response.status === 401)
		throw new Error('it gives one only to those who come with a key or a token of its application. The calls and broadcasts of this page are for servers that are open to everybody or to guests');
	if (!response.ok)
		throw new Error(`the server answers ${response.status}`);
	return response.json();
}

/** How the relay of a list can be reached, in words. @param {string[]} urls */
function ways(urls) {
	const names = urls.map((url) => {
		if (url.startsWith('turns:'))
			return 'TLS';
		return url.includes('transport=tcp') ? 'TCP' : 'UDP';
	});
	return enumerate([...new Set(names)]);
}

/**
 * Ask for a relay as a call would.
 *
 * @param {RTCIceServer[]} iceServers
 * @returns {Promise<{ms?: number, errors: IceError[]}>} without ms: there was none
 */
function tryRelay(iceServers) {
	const pc = new RTCPeerConnection({ iceServers, iceTransportPolicy: 'relay' });
	/** @type {IceError[]} */
	const errors = [];
	const start = performance.now();
	return new Promise((resolve) => {
		const finish = (/** @type {number | undefined} */ ms) => {
			clearTimeout(timer);
			pc.close();
			resolve({ ms, errors });
		};
		const timer = setTimeout(finish, GATHER_MS);
		pc.onicecandidateerror = ({ url, errorCode, errorText }) => errors.push({ url, code: errorCode, text: errorText });
		pc.onicecandidate = ({ candidate }) => candidate?.type === 'relay' && finish(performance.now() - start);
		pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && finish(undefined);
		pc.createDataChannel('probe');
		pc.setLocalDescription();
	});
}

async function checkRelay() {
	const { iceServers, ttl } = await fetchIce();
	const urls = turnUrls(iceServers);
	if (urls.length === 0) {
		tell('check-ice', 'bad', 'It holds no TURN server (none is set up, or it does not answer): only people whose networks allow a direct path can connect.');
		tell('check-relay', 'bad', 'Nothing to try.');
		return 'none';
	}
	tell('check-ice', 'good', `It gives TURN over ${ways(urls)}, with credentials for ${Math.round(ttl / 60)} minutes.`);
	tell('check-relay', 'busy', 'Asking for a relay…');
	const { ms, errors } = await tryRelay(iceServers);
	if (ms === undefined)
		tell('check-relay', 'bad', explainLine(whyNoRelay(iceServers, errors), 'relay'));
	else
		tell('check-relay', 'good', `The relay works: it answered in ${Math.max(1, Math.round(ms))} ms.`);
	return ms === undefined ? 'failed' : 'works';
}

async function check() {
	const root = document.documentElement;
	try {
		root.dataset.relay = await checkRelay();
	} catch (error) {
		root.dataset.relay = 'unknown';
		tell('check-ice', 'bad', `It cannot be had: ${/** @type {Error} */ (error).message}.`);
		tell('check-relay', 'bad', 'Nothing to try.');
	}
}

/** @param {SubmitEvent} event */
function go(event) {
	event.preventDefault();
	const button = /** @type {HTMLButtonElement} */ (event.submitter);
	const url = new URL(button.formAction);
	url.searchParams.set('room', byId('room', HTMLInputElement).value.trim());
	if (button.value)
		url.searchParams.set('role', button.value);
	location.href = url.href;
}

byId('room', HTMLInputElement).value = inventRoom();
byId('form', HTMLFormElement).onsubmit = go;
check();
