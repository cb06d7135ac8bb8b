/* deny ERROR CALL[,CALL]... COMMAND...: runs a command for which system calls fail with an error number, as they do
 * under the seccomp filter of a container engine: EPERM with older ones, ENOSYS with newer ones.
 *
 * A call is a name of the table below, `guard_install`: madvise(2) with this advice, or `ipv6`: sockets of IPv6, which
 * fail with EAFNOSUPPORT, as on a kernel without IPv6.
 * Exit status 77: the system allows no filters. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALL(name) {#name, SYS_##name}

static const struct {
  const char *name;
  unsigned number;
} calls[] = {
    CALL(accept),
    CALL(accept4),
    CALL(clone3),
    CALL(close_range),
    CALL(copy_file_range),
    CALL(epoll_pwait),
    CALL(epoll_pwait2),
    CALL(eventfd2),
    CALL(faccessat2),
    CALL(getrandom),
#ifdef SYS_landlock_create_ruleset
    CALL(landlock_create_ruleset),
#endif
    CALL(membarrier),
    CALL(memfd_create),
    CALL(openat2),
    CALL(pidfd_open),
    CALL(pidfd_send_signal),
    CALL(prctl),
    CALL(prlimit64),
    CALL(process_vm_readv),
    CALL(renameat2),
    CALL(rseq),
    CALL(rt_tgsigqueueinfo),
    CALL(sched_getaffinity),
    CALL(set_robust_list),
    CALL(setgroups),
    CALL(setpriority),
    CALL(signalfd4),
    CALL(statx),
#ifdef SYS_epoll_wait
    CALL(epoll_wait),
#endif
};

static struct sock_filter filter[256];
static unsigned short length;

static void add(struct sock_filter instruction) { filter[length++] = instruction; }

static void deny(const char *name, unsigned error) {
  struct sock_filter answer = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error);
  if (strcmp(name, "guard_install") == 0) {
    struct sock_filter test[] = {
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 102, 0, 1),
        answer,
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    for (size_t index = 0; index < sizeof test / sizeof *test; index++)
      add(test[index]);
    return;
  }
  if (strcmp(name, "ipv6") == 0) {
    struct sock_filter test[] = {
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    for (size_t index = 0; index < sizeof test / sizeof *test; index++)
      add(test[index]);
    return;
  }
  for (size_t index = 0; index < sizeof calls / sizeof *calls; index++) {
    if (strcmp(calls[index].name, name) != 0)
      continue;
    add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[index].number, 0, 1));
    add(answer);
    return;
  }
  fprintf(stderr, "deny: unknown call %s\n", name);
  exit(2);
}

int main(int count, char **words) {
  if (count < 4)
    return 2;
  unsigned error = strcmp(words[1], "EPERM") == 0 ? EPERM : ENOSYS;
  add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
  for (char *name = strtok(words[2], ","); name != NULL; name = strtok(NULL, ","))
    deny(name, error);
  add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  struct sock_fprog program = {length, filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    return 77;
  execvp(words[3], words + 3);
  return 77;
}
