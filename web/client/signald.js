// signald.js: one place in a room, kept across lost connections.

import { backoff } from './backoff.js';
import { Emitter } from './emitter.js';

/** @import {IceList, Joined, Limits, Peer, Peers, SignaldEvents, SignaldOptions, SignalingState} from './types.js' */

/** Close codes after which coming back would only repeat the mistake. */
const FINAL_CODES = [1000, 1002, 1003, 1007, 1008, 1009];

/**
 * Refusals that pass when a rejoining client meets its own old connection,
 * which the server has not yet given up.
 */
const PASSING_ERRORS = ['role-taken', 'room-full', 'too-many-rooms'];

/** Failures to join that may well pass: no answer, a server out of memory. */
const RETRIED_ERRORS = ['timeout', 'internal'];

/** A connection that held so long has earned a quick first retry. */
const STABLE_MS = 5000;

/** Ask again for an ICE list so long after a failure. */
const ICE_RETRY_S = 30;

/** Kinds of message that go from peer to peer. */
const RELAYED = ['offer', 'answer', 'candidate', 'signal', 'broadcast'];

/** A refusal by the server (`code` as in the protocol), or `lost`, `timeout`, `closed` (by the server), `left` (by us). */
export class SignaldError extends Error {
	/**
	 * @param {string} code
	 * @param {string} message
	 */
	constructor(code, message) {
		super(message);
		this.name = 'SignaldError';
		this.code = code;
	}
}

/**
 * A peer in a room of a signald server.
 *
 * A lost connection is opened again by itself, after a while of random length;
 * the peer then has a new id, and `joined` comes anew with everybody in the room.
 *
 * @extends {Emitter<SignaldEvents>}
 */
export class Signald extends Emitter {
	/** Our own id, once joined. */
	id = '';
	/** @type {SignalingState} */
	state = 'idle';
	/** Everybody seen in the room, by id. @type {Map<string, Peer>} */
	peers = new Map();
	/** @type {RTCIceServer[]} */
	iceServers = [];
	/** Who takes the messages of one peer, by its id. @type {Map<string, {receive(message: any): void, close(): void}>} */
	links = new Map();
	/** @type {Limits} */
	limits = { maxMessageBytes: 65536, maxMetadataBytes: 4096, pingInterval: 25, silenceTimeout: 60 };

	#url;
	#options;
	/** @type {WebSocket | undefined} */
	#socket;
	/** Requests without an answer, by `ref`. @type {Map<number, {resolve(m: any): void, reject(e: Error): void, timer: any}>} */
	#pending = new Map();
	#lastRef = 0;
	#attempt = 0;
	#joinedAt = 0;
	/** @type {number | undefined} */
	#goAwayMs;
	/** One timer for "is it alive" and "try again": it is never both. @type {any} */
	#timer;
	/** @type {any} */
	#iceTimer;
	#iceDueAt = Infinity;
	/** @type {Promise<Joined> | undefined} */
	#firstJoin;
	/** @type {(error: Error) => void} */
	#failFirstJoin = () => {};

	/**
	 * @param {string | URL} url the server's, http(s) or ws(s), with or without /v1/ws
	 * @param {SignaldOptions} options
	 */
	constructor(url, options) {
		super();
		this.#url = new URL('/v1/ws', url);
		this.#url.protocol = this.#url.protocol.replace('http', 'ws');
		this.#options = { minRetryMs: 500, maxRetryMs: 20000, timeoutMs: 10000, ...options };
	}

	/**
	 * Join the room, trying until it works.
	 *
	 * @returns {Promise<Joined>} rejected only by a refusal, or close()
	 */
	connect() {
		this.#firstJoin ??= new Promise((resolve, reject) => {
			this.once('joined').then(resolve);
			this.#failFirstJoin = reject;
			globalThis.addEventListener?.('online', this.#wake);
			globalThis.document?.addEventListener('visibilitychange', this.#wake);
			this.#open();
		});
		return this.#firstJoin;
	}

	/** Leave the room for good. */
	close() {
		this.#socket?.close(1000, 'left');
		this.#end(new SignaldError('left', 'left by this side'));
	}

	/**
	 * @param {string} to
	 * @param {RTCSessionDescriptionInit} description
	 */
	offer(to, description) {
		return this.request({ type: 'offer', to, description });
	}

	/**
	 * @param {string} to
	 * @param {RTCSessionDescriptionInit} description
	 */
	answer(to, description) {
		return this.request({ type: 'answer', to, description });
	}

	/**
	 * Candidates come in swarms, and losing one is no loss: no answer is asked for.
	 *
	 * @param {string} to
	 * @param {RTCIceCandidateInit | null} candidate null at the end
	 */
	candidate(to, candidate) {
		this.send({ type: 'candidate', to, candidate });
	}

	/**
	 * @param {string} to
	 * @param {unknown} data any JSON value
	 */
	signal(to, data) {
		return this.request({ type: 'signal', to, data });
	}

