/* A handler that computes until ambit_cancelled says no, and tells when that was, on the clock that clock_gettime calls
 * CLOCK_MONOTONIC. `calls` is how often it asked. */
#include <ambit.h>

static int32_t compute(ambit_scope *scope) {
  int64_t calls = 0;
  ambit_logf(scope, AMBIT_NOTICE, "computing");
  while (ambit_cancelled(scope) == AMBIT_CAUSE_NONE)
    calls++;
  int64_t now = ambit_now(scope);
  ambit_logf(scope, AMBIT_NOTICE, "ended by %s at=%lld deadline=%lld calls=%lld",
             ambit_cause_name(ambit_cancelled(scope)), (long long)now, (long long)ambit_deadline(scope),
             (long long)calls);
  return AMBIT_CANCELLED;
}

static int32_t compute_briefly(ambit_scope *scope) {
  ambit_set_timeout(scope, AMBIT_MILLISECONDS(20));
  return compute(scope);
}

static const ambit_route routes[] = {
    {.pattern = "GET /computes", .handler = compute},
    {.pattern = "GET /computes-briefly", .handler = compute_briefly},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "computing", .version = "1.0", .routes = routes, .route_count = 2};
