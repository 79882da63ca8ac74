// server.mjs: signald and coturn on the public segment, configured as a user
// would: coturn with what turnconf writes for production.
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { root, startDaemon, until } from '../lib/daemon.mjs';
import { SECRET, generate, makeFolder, startCoturn } from '../turnconf/coturn.mjs';

// As tests/nat/hosts has them.
const NAME = 'rtc.example.org';
const STUN_NAME = 'stun.example.org';
const ADDRESSES = {
	[NAME]: ['8.8.4.10', '2001:4860:4::10'],
	[STUN_NAME]: ['8.8.4.11', '2001:4860:4::11'],
};
const TUNNEL = { address: '127.0.0.1', port: 3479, isStream: true };

const run = promisify(execFile);

/*
 * A certificate for all names, of an authority of our own that the browsers
 * trust: they check it, for pages and for relays.
 *
 * Returns {cert, key}.
 */
async function makeCertificate(folder) {
	const at = (name) => path.join(folder, name);
	const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
	await run('openssl', ['req', '-x509', ...curve, '-keyout', at('ca-key.pem'), '-out', at('ca.pem'),
		'-days', '2', '-subj', '/CN=NAT lab']);
	await run('openssl', ['req', '-x509', ...curve, '-keyout', at('key.pem'), '-out', at('cert.pem'),
		'-CA', at('ca.pem'), '-CAkey', at('ca-key.pem'), '-days', '2', '-subj', `/CN=${NAME}`,
		'-addext', `subjectAltName=DNS:${NAME},DNS:${STUN_NAME}`, '-addext', 'basicConstraints=critical,CA:FALSE']);

	const store = path.join(os.homedir(), '.pki/nssdb');
	await mkdir(store, { recursive: true });
	await run('certutil', ['-N', '-d', `sql:${store}`, '--empty-password']);
	await run('certutil', ['-A', '-d', `sql:${store}`, '-n', 'NAT lab', '-t', 'C,,', '-i', at('ca.pem')]);
	return { cert: at('cert.pem'), key: at('key.pem') };
}

/*
 * What all configurations have in common: one name, and on its port 443 pages,
 * signaling and TURN.
 */
function settingsFor(name, { cert, key }) {
	const [v4, v6] = ADDRESSES[name];
	return {
		'listen.tls': `${v4}:443,[${v6}]:443`,
		'tls.cert': cert,
		'tls.key': key,
		'turn.host': NAME,
		'turn.secret': SECRET,
	};
}

async function configure(scope, certificate, ...options) {
	const addresses = ADDRESSES[NAME].join(',');
	const { file, code, stderr } = await generate(await makeFolder(scope), {
		...settingsFor(NAME, certificate),
		'turn.tunnel': `${TUNNEL.address}:${TUNNEL.port}`,
		'coturn.listening_ip': addresses,
		'coturn.relay_ip': addresses,
	}, ...options);
	if (code !== 0)
		throw new Error(`turnconf generate ${options}: ${stderr}`);
	return file;
}

// The coturn that clients reach themselves, and the one behind port 443.
async function startTurn(scope, certificate) {
	const [address] = ADDRESSES[NAME];
	const coturn = await startCoturn(scope, await configure(scope, certificate), { address, port: 3478 });
	keepLog(scope, 'coturn', coturn);
	await coturn.gives();
	const tunnel = await startCoturn(scope, await configure(scope, certificate, '--tunnel'), TUNNEL);
	keepLog(scope, 'coturn-tunnel', tunnel);
}

// For tests/nat/run to keep, should something be wrong.
function keepLog(scope, name, program) {
	scope.after(() => writeFile(path.join(os.tmpdir(), `${name}.log`), program.log));
}

async function startSignaling(scope, name, port, certificate, sets) {
	const daemon = await startDaemon(scope, {
		port,
		sets: { ...settingsFor(name, certificate), 'http.root': path.join(root, 'build/share/web'), ...sets },
	});
	keepLog(scope, name, daemon);
	await until(`${name} is ready`, async () => (await fetch(`${daemon.url}/readyz`)).ok);
	return `https://${name}`;
}

/*
 * Start both coturn and two signald, which end with the scope.
 *
 * Returns {turn, stun}: the address of one that gives out all there is, and of
 * one that gives out STUN alone.
 */
export async function startServers(scope) {
	const certificate = await makeCertificate(await makeFolder(scope));
	await startTurn(scope, certificate);
	return {
		turn: await startSignaling(scope, NAME, 8080, certificate, {
			'turn.tunnel': `${TUNNEL.address}:${TUNNEL.port}`,
			'turn.addresses': ADDRESSES[NAME].join(','),
		}),
		stun: await startSignaling(scope, STUN_NAME, 8081, certificate, { 'turn.udp': 'no', 'turn.tcp': 'no' }),
	};
}
