// ice-shim.js: gives every RTCPeerConnection of a page the ICE servers of this
// signald, with fresh credentials, and asks nothing else of the page than
//
//	<script src="https://HOST/ice-shim.js"></script>
//
// before its own scripts. Our servers stand beside those of the page, or with
// the attribute data-only in place of them. While signald does not answer,
// everything is as the page wrote it.
(() => {
	/** How long a connection waits with gathering for the first list. */
	const HOLD_MS = 3000;
	/** An answer that takes longer is none. */
	const ANSWER_MS = 10_000;
	/** Until the next try, after a failure. */
	const RETRY_S = 60;
	const LONGEST_WAIT_S = 86_400;

	const script = /** @type {HTMLScriptElement | null} */ (document.currentScript);
	const Native = globalThis.RTCPeerConnection;
	if (!script || !Native)
		return;
	if (!script.src) {
		console.warn('ice-shim: written into the page it cannot know its signald: load it with <script src="https://HOST/ice-shim.js">');
		return;
	}

	const address = new URL('v1/ice', script.src);
	const isOnly = script.hasAttribute('data-only');
	const proto = Native.prototype;
	const { setConfiguration } = proto;

	/** @type {RTCIceServer[] | undefined} */
	let ours;
	/** Every URL that we ever gave out. @type {Set<unknown>} */
	const ourUrls = new Set();
	/** What the page asked for, of each connection that may still be open. @type {Map<RTCPeerConnection, RTCIceServer[]>} */
	const asked = new Map();

	/**
	 * The page's own servers. It may have read ours with getConfiguration() and
	 * give them back, with credentials that will be old.
	 *
	 * @param {RTCConfiguration | undefined} configuration
	 */
	const serversOf = (configuration) => [...configuration?.iceServers ?? []]
		.filter(({ urls }) => ![urls].flat().every((url) => ourUrls.has(url)));

	/**
	 * @param {RTCConfiguration | undefined} configuration
	 * @param {RTCIceServer[]} servers  the page's own
	 * @returns {RTCConfiguration | undefined}
	 */
	const withOurs = (configuration, servers) =>
		ours ? { ...configuration, iceServers: isOnly ? ours : [...servers, ...ours] } : configuration;

	/**
	 * Should the browser not take our servers, the page is not to know.
	 *
	 * @template T
	 * @param {(configuration: RTCConfiguration | undefined) => T} use
	 * @param {RTCConfiguration | undefined} configuration
	 */
	const configure = (use, configuration) => {
		try {
			return use(withOurs(configuration, serversOf(configuration)));
		} catch {
			return use(configuration);
		}
	};

	/** @param {RTCPeerConnection} pc */
	const refresh = (pc) => {
		try {
			setConfiguration.call(pc, withOurs(pc.getConfiguration(), asked.get(pc) ?? []));
		} catch {
			// It stays with what it has, which was good when it was given.
		}
	};

	const forgetClosed = () => {
		for (const pc of asked.keys())
			if (pc.signalingState === 'closed')
				asked.delete(pc);
	};

	// The constructor: a proxy, so that the prototype and with it instanceof,
	// subclasses and static functions are the browser's own.
	const Shimmed = new Proxy(Native, {
		construct(target, [configuration, ...rest], newTarget) {
			/** @type {RTCPeerConnection} */
			const pc = configure((value) => Reflect.construct(target, [value, ...rest], newTarget), configuration);
			forgetClosed();
			asked.set(pc, serversOf(configuration));
			return pc;
		},
	});
	proto.constructor = Shimmed;
	for (const name of ['RTCPeerConnection', 'webkitRTCPeerConnection'])
		if (name in globalThis)
			Reflect.set(globalThis, name, Shimmed);

	if (setConfiguration)
		/** @param {RTCConfiguration} [configuration] */
		proto.setConfiguration = function (configuration) {
			configure((value) => setConfiguration.call(this, value), configuration);
			if (asked.has(this))
				asked.set(this, serversOf(configuration));
		};

	// Gathering starts in setLocalDescription(). One that comes before the first
	// list waits for it, and what the page calls on that connection afterwards
	// waits in line, as it would in the browser's own chain of operations.
	let isHolding = true;
	/** @type {() => void} */
	let release = () => {};
	/** @type {Promise<void>} */
	const released = new Promise((resolve) => {
		release = () => {
			isHolding = false;
			resolve();
		};
	});
	/** @type {WeakSet<RTCPeerConnection>} */
	const held = new WeakSet();

	for (const name of /** @type {const} */ (['setLocalDescription', 'createOffer', 'createAnswer', 'setRemoteDescription', 'addIceCandidate'])) {
		/** @type {(...args: any[]) => Promise<any>} */
		const native = proto[name];
		/**
		 * @this {RTCPeerConnection}
		 * @param {any[]} args
		 */
		const shimmed = function (...args) {
			if (isHolding && name === 'setLocalDescription')
				held.add(this);
			return isHolding && held.has(this)
				? released.then(() => native.apply(this, args))
				: native.apply(this, args);
		};
		Reflect.set(proto, name, shimmed);
	}

	/** @returns {Promise<number>} the seconds until the next one is due */
	const fetchList = async () => {
		const response = await fetch(address, { signal: AbortSignal.timeout(ANSWER_MS) });
		if (!response.ok)
			throw new Error(`HTTP status ${response.status}`);
		const { iceServers, refreshAfter } = /** @type {import('./client/types.js').IceList} */ (await response.json());
		if (!Array.isArray(iceServers) || !(refreshAfter > 0))
			throw new Error('that is no ICE list');
		ours = iceServers;
		ours.flatMap(({ urls }) => urls).forEach((url) => ourUrls.add(url));
		forgetClosed();
		[...asked.keys()].forEach(refresh);
		return Math.min(refreshAfter, LONGEST_WAIT_S);
	};

	let isWarned = false;
	const keepFresh = async () => {
		let wait = RETRY_S;
		try {
			wait = await fetchList();
			isWarned = false;
		} catch (error) {
			if (!isWarned)
				console.warn(`ice-shim: no ICE servers from ${address}:`, error);
			isWarned = true;
		}
		release();
		setTimeout(keepFresh, wait * 1000);
	};

	setTimeout(release, HOLD_MS);
	void keepFresh();
})();
