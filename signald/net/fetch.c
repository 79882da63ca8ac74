/* fetch.c: requests to other servers, by HTTP and HTTPS, on our own loop. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <curl/curl.h>

#include "base/buf.h"
#include "base/member.h"
#include "net/fetch.h"

/* To one server, where more requests wait; and of all servers when they have
 * nothing to do: were these fewer, libcurl would close after a burst, and at
 * every request of a longer one, what it has to open again. */
#define MAX_CONNECTIONS 64
#define MAX_HEAD_BYTES 16384 /* of an answer, trailers included */
#define WHY_CAP 320

/*
 * libcurl says which sockets and which time it waits for, and is told when they
 * are due. What has ended then goes from `running` to `ended`, and its owner
 * hears of it at the end of the turn: never inside a call of libcurl's or of
 * the owner's.
 */
struct fetcher {
	struct loop *loop;
	CURLM *multi;
	struct event *timer;
	struct fetch *running;
	struct fetch *ended;
	struct loop_task tell;
	bool has_library;
};

struct fetch {
	struct fetcher *fetcher;
	struct fetch *next; /* in one of the fetcher's lists */
	CURL *easy;
	bool is_in_multi;
	struct curl_slist *headers;
	struct buf body;
	size_t max_bytes, head_bytes;
	unsigned timeout_ms;
	bool is_too_long;
	CURLcode result;
	char error[CURL_ERROR_SIZE];
	fetch_done *on_done;
	void *arg;
};

/* A socket of libcurl's. */
struct fetch_socket {
	struct fetcher *fetcher;
	struct event *event;
};

/* --- lists --- */

static void put(struct fetch **list, struct fetch *fetch)
{
	fetch->next = *list;
	*list = fetch;
}

static struct fetch *take_first(struct fetch **list)
{
	struct fetch *fetch = *list;

	*list = fetch->next;
	return fetch;
}

/* They are short. */
static void take_out(struct fetch **list, const struct fetch *fetch)
{
	while (*list && *list != fetch)
		list = &(*list)->next;
	if (*list)
		*list = fetch->next;
}

/* It is in no list; not inside a callback of libcurl's. */
static void free_fetch(struct fetch *fetch)
{
	if (fetch->is_in_multi)
		(void)curl_multi_remove_handle(fetch->fetcher->multi,
					       fetch->easy);
	curl_easy_cleanup(fetch->easy);
	curl_slist_free_all(fetch->headers);
	buf_wipe(&fetch->body);
	free(fetch);
}

/* --- how it went --- */

static int error_of(const struct fetch *fetch, long status)
{
	if (fetch->is_too_long)
		return -EMSGSIZE;
	switch (fetch->result) {
	case CURLE_OK:
		return status >= 200 && status < 300 ? 0 : -EBADMSG;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_FILESIZE_EXCEEDED:
		return -EMSGSIZE;
	case CURLE_COULDNT_RESOLVE_HOST:
		return -EHOSTUNREACH;
	case CURLE_COULDNT_CONNECT:
		return -ECONNREFUSED;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		return -EKEYREJECTED;
	default:
		return -EIO;
	}
}

static void say_why(const struct fetch *fetch, int err, long status,
		    char why[WHY_CAP])
{
	switch (err) {
	case 0:
		why[0] = '\0';
		break;
	case -EBADMSG:
		(void)snprintf(why, WHY_CAP, "it answered %ld%s", status,
			       status >= 300 && status < 400
				       ? ", and redirects are not followed"
				       : "");
		break;
	case -EMSGSIZE:
		(void)snprintf(why, WHY_CAP,
			       "its answer is longer than %zu bytes, or its "
			       "head than %d",
			       fetch->max_bytes, MAX_HEAD_BYTES);
		break;
	case -ETIMEDOUT:
		(void)snprintf(why, WHY_CAP, "no whole answer within %u ms",
			       fetch->timeout_ms);
		break;
	default:
		(void)snprintf(why, WHY_CAP, "%s",
			       *fetch->error
				       ? fetch->error
				       : curl_easy_strerror(fetch->result));
	}
}

static void tell(struct fetch *fetch)
{
	struct fetch_answer answer = {.status = 0};
	char why[WHY_CAP];
	long status = 0;

	(void)curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
	answer.err = error_of(fetch, status);
	answer.status = (unsigned)status;
	if (!answer.err)
		answer.body = buf_span(&fetch->body);
	say_why(fetch, answer.err, status, why);
	answer.why = why;
	fetch->on_done(&answer, fetch->arg);
}

static void run_tell(struct loop_task *task)
{
	struct fetcher *fetcher = container_of(task, struct fetcher, tell);

	while (fetcher->ended) {
		struct fetch *fetch = take_first(&fetcher->ended);

		tell(fetch);
		free_fetch(fetch);
	}
}

