/// A stack for signal handlers, so that a handler can run after a stack overflow.
#ifndef CFIBER_SIGNAL_STACK_H
#define CFIBER_SIGNAL_STACK_H

/// Gives the calling thread a signal stack of its own, large enough for a handler that writes a report.
///
/// Does nothing if the thread has one already. Returns 0, or -1 with `errno` set.
int cfiber_install_signal_stack(void);

/// Frees the signal stack from `cfiber_install_signal_stack`. For a thread that is about to end; not from a signal
/// handler.
///
/// Returns 0, even if there is none, or -1 with `errno` set.
int cfiber_remove_signal_stack(void);

#endif
