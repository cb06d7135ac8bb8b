/* Calls of the table that this host does not have yet; each answer begins with the call's name. */
#include "probe.h"

static void ignore(void *arg) { (void)arg; }

static int32_t job(ambit_scope *scope, void *arg) {
  (void)scope;
  (void)arg;
  return AMBIT_OK;
}

static int32_t call_all(ambit_scope *scope) {
  ambit_scope *child = NULL;
  uint32_t ready = 0;
  ambit_function bound = NULL;
  ambit_status open = ambit_open(scope, NULL, &child);
  ambit_status shield = ambit_shield(scope, true);
  ambit_status on_cancel = ambit_on_cancel(scope, ignore, NULL);
  ambit_status every = ambit_every(scope, HOUR, job, NULL, NULL, NULL);
  ambit_status wait_fd = ambit_wait_fd(scope, STDIN_FILENO, AMBIT_READABLE, 0, &ready);
  ambit_status send_file = ambit_send_file(scope, STDIN_FILENO, 0, 1);
  ambit_status bind = ambit_bind(scope, "void ()", NULL, NULL, &bound);
  ambit_status call = ambit_spawn_call(scope, NULL, "void ()", NULL, 0, NULL, NULL);
  return ambit_respondf(
      scope, 200, "text/plain",
      "open %d\nshield %d\non_cancel %d\nevery %d\nwait_fd %d\nsend_file %d\nbind %d\nspawn_call %d\n", open, shield,
      on_cancel, every, wait_fd, send_file, bind, call);
}

static const ambit_route routes[] = {{.pattern = "GET /call-all", .handler = call_all}};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "unsupported", .version = "1.0", .routes = routes, .route_count = 1,
};
