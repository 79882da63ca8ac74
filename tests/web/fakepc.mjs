// fakepc.mjs: as much of an RTCPeerConnection as negotiation can see
// (WebRTC 1.0, 4.4.1.5 with implicit rollback), and two of them wired up.
import { Emitter } from '../../web/client/emitter.js';
import { PeerLink } from '../../web/client/peerlink.js';

let descriptionsCount = 0;

/** An RTCRtpSender, and how many key frames it was told to send (WebRTC Extensions, RTCEncodingOptions). */
class FakeSender {
	keyFrames = 0;

	constructor(track) {
		this.track = track;
	}

	getParameters() {
		return { encodings: [{}] };
	}

	async setParameters(parameters, { encodingOptions }) {
		if (encodingOptions.length !== parameters.encodings.length)
			throw new DOMException('not as many as encodings', 'InvalidModificationError');
		this.keyFrames += encodingOptions.filter(({ keyFrame }) => keyFrame).length;
	}
}

export class FakeConnection {
	/** Whether it knows provisional answers. */
	static hasProvisional = true;

	signalingState = 'stable';
	connectionState = 'new';
	iceGatheringState = 'new';
	localDescription = null;
	remoteDescription = null;
	candidates = [];
	/** Of all that were set here, in order. */
	localTypes = [];
	restarts = 0;
	stats = new Map();
	#senders = [];

	constructor(configuration) {
		this.configuration = configuration;
	}

	addTrack(track) {
		if (this.connectionState === 'closed')
			throw new DOMException('closed', 'InvalidStateError');
		this.#senders.push(new FakeSender(track));
	}

	getSenders() {
		return this.#senders;
	}

	getConfiguration() {
		return this.configuration;
	}

	setConfiguration(configuration) {
		this.configuration = configuration;
	}

	async createAnswer() {
		if (this.signalingState !== 'have-remote-offer')
			throw new DOMException(`an answer in ${this.signalingState}`, 'InvalidStateError');
		await new Promise(setImmediate);
		return this.#describe('answer');
	}

	async setLocalDescription(given) {
		if (given && !this.constructor.hasProvisional)
			throw new DOMException(given.type, 'NotSupportedError');
		const provisional = this.signalingState === 'have-local-pranswer' ? this.localDescription : undefined;
		const isAnswer = provisional || this.signalingState === 'have-remote-offer';
		if (given?.type === 'pranswer' && !isAnswer)
			throw new DOMException(`${given.type} in ${this.signalingState}`, 'InvalidStateError');
		await new Promise(setImmediate);
		this.localDescription = given ?? (provisional ? { ...provisional, type: 'answer' } : this.#describe(isAnswer ? 'answer' : 'offer'));
		this.localTypes.push(this.localDescription.type);
		this.signalingState = { offer: 'have-local-offer', pranswer: 'have-local-pranswer', answer: 'stable' }[this.localDescription.type];
	}

	async setRemoteDescription(description) {
		const expected = description.type === 'answer' ? ['have-local-offer'] : ['stable', 'have-local-offer'];
		if (!expected.includes(this.signalingState))
			throw new DOMException(`${description.type} in ${this.signalingState}`, 'InvalidStateError');
		this.rolledBack ||= description.type === 'offer' && this.signalingState === 'have-local-offer';
		await undefined;
		this.remoteDescription = description;
		this.signalingState = description.type === 'offer' ? 'have-remote-offer' : 'stable';
	}

	async addIceCandidate(candidate) {
		if (!this.remoteDescription)
			throw new DOMException('no remote description', 'InvalidStateError');
		this.candidates.push(candidate?.candidate ?? null);
	}

	async getStats() {
		return this.stats;
	}

	restartIce() {
		this.restarts++;
		this.onnegotiationneeded();
	}

	close() {
		this.signalingState = 'closed';
		this.connectionState = 'closed';
	}

	#describe(type) {
		return { type, sdp: `v=0\r\na=ice-ufrag:u${++descriptionsCount}\r\n` };
	}

	/** As after addTrack. */
	need() {
		this.onnegotiationneeded();
	}

	become(connectionState) {
		this.connectionState = connectionState;
		this.onconnectionstatechange();
	}

	gathered(errors = []) {
		for (const errorCode of errors)
			this.onicecandidateerror({ url: 'turn:a', errorCode, errorText: '' });
		this.iceGatheringState = 'complete';
		this.onicegatheringstatechange();
	}
}

/** The part of Signald that a link uses. */
export class FakeSignald extends Emitter {
	links = new Map();
	peers = new Map();
	state = 'joined';
	iceServers = [{ urls: ['turn:a'], username: '1:u', credential: 'old' }];
	sent = [];

	constructor(id) {
		super();
		this.id = id;
	}

	offer(to, description) {
		return this.#send({ type: 'offer', to, description });
	}

	answer(to, description) {
		return this.#send({ type: 'answer', to, description });
	}

	candidate(to, candidate) {
		return this.#send({ type: 'candidate', to, candidate });
	}

	/** Messages reach the other side again. */
	resume() {
		this.state = 'joined';
		this.emit('resumed', {});
	}

	back(id) {
		this.emit('peer-back', { id });
	}

	renew(credential, ttl = 600) {
		this.iceServers = [{ urls: ['turn:a'], username: '2:u', credential }];
		this.emit('ice', { iceServers: this.iceServers, ttl });
	}

	async #send(message) {
		this.sent.push(message);
		this.wire?.(message);
	}
}

export function makeLink(id, to, options = {}) {
	const signald = new FakeSignald(id);
	const link = new PeerLink(signald, to, { RTCPeerConnection: FakeConnection, ...options });
	return { signald, link, pc: link.pc };
}

/** Two links whose messages reach each other in order, a turn of the loop later. */
export function makePair() {
	const ada = makeLink('ada', 'bob');
	const bob = makeLink('bob', 'ada');
	ada.signald.wire = (message) => setImmediate(() => bob.link.receive(message));
	bob.signald.wire = (message) => setImmediate(() => ada.link.receive(message));
	return { ada, bob };
}

/** Let everything that is on its way arrive. */
export async function settle() {
	for (let i = 0; i < 20; i++)
		await new Promise(setImmediate);
}
