/* Processes that posix_spawn(3) cannot make, or that Swift cannot ask for. */
#ifndef CLINUX_PROCESSES_H
#define CLINUX_PROCESSES_H

#include <stddef.h>
#include <stdint.h>

/* How many arguments main gets, including the program's name. Swift reads them from /proc, which a container may lack.
 * */
int32_t clinux_argument_count(void);

/* The argument at `index`; NULL beyond the last. It lives as long as the process. */
const char *clinux_argument(int32_t index);

/* The path by which the process was started: AT_EXECFN, getauxval(3). A relative path counts from the folder at the
 * start. NULL if the kernel did not tell. */
const char *clinux_program(void);

/* Runs the program at the path `words[0]` as the leader of a process group of its own, with no signal blocked, ignored
 * or handled: vfork(2), execve(2). Waits until it runs.
 *
 * words, environment  argv and environ; each ends with NULL.
 * descriptors         The descriptor at place n becomes the program's descriptor n. The program also has descriptors of
 *                     this process that are not close-on-exec.
 * niceness            How much lower its priority is than the calling thread's: nice(2). It is set before the program
 *                     begins, so that it holds for the loader's work, which is most of the work of a short program.
 * end_signal          The signal that the program gets when the calling thread ends, if the system offers that:
 *                     PR_SET_PDEATHSIG, prctl(2).
 * Returns             The process number; -1 with errno if the program cannot be run. */
int32_t clinux_run_beside(char *const *words, char *const *environment, const int32_t *descriptors,
                          size_t descriptor_count, int32_t niceness, int32_t end_signal);

/* Runs the program at the path `words[0]` as `clinux_run_beside` does, but in the process group of this process, with
 * its priority and its standard streams. Waits until it runs.
 *
 * descriptors  Descriptor n becomes the program's descriptor 3 + n. The program also has descriptors of this process
 *              that are not close-on-exec.
 * mark         If not 0, the soft value of the program's RLIMIT_LOCKS, getrlimit(2), which the kernel has not looked at
 *              since Linux 2.4. All that the program starts inherits it, also what leaves its session and clears its
 *              environment. Where the system refuses it, the program runs without it.
 * Returns      The process number; -1 with errno if the program cannot be run. */
int32_t clinux_run_child(char *const *words, char *const *environment, const int32_t *descriptors,
                         size_t descriptor_count, uint64_t mark);

/* The mark that `clinux_run_child` gave a process, or one of its ancestors; 0 if there is none, or if the process is
 * gone; CLINUX_MARK_HIDDEN if the system does not let this process see it, because the other one is another user's:
 * prlimit(2). Process 0 is the calling one. */
uint64_t clinux_mark_of(int32_t process);
#define CLINUX_MARK_HIDDEN 1

/* A child of this process that has ended and is not reaped; 0 if there is none. Does not reap it: waitid(2). */
int32_t clinux_ended_child(void);

/* A thread that is under ptrace(2) of this process and has ended or stopped; 0 if there is none. Nothing is reaped:
 * waitid(2) with __WCLONE, which tells of no other children. `*stop` is the signal that has stopped it; 0 if it has
 * ended. */
int32_t clinux_traced_change(int32_t *stop);

/* Reaps a thread that `clinux_traced_change` has told, or takes note of its stop: waitpid(2) with __WALL. Does not
 * wait. */
void clinux_take_traced_change(int32_t thread);

/* fork(2), which Swift does not offer since only the calling thread lives on in the child. For processes with one
 * thread. */
int32_t clinux_fork(void);

/* Makes the calling process the parent of its orphaned descendants: PR_SET_CHILD_SUBREAPER, prctl(2). */
void clinux_adopt_orphans(void);

/* Has the kernel kill the calling process when the thread that started it ends, and kills it now if its parent is not
 * process `parent` any more: PR_SET_PDEATHSIG, prctl(2). */
void clinux_end_with_parent(int32_t parent);

/* Ends the calling process by a signal, without a core dump. */
_Noreturn void clinux_end_by_signal(int32_t number);

#endif
