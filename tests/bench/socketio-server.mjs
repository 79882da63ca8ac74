// socketio-server.mjs: signaling as a socket.io tutorial would write it.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const http = createServer();
const io = new Server(http, { serveClient: false, transports: ['websocket'] });

io.on('connection', (socket) => {
	let room;

	// A watcher is news for the broadcaster only, a peer for everybody.
	socket.on('join', (name, role, done) => {
		room = name;
		const seers = role === 'watcher' ? `${room} broadcaster` : room;
		socket.to(seers).emit('peer-joined', socket.id);
		socket.join(room);
		if (role === 'broadcaster')
			socket.join(`${room} broadcaster`);
		done();
	});

	for (const kind of ['offer', 'answer', 'candidate'])
		socket.on(kind, (id, message) =>
			socket.to(id).emit(kind, socket.id, message));

	socket.on('broadcast', (data) =>
		socket.to(room).emit('broadcast', socket.id, data));
});

// So that memory is measured without the garbage: node --expose-gc.
process.on('SIGUSR2', () => globalThis.gc?.());
http.listen(Number(process.argv[2]), '127.0.0.1');
