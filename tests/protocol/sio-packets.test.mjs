// Socket.IO packets, written by hand over WebSocket: which are taken, which end
// their session, and that nobody else's session ends with it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { join, openPolling, openWs, pair, relays, settle } from '../lib/sio.mjs';
import { ownTest, startTarget, useTarget } from '../lib/sio-target.mjs';

const ID = /^[A-Za-z0-9_-]{20,22}$/;

const nested = (levels) => '['.repeat(levels) + ']'.repeat(levels);

describe('CONNECT', () => {
	let target;
	useTarget({}, (it) => (target = it));

	test('is answered with an id, which is not the secret one', async (t) => {
		const one = await join(t, target);
		assert.match(one.joined.sid, ID);
		assert.notEqual(one.joined.sid, one.open.sid);
	});

	test('to several namespaces gives an id in each', async (t) => {
		const one = await join(t, target);
		const first = one.id;
		await one.connect('/generic');
		assert.match(one.id, ID);
		assert.notEqual(one.id, first);
	});

	for (const nsp of ['/nope', '/tutorial', '//', '/generic/', '/Generic'])
		test(`to ${nsp} is an error, after which another try is welcome`, async (t) => {
			const one = await openWs(t, target);
			await assert.rejects(one.connect(nsp), (error) => {
				assert.deepEqual(error.data, { message: 'Invalid namespace' });
				return true;
			});
			await one.connect('/');
			await one.connect('/generic');
		});

	test('a second one to the same namespace closes', async (t) => {
		const [left, right] = await pair(t, target);
		const bad = await join(t, target);
		await bad.send('40');
		await bad.over();
		await relays(left, right);
	});

	for (const data of ['[]', 'null', '"x"', '{', '{}}', 'x'])
		test(`with ${data} for its data closes`, async (t) => {
			const bad = await openWs(t, target);
			await bad.send(`40${data}`);
			await bad.over();
		});

	test('event, ack, leaving before it close', async (t) => {
		for (const packet of ['42["watcher"]', '430[]', '41', '42/generic,["x"]', '451-["x"]']) {
			const bad = await openWs(t, target);
			await bad.send(packet);
			if (packet.includes('51-'))
				await bad.send(Buffer.from('x'));
			await bad.over();
		}
	});

	test('an event for a namespace not joined closes', async (t) => {
		const bad = await join(t, target);
		await bad.send('42/generic,["x"]');
		await bad.over();
	});
});

describe('no CONNECT', () => {
	let target;
	useTarget({ sets: { 'socketio.connect_timeout_s': 1 } }, (it) => (target = it));

	test('closes after connect_timeout_s', async (t) => {
		const began = performance.now();
		const silent = await openWs(t, target);
		const poller = await openPolling(t, target);
		await silent.over();
		await poller.over();
		assert.ok(performance.now() - began > 900, 'not before');
	});

	test('and a refused one closes too', async (t) => {
		const refused = await openWs(t, target);
		await assert.rejects(refused.connect('/nope'));
		await refused.over();
	});

	test('who is in a namespace stays', async (t) => {
		const [left, right] = await pair(t, target);
		const late = await openWs(t, target);
		await late.over();
		await relays(left, right);
	});
});

describe('leaving', () => {
	let target;
	useTarget({}, (it) => (target = it));

	test('a namespace leaves the others joined', async (t) => {
		const [left, right] = await pair(t, target);
		const { id } = left;
		await left.connect('/generic');
		await left.send('41/generic,');
		left.id = id;
		await relays(left, right);
		await left.connect('/generic');
	});

	test('is told to the broadcaster while the engine stays', async (t) => {
		const [broadcaster, watcher] = await pair(t, target);
		await watcher.send('41');
		assert.deepEqual(await broadcaster.event('disconnectPeer'), [watcher.id]);
		const before = watcher.id;
		await watcher.connect('/');
		assert.notEqual(watcher.id, before);
	});
});

