#define _GNU_SOURCE

#include "clinux_signals.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* The process whose handlers these are. */
static volatile pid_t owner;
/* The signals with a handler of the host, and those with an empty one. */
static uint64_t handled, survived;
/* The signals that have come, and how the thread that waits for them is woken: sem_post(3) is async-signal-safe and
 * needs no descriptor, which code of a plugin could close. */
static uint64_t arrived;
static sem_t arrival;
/* Whether signals are left to the program that replaces this one, how many handlers run, and how many threads were told
 * to block all signals of the host and do. */
static bool is_holding;
static int32_t running, blocking;
/* How the thread that looks after child processes is woken. */
static sem_t child_change;

static uint64_t bit(int number) { return UINT64_C(1) << number; }

/* Whether the process is a child that has the handlers by fork(2) or vfork(2). Takes the default action then, when the
 * handler returns. */
static bool is_left_to_default(int number) {
  if (getpid() == owner)
    return false;
  signal(number, SIG_DFL);
  kill(getpid(), number);
  return true;
}

static void note_arrival(int number, siginfo_t *info, void *context) {
  int error = errno;
  if (!is_left_to_default(number)) {
    __atomic_fetch_add(&running, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&is_holding, __ATOMIC_SEQ_CST)) {
      /* This thread blocks them when the handler returns. Another one may take the signal, until all block it. */
      for (int other = 1; other < 64; other++)
        if (handled & bit(other))
          sigaddset(&((ucontext_t *)context)->uc_sigmask, other);
      if (info->si_code == SI_TKILL && info->si_pid == owner)
        __atomic_fetch_add(&blocking, 1, __ATOMIC_SEQ_CST);
      else
        kill(getpid(), number);
    } else {
      __atomic_fetch_or(&arrived, bit(number), __ATOMIC_RELEASE);
      sem_post(&arrival);
    }
    __atomic_fetch_sub(&running, 1, __ATOMIC_SEQ_CST);
  }
  errno = error;
}

static void handle_nothing(int number, siginfo_t *info, void *context) {
  int error = errno;
  (void)info, (void)context;
  is_left_to_default(number);
  errno = error;
}

/* On the signal stack: a fiber's stack may have little room, and runtimes such as Go's insist on it. */
static int install(int number, void (*handler)(int, siginfo_t *, void *)) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_RESTART | SA_ONSTACK | SA_SIGINFO};
  return sigaction(number, &action, NULL) == 0 ? 0 : errno;
}

void clinux_survive_signal(int32_t number) {
  owner = getpid();
  survived |= bit(number);
  install(number, handle_nothing);
}

void clinux_notice_children(void) {
  struct sigaction found;
  if (sigaction(SIGCHLD, NULL, &found) == 0 && found.sa_handler == SIG_IGN)
    signal(SIGCHLD, SIG_DFL);
}

static void note_child_change(int number, siginfo_t *info, void *context) {
  int error = errno;
  (void)number, (void)info, (void)context;
  /* A child of fork(2) that has the handler has another memory, where nobody waits. */
  sem_post(&child_change);
  errno = error;
}

int32_t clinux_watch_children(void) {
  if (sem_init(&child_change, 0, 0) != 0)
    return errno;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  return install(SIGCHLD, note_child_change);
}

void clinux_note_child_change(void) { sem_post(&child_change); }

/* Waits for a post, at most for `nanoseconds`; INT64_MAX: without a limit. */
static void await_post(sem_t *semaphore, int64_t nanoseconds) {
  if (nanoseconds == INT64_MAX) {
    while (sem_wait(semaphore) != 0 && errno == EINTR) {
    }
    return;
  }
  struct timespec end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_sec += nanoseconds / 1000000000;
  end.tv_nsec += nanoseconds % 1000000000;
  if (end.tv_nsec >= 1000000000) {
    end.tv_sec++;
    end.tv_nsec -= 1000000000;
  }
  while (sem_clockwait(semaphore, CLOCK_MONOTONIC, &end) != 0 && errno == EINTR) {
  }
}

