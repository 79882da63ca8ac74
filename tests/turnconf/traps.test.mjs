// What check warns of is what the installed coturn does: each trap is sprung.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';

import { PUBLIC6, SECRET, allocated, bareConf, makeFolder, startCoturn, turnconf, writeConf } from './coturn.mjs';

const { stdout: VERSION } = await run('turnserver', '--version');
const isBefore = (version) => VERSION.trim().localeCompare(version, 'en', { numeric: true }) < 0;

async function run(program, ...args) {
	const child = spawn(program, args);
	let stdout = '';
	child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
	child.stderr.resume();
	const [code] = await once(child, 'close');
	return { code, stdout };
}

async function rulesFor(file) {
	const { stdout } = await turnconf('check', '--json', file);
	return JSON.parse(stdout).findings.map((finding) => finding.rule);
}

// coturn with the bare configuration and these lines; check names the rule.
async function startWith(t, rule, ...lines) {
	const folder = await makeFolder(t);
	const file = await writeConf(folder, ...bareConf(folder), ...lines);
	assert.ok((await rulesFor(file)).includes(rule), rule);
	return startCoturn(t, file);
}

// coturn ends over it at once.
async function endsWith(t, rule, ...lines) {
	const folder = await makeFolder(t);
	const file = await writeConf(folder, ...bareConf(folder), ...lines);
	assert.ok((await rulesFor(file)).includes(rule), rule);
	assert.notEqual((await run('timeout', '10', 'turnserver', '-c', file)).code, 124);
}

describe('peers', () => {
	test('without deny lines a private peer is allowed', async (t) => {
		const client = await allocated(t, await startWith(t, 'inside-open'));
		assert.equal((await client.permit('10.0.0.1')).code, 200);
		assert.equal((await client.permit('127.0.0.1')).code, 403);
	});

	test('CIDR is no rule', { skip: !isBefore('4.11.0') }, async (t) => {
		const coturn = await startWith(t, 'deny-cidr', 'denied-peer-ip=10.0.0.0/8');
		assert.match(coturn.log, /Wrong address format/);
		assert.equal((await (await allocated(t, coturn)).permit('10.0.0.1')).code, 200);
	});

	for (const [rule, line] of [['deny-all', 'denied-peer-ip=::'], ['deny-all', 'denied-peer-ip=0.0.0.0'], ['deny-all', 'denied-peer-ip=::-::1'], ['deny-all', 'denied-peer-ip=']]) {
		test(`${line} denies 8.8.8.8`, async (t) => {
			const client = await allocated(t, await startWith(t, rule, line));
			assert.equal((await client.permit('8.8.8.8')).code, 403);
		});
	}

	test('an IPv6 range that is no prefix has holes', { skip: !isBefore('4.16.0') }, async (t) => {
		const coturn = await startWith(t, 'deny-unaligned', `relay-ip=${PUBLIC6}`, 'denied-peer-ip=2a02:7::5-2a02:7::1:3');
		const client = await allocated(t, coturn, { family: 6 });
		assert.equal((await client.permit('2a02:7::6')).code, 200);
		assert.equal((await client.permit('2a02:7::1:3')).code, 200);
	});

	test('allowed wins over denied', async (t) => {
		const client = await allocated(t, await startWith(t, 'allow-inside', 'denied-peer-ip=10.0.0.0-10.255.255.255', 'allowed-peer-ip=10.0.0.7'));
		assert.equal((await client.permit('10.0.0.7')).code, 200);
		assert.equal((await client.permit('10.0.0.8')).code, 403);
	});

	test('the private part of external-ip is allowed', async (t) => {
		const client = await allocated(t, await startWith(t, 'external-allows', 'denied-peer-ip=10.0.0.0-10.255.255.255', 'external-ip=8.8.9.9/10.0.0.7'));
		assert.equal((await client.permit('10.0.0.7')).code, 200);
		assert.equal((await client.permit('10.0.0.8')).code, 403);
	});

	test('an external-ip alone leaves the relay denied to itself', async (t) => {
		const folder = await makeFolder(t);
		const lines = bareConf(folder).map((line) => line.replace(/^relay-ip=.*/, 'relay-ip=10.77.0.5'));
		const file = await writeConf(folder, ...lines, 'denied-peer-ip=10.0.0.0-10.255.255.255', 'external-ip=8.8.9.9');
		assert.ok((await rulesFor(file)).includes('relay-denied'));
		const client = await allocated(t, await startCoturn(t, file));
		assert.equal((await client.permit('8.8.9.9')).code, 403);
	});
});

