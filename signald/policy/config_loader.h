/* config_loader.h: a configuration while it is put together. */
#ifndef SIGNALD_POLICY_CONFIG_LOADER_H
#define SIGNALD_POLICY_CONFIG_LOADER_H

#include "policy/config_name.h"

/* The weakest first, which is the order they are read in. */
enum source { FROM_DEFAULT, FROM_FILE, FROM_ENVIRON, FROM_SET };

/* Who gave a key the value it has now. */
struct giver {
	enum source source;
	bool by_file; /* as the name of a secret's file */
	unsigned line;
};

/* The configuration itself, or the keys of a [turn NAME] section. */
struct loader_part {
	struct config *config;
	struct giver *givers; /* one for each row of config_keys */
};

struct loader {
	const struct config_sources *sources;
	struct loader_part own;
	struct loader_part *servers; /* as own.config->servers */
	size_t servers_count;
	bool has_secret; /* the file, in a line of its own */
	struct config_error *error;
};

static inline enum config_spelling spelling_of(enum source source)
{
	return source == FROM_ENVIRON ? CONFIG_ENVIRON : CONFIG_DOTTED;
}

/* Fill a part with the defaults. Returns 0 or -ENOMEM. */
int loader_part_init(struct loader_part *part);

/* The part of the server of that name, made when there is none; NULL when
 * memory ran out. */
struct loader_part *loader_part_of(struct loader *loader, struct span server);

/* Frees what is not the configuration's. */
void loader_clear(struct loader *loader);

/* That of turn.secret, and of the secret of each [turn NAME]. */
const struct config_key *loader_secret_key(void);

/* When all sources have been read: what a server's section leaves out and the
 * own server's has. Returns 0, -EINVAL or -ENOMEM, the sentence set. */
int loader_complete(struct loader *loader);

/* Keys that contradict each other. Returns 0 or -EINVAL, the sentence set. */
int loader_check_together(struct loader *loader);

#endif
