// The sender's rules of the delivery protocol.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Outbox } from '../../web/client/outbox.js';

const BOB = 7;

/** An outbox whose frames are written down as [type, to, ti, n, p]. */
function start({ maxPending = 1000, peers = { bob: BOB } } = {}) {
	const frames = [];
	const outbox = new Outbox((type, { to, ti, n, p }, payload) => frames.push({ type, to, ti, n, p, payload }), maxPending);
	for (const [id, inst] of Object.entries(peers))
		outbox.open(id, inst);
	const outcomes = [];
	const errors = new Map();
	let count = 0;
	const post = (data, to = 'bob') => {
		const n = ++count;
		const done = (error) => {
			outcomes.push(error ? [n, error.code, error.mayHaveArrived] : [n, 'delivered']);
			errors.set(n, error);
		};
		return outbox.post({ type: 'signal', payload: `"data":${JSON.stringify(data)}`, isForMany: Array.isArray(to), done }, [to].flat());
	};
	/** What was sent since the last call. */
	const sent = () => frames.splice(0).map(({ n, p }) => [n, p]);
	const told = () => outcomes.splice(0);
	return { outbox, frames, post, sent, told, errors };
}

/** The connection is lost and made again, and the peers are seen. */
function cut(outbox, peers = { bob: BOB }) {
	outbox.hold();
	for (const [id, inst] of Object.entries(peers))
		outbox.open(id, inst);
}

describe('a message', () => {
	test('goes out at once, with its number, the one before, and the memory it is for', () => {
		const { frames, post } = start();
		post('one');
		post('two');
		assert.deepEqual(frames, [
			{ type: 'signal', to: 'bob', ti: BOB, n: 1, p: 0, payload: '"data":"one"' },
			{ type: 'signal', to: 'bob', ti: BOB, n: 2, p: 1, payload: '"data":"two"' },
		]);
	});

	test('is delivered when its receiver has said so, with all before it', () => {
		const { outbox, post, told } = start();
		post(1);
		post(2);
		post(3);
		outbox.ack('bob', BOB, 2);
		assert.deepEqual(told(), [[1, 'delivered'], [2, 'delivered']]);
		outbox.ack('bob', BOB, 3);
		assert.deepEqual(told(), [[3, 'delivered']]);
	});

	test('is not delivered by what another memory of its receiver has', () => {
		const { outbox, post, told } = start();
		post(1);
		outbox.ack('bob', BOB - 1, 1);
		outbox.ack('eve', BOB, 1);
		assert.deepEqual(told(), []);
	});

	test('says of the one before only what is pending: nothing when all are delivered', () => {
		const { outbox, post, sent } = start();
		post(1);
		outbox.ack('bob', BOB, 1);
		post(2);
		assert.deepEqual(sent(), [[1, 0], [2, 0]]);
	});

	test('to nobody is delivered', () => {
		const { post, frames, told } = start();
		post(1, []);
		assert.deepEqual([told(), frames], [[[1, 'delivered']], []]);
	});
});

describe('S1: messages wait', () => {
	test('for the connection', () => {
		const { outbox, post, sent } = start();
		outbox.hold();
		post(1);
		assert.deepEqual(sent(), []);
		cut(outbox);
		assert.deepEqual(sent(), [[1, 0]]);
	});

	test('for their receiver to be seen again, and go in the order of their numbers', () => {
		const { outbox, post, frames } = start({ peers: { ada: 5, bob: BOB } });
		outbox.hold();
		post(1, 'bob');
		post(2, 'ada');
		post(3, 'bob');
		assert.deepEqual(frames, []);
		outbox.open('ada', 5);
		assert.deepEqual(frames.map(({ n }) => n), [2]);
		outbox.open('bob', BOB);
		assert.deepEqual(frames.map(({ n, p }) => [n, p]), [[2, 0], [1, 0], [3, 1]]);
	});

	test('when too many are under way to one receiver, but not to others', () => {
		const { outbox, post, sent } = start({ peers: { ada: 5, bob: BOB } });
		for (let i = 0; i < 70; i++)
			post(i);
		assert.equal(sent().length, 64);
		post('x', 'ada');
		assert.deepEqual(sent(), [[71, 0]]);
		outbox.ack('bob', BOB, 3);
		assert.deepEqual(sent(), [[65, 64], [66, 65], [67, 66]]);
	});

	test('when too much is under way, but a big one goes alone', () => {
		const { outbox, post, sent } = start();
		post('x'.repeat(70000));
		post('y');
		assert.deepEqual(sent(), [[1, 0]]);
		outbox.ack('bob', BOB, 1);
		assert.deepEqual(sent(), [[2, 0]]);
	});
});

