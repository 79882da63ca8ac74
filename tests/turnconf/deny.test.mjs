// What the production profile lets a client reach: nothing that is not public.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';

import { PUBLIC4, PUBLIC6, allocated, generate, makeFolder, startCoturn } from './coturn.mjs';
import { TRANSPORT, addressBytes } from './turn-client.mjs';

// Tests of one coturn share it: a context that ends it with the suite.
function suite() {
	const cleanups = [];
	return {
		after: (cleanup) => cleanups.unshift(cleanup),
		end: async () => {
			for (const cleanup of cleanups)
				await cleanup();
		},
	};
}

// [first, last, what]; the neighbours just outside are asked for as well.
const RANGES4 = [
	['0.0.0.0', '0.255.255.255', 'this host'],
	['10.0.0.0', '10.255.255.255', 'private'],
	['100.64.0.0', '100.127.255.255', 'carrier-grade NAT'],
	['127.0.0.0', '127.255.255.255', 'loopback'],
	['168.63.129.16', '168.63.129.16', 'Azure wire server'],
	['169.254.0.0', '169.254.255.255', 'link-local'],
	['172.16.0.0', '172.31.255.255', 'private'],
	['192.0.0.0', '192.0.0.255', 'protocol assignments'],
	['192.0.2.0', '192.0.2.255', 'documentation'],
	['192.31.196.0', '192.31.196.255', 'AS112'],
	['192.52.193.0', '192.52.193.255', 'AMT'],
	['192.88.99.0', '192.88.99.255', '6to4 relays'],
	['192.168.0.0', '192.168.255.255', 'private'],
	['192.175.48.0', '192.175.48.255', 'AS112'],
	['198.18.0.0', '198.19.255.255', 'benchmarks'],
	['198.51.100.0', '198.51.100.255', 'documentation'],
	['203.0.113.0', '203.0.113.255', 'documentation'],
	['224.0.0.0', '239.255.255.255', 'multicast'],
	['240.0.0.0', '255.255.255.255', 'reserved'],
];

