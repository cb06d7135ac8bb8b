/* Jobs that end in each possible way, and hooks that report it. */
#include "probe.h"

static void ended(void *arg, ambit_outcome outcome, int32_t code) {
  NOTE("ended %s outcome=%s code=%d\n", (const char *)arg, ambit_outcome_name(outcome), code);
}

static void closed(void *arg) {
  (void)arg;
  NOTE("scope closed\n");
}

static const ambit_job_options watched = {.size = sizeof(ambit_job_options), .on_end = ended};
static const ambit_job_options roomy = {.size = sizeof(ambit_job_options), .stack_size = 4u << 20, .on_end = ended};

static int32_t sleeps(ambit_scope *scope, void *arg) {
  NOTE("started %s\n", (const char *)arg);
  return ambit_sleep(scope, HOUR);
}

static int32_t completes(ambit_scope *scope, void *arg) {
  (void)scope;
  NOTE("started %s\n", (const char *)arg);
  return AMBIT_OK;
}

static int32_t fails(ambit_scope *scope, void *arg) {
  NOTE("started %s\n", (const char *)arg);
  return ambit_fail(scope, AMBIT_FAILED, "the well is dry");
}

/* Touches three MiB of its stack, the lowest first. */
static int32_t goes_deep(ambit_scope *scope, void *arg) {
  (void)arg;
  volatile char frame[3 << 20];
  for (size_t i = 0; i < sizeof frame; i += 4096)
    frame[i] = 1;
  ambit_status status = ambit_yield(scope);
  return status == AMBIT_OK && frame[0] == 1 ? AMBIT_OK : AMBIT_FAILED;
}

/* Spawns `fn` with the hook, joins it and answers with the result of the join. */
static int32_t spawn_and_join(ambit_scope *scope, ambit_job_fn fn, char *name, const ambit_job_options *options) {
  ambit_defer(scope, closed, NULL);
  ambit_job *job = NULL;
  ambit_status status = ambit_spawn(scope, fn, name, options, &job);
  if (status != AMBIT_OK)
    return status;
  ambit_outcome outcome = AMBIT_JOB_CANCELLED;
  int32_t code = 0;
  status = ambit_join(scope, job, -1, &outcome, &code);
  return ambit_respondf(scope, 200, "text/plain", "join=%d outcome=%s code=%d\n", status, ambit_outcome_name(outcome),
                        code);
}

static int32_t complete(ambit_scope *scope) { return spawn_and_join(scope, completes, "plain", &watched); }

static int32_t fail(ambit_scope *scope) { return spawn_and_join(scope, fails, "failing", &watched); }

static int32_t go_deep(ambit_scope *scope) { return spawn_and_join(scope, goes_deep, "deep", &roomy); }

static int32_t fail_one_of_three(ambit_scope *scope) {
  ambit_spawn(scope, completes, "first", &watched, NULL);
  ambit_spawn(scope, fails, "second", &watched, NULL);
  ambit_spawn(scope, completes, "third", &watched, NULL);
  ambit_status status = ambit_join_all(scope, -1);
  return ambit_respondf(scope, 200, "text/plain", "join_all=%d\n", status);
}

static int32_t ten(ambit_scope *scope) {
  static const char *const names[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
  ambit_defer(scope, closed, NULL);
  for (size_t i = 0; i < 10; i++)
    ambit_spawn(scope, sleeps, (void *)names[i], &watched, NULL);
  return ambit_sleep(scope, HOUR);
}

static int32_t spawn_when_cancelled(ambit_scope *scope) {
  ambit_defer(scope, closed, NULL);
  ambit_cancel(scope);
  ambit_job *job = NULL;
  ambit_status status = ambit_spawn(scope, completes, "late", &watched, &job);
  NOTE("spawn returned %d\n", status);
  return AMBIT_OK;
}

static int32_t cancel_itself(ambit_scope *scope) {
  ambit_defer(scope, closed, NULL);
  ambit_spawn(scope, sleeps, "cancelled", &watched, NULL);
  ambit_yield(scope);
  ambit_cause before = ambit_cancelled(scope);
  ambit_cancel(scope);
  ambit_status status = ambit_sleep(scope, HOUR);
  NOTE("handler before=%s after=%s sleep=%d\n", ambit_cause_name(before), ambit_cause_name(ambit_cancelled(scope)),
       status);
  return status;
}

static int32_t cancel_one(ambit_scope *scope) {
  ambit_job *one = NULL;
  ambit_spawn(scope, sleeps, "one", &watched, &one);
  ambit_spawn(scope, sleeps, "other", &watched, NULL);
  ambit_yield(scope);
  ambit_cancel_job(scope, one);
  ambit_outcome outcome = AMBIT_JOB_COMPLETED;
  ambit_status status = ambit_join(scope, one, -1, &outcome, NULL);
  return ambit_respondf(scope, 200, "text/plain", "join=%d outcome=%s cause=%s\n", status, ambit_outcome_name(outcome),
                        ambit_cause_name(ambit_cancelled(scope)));
}

static int32_t join_for_a_while(ambit_scope *scope) {
  ambit_job *job = NULL;
  ambit_spawn(scope, sleeps, "long", &watched, &job);
  ambit_status poll = ambit_join(scope, job, 0, NULL, NULL);
  ambit_status timed = ambit_join(scope, job, AMBIT_MILLISECONDS(1), NULL, NULL);
  return ambit_respondf(scope, 200, "text/plain", "poll=%d timed=%d\n", poll, timed);
}

static int32_t answers_later(ambit_scope *scope, void *arg) {
  (void)arg;
  ambit_status status = ambit_sleep(scope, AMBIT_MILLISECONDS(10));
  return status == AMBIT_OK ? ambit_respond(scope, 200, "text/plain", "later\n", 6) : status;
}

static int32_t pending(ambit_scope *scope) {
  ambit_defer(scope, closed, NULL);
  ambit_status status = ambit_spawn(scope, answers_later, "answering", &watched, NULL);
  return status == AMBIT_OK ? AMBIT_PENDING : status;
}

static int32_t pending_for_nobody(ambit_scope *scope) {
  (void)scope;
  return AMBIT_PENDING;
}

static const ambit_route routes[] = {
    {.pattern = "GET /complete", .handler = complete},
    {.pattern = "GET /fail", .handler = fail},
    {.pattern = "GET /go-deep", .handler = go_deep},
    {.pattern = "GET /fail-one-of-three", .handler = fail_one_of_three},
    {.pattern = "GET /ten", .handler = ten},
    {.pattern = "GET /spawn-when-cancelled", .handler = spawn_when_cancelled},
    {.pattern = "GET /cancel-itself", .handler = cancel_itself},
    {.pattern = "GET /cancel-one", .handler = cancel_one},
    {.pattern = "GET /join-for-a-while", .handler = join_for_a_while},
    {.pattern = "GET /pending", .handler = pending},
    {.pattern = "GET /pending-for-nobody", .handler = pending_for_nobody},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER,
    .name = "jobs",
    .version = "1.0",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
};
