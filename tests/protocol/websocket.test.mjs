// WebSocket conformance (RFC 6455), case by case as the Autobahn suite has it.
// An echo is a ping message: its ref and nothing else comes back.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { startDaemon, useDaemon } from '../lib/daemon.mjs';
import {
	BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, closePayload, frame, joinRaw, openRawWs,
} from '../lib/rawws.mjs';

const bytes = (...values) => Buffer.from(values.flat());
const ping = (ref) => `{"type":"ping","ref":"${ref}"}`;
// A message of at least a given size, answered by a pong with this ref.
const padded = (ref, size, filler = 'x') => `{"type":"ping","ref":"${ref}","padding":"${filler.repeat(size)}"}`;

async function expectPong(ws, ref) {
	assert.deepEqual(await ws.json(), { type: 'pong', ref });
}

async function expectClose(ws, code) {
	const closing = await ws.closing();
	assert.equal(closing.code, code, closing.reason);
	if (code !== 1000 && code !== 1005)
		assert.notEqual(closing.reason, '', 'the close says why');
	return closing;
}

describe('framing', () => {
	let daemon;
	useDaemon({ sets: { 'websocket.max_message_bytes': 200000 } }, (d) => (daemon = d));
	const open = (t) => openRawWs(t, daemon);

	for (const size of [0, 1, 64, 125 - 40, 125, 126, 127, 128, 65535, 65536, 131072])
		test(`a text message of ${size} bytes more arrives`, async (t) => {
			const ws = await open(t);
			await ws.send(frame(TEXT, padded('size', size)));
			await expectPong(ws, 'size');
		});

	for (const size of [80, 100, 300, 70000])
		test(`a message of about ${size} bytes may come byte by byte`, async (t) => {
			const ws = await open(t);
			const all = frame(TEXT, padded('chopped', size));
			const step = Math.max(1, Math.floor(all.length / 2000));
			for (let at = 0; at < all.length; at += step)
				await ws.send(all.subarray(at, at + step));
			await expectPong(ws, 'chopped');
		});

	test('relayed messages of every length form come out whole, in the shortest form', async (t) => {
		const left = await joinRaw(t, daemon, { room: 'forms' });
		const right = await joinRaw(t, daemon, { room: 'forms' });
		for (const size of [0, 1, 40, 100, 125, 126, 65000, 65535, 66000, 150000]) {
			const data = createHash('md5').update(`${size}`).digest('hex').repeat(size / 32 + 1).slice(0, size);
			await left.sendJson({ type: 'signal', to: right.joined.id, data });
			assert.equal((await right.message('signal')).data, data);
		}
	});

	test('many frames in one packet are all answered, in order', async (t) => {
		const ws = await open(t);
		const frames = Array.from({ length: 500 }, (_, i) => frame(TEXT, ping(i)));
		await ws.send(...frames);
		for (let i = 0; i < 500; i++)
			await expectPong(ws, `${i}`);
	});

	for (const size of [0, 1, 124, 125])
		test(`a ping of ${size} bytes gets its pong`, async (t) => {
			const ws = await open(t);
			const payload = Buffer.alloc(size, 0xfe);
			await ws.send(frame(PING, payload));
			const pong = await ws.frame();
			assert.equal(pong.opcode, PONG);
			assert.equal(pong.fin, true);
			assert.deepEqual(pong.payload, payload);
		});

	test('ten pings get ten pongs, in order', async (t) => {
		const ws = await open(t);
		await ws.send(...Array.from({ length: 10 }, (_, i) => frame(PING, `ping ${i}`)));
		for (let i = 0; i < 10; i++)
			assert.equal((await ws.frame()).payload.toString(), `ping ${i}`);
	});

	test('pongs that nobody asked for are let be', async (t) => {
		const ws = await open(t);
		await ws.send(frame(PONG), frame(PONG, 'hello'), frame(TEXT, ping('after')));
		await expectPong(ws, 'after');
	});

	for (const [what, bad] of [
		['a ping of 126 bytes', frame(PING, Buffer.alloc(126))],
		['a close of 126 bytes', frame(CLOSE, Buffer.concat([closePayload(1000), Buffer.alloc(124, 97)]))],
		['a fragmented ping', frame(PING, 'x', { fin: false })],
		['a fragmented close', frame(CLOSE, closePayload(1000), { fin: false })],
		['a fragmented pong', frame(PONG, 'x', { fin: false })],
		['an unmasked text', frame(TEXT, ping('x'), { mask: null })],
		['an unmasked ping', frame(PING, 'x', { mask: null })],
		['an unmasked close', frame(CLOSE, closePayload(1000), { mask: null })],
		['a 16-bit length that fits 7', frame(TEXT, ping('x'), { lengthBytes: 2 })],
		['a 64-bit length that fits 7', frame(TEXT, ping('x'), { lengthBytes: 8 })],
		['a 64-bit length that fits 16', frame(TEXT, padded('x', 300), { lengthBytes: 8 })],
		['a length with the top bit set', bytes(0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4)],
		['a continuation of nothing', frame(CONTINUATION, ping('x'))],
		['an unfinished continuation of nothing', frame(CONTINUATION, 'x', { fin: false })],
		['a text within a fragmented text', Buffer.concat([frame(TEXT, '{', { fin: false }), frame(TEXT, '}')])],
		['a binary within a fragmented text', Buffer.concat([frame(TEXT, '{', { fin: false }), frame(BINARY, '}')])],
		['a continuation behind a whole text',
			Buffer.concat([frame(TEXT, ping('x')), frame(CONTINUATION, 'x')])],
	])
		test(`${what} closes with 1002`, async (t) => {
			const ws = await open(t);
			await ws.send(bad, frame(TEXT, ping('behind')));
			await expectClose(ws, 1002);
		});

	for (const rsv of [1, 2, 3, 4, 5, 6, 7])
		for (const opcode of [TEXT, PING, CLOSE, CONTINUATION])
			test(`reserved bits ${rsv} with opcode ${opcode} close with 1002`, async (t) => {
				const ws = await open(t);
				const payload = opcode === CLOSE ? closePayload(1000) : 'x';
				await ws.send(frame(opcode, payload, { rsv }));
				await expectClose(ws, 1002);
			});

	for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
		for (const payload of ['', 'some bytes'])
			test(`reserved opcode ${opcode} with ${payload.length} bytes closes with 1002`, async (t) => {
				const ws = await open(t);
				await ws.send(frame(TEXT, ping('before')), frame(opcode, payload));
				await expectPong(ws, 'before');
				await expectClose(ws, 1002);
			});

	test('a bad frame is refused from its header, before its payload comes', async (t) => {
		const ws = await open(t);
		await ws.send(frame(3, 'x'.repeat(1000)).subarray(0, 14));
		await expectClose(ws, 1002);
	});

	for (const payload of ['', '{"type":"ping"}'])
		test(`a binary message of ${payload.length} bytes closes with 1003`, async (t) => {
			const ws = await open(t);
			await ws.send(frame(BINARY, payload));
			await expectClose(ws, 1003);
		});
});

