// The Socket.IO protocol, version 5, as its official suite checks it, over
// WebSocket: connect, disconnect, message, ack, binary, namespaces, errors.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { get } from '../lib/sio.mjs';
import { ownTest } from '../lib/sio-target.mjs';
import { SILENT, Socket, useSuite } from '../lib/sio-suite.mjs';

const PATH = '/socket.io/';
const WEBSOCKET = `${PATH}?EIO=4&transport=websocket`;

let target;
useSuite(SILENT, (it) => (target = it));

async function open(t) {
	const socket = new Socket(t, target, WEBSOCKET);
	await socket.next('0');
	return socket;
}

const place = (nsp) => (nsp === '/' ? '' : `${nsp},`);

// In a namespace, its greeting heard.
async function join(t, nsp = '/', auth) {
	const socket = await open(t);
	socket.send(`40${place(nsp)}${auth ? JSON.stringify(auth) : ''}`);
	const answer = await socket.next(`40${place(nsp)}`);
	const data = JSON.parse(answer.slice(2 + place(nsp).length));
	assert.deepEqual(Object.keys(data), ['sid']);
	assert.equal(typeof data.sid, 'string');
	const greeting = await socket.next(`42${place(nsp)}`);
	assert.deepEqual(JSON.parse(greeting.slice(2 + place(nsp).length)), ['auth', auth ?? {}]);
	return socket;
}

const closesOn = async (socket, ...packets) => {
	socket.send(...packets);
	await socket.over();
};

for (const nsp of ['/', '/custom']) {
	const at = place(nsp);

	describe(`in ${nsp}`, () => {
		test('connects', async (t) => {
			await join(t, nsp);
		});

		test('connects with auth', async (t) => {
			await join(t, nsp, { token: '123', deep: { é: ['😀', null] } });
		});

		test('a message comes back', async (t) => {
			const socket = await join(t, nsp);
			socket.send(`42${at}["message",1,"2",{"3":[true]}]`);
			assert.equal(await socket.next('42'), `42${at}["message-back",1,"2",{"3":[true]}]`);
		});

		test('a message without arguments comes back', async (t) => {
			const socket = await join(t, nsp);
			socket.send(`42${at}["message"]`);
			assert.equal(await socket.next('42'), `42${at}["message-back"]`);
		});

		test('an ack comes back with its number', async (t) => {
			const socket = await join(t, nsp);
			for (const id of [456, 0, 7]) {
				socket.send(`42${at}${id}["message-with-ack",1,"2",{"3":[false]}]`);
				assert.equal(await socket.next('43'), `43${at}${id}[1,"2",{"3":[false]}]`);
			}
		});

		test('binary comes back', async (t) => {
			const socket = await join(t, nsp);
			const data = '["message",{"_placeholder":true,"num":0},{"k":{"_placeholder":true,"num":1}}]';
			socket.send(`452-${at}${data}`, Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6]));
			assert.equal(await socket.next('45'), `452-${at}${data.replace('message', 'message-back')}`);
			assert.deepEqual(await socket.next(Buffer.isBuffer), Buffer.from([1, 2, 3]));
			assert.deepEqual(await socket.next(Buffer.isBuffer), Buffer.from([4, 5, 6]));
		});

		test('binary comes back in an ack', async (t) => {
			const socket = await join(t, nsp);
			const data = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}';
			socket.send(`452-${at}789["message-with-ack",${data}]`, Buffer.from([1]), Buffer.from([2]));
			assert.equal(await socket.next('46'), `462-${at}789[${data}]`);
			assert.deepEqual(await socket.next(Buffer.isBuffer), Buffer.from([1]));
			assert.deepEqual(await socket.next(Buffer.isBuffer), Buffer.from([2]));
		});

		test('a second CONNECT closes', async (t) => {
			await closesOn(await join(t, nsp), `40${at}`);
		});

		test('an event behind its DISCONNECT closes', async (t) => {
			const socket = await join(t, nsp);
			await closesOn(socket, `41${at}`, `42${at}["message"]`);
		});

		ownTest('leaves and comes again', async (t) => {
			const socket = await join(t, nsp);
			socket.send(`41${at}`, `40${at}`);
			assert.match(await socket.next(`40${at}`), /"sid"/);
		});
	});
}

