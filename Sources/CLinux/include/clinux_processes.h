/* Processes that posix_spawn(3) cannot make, or that Swift cannot ask for. */
#ifndef CLINUX_PROCESSES_H
#define CLINUX_PROCESSES_H

#include <stddef.h>
#include <stdint.h>

/* How many words the process was started with, the program's own name included. Swift reads them from /proc, which a
 * container may lack; these are what main gets. */
int32_t clinux_argument_count(void);

/* One of these words; NULL beyond the last. It lives as long as the process. */
const char *clinux_argument(int32_t index);

/* The path by which the process was started, AT_EXECFN of getauxval(3): relative to where it was started. NULL if the
 * kernel did not tell. */
const char *clinux_program(void);

/* Runs the program at the path `words[0]` as the leader of a process group of its own, with no signal blocked, ignored
 * or handled: vfork(2), execve(2). Waits until it runs.
 *
 * words, environment  argv and environ: each ends with NULL.
 * descriptors         The one at place n becomes the program's n; of this process's others it has those that an exec
 *                     does not close.
 * niceness            How much lower its priority is than the calling thread's: nice(2). It holds before the program
 *                     begins, so for the loader's work too, which is most of what a short program does.
 * end_signal          What it is sent when the calling thread ends, where the system offers that: PR_SET_PDEATHSIG,
 *                     prctl(2).
 * Returns             Its process number, -1 with errno if it cannot be run. */
int32_t clinux_run_beside(char *const *words, char *const *environment, const int32_t *descriptors,
                          size_t descriptor_count, int32_t niceness, int32_t end_signal);

/* Divides the process: fork(2), which Swift does not offer since only the calling thread lives on in the child. For a
 * process that has no other. */
int32_t clinux_fork(void);

/* Makes the calling process the parent of its descendants that lose theirs: PR_SET_CHILD_SUBREAPER, prctl(2). */
void clinux_adopt_orphans(void);

/* Has a signal interrupt nothing and end nothing: sigaction(2) with an empty handler. A signal that is ignored would be
 * ignored by the programs that plugins start as well; a handler ends with exec. */
void clinux_survive_signal(int32_t number);

/* Lets the calling process be killed when the thread that started it ends, and kills it if the one whose process number
 * is `parent` is gone already: PR_SET_PDEATHSIG, prctl(2). */
void clinux_end_with_parent(int32_t parent);

/* Ends the calling process by a signal, without a core dump. */
_Noreturn void clinux_end_by_signal(int32_t number);

#endif
