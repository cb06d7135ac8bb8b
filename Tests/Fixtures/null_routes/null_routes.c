/* null_routes: counts routes that it does not have. */
#include <ambit.h>

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "null_routes", .route_count = 2};
