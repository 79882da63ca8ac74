// sio-proxy.mjs: a TCP proxy on 127.0.0.1, whose connections can be cut.
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { atEnd } from './ending.mjs';

export class Proxy {
	constructor(targetPort) {
		this.targetPort = targetPort;
		this.pairs = new Set();
		this.isOpen = true;
		this.server = net.createServer((near) => this.#accept(near));
	}

	static async start(t, target) {
		const proxy = new Proxy(target.port);
		proxy.server.listen(0, '127.0.0.1');
		await once(proxy.server, 'listening');
		atEnd(t, () => proxy.end());
		const { port } = proxy.server.address();
		return Object.assign(proxy, { port, host: `127.0.0.1:${port}`, url: `http://127.0.0.1:${port}` });
	}

	#accept(near) {
		near.on('error', () => {});
		if (!this.isOpen) {
			near.destroy();
			return;
		}
		const far = net.connect({ port: this.targetPort, host: '127.0.0.1', noDelay: true });
		const pair = { near, far };
		this.pairs.add(pair);
		far.on('error', () => {});
		far.pipe(near.setNoDelay(true));
		near.once('data', (head) => this.#forward(near, far, head));
		near.on('close', () => pair.isHalf || far.destroy());
		far.on('close', () => {
			near.destroy();
			this.pairs.delete(pair);
		});
	}

	// What leads to an upgrade comes later, when it is told so.
	async #forward(near, far, head) {
		near.pause();
		if (this.upgradeDelayMs && head.includes('transport=websocket'))
			await delay(this.upgradeDelayMs);
		far.write(head);
		near.pipe(far);
	}

	// All connections break.
	cut() {
		for (const { near, far } of this.pairs) {
			near.destroy();
			far.destroy();
		}
	}

	// The client's side breaks; the server sees nothing of it.
	cutNear() {
		for (const pair of this.pairs) {
			pair.isHalf = true;
			pair.near.unpipe(pair.far);
			pair.far.unpipe(pair.near);
			pair.near.destroy();
			pair.far.resume();
		}
	}

	// New connections are refused, and taken again.
	shut() {
		this.isOpen = false;
	}

	reopen() {
		this.isOpen = true;
	}

	end() {
		this.cut();
		this.server.close();
	}
}
