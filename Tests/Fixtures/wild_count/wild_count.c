/* wild_count: counts more routes than any plugin has. */
#include <ambit.h>

static int32_t answer(ambit_scope *scope) { return ambit_respond(scope, 200, "text/plain", "ok\n", 3); }

static const ambit_route routes[] = {
    {.pattern = "GET /wild_count", .handler = answer},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "wild_count", .routes = routes,
                                                      .route_count = (size_t)-1};
