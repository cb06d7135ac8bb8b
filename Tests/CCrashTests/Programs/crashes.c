// Crashes as its argument says, on a thread with a signal stack; the report goes to standard output, behind the
// addresses of the functions that must be in it.

#include "ccrash.h"
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int *volatile nowhere;
static void (*volatile no_function)(void);
// A compiler that knew it would put the call apart from the function.
static void (*volatile end)(void) = abort;
static const char *what;
static char signal_stack[1 << 16];

/// A handler of somebody else that hands on what it gets, as a language's runtime does.
static struct sigaction before;
static void pass_on(int number, siginfo_t *info, void *context) {
  (void)!write(STDOUT_FILENO, "passed on\n", 10);
  before.sa_sigaction(number, info, context);
}

/// One that goes on elsewhere while `leaps` are left, as code does that only looks whether memory is readable.
static sigjmp_buf refuge;
static int thread_count;
static int leaps;
static void leap(int number, siginfo_t *info, void *context) {
  if (leaps-- > 0)
    siglongjmp(refuge, 1);
  before.sa_sigaction(number, info, context);
}

/// One that returns and has mended nothing.
static void do_nothing(int number) { (void)number; }

__attribute__((noinline)) static int crash(int argument) {
  if (strcmp(what, "call") == 0 || strcmp(what, "call-elsewhere") == 0)
    no_function();
  else if (strcmp(what, "abort") == 0)
    end();
  else if (strcmp(what, "raise") == 0)
    raise(SIGFPE);
  else
    *nowhere = argument;
  return argument + 1;
}

__attribute__((noinline)) static int caller(int argument) {
  volatile char frame[200];
  frame[argument] = 1;
  return crash(argument) + frame[argument];
}

static void *run(void *argument) {
  // As ccrash.h wants it for threads whose stack may be used up.
  stack_t stack = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
  sigaltstack(&stack, NULL);
  printf("crash=%p caller=%p\n", (void *)(uintptr_t)crash, (void *)(uintptr_t)caller);
  fflush(stdout);
  if (sigsetjmp(refuge, 1) != 0)
    (void)!write(STDOUT_FILENO, "leapt\n", 6);
  // The first thread has left two faults behind and ends.
  if (leaps != 1 || thread_count == 2)
    caller((int)(uintptr_t)argument + 3);
  return NULL;
}

static size_t no_overflow(uintptr_t address) {
  (void)address;
  return 0;
}

/// Takes over the handlers that are not the host's, and shows how many there were.
static void reclaim(void) {
  struct ccrash_rival rival;
  int count = 0;
  while (ccrash_reclaim_signal(&rival))
    count++;
  printf("rivals=%d\n", count);
}

int main(int count, char **arguments) {
  what = count > 1 ? arguments[1] : "write";
  if (strcmp(what, "call-elsewhere") == 0)
    no_function = (void (*)(void))(uintptr_t)0x1230;
  struct ccrash_settings settings = {
      .form = count > 2 ? CCRASH_JSON : CCRASH_TEXT,
      .outputs = {dup(STDOUT_FILENO), STDOUT_FILENO},
      .stack_overflowed_at = no_overflow,
  };
  if (ccrash_install(&settings) != 0)
    return 2;
  struct sigaction action = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  if (strcmp(what, "rival") == 0)
    sigaction(SIGSEGV, &action, &before);
  if (strcmp(what, "vain") == 0)
    signal(SIGSEGV, do_nothing);
  if (strcmp(what, "reset") == 0)
    signal(SIGSEGV, SIG_DFL);
  if (strcmp(what, "leap") == 0) {
    leaps = 3;
    action.sa_sigaction = leap;
    sigaction(SIGSEGV, &action, &before);
  }
  reclaim();
  while (++thread_count <= 2) {
    pthread_t thread;
    pthread_create(&thread, NULL, run, NULL);
    pthread_join(thread, NULL);
  }
}
