// broadcast.js: one camera, and a connection to every watcher.

const socket = connect();
const { connections } = window.tutorial;
const video = document.querySelector('video');

socket.on('watcher', async (id) => {
	const connection = new RTCPeerConnection(config);
	connections[id] = connection;
	connection.onicecandidate = ({ candidate }) => {
		if (candidate)
			socket.emit('candidate', id, candidate);
	};
	for (const track of video.srcObject.getTracks())
		connection.addTrack(track, video.srcObject);
	await connection.setLocalDescription(await connection.createOffer());
	socket.emit('offer', id, connection.localDescription);
});

socket.on('answer', (id, description) => {
	connections[id].setRemoteDescription(description);
});

socket.on('candidate', (id, candidate) => {
	connections[id].addIceCandidate(new RTCIceCandidate(candidate));
});

socket.on('disconnectPeer', (id) => {
	connections[id].close();
	delete connections[id];
});

window.onunload = window.onbeforeunload = () => {
	socket.close();
};

navigator.mediaDevices.getUserMedia({ audio: true, video: true }).then((stream) => {
	video.srcObject = stream;
	socket.emit('broadcaster');
});
