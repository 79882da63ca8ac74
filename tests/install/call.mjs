// call.mjs: a video call between two pages of a signald that runs, by nothing but
// its relay: call.mjs URL [HOST-RULES]. Says how long it took, and ends with 1 if
// there was none.
import { launchChromium } from '../e2e/chromium.mjs';
import { joinUntilVideo } from '../e2e/video.mjs';

const [base, rules] = process.argv.slice(2);
const flags = rules ? [`--host-resolver-rules=${rules}`, '--ignore-certificate-errors'] : [];
const chromium = await launchChromium({ hasSmallCamera: true, flags });
try {
	const url = new URL('/call?room=first&policy=relay', base);
	const first = await chromium.open(`${url}&join`);
	await first.see('the first in the room', ({ signaling }) => signaling === 'joined');
	const second = await chromium.open(url);
	await second.page.waitForSelector('#preview-note', { state: 'hidden' });
	const tookMs = await joinUntilVideo(first, second);
	for (const visitor of [first, second]) {
		await visitor.seeVideos(1);
		await visitor.seeMotion();
		await visitor.seePaths('relay', 'through a relay');
	}
	console.log(`    call: two pages of ${base} see each other ${tookMs} ms after the second joined, both through the relay`);
} finally {
	await chromium.end();
}
