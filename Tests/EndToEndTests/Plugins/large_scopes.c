/* Scopes with thousands of jobs, each of which computes for a while. Counts how many of them had their turn when
 * another request is handled. For a host with one loop. */
#include "probe.h"

enum { JOBS = 4000 };

static int had_turn, begun, cancelled;
static bool is_ending;
static ambit_event *event, *all_had_turn;
static ambit_scope *held;

/* For 20 microseconds at least. */
static void compute(ambit_scope *scope) {
  int64_t end = ambit_now(scope) + 20 * AMBIT_MILLISECONDS(1) / 1000;
  while (ambit_now(scope) < end)
    ;
  had_turn++;
}

/* Blocks the loop until the test has sent another request. */
static void await_other_request(const char *what) {
  NOTE("%s\n", what);
  while (access("sent", F_OK) != 0)
    usleep(1000);
}

static int32_t computes(ambit_scope *scope, void *arg) {
  (void)arg;
  compute(scope);
  return AMBIT_OK;
}

static int32_t waits(ambit_scope *scope, void *arg) {
  (void)arg;
  begun++;
  ambit_status status = ambit_event_wait(scope, event, HOUR);
  cancelled += status == AMBIT_CANCELLED && ambit_cancelled(scope) == AMBIT_CAUSE_CALLED;
  compute(scope);
  if (had_turn == JOBS)
    ambit_event_set(all_had_turn);
  return status;
}

static ambit_status spawn_all(ambit_scope *scope, ambit_job_fn job) {
  ambit_status status = AMBIT_OK;
  for (int i = 0; i < JOBS && status == AMBIT_OK; i++)
    status = ambit_spawn(scope, job, NULL, NULL, NULL);
  return status;
}

static int32_t begin(ambit_scope *scope) {
  had_turn = 0;
  await_other_request("about to begin");
  ambit_status status = spawn_all(scope, computes);
  if (status == AMBIT_OK)
    status = ambit_join_all(scope, -1);
  return status == AMBIT_OK ? ambit_respondf(scope, 200, "text/plain", "%d", had_turn) : status;
}

/* Answers with the number of jobs whose wait was cancelled, when all have ended. */
static int32_t hold(ambit_scope *scope) {
  had_turn = begun = cancelled = 0;
  event = ambit_event_new(scope);
  all_had_turn = ambit_event_new(scope);
  ambit_status status = ambit_open(scope, NULL, &held);
  if (status == AMBIT_OK)
    status = spawn_all(held, waits);
  while (status == AMBIT_OK && begun < JOBS)
    status = ambit_yield(scope);
  NOTE("all wait\n");
  if (status == AMBIT_OK)
    status = ambit_event_wait(scope, all_had_turn, HOUR);
  if (status == AMBIT_OK)
    status = ambit_close(held);
  return status == AMBIT_OK ? ambit_respondf(scope, 200, "text/plain", "%d", cancelled) : status;
}

/* Cancels the jobs of GET /hold, while the loop handles events. */
static int32_t end(ambit_scope *scope) {
  await_other_request("about to end");
  is_ending = true;
  ambit_cancel(held);
  return ambit_respond(scope, 200, "text/plain", "", 0);
}

/* Answers with the number of jobs that have had their turn. What cancelled jobs waited for happens now, too late. */
static int32_t other(ambit_scope *scope) {
  int count = had_turn;
  if (is_ending && count < JOBS)
    ambit_event_set(event);
  return ambit_respondf(scope, 200, "text/plain", "%d", count);
}

static int32_t returns(ambit_scope *scope, void *arg) {
  (void)scope;
  (void)arg;
  return AMBIT_OK;
}

/* The same, after it has waited for a job of its own. */
static int32_t other_with_job(ambit_scope *scope) {
  ambit_status status = ambit_spawn(scope, returns, NULL, NULL, NULL);
  if (status == AMBIT_OK)
    status = ambit_join_all(scope, -1);
  return status == AMBIT_OK ? other(scope) : status;
}

static const ambit_route routes[] = {
    {.pattern = "GET /begin", .handler = begin},
    {.pattern = "GET /hold", .handler = hold},
    {.pattern = "GET /end", .handler = end},
    {.pattern = "GET /other", .handler = other},
    {.pattern = "GET /other-with-job", .handler = other_with_job},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "large_scopes", .routes = routes, .route_count = sizeof routes / sizeof routes[0]};
