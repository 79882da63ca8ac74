// reference.mjs: what pair.rules means, on socket.io with recovery on:
//   node reference.mjs PORT PING_MS
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const [port, pingMs] = process.argv.slice(2).map(Number);
const http = createServer();
const io = new Server(http, {
	serveClient: false,
	pingInterval: pingMs,
	pingTimeout: pingMs,
	connectionStateRecovery: {},
});

// A socket that is cut off has left its room of one for now: recovery keeps
// what is sent there.
io.on('connection', (socket) => {
	if (!socket.recovered) {
		socket.join(`room ${socket.handshake.auth.room}`);
		socket.to(`room ${socket.handshake.auth.room}`).emit('here', socket.id);
	}
	socket.on('me too', (id) => socket.to(id).emit('me too', socket.id));
	socket.on('msg', (id, n, done) => {
		socket.to(id).emit('msg', n);
		done(null);
	});
});

process.on('SIGTERM', () => io.close(() => process.exit(0)));
http.listen(port, '127.0.0.1', () => console.log('listening'));
