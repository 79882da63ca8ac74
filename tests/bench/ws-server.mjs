// ws-server.mjs: the least of signald.v1 on the package ws, with JSON.parse
// and JSON.stringify.
import { randomBytes } from 'node:crypto';
import { WebSocketServer } from 'ws';

const peers = new Map();
const rooms = new Map();

const handlers = {
	join(peer, { room, role }) {
		const members = rooms.get(room) ?? new Set();
		const joined = JSON.stringify(
			{ type: 'peer-joined', peer: { id: peer.id, role } });

		// A watcher is news for the broadcaster only.
		for (const other of members)
			if (role !== 'watcher' || other.role === 'broadcaster')
				other.socket.send(joined);
		peer.role = role;
		peer.room = room;
		rooms.set(room, members.add(peer));
		peer.socket.send(JSON.stringify(
			{ type: 'joined', id: peer.id, room, role }));
	},

	// The one that is undefined is left out.
	relay(peer, { type, to, candidate, description }) {
		peers.get(to)?.socket.send(JSON.stringify(
			{ type, from: peer.id, candidate, description }));
	},

	broadcast(peer, { data }) {
		const text = JSON.stringify(
			{ type: 'broadcast', from: peer.id, data });

		for (const other of rooms.get(peer.room))
			if (other !== peer)
				other.socket.send(text);
	},
};
handlers.offer = handlers.answer = handlers.candidate = handlers.relay;

function leave(peer) {
	const members = rooms.get(peer.room);

	peers.delete(peer.id);
	members?.delete(peer);
	if (members?.size === 0)
		rooms.delete(peer.room);
}

const server = new WebSocketServer(
	{ host: '127.0.0.1', port: Number(process.argv[2]) });

server.on('connection', (socket) => {
	const peer = { socket, id: randomBytes(16).toString('base64url') };

	peers.set(peer.id, peer);
	socket.on('message', (data) => {
		const message = JSON.parse(data);
		handlers[message.type]?.(peer, message);
	});
	socket.on('error', () => {});
	socket.on('close', () => leave(peer));
});

// So that memory is measured without the garbage: node --expose-gc.
process.on('SIGUSR2', () => globalThis.gc?.());
