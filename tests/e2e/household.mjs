// household.mjs: a network of the visitor's own, behind a router: a namespace whose
// way out is translated, and filtered as the test wants it.
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { root } from '../lib/daemon.mjs';

const PRIVATE = '10.66.0.2';

function run(program, args, input = '') {
	const done = promisify(execFile)(program, args);
	// Who reads nothing of it says why by itself.
	done.child.stdin.on('error', () => {}).end(input);
	return done;
}

class Household {
	#file;
	#street;
	#outside;
	#public;

	constructor(number) {
		this.#file = path.join(os.tmpdir(), `household-${number}`);
		this.#street = `street${number}`;
		this.#outside = `203.0.113.${number * 4 + 1}`;
		this.#public = `203.0.113.${number * 4 + 2}`;
	}

	// What startChromium() is to be told, for a browser in there.
	get browser() {
		return { program: path.join(root, 'tests/nat/chromium'), env: { NETNS: this.#file } };
	}

	#in(program, args, input) {
		return run('nsenter', [`--net=${this.#file}`, program, ...args], input);
	}

	async make() {
		await mkdir(path.dirname(this.#file), { recursive: true });
		await writeFile(this.#file, '');
		await run('unshare', [`--net=${this.#file}`, 'true']);
		await run('ip', ['-batch', '-'], [
			`link add ${this.#street} type veth peer name wan netns ${this.#file}`,
			`link set ${this.#street} addrgenmode none`, `address add ${this.#outside}/30 dev ${this.#street}`, `link set ${this.#street} up`,
		].join('\n'));
		await this.#in('ip', ['-batch', '-'], [
			// Addresses of IPv6 would come a moment later: a change of network, to a browser.
			'link set lo up', 'link add lan type veth peer name cable',
			...['wan', 'lan', 'cable'].map((name) => `link set ${name} addrgenmode none`), 'link set cable up', `address add ${PRIVATE}/24 dev lan`, 'link set lan up',
			`address add ${this.#public}/30 dev wan`, 'link set wan up', `route add default via ${this.#outside} src ${PRIVATE}`,
		].join('\n'));
		await this.#in('nft', ['-f', '-'], `
			table ip nat {
				chain leave {
					type nat hook postrouting priority srcnat
					oifname "wan" snat to ${this.#public}
				}
			}`);
	}

	// What this says is lost outside, and nobody hears why.
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
