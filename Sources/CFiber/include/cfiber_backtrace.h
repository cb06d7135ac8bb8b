/// Who called whom: on a suspended fiber, and on another thread while it runs.
///
/// A backtrace is a list of code addresses, the innermost first: where a running thread was interrupted, and else where
/// each call returns to. Found by unwind information, so code needs no frame pointers.
#ifndef CFIBER_BACKTRACE_H
#define CFIBER_BACKTRACE_H

#include "cfiber_nullability.h"
#include <stdint.h>

#ifdef __clang__
#pragma clang assume_nonnull begin
#endif

struct cfiber;

/// Writes the backtrace of a suspended fiber into `frames` and returns its length, at most `capacity`. The first frame
/// is the caller of the switch. On the fiber's thread.
int cfiber_backtrace(const struct cfiber *suspended, uintptr_t *frames, int capacity);

/// Lets threads be asked by `cfiber_backtrace_thread`: sets the process's handler for the signal SIGRTMAX-3, and loads
/// what a handler must not load. Returns 0, or -1 with `errno` set. Again: nothing.
int cfiber_prepare_thread_backtraces(void);

/// The calling thread's number, by which `cfiber_backtrace_thread` finds it: gettid(2).
int cfiber_thread_number(void);

/// Interrupts another thread of the process by a signal for as long as it takes to write its backtrace into `frames`;
/// returns the length, at most `capacity` and 64. The thread should have a signal stack.
///
/// Waits up to `patience` nanoseconds. Returns -1 with `errno` ETIMEDOUT if the thread has not answered by then, EBUSY
/// if it does not finish answering or another thread asks, ESRCH if there is no such thread. A system call that blocks
/// in the thread may end with EINTR: ask only a thread that is not in one.
int cfiber_backtrace_thread(int thread, uintptr_t *frames, int capacity, int64_t patience);

#ifdef __clang__
#pragma clang assume_nonnull end
#endif

#endif
