/// The assembler's side of a switch, and what it calls.
#ifndef CFIBER_SWITCH_H
#define CFIBER_SWITCH_H

#include "cfiber.h"

#pragma GCC visibility push(hidden)

/// The bare switch: `cfiber_switch` without word to any sanitizer.
void cfiber_swap(cfiber *from, cfiber *to);

/// Where a new fiber begins. Not a function to call: it takes its arguments from the saved registers.
void cfiber_start(void);

/// Called by `cfiber_start` when an entry function returns. Says so and aborts.
void cfiber_entry_returned(void) __attribute__((noreturn));

/// Writes `line` to standard error and aborts: for broken contracts that nothing can go on from.
void cfiber_abort(const char *line) __attribute__((noreturn));

/// An entry function and its argument, kept at the top of the fiber's stack.
struct fiber_entry {
  void (*function)(void *);
  void *argument;
};

/// For AddressSanitizer builds: tells the sanitizer that a new fiber runs, then calls the `struct fiber_entry` given.
void cfiber_announce_and_enter(void *fiber_entry);

#pragma GCC visibility pop

#endif
