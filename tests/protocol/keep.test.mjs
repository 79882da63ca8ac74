// What a signald that ends leaves behind: TURN connections that go on, while the
// next one serves everything else (drain.tunnels_s).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { makeFolder, restart, until } from '../lib/daemon.mjs';
import { atEnd } from '../lib/ending.mjs';
import { joinTwo } from '../lib/session.mjs';
import { BINDING, joinTls, openRawTls, openTls, standIn, startTls, take } from '../lib/tls.mjs';

const PROXY_BYTES = 28;
const FREEZE_MS = 1000;

// signald in front of a stand-in for coturn that answers all it hears with the same.
async function startEcho(t, sets) {
	const coturn = await standIn(t);
	const daemon = await startTls(t, { sets: { 'turn.tunnel': `127.0.0.1:${coturn.port}`, 'state.dir': await makeFolder(t), ...sets } });
	return { coturn, daemon };
}

/*
 * Somebody in a call through it, who says something every 20 ms.
 *
 * worstMs()  how long it took at most until something came back
 */
async function openCall(t, { coturn, daemon }) {
	const socket = await openTls(t, daemon);
	socket.write(BINDING);
	const far = await coturn.next();
	await take(far, PROXY_BYTES + BINDING.length);
	far.resume().on('data', (bytes) => far.write(bytes));
	const heard = [Date.now()];
	socket.on('data', () => heard.push(Date.now()));
	const timer = setInterval(() => socket.write('still here'), 20);
	atEnd(t, () => clearInterval(timer));
	const call = { socket, far, worstMs: () => Math.max(...heard.slice(1).map((atMs, i) => atMs - heard[i]), Date.now() - heard.at(-1)) };
	await until('it is heard', () => heard.length > 5);
	return call;
}

function isAlive(pid) {
	try {
		return process.kill(pid, 0);
	} catch {
		return false;
	}
}

async function keeperOf(t, daemon) {
	const [, tunnels, pid] = await daemon.waitLog(/tunnels\.kept tunnels=(\d+) pid=(\d+)/);
	atEnd(t, () => isAlive(pid) && process.kill(pid, 'SIGKILL'));
	return { tunnels: Number(tunnels), pid: Number(pid) };
}

// However it ended: what was not read yet makes it a reset.
const isEnded = (socket) => socket.closed || new Promise((resolve) => socket.once('close', resolve));

test('a call through the port goes on while signald is replaced, and its peers are back with their ids', async (t) => {
	const all = await startEcho(t, { 'drain.tunnels_s': 60 });
	const calls = [await openCall(t, all), await openCall(t, all)];
	const peers = await joinTwo(t, all.daemon, 'r');
	const idle = await openRawTls(t, all.daemon);
	await idle.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
	await idle.response();

	const next = await restart(t, all.daemon, 'SIGTERM');
	const keeper = await keeperOf(t, all.daemon);
	assert.equal(keeper.tunnels, 2);
	assert.equal(await next.metric('signald_tunnels'), 0);
	for (const peer of peers) {
		await peer.link.closed;
		const { id } = peer.joined;
		const resumed = await peer.resume();
		assert.deepEqual([resumed.type, resumed.id], ['resumed', id]);
	}
	process.kill(keeper.pid, 'SIGHUP'); // meant for the other one
	await delay(500);
	for (const call of calls)
		assert.ok(call.worstMs() < FREEZE_MS, `${call.worstMs()} ms`);
	t.diagnostic(`worst gap ${Math.max(...calls.map((call) => call.worstMs()))} ms`);

	// Ended from either side, and then there is nothing left to keep.
	calls[0].socket.destroy();
	await isEnded(calls[0].far);
	calls[1].far.end();
	await isEnded(calls[1].socket);
	await until('the keeper is gone', () => !isAlive(keeper.pid));
	await all.daemon.waitLog(/tunnels\.end left=0/);
});

test('nothing is kept longer than it may be', async (t) => {
	const all = await startEcho(t, { 'drain.tunnels_s': 1 });
	const call = await openCall(t, all);
	all.daemon.signal('SIGTERM');
	assert.equal((await all.daemon.ended()).code, 0);
	const keeper = await keeperOf(t, all.daemon);
	assert.equal(call.socket.destroyed, false);
	await isEnded(call.socket);
	await until('the keeper is gone', () => !isAlive(keeper.pid));
	await all.daemon.waitLog(/tunnels\.end left=1/);
});

test('SIGTERM ends the keeper, and a second one signald with all it has', async (t) => {
	const all = await startEcho(t, { 'drain.tunnels_s': 60 });
	const call = await openCall(t, all);
	all.daemon.signal('SIGTERM');
	await all.daemon.ended();
	const keeper = await keeperOf(t, all.daemon);
	process.kill(keeper.pid, 'SIGTERM');
	await isEnded(call.socket);
	await until('the keeper is gone', () => !isAlive(keeper.pid));

	const again = await startEcho(t, { 'drain.tunnels_s': 60, 'drain.spread_s': 30 });
	const lost = await openCall(t, again);
	await joinTls(t, again.daemon, 'r');
	again.daemon.signal('SIGTERM');
	await again.daemon.waitLog(/server\.drain/);
	again.daemon.signal('SIGTERM');
	await again.daemon.ended();
	await isEnded(lost.socket);
	assert.doesNotMatch(again.daemon.log, /tunnels\.kept/);
});

test('where it is not asked for, or there are none, the process ends with all it has', async (t) => {
	const all = await startEcho(t, {});
	const call = await openCall(t, all);
	all.daemon.signal('SIGTERM');
	assert.equal((await all.daemon.ended()).code, 0);
	await isEnded(call.socket);
	const { daemon } = await startEcho(t, { 'drain.tunnels_s': 60 });
	daemon.signal('SIGTERM');
	assert.equal((await daemon.ended()).code, 0);
	for (const { log } of [all.daemon, daemon])
		assert.doesNotMatch(log, /tunnels\.kept/);
});
