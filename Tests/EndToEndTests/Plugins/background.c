/* Work that outlives requests: a job in the plugin's scope, from `start` to the end of the generation. */
#include "probe.h"

static int32_t background(ambit_scope *scope, void *arg) {
  (void)arg;
  NOTE("background waits\n");
  ambit_status status = ambit_sleep(scope, HOUR);
  NOTE("background woken status=%d cause=%s\n", status, ambit_cause_name(ambit_cancelled(scope)));
  return status;
}

static void deferred(void *arg) {
  (void)arg;
  NOTE("plugin closed\n");
}

static int32_t start(ambit_scope *plugin) {
  ambit_defer(plugin, deferred, NULL);
  return ambit_spawn(plugin, background, NULL, NULL, NULL);
}

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

static int32_t end_plugin(ambit_scope *scope) {
  ambit_cancel(ambit_plugin_scope(scope));
  return AMBIT_OK;
}

static int32_t limit_plugin(ambit_scope *scope) {
  return ambit_set_timeout(ambit_plugin_scope(scope), AMBIT_MILLISECONDS(1));
}

static const ambit_route routes[] = {
    {.pattern = "GET /wait", .handler = wait_for_the_end},
    {.pattern = "POST /end", .handler = end_plugin},
    {.pattern = "POST /limit", .handler = limit_plugin},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER,
    .name = "background",
    .version = "1.0",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .start = start,
    .stop = stop,
};
