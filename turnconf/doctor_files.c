/* doctor_files.c: which files are looked at where none is named. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "doctor.h"

/* Where the units, the containers, and who does it by hand have coturn's
 * configuration, and how it is written anew there. */
static const struct {
	const char *path;
	const char *tunnel_path;
	const char *remedy; /* NULL: by turnconf generate */
	const char *tunnel_remedy;
} places[] = {
	{"/run/signald-coturn/turnserver.conf",
	 "/run/signald-coturn-tunnel/turnserver.conf",
	 "systemctl restart signald-coturn, which writes it anew",
	 "systemctl restart signald-coturn-tunnel, which writes it anew"},
	{"/etc/signald-coturn/turnserver.conf",
	 "/etc/signald-coturn/turnserver-tunnel.conf",
	 "docker compose up -d, which writes it anew",
	 "docker compose up -d, which writes it anew"},
	{"/etc/turnserver.conf", "/etc/turnserver-tunnel.conf", NULL, NULL},
};

#define PLACES (sizeof(places) / sizeof(places[0]))

static const char *path_of(size_t place, bool is_tunnel)
{
	return is_tunnel ? places[place].tunnel_path : places[place].path;
}

/* One in a folder that we may not look into is said to be unreadable, later. */
static bool exists(const char *path)
{
	return !access(path, F_OK) || errno == EACCES;
}

/* What scripts/run makes lies beside signald's. */
static bool find_beside(const char *config, bool is_tunnel, char out[PATH_MAX])
{
	const char *slash = strrchr(config, '/');
	int folder_len = slash ? (int)(slash - config) + 1 : 0;
	int len = snprintf(out, PATH_MAX, "%.*sturnserver%s.conf", folder_len,
			   config, is_tunnel ? "-tunnel" : "");

	return len < PATH_MAX && exists(out);
}

const char *doctor_find_config(void)
{
	return exists(DOCTOR_CONFIG) ? DOCTOR_CONFIG : NULL;
}

void doctor_find_turnserver(const char *config, bool is_tunnel,
			    char out[PATH_MAX])
{
	size_t place = 0;

	if (config && find_beside(config, is_tunnel, out))
		return;
	while (place < PLACES - 1 && !exists(path_of(place, is_tunnel)))
		place++;
	(void)snprintf(out, PATH_MAX, "%s", path_of(place, is_tunnel));
}

const char *doctor_rewriting(const char *path, bool is_tunnel)
{
	for (size_t i = 0; i < PLACES; i++) {
		if (!strcmp(path, path_of(i, is_tunnel)))
			return is_tunnel ? places[i].tunnel_remedy
					 : places[i].remedy;
	}
	return NULL;
}
