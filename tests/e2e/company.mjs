// company.mjs: people on the pages who are connected to each other.

/*
 * Two in a call.
 *
 * policy   'relay': it goes through coturn; 'all': as the browsers like
 * prepare  called for each visitor before the page is opened
 *
 * Returns them.
 */
export async function startCall(chromium, base, { room = 'call', policy = 'relay', prepare = async () => {} } = {}) {
	const url = new URL(`/call?room=${room}&policy=${policy}&join`, base);
	const visitors = [await chromium.visitor(), await chromium.visitor()];
	for (const visitor of visitors) {
		await prepare(visitor);
		await visitor.open(url);
	}
	await seeEachOther(visitors, policy);
	return visitors;
}

// All who are in a call see and hear each other, and how.
export async function seeEachOther(visitors, policy = 'relay') {
	const [path, words] = policy === 'relay' ? ['relay', 'through a relay'] : ['host', 'directly'];
	for (const visitor of visitors) {
		await visitor.seeVideos(visitors.length - 1);
		await visitor.seeMotion();
		await visitor.seePaths(path, words);
	}
}

/*
 * A broadcaster, and somebody who watches them directly.
 *
 * Returns {broadcaster, watcher}.
 */
export async function startBroadcast(chromium, base, { room = 'stage' } = {}) {
	const url = new URL(`/broadcast?room=${room}`, base);
	const broadcaster = await chromium.open(`${url}&role=broadcaster`);
	const watcher = await chromium.open(url);
	await seeBroadcast({ broadcaster, watcher });
	return { broadcaster, watcher };
}

export async function seeBroadcast({ broadcaster, watcher }) {
	await watcher.seeVideos(1);
	await watcher.seeMotion();
	await watcher.see('the broadcast', ({ state, status }) => state === 'connected' && status === 'Watching directly');
	await broadcaster.see('one watcher', ({ state, viewers, links }) =>
		state === 'connected' && viewers === '1' && links.length === 1);
}
