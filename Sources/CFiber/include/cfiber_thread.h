/// Two pointers per thread that code deep in a call needs: the thread's loop, or the work that it does for a loop. And
/// where the thread-local variables of others are.
#ifndef CFIBER_THREAD_H
#define CFIBER_THREAD_H

#include "cfiber_nullability.h"
#include <stdint.h>

/// The calling thread's loop. Initial-exec: one instruction to reach, no call into the loader.
extern __thread void *CFIBER_NULLABLE cfiber_thread_loop __attribute__((tls_model("initial-exec")));

/// The loop that `cfiber_set_loop` set on the calling thread; NULL on a thread without one.
static inline void *CFIBER_NULLABLE cfiber_loop(void) { return cfiber_thread_loop; }

/// Makes `loop` the calling thread's loop, NULL for none. The thread does not own it.
static inline void cfiber_set_loop(void *CFIBER_NULLABLE loop) { cfiber_thread_loop = loop; }

/// The work that the calling thread does for a loop. Only threads without a loop have one.
extern __thread void *CFIBER_NULLABLE cfiber_thread_work __attribute__((tls_model("initial-exec")));

/// The work that `cfiber_set_work` set on the calling thread; NULL on a thread without one.
static inline void *CFIBER_NULLABLE cfiber_work(void) { return cfiber_thread_work; }

/// Sets the work of the calling thread, NULL for none. The thread does not own it.
static inline void cfiber_set_work(void *CFIBER_NULLABLE work) { cfiber_thread_work = work; }

/// The thread pointer of the calling thread. The thread-local variables of a library that the process was started with
/// lie at the same distance from it in every thread.
static inline uintptr_t cfiber_thread_pointer(void) {
  uintptr_t pointer;
#if defined(__x86_64__)
  __asm__("movq %%fs:0, %0" : "=r"(pointer));
#elif defined(__aarch64__)
  __asm__("mrs %0, tpidr_el0" : "=r"(pointer));
#endif
  return pointer;
}

#endif
