// video.mjs: how long it takes two who meet until they see each other.

// Runs in the page: when it showed the first picture of somebody else. Asking
// the page again and again would cost what is measured.
async function firstPictureMs() {
	let video;
	while (!(video = document.querySelector('.tile:not(.self) video')))
		await new Promise(requestAnimationFrame);
	return new Promise((resolve) => video.requestVideoFrameCallback((nowMs) =>
		resolve(performance.timeOrigin + nowMs)));
}

/*
 * Let somebody join by a click whom somebody else waits for.
 *
 * Returns how many milliseconds later both saw the other, rounded.
 */
export async function joinUntilVideo(waiting, joining) {
	const pictures = [waiting, joining].map(({ page }) => page.evaluate(firstPictureMs));
	// Who never sees anything is told of by whoever ends the page.
	for (const picture of pictures)
		picture.catch(() => {});
	const beganMs = await joining.page.evaluate(() => {
		document.getElementById('join').click();
		return Date.now();
	});
	return Math.round(Math.max(...await Promise.all(pictures)) - beganMs);
}
