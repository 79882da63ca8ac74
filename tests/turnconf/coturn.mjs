// coturn.mjs: runs turnconf, and the real coturn with what it wrote.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { TurnClient, mintCredential } from './turn-client.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const program = path.resolve(root, process.env.TURNCONF ?? 'build/turnconf');
const turnserver = process.env.TURNSERVER ?? 'turnserver';

export const SECRET = 'k7Wq2mZx-9_bTgRv4LpYcJ1nHd8sFa3E';
export const PUBLIC4 = '8.8.4.10';
export const OTHER4 = '8.8.4.11';
export const PRIVATE4 = '10.77.0.5';
export const PUBLIC6 = '2a00:1450::10';

// A line of coturn's log that says something is wrong with its configuration.
const COMPLAINT = /warning|error|bad configuration|alert|deprecated|cannot|unknown/i;

// Files of a test go with it.
export async function makeFolder(t) {
	const folder = await mkdtemp(path.join(os.tmpdir(), 'turnconf-test-'));
	t.after(() => rm(folder, { recursive: true, force: true }));
	return folder;
}

// Runs turnconf: { code, stdout, stderr }. Nothing of ours may configure it.
async function runTurnconf(stdout, args, more = {}) {
	const own = Object.entries(process.env).filter(([name]) => !name.startsWith('SIGNALD'));
	const env = { ...Object.fromEntries(own), ...more };
	const child = spawn(program, args, { env, stdio: ['pipe', stdout, 'pipe'] });
	const result = { stdout: '', stderr: '' };
	child.stdout?.setEncoding('utf8').on('data', (text) => (result.stdout += text));
	child.stderr.setEncoding('utf8').on('data', (text) => (result.stderr += text));
	[result.code] = await once(child, 'close');
	return result;
}

export const turnconf = (...args) => runTurnconf('pipe', args);

// With one more authority that this machine knows.
export const turnconfTrusting = (cert, ...args) => runTurnconf('pipe', args, { SSL_CERT_FILE: cert });

// The same with its standard output on a device that takes nothing.
export async function turnconfToFull(...args) {
	const full = await open('/dev/full', 'w');

	try {
		return await runTurnconf(full.fd, args);
	} finally {
		await full.close();
	}
}

// What every configuration here has; values of undefined are left out.
export function settings(folder, more = {}) {
	return {
		'turn.host': 'turn.example.org',
		'turn.realm': 'turn.example.org',
		'turn.secret': SECRET,
		'turn.port': 3478,
		'coturn.listening_ip': PUBLIC4,
		'coturn.relay_ip': PUBLIC4,
		'coturn.min_port': 50000,
		'coturn.max_port': 50999,
		'coturn.userdb': path.join(folder, 'turndb'),
		'coturn.pidfile': path.join(folder, 'turnserver.pid'),
		...more,
	};
}

export function asSets(values) {
	return Object.entries(values)
		.filter(([, value]) => value !== undefined)
		.flatMap(([key, value]) => ['--set', `${key}=${value}`]);
}

// turnconf generate into a file; the result with its path.
export async function generate(folder, more = {}, ...args) {
	const file = path.join(folder, args.includes('--tunnel') ? 'tunnel.conf' : 'turnserver.conf');
	const result = await turnconf('generate', '--output', file, ...asSets(settings(folder, more)), ...args);
	return { ...result, file };
}

export async function makeCertificate(folder, name = 'turn.example.org') {
	const cert = path.join(folder, 'cert.pem');
	const key = path.join(folder, 'key.pem');
	await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
		'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', cert, '-days', '2',
		'-subj', `/CN=${name}`, '-addext', `subjectAltName=${net.isIP(name) ? 'IP' : 'DNS'}:${name}`]);
	return { cert, key };
}

class Coturn {
	constructor(child, server) {
		this.child = child;
		this.server = server;
		this.log = '';
		this.exit = once(child, 'close').then(([code, signal]) => ({ code, signal }));
		child.stdout.setEncoding('utf8').on('data', (text) => (this.log += text));
		child.stderr.setEncoding('utf8').on('data', (text) => (this.log += text));
	}

