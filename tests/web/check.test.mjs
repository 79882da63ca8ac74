// What the check page makes of what it sees.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bestMbps } from '../../web/pages/check-steps.js';
import { judge, judgeCertificate, judgeClock, judgeIce, judgeMissing, judgeNat, judgePolling, judgeRelay, judgeServer, judgeStun, judgeTurn, judgeWebsocket, report, spanText, turnWays } from '../../web/pages/check-words.js';

const NOW_MS = Date.UTC(2026, 10, 29, 12);
const HOUR_MS = 3600 * 1000;
const plain = (text) => text.replaceAll('\u00a0', ' ');

const host = (port) => ({ type: 'host', protocol: 'udp', address: 'a.local', port });
const srflx = (port, relatedPort = 0) => ({ type: 'srflx', protocol: 'udp', address: '203.0.113.9', port, relatedPort });
const gathered = (candidates = [], errors = [], isComplete = true) => ({ candidates, errors, isComplete, ms: 40 });
const STUN = ['stun:a.example:3478'];
const TWO_STUN = [...STUN, 'stun:b.example:3478'];

const [UDP] = turnWays([{ urls: ['turn:turn.example.org:3478?transport=udp'], username: 'u', credential: 'c' }]);
const error = (code, text = '') => ({ url: UDP.url, code, text });

describe('the server', () => {
	test('is ready, or says what it lacks', () => {
		assert.equal(judgeServer({ status: 200, reasons: [], ms: 12, version: '0.1.0' }).text, 'signald 0.1.0 answers after 12\u00a0ms, and says that it is ready.');
		assert.equal(judgeServer({ status: 0, reasons: [], ms: 8000 }).code, 'unreachable');
		assert.equal(judgeServer({ status: 503, reasons: ['draining', 'turn: down'], ms: 1 }).code, 'draining');
		assert.deepEqual(judgeServer({ status: 503, reasons: ['turn: main: nobody listens'], ms: 1 }).detail, 'turn: main: nobody listens');
	});

	test('that hides its readiness behind a proxy is no worse for it', () => {
		assert.equal(judgeServer({ status: 404, reasons: [], ms: 1 }).tone, 'good');
	});
});

describe('a clock', () => {
	const at = (differsMs, rttMs = 20) => judgeClock({ serverMs: NOW_MS, oursMs: NOW_MS + differsMs, rttMs });

	for (const [differsMs, code] of [[0, 'ok'], [4000, 'ok'], [-4000, 'ok'], [20_000, 'drift'], [-59_000, 'drift'], [61_000, 'wrong'], [-5 * HOUR_MS, 'wrong']])
		test(`that differs by ${differsMs} ms is ${code}`, () => assert.equal(at(differsMs).code, code));

	test('is right as far as can be seen through a slow network', () => {
		assert.equal(at(9000, 10_000).code, 'ok');
	});

	test('is shown beside the other, so that people can see which is wrong', () => {
		assert.equal(at(-5 * HOUR_MS).text, 'The clock of this device is 5 hours behind the server’s: here it is 2026-11-29 07:00:00 UTC, there 2026-11-29 12:00:00 UTC.');
		assert.match(at(90_000).text, /90 seconds ahead of/);
	});

	test('of a server that tells no time is nobody’s fault', () => {
		assert.equal(judgeClock(undefined).tone, 'none');
	});

	test('differs by a time as one says it', () => {
		assert.deepEqual([1000, 90_000, 5 * 60_000, 3 * HOUR_MS, 72 * HOUR_MS].map(spanText), ['1 second', '90 seconds', '5 minutes', '3 hours', '3 days']);
	});
});

describe('a certificate', () => {
	const https = { isHttps: true, isSecure: true };
	const of = (daysLeft) => judgeCertificate({ expiresAt: '2026-12-31T00:00:00.000Z', daysLeft }, https);

	for (const [daysLeft, code] of [[90, 'ok'], [14, 'ok'], [13, 'soon'], [0, 'soon'], [-1, 'expired']])
		test(`of ${daysLeft} days is ${code}`, () => assert.equal(of(daysLeft).code, code));

	test('that stands in for one is none', () => {
		assert.equal(judgeCertificate({ temporary: true }, https).code, 'temporary');
	});

	test('of one day has no plural', () => {
		assert.equal(of(1).text, 'It is good for 1 day, until 2026-12-31.');
	});

	test('that is not signald’s own is a proxy’s, or none', () => {
		assert.equal(judgeCertificate(null, https).code, 'ok');
		assert.equal(judgeCertificate(null, { isHttps: false, isSecure: true }).code, 'local');
		assert.equal(judgeCertificate(null, { isHttps: false, isSecure: false }).code, 'insecure');
		assert.equal(judgeCertificate({ expiresAt: '2026-12-31T00:00:00.000Z', daysLeft: 90 }, { isHttps: false, isSecure: false }).code, 'insecure');
	});
});

