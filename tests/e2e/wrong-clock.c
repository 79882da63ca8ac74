/* wrong-clock.c: preloaded, it gives a program a wall clock that is wrong by
 * WRONG_CLOCK_S seconds. */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

typedef int clock_fn(clockid_t, struct timespec *);

int clock_gettime(clockid_t id, struct timespec *now)
{
	static clock_fn *real;
	const char *shift_s = getenv("WRONG_CLOCK_S");
	int result;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	result = real(id, now);
	if (id == CLOCK_REALTIME && shift_s)
		now->tv_sec += atol(shift_s);
	return result;
}
