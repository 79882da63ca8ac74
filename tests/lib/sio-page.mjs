// sio-page.mjs: pages by hand, which show that something has come when a test
// says so: clients of both protocols over both transports, in the namespace "/".
import { connectIdle, join, openPolling } from './sio.mjs';

export const PAGES = ['4 websocket', '4 polling', '3 websocket', '3 polling'];

// The server pings, within the protocol.
class Page {
	constructor(session) {
		this.session = session;
	}

	get id() {
		return this.session.id;
	}

	emit(...args) {
		return this.session.emit(...args);
	}

	// The arguments of the next event of that name.
	async event(name) {
		return this.session.event(name);
	}

	// The server wants to know whether what it sent has come.
	async asked() {
		this.question = await this.session.next('2');
	}

	async answer() {
		await this.session.send('3');
	}

	// Of what was heard and not taken.
	get questions() {
		return this.session.items.filter((item) => item === '2');
	}

	// Nobody would notice soon that a page has stopped to poll.
	async end() {
		if (this.session.socket)
			this.session.stop();
		else
			await this.session.send('1');
	}
}

// The server pings the WebSocket.
class WebSocket3 extends Page {
	async asked() {
		this.question = await this.session.next(({ ping }) => ping);
	}

	async answer() {
		this.session.socket.pong(this.question.ping);
	}

	get questions() {
		return this.session.items.filter(({ ping }) => ping);
	}
}

// A poll shows that the answer to the one before it has come.
class Polling3 extends Page {
	async event(name) {
		while (!this.session.items.some((item) => item.startsWith(`42["${name}"`)))
			await this.#hear();
		return super.event(name);
	}

	async #hear() {
		const { packets } = await (this.held ?? this.session.poll());
		this.held = undefined;
		packets.forEach((packet) => this.session.hear(packet));
	}

	// A noop brings the poll back.
	async asked() {
		if (this.held)
			await this.#hear();
	}

	async answer() {
		this.held = this.session.poll();
		this.held.catch(() => {});
	}

	get questions() {
		return [];
	}
}

export async function openPage(t, target, name, room) {
	const [version, transport] = name.split(' ');
	const options = { version: Number(version), query: `room=${room}`, isMute: true };

	if (name === '3 polling') {
		const session = await openPolling(t, target, { ...options, isIdle: true });
		await connectIdle(session);
		return new Polling3(session);
	}
	const session = await join(t, target, { ...options, transport });
	return name === '3 websocket' ? new WebSocket3(session) : new Page(session);
}