describe('signaling', () => {
	test('works, is blocked, or is refused', () => {
		assert.match(plain(judgeWebsocket({ rttMs: 3.4 }).text), /after 3 ms\.$/);
		assert.match(plain(judgeWebsocket({ rttMs: 0.4 }).text), /after less than 1 ms\.$/);
		assert.equal(judgeWebsocket({ isSilent: true }).code, 'blocked');
		const refused = { error: { code: 'auth-required', message: 'show a ticket' } };
		assert.equal(judgeWebsocket(refused).code, 'refused');
		assert.equal(judgePolling(refused).code, 'refused');
		assert.equal(judgeWebsocket({ error: { code: 'rate-limited', message: 'later' } }).code, 'limited');
		assert.equal(judgeWebsocket({ error: { code: 'no-room', message: 'x' } }).tone, 'none');
		assert.equal(judgeWebsocket({ error: { code: 'too-many-rooms', message: 'x' } }).code, 'failed');
	});

	test('by polling may not be wanted', () => {
		assert.deepEqual([404, 429, 403, 0].map((status) => judgePolling({ status }).code), ['off', 'limited', 'failed', 'failed']);
	});
});

describe('the ICE list', () => {
	test('has its ways in order, each with its port', () => {
		const ways = turnWays([
			{ urls: ['stun:turn.example.org:3478'] },
			{ urls: ['turns:turn.example.org:443?transport=tcp', 'turn:[2001:db8::1]?transport=tcp', 'turn:turn.example.org:3478'], username: 'u', credential: 'c' },
			{ urls: 'turns:turn.example.org' },
		]);
		assert.deepEqual(ways.map(({ way, host: name, port }) => [way, name, port]), [
			['udp', 'turn.example.org', 3478], ['tcp', '[2001:db8::1]', 3478], ['tls', 'turn.example.org', 443], ['tls', 'turn.example.org', 5349],
		]);
		assert.equal(ways[0].credential, 'c');
	});

	test('is refused, without a relay, or without one that works', () => {
		const at = (seen) => judgeIce({ status: 200, turn: false, ...seen }).code;
		assert.equal(at({ turn: true, ways: [UDP], ttl: 600 }), 'ok');
		assert.equal(at({}), 'no-turn');
		assert.equal(at({ trouble: 'main: nobody listens' }), 'down');
		assert.equal(at({ trouble: 'main: nothing is known of it yet' }), 'untried');
		assert.equal(at({ trouble: 'main, 192.0.2.1:3478: the server refuses the credential (401): is turn.secret, ...' }), 'auth');
		assert.equal(at({ trouble: 'main: it relays to 10.0.0.1, which it must refuse (403): turnconf ...' }), 'unsafe');
		assert.deepEqual([401, 403, 429, 500, 0].map((status) => at({ status })), ['refused', 'refused', 'limited', 'failed', 'failed']);
	});

	test('lacks a way that is down, or one that is not set up', () => {
		assert.equal(judgeMissing('udp', { udp: false }).code, 'down');
		assert.equal(judgeMissing('tls', { udp: true, tunnel: false }).code, 'down');
		assert.equal(judgeMissing('udp', { udp: null }).code, 'untried');
		assert.equal(judgeMissing('tls', { udp: true, tunnel: null }).code, 'untried');
		assert.match(judgeMissing('tls', { udp: true }).text, /nothing but websites get no relay here\.$/);
		assert.equal(judgeMissing('tcp', {}).text, 'This server is not set up for it.');
	});
});

describe('TURN', () => {
	for (const [code, what] of [[401, 'auth'], [403, 'forbidden'], [486, 'quota'], [508, 'quota'], [701, 'unreachable'], [442, 'error'], [399, 'error']])
		test(`that ends with ${code} is ${what}, and the browser’s words stand beside`, () => {
			const result = judgeTurn(UDP, gathered([], [error(code, 'so it says')]));
			assert.equal(result.code, what);
			assert.equal(result.detail, `${code} so it says`);
		});

	test('counts a word of the server more than a silence', () => {
		assert.equal(judgeTurn(UDP, gathered([], [error(701), error(401)])).code, 'auth');
	});

	test('works, whatever else was tried', () => {
		const result = judgeTurn(UDP, gathered([{ type: 'relay' }], [error(701)]));
		assert.equal(plain(result.text), 'The relay at turn.example.org:3478 answers after 40 ms.');
	});

	test('that says nothing at all has words of its own', () => {
		assert.deepEqual(judgeTurn(UDP, { ...gathered([], [], false), ms: 5000 }),
			{ tone: 'bad', code: 'unreachable', text: 'Nothing comes back over UDP from turn.example.org:3478.', detail: 'no answer within 5 s' });
	});
});

