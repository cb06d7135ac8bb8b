/* two_targets: has a route with both a handler and a function. */
#include <ambit.h>

static int64_t twice(int64_t number) { return 2 * number; }

static int32_t answer(ambit_scope *scope) { return ambit_respond(scope, 200, "text/plain", "ok\n", 3); }

static const ambit_route routes[] = {
    {.pattern = "GET /{n}", .handler = answer, .function = (ambit_function)twice, .signature = "i64 (i64 n)"},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "two_targets", .version = "1.0",
                                                      .routes = routes, .route_count = 1};
