// activation.mjs: signald as systemd runs it with socket activation: somebody else
// has opened its sockets, keeps them open, and starts the next signald the moment
// the one before has ended.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import readline from 'node:readline';
import { cleanEnv, until } from './daemon.mjs';
import { atEnd } from './ending.mjs';
import { openSocket } from './manager.mjs';

// One signald for each line that comes. What it leaves behind is not its child.
const MANAGER = `
while read -r _; do
	sh -c 'echo "began $$"; export LISTEN_PID=$$; exec "$0" "$@"' "$0" "$@" </dev/null
	echo "ended $?"
done`;

/*
 * One signald after the other, on the same sockets.
 *
 * lives  of each: { pid, log, beganMs, upMs, endedMs, code }, as performance.now()
 *        has it; log is what it and those that it has left behind have said
 */
class Activated {
	lives = [];
	#child;

	constructor(child) {
		this.#child = child;
		readline.createInterface({ input: child.stdout }).on('line', (line) => this.#note(...line.split(' ')));
		readline.createInterface({ input: child.stderr }).on('line', (line) => this.#hear(line));
	}

	get now() {
		return this.lives.at(-1);
	}

	// Lines of one that goes on behind the next are among the next one's.
	get log() {
		return this.lives.map(({ log }) => log).join('');
	}

	#note(what, value) {
		const atMs = performance.now();
		if (what === 'began')
			this.lives.push({ pid: Number(value), log: '', beganMs: atMs });
		else
			Object.assign(this.now, { endedMs: atMs, code: Number(value) });
	}

	// Two pipes: the first line may come before the word that there is somebody.
	async #hear(line) {
		const life = await until('a signald that speaks', () => this.now);
		life.log += `${line}\n`;
		if (/ server\.start /.test(line))
			this.now.upMs = performance.now();
	}

	// The next one; where one runs, when it has ended.
	async start() {
		const next = this.lives.length;
		this.#child.stdin.write('start\n');
		await until(`signald starts; its log:\n${this.log}`, () => this.lives[next]?.upMs || this.#failed(next), 60000);
		return this.lives[next];
	}

	#failed(next) {
		if (this.lives[next]?.endedMs)
			throw new Error(`signald ended at start:\n${this.lives[next].log}`);
	}

	/*
	 * What systemctl restart does: the next one is started when this one has ended
	 * by itself. Returns both lives.
	 */
	async upgrade() {
		const before = this.now;
		const began = this.start();
		const termMs = performance.now();
		process.kill(before.pid, 'SIGTERM');
		return { before, next: await began, termMs };
	}

	async end() {
		const isThere = this.#child.exitCode === null;
		// First of all: it would start one more that was asked for.
		this.#child.kill('SIGKILL');
		if (isThere)
			await once(this.#child, 'exit');
		if (this.now && !this.now.endedMs)
			process.kill(this.now.pid, 'SIGKILL');
	}
}

/*
 * Open sockets, and start a signald that inherits them.
 *
 * program  its file, which may be another one at each start
 * sockets  [{ host, port }] to listen on
 */
export async function startActivated(t, { program, args, sockets }) {
	const opened = [];
	for (const { host, port } of sockets)
		opened.push(await openSocket(t, host, port, { backlog: 4096 }));
	const child = spawn('sh', ['-c', MANAGER, program, ...args], {
		env: cleanEnv({ LISTEN_FDS: opened.length }), stdio: ['pipe', 'pipe', 'pipe', ...opened.map(({ fd }) => fd)],
	});
	const activated = new Activated(child);
	atEnd(t, () => activated.end());
	for (const socket of opened)
		socket.close();
	await activated.start();
	return activated;
}
