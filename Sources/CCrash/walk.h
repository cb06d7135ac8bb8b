/// The way up the stack that a signal has interrupted.
#ifndef CCRASH_WALK_H
#define CCRASH_WALK_H

#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

struct walk {
  uintptr_t *frames;
  int capacity;
  int count;
};

#pragma GCC visibility push(hidden)

/// Where the signal has interrupted the thread.
uintptr_t interrupted_at(const ucontext_t *context);

/// Collects the addresses from the interrupted one up, each further one where a call returns to: by unwind information
/// where there is any, else by frame pointers, else by what lies on the stack and looks like the return of a call.
/// Keeps `walk` up to date at each step, since the next may fault. In the handler that was given `context`.
void walk_interrupted(ucontext_t *context, struct walk *walk);

/// Has the unwinder load what it needs, which a handler must not.
void prepare_walks(void);

#pragma GCC visibility pop

#endif
