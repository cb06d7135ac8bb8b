/* Which descriptors are the host's own, so that a child that plugin code forks does not keep them: it would hold the
 * host's port and its clients' connections open for as long as it lives. */
#ifndef CLINUX_DESCRIPTORS_H
#define CLINUX_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>

/* Notes that the host owns a descriptor, until `clinux_close`. From any thread; does not wait. Descriptors from
 * 1,048,576 on are not noted: a process gets none unless fs.nr_open was raised, proc_sys_fs(5).
 *
 * Returns  `fd`, also where it is negative: the result of the call that opened it. */
int clinux_own(int fd);

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
