#define _GNU_SOURCE

#include "clinux.h"

#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Made directly: glibc wraps epoll_pwait2 from 2.35 on, later than the kernels that have it. */
int clinux_epoll_wait(int fd, struct epoll_event *events, int capacity, int64_t timeout) {
  struct {
    int64_t seconds, nanoseconds;
  } limit = {timeout / 1000000000, timeout % 1000000000};
  return (int)syscall(SYS_epoll_pwait2, fd, events, capacity, timeout < 0 ? NULL : &limit, NULL, (size_t)0);
}

int clinux_socket(int family) { return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

int clinux_accept(int fd) { return accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC); }

int clinux_core_count(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0 ? CPU_COUNT(&set) : 1;
}

void clinux_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
