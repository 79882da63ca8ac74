// sio-clients.mjs: the real clients, of versions 4 and 2, as pages use them.
import assert from 'node:assert/strict';
import { io as io4 } from 'socket.io-client';
import io2 from 'socket.io-client-2';
import { atEnd } from './ending.mjs';
import { Inbox } from './sio.mjs';

export const KINDS = [4, 2].flatMap((version) => [
	['default', undefined], ['polling', ['polling']], ['websocket', ['websocket']],
].map(([how, transports]) => ({ name: `${version} ${how}`, version, how, transports })));

export const kind = (name) => KINDS.find((each) => each.name === name);

// The client hands over only what somebody listens for.
const EVENTS = [
	'broadcaster', 'watcher', 'offer', 'answer', 'candidate', 'disconnectPeer',
	'created', 'joined', 'join', 'ready', 'full', 'message', 'log',
	'all users', 'room full', 'user joined', 'receiving returned signal', 'user left',
	'me', 'callUser', 'callAccepted', 'callEnded',
	'user-connected', 'user-disconnected', 'createMessage', 'note', 'bin', 'ask', 'hello', 'signal', 'broadcast',
];

// What a client heard, in order: {name, args}; ack is the last argument's
// function, when there is one.
export class Client extends Inbox {
	constructor(target, each, { nsp = '/', query, auth, ...more } = {}) {
		super();
		const options = { forceNew: true, transports: each.transports, reconnectionDelay: 50,
			reconnectionDelayMax: 100, randomizationFactor: 0, timeout: 8000, ...more };
		this.version = each.version;
		this.io = each.version === 4 ? io4 : io2;
		if (each.version === 2) {
			delete options.transports;
			Object.assign(options, each.transports && { transports: each.transports });
		}
		this.socket = this.io(target.url + (nsp === '/' ? '' : nsp), { ...options, query, auth });
		for (const name of EVENTS)
			this.socket.on(name, (...args) => this.#hear(name, args));
		for (const name of ['connect', 'connect_error', 'error', 'disconnect'])
			this.socket.on(name, (about) => this.put({ life: name, about }));
	}

	#hear(name, args) {
		const ack = typeof args.at(-1) === 'function' ? args.pop() : undefined;
		this.put({ name, args, ack });
	}

	get id() {
		return this.socket.id;
	}

	get transport() {
		return this.socket.io.engine.transport.name;
	}

	emit(...args) {
		this.socket.emit(...args);
	}

	// The arguments of the next event of that name.
	async event(name, limitMs) {
		return (await this.whole(name, limitMs)).args;
	}

	whole(name, limitMs) {
		return this.next(Object.assign((item) => item.name === name, { toString: () => name }), limitMs);
	}

	async life(name, limitMs) {
		return (await this.next(Object.assign((item) => item.life === name, { toString: () => name }), limitMs)).about;
	}

	heard(name) {
		return this.items.filter((item) => item.name === name);
	}

	// The answer's arguments.
	ask(...args) {
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => reject(new Error(`no ack of ${args[0]}`)), 8000);
			this.socket.emit(...args, (...answer) => {
				clearTimeout(timer);
				resolve(answer);
			});
		});
	}
}

// It ends with the test.
export async function openClient(t, target, each, options) {
	const client = new Client(target, each, options);
	atEnd(t, () => client.socket.close());
	await client.life('connect');
	return client;
}

let nowheres = 0;

// An answer comes to what it asks after all that it said: a CONNECT to a
// namespace that is not there.
function roundTrip(client) {
	const nowhere = client.socket.io.socket(`/nowhere-${++nowheres}`);
	const answer = new Promise((resolve) => nowhere.once(client.version === 4 ? 'connect_error' : 'error', resolve));
	// Else it would keep the connection open.
	return answer.then(() => nowhere.disconnect());
}

// All that they said has been carried out, then all of it has been heard.
async function settle(clients) {
	for (let i = 0; i < 2; i++)
		await Promise.all(clients.map(roundTrip));
}

// No event is left unheard, nor on its way between them.
export async function heardNothingElse(...clients) {
	await settle(clients.filter(({ socket }) => socket.connected));
	for (const client of clients)
		assert.deepEqual(client.items.filter(({ name }) => name), []);
}
