// turn-client.mjs: a TURN client (RFC 8489, RFC 8656) over UDP, or a stream that
// the caller has opened, for asking a relay what it lets through. Answers come as plain objects, errors with their
// code; nothing is thrown for a refusal.
import { createHash, createHmac, randomBytes, randomInt } from 'node:crypto';
import dgram from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import net from 'node:net';

const COOKIE = 0x2112a442;
const HEADER_BYTES = 20;
const FINGERPRINT_XOR = 0x5354554e;

export const METHOD = { binding: 1, allocate: 3, refresh: 4, send: 6, data: 7, createPermission: 8, channelBind: 9 };
const CLASS = { request: 0, indication: 0x10, success: 0x100, error: 0x110 };

const ATTR = {
	username: 0x0006, integrity: 0x0008, error: 0x0009, channel: 0x000c, lifetime: 0x000d,
	xorPeer: 0x0012, data: 0x0013, realm: 0x0014, nonce: 0x0015, xorRelayed: 0x0016,
	family: 0x0017, transport: 0x0019, xorMapped: 0x0020, fingerprint: 0x8028,
};

export const TRANSPORT = { udp: 17, tcp: 6 };

// A time-limited credential (draft-uberti-behave-turn-rest-00).
export function mintCredential(secret, user = 'test', ttlSeconds = 600) {
	const username = `${Math.floor(Date.now() / 1000) + ttlSeconds}:${user}`;
	return { username, credential: createHmac('sha1', secret).update(username).digest('base64') };
}

// The 4 or 16 bytes of an address as it is written.
export function addressBytes(text) {
	if (net.isIPv4(text))
		return Buffer.from(text.split('.').map(Number));
	if (!net.isIPv6(text))
		throw new Error(`no address: ${text}`);
	const [head, tail] = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/,
		(_, a, b, c, d) => `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`).split('::');
	const words = (part) => (part ? part.split(':') : []).map((word) => parseInt(word, 16));
	const front = words(head);
	const back = words(tail);
	const all = [...front, ...Array(8 - front.length - back.length).fill(0), ...back];
	const bytes = Buffer.alloc(16);
	all.forEach((word, i) => bytes.writeUInt16BE(word, 2 * i));
	return bytes;
}

function bytesAddress(bytes) {
	if (bytes.length === 4)
		return [...bytes].join('.');
	const words = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
	return new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1);
}

function xor(bytes, transaction) {
	const key = Buffer.alloc(16);
	key.writeUInt32BE(COOKIE);
	transaction.copy(key, 4);
	return Buffer.from(bytes.map((byte, i) => byte ^ key[i]));
}

function encodeAddress({ address, port }, transaction) {
	const bytes = addressBytes(address);
	const head = Buffer.from([0, bytes.length === 4 ? 1 : 2, 0, 0]);
	head.writeUInt16BE(port ^ (COOKIE >>> 16), 2);
	return Buffer.concat([head, xor(bytes, transaction)]);
}

function decodeAddress(value, transaction) {
	return {
		address: bytesAddress(xor(value.subarray(4), transaction)),
		port: value.readUInt16BE(2) ^ (COOKIE >>> 16),
	};
}

function attribute(type, value) {
	const head = Buffer.alloc(4);
	head.writeUInt16BE(type);
	head.writeUInt16BE(value.length, 2);
	return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
}

function uint32(value) {
	const bytes = Buffer.alloc(4);
	bytes.writeUInt32BE(value >>> 0);
	return bytes;
}

function header(type, length, transaction) {
	const head = Buffer.alloc(8);
	head.writeUInt16BE(type);
	head.writeUInt16BE(length, 2);
	head.writeUInt32BE(COOKIE, 4);
	return Buffer.concat([head, transaction]);
}

