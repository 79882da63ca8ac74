// The relay that turnconf configures carries data, for those with a credential.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';

import { OTHER4, PRIVATE4, PUBLIC4, SECRET, allocated, generate, makeFolder, startCoturn } from './coturn.mjs';
import { mintCredential } from './turn-client.mjs';

async function start(t, more) {
	const { file, stderr } = await generate(await makeFolder(t), more);
	assert.equal(stderr, '');
	return startCoturn(t, file);
}

// Both ways between two relayed clients, once by indication, once by channel.
async function talk(a, b) {
	assert.equal((await a.permit(b.relayed.address)).code, 200);
	assert.equal((await b.permit(a.relayed.address)).code, 200);
	a.send(b.relayed, 'by indication');
	const heard = await b.receive();
	assert.equal(heard?.data.toString(), 'by indication');
	assert.deepEqual(heard.peer, a.relayed);

	assert.equal((await a.bindChannel(0x4001, b.relayed)).code, 200);
	assert.equal((await b.bindChannel(0x4002, a.relayed)).code, 200);
	b.sendChannel(0x4002, 'by channel');
	const back = await a.receive();
	assert.equal(back?.data.toString(), 'by channel');
	assert.equal(back.channel, 0x4001);
}

async function pair(t, coturn) {
	return [await allocated(t, coturn, {}, mintCredential(SECRET, 'alice')),
		await allocated(t, coturn, {}, mintCredential(SECRET, 'bob'))];
}

describe('two relayed clients talk to each other', () => {
	test('in production', async (t) => {
		const [a, b] = await pair(t, await start(t, {}));
		assert.equal(a.relayed.address, PUBLIC4);
		assert.ok(a.relayed.port >= 50000 && a.relayed.port <= 50999);
		await talk(a, b);
	});

	test('in development, on a private address', async (t) => {
		const [a, b] = await pair(t, await start(t, { 'coturn.profile': 'development', 'coturn.relay_ip': PRIVATE4 }));
		assert.equal(a.relayed.address, PRIVATE4);
		await talk(a, b);
		assert.equal((await a.permit('10.77.0.6')).code, 403);
	});

	test('behind NAT, by the public address', async (t) => {
		const [a, b] = await pair(t, await start(t, { 'coturn.relay_ip': PRIVATE4, 'coturn.external_ip': OTHER4 }));
		assert.equal(a.relayed.address, OTHER4);
		await talk(a, b);
		assert.equal((await a.permit('10.77.0.6')).code, 403);
	});

	test('on a network of its own, by external_ip ADDRESS/ADDRESS', async (t) => {
		const [a, b] = await pair(t, await start(t, { 'coturn.relay_ip': PRIVATE4, 'coturn.external_ip': `${PRIVATE4}/${PRIVATE4}` }));
		await talk(a, b);
		assert.equal((await a.permit('10.77.0.6')).code, 403);
	});
});

describe('who may relay', () => {
	test('nobody without a credential, with a wrong one, or with an old one', async (t) => {
		const coturn = await start(t, {});
		for (const credential of [undefined, mintCredential('another-secret-0123456789'), mintCredential(SECRET, 'test', -5)]) {
			const client = await coturn.client(credential ?? null);
			t.after(() => client.close());
			assert.equal((await client.allocate()).code, 401);
		}
	});

	test('one user has user-quota allocations, another is not kept out by it', async (t) => {
		const coturn = await start(t, { 'rooms.max_watchers_per_broadcaster': 1, 'turn.tcp': 'no' });
		for (let i = 0; i < 2; i++)
			await allocated(t, coturn, {}, mintCredential(SECRET, 'alice', 600 + i));
		const third = await coturn.client(mintCredential(SECRET, 'alice', 700));
		t.after(() => third.close());
		assert.equal((await third.allocate()).code, 486);
		await allocated(t, coturn, {}, mintCredential(SECRET, 'bob'));
	});
});

test('turnutils_uclient relays with a time-limited credential', async (t) => {
	await start(t, {});
	const { username, credential } = mintCredential(SECRET, 'uclient');
	const peer = spawn('turnutils_peer', ['-L', OTHER4, '-p', '3999'], { stdio: 'ignore' });
	const gone = once(peer, 'close');
	t.after(async () => {
		peer.kill('SIGKILL');
		await gone;
	});
	const client = spawn('turnutils_uclient', ['-u', username, '-w', credential, '-e', OTHER4,
		'-r', '3999', '-n', '20', '-m', '2', '-l', '200', '-z', '5', '-X', '-g', PUBLIC4]);
	let output = '';
	client.stdout.setEncoding('utf8').on('data', (text) => (output += text));
	client.stderr.setEncoding('utf8').on('data', (text) => (output += text));
	const [code] = await once(client, 'close');
	assert.equal(code, 0, output);
	assert.match(output, /Total lost packets 0 \(0\.0+%\)/);
	const received = Number(output.match(/tot_recv_msgs=(\d+)\D*$/m)?.[1]);
	assert.ok(received >= 40, output);
});
