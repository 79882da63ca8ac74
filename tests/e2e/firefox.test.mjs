// Two makes of browser meet through the relay.
import { test } from 'node:test';

import { startChromium } from './chromium.mjs';
import { seeEachOther } from './company.mjs';
import { startFirefox } from './firefox.mjs';
import { startService } from './service.mjs';

for (const caller of ['Chromium', 'Firefox']) {
	test(`${caller} calls, and both see each other through the relay`, async (t) => {
		const chromium = await startChromium(t);
		const firefox = await startFirefox(t);
		const service = await startService(t);
		const url = new URL('/call?room=mixed&policy=relay&join', service.url);

		const visitors = [await chromium.visitor(), firefox];
		if (caller === 'Chromium')
			visitors.reverse();
		for (const visitor of visitors) {
			await visitor.open(url);
			await visitor.see('in the room', ({ signaling }) => signaling === 'joined');
		}
		await seeEachOther(visitors);
	});
}
