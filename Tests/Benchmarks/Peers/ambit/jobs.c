/* What the benchmarks ask of ambit besides the sample hello: bodies of 13 bytes and of 64 KiB, and jobs.
 *
 * The jobs of all requests are counted by their hooks, which run on the one loop that the benchmark gives the host. */
#include <ambit.h>

static int64_t living;
/* When the last job ended, by the system's monotonic clock. */
static int64_t last_end;

static int32_t sleeps(ambit_scope *scope, void *arg) {
  (void)arg;
  return ambit_sleep(scope, AMBIT_SECONDS(3600));
}

static void ended(void *scope, ambit_outcome outcome, int32_t code) {
  (void)outcome;
  (void)code;
  living--;
  if (living == 0)
    last_end = ambit_now(scope);
}

static int64_t count_of(ambit_scope *scope) {
  ambit_str digits = ambit_param(scope, "count");
  int64_t count = 0;
  for (size_t i = 0; i < digits.len; i++)
    count = 10 * count + (digits.ptr[i] - '0');
  return count;
}

static ambit_status spawn_sleepers(ambit_scope *scope) {
  ambit_status status = AMBIT_OK;
  for (int64_t count = count_of(scope); count > 0 && status == AMBIT_OK; count--)
    status = ambit_spawn(scope, sleeps, NULL, NULL, NULL);
  return status;
}

/* GET /jobs/{count}: answers at once, and so cancels its jobs: what a job costs that never gets to do its work. */
static int32_t jobs(ambit_scope *scope) { return spawn_sleepers(scope); }

/* GET /held/{count}: the same 20 ms later. */
static int32_t held(ambit_scope *scope) {
  ambit_status status = spawn_sleepers(scope);
  return status == AMBIT_OK ? ambit_sleep(scope, AMBIT_MILLISECONDS(20)) : status;
}

/* GET /sleepers/{count}: never answers; its jobs live until the client leaves. */
static int32_t sleepers(ambit_scope *scope) {
  const ambit_job_options counted = {.size = sizeof counted, .on_end = ended};
  ambit_status status = AMBIT_OK;
  for (int64_t count = count_of(scope); count > 0 && status == AMBIT_OK; count--) {
    living++;
    status = ambit_spawn(scope, sleeps, ambit_plugin_scope(scope), &counted, NULL);
  }
  return status == AMBIT_OK ? ambit_sleep(scope, AMBIT_SECONDS(3600)) : status;
}

/* GET /living: the number of sleeping jobs, and when the last one ended, in nanoseconds. */
static int32_t count_living(ambit_scope *scope) {
  return ambit_respondf(scope, 200, "text/plain", "%lld %lld\n", (long long)living, (long long)last_end);
}

/* GET /plain: 13 bytes. */
static int32_t plain(ambit_scope *scope) {
  static const char text[] = "Hello, World!";
  return ambit_respond(scope, 200, "text/plain; charset=utf-8", text, sizeof text - 1);
}

/* GET /large: 64 KiB. */
static int32_t large(ambit_scope *scope) {
  static const char bytes[64 * 1024];
  return ambit_respond(scope, 200, "application/octet-stream", bytes, sizeof bytes);
}

static const ambit_route routes[] = {
    {.pattern = "GET /jobs/{count}", .handler = jobs},   {.pattern = "GET /held/{count}", .handler = held},
    {.pattern = "GET /sleepers/{count}", .handler = sleepers}, {.pattern = "GET /living", .handler = count_living},
    {.pattern = "GET /plain", .handler = plain},         {.pattern = "GET /large", .handler = large},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "jobs", .version = "1.0",
                                                      .routes = routes,
                                                      .route_count = sizeof routes / sizeof routes[0]};
