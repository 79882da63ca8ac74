// call.js: two or more people in a room.

import { Signald } from '../client/index.js';
import { asShown, asked, attend, byId, find, finish, follow, inRoom, inventRoom, inviteUrl, isApart, offerCopy, offerMute, openMedia, ownName, play, refuseAddress, renderLink, say, saySignaling, show, stopTracks } from './ui.js';
import { explainLine, howConnected, overall, refusal, whomConnected } from './words.js';

/** @import {PeerLink, SignaldError} from '../client/index.js' */
/** @import {LinkState, Message, Peer} from '../client/types.js' */

/** What of their tracks is on. @typedef {{audio?: boolean, video?: boolean}} Media */

/**
 * Somebody else, as shown.
 * @typedef {{peer: Peer, link: PeerLink, tile: HTMLElement, state: LinkState}} Other
 */

/** @type {Map<string, Other>} */
const others = new Map();
/** @type {Signald} */
let signald;
let stream = new MediaStream();
let room = asked.room;

const stage = byId('stage', HTMLElement);
const self = byId('self', HTMLElement);
const nameInput = byId('name', HTMLInputElement);

/** What others should know of our tracks. */
function ourMedia() {
	const isOn = (/** @type {MediaStreamTrack} */ track) => track.enabled;
	return { audio: stream.getAudioTracks().some(isOn), video: stream.getVideoTracks().some(isOn) };
}

/** @param {Peer} peer */
function nameOf(peer) {
	return peer.name || 'Guest';
}

/* The page as a whole. */

function render() {
	const states = [...others.values()].map(({ state, peer }) => asShown(state, isApart(signald, peer)));
	const state = overall(states);
	stage.dataset.count = String(others.size);
	if (signald.state === 'closed')
		return;
	if (saySignaling(signald, state))
		return;
	say(state, sentence(state, states));
}

/**
 * @param {ReturnType<typeof overall>} state
 * @param {LinkState[]} states
 */
function sentence(state, states) {
	const [first] = others.values();
	if (!first)
		return 'Nobody else is here yet. Send them the link.';
	const whom = others.size === 1 ? nameOf(first.peer) : `${others.size} others`;
	if (state === 'connecting')
		return [...others.values()].some(({ peer }) => peer.away) ? `Reconnecting to ${whom}…` : `Connecting to ${whom}…`;
	if (state === 'failed')
		return explainLine(states.find(({ why }) => why)?.why ?? 'no-path', asked.policy);
	return `Connected to ${whomConnected(states, whom)}, ${howConnected(states)}`;
}

/* The others. */

/** @param {PeerLink} link */
function open(link) {
	const peer = /** @type {Peer} */ (signald.peers.get(link.id));
	const tile = makeTile(peer, link);
	/** @type {Other} */
	const other = { peer, link, tile, state: { state: 'connecting', errors: [] } };
	others.set(peer.id, other);
	link.on('stream', (theirs) => showVideo(tile, theirs));
	link.on('closed', () => forget(other));
	follow(link, (state) => {
		other.state = state;
		renderLink(tile, state, isApart(signald, peer));
		render();
	});
	if (link.isCaller)
		askForBoth(link);
	else
		sendMedia(peer);
}

/** @param {Other} other */
function forget(other) {
	other.tile.remove();
	if (others.get(other.peer.id) === other)
		others.delete(other.peer.id);
	render();
}

/**
 * Who comes without camera or microphone wants to see and hear all the same.
 *
 * @param {PeerLink} link
 */
function askForBoth({ pc }) {
	const kinds = stream.getTracks().map(({ kind }) => kind);
	for (const kind of ['audio', 'video'].filter((wanted) => !kinds.includes(wanted)))
		pc.addTransceiver(kind, { direction: 'recvonly' });
}

/**
 * @param {Peer} peer
 * @param {PeerLink} link
 */
function makeTile(peer, link) {
	const template = byId('tile', HTMLTemplateElement);
	const tile = find(/** @type {DocumentFragment} */ (template.content.cloneNode(true)), '.tile', HTMLElement);
	tile.dataset.peer = peer.id;
	find(tile, '.who', HTMLElement).textContent = nameOf(peer);
	find(tile, '.avatar', HTMLElement).textContent = nameOf(peer).charAt(0).toUpperCase();
	find(tile, 'video', HTMLVideoElement).setAttribute('aria-label', `Video of ${nameOf(peer)}`);
	find(tile, '.trouble button', HTMLButtonElement).onclick = () => link.restart();
	renderMedia(tile, peer.metadata);
	stage.insertBefore(tile, self);
	return tile;
}

/**
 * @param {HTMLElement} tile
 * @param {MediaStream} theirs
 */
function showVideo(tile, theirs) {
	const video = find(tile, 'video', HTMLVideoElement);
	video.srcObject = theirs;
	play(video, () => {
		addEventListener('pointerdown', () => {
			video.muted = false;
		}, { once: true });
	});
}

