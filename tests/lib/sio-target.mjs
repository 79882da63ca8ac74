// sio-target.mjs: what the Socket.IO tests run against: signald, or, with
// SIO_TARGET=reference, a small application on the reference server.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { startDaemon } from './daemon.mjs';
import { atEnd, useForAll } from './ending.mjs';

export const isReference = process.env.SIO_TARGET === 'reference';

export const NAMESPACES = '/=tutorial, /generic=generic, /rec=generic+recovery, /codelab=codelab, '
	+ '/all=all-users, /call=callUser, /zoom=join-room';
export const ORIGIN = 'https://pages.example';

class Reference {
	constructor(child, port) {
		this.child = child;
		this.pid = child.pid;
		this.port = port;
		this.host = `127.0.0.1:${port}`;
		this.url = `http://${this.host}`;
	}

	get isRunning() {
		return this.child.exitCode === null && this.child.signalCode === null;
	}

	async end() {
		if (!this.isRunning)
			throw new Error('the reference ended by itself');
		this.child.kill('SIGKILL');
		await once(this.child, 'exit');
	}
}

async function startReference(t, sets) {
	const file = fileURLToPath(new URL('reference-app.mjs', import.meta.url));
	const child = spawn(process.execPath, [file, JSON.stringify(sets)], { stdio: ['ignore', 'pipe', 'inherit'] });
	const [text] = await once(child.stdout, 'data');
	const reference = new Reference(child, Number(text));
	atEnd(t, () => reference.end());
	return reference;
}

// For one connection that sends as fast as it can.
export const UNLIMITED = { 'limits.messages_per_s': 0, 'limits.bytes_per_s': 0 };

// sets  {"section.key": value}, beside the namespaces
export async function startTarget(t, { sets = {} } = {}) {
	const all = { 'socketio.namespaces': NAMESPACES, 'http.origins': ORIGIN, ...sets };
	return isReference ? startReference(t, all) : startDaemon(t, { sets: all });
}

// One for all tests of a describe().
export function useTarget(options, give) {
	useForAll((scope) => startTarget(scope, options), give);
}

// Where signald is to do something else than the reference server.
export function ownTest(name, run) {
	test(name, { skip: isReference && 'the reference differs' }, run);
}
