/// The entry of fibers, and the end of the process after a broken contract.
#ifndef CFIBER_START_H
#define CFIBER_START_H

#pragma GCC visibility push(hidden)

/// A new fiber's stack pointer points at this.
struct fiber_entry {
  void (*function)(void *);
  void *argument;
};

/// The entry of a new fiber. Not to be called: it takes a `struct fiber_entry` from the stack.
void cfiber_start(void);

/// Called by `cfiber_start` when an entry function returns: it did not end in `cfiber_switch_last`, or was resumed
/// after that. Writes a line to standard error and aborts.
void cfiber_entry_returned(void) __attribute__((noreturn));

/// For AddressSanitizer builds: tells the sanitizer that a new fiber runs, then calls the `struct fiber_entry` given.
void cfiber_announce_and_enter(void *fiber_entry);

/// Writes `line` to standard error and aborts. For broken contracts.
void cfiber_abort(const char *line) __attribute__((noreturn));

#pragma GCC visibility pop

#endif
