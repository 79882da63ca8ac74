// sio-flood.mjs: sockets of a recoverable namespace that are cut again and
// again while numbered messages flow to them.
import { setTimeout as delay } from 'node:timers/promises';
import { io } from 'socket.io-client';
import { atEnd } from './ending.mjs';
import { Proxy } from './sio-proxy.mjs';

const NSP = '/rec';
const SETTLE_MS = 30000;

// The same numbers on every run: a linear congruential generator.
export function makeRandom(seed) {
	let state = seed >>> 0;
	return (below) => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return Math.floor(state / 2 ** 32 * below);
	};
}

class Receiver {
	constructor(proxy, room, transport) {
		this.proxy = proxy;
		this.sent = 0;
		this.last = 0;
		this.lastId = undefined;
		this.counts = { recovered: 0, refused: 0, gaps: 0, duplicates: 0, reorders: 0 };
		this.seen = new Set();
		this.firstTo = new Map();
		this.socket = io(`${proxy.url}${NSP}`, { forceNew: true, transports: [transport], query: { room },
			reconnectionDelay: 5, reconnectionDelayMax: 20, randomizationFactor: 0 });
		this.socket.on('n', (from, n) => this.#hear(n));
		this.socket.on('connect', () => this.#count());
		this.disconnects = 0;
		this.socket.on('disconnect', () => this.disconnects++);
	}

	// Under one id nothing may be missing, from the first message sent to it.
	#hear(n) {
		const due = this.lastId === this.socket.id ? this.last + 1 : this.firstTo.get(this.socket.id);
		if (this.seen.has(n))
			this.counts.duplicates++;
		else if (n < this.last)
			this.counts.reorders++;
		else if (n !== due)
			this.counts.gaps++;
		this.seen.add(n);
		this.last = Math.max(n, this.last);
		this.lastId = this.socket.id;
	}

	#count() {
		if (this.hasConnected)
			this.counts[this.socket.recovered ? 'recovered' : 'refused']++;
		if (!this.socket.recovered)
			this.id = this.socket.id;
		else if (this.id !== this.socket.id)
			this.counts.gaps++; // recovered as somebody else
		this.hasConnected = true;
		this.wake?.();
	}

	async connected() {
		while (!this.socket.connected)
			await new Promise((resolve) => (this.wake = resolve));
	}

	send(sender, size) {
		if (!this.firstTo.has(this.id))
			this.firstTo.set(this.id, this.sent + 1);
		sender.emit('n', this.id, ++this.sent, 'x'.repeat(size));
	}
}

async function cutOnce(receiver, sender, random, burstBytes) {
	const { proxy, disconnects } = receiver;

	await delay(random(20));
	for (let i = random(10); i > 0; i--)
		receiver.send(sender, random(200));
	proxy.shut();
	if (random(5) === 0)
		proxy.cutNear();
	else
		proxy.cut();
	if (random(25) === 0)
		for (let bytes = 0; bytes < burstBytes; bytes += 4000)
			receiver.send(sender, 4000);
	for (let i = random(10); i > 0; i--)
		receiver.send(sender, random(200));
	await delay(random(20));
	proxy.reopen();
	for (let i = random(5); i > 0; i--)
		receiver.send(sender, random(200));
	// A client that is between two polls does not notice.
	for (let i = 0; receiver.disconnects === disconnects && i < 50; i++)
		await delay(1);
	await receiver.connected();
}

/*
 * Cut the sockets until there were so many recoveries.
 *
 * burstBytes  more than the server keeps for one socket: not to be recovered
 * limitMs     give up cutting after this time
 *
 * Returns the counts: recovered and refused; what must be 0: gaps (something
 * missing under the same id), duplicates, reorders, unfinished (the last message
 * never came); and messages.
 */
export async function floodAndCut(t, target, { sockets, recoveries, burstBytes, seed = 1, limitMs = Infinity }) {
	const deadline = performance.now() + limitMs;
	const random = makeRandom(seed);
	const room = `flood-${process.pid}-${seed}`;
	const sender = io(`${target.url}${NSP}`, { forceNew: true, transports: ['websocket'], query: { room } });
	atEnd(t, () => sender.close());
	const receivers = [];
	for (let i = 0; i < sockets; i++) {
		const receiver = new Receiver(await Proxy.start(t, target), room, i % 5 ? 'websocket' : 'polling');
		atEnd(t, () => receiver.socket.close());
		receivers.push(receiver);
		await receiver.connected();
	}
	const sum = (name) => receivers.reduce((total, { counts }) => total + counts[name], 0);

	await Promise.all(receivers.map(async (receiver) => {
		while (sum('recovered') < recoveries && performance.now() < deadline)
			await cutOnce(receiver, sender, random, burstBytes);
	}));
	const unfinished = await finish(receivers, sender);
	const totals = Object.fromEntries(['recovered', 'refused', 'gaps', 'duplicates', 'reorders'].map((n) => [n, sum(n)]));
	return { ...totals, unfinished, messages: receivers.reduce((total, { sent }) => total + sent, 0) };
}

// A last message to each; how many never got theirs.
async function finish(receivers, sender) {
	const deadline = performance.now() + SETTLE_MS;

	for (const receiver of receivers) {
		await receiver.connected();
		receiver.send(sender, 1);
	}
	while (performance.now() < deadline && receivers.some(({ last, sent }) => last !== sent))
		await delay(10);
	return receivers.filter(({ last, sent }) => last !== sent).length;
}

export const faults = ({ gaps, duplicates, reorders, unfinished }) => gaps + duplicates + reorders + unfinished;