describe('fragments', () => {
	let daemon;
	useDaemon({ sets: { 'websocket.max_fragments': 16 } }, (d) => (daemon = d));

	function fragments(text, count, between = []) {
		const size = Math.ceil(text.length / count);
		const frames = [];
		for (let i = 0; i < count; i++) {
			frames.push(frame(i ? CONTINUATION : TEXT, text.slice(i * size, (i + 1) * size), { fin: i === count - 1 }));
			if (i < count - 1)
				frames.push(...between);
		}
		return frames;
	}

	for (const count of [2, 3, 16])
		test(`a message in ${count} frames arrives`, async (t) => {
			const ws = await openRawWs(t, daemon);
			await ws.send(...fragments(padded('parts', 200), count));
			await expectPong(ws, 'parts');
		});

	test('a fragmented message may come byte by byte', async (t) => {
		const ws = await openRawWs(t, daemon);
		for (const byte of Buffer.concat(fragments(padded('parts', 20), 5)))
			await ws.send(bytes(byte));
		await expectPong(ws, 'parts');
	});

	test('empty fragments are fine', async (t) => {
		const ws = await openRawWs(t, daemon);
		await ws.send(frame(TEXT, '', { fin: false }), frame(CONTINUATION, ping('empty'), { fin: false }),
			frame(CONTINUATION, ''));
		await expectPong(ws, 'empty');
	});

	test('control frames between fragments are answered at once', async (t) => {
		const ws = await openRawWs(t, daemon);
		await ws.send(...fragments(ping('parts'), 3, [frame(PING, 'between'), frame(PONG)]).slice(0, -1));
		assert.equal((await ws.frame()).payload.toString(), 'between');
		assert.equal((await ws.frame()).payload.toString(), 'between');
		await ws.send(fragments(ping('parts'), 3).at(-1));
		await expectPong(ws, 'parts');
	});

	test('a message in more frames than allowed closes with 1009', async (t) => {
		const ws = await openRawWs(t, daemon);
		await ws.send(...fragments(padded('parts', 200), 17));
		await expectClose(ws, 1009);
	});

	test('two fragmented messages behind one another both arrive', async (t) => {
		const ws = await openRawWs(t, daemon);
		await ws.send(...fragments(ping('one'), 4), ...fragments(ping('two'), 4));
		await expectPong(ws, 'one');
		await expectPong(ws, 'two');
	});

	test('a close between fragments is answered', async (t) => {
		const ws = await openRawWs(t, daemon);
		await ws.send(frame(TEXT, '{', { fin: false }), frame(CLOSE, closePayload(1000)));
		await expectClose(ws, 1000);
	});
});

