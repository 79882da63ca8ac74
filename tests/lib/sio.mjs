// sio.mjs: Engine.IO sessions written packet by packet, over polling and
// WebSocket, and what Socket.IO says over them.
import assert from 'node:assert/strict';
import http from 'node:http';
import WebSocket from 'ws';
import { atEnd } from './ending.mjs';
import { decodePayload, encodePayload } from './sio-codec.mjs';

const LIMIT_MS = 8000;
// Longer than a held poll waits for its ping.
const ANSWER_LIMIT_MS = 30000;
const agent = new http.Agent({ keepAlive: true });

const show = (value) => JSON.stringify(value)?.slice(0, 600);

/*
 * One HTTP request: {answer, sent, destroy()}; the answer has status, headers,
 * body and bytes; sent, that the system has taken all of it.
 */
export function request(target, path, { method = 'GET', headers = {}, body } = {}) {
	const req = http.request(`${target.url}${path}`, { method, headers, agent });
	const answer = new Promise((resolve, reject) => {
		req.on('error', reject);
		req.on('response', async (res) => {
			const chunks = [];
			res.on('error', reject);
			for await (const chunk of res)
				chunks.push(chunk);
			const bytes = Buffer.concat(chunks);
			resolve({ status: res.statusCode, headers: res.headers, bytes, body: bytes.toString() });
		});
	});
	answer.catch(() => {});
	req.setTimeout(ANSWER_LIMIT_MS, () => req.destroy(new Error(`${method} ${path} found no answer`)));
	const sent = new Promise((resolve) => req.end(body, resolve));
	return { answer, sent, destroy: () => req.destroy() };
}

export const get = (target, path, options) => request(target, path, options).answer;

// A round trip through the server: a request that is refused at once.
const knock = (target) => get(target, '/socket.io/?EIO=4');

// A poll that the server has come to hold: one round trip lets its connection
// in, in the next it was read before anything that is sent from now on.
export async function holdPoll(target, path, options) {
	const held = request(target, path, options);
	await held.sent;
	await knock(target);
	await knock(target);
	return held;
}

/*
 * An answer comes at once, by the measure of the moment: within a few round
 * trips of other requests.
 */
export async function comesAtOnce(target, answer) {
	const roundTrips = 10;
	let isHere = false;
	answer.then(() => (isHere = true), () => {});
	for (let i = 0; i < roundTrips && !isHere; i++)
		await knock(target);
	assert.ok(isHere, `not within ${roundTrips} round trips`);
	return answer;
}

// What was heard, in order; next() takes from it and waits.
export class Inbox {
	constructor() {
		this.items = [];
		this.waiting = new Set();
		this.ended = new Promise((resolve) => (this.resolveEnded = resolve));
	}

	put(item) {
		for (const entry of this.waiting) {
			if (entry.matches(item)) {
				entry.done(item);
				return;
			}
		}
		this.items.push(item);
	}

	end(why) {
		if (this.why !== undefined)
			return;
		this.why = why;
		this.resolveEnded(why);
		for (const entry of this.waiting)
			entry.fail(new Error(`ended (${show(why)}) while waiting for ${entry.what}; heard ${show(this.items)}`));
	}

	// Why it ended; that must come in time.
	async over(limitMs = LIMIT_MS) {
		let timer;
		const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(
			`no end within ${limitMs} ms; heard ${show(this.items)}`)), limitMs)));
		return Promise.race([this.ended, late]).finally(() => clearTimeout(timer));
	}

	// The first item that matches: all do, or those that begin with a text, or
	// those a function says. Others stay.
	next(match = '', limitMs = LIMIT_MS) {
		const matches = typeof match === 'function' ? match
			: (item) => match === '' || (typeof item === 'string' && item.startsWith(match));
		const index = this.items.findIndex(matches);
		if (index >= 0)
			return Promise.resolve(this.items.splice(index, 1)[0]);
		if (this.why !== undefined)
			return Promise.reject(new Error(`ended (${show(this.why)}), no ${match} came`));
		return new Promise((resolve, reject) => {
			const entry = { what: match.toString(), matches };
			const settle = (act) => (value) => {
				clearTimeout(timer);
				this.waiting.delete(entry);
				act(value);
			};
			const timer = setTimeout(() => entry.fail(new Error(
				`waited ${limitMs} ms in vain for ${entry.what}; heard ${show(this.items)}`)), limitMs);
			entry.done = settle(resolve);
			entry.fail = settle(reject);
			this.waiting.add(entry);
		});
	}
}

