/// Where on its stack a fiber begins.
#ifndef CFIBER_STAGGER_H
#define CFIBER_STAGGER_H

#include <stddef.h>
#include <stdint.h>

/// Bytes to leave free at the top of a stack: 0 to 960, a multiple of a cache line.
///
/// Stacks lie a multiple of the page size apart, so that without it the busiest lines of all would share one set of the
/// cache. Less than a page, so that a small job still fits in the first one.
static inline size_t stagger(const char *stack_low) {
  uint64_t mixed = (uint64_t)(uintptr_t)stack_low * 0x9E3779B97F4A7C15u;
  return (size_t)(mixed >> 60) * 64;
}

#endif
