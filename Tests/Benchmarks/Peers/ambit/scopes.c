/* Scopes with many jobs, for the benchmark `scopes`. The host that it runs on has one loop. */
#include <ambit.h>

struct start {
  int64_t left;
  int64_t last_start;
};

static int32_t sleeps(ambit_scope *scope, void *arg) {
  struct start *start = arg;
  start->left--;
  if (start->left == 0)
    start->last_start = ambit_now(scope);
  return ambit_sleep(scope, AMBIT_SECONDS(3600));
}

static int64_t count_of(ambit_scope *scope) {
  ambit_str digits = ambit_param(scope, "count");
  int64_t count = 0;
  for (size_t i = 0; i < digits.len; i++)
    count = 10 * count + (digits.ptr[i] - '0');
  return count;
}

/* GET /scope/{count}: opens a scope with so many jobs, and cancels it 100 ms later. Answers with the nanoseconds that
 * the spawning took, those from its beginning until the last job had begun, and those from the cancel until the last
 * one had ended. */
static int32_t open_scope(ambit_scope *request) {
  struct start start = {.left = count_of(request)};
  ambit_scope *scope = NULL;
  ambit_status status = ambit_open(request, NULL, &scope);
  if (status != AMBIT_OK)
    return status;
  int64_t begin = ambit_now(request);
  for (int64_t left = start.left; left > 0 && status == AMBIT_OK; left--)
    status = ambit_spawn(scope, sleeps, &start, NULL, NULL);
  int64_t spawned = ambit_now(request);
  ambit_sleep(request, AMBIT_MILLISECONDS(100));
  int64_t cancelled = ambit_now(request);
  ambit_status closed = ambit_close(scope);
  if (status != AMBIT_OK || closed != AMBIT_OK)
    return AMBIT_FAILED;
  return ambit_respondf(request, 200, "text/plain", "%lld %lld %lld\n", (long long)(spawned - begin),
                        (long long)(start.last_start - begin), (long long)(ambit_now(request) - cancelled));
}

static int32_t plain(ambit_scope *scope) {
  static const char text[] = "Hello, World!";
  return ambit_respond(scope, 200, "text/plain; charset=utf-8", text, sizeof text - 1);
}

static const ambit_route routes[] = {{.pattern = "GET /scope/{count}", .handler = open_scope},
                                     {.pattern = "GET /plain", .handler = plain}};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "scopes", .version = "1.0",
                                                      .routes = routes,
                                                      .route_count = sizeof routes / sizeof routes[0]};
