/* kept.c: an event as it is kept for a recovery: packet and attachments. */
#include <assert.h>

#include "socketio/kept.h"

/*
 * The lengths of packet and attachments, then their bytes:
 *
 *   count | packet_len | attachment_len ... | packet | attachment ...
 */
struct kept_head {
	uint32_t attachments_count;
	uint32_t packet_len;
	uint32_t lens[SIO_MAX_ATTACHMENTS];
};

static size_t head_len(uint32_t attachments_count)
{
	return offsetof(struct kept_head, lens) +
	       attachments_count * sizeof(uint32_t);
}

struct blob *kept_new(const struct span *parts, size_t parts_count,
		      const struct span *attachments,
		      unsigned attachments_count)
{
	struct kept_head head = {.attachments_count = attachments_count};
	struct span all[1 + KEPT_MAX_PARTS + SIO_MAX_ATTACHMENTS];
	size_t count = 1;

	assert(parts_count <= KEPT_MAX_PARTS &&
	       attachments_count <= SIO_MAX_ATTACHMENTS);
	for (size_t i = 0; i < parts_count; i++) {
		head.packet_len += (uint32_t)parts[i].len;
		all[count++] = parts[i];
	}
	for (unsigned i = 0; i < attachments_count; i++) {
		head.lens[i] = (uint32_t)attachments[i].len;
		all[count++] = attachments[i];
	}
	all[0] = span_of(&head, head_len(attachments_count));
	return blob_new(all, count);
}

struct span kept_read(struct span kept,
		      struct span attachments[SIO_MAX_ATTACHMENTS],
		      unsigned *attachments_count)
{
	const char *at = kept.ptr;
	struct kept_head head;
	struct span packet;

	memcpy(&head, at, offsetof(struct kept_head, lens));
	memcpy(&head, at, head_len(head.attachments_count));
	at += head_len(head.attachments_count);
	packet = span_of(at, head.packet_len);
	at += head.packet_len;
	for (uint32_t i = 0; i < head.attachments_count; i++) {
		attachments[i] = span_of(at, head.lens[i]);
		at += head.lens[i];
	}
	*attachments_count = head.attachments_count;
	return packet;
}