	/** @param {unknown} data any JSON value */
	broadcast(data) {
		return this.request({ type: 'broadcast', data });
	}

	/**
	 * Ask for fresh credentials now; the `ice` event follows.
	 *
	 * @returns {Promise<IceList>}
	 */
	renewIce() {
		return this.request({ type: 'ice', ttl: this.#options.ttl });
	}

	/**
	 * Send a message and wait for its answer.
	 *
	 * @param {Record<string, unknown> & {type: string}} message
	 * @returns {Promise<any>} rejected with a SignaldError
	 */
	request(message) {
		const ref = ++this.#lastRef;
		return new Promise((resolve, reject) => {
			if (!this.send({ ...message, ref }))
				return reject(new SignaldError('lost', 'there is no connection to the server'));
			const timer = setTimeout(() => {
				this.#settle(ref)?.reject(new SignaldError('timeout', `no answer to ${message.type}`));
			}, this.#options.timeoutMs);
			this.#pending.set(ref, { resolve, reject, timer });
		});
	}

	/**
	 * Send a message if there is a connection, and expect nothing.
	 *
	 * @param {Record<string, unknown> & {type: string}} message
	 * @returns {boolean} whether it was sent
	 */
	send(message) {
		if (this.#socket?.readyState !== 1)
			return false;
		this.#socket.send(JSON.stringify(message));
		return true;
	}

	#open() {
		const socket = new (this.#options.WebSocket ?? WebSocket)(this.#url, 'signald.v1');
		this.#socket = socket;
		this.#setState(this.#attempt || this.id ? 'reconnecting' : 'connecting');
		socket.onopen = () => void this.#join(socket);
		socket.onmessage = ({ data }) => {
			if (socket === this.#socket)
				this.#receive(JSON.parse(data));
		};
		// The close that follows says it better; unheard, some platforms throw.
		socket.onerror = () => {};
		socket.onclose = ({ code, reason }) => {
			if (socket === this.#socket)
				this.#onClose(code, reason);
		};
		this.#arm(() => this.#lose('the server does not answer'), this.#options.timeoutMs);
	}

	/** @param {WebSocket} socket */
	async #join(socket) {
		const { room, role, name, metadata, ttl } = this.#options;
		try {
			await this.request({ type: 'join', room, role, name, metadata, ttl });
		} catch (error) {
			const { code, message } = /** @type {SignaldError} */ (error);
			if (socket !== this.#socket)
				return;
			if (RETRIED_ERRORS.includes(code) || (this.id && PASSING_ERRORS.includes(code)))
				return this.#lose(message);
			socket.close(1000, code);
			this.#end(new SignaldError(code, message));
		}
	}

	/** @param {any} message */
	#receive(message) {
		this.#watch();
		const waiting = this.#settle(message.ref);
		if (message.type === 'error')
			return this.#onError(message, waiting);
		this.#dispatch(message);
		waiting?.resolve(message);
	}

	/** @param {any} message */
	#dispatch(message) {
		if (message.type === 'joined')
			this.#onJoined(message);
		else if (message.type === 'peers')
			this.#onPeers(message);
		else if (message.type === 'peer-joined')
			this.#add(message.peer);
		else if (message.type === 'peer-left')
			this.#onPeerLeft(message);
		else if (message.type === 'viewers')
			this.emit('viewers', message.count);
		else if (message.type === 'ice')
			this.#onIce(message);
		else if (message.type === 'go-away')
			this.#onGoAway(message);
		else if (RELAYED.includes(message.type))
			this.#onRelayed(message);
	}

	/**
	 * @param {{code: string, message: string}} message
	 * @param {{reject(e: Error): void} | undefined} waiting
	 */
	#onError(message, waiting) {
		const error = new SignaldError(message.code, message.message);
		if (waiting)
			waiting.reject(error);
		else
			this.emit('error', error);
	}

	/** @param {Joined} joined */
	#onJoined(joined) {
		// Links of before a reconnect lead to whom we were then.
		this.#closeLinks();
		this.id = joined.id;
		this.limits = { ...this.limits, ...joined.limits };
		this.#watch();
		this.peers = new Map(joined.peers.map((peer) => [peer.id, peer]));
		this.#joinedAt = Date.now();
		this.#goAwayMs = undefined;
		this.iceServers = joined.iceServers;
		this.#renewAfter(joined.refreshAfter);
		this.#setState('joined');
		this.emit('joined', joined);
		this.emit('viewers', joined.viewers ?? 0);
		this.#askPeers(joined.next);
	}

	/** @param {Peers} page */
	#onPeers(page) {
		page.peers.forEach((peer) => this.#add(peer));
		this.#askPeers(page.next);
	}

	/** @param {number | undefined} after */
	#askPeers(after) {
		if (after !== undefined)
			this.send({ type: 'peers', after });
	}

	/** @param {Peer} peer */
	#add(peer) {
		const isNew = peer.id !== this.id && !this.peers.has(peer.id);
		if (!isNew)
			return;
		this.peers.set(peer.id, peer);
		this.emit('peer-joined', peer);
	}

