/* Uses what [plugin.limits.limits] limits, until it is told to stop. */
#include "probe.h"

#include <stdlib.h>

static int32_t rest(ambit_scope *scope, void *arg) {
  (void)arg;
  return ambit_sleep(scope, HOUR);
}

static int32_t says(ambit_scope *scope) { return ambit_respondf(scope, 200, "text/plain", "said\n"); }

/* Waits until there is a file `go`. */
static int32_t waits(ambit_scope *scope) {
  NOTE("begun waits\n");
  while (access("go", F_OK) != 0)
    if (ambit_sleep(scope, AMBIT_MILLISECONDS(1)) != AMBIT_OK)
      return AMBIT_CANCELLED;
  return says(scope);
}

/* Holds its thread until there is a file `go`. */
static int32_t holds(ambit_scope *scope) {
  NOTE("begun holds\n");
  while (access("go", F_OK) != 0)
    usleep(1000);
  return says(scope);
}

static size_t number(ambit_scope *scope, const char *name) {
  return (size_t)atoll(ambit_cstr(scope, ambit_param(scope, name)));
}

static size_t spawn(ambit_scope *scope, size_t wanted) {
  size_t count = 0;
  while (count < wanted && ambit_spawn(scope, rest, NULL, NULL, NULL) == AMBIT_OK)
    count++;
  return count;
}

/* As many jobs of the request as there may be, up to a number. */
static int32_t spawns(ambit_scope *scope) {
  return ambit_respondf(scope, 200, "text/plain", "%zu\n", spawn(scope, number(scope, "count")));
}

/* The same in the plugin's scope, where they stay. */
static int32_t keeps(ambit_scope *scope) {
  size_t wanted = number(scope, "count"), count = spawn(ambit_plugin_scope(scope), wanted);
  return ambit_respondf(scope, 200, "text/plain", "%zu\n", count);
}

/* Passes on the status of a call. */
static int32_t passes(ambit_scope *scope) {
  ambit_status status = ambit_spawn(scope, rest, NULL, NULL, NULL);
  return status == AMBIT_OK ? says(scope) : status;
}

/* A piece of memory, in which each byte is written. */
static int32_t alloc(ambit_scope *scope) {
  size_t size = number(scope, "size");
  volatile char *bytes = ambit_alloc(scope, size);
  if (bytes == NULL)
    return AMBIT_NO_MEMORY;
  for (size_t i = 0; i < size; i += 4096)
    bytes[i] = 1;
  return says(scope);
}

/* So many header lines, or as many as there is memory for. */
static int32_t headers(ambit_scope *scope) {
  ambit_status status = AMBIT_OK;
  for (size_t count = number(scope, "count"); count > 0 && status == AMBIT_OK; count--)
    status = ambit_add_header(scope, "X-Line", "a line of some length, so that there need not be too many of them");
  return status == AMBIT_OK ? says(scope) : status;
}

static int32_t body(ambit_scope *scope) {
  ambit_str whole;
  ambit_status status = ambit_body(scope, &whole);
  return status == AMBIT_OK ? ambit_respondf(scope, 200, "text/plain", "%zu\n", whole.len) : status;
}

static const ambit_route routes[] = {
    {.pattern = "GET /says", .handler = says},
    {.pattern = "GET /waits", .handler = waits},
    {.pattern = "GET /holds", .handler = holds, .flags = AMBIT_ROUTE_BLOCKING},
    {.pattern = "GET /says-on-thread", .handler = says, .flags = AMBIT_ROUTE_BLOCKING},
    {.pattern = "GET /spawns/{count}", .handler = spawns},
    {.pattern = "GET /keeps/{count}", .handler = keeps},
    {.pattern = "GET /passes", .handler = passes},
    {.pattern = "GET /alloc/{size}", .handler = alloc},
    {.pattern = "GET /headers/{count}", .handler = headers},
    {.pattern = "POST /body", .handler = body},
};

static int32_t start(ambit_scope *plugin) {
  ambit_str jobs = ambit_setting(plugin, "jobs");
  return jobs.len > 0 && spawn(plugin, (size_t)atoll(jobs.ptr)) < (size_t)atoll(jobs.ptr) ? AMBIT_LIMIT : AMBIT_OK;
}

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER,
    .name = "limits",
    .version = "1.0",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .start = start,
};
