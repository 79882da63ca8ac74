/*
 * delivery.pml: one client sends, another receives, through a server that forgets
 * everything when it is killed: is every message delivered exactly once and in
 * order, and acknowledged only then? docs/delivery.md has the rules; their names
 * (S1, R2, V3, ...) stand here where they are kept. README.md beside this file
 * says what is modelled and what is not; the file run has the checks.
 *
 * A model checker walks through every order of events there is. What it finds
 * wrong is an assertion, a state in which the sender waits and nothing can happen
 * any more, or, with LIVE, a circle that never ends.
 *
 * How large:	NMSG messages, CUTS cut connections, CRASHES kills of the server,
 *		LOGCAP entries in the receiver's log
 * What else may happen:
 *	RELOAD	the receiver's page is loaded anew
 *	SRELOAD	the sender's page is loaded anew
 *	COPY	the receiver's page is opened twice; both pages live on
 *	LATE	the receiver may be away for longer than the window
 *	SLATE	the sender may be away for longer than the window
 *	QFULL	the log may be full
 *	EVICT	the server forgets a pair of which all is acknowledged
 *	STALE	a receiver resumes from less than it has received
 *	CALM	the sender goes back once for all gaps of one volley, as web/client does
 *	BCAST	one broadcast more goes to the receiver: it has a position, but no
 *		number, and where the log is full it is not kept
 * NO_x takes the rule x away. Something must go wrong then; with BROKEN it is
 * only what an application would notice.
 */
#ifndef NMSG
#define NMSG 2
#endif
#ifndef CUTS
#define CUTS 2
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef LOGCAP
#define LOGCAP 6
#endif

/* Promises may be rejected, though both clients live, only where one of these is. */
#if defined(RELOAD) || defined(COPY) || defined(LATE) || defined(SLATE) || \
	defined(QFULL)
#define MAYFAIL
#endif

/*
 * Pages are the memories of clients. Each has two transports, which it uses in
 * turn: a new one may be open while the server has yet to read from the old.
 */
#define A 0	/* the sender */
#define B 1	/* the receiver */
#define B2 2	/* the copy of the receiver's page; to the server it is B */
#ifdef COPY
#define PAGES 3
#else
#define PAGES 2
#endif
#define TRANSPORTS (2 * PAGES)
#define NONE TRANSPORTS
#define T(page) (2 * (page) + slot[page])

mtype = { RESUME, MSG, ACK };
mtype = { RESUMED, EXPIRED, OVERFLOW, TAKEN, DATA, ACKED, PEER, LEFT, ERROR };
mtype = { PENDING, GAP, FULL };

/*
 * What goes over a transport, with up to four numbers:
 *
 *	up	RESUME	epoch, last, inst, try (join is a RESUME with epoch 0)
 *		MSG	n, p, ti, fi (the server knows fi from the session)
 *		ACK	sn
 *	down	RESUMED	to A: inst of B or 0, settled; to B: epoch
 *		EXPIRED, OVERFLOW, TAKEN (not-resumed with that reason)
 *		DATA	position, n, p, fi (the position is not sent: both count)
 *		ACKED	n
 *		PEER	inst (peer-joined, peer-back)
 *		LEFT	(peer-left, unknown-peer, settled without the peer)
 *		ERROR	n, code
 */
#define UP_LENGTH 3
#define DOWN_LENGTH 4
chan up[TRANSPORTS] = [UP_LENGTH] of { mtype, byte, byte, byte, byte };
chan down[TRANSPORTS] = [DOWN_LENGTH] of { mtype, byte, byte, byte, byte };
bit dead[TRANSPORTS + 1];	/* cut; NONE always is */

/* Clients: the transport in use, and what every RESUME says. */
byte slot[PAGES];
bit joined[PAGES];		/* RESUMED has come by this transport */
byte inst[PAGES];
byte try[PAGES];

