// The shim on a page of its own: connections that only keep their configuration,
// answers and timers that the test hands out.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import vm from 'node:vm';
import { settle } from './fakepc.mjs';

const source = readFileSync(new URL('../../web/ice-shim.js', import.meta.url), 'utf8');

const own = { urls: 'stun:page' };
const relay = (credential) => ({ urls: ['turn:relay?transport=udp', 'turn:relay?transport=tcp'], username: '1:u', credential });
const answer = (credential, more = {}) => ({ iceServers: [relay(credential)], refreshAfter: 450, ...more });

// A class of its own for each page, since the shim changes it.
const makeNative = () => class RTCPeerConnection {
	signalingState = 'stable';
	calls = [];

	static async generateCertificate(algorithm) {
		return `certificate of ${algorithm}`;
	}

	constructor(configuration, ...rest) {
		this.rest = rest;
		this.#configure(configuration);
	}

	getConfiguration() {
		return structuredClone(this.configuration);
	}

	setConfiguration(configuration) {
		if (this.signalingState === 'closed')
			throw new DOMException('closed', 'InvalidStateError');
		this.#configure(configuration);
	}

	#configure(configuration = {}) {
		for (const { urls } of configuration.iceServers ?? [])
			if ([urls].flat().some((url) => !/^(stun|turn):/.test(url)))
				throw new DOMException(`bad url ${urls}`, 'SyntaxError');
		this.configuration = { iceTransportPolicy: 'all', ...configuration, iceServers: configuration.iceServers ?? [] };
	}

	close() {
		this.signalingState = 'closed';
	}
};

// Every operation writes down that it was called, and with which servers.
const operations = ['createOffer', 'createAnswer', 'setLocalDescription', 'setRemoteDescription', 'addIceCandidate'];

function openPage({ isOnly = false, without = [] } = {}) {
	const Native = makeNative();
	for (const name of operations)
		Native.prototype[name] = async function (...args) {
			this.calls.push({ name, args, servers: this.configuration.iceServers });
			return name;
		};
	for (const name of without)
		delete Native.prototype[name];
	const page = {
		Native, requests: [], timers: [], warnings: [],
		URL, AbortSignal, Error,
		RTCPeerConnection: Native,
		webkitRTCPeerConnection: Native,
		document: { currentScript: { src: 'https://signal.example.org/ice-shim.js?v=1', hasAttribute: (name) => isOnly && name === 'data-only' } },
		console: { warn: (...words) => page.warnings.push(words.join(' ')) },
		setTimeout: (call, ms) => page.timers.push({ call, ms }),
		fetch: (address, options) => new Promise((resolve, reject) => page.requests.push({ address: String(address), options, resolve, reject })),
	};
	vm.runInNewContext(source, page);
	page.reply = async (body, ok = true) => {
		page.requests.at(-1).resolve({ ok, status: ok ? 200 : 503, json: async () => body });
		await settle();
	};
	page.fail = async () => {
		page.requests.at(-1).reject(new TypeError('no network'));
		await settle();
	};
	page.fire = async (ms) => {
		const index = page.timers.findIndex((timer) => timer.ms === ms);
		assert.ok(index >= 0, `no timer of ${ms} ms among ${page.timers.map((timer) => timer.ms)}`);
		page.timers.splice(index, 1)[0].call();
		await settle();
	};
	return page;
}

async function openedPage(options) {
	const page = openPage(options);
	await page.reply(answer('first'));
	return page;
}

const names = ({ calls }) => calls.map(({ name }) => name);
const servers = (pc) => structuredClone(pc.configuration.iceServers);

