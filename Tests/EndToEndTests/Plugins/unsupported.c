/* Calls of the table that this host does not have yet; each answer begins with the call's name. */
#include "probe.h"

static int32_t call_all(ambit_scope *scope) {
  ambit_status send_file = ambit_send_file(scope, STDIN_FILENO, 0, 1);
  return ambit_respondf(scope, 200, "text/plain", "send_file %d\n", send_file);
}

static const ambit_route routes[] = {{.pattern = "GET /call-all", .handler = call_all}};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "unsupported", .version = "1.0", .routes = routes, .route_count = 1,
};
