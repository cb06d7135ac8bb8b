#define _GNU_SOURCE

#include "cfiber_stack_pool.h"
#include "sanitizer.h"
#include "stack_slab.h"
#include "stagger.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SMALLEST_STACK ((size_t)4096)
#define LARGEST_STACK ((size_t)1 << 40)
/// How many stacks ahead the top of a stack is prefetched, and for how many stacks at a time the pages are looked up.
#define TOP_DISTANCE 3
#define PAGE_BATCH 8

int cfiber_stack_pool_init(cfiber_stack_pool *pool, size_t stack_size) {
  if (stack_size < SMALLEST_STACK || stack_size > LARGEST_STACK) {
    errno = EINVAL;
    return -1;
  }
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t rounded = (stack_size + page - 1) / page * page;
  // As if a slab were used up, so that the first stack makes a new slab.
  *pool = (cfiber_stack_pool){.stack_size = rounded * STACK_SCALE, .carved = STACKS_PER_SLAB};
  return 0;
}

size_t cfiber_stack_scale(void) { return STACK_SCALE; }

int cfiber_stack_pool_destroy(cfiber_stack_pool *pool) {
  if (cfiber_stack_pool_live(pool) > 0) {
    errno = EBUSY;
    return -1;
  }
  for (size_t index = 0; index < pool->slab_count; index++) {
    bool newest = index + 1 == pool->slab_count;
    slab_unmap(&pool->slabs[index], pool->stack_size, newest ? pool->carved : STACKS_PER_SLAB);
  }
  free(pool->slabs);
  free(pool->free_stacks);
  *pool = (cfiber_stack_pool){.stack_size = pool->stack_size, .carved = STACKS_PER_SLAB};
  return 0;
}

/// Maps one more slab, and makes room for all of its stacks in the list of free stacks, so that a release never
/// allocates.
static bool add_slab(cfiber_stack_pool *pool) {
  size_t count = pool->slab_count + 1;
  void **free_stacks = realloc(pool->free_stacks, count * STACKS_PER_SLAB * sizeof *free_stacks);
  if (free_stacks == NULL)
    return false;
  pool->free_stacks = free_stacks;
  struct cfiber_slab *slabs = realloc(pool->slabs, count * sizeof *slabs);
  if (slabs == NULL)
    return false;
  pool->slabs = slabs;
  if (!slab_map(&slabs[count - 1], pool->stack_size))
    return false;
  pool->slab_count = count;
  pool->carved = 0;
  pool->mapped += slab_size(pool->stack_size);
  return true;
}

/// Carves a new stack. One at a time, since guarding 64 at once would block the loop. Not inlined, so that the common
/// case need not save registers for it.
static __attribute__((noinline)) void *carve(cfiber_stack_pool *pool) {
  if (pool->carved == STACKS_PER_SLAB && !add_slab(pool))
    return NULL;
  struct cfiber_slab *newest = &pool->slabs[pool->slab_count - 1];
  void *stack = slab_carve(newest, pool->carved, pool->stack_size, &pool->guards_by_protection);
  if (stack == NULL)
    return NULL;
  pool->carved++;
  pool->created++;
  return stack;
}

static const char *top_of(const cfiber_stack_pool *pool, size_t index) {
  const char *stack = pool->free_stacks[index];
  return stack + pool->stack_size - stagger(stack);
}

/// Looks up the pages of several stacks: the processor does several lookups at once, but stalls meanwhile.
static __attribute__((noinline)) void prefetch_pages(const cfiber_stack_pool *pool, size_t last) {
  for (size_t ahead = PAGE_BATCH; ahead < 2 * PAGE_BATCH; ahead++)
    __builtin_prefetch(top_of(pool, last - ahead) - 64, 1);
}

/// Prefetches the tops of the stacks that are used after the one at `last`. With many stacks none is in the caches, and
/// a fiber may begin and end within the latency of memory.
static inline void prefetch_tops(const cfiber_stack_pool *pool, size_t last) {
  if (last % PAGE_BATCH == 0)
    prefetch_pages(pool, last);
  const char *top = top_of(pool, last - TOP_DISTANCE);
  for (int line = 1; line <= 5; line++)
    __builtin_prefetch(top - 64 * line, 1);
}

/// The free stack at `index` is used: it is not idle, cold or spare any more.
static void note_use(cfiber_stack_pool *pool, size_t index) {
  pool->least_free = index;
  if (pool->least_free_long > index)
    pool->least_free_long = index;
  if (pool->spare_count > index)
    pool->spare_count = index;
  if (pool->idle_count > index)
    pool->idle_count = index;
  if (pool->cold_count > index)
    pool->cold_count = index;
}

void *cfiber_stack_acquire(cfiber_stack_pool *pool) {
  if (pool->free_count == 0)
    return carve(pool);
  size_t last = --pool->free_count;
  // `least_free` is never less than the other counts that a use can lower, so one comparison is enough.
  if (pool->least_free > last)
    note_use(pool, last);
  if (last >= 2 * PAGE_BATCH)
    prefetch_tops(pool, last);
  return pool->free_stacks[last];
}

void cfiber_stack_release(cfiber_stack_pool *pool, void *stack) { pool->free_stacks[pool->free_count++] = stack; }

void cfiber_stack_release_cold(cfiber_stack_pool *pool, void *stack) {
  madvise(stack, pool->stack_size, MADV_DONTNEED);
  cfiber_stack_release(pool, stack);
}

