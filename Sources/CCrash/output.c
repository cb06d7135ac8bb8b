#define _GNU_SOURCE

#include "output.h"
#include "ccrash.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/// Between two looks whether the earlier lines are written, in nanoseconds.
#define PAUSE ((int64_t)2000000)

static int outputs[2] = {-1, -1};
/// The file to which the outputs lead.
static dev_t output_device;
static ino_t output_file;
static _Atomic size_t backlog;

void keep_outputs(const int given[2]) {
  struct stat status;
  outputs[0] = given[0];
  outputs[1] = given[1];
  if (fstat(given[1], &status) != 0 && fstat(given[0], &status) != 0)
    return;
  output_device = status.st_dev;
  output_file = status.st_ino;
}

/// A descriptor that still leads to the output; -1 if there is none. Another number could belong to a client's
/// connection by now.
static int find_output(void) {
  for (int index = 0; index < 2; index++) {
    struct stat status;
    if (fstat(outputs[index], &status) == 0 && status.st_dev == output_device && status.st_ino == output_file)
      return outputs[index];
  }
  return -1;
}

size_t log_backlog(void) { return atomic_load(&backlog); }

void ccrash_note_backlog(size_t bytes) { atomic_store_explicit(&backlog, bytes, memory_order_relaxed); }

int64_t monotonic_time(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

void await_backlog(int64_t deadline) {
  while (log_backlog() > 0 && monotonic_time() < deadline)
    nanosleep(&(struct timespec){.tv_nsec = PAUSE}, NULL);
}

/// Writes as much as fits without waiting; -1 with EAGAIN if nothing fits.
static ssize_t write_some(int output, const char *bytes, size_t count) {
  ssize_t written = send(output, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (written >= 0 || errno != ENOTSOCK)
    return written;
  struct pollfd room = {.fd = output, .events = POLLOUT};
  if (poll(&room, 1, 0) == 1)
    return write(output, bytes, count);
  errno = EAGAIN;
  return -1;
}

/// Removes the piece of a line that a full disk has taken, so that the line of another process does not join it.
static void take_back(int output, size_t written) {
  struct stat status;
  off_t end = lseek(output, 0, SEEK_CUR);
  if (written == 0 || end < (off_t)written || fstat(output, &status) != 0 || !S_ISREG(status.st_mode) ||
      status.st_size != end || ftruncate(output, end - (off_t)written) != 0)
    return;
  if ((fcntl(output, F_GETFL) & O_APPEND) == 0)
    lseek(output, end - (off_t)written, SEEK_SET);
}

void write_line(const struct text *line, int64_t deadline) {
  int output = find_output();
  size_t start = 0;
  while (start < line->count) {
    ssize_t count = write_some(output, line->bytes + start, line->count - start);
    if (count > 0) {
      start += (size_t)count;
    } else if (count < 0 && errno == EAGAIN && monotonic_time() < deadline) {
      struct pollfd room = {.fd = output, .events = POLLOUT};
      poll(&room, 1, 10);
    } else if (count == 0 || errno != EINTR) {
      return take_back(output, start);
    }
  }
}
