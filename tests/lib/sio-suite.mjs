// sio-suite.mjs: starts the test application of tests/suite, and speaks to it.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { after, before } from 'node:test';
import WebSocket from 'ws';
import { freePort, root, until } from './daemon.mjs';
import { atEnd } from './ending.mjs';
import { Inbox, get } from './sio.mjs';
import { isReference } from './sio-target.mjs';

// What the application does when it is not told otherwise.
export const PING_INTERVAL_MS = 300, PING_TIMEOUT_MS = 200, MAX_PAYLOAD = 1000000;

// Times of heartbeats: pings come, and there is time to answer them; none come.
export const PATIENT = [PING_INTERVAL_MS, 20000], SILENT = [60000, 20000];

const program = path.resolve(root, process.env.SIO_SUITE_SERVER ?? 'build/sio-suite-server');

// The application, for all tests of a describe(); times are those of its
// heartbeats, which the reference keeps to itself.
export function useSuite(times, give) {
	let child;

	before(async () => {
		const port = await freePort();
		child = isReference
			? spawn(process.execPath, [path.join(root, 'tests/lib/reference-suite.mjs'), port], { stdio: ['ignore', 'ignore', 'inherit'] })
			: spawn(program, [port, ...times], { stdio: ['ignore', 'ignore', 'inherit'] });
		const target = { host: `127.0.0.1:${port}`, url: `http://127.0.0.1:${port}` };
		await until('the application answers', () =>
			get(target, '/engine.io/?EIO=4&transport=polling').then(({ status }) => status === 200, () => {
				if (child.exitCode !== null)
					throw new Error(`the application ended with ${child.exitCode}`);
			}));
		give(target);
	});
	after(() => {
		const { exitCode, signalCode } = child;
		child.kill('SIGKILL');
		if (exitCode !== null || signalCode !== null)
			throw new Error(`the application ended by itself (${exitCode ?? signalCode})`);
	});
}

// A WebSocket whose messages, texts or Buffers, go to an inbox.
export class Socket extends Inbox {
	constructor(t, target, path) {
		super();
		this.ws = new WebSocket(`ws://${target.host}${path}`, { perMessageDeflate: false });
		this.ws.on('message', (data, isBinary) => this.put(isBinary ? data : data.toString()));
		this.ws.on('error', () => {});
		this.ws.on('close', (code) => this.end({ code }));
		atEnd(t, () => this.ws.terminate());
	}

	send(...messages) {
		for (const message of messages)
			this.ws.send(message);
	}

	// It sends its first message, or fails to open.
	async first() {
		return this.next();
	}
}
