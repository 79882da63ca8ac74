// The code that docs/webhooks.md gives to receivers, as it stands there: it takes
// what signald sends, and nothing that was changed.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { makeFolder, root, startDaemon } from '../lib/daemon.mjs';
import { atEnd } from '../lib/ending.mjs';
import { HOOK_SECRET } from '../lib/receiver.mjs';

const page = await readFile(path.join(root, 'docs/webhooks.md'), 'utf8');
const snippet = (language) => page.match(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's'))[1];

// One request as signald sends it: its headers, and its body in bytes.
async function capture(t) {
	const server = http.createServer();
	await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
	atEnd(t, () => server.close());
	const daemon = await startDaemon(t, { sets: { 'access.mode': 'webhook', 'access.webhook_url': `http://127.0.0.1:${server.address().port}/`, 'access.webhook_secret': HOOK_SECRET } });
	const asked = fetch(`${daemon.url}/v1/ice`, { headers: { Authorization: 'Bearer x', 'User-Agent': 'a "kettle" é' } });
	const [request, response] = await once(server, 'request');
	const chunks = [];
	for await (const chunk of request)
		chunks.push(chunk);
	response.end('{"allowed": true}');
	assert.equal((await asked).status, 200);
	return { headers: request.headers, body: Buffer.concat(chunks) };
}

const cases = ({ headers, body }) => [
	[true, headers, body, HOOK_SECRET],
	[false, headers, Buffer.concat([body, Buffer.from(' ')]), HOOK_SECRET],
	[false, headers, body, `${HOOK_SECRET}x`],
	[false, { ...headers, 'signald-timestamp': String(Number(headers['signald-timestamp']) + 1) }, body, HOOK_SECRET],
	[false, { ...headers, 'signald-signature': headers['signald-signature'].slice(0, -1) }, body, HOOK_SECRET],
	[false, {}, body, HOOK_SECRET],
];

test('that for Node.js', async (t) => {
	const file = path.join(await makeFolder(t), 'receiver.mjs');
	await writeFile(file, snippet('js'));
	const { isFromSignald } = await import(pathToFileURL(file));
	for (const [expected, ...given] of cases(await capture(t)))
		assert.equal(isFromSignald(...given), expected);
	const { headers, body } = await capture(t);
	t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 301000 });
	assert.equal(isFromSignald(headers, body, HOOK_SECRET), false, 'an old one');
});

test('that for Python', async (t) => {
	const python = `${snippet('python')}
import json, sys, email.message
for expected, headers, body, secret in json.load(sys.stdin):
    message = email.message.Message()
    for name, value in headers.items():
        message[name] = value
    print(json.dumps(is_from_signald(message, bytes(body), secret) == expected))
`;
	const child = spawn('python3', ['-c', python], { stdio: ['pipe', 'pipe', 'inherit'] });
	const all = cases(await capture(t)).map(([expected, headers, body, secret]) => [expected, headers, [...body], secret]);
	child.stdin.end(JSON.stringify(all));
	let out = '';
	child.stdout.on('data', (text) => (out += text));
	await once(child, 'close');
	assert.equal(out, 'true\n'.repeat(all.length));
});
