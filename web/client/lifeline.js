// lifeline.js: one connection to the server after the other, for as long as
// one is wanted.

import { retryDelay } from './backoff.js';
import { SignaldError } from './error.js';

/** @import {SocketLike, WebSocketLike} from './types.js' */

/**
 * Close codes after which coming back would only repeat the mistake. 1008 is
 * none of them: who was slow to join may be quicker the next time.
 */
const FINAL_CODES = [1000, 1002, 1003, 1007, 1009, 4001, 4003];

/** Those of ours that have a name. @type {Record<number, string>} */
const NAMES = { 4001: 'taken', 4003: 'kicked' };

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
 * @property {() => Promise<string>} hello  the first thing to say, asked for before each connection; it fails as that would
 * @property {(text: string) => void} onMessage
 * @property {(reason: string, delayMs: number) => void} onLost
 * @property {(error: SignaldError) => void} onEnd  for good
 */

export class Lifeline {
	/** When to come back, if the server has said. @type {number | undefined} */
	goAwayMs;

	#options;
	#handlers;
	/** @type {SocketLike | undefined} */
	#socket;
	/** One timer for "is there an answer", "is it alive" and "try again": it is never two. @type {ReturnType<typeof setTimeout> | undefined} */
	#timer;
	#attempt = 0;
	#listening = new AbortController();
	#isProbing = false;
	#heardAt = 0;
	#pingMs = 0;
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
		const { signal } = this.#listening;
		globalThis.addEventListener?.('online', this.#wake, { signal });
		globalThis.document?.addEventListener('visibilitychange', this.#wake, { signal });
		this.#lostAt = Date.now();
		this.#open();
	}

	/** @param {number} [code] what the server hears */
	stop(code) {
		this.#listening.abort();
		this.#drop(code);
	}

	/** @param {string} text */
	send(text) {
		if (this.#socket?.readyState === 1)
			this.#socket.send(text);
	}

	/**
	 * The server has let us in: the connection counts as made.
	 *
	 * @param {number} pingMs silence that is longer is asked about
	 */
	stand(pingMs) {
		this.#pingMs = pingMs;
		this.#upAt = Date.now();
		this.goAwayMs = undefined;
		this.#watch();
	}

	/** Give the connection up, and make another. @param {string} reason */
	lose(reason) {
		this.#drop();
		this.#retry(reason);
	}

	/** Say another hello, over the connection that stands. */
	again() {
		this.#greet((hello) => this.send(hello));
	}

	#open() {
		this.#greet((hello) => this.#connect(hello));
	}

	/** @param {(hello: string) => void} next */
	async #greet(next) {
		const attempt = ++this.#attempt;
		const isCurrent = () => attempt === this.#attempt;
		this.#expect('auth does not answer');
		try {
			const hello = await this.#handlers.hello();
			if (isCurrent()) {
				this.#expect('the server does not answer');
				next(hello);
			}
		} catch (error) {
			if (isCurrent())
				this.lose(/** @type {Error} */ (error).message);
		}
	}

	/** @param {string} hello */
	#connect(hello) {
		const { WebSocket = globalThis.WebSocket, url } = this.#options;
		const socket = new WebSocket(url, 'signald.v1');
		// What others than the newest still bring is nobody's business any more.
		const isCurrent = () => socket === this.#socket;
		this.#socket = socket;
		socket.onopen = () => isCurrent() && this.send(hello);
		socket.onmessage = (/** @type {{data: string}} */ { data }) => isCurrent() && this.#onMessage(data);
		// The close that follows says it better; unheard, some platforms throw.
		socket.onerror = () => {};
		socket.onclose = (/** @type {{code: number, reason: string}} */ { code, reason }) => isCurrent() && this.#onClose(code, reason);
	}

	/** @param {string} text */
	#onMessage(text) {
		this.#heardAt = Date.now();
		if (this.#isProbing)
			this.#watch();
		this.#handlers.onMessage(text);
	}

	/**
	 * @param {number} code
	 * @param {string} reason
	 */
	#onClose(code, reason) {
		this.#drop();
		if (FINAL_CODES.includes(code))
			this.#handlers.onEnd(new SignaldError(NAMES[code] ?? 'closed', reason || `closed with ${code}`));
		else
			this.#retry(reason || (this.#upAt ? 'the connection was lost' : 'could not connect'));
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
		this.#arm(() => this.#open(), delayMs);
		this.#handlers.onLost(reason, delayMs);
	}

	/** The network is back, or somebody looks: do not wait for timers. */
	#wake = (/** @type {Event} */ { type }) => {
		if (type !== 'online' && document.visibilityState === 'hidden')
			return;
		if (this.#upAt)
			return this.#probe();
		this.#drop();
		this.#open();
	};

	#watch() {
		this.#isProbing = false;
		const lookAt = Math.min(Date.now() + TICK_MS, this.#heardAt + this.#pingMs);
		this.#arm(() => {
			const now = Date.now();
			if (now > lookAt + LATE_MS || now >= this.#heardAt + this.#pingMs)
				this.#probe();
			else
				this.#watch();
		}, lookAt - Date.now());
	}

	#probe() {
		this.#isProbing = true;
		this.#expect('the server does not answer');
		this.send('{"type":"ping"}');
	}

	/** Forget the socket and everything that hangs on it. @param {number} [code] */
	#drop(code) {
		const socket = this.#socket;
		this.#attempt++;
		this.#socket = undefined;
		this.#isProbing = false;
		clearTimeout(this.#timer);
		socket?.close(code);
	}

	/** Give the connection up where nothing comes. @param {string} reason */
	#expect(reason) {
		this.#arm(() => this.lose(reason), this.#options.timeoutMs);
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
