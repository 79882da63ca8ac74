// Who is in the room, and what it means for messages to and from them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Inbox } from '../../web/client/inbox.js';
import { Outbox } from '../../web/client/outbox.js';
import { Roster } from '../../web/client/roster.js';

function start() {
	const clock = { ms: 0 };
	const inbox = new Inbox(() => clock.ms);
	const news = [];
	const outbox = new Outbox(() => {}, 10);
	const roster = new Roster(outbox, inbox, (what, { id }, more) => news.push([what, id, more]));
	const had = [];
	const take = (from, n) => inbox.receive({ from, fi: 7, n }, () => had.push(n));
	inbox.begin(1);
	roster.begin(true);
	return { clock, inbox, roster, news, had, take };
}

const bob = { id: 'bob', role: 'peer', inst: 7 };

test('nothing of somebody in view is forgotten, however long they are silent', () => {
	const { clock, roster, had, take } = start();
	roster.see(bob);
	take('bob', 1);
	clock.ms += 3600000;
	take('out of view', 1);
	take('bob', 1);
	assert.deepEqual(had, [1, 1]);
});

test('of somebody who has left what came is forgotten in its time', () => {
	const { clock, roster, had, take } = start();
	roster.see(bob);
	take('bob', 1);
	roster.seeLeft('bob', 'left');
	take('bob', 1);
	clock.ms += 600000;
	take('out of view', 1);
	take('bob', 1);
	assert.deepEqual(had, [1, 1, 1]);
});

test('who was there before us is said to have been, and told once', () => {
	const { roster, news } = start();
	roster.see(bob, true);
	roster.see(bob, true);
	roster.see({ ...bob, id: 'eve' });
	assert.deepEqual(news, [['joined', 'bob', true], ['joined', 'eve', false]]);
});

test('news of somebody unknown is none', () => {
	const { roster, news } = start();
	roster.seeAway('zoe');
	roster.seeBack('zoe', 7);
	roster.seeLeft('zoe', 'left');
	assert.deepEqual(news, []);
});

test('who comes back with another memory has begun anew', () => {
	const { roster, news } = start();
	roster.see(bob);
	roster.seeAway('bob');
	roster.seeBack('bob', 8);
	assert.deepEqual(news.slice(1), [['away', 'bob', undefined], ['left', 'bob', 'restarted'], ['joined', 'bob', false]]);
	assert.equal(roster.peers.get('bob').inst, 8);
});
