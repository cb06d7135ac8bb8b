/* Handlers and jobs that use as much of their stack as they are told, lowest address last as recursion does. */
#include "probe.h"
#include <stdlib.h>

/* Goes down `kib` KiB in frames of about a KiB, and says how many bytes lie between the first and the last. */
__attribute__((noinline)) static size_t descend(volatile char *first, size_t kib) {
  volatile char frame[960];
  frame[0] = 1;
  if (kib <= 1)
    return (size_t)(first - frame);
  size_t depth = descend(first, kib - 1);
  return frame[0] == 1 ? depth : 0;
}

static size_t parameter(ambit_scope *scope) {
  return strtoul(ambit_cstr(scope, ambit_param(scope, "kib")), NULL, 10);
}

static int32_t deep(ambit_scope *scope) {
  volatile char first = 0;
  return ambit_respondf(scope, 200, "text/plain", "%d\n", descend(&first, parameter(scope)) > 0);
}

/* Waits in each way between going deep twice. */
static int32_t wait(ambit_scope *scope) {
  volatile char first = 0;
  size_t before = descend(&first, parameter(scope));
  ambit_str body;
  ambit_status status = ambit_body(scope, &body);
  if (status == AMBIT_OK)
    status = ambit_sleep(scope, AMBIT_MILLISECONDS(1));
  if (status == AMBIT_OK)
    status = ambit_yield(scope);
  size_t after = descend(&first, parameter(scope));
  if (status != AMBIT_OK)
    return status;
  return ambit_respondf(scope, 200, "text/plain", "%d of %zu\n", before == after, body.len);
}

static void closed(void *name) { NOTE("%s closed\n", (const char *)name); }

/* Waits until it is cancelled, and goes deep once more. */
static int32_t hold(ambit_scope *scope) {
  ambit_defer(scope, closed, (void *)"hold");
  NOTE("handler waits\n");
  ambit_status status = ambit_sleep(scope, HOUR);
  volatile char first = 0;
  NOTE("woken with %d, %d\n", status, descend(&first, parameter(scope)) > 0);
  return status;
}

static int32_t sum(int32_t kib) {
  volatile char first = 0;
  return descend(&first, (size_t)kib) > 0;
}

static int32_t job(ambit_scope *scope, void *kib) {
  (void)scope;
  return sum((int32_t)(intptr_t)kib);
}

/* A job whose options ask for a MiB more than it needs. */
static int32_t spawn(ambit_scope *scope) {
  size_t kib = parameter(scope);
  ambit_job_options options = ambit_default_job_options("deep");
  options.stack_size = (uint32_t)(kib + 1024) << 10;
  ambit_job *handle = NULL;
  ambit_status status = ambit_spawn(scope, job, (void *)kib, &options, &handle);
  int32_t code = 0;
  if (status == AMBIT_OK)
    status = ambit_join(scope, handle, -1, NULL, &code);
  return status == AMBIT_OK ? ambit_respondf(scope, 200, "text/plain", "%d\n", code) : status;
}

static const ambit_route routes[] = {
    {.pattern = "GET /deep/{kib}", .handler = deep},
    {.pattern = "GET /route/{kib}", .handler = deep, .stack_size = 16u << 20},
    {.pattern = "GET /configured/{kib}", .handler = deep},
    {.pattern = "GET /lowered/{kib}", .handler = deep, .stack_size = 16u << 20},
    {.pattern = "GET /thread/{kib}", .handler = deep, .flags = AMBIT_ROUTE_BLOCKING},
    {.pattern = "POST /wait/{kib}", .handler = wait, .stack_size = 8u << 20},
    {.pattern = "GET /hold/{kib}", .handler = hold, .stack_size = 8u << 20},
    {.pattern = "GET /job/{kib}", .handler = spawn},
    {.pattern = "GET /call/{kib}",
     .function = (ambit_function)sum,
     .signature = "i32 (i32 kib)",
     .stack_size = 8u << 20},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "stacks", .routes = routes,
#ifdef PLUGIN_STACK_SIZE
                                                      .stack_size = PLUGIN_STACK_SIZE,
#endif
                                                      .route_count = sizeof routes / sizeof routes[0]};