describe('the constructor', () => {
	test('is the browser\'s in everything that can be seen', async () => {
		const { RTCPeerConnection, webkitRTCPeerConnection, Native } = await openedPage();
		const pc = new RTCPeerConnection({ iceServers: [own] }, { optional: [] });
		assert.notEqual(RTCPeerConnection, Native);
		assert.equal(webkitRTCPeerConnection, RTCPeerConnection);
		assert.equal(RTCPeerConnection.name, 'RTCPeerConnection');
		assert.equal(RTCPeerConnection.prototype, Native.prototype);
		assert.equal(pc.constructor, RTCPeerConnection);
		assert.ok(pc instanceof RTCPeerConnection && pc instanceof Native);
		assert.deepEqual(pc.rest, [{ optional: [] }]);
		assert.equal(await RTCPeerConnection.generateCertificate('x'), 'certificate of x');
		class Sub extends RTCPeerConnection {}
		const sub = new Sub();
		assert.ok(sub instanceof Sub && sub instanceof RTCPeerConnection);
		assert.deepEqual(servers(sub), [relay('first')]);
	});

	test('puts our servers beside the page\'s, and leaves the rest as it is', async () => {
		const { RTCPeerConnection } = await openedPage();
		const given = { iceServers: [own], iceTransportPolicy: 'relay', bundlePolicy: 'max-bundle' };
		const pc = new RTCPeerConnection(given);
		assert.deepEqual(servers(pc), [own, relay('first')]);
		assert.equal(pc.configuration.iceTransportPolicy, 'relay');
		assert.equal(pc.configuration.bundlePolicy, 'max-bundle');
		assert.deepEqual(given.iceServers, [own]);
		for (const configuration of [undefined, null, {}])
			assert.deepEqual(servers(new RTCPeerConnection(configuration)), [relay('first')]);
	});

	test('puts them in place of the page\'s with data-only', async () => {
		const { RTCPeerConnection } = await openedPage({ isOnly: true });
		const pc = new RTCPeerConnection({ iceServers: [own] });
		assert.deepEqual(servers(pc), [relay('first')]);
		pc.setConfiguration({ iceServers: [own] });
		assert.deepEqual(servers(pc), [relay('first')]);
	});

	test('throws what the browser throws at the page\'s own mistakes', async () => {
		const { RTCPeerConnection } = await openedPage();
		assert.throws(() => new RTCPeerConnection({ iceServers: [{ urls: 'http:x' }] }), { name: 'SyntaxError' });
	});

	test('works as before when the browser does not take our servers', async () => {
		const page = openPage();
		await page.reply({ iceServers: [{ urls: ['turnx:new'] }], refreshAfter: 450 });
		const pc = new page.RTCPeerConnection({ iceServers: [own] });
		assert.deepEqual(servers(pc), [own]);
		pc.setConfiguration({ iceServers: [] });
		assert.deepEqual(servers(pc), []);
	});
});

describe('the list', () => {
	test('is asked of the host that the script is from, at load', async () => {
		const page = openPage();
		assert.deepEqual(page.requests.map(({ address }) => address), ['https://signal.example.org/v1/ice']);
		assert.ok(page.requests[0].options.signal instanceof AbortSignal);
	});

	test('comes to connections that were there before it', async () => {
		const page = openPage();
		const pc = new page.RTCPeerConnection({ iceServers: [own], iceTransportPolicy: 'relay' });
		assert.deepEqual(servers(pc), [own]);
		await page.reply(answer('first'));
		assert.deepEqual(servers(pc), [own, relay('first')]);
		assert.equal(pc.configuration.iceTransportPolicy, 'relay');
	});

	test('is renewed when it says, on open connections and for new ones', async () => {
		const page = await openedPage();
		const open = new page.RTCPeerConnection({ iceServers: [own] });
		const closed = new page.RTCPeerConnection();
		closed.close();
		await page.fire(450_000);
		assert.equal(page.requests.length, 2);
		await page.reply(answer('second', { refreshAfter: 90 }));
		assert.deepEqual(servers(open), [own, relay('second')]);
		assert.deepEqual(servers(closed), [relay('first')]);
		assert.deepEqual(servers(new page.RTCPeerConnection()), [relay('second')]);
		await page.fire(90_000);
		await page.reply(answer('third'));
		assert.deepEqual(servers(open), [own, relay('third')]);
	});

	test('a month is more than a timer can hold, and becomes a day', async () => {
		const page = openPage();
		await page.reply(answer('first', { refreshAfter: 30 * 86_400 }));
		await page.fire(86_400_000);
		assert.equal(page.requests.length, 2);
	});
});

describe('setConfiguration()', () => {
	test('of the page keeps our servers, through renewals', async () => {
		const page = await openedPage();
		const pc = new page.RTCPeerConnection({ iceServers: [own] });
		pc.setConfiguration({ iceServers: [{ urls: 'stun:other' }] });
		assert.deepEqual(servers(pc), [{ urls: 'stun:other' }, relay('first')]);
		pc.setConfiguration();
		assert.deepEqual(servers(pc), [relay('first')]);
		pc.setConfiguration({ iceServers: [own] });
		await page.fire(450_000);
		await page.reply(answer('second'));
		assert.deepEqual(servers(pc), [own, relay('second')]);
	});

	test('with what getConfiguration() gave doubles nothing and keeps nothing old', async () => {
		const page = await openedPage();
		const pc = new page.RTCPeerConnection({ iceServers: [own] });
		const before = pc.getConfiguration();
		pc.setConfiguration({ ...before, iceTransportPolicy: 'relay' });
		assert.deepEqual(servers(pc), [own, relay('first')]);
		await page.fire(450_000);
		await page.reply(answer('second'));
		pc.setConfiguration(before);
		assert.deepEqual(servers(pc), [own, relay('second')]);
		assert.deepEqual(servers(new page.RTCPeerConnection(before)), [own, relay('second')]);
	});

	test('of a closed connection throws as before', async () => {
		const { RTCPeerConnection } = await openedPage();
		const pc = new RTCPeerConnection();
		pc.close();
		assert.throws(() => pc.setConfiguration({}), { name: 'InvalidStateError' });
	});

	test('need not be there: new connections get our servers all the same', async () => {
		const page = openPage({ without: ['setConfiguration'] });
		const pc = new page.RTCPeerConnection({ iceServers: [own] });
		await page.reply(answer('first'));
		assert.equal('setConfiguration' in pc, false);
		assert.deepEqual(servers(pc), [own]);
		assert.deepEqual(servers(new page.RTCPeerConnection({ iceServers: [own] })), [own, relay('first')]);
	});
});

