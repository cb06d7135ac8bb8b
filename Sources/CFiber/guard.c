#define _GNU_SOURCE

#include "cfiber_guard.h"
#include "owner.h"
#include "stack_slab.h"
#include <pthread.h>

/// The calling thread's own stack: its lowest usable address, its size, and the size of the guard below it; 0 if they
/// are not known. Initial-exec, since a signal handler must not call into the loader.
static __thread struct {
  char *low;
  size_t size;
  size_t guard_size;
} own_stack __attribute__((tls_model("initial-exec")));

size_t cfiber_guard_size(void) { return GUARD_SIZE; }

void cfiber_note_thread_stack(void) {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0)
    return;
  void *low = NULL;
  size_t size = 0;
  size_t guard_size = 0;
  if (pthread_attr_getstack(&attributes, &low, &size) == 0 &&
      pthread_attr_getguardsize(&attributes, &guard_size) == 0) {
    own_stack.low = low;
    own_stack.size = size;
    // The main thread's stack has no guard, but the kernel keeps a larger gap below it.
    own_stack.guard_size = guard_size > 0 ? guard_size : GUARD_SIZE;
  }
  pthread_attr_destroy(&attributes);
}

static bool find_on_fibers(const char *address, cfiber_guarded_stack *found) {
  for (struct mapped_slab *slab = cfiber_mapped_slabs; slab != NULL; slab = slab->next) {
    char *base = slab->base;
    if (base == NULL)
      continue;
    size_t size = slab->stack_size;
    char *stack = slab_guard_hit(base, size, address);
    if (stack == NULL)
      continue;
    *found = (cfiber_guarded_stack){.stack_low = stack, .stack_size = size, .fiber = *owner_of(stack, size)};
    return true;
  }
  return false;
}

bool cfiber_find_guard(const void *address, cfiber_guarded_stack *found) {
  uintptr_t place = (uintptr_t)address;
  uintptr_t low = (uintptr_t)own_stack.low;
  if (place < low && low - place <= own_stack.guard_size) {
    *found = (cfiber_guarded_stack){.stack_low = own_stack.low, .stack_size = own_stack.size};
    return true;
  }
  return find_on_fibers(address, found);
}
