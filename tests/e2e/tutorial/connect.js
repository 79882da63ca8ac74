// connect.js: what both pages of a Socket.IO tutorial begin with. The address
// says what an author would write into the page: ?server=, ?transports=, ?policy=.

const asked = new URLSearchParams(window.location.search);

const config = {
	iceServers: [{ urls: 'stun:stun.example.org' }],
	iceTransportPolicy: asked.get('policy') ?? 'all',
};

// Called by the script that goes on to listen: what comes between two scripts
// is heard by neither.
function connect() {
	const socket = io.connect(asked.get('server') ?? window.location.origin,
		asked.has('transports') ? { transports: asked.get('transports').split(',') } : {});

	// For the test: every event and the id in it, every connection by its other end.
	window.tutorial = { socket, seen: [], connections: {} };
	socket.onAny((event, id) => window.tutorial.seen.push([event, id]));
	return socket;
}
