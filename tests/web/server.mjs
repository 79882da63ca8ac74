// server.mjs: a real WebSocket server whose every answer the test writes itself.
import { once } from 'node:events';
import { WebSocket, WebSocketServer } from 'ws';
import { Signald } from '../../web/client/index.js';
import { atEnd } from '../lib/ending.mjs';

/** A list whose first element can be waited for. */
class Queue {
	#items = [];
	#waiting = [];

	push(item) {
		const waiting = this.#waiting.shift();
		if (waiting)
			waiting(item);
		else
			this.#items.push(item);
	}

	next() {
		return this.#items.length
			? Promise.resolve(this.#items.shift())
			: new Promise((resolve) => this.#waiting.push(resolve));
	}
}

/** The server's end of one connection. */
class Connection {
	#messages = new Queue();

	constructor(socket) {
		this.socket = socket;
		this.protocol = socket.protocol;
		this.closed = once(socket, 'close').then(([code]) => code);
		socket.on('message', (text) => this.#messages.push(JSON.parse(text)));
	}

	/** The next message, which must be of this type. */
	async next(type) {
		const message = await this.#messages.next();
		if (message.type !== type)
			throw new Error(`expected ${type}, got ${JSON.stringify(message)}`);
		return message;
	}

	send(message) {
		this.socket.send(JSON.stringify(message));
	}

	/** Let the client in as somebody new. */
	async admit(id, more = {}) {
		const join = await this.next('join');
		this.send({ ...joined(id), room: join.room, ...more });
		return join;
	}

	/** Let the client go on as who it was. */
	async resume(id, more = {}) {
		const resume = await this.next('resume');
		this.send({ ...joined(id), type: 'resumed', ...more });
		return resume;
	}

	async refuse(reason) {
		const resume = await this.next('resume');
		this.send({ type: 'not-resumed', reason, message: `because of ${reason}` });
		return resume;
	}
}

export const EPOCH = 1000;

export function session(more = {}) {
	return { token: 'first', epoch: EPOCH, window: 30, settled: true, ...more };
}

export function joined(id) {
	return {
		type: 'joined', id, role: 'peer', peers: [], viewers: 0, session: session(),
		iceServers: [{ urls: ['stun:turn.example.org:3478'] }],
		ttl: 600, expiresAt: '2026-11-22T10:10:00Z', refreshAfter: 450, features: ['delivered', 'sessions'],
		limits: { maxMessageBytes: 65536, maxMetadataBytes: 4096, pingInterval: 25, silenceTimeout: 60 },
	};
}

/**
 * A server and a client of it, which both end with the test, and wholly: the
 * next one may have another clock, which could not clear their timers.
 */
export async function startPair(t, options = {}) {
	const server = new WebSocketServer({ host: '127.0.0.1', port: 0, path: '/v1/ws' });
	const connections = new Queue();
	server.on('connection', (socket) => connections.push(new Connection(socket)));
	await once(server, 'listening');
	const ends = [];
	class TrackedSocket extends WebSocket {
		constructor(...args) {
			super(...args);
			ends.push(new Promise((resolve) => this.on('close', resolve)));
		}
	}
	const url = `http://127.0.0.1:${server.address().port}`;
	const clients = [];
	/** One more client, as another page would be. */
	const open = (more = {}) => {
		const client = new Signald(url, { room: 'kitchen', WebSocket: TrackedSocket, minRetryMs: 1, maxRetryMs: 1, ...options, ...more });
		clients.push(client);
		return client;
	};
	atEnd(t, async () => {
		for (const client of clients)
			client.close();
		for (const socket of server.clients)
			socket.terminate();
		await Promise.all(ends);
		await new Promise((resolve) => server.close(resolve));
	});
	return { client: open(), open, connection: () => connections.next() };
}

/** The same, after the client has joined. */
export async function joinedPair(t, options = {}, more = {}) {
	const pair = await startPair(t, options);
	const connecting = pair.client.connect();
	const first = await pair.connection();
	const join = await first.admit('me', more);
	await connecting;
	return { ...pair, first, join };
}
