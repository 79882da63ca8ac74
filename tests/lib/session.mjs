// session.mjs: a client with a session as the protocol has it, without the
// library: a test says when it is cut, what it acknowledges and what it repeats.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { atEnd } from './ending.mjs';
import { Peer } from './peer.mjs';

const NUMBERED = new Set(['offer', 'answer', 'candidate', 'signal', 'broadcast']);
let memories = 0;

// Later memories have higher numbers.
export const nextInst = () => ++memories * 2 ** 32 + randomInt(2 ** 32);

export class SessionPeer {
	constructor(t, daemon, inst = nextInst()) {
		this.wsUrl = daemon.wsUrl;
		this.origin = daemon.origin;
		this.inst = inst;
		this.attempt = 0;
		this.number = 0; // of the last message that it sent
		this.position = 0; // of the last numbered frame that it heard
		this.pending = new Map(); // receiver's id and memory -> messages without an acknowledgement
		this.links = [];
		atEnd(t, () => this.#end());
	}

	#end() {
		for (const link of this.links)
			link.socket.terminate();
		for (const link of this.links)
			assert.equal(link.schemaError ?? null, null);
	}

	// A connection that is nobody's yet.
	async open() {
		const link = new Peer(this.wsUrl, { origin: this.origin });
		this.links.push(link);
		link.socket.on('message', (data) => this.#hear(link, JSON.parse(data.toString())));
		await link.opened;
		return link;
	}

	// What was said over a connection that was replaced does not count.
	#hear(link, message) {
		if (message.session)
			this.#begin(link, message);
		if (link !== this.link)
			return;
		if (NUMBERED.has(message.type))
			this.position++;
		if (message.type === 'session')
			this.token = message.token;
		if (message.acked)
			this.#settle(message.from, message.fi, message.acked);
		if (message.type === 'ack' && message.from)
			this.#settle(message.from, message.ti, message.n);
		if (message.code === 'queue-full')
			this.#giveUp(message.n);
	}

	#begin(link, { id, session }) {
		this.link = link;
		this.id = id;
		this.token = session.token;
		this.position = session.epoch === this.asked?.epoch ? this.asked.last : 0;
		this.epoch = session.epoch;
	}

	#settle(id, inst = 0, n) {
		const key = `${id} ${inst}`;
		const left = this.pending.get(key)?.filter((message) => message.n > n);
		if (left)
			this.pending.set(key, left);
	}

	// Nobody has it; those behind it name the one before it.
	#giveUp(n) {
		for (const [key, messages] of this.pending)
			this.pending.set(key, messages.filter((message) => message.n !== n));
	}

	async join(room, more = {}) {
		const link = await this.open();
		this.joined = await link.join(room, { inst: this.inst, try: ++this.attempt, ...more });
		return this.joined;
	}

	// What resume asks with, but for `changes`.
	resumption(changes) {
		return { type: 'resume', token: this.token, inst: this.inst, try: ++this.attempt, epoch: this.epoch,
			last: this.position, ...changes };
	}

	/*
	 * Come back, over a connection of its own if none is given.
	 *
	 * Returns what the server says: resumed, not-resumed or an error.
	 */
	async resume(changes, link) {
		link ??= await this.open();
		this.inst = changes?.inst ?? this.inst;
		this.asked = this.resumption(changes);
		return link.request(this.asked);
	}

	// The same as a page that was loaded again: it remembers its token alone, and
	// hears nothing more over what it had.
	reload(link, more = {}) {
		this.link = undefined;
		this.attempt = 0;
		this.number = 0;
		this.position = 0;
		this.epoch = 0;
		this.pending.clear();
		return this.resume({ inst: nextInst(), ...more }, link);
	}

	/*
	 * Say something to one peer, numbered behind what is pending to it.
	 *
	 * more  members that are to be others
	 *
	 * Returns the message.
	 */
	say(to, data, more = {}) {
		const pending = this.pendingTo(to);
		const message = { type: 'signal', to: to.id, ti: to.inst ?? 0, n: ++this.number,
			p: pending.at(-1)?.n ?? 0, data, ...more };

		pending.push(message);
		this.link.send(message);
		return message;
	}

	pendingTo({ id, inst = 0 }) {
		const key = `${id} ${inst}`;
		if (!this.pending.has(key))
			this.pending.set(key, []);
		return this.pending.get(key);
	}

	// Go back to the first that is pending; each names the one before it.
	repeat(to) {
		this.pendingTo(to).forEach((message, i, all) => this.link.send({ ...message, p: all[i - 1]?.n ?? 0 }));
	}

	// All that came has reached the application.
	ack(sn = this.position) {
		this.link.send({ type: 'ack', sn });
	}

	// The connection ends as when a network goes: by a reset, without a word.
	async cut(link = this.link) {
		link.socket._socket.resetAndDestroy();
		return link.closed;
	}

	async close(code = 1000) {
		return this.link.close(code);
	}

	send(message) {
		this.link.send(message);
	}

	request(message) {
		return this.link.request(message);
	}

	next(match, limitMs) {
		return this.link.next(match, limitMs);
	}

	settle() {
		return this.link.settle();
	}

	heard(type) {
		return this.link.heard(type);
	}

	get closed() {
		return this.link.closed;
	}

	get inbox() {
		return this.link.inbox;
	}
}

export async function joinSession(t, daemon, room, more = {}) {
	const peer = new SessionPeer(t, daemon, more.inst);
	const joined = await peer.join(room, more);
	assert.equal(joined.type, 'joined', JSON.stringify(joined));
	return peer;
}

// Two of one room, who have heard of each other.
export async function joinTwo(t, daemon, room, left = {}, right = {}) {
	const one = await joinSession(t, daemon, room, left);
	const other = await joinSession(t, daemon, room, right);
	await one.next('peer-joined');
	return [one, other];
}