const inNamespace = (nsp) => (nsp === '/' ? '' : `${nsp},`);

// What both transports have in common. Pings of protocol 4 are answered, and not
// put into the inbox, unless isMute; so are those of WebSocket itself, which are
// {ping} there.
class Engine extends Inbox {
	constructor(target, { version = 4, isMute = false } = {}) {
		super();
		Object.assign(this, { target, version, isMute });
	}

	hear(packet) {
		if (packet === '2' && this.version === 4 && !this.isMute)
			void this.send('3');
		else
			this.put(packet);
	}

	// CONNECT; the answer's data, or an Error of CONNECT_ERROR's.
	async connect(nsp = '/', auth) {
		const place = inNamespace(nsp);
		if (this.version === 4 || nsp !== '/')
			void this.send(`40${place}${auth ? JSON.stringify(auth) : ''}`);
		const matches = (p) => [`40${place}`, `44${place}`].some((head) => String(p).startsWith(head)
			&& (nsp !== '/' || p[2] !== '/'));
		const answer = await this.next(matches);
		const data = answer.slice(2 + place.length);
		if (answer[1] === '4')
			throw Object.assign(new Error('CONNECT_ERROR'), { data: JSON.parse(data) });
		this.id = data ? JSON.parse(data).sid : nsp === '/' ? this.open.sid : `${nsp}#${this.open.sid}`;
		return data ? JSON.parse(data) : {};
	}

	emit(...args) {
		return this.send(`42${JSON.stringify(args)}`);
	}

	// The arguments of the next event of that name, in `/`.
	async event(name, limitMs) {
		const packet = await this.next(`42[${JSON.stringify(name)}`, limitMs);
		return JSON.parse(packet.slice(2)).slice(1);
	}
}

export class WsSession extends Engine {
	constructor(target, options = {}) {
		super(target, options);
		const { version, sid, query = '', headers = {}, origin } = { ...options, version: this.version };
		const path = `/socket.io/?EIO=${version}&transport=websocket${sid ? `&sid=${sid}` : ''}${query && `&${query}`}`;
		this.socket = new WebSocket(`ws://${target.host}${options.path ?? path}`,
			{ headers, origin, perMessageDeflate: false, maxPayload: 1 << 26, autoPong: !this.isMute });
		if (this.isMute)
			this.socket.on('ping', (ping) => this.put({ ping }));
		this.socket.on('message', (data, isBinary) => this.hear(isBinary ? this.#unpack(data) : data.toString()));
		this.opened = new Promise((resolve, reject) => {
			this.socket.once('open', resolve);
			this.socket.once('error', reject);
			this.socket.once('unexpected-response', async (req, res) => {
				let body = '';
				for await (const chunk of res)
					body += chunk;
				reject(Object.assign(new Error(`no upgrade but ${res.statusCode}: ${body}`),
					{ status: res.statusCode, headers: res.headers, body }));
			});
		});
		this.opened.catch(() => {});
		this.socket.on('error', () => {});
		this.socket.on('close', (code, reason) => this.end({ code, reason: reason.toString() }));
	}

	// Protocol 3 has the type in front of binary messages.
	#unpack(data) {
		return this.version === 3 ? data.subarray(1) : data;
	}

	async send(...packets) {
		for (const packet of packets)
			this.socket.send(Buffer.isBuffer(packet) && this.version === 3
				? Buffer.concat([Buffer.from([4]), packet]) : packet);
	}

	stop() {
		this.socket.terminate();
	}
}

export class PollingSession extends Engine {
	constructor(target, options = {}) {
		super(target, options);
		this.query = options.query ?? '';
		this.headers = options.headers ?? {};
		this.requests = new Set();
		this.tail = Promise.resolve();
	}

	get path() {
		return `/socket.io/?EIO=${this.version}&transport=polling${this.version === 3 ? '&b64=1' : ''}`
			+ `${this.open ? `&sid=${this.open.sid}` : ''}${this.query && `&${this.query}`}`;
	}

	request(options) {
		const sent = request(this.target, this.path, { ...options, headers: { ...this.headers, ...options?.headers } });
		this.requests.add(sent);
		sent.answer.finally(() => this.requests.delete(sent)).catch(() => {});
		return sent;
	}

