/* How soon things happen to jobs, each by itself.
 *
 * GET /started: from the spawn of a job to its first instruction. GET /done, /called, /deadline: from the end of the
 * request, with that cause, to the hook of a job that waits. GET /late: from a spawn in a scope that has ended to the
 * hook.
 * GET /last: what came of the last of them, in nanoseconds.
 *
 * For a host with one loop: the variables are the loop's alone. */
#include <ambit.h>
#include <time.h>

/* When the last of them began. */
static int64_t beginning;
/* What came of it; below 0 until that is known. */
static int64_t delay;

/* The loop's clock stands still during a turn. */
static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * AMBIT_SECONDS(1) + time.tv_nsec;
}

static void begin(void) {
  delay = -1;
  beginning = now();
}

static void ended(void *arg, ambit_outcome outcome, int32_t code) {
  (void)arg;
  (void)outcome;
  (void)code;
  delay = now() - beginning;
}

static const ambit_job_options watched = {.size = sizeof(ambit_job_options), .on_end = ended};

static int32_t tell(ambit_scope *scope, void *arg) {
  (void)scope;
  (void)arg;
  delay = now() - beginning;
  return AMBIT_OK;
}

static int32_t wait_for_ever(ambit_scope *scope, void *arg) {
  (void)arg;
  return ambit_sleep(scope, AMBIT_SECONDS(3600));
}

static int32_t answer(ambit_scope *scope) { return ambit_respond(scope, 200, "text/plain", "done\n", 5); }

static int32_t started(ambit_scope *scope) {
  begin();
  ambit_spawn(scope, tell, NULL, NULL, NULL);
  ambit_join_all(scope, -1);
  return answer(scope);
}

/* A job that waits. */
static void prepare(ambit_scope *scope) {
  ambit_spawn(scope, wait_for_ever, NULL, &watched, NULL);
  ambit_yield(scope);
}

static int32_t done(ambit_scope *scope) {
  prepare(scope);
  begin();
  return answer(scope);
}

static int32_t called(ambit_scope *scope) {
  prepare(scope);
  begin();
  ambit_cancel(scope);
  return AMBIT_OK;
}

static int32_t deadline(ambit_scope *scope) {
  prepare(scope);
  delay = -1;
  ambit_set_timeout(scope, AMBIT_MILLISECONDS(1));
  beginning = ambit_deadline(scope);
  return ambit_sleep(scope, AMBIT_SECONDS(3600));
}

static int32_t late(ambit_scope *scope) {
  ambit_cancel(scope);
  begin();
  ambit_spawn(scope, wait_for_ever, NULL, &watched, NULL);
  return AMBIT_OK;
}

static int32_t last(ambit_scope *scope) {
  while (delay < 0)
    if (ambit_yield(scope) != AMBIT_OK)
      return AMBIT_CANCELLED;
  return ambit_respondf(scope, 200, "text/plain", "%lld\n", (long long)delay);
}

static const ambit_route routes[] = {
    {.pattern = "GET /started", .handler = started}, {.pattern = "GET /done", .handler = done},
    {.pattern = "GET /called", .handler = called},   {.pattern = "GET /deadline", .handler = deadline},
    {.pattern = "GET /late", .handler = late},       {.pattern = "GET /last", .handler = last},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "moments", .version = "1.0",
                                                      .routes = routes,
                                                      .route_count = sizeof routes / sizeof routes[0]};
