// Every right, in every dialect, with and without it: what somebody has no right
// to is refused with `not-allowed` and reaches nobody, and all else goes on.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test } from 'node:test';

import { asks, codeOfIce, comeNative, comeSocketio, getTicket, makeKey, RIGHTS, TURN, without } from '../lib/access.mjs';
import { makeFolder, startDaemon, until } from '../lib/daemon.mjs';
import { useForAll } from '../lib/ending.mjs';
import { openPeer } from '../lib/peer.mjs';

// Rules that need what no preset needs.
const OWN = `
[watch]
join = watcher
ack = [$error]
[publish]
join = broadcaster
ack = [$error]
[operate]
join = operator
ack = [$error]
[to the broadcaster]
to = broadcaster
emit = [$event]
[to the watchers]
to = watchers
emit = [$event]
[to all]
to = all
emit = [$event]
`;

const NAMESPACES = ['tutorial', 'codelab', 'all-users', 'callUser', 'join-room', 'generic'];

let daemon;
let key;
useForAll(async (scope) => {
	const file = path.join(await makeFolder(scope), 'own.rules');
	await writeFile(file, OWN);
	const made = await makeKey();
	key = made.key;
	const namespaces = [...NAMESPACES.map((name) => `/${name}=${name}`), `/own=${file}`].join(',');
	return startDaemon(scope, { sets: { ...TURN, 'access.mode': 'key', 'access.keys': made.item, 'log.level': 'debug',
		'limits.user_joins_per_minute': 0, 'socketio.namespaces': namespaces } });
}, (started) => (daemon = started));

let rooms = 0;

// All that can be done needs some of the rights; whoever lacks another one has no
// trouble. attempt() gives the code of the refusal, or undefined.
function matrix(title, acts, attempt) {
	describe(title, { concurrency: true }, () => {
		for (const [name, act] of Object.entries(acts)) {
			test(`${name}: ${act.needs.join(', ')}`, async (t) => {
				for (const right of RIGHTS) {
					const auth = await getTicket(daemon, key, without(right));
					const expected = act.needs.includes(right) ? 'not-allowed' : undefined;
					assert.equal(await attempt(t, act, auth, `room-${++rooms}`), expected, `without ${right}`);
				}
				const auth = await getTicket(daemon, key, { rights: RIGHTS });
				assert.equal(await attempt(t, act, auth, `room-${++rooms}`), undefined, 'with all');
			});
		}
	});
}

// --- native

const says = (type, more) => ({
	needs: ['join', 'signal'],
	act: (peer, other) => asks(peer, { type, to: other.id, ...more }),
	hears: type,
});

const NATIVE = {
	'join': { needs: ['join'] },
	'join as broadcaster': { needs: ['join', 'publish'], role: 'broadcaster' },
	'join as watcher': { needs: ['join', 'watch'], role: 'watcher' },
	'join as operator': { needs: ['join', 'kick'], role: 'operator' },
	'offer': says('offer', { description: { type: 'offer', sdp: 'v=0' } }),
	'answer': says('answer', { description: { type: 'answer', sdp: 'v=0' } }),
	'candidate': says('candidate', { candidate: null }),
	'signal': says('signal', { data: 1 }),
	'broadcast': { needs: ['join', 'broadcast'], act: (peer) => asks(peer, { type: 'broadcast', data: 1 }), hears: 'broadcast' },
	'kick': { needs: ['join', 'kick'], act: (peer, other) => asks(peer, { type: 'kick', to: other.id }), hears: 'kicked' },
	'TURN when it joins': { needs: ['join', 'turn'], act: (peer) => codeOfList(peer.joined) },
	'TURN when it asks': { needs: ['join', 'turn'], act: async (peer) => codeOfList(await peer.request({ type: 'ice' })) },
};

// Whoever has no right to TURN gets the list without it.
const codeOfList = ({ turn, iceServers }) => {
	assert.equal(iceServers.some(({ credential }) => credential), turn);
	return turn ? undefined : 'not-allowed';
};

