// http.mjs: HTTP written byte by byte, and what comes back taken apart.
import net from 'node:net';
import { atEnd } from './ending.mjs';

const LIMIT_MS = 10000;

// One connection whose bytes are the test's own.
export class RawConnection {
	// to  a port, or a connected socket
	constructor(to, host = '127.0.0.1') {
		this.socket = typeof to === 'object' ? to : net.connect({ port: to, host, noDelay: true });
		this.received = Buffer.alloc(0);
		this.isClosed = false;
		this.waiting = new Set();
		this.socket.on('data', (chunk) => {
			this.received = Buffer.concat([this.received, chunk]);
			this.#wake();
		});
		this.socket.on('error', (error) => (this.error = error));
		this.socket.on('close', () => {
			this.isClosed = true;
			this.#wake();
		});
		this.connected = typeof to === 'object' ? Promise.resolve() : new Promise((resolve, reject) => {
			this.socket.once('connect', resolve);
			this.socket.once('error', reject);
		});
		this.connected.catch(() => {});
	}

	#wake() {
		for (const check of [...this.waiting])
			check();
	}

	write(bytes) {
		return new Promise((resolve) => this.socket.write(bytes, 'latin1', resolve));
	}

	// Resolves with what take() gives once it gives something; take() sees the
	// bytes so far after every arrival, and after the close.
	wait(what, take, limitMs = LIMIT_MS) {
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => {
				this.waiting.delete(check);
				reject(new Error(`waited ${limitMs} ms in vain for ${what}; got ${JSON.stringify(
					this.received.toString('latin1').slice(0, 500))}`));
			}, limitMs);
			const done = (act, value) => {
				clearTimeout(timer);
				this.waiting.delete(check);
				act(value);
			};
			const check = () => {
				try {
					const value = take();
					if (value !== undefined && value !== null && value !== false)
						done(resolve, value);
					else if (this.isClosed)
						done(reject, new Error(`closed while waiting for ${what}; got ${JSON.stringify(
							this.received.toString('latin1').slice(0, 500))}`));
				} catch (error) {
					done(reject, error);
				}
			};
			this.waiting.add(check);
			check();
		});
	}

	// The next whole response, cut off the bytes received.
	response({ isHead = false, limitMs } = {}) {
		return this.wait('a response', () => {
			const end = this.received.indexOf('\r\n\r\n');
			if (end < 0)
				return undefined;
			const head = parseHead(this.received.subarray(0, end).toString('latin1'));
			const length = isHead || head.status === 304 || head.status === 204 || head.status < 200
				? 0 : Number(head.headers['content-length'] ?? NaN);
			if (Number.isNaN(length))
				throw new Error(`a response without Content-Length: ${JSON.stringify(head)}`);
			if (this.received.length < end + 4 + length)
				return undefined;
			head.body = this.received.subarray(end + 4, end + 4 + length).toString('utf8');
			this.received = this.received.subarray(end + 4 + length);
			return head;
		}, limitMs);
	}

	closed(limitMs) {
		return this.wait('the close', () => this.isClosed, limitMs);
	}

	end() {
		this.socket.destroy();
	}
}

function parseHead(text) {
	const [first, ...lines] = text.split('\r\n');
	const [, version, status, reason] = /^(HTTP\/1\.1) (\d{3}) ?(.*)$/.exec(first) ?? [];
	if (!version)
		throw new Error(`not a status line: ${JSON.stringify(first)}`);
	const headers = {};
	for (const line of lines) {
		const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): (.*)$/.exec(line) ?? [];
		if (!name)
			throw new Error(`not a header line: ${JSON.stringify(line)}`);
		const key = name.toLowerCase();
		headers[key] = key in headers ? `${headers[key]}, ${value}` : value;
	}
	return { status: Number(status), reason, headers };
}

export async function openRaw(t, port) {
	const connection = new RawConnection(port);
	atEnd(t, () => connection.end());
	await connection.connected;
	return connection;
}

// One request on a connection of its own. The answer, and whether the server
// closed behind it.
export async function exchange(t, port, bytes, options = {}) {
	const connection = await openRaw(t, port);
	void connection.write(bytes);
	const response = await connection.response(options);
	return { ...response, connection };
}
