// peerlink.js: the connection to one peer of the room.

import { backoff } from './backoff.js';
import { Emitter } from './emitter.js';
import { selectedPair, turnUrls, whyNoRelay } from './stats.js';

/** @import {Signald} from './signald.js' */
/** @import {IceError, LinkState, Why} from './types.js' */

/** More candidates than that before their description are no browser's. */
const MAX_EARLY = 64;

/** A connection that takes longer has failed, whatever the browser says. */
const CONNECT_MS = 20000;

/** A path that was lost so long will not come back by itself. */
const DISCONNECTED_MS = 4000;

/** The polite side leaves the first try at a restart to the other. */
const POLITE_MS = 3000;

/**
 * @typedef {object} PeerLinkOptions
 * @property {RTCIceTransportPolicy} [policy] `relay` forbids direct paths
 * @property {typeof globalThis.RTCPeerConnection} [RTCPeerConnection]
 */

/**
 * @typedef {object} PeerLinkEvents
 * @property {RTCTrackEvent} track
 * @property {void} change  state() may answer something else now
 * @property {void} closed  the peer left, or this side closed
 */

/**
 * One RTCPeerConnection, negotiated perfectly (WebRTC 1.0, 10.7): add tracks
 * or channels to `pc` at any time on either side, and the rest follows. Of two
 * colliding offers the one of the lexically greater id stands. A lost path is
 * sought anew until it is found or the link closed.
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
	/** Messages are taken one after the other. */
	#queue = Promise.resolve();
	/** Candidates that came before their description. @type {RTCIceCandidateInit[]} */
	#early = [];
	#hasStaleErrors = false;
	#hasRelay = false;
	#hasFailed = false;
	#restarts = 0;
	/** @type {any} */
	#timer;
	#forgetIce;

	/**
	 * @param {Signald} signald
	 * @param {string} id whom to
	 * @param {PeerLinkOptions} [options]
	 */
	constructor(signald, id, { policy = 'all', RTCPeerConnection = globalThis.RTCPeerConnection } = {}) {
		super();
		this.#signald = signald;
		this.id = id;
		this.#polite = signald.id < id;
		const { iceServers } = signald;
		this.pc = new RTCPeerConnection({ iceServers, iceTransportPolicy: policy, bundlePolicy: 'max-bundle' });
		this.#listen();
		// It fails only when the connection was closed meanwhile.
		this.#forgetIce = signald.on('ice', () => this.#onIce().catch(() => {}));
		signald.links.get(id)?.close();
		signald.links.set(id, this);
		this.#arm(() => this.#fail(), CONNECT_MS);
	}

	/** End the connection. */
	close() {
		if (this.#signald.links.get(this.id) === this)
			this.#signald.links.delete(this.id);
		clearTimeout(this.#timer);
		this.#forgetIce();
		this.pc.close();
		this.emit('closed', undefined);
	}

	/** Look for a path anew, with the newest credentials. */
	restart() {
		if (this.pc.connectionState === 'closed')
			return;
		this.#hasStaleErrors = true;
		this.#hasRelay = false;
		this.#arm(() => this.#fail(), CONNECT_MS);
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
			const pair = selectedPair((await pc.getStats()).values());
			return { state, pair, errors };
		}
		if (this.#hasFailed || this.#isHopeless())
			return { state: 'failed', why: this.#why(), errors };
		return { state: 'connecting', errors };
	}

	/**
	 * Take a message of the peer; others than the three are not for us.
	 *
	 * @param {any} message
	 */
	receive(message) {
		const { type, description, candidate } = message;
		if (type === 'offer' || type === 'answer')
			this.#enqueue(() => this.#onDescription(description));
		else if (type === 'candidate')
			this.#enqueue(() => this.#onCandidate(candidate));
	}

	#listen() {
		const { pc } = this;
		pc.onnegotiationneeded = () => this.#offer();
		pc.onicecandidate = ({ candidate }) => this.#onLocalCandidate(candidate);
		pc.onicecandidateerror = (event) => this.#onIceError(event);
		pc.onicegatheringstatechange = () => this.#onGatheringState();
		pc.onconnectionstatechange = () => this.#onConnectionState();
		pc.ontrack = (event) => this.emit('track', event);
	}

	/** @param {() => Promise<void>} step */
	#enqueue(step) {
		// A step fails only when the connection is closed, or what the
		// peer sent makes no sense: the next one may do better.
		this.#queue = this.#queue.then(step).catch(() => {});
	}

	async #offer() {
		this.#makingOffer = true;
		try {
			await this.pc.setLocalDescription();
			this.#describe();
		} catch {
			// Closed meanwhile.
		} finally {
			this.#makingOffer = false;
		}
	}

	#describe() {
		const description = this.pc.localDescription;
		if (!description)
			return;
		const sent = description.type === 'offer'
			? this.#signald.offer(this.id, description)
			: this.#signald.answer(this.id, description);
		// The peer or the server is gone; that news comes by itself.
		sent.catch(() => {});
	}

	/** @param {RTCSessionDescriptionInit} description */
	async #onDescription(description) {
		const { pc } = this;
		const isOffer = description.type === 'offer';
		const collides = isOffer && (this.#makingOffer || pc.signalingState !== 'stable');
		this.#ignoringOffer = !this.#polite && collides;
		if (this.#ignoringOffer)
			return;
		await pc.setRemoteDescription(description);
		if (isOffer) {
			await pc.setLocalDescription();
			this.#describe();
		}
		await this.#addEarly();
	}

	/** @param {RTCIceCandidateInit | null} candidate */
	async #onCandidate(candidate) {
		if (candidate && !this.#isDescribed(candidate)) {
			if (!this.#ignoringOffer && this.#early.length < MAX_EARLY)
				this.#early.push(candidate);
			return;
		}
		if (this.pc.remoteDescription)
			await this.pc.addIceCandidate(candidate ?? undefined);
	}

	async #addEarly() {
		const candidates = this.#early.filter((candidate) => this.#isDescribed(candidate));
		this.#early = [];
		for (const candidate of candidates)
			await this.pc.addIceCandidate(candidate);
	}

	/** @param {RTCIceCandidateInit} candidate */
	#isDescribed({ usernameFragment }) {
		const sdp = this.pc.remoteDescription?.sdp;
		if (!sdp || !usernameFragment)
			return Boolean(sdp);
		return sdp.includes(`a=ice-ufrag:${usernameFragment}\r\n`);
	}

	/** @param {RTCIceCandidate | null} candidate */
	#onLocalCandidate(candidate) {
		if (candidate?.type === 'relay')
			this.#hasRelay = true;
		this.#signald.candidate(this.id, candidate && candidate.toJSON());
	}

	/** @param {RTCPeerConnectionIceErrorEvent} event */
	#onIceError({ url, errorCode, errorText }) {
		if (this.#hasStaleErrors)
			this.errors = [];
		this.#hasStaleErrors = false;
		this.errors.push({ url, code: errorCode, text: errorText });
		this.emit('change', undefined);
	}

	#onGatheringState() {
		if (this.#isHopeless())
			this.#fail();
		this.emit('change', undefined);
	}

	#onConnectionState() {
		const state = this.pc.connectionState;
		if (state === 'connected')
			this.#onConnected();
		else if (state === 'disconnected')
			this.#arm(() => this.restart(), DISCONNECTED_MS);
		else if (state === 'failed')
			this.#fail();
		this.emit('change', undefined);
	}

	#onConnected() {
		clearTimeout(this.#timer);
		this.errors = [];
		this.#hasFailed = false;
		this.#restarts = 0;
	}

	#fail() {
		// A restart that renews a relay leaves the old path in use.
		if (this.pc.connectionState === 'connected')
			return;
		this.#hasFailed = true;
		const delayMs = 1000 + backoff(this.#restarts++, 1000, 30000);
		this.#arm(() => this.restart(), delayMs + (this.#polite ? POLITE_MS : 0));
		this.emit('change', undefined);
	}

	/**
	 * Use new credentials from now on. A relay lives by the credential it was
	 * made with, so one in use is replaced before that expires.
	 */
	async #onIce() {
		const { pc } = this;
		const { iceServers } = this.#signald;
		pc.setConfiguration({ ...pc.getConfiguration(), iceServers });
		const { state, pair } = await this.state();
		if (state === 'failed' || pair?.local === 'relay')
			this.restart();
	}

	/**
	 * Relays only, and there is none. Without a TURN server that is certain at
	 * once, while a browser may go on asking a STUN server for half a minute.
	 */
	#isHopeless() {
		const { iceTransportPolicy, iceServers = [] } = this.pc.getConfiguration();
		if (iceTransportPolicy !== 'relay' || this.#hasRelay)
			return false;
		return this.pc.iceGatheringState === 'complete' || turnUrls(iceServers).length === 0;
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
