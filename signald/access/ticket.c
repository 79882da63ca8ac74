/* ticket.c: what a backend gets for a client of its: good once, and soon. */
#include <errno.h>
#include <stdlib.h>

#include "access/ticket.h"
#include "base/map.h"

/* More than one server mints for in 30 s; some 3 MB. */
#define MAX_TICKETS 10000

struct ticket {
	char text[TICKET_LEN + 1];
	uint64_t ends_ms; /* monotonic */
	struct claims claims;
	struct ticket *prev;
	struct ticket *next;
};

struct tickets {
	const struct clock *clock;
	struct map *by_text;
	/* All live for as long, so the oldest is the first to end. */
	struct ticket *oldest;
	struct ticket *newest;
};

int tickets_new(struct tickets **ticketsp, const struct clock *clock)
{
	struct tickets *tickets = calloc(1, sizeof(*tickets));

	if (!tickets)
		return -ENOMEM;
	tickets->clock = clock;
	tickets->by_text = map_new();
	if (!tickets->by_text) {
		free(tickets);
		return -ENOMEM;
	}
	*ticketsp = tickets;
	return 0;
}

/* One that stands in the list no more. */
static void end(struct tickets *tickets, struct ticket *ticket)
{
	(void)map_remove(tickets->by_text, span_of(ticket->text, TICKET_LEN));
	claims_clear(&ticket->claims);
	crypto_wipe(ticket->text, sizeof(ticket->text));
	free(ticket);
}

static void drop_oldest(struct tickets *tickets)
{
	struct ticket *oldest = tickets->oldest;

	tickets->oldest = oldest->next;
	if (oldest->next)
		oldest->next->prev = NULL;
	else
		tickets->newest = NULL;
	end(tickets, oldest);
}

static void drop(struct tickets *tickets, struct ticket *ticket)
{
	if (!ticket->prev) {
		drop_oldest(tickets);
		return;
	}
	ticket->prev->next = ticket->next;
	if (ticket->next)
		ticket->next->prev = ticket->prev;
	else
		tickets->newest = ticket->prev;
	end(tickets, ticket);
}

static void drop_old(struct tickets *tickets)
{
	while (tickets->oldest &&
	       tickets->oldest->ends_ms <= tickets->clock->mono_ms)
		drop_oldest(tickets);
}

void tickets_free(struct tickets *tickets)
{
	if (!tickets)
		return;
	while (tickets->oldest)
		drop_oldest(tickets);
	map_free(tickets->by_text);
	free(tickets);
}

static void append(struct tickets *tickets, struct ticket *ticket)
{
	ticket->prev = tickets->newest;
	if (tickets->newest)
		tickets->newest->next = ticket;
	else
		tickets->oldest = ticket;
	tickets->newest = ticket;
}

int tickets_make(struct tickets *tickets, struct claims *claims,
		 char ticket[TICKET_LEN + 1])
{
	struct ticket *made;

	drop_old(tickets);
	if (map_count(tickets->by_text) >= MAX_TICKETS)
		return -ENOSPC;
	made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	memcpy(made->text, TICKET_PREFIX, sizeof(TICKET_PREFIX));
	crypto_new_id(made->text + sizeof(TICKET_PREFIX) - 1);
	if (map_put(tickets->by_text, span_of(made->text, TICKET_LEN), made)) {
		free(made);
		return -ENOMEM;
	}
	made->ends_ms = tickets->clock->mono_ms + TICKET_LIVES_S * 1000;
	made->claims = *claims;
	*claims = (struct claims){0};
	append(tickets, made);
	memcpy(ticket, made->text, sizeof(made->text));
	return 0;
}

int tickets_take(struct tickets *tickets, struct span ticket,
		 struct claims *claims)
{
	struct ticket *found;

	drop_old(tickets);
	found = map_get(tickets->by_text, ticket);
	if (!found)
		return -ENOENT;
	*claims = found->claims;
	found->claims = (struct claims){0};
	drop(tickets, found);
	return 0;
}