function crc32(bytes) {
	let crc = 0xffffffff;
	for (const byte of bytes) {
		crc ^= byte;
		for (let bit = 0; bit < 8; bit++)
			crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc >>> 0;
}

// attributes: [type, value] pairs; key: for MESSAGE-INTEGRITY, if any.
export function encode(method, klass, transaction, attributes, key) {
	const type = method | klass;
	let body = Buffer.concat(attributes.map(([kind, value]) => attribute(kind, value)));
	if (key) {
		const signed = Buffer.concat([header(type, body.length + 24, transaction), body]);
		body = Buffer.concat([body, attribute(ATTR.integrity, createHmac('sha1', key).update(signed).digest())]);
	}
	const summed = Buffer.concat([header(type, body.length + 8, transaction), body]);
	return Buffer.concat([summed, attribute(ATTR.fingerprint, uint32(crc32(summed) ^ FINGERPRINT_XOR))]);
}

export function decode(bytes) {
	if (bytes.length < HEADER_BYTES || bytes.readUInt32BE(4) !== COOKIE)
		return null;
	const message = {
		method: bytes.readUInt16BE() & 0x3eef,
		klass: bytes.readUInt16BE() & 0x110,
		transaction: bytes.subarray(8, HEADER_BYTES),
		attributes: new Map(),
	};
	for (let at = HEADER_BYTES; at + 4 <= bytes.length;) {
		const length = bytes.readUInt16BE(at + 2);
		message.attributes.set(bytes.readUInt16BE(at), bytes.subarray(at + 4, at + 4 + length));
		at += 4 + length + ((4 - (length % 4)) % 4);
	}
	return message;
}

function errorCode(message) {
	const value = message.attributes.get(ATTR.error);
	return value ? (value[2] & 7) * 100 + value[3] : 0;
}

// What came back: code 200 for a success, else the error's.
function answerOf(message) {
	const { attributes, transaction } = message;
	const answer = { code: message.klass === CLASS.success ? 200 : errorCode(message) };
	if (attributes.has(ATTR.xorRelayed))
		answer.relayed = decodeAddress(attributes.get(ATTR.xorRelayed), transaction);
	if (attributes.has(ATTR.xorMapped))
		answer.mapped = decodeAddress(attributes.get(ATTR.xorMapped), transaction);
	if (attributes.has(ATTR.lifetime))
		answer.lifetime = attributes.get(ATTR.lifetime).readUInt32BE();
	answer.realm = attributes.get(ATTR.realm);
	answer.nonce = attributes.get(ATTR.nonce);
	return answer;
}

// A connected stream, TLS or not, as the client below wants it: whole messages,
// ChannelData padded (RFC 8656, 12.5).
class MessageStream extends EventEmitter {
	#stream;
	#rest = Buffer.alloc(0);

	constructor(stream) {
		super();
		this.#stream = stream;
		this.isReliable = true;
		stream.on('data', (bytes) => this.#take(bytes));
		stream.on('error', (fault) => (this.fault = fault));
	}

	#take(bytes) {
		this.#rest = Buffer.concat([this.#rest, bytes]);
		while (this.#rest.length >= 4) {
			const isChannel = (this.#rest[0] & 0xc0) === 0x40;
			const body = this.#rest.readUInt16BE(2);
			const length = isChannel ? 4 + body + ((4 - (body % 4)) % 4) : HEADER_BYTES + body;
			if (this.#rest.length < length)
				return;
			this.emit('message', this.#rest.subarray(0, length));
			this.#rest = this.#rest.subarray(length);
		}
	}

	send(bytes) {
		this.#stream.write(Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]));
	}

	close() {
		this.#stream.destroy();
	}
}

// One after the other: coturn knows a port for seconds after its allocation has
// ended, and for a minute one that it has refused, and takes no other user from
// there then (437).
const PORTS = { first: 20000, last: 39999 };
let lastPort = randomInt(PORTS.first, PORTS.last);

async function bindFresh(socket, address) {
	for (;;) {
		lastPort = lastPort < PORTS.last ? lastPort + 1 : PORTS.first;
		socket.bind(lastPort, address);
		try {
			await once(socket, 'listening');
			return;
		} catch (fault) {
			if (fault.code !== 'EADDRINUSE')
				throw fault;
		}
	}
}

export class TurnClient {
	// server: { address, port }; credential: { username, credential }, or none
	// for asking without; local: address to send from.
	static async open({ server, credential, local }) {
		const socket = dgram.createSocket(net.isIPv6(server.address) ? 'udp6' : 'udp4');
		const client = new TurnClient(socket, server, credential);
		await bindFresh(socket, local);
		return client;
	}

	// Over a stream that is connected to the server.
	static overStream(stream, credential) {
		const server = { address: stream.remoteAddress, port: stream.remotePort };
		return new TurnClient(new MessageStream(stream), server, credential);
	}

	constructor(socket, server, credential) {
		this.socket = socket;
		this.server = server;
		this.credential = credential;
		this.waiting = new Map();
		this.inbox = [];
		this.readers = [];
		this.channels = new Map();
		socket.on('message', (bytes) => this.#receive(bytes));
	}

	close() {
		this.socket.close();
	}

	binding() {
		return this.#ask(METHOD.binding, []);
	}

	// family: 4 or 6; the answer of a success has the relayed address.
	allocate({ family = 4, transport = TRANSPORT.udp, lifetime } = {}) {
		const wish = [ATTR.family, Buffer.from([family === 6 ? 2 : 1, 0, 0, 0])];
		return this.request(METHOD.allocate, () => [
			[ATTR.transport, Buffer.from([transport, 0, 0, 0])],
			...(family === 6 ? [wish] : []),
			...(lifetime === undefined ? [] : [[ATTR.lifetime, uint32(lifetime)]]),
		]);
	}

	refresh(lifetime) {
		return this.request(METHOD.refresh, () => [[ATTR.lifetime, uint32(lifetime)]]);
	}

	permit(address) {
		return this.request(METHOD.createPermission, (transaction) => [
			[ATTR.xorPeer, encodeAddress({ address, port: 0 }, transaction)],
		]);
	}

	async bindChannel(number, peer) {
		const answer = await this.request(METHOD.channelBind, (transaction) => [
			[ATTR.channel, Buffer.from([number >> 8, number & 0xff, 0, 0])],
			[ATTR.xorPeer, encodeAddress(peer, transaction)],
		]);
		if (answer.code === 200)
			this.channels.set(number, peer);
		return answer;
	}

	// A Send indication, which nobody answers.
	send(peer, data) {
		const transaction = randomBytes(12);
		this.#transmit(encode(METHOD.send, CLASS.indication, transaction, [
			[ATTR.xorPeer, encodeAddress(peer, transaction)],
			[ATTR.data, Buffer.from(data)],
		]));
	}

	sendChannel(number, data) {
		const bytes = Buffer.from(data);
		const head = Buffer.alloc(4);
		head.writeUInt16BE(number);
		head.writeUInt16BE(bytes.length, 2);
		this.#transmit(Buffer.concat([head, bytes]));
	}

	// The next datagram relayed to us: { peer, data, channel }; null after so
	// long without one.
	receive(limitMs = 3000) {
		if (this.inbox.length)
			return Promise.resolve(this.inbox.shift());
		return new Promise((resolve) => {
			const reader = (item) => {
				clearTimeout(timer);
				resolve(item);
			};
			const timer = setTimeout(() => {
				this.readers.splice(this.readers.indexOf(reader), 1);
				resolve(null);
			}, limitMs);
			this.readers.push(reader);
		});
	}

	// A request with the credential. The first one is refused with a realm and
	// a nonce (401), later ones when the nonce went stale (438).
	async request(method, makeAttributes) {
		let answer = await this.#askSigned(method, makeAttributes);
		if (this.credential && answer.nonce && (answer.code === 401 || answer.code === 438)) {
			const isFirst = !this.nonce;
			this.realm = answer.realm;
			this.nonce = answer.nonce;
			if (isFirst || answer.code === 438)
				answer = await this.#askSigned(method, makeAttributes);
		}
		return answer;
	}

	#askSigned(method, makeAttributes) {
		const transaction = randomBytes(12);
		const attributes = makeAttributes(transaction);
		if (!this.nonce)
			return this.#ask(method, attributes, undefined, transaction);
		attributes.push(
			[ATTR.username, Buffer.from(this.credential.username)],
			[ATTR.realm, this.realm],
			[ATTR.nonce, this.nonce]);
		return this.#ask(method, attributes, this.#key(), transaction);
	}

	#key() {
		const { username, credential } = this.credential;
		return createHash('md5').update(`${username}:${this.realm}:${credential}`).digest();
	}

	// UDP may lose either way: sent again after 500 ms, then 1 s, 2 s. A stream
	// loses nothing.
	async #ask(method, attributes, key, transaction = randomBytes(12)) {
		const id = transaction.toString('hex');
		const bytes = encode(method, CLASS.request, transaction, attributes, key);
		const answered = new Promise((resolve) => this.waiting.set(id, resolve));
		for (let waitMs = this.socket.isReliable ? 2000 : 500; waitMs <= 2000; waitMs *= 2) {
			this.#transmit(bytes);
			const message = await this.#within(answered, waitMs);
			if (message) {
				this.waiting.delete(id);
				return answerOf(message);
			}
		}
		this.waiting.delete(id);
		throw new Error(`no answer from ${this.server.address}:${this.server.port}`);
	}

	#within(promise, limitMs) {
		let timer;
		const late = new Promise((resolve) => (timer = setTimeout(resolve, limitMs)));
		return Promise.race([promise, late]).finally(() => clearTimeout(timer));
	}

	#transmit(bytes) {
		this.socket.send(bytes, this.server.port, this.server.address);
	}

	#receive(bytes) {
		if (bytes.length >= 4 && (bytes[0] & 0xc0) === 0x40) {
			const channel = bytes.readUInt16BE();
			this.#deliver({ channel, peer: this.channels.get(channel), data: bytes.subarray(4, 4 + bytes.readUInt16BE(2)) });
			return;
		}
		const message = decode(bytes);
		if (!message)
			return;
		if (message.klass === CLASS.indication && message.method === METHOD.data)
			this.#deliver({
				peer: decodeAddress(message.attributes.get(ATTR.xorPeer), message.transaction),
				data: message.attributes.get(ATTR.data),
			});
		else
			this.waiting.get(message.transaction.toString('hex'))?.(message);
	}

	#deliver(item) {
		const reader = this.readers.shift();
		if (reader)
			reader(item);
		else
			this.inbox.push(item);
	}
}
