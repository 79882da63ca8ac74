// Sessions that do anything in any order: nobody gets a message twice, out of
// order or without the one before it, and what is acknowledged has arrived.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeFolder, restart, startDaemon, until } from '../lib/daemon.mjs';
import { SessionPeer } from '../lib/session.mjs';

const STEPS = 500;

// The same numbers for the same seed.
function randomOf(seed) {
	let state = seed;
	return (below) => {
		state = (state * 1103515245 + 12345) % 2147483648;
		return Math.floor(state / 2147483648 * below);
	};
}

/*
 * Follows the rules of a sender and a receiver, so that whatever goes wrong is
 * the server's doing.
 *
 * said  what everybody said: sender, receiver, and the memory of each -> number
 *       of a message -> 1 where it arrived, -1 where its sender was told that
 *       it failed, else 0
 */
class Player extends SessionPeer {
	constructor(t, daemon, said) {
		super(t, daemon);
		this.said = said;
		this.faults = [];
		this.last = new Map(); // sender's id and memory -> number of its last message
	}

	async open() {
		const link = await super.open();
		link.socket.on('message', (data) => this.#take(link, JSON.parse(data.toString())));
		return link;
	}

	#take(link, message) {
		if (link !== this.link)
			return;
		if (message.type === 'signal')
			this.#receive(message);
		if (message.acked)
			this.#believe(message.from, message.fi, message.acked);
		if (message.type === 'ack')
			this.#believe(message.from, message.ti, message.n);
		if (message.type === 'resumed')
			this.repeatAll();
		if (message.type === 'peer-back' || message.type === 'peer-joined')
			this.repeatAll(message.id ?? message.peer.id);
		if (message.code === 'gap')
			this.repeatAll(message.to);
		if (message.code === 'unknown-peer' || message.code === 'peer-restarted')
			this.#lose(message);
	}

	#receive({ from, fi, n, p = 0 }) {
		const key = `${from} ${fi}`;
		const last = this.last.get(key) ?? 0;
		if (n <= last)
			return;
		if (p > last)
			this.faults.push(`${n} of ${key} came after ${last}, without ${p}`);
		this.last.set(key, n);
		const arrivals = this.said.get(`${key} ${this.id} ${this.inst}`);
		if (arrivals?.get(n) !== 0)
			this.faults.push(`${n} of ${key} was never said, or came again`);
		arrivals?.set(n, 1);
	}

	#believe(to, ti, acked) {
		for (const [n, count] of this.said.get(`${this.id} ${this.inst} ${to} ${ti}`) ?? [])
			if (n <= acked && count === 0)
				this.faults.push(`${n} to ${to} is said to have come`);
	}

	repeatAll(id) {
		for (const key of this.pending.keys()) {
			const [to, inst] = key.split(' ');
			if (!id || id === to)
				this.repeat({ id: to, inst: Number(inst) });
		}
	}

	// It is told that they failed; an acknowledgement of later ones, should the
	// receiver be back after all, says nothing of them.
	#lose({ to, n }) {
		for (const [key, messages] of this.pending) {
			if (!key.startsWith(`${to} `))
				continue;
			const arrivals = this.said.get(`${this.id} ${this.inst} ${key}`);
			for (const message of messages)
				if (message.n <= n && arrivals.get(message.n) === 0)
					arrivals.set(message.n, -1);
			this.pending.set(key, messages.filter((message) => message.n > n));
		}
	}

	tell(other) {
		if (this.isOut || other === this)
			return;
		const key = `${this.id} ${this.inst} ${other.id} ${other.inst}`;
		if (!this.said.has(key))
			this.said.set(key, new Map());
		this.said.get(key).set(this.number + 1, 0);
		this.say(other, this.number);
	}

	get isOut() {
		return this.link?.socket.readyState !== 1;
	}

	forget() {
		this.last.clear();
	}

	// Back, by whatever way there still is.
	async comeBack(changes) {
		const link = await this.open();
		let answer = await this.resume(changes, link).catch((error) => error);
		if (answer.reason === 'expired' || answer.reason === 'overflow') {
			this.forget();
			answer = await this.reload(link);
		}
		if (answer.type !== 'resumed' && link.closeCode !== 4002)
			this.faults.push(`not back: ${JSON.stringify(answer)} ${answer.message}`);
	}

	async beLoadedAgain() {
		this.forget();
		assert.equal((await this.reload()).type, 'resumed');
	}
}

// What may happen: how often of 100 times, and what it is.
const actions = [
	[45, ({ one, other }) => one.tell(other)],
	[4, ({ one }) => one.isOut || one.send({ type: 'broadcast', data: 1 })],
	[12, ({ one }) => one.isOut || one.ack()],
	[3, ({ one, random }) => one.isOut || one.ack(random(one.position + 1))],
	[2, ({ one }) => one.isOut || one.repeatAll()],
	[8, ({ one }) => one.isOut || one.cut()],
	[2, ({ one }) => one.isOut || one.close(1001)],
	[17, ({ one }) => one.comeBack()],
	[2, ({ one }) => one.comeBack({ try: one.attempt })], // stale
	[1, ({ one }) => one.comeBack({ epoch: 1, last: 1000 })],
	[3, ({ one }) => one.beLoadedAgain()],
	[1, 'restart'],
];

function choose(random) {
	let at = random(100);
	return actions.find(([share]) => (at -= share) < 0)[1];
}

for (const seed of [1, 3, 4, 6])
	test(`${STEPS} steps of seed ${seed}`, async (t) => {
		const random = randomOf(seed);
		const said = new Map();
		let daemon = await startDaemon(t, { sets: { 'state.dir': await makeFolder(t), 'session.window_s': 60 } });
		const players = [];
		for (let i = 0; i < 5; i++) {
			players.push(new Player(t, daemon, said));
			await players[i].join('monkeys');
		}
		for (let step = 0; step < STEPS; step++) {
			const [one, other] = [players[random(players.length)], players[random(players.length)]];
			const act = choose(random);
			if (act !== 'restart') {
				await act({ one, other, random });
				continue;
			}
			daemon = await restart(t, daemon);
			for (const player of players)
				await player.comeBack();
		}

		for (const player of players)
			if (player.isOut)
				await player.comeBack();
		await until('nothing is pending', async () => {
			for (const player of players) {
				player.ack();
				player.repeatAll();
				await player.settle();
			}
			return players.every((player) => [...player.pending.values()].every((messages) => messages.length === 0));
		});
		for (const player of players)
			assert.deepEqual(player.faults, []);
		const counts = [...said.values()].flatMap((arrivals) => [...arrivals.values()]);
		t.diagnostic(`${counts.length} messages, ${counts.filter((count) => count === 1).length} arrived`);
		assert.ok(counts.length > STEPS / 5);
	});
