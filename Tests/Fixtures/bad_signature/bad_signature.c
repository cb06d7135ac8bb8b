/* bad_signature: has a function with a signature as a route, one without, and one whose signature has a wrong word. */
#include <ambit.h>

static int64_t twice(int64_t number) { return 2 * number; }

static const ambit_route routes[] = {
    {.pattern = "GET /twice/{n}", .function = (ambit_function)twice, .signature = "i64 (i64 n)"},
    {.pattern = "POST /twice/{n}", .function = (ambit_function)twice},
    {.pattern = "PUT /twice/{n}", .function = (ambit_function)twice, .signature = "i64 (f46 n)"},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "bad_signature", .routes = routes,
                                                      .route_count = 3};
