// Which servers a client is given for where its address is: by a table of networks, and by a MaxMind database.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, rename, truncate, writeFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';

import { SECRET, freePort, makeFolder, program, startDaemon, until } from '../lib/daemon.mjs';
import { makeMmdb } from '../lib/mmdb.mjs';

const REGIONS = ['us-ca', 'US', 'na', 'eu', 'jp'];

// No coturn is here: which one is proven is of turnconf's tests.
const config = (file) => `
[turn]
host = main.example
secret = ${SECRET}
probe = no
servers_per_client = ${REGIONS.length + 1}
regions = ${file}
${REGIONS.map((region) => `[turn ${region}]\nhost = ${region.toLowerCase()}.example\nregion = ${region}\n`).join('')}`;

const RECORDS = {
	'127.0.1.0/24': { continent: { code: 'NA' }, country: { iso_code: 'US' }, subdivisions: [{ iso_code: 'CA' }] },
	'127.0.2.0/24': { continent: { code: 'NA' }, country: { iso_code: 'US' }, subdivisions: [{ iso_code: 'OR' }] },
	'127.0.3.0/24': { continent: { code: 'NA' }, country: { iso_code: 'MX' } },
	'127.0.4.0/24': { continent: { code: 'EU' }, country: { iso_code: 'DE' } },
	'127.0.5.0/24': { continent: { code: 'AF' }, country: { iso_code: 'KE' } },
	'127.0.6.0/24': { country: { names: { en: 'Nowhere' } } },
	'127.0.7.0/24': { country: { iso_code: 7 }, continent: 'EU' },
	'::1/128': { continent: { code: 'AS' }, country: { iso_code: 'JP' } },
};

// The hosts of the list that a client at that address gets, the best first.
async function hosts(daemon, localAddress, query = '') {
	const response = await new Promise((resolve, reject) =>
		http.get(`${daemon.url}/v1/ice${query}`, { localAddress, agent: false }, resolve).on('error', reject));
	const chunks = await response.toArray();
	const { iceServers } = JSON.parse(Buffer.concat(chunks));
	return iceServers.filter(({ username }) => username).map(({ urls }) => urls[0].match(/^turn:([a-z-]+)\.example:/)[1]);
}

// At once, as whoever updates such a file does: signald may look in between.
async function replace(file, content) {
	await writeFile(`${file}.new`, content);
	await rename(`${file}.new`, file);
}

const nearest = async (...args) => (await hosts(...args))[0];

async function start(t, name, content) {
	const file = path.join(await makeFolder(t), name);
	if (content !== undefined)
		await writeFile(file, content);
	return { file, daemon: await startDaemon(t, { config: config(file) }) };
}

test('a MaxMind database: the subdivision counts before the country, and that before the continent', async (t) => {
	const { daemon, file } = await start(t, 'places.mmdb', makeMmdb(RECORDS));
	assert.match(daemon.log, new RegExp(`turn\\.regions file=${file}`));
	assert.deepEqual((await hosts(daemon, '127.0.1.9')).slice(0, 3), ['us-ca', 'us', 'na']);
	assert.deepEqual((await hosts(daemon, '127.0.2.9')).slice(0, 2), ['us', 'na']);
	assert.equal(await nearest(daemon, '127.0.3.9'), 'na');
	assert.equal(await nearest(daemon, '127.0.4.9'), 'eu');
	assert.equal(await nearest(daemon, '127.0.4.9', '?region=JP'), 'jp', 'what is asked for counts more');
});

test('a MaxMind database: who is nowhere, or in no region of ours, gets all', async (t) => {
	const { daemon } = await start(t, 'places.mmdb', makeMmdb(RECORDS));
	for (const address of ['127.0.5.9', '127.0.6.9', '127.0.7.9', '127.0.8.9'])
		assert.equal((await hosts(daemon, address)).length, REGIONS.length + 1);
	// The draw among all is the same, whether an address is unknown or of no region.
	assert.deepEqual(await hosts(daemon, '127.0.5.9'), await hosts(daemon, '127.0.5.9', '?region=none-of-ours'));
});

test('a MaxMind database: an IPv6 address is looked up too', async (t) => {
	const file = path.join(await makeFolder(t), 'places.mmdb');
	await writeFile(file, makeMmdb(RECORDS));
	const port = await freePort();
	const daemon = await startDaemon(t, { config: config(file), sets: { 'listen.address': `127.0.0.1:${port},[::1]:${port}` }, port });
	const response = await fetch(`http://[::1]:${port}/v1/ice`);
	const { iceServers } = await response.json();
	assert.equal(iceServers.find(({ username }) => username).urls[0], 'turn:jp.example:3478?transport=udp', daemon.log);
});

