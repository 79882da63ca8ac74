// canary.mjs: a call that goes on while something hostile happens beside it.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { joinPeer } from './peer.mjs';

const MOST_MS = 500;

/*
 * Two peers in a room of their own pass one numbered message to and fro, from
 * now until stop(), which fails if one was lost, came out of order, was not the
 * one sent, or took longer than MOST_MS. The bound allows for a test machine
 * whose cores are all busy.
 */
export async function startCanary(t, daemon) {
	const room = `canary-${Math.random()}`;
	const left = await joinPeer(t, daemon, room);
	const right = await joinPeer(t, daemon, room);
	const sdp = 'v=0\r\n'.repeat(400);
	const canary = { count: 0, slowestMs: 0 };
	let isStopping = false;

	async function pass(from, to) {
		const number = ++canary.count;
		const began = performance.now();
		from.send({ type: 'offer', to: to.id, description: { type: 'offer', sdp, number } });
		const heard = await to.next('offer');
		assert.equal(heard.from, from.id);
		assert.equal(heard.description.number, number);
		assert.equal(heard.description.sdp, sdp);
		canary.slowestMs = Math.max(canary.slowestMs, performance.now() - began);
	}

	const flying = (async () => {
		while (!isStopping) {
			await pass(left, right);
			await pass(right, left);
			await delay(1);
		}
	})();
	flying.catch((error) => (canary.error = error));

	canary.stop = async () => {
		isStopping = true;
		await flying;
		assert.ok(canary.count >= 2, 'the canary call took place');
		assert.ok(canary.slowestMs < MOST_MS,
			`the canary call stood still for ${canary.slowestMs.toFixed(0)} ms`);
		for (const peer of [left, right]) {
			assert.deepEqual(peer.heard('error'), []);
			assert.deepEqual(peer.heard('peer-left'), []);
			assert.deepEqual(peer.heard('offer'), [], 'nothing came twice');
		}
		return canary;
	};
	return canary;
}

// Run a hostile case beside a canary call.
export async function besideCall(t, daemon, hostile) {
	const canary = await startCanary(t, daemon);
	await hostile();
	await canary.stop();
}