void cfiber_stack_pool_note_idle(cfiber_stack_pool *pool, size_t keep) {
  // The free list is a stack itself: the least recently used stacks lie at the bottom, the cold ones first.
  size_t end = pool->free_count > keep ? pool->free_count - keep : 0;
  if (end > pool->least_free)
    end = pool->least_free;
  pool->idle_count = end > pool->cold_count ? end : pool->cold_count;
  pool->least_free = pool->free_count;
}

/// How many free stacks from `first` to before `end` lie side by side, upwards or downwards, as after a burst of jobs;
/// `*lowest` becomes the lowest of them.
static size_t count_neighbours(const cfiber_stack_pool *pool, size_t first, size_t end, char **lowest) {
  char **stacks = (char **)pool->free_stacks;
  ptrdiff_t distance = (ptrdiff_t)stack_distance(pool->stack_size);
  if (first + 1 < end && stacks[first + 1] < stacks[first])
    distance = -distance;
  size_t last = first;
  while (last + 1 < end && stacks[last + 1] - stacks[last] == distance)
    last++;
  *lowest = stacks[distance > 0 ? first : last];
  return last - first + 1;
}

void cfiber_stack_pool_cool(cfiber_stack_pool *pool, size_t most) {
  size_t end = pool->idle_count;
  if (end - pool->cold_count > most)
    end = pool->cold_count + most;
  while (pool->cold_count < end) {
    char *lowest = NULL;
    size_t count = count_neighbours(pool, pool->cold_count, end, &lowest);
    // The guards between them stay: MADV_DONTNEED keeps guard markers, and protected pages have no memory.
    madvise(lowest, (count - 1) * stack_distance(pool->stack_size) + pool->stack_size, MADV_DONTNEED);
    pool->cold_count += count;
  }
}

void cfiber_stack_pool_note_spare(cfiber_stack_pool *pool) {
  pool->spare_count = pool->least_free_long;
  // Set both, since the former must not exceed the latter: see cfiber_stack_acquire.
  pool->least_free_long = pool->free_count;
  pool->least_free = pool->free_count;
  pool->slabs_to_look_at = pool->slab_count;
}

static bool lies_in(const struct cfiber_slab *slab, size_t size, const char *stack) {
  return stack >= slab->base && stack < slab->base + size;
}

/// Whether all `carved` stacks of a slab are spare.
static bool is_spare(const cfiber_stack_pool *pool, const struct cfiber_slab *slab, size_t carved) {
  size_t size = slab_size(pool->stack_size);
  size_t found = 0;
  for (size_t index = 0; index < pool->spare_count; index++)
    found += lies_in(slab, size, pool->free_stacks[index]);
  return found == carved;
}

/// How many free stacks of the slab lie in front of `end`.
static size_t count_before(const cfiber_stack_pool *pool, const struct cfiber_slab *slab, size_t end) {
  size_t size = slab_size(pool->stack_size);
  size_t found = 0;
  for (size_t index = 0; index < end; index++)
    found += lies_in(slab, size, pool->free_stacks[index]);
  return found;
}

/// Removes the stacks of the slab, which are all free, from the list of free stacks. The others keep their order.
static void forget_stacks(cfiber_stack_pool *pool, const struct cfiber_slab *slab) {
  size_t *counts[] = {&pool->cold_count,      &pool->idle_count, &pool->spare_count,
                      &pool->least_free_long, &pool->least_free, &pool->free_count};
  size_t removed[sizeof counts / sizeof *counts];
  for (size_t index = 0; index < sizeof counts / sizeof *counts; index++)
    removed[index] = count_before(pool, slab, *counts[index]);
  size_t size = slab_size(pool->stack_size);
  size_t kept = 0;
  for (size_t index = 0; index < pool->free_count; index++)
    if (!lies_in(slab, size, pool->free_stacks[index]))
      pool->free_stacks[kept++] = pool->free_stacks[index];
  for (size_t index = 0; index < sizeof counts / sizeof *counts; index++)
    *counts[index] -= removed[index];
}

/// Unmaps a slab whose stacks are all free.
static void remove_slab(cfiber_stack_pool *pool, size_t index, size_t carved) {
  struct cfiber_slab *slab = &pool->slabs[index];
  forget_stacks(pool, slab);
  slab_unmap(slab, pool->stack_size, carved);
  pool->created -= carved;
  pool->mapped -= slab_size(pool->stack_size);
  pool->slab_count--;
  memmove(slab, slab + 1, (pool->slab_count - index) * sizeof *slab);
  // All slabs but the newest are used up.
  if (index == pool->slab_count)
    pool->carved = STACKS_PER_SLAB;
}

bool cfiber_stack_pool_unmap_spare(cfiber_stack_pool *pool, size_t most) {
  if (pool->slabs_to_look_at > pool->slab_count)
    pool->slabs_to_look_at = pool->slab_count;
  for (; most > 0 && pool->slabs_to_look_at > 0 && pool->slab_count > 1; most--) {
    size_t index = --pool->slabs_to_look_at;
    size_t carved = index + 1 == pool->slab_count ? pool->carved : STACKS_PER_SLAB;
    if (is_spare(pool, &pool->slabs[index], carved))
      remove_slab(pool, index, carved);
  }
  return pool->slabs_to_look_at > 0 && pool->slab_count > 1;
}

void *cfiber_guard_hit(const cfiber_stack_pool *pool, const void *address) {
  for (size_t index = 0; index < pool->slab_count; index++) {
    void *stack = slab_guard_hit(pool->slabs[index].base, pool->stack_size, address);
    if (stack != NULL)
      return stack;
  }
  return NULL;
}
