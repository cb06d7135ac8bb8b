/// What a switch leaves on the stack of a suspended fiber, from its stack pointer upwards.
#ifndef CFIBER_SAVED_FRAME_H
#define CFIBER_SAVED_FRAME_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)

/// Written and read by switch_x86_64.S.
struct saved_frame {
  /// mxcsr in bits 0 to 31, the x87 control word in bits 32 to 47. One field, so that it is written at once: loads that
  /// straddle two fresh stores wait for the cache.
  uint64_t control_words;
  uintptr_t r15, r14, r13, r12, rbx, rbp;
  uintptr_t return_address;
};

static_assert(offsetof(struct saved_frame, control_words) == 0, "switch_x86_64.S stores them there");
static_assert(offsetof(struct saved_frame, r15) == 8, "switch_x86_64.S pops from there");
static_assert(sizeof(struct saved_frame) == 64, "cfiber_start expects an aligned stack above the frame");

#elif defined(__aarch64__)

/// Written and read by switch_aarch64.S.
struct saved_frame {
  uintptr_t x19_to_x28[10];
  uintptr_t x29, x30;
  uint64_t d8_to_d15[8];
  uint64_t fpcr;
  uint64_t unused;
};

static_assert(offsetof(struct saved_frame, x29) == 80, "switch_aarch64.S stores it there");
static_assert(offsetof(struct saved_frame, d8_to_d15) == 96, "switch_aarch64.S stores them there");
static_assert(offsetof(struct saved_frame, fpcr) == 160, "switch_aarch64.S stores it there");
static_assert(sizeof(struct saved_frame) == 176, "cfiber_start expects an aligned stack above the frame");

#else
#error "CFiber: no switch for this processor; x86-64 and arm64 have one"
#endif

#endif
