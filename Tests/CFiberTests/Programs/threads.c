/* Whether threads of pthread_create have signal stacks, and whether these are unmapped when the threads have ended. */
#define _GNU_SOURCE

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static void *find_signal_stack(void) {
  stack_t current;
  return sigaltstack(NULL, &current) == 0 && !(current.ss_flags & SS_DISABLE) ? current.ss_sp : NULL;
}

static void *returns(void *place) {
  *(void **)place = find_signal_stack();
  return place;
}

static void *exits(void *place) {
  *(void **)place = find_signal_stack();
  pthread_exit(NULL);
}

static void *is_cancelled(void *place) {
  *(void **)place = find_signal_stack();
  pthread_cancel(pthread_self());
  pause();
  return NULL;
}

static void show(const char *end, void *(*function)(void *)) {
  pthread_t thread;
  void *stack = NULL;
  if (pthread_create(&thread, NULL, function, &stack) != 0)
    return;
  pthread_join(thread, NULL);
  int is_mapped = stack != NULL && (msync(stack, 1, MS_ASYNC) == 0 || errno != ENOMEM);
  printf("%s: %s\n", end, stack == NULL ? "no signal stack" : is_mapped ? "not freed" : "freed");
}

int main(void) {
  show("returns", returns);
  show("exits", exits);
  show("is cancelled", is_cancelled);
  return 0;
}
