// peer.mjs: a client as applications write them, on the npm package ws. Every
// message that it hears is judged by the schemas.
import assert from 'node:assert/strict';
import WebSocket from 'ws';
import { atEnd } from './ending.mjs';
import { judge } from './schema.mjs';

const LIMIT_MS = 10000;

export class Peer {
	constructor(url, options = {}) {
		this.inbox = [];
		this.waiting = new Set();
		this.refs = 0;
		this.bytes = 0;
		this.socket = new WebSocket(url, options.protocols ?? ['signald.v1'], {
			origin: options.origin, headers: options.headers, ca: options.ca, servername: options.servername, rejectUnauthorized: options.rejectUnauthorized, perMessageDeflate: false, maxPayload: 1 << 26,
		});
		this.socket.on('message', (data, isBinary) => this.#hear(data, isBinary));
		this.closed = new Promise((resolve) => {
			this.socket.on('close', (code, reason) => {
				this.closeCode = code;
				resolve({ code, reason: reason.toString() });
				for (const entry of this.waiting)
					entry.fail(new Error(`closed with ${code} ${reason} while waiting for ${entry.what}`));
			});
		});
		this.opened = new Promise((resolve, reject) => {
			this.socket.once('open', resolve);
			this.socket.once('unexpected-response', (request, response) => {
				reject(Object.assign(new Error(`no upgrade but ${response.statusCode}`),
					{ status: response.statusCode, headers: response.headers }));
				request.destroy();
			});
			this.socket.on('error', reject);
		});
		this.opened.catch(() => {});
	}

	#hear(data, isBinary) {
		assert.equal(isBinary, false, 'the server sends text only');
		this.bytes += data.length;
		const message = JSON.parse(data.toString());
		this.schemaError ??= judge('server', message);
		for (const entry of this.waiting) {
			if (entry.matches(message)) {
				entry.done(message);
				return;
			}
		}
		this.inbox.push(message);
	}

	send(message) {
		this.socket.send(JSON.stringify(message));
	}

	// The first message that matches: one heard already, or one to come. Others
	// stay in the inbox.
	next(match, limitMs = LIMIT_MS) {
		const matches = typeof match === 'string' ? (m) => m.type === match : match;
		const what = typeof match === 'string' ? match : match.toString();
		const index = this.inbox.findIndex(matches);
		if (index >= 0)
			return Promise.resolve(this.inbox.splice(index, 1)[0]);
		if (this.closeCode !== undefined)
			return Promise.reject(new Error(`closed with ${this.closeCode}, no ${what} came`));
		return new Promise((resolve, reject) => {
			const entry = { what, matches };
			const timer = setTimeout(() => entry.fail(new Error(
				`waited ${limitMs} ms in vain for ${what}; heard ${JSON.stringify(this.inbox).slice(0, 1000)}`)),
				limitMs);
			const settle = (act) => (value) => {
				clearTimeout(timer);
				this.waiting.delete(entry);
				act(value);
			};
			entry.done = settle(resolve);
			entry.fail = settle(reject);
			this.waiting.add(entry);
		});
	}

	// Send with a ref; the one answer that repeats it.
	async request(message, limitMs) {
		const ref = `r${++this.refs}`;
		this.send({ ...message, ref });
		return this.next((m) => m.ref === ref, limitMs);
	}

	// Everything that the server sent before it answers this ping has been heard.
	async settle() {
		const pong = await this.request({ type: 'ping' });
		assert.equal(pong.type, 'pong');
	}

	async join(room, more = {}) {
		this.joined = await this.request({ type: 'join', room, ...more });
		if (this.joined.type === 'joined')
			this.id = this.joined.id;
		return this.joined;
	}

	heard(type) {
		return this.inbox.filter((m) => m.type === type);
	}

	async close(code = 1000) {
		this.socket.close(code);
		return this.closed;
	}
}

export async function openPeer(t, daemon, options) {
	const peer = new Peer(daemon.wsUrl, options);
	atEnd(t, () => {
		peer.socket.terminate();
		assert.equal(peer.schemaError ?? null, null);
	});
	await peer.opened;
	return peer;
}

export async function joinPeer(t, daemon, room, more) {
	const peer = await openPeer(t, daemon);
	const joined = await peer.join(room, more);
	assert.equal(joined.type, 'joined', JSON.stringify(joined));
	return peer;
}