describe('events', () => {
	let target;
	useTarget({}, (it) => (target = it));

	test('with nothing to do are let be', async (t) => {
		const [left, right] = await pair(t, target);
		for (const packet of ['42["unheard-of"]', '42[7,1]', '42["offer"]', '42["offer",null]', '42["offer","nobody",1]',
			'42["offer",{"a":1},2]', '42["candidate",["x"]]', '42["watcher",1,2,3,4,5,6,7,8,9,10,11,12]'])
			await left.send(packet);
		await relays(left, right);
	});

	test('an ack of an unknown id is ignored', async (t) => {
		const [left, right] = await pair(t, target);
		for (const packet of ['430[]', '43999999[1,2]', '43/generic,1[]'.replace('/generic,', ''), '439007199254740991[]'])
			await left.send(packet);
		await relays(left, right);
	});

	test('arrive byte for byte, whatever their letters', async (t) => {
		const [left, right] = await pair(t, target);
		const message = { type: 'offer', sdp: 'v=0\r\nü漢😀 \u2028"\\', deep: [[{}]], n: -0.5e-7, no: null };
		await left.emit('offer', right.id, message);
		assert.deepEqual(await right.event('offer'), [left.id, message]);
	});

	for (const name of ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'])
		test(`a reserved name closes: ${name}`, async (t) => {
			const [left, right] = await pair(t, target);
			const bad = await join(t, target);
			await bad.send(`42["${name}","x"]`);
			await bad.over();
			await relays(left, right);
		});

	ownTest('a reserved name in escapes closes too', async (t) => {
		const bad = await join(t, target);
		await bad.send('42["conn\\u0065ct"]');
		await bad.over();
	});

	for (const packet of ['', '4', '42{}', '42[]', '42[null]', '42[{}]', '42[["x"]]', '42[true]', '42["x"', '42["x"]]',
		'42["x",]', "42['x']", '42"x"', '48["x"]', '4x', '430{}', '41{}', '44{"message":"x"}', '42["\\x"]', '42[NaN]'])
		test(`${JSON.stringify(packet)} closes its session alone`, async (t) => {
			const [left, right] = await pair(t, target);
			const bad = await join(t, target);
			await bad.send(packet);
			await bad.over();
			await relays(left, right);
		});

	for (const packet of ['42', '430', '43[1]', '42["x"]\0', '421e3["x"]', '42-1["x"]'])
		ownTest(`${JSON.stringify(packet)} closes too`, async (t) => {
			const bad = await join(t, target);
			await bad.send(packet);
			await bad.over();
		});

	test('JSON of 60 levels arrives', async (t) => {
		const [left, right] = await pair(t, target);
		const deep = JSON.parse(nested(60));
		await left.emit('offer', right.id, deep);
		assert.deepEqual(await right.event('offer'), [left.id, deep]);
	});

	ownTest('JSON of more than 64 levels closes its session alone', async (t) => {
		const [left, right] = await pair(t, target);
		for (const levels of [65, 1000, 100000]) {
			const bad = await join(t, target);
			await bad.send(`42["offer","x",${nested(levels - 1)}]`);
			await bad.over();
		}
		await relays(left, right);
	});
});

describe('attachments', () => {
	let target;
	useTarget({}, (it) => (target = it));
	const NSP = '/generic';

	test('are relayed with their event, in order', async (t) => {
		const [left, right] = await pair(t, target, NSP);
		const bytes = [Buffer.from([0, 255, 7]), Buffer.alloc(0), Buffer.from('x'.repeat(70000))];
		const holders = bytes.map((_, num) => ({ _placeholder: true, num }));
		await left.send(`453-/generic,${JSON.stringify(['bin', right.id, ...holders])}`, ...bytes);
		const head = await right.next('453-/generic,');
		assert.deepEqual(JSON.parse(head.slice(head.indexOf('['))), ['bin', left.id, ...holders]);
		for (const each of bytes)
			assert.deepEqual(await right.next(Buffer.isBuffer), each);
	});

	test('ten are taken', async (t) => {
		const [left, right] = await pair(t, target, NSP);
		const holders = Array.from({ length: 10 }, (_, num) => ({ _placeholder: true, num }));
		await left.send(`4510-/generic,${JSON.stringify(['bin', right.id, ...holders])}`,
			...holders.map(({ num }) => Buffer.from([num])));
		await right.next('4510-/generic,');
		for (const { num } of holders)
			assert.deepEqual(await right.next(Buffer.isBuffer), Buffer.from([num]));
	});

	for (const head of ['4511-', '450-', '45-', '45x-', '451', '4599999999999999999999-', '451.5-', '45-1-'])
		test(`a count as in ${head} closes`, async (t) => {
			const bad = await join(t, target, { nsp: NSP });
			await bad.send(`${head}/generic,["bin",{"_placeholder":true,"num":0}]`);
			await bad.over();
		});

	ownTest('a count of 1e1 closes', async (t) => {
		const bad = await join(t, target, { nsp: NSP });
		await bad.send('451e1-/generic,["bin",{"_placeholder":true,"num":0}]');
		await bad.over();
	});

	for (const num of ['1', '-1', '99', '0.5', '"0"', 'null', '{}'])
		(num === '0.5' ? ownTest : test)(`a placeholder that points at ${num} of one closes`, async (t) => {
			const bad = await join(t, target, { nsp: NSP });
			await bad.send(`451-/generic,["bin",{"_placeholder":true,"num":${num}}]`, Buffer.from('x'));
			await bad.over();
		});

	test('text while one is missing closes', async (t) => {
		const bad = await join(t, target, { nsp: NSP });
		await bad.send('451-/generic,["bin",{"_placeholder":true,"num":0}]', '42/generic,["x"]');
		await bad.over();
	});

	test('binary that was not announced closes', async (t) => {
		const bad = await join(t, target, { nsp: NSP });
		await bad.send(Buffer.from('x'));
		await bad.over();
	});

	test('nothing arrives of an event before its last attachment', async (t) => {
		const [left, right] = await pair(t, target, NSP);
		await left.send(`452-/generic,["bin","${right.id}",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`,
			Buffer.from([1]));
		await settle(right);
		assert.deepEqual(right.items.filter((item) => String(item).startsWith('452')), []);
		await left.send(Buffer.from([2]));
		await right.next('452-/generic,');
		assert.deepEqual(await right.next(Buffer.isBuffer), Buffer.from([1]));
		assert.deepEqual(await right.next(Buffer.isBuffer), Buffer.from([2]));
	});

	test('events of others come between an announced one and its attachments', async (t) => {
		const [left, right] = await pair(t, target, NSP);
		await left.send(`451-/generic,["bin","${right.id}",{"_placeholder":true,"num":0}]`);
		await right.send(`42/generic,${JSON.stringify(['note', left.id, 1])}`);
		assert.equal(await left.next('42/generic,["note"'), `42/generic,${JSON.stringify(['note', right.id, 1])}`);
		await left.send(Buffer.from([1]));
		await right.next('451-/generic,');
	});
});

describe('attachments announced and never sent', () => {
	let target;
	useTarget({ sets: { 'socketio.ping_interval_s': 1, 'socketio.ping_timeout_s': 1 } }, (it) => (target = it));
	const announced = '4510-/generic,["bin",{"_placeholder":true,"num":0}]';

	test('pings are answered meanwhile; others go on', async (t) => {
		const [left, right] = await pair(t, target);
		const waiting = await join(t, target, { nsp: '/generic', isMute: true });
		await waiting.send(announced);
		for (let i = 0; i < 2; i++) {
			assert.equal(await waiting.next('2'), '2');
			await waiting.send('3');
		}
		assert.equal(waiting.why, undefined, 'it is still open');
		await relays(left, right);
	});

	test('silence ends like any silence', async (t) => {
		const silent = await join(t, target, { nsp: '/generic', isMute: true });
		await silent.send(announced);
		await silent.over();
	});

	ownTest('memory that a waiting event may hold is bounded', async (t) => {
		const greedy = await join(t, target, { nsp: '/generic' });
		await greedy.send(announced);
		for (let i = 0; i < 9; i++)
			await greedy.send(Buffer.alloc(900000));
		await greedy.over();
		const [left, right] = await pair(t, target);
		await relays(left, right);
	});
});

test('the program goes on after all of this', async (t) => {
	const target = await startTarget(t);
	const sessions = await Promise.all(Array.from({ length: 50 }, () => openWs(t, target)));
	for (const session of sessions)
		await session.send('42["x"]');
	for (const session of sessions)
		await session.over();
	const [left, right] = await pair(t, target);
	await relays(left, right);
	assert.ok(target.isRunning);
});
