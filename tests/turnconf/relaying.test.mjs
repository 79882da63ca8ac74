// Who relays is told as it begins and ends: signald asks the real coturn's
// administration every five seconds.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';

import { ADMIN_KEY, runProgram, startDaemon, until } from '../lib/daemon.mjs';
import { atEnd } from '../lib/ending.mjs';
import { joinPeer } from '../lib/peer.mjs';
import { HOOK_SECRET, startReceiver } from '../lib/receiver.mjs';
import { openClient as openPage } from '../lib/sio-clients.mjs';
import { PUBLIC4, SECRET, generate, makeFolder, startCoturn } from './coturn.mjs';
import { mintCredential } from './turn-client.mjs';

// As a file has it.
const text = (sets) => Object.entries(sets).map(([key, value]) => `[${key.split('.')[0]}]\n${key.split('.')[1]} = ${value}\n`).join('');

const CLI = { 'turn.cli': '127.0.0.1:5766', 'turn.cli_password': 'rQ7wL0sV_3kPz-8dXyTn' };
// The time between two lists, and some for them.
const LIMIT_MS = 8000;

const credentialOf = ({ iceServers }) => iceServers.find((server) => server.username);

async function allocate(t, coturn, credential) {
	const client = await coturn.client(credential);
	atEnd(t, () => client.close());
	assert.equal((await client.allocate()).code, 200, coturn.log);
	return client;
}

async function get(daemon, name) {
	return (await daemon.admin('GET', name)).json();
}

test('relaying is told as it begins and ends, and counted', async (t) => {
	const { file } = await generate(await makeFolder(t), { ...CLI, 'turn.secret': SECRET });
	const coturn = await startCoturn(t, file);
	await until('coturn gives relays', async () => {
		const client = await coturn.client(mintCredential(SECRET, 'test'));
		const { code } = await client.allocate();
		await client.refresh(0);
		client.close();
		return code === 200;
	});
	const told = [];
	const receiver = await startReceiver(t, ({ events }) => (told.push(...events), {}));
	const daemon = await startDaemon(t, { config: text(CLI), sets: {
		'turn.host': PUBLIC4, 'turn.probe': 'no', 'turn.realm': 'turn.example.org', 'turn.secret': SECRET, 'socketio.namespaces': '/=generic',
		'state.dir': await makeFolder(t), 'webhooks.url': receiver.url, 'webhooks.secret': HOOK_SECRET,
	} });
	const relaying = async () => (await get(daemon, 'status')).relaying;
	await until('coturn was asked', relaying);
	const peer = await joinPeer(t, daemon, 'r');
	const { relay } = await get(daemon, `peers/${peer.id}`);
	assert.equal(relay.allocations, 0);

	const stream = await daemon.admin('GET', 'events');
	let heard = '';
	(async () => {
		for await (const chunk of stream.body.pipeThrough(new TextDecoderStream()))
			heard += chunk;
	})().catch(() => {});
	const event = (name, more) => until(`${name} ${more}`, () =>
		heard.split('\n').find((line) => line.startsWith('data:') && line.includes(`"${name}"`) && line.includes(more)), LIMIT_MS);

	const first = await allocate(t, coturn, credentialOf(peer.joined));
	assert.match(await event('turn.relay_start', relay.user), /"server":"main".*"allocations":1/);
	assert.equal((await get(daemon, `peers/${peer.id}`)).relay.allocations, 1);
	// Whoever asks for a list is an address, and no peer; so is Socket.IO's page.
	const list = await (await fetch(`${daemon.url}/v1/ice`)).json();
	await allocate(t, coturn, credentialOf(list));
	const second = await allocate(t, coturn, credentialOf(peer.joined));
	const page = await openPage(t, daemon, { version: 4 }, { query: { room: 'r' } });
	assert.equal((await get(daemon, `peers/${page.id}`)).relay, null);
	await event('turn.relay_start', credentialOf(list).username.split(':')[1]);
	await until('all are counted', async () => (await relaying()).allocations === 3, LIMIT_MS);
	assert.deepEqual(await relaying(), { peers: 1, others: 1, allocations: 3 });
	const { stdout } = await runProgram(['ctl', 'status', '--set', `listen.metrics=127.0.0.1:${daemon.metricsPort}`, '--set', `admin.key=${ADMIN_KEY}`]);
	assert.match(stdout, /^relaying +peers 1, others 1, allocations 3$/m);
	assert.equal(await daemon.metric('signald_turn_allocations'), 3);
	await first.refresh(0);
	assert.match(await event('turn.relay_end', relay.user), /"allocations":1/);
	await second.refresh(0);
	await until('none is left', async () => (await relaying()).peers === 0, LIMIT_MS);
	assert.equal((await get(daemon, `peers/${peer.id}`)).relay.allocations, 0);
	assert.equal(await daemon.metric('signald_turn_allocations'), 1);

	// A receiver of webhooks heard the same.
	const webhook = (type, allocations) => until(`${type} of ${allocations}`, () =>
		told.find((event) => event.type === type && event.user === relay.user && event.server === 'main' && event.allocations === allocations));
	await webhook('relay.started', 1);
	await webhook('relay.started', 2);
	await webhook('relay.ended', 1);
	await webhook('relay.ended', 0);

	// What is not asked is not known.
	const reload = async (config) => {
		await writeFile(daemon.configPath, config);
		assert.equal((await daemon.admin('POST', 'reload')).status, 200);
	};
	await reload('');
	assert.equal(await relaying(), null);
	assert.equal(await daemon.metric('signald_turn_allocations'), 0);
	await reload(text(CLI));
	await until('coturn was asked again', async () => (await relaying())?.allocations === 1, LIMIT_MS);
	assert.equal(await daemon.metric('signald_turn_allocations'), 1);
	coturn.child?.kill('SIGKILL');
	await daemon.waitLog(/turn\.cli_down/);
	assert.equal(await relaying(), null);
	assert.equal(await daemon.metric('signald_turn_allocations'), 0);
});

test('without an administration nothing of it is known', async (t) => {
	const daemon = await startDaemon(t, { sets: { 'turn.host': PUBLIC4, 'turn.probe': 'no', 'turn.secret': SECRET } });
	assert.equal((await get(daemon, 'status')).relaying, null);
});
