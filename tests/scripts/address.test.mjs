// By which address clients reach this machine: what scripts/lib/address.sh finds,
// asked of a STUN server, and of the addresses that are there.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { cleanEnv, root } from '../lib/daemon.mjs';
import { atEnd } from '../lib/ending.mjs';

const OWN = '198.51.100.10';
const PUBLIC = '203.0.113.7';
const COOKIE = Buffer.from('2112a442', 'hex');

const attribute = (type, value) => {
	const head = Buffer.alloc(4);
	head.writeUInt16BE(type, 0);
	head.writeUInt16BE(value.length, 2);
	return Buffer.concat([head, value, Buffer.alloc(-value.length & 3)]);
};
const mapped = (address) => attribute(0x0020, Buffer.concat([Buffer.from([0, 1, 0x12, 0x34]),
	Buffer.from(address.split('.').map((byte, i) => Number(byte) ^ COOKIE[i]))]));
const software = attribute(0x8022, Buffer.from('odd'));
const success = (request, ...attributes) => {
	const body = Buffer.concat(attributes);
	const head = Buffer.concat([Buffer.from([1, 1, 0, 0]), request.subarray(4, 20)]);
	head.writeUInt16BE(body.length, 2);
	return Buffer.concat([head, body]);
};

// A STUN server that answers each request with what the function makes of it.
async function startStun(t, answer) {
	const socket = dgram.createSocket('udp4');
	socket.on('message', (request, from) => {
		const bytes = answer(request);
		if (bytes)
			socket.send(bytes, from.port, from.address);
	});
	socket.bind(0, '127.0.0.1');
	await once(socket, 'listening');
	atEnd(t, () => socket.close());
	return `127.0.0.1:${socket.address().port}`;
}

// What a script says that has our library; names are those of the test.
const RIG = `
	set -euo pipefail
	me=rig
	. scripts/lib/common.sh
	. scripts/lib/net.sh
	. scripts/lib/address.sh
	stun_limit_s=1
	addresses_of() { if is_ipv4 "$1"; then echo "$1"; else printf '%s' "$NAMES"; fi; }
	own_addresses() { printf '%s\\n' $OWN; }
	main_address() { own_addresses | head -n 1; }
`;

async function shell(script, { names = '', own = OWN } = {}) {
	const env = cleanEnv({ NAMES: names.replaceAll(' ', '\n'), OWN: own });
	return new Promise((resolve) => execFile('bash', ['-c', RIG + script], { cwd: root, env }, (error, stdout, stderr) =>
		resolve({ code: error?.code ?? 0, stdout: stdout.trim(), stderr: stderr.trim() })));
}

const find = (name, given, stun, options) =>
	shell(`find_public_address '${name}' '${given}' '${stun}' >&2; echo "$public,$private"`, options);

describe('of addresses', () => {
	const told = async (test, words) => {
		const { code, stdout, stderr } = await shell(`for word in ${words}; do ! ${test} "$word" || printf '%s ' "$word"; done`);
		assert.deepEqual([code, stderr], [0, '']);
		return stdout.trim();
	};

	test('four numbers to 255 are one', async () => {
		assert.equal(await told('is_ipv4', '0.0.0.0 198.51.100.10 255.255.255.255'), '0.0.0.0 198.51.100.10 255.255.255.255');
		assert.equal(await told('is_ipv4', '999.1.1.1 256.0.0.1 1.2.3.08 01.2.3.4 1.2.3 1.2.3.4.5 1.2.3.4x ::1'), '');
	});

	test('private ones are known, also as people write them', async () => {
		const words = '10.1.2.3 192.168.08.1 192.168.1.09 172.31.0.1 100.64.0.1 169.254.1.1 127.0.0.1';
		assert.equal(await told('is_private', words), words);
		assert.equal(await told('is_private', '8.8.8.8 172.32.0.1 100.128.0.1 192.169.0.1 198.51.100.010'), '');
	});

	test('a server is a host and a port', async () => {
		assert.equal(await told('is_host_port', 'stun.example.org:3478 127.0.0.1:9'), 'stun.example.org:3478 127.0.0.1:9');
		assert.equal(await told('is_host_port', 'a.example a.example: a.example:0 a.example:65536 a.example:x :1 http://a.example:1 ::1:3478'), '');
	});
});

