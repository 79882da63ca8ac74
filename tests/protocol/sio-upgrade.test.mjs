// Upgrades while messages flow both ways: none is lost, none comes twice, none
// out of order.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as breathe } from 'node:timers/promises';
import { until } from '../lib/daemon.mjs';
import { kind, openClient } from '../lib/sio-clients.mjs';
import { Proxy } from '../lib/sio-proxy.mjs';
import { newRoom } from '../lib/sio.mjs';
import { UNLIMITED, useTarget } from '../lib/sio-target.mjs';

const AT_ONCE = 10;
const TEXT = 'é😀'.repeat(100);

// Messages from one to the other, numbered from 1, until stop() is called or the
// other has upgraded; all must arrive in order.
async function flow(from, to, isOver) {
	let sent = 0;
	const heard = [];
	const onOffer = (sender, n) => sender === from.id && heard.push(n);

	to.socket.on('offer', onOffer);
	while (!isOver() || sent < 20) {
		from.emit('offer', to.id, ++sent, TEXT);
		await breathe();
		if (sent - heard.length > 50)
			await until('the other keeps up', () => sent - heard.length < 50);
	}
	await until(`message ${sent} arrives`, () => heard.includes(sent));
	to.socket.off('offer', onOffer);
	assert.deepEqual(heard, Array.from({ length: sent }, (_, i) => i + 1));
	return sent;
}

// The tutorial's events pass one value; here it is a number.
for (const version of [4, 2])
	describe(`upgrades of clients of version ${version}`, () => {
		let target;
		useTarget({ sets: UNLIMITED }, (it) => (target = it));

		test(`${version === 4 ? 100 : 30} under load lose nothing`, async (t) => {
			const room = newRoom().query.slice(5);
			const friend = await openClient(t, target, kind('4 websocket'), { query: { room } });
			const slow = Object.assign(await Proxy.start(t, target), { upgradeDelayMs: 30 });
			friend.emit('broadcaster');
			let left = version === 4 ? 100 : 30, messages = 0, early = 0;

			async function upgradeOne() {
				while (left-- > 0) {
					const client = await openClient(t, slow, kind(`${version} default`), { query: { room } });
					client.emit('watcher');
					await friend.next((item) => item.name === 'watcher' && item.args[0] === client.id);
					const isUpgraded = () => client.transport === 'websocket';
					early += isUpgraded() ? 0 : 1;
					const counts = await Promise.all([flow(friend, client, isUpgraded), flow(client, friend, isUpgraded)]);
					messages += counts[0] + counts[1];
					assert.ok(isUpgraded());
					client.socket.close();
				}
			}
			await Promise.all(Array.from({ length: AT_ONCE }, upgradeOne));
			t.diagnostic(`${messages} messages, ${early} began before their upgrade`);
			assert.ok(early > 0, 'messages flowed before the upgrades');
		});
	});
