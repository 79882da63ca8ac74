// peerlink.js: the connection to one peer of the room.

import { backoff } from './backoff.js';
import { Emitter } from './emitter.js';
import { selectedPair, turnUrls, whyNoRelay } from './stats.js';

/** @import {Description, IceError, IceList, LinkState, Relayed, Signaling, Why} from './types.js' */

/** More candidates than that before their description are no browser's. */
const MAX_EARLY = 64;

/** Who is called leaves the first offer to the caller, for so long: colliding offers cost time. */
const CALL_MS = 2000;

/** Our first offer is not rolled back before it has found a candidate, or for so long: see #onDescription. */
const GATHER_MS = 1000;

/** A connection that takes longer has failed, whatever the browser says. */
const CONNECT_MS = 20000;

/** A restart fell into an outage then, and finds nothing any more; on a slow network the next gets longer. */
const RESTART_MS = 3000;

/** A browser has waited for some seconds already before it says that a path is lost. */
const DISCONNECTED_MS = 1000;

/** A path that failed is sought again after 1 s and up to so much: a relay that is back is not to wait. */
const RETRY_MAX_MS = 3000;

/** The polite side leaves the first try at a restart to the other. */
const POLITE_MS = 3000;

/**
 * @typedef {object} PeerLinkOptions
 * @property {RTCIceTransportPolicy} [policy] `relay` forbids direct paths
 * @property {boolean} [isCaller] false: the other side is about to make an offer, and ours can wait
 * @property {typeof globalThis.RTCPeerConnection} [RTCPeerConnection]
 */

/**
 * @typedef {object} PeerLinkEvents
 * @property {MediaStream} stream      a stream of theirs, once
 * @property {RTCTrackEvent} track
 * @property {RTCDataChannel} channel  that they have opened
 * @property {void} change             state() may answer something else now
 * @property {void} closed             the peer left or began anew, or this side closed
 */

/**
 * One RTCPeerConnection, negotiated perfectly (WebRTC 1.0, 10.7): add tracks
 * or channels to `pc` at any time on either side, and the rest follows. Of two
 * colliding offers the one of the lexically greater id stands. A lost path is
 * sought anew until it is found or the link closed.
 *
 * It outlives the connections to the server, but not the memory of either page.
 *
 * @extends {Emitter<PeerLinkEvents>}
 */
export class PeerLink extends Emitter {
	/** What ICE servers have refused, at the last attempt that says. @type {IceError[]} */
	errors = [];

	#signald;
	#polite;
	#makingOffer = false;
	#ignoringOffer = false;
	#waitsForCall;
	#hasNeeded = false;
	/** Messages are taken one after the other. */
	#queue = Promise.resolve();
	/** Their candidates that came before the description. @type {RTCIceCandidateInit[]} */
	#early = [];
	/** Ours, whose description has not gone out. @type {(RTCIceCandidate | null)[]} */
	#unsent = [];
	#sentSdp = '';
	#found = () => {};
	/** The first candidate of ours, or that there is none. @type {Promise<void>} */
	#gathered = new Promise((resolve) => this.#found = resolve);
	/** @type {Set<MediaStream>} */
	#streams = new Set();
	#hasStaleErrors = false;
	#hasRelay = false;
	#hasFailed = false;
	/** A restart waits until the other side can hear of it. */
	#isDue = false;
	#restarts = 0;
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	#timer;
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	#callTimer;
	#forget;