/* The sender. Its messages are 1 to NMSG, anew for each of its instances. */
#define MESSAGES (2 * NMSG + 1)
#define IX(fi, n) (((fi) - 1) * NMSG + (n))
#define MINE(n) IX(inst[A], n)
#define WAITING 0
#define PROMISED 1		/* sent at least once, not settled */
#define SETTLED 2
#define REJECTED 3
byte next = 1;			/* the n to send */
bit in_view = 1;		/* the receiver is in the room, as far as A knows */
byte peer_inst = 1;
bit known = 1;			/* A has an epoch to name in RESUME */
#ifdef CALM
byte stale_to;			/* a gap up to here is no news */
#endif
byte st[MESSAGES];
byte ti[MESSAGES];
bool done;

/* The receiver, per page (A's place is empty). */
byte r_fi[PAGES];		/* the sender's instance that was last heard */
byte r_last[PAGES];		/* highest n delivered of it */
byte epoch[PAGES];
byte got[PAGES];		/* highest position received */
byte count[PAGES];		/* position of the last frame of this transport */
byte said[PAGES];		/* highest position ever told to the server */
bit over[PAGES];		/* told that another page has taken its place */

/* What truly happened; nobody's code can look at it. */
bool delivered[MESSAGES];	/* to the application of the instance it is for */
bool broadcast_delivered;
bit broadcast_sent, reloaded, s_reloaded, copied;
byte cuts, crashes, epochs = 1;

/* The server. All of this is lost in a crash. */
bit session[2];
byte s_inst[2];
byte s_try[2];
byte transport[2];
bit settled = 1;
byte sent, acked;		/* of the pair A to B */
byte s_epoch = 1;		/* the log towards B */
byte positions;			/* how many were given out */
byte begin;			/* everything behind this one is kept */
byte entries;
byte written;			/* how many of them went to this transport */
byte log_sn[LOGCAP + 1], log_n[LOGCAP + 1], log_p[LOGCAP + 1];
byte log_fi[LOGCAP + 1];

byte i, j;			/* scratch, 0 between steps */

inline drain(channel)
{
	do
	:: len(channel) > 0 -> channel?_, _, _, _, _
	:: else -> break
	od
}

/* ---- both clients ---- */

/* A page's next transport: the old one is never listened to again (R1). */
inline reopen(page, owner)
{
	slot[page] = 1 - slot[page];
	drain(up[T(page)]);
	drain(down[T(page)]);
	if
	:: transport[owner] == T(page) -> transport[owner] = NONE
	:: else
	fi;
	dead[T(page)] = 0;
	joined[page] = 0;
	try[page]++;
	if
	:: page == A -> up[T(page)]!RESUME, known, 0, inst[page], try[page]
	:: else ->
#ifdef STALE
		/* not below what was said before, for that may be trimmed */
		do
		:: said[page] < got[page] -> said[page]++
		:: break
		od;
#else
		said[page] = got[page];
#endif
		count[page] = said[page];
		up[T(page)]!RESUME, epoch[page], said[page], inst[page], try[page]
	fi
}

/* ---- the sender ---- */

/* S5: every promise to the receiver's old instance is rejected. */
inline reject_all()
{
	i = 1;
	do
	:: i <= NMSG ->
		if
		:: st[MINE(i)] == PROMISED ->
#ifndef MAYFAIL
			assert(false);	/* LOST: both live, and it was given up */
#endif
			st[MINE(i)] = REJECTED
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0
}

/* S2: the lowest n that is not settled comes next. */
inline go_back()
{
	next = 1;
	do
	:: next <= NMSG && st[MINE(next)] >= SETTLED -> next++
	:: else -> break
	od
}

/* What is heard says whether to do these; they are done behind it. */
inline peer_is(that)
{
#if !defined(NO_TI) && !defined(NO_S5)
	rejects = (that != peer_inst);
#endif
	peer_inst = that;
	in_view = 1;
#ifndef NO_S2_PEER
	goes_back = 1
#endif
}

inline peer_is_gone()
{
	rejects = 1;
	in_view = 0;
	goes_back = 1
}

