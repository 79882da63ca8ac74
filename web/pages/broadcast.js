// broadcast.js: one camera, many watchers.

import { Signald } from '../client/index.js';
import { asShown, asked, attend, byId, find, finish, follow, inRoom, inventRoom, inviteUrl, isApart, offerCopy, offerMute, openMedia, play, refuseAddress, renderLink, say, saySignaling, show, stopTracks } from './ui.js';
import { explainLine, howLive, overall, refusal } from './words.js';

/** @import {PeerLink, SignaldError} from '../client/index.js' */
/** @import {LinkState, Peer} from '../client/types.js' */

/** @typedef {{peer: Peer, link: PeerLink, state: LinkState, element: HTMLElement}} Line */

const room = asked.room || inventRoom();
const screen = byId('screen', HTMLElement);
const video = byId('video', HTMLVideoElement);

/** The other ends: watchers of a broadcaster, or the broadcaster. @type {Map<string, Line>} */
const lines = new Map();
/** @type {Signald} */
let signald;
let stream = new MediaStream();
let viewersCount = 0;
let hasLeft = false;
/** Of a watcher: there was a broadcast. */
let hasWatched = false;

/* Both sides. */

/** @param {'broadcaster' | 'watcher'} role */
function join(role) {
	const isLive = role === 'broadcaster';
	const others = isLive ? 'watcher' : 'broadcaster';
	signald = new Signald(location.href, {
		room, role, policy: asked.policy, stream: isLive ? stream : undefined, links: (peer) => peer.role === others,
	});
	attend(signald, render);
	signald.on('link', isLive ? serve : watch);
	signald.on('viewers', (number) => {
		viewersCount = number;
		render();
	});
	signald.on('closed', onClosed);
	signald.connect().catch(() => {});
	document.documentElement.dataset.role = role;
	Object.assign(window, { signaldDebug: { signald, lines } });
	render();
}

/**
 * @param {PeerLink} link
 * @param {HTMLElement} element that shows its state
 */
function open(link, element) {
	const peer = /** @type {Peer} */ (signald.peers.get(link.id));
	/** @type {Line} */
	const line = { peer, link, element, state: { state: 'connecting', errors: [] } };
	lines.set(peer.id, line);
	link.on('closed', () => forget(peer.id, line));
	follow(link, (state) => {
		line.state = state;
		renderLink(element, state, isApart(signald, peer));
		render();
	});
}

/**
 * @param {string} id
 * @param {Line} line
 */
function forget(id, line) {
	if (line.element !== screen)
		line.element.remove();
	if (lines.get(id) === line)
		lines.delete(id);
	render();
}

function render() {
	if (signald.state === 'closed')
		return;
	const isLive = document.documentElement.dataset.role === 'broadcaster';
	const isWaiting = !isLive && lines.size === 0;
	byId('veil', HTMLElement).hidden = !isWaiting;
	byId('veil', HTMLElement).textContent = signald.state === 'joined' ? veilText() : '';
	byId('viewers', HTMLElement).hidden = signald.state !== 'joined';
	byId('viewers-count', HTMLElement).textContent = String(viewersCount);
	const states = [...lines.values()].map(({ state, peer }) => asShown(state, isApart(signald, peer)));
	const state = overall(states);
	if (saySignaling(signald, state))
		return;
	if (isLive)
		renderBroadcaster(state, states);
	else
		renderWatcher(state, states);
}

function veilText() {
	return hasWatched ? 'The broadcast has ended. If it goes on, it will appear here by itself.'
		: 'Nobody is live yet. The broadcast will appear here by itself.';
}

/** @param {SignaldError} error */
function onClosed(error) {
	if (error.code === 'left')
		return;
	inRoom.forget();
	stopTracks(stream);
	finish('failed', error.code === 'role-taken' ? 'The place is taken' : 'You are not in the room', refusal(error, room));
	const again = byId('again', HTMLButtonElement);
	if (error.code !== 'role-taken')
		return;
	again.textContent = 'Watch it';
	again.onclick = () => location.assign(inviteUrl('/broadcast', room));
}

/* The broadcaster. */

async function goLive() {
	byId('go-live', HTMLElement).hidden = true;
	// Who was live before the page was loaded again does not let watchers wait for the camera.
	const wasLive = inRoom.is(room);
	if (wasLive)
		join('broadcaster');
	else
		say('connecting', 'Opening camera and microphone…');
	const { stream: opened, problem } = await openMedia();
	stream = opened;
	// The browser may ask for longer than people care to wait.
	if (hasLeft) {
		stopTracks(stream);
		return;
	}
	if (problem) {
		leaveQuietly();
		finish('failed', 'No camera, no broadcast', problem);
		return;
	}
	if (wasLive && signald.state === 'closed') {
		stopTracks(stream);
		return;
	}
	showSelf();
	inRoom.remember(room);
	if (wasLive)
		signald.share(stream);
	else
		join('broadcaster');
}