test('a database that is replaced is read again; one that is no good changes nothing', async (t) => {
	const { daemon, file } = await start(t, 'places.mmdb', makeMmdb(RECORDS));
	assert.equal(await nearest(daemon, '127.0.4.9'), 'eu');

	await replace(file, makeMmdb({ '127.0.4.0/24': RECORDS['::1/128'] }));
	await daemon.waitLog(/(turn\.regions file=.*[^]*){2}/);
	assert.equal(await nearest(daemon, '127.0.4.9'), 'jp');

	// Written over in its place, with nothing at first: what was read is a copy.
	await truncate(file, 0);
	await daemon.waitLog(/turn\.regions_refused error=".*places\.mmdb: is no MaxMind database/);
	assert.equal(await nearest(daemon, '127.0.4.9'), 'jp');
	await replace(file, makeMmdb(RECORDS));
	await daemon.waitLog(/(turn\.regions file=.*[^]*){3}/);
	assert.equal(await nearest(daemon, '127.0.4.9'), 'eu');
});

test('a database that is not there at the start is read when it comes', async (t) => {
	const { daemon, file } = await start(t, 'places.mmdb');
	assert.match(daemon.log, /turn\.no_regions error=".*places\.mmdb: cannot be opened: No such file or directory"/);
	await replace(file, makeMmdb(RECORDS));
	await daemon.waitLog(/turn\.regions file=/);
	assert.equal(await nearest(daemon, '127.0.4.9'), 'eu');
});

test('what is no database of countries is refused with a sentence', async (t) => {
	const providers = makeMmdb({ '1.0.0.0/24': { autonomous_system_number: 13335, autonomous_system_organization: 'Example' } }, 'GeoLite2-ASN');
	for (const [content, sentence] of [
		['192.0.2.0/24 eu\n', 'is no MaxMind database: The MaxMind DB file contains invalid metadata'],
		[providers, 'has no codes of countries or continents: take a database of countries or cities, such as GeoLite2-Country.mmdb'],
		[makeMmdb({}), 'has no codes of countries'],
	]) {
		const { daemon, file } = await start(t, 'other.mmdb', content);
		assert.ok(daemon.log.includes(`turn.no_regions error="${file}: ${sentence}`), daemon.log);
		assert.equal((await hosts(daemon, '127.0.4.9')).length, REGIONS.length + 1);
	}
});

test('a database taken for a table is told as one', async (t) => {
	const { daemon } = await start(t, 'places.txt', makeMmdb(RECORDS));
	assert.match(daemon.log, /turn\.no_regions error=".*is no network, such as/);
});

// The library as a machine has it that has not installed it.
test('without the library a database is refused with a sentence that names it', async (t) => {
	const file = path.join(await makeFolder(t), 'places.mmdb');
	await writeFile(file, makeMmdb(RECORDS));
	const library = (await readdir('/usr/lib')).map((folder) => `/usr/lib/${folder}/libmaxminddb.so.0`).find(existsSync);
	// Root needs no namespace of users, which a changed root cannot have.
	const child = spawn('unshare', [process.getuid() ? '-Urm' : '-m', 'sh', '-c', `mount --bind /dev/null ${library} && exec "$0" "$@"`, program,
		'--set', `turn.regions=${file}`, '--set', `listen.address=127.0.0.1:${await freePort()}`,
		'--set', 'turn.host=a.example', '--set', `turn.secret=${SECRET}`, '--set', 'turn.probe=no'], { stdio: ['ignore', 'pipe', 'pipe'] });
	t.after(() => child.kill('SIGKILL'));
	let log = '';
	for (const stream of [child.stdout, child.stderr])
		stream.on('data', (chunk) => (log += chunk));
	await until('the sentence', () => log.includes('turn.no_regions'));
	assert.ok(log.includes(`turn.no_regions error="${file}: is read by libmaxminddb.so.0, which is not installed (Debian's package libmaxminddb0)"`), log);
});

test('a table of networks that changes is read again', async (t) => {
	const { daemon, file } = await start(t, 'table', '127.0.1.0/24 eu\n');
	assert.equal(await nearest(daemon, '127.0.1.9'), 'eu');
	await replace(file, '127.0.1.0/24 jp\n# longer\n');
	await daemon.waitLog(/(turn\.regions file=.*[^]*){2}/);
	assert.equal(await nearest(daemon, '127.0.1.9'), 'jp');
	await replace(file, '127.0.1.0/24\n');
	await daemon.waitLog(/turn\.regions_refused error=".*:1: one region/);
	assert.equal(await nearest(daemon, '127.0.1.9'), 'jp');
});

for (const [name, good, bad, better] of [
	['table', '127.0.1.0/24 eu\n', '127.0.1.0/24\n', '127.0.1.0/24 jp\n'],
	['places.mmdb', makeMmdb({ '127.0.1.0/24': RECORDS['127.0.4.0/24'] }), 'none', makeMmdb({ '127.0.1.0/24': RECORDS['::1/128'] })],
])
	test(`a reload while ${name} is no good keeps what was read of it`, async (t) => {
		const { daemon, file } = await start(t, name, good);
		await replace(file, bad);
		for (const times of [1, 2]) {
			daemon.signal('SIGHUP');
			await daemon.waitLog(new RegExp(`(turn\\.regions_refused error=[^]*config\\.reloaded[^]*){${times}}`));
			assert.equal(await nearest(daemon, '127.0.1.9'), 'eu');
		}
		await replace(file, better);
		await daemon.waitLog(/(turn\.regions file=.*[^]*){2}/);
		assert.equal(await nearest(daemon, '127.0.1.9'), 'jp');
	});

test('a reload with another file that is no good forgets the first one', async (t) => {
	const { daemon, file } = await start(t, 'table', '127.0.1.0/24 eu\n');
	const ofNowhere = await hosts(daemon, '127.0.1.9', '?region=none-of-ours');
	await writeFile(daemon.configPath, config(`${file}.none`));
	daemon.signal('SIGHUP');
	await daemon.waitLog(/turn\.no_regions error=".*table\.none[^]*config\.reloaded/);
	assert.deepEqual(await hosts(daemon, '127.0.1.9'), ofNowhere);
});
