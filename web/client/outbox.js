// outbox.js: what others are to have, for as long as they may not have it: the
// sender's rules of the delivery protocol. Pure: no socket, no timer.

import { SignaldError } from './error.js';

/** @import {Address} from './types.js' */

/**
 * So many messages, or bytes, are under way to one peer at a time: what the
 * server keeps for somebody who is away is bounded.
 */
const WINDOW = 64;
const WINDOW_BYTES = 65536;

/** More receivers of one message than that take another frame. */
const MAX_TO = 64;

/**
 * One message.
 *
 * @typedef {object} Entry
 * @property {number} n             our number of it, the same for all receivers
 * @property {string} type
 * @property {string} payload       as it stands in the frame
 * @property {boolean} isForMany
 * @property {Map<string, number>} waiting  receivers that may not have it, and how many attempts were not refused
 * @property {Map<string, SignaldError>} failed
 * @property {(error?: SignaldError) => void} done
 */

/**
 * The way to one memory of one peer in view.
 *
 * @typedef {object} Lane
 * @property {string} id
 * @property {number} ti         which memory; 0 of a client that has no session
 * @property {boolean} isHeld    absent: nothing is sent before it has returned
 * @property {number} sent       the highest number sent since we last went back
 * @property {number} staleTo    "gap" for numbers up to this is no news, see #goBack
 * @property {Entry[]} queue     in order of their numbers
 */

export class Outbox {
	#transmit;
	#maxPending;
	/** @type {Map<string, Lane>} */
	#lanes = new Map();
	#lastN = 0;

	/**
	 * @param {(type: string, address: Address, payload: string) => void} transmit
	 * @param {number} maxPending messages to one peer
	 */
	constructor(transmit, maxPending) {
		this.#transmit = transmit;
		this.#maxPending = maxPending;
	}

