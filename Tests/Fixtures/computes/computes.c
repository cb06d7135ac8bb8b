/* Code that computes on a fiber, and asks whether it is cancelled. */
#include <ambit.h>
#include <stdio.h>

static int32_t compute(ambit_scope *scope, const char *name) {
  fprintf(stderr, "%s computes\n", name);
  while (ambit_cancelled(scope) == AMBIT_CAUSE_NONE)
    ;
  fprintf(stderr, "%s ended, cause=%s\n", name, ambit_cause_name(ambit_cancelled(scope)));
  return AMBIT_CANCELLED;
}

static void told(void *name) { fprintf(stderr, "%s told\n", (const char *)name); }

static int32_t handler(ambit_scope *scope) {
  ambit_on_cancel(scope, told, "handler");
  return compute(scope, "handler");
}

static int32_t job(ambit_scope *scope, void *arg) {
  (void)arg;
  ambit_on_cancel(scope, told, "job");
  return compute(scope, "job");
}

/* Leaves a job behind in the plugin's scope. */
static int32_t background(ambit_scope *scope) {
  ambit_status status = ambit_spawn(ambit_plugin_scope(scope), job, NULL, NULL, NULL);
  return status == AMBIT_OK ? ambit_respond(scope, 200, "text/plain", "", 0) : status;
}

static int32_t quick(ambit_scope *scope) { return ambit_respond(scope, 200, "text/plain", "quick", 5); }

static const ambit_route routes[] = {
    {.pattern = "GET /handler", .handler = handler},
    {.pattern = "GET /background", .handler = background},
    {.pattern = "GET /quick", .handler = quick},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "computes", .version = "1.0", .routes = routes,
    .route_count = sizeof routes / sizeof *routes};
