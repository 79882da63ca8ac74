/* attachments.c: a packet that waits for its binary attachments. */
#include <errno.h>
#include <stdlib.h>

#include "socketio/attachments.h"

struct attachments {
	struct blob *text;
	unsigned missing;
	unsigned count;
	size_t bytes;
	struct blob *all[SIO_MAX_ATTACHMENTS];
};

struct attachments *attachments_new(struct span text, unsigned missing)
{
	struct attachments *attachments = calloc(1, sizeof(*attachments));

	if (!attachments)
		return NULL;
	attachments->missing = missing;
	attachments->bytes = text.len;
	attachments->text = blob_new(&text, 1);
	if (attachments->text)
		return attachments;
	free(attachments);
	return NULL;
}

void attachments_free(struct attachments *attachments)
{
	if (!attachments)
		return;
	for (unsigned i = 0; i < attachments->count; i++)
		blob_unref(attachments->all[i]);
	blob_unref(attachments->text);
	free(attachments);
}

int attachments_add(struct attachments *attachments, struct span bytes,
		    size_t max_bytes)
{
	struct blob *blob;

	if (bytes.len > max_bytes || attachments->bytes > max_bytes - bytes.len)
		return -EMSGSIZE;
	blob = blob_new(&bytes, 1);
	if (!blob)
		return -ENOMEM;
	attachments->bytes += bytes.len;
	attachments->all[attachments->count++] = blob;
	return attachments->count == attachments->missing;
}

struct span attachments_text(const struct attachments *attachments)
{
	return span_of(attachments->text->bytes, attachments->text->len);
}

void attachments_spans(const struct attachments *attachments,
		       struct span spans[SIO_MAX_ATTACHMENTS])
{
	for (unsigned i = 0; i < attachments->count; i++)
		spans[i] = span_of(attachments->all[i]->bytes,
				   attachments->all[i]->len);
}
