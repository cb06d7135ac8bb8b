/* A request with a child scope, and in both all that can notice an end: a job that waits, one whose thread polls the
 * descriptor, a hook, and two deferred functions. Each notes what it sees of it.
 *
 * The compiler's definitions choose where that runs: PLUGIN, ROUTE and JOB are flags of the plugin, its routes and its
 * jobs. */
#include "probe.h"

#include <poll.h>
#include <stdatomic.h>

#ifndef PLUGIN
#define PLUGIN 0
#endif
#ifndef ROUTE
#define ROUTE 0
#endif
#ifndef JOB
#define JOB 0
#endif

/* Lies in the memory of its scope, where all notes about the scope read it. */
struct witness {
  ambit_scope *scope;
  const char *name;
  atomic_int *begun;
};

static const char *cause(ambit_scope *scope) { return ambit_cause_name(ambit_cancelled(scope)); }

static void told(void *arg) {
  struct witness *witness = arg;
  NOTE("ending: %s on_cancel %s\n", witness->name, cause(witness->scope));
}

static void undo_second(void *arg) {
  struct witness *witness = arg;
  NOTE("ending: %s deferred second %s\n", witness->name, cause(witness->scope));
}

static void undo_first(void *arg) {
  struct witness *witness = arg;
  NOTE("ending: %s deferred first %s\n", witness->name, cause(witness->scope));
}

static void ended(void *arg, ambit_outcome outcome, int32_t code) {
  struct witness *witness = arg;
  NOTE("ending: %s on_end %s %d %s\n", witness->name, ambit_outcome_name(outcome), code, cause(witness->scope));
}

static int32_t waits(ambit_scope *scope, void *arg) {
  struct witness *witness = arg;
  (*witness->begun)++;
  ambit_status status = ambit_sleep(scope, HOUR);
  NOTE("ending: %s wait %d %d %s\n", witness->name, status, ambit_sleep(scope, HOUR), cause(scope));
  return status;
}

static int32_t polls(ambit_scope *scope, void *arg) {
  struct witness *witness = arg;
  struct pollfd descriptor = {.fd = ambit_cancel_fd(scope), .events = POLLIN};
  int before = poll(&descriptor, 1, 0);
  (*witness->begun)++;
  int after = poll(&descriptor, 1, -1);
  NOTE("ending: %s cancel_fd %d %d %s\n", witness->name, before, after, cause(scope));
  return AMBIT_OK;
}

static const ambit_job_options watched = {.size = sizeof(ambit_job_options), .flags = JOB, .on_end = ended};
static const ambit_job_options on_thread = {.size = sizeof(ambit_job_options), .flags = AMBIT_JOB_THREAD};

struct stage {
  ambit_scope *child;
  struct witness *of_request, *of_child;
  /* The jobs that wait. */
  ambit_job *in_request, *in_child;
};

static struct witness *fill(ambit_scope *scope, const char *name, atomic_int *begun, ambit_job **job) {
  struct witness *witness = ambit_alloc(scope, sizeof *witness);
  *witness = (struct witness){scope, name, begun};
  ambit_on_cancel(scope, told, witness);
  ambit_defer(scope, undo_first, witness);
  ambit_defer(scope, undo_second, witness);
  ambit_spawn(scope, waits, witness, &watched, job);
  ambit_spawn(scope, polls, witness, &on_thread, NULL);
  return witness;
}

/* Each request has a new scope: another one than the request before, open, and without kept values. */
static void note_scope(ambit_scope *scope) {
  static ambit_ref before;
  ambit_ref ref = ambit_ref_of(scope);
  NOTE("ending: request begins %d %d %s\n", ref.id != before.id, ambit_get(scope, &before) == NULL, cause(scope));
  ambit_set(scope, &before, &before);
  before = ref;
}

/* Returns when all jobs have begun. */
static struct stage set_up(ambit_scope *scope) {
  note_scope(scope);
  struct stage stage = {0};
  atomic_int *begun = ambit_alloc(scope, sizeof *begun);
  ambit_scope_options options = ambit_default_scope_options("child");
  options.flags = AMBIT_FAIL_FAST;
  options.max_jobs = 3;
  stage.of_request = fill(scope, "request", begun, &stage.in_request);
  ambit_open(scope, &options, &stage.child);
  stage.of_child = fill(stage.child, "child", begun, &stage.in_child);
  while (*begun < 4)
    ambit_sleep(scope, AMBIT_MILLISECONDS(1));
  return stage;
}

static int32_t wait_for_the_end(ambit_scope *scope) {
  NOTE("ending: handler waits\n");
  ambit_status status = ambit_sleep(scope, HOUR);
  NOTE("ending: handler wait %d %d %s\n", status, ambit_sleep(scope, HOUR), cause(scope));
  return status;
}

static int32_t answer(ambit_scope *scope) { return ambit_respond(scope, 200, "text/plain", "done\n", 5); }

/* The child ends by itself, and the request goes on when it is closed. */
static int32_t outlive(ambit_scope *scope, ambit_scope *child) {
  ambit_status joined = ambit_join_all(child, -1);
  ambit_status closed = ambit_close(child);
  NOTE("ending: handler goes on %d %d %s\n", joined, closed, cause(scope));
  return answer(scope);
}

static int32_t hold(ambit_scope *scope) {
  set_up(scope);
  return wait_for_the_end(scope);
}

static int32_t done(ambit_scope *scope) {
  set_up(scope);
  return answer(scope);
}