/* Behind every call that may have ended some. */
static void collect(struct fetcher *fetcher)
{
	const CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(fetcher->multi, &left))) {
		CURL *easy = message->easy_handle;
		CURLcode result = message->data.result;
		struct fetch *fetch = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &fetch);
		fetch->result = result;
		take_out(&fetcher->running, fetch);
		(void)curl_multi_remove_handle(fetcher->multi, easy);
		fetch->is_in_multi = false;
		put(&fetcher->ended, fetch);
		loop_defer(fetcher->loop, &fetcher->tell);
	}
}

/* --- what libcurl waits for --- */

static void act(struct fetcher *fetcher, curl_socket_t fd, int what)
{
	int running;

	loop_enter(fetcher->loop);
	(void)curl_multi_socket_action(fetcher->multi, fd, what, &running);
	collect(fetcher);
}

static void socket_cb(evutil_socket_t fd, short what, void *arg)
{
	struct fetch_socket *sock = arg;

	act(sock->fetcher, fd,
	    (what & EV_READ ? CURL_CSELECT_IN : 0) |
		    (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void timer_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer(CURLM *multi, long wait_ms, void *arg)
{
	const struct timeval wait = {wait_ms / 1000, wait_ms % 1000 * 1000};
	struct fetcher *fetcher = arg;

	(void)multi;
	if (wait_ms < 0)
		return event_del(fetcher->timer);
	return event_add(fetcher->timer, &wait);
}

static void forget_socket(struct fetcher *fetcher, curl_socket_t fd,
			  struct fetch_socket *sock)
{
	if (!sock)
		return;
	(void)curl_multi_assign(fetcher->multi, fd, NULL);
	event_free(sock->event);
	free(sock);
}

static struct fetch_socket *new_socket(struct fetcher *fetcher,
				       curl_socket_t fd)
{
	struct fetch_socket *sock = calloc(1, sizeof(*sock));

	if (!sock)
		return NULL;
	sock->fetcher = fetcher;
	sock->event = event_new(fetcher->loop->base, fd, EV_READ | EV_PERSIST,
				socket_cb, sock);
	if (sock->event &&
	    curl_multi_assign(fetcher->multi, fd, sock) == CURLM_OK)
		return sock;
	if (sock->event)
		event_free(sock->event);
	free(sock);
	return NULL;
}

/* Returns -1 where memory ran out: libcurl then fails the transfer. */
static int watch(struct fetch_socket *sock, curl_socket_t fd, int what)
{
	short events = EV_PERSIST;

	if (what & CURL_POLL_IN)
		events |= EV_READ;
	if (what & CURL_POLL_OUT)
		events |= EV_WRITE;
	(void)event_del(sock->event);
	if (event_assign(sock->event, sock->fetcher->loop->base, fd, events,
			 socket_cb, sock))
		return -1;
	return event_add(sock->event, NULL);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg,
		     void *socket_arg)
{
	struct fetch_socket *sock = socket_arg;
	struct fetcher *fetcher = arg;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		forget_socket(fetcher, fd, sock);
		return 0;
	}
	if (!sock)
		sock = new_socket(fetcher, fd);
	return sock ? watch(sock, fd, what) : -1;
}

/* --- the answer --- */

static size_t refuse_length(struct fetch *fetch)
{
	fetch->is_too_long = true;
	return 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct fetch *fetch = arg;
	size_t len = size * count;

	if (fetch->max_bytes - fetch->body.len < len)
		return refuse_length(fetch);
	buf_append(&fetch->body, bytes, len);
	return fetch->body.failed ? 0 : len;
}

/* libcurl keeps all of them. */
static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
	struct fetch *fetch = arg;
	size_t len = size * count;

	(void)bytes;
	if (MAX_HEAD_BYTES - fetch->head_bytes < len)
		return refuse_length(fetch);
	fetch->head_bytes += len;
	return len;
}

/* --- the request --- */

static int add_header(struct fetch *fetch, const char *header)
{
	struct curl_slist *longer = curl_slist_append(fetch->headers, header);

	if (!longer)
		return -ENOMEM;
	fetch->headers = longer;
	return 0;
}

static int add_headers(struct fetch *fetch, const struct fetch_request *request)
{
	const char *const *header = request->headers;
	char type[128];
	int err = add_header(fetch, "Expect:"); /* none: it costs a wait */

	if (!err && request->body.ptr) {
		(void)snprintf(type, sizeof(type), "Content-Type: %s",
			       request->content_type);
		err = add_header(fetch, type);
	}
	for (; header && *header && !err; header++)
		err = add_header(fetch, *header);
	return err;
}

#define SET(option, value) \
	(curl_easy_setopt(easy, CURLOPT_##option, (value)) == CURLE_OK)

static bool set_tls(CURL *easy, const char *ca_file)
{
	return SET(SSL_VERIFYPEER, 1L) && SET(SSL_VERIFYHOST, 2L) &&
	       SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	       (!*ca_file || (SET(CAINFO, ca_file) && SET(CAPATH, NULL)));
}

static bool set_bounds(CURL *easy, const struct fetch_request *request)
{
	return SET(PROTOCOLS_STR, "http,https") && SET(FOLLOWLOCATION, 0L) &&
	       SET(PROXY, "") && SET(NOSIGNAL, 1L) &&
	       SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
	       /* A thread that still resolves a name is not waited for. */
	       SET(QUICK_EXIT, 1L) &&
	       SET(TIMEOUT_MS, (long)request->timeout_ms) &&
	       SET(MAXFILESIZE_LARGE, (curl_off_t)request->max_bytes);
}

static bool set_body(CURL *easy, struct span body)
{
	return !body.ptr || (SET(POST, 1L) &&
			     SET(POSTFIELDSIZE_LARGE, (curl_off_t)body.len) &&
			     SET(COPYPOSTFIELDS, body.ptr));
}

static bool set_up(struct fetch *fetch, const struct fetch_request *request)
{
	CURL *easy = fetch->easy;

	return SET(URL, request->url) && set_bounds(easy, request) &&
	       set_tls(easy, request->ca_file) &&
	       set_body(easy, request->body) &&
	       SET(HTTPHEADER, fetch->headers) &&
	       SET(USERAGENT, "signald/" SIGNALD_VERSION) &&
	       SET(WRITEFUNCTION, on_body) && SET(WRITEDATA, fetch) &&
	       SET(HEADERFUNCTION, on_header) && SET(HEADERDATA, fetch) &&
	       SET(ERRORBUFFER, fetch->error) && SET(PRIVATE, fetch);
}

/* libcurl would take "file" of a URL without a scheme for a host. */
static bool has_scheme(const char *url)
{
	struct span text = span_from(url);

	return span_has_prefix(text, SPAN("https://")) ||
	       span_has_prefix(text, SPAN("http://"));
}

static bool is_url(const char *text)
{
	CURLU *url = curl_url();
	bool is_good = url && has_scheme(text) &&
		       !curl_url_set(url, CURLUPART_URL, text, 0);

	curl_url_cleanup(url);
	return is_good;
}

int fetch_start(struct fetch **fetchp, struct fetcher *fetcher,
		const struct fetch_request *request, fetch_done *on_done,
		void *arg)
{
	struct fetch *fetch;

	if (!is_url(request->url))
		return -EINVAL;
	fetch = calloc(1, sizeof(*fetch));
	if (!fetch)
		return -ENOMEM;
	fetch->fetcher = fetcher;
	fetch->max_bytes = request->max_bytes;
	fetch->timeout_ms = request->timeout_ms;
	fetch->on_done = on_done;
	fetch->arg = arg;
	fetch->easy = curl_easy_init();
	if (!fetch->easy || add_headers(fetch, request) ||
	    !set_up(fetch, request) ||
	    curl_multi_add_handle(fetcher->multi, fetch->easy) != CURLM_OK) {
		free_fetch(fetch);
		return -ENOMEM;
	}
	fetch->is_in_multi = true;
	put(&fetcher->running, fetch);
	*fetchp = fetch;
	return 0;
}

void fetch_cancel(struct fetch *fetch)
{
	if (!fetch)
		return;
	take_out(&fetch->fetcher->running, fetch);
	take_out(&fetch->fetcher->ended, fetch);
	free_fetch(fetch);
}

/* --- beginning and end --- */

#define SET_MULTI(option, value)                                          \
	(curl_multi_setopt(fetcher->multi, CURLMOPT_##option, (value)) == \
	 CURLM_OK)

static bool set_up_multi(struct fetcher *fetcher)
{
	return SET_MULTI(SOCKETFUNCTION, on_socket) &&
	       SET_MULTI(SOCKETDATA, fetcher) &&
	       SET_MULTI(TIMERFUNCTION, on_timer) &&
	       SET_MULTI(TIMERDATA, fetcher) &&
	       SET_MULTI(MAX_HOST_CONNECTIONS, (long)MAX_CONNECTIONS) &&
	       SET_MULTI(MAXCONNECTS, (long)MAX_CONNECTIONS);
}

int fetcher_new(struct fetcher **fetcherp, struct loop *loop)
{
	struct fetcher *fetcher = calloc(1, sizeof(*fetcher));

	if (!fetcher)
		return -ENOMEM;
	fetcher->loop = loop;
	fetcher->tell.run = run_tell;
	fetcher->has_library = !curl_global_init(CURL_GLOBAL_DEFAULT);
	if (fetcher->has_library)
		fetcher->multi = curl_multi_init();
	fetcher->timer = event_new(loop->base, -1, 0, timer_cb, fetcher);
	if (!fetcher->multi || !fetcher->timer || !set_up_multi(fetcher)) {
		fetcher_free(fetcher);
		return -ENOMEM;
	}
	*fetcherp = fetcher;
	return 0;
}

void fetcher_free(struct fetcher *fetcher)
{
	if (!fetcher)
		return;
	while (fetcher->running)
		free_fetch(take_first(&fetcher->running));
	while (fetcher->ended)
		free_fetch(take_first(&fetcher->ended));
	loop_cancel(fetcher->loop, &fetcher->tell);
	if (fetcher->multi)
		(void)curl_multi_cleanup(fetcher->multi);
	if (fetcher->timer)
		event_free(fetcher->timer);
	if (fetcher->has_library)
		curl_global_cleanup();
	free(fetcher);
}
