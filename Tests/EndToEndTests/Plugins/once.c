/* A job that runs in one worker at a time, and a request that keeps its generation. */
#include "probe.h"

#ifndef VERSION
#define VERSION "1"
#endif

static int32_t once(ambit_scope *scope, void *arg) {
  (void)arg;
  NOTE("version " VERSION ": once begins pid=%d\n", (int)getpid());
  ambit_status status = ambit_sleep(scope, HOUR);
  ambit_cause cause = ambit_cancelled(scope);
  ambit_shield(scope, true);
  ambit_sleep(scope, AMBIT_MILLISECONDS(50));
  NOTE("version " VERSION ": once woken status=%d cause=%s\n", status, ambit_cause_name(cause));
  return status;
}

static void once_ended(void *arg, ambit_outcome outcome, int32_t code) {
  (void)arg;
  NOTE("version " VERSION ": once ends %s %d\n", ambit_outcome_name(outcome), (int)code);
}

static ambit_status spawn_once(ambit_scope *scope) {
  ambit_job_options options = ambit_default_job_options("once");
  options.flags = AMBIT_JOB_ONCE;
  options.on_end = once_ended;
  return ambit_spawn(scope, once, NULL, &options, NULL);
}

static int32_t start(ambit_scope *plugin) { return spawn_once(plugin); }

/* Not allowed: the scope is the request's. */
static int32_t here(ambit_scope *scope) { return spawn_once(scope); }

static int32_t wait_for_the_end(ambit_scope *scope) {
  NOTE("version " VERSION ": handler waits\n");
  return ambit_sleep(scope, HOUR);
}

static const ambit_route routes[] = {
    {.pattern = "GET /wait", .handler = wait_for_the_end},
    {.pattern = "GET /here", .handler = here},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER,
    .name = "once",
    .version = VERSION,
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .start = start,
};
