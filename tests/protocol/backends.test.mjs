// The examples of docs/backends.md, and the one of docs/access.md, as they stand
// there, against a signald.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';

import { comeNative, comeSocketio, makeKey, TURN } from '../lib/access.mjs';
import { cleanEnv, makeFolder, root, startDaemon } from '../lib/daemon.mjs';
import { useForAll } from '../lib/ending.mjs';

const TOKEN_SECRET = '0123456789abcdef0123456789abcdef';
const run = promisify(execFile);

// The blocks of code of a page in that language.
async function blocksOf(page, language) {
	const text = await readFile(path.join(root, 'docs', page), 'utf8');
	return [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map(([, code]) => code);
}

const EXAMPLES = [
	{ language: 'js', program: 'node', file: 'ticket.mjs' },
	{ language: 'python', program: 'python3', file: 'ticket.py' },
	{ language: 'bash', program: 'bash', file: 'ticket.sh' },
];

let daemon;
let key;
useForAll(async (scope) => {
	const made = await makeKey();
	key = made.key;
	return startDaemon(scope, { sets: { ...TURN, 'access.mode': 'token', 'access.keys': made.item, 'access.token_secret': TOKEN_SECRET } });
}, (started) => (daemon = started));

for (const { language, program, file } of EXAMPLES) {
	describe(`${program}: ${file}`, () => {
		let name;
		useForAll(async (scope) => {
			const blocks = await blocksOf('backends.md', language);
			assert.equal(blocks.length, 1);
			name = path.join(await makeFolder(scope), file);
			await writeFile(name, blocks[0]);
		}, () => {});
		const mint = async (args, env = {}) => {
			const { stdout } = await run(program, [name, ...args], { env: cleanEnv({ SIGNALING_URL: daemon.url, SIGNALING_KEY: key, ...env }) });
			return stdout.trim();
		};

		test('prints a ticket, which is good once', async (t) => {
			const ticket = await mint(['ada', 'kitchen']);
			assert.match(ticket, /^tk_[\w-]+$/);
			assert.equal(typeof await comeNative(t, daemon, { auth: ticket }), 'object');
			assert.equal(await comeNative(t, daemon, { auth: ticket }), 'bad-ticket');
		});

		test('prints a token, which is good for its room, in every dialect', async (t) => {
			const token = await mint(['ada', 'kitchen', 'token']);
			assert.match(token, /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/);
			assert.equal(typeof await comeNative(t, daemon, { auth: token }), 'object');
			assert.equal(typeof await comeSocketio(t, daemon, { auth: { token } }), 'object');
			assert.equal(await comeNative(t, daemon, { auth: token, room: 'cellar' }), 'wrong-room');
			assert.equal(await comeNative(t, daemon, { auth: token, role: 'broadcaster' }), 'not-allowed');
		});

		test('says why it is refused', async () => {
			const says = (fault) => /bad-key/.test(fault.stderr + fault.stdout) && fault.code !== 0;
			await assert.rejects(mint(['ada', 'kitchen'], { SIGNALING_KEY: `sk_${'A'.repeat(43)}` }), says);
			await assert.rejects(mint(['a:b', 'kitchen']), ({ stderr, stdout }) => /bad-claims.*sub/.test(stderr + stdout));
		});
	});
}

test('a token that a backend signs itself, by Node.js and no library', async (t) => {
	const [code] = await blocksOf('access.md', 'js');
	const name = path.join(await makeFolder(t), 'token.mjs');
	await writeFile(name, `${code}\nconsole.log(token);\n`);
	const { stdout } = await run('node', [name], { env: cleanEnv({ TOKEN_SECRET }) });
	assert.equal(typeof await comeNative(t, daemon, { auth: stdout.trim() }), 'object');
	assert.equal(await comeNative(t, daemon, { auth: stdout.trim(), room: 'cellar' }), 'wrong-room');
});
