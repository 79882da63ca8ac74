/* lint.h: what the Makefile defines, for tools that do not read it. */
#define SIGNALD_VERSION "0"
