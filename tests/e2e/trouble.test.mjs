// What goes wrong between signald and coturn, and what the page says about it.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { freePort, root, startDaemon, until } from '../lib/daemon.mjs';
import { HOOK_SECRET } from '../lib/receiver.mjs';
import { startChromium } from './chromium.mjs';
import { getJson, startService } from './service.mjs';

// A signald of the test's own beside the service's coturn.
async function startBeside(t, service, sets) {
	return startDaemon(t, { config: await service.read('signald.conf'), sets });
}

// Two visitors of a call that may use the relay only, which is not there.
// Returns them, and what they saw.
async function failToCall(chromium, url, name) {
	const call = new URL('/call?room=trouble&policy=relay&join', url);
	const visitors = [await chromium.open(call), await chromium.open(call)];
	const seen = await Promise.all(visitors.map((visitor) =>
		visitor.see('the call failed', ({ state }) => state === 'failed')));
	await visitors[0].keep(`trouble-${name}`);
	for (const { links, tiles } of seen) {
		assert.equal(links.length, 1);
		assert.notEqual(links[0].state, 'connected');
		assert.equal(tiles[0].badge, 'Not connected');
		assert.equal(tiles[0].isPlaying, false);
	}
	return { visitors, seen };
}

test('with another secret than coturn, the page names the cause', async (t) => {
	const chromium = await startChromium(t);
	const service = await startService(t);
	const secret = { 'turn.secret': 'not-the-secret-that-coturn-has' };
	const proving = await startBeside(t, service, secret);
	const { body } = await until('not ready, with the cause', async () => {
		const answer = await getJson(proving.url, '/readyz');
		return /refuses the credential/.test(answer.body.reasons) && answer;
	});
	assert.match(body.reasons[0], /refuses the credential \(401\): is turn\.secret/);
	assert.equal((await getJson(proving.url, '/v1/ice')).body.turn, false);

	// Where nothing is proven beforehand, it is the page that finds out.
	const daemon = await startBeside(t, service, { ...secret, 'turn.probe': 'no' });
	const { seen } = await failToCall(chromium, daemon.url, 'secret');
	for (const { status, tiles } of seen) {
		assert.equal(tiles[0].why, 'turn-auth');
		assert.match(status, /^No relay could be reached: .*rejects the credentials.*secret/);
		assert.match(tiles[0].trouble, /^No relay could be reached\s+The TURN server rejects the credentials/);
	}
	assert.match(await service.read('coturn.log'), /Cannot find credentials of user/);
});

test('without coturn there is no relay, and everybody is told', async (t) => {
	const chromium = await startChromium(t);
	const service = await startService(t);
	const daemon = await startBeside(t, service);
	await until('the relay is there', async () => (await getJson(daemon.url, '/readyz')).status === 200);
	assert.equal((await getJson(daemon.url, '/v1/ice')).body.turn, true);

	// The service's own signald ends with its coturn; the test's goes on.
	await service.stop();
	const { body } = await until('not ready', async () => {
		const answer = await getJson(daemon.url, '/readyz');
		return answer.status === 503 && answer;
	}, 30000);
	assert.match(body.reasons.join(), /^turn: /);
	const ice = (await getJson(daemon.url, '/v1/ice')).body;
	assert.equal(ice.turn, false);
	assert.doesNotMatch(JSON.stringify(ice.iceServers), /"turns?:/);

	const { visitors, seen } = await failToCall(chromium, daemon.url, 'coturn');
	for (const { status, tiles } of seen) {
		assert.equal(tiles[0].why, 'no-turn');
		assert.match(status, /^No relay could be reached: this server gives out no TURN relay/);
	}

	await service.start();
	await until('ready again', async () => (await getJson(daemon.url, '/readyz')).status === 200, 30000);
	assert.equal((await getJson(daemon.url, '/v1/ice')).body.turn, true);
	for (const visitor of visitors)
		await visitor.seePaths('relay', 'through a relay');
});

test('where the server that decides who comes in is away, the page says that, and not that ours is', async (t) => {
	const chromium = await startChromium(t);
	const daemon = await startDaemon(t, { sets: {
		'http.root': `${root}/build/share/web`, 'access.mode': 'webhook',
		'access.webhook_url': `http://127.0.0.1:${await freePort()}/`, 'access.webhook_secret': HOOK_SECRET } });
	const visitor = await chromium.open(new URL('/call?room=trouble&join', daemon.url));
	await visitor.see('the page says why', ({ status }) =>
		/^The server does not let you in yet: the operator's server, .*does not answer\. Trying again…$/.test(status));
});