/* S1: in order of n, p naming the one before it that is still promised (S4). */
inline transmit()
{
	if
	:: st[MINE(next)] >= SETTLED
	:: else ->
		if
		:: st[MINE(next)] == WAITING ->
			st[MINE(next)] = PROMISED;
			ti[MINE(next)] = peer_inst
		:: else
		fi;
		i = 1;
		do
		:: i < next ->
			if
#ifndef NO_S4
			:: st[MINE(i)] == PROMISED -> p = i
#else
			:: st[MINE(i)] == PROMISED || st[MINE(i)] == REJECTED -> p = i
#endif
			:: else
			fi;
			i++
		:: else -> break
		od;
		i = 0;
		up[T(A)]!MSG, next, p, ti[MINE(next)], inst[A];
		p = 0
	fi;
	next++
}

/* An ack is cumulative (S2). */
inline settle(upto)
{
	i = 1;
	do
	:: i <= upto && i <= NMSG ->
		if
		:: st[MINE(i)] == PROMISED ->
			assert(delivered[MINE(i)]);	/* FALSE ACK */
			st[MINE(i)] = SETTLED
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0
}

#ifdef CALM
/* What was sent behind n lacks its predecessor, and will be refused as well. */
inline expect_gaps_behind(n)
{
	if
	:: next - 1 > n -> stale_to = next - 1
	:: else -> stale_to = 0
	fi
}
#endif

inline heard_gap(n)
{
#if defined(NO_S2_GAP)
	skip
#elif defined(CALM)
	if
	:: n > stale_to -> expect_gaps_behind(n); goes_back = 1
	:: n == stale_to -> stale_to = 0
	:: else
	fi
#else
	goes_back = 1
#endif
}

inline refused(n)
{
#ifndef QFULL
	assert(false);	/* LOST: LOGCAP is too small for this check */
#endif
	if
	:: st[MINE(n)] == PROMISED -> st[MINE(n)] = REJECTED
	:: else
	fi;
#ifdef CALM
	expect_gaps_behind(n);
#endif
	goes_back = 1
}

inline look_whether_done()
{
	i = 1;
	do
	:: i <= NMSG && st[MINE(i)] >= SETTLED -> i++
	:: else -> break
	od;
	done = (i > NMSG);
	i = 0
}

inline sender_resumed(peer, is_settled)
{
	joined[A] = 1;
	known = 1;
	if
	:: peer != 0 -> peer_is(peer)
	:: peer == 0 && !is_settled -> in_view = 0; goes_back = 1
	:: peer == 0 && is_settled -> peer_is_gone()
	fi;
#ifdef NO_S2_RESUMED
	goes_back = 0
#endif
}

/* The window is over: a new instance, on the same connection. */
inline begin_anew()
{
	inst[A]++;
	next = 1;
	known = 0;
	try[A] = 1;
	up[T(A)]!RESUME, 0, 0, inst[A], try[A]
}

