/* Receiving from sockets and sending to them without the C library. Its functions are cancellation points, which cost
 * two atomic operations per call, and the host never cancels threads. Inlined, since a processor that comes back from
 * the kernel mispredicts the next returns.
 *
 * The result is the kernel's: a number of bytes, or a negated error number. errno is not changed. */
#ifndef CLINUX_STREAM_H
#define CLINUX_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* A system call with up to six arguments; syscall(2) tells the register of each. */
static inline intptr_t clinux_call(intptr_t number, intptr_t first, intptr_t second, intptr_t third, intptr_t fourth,
                                   intptr_t fifth, intptr_t sixth) {
#if defined(__x86_64__)
  intptr_t result;
  register intptr_t r10 __asm__("r10") = fourth;
  register intptr_t r8 __asm__("r8") = fifth;
  register intptr_t r9 __asm__("r9") = sixth;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(first), "S"(second), "d"(third), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register intptr_t x8 __asm__("x8") = number;
  register intptr_t x0 __asm__("x0") = first;
  register intptr_t x1 __asm__("x1") = second;
  register intptr_t x2 __asm__("x2") = third;
  register intptr_t x3 __asm__("x3") = fourth;
  register intptr_t x4 __asm__("x4") = fifth;
  register intptr_t x5 __asm__("x5") = sixth;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
#else
#error "system calls are written for x86-64 and arm64"
#endif
}

/* recv(2) without flags. */
static inline intptr_t clinux_receive(int fd, void *buffer, size_t capacity) {
  return clinux_call(SYS_recvfrom, fd, (intptr_t)buffer, (intptr_t)capacity, 0, 0, 0);
}

/* send(2) without SIGPIPE: a connection that is gone is an error. */
static inline intptr_t clinux_send(int fd, const void *bytes, size_t length) {
  return clinux_call(SYS_sendto, fd, (intptr_t)bytes, (intptr_t)length, MSG_NOSIGNAL, 0, 0);
}

/* writev(2). */
static inline intptr_t clinux_write_parts(int fd, const void *parts, int count) {
  return clinux_call(SYS_writev, fd, (intptr_t)parts, count, 0, 0, 0);
}

/* Whether the peer of a connection has stopped sending or is gone, even if there are unread bytes: EPOLLRDHUP, EPOLLHUP
 * and EPOLLERR as epoll_wait(2) reports them; 0 if neither. Does not wait. By ppoll(2), since arm64 has no poll. */
static inline uint32_t clinux_hangup_events(int fd) {
  struct {
    int fd;
    uint16_t wanted, found;
  } entry = {fd, 0x2000 /* POLLRDHUP; the kernel's numbers are those of EPOLLRDHUP and the others */, 0};
  struct {
    int64_t seconds, nanoseconds;
  } no_time = {0, 0};
  intptr_t count = clinux_call(SYS_ppoll, (intptr_t)&entry, 1, (intptr_t)&no_time, 0, 8, 0);
  return count == 1 ? entry.found : 0;
}

#endif
