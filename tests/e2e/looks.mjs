// looks.mjs: whether a page fits the screen, and a picture of it for people to judge.
import assert from 'node:assert/strict';

export const SIZES = {
	desktop: { viewport: { width: 1280, height: 800 } },
	phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
};

// Runs in the page: what sticks out of it sideways, or lies below its end
// where it cannot be scrolled to.
function findOutcasts() {
	const page = document.documentElement;
	const controls = [...document.querySelectorAll('button, a, input, summary, [role="status"]')];
	const outcasts = controls.filter((element) => {
		const { left, right, bottom, width } = element.getBoundingClientRect();
		return width > 0 && (left < 0 || right > page.clientWidth || bottom > page.scrollHeight);
	});
	const names = outcasts.map(({ id, className, textContent }) => `${id || className}: ${textContent.trim()}`);
	return page.scrollWidth > page.clientWidth ? [...names, `page: ${page.scrollWidth} wide`] : names;
}

// Nothing sticks out. What the page looks like, by day and by night, is left in
// build/screenshots.
export async function inspect(visitor, name) {
	assert.deepEqual(await visitor.page.evaluate(findOutcasts), [], name);
	for (const colorScheme of ['dark', 'light']) {
		await visitor.page.emulateMedia({ colorScheme });
		await visitor.keep(`${name}-${colorScheme}`);
	}
}
