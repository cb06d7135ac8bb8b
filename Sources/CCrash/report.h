/// The line about a crash.
#ifndef CCRASH_REPORT_H
#define CCRASH_REPORT_H

#include "ccrash.h"
#include <signal.h>
#include <ucontext.h>

#pragma GCC visibility push(hidden)

extern enum ccrash_form form;
extern size_t (*stack_overflowed_at)(uintptr_t address);
/// The process that `ccrash_install` was called in.
extern int host_process;

/// Calls `step(argument)`; false if it has faulted. One thread at a time.
bool attempt(void (*step)(void *), void *argument);

/// Writes the line about a signal. `left_to` is the library that handles a fault of its own code; NULL if the process
/// is about to end. One thread at a time.
void report(int number, const siginfo_t *info, ucontext_t *context, const char *left_to);

/// Waits until no other thread is reporting, at most for so many milliseconds; false if that takes too long. Then the
/// calling thread may report, until `give_turn`. False also if it has the turn already.
bool take_turn(int patience);
void give_turn(void);

/// Whether a handler of other code runs on the calling thread, to which a signal was handed on.
bool is_in_handler(void);

/// Has quick_exit(3) report the end of the process. To be called once, before plugins register functions for it.
void prepare_exits(void);

/// Whether the kernel has sent the signal because of the instruction that the thread was executing.
static inline bool is_fault(const siginfo_t *info) { return info->si_code > 0; }

#pragma GCC visibility pop

#endif
