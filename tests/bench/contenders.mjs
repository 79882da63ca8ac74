// contenders.mjs: who is measured, and how it comes to be.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync }
	from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
export const root = join(here, '../..');
export const build = join(root, 'build');
export const work = join(build, 'bench');

// What the promises of sessions are measured against: the last commit without
// them, built here beside today's.
export const beforeCommit = 'f93c64b';
const beforeFolder = join(work, 'before');

// What a session may keep for a receiver that acknowledges nothing, and what a
// message may cost beyond its own bytes.
const sessionMaxBytes = 262144;
const sessionMaxMessages = 1024;
const bytesBesideMessage = 80;
export const keptBytesMax = sessionMaxBytes
	+ sessionMaxMessages * bytesBesideMessage;

// One machine does what thousands do: limits are asked, and never reached.
const highLimits = Object.fromEntries(['connections', 'requests', 'handshakes',
	'joins', 'messages'].flatMap((what) => [
	[`limits.${what}_per_s`, 1000000], [`limits.${what}_burst`, 10000000],
]).concat(['credentials', 'rooms'].flatMap((what) => [
	[`limits.${what}_per_minute`, 1000000],
	[`limits.${what}_burst`, 10000000],
]), [['limits.connections', 10000000], ['limits.bytes_per_s', 1000000000],
	['limits.bytes_burst', 1000000000]]));

// A burst of none would be another thing.
const noLimits = Object.fromEntries(Object.entries(highLimits)
	.map(([key, limit]) => [key, key.endsWith('_burst') ? limit : 0]));

const current = join(build, 'signald');

function signaldCommand(port, program = current, more = {}) {
	const settings = {
		'listen.address': `127.0.0.1:${port}`,
		'listen.metrics': '',
		'socketio.namespaces':
			`/=tutorial, /all=${join(here, 'all.rules')}`,
		'turn.host': '127.0.0.1',
		'turn.secret': 'benchmark-benchmark-benchmark',
		// There is no coturn; of old, none was looked for.
		...(program === current ? { 'turn.probe': 'no', ...highLimits } : {}),
		...more,
	};

	return [program, ...Object.entries(settings)
		.flatMap(([key, value]) => ['--set', `${key}=${value}`])];
}

// Whose clients `speak` what; today's signald may be started with `more` set. The same program thrice is three processes: none
// profits from memory that another's clients have warmed.
export const contenders = {
	'signald-before': {
		speak: 'native',
		command: (port) => signaldCommand(port,
			join(beforeFolder, 'build/signald')),
	},
	signald: {
		speak: 'native',
		command: (port, more) => signaldCommand(port, current, more),
	},
	'signald-sessions': {
		speak: 'sessions',
		command: (port, more) => signaldCommand(port, current,
			{ 'session.max_bytes': sessionMaxBytes,
				'session.max_messages': sessionMaxMessages, ...more }),
	},
	'signald-unlimited': {
		speak: 'native',
		isBesideOnly: true,
		command: (port) => signaldCommand(port, current, noLimits),
	},
	'signald-socketio': {
		speak: 'socketio',
		command: (port, more) => signaldCommand(port, current, more),
	},
	bare: {
		speak: 'bare',
		command: (port) => [join(work, 'bare'), String(port)],
	},
	'socket.io': {
		speak: 'socketio',
		isNode: true,
		command: (port) => [process.execPath, '--expose-gc',
			join(here, 'socketio-server.mjs'), String(port)],
	},
	ws: {
		speak: 'native',
		isNode: true,
		command: (port) => [process.execPath, '--expose-gc',
			join(here, 'ws-server.mjs'), String(port)],
	},
};

// Who is compared with the state before sessions.
export function isAroundSessions(name) {
	return ['signald-before', 'signald', 'signald-sessions'].includes(name);
}

// What they differ in is a few percent.
export function isBeside(name) {
	return isAroundSessions(name) || contenders[name].isBesideOnly;
}

// The load generators, and the bare relay.
export function compile() {
	const flags = ['-O2', '-g', '-std=gnu11', '-D_GNU_SOURCE', '-Wall',
		'-Wextra', '-Wshadow', '-Wconversion', '-Wno-sign-conversion',
		'-Werror'];
	const source = (name) => join(here, `${name}.c`);
	const cc = process.env.CC ?? 'cc';

	mkdirSync(work, { recursive: true });
	execFileSync(cc, [...flags, '-o', join(work, 'load'),
		...['load', 'payload', 'proc', 'session', 'speak', 'wire']
			.map(source)],
	{ stdio: 'inherit' });
	execFileSync(cc, [...flags, `-I${join(root, 'signald')}`, '-o',
		join(work, 'tunnel'), ...['tunnel', 'proc', 'wire'].map(source),
		...['codec/turn', 'codec/stun', 'codec/turncred', 'base/crypto',
			'base/span'].map((name) => join(root, 'signald', `${name}.c`)),
		'-lssl', '-lcrypto'], { stdio: 'inherit' });
	execFileSync(cc, [...flags, '-o', join(work, 'bare'), source('bare'),
		'-levent_core'], { stdio: 'inherit' });
}

function git(...args) {
	return execFileSync('git', ['-C', root, ...args],
		{ stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 28 });
}

function unpackBefore() {
	const folder = mkdtempSync(join(work, 'before-'));

	execFileSync('tar', ['-x', '-C', folder],
		{ input: git('archive', beforeCommit) });
	rmSync(beforeFolder, { recursive: true, force: true });
	renameSync(folder, beforeFolder);
}

// The daemon of that commit, with the same compiler and flags: optimised as a
// whole, as today's is, which its own Makefile did not know. Returns false where
// the history does not reach so far back: there is nothing to build then.
export function buildBefore() {
	const env = { ...process.env };

	delete env.MAKEFLAGS; // a `make bench` around this is about today's
	if (!existsSync(beforeFolder)) {
		try {
			git('cat-file', '-e', `${beforeCommit}^{commit}`);
		} catch {
			return false;
		}
		unpackBefore();
	}
	execFileSync('make', ['-s', '-j2', '-C', beforeFolder,
		'EXTRA_CFLAGS=-flto=auto', 'build/signald'],
	{ stdio: ['ignore', 2, 2], env });
	return true;
}
