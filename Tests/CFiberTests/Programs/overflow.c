// A fiber that recurses as good as without end, or with "thread" a thread. The handler, on the thread's signal stack,
// names the stack that overflowed; then the fault takes its course.

#include "cfiber.h"
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static cfiber_stack_pool pool;
static cfiber thread, fiber;

static void report(int signal, siginfo_t *info, void *context) {
  (void)signal;
  (void)context;
  cfiber_guarded_stack found;
  if (!cfiber_find_guard(info->si_addr, &found))
    return;
  if (found.fiber == NULL)
    (void)!write(STDOUT_FILENO, "overflow of a thread\n", 21);
  else if (found.fiber == &fiber && cfiber_guard_hit(&pool, info->si_addr) == fiber.stack_low)
    (void)!write(STDOUT_FILENO, "overflow\n", 9);
}

__attribute__((noinline)) static int recurse(volatile char *caller, long depth) {
  volatile char frame[2000];
  frame[0] = caller[0];
  return depth == 0 ? 0 : recurse(frame, depth - 1) + frame[0];
}

static void run(void *argument) {
  recurse(argument, LONG_MAX);
  cfiber_switch_last(&fiber, &thread);
}

static void *run_thread(void *argument) {
  cfiber_note_thread_stack();
  cfiber_install_signal_stack();
  recurse(argument, LONG_MAX);
  return NULL;
}

int main(int count, char **arguments) {
  cfiber_stack_pool_init(&pool, 64 * 1024);
  pool.guards_by_protection = count > 1 && strcmp(arguments[1], "protection") == 0;
  void *stack = cfiber_stack_acquire(&pool);
  cfiber_stack_release(&pool, stack);
  // A guard must outlive its stack's memory, which goes back when the stack was free from one call to the next.
  cfiber_stack_pool_note_idle(&pool, 0);
  cfiber_stack_pool_note_idle(&pool, 0);
  cfiber_stack_pool_cool(&pool, 1);

  cfiber_install_signal_stack();
  struct sigaction action = {.sa_sigaction = report, .sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND};
  sigaction(SIGSEGV, &action, NULL);
  if (count > 1 && strcmp(arguments[1], "thread") == 0) {
    pthread_t other;
    pthread_create(&other, NULL, run_thread, "");
    pthread_join(other, NULL);
  }
  cfiber_adopt_thread(&thread);
  cfiber_prepare(&fiber, cfiber_stack_acquire(&pool), pool.stack_size, run, "");
  cfiber_switch(&thread, &fiber);
}
