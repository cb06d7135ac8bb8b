/// The offset at which a fiber begins on its stack.
#ifndef CFIBER_STAGGER_H
#define CFIBER_STAGGER_H

#include <stddef.h>
#include <stdint.h>

/// Bytes to leave free at the top of a stack: 0 to 960, a multiple of a cache line.
///
/// Stacks lie a multiple of the page size apart, so without the offset the busiest lines of all stacks would share one
/// set of the cache. Less than a page, so that a small job still fits into the first page.
static inline size_t stagger(const char *stack_low) {
  uint64_t mixed = (uint64_t)(uintptr_t)stack_low * 0x9E3779B97F4A7C15u;
  return (size_t)(mixed >> 60) * 64;
}

#endif
