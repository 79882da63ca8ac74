// Plain WebRTC, no client: a first offer that is rolled back before Chromium has gathered anything
// sometimes leaves the connection without candidates for ever.
import { test } from 'node:test';
import { startChromium } from './chromium.mjs';
import { startLab } from './lab.mjs';
test('glare', async (t) => {
	const chromium = await startChromium(t, { hasSmallCamera: true });
	const lab = await startLab(t);
	const v = await chromium.open(new URL('/', lab.url));
	v.page.on('console', m => console.log(m.text()));
	await v.page.evaluate(async (seconds) => {
		const ice = await (await fetch('/v1/ice')).json();
		const sleep = (ms) => new Promise(r => setTimeout(r, ms));
		const tally = {};
		const end = performance.now() + seconds * 1000;
		const one = async (mode, round) => {
			const config = { iceServers: ice.iceServers, iceTransportPolicy: round % 2 ? 'relay' : 'all', bundlePolicy: 'max-bundle' };
			const a = new RTCPeerConnection(config), b = new RTCPeerConnection(config);
			a.createDataChannel('x'); b.createDataChannel('x');
			const own = [], theirs = [];
			a.onicecandidate = ({candidate}) => { if (!candidate) return; own.push(candidate); if (b.remoteDescription?.sdp.includes(candidate.usernameFragment)) b.addIceCandidate(candidate).catch(()=>{}); };
			b.onicecandidate = ({candidate}) => { if (candidate) { if (a.remoteDescription) a.addIceCandidate(candidate).catch(()=>{}); else theirs.push(candidate); } };
			await b.setLocalDescription();
			await a.setLocalDescription();
			if (mode === 'first candidate awaited') while (!own.length && a.iceGatheringState !== 'complete') await sleep(1);
			await a.setRemoteDescription(b.localDescription);
			await a.setLocalDescription();
			await b.setRemoteDescription(a.localDescription);
			for (const c of theirs) await a.addIceCandidate(c);
			for (const c of own) if (a.localDescription.sdp.includes(c.usernameFragment)) await b.addIceCandidate(c).catch(()=>{});
			const began = performance.now();
			while (performance.now() - began < 5000 && a.connectionState !== 'connected') await sleep(20);
			const key = `${mode}: ${a.connectionState} ${a.iceGatheringState === 'gathering' ? 'gathering' : ''}`;
			tally[key] = (tally[key] ?? 0) + 1;
			a.close(); b.close();
		};
		for (let round = 0; performance.now() < end; round++) { await one('rolled back at once', round); await one('first candidate awaited', round); }
		console.log(JSON.stringify(tally, null, 1));
	}, 300);
});
