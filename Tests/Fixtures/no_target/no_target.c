/* no_target: has a route that nothing answers. */
#include <ambit.h>

static int32_t answer(ambit_scope *scope) { return ambit_respond(scope, 200, "text/plain", "ok\n", 3); }

static const ambit_route routes[] = {
    {.pattern = "GET /no_target", .handler = answer},
    {.pattern = "POST /no_target"},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "no_target", .version = "1.0",
                                                      .routes = routes, .route_count = 2};
