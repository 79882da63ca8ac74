// reference-suite.mjs: the test application of tests/suite, on the reference
// server: takes a port.
import { createServer } from 'node:http';
import { Server as Engine } from 'engine.io';
import { Server } from 'socket.io';

const options = { pingInterval: 300, pingTimeout: 200, maxPayload: 1000000, maxHttpBufferSize: 1000000, allowEIO3: true };
const http = createServer();
const engine = new Engine(options);

engine.attach(http, { path: '/engine.io/', destroyUpgrade: false });
engine.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));

const io = new Server(http, { ...options, connectTimeout: 1000, destroyUpgrade: false });

for (const nsp of ['/', '/custom'])
	io.of(nsp).on('connection', (socket) => {
		socket.emit('auth', socket.handshake.auth);
		socket.on('message', (...args) => socket.emit('message-back', ...args));
		socket.on('message-with-ack', (...args) => args.pop()(...args));
	});

http.listen(Number(process.argv[2]), '127.0.0.1', () => console.log('ready'));
