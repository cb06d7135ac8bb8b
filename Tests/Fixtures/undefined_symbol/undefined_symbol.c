/* undefined_symbol: calls a function that is defined nowhere. */
#include <ambit.h>

int32_t defined_nowhere(ambit_scope *scope);

static const ambit_route routes[] = {{.pattern = "GET /", .handler = defined_nowhere}};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "undefined_symbol", .routes = routes,
                                                      .route_count = 1};