describe('connecting', () => {
	test('to a namespace that is not there is an error', async (t) => {
		const socket = await open(t);
		socket.send('40/random');
		assert.equal(await socket.next(), '44/random,{"message":"Invalid namespace"}');
	});

	test('the error does not close: another try is welcome', async (t) => {
		const socket = await open(t);
		socket.send('40/random,');
		await socket.next('44');
		socket.send('40');
		assert.match(await socket.next('40'), /"sid"/);
	});

	test('a query behind the namespace is of no name in protocol 5', async (t) => {
		const socket = await open(t);
		socket.send('40/custom?token=abc,');
		const answer = await socket.next();
		assert.match(answer, /^4[04]\/custom/);
	});

	for (const packet of ['4abc', '4', '40[]', '40"x"', '42["message"]', '430[]', '41', '44{"message":"x"}', '48'])
		test(`${packet} first closes`, async (t) => {
			await closesOn(await open(t), packet);
		});

	test('binary first closes', async (t) => {
		await closesOn(await open(t), Buffer.from([1, 2, 3]));
	});

	test('nothing at all closes after a second', async (t) => {
		const began = performance.now();
		const socket = await open(t);
		await socket.over();
		assert.ok(performance.now() - began > 800);
	});

	test('over polling goes alike', async () => {
		const { body } = await get(target, `${PATH}?EIO=4&transport=polling`);
		const path = `${PATH}?EIO=4&transport=polling&sid=${JSON.parse(body.slice(1)).sid}`;
		assert.equal((await get(target, path, { method: 'POST', body: '40{"a":1}' })).body, 'ok');
		let heard = '';
		while (!heard.includes('["auth",{"a":1}]'))
			heard += `${(await get(target, path)).body}\x1e`;
		assert.match(heard, /^40\{"sid":"[^"]+"\}\x1e/);
	});
});

describe('several namespaces', () => {
	test('live beside each other', async (t) => {
		const socket = await join(t);
		socket.send('40/custom,');
		await socket.next('40/custom,');
		socket.send('42/custom,["message","a"]', '42["message","b"]');
		assert.equal(await socket.next('42/custom,["message-back"'), '42/custom,["message-back","a"]');
		assert.equal(await socket.next('42["message-back"'), '42["message-back","b"]');
	});

	test('leaving one leaves the other', async (t) => {
		const socket = await join(t);
		socket.send('40/custom,');
		await socket.next('40/custom,');
		socket.send('41', '42/custom,["message","still"]');
		assert.equal(await socket.next('42/custom,["message-back"'), '42/custom,["message-back","still"]');
	});
});

describe('what closes', () => {
	for (const packet of ['4abc', '42{}', '42[]', '42[{}]', '42["message"', '45["message"]', '451["message"]', '450-["message"]',
		'42/nowhere,["message"]', '42["disconnect"]', '42["connect"]', '40{"a":1'])
		test(`${packet}`, async (t) => {
			await closesOn(await join(t), packet);
		});

	ownTest('42', async (t) => {
		await closesOn(await join(t), '42');
	});

	test('text in place of binary', async (t) => {
		await closesOn(await join(t), '451-["message",{"_placeholder":true,"num":0}]', '42["message"]');
	});

	test('binary that nobody announced', async (t) => {
		await closesOn(await join(t), Buffer.from([1]));
	});

	test('does not end others', async (t) => {
		const socket = await join(t);
		await closesOn(await join(t), '42{}');
		socket.send('42["message","still"]');
		assert.equal(await socket.next('42["message-back"'), '42["message-back","still"]');
	});
});
