// lifeline.js: one connection to the server after the other, for as long as
// one is wanted.

import { retryDelay } from './backoff.js';
import { SignaldError } from './error.js';

/** @import {SocketLike, WebSocketLike} from './types.js' */

/**
 * Close codes after which coming back would only repeat the mistake, and what
 * they come to.
 *
 * @type {Record<number, string>}
 */
const FINAL_CODES = {
	1000: 'closed', 1002: 'closed', 1003: 'closed', 1007: 'closed', 1008: 'closed', 1009: 'closed',
	4001: 'taken', 4003: 'kicked',
};

/** A connection that held so long has earned a quick first retry. */
const STABLE_MS = 5000;

/** How often to look whether the server is silent, or we were asleep. */
const TICK_MS = 5000;

/** A timer that is so late was asleep with its page or machine. */
const LATE_MS = 2000;

/**
 * @typedef {object} LifelineOptions
 * @property {string} url
 * @property {WebSocketLike} [WebSocket]
 * @property {number} minRetryMs
 * @property {number} maxRetryMs
 * @property {number} timeoutMs
 */

/**
 * @typedef {object} LifelineHandlers
 * @property {() => void | Promise<void>} prepare  before each connection; it fails as the connection would
 * @property {() => void} onOpen
 * @property {(text: string) => void} onMessage
 * @property {() => void} onProbe  ask the server for any sign of life
 * @property {(reason: string, delayMs: number) => void} onLost
 * @property {(error: SignaldError) => void} onEnd  for good
 */

export class Lifeline {
	/** Silence that is longer is asked about. */
	pingMs = 25000;
	/** When to come back, if the server has said. @type {number | undefined} */
	goAwayMs;
	/** What is not of the newest attempt is nobody's business any more. */
	attempt = 0;

	#options;
	#handlers;
	/** @type {SocketLike | undefined} */
	#socket;
	/** One timer for "does it open", "is it alive" and "try again": it is never two. @type {ReturnType<typeof setTimeout> | undefined} */
	#timer;
	#isWaiting = false;
	#isProbing = false;
	#heardAt = 0;
	#upAt = 0;
	#lostAt = 0;

	/**
	 * @param {LifelineOptions} options
	 * @param {LifelineHandlers} handlers
	 */
	constructor(options, handlers) {
		this.#options = options;
		this.#handlers = handlers;
	}

	start() {
		globalThis.addEventListener?.('online', this.#wake);
		globalThis.document?.addEventListener('visibilitychange', this.#onVisible);
		this.#lostAt = Date.now();
		this.#open();
	}

	/** @param {number} [code] what the server hears */
	stop(code) {
		globalThis.removeEventListener?.('online', this.#wake);
		globalThis.document?.removeEventListener('visibilitychange', this.#onVisible);
		this.#drop(code);
	}

	/** @param {string} text */
	send(text) {
		if (this.#socket?.readyState === 1)
			this.#socket.send(text);
	}

	/** The server has let us in: the connection counts as made. */
	stand() {
		this.#upAt = Date.now();
		this.goAwayMs = undefined;
		this.#watch();
	}

	/** Give the connection up, and make another. @param {string} reason */
	lose(reason) {
		this.#drop();
		this.#retry(reason);
	}

	async #open() {
		const attempt = ++this.attempt;
		this.#isWaiting = false;
		try {
			await this.#handlers.prepare();
			if (attempt === this.attempt)
				this.#connect(attempt);
		} catch (error) {
			if (attempt === this.attempt)
				this.#retry(/** @type {Error} */ (error).message);
		}
	}

	/** @param {number} attempt */
	#connect(attempt) {
		const { WebSocket = globalThis.WebSocket, url, timeoutMs } = this.#options;
		const socket = new WebSocket(url, 'signald.v1');
		/**
		 * @template T
		 * @param {(event: T) => void} listener
		 * @returns {(event: T) => void}
		 */
		const ours = (listener) => (event) => {
			if (attempt === this.attempt)
				listener(event);
		};
		this.#socket = socket;
		socket.onopen = ours(() => this.#handlers.onOpen());
		socket.onmessage = ours((/** @type {{data: string}} */ { data }) => {
			this.#heardAt = Date.now();
			if (this.#isProbing)
				this.#watch();
			this.#handlers.onMessage(data);
		});
		// The close that follows says it better; unheard, some platforms throw.
		socket.onerror = () => {};
		socket.onclose = ours((/** @type {{code: number, reason: string}} */ { code, reason }) => this.#onClose(code, reason));
		this.#arm(() => this.lose('the server does not answer'), timeoutMs);
	}

	/**
	 * @param {number} code
	 * @param {string} reason
	 */
	#onClose(code, reason) {
		this.#drop();
		const final = FINAL_CODES[code];
		if (final)
			this.#handlers.onEnd(new SignaldError(final, reason || `the server closed with code ${code}`));
		else
			this.#retry(reason || 'the connection was lost');
	}

	/** @param {string} reason */
	#retry(reason) {
		const now = Date.now();
		// Who is cut off again and again has been away for the sum of it.
		if (this.#upAt)
			this.#lostAt = now - this.#upAt < STABLE_MS ? now - this.#upAt + this.#lostAt : now;
		this.#upAt = 0;
		const { minRetryMs, maxRetryMs } = this.#options;
		const delayMs = this.goAwayMs ?? retryDelay(now - this.#lostAt, minRetryMs, maxRetryMs);
		this.goAwayMs = undefined;
		this.#isWaiting = true;
		this.#arm(() => this.#open(), delayMs);
		this.#handlers.onLost(reason, delayMs);
	}

	#onVisible = () => {
		if (document.visibilityState === 'visible')
			this.#wake();
	};

	/** The network is back, or somebody looks: do not wait for timers. */
	#wake = () => {
		if (this.#isWaiting)
			this.#open();
		else if (this.#upAt)
			this.#probe();
	};

	#watch() {
		this.#isProbing = false;
		const lookAt = Math.min(Date.now() + TICK_MS, this.#heardAt + this.pingMs);
		this.#arm(() => {
			const now = Date.now();
			if (now > lookAt + LATE_MS || now >= this.#heardAt + this.pingMs)
				this.#probe();
			else
				this.#watch();
		}, lookAt - Date.now());
	}

	#probe() {
		this.#isProbing = true;
		this.#arm(() => this.lose('the server fell silent'), this.#options.timeoutMs);
		this.#handlers.onProbe();
	}

	/** Forget the socket and everything that hangs on it. @param {number} [code] */
	#drop(code) {
		const socket = this.#socket;
		this.attempt++;
		this.#socket = undefined;
		this.#isWaiting = this.#isProbing = false;
		clearTimeout(this.#timer);
		socket?.close(code);
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
