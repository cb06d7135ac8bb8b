#define _GNU_SOURCE

#include "cfiber.h"
#include "sanitizer.h"
#include "saved_frame.h"
#include "stagger.h"
#include "switch.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/// The words at the top of a stack say whose it is: for debuggers, see fibers.py. Two, so that the rest stays aligned.
#define OWNER_WORDS 2

static cfiber **owner_of(void *stack_low, size_t stack_size) {
  return (cfiber **)((char *)stack_low + stack_size - stagger(stack_low)) - OWNER_WORDS;
}

/// Writes a frame that a switch can resume: it starts `entry(argument)` on the stack right above it.
static void write_frame(struct saved_frame *frame, void (*entry)(void *), void *argument) {
#if defined(__x86_64__)
  *frame = (struct saved_frame){
      // All exceptions masked, round to nearest, for SSE and for x87 with extended precision.
      .control_words = 0x1F80 | (uint64_t)0x037F << 32,
      .r12 = (uintptr_t)entry,
      .r13 = (uintptr_t)argument,
      .return_address = (uintptr_t)cfiber_start,
  };
#else
  *frame = (struct saved_frame){
      .x19_to_x28 = {(uintptr_t)entry, (uintptr_t)argument},
      .x30 = (uintptr_t)cfiber_start,
  };
#endif
}

/// Fills in the record of a fiber whose first frame lies right below `top`.
static inline void prepare(cfiber *fiber, void *stack_low, size_t stack_size, char *top, void (*entry)(void *),
                           void *argument) {
  forget_red_zones(stack_low, stack_size);
  *owner_of(stack_low, stack_size) = fiber;
#if CFIBER_ASAN
  struct fiber_entry *announced = (struct fiber_entry *)top - 1;
  *announced = (struct fiber_entry){entry, argument};
  entry = cfiber_announce_and_enter;
  argument = announced;
  top = (char *)announced;
#endif
  struct saved_frame *frame = (struct saved_frame *)top - 1;
  write_frame(frame, entry, argument);
  *fiber = (cfiber){.sp = frame, .stack_low = stack_low, .stack_size = stack_size};
}

void cfiber_prepare(cfiber *fiber, void *stack_low, size_t stack_size, void (*entry)(void *), void *argument) {
  prepare(fiber, stack_low, stack_size, (char *)owner_of(stack_low, stack_size), entry, argument);
}

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
  cfiber_abort("CFiber: the entry function of a fiber returned; expected cfiber_switch_last\n");
}

void cfiber_abort(const char *line) {
  (void)!write(STDERR_FILENO, line, strlen(line));
  abort();
}
