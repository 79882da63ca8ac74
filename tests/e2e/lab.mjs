// lab.mjs: signald and coturn, each of which a test can end and start again
// without the other.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

import { cleanEnv, makeFolder, restart, root, SECRET, startDaemon, until } from '../lib/daemon.mjs';
import { atEnd } from '../lib/ending.mjs';
import { TurnClient, mintCredential } from '../turnconf/turn-client.mjs';

// The address that tests/e2e/run makes.
const ADDRESS = '198.51.100.10';

// Nobody else is here. A port of those that connections get would not be safe:
// who knocks there while the server is down may end up connected to itself.
const PORT = 8080;

const START_MS = 10000;

// What coturn's log says of relays. Only who has shown a credential has a name.
const RELAY = /Local relay addr: [\d.]+:(\d+)$/;
const MADE = /: new, realm=<[^>]*>, username=<(\d+):([^>]+)>/;
const REFUSED = /user <(\d+):([^>]+)>: .*processed, error (\d+)/;

// The server besides [turn], for who asks for one.
const SECOND_PORT = 3479;

// Where a coturn takes orders, and is seen to end in the moment in which it does.
const cliOf = (port) => ({ 'turn.cli': `127.0.0.1:${port}`, 'turn.cli_password': 'cli-0123456789abcdef' });
const CLI = cliOf(5766);
const SECOND_CLI = cliOf(5767);

async function isGiving(port) {
	const client = await TurnClient.open({ server: { address: ADDRESS, port }, credential: mintCredential(SECRET) });
	try {
		const { code } = await client.allocate();
		if (code === 200)
			await client.refresh(0); // it is nobody's
		return code === 200;
	} finally {
		client.close();
	}
}

class Coturn {
	/** In order: {user, expiryMs, port, atMs}. */
	allocations = [];
	/** In order: {user, expiryMs, code, atMs}. */
	refusals = [];
	log = '';
	#file;
	#port;
	#isTunnel;
	#child;
	#rest = '';
	#relayPort;

	// isTunnel: it is behind signald's TLS, and speaks to nobody else
	constructor(file, port, isTunnel = false) {
		this.#file = file;
		this.#port = port;
		this.#isTunnel = isTunnel;
	}

	get pid() {
		return this.#child.pid;
	}