	/**
	 * Take a message for peers that are known here.
	 *
	 * @param {Pick<Entry, 'type' | 'payload' | 'isForMany' | 'done'>} message done: called once, without an error when all have it
	 * @param {string[]} to
	 * @returns {Entry}
	 */
	post(message, to) {
		/** @type {Entry} */
		const entry = { ...message, n: ++this.#lastN, waiting: new Map(to.map((id) => [id, 0])), failed: new Map() };
		const lanes = [];
		for (const id of [...entry.waiting.keys()]) {
			const lane = this.#lanes.get(id);
			if (!lane)
				this.#settle(entry, id, 'unknown-peer', 'no such peer');
			else if (lane.queue.length >= this.#maxPending)
				this.#settle(entry, id, 'queue-full', 'too many messages wait');
			else
				lanes.push(lane);
		}
		for (const lane of lanes)
			lane.queue.push(entry);
		if (!to.length)
			this.#finish(entry);
		this.#pump(lanes);
		return entry;
	}

	/**
	 * S4: do not try any longer. The numbers of others stay as they are.
	 *
	 * @param {Entry} entry
	 * @param {string} code
	 * @param {string} message
	 */
	giveUp(entry, code, message) {
		for (const id of [...entry.waiting.keys()]) {
			const lane = this.#lanes.get(id);
			if (lane)
				lane.queue = lane.queue.filter((other) => other !== entry);
			this.#settle(entry, id, code, message);
			this.#pump(lane ? [lane] : []);
		}
	}

	/** S1: the connection is lost, and nothing is sent to anybody who has not been seen again. */
	hold() {
		for (const lane of this.#lanes.values())
			hold(lane);
	}

	/**
	 * S2: a peer is there (again): go back to the first message it may lack.
	 *
	 * @param {string} id
	 * @param {number} ti
	 */
	open(id, ti) {
		let lane = this.#lanes.get(id);
		if (lane?.ti !== ti) {
			// S5: what was for its old memory must not come to the new one.
			this.gone(id, 'peer-restarted', 'the peer has begun anew');
			lane = { id, ti, isHeld: true, sent: 0, staleTo: 0, queue: [] };
			this.#lanes.set(id, lane);
		}
		hold(lane);
		lane.isHeld = false;
		this.#pump([lane]);
	}

	/**
	 * S5: a peer has left, or begun anew.
	 *
	 * @param {string} id
	 * @param {string} code
	 * @param {string} message
	 */
	gone(id, code, message) {
		const lane = this.#lanes.get(id);
		this.#lanes.delete(id);
		for (const entry of lane?.queue ?? [])
			this.#settle(entry, id, code, message);
	}

	/**
	 * Everybody has gone: our own memory is new, or the room is closed.
	 *
	 * @param {string} code
	 * @param {string} message
	 */
	reset(code, message) {
		for (const id of [...this.#lanes.keys()])
			this.gone(id, code, message);
	}

	/**
	 * A peer has everything up to number n.
	 *
	 * @param {string} id
	 * @param {number} ti which memory of it
	 * @param {number} n
	 */
	ack(id, ti, n) {
		const lane = this.#lanes.get(id);
		if (lane?.ti !== ti)
			return;
		for (const entry of takeUpTo(lane, n))
			this.#settle(entry, id);
		this.#pump([lane]);
	}

	/**
	 * The server has not taken number n, or cannot deliver it.
	 *
	 * @param {string} code
	 * @param {string | undefined} id for whom, if not for all
	 * @param {number} n
	 * @param {string} message
	 */
	refuse(code, id, n, message) {
		const lanes = id === undefined ? [...this.#lanes.values()] : [this.#lanes.get(id)];
		for (const lane of lanes) {
			if (lane && (id || lane.queue.some((entry) => entry.n === n)))
				this.#refuse(lane, code, n, message);
		}
	}

	/**
	 * @param {Lane} lane
	 * @param {string} code
	 * @param {number} n
	 * @param {string} message
	 */
	#refuse(lane, code, n, message) {
		const { id } = lane;
		if (code === 'unknown-peer' || code === 'peer-restarted') {
			for (const entry of takeUpTo(lane, n))
				this.#settle(entry, id, code, message);
			return;
		}
		const entry = lane.queue.find((other) => other.n === n);
		entry?.waiting.set(id, (entry.waiting.get(id) ?? 1) - 1);
		if (code === 'peer-pending') {
			hold(lane); // S3
		} else if (code === 'gap') {
			this.#onGap(lane, n);
		} else {
			// S4: this one alone. If it was not taken, what was sent behind it is
			// refused for the gap, and is sent again then.
			lane.queue = lane.queue.filter((other) => other !== entry);
			if (entry)
				this.#settle(entry, id, code, message);
			this.#pump([lane]);
		}
	}

	/**
	 * @param {Lane} lane
	 * @param {number} n
	 */
	#onGap(lane, n) {
		if (n > lane.staleTo)
			this.#goBack(lane, n);
		else if (n === lane.staleTo)
			lane.staleTo = 0;
	}

	/**
	 * S2: send again from the lowest number that is pending. What was sent behind
	 * the refused n lacks its predecessor and will be refused as well: those
	 * answers are under way, and must not make us go back once more each.
	 *
	 * @param {Lane} lane
	 * @param {number} n
	 */
	#goBack(lane, n) {
		lane.staleTo = lane.sent > n ? lane.sent : 0;
		lane.sent = 0;
		this.#pump([lane]);
	}

	/**
	 * Send what may be sent. What goes to several of these goes in one frame: that
	 * is a message that is new, for nothing else can be due to more than one.
	 *
	 * @param {Lane[]} lanes
	 */
	#pump(lanes) {
		/** @type {Map<Entry, {lane: Lane, p: number}[]>} */
		const due = new Map();
		for (const lane of lanes.filter(({ isHeld }) => !isHeld)) {
			let [p, bytes] = [0, 0];
			for (const entry of lane.queue.slice(0, WINDOW)) {
				bytes += entry.payload.length;
				if (p && bytes > WINDOW_BYTES)
					break;
				if (entry.n > lane.sent) {
					lane.sent = entry.n;
					entry.waiting.set(lane.id, (entry.waiting.get(lane.id) ?? 0) + 1);
					due.set(entry, [...(due.get(entry) ?? []), { lane, p }]);
				}
				p = entry.n;
			}
		}
		for (const [entry, targets] of due) {
			for (let i = 0; i < targets.length; i += MAX_TO)
				this.#send(entry, targets.slice(i, i + MAX_TO));
		}
	}

	/**
	 * @param {Entry} entry
	 * @param {{lane: Lane, p: number}[]} targets
	 */
	#send({ n, type, payload }, targets) {
		/**
		 * @template T
		 * @param {T[]} values
		 */
		const one = (values) => /** @type {T | T[]} */ (values.length > 1 ? values : values[0]);
		const to = one(targets.map(({ lane }) => lane.id));
		const ti = one(targets.map(({ lane }) => lane.ti));
		this.#transmit(type, { to, ti, n, p: one(targets.map(({ p }) => p)) }, payload);
	}

	/**
	 * One receiver has the message, or never will.
	 *
	 * @param {Entry} entry
	 * @param {string} id
	 * @param {string} [code] without: it has
	 * @param {string} [message]
	 */
	#settle(entry, id, code, message = '') {
		const attempts = entry.waiting.get(id);
		if (!entry.waiting.delete(id))
			return;
		if (code)
			entry.failed.set(id, new SignaldError(code, message, Boolean(attempts)));
		if (!entry.waiting.size)
			this.#finish(entry);
	}

	/** @param {Entry} entry */
	#finish({ failed, isForMany, done }) {
		const errors = [...failed.values()];
		if (!isForMany || !errors.length)
			return done(errors[0]);
		const mayHaveArrived = errors.some((error) => error.mayHaveArrived);
		const error = new SignaldError('undelivered', `not delivered to ${[...failed.keys()]}`, mayHaveArrived);
		error.peers = failed;
		done(error);
	}
}

/** @param {Lane} lane */
function hold(lane) {
	lane.isHeld = true;
	lane.sent = 0;
	lane.staleTo = 0;
}

/**
 * Take the entries up to number n out of a lane.
 *
 * @param {Lane} lane
 * @param {number} n
 */
function takeUpTo({ queue }, n) {
	return queue.splice(0, queue.filter((entry) => entry.n <= n).length);
}
