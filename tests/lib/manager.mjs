// manager.mjs: what a service manager is to its service: it hears how the service
// is, and gives it sockets.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import readline from 'node:readline';
import { makeFolder, until } from './daemon.mjs';
import { atEnd } from './ending.mjs';

// Node has no datagrams of Unix sockets.
const LISTEN = `
import json, socket, sys, time
at = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
at.bind('\\0' + name[1:] if name[0] == '@' else name)
print('{}', flush=True)
while True:
    text = at.recv(65536).decode()
    said = dict(line.split('=', 1) for line in text.splitlines())
    print(json.dumps({'said': said, 'us': time.monotonic_ns() // 1000}), flush=True)
`;

/*
 * Listen to what a service says at NOTIFY_SOCKET.
 *
 * name  of the socket: a path, or an abstract one behind an @; undefined for a path
 *
 * Gives { name, heard, hear }: heard are all messages in order, as { said, us };
 * hear(what, isIt) waits for one that was not waited for before.
 */
export async function listenToService(t, name) {
	const at = name ?? path.join(await makeFolder(t), 'notify');
	const child = spawn('python3', ['-c', LISTEN, at], { stdio: ['ignore', 'pipe', 'inherit'] });
	const manager = { name: at, heard: [] };
	let next = 0;

	atEnd(t, () => child.kill('SIGKILL'));
	const lines = readline.createInterface({ input: child.stdout });
	await once(lines, 'line');
	lines.on('line', (line) => manager.heard.push(JSON.parse(line)));
	manager.hear = (what, isIt, limitMs) => until(`${what} among what was said`, () => {
		while (next < manager.heard.length) {
			const message = manager.heard[next++];
			if (isIt(message.said))
				return message;
		}
		return null;
	}, limitMs);
	return manager;
}

// A socket that listens, to be given away: Node would accept on it itself, so
// close() is for when somebody else has it.
export async function openSocket(t, host, port = 0, more = {}) {
	const server = net.createServer();
	server.listen({ host, port, ...more });
	await once(server, 'listening');
	atEnd(t, () => server.close());
	return { port: server.address().port, fd: server._handle.fd, close: () => server.close() };
}
