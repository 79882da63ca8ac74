// check-steps.js: what the check page does to see whether things work: each function
// tries one thing, and tells what it saw. None of them throws.

/** @import {IceError, IceList} from '../client/types.js' */
/** @import {Certificate, Gathered, Offered, TurnWay} from './check-words.js' */

/** An answer over HTTP or WebSocket that takes longer is none. */
const ANSWER_MS = 8000;
/** The same for STUN and TURN: by then a request was sent five times. */
const GATHER_MS = 5000;
const CONNECT_MS = 8000;

/** How long, and how much at most, is sent to see how fast it is. */
const SEND_MS = 2000;
const SEND_MAX_BYTES = 16 * 1024 * 1024;
/**
 * It begins so fast, and becomes faster from tick to tick as long as it goes out: a
 * relay that allows so much a second would throw away most of what comes at once.
 */
const FIRST_MBPS = 2;
const FASTER = 1.25;
const TICK_MS = 50;
const CHUNK_BYTES = 4096;
/** Ticks' worth that may wait in the browser. */
const QUEUE_TICKS = 2;
/** What arrives in the best time of this length counts. */
const WINDOW_MS = 1000;
const PINGS = 5;

/** Letters and digits that nobody else has. */
function randomName() {
	return [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<Response | undefined>} nothing, where there was no answer
 */
function ask(path, init) {
	return fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS), ...init }).catch(() => undefined);
}

/** @param {Response | undefined} response @returns {Promise<any>} undefined, where that is no JSON */
async function jsonOf(response) {
	return response?.json().catch(() => undefined);
}

/* The server. */

/** Whether it says that it is ready. */
export async function askReady() {
	const fromMs = performance.now();
	const response = await ask('/readyz');
	const ms = performance.now() - fromMs;
	/** @type {unknown} */
	const reasons = (await jsonOf(response))?.reasons;
	return { status: response?.status ?? 0, ms, reasons: Array.isArray(reasons) ? reasons.map(String) : [] };
}

/** @returns {Promise<string | undefined>} */
export async function askVersion() {
	const version = (await jsonOf(await ask('/version')))?.version;
	return version && String(version);
}

/** What time it is there, how long its certificate is good for, and which ways to a relay it has. */
export async function askCheck() {
	const fromMs = performance.now();
	const response = await ask('/v1/check');
	const rttMs = performance.now() - fromMs;
	const oursMs = Date.now() - rttMs / 2;
	const body = response?.ok ? await jsonOf(response) : undefined;
	const serverMs = Date.parse(body?.time ?? response?.headers.get('date') ?? '');
	return {
		clock: Number.isNaN(serverMs) ? undefined : { serverMs, oursMs, rttMs },
		/** @type {Certificate | null | undefined} */
		certificate: body?.certificate,
		/** @type {Offered} */
		turn: body?.turn ?? {},
	};
}

/** @returns {Promise<{status: number, list?: IceList & {turn: boolean}}>} status 0: no answer */
export async function askIce() {
	const response = await ask('/v1/ice');
	const list = response?.ok ? await jsonOf(response) : undefined;
	return { status: response?.status ?? 0, list };
}

/* Signaling. */

/**
 * A peer in a room, by the protocol itself: nothing of our client, which would
 * try again and again, stands between what is seen and what is told.
 */
class Visitor {
	#socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/v1/ws`, 'signald.v1');
	/** @type {((message: any) => void)[]} */
	#readers = [];
	/** @type {any[]} */
	#unread = [];

	constructor() {
		this.#socket.onmessage = ({ data }) => this.#tell(JSON.parse(data));
		this.#socket.onclose = () => this.#tell({ type: 'closed' });
	}

	/** @param {any} message */
	#tell(message) {
		const reader = this.#readers.shift();
		if (reader)
			reader(message);
		else
			this.#unread.push(message);
	}

	/** @param {unknown} message */
	send(message) {
		this.#socket.send(JSON.stringify(message));
	}

	/** @returns {Promise<any>} */
	#next() {
		return this.#unread.length ? Promise.resolve(this.#unread.shift()) : new Promise((resolve) => this.#readers.push(resolve));
	}

	/** The next message of a type, an error, or the end. @param {string} type @returns {Promise<any>} */
	async next(type) {
		for (;;) {
			const message = await this.#next();
			if ([type, 'error', 'closed'].includes(message.type))
				return message;
		}
	}

	/** @param {string} room */
	async join(room) {
		this.#socket.onopen = () => this.send({ type: 'join', room, ref: 1 });
		return this.next('joined');
	}

	close() {
		this.#socket.onmessage = this.#socket.onclose = this.#socket.onopen = null;
		this.#socket.close(1000);
	}
}

/**
 * Two peers in a room of their own, and a message from one to the other.
 *
 * @param {(visitor: Visitor) => Visitor} enter  who is to be shown out at the end
 */
