/* typed_route: has a function with a signature as a route, and one without. */
#include <ambit.h>

static int64_t twice(int64_t number) { return 2 * number; }

static const ambit_route routes[] = {
    {.pattern = "GET /twice/{n}", .function = (ambit_function)twice, .signature = "i64 (i64 n)"},
    {.pattern = "POST /twice/{n}", .function = (ambit_function)twice},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "typed_route", .routes = routes,
                                                      .route_count = 2};