	async handshake() {
		const answer = await this.request().answer;
		if (answer.status !== 200)
			throw Object.assign(new Error(`no handshake but ${answer.status}`), answer);
		const [open, ...others] = decodePayload(this.version, answer);
		this.handshakeAnswer = answer;
		this.open = JSON.parse(open.slice(1));
		others.forEach((packet) => this.hear(packet));
	}

	// One poll: the answer, with packets.
	async poll() {
		const answer = await this.request().answer;
		return { ...answer, packets: answer.status === 200 ? decodePayload(this.version, answer) : [] };
	}

	// Polls until the session ends.
	async keepPolling() {
		this.isPolling = true;
		while (this.isPolling) {
			const answer = await this.poll().catch((error) => ({ status: 0, error: error.message }));
			for (const packet of answer.packets ?? [])
				this.hear(packet);
			if (answer.status !== 200)
				this.end({ status: answer.status, body: answer.body ?? answer.error });
			if (answer.status !== 200 || answer.packets.includes('1'))
				break;
		}
		if (this.isPolling)
			this.end('1');
	}

	post(...packets) {
		return this.postBody(encodePayload(this.version, packets));
	}

	postBody(body, type = 'text/plain;charset=UTF-8') {
		return this.request({ method: 'POST', body, headers: { 'Content-Type': type } }).answer;
	}

	// One POST after the other.
	send(...packets) {
		const sent = this.tail.then(() => this.post(...packets));
		this.tail = sent.catch(() => {});
		return sent;
	}

	stop() {
		this.isPolling = false;
		for (const sent of this.requests)
			sent.destroy();
	}
}

/*
 * Open a session; it ends with the test.
 *
 * version  of Engine.IO, 4
 * query    the application's own part of it, as "room=x"
 * isMute   pings are not answered, and heard
 * isIdle   (polling) does not poll by itself
 */
export async function openWs(t, target, options) {
	const session = new WsSession(target, options);
	atEnd(t, () => session.stop());
	await session.opened;
	if (!options?.sid) {
		const text = await session.next('0');
		session.open = JSON.parse(text.slice(1));
	}
	return session;
}

export async function openPolling(t, target, options) {
	const session = new PollingSession(target, options);
	atEnd(t, () => session.stop());
	await session.handshake();
	if (!options?.isIdle)
		void session.keepPolling();
	return session;
}

export const open = { polling: openPolling, websocket: openWs };

// A session joined to a namespace.
export async function join(t, target, { transport = 'websocket', nsp = '/', auth, ...options } = {}) {
	const session = await open[transport](t, target, options);
	session.joined = await session.connect(nsp, auth);
	return session;
}

let rooms = 0;

// The query of a room that no other test has.
export const newRoom = () => ({ query: `room=${process.pid}-${++rooms}` });

// Two in a room of their own: in `/` a broadcaster and its watcher.
export async function pair(t, target, nsp = '/', options) {
	const room = newRoom();
	const left = await join(t, target, { nsp, ...room, ...options });
	const right = await join(t, target, { nsp, ...room, ...options });
	if (nsp === '/')
		await acquaint(left, right);
	return [left, right];
}

export async function acquaint(broadcaster, watcher) {
	await broadcaster.emit('broadcaster');
	await settle(broadcaster);
	await watcher.emit('watcher');
	assert.deepEqual(await broadcaster.event('watcher'), [watcher.id]);
}

/*
 * Everything said before has been heard: an answer came to what was said after
 * it, a CONNECT to a namespace that is not there.
 */
export async function settle(session) {
	await assert.rejects(session.connect('/settle'));
}

// They still relay, in `/`.
export async function relays(left, right) {
	await left.emit('offer', right.id, { n: 1 });
	assert.deepEqual(await right.event('offer'), [left.id, { n: 1 }]);
}

// Join `/` with a polling session that does not poll by itself.
export async function connectIdle(session) {
	if (session.version === 4)
		await session.post('40');
	const packets = session.items.length > 0 ? session.items.splice(0) : (await session.poll()).packets;
	assert.match(packets.join(), /^40/);
	session.id = session.version === 4 ? JSON.parse(packets[0].slice(2)).sid : session.open.sid;
}

// Upgrade a polling session that does not poll by itself: the WebSocket, after
// its probe was answered.
export async function probe(t, session, options) {
	const ws = await openWs(t, session.target,
		{ version: session.version, sid: session.open.sid, query: session.query, ...options });
	ws.open = session.open;
	await ws.send('2probe');
	const answer = await ws.next();
	if (answer !== '3probe')
		throw new Error(`a probe answered with ${answer}`);
	return ws;
}
