/* The client of the workload in workloads/turns.py: turns PORT SECONDS PATH...
 *
 * Asks for the paths in turn on one connection, a block of requests each, one request after the other, and prints a
 * line for each path: the median time of its requests, a tab, and the median of what a block of it took more than the
 * block of the first path in the same round, each as the median of its requests; in microseconds. */
#include "client.h"
#include <string.h>
#include <unistd.h>

enum { MOST_PATHS = 8, BLOCK = 40, WARM_UP = 5, TIMED = BLOCK - WARM_UP, MOST_ROUNDS = 20000 };

/* In nanoseconds. */
struct times {
  int64_t requests[MOST_ROUNDS * TIMED];
  int64_t blocks[MOST_ROUNDS];
};

/* How long one request takes, whose answer is small enough to come in one piece. */
static int64_t request(int descriptor, const char *path) {
  static const char ok[] = "HTTP/1.1 200 ";
  char buffer[4096];
  int length = snprintf(buffer, sizeof buffer, "GET %s HTTP/1.1\r\nHost: ambit\r\n\r\n", path);
  int64_t start = now();
  if (write(descriptor, buffer, (size_t)length) != length)
    die("write");
  ssize_t received = read(descriptor, buffer, sizeof buffer);
  int64_t duration = now() - start;
  if (received < (ssize_t)sizeof ok || memcmp(buffer, ok, sizeof ok - 1) != 0) {
    fprintf(stderr, "%s is not answered with 200\n", path);
    exit(1);
  }
  return duration;
}

static int compare(const void *one, const void *other) {
  int64_t left = *(const int64_t *)one, right = *(const int64_t *)other;
  return (left > right) - (left < right);
}

static int64_t median(int64_t *times, size_t count) {
  qsort(times, count, sizeof *times, compare);
  return times[count / 2];
}

static void measure_block(int descriptor, const char *path, struct times *times, size_t round) {
  int64_t *requests = times->requests + round * TIMED;
  for (size_t i = 0; i < BLOCK; i++) {
    int64_t duration = request(descriptor, path);
    if (i >= WARM_UP)
      requests[i - WARM_UP] = duration;
  }
  times->blocks[round] = median(requests, TIMED);
}

int main(int count, char **arguments) {
  int path_count = count - 3;
  if (path_count < 1 || path_count > MOST_PATHS) {
    fputs("usage: turns PORT SECONDS PATH...\n", stderr);
    return 64;
  }
  char **paths = arguments + 3;
  static struct times times[MOST_PATHS];
  int descriptor = connected(atoi(arguments[1]));
  size_t rounds = 0;
  for (int64_t end = now() + atoi(arguments[2]) * INT64_C(1000000000); now() < end && rounds < MOST_ROUNDS; rounds++)
    for (int i = 0; i < path_count; i++)
      measure_block(descriptor, paths[i], &times[i], rounds);
  for (int i = path_count; i-- > 0;)
    for (size_t round = 0; round < rounds; round++)
      times[i].blocks[round] -= times[0].blocks[round];
  for (int i = 0; i < path_count; i++)
    printf("%.2f\t%.2f\n", (double)median(times[i].requests, rounds * TIMED) / 1000,
           (double)median(times[i].blocks, rounds) / 1000);
  return 0;
}
