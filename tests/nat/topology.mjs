// topology.mjs: the networks. A public segment with the server on it, and
// clients on it, each by itself or behind a NAT of its own. The segment's
// addresses are none that the production deny list names, so that coturn runs
// with the configuration that a user has.
//
//    lan ── NAT ──┐
//                 ├── public segment ── server (this namespace)
//          open ──┘
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

export const SERVER = {
	segment: 'public',
	addresses: ['8.8.4.10/24', '8.8.4.11/24', '2001:4860:4::10/64', '2001:4860:4::11/64'],
};

// Each client has a number, from which its addresses are made.
const publicV4 = (number) => `8.8.4.${100 + number}/24`;
const publicV6 = (number) => `2001:4860:4::${100 + number}/64`;
const router = (number) => `10.77.${number}.1`;
const inside = (number) => `10.77.${number}.2/24`;

/*
 * What a client may be behind.
 *
 * nat      how source addresses are translated; none: the client has a public one
 * outward  rules for what comes from inside; none: all may pass
 * isV6     IPv6 alone
 */
export const KINDS = {
	// A public address, no filter.
	'open': {},
	// Keeps the port, so that all see the same; lets in whom was spoken to.
	'cone': { nat: 'masquerade' },
	// Another port for everybody spoken to.
	'symmetric': { nat: 'masquerade fully-random' },
	// No UDP comes through, and nobody says so.
	'tcp-only': { nat: 'masquerade', outward: ['meta l4proto udp drop'] },
	// Nothing but TCP to port 443 comes through.
	'443-only': { nat: 'masquerade', outward: ['tcp dport 443 accept', 'drop'] },
	// A public address of IPv6, and no other.
	'ipv6': { isV6: true },
};

/*
 * A NAT as home routers have it. What comes unasked is dropped before it leaves
 * a trace in the table of connections: the trace would take the port from the
 * client that is about to send to where it came from.
 */
const rulesOf = ({ nat, outward = [] }) => `
table ip nat {
	chain leave {
		type nat hook postrouting priority srcnat
		oifname "wan" ${nat}
	}
}
table inet filter {
	chain unasked {
		type filter hook input priority filter
		iifname "wan" ct state != { established, related } drop
	}
	chain pass {
		type filter hook forward priority filter
		iifname "wan" ct state != { established, related } drop
		iifname "lan" jump outward
	}
	chain outward {
		${outward.join('\n\t\t')}
	}
}
`;

const fileOf = (name) => path.join(os.tmpdir(), 'ns', name);

function run(program, args, input = '') {
	const done = promisify(execFile)(program, args);
	// Who reads nothing of it says why by itself.
	done.child.stdin.on('error', () => {}).end(input);
	return done;
}

const runIn = (name, program, args, input) => run('nsenter', [`--net=${fileOf(name)}`, program, ...args], input);
const lines = (text) => text.trim().split('\n').map((line) => line.trim()).join('\n');

async function makeNamespace(name) {
	await writeFile(fileOf(name), '');
	await run('unshare', [`--net=${fileOf(name)}`, 'true']);
	await runIn(name, 'ip', ['link', 'set', 'lo', 'up']);
}

// Put one end of a cable into the segment, the other into a namespace as "wan".
function plugIn(name, number) {
	return run('ip', ['-batch', '-'], lines(`
		link add port${number} type veth peer name wan netns ${fileOf(name)}
		link set port${number} addrgenmode none
		link set port${number} master ${SERVER.segment} up`));
}

async function makeOpen({ name, number }) {
	await makeNamespace(name);
	await plugIn(name, number);
	await runIn(name, 'ip', ['-batch', '-'], lines(`
		link set wan addrgenmode none
		address add ${publicV4(number)} dev wan
		link set wan up
		route add default dev wan`));
}

async function makeV6({ name, number }) {
	await makeNamespace(name);
	await plugIn(name, number);
	await runIn(name, 'ip', ['-batch', '-'], lines(`
		address add ${publicV6(number)} dev wan nodad
		link set wan up
		route add ::/0 dev wan`));
}

async function makeBehindNat({ name, number, kind }) {
	const nat = `${name}-nat`;
	await makeNamespace(nat);
	await makeNamespace(name);
	await plugIn(nat, number);
	await runIn(nat, 'ip', ['-batch', '-'], lines(`
		link add lan type veth peer name eth0 netns ${fileOf(name)}
		link set lan addrgenmode none
		link set wan addrgenmode none
		address add ${publicV4(number)} dev wan
		address add ${router(number)}/24 dev lan
		link set wan up
		link set lan up`));
	await runIn(nat, 'nft', ['-f', '-'], rulesOf(KINDS[kind]));
	await runIn(nat, 'sh', ['-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward']);
	await runIn(name, 'ip', ['-batch', '-'], lines(`
		link set eth0 addrgenmode none
		address add ${inside(number)} dev eth0
		link set eth0 up
		route add default via ${router(number)}`));
}

function makeClient(client) {
	const { nat, isV6 } = KINDS[client.kind];
	if (isV6)
		return makeV6(client);
	return nat ? makeBehindNat(client) : makeOpen(client);
}

/*
 * Make the networks: the segment here, with the server's addresses, and a
 * namespace for each client. They go with the namespace of the run.
 *
 * kinds  of the clients; a kind that stands there twice gets two, "cone-1" and
 *        "cone-2"
 *
 * Returns the clients: [{name, kind, number, file}], file being the namespace.
 */
export async function makeNetworks(kinds) {
	await mkdir(path.join(os.tmpdir(), 'ns'));
	await run('ip', ['-batch', '-'], lines(`
		link set lo up
		link add ${SERVER.segment} type bridge
		${SERVER.addresses.map((address) => `address add ${address} dev ${SERVER.segment}${address.includes(':') ? ' nodad' : ''}`).join('\n')}
		link set ${SERVER.segment} up
		route add default dev ${SERVER.segment}
		route add ::/0 dev ${SERVER.segment}`));
	const clients = kinds.map((kind, index) => {
		const name = `${kind}-${kinds.slice(0, index + 1).filter((other) => other === kind).length}`;
		return { name, kind, number: index + 1, file: fileOf(name) };
	});
	for (const client of clients)
		await makeClient(client);
	return clients;
}
