// servers.mjs: the servers that faults are done to: signald, and socket.io
// beside it. Each is a process of its own, started again on the same port.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePort, makeFolder, startDaemon } from '../lib/daemon.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const running = new Set();

// A child that is stopped or forgotten dies with this process, however it ends.
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
	process.once(signal, () => process.exit(130));

export function watchChild(child) {
	running.add(child);
	child.once('exit', () => running.delete(child));
	return child;
}

/*
 * A server that can be hit. start() is called for each of its lives:
 * it resolves, once the server listens, to {pid, ended()}.
 */
class Server {
	// When it listened again, in ms of performance.now().
	restarts = [];
	#start;
	#life;

	constructor(port, start) {
		this.port = port;
		this.#start = start;
	}

	get pid() {
		return this.#life.pid;
	}

	async start() {
		const isFirst = !this.#life;
		this.#life = await this.#start();
		if (!isFirst)
			this.restarts.push(performance.now());
	}

	signal(name) {
		process.kill(this.pid, name);
	}

	async end(signal) {
		const ended = this.#life.ended();
		this.signal(signal);
		await ended;
	}
}

/*
 * How long clients are waited for is one setting on both, so that the same
 * faults are noticed after the same time.
 *
 * pingS      seconds between two pings; a client may be silent for one more
 * firstSets  what is set for its first life alone
 */
export async function startSignald(t, { pingS = 25, sets = {}, firstSets = {}, openFiles } = {}) {
	const port = await freePort();
	const all = {
		'state.dir': await makeFolder(t),
		'socketio.namespaces': `/=${here('pair.rules')}+recovery`,
		'websocket.ping_interval_s': pingS,
		'websocket.silence_timeout_s': 2 * pingS,
		'socketio.ping_interval_s': pingS,
		'socketio.ping_timeout_s': pingS,
		'drain.spread_s': 1,
		...sets,
	};
	let life = 0;
	const server = new Server(port, async () => {
		const daemon = await startDaemon(t, { port, sets: { ...all, ...(life++ ? {} : firstSets) }, openFiles });
		watchChild(daemon.child);
		return daemon;
	});
	await server.start();
	return server;
}

export async function startReference(t, { pingS = 25 } = {}) {
	const port = await freePort();
	const server = new Server(port, async () => {
		const child = watchChild(spawn(process.execPath, [here('reference.mjs'), String(port), String(pingS * 1000)],
			{ stdio: ['ignore', 'pipe', 'inherit'] }));
		const exit = once(child, 'exit');
		t.after(() => child.kill('SIGKILL'));
		await Promise.race([once(child.stdout, 'data'),
			exit.then(([code]) => Promise.reject(new Error(`the reference ended with ${code}`)))]);
		return { pid: child.pid, ended: () => exit };
	});
	await server.start();
	return server;
}
