/* tls_server.c: what all TLS connections share: certificate, key, settings. */
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>

#include "base/log.h"
#include "net/tls_inside.h"
#include "net/tls_server.h"
#include "net/tls_temporary.h"
#include "policy/metric.h"

/* Of TLS 1.2: forward secrecy and authenticated encryption only. All that TLS
 * 1.3 has is so by itself. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

/* So much a connection reads at once: see tls.h. */
#define READ_BUFFER_BYTES 32768

#define DAY_S 86400

/* The best first (RFC 7301; RFC 7443 for STUN and TURN). */
static const unsigned char protocols[] =
	"\x08http/1.1\x09stun.turn\x12stun.nat-discovery";

/* A client that names none of ours is refused (RFC 7301, 3.2). */
static int select_protocol(SSL *ssl, const unsigned char **out,
			   unsigned char *out_len, const unsigned char *in,
			   unsigned in_len, void *arg)
{
	unsigned char *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, out_len, protocols,
				  sizeof(protocols) - 1, in,
				  in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static int settle(SSL_CTX *ctx)
{
	/* Which of these ciphers is best the client knows: not all of them have
	 * AES in hardware. */
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_NO_COMPRESSION |
					 SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	/* Tickets are enough to resume, and the client keeps them. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_default_read_buffer_len(ctx, READ_BUFFER_BYTES);
	SSL_CTX_set_alpn_select_cb(ctx, select_protocol, NULL);
	if (!SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) ||
	    !SSL_CTX_set_cipher_list(ctx, CIPHERS))
		return -ENOMEM;
	return 0;
}

/* cert_check() has read both files a moment ago: what fails here is rare, and
 * OpenSSL's own words have to do. */
static int use_files(SSL_CTX *ctx, const struct config *config,
		     char why[CERT_MAX_ERROR])
{
	if (SSL_CTX_use_certificate_chain_file(ctx, config->tls.cert) == 1 &&
	    SSL_CTX_use_PrivateKey_file(ctx, config->tls.key,
					SSL_FILETYPE_PEM) == 1 &&
	    SSL_CTX_check_private_key(ctx) == 1)
		return 0;
	ERR_error_string_n(ERR_peek_error(), why, CERT_MAX_ERROR);
	ERR_clear_error();
	return -EINVAL;
}

static int new_ctx(SSL_CTX **ctxp)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int err = ctx ? settle(ctx) : -ENOMEM;

	if (err)
		SSL_CTX_free(ctx);
	else
		*ctxp = ctx;
	return err;
}

/* One that is gone is a change too. */
static struct tls_stamp look_at(const struct config *config)
{
	return (struct tls_stamp){
		.cert = file_stamp(config->tls.cert),
		.key = file_stamp(config->tls.key),
	};
}

static bool is_same(const struct tls_stamp *a, const struct tls_stamp *b)
{
	return file_stamp_is_same(&a->cert, &b->cert) &&
	       file_stamp_is_same(&a->key, &b->key);
}

static void tell(struct tls_server *server, const struct config *config,
		 uint64_t now_s)
{
	int64_t days;

	server->ends_at_s = 0;
	(void)cert_read_end(config->tls.cert, &server->ends_at_s);
	metric_set(METRIC_TLS_EXPIRES, (int64_t)server->ends_at_s);
	days = ((int64_t)server->ends_at_s - (int64_t)now_s) / DAY_S;
	if (days < TLS_SERVER_SOON_DAYS)
		log_warn("tls.certificate", log_str("cert", config->tls.cert),
			 log_int("days_left", days));
	else
		log_info("tls.certificate", log_str("cert", config->tls.cert),
			 log_int("days_left", days));
}

static void take_ctx(struct tls_server *server, SSL_CTX *ctx)
{
	SSL_CTX_free(server->ctx);
	server->ctx = ctx;
}

/* Returns 0, -EKEYEXPIRED when it is loaded but no client will trust it, or an
 * error as tls_server_new(). */
static int load(struct tls_server *server, const struct config *config,
		uint64_t now_s, char why[CERT_MAX_ERROR])
{
	int judged = cert_check(config->tls.cert, config->tls.key, now_s, why);
	SSL_CTX *ctx;
	int err;

	if (judged && (judged != -EKEYEXPIRED || server->ctx))
		return judged;
	err = new_ctx(&ctx);
	if (err)
		return err;
	err = use_files(ctx, config, why);
	if (err) {
		SSL_CTX_free(ctx);
		return err;
	}
	take_ctx(server, ctx);
	tell(server, config, now_s);
	return judged;
}

static int load_temporary(struct tls_server *server,
			  const struct config *config)
{
	SSL_CTX *ctx;
	int err = new_ctx(&ctx);

	if (err)
		return err;
	err = tls_temporary_use(ctx);
	if (err) {
		SSL_CTX_free(ctx);
		return err;
	}
	take_ctx(server, ctx);
	log_warn("tls.temporary", log_str("cert", config->tls.cert),
		 log_str("means", "it, or its key, is not there yet: until "
				  "then the certificate is one that no client "
				  "trusts"));
	return 0;
}

/* The first, or what has taken its place. */
static int load_now(struct tls_server *server, const struct config *config,
		    uint64_t now_s, char why[CERT_MAX_ERROR])
{
	server->loaded = look_at(config);
	server->seen = server->loaded;
	server->loaded_at_s = now_s;
	return !server->ctx && tls_temporary_is_wanted(config)
		       ? load_temporary(server, config)
		       : load(server, config, now_s, why);
}

int tls_server_new(struct tls_server **serverp, const struct config *config,
		   uint64_t now_s, char why[CERT_MAX_ERROR])
{
	struct tls_server *server = calloc(1, sizeof(*server));
	int err = -ENOMEM;

	(void)snprintf(why, CERT_MAX_ERROR, "out of memory");
	if (!server)
		return err;
	server->io = tls_io_new();
	if (server->io)
		err = load_now(server, config, now_s, why);
	if (err == -EKEYEXPIRED) {
		log_error("tls.expired", log_str("what", why));
		err = 0;
	}
	if (err)
		tls_server_free(server);
	else
		*serverp = server;
	return err;
}

void tls_server_free(struct tls_server *server)
{
	if (!server)
		return;
	SSL_CTX_free(server->ctx);
	BIO_meth_free(server->io);
	buf_clear(&server->spare);
	free(server);
}

void tls_server_reload(struct tls_server *server, const struct config *config,
		       uint64_t now_s)
{
	char why[CERT_MAX_ERROR] = "out of memory";

	if (load_now(server, config, now_s, why))
		log_error("tls.refused", log_str("why", why),
			  log_str("means", "the certificate that was loaded "
					   "before stays"));
}

void tls_server_follow(struct tls_server *server, const struct config *config,
		       uint64_t now_s)
{
	struct tls_stamp now = look_at(config);
	bool is_settled = is_same(&now, &server->seen);
	bool is_other = !is_same(&now, &server->loaded);
	bool is_old = now_s >= server->loaded_at_s + DAY_S;

	server->seen = now;
	if (is_settled && (is_other || is_old))
		tls_server_reload(server, config, now_s);
}

uint64_t tls_server_ends_at_s(const struct tls_server *server)
{
	return server->ends_at_s;
}