	/** @param {import('./types.js').PeerLeft} message */
	#onPeerLeft(message) {
		this.peers.delete(message.id);
		// A server that goes away takes the others' connections with ours:
		// they are still there, and media flows on until we have rejoined.
		if (this.#goAwayMs === undefined)
			this.links.get(message.id)?.close();
		this.emit('peer-left', message);
	}

	/** @param {IceList} list */
	#onIce(list) {
		this.iceServers = list.iceServers;
		this.#renewAfter(list.refreshAfter);
		this.emit('ice', list);
	}

	/** @param {import('./types.js').GoAway} message */
	#onGoAway(message) {
		this.#goAwayMs = message.reconnectAfterMs;
		this.emit('go-away', message);
	}

	/**
	 * The event comes first, so that its listener can make the link.
	 *
	 * @param {any} message
	 */
	#onRelayed(message) {
		this.emit(message.type, message);
		this.links.get(message.from)?.receive(message);
	}

	/** @param {number} [ref] */
	#settle(ref) {
		const waiting = ref === undefined ? undefined : this.#pending.get(ref);
		if (!waiting)
			return undefined;
		clearTimeout(waiting.timer);
		this.#pending.delete(/** @type {number} */ (ref));
		return waiting;
	}

	/** @param {number} seconds */
	#renewAfter(seconds) {
		// A little early, and not everybody at once.
		const delayMs = seconds * (900 + 100 * Math.random());
		clearTimeout(this.#iceTimer);
		this.#iceDueAt = Date.now() + delayMs;
		this.#iceTimer = setTimeout(() => this.#renew(), delayMs);
	}

	#renew() {
		this.renewIce().catch(() => {
			if (this.state === 'joined')
				this.#renewAfter(ICE_RETRY_S);
		});
	}

	/** The page was asleep, or the network is back: do not wait for timers. */
	#wake = () => {
		if (globalThis.document?.visibilityState === 'hidden')
			return;
		if (this.state === 'joined')
			this.#probe();
		else if (this.state === 'reconnecting' && !this.#socket)
			this.#open();
		if (this.state === 'joined' && Date.now() >= this.#iceDueAt)
			this.#renew();
	};

	/** A message came: all is well for another while. */
	#watch() {
		this.#arm(() => this.#probe(), this.limits.pingInterval * 1000);
	}

	#probe() {
		this.send({ type: 'ping' });
		this.#arm(() => this.#lose('the server fell silent'), this.#options.timeoutMs);
	}

	/**
	 * @param {() => void} action
	 * @param {number} delayMs
	 */
	#arm(action, delayMs) {
		clearTimeout(this.#timer);
		this.#timer = setTimeout(action, delayMs);
	}

	/** @param {string} reason */
	#lose(reason) {
		const socket = this.#socket;
		this.#onClose(1006, reason);
		socket?.close();
	}

	/**
	 * @param {number} code
	 * @param {string} reason
	 */
	#onClose(code, reason) {
		if (FINAL_CODES.includes(code))
			return this.#end(new SignaldError('closed', reason || `the server closed with code ${code}`));
		this.#drop();
		if (this.#joinedAt && Date.now() - this.#joinedAt >= STABLE_MS)
			this.#attempt = 0;
		this.#joinedAt = 0;
		const { minRetryMs, maxRetryMs } = this.#options;
		const delayMs = this.#goAwayMs ?? backoff(this.#attempt, minRetryMs, maxRetryMs);
		this.#attempt++;
		this.#goAwayMs = undefined;
		this.#setState('reconnecting');
		this.emit('retry', { delayMs, reason: reason || 'the connection was lost' });
		this.#arm(() => this.#open(), delayMs);
	}

	/** @param {SignaldError} error */
	#end(error) {
		if (this.state === 'closed')
			return;
		this.#drop();
		globalThis.removeEventListener?.('online', this.#wake);
		globalThis.document?.removeEventListener('visibilitychange', this.#wake);
		this.#setState('closed');
		this.#closeLinks();
		this.#failFirstJoin(error);
		this.emit('closed', error);
	}

	#closeLinks() {
		for (const link of [...this.links.values()])
			link.close();
	}

	/** Forget the socket and everything that hangs on it. */
	#drop() {
		this.#socket = undefined;
		clearTimeout(this.#timer);
		clearTimeout(this.#iceTimer);
		for (const ref of [...this.#pending.keys()])
			this.#settle(ref)?.reject(new SignaldError('lost', 'the connection was lost'));
	}

	/** @param {SignalingState} state */
	#setState(state) {
		if (state === this.state)
			return;
		this.state = state;
		this.emit('state', state);
	}
}
