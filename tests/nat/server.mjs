// server.mjs: signald and coturn on the public segment, configured as a user
// would: coturn with what turnconf writes for production.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { promisify } from 'node:util';

import { root, SECRET, startDaemon, until } from '../lib/daemon.mjs';
import { makeFolder, generate, startCoturn } from '../turnconf/coturn.mjs';

// As tests/nat/hosts has them.
const NAME = 'rtc.example.org';
const STUN_NAME = 'stun.example.org';
const TURN_NAME = 'turn.example.org';
const ADDRESSES = {
	[NAME]: { v4: '8.8.4.10', v6: '2001:4860:4::10' },
	[STUN_NAME]: { v4: '8.8.4.11', v6: '2001:4860:4::11' },
};
const TURN_V4 = '8.8.4.12';
const TURN_V6 = '2001:4860:4::12';

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
		'-addext', `subjectAltName=DNS:${NAME},DNS:${STUN_NAME},DNS:${TURN_NAME}`, '-addext', 'basicConstraints=critical,CA:FALSE']);

	const store = path.join(os.homedir(), '.pki/nssdb');
	await mkdir(store, { recursive: true });
	await run('certutil', ['-N', '-d', `sql:${store}`, '--empty-password']);
	await run('certutil', ['-A', '-d', `sql:${store}`, '-n', 'NAT lab', '-t', 'C,,', '-i', at('ca.pem')]);
	return { cert: at('cert.pem'), key: at('key.pem') };
}

async function startTurn(scope, { cert, key }) {
	const { file, code, stderr } = await generate(await makeFolder(scope), {
		'turn.host': TURN_NAME,
		'turn.secret': SECRET,
		'turn.tls': 'yes',
		'turn.tls_port': 443,
		'coturn.listening_ip': `${TURN_V4},${TURN_V6}`,
		'coturn.relay_ip': `${TURN_V4},${TURN_V6}`,
		'coturn.cert': cert,
		'coturn.key': key,
	});
	if (code !== 0)
		throw new Error(`turnconf generate: ${stderr}`);
	const coturn = await startCoturn(scope, file, { address: TURN_V4, port: 3478 });
	keepLog(scope, 'coturn', coturn);
	await coturn.gives();
}

// For tests/nat/run to keep, should something be wrong.
function keepLog(scope, name, program) {
	scope.after(() => writeFile(path.join(os.tmpdir(), `${name}.log`), program.log));
}

// TLS on port 443 of both addresses, passed on to a signald.
async function startFront(scope, name, port, { cert, key }) {
	const options = { cert: await readFile(cert), key: await readFile(key) };
	for (const address of Object.values(ADDRESSES[name])) {
		const server = tls.createServer(options, (near) => {
			const far = net.connect(port, '127.0.0.1');
			for (const [from, to] of [[near, far], [far, near]])
				from.on('error', () => to.destroy()).pipe(to);
		});
		server.listen(443, address);
		await once(server, 'listening');
		scope.after(() => server.close());
	}
}

async function startSignaling(scope, name, port, certificate, sets) {
	const daemon = await startDaemon(scope, {
		port,
		sets: {
			'http.root': path.join(root, 'build/share/web'),
			'turn.host': TURN_NAME,
			'turn.secret': SECRET,
			...sets,
		},
	});
	keepLog(scope, name, daemon);
	await until(`${name} is ready`, async () => (await fetch(`${daemon.url}/readyz`)).ok);
	await startFront(scope, name, port, certificate);
	return `https://${name}`;
}

/*
 * Start coturn and two signald, which end with the scope.
 *
 * Returns {turn, stun}: the address of one that gives out all there is, and of
 * one that gives out STUN alone.
 */
export async function startServers(scope) {
	const certificate = await makeCertificate(await makeFolder(scope));
	await startTurn(scope, certificate);
	return {
		turn: await startSignaling(scope, NAME, 8080, certificate, {
			'turn.tls': 'yes',
			'turn.tls_port': 443,
			'turn.probe': `${TURN_V4}:3478`,
		}),
		stun: await startSignaling(scope, STUN_NAME, 8081, certificate, { 'turn.udp': 'no', 'turn.tcp': 'no' }),
	};
}
