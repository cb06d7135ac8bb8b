/* Which descriptors are the host's own: a child that plugin code forks does not keep them, or it would hold the host's
 * port and its clients' connections open for as long as it lives; and nothing new gets the number of one that plugin code
 * has closed, or a client's connection would get what is meant for the log, for a loop, or for another client. All
 * functions are for any thread, and none waits. */
#ifndef CLINUX_DESCRIPTORS_H
#define CLINUX_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>

/* Notes that the host owns a descriptor that was just opened, until `clinux_close`; moves it first, as `clinux_lift`
 * does. Descriptors from 1,048,576 on are not noted: a process gets none unless fs.nr_open was raised, proc_sys_fs(5).
 *
 * fd       The result of the call that opened it; a negative one is returned as it is.
 * Returns  Its number; -1 with errno if it had to be moved and could not be: then it is closed. */
int clinux_own(int fd);

/* Moves a descriptor that was just opened to another number, if its own is one of the standard streams or owned: somebody
 * has closed what had it. /dev/null takes its place, so that nobody else gets it; standard error becomes what
 * `clinux_keep_standard_error` kept. For what is open for a moment and not to be owned. The result is `clinux_own`'s. */
int clinux_lift(int fd);

/* What an owned descriptor is for, which decides what its loss means. */
enum clinux_use {
  /* Something that the host can do without. */
  CLINUX_OTHER,
  /* A client's connection. */
  CLINUX_CONNECTION,
  /* What the host cannot do without, such as a loop's wake-up. */
  CLINUX_VITAL,
};

/* Notes what an owned descriptor is for. */
void clinux_set_use(int fd, enum clinux_use use);

/* What was found closed since the last call; of several numbers the last one. */
struct clinux_losses {
  /* Bit n for the standard stream n. */
  uint32_t streams;
  /* A connection's number, -1 if none. */
  int32_t connection;
  /* The same for what is vital. */
  int32_t vital;
};
struct clinux_losses clinux_take_losses(void);

/* Whether there are any. */
static inline bool clinux_has_losses(void) {
  extern bool clinux_found_losses;
  return __atomic_load_n(&clinux_found_losses, __ATOMIC_RELAXED);
}

/* Opens the standard streams that are closed, as `clinux_lift` does. */
void clinux_restore_streams(void);

/* Keeps a duplicate of standard error, to restore it by. Once. */
void clinux_keep_standard_error(void);

/* An owned duplicate of `fd`, close-on-exec and above 2: fcntl(2). -1 with errno. */
int clinux_duplicate(int fd);

/* An owned eventfd(2), non-blocking and close-on-exec. -1 with errno. */
int clinux_eventfd(uint32_t count);

/* Makes `fd` a duplicate of `other`, close-on-exec; what it was is closed, and the number is never free in between:
 * dup3(2). Who owns it is not changed. -1 with errno. */
int clinux_replace(int fd, int other);

/* close(2) of a descriptor that `clinux_own` may have noted. The number is free for others from here on. */
int clinux_close(int fd);

/* Set by the handlers of `clinux_watch_forks`; read by the functions below. */
extern bool clinux_forked_child_flag, clinux_fork_flag;

/* Whether the calling process is one that plugin code has forked: only the thread that called fork is left in it, it has
 * none of the host's descriptors, and no code of the host may go on in it. */
static inline bool clinux_is_forked_child(void) { return clinux_forked_child_flag; }

/* Whether a thread of this process has called fork. Until the child has closed its copies of the host's descriptors, what
 * the host closes stays open for epoll(7). vfork(2) and posix_spawn(3) do not count. */
static inline bool clinux_has_forked(void) { return __atomic_load_n(&clinux_fork_flag, __ATOMIC_RELAXED); }

/* From now on a child of fork(2) closes what the host owns, gets the signals of `unblocked` unblocked, and runs
 * `enter_child`, before fork returns in it: pthread_atfork(3). `enter_child` must be async-signal-safe. Once.
 *
 * Returns  0, or an error's number. */
int clinux_watch_forks(uint64_t unblocked, void (*enter_child)(void));

/* Ends the calling process by SIGALRM in a second, whatever it waits for then: a forked child may meet a lock that a
 * thread of its parent held. */
void clinux_end_soon(void);

#endif
