#define _GNU_SOURCE

#include "cfiber_guard.h"
#include "cfiber_signal_stack.h"
#include "sanitizer.h"
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

// The program's own `pthread_create` comes before that of the C library for all libraries that it loads. So the threads
// of plugins have signal stacks, as the host's have: if one overflows its stack, a handler can still report that.
//
// A sanitizer has a `pthread_create` of its own, which has to be the first.
#if !CFIBER_ASAN && !CFIBER_TSAN

typedef void *(*thread_function)(void *);
typedef int (*creator)(pthread_t *, const pthread_attr_t *, thread_function, void *);

struct start {
  thread_function function;
  void *argument;
};

/// Runs when the function of a thread returns, and when the thread ends by pthread_exit(3) or is cancelled.
static void end(void *ignored) {
  (void)ignored;
  cfiber_remove_signal_stack();
}

/// Without a signal stack, if there is no memory for it, the thread runs as any other.
static void *run(void *argument) {
  struct start start = *(struct start *)argument;
  free(argument);
  cfiber_note_thread_stack();
  cfiber_install_signal_stack();
  void *result;
  pthread_cleanup_push(end, NULL);
  result = start.function(start.argument);
  pthread_cleanup_pop(1);
  return result;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, thread_function function, void *argument) {
  static _Atomic(creator) found;
  creator create = atomic_load_explicit(&found, memory_order_relaxed);
  if (create == NULL) {
    create = (creator)dlsym(RTLD_NEXT, "pthread_create");
    if (create == NULL)
      return ENOSYS;
    atomic_store_explicit(&found, create, memory_order_relaxed);
  }
  struct start *start = malloc(sizeof *start);
  if (start == NULL)
    return EAGAIN;
  *start = (struct start){function, argument};
  int code = create(thread, attributes, run, start);
  if (code != 0)
    free(start);
  return code;
}

#endif
