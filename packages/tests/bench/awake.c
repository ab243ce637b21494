/*
 * Keeps the processor that it is bound to from halting, and gives way to everybody else. On a virtual
 * machine a processor that has nothing to do is the host's, and the next message waits until the host has
 * time for it: milliseconds, where several share a host.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

int main(void) {
  const struct sched_param none = {0};
  if (sched_setscheduler(0, SCHED_IDLE, &none) != 0) {
    perror("sched_setscheduler");
    return 1;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (volatile unsigned long turns = 0;; turns++) continue;
}
