// upgrade-sessions.mjs: a process full of native clients, in rooms of 2, 3 and 5,
// who all send to the next one of their room, all the time:
//   fork('upgrade-sessions.mjs', [URL, COUNT, MESSAGES-A-SECOND])
// Says {joined} when all are in and send. "times" makes it tell, for each who has
// lost its connection since it was last asked, how long it was away, and how long
// each message took that was sent since; "end" makes them send no more, wait for
// what is under way, and tell what the ledger counts.
import { setTimeout as delay } from 'node:timers/promises';
import { Signald } from '../../web/client/index.js';
import { LeanSocket } from './lean-socket.mjs';
import { Ledger } from './ledger.mjs';

const ROOM_SIZES = [2, 3, 5];
const AT_ONCE = 50;
const TICK_MS = 20;
const SETTLE_MS = 40000;
const [url, sessionsCount, rate] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const ledger = new Ledger(sessionsCount);
const refusals = new Map();
let awayMs = [];
let tookMs = [];

const refuse = (why) => refusals.set(why, (refusals.get(why) ?? 0) + 1);

class WatchedSocket extends LeanSocket {
	constructor(url, protocol) {
		super(url, protocol, refuse);
	}
}

// Each is told apart by its place in the ledger, and sends to #next.
class Session {
	sentAtMs = [];
	#index;
	#signald;
	#lostMs = 0;

	constructor(index, room) {
		this.#index = index;
		this.#signald = new Signald(url, { room, WebSocket: WatchedSocket, maxPending: 10000 });
	}

	async join() {
		const signald = this.#signald;
		await signald.connect();
		this.id = signald.id;
		signald.on('message', ({ data: [from, n] }) => {
			ledger.deliver(from, n);
			tookMs.push(performance.now() - sessions[from].sentAtMs[n]);
		});
		signald.on('retry', () => (this.#lostMs ||= performance.now()));
		signald.on('resumed', () => this.#comeBack());
		signald.on('joined', () => ledger.newIds++);
		signald.on('error', ({ code }) => refuse(`error ${code}`));
		signald.on('closed', ({ code }) => code === 'left' || refuse(`closed for good: ${code}`));
	}

	#comeBack() {
		ledger.newIds += this.#signald.id !== this.id;
		awayMs.push(performance.now() - this.#lostMs);
		this.#lostMs = 0;
	}

	get isIn() {
		return !this.#lostMs;
	}

	send() {
		const n = ledger.send(this.#index);
		this.sentAtMs[n] = performance.now();
		this.#signald.send(this.next.id, [this.#index, n]).then(
			() => ledger.acknowledge(this.#index, n),
			(error) => ledger.fail(this.#index, n, error.code));
	}
}

const sessions = [];

// The members of a room send in a ring.
function openRoom(number) {
	const size = Math.min(ROOM_SIZES[number % ROOM_SIZES.length], sessionsCount - sessions.length);
	const room = Array.from({ length: size }, (_, i) => new Session(sessions.length + i, `upgrade-${process.pid}-${number}`));
	room.forEach((session, i) => (session.next = room[(i + 1) % size]));
	sessions.push(...room);
}

for (let number = 0; sessions.length < sessionsCount; number++)
	openRoom(number);
const waiting = [...sessions];
await Promise.all(Array.from({ length: AT_ONCE }, async () => {
	while (waiting.length > 0)
		await waiting.pop().join();
}));

// All in turn, at the same distance; who comes late makes up for it.
const beganMs = performance.now();
let sendsCount = 0;
const timer = setInterval(() => {
	const due = (performance.now() - beganMs) * rate * sessionsCount / 1000;
	for (; sendsCount < due; sendsCount++)
		sessions[sendsCount % sessionsCount].send();
}, TICK_MS);

async function settle() {
	for (const began = performance.now(); !ledger.isComplete && performance.now() - Math.max(began, ledger.newsAt) < SETTLE_MS;)
		await delay(50);
}

const orders = {
	times: () => {
		process.send({ awayMs, tookMs, out: sessions.filter(({ isIn }) => !isIn).length });
		[awayMs, tookMs] = [[], []];
	},
	end: async () => {
		clearInterval(timer);
		await settle();
		process.send({ ...ledger.counts(), refusals: [...refusals] });
	},
};
process.on('message', (order) => orders[order]());
process.on('disconnect', () => process.exit());
process.send({ joined: true });
