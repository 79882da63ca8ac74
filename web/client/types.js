// types.js: the messages of protocol v1, for the type checker only.

/** @typedef {'peer' | 'broadcaster' | 'watcher' | 'operator'} Role */

/**
 * Somebody else in the room.
 * @typedef {{id: string, role: Role, name?: string, metadata?: Record<string, unknown>}} Peer
 */

/**
 * What the ICE list comes with, in `joined`, in `ice` and from /v1/ice.
 * @typedef {{iceServers: RTCIceServer[], ttl: number, expiresAt: string, refreshAfter: number}} IceList
 */

/**
 * @typedef {{maxMessageBytes: number, maxMetadataBytes: number, pingInterval: number, silenceTimeout: number}} Limits
 */

/**
 * @typedef {{type: 'joined', id: string, room: string, role: Role, peers: Peer[], next?: number,
 *	viewers?: number, features: string[], limits: Limits} & IceList} Joined
 */

/** @typedef {{type: 'peers', peers: Peer[], next?: number}} Peers */
/** @typedef {{type: 'peer-left', id: string, role: Role, reason: string}} PeerLeft */
/** @typedef {{type: 'offer' | 'answer', from: string, description: RTCSessionDescriptionInit}} Description */
/** @typedef {{type: 'candidate', from: string, candidate: RTCIceCandidateInit | null}} Candidate */
/** @typedef {{type: 'signal' | 'broadcast', from: string, data: any}} Data */
/** @typedef {{type: 'go-away', reason: string, reconnectAfterMs: number}} GoAway */

/**
 * Where the connection to signald stands. `reconnecting` also before the
 * first success; `closed` is for good.
 * @typedef {'idle' | 'connecting' | 'joined' | 'reconnecting' | 'closed'} SignalingState
 */

/**
 * @typedef {object} SignaldEvents
 * @property {SignalingState} state
 * @property {Joined} joined              at every join, the ones after a reconnect too
 * @property {Peer} peer-joined           also for those of later pages of the list
 * @property {PeerLeft} peer-left
 * @property {number} viewers
 * @property {Description} offer
 * @property {Description} answer
 * @property {Candidate} candidate
 * @property {Data} signal
 * @property {Data} broadcast
 * @property {IceList} ice                a fresh list, asked for or not
 * @property {GoAway} go-away
 * @property {{delayMs: number, reason: string}} retry  the connection is lost; when it is tried again
 * @property {import('./signald.js').SignaldError} error  an answer nobody waits for
 * @property {import('./signald.js').SignaldError} closed ended for good, and why
 */

/**
 * @typedef {object} SignaldOptions
 * @property {string} room
 * @property {Role} [role]
 * @property {string} [name]
 * @property {Record<string, unknown>} [metadata]
 * @property {number} [ttl]             seconds a TURN credential should live
 * @property {number} [minRetryMs]      the first bound of the reconnect delay (500)
 * @property {number} [maxRetryMs]      the last (20,000)
 * @property {number} [timeoutMs]       how long any answer may take (10,000)
 * @property {typeof globalThis.WebSocket} [WebSocket] where the platform has none
 */

/** @typedef {{url: string, code: number, text: string}} IceError */

/**
 * Why a link has failed.
 * - `no-turn`           no direct path, and the ICE list has no TURN server
 * - `turn-auth`         a TURN server refused the credential (401)
 * - `turn-forbidden`    or the request (403)
 * - `turn-quota`        or one more relay (486, 508)
 * - `turn-unreachable`  no TURN server answered (701)
 * - `no-relay`          no relay, and no server said why
 * - `no-answer`         the other side has not answered
 * - `no-path`           both sides tried, nothing got through
 * @typedef {'no-turn' | 'turn-auth' | 'turn-forbidden' | 'turn-quota' | 'turn-unreachable' |
 *	'no-relay' | 'no-answer' | 'no-path'} Why
 */

/**
 * The pair of candidates a connection uses. `protocol` is how this side's
 * packets leave: to the relay if it is ours, else to the other side.
 * @typedef {{local: RTCIceCandidateType, remote: RTCIceCandidateType, relayed: boolean,
 *	protocol: 'udp' | 'tcp' | 'tls', rttMs?: number}} SelectedPair
 */

/**
 * @typedef {{state: 'connecting' | 'connected' | 'failed' | 'closed', pair?: SelectedPair,
 *	why?: Why, errors: IceError[]}} LinkState
 */

export {};