describe('STUN, and what it says of a NAT', () => {
	test('it answers with an address, with our own, or not', () => {
		assert.match(judgeStun(STUN, gathered([host(5000), srflx(5000)])).text, /at 203\.0\.113\.9\.$/);
		assert.equal(judgeStun(STUN, gathered([host(5000)])).code, 'same');
		assert.equal(judgeStun(STUN, gathered([host(5000)], [error(701)])).code, 'unreachable');
		assert.equal(judgeStun(STUN, gathered([host(5000)], [], false)).code, 'unreachable');
		assert.equal(judgeStun([], gathered()).code, 'not-offered');
	});

	const bError = { url: TWO_STUN[1], code: 701, text: '' };
	for (const [what, urls, seen, code] of [
		['an own address', STUN, gathered([host(5000)]), 'open'],
		['an own address that the browser shows', STUN, gathered([{ ...host(5000), address: '203.0.113.9' }, srflx(5000)]), 'open'],
		['no answer', STUN, gathered([host(5000)], [error(701)]), 'unknown'],
		['no STUN server', [], gathered([host(5000)]), 'unknown'],
		['the same port, seen by one', STUN, gathered([host(5000), srflx(5000)]), 'keeps'],
		['another port, seen by one', STUN, gathered([host(5000), srflx(6000)]), 'changes'],
		['another port, the same for two', TWO_STUN, gathered([host(5000), srflx(6000)]), 'cone'],
		['one port for each of two', TWO_STUN, gathered([host(5000), srflx(6000), srflx(6001)]), 'symmetric'],
		['the same, where the own port is shown', TWO_STUN, gathered([host(5000), host(5001), srflx(6000, 5000), srflx(6001, 5000)]), 'symmetric'],
		['one port for each of two networks', TWO_STUN, gathered([host(5000), host(5001), srflx(6000, 5000), srflx(6001, 5001)]), 'cone'],
		['two servers, of which one answers', TWO_STUN, gathered([host(5000), srflx(6000)], [bError]), 'changes'],
	])
		test(`${what}: ${code}`, () => assert.equal(judgeNat(urls, seen).code, code));
});

describe('the relay', () => {
	const way = { way: UDP, bytes: 1000, ms: 2000 };

	test('has a speed with units', () => {
		const { text, tone } = judgeRelay({ ...way, mbps: 7.46, rttMs: 21.3 });
		assert.deepEqual([plain(text), tone], ['Up to 7.5 Mbit/s through the relay over UDP, and 21 ms there and back.', 'good']);
		assert.match(judgeRelay({ ...way, mbps: 43.7, rttMs: 2 }).text, /Up to 44 Mbit/);
		assert.equal(judgeRelay({ ...way, mbps: 0.4, rttMs: 2 }).code, 'slow');
	});

	test('that passes nothing on is no relay', () => {
		assert.equal(judgeRelay({ way: UDP, why: 'failed after 8 s' }).code, 'no-data');
		assert.equal(judgeRelay(undefined).tone, 'none');
	});

	test('is as fast as in its best second', () => {
		const each = (fromMs, toMs, bytes) => Array.from({ length: (toMs - fromMs) / 10 }, (_, index) => ({ atMs: fromMs + index * 10, bytes }));
		assert.equal(bestMbps([]), 0);
		assert.equal(bestMbps(each(0, 1000, 1250)), 1);
		assert.equal(bestMbps([...each(0, 1000, 1250), ...each(1000, 2000, 2500)]), 2);
		// A burst alone is not the speed of a second.
		assert.equal(bestMbps(each(0, 100, 12_500)), 1);
	});
});

