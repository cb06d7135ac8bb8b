#define _GNU_SOURCE

#include "chains.h"
#include "images.h"
#include "output.h"
#include "region.h"
#include "report.h"
#include "walk.h"
#include "work.h"
#include <errno.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/// How many faults are reported that a library handles itself.
#define MOST_INCIDENTS 8
/// How often in a row such a handler may return to the same fault.
#define MOST_REPEATS 1000
/// How often other handlers may.
#define MOST_REPEATS_OF_OTHERS 50
/// A fault that comes later after the handler has returned, in nanoseconds, is another one, even at the same place.
#define LONGEST_REPEAT ((int64_t)10000000)
/// How far below the frame of the host's handler that of another one may lie, in bytes.
#define NEAR_HANDLER 1000000
/// How long a thread waits for the report of another thread, in milliseconds.
#define TURN_PATIENCE 60000

/// Whether the operator wants the report of Swift's backtracer.
static bool wants_backtracer;

/// The number of the thread that reports; 0 if none does.
static _Atomic int turn;
static _Atomic int incident_count;

/// The calling thread's progress with a signal.
static __thread struct {
  /// The kernel's information about the signal, by which a call of the host's handler by another handler is recognised.
  void *context;
  /// The frame of the host's handler. A call of it by another handler lies below, since stacks grow downwards. If it
  /// does not, the other handler has left by siglongjmp(3).
  const char *frame;
  /// How many handlers of its chain have not been called yet.
  int left;
  /// The fault was reported as one that a library handles itself.
  bool is_left_to_library;
  /// Where to go on after a fault in the report itself.
  jmp_buf *recovery;
  /// A handler of other code has been called, and has not returned.
  bool has_called;
  /// The signal has its default action now.
  bool is_default;
  /// The fault to which a handler has returned last without having changed where the thread goes on, when that was, in
  /// monotonic nanoseconds, and how often in a row.
  int repeats;
  uintptr_t pc, address;
  int64_t returned;
} thread __attribute__((tls_model("initial-exec")));

bool attempt(void (*step)(void *), void *argument) {
  jmp_buf here;
  thread.recovery = &here;
  bool is_whole = _setjmp(here) == 0;
  if (is_whole)
    step(argument);
  thread.recovery = NULL;
  return is_whole;
}

/// Whether the signal is raised again when the handler returns.
static bool recurs(int number, const siginfo_t *info) {
  return is_fault(info) && number != SIGTRAP && number != SIGSYS;
}

/// Has the signal end the process as if it had not been handled, so that exit status and core dump are right. After a
/// fault, by returning to the faulting instruction.
static void take_default(int number, const siginfo_t *info) {
  end_chains();
  thread.is_default = true;
  if (getpid() != host_process) {
    // A child of vfork(2) leaves the memory as it was.
    thread.context = NULL;
    give_turn();
  }
  struct sigaction usual = {.sa_handler = SIG_DFL};
  sigaction(number, &usual, NULL);
  if (recurs(number, info))
    return;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), number);
  // The kernel does not deliver such signals to the first process of a PID namespace.
  _exit(128 + number);
}

static void call(const struct sigaction *action, int number, siginfo_t *info, void *context) {
  sigset_t blocked = action->sa_mask, before;
  if (!(action->sa_flags & SA_NODEFER))
    sigaddset(&blocked, number);
  sigprocmask(SIG_BLOCK, &blocked, &before);
  if (action->sa_flags & SA_SIGINFO)
    action->sa_sigaction(number, info, context);
  else
    action->sa_handler(number);
  sigprocmask(SIG_SETMASK, &before, NULL);
}

/// Whether to call a handler. Its library may have been unloaded. Swift's backtracer is called only if the operator
/// asks for it: it writes a hundred lines of plain text that tell less than the host's line, and waits without end for
/// their reader, while the host keeps its port.
static bool is_to_run(const struct sigaction *action) {
  if (!is_handler(action))
    return false;
  const struct image *image = image_of_handler(action);
  return image != NULL && (wants_backtracer || strcmp(image->name, "libswiftCore.so") != 0);
}

/// Hands the signal to the next handler of its chain, or to the kernel if there is none.
static void pass_on(int number, siginfo_t *info, void *context) {
  while (thread.left > 0) {
    int link = --thread.left;
    const struct sigaction *action = link_of_chain(number, link);
    if (!is_to_run(action))
      continue;
    // A later one may mend the cause and go on, even by siglongjmp(3): other threads need not wait for it.
    if (link > 0)
      give_turn();
    uintptr_t pc = interrupted_at(context);
    thread.has_called = true;
    call(action, number, info, context);
    thread.has_called = false;
    thread.returned = interrupted_at(context) == pc ? monotonic_time() : 0;
    // A handler from before the host's, such as Swift's backtracer, reports and expects the process to end.
    if (link == 0 && !recurs(number, info))
      take_default(number, info);
    return;
  }
  take_default(number, info);
}

/// The link of the library in whose own code the fault is, and which has installed a handler: language runtimes handle
/// such faults themselves. 0 if there is none.
static int link_of_incident(int number, const siginfo_t *info, const ucontext_t *context) {
  const struct image *image = is_fault(info) ? image_around(interrupted_at(context)) : NULL;
  int link = image == NULL ? 0 : length_of_chain(number) - 1;
  for (; link > 0; link--) {
    const struct sigaction *action = link_of_chain(number, link);
    if (is_handler(action) && image == image_of_handler(action))
      break;
  }
  return link > 0 ? link : 0;
}

