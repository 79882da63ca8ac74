// signald.js: one place in a room, kept across lost connections, restarts of
// the server and reloads of the page.

import { Emitter } from './emitter.js';
import { SignaldError } from './error.js';
import { Identity } from './identity.js';
import { Inbox } from './inbox.js';
import { Lifeline } from './lifeline.js';
import { Outbox } from './outbox.js';
import { PeerLink } from './peerlink.js';
import { Roster } from './roster.js';

/**
 * @import {ErrorMessage, GoAway, IceList, Joined, Limits, ListedPeer, Message, NotResumed, Peer, Peers, Relayed, SendOptions,
 * ServerMessage, SignaldEvents, SignaldOptions, SignalingState} from './types.js'
 */

/** Acknowledge by itself what nothing else has acknowledged so long, or so much of it. */
const ACK_MS = 50;
const ACK_COUNT = 32;

/** Ask again for an ICE list so long after a failure. */
const ICE_RETRY_MS = 30000;

/** What stands around a payload, at most; and for each receiver. */
const FRAME_BYTES = 256;
const ADDRESS_BYTES = 160;

/** Why there is nothing to resume, where one may begin anew as who one was. */
const EXPIRED = ['expired', 'overflow'];

/** And where it is as after a refused join. */
const REFUSALS = ['taken', 'kicked', 'role-taken', 'room-full', 'too-many-watchers', 'too-many-rooms', 'internal'];

/** No timer runs for much longer: 23 days. */
const MAX_TIMER_MS = 2e9;

/**
 * A peer in a room of a signald server.
 *
 * A lost connection is made again by itself, and nothing is lost by it: the id
 * stays, and what is sent meanwhile is delivered afterwards, once and in order.
 * Only who is away for longer than the server waits begins anew: `joined` comes
 * again then, with another id after minutes, and what was pending is rejected.
 *
 * @template [Data=unknown] what applications send each other
 * @extends {Emitter<SignaldEvents<Data>>}
 */
export class Signald extends Emitter {
	/** Our own id, once joined. */
	id = '';
	/** @type {SignalingState} */
	state = 'idle';
	/** Connections to peers, by their ids. @type {Map<string, PeerLink>} */
	links = new Map();
	/** @type {RTCIceServer[]} */
	iceServers = [];
	/** What the server allows, once joined. @type {Limits | undefined} */
	limits;

	#options;
	#identity;
	#lifeline;
	#outbox;
	#inbox = new Inbox();
	#roster;
	/** Requests without an answer, by `ref`. @type {Map<number, {resolve(message: ServerMessage): void, reject(error: Error): void, timer: ReturnType<typeof setTimeout>}>} */
	#requests = new Map();
	#lastRef = 0;
	#attempts = 0;
	/** The server has let us in over this connection. */
	#isIn = false;
	/** Our memory is not known to the others yet. */
	#isNew = true;
	/** The others have learned of our memory when we were let in: those listed were there before. */
	#isNewcomer = true;
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	#ackTimer;
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	#iceTimer;
	#iceDueAt = Infinity;
	/** @type {Promise<Joined> | undefined} */
	#connected;
	/** @type {(error: Error) => void} */
	#failConnect = () => {};