proctype Sender()
{
	mtype what;
	byte x, y, z, w, p;
	bit rejects, goes_back;

	do
	:: atomic {
		!dead[T(A)] && joined[A] && in_view && next <= NMSG &&
			nfull(up[T(A)]) ->
		transmit()
	   }
	:: atomic {
		down[T(A)]?what, x, y, z, w ->
		if
		:: what == RESUMED -> sender_resumed(x, y)
		:: what == EXPIRED -> rejects = 1
		:: what == OVERFLOW || what == TAKEN -> assert(false)
		:: what == PEER ->
			if
			:: joined[A] -> peer_is(x)
			:: else
			fi
		:: what == LEFT -> peer_is_gone()
		:: what == ACKED -> settle(x)
		:: what == ERROR && y == PENDING -> in_view = 0; goes_back = 1
		:: what == ERROR && y == GAP -> heard_gap(x)
		:: what == ERROR && y == FULL -> refused(x)
		fi;
#ifdef CALM
		if
		:: what != ERROR && goes_back -> stale_to = 0
		:: what == ERROR && y == PENDING -> stale_to = 0
		:: else
		fi;
#endif
		if
		:: rejects -> reject_all()
		:: else
		fi;
		if
		:: what == EXPIRED -> begin_anew()
		:: goes_back -> go_back()
		:: else
		fi;
		what = 0; x = 0; y = 0; z = 0; w = 0;
		rejects = 0; goes_back = 0;
		look_whether_done()
	   }
	:: atomic { dead[T(A)] && !done -> reopen(A, A) }
#ifdef SRELOAD
	:: atomic {
		!s_reloaded && !done ->
		s_reloaded = 1;
		next = 1;
		known = 0;
		dead[T(A)] = 1;
#ifndef NO_INST_SENDER
		inst[A]++;
		try[A] = 0;
#else
		/* the page has forgotten; what it says now is new */
		i = 1;
		do
		:: i <= NMSG ->
			st[i] = WAITING; delivered[i] = 0; ti[i] = 0; i++
		:: else -> break
		od;
		i = 0;
#endif
		reopen(A, A)
	   }
#endif
	:: done -> break
	od
}

/* ---- the receiver ---- */

inline forget_sender(page)
{
	r_fi[page] = 0;
	r_last[page] = 0
}

inline forget_log(page)
{
	epoch[page] = 0;
	got[page] = 0;
	count[page] = 0;
	said[page] = 0
}

inline receiver_resumed(page, that)
{
	joined[page] = 1;
	if
	:: that != epoch[page] ->
#ifndef NO_R1_EPOCH
		forget_log(page);
#endif
		epoch[page] = that
	:: else
	fi
}

inline receiver_expired(page)
{
	forget_sender(page);
	forget_log(page);
	inst[page]++;
	try[page] = 1;
	up[T(page)]!RESUME, 0, 0, inst[page], try[page]
}

inline deliver(page, n, by)
{
	assert(!delivered[IX(by, n)]);		/* REPEATED */
	assert(ti[IX(by, n)] == inst[page]);	/* FOR ANOTHER INSTANCE */
	i = 1;
	do
	:: i < n ->
		/* OUT OF ORDER */
		assert(delivered[IX(by, i)] || st[IX(by, i)] == REJECTED ||
			ti[IX(by, i)] != inst[page]);
		i++
	:: else -> break
	od;
	i = 0;
	delivered[IX(by, n)] = 1;
	r_last[page] = n
}

/* R2 */
inline hear_numbered(page, n, p, by)
{
	if
#ifndef NO_R2_HIGHER
	:: by > r_fi[page] -> r_fi[page] = by; r_last[page] = 0
#else
	:: by > r_fi[page] -> r_fi[page] = by
#endif
	:: else
	fi;
	if
#ifndef NO_R2_LOWER
	:: by < r_fi[page]
#endif
#ifndef NO_R2_COUNT
	:: by == r_fi[page] && n <= r_last[page]
#else
	:: by == r_fi[page] && n <= r_last[page] -> count[page]--
#endif
	:: else ->
#ifndef BROKEN
		assert(p <= r_last[page]);	/* the server let a gap through */
#endif
		deliver(page, n, by)
	fi
}

/* R1: both sides count, and what was received before is dropped. */
inline hear_frame(page, position, n, p, by)
{
	count[page]++;
#ifndef BROKEN
	assert(count[page] == position);
#endif
	if
#ifndef NO_R1_POSITION
	:: count[page] <= got[page]
#endif
	:: else ->
		got[page] = count[page];
		if
		:: n == 0 ->
			assert(!broadcast_delivered);	/* REPEATED */
			broadcast_delivered = 1
		:: else -> hear_numbered(page, n, p, by)
		fi
	fi
}

