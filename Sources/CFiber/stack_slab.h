/// Slabs: large mappings that a pool carves its stacks from, one guard and one stack after the other.
#ifndef CFIBER_STACK_SLAB_H
#define CFIBER_STACK_SLAB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#if defined(CFIBER_VALGRIND) && __has_include(<valgrind/valgrind.h>)
#define CFIBER_HAS_VALGRIND 1
#else
#define CFIBER_HAS_VALGRIND 0
#endif

/// How many stacks share one mapping.
#define STACKS_PER_SLAB ((size_t)64)

/// Bytes of guard below each stack. A frame that is smaller than the guard cannot step over it. A multiple of every
/// page size in use.
#define GUARD_SIZE ((size_t)64 * 1024)

/// An entry of the list in which debuggers and signal handlers find slabs. fibers.py depends on this layout.
///
/// Entries are never freed, since a handler may read the list while another thread unmaps a slab.
struct mapped_slab {
  struct mapped_slab *next;
  /// Lowest address: the guard of the first stack. NULL while the entry is unused.
  char *_Atomic base;
  /// Usable bytes of each stack.
  _Atomic size_t stack_size;
};

struct cfiber_slab {
  /// Lowest address: the guard of the first stack.
  char *base;
  /// Its entry in the list of all slabs. Owned.
  struct mapped_slab *entry;
#if CFIBER_HAS_VALGRIND
  /// Valgrind's numbers of the carved stacks.
  unsigned stack_ids[STACKS_PER_SLAB];
#endif
};

/// Bytes from one stack of a slab to the next.
static inline size_t stack_distance(size_t stack_size) { return GUARD_SIZE + stack_size; }

#pragma GCC visibility push(hidden)

/// The slabs of all pools of the process.
extern struct mapped_slab *_Atomic cfiber_mapped_slabs;

/// Bytes of a slab for stacks of `stack_size` usable bytes.
size_t slab_size(size_t stack_size);

/// Maps a slab. Returns false with `errno` set if the system refuses.
bool slab_map(struct cfiber_slab *slab, size_t stack_size);

/// Unmaps a slab of which `carved` stacks were carved.
void slab_unmap(struct cfiber_slab *slab, size_t stack_size, size_t carved);

/// Guards stack number `index` of a slab and returns its lowest usable address; NULL with `errno` set if the system
/// refuses. Sets `*by_protection` if the kernel has no guard markers for such memory, and then uses protection from
/// there on.
void *slab_carve(struct cfiber_slab *slab, size_t index, size_t stack_size, bool *by_protection);

/// The stack whose guard holds `address`, NULL if none of the slab at `base` does. Safe in a signal handler.
void *slab_guard_hit(const char *base, size_t stack_size, const char *address);

#pragma GCC visibility pop

#endif
