// access.mjs: what is shown to come in, and what comes of it in each dialect.
import assert from 'node:assert/strict';
import { io } from 'socket.io-client';

import { runProgram } from './daemon.mjs';
import { atEnd } from './ending.mjs';
import { openPeer } from './peer.mjs';

export const SECRET = 'access-test-secret-0123456789';
export const TURN = { 'turn.host': 'turn.example.org', 'turn.secret': SECRET, 'turn.probe': 'no' };

export const RIGHTS = ['join', 'publish', 'watch', 'signal', 'broadcast', 'turn', 'kick'];
export const without = (right) => ({ rights: RIGHTS.filter((other) => other !== right) });

export async function makeKey(name = 'shop') {
	const { stdout, code } = await runProgram(['key', name]);
	assert.equal(code, 0);
	return { key: stdout.match(/^key: +(sk_[\w-]{43})$/m)[1], item: stdout.match(new RegExp(`^access.keys: +(${name}:[0-9a-f]{64})$`, 'm'))[1] };
}

export async function getTicket(daemon, key, claims = {}) {
	const answer = await fetch(`${daemon.url}/v1/tickets`, {
		method: 'POST', headers: { Authorization: `Bearer ${key}` }, body: JSON.stringify(claims),
	});
	assert.equal(answer.status, 201);
	const { ticket, expiresIn } = await answer.json();
	assert.equal(expiresIn, 30);
	return ticket;
}

// Comes in by the native protocol. Returns the peer, or the code of the refusal.
export async function comeNative(t, daemon, { auth, role, room = 'kitchen', query = '', ...options } = {}) {
	const peer = await openPeer(t, { wsUrl: daemon.wsUrl + query }, options);
	const answer = await peer.join(room, { role, auth });
	return answer.type === 'error' ? answer.code : peer;
}

// The code of the refusal, or the peer.
export async function asks(peer, message) {
	const answer = await peer.request(message);
	return answer.type === 'error' ? answer.code : peer;
}

// Comes in by Socket.IO, into the room of its query. Returns the socket, with
// all that it hears in `heard`, or the code.
export async function comeSocketio(t, daemon, { auth, namespace = '/', room = 'kitchen', ...options } = {}) {
	const socket = io(daemon.url + namespace, { auth, query: { room }, reconnection: false, forceNew: true, ...options });
	atEnd(t, () => socket.close());
	socket.heard = [];
	socket.onAny((name, ...args) => socket.heard.push({ name, args }));
	return new Promise((resolve) => {
		socket.once('connect', () => resolve(socket));
		socket.once('connect_error', (error) => resolve(error.data?.code ?? `${error.message}`));
	});
}

// "401 auth-required", or undefined where there is a list.
export async function codeOfIce(daemon, headers = {}, query = '', method = 'GET') {
	const answer = await fetch(`${daemon.url}/v1/ice${query}`, { method, headers });
	return answer.status === 200 ? undefined : `${answer.status} ${(await answer.json()).code}`;
}