	/**
	 * @param {Signaling} signald
	 * @param {string} id whom to
	 * @param {PeerLinkOptions} [options]
	 */
	constructor(signald, id, { policy = 'all', isCaller = true, RTCPeerConnection = globalThis.RTCPeerConnection } = {}) {
		super();
		this.#signald = signald;
		this.id = id;
		this.isCaller = isCaller;
		this.#waitsForCall = !isCaller;
		this.#polite = signald.id < id;
		const { iceServers } = signald;
		this.pc = new RTCPeerConnection({ iceServers, iceTransportPolicy: policy, bundlePolicy: 'max-bundle' });
		this.#listen();
		this.#forget = [
			signald.on('ice', (list) => this.#onIce(list).catch(() => {})),
			signald.on('resumed', () => this.#onReachable()),
			signald.on('peer-back', (peer) => peer.id === id && this.#onReachable()),
		];
		signald.links.get(id)?.close();
		signald.links.set(id, this);
		this.#arm(() => this.#fail(), CONNECT_MS);
		this.#callTimer = setTimeout(() => this.#call(), CALL_MS);
	}

	/**
	 * Send the tracks of a stream that are not sent yet.
	 *
	 * @param {MediaStream} stream
	 */
	add(stream) {
		const sent = this.pc.getSenders().map(({ track }) => track);
		for (const track of stream.getTracks().filter((track) => !sent.includes(track)))
			this.pc.addTrack(track, stream);
	}

	/** End the connection. */
	close() {
		if (!this.#forget.length)
			return; // closed already
		if (this.#signald.links.get(this.id) === this)
			this.#signald.links.delete(this.id);
		clearTimeout(this.#timer);
		clearTimeout(this.#callTimer);
		this.#forget.splice(0).forEach((stop) => stop());
		this.pc.close();
		this.emit('closed');
	}

	/** Look for a path anew, with the newest credentials. */
	restart() {
		if (this.pc.connectionState === 'closed')
			return;
		this.#isDue = !this.#isReachable();
		if (this.#isDue)
			return;
		this.#hasStaleErrors = true;
		this.#hasRelay = false;
		this.#arm(() => this.#fail(), (1 + this.#restarts) * RESTART_MS);
		this.pc.restartIce();
		// An offer without an answer holds back negotiationneeded.
		if (this.pc.signalingState === 'have-local-offer')
			this.#offer();
	}

	/**
	 * Where the connection stands. It stays `failed` while it is tried again.
	 *
	 * @returns {Promise<LinkState>}
	 */
	async state() {
		const { pc, errors } = this;
		const state = pc.connectionState;
		if (state === 'closed')
			return { state, errors };
		if (state === 'connected') {
			// Some browsers count nothing once it is closed.
			const stats = await pc.getStats().catch(() => new Map());
			const pair = selectedPair(stats.values());
			return { state, pair, errors };
		}
		if (this.#hasFailed || this.#isHopeless())
			return { state: 'failed', why: this.#why(), errors };
		return { state: 'connecting', errors };
	}

	/**
	 * Take a message of the peer; others than the three are not for us.
	 *
	 * @param {Relayed} message
	 */
	receive(message) {
		if (message.type === 'candidate')
			this.#enqueue(() => this.#onCandidate(message.candidate));
		else if ('description' in message)
			this.#enqueue(() => this.#onDescription(message.description));
	}

	#listen() {
		const { pc } = this;
		pc.onnegotiationneeded = () => this.#onNeed();
		pc.onicecandidate = ({ candidate }) => this.#onLocalCandidate(candidate);
		pc.onicecandidateerror = (event) => this.#onIceError(event);
		pc.onicegatheringstatechange = () => this.#onGatheringState();
		pc.onconnectionstatechange = () => this.#onConnectionState();
		pc.ontrack = (event) => this.#onTrack(event);
		pc.ondatachannel = ({ channel }) => this.emit('channel', channel);
	}

	/** @param {() => Promise<void>} step */
	#enqueue(step) {
		// A step fails only when the connection is closed, or what the
		// peer sent makes no sense: the next one may do better.
		this.#queue = this.#queue.then(step).catch(() => {});
	}

	#onNeed() {
		this.#hasNeeded = true;
		if (!this.#waitsForCall)
			this.#offer();
	}

	/** Nobody has called: it is for us to do. */
	#call() {
		if (this.#waitsForCall && this.#hasNeeded)
			this.#offer();
		this.#waitsForCall = false;
	}

	async #offer() {
		this.#makingOffer = true;
		try {
			await this.#describe();
		} catch {
			// Closed meanwhile.
		} finally {
			this.#makingOffer = false;
		}
	}

	/** Make and send what is due: an offer, or an answer. */
	async #describe() {
		await this.pc.setLocalDescription();
		const { localDescription, remoteDescription } = this.pc;
		if (!localDescription)
			return;
		const { type, sdp } = localDescription;
		this.#sentSdp = sdp;
		const sent = type === 'offer'
			? this.#signald.offer(this.id, { type, sdp })
			: this.#signald.answer(this.id, { type, sdp, offerUfrag: ufragOf(remoteDescription?.sdp) });
		// The peer is gone, which is told by itself; or the server has not taken
		// it, and what it was for waits for the next description.
		sent.catch(() => {});
		this.#sendCandidates();
		// What is left belongs to an offer that was rolled back.
		this.#unsent = [];
	}

	/** @param {Description['description']} description */
	async #onDescription({ type, sdp, offerUfrag }) {
		const { pc } = this;
		const isOffer = type === 'offer';
		const collides = isOffer && (this.#makingOffer || pc.signalingState !== 'stable');
		this.#ignoringOffer = !this.#polite && collides;
		// An answer to an offer that a newer one has replaced; that gets its own.
		const isOutdated = offerUfrag && !belongs(offerUfrag, pc.localDescription?.sdp);
		if (this.#ignoringOffer || isOutdated)
			return;
		this.#waitsForCall = false;
		// Chromium may never gather where it has rolled back what had found nothing yet.
		if (collides) {
			setTimeout(this.#found, GATHER_MS);
			await this.#gathered;
		}
		const isRestart = ufragOf(sdp) !== ufragOf(pc.remoteDescription?.sdp);
		await pc.setRemoteDescription({ type, sdp });
		if (isOffer) {
			// First a provisional one, which Firefox refuses: Chromium shows nothing of
			// theirs any more to who has answered otherwise, and then rolls back an offer.
			await pc.createAnswer().then((answer) => pc.setLocalDescription({ type: 'pranswer', sdp: answer.sdp })).catch(() => {});
			await this.#describe();
			// It has replaced our relay as well: see #onIce.
			if (isRestart && pc.connectionState === 'connected')
				clearTimeout(this.#timer);
		}
		await this.#addEarly();
	}

	/** @param {RTCIceCandidateInit | null} candidate */
	async #onCandidate(candidate) {
		const sdp = this.pc.remoteDescription?.sdp;
		if (candidate && !belongs(candidate.usernameFragment, sdp)) {
			if (!this.#ignoringOffer && this.#early.length < MAX_EARLY)
				this.#early.push(candidate);
			return;
		}
		if (sdp)
			await this.pc.addIceCandidate(candidate ?? undefined);
	}

	async #addEarly() {
		const sdp = this.pc.remoteDescription?.sdp;
		const candidates = this.#early.filter(({ usernameFragment }) => belongs(usernameFragment, sdp));
		this.#early = [];
		for (const candidate of candidates)
			await this.pc.addIceCandidate(candidate).catch(() => {});
	}

	/** @param {RTCIceCandidate | null} candidate */
	#onLocalCandidate(candidate) {
		this.#found();
		this.#hasRelay ||= candidate?.type === 'relay';
		this.#unsent.push(candidate);
		this.#sendCandidates();
	}

	/** The other side could do nothing with those of a description it lacks. */
	#sendCandidates() {
		const isEarly = (/** @type {RTCIceCandidate | null} */ candidate) => !belongs(candidate?.usernameFragment, this.#sentSdp);
		const candidates = this.#unsent;
		this.#unsent = candidates.filter(isEarly);
		for (const candidate of candidates.filter((each) => !isEarly(each)))
			this.#signald.candidate(this.id, candidate && candidate.toJSON()).catch(() => {});
	}

	/** @param {RTCTrackEvent} event */
	#onTrack(event) {
		this.emit('track', event);
		for (const stream of event.streams.filter((each) => !this.#streams.has(each))) {
			this.#streams.add(stream);
			this.emit('stream', stream);
		}
	}

	/** @param {RTCPeerConnectionIceErrorEvent} event */
	#onIceError({ url, errorCode, errorText }) {
		if (this.#hasStaleErrors)
			this.errors = [];
		this.#hasStaleErrors = false;
		this.errors.push({ url, code: errorCode, text: errorText });
		this.emit('change');
	}

	#onGatheringState() {
		if (this.#isHopeless())
			this.#fail();
		this.emit('change');
	}

	#onConnectionState() {
		const state = this.pc.connectionState;
		if (state === 'connected')
			this.#onConnected();
		else if (state === 'disconnected')
			this.#restartSoon(DISCONNECTED_MS);
		else if (state === 'failed')
			this.#fail();
		this.emit('change');
	}

	#onConnected() {
		clearTimeout(this.#timer);
		this.errors = [];
		this.#hasFailed = false;
		this.#restarts = 0;
		this.#showAnew();
	}

	/** After a gap in what came the other side waits for a key frame: seconds, unless we send one. */
	#showAnew() {
		for (const sender of this.pc.getSenders()) {
			const parameters = sender.getParameters();
			const encodingOptions = parameters.encodings?.map(() => ({ keyFrame: true }));
			sender.setParameters(parameters, { encodingOptions }).catch(() => {});
		}
	}

	#fail() {
		// A restart that renews a relay leaves the old path in use.
		if (this.pc.connectionState === 'connected')
			return;
		this.#hasFailed = true;
		this.#restartSoon(1000 + backoff(this.#restarts++, 1000, RETRY_MAX_MS));
		this.emit('change');
	}

	/** A restart is of use only when its offer gets there. */
	#isReachable() {
		const { state, peers } = this.#signald;
		return state === 'joined' && !peers.get(this.id)?.away;
	}

	/** We, or the other side, can hear again: see to a path that was lost meanwhile. */
	#onReachable() {
		this.#configure();
		if (this.#isDue || ['disconnected', 'failed'].includes(this.pc.connectionState))
			this.#restartSoon();
	}

	#restartSoon(delayMs = 0, politeMs = POLITE_MS) {
		this.#arm(() => this.restart(), delayMs + (this.#polite ? politeMs : 0));
	}

	/**
	 * A relay lives by the credential it was made with, so one in use is
	 * replaced before that expires. The other side will be about to do the same,
	 * and one restart does it for both. What lives for seconds only can wait less.
	 *
	 * @param {IceList} list
	 */
	async #onIce(list) {
		this.#configure();
		let { state, pair } = await this.state();
		// The relay that it finds may be one of the old credentials.
		while (state === 'connecting') {
			await this.once('change');
			({ state, pair } = await this.state());
		}
		if (state === 'failed')
			this.restart();
		else if (pair?.local === 'relay')
			this.#restartSoon(0, Math.min(POLITE_MS, 50 * list.ttl));
	}

