// What getStats and ICE errors mean.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { selectedPair, turnUrls, whyNoRelay } from '../../web/client/stats.js';

const candidates = [
	{ id: 'L1', type: 'local-candidate', candidateType: 'host', protocol: 'udp' },
	{ id: 'L2', type: 'local-candidate', candidateType: 'relay', protocol: 'udp', relayProtocol: 'tls' },
	{ id: 'R1', type: 'remote-candidate', candidateType: 'srflx', protocol: 'udp' },
	{ id: 'R2', type: 'remote-candidate', candidateType: 'relay', protocol: 'udp' },
];

function pair(id, local, remote, more = {}) {
	return { id, type: 'candidate-pair', localCandidateId: local, remoteCandidateId: remote, ...more };
}

describe('the selected pair', () => {
	test('is the one the transport names, not another that works', () => {
		const pairs = [pair('P1', 'L1', 'R1', { state: 'succeeded' }), pair('P2', 'L2', 'R2', { currentRoundTripTime: 0.0344 })];
		const stats = [...candidates, ...pairs, { id: 'T', type: 'transport', selectedCandidatePairId: 'P2' }];
		assert.deepEqual(selectedPair(stats),
			{ local: 'relay', remote: 'relay', relayed: true, protocol: 'tls', rttMs: 34 });
	});

	test('is the marked one where no transport names it', () => {
		const stats = [...candidates, pair('P1', 'L1', 'R1', { selected: true }), pair('P2', 'L2', 'R2', { selected: false })];
		assert.deepEqual(selectedPair(stats),
			{ local: 'host', remote: 'srflx', relayed: false, protocol: 'udp', rttMs: undefined });
	});

	test('is relayed when only the other side uses a relay', () => {
		const stats = [...candidates, pair('P', 'L1', 'R2', { selected: true })];
		assert.equal(selectedPair(stats).relayed, true);
		assert.equal(selectedPair(stats).protocol, 'udp');
	});

	test('names what a peer-reflexive candidate was signaled as, if it ever was', () => {
		const seen = { id: 'RP', type: 'remote-candidate', candidateType: 'prflx', protocol: 'udp', address: '192.0.2.1', port: 50000 };
		const signaled = { ...seen, id: 'RR', candidateType: 'relay' };
		const remoteOf = (...others) => selectedPair([...candidates, seen, ...others, pair('P', 'L1', 'RP', { selected: true })]).remote;
		assert.equal(remoteOf(), 'prflx');
		assert.equal(remoteOf(signaled), 'relay');
		assert.equal(remoteOf({ ...signaled, port: 50001 }), 'prflx');
	});

	test('is not there before one is chosen, or when its candidates have gone', () => {
		assert.equal(selectedPair([]), undefined);
		assert.equal(selectedPair([...candidates, pair('P1', 'L1', 'R1')]), undefined);
		assert.equal(selectedPair([pair('P1', 'L1', 'R1', { selected: true })]), undefined);
	});
});

describe('why there is no relay', () => {
	const turn = [{ urls: ['stun:a'] }, { urls: ['turn:a?transport=udp', 'turns:a'], username: 'u', credential: 'c' }];
	const because = (...codes) => whyNoRelay(turn, codes.map((code) => ({ url: 'turn:a', code, text: '' })));

	test('no TURN server in the list', () => {
		assert.equal(whyNoRelay([{ urls: 'stun:a' }], []), 'no-turn');
		assert.equal(whyNoRelay([], []), 'no-turn');
	});

	test('each error code has its reason', () => {
		assert.equal(because(401), 'turn-auth');
		assert.equal(because(403), 'turn-forbidden');
		assert.equal(because(486), 'turn-quota');
		assert.equal(because(508), 'turn-quota');
		assert.equal(because(701), 'turn-unreachable');
		assert.equal(because(), 'no-relay');
		assert.equal(because(599), 'no-relay');
	});

	test('an answer says more than silence on another interface', () => {
		assert.equal(because(701, 401, 701), 'turn-auth');
	});

	test('what a STUN server says is no reason', () => {
		assert.equal(whyNoRelay(turn, [{ url: 'stun:a', code: 701, text: '' }]), 'no-relay');
	});

	test('urls may be a string or a list', () => {
		assert.deepEqual(turnUrls([{ urls: 'turn:a' }, ...turn]), ['turn:a', 'turn:a?transport=udp', 'turns:a']);
	});
});