matrix('native', NATIVE, async (t, { act, role, hears }, auth, room) => {
	const other = await comeNative(t, daemon, { auth: key, room });
	assert.equal(typeof other, 'object', other);
	const peer = await comeNative(t, daemon, { auth, room, role });
	if (typeof peer === 'string' || !act) {
		await other.settle();
		assert.equal(other.heard('peer-joined').length, peer === 'not-allowed' ? 0 : 1);
		return typeof peer === 'string' ? peer : undefined;
	}
	const answer = await act(peer, other);
	if (typeof answer !== 'string') {
		if (hears)
			await other.next(hears);
		return undefined;
	}
	await other.settle();
	assert.deepEqual(other.heard(hears), []);
	return answer;
});

// --- HTTP

matrix('HTTP', {
	'GET /v1/ice': { needs: ['turn'], method: 'GET' },
	'POST /v1/ice': { needs: ['turn'], method: 'POST' },
}, async (t, { method }, ticket) => {
	const code = await codeOfIce(daemon, {}, `?ticket=${ticket}`, method);
	assert.ok(code === undefined || code.startsWith('403 '), code);
	return code?.slice(4);
});

// --- Socket.IO, by all rules

const emits = (...args) => (socket) => socket.emit(...args);
const comes = (...args) => (socket, { room }) => socket.emit(...args, room);

/*
 * needs  rights
 * by     the preset
 * before what the other one there does first; act: what the one in question does
 * hears  the event that comes of it: to the other; selfHears: to itself
 */
const SOCKETIO = {
	'tutorial: broadcaster': { by: 'tutorial', needs: ['join', 'publish', 'broadcast'], before: emits('watcher'), act: emits('broadcaster'), hears: 'broadcaster' },
	'tutorial: watcher': { by: 'tutorial', needs: ['join', 'watch', 'signal'], before: emits('broadcaster'), act: emits('watcher'), hears: 'watcher' },
	...Object.fromEntries(['offer', 'answer', 'candidate'].map((event) => [`tutorial: ${event}`, {
		by: 'tutorial', needs: ['join', 'watch', 'signal'], before: emits('broadcaster'),
		act: (socket, { other }) => socket.emit('watcher').emit('answer', other.id, {}).emit(event, other.id, {}), hears: event,
	}])),
	'codelab: create or join': { by: 'codelab', needs: ['join', 'broadcast'], before: comes('create or join'), act: comes('create or join'), hears: 'join' },
	'codelab: message': {
		by: 'codelab', needs: ['join', 'broadcast'], before: comes('create or join'),
		act: (socket, { room }) => socket.emit('create or join', room).emit('message', 1), hears: 'message',
	},
	'all-users: join room': { by: 'all-users', needs: ['join'], act: comes('join room'), selfHears: 'all users' },
	...Object.fromEntries([['sending signal', 'userToSignal', 'user joined'], ['returning signal', 'callerID', 'receiving returned signal']].map(
		([event, to, hears]) => [`all-users: ${event}`, {
			by: 'all-users', needs: ['join', 'signal'], before: comes('join room'),
			act: (socket, { room, other }) => socket.emit('join room', room).emit(event, { [to]: other.id, signal: {} }), hears,
		}])),
	'callUser: connect': { by: 'callUser', needs: ['join'], selfHears: 'me' },
	'callUser: callUser': { by: 'callUser', needs: ['join', 'signal'], act: (socket, { other }) => socket.emit('callUser', { userToCall: other.id }), hears: 'callUser' },
	'callUser: answerCall': { by: 'callUser', needs: ['join', 'signal'], act: (socket, { other }) => socket.emit('answerCall', { to: other.id }), hears: 'callAccepted' },
	'join-room: join-room': { by: 'join-room', needs: ['join', 'broadcast'], before: comes('join-room'), act: comes('join-room'), hears: 'user-connected' },
	'join-room: message': {
		by: 'join-room', needs: ['join', 'broadcast'], before: comes('join-room'),
		act: (socket, { room }) => socket.emit('join-room', room).emit('message', 1), hears: 'createMessage',
	},
	'generic: connect, and an event to one': { by: 'generic', needs: ['join', 'signal'], act: (socket, { other }) => socket.emit('hello', other.id), hears: 'hello' },
	'generic: an offer': { by: 'generic', needs: ['join', 'signal'], act: (socket, { other }) => socket.emit('offer', other.id, {}), hears: 'offer' },
	'generic: an event to {to}': { by: 'generic', needs: ['join', 'signal'], act: (socket, { other }) => socket.emit('hello', { to: other.id }), hears: 'hello' },
	'generic: an event to {room}': { by: 'generic', needs: ['join', 'broadcast'], act: (socket, { room }) => socket.emit('hello', { room }), hears: 'hello' },
	'own: a watcher to the broadcaster': {
		by: 'own', needs: ['join', 'watch', 'signal'], before: emits('publish'),
		act: (socket) => socket.emit('watch').emit('to the broadcaster'), hears: 'to the broadcaster',
	},
	'own: a broadcaster to the watchers': {
		by: 'own', needs: ['join', 'publish', 'signal'], before: emits('watch'),
		act: (socket) => socket.emit('publish').emit('to the watchers'), hears: 'to the watchers',
	},
	'own: an operator to all': {
		by: 'own', needs: ['join', 'kick', 'broadcast'], before: emits('watch'),
		act: (socket) => socket.emit('operate').emit('to all'), hears: 'to all',
	},
};

