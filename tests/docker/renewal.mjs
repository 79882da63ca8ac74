// Two browsers whose only way is TCP 443, and $SIGNALD_MEANWHILE, which renews the
// certificate of that port: their call goes on over the connections it has.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { startChromium } from '../e2e/chromium.mjs';
import { startService } from '../e2e/service.mjs';
import { joinUntilVideo } from '../e2e/video.mjs';

test('a call over 443 goes on while the certificate is renewed', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const { url } = await startService(t);
	const room = new URL('/call?room=renewal&policy=relay', url);
	const visitors = [await chromium.open(`${room}&join`), await chromium.open(room)];
	await visitors[0].see('the first in the room', ({ signaling }) => signaling === 'joined');
	await visitors[1].page.waitForSelector('#preview-note', { state: 'hidden' });
	t.diagnostic(`video on both sides ${await joinUntilVideo(...visitors)} ms after the second joined`);
	for (const visitor of visitors)
		await visitor.seePaths('relay', 'through a relay');
	const ids = (await Promise.all(visitors.map((visitor) => visitor.look()))).map(({ id }) => id);

	await promisify(execFile)('bash', ['-c', process.env.SIGNALD_MEANWHILE]);

	for (const [index, visitor] of visitors.entries()) {
		await visitor.seeMotion();
		const { id, links } = await visitor.look();
		assert.equal(id, ids[index]);
		assert.deepEqual(links.map(({ state, local }) => [state, local]), [['connected', 'relay']]);
	}
});
