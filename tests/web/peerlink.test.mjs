// Negotiation, on connections that only know how to negotiate. That media
// flows is for the tests with real browsers.
import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { makeLink, makePair, settle } from './fakepc.mjs';

const links = [];
const track = (...made) => {
	links.push(...made.map(({ link }) => link));
	return made[0];
};
afterEach(() => links.splice(0).forEach((link) => link.close()));

const candidate = (ufrag, name = ufrag) => ({ type: 'candidate', candidate: { candidate: name, sdpMid: '0', usernameFragment: ufrag } });
const offer = (ufrag) => ({ type: 'offer', description: { type: 'offer', sdp: `v=0\r\na=ice-ufrag:${ufrag}\r\n` } });
const candidatePair = (type) => new Map([
	['L', { id: 'L', candidateType: type, protocol: 'udp' }],
	['R', { id: 'R', candidateType: 'host' }],
	['P', { id: 'P', type: 'candidate-pair', selected: true, localCandidateId: 'L', remoteCandidateId: 'R' }],
]);
const types = ({ sent }) => sent.map(({ type }) => type);

describe('descriptions', () => {
	test('one offer, one answer, both stable', async () => {
		const { ada, bob } = makePair();
		track(ada, bob);
		bob.pc.need();
		await settle();
		assert.deepEqual(types(bob.signald), ['offer']);
		assert.deepEqual(types(ada.signald), ['answer']);
		assert.deepEqual([ada.pc.signalingState, bob.pc.signalingState], ['stable', 'stable']);
		assert.deepEqual(ada.pc.remoteDescription, bob.pc.localDescription);
	});

	test('of two colliding offers the one of the lexically greater id stands', async () => {
		const { ada, bob } = makePair();
		track(ada, bob);
		ada.pc.need();
		bob.pc.need();
		await settle();
		assert.equal(ada.pc.rolledBack, true);
		assert.equal(bob.pc.rolledBack, false);
		assert.deepEqual([ada.pc.signalingState, bob.pc.signalingState], ['stable', 'stable']);
		assert.deepEqual(ada.pc.remoteDescription, bob.pc.localDescription);
		assert.deepEqual(bob.pc.remoteDescription, ada.pc.localDescription);
	});

	test('an offer that comes while ours is being made collides with it', async () => {
		const bob = track(makeLink('bob', 'ada'));
		bob.pc.need();
		bob.link.receive(offer('x'));
		await settle();
		assert.deepEqual(types(bob.signald), ['offer']);
		assert.equal(bob.pc.remoteDescription, null);
	});

	test('an answer that fits no offer does no harm', async () => {
		const ada = track(makeLink('ada', 'bob'));
		ada.link.receive({ type: 'answer', description: { type: 'answer', sdp: 'v=0' } });
		ada.link.receive(offer('x'));
		await settle();
		assert.deepEqual(types(ada.signald), ['answer']);
	});
});

