/* config_value.h: values of every type: checked, stored, compared, written. */
#ifndef SIGNALD_POLICY_CONFIG_VALUE_H
#define SIGNALD_POLICY_CONFIG_VALUE_H

#include "policy/config.h"

/*
 * Check text and store it in the key's field, wiping and freeing what was
 * there.
 *
 * Returns 0, -EINVAL when it is not what config_value_rule() says, -ENOMEM.
 */
int config_value_set(struct config *config, const struct config_key *key,
		     struct span text);

/* What a value must be, to stand behind "must be": "yes or no". */
void config_value_rule(const struct config_key *key, char *out, size_t cap);

#define CONFIG_MAX_NUMBER 12

/* The value as a file would have it; scratch holds a number's digits. */
const char *config_value_text(const struct config *config,
			      const struct config_key *key,
			      char scratch[CONFIG_MAX_NUMBER]);

/* The number in effect of a CONFIG_UINT key. */
unsigned config_value_uint(const struct config *config,
			   const struct config_key *key);

bool config_value_equal(const struct config *a, const struct config *b,
			const struct config_key *key);

/* ADDRESS:PORT of this machine alone. */
bool config_is_loopback(struct span address);

/* Wipe and free it. */
void config_value_clear(struct config *config, const struct config_key *key);

#endif
