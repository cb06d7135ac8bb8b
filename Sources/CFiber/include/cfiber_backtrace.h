/// Backtraces of suspended fibers, and of other threads while they run.
///
/// A backtrace is a list of code addresses, the innermost first: return addresses, and for a running thread first the
/// address at which it was interrupted. Found by unwind information, so code needs no frame pointers.
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

/// Prepares the process for `cfiber_backtrace_thread`: installs a handler for the signal SIGRTMAX-3, and loads
/// libraries that a handler must not load. Returns 0, or -1 with `errno` set. A second call has no effect.
int cfiber_prepare_thread_backtraces(void);

/// The kernel's number of the calling thread, as `cfiber_backtrace_thread` takes it: gettid(2).
int cfiber_thread_number(void);

/// Interrupts another thread of the process by a signal and writes its backtrace into `frames`; returns the length, at
/// most `capacity` and 64. The thread should have a signal stack.
///
/// Waits up to `timeout` nanoseconds. Returns -1 with `errno` ETIMEDOUT if the thread has not answered by then, EBUSY
/// if it has not finished its answer or another thread is asking, ESRCH if there is no such thread. A blocking system
/// call of the thread may end with EINTR, so do not interrupt a thread that is in one.
int cfiber_backtrace_thread(int thread, uintptr_t *frames, int capacity, int64_t timeout);

#ifdef __clang__
#pragma clang assume_nonnull end
#endif

#endif
