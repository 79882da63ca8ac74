// proxy.mjs: a TCP proxy on 127.0.0.1 between clients and a server, whose
// connections can be cut and refused. Bytes take their time, as they do on a
// real way: else nothing would be under way when it is cut.
import { once } from 'node:events';
import net from 'node:net';
import { freePort } from '../lib/daemon.mjs';

const LATENCY_MS = 5;

// By an RST; one that is ending already cannot be reset any more.
const reset = (socket) => (socket.writableEnded ? socket.destroy() : socket.resetAndDestroy());

export class Proxy {
	#targetPort;
	#sockets = new Set();
	#server;

	constructor(targetPort) {
		this.#targetPort = targetPort;
	}

	get url() {
		return `http://127.0.0.1:${this.port}`;
	}

	// Take connections: from the start, or again after refuse().
	async accept() {
		this.port ??= await freePort();
		this.#server = net.createServer({ noDelay: true }, (near) => this.#join(near));
		this.#server.listen({ port: this.port, host: '127.0.0.1', backlog: 511 });
		await once(this.#server, 'listening');
	}

	// Both sides hear of a cut by an RST, and what was under way is gone.
	cut() {
		this.#sockets.forEach(reset);
	}

	// Cut, and let nobody in.
	refuse() {
		this.#server.close();
		this.cut();
	}

	#join(near) {
		const far = net.connect({ port: this.#targetPort, host: '127.0.0.1', noDelay: true });
		this.#lead(near, far);
		this.#lead(far, near);
	}

	// What one side says, its end too, comes to the other in order. There is no
	// backpressure: pairs wait for nobody, and say little.
	#lead(from, to) {
		const later = (act) => setTimeout(() => to.destroyed || act(), LATENCY_MS);
		this.#sockets.add(from);
		from.on('data', (chunk) => later(() => to.write(chunk)));
		from.on('error', () => {});
		from.on('close', (hadError) => {
			this.#sockets.delete(from);
			later(() => (hadError ? reset(to) : to.destroySoon()));
		});
	}
}
