// tutorial-server.mjs: a Socket.IO tutorial's own server, to hold signald
// against, and a web server that has nothing but the pages.
import { once } from 'node:events';
import { createServer } from 'node:http';
import path from 'node:path';
import { Server } from 'socket.io';
import { atEnd } from './ending.mjs';

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

/*
 * Serve files from memory until the test ends.
 *
 * files  Map from a name without a slash to its text
 *
 * Returns {http, url}.
 */
export async function serveFiles(t, files) {
	const http = createServer((request, response) => {
		const name = new URL(request.url, 'http://localhost').pathname.slice(1);
		response.writeHead(files.has(name) ? 200 : 404, { 'content-type': TYPES[path.extname(name)] ?? 'text/plain' });
		response.end(files.get(name));
	}).listen(0, '127.0.0.1');
	await once(http, 'listening');
	atEnd(t, () => {
		http.close();
		http.closeAllConnections();
	});
	return { http, url: `http://127.0.0.1:${http.address().port}` };
}

// One room, one broadcaster: the last who said so.
function introduce(io) {
	let broadcasterId;
	const tell = (id, ...event) => id && io.to(id).emit(...event);

	io.on('connection', (socket) => {
		socket.on('broadcaster', () => {
			broadcasterId = socket.id;
			socket.broadcast.emit('broadcaster');
		});
		socket.on('watcher', () => tell(broadcasterId, 'watcher', socket.id));
		for (const event of ['offer', 'answer', 'candidate'])
			socket.on(event, (id, message) => tell(id, event, socket.id, message));
		socket.on('disconnect', () => tell(broadcasterId, 'disconnectPeer', socket.id));
	});
}

/*
 * Serve the pages as the tutorial does, by the process that introduces them to
 * each other.
 *
 * Returns {url}.
 */
export async function startTutorialServer(t, files) {
	const { http, url } = await serveFiles(t, files);
	const io = new Server(http);
	introduce(io);
	atEnd(t, () => io.close());
	return { url };
}
