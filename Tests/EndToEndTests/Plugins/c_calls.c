/* C functions that know no scope, called as jobs; and plain C functions bound to the plugin's own with a context. */
#include "probe.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void ended(void *arg, ambit_outcome outcome, int32_t code) {
  NOTE("ended arg=%p outcome=%s code=%d\n", arg, ambit_outcome_name(outcome), code);
}

static const ambit_job_options watched = {.size = sizeof(ambit_job_options), .name = "call", .on_end = ended};

/* ------------------------------------------------------------------------------------------------------- As jobs */

static char got[256];

static int32_t take(int8_t small, uint64_t large, float f, double d, bool yes, const char *text, const void *bytes,
                    size_t length, const void *pointer, ambit_scope *scope) {
  snprintf(got, sizeof got, "%d %llu %g %g %d %s %.*s %s %d\n", small, (unsigned long long)large, (double)f, d, yes,
           text, (int)length, (const char *)bytes, pointer == got ? "same" : "other",
           ambit_parent(scope) == ambit_plugin_scope(scope));
  return 7;
}

/* The source of the arguments is gone before the job runs. */
static int32_t spawn(ambit_scope *scope) {
  char text[] = "text", bytes[] = "bytes",
       signature[] = "i32 (i8 small, u64 large, f32 f, f64 d, bool yes, str text, "
                     "bytes bytes, size length, ptr pointer, scope)";
  ambit_value args[] = {
      ambit_value_int(-128),       ambit_value_uint(UINT64_MAX), ambit_value_float(0.5),
      ambit_value_float(-1e300),   ambit_value_bool(true),       ambit_value_str(ambit_str_of(text, 4)),
      ambit_value_bytes(bytes, 5), ambit_value_int(5),           ambit_value_ptr(got),
      ambit_value_none(),
  };
  ambit_job *job = NULL;
  ambit_status status = ambit_spawn_call(scope, (ambit_function)take, signature, args, 10, &watched, &job);
  memset(text, 'x', 4);
  memset(bytes, 'x', 5);
  memset(signature, 'x', sizeof signature - 1);
  memset(args, 0, sizeof args);
  int32_t code = 0;
  if (status == AMBIT_OK)
    status = ambit_join(scope, job, -1, NULL, &code);
  return status == AMBIT_OK ? ambit_respondf(scope, 200, "text/plain", "%d %s", code, got) : status;
}

static pthread_t handler_thread;

static int32_t is_elsewhere(ambit_scope *scope) {
  return !pthread_equal(pthread_self(), handler_thread) && ambit_sleep(scope, 1) == AMBIT_OK;
}

static int32_t spawn_on_thread(ambit_scope *scope) {
  ambit_job_options options = watched;
  options.flags = AMBIT_JOB_THREAD;
  handler_thread = pthread_self();
  ambit_value none = ambit_value_none();
  ambit_job *job = NULL;
  int32_t code = 0;
  ambit_spawn_call(scope, (ambit_function)is_elsewhere, "i32 (scope)", &none, 1, &options, &job);
  ambit_join(scope, job, -1, NULL, &code);
  return ambit_respondf(scope, 200, "text/plain", "%d\n", code);
}

static int32_t sets_errno(void) {
  errno = ENOENT;
  return -1;
}

static int32_t returns(int32_t code) { return code; }

/* Calls `returns` with the number in the path, or another function, under the signature named there. */
static int32_t spawn_as(ambit_scope *scope) {
  const char *kind = ambit_cstr(scope, ambit_param(scope, "kind"));
  ambit_value code = ambit_value_int(atoi(ambit_cstr(scope, ambit_param(scope, "code"))));
  ambit_job *job = NULL;
  ambit_status status =
      strcmp(kind, "errno") == 0
          ? ambit_spawn_call(scope, (ambit_function)sets_errno, "i32 errno ()", NULL, 0, &watched, &job)
      : strcmp(kind, "status") == 0
          ? ambit_spawn_call(scope, (ambit_function)returns, "status (i32 code)", &code, 1, &watched, &job)
          : ambit_spawn_call(scope, (ambit_function)returns, "i32 (i32 code)", &code, 1, &watched, &job);
  ambit_outcome outcome = AMBIT_JOB_CANCELLED;
  int32_t result = 0;
  if (status == AMBIT_OK)
    status = ambit_join(scope, job, -1, &outcome, &result);
  return ambit_respondf(scope, 200, "text/plain", "%d %s %d\n", status, ambit_outcome_name(outcome), result);
}

