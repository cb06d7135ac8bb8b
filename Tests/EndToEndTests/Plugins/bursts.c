/* Routes for bursts of clients. */
#include "probe.h"

static int32_t plain(ambit_scope *scope) { return ambit_respond(scope, 200, "text/plain", "plain\n", 6); }

static int32_t echo(ambit_scope *scope) {
  ambit_str body;
  ambit_status status = ambit_body(scope, &body);
  return status == AMBIT_OK ? ambit_respond(scope, 200, "text/plain", body.ptr, body.len) : status;
}

static int32_t hold(ambit_scope *scope) { return ambit_sleep(scope, HOUR); }

static int32_t large(ambit_scope *scope) {
  static const char bytes[1 << 20];
  return ambit_respond(scope, 200, "text/plain", bytes, sizeof bytes);
}

static const ambit_route routes[] = {
    {.pattern = "GET /plain", .handler = plain},
    {.pattern = "POST /echo", .handler = echo},
    {.pattern = "GET /hold", .handler = hold},
    {.pattern = "GET /large", .handler = large},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "bursts", .routes = routes, .route_count = sizeof routes / sizeof routes[0]};
