// native.mjs: two of the clients that pages use, one of whom sends to the other.
import WebSocket from 'ws';
import { Signald } from '../../web/client/index.js';

// More than anybody will have to say in a run: what waits is kept, however long.
const MAX_PENDING = 10000;

export class NativePair {
	#index;
	#ledger;
	#sender;
	#receiver;

	// pingS  where a server that stands still is to be noticed: the patience of both
	constructor(index, { senderUrl, receiverUrl, ledger, pingS }) {
		const options = { room: `pair-${index}`, WebSocket, maxPending: MAX_PENDING, ...(pingS && { timeoutMs: pingS * 1000 }) };
		this.#index = index;
		this.#ledger = ledger;
		this.#receiver = new Signald(receiverUrl, options);
		this.#sender = new Signald(senderUrl, options);
	}

	// The receiver comes first, so that the sender finds it in the room.
	async open() {
		this.#receiver.on('message', ({ data }) => this.#ledger.deliver(this.#index, data));
		await this.#receiver.connect();
		await this.#sender.connect();
		for (const signald of [this.#receiver, this.#sender])
			this.#keepId(signald, signald.id);
		this.to = this.#receiver.id;
	}

	// It is in the room again: as whom?
	#keepId(signald, id) {
		signald.on('state', (state) => {
			if (state === 'joined' && signald.id !== id)
				this.#ledger.newIds++;
		});
		signald.on('closed', (error) => {
			if (error.code !== 'left')
				this.#ledger.newIds++;
		});
	}

	send() {
		const n = this.#ledger.send(this.#index);
		this.#sender.send(this.to, n).then(
			() => this.#ledger.acknowledge(this.#index, n),
			(error) => this.#ledger.fail(this.#index, n, error.code));
	}

	// What it has promised may come at any time.
	get isIdle() {
		return false;
	}

	close() {
		this.#sender.close();
		this.#receiver.close();
	}
}