const RANGES6 = [
	['::', '::ffff:ffff', 'unspecified, loopback, IPv4-compatible'],
	['::ffff:0:0', '::ffff:ffff:ffff', 'IPv4-mapped'],
	['::ffff:0:0:0', '::ffff:0:ffff:ffff', 'IPv4-translated'],
	['64:ff9b::', '64:ff9b::ffff:ffff', 'NAT64'],
	['64:ff9b:1::', '64:ff9b:1:ffff:ffff:ffff:ffff:ffff', 'local NAT64'],
	['100::', '100:0:0:1:ffff:ffff:ffff:ffff', 'discard'],
	['2001::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff', 'protocol assignments, Teredo'],
	['2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', 'documentation'],
	['2002::', '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '6to4'],
	['2620:4f:8000::', '2620:4f:8000:ffff:ffff:ffff:ffff:ffff', 'AS112'],
	['3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff', 'documentation'],
	['5f00::', '5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'segment routing'],
	['fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'unique local'],
	['fe80::', 'feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'link-local, site-local'],
	['ff00::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'multicast'],
];

const toBig = (text) => BigInt(`0x${addressBytes(text).toString('hex')}`);

function toText(value, bits) {
	const hex = value.toString(16).padStart(bits / 4, '0');
	return bits === 32
		? hex.match(/../g).map((byte) => parseInt(byte, 16)).join('.')
		: hex.match(/..../g).join(':');
}

// Ends, middle, and a few hundred in between from a fixed sequence, with bytes
// of 00 and ff among them, where a comparison by bytes goes wrong.
function samples([first, last], bits) {
	const low = toBig(first);
	const size = toBig(last) - low + 1n;
	const picks = [0n, 1n, 2n, size / 2n, size - 2n, size - 1n, 0x100n, 0x10000n, 0x1000000n, 0xff00n, 0xff0000ffn];
	let state = 12345n;
	for (let i = 0; i < 20; i++) {
		state = (state * 6364136223846793005n + 1442695040888963407n) % (1n << 64n);
		picks.push((state << 64n | state) % size);
	}
	return [...new Set(picks.filter((pick) => pick >= 0n && pick < size).map((pick) => toText(low + pick, bits)))];
}

function neighbours(ranges, bits) {
	const edges = ranges.flatMap(([first, last]) => [toBig(first) - 1n, toBig(last) + 1n])
		.filter((value) => value >= 0n && value < 1n << BigInt(bits));
	return edges.filter((value) => !ranges.some(([first, last]) => value >= toBig(first) && value <= toBig(last)))
		.map((value) => toText(value, bits));
}

// An IPv4 address in every IPv6 form that some host takes apart again.
function embedded(address) {
	const hex = addressBytes(address).toString('hex');
	const [high, low] = [hex.slice(0, 4), hex.slice(4)];
	const flipped = (BigInt(`0x${hex}`) ^ 0xffffffffn).toString(16).padStart(8, '0');
	return {
		compatible: `::${high}:${low}`,
		mapped: `::ffff:${high}:${low}`,
		translated: `::ffff:0:${high}:${low}`,
		NAT64: `64:ff9b::${high}:${low}`,
		'local NAT64': `64:ff9b:1::${high}:${low}`,
		'6to4': `2002:${high}:${low}::1`,
		'Teredo server': `2001:0:${high}:${low}::1`,
		'Teredo client': `2001:0:808:808:0:0:${flipped.slice(0, 4)}:${flipped.slice(4)}`,
	};
}

const EMBEDDED = ['127.0.0.1', '0.0.0.0', '10.0.0.5', '10.1.2.0', '172.16.0.1', '192.168.1.1',
	'169.254.169.254', '100.100.100.200', '255.255.255.255', '224.0.0.1', '8.8.8.8'];

// The same by permission and by channel: code for code.
async function asks(client, addresses, expected) {
	for (const address of addresses)
		assert.equal((await client.permit(address)).code, expected, `CreatePermission ${address}`);
}

describe('the production profile', () => {
	const context = suite();
	let v4, v6, coturn;
	before(async () => {
		const folder = await makeFolder(context);
		const { code, stderr, file } = await generate(folder, {
			'coturn.listening_ip': `${PUBLIC4},${PUBLIC6}`,
			'coturn.relay_ip': `${PUBLIC4},${PUBLIC6}`,
			'coturn.deny_peers': '1.2.3.4, 5.6.7.0-5.6.8.127, 2a02:7::5-2a02:7::1:3',
		});
		assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
		assert.ok(!/allowed-peer-ip|allow-loopback-peers/.test(await readFile(file, 'utf8')));
		coturn = await startCoturn(context, file);
		v4 = await allocated(context, coturn);
		v6 = await allocated(context, coturn, { family: 6 });
	});
	after(() => context.end());

	for (const range of RANGES4)
		test(`refuses ${range[0]} to ${range[1]} (${range[2]})`, () => asks(v4, samples(range, 32), 403));
	for (const range of RANGES6)
		test(`refuses ${range[0]} to ${range[1]} (${range[2]})`, () => asks(v6, samples(range, 128), 403));

	test('allows the public IPv4 neighbours of every range', async () => {
		const list = neighbours(RANGES4, 32);
		assert.ok(list.length > 25);
		await asks(v4, list, 200);
	});
	test('allows the public IPv6 neighbours of every range', async () => {
		const list = neighbours(RANGES6, 128);
		assert.ok(list.length > 20);
		await asks(v6, list, 200);
	});
	test('allows public addresses, its own among them', async () => {
		await asks(v4, ['8.8.8.8', '1.1.1.1', '203.0.112.255', PUBLIC4], 200);
		await asks(v6, ['2001:4860:4860::8888', '2606:4700::1111', PUBLIC6], 200);
	});

	for (const address of EMBEDDED)
		test(`refuses ${address} in every IPv6 form`, () => asks(v6, Object.values(embedded(address)), 403));

	test('refuses the same by ChannelBind', async () => {
		let number = 0x4000;
		for (const [first] of RANGES4)
			assert.equal((await v4.bindChannel(number++, { address: first, port: 9 })).code, 403, first);
		for (const [first] of RANGES6)
			assert.equal((await v6.bindChannel(number++, { address: first, port: 9 })).code, 403, first);
		assert.equal((await v4.bindChannel(number++, { address: '8.8.8.8', port: 9 })).code, 200);
		assert.equal((await v6.bindChannel(number++, { address: '2001:4860:4860::8888', port: 9 })).code, 200);
	});

	test('refuses what coturn.deny_peers adds, to the last address and no further', async () => {
		await asks(v4, ['1.2.3.4', '5.6.7.0', '5.6.7.255', '5.6.8.0', '5.6.8.127'], 403);
		await asks(v4, ['1.2.3.3', '1.2.3.5', '5.6.6.255', '5.6.8.128'], 200);
		await asks(v6, ['2a02:7::5', '2a02:7::ff', '2a02:7::100', '2a02:7::1:0', '2a02:7::1:3', '2a02:7::fffe'], 403);
		await asks(v6, ['2a02:7::4', '2a02:7::1:4', '2a02:7::1:100', '2a02:7::2:0'], 200);
	});

	test('allocates no TCP relay', async () => {
		const client = await coturn.client();
		context.after(() => client.close());
		assert.equal((await client.allocate({ transport: TRANSPORT.tcp })).code, 442);
	});

	test('logs what it refused, and no other trouble', () => {
		assert.match(coturn.log, /A peer IP 10\.0\.0\.0 denied in the range/);
		const others = coturn.complaints.filter((line) => !/A peer IP \S+ denied|error 403|error 401|error 442|unauthorized/i.test(line));
		assert.deepEqual(others, []);
	});
});