void clinux_await_child_change(int64_t nanoseconds) {
  await_post(&child_change, nanoseconds);
  /* One look at the children does for all that has changed before it. */
  while (sem_trywait(&child_change) == 0) {
  }
}

/* What a parent such as nohup(1) or a shell script ignores must not end the host, and must not be ignored by programs
 * that plugins start. SIGTTIN and SIGTTOU stay ignored: a system call that is restarted after them would not end. */
static void survive_what_is_ignored(void) {
  for (int number = 1; number < 64; number++) {
    struct sigaction found;
    bool is_kept = number == SIGTTIN || number == SIGTTOU || handled & bit(number);
    if (!is_kept && sigaction(number, NULL, &found) == 0 && found.sa_handler == SIG_IGN)
      clinux_survive_signal(number);
  }
}

int32_t clinux_handle_signals(uint64_t numbers) {
  owner = getpid();
  handled = numbers;
  clinux_notice_children();
  survive_what_is_ignored();
  if (sem_init(&arrival, 0, 0) != 0)
    return errno;
  for (int number = 1; number < 64; number++) {
    int code = numbers & bit(number) ? install(number, note_arrival) : 0;
    if (code != 0)
      return code;
  }
  sigset_t none;
  sigemptyset(&none);
  return pthread_sigmask(SIG_SETMASK, &none, NULL);
}

void clinux_await_signals(int64_t nanoseconds) { await_post(&arrival, nanoseconds); }

uint64_t clinux_take_signals(void) { return __atomic_exchange_n(&arrived, 0, __ATOMIC_ACQUIRE); }

/* Blocks or unblocks the signals of the host in the calling thread. */
static void mask_handled(int how) {
  sigset_t set;
  sigemptyset(&set);
  for (int number = 1; number < 64; number++)
    if (handled & bit(number))
      sigaddset(&set, number);
  pthread_sigmask(how, &set, NULL);
}

/* Has all other threads block the signals of the host: execve(2) could end a thread between its taking a signal and its
 * sending the signal again. Threads that they start later do so, too. Waits for 20 ms at most: a thread may block the
 * signal already that tells it. */
static void block_in_other_threads(void) {
  DIR *tasks = opendir("/proc/self/task");
  int32_t told = 0;
  pid_t own = (pid_t)syscall(SYS_gettid);
  __atomic_store_n(&blocking, 0, __ATOMIC_SEQ_CST);
  for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
    pid_t thread = (pid_t)atoi(entry->d_name);
    if (thread > 0 && thread != own && syscall(SYS_tgkill, owner, thread, __builtin_ctzll(handled)) == 0)
      told++;
  }
  if (tasks)
    closedir(tasks);
  struct timespec pause = {.tv_nsec = 100000};
  for (int turn = 0; turn < 200 && __atomic_load_n(&blocking, __ATOMIC_SEQ_CST) < told; turn++)
    nanosleep(&pause, NULL);
}

void clinux_hold_signals(void) {
  mask_handled(SIG_BLOCK);
  __atomic_store_n(&is_holding, true, __ATOMIC_SEQ_CST);
  block_in_other_threads();
  while (__atomic_load_n(&running, __ATOMIC_SEQ_CST) != 0)
    sched_yield();
}

void clinux_release_signals(void) {
  __atomic_store_n(&is_holding, false, __ATOMIC_SEQ_CST);
  mask_handled(SIG_UNBLOCK);
}

bool clinux_reclaim_signal(struct clinux_lost_signal *lost) {
  for (int number = 1; number < 64; number++) {
    struct sigaction found;
    if (!((handled | survived) & bit(number)) || sigaction(number, NULL, &found) != 0)
      continue;
    bool is_handler = found.sa_handler != SIG_DFL && found.sa_handler != SIG_IGN;
    bool is_handled = handled & bit(number);
    if (found.sa_sigaction == (is_handled ? note_arrival : handle_nothing) || (is_handler && !is_handled))
      continue;
    if (install(number, is_handled ? note_arrival : handle_nothing) != 0 || !is_handled)
      continue;
    *lost = (struct clinux_lost_signal){number, is_handler ? (uintptr_t)found.sa_sigaction : 0};
    return true;
  }
  return false;
}
