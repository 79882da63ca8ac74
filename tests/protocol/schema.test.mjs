// docs/schema: that the schemas stand, allow what is to come, refuse what is
// wrong, and agree with the examples in docs/protocol.md.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../lib/daemon.mjs';
import { judge, judgeFile, known } from '../lib/schema.mjs';

const page = readFileSync(path.join(root, 'docs/protocol.md'), 'utf8');

// The JSON objects in the page's code, those that are examples with ids and
// dots cut short made whole.
function examples(section) {
	const text = page.split(/^## /m).find((part) => part.startsWith(section));
	const found = [];
	for (const [, fence, inline] of text.matchAll(/```json\n(.*?)```|`(\{"type".*?\})`/gs))
		for (const one of (fence ?? inline).split(/^(?=\{)/m))
			found.push(JSON.parse(one
				.replace(/"([A-Za-z0-9]{3,6})…"/g, (_, start) => `"${start.padEnd(22, 'x')}"`)
				.replace(/"1795368803:u-…"/, '"1795368803:u-x"')
				.replace(/"token": "…"/, `"token": "${'x'.repeat(80)}"`)
				.replace(/"credential": "…"/, `"credential": "${'x'.repeat(27)}="`)
				.replace(/"expiresAt": "…"/, '"expiresAt": "2026-11-22T10:10:00Z"')
				.replace(/\[\.\.\.\]/g, '[]')));
	return found;
}

const SESSION = { token: 'x'.repeat(80), epoch: 1, window: 30, settled: false };
const JOINED = {
	type: 'joined', id: 'x'.repeat(22), room: 'a', role: 'peer', peers: [], viewers: 0, iceServers: [], ttl: 600, expiresAt: '2026-11-22T10:10:00Z',
	refreshAfter: 450, features: [], limits: { maxMessageBytes: 1, maxMetadataBytes: 1, pingInterval: 1, silenceTimeout: 1 },
};

test('every example of the page fits its schema', () => {
	const client = examples('Client to server');
	const server = examples('Server to client');
	assert.ok(client.length >= 10 && server.length >= 18, `${client.length} and ${server.length} examples`);
	for (const message of client)
		assert.equal(judge('client', message), null, JSON.stringify(message));
	for (const message of server)
		assert.equal(judge('server', message), null, JSON.stringify(message));
});

test('every type of the page has a schema, and every schema its place in the page', () => {
	for (const [side, section] of [['client', 'Client to server'], ['server', 'Server to client']]) {
		const text = page.split(/^## /m).find((part) => part.startsWith(section));
		const headed = [...text.matchAll(/^### (.*)$/gm)].flatMap(([, line]) => [...line.matchAll(/`([a-z-]+)`/g)].map((m) => m[1]));
		assert.deepEqual([...new Set(headed)].sort(), known(side).sort());
	}
});

test('unknown members are allowed everywhere', () => {
	const peer = { id: 'x'.repeat(22), role: 'peer', later: 1 };
	for (const [side, message] of [
		['client', { type: 'join', room: 'a', later: {} }], ['client', { type: 'offer', to: 'x', description: { later: 1 }, later: 1 }],
		['client', { type: 'resume', token: 'x', inst: 1, later: 1 }], ['client', { type: 'ack', sn: 0, later: 1 }],
		['server', { type: 'peer-joined', peer, later: 1 }], ['server', { type: 'error', code: 'new-code', message: 'x', later: 1 }],
		['server', { type: 'not-resumed', reason: 'new-reason', message: 'x', later: 1 }], ['server', { type: 'settled', later: 1 }],
	])
		assert.equal(judge(side, message), null);
});

test('what the page forbids is refused', () => {
	const from = 'x'.repeat(22);
	for (const [side, message] of [
		['client', { type: 'join' }], ['client', { type: 'join', room: '' }], ['client', { type: 'join', room: 'x'.repeat(129) }],
		['client', { type: 'join', room: 'a', role: 'king' }], ['client', { type: 'join', room: 'a', metadata: [] }],
		['client', { type: 'offer', to: 'x' }], ['client', { type: 'offer', to: 'x', description: 'v=0' }],
		['client', { type: 'candidate', to: 'x', candidate: 'x' }], ['client', { type: 'signal', to: 'x' }],
		['client', { type: 'ping', ref: {} }], ['client', { type: 'ping', n: 1.5 }], ['client', { type: 'ping', n: -1 }],
		['client', { type: 'ping', sn: -1 }], ['client', { type: 'ack' }], ['client', { type: 'ack', sn: '1' }],
		['client', { type: 'join', room: 'a', inst: 0 }], ['client', { type: 'join', room: 'a', inst: 2 ** 53 }],
		['client', { type: 'join', room: 'a', inst: 1, try: 0 }],
		['client', { type: 'resume', token: 'x' }], ['client', { type: 'resume', inst: 1 }],
		['client', { type: 'resume', token: 'x', inst: 1, epoch: -1 }], ['client', { type: 'resume', token: 'x', inst: 1, last: 'x' }],
		['client', { type: 'signal', to: [], data: 1 }], ['client', { type: 'signal', to: Array(65).fill('x'), data: 1 }],
		['client', { type: 'signal', to: 'x', p: [1], data: 1 }], ['client', { type: 'signal', to: ['x'], p: 1, data: 1 }],
		['client', { type: 'signal', to: ['x'], ti: 1, data: 1 }], ['client', { type: 'signal', to: 'x', ti: -1, data: 1 }],
		['server', { type: 'signal', from, n: 1, data: 1 }], ['server', { type: 'signal', from, fi: 1, n: 0, data: 1 }],
		['server', { type: 'signal', from, fi: 1, n: 1, p: 0, data: 1 }], ['server', { type: 'signal', from, fi: 0, data: 1 }],
		['server', { type: 'signal', from, fi: 1, acked: 0, data: 1 }], ['server', { type: 'signal', fi: 1, n: 1, data: 1 }],
		['server', { type: 'ack', from }], ['server', { type: 'ack', n: 1 }], ['server', { type: 'ack', from, n: 0 }],
		['server', { type: 'peer-back', id: from }], ['server', { type: 'peer-away' }], ['server', { type: 'kicked' }],
		['server', { type: 'peer-joined', peer: { id: from, role: 'peer', away: false } }],
		['server', { type: 'peer-joined', peer: { id: from, role: 'peer', inst: 0 } }],
		['server', { type: 'session', token: 'short' }], ['server', { type: 'not-resumed', reason: 'expired' }],
		['server', { type: 'offer', description: {} }], ['server', { type: 'offer', from: 'x', description: {} }],
		['server', { type: 'ack' }], ['server', { type: 'error', code: 'x' }], ['server', { type: 'viewers', count: -1 }],
		['server', { type: 'peer-left', id: from, role: 'peer' }], ['server', { type: 'go-away', reason: 'x' }],
	])
		assert.notEqual(judge(side, message), null, JSON.stringify(message));
	assert.equal(judge('server', JOINED), null);
	assert.equal(judge('server', { ...JOINED, type: 'resumed', session: SESSION }), null);
	assert.match(judge('server', { ...JOINED, type: 'resumed' }), /session/);
	for (const [member, value] of [['epoch', 0], ['token', ''], ['window', 0], ['settled', 'yes'], ['settled', undefined]])
		assert.match(judge('server', { ...JOINED, session: { ...SESSION, [member]: value } }), new RegExp(member));
	assert.notEqual(judgeFile('http-problem.json', { title: 'x', status: 200, detail: 'x' }), null);
});
