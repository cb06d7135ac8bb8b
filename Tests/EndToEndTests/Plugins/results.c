/* Handlers that return the number in their path, before and in the middle of a response. */
#include "probe.h"

#include <stdlib.h>

static int32_t number(ambit_scope *scope) { return atoi(ambit_cstr(scope, ambit_param(scope, "number"))); }

static int32_t with_a_reason(ambit_scope *scope) { return ambit_fail(scope, number(scope), "the moon is full"); }

static int32_t in_the_middle(ambit_scope *scope) {
  ambit_begin(scope, 200, 10);
  ambit_write(scope, "half.", 5);
  return number(scope);
}

/* Returns OK with half of the announced body written. */
static int32_t too_short(ambit_scope *scope) {
  ambit_begin(scope, 200, 10);
  return ambit_write(scope, "half.", 5);
}

static int32_t nothing(ambit_scope *scope) {
  (void)scope;
  return AMBIT_OK;
}

static int32_t status_only(ambit_scope *scope) { return ambit_set_status(scope, 202); }

static const ambit_route routes[] = {
    {.pattern = "GET /return/{number}", .handler = number},
    {.pattern = "GET /fail/{number}", .handler = with_a_reason},
    {.pattern = "GET /cut/{number}", .handler = in_the_middle},
    {.pattern = "GET /too-short", .handler = too_short},
    {.pattern = "GET /nothing", .handler = nothing},
    {.pattern = "GET /status-only", .handler = status_only},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER,
    .name = "results",
    .version = "1.0",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
};