describe('candidates', () => {
	test('are held until their description has come', async () => {
		const ada = track(makeLink('ada', 'bob'));
		ada.link.receive(candidate('x', 'early'));
		await settle();
		assert.deepEqual(ada.pc.candidates, []);
		ada.link.receive(offer('x'));
		ada.link.receive(candidate('x', 'late'));
		await settle();
		assert.deepEqual(ada.pc.candidates, ['early', 'late']);
	});

	test('of a restart are held until the description of the restart', async () => {
		const ada = track(makeLink('ada', 'bob'));
		ada.link.receive(offer('x'));
		ada.link.receive(candidate('y'));
		await settle();
		assert.deepEqual(ada.pc.candidates, []);
		ada.link.receive(offer('y'));
		await settle();
		assert.deepEqual(ada.pc.candidates, ['y']);
	});

	test('of an offer that lost are dropped', async () => {
		const bob = track(makeLink('bob', 'ada'));
		bob.pc.need();
		await settle();
		bob.link.receive(offer('loser'));
		bob.link.receive(candidate('loser'));
		bob.link.receive({ type: 'answer', description: { type: 'answer', sdp: 'v=0\r\na=ice-ufrag:z\r\na=ice-ufrag:loser\r\n' } });
		await settle();
		assert.equal(bob.pc.signalingState, 'stable');
		assert.deepEqual(bob.pc.candidates, []);
	});

	test('are not held without end', async () => {
		const ada = track(makeLink('ada', 'bob'));
		for (let i = 0; i < 1000; i++)
			ada.link.receive(candidate('x', `c${i}`));
		ada.link.receive(offer('x'));
		await settle();
		assert.equal(ada.pc.candidates.length, 64);
	});

	test('without a fragment, and the end of them, need any description', async () => {
		const ada = track(makeLink('ada', 'bob'));
		ada.link.receive({ type: 'candidate', candidate: null });
		ada.link.receive({ type: 'candidate', candidate: { candidate: 'bare', sdpMid: '0' } });
		ada.link.receive(offer('x'));
		ada.link.receive({ type: 'candidate', candidate: null });
		await settle();
		assert.deepEqual(ada.pc.candidates, ['bare', null]);
	});
});

describe('a path that is lost', () => {
	const start = (t, options) => {
		t.mock.timers.enable({ apis: ['setTimeout'] });
		return track(makeLink('bob', 'ada', options));
	};

	test('is sought anew, and the link stays failed until it is found', async (t) => {
		const { link, pc } = start(t);
		pc.become('failed');
		assert.equal((await link.state()).state, 'failed');
		t.mock.timers.tick(2100);
		assert.equal(pc.restarts, 1);
		pc.become('connecting');
		assert.equal((await link.state()).state, 'failed');
		pc.become('connected');
		assert.equal((await link.state()).state, 'connected');
	});

	test('gets four seconds to come back by itself', (t) => {
		const { pc } = start(t);
		pc.become('disconnected');
		t.mock.timers.tick(3900);
		pc.become('connected');
		t.mock.timers.tick(10000);
		assert.equal(pc.restarts, 0);
		pc.become('disconnected');
		t.mock.timers.tick(4100);
		assert.equal(pc.restarts, 1);
	});

	test('that never was has failed after twenty seconds: nobody answered', async (t) => {
		const { link, signald } = start(t);
		t.mock.timers.tick(19000);
		assert.equal((await link.state()).state, 'connecting');
		t.mock.timers.tick(2000);
		assert.deepEqual(await link.state(), { state: 'failed', why: 'no-answer', errors: [] });
		t.mock.timers.tick(2100);
		assert.equal(signald.sent.length, 0);
	});

	test('is sought with a new offer even while the last has no answer', async (t) => {
		const { pc, signald } = start(t);
		pc.need();
		await settle();
		pc.restartIce = () => {};
		t.mock.timers.tick(20000);
		t.mock.timers.tick(2100);
		await settle();
		assert.deepEqual(types(signald), ['offer', 'offer']);
	});

	test('says no relay at once when only relays are allowed and none is there', async (t) => {
		const { link, pc } = start(t, { policy: 'relay' });
		pc.gathered([701, 401]);
		const { state, why, errors } = await link.state();
		assert.deepEqual([state, why, errors.length], ['failed', 'turn-auth', 2]);
	});

	test('says no relay before anything is gathered when the list has no TURN server', async (t) => {
		const { link, pc, signald } = start(t, { policy: 'relay' });
		signald.iceServers = [{ urls: ['stun:a'] }];
		pc.setConfiguration({ ...pc.getConfiguration(), iceServers: signald.iceServers });
		assert.deepEqual(await link.state(), { state: 'failed', why: 'no-turn', errors: [] });
	});

	test('has the reason of the last attempt, not of one before', async (t) => {
		const { link, pc } = start(t, { policy: 'relay' });
		pc.gathered([401]);
		t.mock.timers.tick(2100);
		assert.equal((await link.state()).why, 'turn-auth');
		pc.gathered([701]);
		const { why, errors } = await link.state();
		assert.deepEqual([why, errors.length], ['turn-unreachable', 1]);
	});

	test('is not "no relay" when a relay was there', async (t) => {
		const { link, pc } = start(t, { policy: 'relay' });
		pc.onicecandidate({ candidate: { type: 'relay', toJSON: () => ({ candidate: 'r' }) } });
		pc.gathered([701]);
		assert.equal((await link.state()).state, 'connecting');
		pc.remoteDescription = { type: 'answer', sdp: '' };
		pc.become('failed');
		assert.equal((await link.state()).why, 'no-path');
	});
});