proctype Receiver(byte page)
{
	mtype what;
	byte x, y, z, w;

end:	do
	:: atomic {
		down[T(page)]?what, x, y, z, w ->
		if
		:: what == RESUMED -> receiver_resumed(page, x)
		:: what == EXPIRED || what == OVERFLOW -> receiver_expired(page)
		:: what == TAKEN -> over[page] = 1; assert(copied && page == B)
		:: what == DATA -> hear_frame(page, x, y, z, w)
#ifndef NO_R4
		:: what == LEFT	/* R4: what was heard of it stays known */
#else
		:: what == LEFT -> forget_sender(page)
#endif
		fi;
		what = 0; x = 0; y = 0; z = 0; w = 0
	   }
	/* R3: what the application has may be acknowledged, now or later */
	:: atomic {
		joined[page] && !dead[T(page)] && count[page] > said[page] &&
			nfull(up[T(page)]) ->
		up[T(page)]!ACK, count[page], 0, 0, 0;
		said[page] = count[page]
	   }
#ifdef NO_R3
	/* the next frame is here, but the application does not have it yet */
	:: atomic {
		joined[page] && !dead[T(page)] && count[page] == said[page] &&
			nfull(up[T(page)]) && down[T(page)]?[DATA, x, y, z, w] ->
		said[page]++;
		up[T(page)]!ACK, said[page], 0, 0, 0
	   }
#endif
	:: atomic { !over[page] && dead[T(page)] -> reopen(page, B) }
#ifdef RELOAD
	:: atomic {
		!reloaded && !done ->
		reloaded = 1;
		forget_sender(page);
		forget_log(page);
#ifndef NO_INST
		inst[page]++;
		try[page] = 0;
#else
		/* the page has forgotten what its application had heard */
		i = 1;
		do
		:: i <= NMSG ->
			if
			:: st[i] <= PROMISED -> delivered[i] = 0
			:: else
			fi;
			i++
		:: else -> break
		od;
		i = 0;
#endif
		dead[T(page)] = 1;
		reopen(page, B)
	   }
#endif
#ifdef COPY
	:: atomic {
		page == B && !copied && !done ->
		copied = 1;
		inst[B2] = inst[B] + 1;
		reopen(B2, B);
		run Receiver(B2)
	   }
#endif
	od
}

/* ---- the server ---- */

/* Say something to a client, if it has a transport. */
#define TELL(who, what, a, b, c, d) \
	if \
	:: !dead[transport[who]] -> down[transport[who]]!what, a, b, c, d \
	:: else \
	fi
/* Nothing is read before there is room for all that it may lead to. */
#define HAS_ROOM(who, most) \
	(dead[transport[who]] || len(down[transport[who]]) <= most)
#define ROOM (HAS_ROOM(A, 1) && HAS_ROOM(B, 2))

inline shift_log()
{
	i = 0;
	do
	:: i < LOGCAP ->
		log_sn[i] = log_sn[i + 1];
		log_n[i] = log_n[i + 1];
		log_p[i] = log_p[i + 1];
		log_fi[i] = log_fi[i + 1];
		i++
	:: else -> break
	od;
	i = 0;
	log_sn[LOGCAP] = 0; log_n[LOGCAP] = 0; log_p[LOGCAP] = 0; log_fi[LOGCAP] = 0;
	entries--;
	if
	:: written > 0 -> written--
	:: else
	fi
}

inline append(n, p, by)
{
	positions++;
	log_sn[entries] = positions;
	log_n[entries] = n;
	log_p[entries] = p;
	log_fi[entries] = by;
	entries++
}

/* Forget the log; another epoch begins, or none. */
inline new_log(begins)
{
	i = 0;
	do
	:: i < entries ->
		log_sn[i] = 0; log_n[i] = 0; log_p[i] = 0; log_fi[i] = 0;
		i++
	:: else -> break
	od;
	i = 0;
	entries = 0;
	positions = 0;
	begin = 0;
	written = 0;
	if
	:: begins -> epochs++; s_epoch = epochs
	:: else -> s_epoch = 0
	fi
}

inline new_pair()
{
	sent = 0;
	acked = 0
}

