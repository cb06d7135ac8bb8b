// Three fibers for a debugger to look at when it stops in `stopped`: one runs, one is suspended, one has not started.

#include "cfiber.h"

cfiber thread, running, suspended, unstarted;
static cfiber_stack_pool pool;

__attribute__((noinline)) void stopped(void) { __asm__ volatile(""); }

__attribute__((noinline)) static void running_inner(void) {
  stopped();
  __asm__ volatile("");
}

static void running_entry(void *argument) {
  (void)argument;
  running_inner();
  cfiber_switch_last(&running, &thread);
}

__attribute__((noinline)) static void suspended_inner(void) {
  cfiber_switch(&suspended, &thread);
  __asm__ volatile("");
}

static void suspended_entry(void *argument) {
  (void)argument;
  suspended_inner();
  cfiber_switch_last(&suspended, &thread);
}

int main(void) {
  cfiber_stack_pool_init(&pool, 64 * 1024);
  cfiber_adopt_thread(&thread);
  cfiber_prepare(&suspended, cfiber_stack_acquire(&pool), pool.stack_size, suspended_entry, 0);
  cfiber_prepare(&unstarted, cfiber_stack_acquire(&pool), pool.stack_size, suspended_entry, 0);
  cfiber_prepare(&running, cfiber_stack_acquire(&pool), pool.stack_size, running_entry, 0);
  cfiber_switch(&thread, &suspended);
  cfiber_switch(&thread, &running);
}
