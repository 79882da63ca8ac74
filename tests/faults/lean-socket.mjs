// lean-socket.mjs: as much of a WebSocket as the client uses, on a bare TCP
// socket. Ten thousand that connect at once in two processes are what is tried
// in a storm, and not the package ws, whose handshake costs several times as much.
import net from 'node:net';
import { CLOSE, PING, PONG, TEXT, closePayload, frame, handshake } from '../lib/rawws.mjs';

const OPEN = 1;
const CLOSED = 3;
// The server cannot tell, and does not ask for more.
const KEY = Buffer.alloc(16).toString('base64');
const MASK = Buffer.alloc(4);

export class LeanSocket {
	readyState = 0;
	#socket;
	#rest;
	#code = 1006;
	#reason = '';

	// onRefused  hears the status line of an answer that is no upgrade
	constructor(url, protocol, onRefused) {
		const { hostname, port, host, pathname: path } = new URL(url);
		this.onRefused = onRefused;
		this.#socket = net.connect({ host: hostname, port: Number(port), noDelay: true });
		this.#socket.write(handshake(host, { path, protocol, key: KEY }));
		this.#socket.on('data', (chunk) => this.#hear(chunk));
		this.#socket.on('error', () => {});
		this.#socket.on('close', () => this.#end());
	}

	send(text) {
		this.#socket.write(frame(TEXT, text, { mask: MASK }));
	}

	// The server's own close frame is not waited for.
	close(code) {
		if (this.readyState === OPEN)
			this.#socket.write(frame(CLOSE, code ? closePayload(code) : '', { mask: MASK }));
		this.#socket.destroySoon();
	}

	// Without a word.
	cut() {
		this.#socket.destroy();
	}

	#end() {
		this.readyState = CLOSED;
		this.onclose({ code: this.#code, reason: this.#reason });
	}

	#hear(chunk) {
		const bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
		const taken = this.readyState === OPEN ? this.#takeFrames(bytes) : this.#takeAnswer(bytes);
		this.#rest = taken < bytes.length ? bytes.subarray(taken) : undefined;
	}

	#takeAnswer(bytes) {
		const end = bytes.indexOf('\r\n\r\n');
		if (end < 0)
			return 0;
		const [status] = bytes.latin1Slice(0, end).split('\r\n');
		if (!status.startsWith('HTTP/1.1 101')) {
			this.onRefused(status);
			this.#socket.destroy();
			return bytes.length;
		}
		this.readyState = OPEN;
		this.onopen();
		return end + 4 + this.#takeFrames(bytes.subarray(end + 4));
	}

	// The server's frames are whole messages, unmasked.
	#takeFrames(bytes) {
		let at = 0;
		for (;;) {
			const short = bytes[at + 1];
			const head = short === 126 ? 4 : 2;
			const length = short === 126 && bytes.length >= at + 4 ? bytes.readUInt16BE(at + 2) : short;
			if (!(bytes.length >= at + head + length))
				return at;
			this.#take(bytes[at] & 15, bytes.subarray(at + head, at + head + length));
			at += head + length;
		}
	}

	#take(opcode, payload) {
		if (opcode === TEXT)
			this.onmessage({ data: payload.utf8Slice() });
		else if (opcode === PING)
			this.#socket.write(frame(PONG, payload, { mask: MASK }));
		else if (opcode === CLOSE)
			this.#answerClose(payload);
	}

	// The server ends the connection then, as it does with browsers.
	#answerClose(payload) {
		if (payload.length >= 2)
			[this.#code, this.#reason] = [payload.readUInt16BE(), payload.utf8Slice(2)];
		this.#socket.write(frame(CLOSE, payload.subarray(0, 2), { mask: MASK }));
	}
}
