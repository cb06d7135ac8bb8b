/* Blocking routes that take bodies. Each handler says when it begins on its thread. */
#include "probe.h"

#include <stdlib.h>

static uint32_t add_up(uint32_t sum, const char *bytes, size_t count) {
  for (size_t i = 0; i < count; i++)
    sum = sum * 31 + (unsigned char)bytes[i];
  return sum;
}

/* Reads the body in pieces of as many bytes as the path says. */
static int32_t pieces(ambit_scope *scope) {
  NOTE("begun pieces\n");
  size_t size = (size_t)atol(ambit_cstr(scope, ambit_param(scope, "size")));
  char *bytes = ambit_alloc(scope, size);
  int64_t count, total = 0;
  uint32_t sum = 0;
  while ((count = ambit_read(scope, bytes, size)) > 0) {
    sum = add_up(sum, bytes, (size_t)count);
    total += count;
  }
  NOTE("read %lld bytes, then %lld\n", (long long)total, (long long)count);
  if (count < 0)
    return (int32_t)count;
  return ambit_respondf(scope, 200, "text/plain", "%lld bytes, sum %u\n", (long long)total, sum);
}

/* Takes the whole body at once; a second call gives it again, and a read finds its end. */
static int32_t whole(ambit_scope *scope) {
  NOTE("begun whole\n");
  ambit_str body, again;
  ambit_status status = ambit_body(scope, &body);
  if (status != AMBIT_OK)
    return status;
  char byte;
  if (ambit_body(scope, &again) != AMBIT_OK || again.ptr != body.ptr || ambit_read(scope, &byte, 1) != 0)
    return AMBIT_FAILED;
  return ambit_respondf(scope, 200, "text/plain", "%zu bytes, sum %u\n", body.len, add_up(0, body.ptr, body.len));
}

/* Reads one byte, after which the whole cannot be had, then the rest. */
static int32_t mixed(ambit_scope *scope) {
  ambit_str body;
  char bytes[64];
  int64_t first = ambit_read(scope, bytes, 1);
  ambit_status status = ambit_body(scope, &body);
  int64_t rest = ambit_read(scope, bytes, sizeof bytes);
  return ambit_respondf(scope, 200, "text/plain", "%d %s %d\n", (int)first, ambit_status_name(status), (int)rest);
}

static int32_t unread(ambit_scope *scope) { return ambit_respondf(scope, 200, "text/plain", "unread\n"); }

/* A C function that reads the body through its scope. */
static int64_t length(ambit_scope *scope) {
  NOTE("begun length\n");
  ambit_str body;
  ambit_status status = ambit_body(scope, &body);
  return status == AMBIT_OK ? (int64_t)body.len : status;
}

/* Occupies its thread until there is a file `go`. */
static int32_t holds(ambit_scope *scope) {
  NOTE("begun holds\n");
  while (access("go", F_OK) != 0)
    usleep(1000);
  return unread(scope);
}

static int32_t nothing(void *arg) {
  (void)arg;
  return AMBIT_OK;
}

/* Passes on the status of a call that needs a thread. */
static int32_t blocks(ambit_scope *scope) { return ambit_block(scope, nothing, NULL); }

static int32_t runs(ambit_scope *scope, void *arg) {
  (void)scope, (void)arg;
  NOTE("the job runs\n");
  return AMBIT_OK;
}

/* Spawns a job that needs a thread. */
static int32_t spawns(ambit_scope *scope) {
  const ambit_job_options options = {.size = sizeof options, .name = "mailer", .flags = AMBIT_JOB_THREAD};
  ambit_spawn(scope, runs, NULL, &options, NULL);
  return unread(scope);
}

static int32_t waits(ambit_scope *scope, void *arg) {
  (void)arg;
  return ambit_sleep(scope, HOUR);
}

static int32_t start(ambit_scope *plugin) {
  if (ambit_setting(plugin, "job").len == 0)
    return AMBIT_OK;
  const ambit_job_options options = {.size = sizeof options, .name = "waiter", .flags = AMBIT_JOB_THREAD};
  return ambit_spawn(plugin, waits, NULL, &options, NULL);
}

static const ambit_route routes[] = {
    {.pattern = "PUT /pieces/{size}", .handler = pieces, .flags = AMBIT_ROUTE_BLOCKING},
    {.pattern = "PUT /whole", .handler = whole, .flags = AMBIT_ROUTE_BLOCKING},
    {.pattern = "PUT /mixed", .handler = mixed, .flags = AMBIT_ROUTE_BLOCKING},
    {.pattern = "PUT /unread", .handler = unread, .flags = AMBIT_ROUTE_BLOCKING},
    {.pattern = "PUT /loop", .handler = unread},
    {.pattern = "PUT /length",
     .function = (ambit_function)length,
     .signature = "i64 (scope)",
     .flags = AMBIT_ROUTE_BLOCKING},
    {.pattern = "GET /quick", .handler = unread, .flags = AMBIT_ROUTE_BLOCKING},
    {.pattern = "GET /holds", .handler = holds, .flags = AMBIT_ROUTE_BLOCKING},
    {.pattern = "GET /blocks", .handler = blocks},
    {.pattern = "GET /spawns", .handler = spawns},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER,
    .name = "uploads",
    .version = "1.0",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .start = start,
};