	/**
	 * @param {string | URL} url the server's, http(s) or ws(s), with or without /v1/ws
	 * @param {SignaldOptions} options
	 */
	constructor(url, options) {
		super();
		if (!(options.WebSocket ?? globalThis.WebSocket))
			throw new TypeError('options.WebSocket is missing');
		const { href } = new URL('/v1/ws', url);
		const { room, role, storage, links = Boolean(options.stream) } = options;
		const { minRetryMs = 500, maxRetryMs = 20000, timeoutMs = 10000, maxPending = 1024 } = options;
		if (links && !(options.RTCPeerConnection ?? globalThis.RTCPeerConnection))
			throw new TypeError('options.RTCPeerConnection is missing');
		this.#options = { ...options, links, minRetryMs, maxRetryMs, timeoutMs, maxPending };
		this.#identity = new Identity(storage, `signald ${href} ${room} ${role}`);
		this.#outbox = new Outbox((type, to, payload) => this.#say({ type, ...to }, payload), maxPending);
		this.#roster = new Roster(this.#outbox, this.#inbox, (news, peer, more) => this.#onNews(news, peer, more));
		/** Everybody in view, by id. @type {ReadonlyMap<string, Peer>} */
		this.peers = this.#roster.peers;
		this.#lifeline = new Lifeline({ ...this.#options, url: href.replace(/^http/, 'ws') }, {
			hello: () => this.#hello(),
			onMessage: (text) => this.#receive(JSON.parse(text)),
			onLost: (reason, delayMs) => this.#onLost(reason, delayMs),
			onEnd: (error) => this.#end(error),
		});
	}

	/**
	 * Join the room, trying until it works.
	 *
	 * @returns {Promise<Joined>} rejected only by a refusal, or close()
	 */
	connect() {
		this.#connected ??= new Promise((resolve, reject) => {
			this.once('joined').then(resolve);
			this.#failConnect = reject;
			this.#setState('connecting');
			this.#identity.claim().then(() => this.state === 'closed' || this.#lifeline.start());
		});
		return this.#connected;
	}

	/** Leave the room for good. */
	close() {
		this.#end(new SignaldError('left', 'left'));
	}

	/**
	 * Send something to a peer in view, or to many. What cannot be sent now is sent later.
	 *
	 * @param {string | string[]} to
	 * @param {Data} data any JSON value
	 * @param {SendOptions} [options]
	 * @returns {Promise<void>} settles when all of them have it; rejected with a SignaldError
	 */
	send(to, data, options) {
		return this.#post('signal', to, 'data', data, options);
	}

	/**
	 * Send something to everybody who sees us.
	 *
	 * @param {Data} data any JSON value
	 * @returns {Promise<void>} settles when the server has it
	 */
	async broadcast(data) {
		await this.#request({ type: 'broadcast' }, payloadOf('data', data));
	}

	/**
	 * @param {string} to
	 * @param {RTCSessionDescriptionInit} description
	 */
	offer(to, description) {
		return this.#post('offer', to, 'description', description);
	}

	/**
	 * @param {string} to
	 * @param {RTCSessionDescriptionInit} description
	 */
	answer(to, description) {
		return this.#post('answer', to, 'description', description);
	}

	/**
	 * @param {string} to
	 * @param {RTCIceCandidateInit | null} candidate null at the end
	 */
	candidate(to, candidate) {
		return this.#post('candidate', to, 'candidate', candidate);
	}

	/**
	 * Send a stream over every link, now and later.
	 *
	 * @param {MediaStream} stream
	 */
	share(stream) {
		this.#options.stream = stream;
		for (const link of this.links.values())
			link.add(stream);
	}

	/**
	 * Ask for fresh credentials now; the `ice` event follows.
	 *
	 * @returns {Promise<IceList>}
	 */
	async renewIce() {
		const answer = await this.#request({ type: 'ice', ttl: this.#options.ttl });
		return /** @type {{type: 'ice'} & IceList} */ (answer);
	}

	/* What is sent. */

	/**
	 * @param {string} type
	 * @param {string | string[]} to
	 * @param {string} name of the payload
	 * @param {unknown} value
	 * @param {SendOptions} [options]
	 */
	async #post(type, to, name, value, { timeoutMs = Infinity, signal } = {}) {
		const ids = [to].flat();
		const payload = payloadOf(name, value);
		if (!this.id || this.state === 'closed')
			throw new SignaldError('not-joined', 'not in the room');
		if (signal?.aborted)
			throw new SignaldError('aborted', 'given up');
		this.#checkSize(payload, ids.length);
		/** @type {ReturnType<typeof setTimeout> | undefined} */
		let timer;
		let stop = () => {};
		try {
			await new Promise((resolve, reject) => {
				const done = (/** @type {Error | undefined} */ error) => error ? reject(error) : resolve(undefined);
				const entry = this.#outbox.post({ type, payload, isForMany: Array.isArray(to), done }, ids);
				stop = () => this.#outbox.giveUp(entry, 'aborted', 'given up');
				signal?.addEventListener('abort', stop);
				if (timeoutMs <= MAX_TIMER_MS)
					timer = setTimeout(() => this.#outbox.giveUp(entry, 'timeout', 'not in time'), timeoutMs);
			});
		} finally {
			clearTimeout(timer);
			signal?.removeEventListener('abort', stop);
		}
	}

	/**
	 * The server would end the connection over it.
	 *
	 * @param {string} payload
	 * @param {number} receiversCount
	 */
	#checkSize(payload, receiversCount) {
		const bytes = new TextEncoder().encode(payload).length + FRAME_BYTES + ADDRESS_BYTES * Math.min(receiversCount, 64);
		if (bytes > (this.limits?.maxMessageBytes ?? 0))
			throw new SignaldError('too-big', 'too long');
	}

	/**
	 * Send a message and wait for its answer.
	 *
	 * @param {Record<string, unknown> & {type: string}} message
	 * @param {string} [payload]
	 * @returns {Promise<ServerMessage>} rejected with a SignaldError
	 */
	#request(message, payload = '') {
		const ref = ++this.#lastRef;
		return new Promise((resolve, reject) => {
			if (!this.#isIn)
				throw new SignaldError('lost', 'the connection was lost');
			this.#checkSize(payload, 0);
			const timer = setTimeout(() => this.#giveUp(ref, 'timeout', `no answer to ${message.type}`), this.#options.timeoutMs);
			this.#requests.set(ref, { resolve, reject, timer });
			this.#say({ ...message, ref }, payload);
		});
	}

	/**
	 * What has come is acknowledged by whatever goes the other way.
	 *
	 * @param {Record<string, unknown>} message
	 * @param {string} [payload] one more member, as text
	 */
	#say(message, payload) {
		const text = JSON.stringify({ ...message, sn: this.#inbox.takeSn() });
		this.#lifeline.send(payload ? `${text.slice(0, -1)},${payload}}` : text);
	}

	#acknowledge() {
		clearTimeout(this.#ackTimer);
		this.#ackTimer = undefined;
		if (this.#isIn && this.#inbox.unacked)
			this.#say({ type: 'ack' });
	}

	/* Coming in. */

	/** What to come in with. */
	async #hello() {
		const { room, role, name, metadata, ttl, auth } = this.#options;
		const shown = typeof auth === 'function' ? await auth() : auth;
		const { token, inst } = this.#identity;
		const { epoch, position } = this.#inbox;
		const who = token ? { type: 'resume', token, epoch, last: position } : { type: 'join', room, role };
		return JSON.stringify({ ...who, inst, try: ++this.#attempts, name, metadata, ttl, auth: shown });
	}

	/** @param {NotResumed} message */
	#onNotResumed({ reason, message }) {
		if (REFUSALS.includes(reason))
			return this.#onRefusal(new SignaldError(reason, message));
		// Who had nothing to resume and hears that it is over is nobody any more.
		if (!EXPIRED.includes(reason) || !this.#inbox.epoch)
			this.#identity.forget();
		this.#startOver(message);
		this.#lifeline.again();
	}

	/**
	 * Our memory ends here: what is on its way to it, or from it, is over.
	 *
	 * @param {string} why
	 */
	#startOver(why) {
		this.#isNew = true;
		this.#attempts = 0;
		this.#identity.renew();
		this.#iceDueAt = Infinity;
		this.#inbox.reset();
		this.#roster.peers.clear();
		this.#closeLinks();
		this.#outbox.reset('expired', why);
	}

	/** @param {Joined} message */
	#onWelcome(message) {
		const { id, session, limits, viewers, next } = message;
		this.id = id;
		this.limits = limits;
		this.#identity.keep(session.token, id);
		this.#inbox.begin(session.epoch);
		this.#isIn = true;
		this.#roster.begin(session.settled);
		this.#lifeline.stand(1000 * limits.pingInterval);
		this.iceServers = message.iceServers;
		this.#renewAt(Math.min(this.#iceDueAt, dueAt(message)));
		this.#isNewcomer = this.#isNew;
		if (this.#isNew)
			this.#begin(message);
		else
			this.#goOn(message);
		this.emit('viewers', viewers ?? 0);
		this.#onPage(next);
	}

	/** @param {Joined} message */
	#begin(message) {
		this.#isNew = false;
		const peers = this.#others(message).map((listed) => this.#roster.admit(listed));
		this.#setState('joined');
		this.emit('joined', message);
		for (const peer of peers)
			this.#link(peer, true);
	}

	/** @param {Joined} message */
	#goOn(message) {
		this.#setState('joined');
		this.emit('resumed', message);
		for (const listed of this.#others(message))
			this.#roster.see(listed);
	}

	/**
	 * @param {string} reason
	 * @param {number} delayMs
	 */
	#onLost(reason, delayMs) {
		this.#drop();
		this.#outbox.hold();
		this.#setState('reconnecting');
		this.emit('retry', { delayMs, reason });
	}

	/** @param {SignaldError} error */
	#end(error) {
		if (this.state === 'closed')
			return;
		this.#drop();
		this.#lifeline.stop(1000);
		this.#identity.forget();
		this.#identity.release();
		this.#setState('closed');
		this.#closeLinks();
		this.#outbox.reset(error.code, error.message);
		this.#failConnect(error);
		this.#connected = Promise.reject(error);
		this.#connected.catch(() => {});
		this.emit('closed', error);
	}

	/** Forget what hangs on the connection. */
	#drop() {
		this.#isIn = false;
		clearTimeout(this.#iceTimer);
		for (const ref of [...this.#requests.keys()])
			this.#giveUp(ref, 'lost', 'the connection was lost');
	}

	#closeLinks() {
		for (const link of [...this.links.values()])
			link.close();
	}

	/* What is heard. */

	/** @param {ServerMessage} message */
	#receive(message) {
		const waiting = 'ref' in message ? this.#settle(message.ref) : undefined;
		if (message.type === 'error')
			return this.#onError(message, waiting);
		this.#dispatch(message);
		waiting?.resolve(message);
	}

	/** @param {ServerMessage} message */
	#dispatch(message) {
		switch (message.type) {
		case 'offer':
		case 'answer':
		case 'candidate':
		case 'signal':
		case 'broadcast':
			return this.#onRelayed(message);
		case 'ack':
			return message.from && this.#outbox.ack(message.from, message.ti ?? 0, message.n ?? 0);
		case 'joined':
		case 'resumed':
			return this.#onWelcome(message);
		case 'not-resumed':
			return this.#onNotResumed(message);
		case 'peers':
			return this.#onPeers(message);
		case 'peer-joined':
			return this.#roster.see(message.peer);
		case 'peer-away':
			return this.#roster.seeAway(message.id);
		case 'peer-back':
			return this.#roster.seeBack(message.id, message.inst);
		case 'peer-left':
			return this.#roster.seeLeft(message.id, message.reason);
		case 'settled':
			return this.#roster.settle();
		case 'session':
			return this.#identity.keep(message.token);
		case 'viewers':
			return this.emit('viewers', message.count);
		case 'ice':
			return this.#onIce(message);
		case 'go-away':
			return this.#onGoAway(message);
		case 'kicked':
			return this.#end(new SignaldError('kicked', message.reason));
		}
	}

	/**
	 * @param {ErrorMessage} message
	 * @param {{reject(error: Error): void} | undefined} waiting
	 */
	#onError({ code, message, to, n, retryAfter }, waiting) {
		const error = new SignaldError(code, message);
		if (waiting)
			waiting.reject(error);
		else if (!this.#isIn)
			this.#onRefusal(error, retryAfter);
		else if (n !== undefined)
			this.#outbox.refuse(code, to, n, message);
		else
			this.emit('error', error);
	}

	/**
	 * @param {SignaldError} error
	 * @param {number} [retryAfter] seconds: too many came at once, who are not all to come again at once
	 */
	#onRefusal(error, retryAfter) {
		if (retryAfter)
			this.#lifeline.goAwayMs = 1000 * retryAfter * (1 + Math.random());
		// A server out of memory may well find some.
		if (retryAfter || error.code === 'internal')
			this.#lifeline.lose(error.message);
		else
			this.#end(error);
	}

	/** @param {Relayed} frame */
	#onRelayed(frame) {
		const { from, fi = 0, acked } = frame;
		if (acked)
			this.#outbox.ack(from, fi, acked);
		if (!this.#inbox.receive(frame, () => this.#deliver(frame))) {
			const why = 'the server has lost a message';
			this.#startOver(why);
			return this.#lifeline.lose(why);
		}
		// The timers of a page that nobody sees are late.
		if (this.#inbox.unacked >= ACK_COUNT || globalThis.document?.visibilityState === 'hidden')
			this.#acknowledge();
		else
			this.#ackTimer ??= setTimeout(() => this.#acknowledge(), ACK_MS);
	}

	/**
	 * The event comes first, so that its listener can make the link.
	 *
	 * @param {Relayed} frame
	 */
	#deliver(frame) {
		const name = frame.type === 'signal' ? 'message' : frame.type;
		this.emit(/** @type {'broadcast'} */ (name), /** @type {Message<Data>} */ (frame));
		this.links.get(frame.from)?.receive(frame);
	}

	/** @param {Peers} page */
	#onPeers(page) {
		for (const listed of this.#others(page))
			this.#roster.see(listed, this.#isNewcomer);
		this.#onPage(page.next);
	}

	/** @param {number | undefined} after */
	#onPage(after) {
		if (after !== undefined)
			this.#say({ type: 'peers', after });
		else
			this.#roster.complete();
	}

	/** @param {{peers: ListedPeer[]}} list */
	#others({ peers }) {
		return peers.filter(({ id }) => id !== this.id);
	}

	/**
	 * @param {'joined' | 'left' | 'away' | 'back'} news
	 * @param {Peer} peer
	 * @param {string | boolean} [more]
	 */
	#onNews(news, peer, more) {
		if (news === 'left') {
			this.links.get(peer.id)?.close();
			return this.emit('peer-left', { ...peer, reason: String(more) });
		}
		this.emit(`peer-${news}`, peer);
		if (news === 'joined')
			this.#link(peer, Boolean(more));
	}

	/**
	 * Who comes calls those who are there.
	 *
	 * @param {Peer} peer
	 * @param {boolean} wasThere
	 */
	#link(peer, wasThere) {
		const { stream, links, policy, RTCPeerConnection } = this.#options;
		const isWanted = typeof links === 'function' ? links(peer) : links;
		if (!isWanted || this.state === 'closed')
			return;
		// Watchers have nothing to send: they wait to be called.
		const isCaller = wasThere || peer.role === 'watcher';
		const link = new PeerLink(this, peer.id, { policy, RTCPeerConnection, isCaller });
		// First, since a listener may end it.
		if (stream)
			link.add(stream);
		this.emit('link', link);
	}

	/** @param {IceList} list */
	#onIce(list) {
		this.iceServers = list.iceServers;
		this.#renewAt(dueAt(list));
		this.emit('ice', list);
	}

	/** @param {GoAway} message */
	#onGoAway(message) {
		this.#lifeline.goAwayMs = message.reconnectAfterMs;
		this.emit('go-away', message);
	}

	/**
	 * Nobody knows what has become of a request.
	 *
	 * @param {number} ref
	 * @param {string} code
	 * @param {string} message
	 */
	#giveUp(ref, code, message) {
		this.#settle(ref)?.reject(new SignaldError(code, message, true));
	}

	/** @param {number | undefined} ref */
	#settle(ref = 0) {
		const waiting = this.#requests.get(ref);
		clearTimeout(waiting?.timer);
		this.#requests.delete(ref);
		return waiting;
	}

	/**
	 * The server sends a new list in time. Should it not, we ask.
	 *
	 * @param {number} at
	 */
	#renewAt(at) {
		clearTimeout(this.#iceTimer);
		this.#iceDueAt = at;
		this.#iceTimer = setTimeout(() => this.#renew(), at - Date.now());
	}

	#renew() {
		this.renewIce().catch(() => this.#isIn && this.#renewAt(Date.now() + ICE_RETRY_MS));
	}

	/** @param {SignalingState} state */
	#setState(state) {
		if (state === this.state)
			return;
		this.state = state;
		this.emit('state', state);
	}
}

/**
 * A member of a message, as text: its value is written once, whatever becomes of it.
 *
 * @param {string} name
 * @param {unknown} value
 */
function payloadOf(name, value) {
	return `"${name}":${JSON.stringify(value) ?? null}`;
}

/**
 * When to ask for another list, not everybody at once.
 *
 * @param {IceList} list
 */
function dueAt({ refreshAfter }) {
	return Date.now() + refreshAfter * (1000 + 50 * Math.random());
}
