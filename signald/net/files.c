/* files.c: static files from a folder, kept in memory while they are asked for.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/map.h"
#include "net/files.h"

#define MAX_FILE_BYTES (16u << 20)
#define MAX_CACHE_BYTES (64u << 20)
#define PATH_CAP 4096
#define ETAG_CAP 32 /* quotes, 22 characters of a hash, NUL */
#define MISSING_PAGE "404.html"

/* What a page may load is for the page to say; into whose frames it may be put
 * it cannot say itself (CSP 3, 6.4.2). */
#define PAGE_POLICY "Content-Security-Policy: frame-ancestors 'self'\r\n"

struct file {
	char *path; /* relative to the root; the key in the map */
	struct blob *content;
	struct timespec modified;
	char etag[ETAG_CAP];
};

struct files {
	int root_fd;
	struct map *cache;
	size_t cached_bytes;
};

static const struct media_type {
	const char *ending;
	const char *type;
} media_types[] = {
	{".html", "text/html; charset=utf-8"},
	{".css", "text/css; charset=utf-8"},
	{".js", "text/javascript; charset=utf-8"},
	{".mjs", "text/javascript; charset=utf-8"},
	{".json", "application/json"},
	{".map", "application/json"},
	{".webmanifest", "application/manifest+json"},
	{".svg", "image/svg+xml"},
	{".png", "image/png"},
	{".jpg", "image/jpeg"},
	{".webp", "image/webp"},
	{".ico", "image/vnd.microsoft.icon"},
	{".woff2", "font/woff2"},
	{".wasm", "application/wasm"},
	{".txt", "text/plain; charset=utf-8"},
	{".ts", "text/plain; charset=utf-8"},
	{".xml", "application/xml"},
};

int files_new(struct files **filesp, const char *root)
{
	struct files *files = calloc(1, sizeof(*files));
	int err = -ENOMEM;

	if (!files)
		return err;
	files->root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (files->root_fd < 0) {
		err = -errno;
		goto fail;
	}
	files->cache = map_new();
	if (!files->cache)
		goto fail;
	*filesp = files;
	return 0;

fail:
	files_free(files);
	return err;
}

static void free_file(struct file *file)
{
	if (!file)
		return;
	blob_unref(file->content);
	free(file->path);
	free(file);
}

static void empty_cache(struct files *files)
{
	struct file *file;
	size_t at = 0;

	while ((file = map_next(files->cache, &at)))
		free_file(file);
	map_free(files->cache);
	files->cache = NULL;
	files->cached_bytes = 0;
}

void files_free(struct files *files)
{
	if (!files)
		return;
	if (files->cache)
		empty_cache(files);
	if (files->root_fd >= 0)
		(void)close(files->root_fd);
	free(files);
}

static const char *ending_of(const char *path)
{
	const char *dot = strrchr(path, '.');
	const char *slash = strrchr(path, '/');

	return dot && (!slash || dot > slash) ? dot : "";
}

static const char *media_type_of(const char *path)
{
	const char *ending = ending_of(path);

	for (size_t i = 0; i < sizeof(media_types) / sizeof(*media_types); i++)
		if (!strcasecmp(ending, media_types[i].ending))
			return media_types[i].type;
	return "application/octet-stream";
}

/* A dot, 8 to 32 hex digits and a dot: the name changes with the content. */
static bool has_hash_in_name(const char *path)
{
	for (const char *dot = strchr(path, '.'); dot;
	     dot = strchr(dot + 1, '.')) {
		size_t digits = 0;

		while (isxdigit((unsigned char)dot[1 + digits]))
			digits++;
		if (digits >= 8 && digits <= 32 && dot[1 + digits] == '.')
			return true;
	}
	return false;
}

/* Names that begin with a dot are not for the world: .git, .env, .htpasswd. */
static bool is_hidden(const char *path)
{
	for (const char *at = path; at; at = strchr(at, '/')) {
		while (*at == '/')
			at++;
		if (*at == '.' && strncmp(at, ".well-known/", 12) != 0)
			return true;
	}
	return false;
}

