// The npm package, as somebody gets it who has nothing else; and the bundles.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rename, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import vm from 'node:vm';
import { makeFolder, root, startDaemon, until } from '../lib/daemon.mjs';

const run = promisify(execFile);
const share = path.join(root, 'build/share/web');
const packageFolder = path.join(root, 'build/npm/signald-client');

before(() => run(path.join(root, 'scripts/build-web')), { timeout: 60000 });

/** Declarations without their comments. */
async function declarations() {
	const folder = path.join(packageFolder, 'types');
	const names = (await readdir(folder)).filter((name) => name.endsWith('.d.ts'));
	const texts = await Promise.all(names.map((name) => readFile(path.join(folder, name), 'utf8')));
	return names.map((name, i) => ({ name, text: texts[i].replace(/\/\*.*?\*\//gs, '') }));
}

describe('the declarations', () => {
	test('say what everything is: there is no any in them', async () => {
		const all = await declarations();
		assert.ok(all.length >= 10);
		for (const { name, text } of all) {
			// A type of JSDoc that cannot be read comes out as an asterisk.
			const lines = text.split('\n').filter((line) => /\bany\b|\*/.test(line));
			assert.deepEqual(lines, [], name);
		}
	});

	test('name what an application holds', async () => {
		const { text } = (await declarations()).find(({ name }) => name === 'index.d.ts');
		for (const name of ['Signald', 'PeerLink', 'SignaldError', 'Peer', 'Message', 'LinkState', 'SignaldOptions'])
			assert.match(text, new RegExp(`\\b${name}\\b`));
	});
});

describe('the bundles', () => {
	for (const name of ['client.min.js', 'signald.min.js']) {
		test(`${name} is at most 8 KiB, as gzip -9 has it`, async () => {
			const { stdout } = await run('gzip', ['-9c', path.join(share, name)], { encoding: 'buffer' });
			assert.ok(stdout.length <= 8192, `${stdout.length} bytes`);
		});
	}

	test('the classic script makes one name, and its hash is beside it', async () => {
		const script = await readFile(path.join(share, 'signald.min.js'));
		const page = vm.createContext({});
		vm.runInContext(script.toString(), page);
		assert.deepEqual(Object.keys(page), ['signald']);
		const module = await import(path.join(share, 'client.min.js'));
		assert.deepEqual(Object.keys(page.signald).sort(), Object.keys(module).sort());
		const hash = createHash('sha384').update(script).digest('base64');
		assert.equal(await readFile(path.join(share, 'signald.min.js.sri'), 'utf8'), `sha384-${hash}\n`);
	});

	test('the modules load where there is neither window nor document', async () => {
		const { Signald } = await import(path.join(share, 'client.min.js'));
		assert.throws(() => new Signald('not a url', { room: 'x', WebSocket: class {} }), { code: 'ERR_INVALID_URL' });
	});
});

/** What a text says in the first block of a language. */
const firstBlock = (text, language) => text.match(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's'))[1];

test('the first example is a video call in at most 15 lines, the same wherever it stands', async () => {
	const names = ['README.md', 'web/client/README.md', 'docs/client.md'];
	const texts = await Promise.all(names.map((name) => readFile(path.join(root, name), 'utf8')));
	const [example, ...others] = texts.map((text) => firstBlock(text, 'html'));
	assert.deepEqual(others, [example, example]);
	assert.ok(example.trimEnd().split('\n').length <= 15);
});

/** An empty project that has installed the package from its tarball, and ws as it is. */
async function makeProject(t) {
	const folder = await makeFolder(t);
	const npm = (...args) => run('npm', [...args, '--offline', '--no-audit', '--no-fund', '--no-update-notifier'], { cwd: folder });
	await npm('pack', packageFolder);
	const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
	await writeFile(path.join(folder, 'package.json'), '{"name": "empty", "type": "module", "private": true}');
	await npm('install', `./${tarball}`);
	await symlink(path.join(root, 'node_modules/ws'), path.join(folder, 'node_modules/ws'));
	await writeFile(path.join(folder, 'mistakes.json'), JSON.stringify(TSCONFIG));
	await mkdir(path.join(folder, 'node_modules/@types'));
	for (const name of ['node', 'ws'])
		await symlink(path.join(root, 'node_modules/@types', name), path.join(folder, 'node_modules/@types', name));
	return folder;
}

const TSCONFIG = {
	compilerOptions: {
		strict: true, module: 'nodenext', target: 'es2022', lib: ['es2022', 'dom', 'dom.iterable'], types: ['node'], outDir: 'out', rootDir: '.',
	},
	files: ['mistakes.ts'],
};

/** What a program may do, and what the compiler says no to. */
const MISTAKES = `
	import { Signald } from 'signald-client';
	export async function use() {
		const room = new Signald<{ x: number }>('https://a', { room: 'r', auth: async () => 'token' });
		room.send('bob', { x: 1 });
		// @ts-expect-error the payload
		room.send('bob', { y: 1 });
		// @ts-expect-error the event
		room.on('mesage', () => {});
		// @ts-expect-error what an event brings
		room.on('message', ({ data }) => data.y);
		// @ts-expect-error an option
		new Signald('https://a', { romm: 'r' });
		const rooms: Signald[] = [room];
		const link = await room.once('link');
		const roundTrip: number | undefined = (await link.state()).pair?.rttMs;
		return { rooms, roundTrip };
	}`;

/** Somebody at the chat: what they see, and what they type. */
function startChat(t, folder, ...args) {
	const child = spawn(process.execPath, ['chat.js', ...args], { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] });
	const chat = { seen: '', type: (line) => child.stdin.write(`${line}\n`), see: (what) => until(what, () => chat.seen.includes(what)) };
	child.stdout.setEncoding('utf8').on('data', (text) => (chat.seen += text));
	const ended = new Promise((resolve) => child.on('exit', (code) => resolve(code)));
	chat.end = () => {
		child.stdin.end();
		return ended;
	};
	t.after(() => child.kill());
	return chat;
}

test('the package installs into an empty project, and its typed example runs there', async (t) => {
	const folder = await makeProject(t);
	const installed = path.join(folder, 'node_modules/signald-client');
	for (const name of ['README.md', 'LICENSE', 'index.js', 'client.min.js', 'types/index.d.ts'])
		await readFile(path.join(installed, name));
	assert.doesNotMatch(await readFile(path.join(installed, 'MANUAL.md'), 'utf8'), /\]\((?!https:|#)/);
	await rename(path.join(installed, 'examples/chat.ts'), path.join(folder, 'chat.ts'));
	await writeFile(path.join(folder, 'mistakes.ts'), MISTAKES);
	const tsc = (...args) => run(path.join(root, 'node_modules/.bin/tsc'), args, { cwd: folder });
	await tsc('-p', 'mistakes.json');
	// As the manual has it.
	const [, flags] = (await readFile(path.join(root, 'docs/client.md'), 'utf8')).match(/^npx tsc (--.*)$/m);
	await tsc(...flags.split(' '));

	const daemon = await startDaemon(t);
	const ada = startChat(t, folder, daemon.url, 'kitchen', 'Ada');
	await ada.see('joined');
	const bob = startChat(t, folder, daemon.url, 'kitchen', 'Bob');
	await ada.see('Bob has come');
	ada.type('hello');
	await bob.see('Ada: hello');
	await ada.see('everybody has it');
	assert.equal(await bob.end(), 0);
	await ada.see('Bob has left');
	assert.equal(await ada.end(), 0);
});
