/* Closes descriptors of the host, keeps many of its own, and writes to the standard streams. */
#include "probe.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int32_t ok(ambit_scope *scope) { return ambit_respond(scope, 200, "text/plain", "ok\n", 3); }

static int32_t close_streams(ambit_scope *scope) {
  for (int fd = 0; fd <= 2; fd++)
    close(fd);
  return ok(scope);
}

static int32_t close_one(ambit_scope *scope) {
  close((int)strtol(ambit_param(scope, "fd").ptr, NULL, 10));
  return ok(scope);
}

static int32_t shout(ambit_scope *scope) {
  dprintf(1, "a line on standard output\n");
  dprintf(2, "a line on standard error\n");
  ambit_logf(scope, AMBIT_INFO, "a line in the log");
  return ok(scope);
}

static int32_t leak(ambit_scope *scope) {
  int count = 0;
  while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
    count++;
  return ambit_respondf(scope, 200, "text/plain", "%d\n", count);
}

static const ambit_route routes[] = {
    {.pattern = "GET /ok", .handler = ok},       {.pattern = "GET /close-streams", .handler = close_streams},
    {.pattern = "GET /shout", .handler = shout}, {.pattern = "GET /close/{fd}", .handler = close_one},
    {.pattern = "GET /leak", .handler = leak},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER,
    .name = "descriptors",
    .version = "1.0",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
};