/* A regular file that is not too large: its descriptor, or -1 and errno. */
static int open_regular(int folder_fd, const char *path, struct stat *st)
{
	int fd = openat(folder_fd, path,
			O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int err;

	if (fd < 0)
		return -1;
	if (fstat(fd, st))
		err = errno;
	else if (!S_ISREG(st->st_mode))
		err = EISDIR;
	else if (st->st_size > MAX_FILE_BYTES)
		err = EFBIG;
	else
		return fd;
	(void)close(fd);
	errno = err;
	return -1;
}

static struct blob *read_all(int fd, size_t size)
{
	char *bytes = malloc(size ? size : 1);
	struct blob *blob = NULL;
	size_t len = 0;

	while (bytes && len < size) {
		ssize_t n = read(fd, bytes + len, size - len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	/* A file cut meanwhile is read as it is now; its time tells. */
	if (bytes)
		blob = blob_new(&(struct span){bytes, len}, 1);
	free(bytes);
	return blob;
}

static void make_etag(const struct blob *content, char etag[ETAG_CAP])
{
	uint8_t hash[CRYPTO_SHA256_LEN];
	char text[CRYPTO_BASE64_LEN(16) + 1];

	crypto_sha256(span_of(content->bytes, content->len), hash);
	crypto_base64url(hash, 16, text);
	(void)snprintf(etag, ETAG_CAP, "\"%s\"", text);
}

static struct file *load(int fd, const char *path, const struct stat *st)
{
	struct file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->path = strdup(path);
	file->content = read_all(fd, (size_t)st->st_size);
	file->modified = st->st_mtim;
	if (!file->path || !file->content) {
		free_file(file);
		return NULL;
	}
	make_etag(file->content, file->etag);
	return file;
}

static bool is_current(const struct file *file, const struct stat *st)
{
	return file->content->len == st->st_size &&
	       file->modified.tv_sec == st->st_mtim.tv_sec &&
	       file->modified.tv_nsec == st->st_mtim.tv_nsec;
}

/* Put a file into the cache in place of an older one of that name. */
static struct file *remember(struct files *files, struct file *file)
{
	struct file *older = map_remove(files->cache, span_from(file->path));

	if (older)
		files->cached_bytes -= older->content->len;
	free_file(older);
	if (files->cached_bytes + file->content->len > MAX_CACHE_BYTES) {
		empty_cache(files);
		files->cache = map_new();
	}
	if (!files->cache ||
	    map_put(files->cache, span_from(file->path), file)) {
		free_file(file);
		return NULL;
	}
	files->cached_bytes += file->content->len;
	return file;
}

/* The file as it is now: from the cache, or read; NULL when there is none. */
static struct file *find(struct files *files, const char *path)
{
	struct file *file;
	struct stat st;
	int fd;

	if (!files->cache)
		files->cache = map_new();
	fd = files->cache ? open_regular(files->root_fd, path, &st) : -1;
	if (fd < 0)
		return NULL;
	file = map_get(files->cache, span_from(path));
	if (!file || !is_current(file, &st)) {
		file = load(fd, path, &st);
		if (file)
			file = remember(files, file);
	}
	(void)close(fd);
	return file;
}

/* "/" is index.html, "/x/" is x/index.html, "/call" is call.html. */
static struct file *find_page(struct files *files, const char *request_path)
{
	const char *name = request_path + 1;
	size_t len = strlen(name);
	char path[PATH_CAP];
	struct file *file = NULL;

	if (is_hidden(name) || len >= sizeof(path) - sizeof("index.html"))
		return NULL;
	if (!len || name[len - 1] == '/') {
		(void)snprintf(path, sizeof(path), "%sindex.html", name);
		return find(files, path);
	}
	file = find(files, name);
	if (!file && !*ending_of(name)) {
		(void)snprintf(path, sizeof(path), "%s.html", name);
		file = find(files, path);
	}
	return file;
}

int files_read(int folder_fd, const char *name, struct blob **contentp)
{
	struct blob *content;
	struct stat st;
	int fd = open_regular(folder_fd, name, &st);

	if (fd < 0)
		return -errno;
	content = read_all(fd, (size_t)st.st_size);
	(void)close(fd);
	if (!content)
		return -ENOMEM;
	*contentp = content;
	return 0;
}

bool files_is_unchanged(const struct http_request *head, const char *etag)
{
	const struct http_header *header =
		http_find(head, SPAN("If-None-Match"));
	struct span rest, item;

	if (!header)
		return false;
	rest = header->value;
	while (span_next_item(&rest, ',', &item)) {
		if (span_has_prefix(item, SPAN("W/")))
			item = span_skip(item, 2);
		if (span_equal(item, span_from(etag)) ||
		    span_equal(item, SPAN("*")))
			return true;
	}
	return false;
}

bool files_has(struct files *files, const char *path)
{
	return find_page(files, path) != NULL;
}

static void reply_with(struct file *file, int status,
		       struct web_exchange *exchange,
		       const struct web_request *request)
{
	const char *type = media_type_of(file->path);
	char headers[512];

	(void)snprintf(headers, sizeof(headers),
		       "ETag: %s\r\nCache-Control: %s\r\n%s", file->etag,
		       has_hash_in_name(file->path)
			       ? "public, max-age=31536000, immutable"
			       : "no-cache",
		       !strncmp(type, "text/html", 9) ? PAGE_POLICY : "");
	if (status == 200 && files_is_unchanged(request->head, file->etag))
		web_reply(exchange, &(struct web_response){.status = 304,
							   .headers = headers});
	else
		web_reply(exchange, &(struct web_response){
					    .status = status,
					    .content_type = type,
					    .file = file->content,
					    .headers = headers,
				    });
}

/* Browsers say so of the address that somebody typed. */
static bool wants_page(const struct http_request *head)
{
	const struct http_header *accept = http_find(head, SPAN("Accept"));

	return accept && accept->value.len &&
	       memmem(accept->value.ptr, accept->value.len, "text/html",
		      sizeof("text/html") - 1);
}

void files_reply(struct files *files, struct web_exchange *exchange,
		 const struct web_request *request)
{
	struct file *file = find_page(files, request->path);
	struct file *missing = NULL;

	if (!file && wants_page(request->head))
		missing = find(files, MISSING_PAGE);
	if (file)
		reply_with(file, 200, exchange, request);
	else if (missing)
		reply_with(missing, 404, exchange, request);
	else
		web_reply_problem(exchange, 404, "there is nothing here", NULL);
}
