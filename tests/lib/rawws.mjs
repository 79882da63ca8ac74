// rawws.mjs: a WebSocket client that can break every rule.
import { randomBytes } from 'node:crypto';
import { openRaw } from './http.mjs';

export const CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10;

/*
 * One client frame.
 *
 * fin, rsv, mask  as sent; mask null for an unmasked frame
 * lengthBytes     0, 2 or 8: the form of the length, for forms longer than due
 * length          the length that the header claims
 */
export function frame(opcode, payload = '', { fin = true, rsv = 0, mask = randomBytes(4),
	lengthBytes, length } = {}) {
	const body = Buffer.from(payload);
	const claimed = length ?? body.length;
	const form = lengthBytes ?? (claimed < 126 ? 0 : claimed < 65536 ? 2 : 8);
	const head = Buffer.alloc(2 + form);
	head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
	head[1] = (mask ? 0x80 : 0) | (form === 0 ? claimed : form === 2 ? 126 : 127);
	if (form === 2)
		head.writeUInt16BE(claimed, 2);
	if (form === 8)
		head.writeBigUInt64BE(BigInt(claimed), 2);
	if (!mask)
		return Buffer.concat([head, body]);
	for (let i = 0; i < body.length; i++)
		body[i] ^= mask[i % 4];
	return Buffer.concat([head, mask, body]);
}

export function closePayload(code, reason = '') {
	const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
	payload.writeUInt16BE(code);
	payload.write(reason, 2);
	return payload;
}

export function handshake(host, { path = '/v1/ws', protocol = 'signald.v1', version = '13',
	key = randomBytes(16).toString('base64'), upgrade = 'websocket', connection = 'Upgrade',
	method = 'GET', http = 'HTTP/1.1', headers = {} } = {}) {
	const lines = {
		Host: host, Upgrade: upgrade, Connection: connection, 'Sec-WebSocket-Key': key,
		'Sec-WebSocket-Version': version, 'Sec-WebSocket-Protocol': protocol, ...headers,
	};
	return `${method} ${path} ${http}\r\n` + Object.entries(lines)
		.filter(([, value]) => value !== null)
		.map(([name, value]) => `${name}: ${value}\r\n`).join('') + '\r\n';
}

export class RawWebSocket {
	constructor(connection) {
		this.connection = connection;
	}

	send(...frames) {
		return this.connection.write(Buffer.concat(frames));
	}

	sendJson(message, options) {
		return this.send(frame(TEXT, JSON.stringify(message), options));
	}

	// The next frame from the server, which must not mask and sends shortest forms.
	frame(limitMs) {
		const connection = this.connection;
		return connection.wait('a frame', () => {
			const bytes = connection.received;
			if (bytes.length < 2)
				return undefined;
			const short = bytes[1];
			if (short & 0x80)
				throw new Error('the server masked a frame');
			const form = short === 127 ? 8 : short === 126 ? 2 : 0;
			if (bytes.length < 2 + form)
				return undefined;
			const length = form === 8 ? Number(bytes.readBigUInt64BE(2))
				: form === 2 ? bytes.readUInt16BE(2) : short;
			if (bytes.length < 2 + form + length)
				return undefined;
			connection.received = bytes.subarray(2 + form + length);
			return {
				fin: (bytes[0] & 0x80) !== 0, rsv: (bytes[0] >> 4) & 7, opcode: bytes[0] & 15,
				payload: Buffer.from(bytes.subarray(2 + form, 2 + form + length)),
			};
		}, limitMs);
	}

	async json(limitMs) {
		const got = await this.frame(limitMs);
		if (got.opcode !== TEXT)
			throw new Error(`not a text frame but ${got.opcode}: ${got.payload.toString('latin1')}`);
		return JSON.parse(got.payload.toString());
	}

	// The next message of a type, past others (viewers, peer-joined).
	async message(type, limitMs) {
		for (;;) {
			const message = await this.json(limitMs);
			if (message.type === type)
				return message;
		}
	}

	// The close frame that must come (past other frames), then the end of the
	// connection: {code, reason}.
	async closing(limitMs) {
		for (;;) {
			const got = await this.frame(limitMs);
			if (got.opcode !== CLOSE)
				continue;
			await this.connection.closed(limitMs);
			if (got.payload.length === 0)
				return { code: 1005, reason: '' };
			return { code: got.payload.readUInt16BE(), reason: got.payload.subarray(2).toString() };
		}
	}

	// The answer to our own close frame: then the server ends the connection.
	end() {
		this.connection.end();
	}
}

export async function openRawWs(t, daemon, options) {
	const connection = await openRaw(t, daemon.port);
	await connection.write(handshake(daemon.host, options));
	const response = await connection.response();
	if (response.status !== 101)
		throw new Error(`no upgrade but ${response.status}: ${response.body}`);
	return new RawWebSocket(connection);
}

export async function joinRaw(t, daemon, join = {}, options) {
	const ws = await openRawWs(t, daemon, options);
	await ws.sendJson({ type: 'join', room: 'raw', ...join });
	ws.joined = await ws.message('joined');
	return ws;
}