describe('S2: going back', () => {
	test('after a lost connection, to the first that is not known to have come', () => {
		const { outbox, post, sent } = start();
		post(1);
		post(2);
		post(3);
		outbox.ack('bob', BOB, 1);
		sent();
		cut(outbox);
		assert.deepEqual(sent(), [[2, 0], [3, 2]]);
	});

	test('makes up for a lost acknowledgement: the repetition is answered by it', () => {
		const { outbox, post, sent, told } = start();
		post(1);
		sent();
		cut(outbox); // with it went the acknowledgement
		assert.deepEqual(sent(), [[1, 0]]);
		outbox.ack('bob', BOB, 1);
		assert.deepEqual(told(), [[1, 'delivered']]);
	});

	test('at the return of a peer, the same memory', () => {
		const { outbox, post, sent } = start();
		post(1);
		post(2);
		sent();
		outbox.open('bob', BOB);
		assert.deepEqual(sent(), [[1, 0], [2, 1]]);
	});

	test('at a gap', () => {
		const { outbox, post, sent } = start();
		post(1);
		post(2);
		sent();
		outbox.refuse('gap', 'bob', 2, '');
		assert.deepEqual(sent(), [[1, 0], [2, 1]]);
	});

	test('once, though what was sent behind the gap is refused as well', () => {
		const { outbox, post, sent } = start();
		for (let n = 1; n <= 5; n++)
			post(n);
		sent();
		for (let n = 2; n <= 5; n++)
			outbox.refuse('gap', 'bob', n, '');
		assert.deepEqual(sent().map(([n]) => n), [1, 2, 3, 4, 5]);
	});

	test('again when what was sent anew is refused', () => {
		const { outbox, post, sent } = start();
		for (let n = 1; n <= 3; n++)
			post(n);
		sent();
		for (const n of [2, 3, 2])
			outbox.refuse('gap', 'bob', n, '');
		assert.deepEqual(sent().map(([n]) => n), [1, 2, 3, 1, 2, 3]);
	});

	test('to a message that was acknowledged never', () => {
		const { outbox, post, sent } = start();
		post(1);
		outbox.ack('bob', BOB, 1);
		sent();
		cut(outbox);
		outbox.refuse('gap', 'bob', 1, '');
		assert.deepEqual(sent(), []);
	});
});

describe('S3: a receiver that may still return', () => {
	test('is waited for, and the promise stays open', () => {
		const { outbox, post, sent, told } = start();
		post(1);
		post(2);
		outbox.refuse('peer-pending', 'bob', 1, '');
		outbox.refuse('peer-pending', 'bob', 2, '');
		post(3);
		assert.deepEqual([sent(), told()], [[[1, 0], [2, 1]], []]);
		outbox.open('bob', BOB);
		assert.deepEqual(sent(), [[1, 0], [2, 1], [3, 2]]);
	});

	test('fails only when it is known to be gone: refused every time, the message has not arrived', () => {
		const { outbox, post, told } = start();
		post(1);
		outbox.refuse('peer-pending', 'bob', 1, '');
		outbox.gone('bob', 'unknown-peer', 'the peer has left');
		assert.deepEqual(told(), [[1, 'unknown-peer', false]]);
	});
});

