// clients.mjs: a Chromium in each client's network, started when it is first
// needed and kept; each case has profiles of its own.
import path from 'node:path';

import { root } from '../lib/daemon.mjs';
import { startChromium } from '../e2e/chromium.mjs';

const PROGRAM = path.join(root, 'tests/nat/chromium');

export class Clients {
	#scope;
	#clients;
	#browsers = new Map();

	// scope: of their life; clients: of topology.mjs
	constructor(scope, clients) {
		this.#scope = scope;
		this.#clients = clients;
	}

	/*
	 * Two of these kinds, which are two machines also where they are of one kind.
	 *
	 * Returns their browsers.
	 */
	pair([first, second]) {
		const one = this.#clients.find(({ kind }) => kind === first);
		const other = this.#clients.find((client) => client.kind === second && client !== one);
		return Promise.all([one, other].map((client) => this.#browserOf(client)));
	}

	#browserOf({ name, file }) {
		if (!this.#browsers.has(name)) {
			const options = { hasSmallCamera: true, program: PROGRAM, env: { NETNS: file } };
			this.#browsers.set(name, startChromium(this.#scope, options));
		}
		return this.#browsers.get(name);
	}
}
