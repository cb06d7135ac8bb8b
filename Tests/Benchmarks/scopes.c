/* The client of `scopes`: scopes PORT JOBS RATE SECONDS
 *
 * Asks for /plain RATE times a second, at times that are set beforehand, over 32 connections; and twice a second for a
 * scope of so many JOBS, 0 for none. A request whose time has come is sent even if the answers to those before it are
 * late, and its latency counts from that time: a server that does not answer for a while is late for every request of
 * that while. Prints a line with each figure, its name, a tab, its value, in microseconds. */
#define _GNU_SOURCE
#include "client.h"
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { CONNECTIONS = 32, OPENER = CONNECTIONS, MOST_UNANSWERED = 1 << 16, MOST_SCOPES = 1000 };

/* A connection for /plain, with the times of its requests that are not answered. */
struct connection {
  int descriptor;
  uint32_t sent, answered;
  /* Bytes of the answer that is being received. */
  size_t received;
  int64_t times[MOST_UNANSWERED];
};

static struct connection connections[CONNECTIONS];
static const char plain[] = "GET /plain HTTP/1.1\r\nHost: ambit\r\n\r\n";
/* All answers have the same length. */
static size_t answer_length;
static int64_t *latencies;
static size_t latency_count;

/* Nanoseconds of each scope: its spawning, until its last job had begun, and from the cancel until the last one had
 * ended. */
static int64_t scopes[3][MOST_SCOPES];
static size_t scope_count;

static void ask(struct connection *connection, int64_t time) {
  if (connection->sent - connection->answered == MOST_UNANSWERED) {
    fputs("the server does not answer\n", stderr);
    exit(1);
  }
  if (write(connection->descriptor, plain, sizeof plain - 1) != sizeof plain - 1)
    die("write");
  connection->times[connection->sent++ % MOST_UNANSWERED] = time;
}

static void receive(struct connection *connection) {
  char buffer[16384];
  ssize_t length = recv(connection->descriptor, buffer, sizeof buffer, MSG_DONTWAIT);
  if (length < 0 && errno == EAGAIN)
    return;
  if (length <= 0)
    die("read");
  int64_t time = now();
  for (connection->received += (size_t)length; connection->received >= answer_length;
       connection->received -= answer_length)
    latencies[latency_count++] = time - connection->times[connection->answered++ % MOST_UNANSWERED];
}

static void learn_answer(int descriptor) {
  char buffer[4096];
  if (write(descriptor, plain, sizeof plain - 1) != sizeof plain - 1)
    die("write");
  ssize_t length = read(descriptor, buffer, sizeof buffer);
  if (length < 12 || memcmp(buffer, "HTTP/1.1 200", 12) != 0)
    die("GET /plain");
  answer_length = (size_t)length;
}

static void ask_for_scope(int descriptor, long jobs) {
  char request[128];
  int length = snprintf(request, sizeof request, "GET /scope/%ld HTTP/1.1\r\nHost: ambit\r\n\r\n", jobs);
  if (write(descriptor, request, (size_t)length) != length)
    die("write");
}

static void receive_scope(int descriptor) {
  char answer[4096];
  ssize_t length = read(descriptor, answer, sizeof answer - 1);
  if (length <= 0)
    die("read");
  answer[length] = '\0';
  const char *body = strstr(answer, "\r\n\r\n");
  long long spawned, begun, ended;
  if (body == NULL || memcmp(answer, "HTTP/1.1 200", 12) != 0 ||
      sscanf(body, "%lld %lld %lld", &spawned, &begun, &ended) != 3) {
    fprintf(stderr, "unexpected answer: %s\n", answer);
    exit(1);
  }
  if (scope_count < MOST_SCOPES) {
    scopes[0][scope_count] = spawned;
    scopes[1][scope_count] = begun;
    scopes[2][scope_count++] = ended;
  }
}

static int compare(const void *one, const void *other) {
  int64_t left = *(const int64_t *)one, right = *(const int64_t *)other;
  return (left > right) - (left < right);
}

static void print(const char *name, int64_t *sample, size_t count, double part) {
  qsort(sample, count, sizeof *sample, compare);
  size_t index = (size_t)((double)count * part);
  printf("%s\t%.1f\n", name, (double)sample[index < count ? index : count - 1] / 1000);
}

int main(int count, char **arguments) {
  if (count != 5) {
    fputs("usage: scopes PORT JOBS RATE SECONDS\n", stderr);
    return 64;
  }
  int port = atoi(arguments[1]);
  long jobs = atol(arguments[2]), rate = atol(arguments[3]), seconds = atol(arguments[4]);
  size_t total = (size_t)(rate * seconds);
  latencies = calloc(total, sizeof *latencies);
  int epoll = epoll_create1(0);
  if (latencies == NULL || epoll < 0)
    die("start");
  int opener = connected(port);
  for (uint32_t i = 0; i <= CONNECTIONS; i++) {
    int descriptor = i == OPENER ? opener : (connections[i].descriptor = connected(port));
    if (i != OPENER)
      learn_answer(descriptor);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
    epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
  }
  int64_t begin = now(), next_scope = begin + INT64_C(250000000);
  size_t sent = 0;
  while (latency_count < total) {
    int64_t time = now();
    for (; sent < total; sent++) {
      int64_t due = begin + (int64_t)((double)sent * 1e9 / (double)rate);
      if (due > time)
        break;
      ask(&connections[sent % CONNECTIONS], due);
    }
    if (jobs > 0 && time >= next_scope && sent < total) {
      ask_for_scope(opener, jobs);
      next_scope += INT64_C(500000000);
    }
    struct epoll_event events[CONNECTIONS + 1];
    int ready = epoll_wait(epoll, events, CONNECTIONS + 1, 0);
    for (int i = 0; i < ready; i++)
      if (events[i].data.u32 == OPENER)
        receive_scope(opener);
      else
        receive(&connections[events[i].data.u32]);
  }
  static const struct {
    const char *name;
    double part;
  } quantiles[] = {{"median", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {"longest", 1}};
  for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++)
    print(quantiles[i].name, latencies, latency_count, quantiles[i].part);
  static const char *const times[] = {"spawned", "last begun", "last ended"};
  for (size_t i = 0; i < 3 && scope_count > 0; i++)
    print(times[i], scopes[i], scope_count, 0.5);
  return 0;
}
