// types.js: the messages of protocol v1 and what the client makes of them, for
// the type checker only.

/** @import {PeerLink} from './peerlink.js' */
/** @import {SignaldError} from './error.js' */

/** @typedef {'peer' | 'broadcaster' | 'watcher' | 'operator'} Role */

/**
 * Somebody else, as the server lists them. `inst` is which memory of theirs it
 * is; clients without a session have none.
 * @typedef {{id: string, role: Role, name?: string, metadata?: Record<string, unknown>,
 *	inst?: number, away?: boolean}} ListedPeer
 */

/**
 * Somebody else in the room. `away`: cut off, and expected back; what is sent to
 * them meanwhile is kept.
 * @typedef {ListedPeer & {away: boolean}} Peer
 */

/**
 * What the ICE list comes with, in `joined`, in `ice` and from /v1/ice. `turn`: it
 * has TURN servers.
 * @typedef {{iceServers: RTCIceServer[], turn: boolean, ttl: number, expiresAt: string, refreshAfter: number}} IceList
 */

/**
 * @typedef {{maxMessageBytes: number, maxMetadataBytes: number, pingInterval: number, silenceTimeout: number}} Limits
 */

/**
 * `epoch`: of which log; `window`: for how many seconds one may be away;
 * `settled`: whoever is absent is gone.
 * @typedef {{token: string, epoch: number, window: number, settled: boolean}} Session
 */

/**
 * @typedef {{type: 'joined' | 'resumed', id: string, room: string, role: Role, peers: ListedPeer[], next?: number,
 *	viewers?: number, features: string[], limits: Limits, session: Session} & IceList} Joined
 */

/** @typedef {{type: 'not-resumed', reason: string, message: string}} NotResumed */
/** @typedef {{type: 'peers', peers: ListedPeer[], next?: number}} Peers */
/** @typedef {{type: 'peer-joined', peer: ListedPeer}} PeerJoined */
/** @typedef {{type: 'peer-away', id: string}} PeerAway */
/** @typedef {{type: 'peer-back', id: string, inst: number}} PeerBack */

/** @typedef {{type: 'peer-left', id: string, role: Role, reason: string}} PeerLeft */

/**
 * Who has left. `reason`: as in the protocol, or `restarted` of somebody whose
 * `peer-joined` follows at once: their page was loaded again.
 * @typedef {Peer & {reason: string}} LeftPeer
 */

/** @typedef {{type: 'go-away', reason: string, reconnectAfterMs: number}} GoAway */
/** @typedef {{type: 'error', ref?: number, code: string, message: string, to?: string, n?: number, retryAfter?: number}} ErrorMessage */
/** @typedef {{type: 'ack', ref?: number, from?: string, ti?: number, n?: number}} Ack */

/**
 * What numbered frames have in common: the sender's memory, its number of the
 * message and of the one before, and how far ours have come to it.
 * @typedef {{from: string, fi?: number, n?: number, p?: number, acked?: number}} Envelope
 */

/**
 * `offerUfrag`, of an answer: the ICE username fragment of the offer that it answers.
 * @typedef {Envelope & {type: 'offer' | 'answer', description: RTCSessionDescriptionInit & {offerUfrag?: string}}} Description
 */

/** @typedef {Envelope & {type: 'candidate', candidate: RTCIceCandidateInit | null}} Candidate */

/**
 * What an application has sent.
 * @template [Data=unknown]
 * @typedef {Envelope & {type: 'signal' | 'broadcast', data: Data}} Message
 */

/**
 * Any numbered frame.
 * @template [Data=unknown]
 * @typedef {Description | Candidate | Message<Data>} Relayed
 */

/** @typedef {{type: 'ice'} & IceList} Ice */
/** @typedef {{type: 'viewers', count: number}} Viewers */
/** @typedef {{type: 'session', token: string}} NewToken */
/** @typedef {{type: 'kicked', reason: string}} Kicked */
/** @typedef {{type: 'settled' | 'pong' | 'left'}} Bare */

/** @typedef {Peers | PeerJoined | PeerAway | PeerBack | PeerLeft | Viewers} Presence */
/** @typedef {Joined | NotResumed | NewToken | Kicked | GoAway | ErrorMessage | Ack | Ice | Bare | Presence | Relayed} ServerMessage */

