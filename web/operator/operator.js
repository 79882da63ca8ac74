// operator.js: the operators' page: who is there, what works, what is refused.

/** @typedef {{name: string, peers: number, away: number, broadcasters: number, watchers: number, since: string}} Room */
/** @typedef {{id: string, role: string, name: string | null, dialect: string | null, network: string | null, since: string, away: boolean, mutedSeconds: number, relay: {user: string, allocations: number} | null}} Peer */
/** @typedef {{transport: string, address: string, state: string, roundTripMs: number | null, error: string | null}} Way */
/** @typedef {{name: string, host: string, region: string | null, drained: boolean, safety: string, exposed?: string | null, detail: string | null, lookup: string | null, endpoints?: Way[]}} Server */
/** @typedef {Map<string, number>} Sample  of /metrics, by name and labels */

const POLL_MS = 5000;
const KEPT_MS = 3600_000;
const MOST_SHOWN = 100;
const MOST_EVENTS = 100;
const KEY = 'signald-admin-key';

/**
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} Type
 */
function byId(id, Type) {
	const found = document.getElementById(id);
	if (!(found instanceof Type))
		throw new Error(`the page has no ${id}`);
	return found;
}

/**
 * An element with what is in it.
 *
 * @param {string} tag
 * @param {Record<string, string>} attributes
 * @param {(Node | string)[]} inside
 */
function make(tag, attributes = {}, ...inside) {
	const element = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes))
		element.setAttribute(name, value);
	element.append(...inside);
	return element;
}

const badge = (/** @type {string} */ tone, /** @type {string} */ text) =>
	make('span', { class: 'badge', 'data-tone': tone }, text);

/** @param {string} text @param {() => void} act */
function smallButton(text, act) {
	const button = make('button', { type: 'button', class: 'button small danger' }, text);
	button.addEventListener('click', (event) => {
		event.preventDefault();
		act();
	});
	return button;
}

const count = (/** @type {number} */ n, /** @type {string} */ what) => `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`;

