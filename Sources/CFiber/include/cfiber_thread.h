/// Two pointers per thread that code deep in a call needs: the thread's loop, or the guest that it works for.
#ifndef CFIBER_THREAD_H
#define CFIBER_THREAD_H

#include "cfiber_nullability.h"

/// The calling thread's loop. Initial-exec: one instruction to reach, no call into the loader.
extern __thread void *CFIBER_NULLABLE cfiber_thread_loop __attribute__((tls_model("initial-exec")));

/// The loop that `cfiber_set_loop` set on the calling thread; NULL on a thread without one.
static inline void *CFIBER_NULLABLE cfiber_loop(void) { return cfiber_thread_loop; }

/// Makes `loop` the calling thread's loop, NULL for none. The thread does not own it.
static inline void cfiber_set_loop(void *CFIBER_NULLABLE loop) { cfiber_thread_loop = loop; }

/// The guest that the calling thread works for. Only threads without a loop have one.
extern __thread void *CFIBER_NULLABLE cfiber_thread_guest __attribute__((tls_model("initial-exec")));

/// The guest that `cfiber_set_guest` set on the calling thread; NULL on a thread without one.
static inline void *CFIBER_NULLABLE cfiber_guest(void) { return cfiber_thread_guest; }

/// Sets the guest that the calling thread works for, NULL for none. The thread does not own it.
static inline void cfiber_set_guest(void *CFIBER_NULLABLE guest) { cfiber_thread_guest = guest; }

#endif