static int32_t spawn_refused(ambit_scope *scope) {
  ambit_function function = (ambit_function)returns;
  ambit_value one[] = {ambit_value_int(300), ambit_value_none()};
  ambit_value nul = ambit_value_str(ambit_str_of("a\0b", 3));
  ambit_value odd = {.kind = 99};
  ambit_value wild = ambit_value_bytes("x", (size_t)-1);
  ambit_job *job = (ambit_job *)scope;
  ambit_status statuses[] = {
      ambit_spawn_call(scope, function, "i32 (i23 code)", one, 1, &watched, &job),
      ambit_spawn_call(scope, function, "i32 (i8 code)", one, 1, &watched, NULL),
      ambit_spawn_call(scope, function, "i32 (i32 code)", one, 2, &watched, NULL),
      ambit_spawn_call(scope, function, "i32 (f64 code)", one, 1, &watched, NULL),
      ambit_spawn_call(scope, function, "i32 (str code)", &nul, 1, &watched, NULL),
      ambit_spawn_call(scope, function, "i32 (i32 code)", &odd, 1, &watched, NULL),
      ambit_spawn_call(scope, function, "i32 (bytes code)", &wild, 1, &watched, NULL),
      ambit_spawn_call(scope, NULL, "i32 ()", NULL, 0, &watched, NULL),
      ambit_spawn_call(scope, function, NULL, NULL, 0, &watched, NULL),
  };
  size_t invalid = 0;
  for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
    invalid += statuses[i] == AMBIT_INVALID;
  return ambit_respondf(scope, 200, "text/plain", "%zu invalid, %s\n", invalid, job == NULL ? "no job" : "a job");
}

static int32_t spawn_when_cancelled(ambit_scope *scope) {
  ambit_value text = ambit_value_str(ambit_str_of("copied", 6));
  ambit_cancel(scope);
  NOTE("spawn returned %d\n",
       ambit_spawn_call(scope, (ambit_function)puts, "i32 (str text)", &text, 1, &watched, NULL));
  return AMBIT_OK;
}

/* ----------------------------------------------------------------------------------------------- Bound functions */

struct order {
  ambit_scope *scope;
  int sign;
};

static void compare(void *context, void **args, void *result) {
  const struct order *order = context;
  int left = **(const int **)args[0], right = **(const int **)args[1];
  ambit_yield(order->scope);
  *(int32_t *)result = order->sign * ((left > right) - (left < right));
}

/* Sorts by a bound function that waits in the middle of it. */
static int32_t sort(ambit_scope *scope) {
  struct order order = {scope, ambit_param(scope, "way").ptr[0] == 'd' ? -1 : 1};
  int numbers[] = {3, -1, 2};
  ambit_function function = NULL;
  ambit_status status = ambit_bind(scope, "i32 (ptr left, ptr right)", compare, &order, &function);
  if (status != AMBIT_OK)
    return status;
  qsort(numbers, 3, sizeof *numbers, (int (*)(const void *, const void *))function);
  return ambit_respondf(scope, 200, "text/plain", "%d %d %d\n", numbers[0], numbers[1], numbers[2]);
}

static void add(void *context, void **args, void *result) {
  *(double *)result = *(int8_t *)args[0] + *(float *)args[1] + *(double *)args[2] + *(int *)context;
}

static int32_t bind_refused(ambit_scope *scope) {
  ambit_function function = (ambit_function)ended;
  ambit_status unknown = ambit_bind(scope, "i32 (ptr left, pointer right)", compare, NULL, &function);
  bool is_null = function == NULL;
  ambit_status nothing = ambit_bind(scope, "void ()", NULL, NULL, &function);
  ambit_status none = ambit_bind(scope, NULL, compare, NULL, &function);
  ambit_status nowhere = ambit_bind(scope, "void ()", compare, NULL, NULL);
  return ambit_respondf(scope, 200, "text/plain", "%d %d %d %d %d\n", unknown, is_null, nothing, none, nowhere);
}

/* A thousand functions, each called once. */
static int32_t bind_many(ambit_scope *scope) {
  int one = 1;
  double sum = 0;
  for (int i = 0; i < 1000; i++) {
    ambit_function function = NULL;
    ambit_status status = ambit_bind(scope, "f64 (i8 a, f32 b, f64 c)", add, &one, &function);
    if (status != AMBIT_OK)
      return status;
    sum += ((double (*)(int8_t, float, double))function)(-3, 0.5F, 2);
  }
  return ambit_respondf(scope, 200, "text/plain", "%g\n", sum);
}

/* A deferred function may still call a bound function. */
static void call_at_the_end(void *function) {
  NOTE("deferred call: %g\n", ((double (*)(int8_t, float, double))function)(1, 2, 3));
}

static int32_t bind_for_later(ambit_scope *scope) {
  static int ten = 10;
  ambit_function function = NULL;
  ambit_status status = ambit_bind(scope, "f64 (i8 a, f32 b, f64 c)", add, &ten, &function);
  ambit_defer(scope, call_at_the_end, (void *)function);
  return status;
}

static const ambit_route routes[] = {
    {.pattern = "GET /spawn", .handler = spawn},
    {.pattern = "GET /spawn-on-thread", .handler = spawn_on_thread},
    {.pattern = "GET /spawn/{kind}/{code}", .handler = spawn_as},
    {.pattern = "GET /spawn-refused", .handler = spawn_refused},
    {.pattern = "GET /spawn-when-cancelled", .handler = spawn_when_cancelled},
    {.pattern = "GET /sort/{way}", .handler = sort},
    {.pattern = "GET /sort-on-thread/{way}", .handler = sort, .flags = AMBIT_ROUTE_BLOCKING},
    {.pattern = "GET /bind-refused", .handler = bind_refused},
    {.pattern = "GET /bind-many", .handler = bind_many},
    {.pattern = "GET /bind-for-later", .handler = bind_for_later},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER,
    .name = "c_calls",
    .version = "1.0",
    .routes = routes,
    .route_count = sizeof routes / sizeof *routes,
};