// All that a client said has been carried out, and all it was to hear is there.
const settle = (socket) => new Promise((resolve) => {
	const nowhere = socket.io.socket(`/nowhere-${++rooms}`);
	nowhere.once('connect_error', () => {
		nowhere.disconnect();
		resolve();
	});
});

// Most of these pages are told nothing; the log says why nothing happened.
const refusalOf = (socket) => daemon.log.match(new RegExp(`event\\.refused id=${socket.id} event=.* code=(\\S+)`))?.[1];

matrix('Socket.IO', SOCKETIO, async (t, { by, before, act, hears, selfHears }, auth, room) => {
	const namespace = `/${by}`;
	const other = await comeSocketio(t, daemon, { namespace, room, auth: { token: key } });
	assert.equal(typeof other, 'object', other);
	before?.(other, { room });
	await settle(other);
	const socket = await comeSocketio(t, daemon, { namespace, room, auth: { token: auth } });
	if (typeof socket === 'string')
		return socket;
	act?.(socket, { other, room });
	await settle(socket);
	await settle(other);
	const code = refusalOf(socket);
	const heard = hears ? other.heard : socket.heard;
	assert.equal(heard.some(({ name }) => name === (hears ?? selfHears)), code === undefined, JSON.stringify(heard));
	return code;
});

test('a page whose acknowledgement says why is told', async (t) => {
	for (const [event, right] of [['watch', 'watch'], ['publish', 'publish'], ['operate', 'kick']]) {
		const auth = { token: await getTicket(daemon, key, without(right)) };
		const socket = await comeSocketio(t, daemon, { namespace: '/own', room: `room-${++rooms}`, auth });
		assert.deepEqual(await socket.emitWithAck(event), 'not-allowed');
	}
});

test('rights outlive a cut', async (t) => {
	const peer = await openPeer(t, daemon);
	const auth = await getTicket(daemon, key, { rights: ['join', 'watch'], sub: 'ada' });
	const { session } = await peer.join('den', { inst: 7, auth });
	peer.socket.terminate();
	const again = await openPeer(t, daemon);
	const resumed = await again.request({ type: 'resume', token: session.token, inst: 8 });
	assert.equal(resumed.type, 'resumed');
	assert.equal(resumed.turn, false);
	assert.equal(await asks(again, { type: 'broadcast', data: 1 }), 'not-allowed');
});
