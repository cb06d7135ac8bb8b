/* Handlers that return the number in their path, before, in the middle of and after a response, or the status of a call
 * that fails. */
#include "probe.h"

#include <stdlib.h>
#include <string.h>

static int32_t number(ambit_scope *scope) { return atoi(ambit_cstr(scope, ambit_param(scope, "number"))); }

static int32_t with_a_reason(ambit_scope *scope) { return ambit_fail(scope, number(scope), "the moon is full"); }

static int32_t in_the_middle(ambit_scope *scope) {
  ambit_begin(scope, 200, 10);
  ambit_write(scope, "half.", 5);
  return number(scope);
}

/* Returns OK with half of the announced body written. */
static int32_t too_short(ambit_scope *scope) {
  ambit_begin(scope, 200, 10);
  return ambit_write(scope, "half.", 5);
}

static int32_t nothing(ambit_scope *scope) {
  (void)scope;
  return AMBIT_OK;
}

static int32_t status_only(ambit_scope *scope) { return ambit_set_status(scope, 202); }

static int32_t after_all(ambit_scope *scope) {
  ambit_respond(scope, 200, "text/plain", "all.", 4);
  return number(scope);
}

/* Returns the status of a call that the host refuses. */
static int32_t refused_call(ambit_scope *scope) {
  const char *call = ambit_cstr(scope, ambit_param(scope, "call"));
  ambit_scope *child;
  if (strcmp(call, "respond") == 0)
    return ambit_respond(scope, 600, "text/plain", "", 0);
  if (strcmp(call, "content-type") == 0)
    return ambit_respond(scope, 200, "a\nb", "", 0);
  if (strcmp(call, "header") == 0)
    return ambit_set_header(scope, "Content-Length", "5");
  if (strcmp(call, "begin") == 0)
    return ambit_begin(scope, 200, -2);
  if (strcmp(call, "sleep") == 0)
    return ambit_sleep(scope, -5);
  if (strcmp(call, "spawn") == 0)
    return ambit_spawn(scope, NULL, NULL, NULL, NULL);
  if (strcmp(call, "spawn_call") == 0)
    return ambit_spawn_call(scope, (ambit_function)number, "i33 ()", NULL, 0, NULL, NULL);
  if (strcmp(call, "wait_fd") == 0)
    return ambit_wait_fd(scope, 987654, AMBIT_READABLE, 0, NULL);
  if (strcmp(call, "read") == 0)
    return (int32_t)ambit_read(scope, NULL, 0);
  if (strcmp(call, "write") == 0)
    return ambit_write(scope, "", 0);
  if (strcmp(call, "open") == 0)
    return ambit_open(scope, &(ambit_scope_options){.size = sizeof(ambit_scope_options), .flags = 64}, &child);
  if (strcmp(call, "with-a-reason") == 0)
    return ambit_fail(scope, ambit_respond(scope, 0, NULL, NULL, 0), "the moon is full");
  ambit_set_status(scope, 99);
  return ambit_fail(scope, AMBIT_FAILED, "another one");
}

static int32_t answers(ambit_scope *scope, void *arg) {
  (void)arg;
  return ambit_respond(scope, 200, "text/plain", "late", 4);
}

static int32_t leaves_the_answer(ambit_scope *scope) {
  ambit_job_options options = ambit_default_job_options("answers");
  return ambit_spawn(scope, answers, NULL, &options, NULL);
}

static int32_t leaves_it_properly(ambit_scope *scope) {
  int32_t status = leaves_the_answer(scope);
  return status == AMBIT_OK ? AMBIT_PENDING : status;
}

/* Spawns often although its scope is cancelled: that is no repeated wait. */
static int32_t spawns_in_vain(ambit_scope *scope) {
  int refused = 0;
  ambit_cancel(scope);
  for (int i = 0; i < 100; i++)
    refused += ambit_spawn(scope, answers, NULL, NULL, NULL) == AMBIT_CANCELLED;
  ambit_logf(scope, AMBIT_INFO, "refused %d", refused);
  return AMBIT_OK;
}

/* Cancels its own request and responds with nothing. */
static int32_t gives_up(ambit_scope *scope) {
  ambit_cancel(scope);
  return AMBIT_CANCELLED;
}

/* Returns its number when its deadline is over. */
static int32_t late(ambit_scope *scope) {
  ambit_sleep(scope, HOUR);
  return number(scope);
}

/* Writes until the client has left, and returns what ambit_write returns then. */
static int32_t endless(ambit_scope *scope) {
  static const char bytes[1 << 16];
  int32_t status = ambit_begin(scope, 200, -1);
  while (status == AMBIT_OK)
    status = ambit_write(scope, bytes, sizeof bytes);
  return status;
}

static const ambit_route routes[] = {
    {.pattern = "GET /return/{number}", .handler = number},
    {.pattern = "GET /fail/{number}", .handler = with_a_reason},
    {.pattern = "GET /cut/{number}", .handler = in_the_middle},
    {.pattern = "GET /too-short", .handler = too_short},
    {.pattern = "GET /after/{number}", .handler = after_all},
    {.pattern = "GET /refused/{call}", .handler = refused_call},
    {.pattern = "GET /refused-on-a-thread/{call}", .handler = refused_call, .flags = AMBIT_ROUTE_BLOCKING},
    {.pattern = "GET /job-answers", .handler = leaves_the_answer},
    {.pattern = "GET /job-answers-for-a-pending-handler", .handler = leaves_it_properly},
    {.pattern = "GET /spawns-in-vain", .handler = spawns_in_vain},
    {.pattern = "GET /gives-up", .handler = gives_up},
    {.pattern = "GET /late/{number}", .handler = late},
    {.pattern = "GET /endless", .handler = endless, .flags = AMBIT_ROUTE_FINISH_ON_DISCONNECT},
    {.pattern = "GET /nothing", .handler = nothing},
    {.pattern = "GET /status-only", .handler = status_only},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER,
    .name = "results",
    .version = "1.0",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
};
