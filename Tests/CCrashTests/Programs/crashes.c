// Crashes as its argument says, on a thread with a signal stack; the report goes to standard output, behind the
// addresses of the functions that must be in it.

#include "ccrash.h"
#include <pthread.h>
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
  caller((int)(uintptr_t)argument + 3);
  return NULL;
}

static size_t no_overflow(uintptr_t address) {
  (void)address;
  return 0;
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
  struct ccrash_rival rivals[7];
  struct sigaction action = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  if (strcmp(what, "rival") == 0)
    sigaction(SIGSEGV, &action, &before);
  if (strcmp(what, "vain") == 0)
    signal(SIGSEGV, do_nothing);
  if (strcmp(what, "reset") == 0)
    signal(SIGSEGV, SIG_DFL);
  printf("rivals=%d\n", ccrash_reclaim_signals(rivals, 7));
  pthread_t thread;
  pthread_create(&thread, NULL, run, NULL);
  pthread_join(thread, NULL);
}