async function talk(enter) {
	const room = `check-${randomName()}`;
	const one = enter(new Visitor());
	const first = await one.join(room);
	if (first.type !== 'joined')
		return first;
	const other = enter(new Visitor());
	const second = await other.join(room);
	if (second.type !== 'joined')
		return second;
	const fromMs = performance.now();
	one.send({ type: 'signal', to: second.id, data: { check: true }, ref: 2 });
	const heard = await Promise.race([other.next('signal'), one.next('error')]);
	return { ...heard, rttMs: performance.now() - fromMs };
}

/** @returns {Promise<{rttMs: number} | {error: {code: string, message: string}} | {isSilent: true}>} */
export async function tryWebsocket() {
	/** @type {Visitor[]} */
	const visitors = [];
	try {
		const heard = await within(ANSWER_MS, talk((visitor) => {
			visitors.push(visitor);
			return visitor;
		}));
		if (heard?.type === 'error')
			return { error: { code: String(heard.code), message: String(heard.message) } };
		return heard?.type === 'signal' ? { rttMs: heard.rttMs } : { isSilent: true };
	} catch {
		return { isSilent: true };
	} finally {
		visitors.forEach((visitor) => visitor.close());
	}
}

/**
 * @template T
 * @param {number} ms
 * @param {Promise<T>} promise
 * @returns {Promise<T | undefined>} nothing, when it takes longer
 */
function within(ms, promise) {
	/** @type {Promise<undefined>} */
	const late = new Promise((resolve) => setTimeout(resolve, ms));
	return Promise.race([promise, late]);
}

/**
 * A session of Socket.IO that only polls: handshake, a namespace, goodbye.
 *
 * @returns {Promise<{ms: number} | {error: {code: string, message: string}} | {status: number}>}
 */
export async function tryPolling() {
	const fromMs = performance.now();
	const base = '/socket.io/?EIO=4&transport=polling';
	const hello = await ask(base);
	const text = hello?.ok ? await hello.text().catch(() => '') : '';
	const sid = text.startsWith('0{') ? text.match(/"sid":"([^"]+)"/)?.[1] : undefined;
	if (!sid)
		return { status: hello?.ok ? 0 : hello?.status ?? 0 };
	const session = `${base}&sid=${encodeURIComponent(sid)}`;
	const sent = await ask(session, { method: 'POST', body: '40' });
	await sent?.text().catch(() => '');
	const answer = sent?.ok ? await ask(session) : sent;
	const packet = answer?.ok ? await answer.text().catch(() => '') : '';
	const ms = performance.now() - fromMs;
	const bye = await ask(session, { method: 'POST', body: '1' });
	await bye?.text().catch(() => '');
	if (packet.startsWith('44'))
		return refused(packet.slice(2)) ?? { ms };
	return packet.startsWith('40') ? { ms } : { status: answer?.ok ? 0 : answer?.status ?? 0 };
}

/**
 * A namespace that there is none of is for applications to mind.
 *
 * @param {string} text  of the packet
 */
function refused(text) {
	try {
		const { message, data } = JSON.parse(text);
		return data?.code ? { error: { code: String(data.code), message: String(message) } } : undefined;
	} catch {
		return undefined;
	}
}

/* STUN and TURN. */

/**
 * Have the browser ask some servers.
 *
 * @param {RTCIceServer[]} iceServers
 * @param {RTCIceTransportPolicy} iceTransportPolicy
 * @param {RTCIceCandidateType} wanted  a candidate with which it is known that they answer
 * @returns {Promise<Gathered>}
 */
export function gather(iceServers, iceTransportPolicy, wanted) {
	/** @type {RTCIceCandidate[]} */
	const candidates = [];
	/** @type {IceError[]} */
	const errors = [];
	const fromMs = performance.now();
	const pc = new RTCPeerConnection({ iceServers, iceTransportPolicy });
	let ms = 0;
	return new Promise((resolve) => {
		const finish = (/** @type {boolean} */ isComplete) => {
			clearTimeout(timer);
			pc.onicecandidate = pc.onicecandidateerror = pc.onicegatheringstatechange = null;
			pc.close();
			resolve({ candidates, errors, isComplete, ms: ms || performance.now() - fromMs });
		};
		const timer = setTimeout(finish, GATHER_MS, false);
		pc.onicecandidateerror = ({ url, errorCode, errorText }) => errors.push({ url, code: errorCode, text: errorText });
		pc.onicecandidate = ({ candidate }) => {
			if (candidate?.candidate)
				candidates.push(candidate);
			if (candidate?.type !== wanted)
				return;
			ms ||= performance.now() - fromMs;
			// One relay is enough; of the others one more may come.
			if (wanted === 'relay')
				finish(true);
		};
		pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && finish(true);
		pc.createDataChannel('check');
		pc.setLocalDescription().catch(() => finish(false));
	});
}

/** @param {TurnWay} way @returns {RTCIceServer} */
const serverOf = ({ url, username, credential }) => ({ urls: url, username, credential });

/** @param {TurnWay} way */
export function tryTurn(way) {
	return gather([serverOf(way)], 'relay', 'relay');
}

