// Events.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Emitter } from '../../web/client/emitter.js';

class Bell extends Emitter {
	ring(payload) {
		this.emit('ring', payload);
	}
}

test('a listener hears until it is stopped', () => {
	const bell = new Bell();
	const heard = [];
	const stop = bell.on('ring', (payload) => heard.push(payload));
	bell.ring(1);
	stop();
	bell.ring(2);
	assert.deepEqual(heard, [1]);
});

test('once resolves with the next event only', async () => {
	const bell = new Bell();
	const next = bell.once('ring');
	bell.ring('first');
	bell.ring('second');
	assert.equal(await next, 'first');
});

test('a listener that throws stops neither the others nor the sender, and its error is reported', (t) => {
	const reports = [];
	t.mock.method(globalThis, 'queueMicrotask', (report) => reports.push(report));
	const bell = new Bell();
	const heard = [];
	bell.on('ring', () => {
		throw new Error('broken listener');
	});
	bell.on('ring', (payload) => heard.push(payload));
	bell.ring(1);
	assert.deepEqual(heard, [1]);
	assert.equal(reports.length, 1);
	assert.throws(reports[0], /broken listener/);
});

test('a listener that stops itself does not make another one miss the event', () => {
	const bell = new Bell();
	const heard = [];
	const stop = bell.on('ring', () => stop());
	bell.on('ring', (payload) => heard.push(payload));
	bell.ring(1);
	assert.deepEqual(heard, [1]);
});