	/** Use the newest credentials from now on. */
	#configure() {
		const { pc } = this;
		const { iceServers } = this.#signald;
		if (pc.connectionState !== 'closed')
			pc.setConfiguration({ ...pc.getConfiguration(), iceServers });
	}

	/**
	 * Relays only, and there is none. Without a TURN server that is certain at
	 * once, while a browser may go on asking a STUN server for half a minute.
	 */
	#isHopeless() {
		const { iceTransportPolicy, iceServers = [] } = this.pc.getConfiguration();
		if (iceTransportPolicy !== 'relay' || this.#hasRelay)
			return false;
		return this.pc.iceGatheringState === 'complete' || !turnUrls(iceServers).length;
	}

	/** @returns {Why} */
	#why() {
		const noRelay = this.#hasRelay ? undefined : whyNoRelay(this.#signald.iceServers, this.errors);
		if (this.#isHopeless())
			return noRelay ?? 'no-relay';
		if (!this.pc.remoteDescription)
			return 'no-answer';
		return noRelay ?? 'no-path';
	}

	/**
	 * @param {() => void} action
	 * @param {number} delayMs
	 */
	#arm(action, delayMs) {
		clearTimeout(this.#timer);
		this.#timer = setTimeout(action, delayMs);
	}
}

/** @param {string | undefined} sdp */
function ufragOf(sdp) {
	return sdp?.match(/^a=ice-ufrag:(.+)\r$/m)?.[1];
}

/**
 * Whether a description is the one that something belongs to; what says nothing
 * belongs to any.
 *
 * @param {string | null | undefined} ufrag
 * @param {string | undefined} sdp
 */
function belongs(ufrag, sdp) {
	return ufrag ? Boolean(sdp?.includes(`a=ice-ufrag:${ufrag}\r\n`)) : Boolean(sdp);
}
