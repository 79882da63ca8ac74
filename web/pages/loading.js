// loading.js: a page of which a script did not come is loaded again, some times.
// No module, and before all of them: it is there to hear that one fails.
{
	/** How often, and the pause before each. A network that changes is soon another. */
	const PAUSES_MS = [500, 2000, 5000];

	/** Tries in a row, in this tab. Where pages may store nothing there are none. */
	const tries = {
		recall() {
			try {
				return Number(sessionStorage.getItem('loading'));
			} catch {
				return PAUSES_MS.length;
			}
		},
		/** @param {number} number */
		remember(number) {
			try {
				sessionStorage.setItem('loading', String(number));
			} catch {
				// It is told instead.
			}
		},
	};

	let hasFailed = false;

	function onFailure() {
		if (hasFailed)
			return;
		hasFailed = true;
		const before = tries.recall();
		const pauseMs = PAUSES_MS[before];
		tries.remember(pauseMs === undefined ? 0 : before + 1);
		if (pauseMs === undefined)
			tell();
		else
			setTimeout(() => location.reload(), pauseMs);
	}

	function tell() {
		const text = document.createElement('p');
		text.className = 'problem missing';
		text.role = 'alert';
		text.textContent = 'A part of this page did not come, although it was asked for several times. ' +
			'Is the network there? Then load the page again.';
		document.body.prepend(text);
	}

	// Failures to load do not bubble.
	addEventListener('error', ({ target }) => {
		if (target instanceof HTMLScriptElement)
			onFailure();
	}, true);
	addEventListener('load', () => hasFailed || tries.remember(0));
}
