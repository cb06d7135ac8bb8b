/* unknown_flags: sets flags that have no meaning yet. */
#include <ambit.h>

static int32_t answer(ambit_scope *scope) { return ambit_respond(scope, 200, "text/plain", "ok\n", 3); }

static const ambit_route routes[] = {
    {.pattern = "GET /unknown_flags", .handler = answer, .flags = 64},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "unknown_flags", .routes = routes,
                                                      .route_count = 1, .flags = 128};