describe('sizes', () => {
	let daemon;
	useDaemon({ sets: { 'websocket.max_message_bytes': 1024 } }, (d) => (daemon = d));
	const filled = (ref, size) => padded(ref, size - padded(ref, 0).length);

	test('a message of exactly the limit arrives', async (t) => {
		const ws = await openRawWs(t, daemon);
		await ws.send(frame(TEXT, filled('most', 1024)));
		await expectPong(ws, 'most');
	});

	test('one byte more closes with 1009', async (t) => {
		const ws = await openRawWs(t, daemon);
		await ws.send(frame(TEXT, filled('more', 1025)));
		await expectClose(ws, 1009);
	});

	test('so does the same in fragments', async (t) => {
		const ws = await openRawWs(t, daemon);
		const text = filled('more', 1025);
		await ws.send(frame(TEXT, text.slice(0, 600), { fin: false }), frame(CONTINUATION, text.slice(600)));
		await expectClose(ws, 1009);
	});

	for (const length of [1025, 70000, 2 ** 32, 2 ** 53])
		test(`a frame that announces ${length} bytes is refused before they come`, async (t) => {
			const ws = await openRawWs(t, daemon);
			await ws.send(frame(TEXT, '{', { length }));
			await expectClose(ws, 1009);
		});
});

describe('closing', () => {
	let daemon;
	useDaemon({}, (d) => (daemon = d));

	for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999])
		test(`code ${code} is echoed, then the connection ends`, async (t) => {
			const ws = await openRawWs(t, daemon);
			await ws.send(frame(CLOSE, closePayload(code, 'because')));
			assert.equal((await ws.closing()).code, code);
		});

	test('a close without a code is answered without one', async (t) => {
		const ws = await openRawWs(t, daemon);
		await ws.send(frame(CLOSE));
		const { code } = await ws.closing();
		assert.ok(code === 1005 || code === 1000, `${code}`);
	});

	test('a reason of 123 bytes is fine', async (t) => {
		const ws = await openRawWs(t, daemon);
		await ws.send(frame(CLOSE, closePayload(1000, 'x'.repeat(123))));
		assert.equal((await ws.closing()).code, 1000);
	});

	for (const code of [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
		test(`code ${code} must not be sent: 1002`, async (t) => {
			const ws = await openRawWs(t, daemon);
			await ws.send(frame(CLOSE, closePayload(code)));
			await expectClose(ws, 1002);
		});

	test('a close of one byte: 1002', async (t) => {
		const ws = await openRawWs(t, daemon);
		await ws.send(frame(CLOSE, 'x'));
		await expectClose(ws, 1002);
	});

	test('a reason that is not UTF-8: 1007', async (t) => {
		const ws = await openRawWs(t, daemon);
		await ws.send(frame(CLOSE, Buffer.concat([closePayload(1000), bytes(0xce, 0xba, 0xe1, 0xbd, 0xb9, 0xcf, 0x83, 0xce,
			0xbc, 0xce, 0xb5, 0xed, 0xa0, 0x80)])));
		await expectClose(ws, 1007);
	});

	test('what follows a close frame is not read', async (t) => {
		const left = await joinRaw(t, daemon, { room: 'closing' });
		const right = await joinRaw(t, daemon, { room: 'closing' });
		await left.send(frame(CLOSE, closePayload(1000)),
			frame(TEXT, JSON.stringify({ type: 'signal', to: right.joined.id, data: 'too late' })));
		assert.equal((await left.closing()).code, 1000);
		const message = await right.json();
		assert.equal(message.type, 'peer-left');
		assert.equal(message.reason, 'left');
	});

	test('two close frames are answered once', async (t) => {
		const ws = await openRawWs(t, daemon);
		await ws.send(frame(CLOSE, closePayload(1000)), frame(CLOSE, closePayload(1001)));
		assert.equal((await ws.closing()).code, 1000);
		assert.equal(ws.connection.received.length, 0);
	});

	test('a connection that breaks in the middle of a frame is let go', async (t) => {
		const left = await joinRaw(t, daemon, { room: 'breaking' });
		const right = await joinRaw(t, daemon, { room: 'breaking' });
		await left.send(frame(TEXT, padded('half', 1000)).subarray(0, 500));
		left.end();
		const message = await right.message('peer-left');
		assert.equal(message.id, left.joined.id);
		assert.equal(message.reason, 'lost');
	});
});