function showSelf() {
	video.muted = true;
	video.srcObject = stream;
	screen.dataset.state = 'live';
	byId('who', HTMLElement).textContent = 'You';
	byId('live', HTMLElement).hidden = false;
	byId('details', HTMLElement).hidden = false;
	byId('leave', HTMLElement).title = 'Stop the broadcast';
	byId('leave', HTMLElement).ariaLabel = 'Stop the broadcast';
	offerMute(stream, () => {});
}

/** @param {PeerLink} link */
function serve(link) {
	open(link, makeItem(/** @type {Peer} */ (signald.peers.get(link.id))));
}

/** @param {Peer} peer */
function makeItem(peer) {
	const item = document.createElement('li');
	const who = document.createElement('span');
	const badge = document.createElement('span');
	item.dataset.peer = peer.id;
	who.textContent = peer.name || `Watcher ${peer.id.slice(0, 4)}`;
	badge.className = 'badge';
	item.append(who, badge);
	byId('watchers', HTMLElement).append(item);
	return item;
}

/**
 * @param {ReturnType<typeof overall>} state
 * @param {LinkState[]} states
 */
function renderBroadcaster(state, states) {
	byId('summary', HTMLElement).textContent = states.length ? `Connections: ${states.length}` : 'No watchers yet';
	say(state, state === 'waiting' ? 'You are live. Send the link to those who should watch.' : `You are live: ${howLive(states)}`);
}

/* A watcher. */

/** @param {PeerLink} link */
function watch(link) {
	hasWatched = true;
	open(link, screen);
	screen.dataset.peer = link.id;
	byId('who', HTMLElement).textContent = signald.peers.get(link.id)?.name ?? '';
	find(screen, '.trouble button', HTMLButtonElement).onclick = () => link.restart();
	link.on('stream', showVideo);
	link.on('closed', clearScreen);
}

/** @param {MediaStream} theirs */
function showVideo(theirs) {
	video.srcObject = theirs;
	play(video, () => {
		byId('unmute', HTMLElement).hidden = false;
	});
}

function clearScreen() {
	if (lines.size)
		return;
	video.srcObject = null;
	// The next one asks for itself.
	video.muted = false;
	byId('unmute', HTMLElement).hidden = true;
	find(screen, '.trouble', HTMLElement).hidden = true;
	for (const name of ['peer', 'pair', 'protocol', 'rtt', 'why'])
		delete screen.dataset[name];
	screen.dataset.state = 'waiting';
	byId('who', HTMLElement).textContent = '';
}

/**
 * @param {ReturnType<typeof overall>} state
 * @param {LinkState[]} states
 */
function renderWatcher(state, states) {
	const isOn = [...signald.peers.values()].some(({ role }) => role === 'broadcaster');
	byId('live', HTMLElement).hidden = state !== 'connected';
	byId('badge', HTMLElement).hidden = states.length === 0;
	byId('full', HTMLElement).hidden = state !== 'connected';
	byId('go-live', HTMLElement).hidden = isOn;
	if (!isOn)
		say('waiting', hasWatched ? 'The broadcast has ended' : 'Waiting for the broadcast to start');
	else if (state === 'connected')
		say(state, states.some(({ pair }) => pair?.relayed) ? 'Watching through a relay' : 'Watching directly');
	else if (state === 'failed')
		say(state, explainLine(states[0]?.why ?? 'no-path', asked.policy));
	else
		say('connecting', [...lines.values()].some(({ peer }) => peer.away) ? 'Reconnecting…' : 'Connecting to the broadcast…');
}

/* Buttons. */

function leaveQuietly() {
	inRoom.forget();
	signald?.close();
	stopTracks(stream);
}

function leave() {
	hasLeft = true;
	const wasLive = document.documentElement.dataset.role === 'broadcaster';
	finish('ended', wasLive ? 'The broadcast is over' : 'You left the broadcast', wasLive ? 'Nobody sees you any more.' : 'It may well go on without you.');
	byId('again', HTMLElement).textContent = wasLive ? 'Go live again' : 'Watch again';
	leaveQuietly();
}

function offerButtons() {
	const unmute = byId('unmute', HTMLButtonElement);
	byId('leave', HTMLButtonElement).onclick = leave;
	byId('again', HTMLButtonElement).onclick = () => location.reload();
	byId('full', HTMLButtonElement).onclick = () => screen.requestFullscreen();
	byId('go-live', HTMLButtonElement).onclick = () => {
		// Who loads the page again is still live.
		setAddress('role', 'broadcaster');
		signald.close();
		goLive();
	};
	unmute.onclick = () => {
		video.muted = false;
		unmute.hidden = true;
	};
}

/**
 * @param {string} name
 * @param {string} value
 */
function setAddress(name, value) {
	const url = new URL(location.href);
	url.searchParams.set(name, value);
	history.replaceState(null, '', url);
}

/** A page opened without a room gets one, in its address too. */
function nameRoom() {
	setAddress('room', room);
	byId('room-name', HTMLElement).textContent = room;
	offerCopy(inviteUrl('/broadcast', room));
	document.title = `${room} · signald`;
}

nameRoom();
offerButtons();
show('stage');
if (asked.problem)
	refuseAddress();
else if (asked.role === 'broadcaster')
	goLive();
else
	join('watcher');
