/* What the clients of the benchmarks have in common. */
#ifndef AMBIT_BENCHMARKS_CLIENT_H
#define AMBIT_BENCHMARKS_CLIENT_H

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

/* Says what failed, and why, and ends the program. */
static inline void die(const char *what) {
  perror(what);
  exit(1);
}

/* Monotonic nanoseconds. */
static inline int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* A connection to a server of this machine, the caller's to close. */
static inline int connected(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0)
    die("socket");
  if (connect(descriptor, (const struct sockaddr *)&address, sizeof address) != 0)
    die("connect");
  int yes = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return descriptor;
}

#endif
