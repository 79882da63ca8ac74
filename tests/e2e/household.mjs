// household.mjs: a network of the visitor's own, behind a router: a namespace whose
// way to the servers is translated, and filtered as the test wants it.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { root } from '../lib/daemon.mjs';

function run(program, args, input = '') {
	const done = promisify(execFile)(program, args);
	// Who reads nothing of it says why by itself.
	done.child.stdin.on('error', () => {}).end(input);
	return done;
}

class Household {
	#file;
	#street;
	#router;
	#inside;
	#outside;

	constructor(number) {
		this.#file = path.join(os.tmpdir(), `household-${number}`);
		this.#street = `street${number}`;
		this.#router = `10.66.${number}.1`;
		this.#inside = `10.66.${number}.2`;
		this.#outside = `203.0.113.${number}`;
	}

	// What startChromium() is to be told, for a browser in there.
	get browser() {
		return { program: path.join(root, 'tests/nat/chromium'), env: { NETNS: this.#file } };
	}

	#in(program, args, input) {
		return run('nsenter', [`--net=${this.#file}`, program, ...args], input);
	}

	async make() {
		await writeFile(this.#file, '');
		await run('unshare', [`--net=${this.#file}`, 'true']);
		// Addresses of IPv6 would come a moment later: a change of network, to a browser.
		await run('ip', ['-batch', '-'], `
			link add ${this.#street} type veth peer name lan netns ${this.#file}
			link set ${this.#street} addrgenmode none
			address add ${this.#router}/24 dev ${this.#street}
			link set ${this.#street} up`);
		await this.#in('ip', ['-batch', '-'], `
			link set lo up
			link set lan addrgenmode none
			address add ${this.#inside}/24 dev lan
			link set lan up
			route add default via ${this.#router}`);
		await run('nft', ['-f', '-'], `
			table ip ${this.#street}-nat {
				chain arrive {
					type nat hook input priority 100
					iifname "${this.#street}" snat to ${this.#outside}
				}
			}`);
	}

	// What this says is lost behind the router, and nobody hears why.
	block(rule) {
		return run('nft', ['-f', '-'], `
			table inet ${this.#street} {
				chain arrive {
					type filter hook input priority filter
					iifname "${this.#street}" ${rule} drop
				}
			}`);
	}
}

// Its number tells it from others.
export async function makeHousehold(number) {
	const household = new Household(number);
	await household.make();
	return household;
}
