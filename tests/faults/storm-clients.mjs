// storm-clients.mjs: a process full of native clients, in rooms of two:
//   fork('storm-clients.mjs', [URL, COUNT])
// Says {joined} when all are in, and then, after each loss, {back, newIds, refusals,
// retries} when all are in again, or when it is told to "tell". "cut" makes it break
// its connections; "anew" makes all leave, and others come in their place.
import { setTimeout as delay } from 'node:timers/promises';
import { Signald } from '../../web/client/index.js';
import { LeanSocket } from './lean-socket.mjs';

const AT_ONCE = 100;
const FIRST_RETRY_MS = 500;
const [url, clientsCount] = [process.argv[2], Number(process.argv[3])];
const sockets = new Set();
const refusals = new Map();
const retries = new Map();

const count = (counts, why) => counts.set(why, (counts.get(why) ?? 0) + 1);
const refuse = (why) => count(refusals, why);

// An answer that is no upgrade is an error here, and no reason to the client.
class WatchedSocket extends LeanSocket {
	constructor(url, protocol) {
		super(url, protocol, refuse);
		sockets.add(this);
	}
}

class Client {
	constructor(room) {
		this.room = room;
		this.#begin();
	}

	#begin() {
		this.signald = new Signald(url, { room: this.room, WebSocket: WatchedSocket });
	}

	async join() {
		const { signald } = this;
		await signald.connect();
		this.id = signald.id;
		signald.on('retry', ({ reason }) => count(retries, reason));
		signald.on('resumed', () => this.#comeBack());
		signald.on('joined', () => refuse('joined anew'));
		signald.on('error', ({ code }) => refuse(`error ${code}`));
		signald.on('closed', ({ code }) => code === 'left' || refuse(`closed for good: ${code}`));
	}

	// Another takes its place, after as long as who was cut would wait.
	async replace() {
		this.signald.close();
		this.#begin();
		await delay(FIRST_RETRY_MS * Math.random());
		await this.join();
		this.#comeBack();
	}

	#comeBack() {
		if (!this.isAwaited)
			return;
		this.isAwaited = false;
		round.back.push(Date.now());
		round.newIds += this.signald.id !== this.id;
		if (round.back.length === clientsCount)
			report();
	}
}

let round;

function begin() {
	round = { back: [], newIds: 0 };
	refusals.clear();
	retries.clear();
	for (const client of clients)
		client.isAwaited = true;
}

function report() {
	process.send({ ...round, refusals: [...refusals], retries: [...retries] });
	begin();
}

function cut() {
	sockets.forEach((socket) => socket.cut());
	sockets.clear();
}

const clients = Array.from({ length: clientsCount }, (_, i) => new Client(`storm-${process.pid}-${i >> 1}`));
const waiting = [...clients];
await Promise.all(Array.from({ length: AT_ONCE }, async () => {
	while (waiting.length > 0)
		await waiting.pop().join();
}));
begin();
const orders = { cut, tell: report, anew: () => clients.forEach((client) => client.replace()) };
process.on('message', (order) => orders[order]());
process.on('disconnect', () => process.exit());
process.send({ joined: true });
