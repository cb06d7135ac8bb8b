/* The descriptors that the host owns. A child that plugin code forks does not keep them: it would hold the host's port
 * and connections open for as long as it lives. And if plugin code closes one, its number is not used again: otherwise
 * a client could receive bytes meant for the log, for a loop, or for another client. All functions may be called from
 * any thread, and none waits. */
#ifndef CLINUX_DESCRIPTORS_H
#define CLINUX_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>

/* Notes that the host owns a descriptor that was just opened, until `clinux_close`. Moves it first, as `clinux_lift`
 * does. Descriptors from 1,048,576 on are not noted: a process has none unless fs.nr_open was raised, proc_sys_fs(5).
 *
 * fd       The result of the call that opened it; a negative result is returned unchanged.
 * Returns  The descriptor; -1 with errno if it had to be moved and could not be: then it is closed. */
int clinux_own(int fd);

/* Moves a descriptor that was just opened to another number if its number is that of a standard stream or of an owned
 * descriptor, which plugin code must have closed. /dev/null takes the old number, so that nothing else gets it;
 * standard error is restored from the duplicate of `clinux_keep_standard_error`. For descriptors that are open briefly
 * and not owned. Returns what `clinux_own` returns. */
int clinux_lift(int fd);

/* The use of an owned descriptor, which decides what its loss means. */
enum clinux_use {
  /* The host can do without it. */
  CLINUX_OTHER,
  /* A client's connection. */
  CLINUX_CONNECTION,
  /* The host cannot do without it: the wake-up of a loop, for example. */
  CLINUX_VITAL,
};

/* Notes the use of an owned descriptor. */
void clinux_set_use(int fd, enum clinux_use use);

/* Whether a descriptor is noted as owned and vital. */
bool clinux_is_vital(int fd);

/* Descriptors that were found closed since the last call; of several with the same use, the last one. */
struct clinux_losses {
  /* Bit n stands for the standard stream n. */
  uint32_t streams;
  /* The descriptor of a connection; -1 if there is none. */
  int32_t connection;
  /* A vital descriptor; -1 if there is none. */
  int32_t vital;
};
struct clinux_losses clinux_take_losses(void);

/* Whether `clinux_take_losses` would return any. */
static inline bool clinux_has_losses(void) {
  extern bool clinux_found_losses;
  return __atomic_load_n(&clinux_found_losses, __ATOMIC_RELAXED);
}

/* Opens the standard streams that are closed, as `clinux_lift` does. */
void clinux_restore_streams(void);

/* Keeps a duplicate of standard error, from which it can be restored. To be called once. */
void clinux_keep_standard_error(void);

/* An owned duplicate of `fd`, close-on-exec and above 2: fcntl(2). -1 with errno if it fails. */
int clinux_duplicate(int fd);

/* An owned eventfd(2), non-blocking and close-on-exec. -1 with errno if it fails. */
int clinux_eventfd(uint32_t count);

/* Replaces `fd` with a duplicate of `other`, close-on-exec; the number is never free in between: dup3(2). Ownership
 * does not change; it is not vital any more. -1 with errno if it fails. */
int clinux_replace(int fd, int other);

/* close(2) of a descriptor that may be owned, and is not from here on. */
int clinux_close(int fd);

/* Set by the handlers of `clinux_watch_forks`, read by the functions below. */
extern bool clinux_forked_child_flag, clinux_fork_flag;

/* Whether the calling process is a child that plugin code has forked. It has only the thread that called fork and none
 * of the host's descriptors, and code of the host must not go on in it. */
static inline bool clinux_is_forked_child(void) { return clinux_forked_child_flag; }

/* Whether a thread of this process has called fork. Until the child has closed its copies of the host's descriptors, a
 * descriptor that the host closes stays open for epoll(7). vfork(2) and posix_spawn(3) do not count. */
static inline bool clinux_has_forked(void) { return __atomic_load_n(&clinux_fork_flag, __ATOMIC_RELAXED); }

/* From now on a child of fork(2) closes the host's descriptors and calls `enter_child` before fork returns in it:
 * pthread_atfork(3). `enter_child` must be async-signal-safe. To be called once.
 *
 * Returns  0, or an error's number. */
int clinux_watch_forks(void (*enter_child)(void));

/* Has SIGALRM end the calling process in a second, whatever it waits for: a forked child may wait for a lock that a
 * thread of its parent held. */
void clinux_end_soon(void);

#endif
