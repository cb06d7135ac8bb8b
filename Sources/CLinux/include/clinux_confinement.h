/* What a process gives up before it runs code that it need not trust. Each function is for a process with one thread,
 * and returns 0, or -1 with errno, unless it says otherwise. */
#ifndef CLINUX_CONFINEMENT_H
#define CLINUX_CONFINEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Runs as another user from now on, with these groups: setgroups(2), setresgid(2), setresuid(2). The kernel marks such a
 * process as one that nobody may look into; if it was not marked before, the mark is removed, so that core dumps and what
 * /proc/self shows stay as they were: PR_SET_DUMPABLE, prctl(2). The signal at the parent's end (PR_SET_PDEATHSIG) is
 * lost. */
int clinux_become(uint32_t user, uint32_t group, const uint32_t *groups, size_t group_count);

/* Gives up all capabilities, the ambient ones included: capset(2). A service manager may have given some to a process
 * that is not root's; a program that it starts would have them, too. */
int clinux_drop_capabilities(void);

/* Programs that this process starts get no rights that it has not: PR_SET_NO_NEW_PRIVS, prctl(2). */
int clinux_forbid_new_privileges(void);

/* The version of the kernel's Landlock; 0 if it has none, if it was left out at boot, or if a filter refuses it:
 * landlock_create_ruleset(2). */
int32_t clinux_landlock_version(void);

/* Begins a rule by which this process can change no file: landlock_create_ruleset(2). What the kernel's version does
 * not cover stays allowed: truncating a file by its path before version 3. Returns a descriptor, which the caller
 * closes. */
int32_t clinux_begin_read_only(void);

/* Allows changes of the file at `path`, or in the folder there and those below it: landlock_add_rule(2). Fails with ELOOP
 * if a part of the path is a symbolic link. */
int clinux_allow_changes(int32_t rule, const char *path);

/* Holds this process, and all that it will start, to the rule: landlock_restrict_self(2). Needs
 * `clinux_forbid_new_privileges` before. */
int clinux_keep_rule(int32_t rule);

/* Whether another user can reach what the folder at `path` contains, by the rights to it and to each folder on the way.
 * Asks the system as that user, on the calling thread only, which must have the right to become that user: setfsuid(2).
 * Also for a process with several threads. */
bool clinux_may_search(const char *path, uint32_t user, uint32_t group, const uint32_t *groups, size_t group_count);

#endif
