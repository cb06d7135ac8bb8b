/* GET /held: answers nothing and leaves one job waiting, which tells when its cancellation has reached it.
 * GET /live: how many such jobs there are, and when the last of them was woken, in nanoseconds of CLOCK_MONOTONIC.
 *
 * For a host with one loop: the counters are the loop's alone. */
#include <ambit.h>

static long live;
static int64_t last_woken;

static int32_t wait_for_ever(ambit_scope *scope, void *arg) {
  (void)arg;
  live++;
  ambit_status status = ambit_sleep(scope, AMBIT_SECONDS(3600));
  last_woken = ambit_now(scope);
  live--;
  return status;
}

static int32_t held(ambit_scope *scope) {
  ambit_status status = ambit_spawn(scope, wait_for_ever, NULL, NULL, NULL);
  return status == AMBIT_OK ? AMBIT_PENDING : status;
}

static int32_t live_jobs(ambit_scope *scope) {
  return ambit_respondf(scope, 200, "text/plain", "%ld %lld\n", live, (long long)last_woken);
}

static const ambit_route routes[] = {
    {.pattern = "GET /held", .handler = held},
    {.pattern = "GET /live", .handler = live_jobs},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "held", .version = "1.0", .routes = routes, .route_count = 2,
};