	get complaints() {
		return this.log.split('\n').filter((line) => COMPLAINT.test(line));
	}

	client(credential = mintCredential(SECRET), local = undefined) {
		return TurnClient.open({ server: this.server, credential, local });
	}

	// It takes connections, or it has ended: for one that has no UDP.
	async listens() {
		for (let tries = 0; this.child.exitCode === null && tries < 100; tries++) {
			const socket = net.connect(this.server.port, this.server.address);
			const isThere = await once(socket, 'connect').then(() => true, () => delay(50, false));
			socket.destroy();
			if (isThere)
				return;
		}
		throw new Error(`coturn does not listen:\n${this.log}`);
	}

	// It answers a STUN Binding, or it has ended.
	async ready() {
		const client = await TurnClient.open({ server: this.server });
		try {
			for (let tries = 0; this.child.exitCode === null && tries < 100; tries++) {
				const answer = await Promise.race([client.binding().catch(() => null), delay(50)]);
				if (answer?.code === 200)
					return;
			}
		} finally {
			client.close();
		}
		throw new Error(`coturn does not answer:\n${this.log}`);
	}

	// It relays for who has the secret: as long as it makes its database, it may
	// refuse what is right.
	async gives() {
		for (let tries = 0; tries < 100; tries++) {
			const client = await this.client();
			const { code } = await client.allocate().finally(() => client.close());
			if (code === 200)
				return;
			await delay(50);
		}
		throw new Error(`coturn gives no relay:\n${this.log}`);
	}

	async stop() {
		this.child.kill('SIGKILL');
		await this.exit;
	}
}

// As turnconf says to: a coturn that has to make its database itself may refuse
// everybody, for a moment or for good.
async function makeDatabase(file) {
	const text = await readFile(file, 'utf8');
	const value = (key) => text.match(new RegExp(`^${key}=(.*)$`, 'm'))?.[1];
	const userdb = value('userdb');

	if (!userdb || await stat(userdb).catch(() => null))
		return;
	const { code, stderr } = await turnconf('secrets', ...asSets({
		'turn.host': 'turn.example.org', 'turn.secret': SECRET, 'turn.realm': value('realm'), 'coturn.userdb': userdb }));
	if (code !== 0)
		throw new Error(`turnconf secrets: ${stderr}`);
}

// Starts coturn with a file; it is ended after the test. user: {uid, gid}, else ours.
export async function startCoturn(t, file, server = { address: PUBLIC4, port: 3478 }, user = {}) {
	await makeDatabase(file);
	const child = spawn(turnserver, ['-c', file], { cwd: path.dirname(file), ...user });
	const coturn = new Coturn(child, server);
	t.after(() => coturn.stop());
	await (server.isStream ? coturn.listens() : coturn.ready());
	return coturn;
}

// A turnserver.conf of one's own.
export async function writeConf(folder, ...lines) {
	const file = path.join(folder, 'turnserver.conf');
	await writeFile(file, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 });
	return file;
}

// The least that runs coturn on the test's address.
export function bareConf(folder) {
	return [
		`listening-ip=${PUBLIC4}`, `relay-ip=${PUBLIC4}`, 'realm=turn.example.org',
		'use-auth-secret', `static-auth-secret=${SECRET}`, 'no-tls', 'no-dtls', 'no-cli',
		`userdb=${path.join(folder, 'turndb')}`, `pidfile=${path.join(folder, 'turnserver.pid')}`,
		'log-file=stdout', 'no-stdout-log',
	];
}

// A client with an allocation; closed after the test.
export async function allocated(t, coturn, options = {}, credential = mintCredential(SECRET)) {
	const client = await coturn.client(credential);
	t.after(() => client.close());
	const answer = await client.allocate(options);
	if (answer.code !== 200)
		throw new Error(`no allocation: ${answer.code}\n${coturn.log}`);
	client.relayed = answer.relayed;
	return client;
}
