// The documents: what they link to is there, and what they quote of our programs
// these really say.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { root } from '../lib/daemon.mjs';

const read = (name) => readFileSync(path.join(root, name), 'utf8');

const documents = ['README.md', 'CHANGELOG.md', 'SECURITY.md', 'docker/README.md', 'web/client/README.md',
	...readdirSync(path.join(root, 'docs')).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];

// Without code, where brackets mean something else.
const proseOf = (text) => text.replace(/^```[^]*?^```/gm, '').replace(/^\t.*$/gm, '');

// The anchor of a heading, as GitHub makes it.
const anchorOf = (heading) => heading.toLowerCase().replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');

function anchorsOf(name) {
	const headings = [...proseOf(read(name)).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading));
	return headings.map((anchor, i) => {
		const before = headings.slice(0, i).filter((other) => other === anchor).length;
		return before ? `${anchor}-${before}` : anchor;
	});
}

function brokenLinks(name) {
	const links = [...proseOf(read(name)).replace(/`[^`\n]*`/g, '').matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link);
	return links.filter((link) => {
		if (/^[a-z]+:/.test(link))
			return false;
		const [file, anchor] = link.split('#');
		const target = file ? path.join(path.dirname(name), file) : name;
		if (!existsSync(path.join(root, target)))
			return true;
		return anchor && target.endsWith('.md') && !anchorsOf(target).includes(anchor);
	});
}

describe('every link leads to something', () => {
	for (const name of documents)
		test(name, () => assert.deepEqual(brokenLinks(name), []));
});

// All that our programs and pages say: literals that stand side by side are one.
function sources() {
	const folders = ['signald', 'turnconf', 'web', 'scripts'];
	const files = folders.flatMap((folder) => readdirSync(path.join(root, folder), { recursive: true }).map((name) => path.join(folder, name)))
		.filter((name) => statSync(path.join(root, name)).isFile() && /(\.[chj]s?|\.sh|\/check|\.html)$/.test(name));
	return files.map(read).join('\n').replace(/"\s*\n?\s*"/g, '').replace(/\s+/g, ' ');
}

// Code with blanks in it is a message, but for what one types or configures.
const TYPED = /^(signald|turnconf|scripts|journalctl|docker|systemctl|ss|curl|nginx|proxy_|make|git|apt|new |timedatectl|network_mode|-H|\+)|^[\w.]+ = /;
// Of a quoted log line the key=value pairs are put together at run time.
const wordsOf = (quote) => quote.replace(/\b\w+=("?)(.*?)\1(?= \w+=|$)/g, (pair, mark, value) => (value.includes(' ') ? `…${value}…` : '…'))
	.split('…').map((part) => part.trim()).filter((part) => part.includes(' ') || /^[a-z]+\.[a-z_]+$/.test(part));

test('what docs/troubleshooting.md quotes is said', () => {
	const said = sources();
	const text = proseOf(read('docs/troubleshooting.md'));
	const quotes = [...text.matchAll(/`([^`]+)`/g)].map(([, quote]) => quote).filter((quote) => quote.includes(' ') && !TYPED.test(quote));
	const titles = [...text.matchAll(/\/check "([^"]+)"/g)].map(([, title]) => title);
	assert.ok(quotes.length > 15 && titles.length > 5);
	assert.deepEqual([...quotes.flatMap(wordsOf), ...titles].filter((words) => !said.includes(words)), []);
});

test('events of the log that docs/troubleshooting.md names are logged', () => {
	const said = sources();
	const names = [...proseOf(read('docs/troubleshooting.md')).matchAll(/`([a-z]+\.[a-z_]+)(?: [^`]*)?`/g)].map(([, name]) => name);
	const keys = read('docs/configuration.md');
	const isKey = (name) => keys.includes(`| \`${name.split('.')[1]}\` |`);
	assert.deepEqual(names.filter((name) => !said.includes(`"${name}"`) && !isKey(name) && !name.endsWith('_file') && !/\.(md|js|conf)$/.test(name)), []);
});
