// ui.js: what the pages have in common.

import { badge, explain, mediaProblem, notYet, policyProblem } from './words.js';

/** @import {PeerLink, Signald} from '../client/index.js' */
/** @import {LinkState, Peer} from '../client/types.js' */

/** How often round-trip times are looked at. */
const STATE_MS = 2000;

const query = new URLSearchParams(location.search);

/** What the address asks for. */
export const asked = {
	room: query.get('room') ?? '',
	role: query.get('role') ?? '',
	join: query.has('join'),
	/** @type {RTCIceTransportPolicy} */
	policy: query.get('policy') === 'relay' ? 'relay' : 'all',
	/** What is wrong with that, or "". */
	problem: policyProblem(query.get('policy')),
};

/**
 * Where pages may store nothing, they go without.
 *
 * @template T
 * @param {() => T} use
 */
function tryStorage(use) {
	try {
		return use();
	} catch {
		return undefined;
	}
}

/** Which room this tab is in, should its page be loaded again. */
export const inRoom = {
	/** @param {string} room */
	remember: (room) => tryStorage(() => sessionStorage.setItem(location.pathname, room)),
	/** @param {string} room */
	is: (room) => tryStorage(() => sessionStorage.getItem(location.pathname)) === room,
	forget: () => tryStorage(() => sessionStorage.removeItem(location.pathname)),
};

/** What they called themselves the last time. */
export const ownName = {
	/** @param {string} name */
	remember: (name) => tryStorage(() => localStorage.setItem('name', name)),
	recall: () => tryStorage(() => localStorage.getItem('name')) ?? '',
};

/**
 * The element of an id.
 *
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} Type
 * @returns {T}
 */
export function byId(id, Type) {
	return checked(document.getElementById(id), Type);
}

/**
 * @template {Element} T
 * @param {ParentNode} parent
 * @param {string} selector
 * @param {new () => T} Type
 * @returns {T}
 */
export function find(parent, selector, Type) {
	return checked(parent.querySelector(selector), Type);
}

/**
 * @template {Element} T
 * @param {Element | null} element
 * @param {new () => T} Type
 * @returns {T}
 */
function checked(element, Type) {
	if (!(element instanceof Type))
		throw new Error(`the page lacks a ${Type.name}`);
	return element;
}

/**
 * Say where the page stands: to programs by the root's data-state, to people
 * in the status line.
 *
 * @param {string} state ready, connecting, waiting, connected, failed or ended
 * @param {string} text
 */
export function say(state, text) {
	document.documentElement.dataset.state = state;
	const status = byId('status', HTMLElement);
	if (status.textContent !== text)
		status.textContent = text;
}

/** Show one of the page's main parts. @param {string} id */
export function show(id) {
	for (const main of document.querySelectorAll('main'))
		main.hidden = main.id !== id;
}

/**
 * The closing panel.
 *
 * @param {string} state
 * @param {string} title
 * @param {string} text
 */
export function finish(state, title, text) {
	byId('over-title', HTMLElement).textContent = title;
	byId('over-text', HTMLElement).textContent = text;
	byId('controls', HTMLElement).hidden = true;
	show('over');
	say(state, title);
	byId('again', HTMLButtonElement).focus();
}

/** Instead of anything else, where the address asks for what there is not. */
export function refuseAddress() {
	const again = byId('again', HTMLButtonElement);
	const url = new URL(location.href);
	url.searchParams.delete('policy');
	again.textContent = 'Go on without it';
	again.onclick = () => location.assign(url);
	finish('failed', 'This address is not right', asked.problem);
}

/** A name that nobody guesses, and that can be read out on a phone. */
export function inventRoom() {
	const letters = 'abcdefghjkmnpqrstuvwxyz23456789';
	const bytes = crypto.getRandomValues(new Uint8Array(12));
	const text = Array.from(bytes, (byte) => letters[byte % letters.length]).join('');
	return `${text.slice(0, 4)}-${text.slice(4, 8)}-${text.slice(8)}`;
}

/**
 * The address others come to.
 *
 * @param {string} path
 * @param {string} room
 */
export function inviteUrl(path, room) {
	const url = new URL(path, location.href);
	url.searchParams.set('room', room);
	return url.href;
}

/** Let go of camera and microphone. @param {MediaStream} stream */
export function stopTracks(stream) {
	for (const track of stream.getTracks())
		track.stop();
}

/** @param {string} url */
export function offerCopy(url) {
	const button = byId('copy', HTMLButtonElement);
	const label = find(button, 'span', HTMLElement);
	button.onclick = async () => {
		if (!navigator.clipboard) {
			// No clipboard without https: show what to copy.
			prompt('The link:', url);
			return;
		}
		label.textContent = await navigator.clipboard.writeText(url).then(() => 'Link copied', () => 'Copy failed');
		setTimeout(() => {
			label.textContent = 'Copy link';
		}, 2000);
	};
}

/**
 * Open camera and microphone, or whichever of the two there is.
 *
 * @returns {Promise<{stream: MediaStream, problem: string}>} an empty stream and a sentence, if neither
 */
export async function openMedia() {
	const none = new MediaStream();
	if (!navigator.mediaDevices)
		return { stream: none, problem: mediaProblem('insecure') };
	const video = { width: { ideal: 1280 }, height: { ideal: 720 }, facingMode: 'user' };
	let name = '';
	for (const wish of [{ audio: true, video }, { audio: true }, { video }]) {
		try {
			return { stream: await navigator.mediaDevices.getUserMedia(wish), problem: '' };
		} catch (error) {
			name ||= /** @type {Error} */ (error).name;
			// One thing may be missing; a refusal is for both.
			if (name === 'NotAllowedError')
				break;
		}
	}
	return { stream: none, problem: mediaProblem(name) };
}

