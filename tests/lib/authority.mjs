// authority.mjs: certificates of an authority of our own, which the browsers of
// $HOME trust.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

class Authority {
	#at;

	constructor(folder) {
		this.#at = (name) => path.join(folder, name);
		this.cert = this.#at('ca.pem');
	}

	async make() {
		await run('openssl', ['req', '-x509', ...curve, '-keyout', this.#at('ca-key.pem'), '-out', this.cert,
			'-days', '2', '-subj', '/CN=Test authority']);
		const store = path.join(os.homedir(), '.pki/nssdb');
		// For one that another test has made certutil would ask, for ever, for its password.
		await mkdir(store, { recursive: true });
		if (!existsSync(path.join(store, 'cert9.db')))
			await run('certutil', ['-N', '-d', `sql:${store}`, '--empty-password']);
		await run('certutil', ['-A', '-d', `sql:${store}`, '-n', 'Test authority', '-t', 'C,,', '-i', this.cert]);
	}

	/*
	 * A certificate for an address.
	 *
	 * days  until it expires; below 0: it has
	 *
	 * Returns {cert, key}: their files.
	 */
	async sign(address, { name = 'cert', days = 90 } = {}) {
		const [cert, key, request, extensions] = [`${name}.pem`, `${name}-key.pem`, `${name}.csr`, `${name}.ext`].map(this.#at);
		await run('openssl', ['req', '-new', ...curve, '-keyout', key, '-out', request, '-subj', `/CN=${address}`]);
		await writeFile(extensions, `subjectAltName=IP:${address}\nbasicConstraints=critical,CA:FALSE\n`);
		await run('openssl', ['x509', '-req', '-in', request, '-CA', this.cert, '-CAkey', this.#at('ca-key.pem'),
			'-CAcreateserial', '-extfile', extensions, '-days', String(days), '-out', cert]);
		return { cert, key };
	}
}

// Its files are in the folder.
export async function makeAuthority(folder) {
	const authority = new Authority(folder);
	await authority.make();
	return authority;
}
