/* Handlers that wait until they are cancelled, each with a job that does the same. */
#include "probe.h"

static int32_t job(ambit_scope *scope, void *arg) {
  (void)arg;
  NOTE("job waits\n");
  ambit_status status = ambit_sleep(scope, HOUR);
  NOTE("job woken status=%d cause=%s\n", status, ambit_cause_name(ambit_cancelled(scope)));
  return status;
}

static void closed(void *arg) {
  (void)arg;
  NOTE("scope closed\n");
}

static int32_t wait_for_the_end(ambit_scope *scope) {
  ambit_defer(scope, closed, NULL);
  ambit_spawn(scope, job, NULL, NULL, NULL);
  ambit_yield(scope);
  NOTE("handler waits\n");
  ambit_status status = ambit_sleep(scope, HOUR);
  NOTE("handler woken status=%d cause=%s\n", status, ambit_cause_name(ambit_cancelled(scope)));
  return status;
}

static int32_t ping(ambit_scope *scope) { return ambit_respond(scope, 200, "text/plain", "pong\n", 5); }

/* A request that takes its time. */
static int32_t pause_between(ambit_scope *scope) {
  NOTE("pause begun\n");
  ambit_status status = ambit_sleep(scope, AMBIT_MILLISECONDS(300));
  NOTE("pause over status=%d\n", status);
  if (status != AMBIT_OK)
    return status;
  return ambit_respond(scope, 200, "text/plain", "rested\n", 7);
}

static const ambit_route routes[] = {
    {.pattern = "GET /wait", .handler = wait_for_the_end},
    {.pattern = "POST /unread", .handler = wait_for_the_end},
    {.pattern = "GET /pause", .handler = pause_between},
    {.pattern = "GET /stay", .handler = pause_between, .flags = AMBIT_ROUTE_FINISH_ON_DISCONNECT},
    {.pattern = "GET /ping", .handler = ping},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER,
    .name = "waits",
    .version = "1.0",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
};
