// The files of web/ as they are: what the browser's content security policy
// asks of them.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

const web = new URL('../../web/', import.meta.url);
const read = (name) => readFileSync(new URL(name, web), 'utf8');
const pages = readdirSync(web).filter((name) => name.endsWith('.html'));

for (const page of pages) {
	const html = read(page);

	test(`${page} has no inline script or style, and loads nothing from elsewhere`, () => {
		assert.doesNotMatch(html, /<style|\sstyle=|\son[a-z]+=/);
		assert.doesNotMatch(html, /<script(?![^>]*\ssrc=)/);
		const targets = [...html.matchAll(/\s(?:src|href)="([^"]*)"/g)].map(([, target]) => target);
		assert.ok(targets.length > 3);
		assert.deepEqual(targets.filter((target) => !/^\/(?!\/)/.test(target)), []);
	});

	test(`${page} names only files and icons that are there`, () => {
		const targets = [...html.matchAll(/\s(?:src|href)="\/([^"]+)"/g)].map(([, target]) => target);
		for (const target of targets) {
			const [file, fragment] = target.split('#');
			// /check is check.html.
			const text = read(/\./.test(file) ? file : `${file}.html`);
			if (fragment)
				assert.ok(text.includes(`<symbol id="${fragment}"`), target);
		}
	});

	test(`${page} has every id that its script asks for, once`, () => {
		const [, script] = html.match(/<script[^>]*src="\/([^"]+)"/) ?? [];
		const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
		assert.equal(new Set(ids).size, ids.length);
		// 404.html does with none.
		assert.ok(script || page === '404.html');
		for (const [, id] of (script ? read(script) : '').matchAll(/byId\('([^']+)'/g))
			assert.ok(ids.includes(id), `${script} asks for #${id}`);
	});

	test(`${page} names every button and field for those who cannot see it`, () => {
		const buttons = [...html.matchAll(/<button([^>]*)>(.*?)<\/button>/gs)];
		for (const [all, attributes, content] of buttons) {
			const text = content.replace(/<[^>]*>/g, '').trim();
			assert.ok(text || /aria-label="[^"]+"/.test(attributes), all);
		}
		for (const [, id] of html.matchAll(/<input[^>]*\sid="([^"]+)"/g))
			assert.ok(html.includes(`<label for="${id}"`), `#${id} has no label`);
	});
}