describe('a STUN server says', () => {
	for (const [what, answer, expected] of [
		['an address', (request) => success(request, mapped(PUBLIC)), PUBLIC],
		['it behind another attribute', (request) => success(request, software, mapped(PUBLIC)), PUBLIC],
		['nothing of it', (request) => success(request, software), ''],
		['half of it', (request) => success(request, mapped(PUBLIC)).subarray(0, 28), ''],
		['that it refuses', (request) => Buffer.concat([Buffer.from([1, 17, 0, 0]), request.subarray(4, 20)]), ''],
		['too little', () => Buffer.from('x'), ''],
		['nothing', () => null, ''],
	])
		test(what, async (t) => {
			const stun = await startStun(t, answer);
			assert.deepEqual(await shell(`seen_from ${stun}`), { code: 0, stdout: expected, stderr: '' });
		});

	test('nothing, as nobody is there', async () => {
		assert.deepEqual(await shell('seen_from 127.0.0.1:9'), { code: 0, stdout: '', stderr: '' });
	});
});

describe('clients are told', () => {
	const seenAs = (t, address) => startStun(t, (request) => success(request, mapped(address)));
	const nowhere = '127.0.0.1:9';

	for (const [what, { name = '', given = '', names, own, seen, expected }] of [
		['an address of this machine that the name has', { name: 'a.example', names: `192.0.2.1 ${OWN}`, expected: `${OWN},` }],
		['the name’s, that the world sees a machine behind a NAT at', { name: 'a.example', names: PUBLIC, own: '10.0.0.5', seen: PUBLIC, expected: `${PUBLIC},10.0.0.5` }],
		['the name’s, where nobody says what the world sees', { name: 'a.example', names: PUBLIC, own: '10.0.0.5', expected: `${PUBLIC},10.0.0.5` }],
		['what the operator says', { name: 'a.example', given: '192.0.2.9', names: PUBLIC, seen: '192.0.2.8', expected: `192.0.2.9,${OWN}` }],
		['this machine’s, without a name', { expected: `${OWN},` }],
		['what the world sees, without a name, behind a NAT', { own: '10.0.0.5', seen: PUBLIC, expected: `${PUBLIC},10.0.0.5` }],
	])
		test(what, async (t) => {
			const { code, stdout, stderr } = await find(name, given, seen ? await seenAs(t, seen) : nowhere, { names, own });
			assert.equal(code, 0, stderr);
			assert.equal(stdout, expected);
		});

	test('what they are, and that nobody has said how the world sees it', async () => {
		const { code, stderr } = await find('', '', nowhere);
		assert.equal(code, 0, stderr);
		assert.match(stderr, /note: 127\.0\.0\.1:9 does not say how it sees this machine/);
	});

	for (const [what, { name = '', names, own, seen, pattern }] of [
		['a name without an address', { name: 'a.example', seen: PUBLIC, pattern: /a\.example has no IPv4 address: give it an A record with 203\.0\.113\.7/ }],
		['a name that leads elsewhere', { name: 'a.example', names: '192.0.2.1', seen: PUBLIC, pattern: /a\.example is 192\.0\.2\.1, but this machine is .*198\.51\.100\.10 .*seen from outside as 203\.0\.113\.7/ }],
		['a name that is loopback here', { name: 'a.example', names: '127.0.1.1', own: '10.0.0.5', pattern: /127\.0\.1\.1 here, which no client reaches/ }],
		['a private address that nobody sees', { own: '192.168.1.2', pattern: /private address, 192\.168\.1\.2.*give --address/ }],
	])
		test(`not ${what}, but what would be right`, async (t) => {
			const { code, stderr } = await find(name, '', seen ? await seenAs(t, seen) : nowhere, { names, own });
			assert.equal(code, 1);
			assert.match(stderr, pattern);
		});
});