describe('S4: giving up', () => {
	test('a full queue fails that message alone; the next has another predecessor', () => {
		const { outbox, post, sent, told } = start();
		post(1);
		post(2);
		post(3);
		sent();
		outbox.refuse('queue-full', 'bob', 2, 'full');
		assert.deepEqual(told(), [[2, 'queue-full', false]]);
		post(4);
		assert.deepEqual(sent(), [[4, 3]]);
		for (const n of [3, 4])
			outbox.refuse('gap', 'bob', n, ''); // of the first attempts, behind the refused one
		assert.deepEqual(sent(), [[1, 0], [3, 1], [4, 3]]);
	});

	test('a message that was taken and cannot be delivered fails alone, and nothing is sent again', () => {
		const { outbox, post, sent, told } = start();
		post(1);
		post(2);
		sent();
		outbox.refuse('no-description', 'bob', 1, 'no description came');
		assert.deepEqual([told(), sent()], [[[1, 'no-description', false]], []]);
		outbox.refuse('gap', 'bob', 2, ''); // the server has forgotten the pair
		assert.deepEqual(sent(), [[2, 0]]);
	});

	test('the outcome is open when an earlier attempt was not refused', () => {
		const { outbox, post, told } = start();
		post(1);
		cut(outbox);
		outbox.refuse('queue-full', 'bob', 1, 'full');
		assert.deepEqual(told(), [[1, 'queue-full', true]]);
	});

	test('by the application takes that message only, and no number is given twice', () => {
		const { outbox, post, sent, told } = start();
		post(1);
		const second = post(2);
		post(3);
		outbox.giveUp(second, 'timeout', 'too late');
		post(4);
		assert.deepEqual(told(), [[2, 'timeout', true]]);
		sent();
		cut(outbox);
		assert.deepEqual(sent(), [[1, 0], [3, 1], [4, 3]]);
	});

	test('of what was never sent leaves no doubt', () => {
		const { outbox, post, told } = start();
		outbox.hold();
		outbox.giveUp(post(1), 'aborted', 'enough');
		assert.deepEqual(told(), [[1, 'aborted', false]]);
	});

	test('makes room for those that wait', () => {
		const { outbox, post, sent } = start();
		const entries = Array.from({ length: 65 }, (_, i) => post(i));
		sent();
		outbox.giveUp(entries[10], 'timeout', '');
		assert.deepEqual(sent(), [[65, 64]]);
	});

	test('the queue to a peer is bounded, and that to another is not the worse for it', () => {
		const { outbox, post, told } = start({ maxPending: 2, peers: { ada: 5, bob: BOB } });
		outbox.hold();
		post(1);
		post(2);
		post(3);
		post(4, 'ada');
		assert.deepEqual(told(), [[3, 'queue-full', false]]);
		cut(outbox);
		outbox.ack('bob', BOB, 2);
		post(5);
		assert.deepEqual(told(), [[1, 'delivered'], [2, 'delivered']]);
	});

	test('what the server finds wrong fails alone, named by its number only', () => {
		const { outbox, post, sent, told } = start({ peers: { ada: 5, bob: BOB } });
		post(1, 'ada');
		post(2);
		post(3);
		sent();
		outbox.refuse('bad-message', undefined, 2, 'data must be JSON');
		assert.deepEqual(told(), [[2, 'bad-message', false]]);
		outbox.refuse('gap', 'bob', 3, '');
		assert.deepEqual(sent(), [[3, 0]]);
	});
});