describe('gathering', () => {
	test('waits for the first list, and begins with it', async () => {
		const page = openPage();
		const pc = new page.RTCPeerConnection({ iceServers: [own] });
		const description = { type: 'offer', sdp: 'v=0' };
		const done = pc.setLocalDescription(description);
		await settle();
		assert.deepEqual(pc.calls, []);
		await page.reply(answer('first'));
		assert.equal(await done, 'setLocalDescription');
		assert.deepEqual(pc.calls[0].args, [description]);
		assert.deepEqual(structuredClone(pc.calls[0].servers), [own, relay('first')]);
	});

	test('holds nothing that comes before it, and all that comes behind it, in order', async () => {
		const page = openPage();
		const pc = new page.RTCPeerConnection();
		const other = new page.RTCPeerConnection();
		void pc.setRemoteDescription({});
		void pc.createAnswer();
		assert.deepEqual(names(pc), ['setRemoteDescription', 'createAnswer']);
		void pc.setLocalDescription({});
		void pc.setRemoteDescription({});
		void pc.addIceCandidate({});
		void pc.createOffer();
		void other.createOffer();
		await settle();
		assert.equal(pc.calls.length, 2);
		assert.deepEqual(names(other), ['createOffer']);
		await page.reply(answer('first'));
		assert.deepEqual(names(pc).slice(2), ['setLocalDescription', 'setRemoteDescription', 'addIceCandidate', 'createOffer']);
	});

	test('waits for nothing once the list is there', async () => {
		const { RTCPeerConnection } = await openedPage();
		const pc = new RTCPeerConnection();
		void pc.setLocalDescription();
		assert.deepEqual(names(pc), ['setLocalDescription']);
	});

	test('waits three seconds at most; a list that is later comes all the same', async () => {
		const page = openPage();
		const pc = new page.RTCPeerConnection({ iceServers: [own] });
		void pc.setLocalDescription();
		await page.fire(3000);
		assert.deepEqual(names(pc), ['setLocalDescription']);
		assert.deepEqual(structuredClone(pc.calls[0].servers), [own]);
		await page.reply(answer('first'));
		assert.deepEqual(servers(pc), [own, relay('first')]);
	});
});

describe('without an answer', () => {
	const failures = {
		'no network': (page) => page.fail(),
		'an error': (page) => page.reply({ title: 'Service Unavailable' }, false),
		'something else than a list': (page) => page.reply({ iceServers: 'none', refreshAfter: 450 }),
		'a list that never needs renewal': (page) => page.reply({ iceServers: [] }),
	};
	for (const [name, fail] of Object.entries(failures))
		test(`(${name}) it warns once, holds nothing, changes nothing and tries again`, async () => {
			const page = openPage();
			const pc = new page.RTCPeerConnection({ iceServers: [own] });
			void pc.setLocalDescription();
			await fail(page);
			assert.deepEqual(names(pc), ['setLocalDescription']);
			assert.deepEqual(servers(pc), [own]);
			await page.fire(60_000);
			await fail(page);
			assert.equal(page.warnings.length, 1);
			assert.match(page.warnings[0], /^ice-shim: .*https:\/\/signal\.example\.org\/v1\/ice/);
			await page.fire(60_000);
			await page.reply(answer('at last'));
			assert.deepEqual(servers(pc), [own, relay('at last')]);
		});

	test('a renewal that fails leaves the servers that there are', async () => {
		const page = await openedPage();
		const pc = new page.RTCPeerConnection();
		await page.fire(450_000);
		await page.fail();
		assert.deepEqual(servers(pc), [relay('first')]);
		assert.deepEqual(servers(new page.RTCPeerConnection()), [relay('first')]);
		assert.equal(page.warnings.length, 1);
	});
});

test('a browser without WebRTC, and a module, are left alone', () => {
	const page = { document: { currentScript: { src: 'https://h/' } } };
	vm.runInNewContext(source, page);
	assert.deepEqual(Object.keys(page), ['document']);
	const Native = makeNative();
	const module = { document: { currentScript: null }, RTCPeerConnection: Native };
	vm.runInNewContext(source, module);
	assert.equal(module.RTCPeerConnection, Native);
});

test('written into the page it warns once, and leaves all alone', () => {
	const Native = makeNative();
	const warnings = [];
	const page = {
		URL, RTCPeerConnection: Native,
		document: { currentScript: { src: '', hasAttribute: () => false } },
		console: { warn: (...words) => warnings.push(words.join(' ')) },
	};
	vm.runInNewContext(source, page);
	assert.equal(page.RTCPeerConnection, Native);
	assert.equal(warnings.length, 1);
	assert.match(warnings[0], /^ice-shim: .*<script src=/);
});