describe('the verdict', () => {
	const FINE = {
		server: 'ok', clock: 'ok', certificate: 'ok', websocket: 'ok', polling: 'ok', ice: 'ok', stun: 'ok',
		'turn-udp': 'ok', 'turn-tcp': 'ok', 'turn-tls': 'ok', relay: 'ok', nat: 'cone',
	};
	const steps = (more) => Object.entries({ ...FINE, ...more }).map(([id, code]) => ({ id, name: id, result: { tone: 'good', code, text: '' } }));
	const NO_TURN = { 'turn-udp': 'not-offered', 'turn-tcp': 'not-offered', 'turn-tls': 'not-offered', relay: 'none' };
	const SILENT = { stun: 'unreachable', 'turn-udp': 'unreachable', 'turn-tcp': 'unreachable', 'turn-tls': 'unreachable', relay: 'none' };

	for (const [title, more] of [
		['All is well', {}],
		['All is well', { nat: 'symmetric', polling: 'off', 'turn-tls': 'not-offered' }],
		['The server does not answer', { server: 'unreachable', clock: '', websocket: '', ice: '' }],
		['The server’s certificate has expired', { certificate: 'expired', clock: 'wrong', 'turn-tls': 'down' }],
		['The server has no certificate yet', { certificate: 'temporary', 'turn-tls': 'down' }],
		['The clocks of this device and of the server differ', { clock: 'wrong', 'turn-udp': 'auth' }],
		['The clocks of this device and of the server differ a little', { clock: 'drift' }],
		['This server asks for a key or a token', { ice: 'refused', websocket: 'refused', ...NO_TURN }],
		['WebSocket does not get through', { websocket: 'blocked' }],
		['This network asks too often', { polling: 'limited' }],
		['The server’s relay is down', { server: 'turn-trouble', ice: 'down', ...NO_TURN, stun: 'unreachable' }],
		['A part of the server’s relay is down', { 'turn-tcp': 'down' }],
		['The server has just started', { 'turn-tls': 'untried' }],
		['The server has just started', { server: 'turn-trouble', ice: 'untried', ...NO_TURN }],
		['No relay is set up on this server', { ice: 'no-turn', ...NO_TURN }],
		['The relay refuses the server’s credentials', { 'turn-udp': 'auth', 'turn-tcp': 'auth', 'turn-tls': 'auth', relay: 'none' }],
		['The relay refuses the server’s credentials', { server: 'turn-trouble', ice: 'auth', ...NO_TURN }],
		['The server’s relay is not safe', { server: 'turn-trouble', ice: 'unsafe', ...NO_TURN }],
		['The server is not content with its relay', { server: 'turn-trouble' }],
		['The relay has no room', { 'turn-udp': 'quota', 'turn-tcp': 'quota', 'turn-tls': 'quota', relay: 'none' }],
		['This network lets nothing through to the relay', SILENT],
		['This network blocks UDP', { ...SILENT, 'turn-tcp': 'ok', relay: 'ok' }],
		['This network blocks UDP', { ...SILENT, 'turn-tls': 'ok', relay: 'ok' }],
		['Not every way to the relay works', { 'turn-tcp': 'unreachable' }],
		['STUN does not answer', { stun: 'unreachable' }],
		['The relay passes nothing on', { relay: 'no-data' }],
		['The relay is slow from here', { relay: 'slow' }],
		['The certificate ends soon', { certificate: 'soon' }],
		['This page was loaded without https', { certificate: 'insecure' }],
	])
		test(`${title}: ${Object.entries(more).map((pair) => pair.join(' ')).join(', ')}`, () => {
			const verdict = judge(steps(more));
			assert.equal(verdict.title, title);
			assert.match(verdict.text, /^[A-Z].*\.$/);
		});

	test('is for every server of a pool', () => {
		assert.equal(judge(steps({ 'turn-udp-1': 'unreachable' })).title, 'Not every way to the relay works');
	});
});

test('the report is a text that says what the page says', () => {
	const verdict = { tone: 'bad', title: 'The relay is down', text: 'Start it.' };
	const steps = [
		{ id: 'server', name: 'Server', result: { tone: 'good', code: 'ok', text: 'It answers after 3\u00a0ms.' } },
		{ id: 'ice', name: 'ICE list', result: { tone: 'bad', code: 'down', text: 'No relay.', detail: 'nobody listens' } },
	];
	assert.equal(report({ steps, verdict, address: 'https://a.example', atMs: NOW_MS, tookMs: 2345, browser: 'Browser/1' }), [
		'Check of https://a.example', '2026-11-29T12:00:00.000Z, took 2.3 s', 'Browser/1', '',
		'The relay is down. Start it.', '', 'ok   Server: It answers after 3 ms.', 'BAD  ICE list: No relay. [nobody listens]', '',
	].join('\n'));
});
