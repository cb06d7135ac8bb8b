/* Shows a handler's view of its request, and what the host does with the fields a handler sets. */
#include "probe.h"

static int32_t show(ambit_scope *scope) {
  ambit_str absent = ambit_header(scope, "x-absent");
  return ambit_respondf(
      scope, 200, "text/plain",
      "method=%.*s\npath=%.*s\ntarget=%.*s\nquery=%.*s\nauthority=%.*s\nroute=%.*s\nfirst=%.*s\nrest=%.*s\nname=%.*s\n"
      "x-one=%.*s\nabsent=%d\n",
      AMBIT_STR_ARG(ambit_method(scope)), AMBIT_STR_ARG(ambit_path(scope)), AMBIT_STR_ARG(ambit_target(scope)),
      AMBIT_STR_ARG(ambit_query_string(scope)), AMBIT_STR_ARG(ambit_authority(scope)),
      AMBIT_STR_ARG(ambit_route_pattern(scope)), AMBIT_STR_ARG(ambit_param(scope, "first")),
      AMBIT_STR_ARG(ambit_param(scope, "rest")), AMBIT_STR_ARG(ambit_query(scope, "name")),
      AMBIT_STR_ARG(ambit_header(scope, "x-one")), absent.ptr == NULL);
}

static int32_t set_headers(ambit_scope *scope) {
  ambit_status good = ambit_set_header(scope, "X-Set", "first");
  ambit_status again = ambit_set_header(scope, "x-set", "second");
  ambit_status added = ambit_add_header(scope, "X-Added", "one");
  ambit_status twice = ambit_add_header(scope, "X-Added", "two");
  ambit_status split = ambit_set_header(scope, "X-Split", "a\r\nX-Injected: b");
  ambit_status name = ambit_set_header(scope, "X Name", "a");
  return ambit_respondf(scope, 200, "text/plain", "%d %d %d %d %d %d\n", good, again, added, twice, split, name);
}

static const ambit_route routes[] = {
    {.pattern = "GET /show/{first}/{rest...}", .handler = show},
    {.pattern = "GET /set-headers", .handler = set_headers},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER,
    .name = "requests",
    .version = "1.0",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
};