/**
 * Whom a numbered message is for: lists go together.
 * @typedef {{to: string | string[], ti: number | number[], n: number, p: number | number[]}} Address
 */

/**
 * Where the connection to signald stands. `reconnecting` also before the
 * first success; `closed` is for good.
 * @typedef {'idle' | 'connecting' | 'joined' | 'reconnecting' | 'closed'} SignalingState
 */

/**
 * @template [Data=unknown]
 * @typedef {object} SignaldEvents
 * @property {SignalingState} state
 * @property {Joined} joined              in the room with a memory that is new to the others: what was before is over
 * @property {Joined} resumed             in the room again, as if nothing had been
 * @property {Peer} peer-joined           also for those of later pages of the list
 * @property {Peer} peer-away             cut off; what is sent to them is kept
 * @property {Peer} peer-back
 * @property {LeftPeer} peer-left
 * @property {PeerLink} link              a link was made, as the option `links` asks for
 * @property {number} viewers
 * @property {Message<Data>} message      what a peer has sent to us
 * @property {Message<Data>} broadcast    what a peer has sent to all
 * @property {Description} offer
 * @property {Description} answer
 * @property {Candidate} candidate
 * @property {IceList} ice                a fresh list, asked for or not
 * @property {GoAway} go-away
 * @property {{delayMs: number, reason: string}} retry  the connection is lost, or could not be made; when it is tried again
 * @property {SignaldError} error         an answer nobody waits for
 * @property {SignaldError} closed        ended for good, and why
 */

/**
 * As much of a WebSocket as is used: the browser's, or that of the package ws.
 * @typedef {{readonly readyState: number, onopen: unknown, onmessage: unknown, onerror: unknown, onclose: unknown,
 *	send(text: string): void, close(code?: number, reason?: string): void}} SocketLike
 */

/** @typedef {new (url: string, protocol: string) => SocketLike} WebSocketLike */

/**
 * @typedef {object} SignaldOptions
 * @property {string} room
 * @property {Role} [role]
 * @property {string} [name]
 * @property {Record<string, unknown>} [metadata]
 * @property {unknown} [auth]           any JSON value for the server, or a function that gives it or a promise of it; called before each attempt
 * @property {number} [ttl]             seconds a TURN credential should live
 * @property {MediaStream} [stream]     what every link sends; see `share`
 * @property {boolean | ((peer: Peer) => boolean)} [links]  make a PeerLink for each peer, or for those (with a stream: true)
 * @property {RTCIceTransportPolicy} [policy]  of the links made: `relay` forbids direct paths
 * @property {Pick<Storage, 'getItem' | 'setItem'> | null} [storage]  what keeps the place in the room over a reload (sessionStorage); null: nothing
 * @property {number} [maxPending]      messages to one peer that may wait for their delivery (1024)
 * @property {number} [minRetryMs]      the least bound of the reconnect delay (500)
 * @property {number} [maxRetryMs]      the greatest (20,000)
 * @property {number} [timeoutMs]       how long any answer of the server may take (10,000)
 * @property {WebSocketLike} [WebSocket] where the platform has none
 * @property {typeof globalThis.RTCPeerConnection} [RTCPeerConnection] likewise
 */

/**
 * @typedef {object} SendOptions
 * @property {number} [timeoutMs]       give up after so long (never)
 * @property {AbortSignal} [signal]     give up when it says so
 */

/**
 * As much of a Signald as a link needs.
 * @typedef {object} Signaling
 * @property {string} id
 * @property {SignalingState} state
 * @property {ReadonlyMap<string, Peer>} peers
 * @property {Map<string, PeerLink>} links
 * @property {RTCIceServer[]} iceServers
 * @property {(to: string, description: Description['description']) => Promise<void>} offer
 * @property {(to: string, description: Description['description']) => Promise<void>} answer
 * @property {(to: string, candidate: RTCIceCandidateInit | null) => Promise<void>} candidate
 * @property {{(name: 'ice', listener: (list: IceList) => void): () => void, (name: 'resumed', listener: () => void): () => void,
 *	(name: 'peer-back', listener: (peer: Peer) => void): () => void}} on
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
 *
 * @typedef {'no-turn' | 'turn-auth' | 'turn-forbidden' | 'turn-quota' | 'turn-unreachable' | 'no-relay' | 'no-answer' | 'no-path'} Why
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
