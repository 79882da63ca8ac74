// tunnel.mjs: both coturns and the signald in front of the second one, and their
// clients.
import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';

import { openTls, startTls } from '../lib/tls.mjs';
import { PUBLIC4, SECRET, generate, makeFolder, startCoturn } from './coturn.mjs';
import { TurnClient, mintCredential } from './turn-client.mjs';

export const TUNNEL_PORT = 3479;
export const FIRST_PORT = 45056;
export const LAST_PORT = 45100;

export const tunnelSettings = (more = {}) => ({
	'listen.tls': '127.0.0.1:443', 'tls.cert': '/nowhere.pem', 'tls.key': '/nowhere.key',
	'turn.tunnel': `127.0.0.1:${TUNNEL_PORT}`, 'coturn.tunnel_min_port': FIRST_PORT, 'coturn.tunnel_max_port': LAST_PORT,
	...more,
});

/*
 * Both coturns and signald, from one configuration.
 *
 * more  for turnconf, beside the settings of above
 * sets  for signald, beside what it needs of them
 */
export async function startAll(t, more = {}, sets = {}) {
	const folder = await makeFolder(t);
	const values = tunnelSettings(more);
	const first = await generate(folder, values);
	const second = await generate(folder, values, '--tunnel');
	assert.equal(first.stderr + second.stderr, '');
	await appendFile(second.file, 'verbose\n');
	const coturn = await startCoturn(t, first.file);
	const behind = await startCoturn(t, second.file, { address: '127.0.0.1', port: TUNNEL_PORT, isStream: true });
	const daemon = await startTls(t, { address: more.address ?? PUBLIC4, sets: {
		'turn.host': 'turn.example.org', 'turn.realm': 'turn.example.org', 'turn.secret': SECRET,
		'turn.tunnel': `127.0.0.1:${TUNNEL_PORT}`, ...sets,
	} });
	return { coturn, behind, daemon };
}

export async function openTunnel(t, daemon, credential = mintCredential(SECRET), options = {}) {
	const stream = await openTls(t, daemon, { host: PUBLIC4, ...options });
	return TurnClient.overStream(stream, credential);
}

export async function allocatedOver(t, all, user, options) {
	const client = await openTunnel(t, all.daemon, mintCredential(SECRET, user), options);
	const answer = await client.allocate();
	assert.equal(answer.code, 200, all.behind.log);
	return Object.assign(client, answer);
}

export async function talk(a, b) {
	assert.equal((await a.permit(b.relayed.address)).code, 200);
	assert.equal((await b.permit(a.relayed.address)).code, 200);
	a.send(b.relayed, 'by indication');
	assert.equal((await b.receive())?.data.toString(), 'by indication');
	assert.equal((await a.bindChannel(0x4001, b.relayed)).code, 200);
	assert.equal((await b.bindChannel(0x4002, a.relayed)).code, 200);
	b.sendChannel(0x4002, 'by channel');
	assert.equal((await a.receive())?.data.toString(), 'by channel');
}
