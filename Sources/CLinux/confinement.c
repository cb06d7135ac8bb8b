#define _GNU_SOURCE

#include "clinux_confinement.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The headers of the C library may be older than the kernel. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

int clinux_drop_capabilities(void) {
  struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
  return (int)syscall(SYS_capset, &head, none);
}

int clinux_become(uint32_t user, uint32_t group, const uint32_t *groups, size_t group_count) {
  int dumpable = prctl(PR_GET_DUMPABLE);
  if (setgroups(group_count, groups) != 0 || setresgid(group, group, group) != 0 || setresuid(user, user, user) != 0)
    return -1;
  if (dumpable == 1)
    prctl(PR_SET_DUMPABLE, 1);
  return 0;
}

int clinux_forbid_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

/* The rights of landlock(7) that change something, as far as `version` has them. */
static uint64_t changes(int32_t version) {
  enum { write_file = 1, remove_folder = 4, make_symbolic_link = 12, refer = 13, truncate = 14 };
  uint64_t rights = 1u << write_file;
  for (int right = remove_folder; right <= make_symbolic_link; right++)
    rights |= 1u << right;
  if (version >= 2)
    rights |= 1u << refer;
  if (version >= 3)
    rights |= 1u << truncate;
  return rights;
}

/* Those of `changes` that a file has which is no folder. */
static uint64_t changes_of_files(int32_t version) { return changes(version) & (1u << 1 | 1u << 14); }

int32_t clinux_landlock_version(void) {
  int32_t version = (int32_t)syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
  return version > 0 ? version : 0;
}

int32_t clinux_begin_read_only(void) {
  uint64_t handled = changes(clinux_landlock_version());
  return (int32_t)syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
}

static int32_t open_without_links(const char *path) {
  struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
  return (int32_t)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
}

int clinux_allow_changes(int32_t rule, const char *path) {
  struct __attribute__((packed)) {
    uint64_t allowed;
    int32_t parent;
  } place = {.parent = open_without_links(path)};
  if (place.parent < 0)
    return -1;
  struct stat status;
  int32_t version = clinux_landlock_version();
  bool is_folder = fstat(place.parent, &status) == 0 && S_ISDIR(status.st_mode);
  place.allowed = is_folder ? changes(version) : changes_of_files(version);
  int result = (int)syscall(SYS_landlock_add_rule, rule, 1, &place, 0);
  int error = errno;
  close(place.parent);
  errno = error;
  return result;
}

int clinux_keep_rule(int32_t rule) { return (int)syscall(SYS_landlock_restrict_self, rule, 0); }

bool clinux_may_search(const char *path, uint32_t user, uint32_t group, const uint32_t *groups, size_t group_count) {
  int count = getgroups(0, NULL);
  gid_t own[count > 0 ? count : 1];
  char *inside = NULL;
  if (count < 0 || (count = getgroups(count, own)) < 0 || asprintf(&inside, "%s/.", path) < 0)
    return false;
  /* The system calls change this thread alone, the functions of the C library all threads. */
  bool has_groups = syscall(SYS_setgroups, group_count, groups) == 0;
  gid_t old_group = (gid_t)setfsgid(group);
  uid_t old_user = (uid_t)setfsuid(user);
  struct stat status;
  bool may_search = stat(inside, &status) == 0;
  setfsuid(old_user);
  setfsgid(old_group);
  if (has_groups)
    syscall(SYS_setgroups, count, own);
  free(inside);
  return may_search;
}