describe('UTF-8', () => {
	let daemon;
	useDaemon({}, (d) => (daemon = d));
	const text = (middle) => Buffer.concat([Buffer.from('{"type":"ping","ref":"utf8","padding":"'), middle, Buffer.from('"}')]);

	for (const [what, valid] of [
		['Greek', 'κόσμε'], ['the euro sign', '€'], ['U+FFFF', '\uffff'], ['U+10FFFF', '\u{10ffff}'], ['U+D7FF', '\ud7ff'],
		['U+E000', '\ue000'], ['U+FFFD', '\ufffd'], ['U+80', '\x80'], ['U+800', '\u0800'], ['U+10000', '\u{10000}'],
		['a non-character', '\u{1fffe}'], ['an emoji', '👩‍👩‍👧'],
	]) {
		test(`${what} passes`, async (t) => {
			const ws = await openRawWs(t, daemon);
			await ws.send(frame(TEXT, text(Buffer.from(valid))));
			await expectPong(ws, 'utf8');
		});

		test(`${what} passes when cut into a frame for each byte`, async (t) => {
			const ws = await openRawWs(t, daemon);
			const whole = text(Buffer.from(valid));
			const parts = Array.from(whole, (byte, i) =>
				frame(i ? CONTINUATION : TEXT, bytes(byte), { fin: i === whole.length - 1 }));
			await ws.send(...parts);
			await expectPong(ws, 'utf8');
		});
	}

	for (const [what, invalid] of [
		['a lone continuation byte', [0x80]], ['a lone last byte', [0xbf]], ['ten continuation bytes', Array(10).fill(0xb0)],
		['a start without its continuation', [0xc3, 0x20]], ['a start of three, cut short', [0xe2, 0x82, 0x20]],
		['a start of four, cut short', [0xf0, 0x90, 0x80, 0x20]], ['a start at the end', [0xc3]],
		['the bytes 0xfe and 0xff', [0xfe, 0xff]], ['0xff', [0xff]], ['an over-long slash', [0xc0, 0xaf]],
		['an over-long slash of three', [0xe0, 0x80, 0xaf]], ['an over-long slash of four', [0xf0, 0x80, 0x80, 0xaf]],
		['an over-long NUL', [0xc0, 0x80]], ['the highest over-long of two', [0xc1, 0xbf]],
		['the highest over-long of three', [0xe0, 0x9f, 0xbf]], ['the highest over-long of four', [0xf0, 0x8f, 0xbf, 0xbf]],
		['a high surrogate', [0xed, 0xa0, 0x80]], ['a low surrogate', [0xed, 0xbf, 0xbf]],
		['a surrogate pair', [0xed, 0xa0, 0x80, 0xed, 0xb0, 0x80]], ['U+110000', [0xf4, 0x90, 0x80, 0x80]],
		['a start of five', [0xf8, 0x88, 0x80, 0x80, 0x80]], ['a start of six', [0xfc, 0x84, 0x80, 0x80, 0x80, 0x80]],
	]) {
		test(`${what} closes with 1007`, async (t) => {
			const ws = await openRawWs(t, daemon);
			await ws.send(frame(TEXT, text(bytes(invalid))));
			await expectClose(ws, 1007);
		});

		test(`${what} closes with 1007 in the middle of an unfinished frame`, async (t) => {
			const ws = await openRawWs(t, daemon);
			// 200 bytes are announced, a third of them comes: what is bad already is
			// refused now.
			const part = Buffer.concat([Buffer.from('{"type":"ping","padding":"'), bytes(invalid), Buffer.from('  ')]);
			await ws.send(frame(TEXT, part, { length: 200 }));
			await expectClose(ws, 1007);
		});

		test(`${what} closes with 1007 in an unfinished fragment`, async (t) => {
			const ws = await openRawWs(t, daemon);
			await ws.send(frame(TEXT, '{"padding":"', { fin: false }),
				frame(CONTINUATION, Buffer.concat([bytes(invalid), Buffer.from('  ')]), { fin: false }));
			await expectClose(ws, 1007);
		});
	}

	test('a message that ends within a character closes with 1007', async (t) => {
		const ws = await openRawWs(t, daemon);
		await ws.send(frame(TEXT, Buffer.concat([Buffer.from('"'), bytes(0xf0, 0x9f, 0x91)])));
		await expectClose(ws, 1007);
	});
});

