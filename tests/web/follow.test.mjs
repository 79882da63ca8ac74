// What follow() tells of a link, when looking at it takes a while.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Emitter } from '../../web/client/emitter.js';
import { settle } from './fakepc.mjs';

// As much of a browser as ui.js needs to load.
globalThis.location = new URL('http://localhost/call');
globalThis.addEventListener = () => {};
const { follow } = await import('../../web/pages/ui.js');

/** A link whose looks are answered by the test. */
class SlowLink extends Emitter {
	looks = [];

	state() {
		return new Promise((resolve) => this.looks.push(resolve));
	}

	tell(name) {
		this.emit(name, undefined);
	}
}

function start(t) {
	const link = new SlowLink();
	const told = [];
	t.mock.timers.enable({ apis: ['setInterval'] });
	follow(link, (state) => told.push(state));
	return { link, told };
}

test('a state is told at once, at a change, and every two seconds', async (t) => {
	const { link, told } = start(t);
	link.looks.shift()('first');
	await settle();
	link.tell('change');
	link.looks.shift()('second');
	await settle();
	t.mock.timers.tick(2000);
	link.looks.shift()('third');
	await settle();
	assert.deepEqual(told, ['first', 'second', 'third']);
});

test('a look that a newer one has overtaken is not told', async (t) => {
	const { link, told } = start(t);
	link.tell('change');
	const [older, newer] = link.looks;
	newer('newer');
	older('older');
	await settle();
	assert.deepEqual(told, ['newer']);
});

test('nothing is told of a link that has closed', async (t) => {
	const { link, told } = start(t);
	link.tell('closed');
	link.looks.shift()('late');
	t.mock.timers.tick(4000);
	await settle();
	assert.deepEqual(told, []);
	assert.equal(link.looks.length, 0);
});
