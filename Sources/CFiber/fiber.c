#define _GNU_SOURCE

#include "cfiber.h"
#include "owner.h"
#include "sanitizer.h"
#include "start.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/// The control words of a new fiber.
#if defined(__x86_64__)
/// All exceptions masked, round to nearest, for SSE and for x87 with extended precision.
#define FIRST_CONTROL_WORDS (0x1F80 | (uint64_t)0x037F << 32)
#else
#define FIRST_CONTROL_WORDS 0
#endif

/// Fills in the record of a fiber whose stack begins right below `top`, which is aligned to 16 bytes.
static inline void prepare(cfiber *fiber, void *stack_low, size_t stack_size, char *top, void (*entry)(void *),
                           void *argument) {
  forget_red_zones(stack_low, stack_size);
  *owner_of(stack_low, stack_size) = fiber;
  struct fiber_entry *first = (struct fiber_entry *)top - 1;
  *first = (struct fiber_entry){entry, argument};
#if CFIBER_ASAN
  first[-1] = (struct fiber_entry){cfiber_announce_and_enter, first};
  first--;
#endif
  *fiber = (cfiber){.sp = first,
                    .pc = (void *)cfiber_start,
                    .control_words = FIRST_CONTROL_WORDS,
                    .stack_low = stack_low,
                    .stack_size = stack_size};
}

void cfiber_prepare(cfiber *fiber, void *stack_low, size_t stack_size, void (*entry)(void *), void *argument) {
  prepare(fiber, stack_low, stack_size, (char *)owner_of(stack_low, stack_size) - 8, entry, argument);
}

// The owner's word and the record fill one line of the cache.
static_assert(sizeof(cfiber) == 56, "the owner's word and the record leave the stack below them aligned");

cfiber *cfiber_prepare_within(void *stack_low, size_t stack_size, size_t room, void (*entry)(void *), void *argument) {
  cfiber *fiber = (cfiber *)owner_of(stack_low, stack_size) - 1;
  prepare(fiber, stack_low, stack_size, (char *)fiber - room, entry, argument);
  return fiber;
}

void cfiber_adopt_thread(cfiber *fiber) {
  *fiber = (cfiber){.sp = NULL};
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0)
    return;
  pthread_attr_getstack(&attributes, &fiber->stack_low, &fiber->stack_size);
  pthread_attr_destroy(&attributes);
}

void cfiber_entry_returned(void) {
  cfiber_abort("CFiber: a fiber returned from its entry, without a last switch or after it\n");
}

void cfiber_abort(const char *line) {
  (void)!write(STDERR_FILENO, line, strlen(line));
  abort();
}