describe('time', () => {
	test('a silent client is pinged, then closed; one that pongs stays', async (t) => {
		const daemon = await startDaemon(t, { sets: {
			'websocket.ping_interval_s': 1, 'websocket.silence_timeout_s': 2 } });
		const silent = await joinRaw(t, daemon, { room: 'time' });
		const alive = await joinRaw(t, daemon, { room: 'time' });
		const began = performance.now();
		let pings = 0;
		const other = (async () => {
			for (;;) {
				const got = await alive.frame();
				if (got.opcode === PING) {
					pings++;
					await alive.send(frame(PONG, got.payload));
				} else if (JSON.parse(got.payload).type === 'peer-left') {
					return JSON.parse(got.payload);
				}
			}
		})();
		const first = await silent.frame();
		assert.ok(first.opcode === PING || JSON.parse(first.payload).type === 'peer-joined');
		await silent.connection.closed(6000);
		const took = performance.now() - began;
		assert.ok(took > 1500 && took < 5000, `closed after ${took} ms`);
		const left = await other;
		assert.equal(left.id, silent.joined.id);
		assert.equal(left.reason, 'lost');
		await alive.send(frame(TEXT, ping('still here')));
		await alive.message('pong');
		assert.ok(pings >= 1);
	});

	test('a message that trickles for ever is closed with 1008', async (t) => {
		const daemon = await startDaemon(t, { sets: {
			'websocket.ping_interval_s': 1, 'websocket.silence_timeout_s': 2 } });
		const slow = await joinRaw(t, daemon);
		const began = performance.now();
		await slow.send(frame(TEXT, '{"type":', { fin: false }));
		const trickling = setInterval(() => slow.send(frame(CONTINUATION, ' ', { fin: false })), 100);
		t.after(() => clearInterval(trickling));
		const closing = await slow.closing();
		assert.equal(closing.code, 1008);
		assert.match(closing.reason, /not finished/);
		const took = performance.now() - began;
		assert.ok(took > 3900 && took < 8000, `closed after ${took} ms`);
	});

	test('who does not join in time is closed with 1008', async (t) => {
		const daemon = await startDaemon(t, { sets: { 'websocket.join_timeout_s': 1 } });
		const idle = await openRawWs(t, daemon);
		const busy = await openRawWs(t, daemon);
		const pinging = setInterval(() => busy.send(frame(TEXT, '{"type":"ping"}')), 100);
		t.after(() => clearInterval(pinging));
		const closing = await idle.closing();
		assert.equal(closing.code, 1008);
		assert.match(closing.reason, /join timeout/);
		assert.equal((await busy.closing()).code, 1008, 'talking is not joining');
		const joined = await joinRaw(t, daemon);
		await assert.rejects(joined.closing(1500), /in vain/);
	});
});