/**
 * Buttons that mute microphone and camera.
 *
 * @param {MediaStream} stream
 * @param {() => void} onChange
 */
export function offerMute(stream, onChange) {
	wireMute('mic', stream.getAudioTracks(), ['Mute microphone', 'Unmute microphone'], onChange);
	wireMute('camera', stream.getVideoTracks(), ['Turn camera off', 'Turn camera on'], onChange);
}

/**
 * @param {string} id
 * @param {MediaStreamTrack[]} tracks
 * @param {[string, string]} labels
 * @param {() => void} onChange
 */
function wireMute(id, tracks, labels, onChange) {
	const button = byId(id, HTMLButtonElement);
	const render = () => {
		const isOff = !tracks.some((track) => track.enabled);
		const label = labels[isOff ? 1 : 0] ?? '';
		button.classList.toggle('is-off', isOff);
		button.disabled = tracks.length === 0;
		button.setAttribute('aria-label', label);
		button.title = tracks.length ? label : 'There is none';
	};
	button.hidden = false;
	button.onclick = () => {
		for (const track of tracks)
			track.enabled = !track.enabled;
		render();
		onChange();
	};
	render();
}

/**
 * Play with sound, or without where the browser wants a touch first.
 *
 * @param {HTMLVideoElement} video
 * @param {() => void} onSilent
 */
export async function play(video, onSilent) {
	try {
		await video.play();
	} catch (error) {
		if (/** @type {Error} */ (error).name !== 'NotAllowedError')
			return;
		video.muted = true;
		onSilent();
		video.play().catch(() => {});
	}
}

/**
 * Tell of a link's state whenever it changes, and every two seconds, until it
 * closes. A look takes a while: what a newer one has overtaken is not told.
 *
 * @param {PeerLink} link
 * @param {(state: LinkState) => void} listener
 */
export function follow(link, listener) {
	let newest = 0;
	const look = async () => {
		const number = ++newest;
		const state = await link.state();
		if (number === newest)
			listener(state);
	};
	const timer = setInterval(look, STATE_MS);
	link.on('change', look);
	link.on('closed', () => {
		clearInterval(timer);
		newest++;
	});
	look();
}

/**
 * Nothing can be tried with them now: the server waits for them to come back, or
 * is lost to us.
 *
 * @param {Signald} signald
 * @param {Peer} peer
 */
export function isApart(signald, peer) {
	return Boolean(peer.away) || signald.state !== 'joined';
}

/**
 * A connection that is lost has not failed as long as nothing can be tried.
 *
 * @param {LinkState} link
 * @param {boolean} isApart
 * @returns {LinkState}
 */
export function asShown(link, isApart) {
	return isApart && link.state !== 'connected' ? { state: 'connecting', errors: [] } : link;
}

/**
 * Put a link's state on an element: for programs in its data, for people on
 * its badge and its panel of troubles.
 *
 * @param {HTMLElement} element
 * @param {LinkState} link
 * @param {boolean} isApart as for asShown()
 */
export function renderLink(element, link, isApart) {
	const state = asShown(link, isApart);
	const { pair, why } = state;
	setData(element, 'state', state.state);
	setData(element, 'pair', pair && `${pair.local}/${pair.remote}`);
	setData(element, 'protocol', pair?.protocol);
	setData(element, 'rtt', pair?.rttMs?.toString());
	setData(element, 'why', why);
	const { text, tone } = badge(state, isApart);
	const label = find(element, '.badge', HTMLElement);
	label.textContent = text;
	label.dataset.tone = tone;
	renderTrouble(element, state);
}

/**
 * @param {HTMLElement} element
 * @param {LinkState} state
 */
function renderTrouble(element, { why }) {
	const trouble = element.querySelector('.trouble');
	if (!(trouble instanceof HTMLElement))
		return;
	trouble.hidden = !why;
	if (!why)
		return;
	const { title, text } = explain(why, asked.policy);
	find(trouble, 'strong', HTMLElement).textContent = title;
	find(trouble, 'p', HTMLElement).textContent = text;
}

/**
 * @param {HTMLElement} element
 * @param {string} name
 * @param {string | undefined} value
 */
function setData(element, name, value) {
	if (value === undefined)
		delete element.dataset[name];
	else
		element.dataset[name] = value;
}

/** Why the connection to the server could not be made, or was lost, the last time. */
let whyLost = '';

/**
 * Keep the root's data-signaling, and tell of whatever changes what is said.
 *
 * @param {Signald} signald
 * @param {() => void} render called at every change
 */
export function attend(signald, render) {
	signald.on('state', (state) => {
		document.documentElement.dataset.signaling = state;
		render();
	});
	signald.on('retry', ({ reason }) => {
		whyLost = reason;
		render();
	});
	signald.on('joined', render);
	signald.on('peer-joined', render);
	signald.on('peer-away', render);
	signald.on('peer-back', render);
	signald.on('peer-left', render);
}

/**
 * Say where the connection to the server stands, unless it does.
 *
 * @param {Signald} signald
 * @param {string} state of the connections to others
 * @returns {boolean} whether there was something to say
 */
export function saySignaling(signald, state) {
	const isConnected = state === 'connected';
	if (signald.state === 'connecting')
		say('connecting', 'Joining the room…');
	else if (signald.state !== 'reconnecting')
		return false;
	else if (!signald.id)
		say('connecting', notYet(whyLost));
	else
		say(isConnected ? 'connected' : 'connecting', isConnected ? 'Reconnecting to the server…' : 'Reconnecting…');
	return true;
}

// A page that the browser had put aside has lost its connections: start over.
addEventListener('pageshow', (event) => {
	if (event.persisted)
		location.reload();
});
