// canary.mjs: a call that goes on while something hostile happens beside it. It
// has a thread of its own: what keeps the test busy must not look like a server
// that stands still.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { atEnd } from './ending.mjs';
import { Peer } from './peer.mjs';

// Allows for a test machine whose cores are all busy.
const MOST_MS = 1000;

/*
 * Two peers in a room of their own pass one numbered message to and fro, from
 * now until stop(), which fails if one was lost, came twice or out of order,
 * was not the one sent, or took longer than MOST_MS.
 */
export async function startCanary(t, daemon) {
	const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { wsUrl: daemon.wsUrl } });
	const failure = once(worker, 'error').then(([error]) => ({ error }));
	atEnd(t, () => worker.terminate());
	await hear(worker, failure);
	return {
		async stop() {
			worker.postMessage('stop');
			const { count, slowestMs } = await hear(worker, failure);
			t.diagnostic(`canary: ${count} messages, slowest ${slowestMs.toFixed(0)} ms`);
			assert.ok(count >= 2, 'the canary call took place');
			assert.ok(slowestMs < MOST_MS, `the canary call stood still for ${slowestMs.toFixed(0)} ms`);
		},
	};
}

// What the worker says next; its error is ours.
async function hear(worker, failure) {
	const heard = await Promise.race([once(worker, 'message').then(([message]) => message), failure]);
	if (heard.error)
		throw heard.error;
	return heard;
}

// Run a hostile case beside a canary call.
export async function besideCall(t, daemon, hostile) {
	const canary = await startCanary(t, daemon);
	await hostile();
	await canary.stop();
}

/* What follows runs in the worker. */

const SDP = 'v=0\r\n'.repeat(400);

async function join(wsUrl, room) {
	const peer = new Peer(wsUrl);
	await peer.opened;
	assert.equal((await peer.join(room)).type, 'joined');
	return peer;
}

// Pass one message; returns how long it took.
async function pass(from, to, number) {
	const began = performance.now();

	from.send({ type: 'offer', to: to.id, description: { type: 'offer', sdp: SDP, number } });
	const heard = await to.next('offer');
	assert.equal(heard.from, from.id);
	assert.equal(heard.description.number, number);
	assert.equal(heard.description.sdp, SDP);
	return performance.now() - began;
}

async function fly() {
	const room = `canary-${Math.random()}`;
	const left = await join(workerData.wsUrl, room);
	const right = await join(workerData.wsUrl, room);
	const result = { count: 0, slowestMs: 0 };
	let isStopping = false;

	parentPort.once('message', () => (isStopping = true));
	parentPort.postMessage('flying');
	while (!isStopping || result.count < 2) {
		const [from, to] = result.count % 2 ? [right, left] : [left, right];
		result.slowestMs = Math.max(result.slowestMs, await pass(from, to, ++result.count));
		await delay(1);
	}
	for (const peer of [left, right]) {
		assert.equal(peer.schemaError ?? null, null);
		assert.deepEqual(peer.inbox.filter(({ type }) => type !== 'peer-joined'), [], 'nothing came unasked');
		peer.socket.terminate();
	}
	parentPort.postMessage(result);
}

if (!isMainThread && workerData?.wsUrl)
	await fly();
