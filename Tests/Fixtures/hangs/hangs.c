/* Hangs for ever in the place that its setting `in` names, live and not in its dry run, and writes "hangs" first. With
 * `until`, until the file of that name exists. */
#include <ambit.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char until[256] = "";

static void hang(void *arg) {
  (void)arg;
  dprintf(STDERR_FILENO, "hangs\n");
  while (until[0] == '\0' || access(until, F_OK) != 0)
    usleep(100000);
}

static void hang_at_end(void *arg, ambit_outcome outcome, int32_t code) {
  (void)outcome;
  (void)code;
  hang(arg);
}

static bool is_named(ambit_scope *scope, const char *place) {
  ambit_str name = ambit_setting(scope, "in");
  return ambit_extension(scope, "ambit.dry_run/1") == NULL && name.ptr != NULL && strcmp(name.ptr, place) == 0;
}

static void hang_if_named(ambit_scope *scope, const char *place) {
  if (is_named(scope, place))
    hang(NULL);
}

static int32_t sleeps(ambit_scope *scope, void *arg) {
  (void)arg;
  return ambit_sleep(scope, AMBIT_SECONDS(3600));
}

/* GET /hangs and, on a thread, GET /hangs-on-thread. */
static int32_t request(ambit_scope *scope) {
  hang_if_named(scope, "handler");
  const ambit_job_options hanging = {.size = sizeof hanging, .on_end = hang_at_end};
  if (is_named(scope, "on_end"))
    ambit_spawn(scope, sleeps, NULL, &hanging, NULL);
  if (is_named(scope, "on_cancel"))
    ambit_on_cancel(scope, hang, NULL);
  if (is_named(scope, "deferred"))
    ambit_defer(scope, hang, NULL);
  dprintf(STDERR_FILENO, "handler waits\n");
  ambit_status status = ambit_sleep(scope, AMBIT_SECONDS(3600));
  hang_if_named(scope, "cancelled handler");
  return status;
}

static int32_t start(ambit_scope *plugin) {
  ambit_str file = ambit_setting(plugin, "until");
  if (file.ptr != NULL && file.len < sizeof until)
    memcpy(until, file.ptr, file.len);
  hang_if_named(plugin, "start");
  return AMBIT_OK;
}

static int32_t save(ambit_scope *plugin) {
  hang_if_named(plugin, "save");
  return AMBIT_OK;
}

static void stop(ambit_scope *plugin) { hang_if_named(plugin, "stop"); }

/* The host must not run it when it stops. */
__attribute__((destructor)) static void unload(void) { dprintf(STDERR_FILENO, "destructor runs\n"); }

static const ambit_route routes[] = {
    {.pattern = "GET /hangs", .handler = request},
    {.pattern = "GET /hangs-on-thread", .handler = request, .flags = AMBIT_ROUTE_BLOCKING},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "hangs", .start = start, .save = save, .stop = stop, .routes = routes,
    .route_count = sizeof routes / sizeof routes[0]};
