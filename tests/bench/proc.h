/* proc.h: what another process has used: CPU time, instructions, memory. */
#ifndef BENCH_PROC_H
#define BENCH_PROC_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Nanoseconds of CPU, user and system, that all threads of pid have used.
 * The kernel counts them exactly (schedstat), not by sampling at ticks.
 */
uint64_t proc_cpu_ns(pid_t pid);

/* Nanoseconds in which any core of the machine was busy, in whole ticks. */
uint64_t proc_machine_ns(void);

/*
 * Bytes of memory that hold what no file holds (smaps_rollup, Anonymous). What
 * is mapped of files does not count: whether it is the process's alone depends
 * on who else runs the same program.
 */
uint64_t proc_anonymous_bytes(pid_t pid);

/*
 * Wait until pid is nearly idle, at most five seconds: garbage collected,
 * closed connections freed. One that waits for a busy core is not idle.
 */
void proc_settle(pid_t pid);

/* Counts instructions in user space of the threads that pid has now. */
struct proc_counter {
	int fds[64];
	unsigned fds_count;
};

/* Returns 0, or a negative errno where the machine has no such counter. */
int proc_counter_open(struct proc_counter *counter, pid_t pid);

/* The instructions since it was opened; 0 if it could not be. */
uint64_t proc_counter_read(const struct proc_counter *counter);

#endif
