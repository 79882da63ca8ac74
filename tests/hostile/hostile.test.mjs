// Floods and stalls: nothing dies, what is stalled is ended, and two peers beside
// it talk on: no message of theirs takes 100 ms.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { atEnd, useForAll } from '../lib/ending.mjs';
import { program, root, until } from '../lib/daemon.mjs';
import { startTls } from '../lib/tls.mjs';
import * as attacks from './attacks.mjs';

const isFull = !!process.env.HOSTILE_FULL;
const isSanitized = /asan/.test(program);
const seed = Number(process.env.HOSTILE_SEED ?? Math.floor(Math.random() * 1e9) + 1);
const MOST_MS = 100;
const MOST_LEFT_MB = 64;
const counts = isFull
	? { sockets: 2000, resets: 4000, handshakes: 1000, messages: 20000, slow: 200, deaf: 50 }
	: { sockets: 200, resets: 400, handshakes: 100, messages: 2000, slow: 30, deaf: 5 };
// In full as operators have it: the defaults.
const sets = isFull ? {} : { 'http.head_timeout_s': 2, 'http.body_timeout_s': 2, 'output.stall_timeout_s': 2 };
const timeoutMs = isFull ? 10000 : 2000;

// In short those that mostly wait do so together.
const rounds = isFull
	? [['sockets'], ['resets'], ['halfHandshakes'], ['mutations'], ['slowRequests'], ['nonReaders'], Object.keys(attacks)]
	: [['resets'], ['mutations'], ['sockets', 'halfHandshakes', 'slowRequests', 'nonReaders']];

async function rssMb(daemon) {
	const pages = Number((await readFile(`/proc/${daemon.pid}/statm`, 'utf8')).split(' ')[1]);
	return pages * 4096 / 1024 / 1024;
}

async function startCanary(scope, daemon) {
	const child = fork(path.join(root, 'tests/hostile/canary.mjs'), [daemon.wsUrl, String(daemon.pid)]);
	const failed = once(child, 'exit').then(([code]) => Promise.reject(new Error(`the canary ended with ${code}`)));
	failed.catch(() => {});
	const hear = () => Promise.race([once(child, 'message').then(([message]) => message), failed]);
	atEnd(scope, () => child.kill());
	assert.equal(await Promise.race([hear(), delay(20000, 'nothing', { ref: false })]), 'singing');
	return {
		// What it saw since it was last asked.
		async look() {
			const heard = hear();
			child.send('look');
			return heard;
		},
		stop() {
			child.send('stop');
		},
	};
}

describe('beside two peers who talk', () => {
	const rows = [];
	let daemon, canary, beforeMb;

	useForAll(async (scope) => {
		const started = await startTls(scope, { sets: { 'turn.host': 'turn.example', 'turn.secret': 'of-the-hostile-tests', 'turn.probe': 'no', ...sets } });
		return { started, canary: await startCanary(scope, started) };
	}, (all) => {
		daemon = all.started;
		canary = all.canary;
	});

	for (const names of rounds)
		test(names.join(' and '), async (t) => {
			beforeMb ??= await rssMb(daemon);
			await canary.look();
			const began = performance.now();
			const run = (name) => attacks[name]({ daemon, counts, timeoutMs, stallMs: timeoutMs, seed });
			const details = await Promise.all(names.map(run));
			const { count, slowestMs, ownMs } = await canary.look();
			const row = {
				attack: names.join(' + '), seconds: Math.round((performance.now() - began) / 100) / 10, canaryMessages: count,
				canarySlowestMs: Math.round(slowestMs), canaryOwnMs: Math.round(ownMs), details,
			};
			rows.push(row);
			t.diagnostic(`${names.join(' + ')}: ${details.join('; ')}; canary: ${count} messages, slowest ${row.canarySlowestMs} ms, ${row.canaryOwnMs} ms of it not for want of a CPU`);
			assert.ok(count > 5, `the canary sang (${count})`);
			assert.ok(ownMs < MOST_MS, `a message took ${ownMs.toFixed(0)} ms (${slowestMs.toFixed(0)} ms with waiting for a CPU)`);
			assert.ok(daemon.isRunning);
		});

	test('all are gone, and memory is as it was', async (t) => {
		canary.stop();
		// One asks.
		await until('connections end', async () => await daemon.metric('signald_connections') <= 1, 30000);
		await delay(200);
		const afterMb = await rssMb(daemon);
		rows.push({ attack: 'memory', beforeMb: Math.round(beforeMb), afterMb: Math.round(afterMb) });
		t.diagnostic(`memory: ${beforeMb.toFixed(0)} MB before, ${afterMb.toFixed(0)} MB after`);
		// The sanitizers keep what was freed, to see that nobody uses it.
		if (!isSanitized)
			assert.ok(afterMb - beforeMb < MOST_LEFT_MB, `${(afterMb - beforeMb).toFixed(0)} MB more than before`);
		assert.doesNotMatch(daemon.log, /Sanitizer|runtime error/);
	});

	after(async () => {
		await mkdir(path.join(root, 'build'), { recursive: true });
		await writeFile(path.join(root, 'build/hostile.json'), `${JSON.stringify({ isFull, isSanitized, seed, counts, rows }, null, '\t')}\n`);
		const line = (cells) => `${cells[0].padEnd(60)} ${cells.slice(1).map((cell) => String(cell).padStart(9)).join(' ')}`;
		console.log([line(['attack', 'seconds', 'messages', 'slowest', 'own']),
			...rows.filter(({ seconds }) => seconds !== undefined)
				.map((row) => line([row.attack, row.seconds, row.canaryMessages, `${row.canarySlowestMs} ms`, `${row.canaryOwnMs} ms`]))].join('\n'));
	});
});
