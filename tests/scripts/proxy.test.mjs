// The configurations of nginx and Caddy in docs/deploy.md, as they stand there but for
// the name, ports and certificates: with the real proxies, where they are installed.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import https from 'node:https';
import path from 'node:path';
import { describe, test } from 'node:test';
import tls from 'node:tls';
import { atEnd } from '../lib/ending.mjs';
import { cleanEnv, freePort, makeFolder, root, startDaemon, until } from '../lib/daemon.mjs';
import { Peer } from '../lib/peer.mjs';
import { Client, kind } from '../lib/sio-clients.mjs';
import { makeCertificate } from '../lib/tls.mjs';

const NAME = 'turn.example.org';
const manual = readFileSync(path.join(root, 'docs/deploy.md'), 'utf8').split('## Behind a proxy')[1];
const block = (language) => manual.match(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'm'))[1];
const isThere = (name) => spawnSync('sh', ['-c', `command -v ${name}`], { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } }).status === 0;

function replaced(text, ...pairs) {
	for (const [from, to] of pairs) {
		assert.ok(text.includes(from), from);
		text = text.replaceAll(from, to);
	}
	return text;
}

async function startProxy(t, folder, port, program, args) {
	const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'],
		env: { ...cleanEnv(), PATH: `${process.env.PATH}:/usr/sbin`, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder } });
	const ended = once(child, 'exit');
	let log = '';
	child.stderr.on('data', (text) => (log += text));
	atEnd(t, async () => {
		child.kill('SIGTERM');
		await ended;
	});
	await until(`${program} serves`, async () => {
		assert.equal(child.exitCode, null, log);
		const socket = tls.connect({ port, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false });
		return once(socket, 'secureConnect').then(() => socket.destroy(), () => false);
	});
}

async function startNginx(t, backend, port) {
	const folder = await makeFolder(t);
	const { cert, key } = await makeCertificate(folder);
	const site = replaced(block('nginx'),
		['listen 443 ssl', `listen 127.0.0.1:${port} ssl`], ['\tlisten [::]:443 ssl;\n', ''],
		[`/etc/letsencrypt/live/${NAME}/fullchain.pem`, cert], [`/etc/letsencrypt/live/${NAME}/privkey.pem`, key],
		[NAME, 'localhost'], ['127.0.0.1:8080', backend]);
	const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join('\n');
	await writeFile(path.join(folder, 'nginx.conf'), `daemon off;
${process.getuid() === 0 ? 'user root;' : ''}
pid ${folder}/pid;
error_log stderr;
events {}
http {
access_log off;
${temporary}
${site}}
`);
	await startProxy(t, folder, port, 'nginx', ['-p', folder, '-e', 'stderr', '-c', path.join(folder, 'nginx.conf')]);
}

async function startCaddy(t, backend, port) {
	const folder = await makeFolder(t);
	await mkdir(path.join(folder, 'caddy'));
	const file = path.join(folder, 'Caddyfile');
	await writeFile(file, `{
	admin off
	local_certs
	skip_install_trust
	http_port ${await freePort()}
	https_port ${port}
}
${replaced(block('caddy'), [NAME, 'localhost'], ['127.0.0.1:8080', backend])}`);
	await startProxy(t, folder, port, 'caddy', ['run', '--config', file, '--adapter', 'caddyfile']);
}

// What is said there to signald, but for its address.
function config() {
	return replaced(block('ini'), ['[listen]\naddress = 127.0.0.1:8080\n', '']);
}

for (const [name, start] of [['nginx', startNginx], ['caddy', startCaddy]])
	describe(`behind ${name}`, { skip: !isThere(name) && `${name} is not here` }, () => {
		async function serve(t, sets = {}) {
			const daemon = await startDaemon(t, { config: config(), sets });
			const port = await freePort();
			await start(t, daemon.host, port);
			const host = `localhost:${port}`;
			return { daemon, host, origin: `https://${host}`, tls: { rejectUnauthorized: false } };
		}

		async function get(at, target, more = {}) {
			const request = https.get(`https://${at.host}${target}`, { ...at.tls, agent: false, family: 4, headers: { Origin: at.origin }, ...more });
			const [response] = await once(request, 'response');
			let text = '';
			for await (const piece of response.setEncoding('utf8'))
				text += piece;
			return { status: response.statusCode, text };
		}

		test('a page of this server is a guest, and each client is counted for itself', async (t) => {
			const at = await serve(t, { 'limits.requests_per_s': 1, 'limits.requests_burst': 1 });
			const from = async (localAddress) => (await get(at, '/v1/ice', { localAddress })).status;
			assert.equal(await from('127.0.0.2'), 200);
			assert.equal(await from('127.0.0.2'), 429);
			assert.equal(await from('127.0.0.3'), 200);
			await at.daemon.waitLog(/kind=requests by=127\.0\.0\.2 /);
		});

		test('two peers meet over WebSocket', async (t) => {
			const at = await serve(t);
			const peers = [];
			for (const _ of [1, 2]) {
				const peer = new Peer(`wss://${at.host}/v1/ws`, { origin: at.origin, ...at.tls });
				atEnd(t, () => peer.socket.terminate());
				await peer.opened;
				peer.send({ type: 'join', ref: 1, room: 'a' });
				await peer.next((message) => message.type === 'joined');
				peers.push(peer);
			}
			await peers[0].next((message) => message.type === 'peer-joined');
		});

		for (const how of ['4 default', '4 polling', '4 websocket', '2 default'])
			test(`Socket.IO ${how}`, async (t) => {
				const at = await serve(t);
				const client = new Client({ url: `https://${at.host}` }, kind(how), { ...at.tls, extraHeaders: { Origin: at.origin }, query: { room: 'a' } });
				atEnd(t, () => client.socket.close());
				await client.life('connect');
				if (how.endsWith('default'))
					await until('it upgraded', () => client.transport === 'websocket');
			});
	});
