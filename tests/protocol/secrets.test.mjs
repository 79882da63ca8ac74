// What must be known to nobody stands in no log, no error, and no answer but the
// one that is for it.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { ADMIN_KEY, freePort, makeFolder, runProgram } from '../lib/daemon.mjs';
import { openRaw } from '../lib/http.mjs';
import { joinPeer, openPeer } from '../lib/peer.mjs';
import { joinSession } from '../lib/session.mjs';
import { startTls } from '../lib/tls.mjs';

// Each of another beginning, so that half of one is found as well.
const SECRETS = {
	shared: 'qZ1-shared-secret-that-signs-0001', old: 'wX2-shared-secret-of-before-0002', file: 'eC3-secret-in-a-file-of-its-own-3',
	cli: 'rV4-password-of-the-administration', redis: 'tB5-password-of-the-users-database', eu: 'yN6-secret-of-the-server-in-europe',
};
const parts = (secret) => [secret, secret.slice(0, 16), secret.slice(-16), Buffer.from(secret).toString('base64').slice(0, 20)];

function assertNone(text, secrets, where) {
	for (const [name, secret] of Object.entries(secrets))
		for (const part of parts(secret))
			assert.equal(text.includes(part), false, `${name} is in ${where}`);
}

const configOf = (more = '') => `[turn]
host = turn.example.org
secret = ${SECRETS.shared},${SECRETS.old}
probe = no
cli = 127.0.0.1:1
cli_password = ${SECRETS.cli}
redis_password = ${SECRETS.redis}
[turn eu]
host = eu.example.org
secret = ${SECRETS.eu}
[log]
level = debug
${more}`;

// Keys and tickets, good and bad, wherever clients may show them.
async function showEverything(t, daemon, known) {
	const bearer = (secret) => ({ headers: { Authorization: `Bearer ${secret}` } });
	known.ticket = (await (await fetch(`${daemon.url}/v1/tickets`, { method: 'POST', body: '{"sub":"ada"}', ...bearer(known.key) })).json()).ticket;
	known.wrongKey = `sk_${'uZ7w'.repeat(10)}abc`;
	known.wrongTicket = known.ticket.split('').reverse().join('');
	known.jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.mB9tqXk5fB8cN1d0aWZ3';
	for (const secret of [known.key, known.wrongKey, known.wrongTicket, known.jwt, known.ticket]) {
		const query = `?ticket=${secret}`;
		for (const [path, init] of [['/v1/ice', bearer(secret)], [`/v1/ice${query}`, {}], ['/v1/tickets', { method: 'POST', body: '{}', ...bearer(secret) }],
			[`/socket.io/?EIO=4&transport=polling&ticket=${secret}`, {}]])
			await (await fetch(daemon.url + path, init)).text();
		const peer = await openPeer(t, daemon);
		await peer.join('shown', { auth: secret });
		for (const [wsUrl, protocols] of [[daemon.wsUrl + query], [daemon.wsUrl, ['signald.v1', `bearer.${secret}`]]])
			await openPeer(t, { wsUrl }, { protocols }).then((came) => came.join('shown'), () => {});
		await (await fetch(`http://127.0.0.1:${daemon.metricsPort}/v1/admin/status`, bearer(secret))).text();
	}
}

