// socketio-server.mjs: the video broadcast tutorial's server on socket.io.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const http = createServer();
const io = new Server(http, { serveClient: false, transports: ['websocket'] });
let broadcaster;

// The tutorial's handlers, and no others. It knows no rooms: a pair is two who
// know each other's ids.
io.on('connection', (socket) => {
	socket.on('broadcaster', () => {
		broadcaster = socket.id;
		socket.broadcast.emit('broadcaster');
	});
	socket.on('watcher', () =>
		socket.to(broadcaster).emit('watcher', socket.id));
	for (const kind of ['offer', 'answer', 'candidate'])
		socket.on(kind, (id, message) =>
			socket.to(id).emit(kind, socket.id, message));
	socket.on('disconnect', () =>
		socket.to(broadcaster).emit('disconnectPeer', socket.id));
});

// What the tutorial does not do: one message of a broadcaster's for all others.
io.of('/all').on('connection', (socket) =>
	socket.on('broadcast', (data) =>
		socket.broadcast.emit('broadcast', socket.id, data)));

// So that memory is measured without the garbage: node --expose-gc.
process.on('SIGUSR2', () => globalThis.gc?.());
http.listen(Number(process.argv[2]), '127.0.0.1');
