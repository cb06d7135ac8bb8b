/// Fibers: a thread has several stacks and switches between them.
///
/// A fiber belongs to the thread that prepared it: nothing here locks, and a fiber must be resumed by that thread only.
#ifndef CFIBER_H
#define CFIBER_H

#include "cfiber_backtrace.h"
#include "cfiber_guard.h"
#include "cfiber_nullability.h"
#include "cfiber_record.h"
#include "cfiber_signal_stack.h"
#include "cfiber_stack_pool.h"
#include "cfiber_switch.h"
#include "cfiber_thread.h"
#include <stddef.h>

#ifdef __clang__
#pragma clang assume_nonnull begin
#endif

/// Arranges that the next switch to `fiber` calls `entry(argument)` on the given stack, with default floating-point
/// control words.
///
/// `entry` must not return; it ends in `cfiber_switch_last`. If it does return, the process writes a line to standard
/// error and aborts. The earlier content of the stack is void: a fiber that was suspended on it must never be resumed.
/// `stack_low` is aligned to a page, `stack_size` is a multiple of 16 and at least 4096. Touches only the topmost page
/// of the stack.
void cfiber_prepare(cfiber *fiber, void *stack_low, size_t stack_size, void (*entry)(void *CFIBER_NULLABLE argument),
                    void *CFIBER_NULLABLE argument);

/// Like `cfiber_prepare`, with the fiber's record at the top of its own stack, and below it `room` bytes, a multiple of
/// 16, for the caller to use. Both are void once the stack is used again or given back.
cfiber *cfiber_prepare_within(void *stack_low, size_t stack_size, size_t room,
                              void (*entry)(void *CFIBER_NULLABLE argument), void *CFIBER_NULLABLE argument);

/// Fills in the record of the calling thread's own stack, so that fibers can switch back to it.
///
/// If the system does not tell the bounds of the stack, `stack_low` is NULL and `stack_size` is 0. Only builds with
/// AddressSanitizer need them.
void cfiber_adopt_thread(cfiber *fiber);

/// Prefetches the record of a fiber that lies at the top of its stack, and the frames below it that a job has when it
/// waits in its first function: the next switch to the fiber reads them. Does not wait.
static inline void cfiber_prefetch_within(const cfiber *fiber) {
  for (int line = 0; line < 5; line++)
    __builtin_prefetch((const char *)fiber - 64 * line);
}

/// Prefetches `size` bytes of a record. Does not wait, and never faults, even if no memory is there.
static inline void cfiber_prefetch_record(const void *record, size_t size) {
  for (size_t offset = 0; offset < size; offset += 64)
    __builtin_prefetch((const char *)record + offset);
}

#ifdef __clang__
#pragma clang assume_nonnull end
#endif

#endif