/* V4: the receiver has all up to a position; it cannot have more than was sent. */
inline trim(upto)
{
	do
	:: entries > 0 && log_sn[0] <= upto ->
		if
#ifndef NO_V4_FI
		:: log_fi[0] == s_inst[A] && log_n[0] > acked -> acked = log_n[0]
#else
		:: log_n[0] > acked -> acked = log_n[0]
#endif
		:: else
		fi;
		shift_log()
	:: else -> break
	od;
	if
	:: upto > positions -> begin = positions
	:: upto <= positions && upto > begin -> begin = upto
	:: else
	fi
}

inline tell_acked()
{
	if
	:: acked > 0 -> TELL(A, ACKED, acked, 0, 0, 0)
	:: else
	fi
}

/* V1: the old transport's unread bytes are not for this session any more. */
inline take_over()
{
	if
	:: transport[who] != t && transport[who] != NONE ->
		dead[transport[who]] = 1
	:: else
	fi;
	transport[who] = t
}

inline resume_sender(that_inst)
{
	if
	:: !session[A] || that_inst > s_inst[A] ->
		session[A] = 1;
		s_inst[A] = that_inst;
#ifndef NO_V2_PAIRS
		new_pair()
#endif
	:: else
	fi;
#ifdef NO_S1
	TELL(A, RESUMED, 1, 1, 0, 0)	/* as if the receiver were always there */
#else
	if
	:: session[B] -> TELL(A, RESUMED, s_inst[B], settled, 0, 0)
	:: else -> TELL(A, RESUMED, 0, settled, 0, 0)
	fi
#endif
}

/* V2, and V5: the room hears of it behind all that it heard before. */
inline resume_receiver(that_epoch, last, that_inst)
{
	if
	:: !session[B] || that_inst > s_inst[B] ->
		session[B] = 1;
		s_inst[B] = that_inst;
		new_log(true);
		new_pair()
	:: else ->
		if
#ifndef NO_V2_EPOCH
		:: that_epoch == s_epoch -> trim(last)
#endif
		:: else
		fi
	fi;
#ifdef NO_V2_EPOCH
	trim(last);
#endif
#ifndef NO_V2_REPLAY
	written = 0;
#else
	written = entries;
#endif
	TELL(B, RESUMED, s_epoch, 0, 0, 0);
#ifndef NO_V5
	TELL(A, PEER, that_inst, 0, 0, 0);
#endif
	tell_acked()
}

/* V8: what the receiver lacks is not all kept. Of another log it has nothing. */
#if defined(NO_V8) || defined(NO_V2_EPOCH)
#define HAS_HOLE(that_epoch, last) false
#else
#define HAS_HOLE(that_epoch, last) \
	(that_epoch == s_epoch -> last < begin || last > positions : begin > 0)
#endif

/* Who may be away for longer than the window; A once, with its first instance. */
#ifdef SLATE
#define A_MAY_MISS (inst[A] == 1)
#else
#define A_MAY_MISS false
#endif
#ifdef LATE
#define B_MAY_MISS true
#else
#define B_MAY_MISS false
#endif
#define MAY_MISS(who) ((who == A && A_MAY_MISS) || (who == B && B_MAY_MISS))

#ifndef NO_V1_TRY
#define IS_LATER(that_try, known) (that_try > known)
#else
#define IS_LATER(that_try, known) true
#endif

/* V1 */
inline hear_resume(that_epoch, last, that_inst, that_try)
{
	if
#ifndef NO_V1_TAKEN
	:: session[who] && that_inst < s_inst[who] -> down[t]!TAKEN, 0, 0, 0, 0
#endif
	:: session[who] && that_inst == s_inst[who] &&
			!IS_LATER(that_try, s_try[who]) ->
		dead[t] = 1
	:: settled && !session[who] && that_epoch != 0 && MAY_MISS(who) ->
		down[t]!EXPIRED, 0, 0, 0, 0
	:: who == B && session[B] && that_inst == s_inst[B] &&
			IS_LATER(that_try, s_try[B]) && HAS_HOLE(that_epoch, last) ->
#if !defined(BCAST) && !defined(BROKEN)
		assert(false);	/* nothing that may be needed is trimmed */
#endif
		down[t]!OVERFLOW, 0, 0, 0, 0
	:: else ->
		take_over();
		s_try[who] = that_try;
		if
		:: who == A -> resume_sender(that_inst)
		:: else -> resume_receiver(that_epoch, last, that_inst)
		fi
	fi
}

