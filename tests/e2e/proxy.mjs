// proxy.mjs: the way from pages to signald, which can be cut.
import { once } from 'node:events';
import net from 'node:net';

import { atEnd } from '../lib/ending.mjs';

// Below the ports that connections get, as signald's own: see lab.mjs.
const PORT = 8081;

class Proxy {
	url = `http://127.0.0.1:${PORT}`;
	#targetPort;
	#sockets = new Set();
	#server;

	constructor(targetPort) {
		this.#targetPort = targetPort;
	}

	async open() {
		this.#server = net.createServer({ noDelay: true }, (near) => this.#join(near)).listen(PORT, '127.0.0.1');
		await once(this.#server, 'listening');
	}

	// Everybody's connection breaks; they can come back at once.
	cut() {
		for (const socket of this.#sockets)
			socket.resetAndDestroy();
	}

	// And they find nobody until open().
	shut() {
		this.#server.close();
		this.cut();
	}

	#join(near) {
		const far = net.connect({ port: this.#targetPort, host: '127.0.0.1', noDelay: true });
		for (const [from, to] of [[near, far], [far, near]]) {
			this.#sockets.add(from);
			from.on('error', () => to.resetAndDestroy());
			from.on('close', () => this.#sockets.delete(from));
			from.pipe(to);
		}
	}
}

/*
 * Put a proxy before a server; it ends with the test.
 *
 * port  of the server
 */
export async function startProxy(t, { port }) {
	const proxy = new Proxy(port);
	atEnd(t, () => proxy.shut());
	await proxy.open();
	return proxy;
}
