// canary.mjs: two peers who talk on beside a flood, in a process of their own.
// Run by hostile.test.mjs, which it hears and answers by messages.
//
// What counts is the time from one peer's send to the other's receipt. Other
// programs on the machine keep the daemon and the canary waiting for a CPU; the
// kernel counts that (schedstat), and it is told apart: `slowestMs` is all of a
// message's time, `ownMs` what remains of the slowest without those waits.
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import WebSocket from 'ws';

const [wsUrl, daemonPid] = process.argv.slice(2);
const LIMIT_MS = 20000;

// Milliseconds in which a process was ready to run and did not.
function waited(pid) {
	return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
}

function starved() {
	return waited(daemonPid) + waited(process.pid);
}

class Singer {
	constructor() {
		this.socket = new WebSocket(wsUrl, ['signald.v1'], { perMessageDeflate: false });
		this.opened = new Promise((resolve, reject) => this.socket.once('open', resolve).once('error', reject));
		this.socket.on('message', (data) => this.#hear(JSON.parse(data)));
		this.socket.on('close', (code) => this.fail?.(new Error(`a canary was closed with ${code}`)));
		this.socket.on('error', (fault) => this.fail?.(fault));
	}

	#hear(message) {
		if (message.type === 'joined' || message.type === 'signal')
			this.take?.(message);
	}

	next() {
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => reject(new Error(`nothing came to a canary in ${LIMIT_MS} ms`)), LIMIT_MS);
			this.take = (message) => {
				clearTimeout(timer);
				resolve({ message, at: performance.now() });
			};
			this.fail = reject;
		});
	}

	async join(room) {
		await this.opened;
		this.socket.send(JSON.stringify({ type: 'join', room }));
		this.id = (await this.next()).message.id;
	}
}

const pair = [new Singer(), new Singer()];
for (const singer of pair)
	await singer.join('canary');
let result;
const begin = () => (result = { count: 0, slowestMs: 0, ownMs: 0 });

async function pass(n) {
	const [from, to] = n % 2 ? pair : [pair[1], pair[0]];
	const starvedBefore = starved();
	const began = performance.now();

	from.socket.send(JSON.stringify({ type: 'signal', to: to.id, data: { n, sdp: 'v=0\r\n'.repeat(200) } }));
	const { message, at } = await to.next();
	if (message.data.n !== n || message.from !== from.id)
		throw new Error(`a canary heard ${JSON.stringify(message).slice(0, 100)} in place of number ${n}`);
	const ms = at - began;
	result.count++;
	result.slowestMs = Math.max(result.slowestMs, ms);
	result.ownMs = Math.max(result.ownMs, ms - (starved() - starvedBefore));
}

begin();
process.on('message', (what) => {
	process.send(result);
	if (what === 'stop')
		process.exit();
	begin();
});
process.send('singing');
for (let n = 1; ; n++) {
	await pass(n);
	await delay(2);
}
