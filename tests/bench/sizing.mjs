// sizing.mjs: what one more client, and one more relayed megabit, takes.
//
//   tests/bench/run-sizing
//
// CPU time is what the kernel says of all threads (schedstat), so that others on
// the machine make it a little dearer and no more.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import WebSocket from 'ws';

import { startLab } from '../e2e/lab.mjs';
import { SECRET, root } from '../lib/daemon.mjs';
import { useScope } from '../lib/ending.mjs';
import { startTls } from '../lib/tls.mjs';
import { TurnClient, mintCredential } from '../turnconf/turn-client.mjs';
import { Signald } from '../../web/client/index.js';

const ADDRESS = '198.51.100.10';
const SESSIONS = 1500;
const AT_ONCE = 25;
const CALLERS = 20;
const PACKET_BYTES = 1200;
const MEASURE_MS = 8000;
// Packets a second each way: of somebody who is heard, and of a video of 1.4 Mbit/s.
const PACES = { voice: 50, video: 150 };
const CHANNEL = 0x4001;

// What the kernel keeps for each connection, beside buffers that are empty.
const KERNEL_OBJECTS = ['TCP', 'sock_inode_cache', 'filp', 'dentry', 'eventpoll_epi'];

function cpuMs(pid) {
	return readdirSync(`/proc/${pid}/task`).reduce((ns, task) =>
		ns + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]), 0) / 1e6;
}

const anonymousBytes = (pid) => 1024 * Number(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').match(/^Anonymous:\s+(\d+)/m)[1]);

function kernelBytes() {
	try {
		const slabs = readFileSync('/proc/slabinfo', 'utf8');
		return KERNEL_OBJECTS.reduce((sum, name) => sum + Number(slabs.match(new RegExp(`^${name}\\s+\\d+\\s+\\d+\\s+(\\d+)`, 'm'))[1]), 0);
	} catch {
		return undefined; // for root alone
	}
}

async function joinAll(daemon) {
	class TlsSocket extends WebSocket {
		constructor(url, protocol) {
			super(url, protocol, { ca: daemon.ca });
		}
	}
	const clients = Array.from({ length: SESSIONS }, (_, i) => new Signald(daemon.httpsUrl, { room: `sizing-${i >> 1}`, WebSocket: TlsSocket }));
	const waiting = [...clients];
	await Promise.all(Array.from({ length: AT_ONCE }, async () => {
		while (waiting.length)
			await waiting.pop().connect();
	}));
	return clients;
}

// Sessions of the native protocol over TLS, two to a room.
async function measureSessions(t) {
	const daemon = await startTls(t, { sets: { 'turn.host': ADDRESS, 'turn.secret': SECRET, 'turn.probe': 'no' } });
	const before = { bytes: anonymousBytes(daemon.pid), ms: cpuMs(daemon.pid) };
	const clients = await joinAll(daemon);
	const joinMs = (cpuMs(daemon.pid) - before.ms) / SESSIONS;
	await delay(2000);
	const bytes = (anonymousBytes(daemon.pid) - before.bytes) / SESSIONS;
	const idleMs = cpuMs(daemon.pid);
	await delay(5000);
	const idle = (cpuMs(daemon.pid) - idleMs) / 5 / SESSIONS;
	clients.forEach((client) => client.close());
	return { joinMs, bytes, kernelBytes: kernelBytes(), idleMsPerS: idle };
}

async function openCaller(i) {
	const client = await TurnClient.open({ server: { address: ADDRESS, port: 3478 }, credential: mintCredential(SECRET, `caller-${i}`), local: ADDRESS });
	const { code, relayed } = await client.allocate();
	if (code !== 200)
		throw new Error(`no relay: ${code}`);
	return Object.assign(client, { relayed });
}

// Pairs who are both relayed by the same coturn, over UDP.
async function openPairs() {
	const callers = [];
	for (let i = 0; i < CALLERS; i++)
		callers.push(await openCaller(i));
	for (const [i, caller] of callers.entries()) {
		const other = callers[i ^ 1];
		await caller.permit(ADDRESS);
		await caller.bindChannel(CHANNEL, other.relayed);
	}
	return callers;
}

async function measureRelay(pid, callers, pace) {
	const packet = Buffer.alloc(PACKET_BYTES);
	const before = cpuMs(pid);
	const began = performance.now();
	let sent = 0;
	while (performance.now() - began < MEASURE_MS) {
		for (const due = (performance.now() - began) * pace * CALLERS / 1000; sent < due; sent++)
			callers[sent % CALLERS].sendChannel(CHANNEL, packet);
		await delay(2);
	}
	await delay(200);
	const heard = callers.reduce((sum, { inbox }) => sum + inbox.splice(0).length, 0);
	const ms = cpuMs(pid) - before;
	return { msPerMegabyte: ms / (heard * PACKET_BYTES / 1e6), heard, lost: sent - heard, busy: ms / (performance.now() - began) };
}

const mbits = (msPerMegabyte) => Math.round(8 * 1000 / msPerMegabyte);

await useScope(async (t) => {
	const sessions = await measureSessions(t);
	console.log(`a session over TLS: ${Math.round(sessions.bytes)} bytes of signald, ${sessions.kernelBytes ?? '?'} of the kernel;`
		+ ` ${sessions.joinMs.toFixed(2)} ms of CPU to connect and join; ${(1000 * sessions.idleMsPerS).toFixed(2)} us a second while it is idle`);
	const lab = await startLab(t);
	const callers = await openPairs();
	const relay = {};
	for (const [what, pace] of Object.entries(PACES)) {
		relay[what] = await measureRelay(lab.coturn.pid, callers, pace);
		const { msPerMegabyte, heard, lost, busy } = relay[what];
		console.log(`coturn over UDP, ${CALLERS} callers at ${pace} packets a second: ${msPerMegabyte.toFixed(1)} ms of CPU for a megabyte from one to the other,`
			+ ` both relayed: ${mbits(msPerMegabyte)} Mbit/s for a core (${heard} packets, ${lost} lost, ${Math.round(100 * busy)} % of a core)`);
	}
	callers.forEach((caller) => caller.close());
	const machine = { cpu: cpus()[0].model, cores: cpus().length };
	writeFileSync(path.join(root, 'build/sizing.json'), `${JSON.stringify({ machine, sessions, relay }, null, '\t')}\n`);
});
