// The operators' page: who is in a call is shown, and is kicked from there.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { TURN } from '../lib/access.mjs';
import { ADMIN_KEY, startDaemon } from '../lib/daemon.mjs';
import { startChromium } from './chromium.mjs';
import { seeEachOther } from './company.mjs';
import { startLab } from './lab.mjs';
import { inspect, SIZES } from './looks.mjs';

// What the browser complained of must be of that kind, and is forgotten.
function forgive(visitor, pattern) {
	for (const fault of visitor.faults.splice(0))
		assert.match(fault, pattern);
}

async function enter(page, key) {
	await page.fill('#key', key);
	await page.click('#ask .primary');
}

test('an operator sees a call, and kicks one of it', async (t) => {
	const lab = await startLab(t);
	const chromium = await startChromium(t);
	const [ada, bob] = [await chromium.visitor(), await chromium.visitor()];
	for (const caller of [ada, bob])
		await caller.open(new URL('/call?room=watched&join', lab.url));
	await seeEachOther([ada, bob], 'direct');
	const id = await bob.page.evaluate(() => globalThis.signaldDebug.signald.id);

	const operator = await chromium.visitor({ viewport: { width: 390, height: 844 } });
	const { page } = operator;
	await page.goto(`http://127.0.0.1:${lab.daemon.metricsPort}/`);
	await enter(page, 'not-the-key-at-all');
	await page.locator('#key-problem', { hasText: 'admin.key' }).waitFor();
	assert.equal(await page.locator('#state').textContent(), 'key refused');
	forgive(operator, /401/);
	await enter(page, ADMIN_KEY);
	await page.locator('details[data-room="watched"] summary').click();
	const peer = page.locator(`[data-peer="${id}"]`);
	await peer.waitFor();
	assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'it fits a phone');

	const ask = async (answer) => {
		await peer.getByRole('button', { name: 'Kick' }).click();
		await page.locator('#confirm', { hasText: id }).waitFor();
		await page.locator('#confirm').getByRole('button', { name: answer }).click();
	};
	await ask('Cancel');
	assert.equal((await lab.daemon.admin('GET', `peers/${id}`)).status, 200);
	await ask('Kick');
	await peer.waitFor({ state: 'detached' });
	await page.locator('#events li', { hasText: 'peer.kick' }).first().waitFor();
	assert.equal((await lab.daemon.admin('GET', `peers/${id}`)).status, 404);
	await ada.page.waitForFunction(() => globalThis.signaldDebug.others.size === 0);
	forgive(operator, /nothing/);

	await page.reload(); // the tab has kept the key
	await page.locator('details[data-room="watched"]').waitFor();
	await page.goto('about:blank');
	forgive(operator, /^failed: .*\/v1\/admin\//);
});

test('the page says who may come in, and how many are relayed at most', async (t) => {
	const lab = await startLab(t);
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const callers = [await chromium.visitor(), await chromium.visitor()];
	for (const caller of callers)
		await caller.open(new URL('/call?room=relayed&policy=relay&join', lab.url));
	await seeEachOther(callers, 'relay');
	const [, means] = lab.daemon.log.match(/access\.mode mode=\S+ means="([^"]+)"/);
	for (const [size, options] of Object.entries(SIZES)) {
		const operator = await chromium.visitor(options);
		const { page } = operator;
		await page.goto(`http://127.0.0.1:${lab.daemon.metricsPort}/`);
		await enter(page, ADMIN_KEY);
		await page.locator('#access', { hasText: means }).waitFor();
		await page.locator('#relayed', { hasText: /^At most 2 of 2 peers \(100 %\) are relayed: these hold \d+ allocations?, / }).waitFor();
		await page.locator('#events li', { hasText: 'turn.relay_start' }).first().waitFor();
		await page.locator('details[data-room="relayed"] summary').click();
		await page.locator('.members .about', { hasText: /, \d+ allocations?, since/ }).first().waitFor();
		await inspect(operator, `operator-${size}`);
		await page.locator('#relayed').scrollIntoViewIfNeeded();
		await inspect(operator, `operator-turn-${size}`);
		await page.goto('about:blank');
		forgive(operator, /^failed: .*\/v1\/admin\//);
	}
});

test('what is refused is told by its reason, and a relay that leads to its machine as such', async (t) => {
	const daemon = await startDaemon(t, { sets: { ...TURN, 'access.mode': 'guest' } });
	const chromium = await startChromium(t);
	for (let i = 0; i < 2; i++)
		assert.equal((await fetch(`${daemon.url}/v1/ice`)).status, 401);
	const pool = await (await daemon.admin('GET', 'pool')).json();
	assert.ok(pool.servers.length);
	const operator = await chromium.visitor();
	const { page } = operator;
	// No coturn is asked to be so careless.
	await page.route('**/v1/admin/pool', (route) => route.fulfill({ json: {
		...pool, servers: pool.servers.map((server) => ({ ...server, safety: 'safe', exposed: '198.51.100.10' })) } }));
	await page.goto(`http://127.0.0.1:${daemon.metricsPort}/`);
	await enter(page, ADMIN_KEY);
	const row = page.locator('#refused tr', { hasText: /^access refused: auth-required/ });
	await row.waitFor();
	assert.match(await row.textContent(), /2$/);
	await page.locator('#pool [data-tone="busy"]', { hasText: /^exposed$/ }).first().waitFor();
	assert.equal(await page.locator('#pool .badge', { hasText: /^safe$/ }).count(), 0);
	assert.match(await page.locator('#pool').textContent(), /reach UDP services of its machine, at 198\.51\.100\.10\..*turnconf firewall --config FILE \| nft -f -/);
	const gap = await page.evaluate(() => document.querySelector('#pool table').getBoundingClientRect().top - document.querySelector('#pool p.soft').getBoundingClientRect().bottom);
	assert.ok(gap >= 8, `${gap} px below the text`);
	await inspect(operator, 'operator-exposed');
	await page.goto('about:blank');
	forgive(operator, /^failed: .*\/v1\/admin\//);
});
