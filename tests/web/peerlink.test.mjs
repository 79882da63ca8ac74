// Negotiation, on connections that only know how to negotiate. That media
// flows is for the tests with real browsers.
import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { FakeConnection, makeLink, makePair, settle } from './fakepc.mjs';

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
const local = (ufrag, more = {}) => ({ usernameFragment: ufrag, toJSON: () => candidate(ufrag).candidate, ...more });
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

	test('an answer goes by way of a provisional one', async () => {
		const { ada, bob } = makePair();
		track(ada, bob);
		bob.pc.need();
		await settle();
		assert.deepEqual(ada.pc.localTypes, ['pranswer', 'answer']);
		assert.equal(ada.signald.sent[0].description.type, 'answer');
	});

	test('a browser that has no provisional answers answers at once', async (t) => {
		FakeConnection.hasProvisional = false;
		t.after(() => FakeConnection.hasProvisional = true);
		const { ada, bob } = makePair();
		track(ada, bob);
		bob.pc.need();
		await settle();
		assert.deepEqual(ada.pc.localTypes, ['answer']);
		assert.deepEqual([ada.pc.signalingState, bob.pc.signalingState], ['stable', 'stable']);
	});

	test('of two colliding offers the one of the lexically greater id stands', async () => {
		const { ada, bob } = makePair();
		track(ada, bob);
		ada.pc.need();
		bob.pc.need();
		await settle();
		assert.equal(ada.pc.rolledBack, undefined, 'not before it has found a candidate');
		ada.pc.onicecandidate({ candidate: null });
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

describe('who is called', () => {
	const called = (t) => {
		t.mock.timers.enable({ apis: ['setTimeout'] });
		return track(makeLink('bob', 'ada', { isCaller: false }));
	};

	test('leaves the first offer to the caller', async (t) => {
		const { pc, signald } = called(t);
		pc.need();
		t.mock.timers.tick(1999);
		await settle();
		assert.deepEqual(types(signald), []);
	});

	test('calls when nobody does, for what it has to send', async (t) => {
		const { pc, signald } = called(t);
		pc.need();
		t.mock.timers.tick(2000);
		await settle();
		assert.deepEqual(types(signald), ['offer']);
	});

	test('has nothing to call for when it has nothing to send', async (t) => {
		const { pc, signald } = called(t);
		t.mock.timers.tick(2000);
		await settle();
		assert.deepEqual(types(signald), []);
		pc.need();
		await settle();
		assert.deepEqual(types(signald), ['offer']);
	});

	test('answers, and may offer at any time from then on', async (t) => {
		const { link, pc, signald } = called(t);
		pc.need();
		link.receive(offer('x'));
		await settle();
		t.mock.timers.tick(2000);
		await settle();
		assert.deepEqual(types(signald), ['answer']);
		pc.need();
		await settle();
		assert.deepEqual(types(signald), ['answer', 'offer']);
	});
});

describe('an answer', () => {
	const answer = (offerUfrag) => ({ type: 'answer', description: { type: 'answer', sdp: 'v=0\r\na=ice-ufrag:z\r\n', offerUfrag } });
	const ufragOf = ({ description }) => description.sdp.match(/ufrag:(.*)\r/)[1];

	test('names the offer that it is for', async () => {
		const ada = track(makeLink('ada', 'bob'));
		ada.link.receive(offer('x'));
		await settle();
		assert.equal(ada.signald.sent[0].description.offerUfrag, 'x');
	});

	test('to an offer that a newer one has replaced is not taken for one to that', async () => {
		const ada = track(makeLink('ada', 'bob'));
		ada.pc.need();
		await settle();
		ada.link.restart();
		await settle();
		const [first, last] = [ada.signald.sent[0], ada.signald.sent.at(-1)];
		ada.link.receive(answer(ufragOf(first)));
		await settle();
		assert.equal(ada.pc.signalingState, 'have-local-offer');
		ada.link.receive(answer(ufragOf(last)));
		await settle();
		assert.equal(ada.pc.signalingState, 'stable');
	});

	test('of a client that does not say which offer it is for is taken as it comes', async () => {
		const ada = track(makeLink('ada', 'bob'));
		ada.pc.need();
		await settle();
		ada.link.receive(answer(undefined));
		await settle();
		assert.equal(ada.pc.signalingState, 'stable');
	});
});

describe('our candidates', () => {
	test('go out behind their description, not before it', async () => {
		const ada = track(makeLink('ada', 'bob'));
		ada.pc.onicecandidate({ candidate: local('never-described') });
		ada.pc.need();
		await settle();
		const [{ description }] = ada.signald.sent;
		const ufrag = description.sdp.match(/ufrag:(.*)\r/)[1];
		ada.pc.onicecandidate({ candidate: local(ufrag) });
		ada.pc.onicecandidate({ candidate: null });
		assert.deepEqual(types(ada.signald), ['offer', 'candidate', 'candidate']);
		assert.equal(ada.signald.sent[1].candidate.usernameFragment, ufrag);
		assert.equal(ada.signald.sent[2].candidate, null);
	});

	test('that came too early are sent with it', async (t) => {
		const ada = track(makeLink('ada', 'bob'));
		const describe = t.mock.method(ada.pc, 'setLocalDescription', async () => {
			ada.pc.onicecandidate({ candidate: local('quick') });
			ada.pc.localDescription = offer('quick').description;
		});
		ada.pc.need();
		await settle();
		assert.equal(describe.mock.callCount(), 1);
		assert.deepEqual(types(ada.signald), ['offer', 'candidate']);
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

	test('that came early and make no sense leave the others alone', async () => {
		const ada = track(makeLink('ada', 'bob'));
		const { addIceCandidate } = ada.pc;
		ada.pc.addIceCandidate = async (added) => {
			if (added.candidate === 'nonsense')
				throw new TypeError('nonsense');
			return addIceCandidate.call(ada.pc, added);
		};
		ada.link.receive(candidate('x', 'nonsense'));
		ada.link.receive(candidate('x', 'good'));
		ada.link.receive(offer('x'));
		await settle();
		assert.deepEqual(ada.pc.candidates, ['good']);
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

	for (const [side, id, waitMs] of [['impolite', 'bob', 1000], ['polite', 'ada', 4000]]) {
		test(`gets ${waitMs} ms to come back by itself on the ${side} side`, (t) => {
			t.mock.timers.enable({ apis: ['setTimeout'] });
			const { pc } = track(makeLink(id, id === 'bob' ? 'ada' : 'bob'));
			pc.become('disconnected');
			t.mock.timers.tick(waitMs - 1);
			pc.become('connected');
			t.mock.timers.tick(10000);
			assert.equal(pc.restarts, 0);
			pc.become('disconnected');
			t.mock.timers.tick(waitMs);
			assert.equal(pc.restarts, 1);
		});
	}

	test('begins with key frames, when it is found anew, too', (t) => {
		const { link, pc } = start(t);
		link.add({ getTracks: () => [{ kind: 'audio' }, { kind: 'video' }] });
		const keyFrames = () => pc.getSenders().map((sender) => sender.keyFrames);
		pc.become('connected');
		assert.deepEqual(keyFrames(), [1, 1]);
		pc.become('disconnected');
		assert.deepEqual(keyFrames(), [1, 1]);
		pc.become('connected');
		assert.deepEqual(keyFrames(), [2, 2]);
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

describe('while the other side cannot hear', () => {
	const start = (t, options) => {
		t.mock.timers.enable({ apis: ['setTimeout'] });
		return track(makeLink('bob', 'ada', options));
	};

	test('a lost path is not sought in vain, but as soon as we are back', (t) => {
		const { pc, signald } = start(t);
		signald.state = 'reconnecting';
		pc.become('failed');
		t.mock.timers.tick(2100);
		assert.equal(pc.restarts, 0);
		signald.resume();
		t.mock.timers.tick(0);
		assert.equal(pc.restarts, 1);
	});

	test('because it is away, a lost path is sought when it is back', (t) => {
		const { pc, signald } = start(t);
		signald.peers.set('ada', { id: 'ada', away: true });
		pc.become('failed');
		t.mock.timers.tick(2100);
		assert.equal(pc.restarts, 0);
		signald.back('eve');
		t.mock.timers.tick(0);
		assert.equal(pc.restarts, 0);
		signald.peers.get('ada').away = false;
		signald.back('ada');
		t.mock.timers.tick(0);
		assert.equal(pc.restarts, 1);
	});

	test('the return of another is no reason to restart', (t) => {
		const { pc, signald } = start(t);
		pc.become('disconnected');
		signald.back('eve');
		t.mock.timers.tick(0);
		assert.equal(pc.restarts, 0);
		signald.back('ada');
		t.mock.timers.tick(0);
		assert.equal(pc.restarts, 1);
	});

	test('a relay that is to be renewed is renewed afterwards', async (t) => {
		const { pc, signald } = start(t);
		pc.stats = candidatePair('relay');
		pc.become('connected');
		signald.peers.set('ada', { id: 'ada', away: true });
		signald.renew('new');
		await settle();
		t.mock.timers.tick(0);
		assert.equal(pc.restarts, 0);
		signald.peers.get('ada').away = false;
		signald.back('ada');
		t.mock.timers.tick(0);
		assert.equal(pc.restarts, 1);
	});
});

describe('our resumption', () => {
	test('leaves a healthy path alone, but gives it the newest credentials', async (t) => {
		t.mock.timers.enable({ apis: ['setTimeout'] });
		const { pc, signald } = track(makeLink('bob', 'ada'));
		pc.stats = candidatePair('relay');
		pc.become('connected');
		signald.iceServers = [{ urls: ['turn:a'], username: '3:u', credential: 'newest' }];
		signald.resume();
		await settle();
		t.mock.timers.tick(10000);
		assert.equal(pc.configuration.iceServers[0].credential, 'newest');
		assert.equal(pc.restarts, 0);
	});

	test('restarts a path that was lost: the impolite side at once, the polite one if that is not enough', (t) => {
		t.mock.timers.enable({ apis: ['setTimeout'] });
		const [impolite, polite] = [track(makeLink('bob', 'ada')), track(makeLink('ada', 'bob'))];
		for (const { pc, signald } of [impolite, polite]) {
			pc.become('disconnected');
			signald.resume();
		}
		t.mock.timers.tick(0);
		assert.deepEqual([impolite.pc.restarts, polite.pc.restarts], [1, 0]);
		t.mock.timers.tick(3000);
		assert.deepEqual([impolite.pc.restarts, polite.pc.restarts], [1, 1]);
	});
});

describe('what the peer sends', () => {
	test('is told as a stream once, though it has several tracks', () => {
		const { link, pc } = track(makeLink('ada', 'bob'));
		const [stream, another] = [{ id: 's' }, { id: 'a' }];
		const told = [];
		link.on('stream', (each) => told.push(each));
		for (const streams of [[stream], [stream], [], [another]])
			pc.ontrack({ streams });
		assert.deepEqual(told, [stream, another]);
	});

	test('is told as a channel', async () => {
		const { link, pc } = track(makeLink('ada', 'bob'));
		const told = link.once('channel');
		pc.ondatachannel({ channel: 'chat' });
		assert.equal(await told, 'chat');
	});
});

test('a stream that is added twice is sent once', () => {
	const { link, pc } = track(makeLink('ada', 'bob'));
	const tracks = [{ kind: 'audio' }];
	const stream = { getTracks: () => tracks };
	link.add(stream);
	tracks.push({ kind: 'video' });
	link.add(stream);
	assert.deepEqual(pc.getSenders().map(({ track: { kind } }) => kind), ['audio', 'video']);
});

describe('new credentials', () => {
	/** A link over a relay, and the clock in our hand. */
	const relayed = (t, id, to, options) => {
		t.mock.timers.enable({ apis: ['setTimeout'] });
		const made = track(makeLink(id, to, options));
		made.pc.stats = candidatePair('relay');
		made.pc.become('connected');
		return made;
	};

	test('go into the connection, and replace a relay in use', async (t) => {
		const { link, pc, signald } = relayed(t, 'bob', 'ada', { policy: 'relay' });
		signald.renew('new');
		await settle();
		assert.equal(pc.configuration.iceServers[0].credential, 'new');
		assert.equal(pc.configuration.iceTransportPolicy, 'relay');
		t.mock.timers.tick(0);
		assert.equal(pc.restarts, 1);
		assert.equal((await link.state()).state, 'connected');
	});

	test('replace a relay of the polite side by the restart of the other, which replaces both', async (t) => {
		const { link, pc, signald } = relayed(t, 'ada', 'bob');
		signald.renew('new');
		await settle();
		t.mock.timers.tick(1000);
		link.receive(offer('restarted'));
		await settle();
		t.mock.timers.tick(60000);
		assert.equal(pc.restarts, 0);
		assert.deepEqual(types(signald), ['answer']);
	});

	test('replace a relay of the polite side by its own restart, if the other makes none', async (t) => {
		const { link, pc, signald } = relayed(t, 'ada', 'bob');
		link.receive(offer('same'));
		await settle();
		signald.renew('new');
		await settle();
		link.receive(offer('same')); // about tracks
		await settle();
		t.mock.timers.tick(2999);
		assert.equal(pc.restarts, 0);
		t.mock.timers.tick(1);
		assert.equal(pc.restarts, 1);
	});

	test('replace a relay of the polite side before a short life is over', async (t) => {
		const { pc, signald } = relayed(t, 'ada', 'bob');
		signald.renew('new', 10);
		await settle();
		t.mock.timers.tick(500);
		assert.equal(pc.restarts, 1);
	});

	test('replace a relay once: the old path carries on meanwhile', async (t) => {
		const { pc, signald } = relayed(t, 'bob', 'ada');
		signald.renew('new');
		await settle();
		t.mock.timers.tick(0);
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

	for (const connectionState of ['connecting', 'disconnected']) {
		test(`that come while a link is ${connectionState} replace the relay that it finds`, async (t) => {
			t.mock.timers.enable({ apis: ['setTimeout'] });
			const { pc, signald } = track(makeLink('bob', 'ada'));
			pc.become(connectionState);
			signald.renew('new');
			await settle();
			pc.stats = candidatePair('relay');
			pc.become('connected');
			await settle();
			t.mock.timers.tick(0);
			assert.equal(pc.restarts, 1);
			pc.gathered();
			pc.become('connected');
			await settle();
			t.mock.timers.tick(60000);
			assert.equal(pc.restarts, 1, 'once');
		});
	}

	test('that come while a link is connecting, which is closed then, are forgotten', async (t) => {
		t.mock.timers.enable({ apis: ['setTimeout'] });
		const { link, pc, signald } = makeLink('bob', 'ada');
		pc.become('connecting');
		signald.renew('new');
		await settle();
		link.close();
		pc.gathered();
		await settle();
		t.mock.timers.tick(60000);
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
		test(`while new credentials look for the path in use ends that too (${settleStats})`, async (t) => {
			t.mock.timers.enable({ apis: ['setTimeout'] });
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
			t.mock.timers.tick(60000);
			assert.equal(pc.restarts, 0);
		});
	}

	test('is told once, however often it is done', () => {
		const { link } = makeLink('ada', 'bob');
		let count = 0;
		link.on('closed', () => count++);
		link.close();
		link.close();
		assert.equal(count, 1);
	});

	test('is no error for who has just asked for the state', async () => {
		const { link, pc } = makeLink('ada', 'bob');
		pc.getStats = async () => {
			throw new DOMException('closed', 'InvalidStateError');
		};
		pc.become('connected');
		const asked = link.state();
		link.close();
		assert.deepEqual(await asked, { state: 'connected', pair: undefined, errors: [] });
	});

	test('of an old link leaves the one that has taken its place', async () => {
		const { link, signald } = makeLink('ada', 'bob');
		const next = { receive() {}, close() {} };
		signald.links.set('bob', next);
		link.close();
		assert.equal(signald.links.get('bob'), next);
	});
});
