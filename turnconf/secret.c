/* secret.c: makes secrets. */
#include "secret.h"

/* A secret that started with a dash would look like an option to other
 * programs. */
void secret_make(char text[SECRET_CAP])
{
	uint8_t bytes[SECRET_BYTES];

	do {
		crypto_random(bytes, sizeof(bytes));
		(void)crypto_base64url(bytes, sizeof(bytes), text);
	} while (text[0] == '-');
	crypto_wipe(bytes, sizeof(bytes));
}
