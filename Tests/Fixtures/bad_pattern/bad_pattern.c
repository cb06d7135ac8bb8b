/* bad_pattern: has route patterns that do not parse. */
#include <ambit.h>

static int32_t answer(ambit_scope *scope) { return ambit_respond(scope, 200, "text/plain", "ok\n", 3); }

static const ambit_route routes[] = {
    {.pattern = "GET bad", .handler = answer},
    {.pattern = "GET /{a}/{a}", .handler = answer},
    {.handler = answer},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "bad_pattern", .version = "1.0",
                                                      .routes = routes, .route_count = 3};
