// A certificate authority (pebble) and its client (lego): the first certificate,
// and a newer one while calls go through the port that it is for.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import https from 'node:https';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { cleanEnv, root, until } from '../lib/daemon.mjs';
import { atEnd } from '../lib/ending.mjs';
import { assertTalking, joinTls, openTls } from '../lib/tls.mjs';
import { PUBLIC4, makeCertificate, makeFolder } from './coturn.mjs';
import { allocatedOver, startAll, talk } from './tunnel.mjs';

const NAME = 'turn.example.org';
const DIRECTORY = 'https://127.0.0.1:14000/dir';
const ROOT = 'https://127.0.0.1:15000/roots/0';

function startProgram(t, command, args, env = {}) {
	const child = spawn(command, args, { env: cleanEnv(env), stdio: ['ignore', 'pipe', 'pipe'] });
	const program = { log: '' };
	for (const stream of [child.stdout, child.stderr])
		stream.on('data', (text) => (program.log += text));
	atEnd(t, async () => {
		if (child.exitCode !== null)
			return;
		child.kill();
		await once(child, 'close');
	});
	return program;
}

async function get(url, ca) {
	const [answer] = await once(https.get(url, { ca }), 'response');
	return Buffer.concat(await answer.toArray());
}

/*
 * An authority that looks at port 80 of the address which its own DNS server has
 * for every name.
 *
 * Returns {ca: its own server's, roots: what it signs with}.
 */
async function startAuthority(t) {
	const folder = await makeFolder(t);
	const { cert, key } = await makeCertificate(folder, '127.0.0.1');
	const config = path.join(folder, 'pebble.json');
	await writeFile(config, JSON.stringify({ pebble: {
		listenAddress: '127.0.0.1:14000', managementListenAddress: '127.0.0.1:15000',
		certificate: cert, privateKey: key, httpPort: 80, tlsPort: 443,
	} }));
	startProgram(t, 'pebble-challtestsrv', ['-defaultIPv4', PUBLIC4, '-defaultIPv6', '', '-dns01', '127.0.0.1:8053',
		'-http01', '', '-https01', '', '-tlsalpn01', '', '-management', '127.0.0.1:8055']);
	// It waits up to 15 s before it looks, unless it is told not to.
	const pebble = startProgram(t, 'pebble', ['-config', config, '-dnsserver', '127.0.0.1:8053'], { PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0' });
	const ca = await readFile(cert);
	const roots = await until(`the authority answers\n${pebble.log}`, () => get(ROOT, ca).catch(() => null));
	return { cert, roots, pebble };
}

// The files that signald has come by the hook, for the groups that may read them.
function lego(authority, folder, challenges, tls, ...command) {
	const args = ['--server', DIRECTORY, '--email', 'operator@example.org', '--accept-tos', '--domains', NAME,
		'--http', '--http.webroot', challenges, '--path', folder, ...command, `--${command[0]}-hook`, path.join(root, 'scripts/hooks/certificate')];
	return promisify(execFile)('lego', args, { env: cleanEnv({
		LEGO_CA_CERTIFICATES: authority.cert, SIGNALD_TLS_DIR: tls, SIGNALD_GROUP: 'root', COTURN_GROUP: 'root',
	}) });
}

const serialOf = (stream) => stream.getPeerCertificate().serialNumber;

test('the first certificate is obtained through signald, and the next one disturbs no call', async (t) => {
	const folder = await makeFolder(t);
	const challenges = await makeFolder(t);
	const tls = path.join(await makeFolder(t), 'tls');
	const authority = await startAuthority(t);
	const all = await startAll(t, {}, {
		'tls.cert': path.join(tls, 'fullchain.pem'), 'tls.key': path.join(tls, 'privkey.pem'),
		'tls.temporary': 'yes', 'listen.redirect': `${PUBLIC4}:80`, 'http.challenges': challenges,
	});
	all.daemon.ca = authority.roots;
	const connect = () => openTls(t, all.daemon, { host: PUBLIC4, servername: NAME });
	await assert.rejects(connect(), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });

	await lego(authority, folder, challenges, tls, 'run');
	const first = serialOf(await until('the certificate is served', () => connect().catch(() => null), 5000));

	for (const [name, mode] of [['', '755'], ['privkey.pem', '640'], ['fullchain.pem', '644'], ['coturn', '750'], ['coturn/privkey.pem', '640']])
		assert.equal(((await stat(path.join(tls, name))).mode & 0o777).toString(8), mode, name);

	const names = { servername: NAME };
	const [a, b] = [await allocatedOver(t, all, 'alice', names), await allocatedOver(t, all, 'bob', names)];
	await talk(a, b);
	const page = { ...names, origin: all.daemon.httpsUrl };
	const [one, other] = [await joinTls(t, all.daemon, 'r', page), await joinTls(t, all.daemon, 'r', page)];
	await lego(authority, folder, challenges, tls, 'renew', '--days', '10000', '--no-random-sleep');
	await until('the next certificate is served', async () => serialOf(await connect()) !== first, 5000);
	a.sendChannel(0x4001, 'still here');
	assert.equal((await b.receive())?.data.toString(), 'still here');
	await assertTalking(one, other);
});
