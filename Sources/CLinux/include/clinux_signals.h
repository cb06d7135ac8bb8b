/* The host's handlers of signals.
 *
 * The host neither blocks nor ignores a signal, because programs that plugins start would inherit that. A handler is
 * not inherited: execve(2) resets it. In a child that has not called execve yet, each handler below takes the signal's
 * default action. */
#ifndef CLINUX_SIGNALS_H
#define CLINUX_SIGNALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Installs handlers for the signals whose bits are set in `numbers` (bit n for signal n), unblocks all signals in the
 * calling thread, and replaces each "ignore" that the process was started with by an empty handler. The kernel delivers
 * a signal for the process to its first thread as long as that does not block it, so the system calls of other threads
 * are not interrupted; they are restarted otherwise: SA_RESTART, sigaction(2). To be called once, on the first thread.
 * Returns 0 or an error's number. */
int32_t clinux_handle_signals(uint64_t numbers);

/* Waits for these signals, at most for `nanoseconds`; INT64_MAX: without a limit. For one thread. */
void clinux_await_signals(int64_t nanoseconds);

/* Returns the bits of the signals that have come since the last call, each once, or 0. */
uint64_t clinux_take_signals(void);

/* Leaves the signals that come from now on to the program that replaces this one by execve(2): all threads block
 * them. A signal that a thread takes nevertheless is sent to the process again. So a signal stays pending. When this
 * returns, `clinux_take_signals` gives all that have come before. */
void clinux_hold_signals(void);

/* Takes `clinux_hold_signals` back, on the same thread, which gets the signals that have come meanwhile. Threads that have
 * blocked a signal go on to do so. */
void clinux_release_signals(void);

/* A handler of the host that other code has replaced. */
struct clinux_lost_signal {
  int32_t number;
  /* The address of the other code's handler; 0 if the signal was reset or ignored. */
  uintptr_t handler;
};

/* Installs the host's handlers again where other code has replaced them, up to the first one that is not empty, and
 * writes that one into `lost`. An empty handler of the host is left to the other code, unless that ignores the signal.
 * Returns false if there is none left. */
bool clinux_reclaim_signal(struct clinux_lost_signal *lost);

/* Installs an empty handler for a signal, so that it neither ends this process nor interrupts system calls. */
void clinux_survive_signal(int32_t number);

/* Lets waitpid(2) tell how a child has ended, although the process was started with SIGCHLD ignored. */
void clinux_notice_children(void);

/* Installs a handler of SIGCHLD that wakes `clinux_await_child_change`, and unblocks the signal in the calling thread.
 * The system sends the signal when a child of this process ends, is stopped or goes on, and when it becomes the parent
 * of a process that has ended. For a process without code of plugins, which may want the signal for itself. Returns 0
 * or an error's number. */
int32_t clinux_watch_children(void);

/* Waits until a child may have changed since the last call, at most for `nanoseconds`; INT64_MAX: without a limit. For
 * one thread, after `clinux_watch_children`. */
void clinux_await_child_change(int64_t nanoseconds);

/* Wakes `clinux_await_child_change`. From any thread. */
void clinux_note_child_change(void);

#endif
