/* duplicate_route: has two routes with the same meaning. */
#include <ambit.h>

static int32_t answer(ambit_scope *scope) { return ambit_respond(scope, 200, "text/plain", "ok\n", 3); }

static const ambit_route routes[] = {
    {.pattern = "GET /d/{a}", .handler = answer},
    {.pattern = "POST /d/{a}", .handler = answer},
    {.pattern = "GET /d/{b}", .handler = answer},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "duplicate_route", .version = "1.0",
                                                      .routes = routes, .route_count = 3};
