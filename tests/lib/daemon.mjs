// daemon.mjs: starts the real signald on free ports, and ends it after the test.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { atEnd, useForAll } from './ending.mjs';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const program = path.resolve(root, process.env.SIGNALD ?? 'build/signald');
export const SECRET = 'test-secret-0123456789abcdef';
export const ADMIN_KEY = 'test-admin-key-0123456789';

// The environment of a signald: nothing of ours may configure it.
export function cleanEnv(more = {}) {
	const env = Object.fromEntries(
		Object.entries(process.env).filter(([name]) => !name.startsWith('SIGNALD')));
	return { ...env, ...more };
}

// Below the ports that the system gives to connections: a daemon that is started
// again on its own must find it free.
const FIRST_PORT = 15000;
const LAST_PORT = 32000;

export async function freePort() {
	for (;;) {
		const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
		const server = net.createServer().listen(port, '127.0.0.1');
		const isFree = await once(server, 'listening').then(() => true, () => false);
		if (!isFree)
			continue;
		server.close();
		await once(server, 'close');
		return port;
	}
}

// A folder that goes when the test does.
export async function makeFolder(t) {
	const folder = await mkdtemp(path.join(os.tmpdir(), 'signald-test-'));
	atEnd(t, () => rm(folder, { recursive: true, force: true }));
	return folder;
}

// Waits until check() gives something; the only poll there is in these tests,
// for facts that announce themselves to nobody.
export async function until(what, check, limitMs = 10000) {
	const deadline = performance.now() + limitMs;
	for (;;) {
		const value = await check();
		if (value)
			return value;
		if (performance.now() > deadline)
			throw new Error(`waited ${limitMs} ms in vain: ${what}`);
		await delay(10);
	}
}

class Daemon {
	constructor(child, port, metricsPort) {
		this.child = child;
		this.pid = child.pid;
		this.port = port;
		this.metricsPort = metricsPort;
		this.host = `127.0.0.1:${port}`;
		this.url = `http://${this.host}`;
		this.wsUrl = `ws://${this.host}/v1/ws`;
		this.log = '';
		this.exit = once(child, 'exit').then(([code, signal]) => ({ code, signal }));
		child.stdout.setEncoding('utf8').on('data', (text) => (this.log += text));
		child.stderr.setEncoding('utf8').on('data', (text) => (this.log += text));
	}

	get isRunning() {
		return this.child.exitCode === null && this.child.signalCode === null;
	}

	waitLog(pattern, limitMs) {
		return until(`${pattern} in the log, which is:\n${this.log}`,
			() => this.log.match(pattern), limitMs);
	}

	async isReady() {
		if (!this.isRunning)
			throw new Error(`signald ended at start:\n${this.log}`);
		return fetch(`${this.url}/healthz`).then((r) => r.ok, () => false);
	}

	signal(name) {
		process.kill(this.pid, name);
	}

	// One sample of /metrics; a name with labels is written as the page has it.
	async metric(name) {
		const text = await (await fetch(`http://127.0.0.1:${this.metricsPort}/metrics`)).text();
		const line = text.split('\n').find((l) => l.startsWith(`${name} `));
		if (!line)
			throw new Error(`no metric ${name} in:\n${text}`);
		return Number(line.slice(name.length + 1));
	}

	// Ask the admin API; init as for fetch().
	admin(method, name, init = {}) {
		const { headers, ...rest } = init;
		return fetch(`http://127.0.0.1:${this.metricsPort}/v1/admin/${name}`,
			{ method, headers: { Authorization: `Bearer ${ADMIN_KEY}`, ...headers }, ...rest });
	}

	kick(id) {
		return this.admin('DELETE', `peers/${encodeURIComponent(id)}`);
	}

	// It must still be there: a daemon that died in the test is a failure even
	// when the test asked nothing more of it.
	async end() {
		if (this.isRunning) {
			this.signal('SIGKILL');
			await this.exit;
			return;
		}
		const { code, signal } = await this.exit;
		if (!this.isExpectedToEnd || /Sanitizer|runtime error/.test(this.log))
			throw new Error(`signald ended by itself (${code ?? signal}):\n${this.log}`);
	}

	// The test ends it on purpose: its exit code, and that it comes in time.
	async ended(limitMs = 10000) {
		this.isExpectedToEnd = true;
		const timer = delay(limitMs, null, { ref: false });
		const result = await Promise.race([this.exit, timer]);
		if (!result)
			throw new Error(`signald did not end within ${limitMs} ms:\n${this.log}`);
		return result;
	}
}

/*
 * Start signald.
 *
 * sets      {"section.key": value}, as --set; undefined for none of ours
 * config    text of a configuration file
 * env       environment variables beside the usual ones
 * openFiles limit of descriptors
 * port      of 127.0.0.1, instead of a free one
 */
export async function startDaemon(t, options = {}) {
	const { sets = {}, config, env = {}, openFiles, port = await freePort() } = options;
	const metricsPort = await freePort();
	const args = [];
	let configPath;
	if (config !== undefined) {
		configPath = path.join(await makeFolder(t), 'signald.conf');
		await writeFile(configPath, config, { mode: 0o600 });
		args.push('--config', configPath);
	}
	const all = {
		'listen.address': `127.0.0.1:${port}`,
		'listen.metrics': `127.0.0.1:${metricsPort}`,
		'drain.spread_s': 0,
		'admin.key': ADMIN_KEY,
		...sets,
	};
	for (const [key, value] of Object.entries(all).filter(([, given]) => given !== undefined))
		args.push('--set', `${key}=${value}`);
	// The shell is replaced by signald: the pid is signald's own.
	const child = openFiles
		? spawn('sh', ['-c', `ulimit -n ${openFiles}; exec "$0" "$@"`, program, ...args],
			{ cwd: root, env: cleanEnv(env), stdio: ['ignore', 'pipe', 'pipe'] })
		: spawn(program, args, { cwd: root, env: cleanEnv(env), stdio: ['ignore', 'pipe', 'pipe'] });
	const daemon = new Daemon(child, port, metricsPort);
	daemon.configPath = configPath;
	daemon.options = { ...options, port };
	atEnd(t, () => daemon.end());
	try {
		await until('signald answers', () => daemon.isReady());
	} catch (fault) {
		// Somebody else has taken the port since it was found free.
		if (options.port || !daemon.log.includes('Address already in use'))
			throw fault;
		daemon.isExpectedToEnd = true;
		return startDaemon(t, options);
	}
	return daemon;
}

// End it, and start another at its address, which finds what that one has kept.
export async function restart(t, daemon, signal = 'SIGKILL') {
	daemon.signal(signal);
	await daemon.ended();
	return startDaemon(t, daemon.options);
}

// Run signald to its end: for --help, --check-config and refusals to start.
export async function runProgram(args, { env = {}, input } = {}) {
	const child = spawn(program, args, { cwd: root, env: cleanEnv(env) });
	const result = { stdout: '', stderr: '' };
	child.stdout.setEncoding('utf8').on('data', (text) => (result.stdout += text));
	child.stderr.setEncoding('utf8').on('data', (text) => (result.stderr += text));
	child.stdin.end(input);
	const timer = setTimeout(() => child.kill('SIGKILL'), 10000);
	const [code, signal] = await once(child, 'close');
	clearTimeout(timer);
	return { ...result, code, signal };
}

// One daemon for all tests of a describe(): started before, ended after them.
export function useDaemon(options, give) {
	useForAll((scope) => startDaemon(scope, options), give);
}
