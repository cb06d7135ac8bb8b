/* The client of `departures`: departures PORT COUNT PID
 *
 * Asks for the delays that the plugin `moments` measures, then resets connections whose request is being held: one
 * after the other on an idle host, COUNT one right after the other, and COUNT that the host, process PID, sees all at
 * once since it is stopped meanwhile. Prints a line with each figure: its name, a tab, its value, in microseconds. */
#include "client.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SINGLES = 2000, LONGEST_SAMPLE = 1 << 20 };

static int port;

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
  snprintf(line, sizeof line, "%s, longest", name);
  print(line, sample[count - 1]);
}

static int64_t number_at(int control, const char *path) {
  ask(control, path);
  const char *body = strstr(answer(control), "\r\n\r\n");
  if (body == NULL)
    die(path);
  return atoll(body);
}

/* What `moments` says of `path`, each time in a request of its own. */
static void ask_for_moments(const char *name, const char *path) {
  static int64_t delays[SINGLES];
  int control = connected(port);
  for (size_t i = 0; i < SINGLES; i++) {
    ask(control, path);
    answer(control);
    delays[i] = number_at(control, "/last");
  }
  close(control);
  print_quantiles(name, delays, SINGLES);
}

static void reset_one_by_one(int control) {
  static int64_t delays[SINGLES];
  for (size_t i = 0; i < SINGLES; i++) {
    int descriptor = connected(port);
    ask(descriptor, "/held");
    await_jobs(control, 1);
    usleep(500); // so that the loop sleeps
    int64_t start = now();
    reset(descriptor);
    delays[i] = await_jobs(control, 0).last_woken - start;
  }
  print_quantiles("client gone: job woken", delays, SINGLES);
}

/* Asks for a plain response again and again while the others leave. */
struct bystander {
  pthread_t thread;
  int descriptor;
  atomic_bool ends;
  int64_t delays[LONGEST_SAMPLE];
  size_t count;
};

static void *stand_by(void *argument) {
  struct bystander *bystander = argument;
  while (!atomic_load(&bystander->ends) && bystander->count < LONGEST_SAMPLE) {
    int64_t start = now();
    ask(bystander->descriptor, "/hello/World");
    answer(bystander->descriptor);
    bystander->delays[bystander->count++] = now() - start;
  }
  return NULL;
}

/* One that the host knows already. */
static struct bystander *new_bystander(void) {
  struct bystander *bystander = calloc(1, sizeof *bystander);
  if (bystander == NULL)
    die("calloc");
  bystander->descriptor = connected(port);
  ask(bystander->descriptor, "/hello/World");
  answer(bystander->descriptor);
  return bystander;
}

static void start(struct bystander *bystander) {
  if (pthread_create(&bystander->thread, NULL, stand_by, bystander) != 0)
    die("pthread_create");
}

static void finish(struct bystander *bystander, const char *name) {
  atomic_store(&bystander->ends, true);
  pthread_join(bystander->thread, NULL);
  close(bystander->descriptor);
  print_quantiles(name, bystander->delays, bystander->count);
  free(bystander);
}

/* Clients whose requests are held. */
static int *hold(int control, long count) {
  int *descriptors = calloc((size_t)count, sizeof *descriptors);
  if (descriptors == NULL)
    die("calloc");
  for (long i = 0; i < count; i++)
    ask(descriptors[i] = connected(port), "/held");
  await_jobs(control, count);
  return descriptors;
}

static void reset_in_turn(int control, long count) {
  int *descriptors = hold(control, count);
  struct bystander *bystander = new_bystander();
  start(bystander);
  int64_t first = now();
  for (long i = 0; i < count; i++)
    reset(descriptors[i]);
  int64_t last = now();
  int64_t end = await_jobs(control, 0).last_woken;
  print("all gone in turn: from the first to the last", last - first);
  print("all gone in turn: from the first to the end of the last job", end - first);
  print("all gone in turn: from the last to the end of the last job", end > last ? end - last : 0);
  finish(bystander, "all gone in turn: another's request");
  free(descriptors);
}

static void stop_host(pid_t host) {
  char path[64], state = '\0';
  snprintf(path, sizeof path, "/proc/%d/stat", (int)host);
  if (kill(host, SIGSTOP) != 0)
    die("kill");
  while (state != 'T') {
    FILE *file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%*d %*s %c", &state) != 1)
      die(path);
    fclose(file);
  }
}

static void reset_at_once(int control, long count, pid_t host) {
  int *descriptors = hold(control, count);
  struct bystander *bystander = new_bystander();
  stop_host(host);
  for (long i = 0; i < count; i++)
    reset(descriptors[i]);
  start(bystander);
  int64_t beginning = now();
  if (kill(host, SIGCONT) != 0)
    die("kill");
  int64_t end = await_jobs(control, 0).last_woken;
  print("all gone at once: to the end of the last job", end - beginning);
  finish(bystander, "all gone at once: another's request");
  free(descriptors);
}

static void allow_descriptors(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int count, char **arguments) {
  if (count != 4) {
    fputs("usage: departures PORT COUNT PID\n", stderr);
    return 64;
  }
  port = atoi(arguments[1]);
  allow_descriptors();
  ask_for_moments("job spawned: started", "/started");
  ask_for_moments("response complete: hook of a job", "/done");
  ask_for_moments("cancel called: hook of a job", "/called");
  ask_for_moments("deadline passed: hook of a job", "/deadline");
  ask_for_moments("spawned after the end: hook of the job", "/late");
  int control = connected(port);
  reset_one_by_one(control);
  reset_in_turn(control, atol(arguments[2]));
  reset_at_once(control, atol(arguments[2]), (pid_t)atoi(arguments[3]));
  return 0;
}
