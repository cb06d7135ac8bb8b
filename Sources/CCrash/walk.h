/// Walks up the stack that a signal has interrupted.
#ifndef CCRASH_WALK_H
#define CCRASH_WALK_H

#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

struct walk {
  uintptr_t *frames;
  int capacity;
  int count;
  /// The first frame has called, as all others have: a signal has not interrupted it.
  bool begins_with_call;
};

/// An address in the code that a frame runs. The return address of a call may lie behind the function that has called.
static inline uintptr_t code_of_frame(const struct walk *walk, int index) {
  return walk->frames[index] - (index > 0 || walk->begins_with_call);
}

#pragma GCC visibility push(hidden)

/// The address at which the signal has interrupted the thread.
uintptr_t interrupted_at(const ucontext_t *context);

/// Collects the interrupted address and the return addresses above it: by unwind information if there is any, else by
/// frame pointers, else by words on the stack that look like return addresses. If the interrupted address is no code,
/// the next one is that of its caller. Keeps `walk` up to date at each step, since the next step may fault. In the
/// handler that was given `context`.
void walk_interrupted(ucontext_t *context, struct walk *walk);

/// Collects the return addresses above the calling function, by unwind information alone.
void walk_here(struct walk *walk);

/// Lets the unwinder load the libraries that it needs, which a handler must not load.
void prepare_walks(void);

#pragma GCC visibility pop

#endif