/** 3725 as "1 h 2 min". @param {number} seconds */
function duration(seconds) {
	const steps = /** @type {const} */ ([[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']]);
	const at = steps.findIndex(([length]) => seconds >= length);
	const parts = [];
	for (const [length, unit] of steps.slice(at < 0 ? 3 : at).slice(0, 2)) {
		const whole = Math.floor(seconds / length);
		seconds -= whole * length;
		if (whole || !parts.length)
			parts.push(`${whole} ${unit}`);
	}
	return parts.join(' ');
}

/* --- asking --- */

let key = sessionStorage.getItem(KEY) ?? '';

class Refusal extends Error {
	/** @param {number} status @param {string} detail */
	constructor(status, detail) {
		super(detail);
		this.status = status;
	}
}

/**
 * @param {string} method
 * @param {string} path
 * @param {RequestInit} [init]
 */
async function ask(method, path, init) {
	const response = await fetch(`/v1/admin/${path}`, { method, cache: 'no-store', headers: { Authorization: `Bearer ${key}` }, ...init });
	if (response.ok)
		return response;
	const problem = await response.json().catch(() => ({}));
	throw new Refusal(response.status, problem.detail ?? `signald answers ${response.status}`);
}

const get = async (/** @type {string} */ path) => (await ask('GET', path)).json();

/** @param {string} text of /metrics @returns {Sample} */
function parseMetrics(text) {
	return new Map(text.split('\n').filter((line) => line && !line.startsWith('#')).map((line) => {
		const at = line.lastIndexOf(' ');
		return [line.slice(0, at), Number(line.slice(at + 1))];
	}));
}

/* --- doing --- */

const dialog = byId('confirm', HTMLDialogElement);

/**
 * @param {{title: string, text: string, yes: string}} question
 * @param {() => Promise<unknown>} act
 */
function confirmed({ title, text, yes }, act) {
	byId('confirm-title', HTMLElement).textContent = title;
	byId('confirm-text', HTMLElement).textContent = text;
	byId('confirm-yes', HTMLElement).textContent = yes;
	dialog.returnValue = 'no';
	dialog.onclose = async () => {
		if (dialog.returnValue !== 'yes')
			return;
		try {
			await act();
			tellProblem('');
		} catch (error) {
			tellProblem(error instanceof Error ? error.message : String(error));
		}
		await refresh();
	};
	dialog.showModal();
}

/** @param {string} text "" for none */
function tellProblem(text) {
	const problem = byId('problem', HTMLElement);
	problem.textContent = text;
	problem.hidden = !text;
}

/** @param {Peer} peer */
function kick(peer) {
	confirmed({
		title: `Kick ${peer.name ?? 'this peer'}?`,
		text: `${peer.id} is disconnected at once and cannot come back as the same peer. What it relays is ended where signald can reach coturn’s administration.`,
		yes: 'Kick',
	}, () => ask('DELETE', `peers/${encodeURIComponent(peer.id)}`));
}

/** @param {Room} room */
function closeRoom(room) {
	confirmed({
		title: `Close the room ${room.name}?`,
		text: `Everybody in it is kicked: ${count(room.peers, 'peer')}.`,
		yes: 'Close the room',
	}, () => ask('DELETE', `rooms/${encodeURIComponent(room.name)}`));
}

byId('drain', HTMLElement).addEventListener('click', () => confirmed({
	title: 'Drain this server?',
	text: 'It sends all clients to the process that takes its place, and ends. Where nothing starts it again, nobody can connect any more.',
	yes: 'Drain and end',
}, () => ask('POST', 'drain')));

byId('reload', HTMLElement).addEventListener('click', () => confirmed({
	title: 'Read the configuration again?',
	text: 'A configuration with a mistake in it is refused, and nothing changes.',
	yes: 'Reload',
}, () => ask('POST', 'reload')));

/* --- showing --- */

/** @param {Record<string, number>} numbers */
function showTiles(numbers) {
	byId('tiles', HTMLElement).replaceChildren(...Object.entries(numbers).map(([name, n]) =>
		make('div', { class: 'tile-number' }, make('strong', {}, n.toLocaleString('en')), make('span', { class: 'soft' }, name))));
}

/** A number of all as "3 of 40 peers (8 %)". @param {number} n @param {number} all @param {string} what */
const share = (n, all, what) => `${n.toLocaleString('en')} of ${count(all, what)} (${all ? Math.round(100 * n / all) : 0} %)`;

/** Only an upper bound is known: browsers hold allocations that they do not use. @param {any} status */
function showRelaying({ relaying, peers }) {
	const bar = byId('relayed-bar', HTMLElement);
	const text = byId('relayed', HTMLElement);
	// Of those who asked as an address nobody knows how many peers they are.
	const isKnown = relaying && !relaying.others;
	const most = isKnown ? Math.min(relaying.peers, peers) : 0;
	bar.hidden = !isKnown || !peers;
	bar.style.setProperty('--share', `${peers ? 100 * most / peers : 0}%`);
	if (!relaying)
		text.textContent = 'How many are relayed is not known: it takes turn.cli of each TURN server, and that it answers.';
	else if (isKnown)
		text.textContent = `At most ${share(most, peers, 'peer')} are relayed: these hold ${count(relaying.allocations, 'allocation')}, as a browser that goes directly may, too. All others surely go directly, or to nobody.`;
	else
		text.textContent = `${count(relaying.peers, 'native peer')}, and ${count(relaying.others, 'user')} of other clients, whose peers are not told apart, hold ${count(relaying.allocations, 'allocation')}. Who holds none surely goes directly.`;
}

/** @param {any} status */
function showStatus(status) {
	const state = byId('state', HTMLElement);
	state.dataset.tone = status.draining ? 'busy' : 'good';
	state.textContent = status.draining ? 'draining' : 'serving';
	byId('about', HTMLElement).textContent = [
		`Version ${status.version}, up for ${duration(status.uptimeSeconds)}`,
		status.turn ? 'clients are given TURN' : 'clients are given no TURN',
	].filter(Boolean).join('; ') + '.';
	byId('access', HTMLElement).textContent = `Access is ${status.mode}: ${status.modeMeans}.`;
	showRelaying(status);
	showTiles({ peers: status.peers, 'of them away': status.away, rooms: status.rooms, connections: status.connections });
}

/** Rooms that are open on the page, by name. @type {Set<string>} */
const opened = new Set();

/** @param {Peer} peer */
function showPeer(peer) {
	const allocations = peer.relay?.allocations ? count(peer.relay.allocations, 'allocation') : '';
	const about = [peer.role, peer.dialect, peer.network, allocations, `since ${new Date(peer.since).toLocaleTimeString()}`].filter(Boolean).join(', ');
	const who = make('div', { class: 'about' }, make('strong', {}, peer.name ?? peer.id), make('span', { class: 'soft' }, peer.name ? `${peer.id}, ${about}` : about));
	const item = make('li', { 'data-peer': peer.id }, who);
	if (peer.away)
		item.append(badge('busy', 'away'));
	if (peer.mutedSeconds)
		item.append(badge('bad', `muted for ${duration(peer.mutedSeconds)}`));
	item.append(smallButton('Kick', () => kick(peer)));
	return item;
}

/** @param {Room} room */
async function showRoom(room) {
	const details = document.createElement('details');
	const numbers = [count(room.peers, 'peer'), room.watchers && count(room.watchers, 'watcher'), room.away && `${room.away} away`].filter(Boolean).join(', ');
	details.dataset.room = room.name;
	details.append(make('summary', {}, make('div', { class: 'about' }, make('strong', {}, room.name), make('span', { class: 'soft' }, numbers)), smallButton('Close', () => closeRoom(room))));
	details.open = opened.has(room.name);
	if (details.open)
		await showMembers(details, room);
	details.addEventListener('toggle', () => {
		if (details.open === opened.has(room.name))
			return;
		opened[details.open ? 'add' : 'delete'](room.name);
		if (details.open)
			void showMembers(details, room);
	});
	return details;
}

/** @param {HTMLDetailsElement} details @param {Room} room */
async function showMembers(details, room) {
	const shown = await get(`rooms/${encodeURIComponent(room.name)}?limit=${MOST_SHOWN}`).catch(() => null);
	details.querySelector('.members')?.remove();
	if (!shown)
		return;
	details.append(make('ul', { class: 'members' }, ...shown.members.map(showPeer)));
	if (shown.next)
		details.append(make('p', { class: 'soft' }, `The first ${MOST_SHOWN} are shown; signald ctl room shows all.`));
}

async function showRooms() {
	const filter = byId('filter', HTMLInputElement).value;
	const { rooms, next } = await get(`rooms?limit=${MOST_SHOWN}&contains=${encodeURIComponent(filter)}`);
	const shown = await Promise.all(rooms.map(showRoom));
	const had = document.activeElement instanceof HTMLElement ? document.activeElement.closest('details')?.dataset.room : undefined;
	byId('rooms', HTMLElement).replaceChildren(...shown);
	if (had !== undefined)
		shown.find((details) => details.dataset.room === had)?.querySelector('summary')?.focus();
	let note = '';
	if (next)
		note = `The first ${MOST_SHOWN} are shown, by name.`;
	else if (!rooms.length)
		note = filter ? 'No room has that in its name.' : 'Nobody is in any room.';
	byId('rooms-note', HTMLElement).textContent = note;
}

/** @param {string} address */
const exposure = (address) => make('p', { class: 'soft' }, `Through the relay clients reach UDP services of its machine, at ${address}. There, as root, this closes it: `,
	make('code', {}, 'turnconf firewall --config FILE | nft -f -'));

/** @param {Server} server */
function showServer(server) {
	const tones = /** @type {Record<string, string>} */ ({ up: 'good', down: 'bad', safe: 'good', unsafe: 'bad' });
	const head = make('div', { class: 'server-head' }, make('strong', {}, `${server.name}: ${server.host || 'no host'}`));
	if (server.drained)
		head.append(badge('busy', 'drained'));
	// What refuses private networks, and still leads to this machine, is not to look safe.
	if (server.safety !== 'safe' || !server.exposed)
		head.append(badge(tones[server.safety] ?? 'busy', server.safety));
	if (server.exposed)
		head.append(badge('busy', 'exposed'));
	const rows = (server.endpoints ?? []).map((way) => make('tr', {},
		make('td', {}, way.transport.toUpperCase()),
		make('td', {}, way.address, way.error ? make('div', { class: 'soft' }, way.error) : ''),
		make('td', {}, badge(tones[way.state] ?? 'busy', way.state === 'up' && way.roundTripMs !== null ? `${way.roundTripMs} ms` : way.state))));
	const why = server.detail ?? server.lookup;
	return make('div', {}, head, why ? make('p', { class: 'soft' }, why) : '', server.exposed ? exposure(server.exposed) : '', make('table', {}, make('tbody', {}, ...rows)));
}

/** @param {{servers: Server[], redis: null | {up: boolean, error: string | null}}} pool */
function showPool({ servers, redis }) {
	const parts = servers.map(showServer);
	if (redis && !redis.up)
		parts.unshift(make('p', { class: 'problem' }, `Redis takes no credentials: ${redis.error ?? 'it does not answer'}`));
	if (!parts.length)
		parts.push(make('p', { class: 'soft' }, 'None is configured (turn.host).'));
	byId('pool', HTMLElement).replaceChildren(...parts);
}

/** Whatever counts what was refused, closed or failed, whoever counts it. @param {Sample} sample */
function showRefused(sample) {
	const rows = [...sample]
		.filter(([name, n]) => n > 0 && /^signald_/.test(name) && /refused|limited|closed_|failed|timeout|denied/.test(name))
		.map(([name, n]) => make('tr', {},
			make('td', {}, name.replace(/^signald_/, '').replace(/_total/, '').replace(/_/g, ' ').replace(/\{(.*)\}/, ': $1').replace(/\w+="([^"]*)"/g, '$1')),
			make('td', {}, n.toLocaleString('en'))));
	byId('refused', HTMLTableElement).tBodies[0]?.replaceChildren(...(rows.length ? rows : [make('tr', {}, make('td', {}, 'Nothing.'), make('td'))]));
}

/* --- graphs --- */

/** @type {{atMs: number, sample: Sample}[]} */
const samples = [];

/** Of all labels of a family. @param {Sample} sample @param {RegExp} names */
const sum = (sample, names) => [...sample].reduce((total, [name, n]) => (names.test(name) ? total + n : total), 0);

/** @type {{title: string, names: RegExp, isRate: boolean, show: (n: number) => string}[]} */
const GRAPHS = [
	{ title: 'Peers', names: /^signald_peers$/, isRate: false, show: (n) => n.toLocaleString('en') },
	{ title: 'Rooms', names: /^signald_rooms$/, isRate: false, show: (n) => n.toLocaleString('en') },
	{ title: 'Connections', names: /^signald_connections$/, isRate: false, show: (n) => n.toLocaleString('en') },
	{ title: 'Messages', names: /^signald_messages_relayed_total/, isRate: true, show: (n) => `${n.toFixed(1)} /s` },
	{ title: 'Allocations', names: /^signald_turn_allocations$/, isRate: false, show: (n) => n.toLocaleString('en') },
	{ title: 'Refused', names: /^signald_(access_refused|messages_refused|origins_refused|limited|resumes_total\{result="refused)/, isRate: true, show: (n) => `${n.toFixed(1)} /s` },
	{ title: 'Processor', names: /^process_cpu_seconds_total$/, isRate: true, show: (n) => `${(n * 100).toFixed(1)} %` },
	{ title: 'Memory', names: /^process_resident_memory_bytes$/, isRate: false, show: (n) => `${(n / 1048576).toFixed(0)} MiB` },
];

/** @param {typeof GRAPHS[number]} graph */
function pointsOf({ names, isRate }) {
	const values = samples.map(({ atMs, sample }) => ({ atMs, n: sum(sample, names) }));
	if (!isRate)
		return values;
	return values.slice(1).map(({ atMs, n }, i) => {
		const before = values[i];
		return { atMs, n: before ? Math.max(0, (n - before.n) / ((atMs - before.atMs) / 1000)) : 0 };
	});
}

/** @param {typeof GRAPHS[number]} graph */
function drawGraph(graph) {
	const points = pointsOf(graph);
	const last = points.at(-1);
	const [first] = points;
	const most = Math.max(...points.map(({ n }) => n), 1e-9);
	const figure = make('figure', { class: 'graph' }, make('figcaption', {}, graph.title, make('strong', {}, last ? graph.show(last.n) : '–')));
	const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
	svg.setAttribute('viewBox', '0 0 100 100');
	svg.setAttribute('preserveAspectRatio', 'none');
	svg.setAttribute('role', 'img');
	svg.setAttribute('aria-label', `${graph.title}: ${last ? graph.show(last.n) : 'not known yet'}, at most ${graph.show(most)}`);
	if (first && last) {
		const line = document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
		const length = Math.max(last.atMs - first.atMs, 1);
		line.setAttribute('points', points.map(({ atMs, n }) => `${((atMs - first.atMs) / length * 100).toFixed(2)},${(97 - n / most * 92).toFixed(2)}`).join(' '));
		svg.append(line);
	}
	figure.append(svg);
	return figure;
}

/** @param {Sample} sample */
function showGraphs(sample) {
	samples.push({ atMs: performance.now(), sample });
	while (samples[0] && performance.now() - samples[0].atMs > KEPT_MS)
		samples.shift();
	byId('span', HTMLElement).textContent = `(the last ${duration(Math.round((performance.now() - (samples[0]?.atMs ?? 0)) / 1000))}, an hour at most)`;
	byId('graphs', HTMLElement).replaceChildren(...GRAPHS.map(drawGraph));
}

/* --- events --- */

/** @param {Record<string, unknown>} event */
function showEvent({ event, time, level, ...rest }) {
	const list = byId('events', HTMLOListElement);
	const item = make('li', { 'data-level': String(level) },
		make('time', {}, time ? new Date(String(time)).toLocaleTimeString() : ''), make('strong', {}, String(event)),
		` ${Object.entries(rest).map(([name, value]) => `${name} ${value}`).join(', ')}`);
	list.prepend(item);
	while (list.childElementCount > MOST_EVENTS)
		list.lastElementChild?.remove();
}

/** An EventSource carries no key, so the stream is read here. */
async function followEvents() {
	let lastId = '';
	for (;;) {
		try {
			/** @type {Record<string, string>} */
			const headers = { Authorization: `Bearer ${key}` };
			if (lastId)
				headers['Last-Event-ID'] = lastId;
			const { body } = await ask('GET', 'events?last=30', { headers });
			let text = '';
			for (const reader = body?.pipeThrough(new TextDecoderStream()).getReader(); reader;) {
				const { value, done } = await reader.read();
				if (done)
					break;
				const blocks = (text + value).split('\n\n');
				text = blocks.pop() ?? '';
				for (const block of blocks) {
					lastId = block.match(/^id: (.*)$/m)?.[1] ?? lastId;
					const data = block.match(/^data: (.*)$/m)?.[1];
					if (data)
						showEvent(JSON.parse(data));
				}
			}
		} catch (error) {
			if (error instanceof Refusal && error.status === 401)
				return;
		}
		await new Promise((resolve) => setTimeout(resolve, 2000));
	}
}

/* --- all of it, again and again --- */

async function refresh() {
	try {
		const status = await get('status'); // alone: a wrong key is wrong once
		const [pool, metrics] = await Promise.all([get('pool'), fetch('/metrics').then((response) => response.text()), showRooms()]);
		const sample = parseMetrics(metrics);
		showStatus(status);
		showPool(pool);
		showRefused(sample);
		showGraphs(sample);
	} catch (error) {
		if (error instanceof Refusal && [401, 403].includes(error.status)) {
			askForKey(error.message);
			throw error;
		}
		const state = byId('state', HTMLElement);
		state.dataset.tone = 'bad';
		state.textContent = error instanceof Refusal ? error.message : 'signald does not answer';
	}
}

/** @param {string} [problem] */
function askForKey(problem) {
	sessionStorage.removeItem(KEY);
	key = '';
	byId('ask', HTMLElement).hidden = false;
	byId('main', HTMLElement).hidden = true;
	byId('drain', HTMLElement).hidden = byId('reload', HTMLElement).hidden = true;
	const text = byId('key-problem', HTMLElement);
	text.textContent = problem ?? '';
	text.hidden = !problem;
	const state = byId('state', HTMLElement);
	state.textContent = problem ? 'key refused' : 'no key yet';
	state.dataset.tone = problem ? 'bad' : 'busy';
	byId('key', HTMLInputElement).focus();
}

async function run() {
	try {
		await refresh();
	} catch {
		return;
	}
	sessionStorage.setItem(KEY, key);
	byId('ask', HTMLElement).hidden = true;
	byId('main', HTMLElement).hidden = false;
	byId('drain', HTMLElement).hidden = byId('reload', HTMLElement).hidden = false;
	void followEvents();
	const timer = setInterval(() => refresh().catch(() => clearInterval(timer)), POLL_MS);
}

byId('ask', HTMLFormElement).addEventListener('submit', (event) => {
	event.preventDefault();
	key = byId('key', HTMLInputElement).value.trim();
	byId('key', HTMLInputElement).value = '';
	void run();
});
byId('filter', HTMLElement).addEventListener('input', () => void showRooms().catch(() => {}));
if (key)
	void run();
else
	askForKey();

export {}; // a module: its names are its own