/* V3, in this order. */
inline hear_message(n, p, that_ti, by)
{
	if
#if defined(NO_V3_WORD)
	:: !session[B]					/* dropped silently */
#elif defined(NO_V3_PENDING)
	:: !session[B] -> TELL(A, LEFT, 0, 0, 0, 0)	/* gone, it is said */
#elif defined(ACK_BY_PRESENT)
	:: !session[B] -> TELL(A, ACKED, n, 0, 0, 0)	/* "all who are here" */
#else
	:: !session[B] && !settled -> TELL(A, ERROR, n, PENDING, 0, 0)
	:: !session[B] && settled -> TELL(A, LEFT, 0, 0, 0, 0)
#endif
#ifndef NO_TI
	:: session[B] && that_ti != s_inst[B]	/* PEER has said it already */
#endif
	:: else ->
		if
#ifndef NO_V3_REPEAT
		:: n <= acked -> tell_acked()
#else
		:: n <= acked
#endif
		:: n > acked && n <= sent
#ifndef NO_P
		:: n > sent && n > acked && p > sent ->
			TELL(A, ERROR, n, GAP, 0, 0)
		:: n > sent && n > acked && p <= sent && entries == LOGCAP ->
			TELL(A, ERROR, n, FULL, 0, 0)
#else
		:: n > sent && n > acked && entries == LOGCAP ->
			TELL(A, ERROR, n, FULL, 0, 0)
#endif
		:: else ->
			append(n, p, by);
			sent = n;
#ifdef NO_V4_DELIVERED
			TELL(A, ACKED, n, 0, 0, 0)	/* it is only logged */
#endif
		fi
	fi
}

#ifndef NO_V1_DETACH
#define IS_ACCEPTED (transport[who] == t)
#else
#define IS_ACCEPTED (transport[who] != NONE)
#endif

/* The next message of the transport t, which is who's. */
inline hear()
{
	up[t]?what, x, y, z, w;
	if
	:: what == RESUME -> hear_resume(x, y, z, w)
	:: what == ACK && IS_ACCEPTED -> trim(x); tell_acked()
	:: what == MSG && IS_ACCEPTED -> hear_message(x, y, z, w)
	:: what != RESUME && !IS_ACCEPTED
	fi;
	what = 0; x = 0; y = 0; z = 0; w = 0
}

inline end_session(who)
{
	session[who] = 0;
	s_inst[who] = 0;
	s_try[who] = 0;
	transport[who] = NONE
}

#ifdef COPY
#define SAID_BY_B2 (len(up[4]) + len(up[5]))
#else
#define SAID_BY_B2 0
#endif
#define IS_SOMETHING_SAID (len(up[0]) + len(up[1]) + len(up[2]) + len(up[3]) + \
	SAID_BY_B2 > 0)

