// watch.js: one connection at a time, to whoever offers the broadcast.

const socket = connect();
const video = document.querySelector('video');
let connection;

function askForVideo() {
	socket.emit('watcher');
}

socket.on('connect', askForVideo);
socket.on('broadcaster', askForVideo);

socket.on('offer', async (id, description) => {
	connection = new RTCPeerConnection(config);
	window.tutorial.connections[id] = connection;
	connection.ontrack = ({ streams: [stream] }) => {
		video.srcObject = stream;
	};
	connection.onicecandidate = ({ candidate }) => {
		if (candidate)
			socket.emit('candidate', id, candidate);
	};
	await connection.setRemoteDescription(description);
	await connection.setLocalDescription(await connection.createAnswer());
	socket.emit('answer', id, connection.localDescription);
});

socket.on('candidate', (id, candidate) => {
	connection.addIceCandidate(new RTCIceCandidate(candidate));
});

window.onunload = window.onbeforeunload = () => {
	socket.close();
	connection?.close();
};