/**
 * @param {HTMLElement} tile
 * @param {Media} [media]
 */
function renderMedia(tile, media = {}) {
	tile.classList.toggle('is-silent', media.audio === false);
	tile.classList.toggle('is-dark', media.video === false);
}

/* The room. */

/** @param {Message<{media?: Media}>} message */
function onData({ from, data }) {
	const other = others.get(from);
	if (other && data?.media)
		renderMedia(other.tile, data.media);
}

/** @param {Peer} peer */
function sendMedia({ id }) {
	signald.send(id, { media: ourMedia() }).catch(() => {});
}

function tellMedia() {
	renderMedia(self, ourMedia());
	signald.broadcast({ media: ourMedia() }).catch(() => {});
}

/** @param {SignaldError} error */
function onClosed(error) {
	if (error.code === 'left')
		return;
	inRoom.forget();
	stopTracks(stream);
	finish('failed', 'You are not in the room', refusal(error, room));
}

function join() {
	const name = nameInput.value.trim();
	ownName.remember(name);
	inRoom.remember(room);
	signald = new Signald(location.href, {
		room, name: name || undefined, metadata: ourMedia(), stream, policy: asked.policy, links: ({ role }) => role === 'peer',
	});
	attend(signald, render);
	signald.on('link', open);
	// What has changed while we were away was told to nobody, and who returns to
	// a server that was restarted has missed what was told before.
	signald.on('joined', tellMedia);
	signald.on('resumed', tellMedia);
	signald.on('peer-back', sendMedia);
	signald.on('message', onData);
	signald.on('broadcast', onData);
	signald.on('closed', onClosed);
	signald.connect().catch(() => {});
	enterStage(name);
	Object.assign(window, { signaldDebug: { signald, others } });
}

/** @param {string} name */
function enterStage(name) {
	find(self, '.avatar', HTMLElement).textContent = (name || 'You').charAt(0).toUpperCase();
	showSelf();
	show('stage');
	byId('controls', HTMLElement).hidden = false;
}

function showSelf() {
	byId('self-video', HTMLVideoElement).srcObject = stream;
	renderMedia(self, ourMedia());
	offerMute(stream, tellMedia);
}

function leave() {
	inRoom.forget();
	finish('ended', 'You left the call', 'The others can go on without you.');
	signald.close();
	stopTracks(stream);
}

/* The lobby. */

async function openLobby() {
	nameInput.value = ownName.recall();
	byId('room-field', HTMLElement).hidden = Boolean(room);
	byId('room', HTMLInputElement).value = room || inventRoom();
	show('lobby');
	say('ready', 'Not in the room yet');
	const { stream: opened, problem } = await openMedia();
	stream = opened;
	// An empty stream would keep the page from ever having loaded.
	if (stream.getTracks().length)
		byId('preview', HTMLVideoElement).srcObject = stream;
	byId('preview-note', HTMLElement).hidden = stream.getVideoTracks().length > 0;
	byId('preview-note', HTMLElement).textContent = problem ? 'No camera' : 'Microphone only';
	const alert = byId('media-problem', HTMLElement);
	alert.hidden = !problem;
	alert.textContent = problem && `${problem} You can join all the same, and see and hear the others.`;
	byId('join', HTMLButtonElement).textContent = problem ? 'Join without camera' : 'Join';
	if (signald)
		bringMedia();
}

/** Who joined before the browser gave the camera shows it from now on. */
function bringMedia() {
	if (signald.state === 'closed') {
		stopTracks(stream);
		return;
	}
	showSelf();
	signald.share(stream);
	if (signald.state === 'joined')
		tellMedia();
}

/** The name of the room goes into the address, "join at once" goes out of it. */
function settleRoom() {
	room = byId('room', HTMLInputElement).value.trim();
	const url = new URL(location.href);
	url.searchParams.set('room', room);
	url.searchParams.delete('join');
	history.replaceState(null, '', url);
	nameRoom();
}

function nameRoom() {
	byId('room-name', HTMLElement).textContent = room;
	byId('copy', HTMLElement).hidden = !room;
	offerCopy(inviteUrl('/call', room));
	document.title = room ? `${room} · signald` : document.title;
}

function begin() {
	const lobby = openLobby();
	// Whoever loads the page again in the middle of a call goes on with it.
	if (room && inRoom.is(room))
		byId('join-form', HTMLFormElement).requestSubmit();
	lobby.then(() => {
		// Who was quicker is in the room already, or has left it again.
		if (asked.join && room && !signald)
			byId('join-form', HTMLFormElement).requestSubmit();
	});
}

byId('leave', HTMLButtonElement).onclick = leave;
byId('again', HTMLButtonElement).onclick = () => location.reload();
byId('join-form', HTMLFormElement).onsubmit = (event) => {
	event.preventDefault();
	settleRoom();
	join();
};
nameRoom();
if (asked.problem)
	refuseAddress();
else
	begin();