proctype Server()
{
	mtype what;
	byte x, y, z, w, who, t;

end:	do
	:: atomic {
		ROOM && IS_SOMETHING_SAID ->
		if
		:: len(up[0]) > 0 -> t = 0
		:: len(up[1]) > 0 -> t = 1
		:: len(up[2]) > 0 -> t = 2
		:: len(up[3]) > 0 -> t = 3
#ifdef COPY
		:: len(up[4]) > 0 -> t = 4
		:: len(up[5]) > 0 -> t = 5
#endif
		fi;
		who = (t < 2 -> A : B);
		hear();
		t = 0;
		who = 0
	   }
	:: atomic {
		written < entries && !dead[transport[B]] &&
			len(down[transport[B]]) <= 1 ->
		down[transport[B]]!DATA, log_sn[written], log_n[written],
			log_p[written], log_fi[written];
		written++
	   }
#ifdef NO_V6
	:: atomic {
		ROOM && session[B] && transport[B] != NONE && dead[transport[B]] ->
		transport[B] = NONE;
		TELL(A, LEFT, 0, 0, 0, 0)
	   }
#endif
	/* V6: the end of the window of one who is away */
#ifdef LATE
	:: atomic {
		ROOM && session[B] && transport[B] != NONE && dead[transport[B]] ->
		end_session(B);
		new_log(false);
		TELL(A, LEFT, 0, 0, 0, 0)
	   }
#endif
#ifdef SLATE
	:: atomic {
		ROOM && session[A] && transport[A] != NONE && dead[transport[A]] &&
			A_MAY_MISS ->
		end_session(A);
		new_pair();
		TELL(B, LEFT, 0, 0, 0, 0)
	   }
#endif
	/* the end of the window after a restart */
	:: atomic {
		ROOM && !settled && (session[A] || A_MAY_MISS) &&
			(session[B] || B_MAY_MISS) ->
		settled = 1;
		if
		:: !session[B] -> TELL(A, LEFT, 0, 0, 0, 0)
		:: else
		fi
	   }
#ifdef EVICT
	/* V7 */
#ifndef NO_V7
	:: atomic { sent > 0 && sent == acked -> new_pair() }
#else
	:: atomic { sent > 0 -> new_pair() }
#endif
#endif
#ifdef BCAST
	:: atomic {
		!broadcast_sent && session[B] && entries < LOGCAP ->
		broadcast_sent = 1;
		append(0, 0, 0)
	   }
	/* V8: no room: it goes to one who is there, and leaves a hole */
	:: atomic {
		!broadcast_sent && session[B] && entries == LOGCAP &&
			(dead[transport[B]] || (written == entries &&
			len(down[transport[B]]) <= 1)) ->
		broadcast_sent = 1;
		positions++;
		begin = positions;
		TELL(B, DATA, positions, 0, 0, 0)
	   }
#endif
	od
}

/* ---- what goes wrong ---- */

inline crash()
{
	i = 0;
	do
	:: i < TRANSPORTS ->
		drain(up[i]);
		drain(down[i]);
		dead[i] = 1;
		i++
	:: else -> break
	od;
	i = 0;
	end_session(A);
	end_session(B);
	new_log(false);
	new_pair();
	settled = 0
}

proctype Fault()
{
end:	do
	:: atomic {
		!done && cuts < CUTS && !dead[T(A)] -> dead[T(A)] = 1; cuts++
	   }
	:: atomic {
		!done && cuts < CUTS && !dead[T(B)] -> dead[T(B)] = 1; cuts++
	   }
#ifdef COPY
	:: atomic {
		copied && !done && cuts < CUTS && !dead[T(B2)] ->
		dead[T(B2)] = 1;
		cuts++
	   }
#endif
	:: atomic { !done && crashes < CRASHES -> crashes++; crash() }
#ifdef LIVE
	/* else fairness would owe the faults that are left */
	:: break
#endif
	od
}

/* Both have joined, and nothing was said yet. */
init {
	atomic {
		inst[A] = 1; try[A] = 1; joined[A] = 1;
		inst[B] = 1; try[B] = 1; joined[B] = 1; epoch[B] = 1;
		session[A] = 1; s_inst[A] = 1; s_try[A] = 1;
		session[B] = 1; s_inst[B] = 1; s_try[B] = 1;
		transport[A] = 0; transport[B] = 2;
		dead[1] = 1; dead[3] = 1; dead[NONE] = 1;
#ifdef COPY
		dead[4] = 1; dead[5] = 1;
#endif
		run Sender();
		run Receiver(B);
		run Server();
		run Fault()
	}
}

#ifdef LIVE
ltl all_is_settled { <> done }
#endif
