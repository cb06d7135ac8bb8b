/* blocking_route: has a route that is to run on a pool thread. */
#include <ambit.h>

static int32_t answer(ambit_scope *scope) { return ambit_respond(scope, 200, "text/plain", "ok\n", 3); }

static const ambit_route routes[] = {
    {.pattern = "GET /blocking_route", .handler = answer, .flags = AMBIT_ROUTE_BLOCKING},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "blocking_route", .version = "1.0",
                                                      .routes = routes, .route_count = 1};
