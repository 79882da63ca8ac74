/* link_tls.c: the TLS of a link to a TURN server. */
#include <errno.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "turn/link_tls.h"

int link_tls_new(SSL_CTX **tlsp)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

	if (!tls)
		return -ENOMEM;
	(void)SSL_CTX_set_mode(tls,
			       SSL_MODE_ENABLE_PARTIAL_WRITE |
				       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	(void)SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
	/* Without the system's list every issuer is an unknown one. */
	(void)SSL_CTX_set_default_verify_paths(tls);
	ERR_clear_error();
	*tlsp = tls;
	return 0;
}

/* The chain ends at somebody whom this machine does not know. */
static bool is_unknown_issuer(int err)
{
	return err == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
	       err == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
	       err == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
	       err == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
	       err == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
	       err == X509_V_ERR_CERT_UNTRUSTED;
}

/* Returns whether the handshake goes on. */
static int verify_cb(int is_ok, X509_STORE_CTX *store)
{
	int index = SSL_get_ex_data_X509_STORE_CTX_idx();
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, index);
	struct link *link = SSL_get_app_data(ssl);
	int err = X509_STORE_CTX_get_error(store);

	if (is_ok)
		return 1;
	link->certificate_err = err;
	return is_unknown_issuer(err);
}

static bool is_address(const char *host)
{
	struct net_addr unused;

	return !net_addr_parse_ip(span_from(host), &unused);
}

/* Whom we ask for, and whom the certificate has to name. */
static bool set_host(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	if (is_address(host))
		return X509_VERIFY_PARAM_set1_ip_asc(param, host);
	return X509_VERIFY_PARAM_set1_host(param, host, 0) &&
	       SSL_set_tlsext_host_name(ssl, (char *)(uintptr_t)host);
}

int link_tls_start(struct link *link, const struct link_target *target)
{
	link->ssl = SSL_new(target->tls);
	if (!link->ssl)
		return -ENOMEM;
	if (!SSL_set_fd(link->ssl, link->fd))
		return -ENOMEM;
	SSL_set_app_data(link->ssl, link);
	SSL_set_verify(link->ssl, SSL_VERIFY_PEER, verify_cb);
	SSL_set_connect_state(link->ssl);
	return set_host(link->ssl, target->host) ? 0 : -EINVAL;
}

/* What other connections have left behind would be taken for ours. */
static void begin(void)
{
	errno = 0;
	ERR_clear_error();
}

/* What OpenSSL's refusal is as an error of ours. */
static int error_of(struct link *link, int result)
{
	int why = SSL_get_error(link->ssl, result);
	int err = errno;

	switch (why) {
	case SSL_ERROR_WANT_READ:
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		return LINK_TLS_WANTS_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return -EPIPE;
	case SSL_ERROR_SYSCALL:
		return err ? -err : -EPIPE;
	default:
		return -EPROTO;
	}
}

int link_tls_handshake(struct link *link)
{
	int result, err;

	begin();
	result = SSL_do_handshake(link->ssl);
	if (result == 1)
		return 0;
	err = error_of(link, result);
	if (err == -EPROTO && link->certificate_err != X509_V_OK)
		return -EKEYREJECTED;
	return err;
}

/* In the words of recv() and send(). */
static ssize_t as_system(int err)
{
	if (err == -EPIPE)
		return 0;
	errno = err == LINK_TLS_WANTS_WRITE ? EAGAIN : -err;
	return -1;
}

ssize_t link_tls_read(struct link *link, char *into, size_t cap)
{
	int result;

	begin();
	result = SSL_read(link->ssl, into, (int)cap);
	return result > 0 ? result : as_system(error_of(link, result));
}

ssize_t link_tls_write(struct link *link, const char *bytes, size_t len)
{
	int result, err;

	begin();
	result = SSL_write(link->ssl, bytes, (int)len);
	if (result > 0)
		return result;
	err = error_of(link, result);
	errno = err == -EAGAIN || err == LINK_TLS_WANTS_WRITE ? EAGAIN : -err;
	return -1;
}

const char *link_certificate_trouble(const struct link *link)
{
	if (link->certificate_err == X509_V_OK)
		return NULL;
	return X509_verify_cert_error_string(link->certificate_err);
}
