/// The record of a stack: where its fiber was suspended.
#ifndef CFIBER_RECORD_H
#define CFIBER_RECORD_H

#include "cfiber_nullability.h"
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __clang__
#pragma clang assume_nonnull begin
#endif

/// One stack and where it was suspended. Each fiber has a record, and so has the thread's own stack.
///
/// The caller owns the record and keeps it at its address while the fiber runs or is suspended. The layout is the same
/// in every build; the switch and fibers.py know it. The first four fields are stale while the fiber runs.
typedef struct cfiber {
  void *CFIBER_NULLABLE sp;
  /// Frame pointer: rbp or x29.
  void *CFIBER_NULLABLE fp;
  /// Where the fiber goes on: in the function that called the switch, or at its entry.
  void *CFIBER_NULLABLE pc;
  /// On x86-64 mxcsr in bits 0 to 31 and the x87 control word in bits 32 to 47; on arm64 fpcr.
  uint64_t control_words;
  /// Lowest usable address of the stack.
  void *CFIBER_NULLABLE stack_low;
  /// Usable bytes from `stack_low` upwards; 0 after the last switch away from the fiber.
  size_t stack_size;
  /// AddressSanitizer's shadow of the suspended fiber's frames; NULL in other builds.
  void *CFIBER_NULLABLE fake_stack;
} cfiber;

static_assert(offsetof(cfiber, sp) == 0 && offsetof(cfiber, fp) == 8, "the switch stores them there");
static_assert(offsetof(cfiber, pc) == 16 && offsetof(cfiber, control_words) == 24, "the switch stores them there");
static_assert(offsetof(cfiber, stack_low) == 32 && offsetof(cfiber, stack_size) == 40, "fibers.py reads them there");

#ifdef __clang__
#pragma clang assume_nonnull end
#endif

#endif
