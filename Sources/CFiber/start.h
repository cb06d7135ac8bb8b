/// Where fibers begin, and what ends the process where a contract is broken.
#ifndef CFIBER_START_H
#define CFIBER_START_H

#pragma GCC visibility push(hidden)

/// What a new fiber's stack pointer points at.
struct fiber_entry {
  void (*function)(void *);
  void *argument;
};

/// Where a new fiber begins. Not a function to call: it takes a `struct fiber_entry` from the stack.
void cfiber_start(void);

/// Called by `cfiber_start` when an entry function returns, because it did not end in `cfiber_switch_last`, or was
/// resumed after that. Says so and aborts.
void cfiber_entry_returned(void) __attribute__((noreturn));

/// For AddressSanitizer builds: tells the sanitizer that a new fiber runs, then calls the `struct fiber_entry` given.
void cfiber_announce_and_enter(void *fiber_entry);

/// Writes `line` to standard error and aborts: for broken contracts that nothing can go on from.
void cfiber_abort(const char *line) __attribute__((noreturn));

#pragma GCC visibility pop

#endif
