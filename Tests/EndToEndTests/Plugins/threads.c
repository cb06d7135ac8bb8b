/* Work on threads of the pool: blocking handlers, jobs that ask for a thread, and calls that block. */
#include "probe.h"

#include <pthread.h>
#include <string.h>

static void ended(void *arg, ambit_outcome outcome, int32_t code) {
  NOTE("ended %s outcome=%s code=%d\n", (const char *)arg, ambit_outcome_name(outcome), code);
}

static const ambit_job_options on_thread = {
    .size = sizeof(ambit_job_options), .name = "threaded", .flags = AMBIT_JOB_THREAD, .on_end = ended};

static int32_t thread_name(void *buffer) { return pthread_getname_np(pthread_self(), buffer, 32); }

/* Every call works on a thread: here are those that wait, take memory, look up and respond. */
static int32_t blocking(ambit_scope *scope) {
  char name[32];
  thread_name(name);
  ambit_status slept = ambit_sleep(scope, AMBIT_MILLISECONDS(1));
  ambit_str body;
  ambit_status read = ambit_body(scope, &body);
  const char *query = ambit_cstr(scope, ambit_query(scope, "q"));
  ambit_set_header(scope, "X-Thread", name);
  return ambit_respondf(scope, 200, "text/plain", "slept=%d read=%d body=%.*s q=%s\n", slept, read, AMBIT_STR_ARG(body),
                        query != NULL ? query : "none");
}

static int32_t add(ambit_scope *scope, void *arg) {
  char name[32];
  thread_name(name);
  *(int *)arg += strcmp(name, "ambit-pool") == 0 ? 1 : 100;
  return ambit_sleep(scope, AMBIT_MILLISECONDS(1));
}

static int32_t joined(ambit_scope *scope) {
  int *count = ambit_alloc(scope, 8 * sizeof(int));
  for (int i = 0; i < 8; i++)
    ambit_spawn(scope, add, &count[i],
                &(ambit_job_options){.size = sizeof(ambit_job_options), .flags = AMBIT_JOB_THREAD}, NULL);
  ambit_status status = ambit_join_all(scope, -1);
  int sum = 0;
  for (int i = 0; i < 8; i++)
    sum += count[i];
  return ambit_respondf(scope, 200, "text/plain", "join_all=%d threads=%d\n", status, sum);
}

static int32_t sleeps(ambit_scope *scope, void *arg) {
  NOTE("started %s\n", (const char *)arg);
  ambit_status status = ambit_sleep(scope, HOUR);
  NOTE("woken status=%d cause=%s again=%d\n", status, ambit_cause_name(ambit_cancelled(scope)),
       ambit_sleep(scope, HOUR));
  return status;
}

static int32_t held(ambit_scope *scope) {
  ambit_spawn(scope, sleeps, "job", &on_thread, NULL);
  return ambit_sleep(scope, HOUR);
}

static int32_t held_on_thread(ambit_scope *scope) { return sleeps(scope, "handler"); }

static int32_t block(ambit_scope *scope) {
  char name[32] = "";
  int32_t code = ambit_block(scope, thread_name, name);
  return ambit_respondf(scope, 200, "text/plain", "block=%d on %s\n", code, name);
}

static const ambit_route routes[] = {
    {.pattern = "POST /blocking", .handler = blocking, .flags = AMBIT_ROUTE_BLOCKING},
    {.pattern = "GET /joined", .handler = joined},
    {.pattern = "GET /held", .handler = held},
    {.pattern = "GET /held-on-thread", .handler = held_on_thread, .flags = AMBIT_ROUTE_BLOCKING},
    {.pattern = "GET /block", .handler = block},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "threads", .routes = routes,
                                                      .route_count = sizeof routes / sizeof routes[0]};
