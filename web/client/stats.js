// stats.js: what getStats and ICE errors mean. Pure.

/** @import {IceError, SelectedPair, Why} from './types.js' */

/**
 * An entry of getStats, as far as it is read here: a transport, a candidate or
 * a pair of them.
 *
 * @typedef {RTCStats & {selectedCandidatePairId?: string, selected?: boolean, localCandidateId?: string, remoteCandidateId?: string,
 *	currentRoundTripTime?: number, candidateType: RTCIceCandidateType, address?: string, port?: number,
 *	protocol: 'udp' | 'tcp', relayProtocol?: 'udp' | 'tcp' | 'tls'}} Entry
 */

/**
 * The pair in use. Chromium names it in the transport's entry; older Firefox
 * marks the pair itself.
 *
 * @param {Iterable<RTCStats>} entries of an RTCStatsReport: its values
 * @returns {SelectedPair | undefined}
 */
export function selectedPair(entries) {
	const all = /** @type {Entry[]} */ ([...entries]);
	const byId = (/** @type {string | undefined} */ id) => all.find((entry) => entry.id === id);
	const chosen = all.find((entry) => entry.type === 'transport' && entry.selectedCandidatePairId);
	const pair = chosen
		? byId(chosen.selectedCandidatePairId)
		: all.find((entry) => entry.type === 'candidate-pair' && entry.selected);
	const local = byId(pair?.localCandidateId);
	const remote = byId(pair?.remoteCandidateId);
	if (!pair || !local || !remote)
		return undefined;
	const rtt = pair.currentRoundTripTime;
	const remoteType = typeOfRemote(remote, all);
	return {
		local: local.candidateType,
		remote: remoteType,
		relayed: local.candidateType === 'relay' || remoteType === 'relay',
		protocol: local.relayProtocol ?? local.protocol,
		rttMs: rtt && Math.round(rtt * 1000),
	};
}

/**
 * A candidate whose packets came before its signaling is peer-reflexive, and
 * Firefox leaves it so: what was signaled of the same address says what it is.
 *
 * @param {Entry} remote
 * @param {Entry[]} entries
 */
function typeOfRemote(remote, entries) {
	const signaled = remote.candidateType === 'prflx' && entries.find((entry) => entry.type === remote.type &&
		entry.candidateType !== 'prflx' &&
		entry.address === remote.address && entry.port === remote.port && entry.protocol === remote.protocol);
	return (signaled || remote).candidateType;
}

/**
 * The TURN servers of an ICE list.
 *
 * @param {RTCIceServer[]} iceServers
 * @returns {string[]} their URLs
 */
export function turnUrls(iceServers) {
	return iceServers.flatMap(({ urls }) => urls).filter((url) => /^turn/.test(url));
}

/**
 * What a TURN server's error code says (RFC 8656, 19; 701: no answer at all).
 * The lower, the more certain: 701 also comes for an address family the host lacks.
 *
 * @type {Record<number, Why>}
 */
const WHY_BY_CODE = {
	401: 'turn-auth',
	403: 'turn-forbidden',
	486: 'turn-quota',
	508: 'turn-quota',
	701: 'turn-unreachable',
};

/**
 * Why there is no relay.
 *
 * @param {RTCIceServer[]} iceServers
 * @param {IceError[]} errors
 * @returns {Why}
 */
export function whyNoRelay(iceServers, errors) {
	if (!turnUrls(iceServers).length)
		return 'no-turn';
	const codes = errors.filter(({ url, code }) => /^turn/.test(url) && WHY_BY_CODE[code]).map(({ code }) => code);
	return WHY_BY_CODE[Math.min(...codes)] ?? 'no-relay';
}