describe('lines', () => {
	test('without an auth line anyone relays', async (t) => {
		const folder = await makeFolder(t);
		const lines = bareConf(folder).filter((line) => !/auth-secret/.test(line));
		const file = await writeConf(folder, ...lines);
		assert.ok((await rulesFor(file)).includes('open-relay'));
		const coturn = await startCoturn(t, file);
		const client = await coturn.client(null);
		t.after(() => client.close());
		assert.equal((await client.allocate()).code, 200);
	});

	test('use-auth-secret=false asks for credentials all the same', async (t) => {
		const folder = await makeFolder(t);
		const lines = bareConf(folder).filter((line) => !/auth-secret/.test(line));
		const file = await writeConf(folder, ...lines, 'use-auth-secret=false');
		assert.ok((await rulesFor(file)).includes('ignored-value'));
		const client = await (await startCoturn(t, file)).client(null);
		t.after(() => client.close());
		assert.equal((await client.allocate()).code, 401);
	});

	test('an unknown option is only logged', async (t) => {
		const coturn = await startWith(t, 'unknown-option', 'deny-peer-ip=10.0.0.0-10.255.255.255');
		assert.match(coturn.log, /Bad configuration format: deny-peer-ip/);
	});

	test('the rest of a line of 1023 characters is a line', async (t) => {
		const comment = `#${'x'.repeat(1022)}`;
		const coturn = await startWith(t, 'long-line', `${comment}bogus-option`);
		assert.match(coturn.log, /Bad configuration format: bogus-option/);
	});

	test('a comment behind a value is part of it', async (t) => {
		const coturn = await startWith(t, 'inline-comment', 'realm=first.example # ours');
		assert.match(coturn.log, /Default realm: first\.example # ours/);
	});

	test('a number that is none is no limit', async (t) => {
		const coturn = await startWith(t, 'bad-number', 'user-quota=one');
		for (let i = 0; i < 3; i++)
			await allocated(t, coturn);
	});

	test('quotes around a secret are taken off', async (t) => {
		const folder = await makeFolder(t);
		const lines = bareConf(folder).filter((line) => !/static-auth-secret/.test(line));
		const file = await writeConf(folder, ...lines, `static-auth-secret="${SECRET}"`);
		assert.ok((await rulesFor(file)).includes('secret-mangled'));
		await allocated(t, await startCoturn(t, file));
	});

	test('a missing certificate does not keep it from running', async (t) => {
		const folder = await makeFolder(t);
		const lines = bareConf(folder).filter((line) => line !== 'no-tls');
		const file = await writeConf(folder, ...lines, 'cert=/nowhere/c.pem', 'pkey=/nowhere/k.pem');
		assert.ok((await rulesFor(file)).includes('bad-certificate'));
		assert.match((await startCoturn(t, file)).log, /cannot start TLS/);
	});
});

describe('it ends at its start', () => {
	test('over no-udp=maybe', (t) => endsWith(t, 'bad-boolean', 'no-udp=maybe'));
	test('over a flag with a comment', (t) => endsWith(t, 'bad-boolean', 'fingerprint # yes'));
	test('over no-auth beside a secret', (t) => endsWith(t, 'auth-contradiction', 'no-auth'));
	test('over bps-capacity without max-bps', (t) => endsWith(t, 'capacity-alone', 'bps-capacity=1000'));
	test('over no relay of any kind', (t) => endsWith(t, 'no-relay-at-all', 'no-udp-relay', 'no-tcp-relay'));
	test('over CIDR', { skip: isBefore('4.11.0') }, (t) => endsWith(t, 'deny-cidr-fatal', 'denied-peer-ip=10.0.0.0/8'));
});

test('a listening-ip of another host: no answer', async (t) => {
	const folder = await makeFolder(t);
	const lines = bareConf(folder).map((line) => line.replace(/^listening-ip=.*/, 'listening-ip=8.8.4.99'));
	const file = await writeConf(folder, ...lines);
	assert.ok((await rulesFor(file)).includes('listening-ip-foreign'));
	const { code, stdout } = await run('timeout', '3', 'turnserver', '-c', file);
	assert.equal(code, 124, 'still trying after 3 s');
	assert.match(stdout, /Cannot bind|Trying to bind|Cannot assign/);
});
