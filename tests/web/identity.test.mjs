// Who a page is: over reloads, in copies of a tab, and without anything kept.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Identity } from '../../web/client/identity.js';
import { Shelf } from './shelf.mjs';

/** Web Locks, as far as exclusive ones with a signal go (W3C Web Locks, 2.5). */
class Locks {
	#tails = new Map();

	request(name, { signal }, hold) {
		if (signal?.aborted)
			return Promise.reject(signal.reason);
		// Node would not wait for the signal's own timer.
		const awake = setInterval(() => {}, 1000);
		const before = this.#tails.get(name) ?? Promise.resolve();
		const aborted = new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
		const turn = Promise.race([before, aborted]).finally(() => clearInterval(awake));
		const held = turn.then(hold);
		this.#tails.set(name, Promise.allSettled([before, held]));
		return held;
	}
}

function useLocks(t, locks) {
	const had = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
	Object.defineProperty(globalThis, 'navigator', { value: { locks }, configurable: true });
	t.after(() => {
		delete globalThis.navigator;
		if (had)
			Object.defineProperty(globalThis, 'navigator', had);
	});
}

async function open(storage, key = 'room') {
	const identity = new Identity(storage, key);
	await identity.claim();
	return identity;
}

/** Somebody the server has let in. */
async function openAs(storage, token, id) {
	const identity = await open(storage);
	identity.keep(token, id);
	return identity;
}

test('a page is nobody at first', async () => {
	const { token, inst } = await open(new Shelf());
	assert.equal(token, '');
	assert.equal(Math.floor(inst / 2 ** 32), 1);
	assert.ok(Number.isSafeInteger(inst));
});

test('every memory is later than the one before, also within the page', async () => {
	const shelf = new Shelf();
	const first = await open(shelf);
	const insts = [first.inst];
	first.renew();
	insts.push(first.inst, (await open(shelf)).inst);
	assert.deepEqual(insts.map((inst) => Math.floor(inst / 2 ** 32)), [1, 2, 3]);
});

test('two memories of the same count differ all the same', async () => {
	const insts = await Promise.all(Array.from({ length: 20 }, async () => (await open(new Shelf())).inst));
	assert.equal(new Set(insts).size, 20);
});

describe('a page that is loaded again', () => {
	test('is who it was', async (t) => {
		useLocks(t, new Locks());
		const shelf = new Shelf();
		const before = await openAs(shelf, 'token', 'ada');
		before.keep('newer token');
		before.release(); // as the browser does with the page
		assert.equal((await open(shelf)).token, 'newer token');
	});

	test('waits for the one that is being left to go', async (t) => {
		useLocks(t, new Locks());
		const shelf = new Shelf();
		const before = await openAs(shelf, 'token', 'ada');
		const opening = open(shelf);
		setImmediate(() => before.release());
		assert.equal((await opening).token, 'token');
	});

	test('is who it was where there are no locks', async (t) => {
		useLocks(t, undefined);
		const shelf = new Shelf();
		await openAs(shelf, 'token', 'ada');
		assert.equal((await open(shelf)).token, 'token');
	});

	test('in another room or role is nobody', async () => {
		const shelf = new Shelf();
		await openAs(shelf, 'token', 'ada');
		assert.equal((await open(shelf, 'another')).token, '');
	});
});

describe('a duplicated tab', () => {
	test('does not fight for the place: it forgets the copied token', async (t) => {
		useLocks(t, new Locks());
		const shelf = new Shelf();
		const original = await openAs(shelf, 'token', 'ada');
		const copied = shelf.copy();
		const copy = await open(copied);
		assert.equal(copy.token, '');
		assert.equal(original.token, 'token');
		assert.equal(JSON.parse(copied.getItem('room')).token, '');
		assert.equal(JSON.parse(shelf.getItem('room')).token, 'token');
	});

	test('does not fight for the place, however slowly the original got its lock', async (t) => {
		const locks = new Locks();
		useLocks(t, locks);
		const shelf = new Shelf();
		let letGo;
		locks.request('signald ada', {}, () => new Promise((resolve) => (letGo = resolve)));
		await new Promise(setImmediate);
		const hurry = t.mock.method(AbortSignal, 'timeout', () => AbortSignal.abort());
		await openAs(shelf, 'token', 'ada');
		letGo();
		await new Promise(setImmediate);
		hurry.mock.restore();
		assert.equal((await open(shelf.copy())).token, '');
	});

	test('and its original are both who they were after a reload of either', async (t) => {
		useLocks(t, new Locks());
		const shelf = new Shelf();
		await openAs(shelf, 'token of ada', 'ada');
		const copied = shelf.copy();
		const copy = await openAs(copied, 'token of eve', 'eve');
		copy.release();
		assert.equal((await open(copied)).token, 'token of eve');
	});
});

describe('who is nobody any more', () => {
	test('is nobody after a reload either', async () => {
		const shelf = new Shelf();
		(await openAs(shelf, 'token', 'ada')).forget();
		assert.equal((await open(shelf)).token, '');
	});

	test('does not forget what another page has kept in the same place', async (t) => {
		useLocks(t, undefined);
		const shelf = new Shelf();
		const one = await openAs(shelf, 'token', 'ada');
		await openAs(shelf, 'newer', 'ada');
		one.forget();
		assert.equal((await open(shelf)).token, 'newer');
	});

	test('leaves the place to the next', async (t) => {
		useLocks(t, new Locks());
		const shelf = new Shelf();
		const one = await openAs(shelf, 'token', 'ada');
		one.release();
		assert.equal((await open(shelf)).token, 'token');
	});
});

describe('without a storage', () => {
	test('nothing is kept', async () => {
		await openAs(null, 'token', 'ada');
		assert.equal((await open(null)).token, '');
	});

	test('that works, neither, and nothing fails', async () => {
		const broken = {
			getItem() {
				throw new DOMException('no', 'SecurityError');
			},
			setItem() {
				throw new DOMException('full', 'QuotaExceededError');
			},
		};
		const identity = await openAs(broken, 'token', 'ada');
		assert.equal(identity.token, 'token');
		identity.forget();
	});

	test('what is not ours in it is as nothing', async () => {
		const shelf = new Shelf([['room', '{"token":']]);
		assert.equal((await open(shelf)).token, '');
	});
});
