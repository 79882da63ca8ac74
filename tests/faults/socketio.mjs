// socketio.mjs: two Socket.IO clients, one of whom sends to the other's id.
import { once } from 'node:events';
import { io } from 'socket.io-client';

export class SocketioPair {
	#index;
	#ledger;
	#sender;
	#receiver;
	#to;
	#isClosing = false;

	// retries  of the sender; without it a message is emitted once
	constructor(index, { senderUrl, receiverUrl, ledger, retries }) {
		const options = { forceNew: true, transports: ['websocket'], autoConnect: false, auth: { room: `pair ${index}` } };
		this.#index = index;
		this.#ledger = ledger;
		this.#receiver = io(receiverUrl, options);
		this.#sender = io(senderUrl, { ...options, ...(retries && { retries, ackTimeout: 2000 }) });
	}

	// The receiver comes first, so that the sender is told of by "here".
	async open() {
		this.#receiver.on('here', (id) => this.#receiver.emit('me too', id));
		this.#receiver.on('msg', (n) => this.#ledger.deliver(this.#index, n));
		this.#receiver.on('connect', () => this.#watchId());
		this.#receiver.connect();
		await once(this.#receiver, 'connect');
		for (const name of ['here', 'me too'])
			this.#sender.on(name, (id) => (this.#to = id));
		this.#sender.on('disconnect', () => this.#isClosing || this.#ledger.loseConnection(this.#index));
		this.#sender.connect();
		await once(this.#sender, 'me too');
	}

	#watchId() {
		if (this.id !== undefined && this.id !== this.#receiver.id)
			this.#ledger.newIds++;
		this.id = this.#receiver.id;
	}

	send() {
		const n = this.#ledger.send(this.#index);
		this.#sender.emit('msg', this.#to, n, (...answer) => this.#hear(n, ...answer));
	}

	// A sender that retries is told an error of its own first.
	#hear(n, ...answer) {
		const error = answer.find((value) => value !== null);
		if (error)
			this.#ledger.fail(this.#index, n, error.message ?? error);
		else
			this.#ledger.acknowledge(this.#index, n);
	}

	// Nothing more will come by itself: both are connected.
	get isIdle() {
		return this.#sender.connected && this.#receiver.connected;
	}

	close() {
		this.#isClosing = true;
		this.#sender.close();
		this.#receiver.close();
	}
}
