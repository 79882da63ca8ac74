// reference-app.mjs: what signald's presets mean, written on the reference
// server, so that tests can be tried on both. Takes {"section.key": value};
// prints its port.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const sets = JSON.parse(process.argv[2] ?? '{}');
const ms = (key, usual) => (sets[`socketio.${key}`] ?? usual) * 1000;
const http = createServer();
const hasRecovery = sets['session.window_s'] !== undefined;

const io = new Server(http, {
	serveClient: false,
	allowEIO3: sets['socketio.eio3'] !== 'no',
	pingInterval: ms('ping_interval_s', 25),
	pingTimeout: ms('ping_timeout_s', 20),
	connectTimeout: ms('connect_timeout_s', 45),
	upgradeTimeout: ms('upgrade_timeout_s', 10),
	cors: { origin: sets['http.origins'], credentials: true },
	...(hasRecovery && {
		connectionStateRecovery: { maxDisconnectionDuration: sets['session.window_s'] * 1000 },
	}),
});

// The room of a socket, which it enters; the handlers of a preset get its name.
function serve(nsp, preset) {
	io.of(nsp).on('connection', (socket) => {
		const { auth, query } = socket.handshake;
		const room = `room ${auth.room ?? query.room ?? 'default'}`;
		if (!socket.recovered)
			socket.join(room);
		preset(socket, room);
	});
}

const broadcasters = new Map();

serve('/', (socket, room) => {
	const isBroadcaster = () => broadcasters.get(room) === socket.id;

	socket.on('broadcaster', () => {
		broadcasters.set(room, socket.id);
		socket.to(room).emit('broadcaster');
	});
	socket.on('watcher', () => socket.to(broadcasters.get(room) ?? 'nobody').emit('watcher', socket.id));
	for (const kind of ['offer', 'answer', 'candidate'])
		socket.on(kind, (id, message) => socket.to(id).emit(kind, socket.id, message));
	socket.on('disconnect', () => {
		socket.to(isBroadcaster() ? room : broadcasters.get(room) ?? 'nobody').emit('disconnectPeer', socket.id);
	});
});

function relayAnything(socket, room) {
	socket.onAny((event, ...args) => {
		const done = typeof args.at(-1) === 'function' ? args.pop() : undefined;
		const [first, ...rest] = args;
		const isId = typeof first === 'string';
		const id = isId ? first : first?.to ?? first?.target;
		const to = socket.nsp.sockets.get(id);
		const heard = [isId ? socket.id : { ...first, from: socket.id }, ...rest];
		if (to && done)
			to.emit(event, ...heard, (...answer) => done(...answer));
		else if (id && !done)
			socket.to(id).emit(event, ...heard); // a room of one, who may be cut off
		else if (!isId && first && room === `room ${first.room}`)
			socket.to(room).emit(event, ...heard);
		else
			done?.('unknown-peer');
	});
}

serve('/generic', relayAnything);
serve('/rec', relayAnything);

http.listen(0, '127.0.0.1', () => console.log(http.address().port));
