// sio-canary.mjs: two Socket.IO clients that go on relaying while something
// hostile happens beside them. They have a thread of their own, as in canary.mjs.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { atEnd } from './ending.mjs';
import { pair } from './sio.mjs';

const MOST_MS = 100;

// Run a hostile case beside the canaries, which must not notice it.
export async function besideCanary(t, target, hostile) {
	const worker = new Worker(fileURLToPath(import.meta.url),
		{ workerData: { canaryOf: { url: target.url, host: target.host } } });
	const failure = once(worker, 'error').then(([error]) => Promise.reject(error));
	const hear = () => Promise.race([once(worker, 'message').then(([message]) => message), failure]);
	failure.catch(() => {});
	atEnd(t, () => worker.terminate());
	await hear();
	await hostile();
	worker.postMessage('stop');
	const { count, slowestMs, starvedMs } = await hear();
	t.diagnostic(`canary: ${count} messages, slowest ${slowestMs.toFixed(0)} ms, itself late by ${starvedMs.toFixed(0)} ms`);
	assert.ok(count >= 2, 'the canaries sang');
	// What the machine kept from the canary itself is nobody's fault.
	assert.ok(slowestMs - starvedMs < MOST_MS, `the canaries waited ${slowestMs.toFixed(0)} ms`);
	assert.ok(target.isRunning);
}

/* What follows runs in the worker. */

async function pass(from, to, n) {
	const began = performance.now();

	await from.emit('offer', to.id, n);
	assert.deepEqual(await to.event('offer'), [from.id, n]);
	return performance.now() - began;
}

async function sing() {
	const scope = { after: () => {} };
	const [left, right] = await pair(scope, workerData.canaryOf);
	const lateness = monitorEventLoopDelay({ resolution: 5 });
	const result = { count: 0, slowestMs: 0 };
	let isStopping = false;

	lateness.enable();
	parentPort.once('message', () => (isStopping = true));
	parentPort.postMessage('singing');
	while (!isStopping || result.count < 2) {
		const [from, to] = result.count % 2 ? [right, left] : [left, right];
		result.slowestMs = Math.max(result.slowestMs, await pass(from, to, ++result.count));
		await delay(1);
	}
	parentPort.postMessage({ ...result, starvedMs: lateness.max / 1e6 });
	left.stop();
	right.stop();
}

if (!isMainThread && workerData?.canaryOf)
	await sing();