describe('S5: a receiver that is gone', () => {
	test('or whose page was loaded anew gets nothing of what was meant for the old one', () => {
		const { outbox, post, sent, told } = start();
		post(1);
		outbox.hold();
		post(2);
		sent();
		outbox.open('bob', BOB + 1);
		assert.deepEqual(sent(), []);
		assert.deepEqual(told(), [[1, 'peer-restarted', true], [2, 'peer-restarted', false]]);
		post(3);
		assert.deepEqual(sent(), [[3, 0]]);
	});

	test('rejects what is pending up to the number that the server names', () => {
		const { outbox, post, told } = start();
		post(1);
		post(2);
		outbox.refuse('unknown-peer', 'bob', 2, 'gone');
		assert.deepEqual(told(), [[1, 'unknown-peer', true], [2, 'unknown-peer', true]]);
	});

	test('by an error of before its new memory was heard of touches nothing that is for the new one', () => {
		const { outbox, post, sent, told } = start();
		post(1);
		outbox.open('bob', BOB + 1);
		post(2);
		sent();
		outbox.refuse('peer-restarted', 'bob', 1, '');
		assert.deepEqual(told(), [[1, 'peer-restarted', true]]);
		outbox.ack('bob', BOB + 1, 2);
		assert.deepEqual(told(), [[2, 'delivered']]);
	});

	test('is not written to', () => {
		const { outbox, post, frames, told } = start();
		outbox.gone('bob', 'unknown-peer', '');
		post(1);
		assert.deepEqual([frames, told()], [[], [[1, 'unknown-peer', false]]]);
	});
});

describe('a message to many', () => {
	const peers = { ada: 5, bob: BOB, eve: 9 };

	test('goes in one frame, one number, with a predecessor for each', () => {
		const { frames, post } = start({ peers });
		post(1, 'bob');
		post('all', ['ada', 'bob', 'eve']);
		assert.deepEqual(frames[1], { type: 'signal', to: ['ada', 'bob', 'eve'], ti: [5, BOB, 9], n: 2, p: [0, 1, 0], payload: '"data":"all"' });
	});

	test('is delivered when all have it', () => {
		const { outbox, post, told } = start({ peers });
		post(1, ['ada', 'bob']);
		outbox.ack('ada', 5, 1);
		assert.deepEqual(told(), []);
		outbox.ack('bob', BOB, 1);
		assert.deepEqual(told(), [[1, 'delivered']]);
	});

	test('says who does not have it, and why', () => {
		const { outbox, post, errors } = start({ peers });
		post(1, ['ada', 'bob', 'zoe']);
		outbox.ack('ada', 5, 1);
		outbox.gone('bob', 'peer-restarted', '');
		const { code, message, mayHaveArrived, peers: failed } = errors.get(1);
		assert.deepEqual([code, message, mayHaveArrived], ['undelivered', 'not delivered to zoe,bob', true]);
		assert.deepEqual([...failed].map(([id, error]) => [id, error.code, error.mayHaveArrived]),
			[['zoe', 'unknown-peer', false], ['bob', 'peer-restarted', true]]);
	});

	test('is sent again only to those who lack it', () => {
		const { outbox, frames, post } = start({ peers });
		post(1, ['ada', 'bob', 'eve']);
		outbox.ack('ada', 5, 1);
		frames.splice(0);
		cut(outbox, peers);
		assert.deepEqual(frames.map(({ to, n }) => [to, n]), [['bob', 1], ['eve', 1]]);
	});

	test('takes as many frames as the protocol asks for', () => {
		const many = Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`p${i}`, i + 1]));
		const { frames, post } = start({ peers: many });
		post('all', Object.keys(many));
		assert.deepEqual(frames.map(({ to, n }) => [to.length, n]), [[64, 1], [6, 1]]);
	});

	test('to somebody twice is for them once', () => {
		const { outbox, frames, post, told } = start();
		post(1, ['bob', 'bob']);
		assert.equal(frames[0].to, 'bob');
		outbox.ack('bob', BOB, 1);
		assert.deepEqual(told(), [[1, 'delivered']]);
	});
});

test('a new memory of ours ends all that is pending, and its numbers go on', () => {
	const { outbox, post, sent, told } = start({ peers: { ada: 5, bob: BOB } });
	post(1);
	post(2, 'ada');
	outbox.reset('expired', 'the window is over');
	assert.deepEqual((told()).map(([n, code]) => [n, code]), [[2, 'expired'], [1, 'expired']]);
	outbox.open('bob', BOB);
	sent();
	post(3);
	assert.deepEqual(sent(), [[3, 0]]);
});
