/// Walks up a stack by unwind information.
#ifndef CFIBER_WALK_H
#define CFIBER_WALK_H

#include <stdint.h>

/// What a walk collects.
struct walk {
  uintptr_t *frames;
  int capacity;
  int count;
  /// The first address to collect; the frames before it belong to the walker.
  uintptr_t first;
};

#pragma GCC visibility push(hidden)

/// Walks from the caller's frame up to the end of the stack, or until `capacity` addresses are collected.
///
/// Allocates nothing once it has been called before. Safe in a signal handler where the C library finds unwind
/// information without a lock: glibc from 2.35 on, with GCC's library from 12 on.
void walk_stack(struct walk *walk);

#pragma GCC visibility pop

#endif
