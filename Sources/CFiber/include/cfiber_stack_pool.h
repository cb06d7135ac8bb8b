/// Pools of guarded stacks for fibers. The stack that was freed last is used first.
///
/// A pool belongs to one thread and takes no locks. Stacks are carved from large mappings and committed page by page as
/// they are touched.
#ifndef CFIBER_STACK_POOL_H
#define CFIBER_STACK_POOL_H

#include "cfiber_nullability.h"
#include <stdbool.h>
#include <stddef.h>

#ifdef __clang__
#pragma clang assume_nonnull begin
#endif

struct cfiber_slab;

/// A pool of stacks of one size. The owner may read `stack_size` and the counters; the rest is private.
typedef struct cfiber_stack_pool {
  /// Usable bytes of each stack.
  size_t stack_size;
  /// How many stacks exist, in use or free.
  size_t created;
  /// How many stacks are free: `free_stacks[0 ..< free_count]`, of which the last is used next.
  size_t free_count;
  /// How many free stacks, from the first on, have given their memory back.
  size_t cold_count;
  /// How many free stacks, from the first on, are cold or idle: idle ones were not needed for a while and are to give
  /// their memory back.
  size_t idle_count;
  /// The fewest stacks that were free at any time since `cfiber_stack_pool_note_idle`: so many, from the first on, were
  /// not needed.
  size_t least_free;
  /// The same since `cfiber_stack_pool_note_spare`.
  size_t least_free_long;
  /// How many free stacks, from the first on, are spare: not needed between the last two calls of
  /// `cfiber_stack_pool_note_spare`, nor since. Their slabs may be unmapped.
  size_t spare_count;
  /// Bytes of address space mapped, guards included.
  size_t mapped;
  /// The kernel lacks guard markers, so guards are made by `mprotect` and cost two mappings per stack.
  bool guards_by_protection;

  void *CFIBER_NULLABLE *CFIBER_NULLABLE free_stacks;
  struct cfiber_slab *CFIBER_NULLABLE slabs;
  size_t slab_count;
  /// How many stacks of the newest slab have been carved.
  size_t carved;
  /// How many slabs, from the first on, `cfiber_stack_pool_unmap_spare` has still to check.
  size_t slabs_to_look_at;
} cfiber_stack_pool;

/// The factor by which stacks are larger than asked for: 4 in builds with AddressSanitizer, whose frames are larger;
/// otherwise 1.
size_t cfiber_stack_scale(void);

/// Makes an empty pool of stacks with at least `stack_size` usable bytes, rounded up to whole pages, times
/// `cfiber_stack_scale`.
///
/// Returns 0, or -1 with `errno` EINVAL if the size is less than 4096 or more than 1 TiB. Maps nothing yet.
int cfiber_stack_pool_init(cfiber_stack_pool *pool, size_t stack_size);

/// Unmaps every stack. Returns 0, or -1 with `errno` EBUSY and changes nothing if a stack is still live.
int cfiber_stack_pool_destroy(cfiber_stack_pool *pool);

/// Takes a stack of `pool->stack_size` bytes. Returns its lowest usable address, aligned to a page. The content is
/// undefined. Below it lies a guard, where any access raises SIGSEGV.
///
/// Returns NULL with `errno` set if the system has no more memory, address space or mappings; the pool stays usable.
void *CFIBER_NULLABLE cfiber_stack_acquire(cfiber_stack_pool *pool);

/// Takes back a stack from `cfiber_stack_acquire` of the same pool, on which nothing runs any more.
void cfiber_stack_release(cfiber_stack_pool *pool, void *stack);

/// The same, and gives its memory back to the system at once.
void cfiber_stack_release_cold(cfiber_stack_pool *pool, void *stack);

/// Marks the stacks as idle that were free all the time since the last call, except for the `keep` that were used last.
void cfiber_stack_pool_note_idle(cfiber_stack_pool *pool, size_t keep);

/// Gives the memory of at most `most` idle stacks back to the system, the least recently used first. The stacks stay in
/// the pool. Takes up to about 10 microseconds per stack, less if stacks lie side by side.
void cfiber_stack_pool_cool(cfiber_stack_pool *pool, size_t most);

/// Marks the stacks as spare that were free all the time since the last call. If the calls come at regular intervals,
/// spare stacks were not needed for at least one interval, and stacks that were not needed for two intervals are spare.
void cfiber_stack_pool_note_spare(cfiber_stack_pool *pool);

/// Checks at most `most` slabs and unmaps those whose stacks are all spare; one slab always stays. Returns whether
/// there are more slabs to check. Takes about 0.1 milliseconds per slab that it unmaps, and 0.01 milliseconds per
/// 10,000 free stacks.
bool cfiber_stack_pool_unmap_spare(cfiber_stack_pool *pool, size_t most);

/// Whether a slab could be unmapped if all of its stacks were spare.
static inline bool cfiber_stack_pool_has_slabs_to_spare(const cfiber_stack_pool *pool) { return pool->slab_count > 1; }

/// How many idle stacks still have their memory.
static inline size_t cfiber_stack_pool_idle(const cfiber_stack_pool *pool) {
  return pool->idle_count - pool->cold_count;
}

/// How many stacks are in use.
static inline size_t cfiber_stack_pool_live(const cfiber_stack_pool *pool) { return pool->created - pool->free_count; }

/// How many free stacks still have their memory, without the `keep` that were used last.
static inline size_t cfiber_stack_pool_surplus(const cfiber_stack_pool *pool, size_t keep) {
  size_t kept = pool->cold_count + keep;
  return pool->free_count > kept ? pool->free_count - kept : 0;
}

/// The stack in whose guard `address` lies, NULL if in none: tells a stack overflow from another fault.
///
/// Safe in a signal handler of the pool's thread only; `cfiber_find_guard` is safe on any thread.
void *CFIBER_NULLABLE cfiber_guard_hit(const cfiber_stack_pool *pool, const void *CFIBER_NULLABLE address);

#ifdef __clang__
#pragma clang assume_nonnull end
#endif

#endif
