/* The client of `departures`: departures PORT COUNT
 *
 * Resets connections whose request is being held, first one after the other on an idle host, then COUNT at once, and
 * prints a line with each figure: its name, a tab, its value, in microseconds. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SINGLE_RESETS = 1000, LONGEST_SAMPLE = 1 << 20 };

static struct sockaddr_in address;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static int connected(void) {
  int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0)
    die("socket");
  if (connect(descriptor, (const struct sockaddr *)&address, sizeof address) != 0)
    die("connect");
  int yes = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return descriptor;
}

static void ask(int descriptor, const char *path) {
  char request[128];
  int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: ambit\r\n\r\n", path);
  if (write(descriptor, request, (size_t)length) != length)
    die("write");
}

/* One response, which is small enough to come in one piece. */
static const char *answer(int descriptor) {
  static _Thread_local char response[4096];
  ssize_t length = read(descriptor, response, sizeof response - 1);
  if (length <= 0)
    die("read");
  response[length] = '\0';
  return response;
}

struct live {
  long jobs;
  int64_t last_woken;
};

static struct live live_jobs(int control) {
  ask(control, "/live");
  const char *body = strstr(answer(control), "\r\n\r\n");
  struct live live = {-1, 0};
  long long last_woken = 0;
  if (body == NULL || sscanf(body, "%ld %lld", &live.jobs, &last_woken) != 2)
    die("GET /live");
  live.last_woken = last_woken;
  return live;
}

static struct live await_jobs(int control, long count) {
  struct live live;
  do
    live = live_jobs(control);
  while (live.jobs != count);
  return live;
}

/* Closes with a reset instead of an orderly end. */
static void reset(int descriptor) {
  struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(descriptor);
}

static int compare(const void *one, const void *other) {
  int64_t left = *(const int64_t *)one, right = *(const int64_t *)other;
  return (left > right) - (left < right);
}

static void print(const char *name, int64_t nanoseconds) { printf("%s\t%.1f\n", name, (double)nanoseconds / 1000); }

static void print_quantiles(const char *name, int64_t *sample, size_t count) {
  char line[128];
  qsort(sample, count, sizeof *sample, compare);
  snprintf(line, sizeof line, "%s, median", name);
  print(line, sample[count / 2]);
  snprintf(line, sizeof line, "%s, p99", name);
  print(line, sample[count * 99 / 100]);
}

static void reset_one_by_one(int control) {
  static int64_t delays[SINGLE_RESETS];
  for (size_t i = 0; i < SINGLE_RESETS; i++) {
    int descriptor = connected();
    ask(descriptor, "/held");
    await_jobs(control, 1);
    usleep(500); // so that the loop sleeps
    int64_t start = now();
    reset(descriptor);
    delays[i] = await_jobs(control, 0).last_woken - start;
  }
  print_quantiles("one reset: job woken", delays, SINGLE_RESETS);
}

/* Asks for a plain response again and again while the others leave. */
struct bystander {
  atomic_bool ends;
  int64_t delays[LONGEST_SAMPLE];
  size_t count;
};

static void *stand_by(void *argument) {
  struct bystander *bystander = argument;
  int descriptor = connected();
  while (!atomic_load(&bystander->ends) && bystander->count < LONGEST_SAMPLE) {
    int64_t start = now();
    ask(descriptor, "/hello/World");
    answer(descriptor);
    bystander->delays[bystander->count++] = now() - start;
  }
  close(descriptor);
  return NULL;
}

static void reset_at_once(int control, long count) {
  static struct bystander bystander;
  int *descriptors = calloc((size_t)count, sizeof *descriptors);
  for (long i = 0; i < count; i++)
    ask(descriptors[i] = connected(), "/held");
  await_jobs(control, count);

  pthread_t thread;
  if (pthread_create(&thread, NULL, stand_by, &bystander) != 0)
    die("pthread_create");
  int64_t first = now();
  for (long i = 0; i < count; i++)
    reset(descriptors[i]);
  int64_t last = now();
  int64_t end = await_jobs(control, 0).last_woken;
  atomic_store(&bystander.ends, true);
  pthread_join(thread, NULL);

  print("all reset: from the first to the last", last - first);
  print("all reset: from the last to the end of the last job", end > last ? end - last : 0);
  print("all reset: from the first to the end of the last job", end - first);
  print_quantiles("all reset: another connection's request", bystander.delays, bystander.count);
  free(descriptors);
}

static void allow_descriptors(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int count, char **arguments) {
  if (count != 3) {
    fputs("usage: departures PORT COUNT\n", stderr);
    return 64;
  }
  address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  allow_descriptors();
  int control = connected();
  reset_one_by_one(control);
  reset_at_once(control, atol(arguments[2]));
  return 0;
}