/**
 * Two connections of this page, each through a relay, and a channel between them.
 *
 * @param {TurnWay} way
 * @param {(mbps: number) => void} onSpeed  told now and then
 * @returns {Promise<{way: TurnWay, mbps: number, rttMs: number, bytes: number, ms: number} | {way: TurnWay, why: string}>}
 */
export async function tryRelay(way, onSpeed) {
	const configuration = /** @type {RTCConfiguration} */ ({ iceServers: [serverOf(way)], iceTransportPolicy: 'relay' });
	const near = new RTCPeerConnection(configuration);
	const far = new RTCPeerConnection(configuration);
	try {
		const channels = await within(CONNECT_MS, connect(near, far));
		if (!channels)
			return { way, why: `${near.iceConnectionState} after ${CONNECT_MS / 1000} s` };
		const rttMs = await within(CONNECT_MS, measureRtt(...channels));
		if (rttMs === undefined)
			return { way, why: 'connected, but no answer' };
		return { way, rttMs, ...await measureSpeed(...channels, onSpeed) };
	} catch (error) {
		return { way, why: String(error) };
	} finally {
		near.close();
		far.close();
	}
}

/**
 * @param {RTCPeerConnection} near
 * @param {RTCPeerConnection} far
 * @returns {Promise<[RTCDataChannel, RTCDataChannel]>} both ends, open
 */
async function connect(near, far) {
	const channel = near.createDataChannel('check');
	/** @type {Promise<RTCDataChannel>} */
	const arrives = new Promise((resolve) => {
		far.ondatachannel = ({ channel: end }) => resolve(end);
	});
	const opens = new Promise((resolve) => {
		channel.onopen = resolve;
	});
	near.onicecandidate = ({ candidate }) => void (candidate && far.addIceCandidate(candidate).catch(() => {}));
	far.onicecandidate = ({ candidate }) => void (candidate && near.addIceCandidate(candidate).catch(() => {}));
	// Either begins to gather when the other knows whose candidates those are.
	const offer = await near.createOffer();
	await far.setRemoteDescription(offer);
	await near.setLocalDescription(offer);
	const answer = await far.createAnswer();
	await near.setRemoteDescription(answer);
	await far.setLocalDescription(answer);
	await opens;
	return [channel, await arrives];
}

/**
 * @param {RTCDataChannel} channel
 * @param {RTCDataChannel} end
 * @returns {Promise<number>} the best of some
 */
async function measureRtt(channel, end) {
	end.onmessage = () => end.send('pong');
	let best = Infinity;
	for (let i = 0; i < PINGS; i++) {
		const fromMs = performance.now();
		await new Promise((resolve) => {
			channel.onmessage = resolve;
			channel.send('ping');
		});
		best = Math.min(best, performance.now() - fromMs);
	}
	return best;
}

/**
 * The most that arrived within one window.
 *
 * @param {{atMs: number, bytes: number}[]} arrivals  in order
 * @returns {number} Mbit/s
 */
export function bestMbps(arrivals) {
	let [best, sum, first] = [0, 0, 0];
	for (const { atMs, bytes } of arrivals) {
		sum += bytes;
		for (let oldest = arrivals[first]; oldest && oldest.atMs <= atMs - WINDOW_MS; oldest = arrivals[first]) {
			sum -= oldest.bytes;
			first++;
		}
		best = Math.max(best, sum);
	}
	return best * 8 / 1000 / WINDOW_MS;
}

/**
 * Send for a while as fast as it goes, and count what arrives.
 *
 * @param {RTCDataChannel} channel
 * @param {RTCDataChannel} end
 * @param {(mbps: number) => void} onSpeed
 */
async function measureSpeed(channel, end, onSpeed) {
	const chunk = new Uint8Array(CHUNK_BYTES);
	/** @type {{atMs: number, bytes: number}[]} */
	const arrivals = [];
	let [sent, bytes] = [0, 0];
	const fromMs = performance.now();
	end.binaryType = 'arraybuffer';
	end.onmessage = ({ data }) => {
		bytes += data.byteLength;
		arrivals.push({ atMs: performance.now(), bytes: data.byteLength });
	};
	let perTick = FIRST_MBPS * 1000 / 8 * TICK_MS;
	for (let tick = 1; performance.now() - fromMs < SEND_MS && sent < SEND_MAX_BYTES; tick++) {
		const goesOut = channel.bufferedAmount < QUEUE_TICKS * perTick;
		for (let left = goesOut ? perTick : 0; left > 0 && channel.readyState === 'open'; left -= CHUNK_BYTES, sent += CHUNK_BYTES)
			channel.send(chunk);
		perTick *= goesOut ? FASTER : 1;
		await new Promise((resolve) => setTimeout(resolve, TICK_MS));
		if (tick % 4 === 0)
			onSpeed(bestMbps(arrivals));
	}
	return { mbps: bestMbps(arrivals), bytes, ms: performance.now() - fromMs };
}
