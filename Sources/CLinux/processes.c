#define _GNU_SOURCE

#include "clinux_processes.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Resets the signals of the calling process, which is about to run another program. */
static void reset_signals(void) {
  struct sigaction usual = {.sa_handler = SIG_DFL};
  for (int number = 1; number < NSIG; number++)
    sigaction(number, &usual, NULL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Moves each descriptor to its place. First moves all of them above the places, since one may lie in the place of
 * another. Returns false if that fails. */
static bool place_descriptors(const int *descriptors, int count) {
  int lifted[count];
  for (int place = 0; place < count; place++)
    if ((lifted[place] = fcntl(descriptors[place], F_DUPFD_CLOEXEC, count)) < 0)
      return false;
  for (int place = 0; place < count; place++)
    if (dup2(lifted[place], place) < 0)
      return false;
  return true;
}

/* Prepares the child, which shares the parent's memory, with system calls only. Returns false if that fails. */
static bool prepare(const int32_t *descriptors, size_t count, int32_t niceness, int32_t end_signal) {
  if (setpgid(0, 0) != 0)
    return false;
  /* The program runs even if the system refuses these two: it also notices by its descriptors that its parent has
   * ended. */
  prctl(PR_SET_PDEATHSIG, end_signal);
  (void)!nice(niceness);
  if (!place_descriptors(descriptors, (int)count))
    return false;
  reset_signals();
  return true;
}

int32_t clinux_run_beside(char *const *words, char *const *environment, const int32_t *descriptors,
                          size_t descriptor_count, int32_t niceness, int32_t end_signal) {
  /* No handler of this process may run in the child. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  volatile int failure = 0;
  pid_t child = vfork();
  if (child == 0) {
    if (prepare(descriptors, descriptor_count, niceness, end_signal))
      execve(words[0], words, environment);
    failure = errno;
    _exit(127);
  }
  if (child < 0)
    failure = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (failure == 0)
    return child;
  while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) {
  }
  errno = failure;
  return -1;
}

int32_t clinux_fork(void) { return fork(); }

void clinux_adopt_orphans(void) { prctl(PR_SET_CHILD_SUBREAPER, 1); }

void clinux_end_with_parent(int32_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent)
    raise(SIGKILL);
}

void clinux_end_by_signal(int32_t number) {
  prctl(PR_SET_DUMPABLE, 0);
  reset_signals();
  kill(getpid(), number);
  _exit(128 + number);
}
