/// Whether this build has AddressSanitizer, and what it must be told about stacks; whether it has ThreadSanitizer.
#ifndef CFIBER_SANITIZER_H
#define CFIBER_SANITIZER_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define CFIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CFIBER_ASAN 1
#endif
#endif

#ifndef CFIBER_ASAN
#define CFIBER_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__)
#define CFIBER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CFIBER_TSAN 1
#endif
#endif

#ifndef CFIBER_TSAN
#define CFIBER_TSAN 0
#endif

#if CFIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#endif

/// The factor by which stacks are larger in this build: the sanitizer surrounds each variable with red zones.
#define STACK_SCALE ((size_t)(CFIBER_ASAN ? 4 : 1))

/// Lets the leak check look for pointers on a fiber's stack; it knows only stacks of threads.
static inline void announce_stack(void *stack_low, size_t stack_size) {
#if CFIBER_ASAN
  __lsan_register_root_region(stack_low, stack_size);
#else
  (void)stack_low;
  (void)stack_size;
#endif
}

/// Undoes `announce_stack`.
static inline void withdraw_stack(void *stack_low, size_t stack_size) {
#if CFIBER_ASAN
  __lsan_unregister_root_region(stack_low, stack_size);
#else
  (void)stack_low;
  (void)stack_size;
#endif
}

/// Unpoisons a stack: frames that never returned have left their red zones poisoned.
static inline void forget_red_zones(void *stack_low, size_t stack_size) {
#if CFIBER_ASAN
  __asan_unpoison_memory_region(stack_low, stack_size);
#else
  (void)stack_low;
  (void)stack_size;
#endif
}

#endif
