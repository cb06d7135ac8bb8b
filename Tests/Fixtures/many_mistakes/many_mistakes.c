/* many_mistakes: breaks several rules at once. */
#include <ambit.h>

static int32_t answer(ambit_scope *scope) { return ambit_respond(scope, 200, "text/plain", "ok\n", 3); }

static const ambit_route routes[] = {
    {.pattern = "get /", .handler = answer},
    {.pattern = "GET /", .flags = 64},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .routes = routes, .route_count = 2,
                                                      .flags = 128};
