#define _GNU_SOURCE

#include "stack_slab.h"
#include "sanitizer.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#if CFIBER_HAS_VALGRIND
#include <valgrind/valgrind.h>
#endif

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 // Linux 6.13; older headers do not name it
#endif

static char *stack_at(const struct cfiber_slab *slab, size_t index, size_t stack_size) {
  return slab->base + index * stack_distance(stack_size) + GUARD_SIZE;
}

size_t slab_size(size_t stack_size) { return stack_distance(stack_size) * STACKS_PER_SLAB; }

struct mapped_slab *_Atomic cfiber_mapped_slabs;
static pthread_mutex_t listing = PTHREAD_MUTEX_INITIALIZER;

/// An unused entry of the list; NULL if there is no memory for one.
static struct mapped_slab *take_entry(void) {
  for (struct mapped_slab *entry = cfiber_mapped_slabs; entry != NULL; entry = entry->next)
    if (entry->base == NULL)
      return entry;
  struct mapped_slab *entry = malloc(sizeof *entry);
  if (entry == NULL)
    return NULL;
  entry->next = cfiber_mapped_slabs;
  atomic_init(&entry->base, NULL);
  atomic_init(&entry->stack_size, 0);
  cfiber_mapped_slabs = entry;
  return entry;
}

static struct mapped_slab *list_slab(char *base, size_t stack_size) {
  pthread_mutex_lock(&listing);
  struct mapped_slab *entry = take_entry();
  if (entry != NULL) {
    entry->stack_size = stack_size;
    entry->base = base;
  }
  pthread_mutex_unlock(&listing);
  return entry;
}

static void unlist_slab(struct mapped_slab *entry) {
  pthread_mutex_lock(&listing);
  entry->base = NULL;
  pthread_mutex_unlock(&listing);
}

bool slab_map(struct cfiber_slab *slab, size_t stack_size) {
  size_t size = slab_size(stack_size);
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK;
  void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (base == MAP_FAILED)
    return false;
  // Without this the first touch of a stack may commit 2 MiB. A kernel without huge pages refuses the advice, which
  // does no harm.
  madvise(base, size, MADV_NOHUGEPAGE);
  *slab = (struct cfiber_slab){.base = base, .entry = list_slab(base, stack_size)};
  if (slab->entry == NULL)
    munmap(base, size);
  return slab->entry != NULL;
}

void slab_unmap(struct cfiber_slab *slab, size_t stack_size, size_t carved) {
  for (size_t index = 0; index < carved; index++) {
    void *stack = stack_at(slab, index, stack_size);
    withdraw_stack(stack, stack_size);
    forget_red_zones(stack, stack_size);
#if CFIBER_HAS_VALGRIND
    VALGRIND_STACK_DEREGISTER(slab->stack_ids[index]);
#endif
  }
  unlist_slab(slab->entry);
  munmap(slab->base, slab_size(stack_size));
}

/// Makes any access to the guard a fault. A guard marker costs no mapping, so vm.max_map_count does not limit the
/// number of stacks; protection costs two mappings per stack.
static bool install_guard(char *guard, bool *by_protection) {
  if (!*by_protection) {
    if (madvise(guard, GUARD_SIZE, MADV_GUARD_INSTALL) == 0)
      return true;
    // Any other error: a kernel before 6.13, memory that the process has locked, or a filter that refuses the advice.
    if (errno == ENOMEM)
      return false;
    *by_protection = true;
  }
  return mprotect(guard, GUARD_SIZE, PROT_NONE) == 0;
}

void *slab_carve(struct cfiber_slab *slab, size_t index, size_t stack_size, bool *by_protection) {
  char *stack = stack_at(slab, index, stack_size);
  if (!install_guard(stack - GUARD_SIZE, by_protection))
    return NULL;
  announce_stack(stack, stack_size);
#if CFIBER_HAS_VALGRIND
  slab->stack_ids[index] = VALGRIND_STACK_REGISTER(stack, stack + stack_size - 1);
#endif
  return stack;
}

void *slab_guard_hit(const char *base, size_t stack_size, const char *address) {
  if (address < base || address >= base + slab_size(stack_size))
    return NULL;
  size_t offset = (size_t)(address - base) % stack_distance(stack_size);
  if (offset >= GUARD_SIZE)
    return NULL;
  return (char *)address - offset + GUARD_SIZE;
}