	async start() {
		// With one thread a relay's address stands right before whose it is.
		const args = ['--verbose', '--relay-threads', '1', '-c', this.#file];
		const env = cleanEnv({ PATH: `${process.env.PATH}:/usr/sbin` });
		const ready = this.#isTunnel ? /TCP listener opened/g : /UDP listener opened/g;
		const seen = () => this.log.match(ready)?.length ?? 0;
		const before = seen();
		this.#child = spawn('turnserver', args, { cwd: path.dirname(this.#file), env, stdio: ['ignore', 'pipe', 'pipe'] });
		for (const stream of [this.#child.stdout, this.#child.stderr])
			stream.setEncoding('utf8').on('data', (text) => this.#read(text));
		await until('coturn listens', () => {
			if (this.#child.exitCode !== null)
				throw new Error(`coturn ended at start:\n${this.log}`);
			return seen() > before;
		}, START_MS);
		if (this.#isTunnel)
			return;
		await until('coturn gives relays', () => isGiving(this.#port), START_MS);
	}

	// As a crash ends it: whatever it relayed is gone.
	async kill() {
		const ended = once(this.#child, 'close');
		this.#child.kill('SIGKILL');
		await ended;
	}

	async end() {
		if (this.#child.exitCode === null && this.#child.signalCode === null)
			await this.kill();
	}

	#read(text) {
		this.log += text;
		const lines = (this.#rest + text).split('\n');
		this.#rest = lines.pop();
		for (const line of lines)
			this.#note(line, Date.now());
	}

	#note(line, atMs) {
		const made = line.match(MADE);
		const refused = line.match(REFUSED);
		this.#relayPort = line.match(RELAY)?.[1] ?? this.#relayPort;
		if (made)
			this.allocations.push({ user: made[2], expiryMs: made[1] * 1000, port: Number(this.#relayPort), atMs });
		if (refused)
			this.refusals.push({ user: refused[2], expiryMs: refused[1] * 1000, code: Number(refused[3]), atMs });
	}
}

async function writeConf(t, sets, ...options) {
	const folder = await makeFolder(t);
	const file = path.join(folder, 'turnserver.conf');
	const all = {
		...sets,
		'coturn.profile': 'development',
		'coturn.listening_ip': ADDRESS,
		'coturn.relay_ip': ADDRESS,
		'coturn.userdb': path.join(folder, 'turndb'),
		'coturn.pidfile': path.join(folder, 'turnserver.pid'),
	};
	const args = Object.entries(all).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
	const turnconf = (...command) => promisify(execFile)(path.join(root, 'build/turnconf'), [...command, ...args], { env: cleanEnv() });
	const { stdout } = await turnconf('generate', ...options);
	await writeFile(file, stdout, { mode: 0o600 });
	await turnconf('secrets');
	return file;
}

class Lab {
	#t;

	constructor(t, coturns, daemon) {
		this.#t = t;
		this.coturns = coturns;
		this.daemon = daemon;
	}

	get coturn() {
		return this.coturns[0];
	}

	get url() {
		return this.daemon.url;
	}

	// The folder of the pages.
	get root() {
		return this.daemon.options.sets['http.root'];
	}

	/*
	 * End signald and start it again, which finds what it has kept.
	 *
	 * Returns when it answered again, as Date.now() has it.
	 */
	async restart(signal) {
		this.daemon = await restart(this.#t, this.daemon, signal);
		return Date.now();
	}

	async kick(peer) {
		const { status } = await this.daemon.kick(peer);
		return status;
	}
}

// The pages, and files of the test beside them. Returns the folder.
async function makeSite(t, files) {
	const folder = await makeFolder(t);
	await cp(path.join(root, 'build/share/web'), folder, { recursive: true });
	for (const [name, text] of Object.entries(files))
		await writeFile(path.join(folder, name), text);
	return folder;
}

async function startCoturn(t, sets, port) {
	const coturn = new Coturn(await writeConf(t, { ...sets, 'turn.port': port }), port);
	atEnd(t, () => coturn.end());
	await coturn.start();
	return coturn;
}

/*
 * The coturn for the tunnel of a signald that serves TLS.
 *
 * sets  of that signald, turn.tunnel among them
 */
export async function startTunnel(t, sets) {
	const shared = { 'turn.host': ADDRESS, 'turn.secret': SECRET };
	const coturn = new Coturn(await writeConf(t, { ...shared, ...sets }, '--tunnel'), undefined, true);
	atEnd(t, () => coturn.end());
	await coturn.start();
	return coturn;
}

/*
 * Start both; they end with the test.
 *
 * sets       {"section.key": value} for signald
 * files      {name: text} that it serves beside the pages
 * hasSecond  whether there is a second coturn
 * hasCli     whether coturns take orders of signald
 */
export async function startLab(t, sets = {}, files = {}, { hasSecond = false, hasCli = true } = {}) {
	const shared = { 'turn.host': ADDRESS, 'turn.secret': SECRET };
	const all = {
		...shared,
		...hasCli && CLI,
		'http.root': await makeSite(t, files),
		'state.dir': await makeFolder(t),
		'drain.spread_s': 1,
		...sets,
	};
	const coturns = [await startCoturn(t, { ...shared, ...hasCli && CLI }, 3478)];
	let config;
	if (hasSecond) {
		const ports = { 'coturn.min_port': 40000, 'coturn.max_port': 40999 };
		coturns.push(await startCoturn(t, { ...shared, ...ports, ...hasCli && SECOND_CLI }, SECOND_PORT));
		config = `[turn second]\nhost = ${ADDRESS}\nport = ${SECOND_PORT}\n`;
		if (hasCli)
			config += `cli = ${SECOND_CLI['turn.cli']}\ncli_password = ${SECOND_CLI['turn.cli_password']}\n`;
	}
	const daemon = await startDaemon(t, { port: PORT, config, sets: all });
	await until('the relays are there', async () => {
		// As a page of its own: guests get one by that.
		const { iceServers } = await (await fetch(`${daemon.url}/v1/ice`, { headers: { Origin: daemon.url } })).json();
		return iceServers.filter(({ username }) => username).length === coturns.length;
	});
	if (all['turn.cli'])
		await daemon.waitLog(/turn\.cli_up/);
	return new Lab(t, coturns, daemon);
}
