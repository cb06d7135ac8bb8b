#define _GNU_SOURCE

#include "clinux_descriptors.h"

#include "clinux_stream.h"
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* As many as fs.nr_open allows where nobody has raised it. One byte each, so that threads that open and close need no
 * lock; pages that are not written to take no memory. */
enum { capacity = 1 << 20 };
static unsigned char owned[capacity];
/* No descriptor above this one was ever owned. */
static int highest = -1;

bool clinux_forked_child_flag;
bool clinux_fork_flag;

static uint64_t signals_of_child;
static void (*enter_child_further)(void);

int clinux_own(int fd) {
  if (fd < 0 || fd >= capacity)
    return fd;
  __atomic_store_n(&owned[fd], 1, __ATOMIC_RELAXED);
  int before = __atomic_load_n(&highest, __ATOMIC_RELAXED);
  while (before < fd && !__atomic_compare_exchange_n(&highest, &before, fd, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return fd;
}

int clinux_close(int fd) {
  // Before the close: afterwards the number may be another's already.
  if (fd >= 0 && fd < capacity)
    __atomic_store_n(&owned[fd], 0, __ATOMIC_RELAXED);
  return close(fd);
}

/* Closes the descriptors `first` to `last`: close_range(2), which kernels before 5.9 and some filters of system calls do
 * not have. */
static void close_all(int first, int last) {
#ifdef SYS_close_range
  if (clinux_call(SYS_close_range, first, last, 0, 0, 0, 0) == 0)
    return;
#endif
  for (int fd = first; fd <= last; fd++)
    close(fd);
}

static void close_owned(void) {
  const unsigned char *end = owned + highest + 1;
  const unsigned char *next = owned;
  while (next < end && (next = memchr(next, 1, (size_t)(end - next))) != NULL) {
    const unsigned char *past = memchr(next, 0, (size_t)(end - next));
    past = past == NULL ? end : past;
    close_all((int)(next - owned), (int)(past - owned) - 1);
    next = past;
  }
  memset(owned, 0, (size_t)(end - owned));
}

static void prepare(void) { __atomic_store_n(&clinux_fork_flag, true, __ATOMIC_RELAXED); }

/* In the child, before fork returns. Never epoll_ctl: the parent's epoll instance is the same one. */
static void enter_child(void) {
  clinux_forked_child_flag = true;
  close_owned();
  sigset_t set;
  sigemptyset(&set);
  for (int number = 1; number < 64; number++)
    if (signals_of_child >> number & 1)
      sigaddset(&set, number);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  enter_child_further();
}

int clinux_watch_forks(uint64_t unblocked, void (*enter_child_function)(void)) {
  signals_of_child = unblocked;
  enter_child_further = enter_child_function;
  return pthread_atfork(prepare, NULL, enter_child);
}

void clinux_end_soon(void) {
  signal(SIGALRM, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  alarm(1);
}
