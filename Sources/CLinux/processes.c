#define _GNU_SOURCE

#include "clinux_processes.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
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

/* How a new process differs from its parent. */
struct start {
  /* Descriptor n becomes the program's descriptor `first_place` + n. */
  const int32_t *descriptors;
  int descriptor_count, first_place;
  /* If not 0, the process leads a group of its own and has this niceness and this signal at its parent's end. */
  int32_t end_signal, niceness;
  /* The soft limit of RLIMIT_LOCKS, if not 0. */
  uint64_t mark;
};

/* Moves each descriptor to its place. First moves all of them above the places, since one may lie in the place of
 * another. Returns false if that fails. */
static bool place_descriptors(const struct start *start) {
  int lifted[start->descriptor_count + 1], first = start->first_place;
  for (int index = 0; index < start->descriptor_count; index++) {
    lifted[index] = fcntl(start->descriptors[index], F_DUPFD_CLOEXEC, first + start->descriptor_count);
    if (lifted[index] < 0)
      return false;
  }
  for (int index = 0; index < start->descriptor_count; index++)
    if (dup2(lifted[index], first + index) < 0)
      return false;
  return true;
}

static void set_mark(uint64_t mark) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_LOCKS, &limit) != 0)
    return;
  limit.rlim_cur = mark;
  setrlimit(RLIMIT_LOCKS, &limit);
}

/* Prepares the child, which shares the parent's memory, with system calls only. Returns false if that fails. */
static bool prepare(const struct start *start) {
  if (start->end_signal != 0) {
    if (setpgid(0, 0) != 0)
      return false;
    /* The program runs even if the system refuses these two: it also notices by its descriptors that its parent has
     * ended. */
    prctl(PR_SET_PDEATHSIG, start->end_signal);
    (void)!nice(start->niceness);
  }
  if (start->mark != 0)
    set_mark(start->mark);
  if (!place_descriptors(start))
    return false;
  reset_signals();
  return true;
}

static int32_t run(char *const *words, char *const *environment, const struct start *start) {
  /* No handler of this process may run in the child. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  volatile int failure = 0;
  pid_t child = vfork();
  if (child == 0) {
    if (prepare(start))
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

int32_t clinux_run_beside(char *const *words, char *const *environment, const int32_t *descriptors,
                          size_t descriptor_count, int32_t niceness, int32_t end_signal) {
  struct start start = {.descriptors = descriptors,
                        .descriptor_count = (int)descriptor_count,
                        .end_signal = end_signal,
                        .niceness = niceness};
  return run(words, environment, &start);
}

int32_t clinux_run_child(char *const *words, char *const *environment, const int32_t *descriptors,
                         size_t descriptor_count, uint64_t mark) {
  struct start start = {.descriptors = descriptors,
                        .descriptor_count = (int)descriptor_count,
                        .first_place = STDERR_FILENO + 1,
                        .mark = mark};
  return run(words, environment, &start);
}

uint64_t clinux_mark_of(int32_t process) {
  struct rlimit limit;
  if (prlimit(process, RLIMIT_LOCKS, NULL, &limit) != 0)
    return errno == EPERM ? CLINUX_MARK_HIDDEN : 0;
  if (limit.rlim_cur == RLIM_INFINITY)
    return 0;
  return limit.rlim_cur;
}

int32_t clinux_ended_child(void) {
  siginfo_t info = {.si_pid = 0};
  while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == EINTR) {
  }
  return info.si_pid;
}

int32_t clinux_traced_change(int32_t *stop) {
  siginfo_t info = {.si_pid = 0};
  while (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WCLONE) != 0 && errno == EINTR) {
  }
  bool has_stopped = info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED;
  *stop = info.si_pid != 0 && has_stopped ? info.si_status & 0x7f : 0;
  return info.si_pid;
}

void clinux_take_traced_change(int32_t thread) { waitpid(thread, NULL, WNOHANG | WUNTRACED | __WALL); }

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