bool take_turn(int patience) {
  int nobody = 0;
  int self = (int)syscall(SYS_gettid);
  for (int waited = 0; !atomic_compare_exchange_strong(&turn, &nobody, self); waited++) {
    if (nobody == self || waited == patience)
      return false;
    nobody = 0;
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  return true;
}

static bool has_turn(void) { return atomic_load(&turn) == (int)syscall(SYS_gettid); }

void give_turn(void) {
  int self = (int)syscall(SYS_gettid);
  atomic_compare_exchange_strong(&turn, &self, 0);
}

bool is_in_handler(void) {
  const char *frame = __builtin_frame_address(0);
  return thread.has_called && frame < thread.frame && thread.frame - frame < NEAR_HANDLER;
}

/// Whether a handler keeps returning to the same fault without having removed its cause. Some times are normal, for a
/// handler that protects memory to notice writes.
static bool is_in_vain(int number, const siginfo_t *info, const ucontext_t *context, int most) {
  if (!recurs(number, info)) {
    thread.repeats = 0;
    return false;
  }
  uintptr_t pc = interrupted_at(context), address = (uintptr_t)info->si_addr;
  bool is_same = thread.repeats > 0 && pc == thread.pc && address == thread.address &&
                 monotonic_time() - thread.returned < LONGEST_REPEAT;
  thread.repeats = is_same ? thread.repeats + 1 : 1;
  thread.pc = pc;
  thread.address = address;
  return thread.repeats > most;
}

/// Reports the signal and hands it on.
static void take(int number, siginfo_t *info, ucontext_t *context) {
  int link = link_of_incident(number, info, context);
  bool is_incident = link > 0;
  bool is_in_vain_now = is_in_vain(number, info, context, is_incident ? MOST_REPEATS : MOST_REPEATS_OF_OTHERS);
  bool is_first = !is_incident && thread.repeats <= 1;
  // A line stays; a record was taken back when the handler returned.
  if (is_first || (is_in_vain_now && (is_incident || records_end())))
    report(number, info, context, NULL);
  else if (is_incident && atomic_fetch_add(&incident_count, 1) < MOST_INCIDENTS)
    report(number, info, context, image_around(interrupted_at(context))->name);
  // Not by way of the handlers of other libraries, which would each hand it on to the one before.
  if (is_incident)
    thread.left = link + 1;
  thread.is_left_to_library = is_incident && !is_in_vain_now;
  if (is_in_vain_now)
    take_default(number, info);
  else
    pass_on(number, info, context);
}

/// Whether the thread goes on: a handler has mended the cause of the signal. One that has reset the signal to its default
/// has not.
static bool goes_on(int number) {
  struct sigaction present;
  return !thread.is_default && sigaction(number, NULL, &present) == 0 && present.sa_handler != SIG_DFL;
}

/// A handler of other code ends the process by a signal, or has crashed itself.
static void take_nested(int number, siginfo_t *info, ucontext_t *context) {
  thread.has_called = false;
  bool had_turn = has_turn();
  if (had_turn || take_turn(TURN_PATIENCE)) {
    static char what[40];
    strcpy(what, ", then ");
    strcat(what, ccrash_signal_name(number));
    bool is_told = records_end() ? amend_record(CCRASH_BY_SIGNAL, number, 0, what) : !thread.is_left_to_library;
    if (!is_told)
      report(number, info, context, NULL);
    if (!had_turn)
      give_turn();
  }
  take_default(number, info);
}

static void on_signal(int number, siginfo_t *info, void *context) {
  int error = errno;
  const char *frame = __builtin_frame_address(0);
  bool is_nested = thread.context != NULL && frame < thread.frame;
  if (is_nested && thread.context == context) {
    // The library hands the fault back, so the process will end.
    if (thread.is_left_to_library && take_turn(TURN_PATIENCE))
      report(number, info, context, NULL);
    thread.is_left_to_library = false;
    pass_on(number, info, context);
  } else if (thread.recovery != NULL) {
    _longjmp(*thread.recovery, 1);
  } else if (is_nested && thread.has_called) {
    take_nested(number, info, context);
  } else if (is_nested || !take_turn(TURN_PATIENCE)) {
    take_default(number, info);
  } else {
    // A handler that has left by siglongjmp(3) has not returned to the fault.
    if (thread.context != NULL) {
      thread.repeats = 0;
      forget_record();
    }
    thread.context = context;
    thread.frame = frame;
    thread.left = length_of_chain(number);
    thread.has_called = thread.is_default = false;
    take(number, info, context);
    if (goes_on(number) && (has_turn() || take_turn(TURN_PATIENCE)))
      forget_record();
    thread.context = NULL;
    give_turn();
  }
  errno = error;
}

int ccrash_install(const struct ccrash_settings *settings) {
  form = settings->form;
  keep_outputs(settings->outputs);
  stack_overflowed_at = settings->stack_overflowed_at;
  layout = settings->layout;
  if (settings->request_prefix != NULL)
    request_prefix = settings->request_prefix;
  host_process = getpid();
  wants_backtracer = getenv("SWIFT_BACKTRACE") != NULL;
  prepare_walks();
  prepare_exits();
  ccrash_note_images();
  return begin_chains(on_signal);
}

bool ccrash_is_reporting(void) { return atomic_load(&turn) != 0; }