for (const format of ['text', 'json'])
	test(`a whole life at level debug, as ${format}, logs no secret, credential or token`, async (t) => {
		const folder = await makeFolder(t);
		const [, key] = (await runProgram(['key', 'shop'])).stdout.match(/^key: +(\S+)$/m);
		const hash = createHash('sha256').update(key).digest('hex');
		const life = configOf(`format = ${format}\n[state]\ndir = ${folder}\n[access]\nkeys = shop:${hash}\n`);
		const daemon = await startTls(t, { config: life });
		const known = { ...SECRETS, admin: ADMIN_KEY, key };
		const session = await joinSession(t, daemon, 'secrets');
		const plain = await joinPeer(t, daemon, 'secrets');
		known.token = session.joined.session.token;
		known.credential = plain.joined.iceServers.find((server) => server.credential).credential;
		known.tlsKey = (await readFile(daemon.certificate.key, 'utf8')).split('\n')[1];
		const ice = await (await fetch(`${daemon.url}/v1/ice`)).json();
		known.iceCredential = ice.iceServers.find((server) => server.credential).credential;
		const sio = await (await fetch(`${daemon.url}/socket.io/?EIO=4&transport=polling`)).text();
		known.sid = JSON.parse(sio.slice(1)).sid;
		// Cut, and come back with the token; and with one that is not whole.
		session.link.socket.terminate();
		assert.equal((await session.resume({ last: 0 })).type, 'resumed');
		const other = await joinPeer(t, daemon, 'another');
		other.send({ type: 'leave' });
		await other.next('left');
		other.send({ type: 'resume', token: `${known.token.slice(0, -2)}xx`, inst: 7, ref: 1 });
		await other.next('not-resumed');
		await showEverything(t, daemon, known);
		// Requests that carry secrets where they do not belong.
		for (const target of [`/${SECRETS.shared}`, `/v1/ice?secret=${SECRETS.shared}`, `/socket.io/?EIO=4&transport=polling&sid=${known.sid}x`]) {
			const raw = await openRaw(t, daemon.port);
			await raw.write(`GET ${target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${known.token}\r\nConnection: close\r\n\r\n`);
			await raw.response();
		}
		// A reload that is refused because of a secret, one that is not, a kick.
		await writeFile(daemon.configPath, configOf().replace(SECRETS.eu, `${SECRETS.eu}"`));
		daemon.signal('SIGHUP');
		await daemon.waitLog(/config\.refused/);
		await writeFile(daemon.configPath, life);
		daemon.signal('SIGHUP');
		await daemon.waitLog(/config\.reloaded/);
		assert.equal((await daemon.kick(plain.id)).status, 204);
		await plain.closed;
		const faces = await Promise.all(['/metrics', '/turn'].map(async (path) =>
			(await fetch(`http://127.0.0.1:${daemon.metricsPort}${path}`)).text()));
		faces.push(await (await fetch(`${daemon.url}/readyz`)).text());
		daemon.signal('SIGTERM');
		await daemon.ended();
		for (const file of await readdir(folder))
			for (const line of (await readFile(path.join(folder, file), 'utf8')).split(/\s+/))
				if (/key/.test(file) && line.length > 20)
					known[`of ${file}`] = line;
		assert.match(daemon.log, /peer\.join/);
		assertNone(daemon.log, known, 'the log');
		assertNone(faces.join('\n'), known, 'an answer');
	});

test('--print-config, --check-config and their errors tell no secret', async (t) => {
	const folder = await makeFolder(t);
	const file = path.join(folder, 'signald.conf'), secretFile = path.join(folder, 'secret');
	const tell = async (text, args, env = {}) => {
		await writeFile(file, text, { mode: 0o600 });
		const { stdout, stderr } = await runProgram(['--config', file, ...args], { env });
		assertNone(stdout + stderr, SECRETS, `${args} of ${text.split('\n').length} lines: ${stderr}`);
		return { stdout, stderr };
	};
	assert.match((await tell(configOf(), ['--print-config'])).stdout, /secret/);
	await writeFile(secretFile, `${SECRETS.file}\n`, { mode: 0o600 });
	await tell(configOf().replace(/^secret = .*1.*$/m, `secret_file = ${secretFile}`), ['--print-config']);
	const spoilt = [
		[SECRETS.shared, `"${SECRETS.shared}"`], [SECRETS.shared, `${SECRETS.shared} ; mine`], [SECRETS.shared, `${SECRETS.shared}!`],
		[SECRETS.cli, `${SECRETS.cli}\ncli_password = ${SECRETS.cli}`], [SECRETS.redis, `${SECRETS.redis.repeat(5)}`],
		['host = turn.example.org', `host = turn.example.org\n${SECRETS.shared}`],
		['host = eu.example.org', `host = eu.example.org\nsecret_file = ${secretFile}`],
	];
	for (const [from, to] of spoilt)
		assert.match((await tell(configOf().replace(from, to), ['--check-config'])).stderr, /signald: /);
	// From elsewhere than the file.
	for (const [args, env] of [
		[['--set', `turn.secret=${SECRETS.old}!`], {}], [['--set', `turn.secrets=${SECRETS.old}`], {}],
		[[], { SIGNALD_TURN_SECRET: `${SECRETS.old} x` }], [[], { SIGNALD_TURN_SECRETS: SECRETS.old }],
	])
		assert.match((await tell(configOf(), ['--check-config', ...args], env)).stderr, /signald: /);
	await writeFile(secretFile, `${SECRETS.file}?\n`);
	assert.match((await tell(configOf(), ['--check-config', '--set', `turn.secret_file=${secretFile}`])).stderr, /secret/);
});

test('a file of state that was spoilt is told without its content', async (t) => {
	const folder = await makeFolder(t);
	await writeFile(path.join(folder, 'resume-keys'), `${SECRETS.shared}\n`, { mode: 0o600 });
	const { stderr, code } = await runProgram(['--set', `state.dir=${folder}`, '--set', `listen.address=127.0.0.1:${await freePort()}`, '--set', 'listen.metrics=']);
	assert.equal(code, 1);
	assert.match(stderr, /resume-keys/);
	assertNone(stderr, SECRETS, 'the error');
});