/* Feeds the response, which is complete with the last byte, and so the request. */
static int32_t streams(ambit_scope *scope, void *arg) {
  (void)arg;
  static const char *const pieces[] = {"one ", "two ", "end\n"};
  ambit_status status = ambit_begin(scope, 200, -1);
  for (int i = 0; i < 3 && status == AMBIT_OK; i++) {
    status = ambit_write(scope, pieces[i], 4);
    ambit_status slept = ambit_sleep(scope, AMBIT_MILLISECONDS(1));
    NOTE("ending: stream %d %d %s\n", i, slept, cause(scope));
  }
  ambit_end(scope);
  ambit_status slept = ambit_sleep(scope, HOUR);
  NOTE("ending: stream wait %d %s\n", slept, cause(scope));
  return status;
}

static int32_t streamed(ambit_scope *scope) {
  struct stage stage = set_up(scope);
  ambit_spawn(scope, streams, stage.of_request, &watched, NULL);
  return AMBIT_PENDING;
}

static int32_t deadline(ambit_scope *scope) {
  set_up(scope);
  ambit_set_timeout(scope, AMBIT_MILLISECONDS(1));
  return wait_for_the_end(scope);
}

static int32_t called(ambit_scope *scope) {
  struct stage stage = set_up(scope);
  ambit_cancel(scope);
  /* It is too late to begin, but its hook runs. */
  ambit_spawn(stage.child, waits, stage.of_child, &watched, NULL);
  return wait_for_the_end(scope);
}

static int32_t cancels_above(ambit_scope *scope, void *arg) {
  (void)arg;
  ambit_cancel(ambit_parent(scope));
  return AMBIT_OK;
}

static int32_t called_below(ambit_scope *scope) {
  struct stage stage = set_up(scope);
  ambit_spawn(stage.child, cancels_above, stage.of_child, &watched, NULL);
  return wait_for_the_end(scope);
}

static int32_t plugin_called(ambit_scope *scope) {
  set_up(scope);
  ambit_cancel(ambit_plugin_scope(scope));
  return wait_for_the_end(scope);
}

static int32_t child_deadline(ambit_scope *scope) {
  struct stage stage = set_up(scope);
  ambit_set_timeout(stage.child, AMBIT_MILLISECONDS(1));
  return outlive(scope, stage.child);
}

static int32_t child_called(ambit_scope *scope) {
  struct stage stage = set_up(scope);
  ambit_cancel(stage.child);
  return outlive(scope, stage.child);
}

static int32_t fails(ambit_scope *scope, void *arg) {
  (void)scope;
  (void)arg;
  return AMBIT_FAILED;
}

static int32_t child_failed(ambit_scope *scope) {
  struct stage stage = set_up(scope);
  ambit_spawn(stage.child, fails, stage.of_child, &watched, NULL);
  return outlive(scope, stage.child);
}

/* One job alone ends. The scope is not cancelled, but the job learns the cause. */
static int32_t jobs_alone(ambit_scope *scope, ambit_job *job) {
  ambit_outcome outcome = -1;
  int32_t code = 0;
  ambit_status status = ambit_join(scope, job, -1, &outcome, &code);
  NOTE("ending: handler joins %d %s %d %s\n", status, ambit_outcome_name(outcome), code, cause(scope));
  return answer(scope);
}

static int32_t job_cancelled(ambit_scope *scope) {
  struct stage stage = set_up(scope);
  ambit_cancel_job(scope, stage.in_child);
  return jobs_alone(scope, stage.in_child);
}

/* The job ends the same whether it has begun before its timeout or not. */
static int32_t times_out(ambit_scope *scope, void *arg) {
  (void)arg;
  return ambit_sleep(scope, HOUR);
}

static int32_t job_timed_out(ambit_scope *scope) {
  struct stage stage = set_up(scope);
  ambit_job_options options = watched;
  options.timeout = AMBIT_MILLISECONDS(1);
  ambit_job *job = NULL;
  ambit_spawn(scope, times_out, stage.of_request, &options, &job);
  return jobs_alone(scope, job);
}

static int32_t completes(ambit_scope *scope, void *arg) {
  (void)arg;
  return ambit_yield(scope);
}

static int32_t job_completed(ambit_scope *scope) {
  struct stage stage = set_up(scope);
  ambit_job *job = NULL;
  ambit_spawn(scope, completes, stage.of_request, &watched, &job);
  return jobs_alone(scope, job);
}

static int32_t job_refused(ambit_scope *scope) {
  struct stage stage = set_up(scope);
  ambit_job *third = NULL, *fourth = NULL;
  ambit_status taken = ambit_spawn(stage.child, waits, stage.of_child, &watched, &third);
  ambit_status refused = ambit_spawn(stage.child, waits, stage.of_child, &watched, &fourth);
  NOTE("ending: handler spawned %d %d %d %s\n", taken, refused, fourth == NULL, cause(stage.child));
  while (*stage.of_child->begun < 5)
    ambit_sleep(scope, AMBIT_MILLISECONDS(1));
  return answer(scope);
}

#define GET(path, function)                                                                                            \
  { .pattern = "GET /" path, .handler = function, .flags = ROUTE }

static const ambit_route routes[] = {
    GET("hold", hold),
    GET("done", done),
    GET("streamed", streamed),
    GET("deadline", deadline),
    GET("called", called),
    GET("called-below", called_below),
    GET("plugin-called", plugin_called),
    GET("child-deadline", child_deadline),
    GET("child-called", child_called),
    GET("child-failed", child_failed),
    GET("job-cancelled", job_cancelled),
    GET("job-timed-out", job_timed_out),
    GET("job-completed", job_completed),
    GET("job-refused", job_refused),
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER,
    .name = "endings",
    .version = "1.0",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .flags = PLUGIN,
};
