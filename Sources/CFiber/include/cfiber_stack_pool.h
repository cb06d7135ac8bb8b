/// Stacks for fibers: guarded, and used again last in, first out.
///
/// A pool belongs to one thread; nothing here locks. Stacks are carved from large mappings and committed page by page
/// as they are touched.
#ifndef CFIBER_STACK_POOL_H
#define CFIBER_STACK_POOL_H

#include "cfiber_nullability.h"
#include <stdbool.h>
#include <stddef.h>

#ifdef __clang__
#pragma clang assume_nonnull begin
#endif

struct cfiber_slab;

/// Stacks of one size. The owner reads `stack_size` and the counters; all else is the pool's.
typedef struct cfiber_stack_pool {
  /// Usable bytes of each stack.
  size_t stack_size;
  /// Stacks that exist, handed out or free.
  size_t created;
  /// Stacks ready to be handed out again: `free_stacks[0 ..< free_count]`, the last is the next.
  size_t free_count;
  /// How many of the free ones, from the first on, have given their memory back.
  size_t cold_count;
  /// How many of the free ones, from the first on, are to: the cold ones, and those that nothing has needed for a
  /// while.
  size_t idle_count;
  /// The fewest that were free at once since `cfiber_stack_pool_note_idle`: so many, from the first on, were not
  /// needed.
  size_t least_free;
  /// The fewest that were free at once since `cfiber_stack_pool_note_spare`.
  size_t least_free_long;
  /// How many of the free ones, from the first on, were not needed between the last two calls of that, nor since: their
  /// slabs may go.
  size_t spare_count;
  /// Bytes of address space mapped, guards included.
  size_t mapped;
  /// Set where the kernel lacks guard markers: guards are then made by `mprotect`, two mappings for each stack.
  bool guards_by_protection;

  void *CFIBER_NULLABLE *CFIBER_NULLABLE free_stacks;
  struct cfiber_slab *CFIBER_NULLABLE slabs;
  size_t slab_count;
  /// How many stacks of the newest slab have been carved.
  size_t carved;
  /// Of how many slabs, from the first on, `cfiber_stack_pool_unmap_spare` has still to find out whether they may go.
  size_t slabs_to_look_at;
} cfiber_stack_pool;

/// So many times as large as asked for are the stacks of all pools: 4 in builds with AddressSanitizer, whose frames are
/// larger, else 1.
size_t cfiber_stack_scale(void);

/// Makes an empty pool of stacks with at least `stack_size` usable bytes, rounded up to whole pages, times
/// `cfiber_stack_scale`.
///
/// Returns 0, or -1 with `errno` EINVAL if the size is less than 4096 or more than 1 TiB. Maps nothing yet.
int cfiber_stack_pool_init(cfiber_stack_pool *pool, size_t stack_size);

/// Unmaps every stack. Returns 0, or -1 with `errno` EBUSY and changes nothing if a stack is still live.
int cfiber_stack_pool_destroy(cfiber_stack_pool *pool);

/// Hands out a stack of `pool->stack_size` bytes: its lowest usable address, aligned to a page. The content is
/// undefined. Below it lies a guard, where any access raises SIGSEGV.
///
/// Returns NULL with `errno` set if the system gives no more memory, address space or mappings; the pool stays usable.
void *CFIBER_NULLABLE cfiber_stack_acquire(cfiber_stack_pool *pool);

/// Takes back a stack that `cfiber_stack_acquire` of the same pool handed out and on which nothing runs any more.
void cfiber_stack_release(cfiber_stack_pool *pool, void *stack);

/// The same, and gives its memory back to the system at once.
void cfiber_stack_release_cold(cfiber_stack_pool *pool, void *stack);

/// Takes the stacks for idle that were free all the time since the last call, but for the `keep` that were used last.
void cfiber_stack_pool_note_idle(cfiber_stack_pool *pool, size_t keep);

/// Gives the memory of at most `most` idle stacks back to the system, those that were used longest ago first. They stay
/// in the pool. Takes the longer the less of them lie side by side, up to about 10 microseconds for each.
void cfiber_stack_pool_cool(cfiber_stack_pool *pool, size_t most);

/// Finds out which stacks are spare: free all the time since the last call. If the calls come at regular times these were
/// not needed for one period at least, and all that were not needed for two are among them.
void cfiber_stack_pool_note_spare(cfiber_stack_pool *pool);

/// Looks at `most` slabs, at most, and unmaps those of them all of whose stacks are spare; one slab always stays.
/// Returns whether there are more to look at. Takes about 0.1 milliseconds for each slab that it unmaps, and 0.01
/// milliseconds for each 10,000 free stacks.
bool cfiber_stack_pool_unmap_spare(cfiber_stack_pool *pool, size_t most);

/// Whether there is a slab that could be unmapped once all of its stacks are spare.
static inline bool cfiber_stack_pool_has_slabs_to_spare(const cfiber_stack_pool *pool) { return pool->slab_count > 1; }

/// How many idle stacks still have their memory.
static inline size_t cfiber_stack_pool_idle(const cfiber_stack_pool *pool) {
  return pool->idle_count - pool->cold_count;
}

/// How many stacks are handed out and not yet back.
static inline size_t cfiber_stack_pool_live(const cfiber_stack_pool *pool) { return pool->created - pool->free_count; }

/// How many free stacks but the `keep` used last still have their memory.
static inline size_t cfiber_stack_pool_surplus(const cfiber_stack_pool *pool, size_t keep) {
  size_t kept = pool->cold_count + keep;
  return pool->free_count > kept ? pool->free_count - kept : 0;
}

/// The stack in whose guard `address` lies, NULL if in none: tells a stack overflow from another fault.
///
/// Safe in a signal handler of the pool's thread; `cfiber_find_guard` is so everywhere.
void *CFIBER_NULLABLE cfiber_guard_hit(const cfiber_stack_pool *pool, const void *CFIBER_NULLABLE address);

#ifdef __clang__
#pragma clang assume_nonnull end
#endif

#endif