describe('new credentials', () => {
	test('go into the connection, and replace a relay in use', async () => {
		const { link, pc, signald } = track(makeLink('ada', 'bob', { policy: 'relay' }));
		pc.stats = candidatePair('relay');
		pc.become('connected');
		signald.renew('new');
		await settle();
		assert.equal(pc.configuration.iceServers[0].credential, 'new');
		assert.equal(pc.configuration.iceTransportPolicy, 'relay');
		assert.equal(pc.restarts, 1);
		assert.equal((await link.state()).state, 'connected');
	});

	test('replace a relay once: the old path carries on meanwhile', async (t) => {
		t.mock.timers.enable({ apis: ['setTimeout'] });
		const { pc, signald } = track(makeLink('bob', 'ada'));
		pc.stats = candidatePair('relay');
		pc.become('connected');
		signald.renew('new');
		await settle();
		t.mock.timers.tick(21000);
		t.mock.timers.tick(40000);
		assert.equal(pc.restarts, 1);
	});

	test('leave a direct path alone', async () => {
		const { pc, signald } = track(makeLink('ada', 'bob'));
		pc.stats = candidatePair('host');
		pc.become('connected');
		signald.renew('new');
		await settle();
		assert.equal(pc.configuration.iceServers[0].credential, 'new');
		assert.equal(pc.restarts, 0);
	});

	test('give a failed link another try at once', async () => {
		const { pc, signald } = track(makeLink('ada', 'bob'));
		pc.become('failed');
		signald.renew('new');
		await settle();
		assert.equal(pc.restarts, 1);
	});
});

describe('closing', () => {
	test('takes the link off the connection, and new credentials do not reach it', async () => {
		const { link, pc, signald } = makeLink('ada', 'bob');
		const closed = link.once('closed');
		link.close();
		await closed;
		assert.equal(signald.links.size, 0);
		signald.renew('new');
		await settle();
		assert.equal(pc.configuration.iceServers[0].credential, 'old');
		assert.equal((await link.state()).state, 'closed');
	});

	test('is for good: no restart, whoever asks for one', async (t) => {
		t.mock.timers.enable({ apis: ['setTimeout'] });
		const { link, pc, signald } = makeLink('bob', 'ada');
		link.close();
		link.restart();
		t.mock.timers.tick(60000);
		await settle();
		assert.equal(pc.restarts, 0);
		assert.deepEqual(signald.sent, []);
	});

	for (const settleStats of ['resolve', 'reject']) {
		test(`while new credentials look for the path in use ends that too (${settleStats})`, async () => {
			const { link, pc, signald } = makeLink('ada', 'bob');
			let finish;
			pc.getStats = () => new Promise((resolve, reject) => {
				finish = { resolve, reject }[settleStats];
			});
			pc.become('connected');
			signald.renew('new');
			link.close();
			finish(settleStats === 'resolve' ? candidatePair('relay') : new DOMException('closed', 'InvalidStateError'));
			await settle();
			assert.equal(pc.restarts, 0);
		});
	}

	test('of an old link leaves the one that has taken its place', async () => {
		const { link, signald } = makeLink('ada', 'bob');
		const next = { receive() {}, close() {} };
		signald.links.set('bob', next);
		link.close();
		assert.equal(signald.links.get('bob'), next);
	});
});
