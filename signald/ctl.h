/* ctl.h: signald ctl: the admin API from the command line. */
#ifndef SIGNALD_CTL_H
#define SIGNALD_CTL_H

/* argv[0] is "ctl". Returns the exit code, as ctl --help has it. */
int ctl_main(int argc, char **argv);

#endif
