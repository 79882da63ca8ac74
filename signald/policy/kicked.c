/* kicked.c: peers who must not come back, also after a restart. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/map.h"
#include "policy/kicked.h"
#include "policy/state_file.h"

#define LINE_CAP 128

struct entry {
	uint64_t expires_at_s;
	size_t id_len;
	char id[];
};

/* So many may have expired before it is worth looking for them. */
#define SWEEP_FROM 1024

/*
 * A line "EXPIRES_S ID" is added to the file for each, so that a crash loses
 * none; at the start, and when the list has doubled, it is written anew without
 * those that have expired.
 */
struct kicked {
	struct map *entries;
	size_t sweep_at; /* entries */
	char *path;	 /* NULL: no file */
};

void kicked_free(struct kicked *kicked)
{
	void *entry;
	size_t at = 0;

	if (!kicked)
		return;
	while (kicked->entries &&
	       (entry = map_next(kicked->entries, &at)) != NULL)
		free(entry);
	map_free(kicked->entries);
	free(kicked->path);
	free(kicked);
}

bool kicked_is_id(struct span id)
{
	if (!id.len || id.len > KICKED_MAX_ID)
		return false;
	for (size_t i = 0; i < id.len; i++)
		if ((unsigned char)id.ptr[i] <= ' ')
			return false;
	return true;
}

static int remember(struct kicked *kicked, struct span id,
		    uint64_t expires_at_s)
{
	struct entry *entry = map_get(kicked->entries, id);
	int err;

	if (entry) {
		if (entry->expires_at_s < expires_at_s)
			entry->expires_at_s = expires_at_s;
		return 0;
	}
	entry = malloc(sizeof(*entry) + id.len);
	if (!entry)
		return -ENOMEM;
	entry->expires_at_s = expires_at_s;
	entry->id_len = id.len;
	memcpy(entry->id, id.ptr, id.len);
	err = map_put(kicked->entries, span_of(entry->id, id.len), entry);
	if (err)
		free(entry);
	return err;
}

/* --- the file --- */

static void put_line(struct buf *out, struct span id, uint64_t expires_at_s)
{
	buf_append_format(out, "%llu %.*s\n", (unsigned long long)expires_at_s,
			  (int)id.len, id.ptr);
}

static int take_line(struct kicked *kicked, struct span line, uint64_t now_s)
{
	struct span expires, id;
	uint64_t expires_at_s;

	/* A crash may have cut the last line short: that one was not told as
	 * done either. */
	if (!span_next_item(&line, ' ', &expires) ||
	    !span_next_item(&line, ' ', &id) ||
	    span_to_u64(expires, UINT64_MAX, &expires_at_s) ||
	    !kicked_is_id(id))
		return 0;
	return expires_at_s > now_s ? remember(kicked, id, expires_at_s) : 0;
}

static int load(struct kicked *kicked, uint64_t now_s)
{
	FILE *file = fopen(kicked->path, "re");
	char line[LINE_CAP];
	int err = 0;

	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (!err && fgets(line, sizeof(line), file))
		err = take_line(kicked, span_of(line, strcspn(line, "\n")),
				now_s);
	if (!err && ferror(file))
		err = -EIO;
	(void)fclose(file);
	return err;
}

static int save(const struct kicked *kicked)
{
	struct buf text = {0};
	const struct entry *entry;
	size_t at = 0;
	int err;

	while ((entry = map_next(kicked->entries, &at)) != NULL)
		put_line(&text, span_of(entry->id, entry->id_len),
			 entry->expires_at_s);
	err = text.failed ? -ENOMEM
			  : state_file_write(kicked->path, buf_span(&text));
	buf_clear(&text);
	return err;
}

static int open_file(struct kicked *kicked, const char *dir, const char *file,
		     uint64_t now_s)
{
	char path[STATE_FILE_PATH_CAP];
	int err = state_file_path(dir, file, path);

	if (err)
		return err;
	kicked->path = strdup(path);
	if (!kicked->path)
		return -ENOMEM;
	err = load(kicked, now_s);
	return err ? err : save(kicked);
}

/* --- the list --- */

int kicked_new(struct kicked **kickedp, const char *dir, const char *file,
	       uint64_t now_s)
{
	struct kicked *kicked = calloc(1, sizeof(*kicked));
	int err = -ENOMEM;

	if (!kicked)
		return err;
	kicked->entries = map_new();
	kicked->sweep_at = SWEEP_FROM;
	if (kicked->entries)
		err = *dir ? open_file(kicked, dir, file, now_s) : 0;
	if (err) {
		kicked_free(kicked);
		return err;
	}
	*kickedp = kicked;
	return 0;
}

/* One walk may miss some where others are removed: those stay for the next. */
static void remove_expired(struct kicked *kicked, uint64_t now_s)
{
	const struct entry *entry;
	size_t at = 0;

	while ((entry = map_next(kicked->entries, &at)) != NULL)
		if (entry->expires_at_s <= now_s)
			kicked_forget(kicked,
				      span_of(entry->id, entry->id_len));
}

int kicked_sweep(struct kicked *kicked, uint64_t now_s)
{
	if (map_count(kicked->entries) < kicked->sweep_at)
		return 0;
	remove_expired(kicked, now_s);
	kicked->sweep_at = 2 * map_count(kicked->entries);
	if (kicked->sweep_at < SWEEP_FROM)
		kicked->sweep_at = SWEEP_FROM;
	return kicked->path ? save(kicked) : 0;
}

int kicked_add(struct kicked *kicked, struct span id, uint64_t expires_at_s)
{
	struct buf text = {0};
	int err;

	if (!kicked_is_id(id))
		return -EINVAL;
	err = remember(kicked, id, expires_at_s);
	if (err || !kicked->path)
		return err;
	/* One that a full disk cut short must not swallow this one. */
	buf_append_str(&text, "\n");
	put_line(&text, id, expires_at_s);
	err = text.failed ? -ENOMEM
			  : state_file_append(kicked->path, buf_span(&text));
	buf_clear(&text);
	return err;
}

bool kicked_has(const struct kicked *kicked, struct span id, uint64_t now_s)
{
	const struct entry *entry = map_get(kicked->entries, id);

	return entry && entry->expires_at_s > now_s;
}

size_t kicked_count(const struct kicked *kicked)
{
	return map_count(kicked->entries);
}

bool kicked_next(const struct kicked *kicked, size_t *at, struct span *id,
		 uint64_t *expires_at_s)
{
	const struct entry *entry = map_next(kicked->entries, at);

	if (!entry)
		return false;
	*id = span_of(entry->id, entry->id_len);
	*expires_at_s = entry->expires_at_s;
	return true;
}

void kicked_forget(struct kicked *kicked, struct span id)
{
	free(map_remove(kicked->entries, id));
}
