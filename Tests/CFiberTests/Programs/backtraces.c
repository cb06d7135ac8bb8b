// Backtraces of a suspended fiber, of a thread that computes, and of threads that cannot be asked.
#define _GNU_SOURCE

#include "cfiber.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static cfiber_stack_pool pool;
static cfiber thread, fiber;
static atomic_int number, stop;

__attribute__((noinline)) static void inner(void) {
  cfiber_switch(&fiber, &thread);
  __asm__ volatile("");
}

__attribute__((noinline)) static void outer(void) {
  inner();
  __asm__ volatile("");
}

static void entry(void *argument) {
  (void)argument;
  outer();
  cfiber_switch_last(&fiber, &thread);
}

__attribute__((noinline)) static void compute(void) {
  while (!stop)
    __asm__ volatile("");
}

static void *work(void *blocked) {
  if (blocked != NULL) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
  }
  number = cfiber_thread_number();
  compute();
  return NULL;
}

/// The function that an address is in, of those that matter here.
static const char *name(uintptr_t address) {
  const struct {
    const char *name;
    uintptr_t start;
  } functions[] = {{"inner", (uintptr_t)inner},
                   {"outer", (uintptr_t)outer},
                   {"entry", (uintptr_t)entry},
                   {"compute", (uintptr_t)compute},
                   {"work", (uintptr_t)work}};
  for (size_t index = 0; index < sizeof functions / sizeof *functions; index++) {
    if (address - functions[index].start < 128 && address >= functions[index].start) {
      size_t nearest = index;
      for (size_t other = 0; other < sizeof functions / sizeof *functions; other++)
        if (address >= functions[other].start && functions[other].start > functions[nearest].start)
          nearest = other;
      return functions[nearest].name;
    }
  }
  return NULL;
}

static void print(const char *title, const uintptr_t *frames, int count) {
  printf("%s:", title);
  for (int index = 0; index < count; index++)
    if (name(frames[index]) != NULL)
      printf(" %s", name(frames[index]));
  printf("\n");
}

static void ask_thread(const char *title, void *blocked, int64_t timeout) {
  uintptr_t frames[16];
  pthread_t worker;
  number = stop = 0;
  pthread_create(&worker, NULL, work, blocked);
  while (number == 0)
    ;
  int count = cfiber_backtrace_thread(number, frames, 16, timeout);
  if (count < 0)
    printf("%s: %s\n", title, strerror(errno));
  else
    print(title, frames, count);
  stop = 1;
  pthread_join(worker, NULL);
}

/// With any argument, of the fiber only.
int main(int count_of_arguments, char **arguments) {
  (void)arguments;
  uintptr_t frames[16];
  cfiber_stack_pool_init(&pool, 64 * 1024);
  cfiber_adopt_thread(&thread);
  cfiber_prepare(&fiber, cfiber_stack_acquire(&pool), pool.stack_size, entry, NULL);
  cfiber_switch(&thread, &fiber);
  int count = cfiber_backtrace(&fiber, frames, 16);
  print("suspended", frames, count);
  printf("bounded: %d\n", cfiber_backtrace(&fiber, frames, 2));
  cfiber_switch(&thread, &fiber);
  printf("ended: %s\n", fiber.stack_size == 0 ? "yes" : "no");

  if (count_of_arguments > 1)
    return 0;
  if (cfiber_prepare_thread_backtraces() != 0)
    return 1;
  ask_thread("computing", NULL, 10000000000);
  ask_thread("deaf", &stop, 1000000);
  ask_thread("computing after that", NULL, 10000000000);
  // The system may take a moment to forget a thread that has been joined.
  while (cfiber_backtrace_thread(number, frames, 16, 1000000) < 0 && errno == ETIMEDOUT)
    ;
  printf("gone: %s\n", strerror(errno));
}
