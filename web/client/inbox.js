// inbox.js: what has come, and what came before: the receiver's rules of the
// delivery protocol. Pure: no socket, no timer.

/** @import {Relayed} from './types.js' */

/**
 * Of senders out of view so many are remembered, and for as long as a token of
 * theirs may live (R4): what they sent before they left may come again.
 */
const GONE_COUNT = 10000;
const GONE_MS = 600000;

/**
 * How far the messages of one memory of a sender have come.
 * @typedef {{fi: number, last: number, at: number}} Sender
 */

export class Inbox {
	/** Which log of the server's is being read. */
	epoch = 0;
	/** How many of its frames the application has had. */
	position = 0;

	#acked = 0;
	#now;
	/** @type {Map<string, Sender>} */
	#inView = new Map();
	/** The others: whoever was heard of last stands last. @type {Map<string, Sender>} */
	#outOfView = new Map();

	/** @param {() => number} [now] milliseconds */
	constructor(now = Date.now) {
		this.#now = now;
	}

	/**
	 * R1: the server has let us in. Of another log than before, nothing is read.
	 *
	 * @param {number} epoch
	 */
	begin(epoch) {
		if (epoch !== this.epoch)
			this.position = 0;
		this.epoch = epoch;
		this.#acked = this.position;
	}

	/** Our own memory is new. */
	reset() {
		this.epoch = this.position = this.#acked = 0;
		this.#inView.clear();
		this.#outOfView.clear();
	}

	/**
	 * Take the next numbered frame of the log.
	 *
	 * @param {Relayed} frame
	 * @param {() => void} deliver gives it to the application
	 * @returns {boolean} false when the sender's chain is broken, which no sane server does
	 */
	receive(frame, deliver) {
		const verdict = this.#judge(frame);
		if (verdict === 'broken')
			return false;
		if (verdict === 'new')
			deliver();
		// R3: not before the application has had it.
		this.position++;
		return true;
	}

	/** How many frames the server does not know to have come. */
	get unacked() {
		return this.position - this.#acked;
	}

	/** The position to acknowledge, where there is something new. @returns {number | undefined} */
	takeSn() {
		if (!this.unacked)
			return undefined;
		this.#acked = this.position;
		return this.position;
	}

	/** @param {string} id of a peer that is in view now */
	arrived(id) {
		if (this.#inView.has(id))
			return;
		this.#inView.set(id, this.#outOfView.get(id) ?? { fi: 0, last: 0, at: 0 });
		this.#outOfView.delete(id);
	}

	/** @param {string} id of a peer that has left */
	departed(id) {
		const sender = this.#inView.get(id);
		this.#inView.delete(id);
		if (sender?.fi)
			this.#remember(id, sender);
	}

	/**
	 * R2.
	 *
	 * @param {Relayed} frame
	 */
	#judge({ from, fi, n, p = 0 }) {
		if (!fi)
			return 'new'; // of a client without a session: sent once
		const sender = this.#recall(from);
		if (fi < sender.fi)
			return 'old';
		if (fi > sender.fi)
			Object.assign(sender, { fi, last: 0 });
		if (n === undefined)
			return 'new';
		if (n <= sender.last)
			return 'old';
		if (p > sender.last)
			return 'broken';
		sender.last = n;
		return 'new';
	}

	/** @param {string} id */
	#recall(id) {
		const inView = this.#inView.get(id);
		if (inView)
			return inView;
		const sender = this.#outOfView.get(id) ?? { fi: 0, last: 0, at: 0 };
		this.#remember(id, sender);
		return sender;
	}

	/**
	 * @param {string} id
	 * @param {Sender} sender
	 */
	#remember(id, sender) {
		sender.at = this.#now();
		this.#outOfView.delete(id);
		this.#outOfView.set(id, sender);
		for (const [oldest, { at }] of this.#outOfView) {
			if (this.#outOfView.size <= GONE_COUNT && sender.at - at < GONE_MS)
				break;
			this.#outOfView.delete(oldest);
		}
	}
}
