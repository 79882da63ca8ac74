// What the pages say.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { badge, count, enumerate, explain, explainLine, howConnected, howLive, mediaProblem, notYet, overall, policyProblem, refusal, whomConnected } from '../../web/pages/words.js';

const link = (state, more = {}) => ({ state, errors: [], ...more });
const direct = link('connected', { pair: { local: 'host', remote: 'host', relayed: false, protocol: 'udp', rttMs: 3 } });
const relayed = link('connected', { pair: { local: 'relay', remote: 'relay', relayed: true, protocol: 'tls' } });

test('every reason has a heading and a sentence', () => {
	const reasons = ['no-turn', 'turn-auth', 'turn-forbidden', 'turn-quota', 'turn-unreachable', 'no-relay', 'no-answer', 'no-path'];
	for (const policy of ['all', 'relay']) {
		for (const why of reasons) {
			const { title, text } = explain(why, policy);
			assert.match(title, /^[A-Z].*[^.]$/, why);
			assert.match(text, /^[A-Z].*\.$/, why);
		}
	}
});

test('a relay that is not had is said so, and why', () => {
	assert.match(explainLine('turn-auth', 'all'), /^No relay could be reached: the TURN server rejects the credentials/);
	assert.match(explainLine('turn-unreachable', 'relay'), /^No relay could be reached: no TURN server answers/);
	assert.match(explainLine('no-turn', 'relay'), /^No relay could be reached: this server gives out no TURN relay: none is set up, or it does not answer\.$/);
	assert.match(explainLine('no-turn', 'all'), /^No way through: the networks allow no direct path, and this server gives out no TURN relay: none/);
});

test('a badge names the way, the protocol and the round trip', () => {
	assert.deepEqual(badge(direct), { text: 'Direct · UDP · 3 ms', tone: 'good' });
	assert.deepEqual(badge(relayed), { text: 'Relayed · TLS', tone: 'good' });
	assert.deepEqual(badge(link('failed')), { text: 'Not connected', tone: 'bad' });
	assert.deepEqual(badge(link('connecting')), { text: 'Connecting…', tone: 'busy' });
});

test('a page is as well as its best connection', () => {
	assert.equal(overall([]), 'waiting');
	assert.equal(overall([link('failed'), link('connecting')]), 'connecting');
	assert.equal(overall([link('failed'), link('connecting'), direct]), 'connected');
	assert.equal(overall([link('failed')]), 'failed');
	assert.deepEqual(count([direct, relayed, link('failed'), link('connecting')]),
		{ connected: 2, relayed: 1, failed: 1, connecting: 1 });
});

test('a broadcaster hears how many there are of each kind, and of none that is missing', () => {
	assert.equal(howLive([relayed]), '1 relayed');
	assert.equal(howLive([direct, direct, link('failed')]), '2 direct, 1 not connected');
	assert.equal(howLive([direct, relayed, link('connecting')]), '1 direct, 1 relayed, 1 connecting');
});

test('names are told as people do', () => {
	assert.deepEqual([['UDP'], ['UDP', 'TCP'], ['UDP', 'TCP', 'TLS']].map(enumerate), ['UDP', 'UDP and TCP', 'UDP, TCP and TLS']);
});

test('how many connections are relayed', () => {
	assert.equal(howConnected([direct, direct]), 'directly');
	assert.equal(howConnected([relayed, link('connecting')]), 'through a relay');
	assert.equal(howConnected([relayed, direct]), '1 of 2 through a relay');
});

test('who is not connected is not counted as if they were', () => {
	assert.equal(whomConnected([direct], 'Ada'), 'Ada');
	assert.equal(whomConnected([direct, relayed], 'Ada'), '2 others');
	assert.equal(whomConnected([direct, link('connecting'), link('failed')], 'Ada'), '1 of 3');
});

test('an address that asks for what there is not is told so', () => {
	assert.deepEqual([null, 'all', 'relay'].map(policyProblem), ['', '', '']);
	for (const policy of ['bogus', 'Relay', ''])
		assert.match(policyProblem(policy), new RegExp(`policy=${policy}, which there is not\\. It may be policy=relay`));
});

test('who lacks a key is told in plain words', () => {
	const text = refusal({ code: 'auth-required', message: 'show a ticket in auth of join' }, 'kitchen');
	assert.match(text, /key or a token of its application.* open to everybody or to guests\.$/);
	assert.match(refusal({ code: 'no-room', message: 'x' }, 'kitchen'), /guests cannot open one/);
});

test('who is not let in yet hears why, where the server has said it', () => {
	const client = readFileSync(new URL('../../web/client/lifeline.js', import.meta.url), 'utf8');
	for (const reason of ['could not connect', 'the connection was lost', 'the server does not answer', 'auth does not answer']) {
		assert.ok(client.includes(`'${reason}'`), reason);
		assert.equal(notYet(reason), 'The server cannot be reached. Trying again…');
	}
	assert.equal(notYet(''), 'The server cannot be reached. Trying again…');
	assert.equal(notYet("the operator's server, which decides who may come in, does not answer: try again later"),
		"The server does not let you in yet: the operator's server, which decides who may come in, does not answer. Trying again…");
	assert.equal(notYet('too many joins'), 'The server does not let you in yet: too many joins. Trying again…');
});

test('refusals and cameras have words, also those nobody thought of', () => {
	assert.equal(refusal({ code: 'role-taken', message: 'x' }, 'stage'), 'Somebody is live in this room already.');
	assert.equal(refusal({ code: 'brand-new', message: 'not today' }, 'stage'), 'The server refused: not today.');
	assert.equal(refusal({ code: 'bad-room', message: 'x' }, 'a\n'), 'This is not a name for a room.');
	assert.equal(refusal({ code: 'bad-room', message: 'x' }, 'é'.repeat(65)),
		'The name of the room is too long: it has 130 bytes, and 128 are the most.');
	assert.match(mediaProblem('NotAllowedError'), /address bar/);
	assert.match(mediaProblem('OddError'), /OddError/);
});
