// redis.mjs: runs a real Redis, with nothing on disk, and ends it after the test.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const HOST = '127.0.0.1';

class Redis {
	constructor(port, password, more) {
		this.port = port;
		this.address = `${HOST}:${port}`;
		this.password = password;
		this.more = more;
	}

	// Empty, as after every loss of what it had.
	async start() {
		const args = ['--port', this.port, '--bind', HOST, '--save', '', '--appendonly', 'no'];
		if (this.password)
			args.push('--requirepass', this.password);
		args.push(...this.more);
		this.child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'pipe'] });
		this.log = '';
		for (const stream of [this.child.stdout, this.child.stderr])
			stream.setEncoding('utf8').on('data', (text) => (this.log += text));
		this.exit = once(this.child, 'close');
		for (let tries = 0; !/Ready to accept connections/.test(this.log); tries++) {
			if (this.child.exitCode !== null || tries > 200)
				throw new Error(`redis-server does not start:\n${this.log}`);
			await delay(25);
		}
	}

	async stop() {
		this.child.kill('SIGKILL');
		await this.exit;
	}

	// As if the network to it were cut: it answers nobody.
	freeze() {
		this.child.kill('SIGSTOP');
	}

	thaw() {
		this.child.kill('SIGCONT');
	}

	// One command's answer, as redis-cli prints it.
	async ask(...command) {
		const env = { ...process.env, ...(this.password && { REDISCLI_AUTH: this.password }) };
		const { stdout } = await promisify(execFile)('redis-cli',
			['-h', HOST, '-p', this.port, ...command.map(String)], { env });
		return stdout.trim();
	}

	async keys(pattern = '*') {
		return (await this.ask('KEYS', pattern)).split('\n').filter(Boolean);
	}
}

export async function startRedis(t, { port = 6379, password, more = [] } = {}) {
	const redis = new Redis(port, password, more);
	await redis.start();
	t.after(() => redis.stop());
	return redis;
}
