/* Work that outlives requests: a job in the plugin's scope, from `start` to the end of the generation. */
#include "probe.h"

static int32_t background(ambit_scope *scope, void *arg) {
  (void)arg;
  NOTE("background waits\n");
  ambit_status status = ambit_sleep(scope, HOUR);
  NOTE("background woken status=%d cause=%s\n", status, ambit_cause_name(ambit_cancelled(scope)));
  return status;
}

static int32_t start(ambit_scope *plugin) { return ambit_spawn(plugin, background, NULL, NULL, NULL); }

static void stop(ambit_scope *plugin) {
  (void)plugin;
  NOTE("stopped\n");
}

static int32_t wait_for_the_end(ambit_scope *scope) {
  NOTE("handler waits\n");
  ambit_status status = ambit_sleep(scope, HOUR);
  NOTE("handler woken status=%d cause=%s\n", status, ambit_cause_name(ambit_cancelled(scope)));
  return status;
}

static const ambit_route routes[] = {{.pattern = "GET /wait", .handler = wait_for_the_end}};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "background", .version = "1.0", .routes = routes,
    .route_count = 1,    .start = start,       .stop = stop,
};
