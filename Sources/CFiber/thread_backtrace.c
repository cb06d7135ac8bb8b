#define _GNU_SOURCE

#include "cfiber_backtrace.h"
#include "walk.h"
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define MOST_FRAMES 64

/// The state of the question; one thread asks at a time.
enum phase { IDLE, ASKED, ANSWERING, ANSWERED };

static _Atomic(enum phase) phase;
/// The number of the question, since the signal of an earlier question that was given up may come late.
static _Atomic int question;
static struct walk walk;
/// Answers are written here and not into the asker's memory, since a thread that is stuck may write late.
static uintptr_t found[MOST_FRAMES];
static sem_t answered;
static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t prepared = PTHREAD_ONCE_INIT;
static int preparation_error;

static int signal_number(void) { return SIGRTMAX - 3; }

static uintptr_t interrupted_at(const ucontext_t *context) {
#if defined(__x86_64__)
  return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#else
  return (uintptr_t)context->uc_mcontext.pc;
#endif
}

static void answer(int number, siginfo_t *info, void *context) {
  (void)number;
  enum phase expected = ASKED;
  if (info->si_code != SI_QUEUE || info->si_value.sival_int != atomic_load(&question) ||
      !atomic_compare_exchange_strong(&phase, &expected, ANSWERING))
    return;
  int error = errno;
  walk.first = interrupted_at(context);
  walk_stack(&walk);
  if (walk.count == 0 && walk.capacity > 0)
    walk.frames[walk.count++] = walk.first; // code without unwind information
  atomic_store(&phase, ANSWERED);
  sem_post(&answered);
  errno = error;
}

static void prepare(void) {
  struct sigaction action = {.sa_sigaction = answer, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
  sigemptyset(&action.sa_mask);
  if (sem_init(&answered, 0, 0) != 0 || sigaction(signal_number(), &action, NULL) != 0) {
    preparation_error = errno;
    return;
  }
  // The first walk may load GCC's library, which a handler must not do.
  uintptr_t frames[1];
  struct walk first = {.frames = frames, .capacity = 1};
  walk_stack(&first);
}

int cfiber_prepare_thread_backtraces(void) {
  pthread_once(&prepared, prepare);
  errno = preparation_error;
  return preparation_error == 0 ? 0 : -1;
}

int cfiber_thread_number(void) { return (int)syscall(SYS_gettid); }

/// Sends the question to a thread, with the question's number, which tgkill(2) could not carry.
static int ask(int thread) {
  siginfo_t info = {.si_signo = signal_number(), .si_code = SI_QUEUE, .si_pid = getpid(), .si_uid = getuid()};
  info.si_value.sival_int = atomic_load(&question);
  return (int)syscall(SYS_rt_tgsigqueueinfo, getpid(), thread, signal_number(), &info);
}

/// Waits for the answer until `deadline`; false if it has not come by then.
static int await(const struct timespec *deadline) {
  int result;
  do
    result = sem_clockwait(&answered, CLOCK_MONOTONIC, deadline);
  while (result != 0 && errno == EINTR);
  return result == 0;
}

static struct timespec after(int64_t nanoseconds) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  nanoseconds += time.tv_nsec;
  return (struct timespec){.tv_sec = time.tv_sec + nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
}

/// Waits for the answer; false with `errno` set if there is none. Each answer raises the semaphore once, and each raise
/// is awaited here.
static int is_answered(int64_t timeout) {
  struct timespec deadline = after(timeout);
  if (await(&deadline))
    return 1;
  enum phase expected = ASKED;
  if (atomic_compare_exchange_strong(&phase, &expected, IDLE)) {
    errno = ETIMEDOUT;
    return 0;
  }
  // The thread has begun to answer. A walk takes microseconds, unless the walker is stuck: then no thread asks again.
  deadline = after(1000000000);
  if (await(&deadline))
    return 1;
  errno = EBUSY;
  return 0;
}

static int ask_and_wait(int thread, int64_t timeout) {
  atomic_fetch_add(&question, 1);
  atomic_store(&phase, ASKED);
  if (ask(thread) != 0) {
    atomic_store(&phase, IDLE);
    return -1;
  }
  if (!is_answered(timeout))
    return -1;
  atomic_store(&phase, IDLE);
  return walk.count;
}

int cfiber_backtrace_thread(int thread, uintptr_t *frames, int capacity, int64_t timeout) {
  if (pthread_mutex_trylock(&asking) != 0) {
    errno = EBUSY;
    return -1;
  }
  int count = -1;
  int error = EBUSY;
  if (atomic_load(&phase) == IDLE) {
    walk = (struct walk){.frames = found, .capacity = capacity < MOST_FRAMES ? capacity : MOST_FRAMES};
    count = ask_and_wait(thread, timeout);
    error = errno;
    for (int index = 0; index < count; index++)
      frames[index] = found[index];
  }
  pthread_mutex_unlock(&asking);
  errno = error;
  return count;
}
