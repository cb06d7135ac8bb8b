/* stray_signature: has a signature beside a handler. */
#include <ambit.h>

static int32_t answer(ambit_scope *scope) { return ambit_respond(scope, 200, "text/plain", "ok\n", 3); }

static const ambit_route routes[] = {
    {.pattern = "GET /{n}", .handler = answer, .signature = "i64 (i64 n)"},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "stray_signature", .version = "1.0",
                                                      .routes = routes, .route_count = 1};
