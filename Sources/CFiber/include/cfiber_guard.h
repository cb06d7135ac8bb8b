/// Tells the handler of a fatal signal which stack has overflowed.
#ifndef CFIBER_GUARD_H
#define CFIBER_GUARD_H

#include "cfiber_nullability.h"
#include "cfiber_record.h"
#include <stdbool.h>
#include <stddef.h>

#ifdef __clang__
#pragma clang assume_nonnull begin
#endif

/// A stack in whose guard an address lies.
typedef struct cfiber_guarded_stack {
  /// Lowest usable address of the stack: the guard ends here.
  void *CFIBER_NULLABLE stack_low;
  /// Usable bytes from `stack_low` upwards.
  size_t stack_size;
  /// The fiber that was prepared last on the stack; NULL for a thread's own stack.
  cfiber *CFIBER_NULLABLE fiber;
} cfiber_guarded_stack;

/// Finds the stack in whose guard `address` lies: a fiber's of any pool of the process, or the calling thread's own if
/// it has called `cfiber_note_thread_stack`. Returns false, and leaves `*found` alone, if the address lies in no guard.
///
/// An access to a guard is a stack overflow, unless a wild pointer happens to point there. Async-signal-safe: takes no
/// lock and allocates nothing. On any thread, even while others map and unmap stacks.
bool cfiber_find_guard(const void *CFIBER_NULLABLE address, cfiber_guarded_stack *found);

/// Lets `cfiber_find_guard` find the calling thread's own stack. To be called once by each thread when it starts; on
/// the main thread it reads /proc/self/maps. No effect if the system does not tell the bounds of the stack.
void cfiber_note_thread_stack(void);

/// Bytes of guard below each fiber's stack: 64 KiB. Threads of the process should have as much.
size_t cfiber_guard_size(void);

#ifdef __clang__
#pragma clang assume_nonnull end
#endif

#endif
