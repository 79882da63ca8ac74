// Which files turnconf doctor looks at where none is named, on machines that have a
// /etc and a /run of their own.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test } from 'node:test';

import { PUBLIC4, generate, makeFolder, program, settings } from './coturn.mjs';

const KEYS = { 'turn.host': PUBLIC4, 'listen.tls': '127.0.0.1:9443', 'tls.cert': '/nowhere/cert', 'tls.key': '/nowhere/key', 'turn.tunnel': '127.0.0.1:3480', 'coturn.tunnel_min_port': 40000, 'coturn.tunnel_max_port': 40999 };

async function makeMachine(t) {
	const folder = await makeFolder(t);
	const at = (name) => path.join(folder, 'machine', name);
	await mkdir(at('etc'), { recursive: true });
	for (const name of ['group', 'hosts', 'ld.so.cache', 'nsswitch.conf', 'passwd'])
		await cp(`/etc/${name}`, at(`etc/${name}`), { dereference: true });
	await mkdir(at('run'));
	const { file, stderr } = await generate(folder, KEYS);
	assert.equal(stderr, '');
	const { file: tunnel } = await generate(folder, KEYS, '--tunnel');
	// The configuration, by section.
	const text = Object.entries(settings(folder, KEYS)).map(([key, value]) => `[${key.split('.')[0]}]\n${key.split('.')[1]} = ${value}\n`).join('');
	const put = async (name, content) => {
		await mkdir(path.dirname(at(name)), { recursive: true });
		await writeFile(at(name), content, { mode: 0o600 });
	};
	const putFile = async (name, from) => put(name, await readFile(from));
	const script = 'mount --bind "$0/etc" /etc && mount --bind "$0/run" /run && shift && exec "$@"';
	const doctor = (...args) => new Promise((resolve) => {
		execFile('unshare', ['-m', 'sh', '-c', script, at('.'), '--', program, 'doctor', '--json', ...args],
			(fault, stdout, stderr) => resolve({ code: fault?.code ?? 0, stderr, lines: stdout ? JSON.parse(stdout).lines : [] }));
	});
	return { text, file, tunnel, put, putFile, doctor };
}

const ofFile = ({ lines }) => lines.filter(({ check }) => check === 'turnserver.conf').map(({ text }) => text);
const asAsked = (...files) => files.map((file) => `${file} is what signald's configuration asks for`);

describe('turnconf doctor without names', () => {
	test('looks at what the package and its units have', async (t) => {
		const { text, file, tunnel, put, putFile, doctor } = await makeMachine(t);
		await put('etc/signald/signald.conf', text);
		// As Debian's coturn brings it.
		await put('etc/turnserver.conf', '# nothing\n');
		await putFile('run/signald-coturn/turnserver.conf', file);
		await putFile('run/signald-coturn-tunnel/turnserver.conf', tunnel);
		for (const args of [[], ['--config', '/etc/signald/signald.conf']]) {
			const result = await doctor(...args);
			assert.equal(result.stderr, '');
			assert.ok(result.lines.some(({ text: said }) => said === `/etc/signald/signald.conf: clients are sent to ${PUBLIC4}`), JSON.stringify(result.lines));
			assert.deepEqual(ofFile(result), asAsked('/run/signald-coturn/turnserver.conf', '/run/signald-coturn-tunnel/turnserver.conf'));
		}
		const moved = await doctor('--set', 'coturn.max_port=50998');
		assert.equal(moved.lines.find(({ text: said }) => /^\/run\/signald-coturn\/turnserver\.conf is not what/.test(said)).remedy,
			'systemctl restart signald-coturn, which writes it anew');
	});

	test('looks at what lies beside the configuration that is named', async (t) => {
		const { text, file, tunnel, put, putFile, doctor } = await makeMachine(t);
		await put('etc/turnserver.conf', '# nothing\n');
		await put('run/trial/running.conf', text);
		await putFile('run/trial/turnserver.conf', file);
		await putFile('run/trial/turnserver-tunnel.conf', tunnel);
		const result = await doctor('--config', '/run/trial/running.conf');
		assert.deepEqual(ofFile(result), asAsked('/run/trial/turnserver.conf', '/run/trial/turnserver-tunnel.conf'));
		assert.equal(result.stderr, '');
	});

	test('says what there is none of by its usual name', async (t) => {
		const { put, text, doctor } = await makeMachine(t);
		assert.ok((await doctor()).lines.some(({ text: said }) => /^turn\.host is not set/.test(said)));
		await put('run/signald.conf', text);
		assert.deepEqual(ofFile(await doctor('--config', '/run/signald.conf')), ['there is no file /etc/turnserver.conf', 'there is no file /etc/turnserver-tunnel.conf']);
	});
});
