/* simple_service: jobs end with the request that spawned them, and a stream ends in time.
 *
 *     curl -i http://127.0.0.1:8080/simple             responds at once; the job is cancelled with cause=done
 *     curl -m 1 http://127.0.0.1:8080/hold             the client leaves; the job is cancelled with cause=disconnect
 *     curl 'http://127.0.0.1:8080/hold?seconds=4'      the client waits; the job finishes
 *     curl -N http://127.0.0.1:8080/events             a stream; it ends when the plugin is replaced or the host stops
 *
 * The host's log shows how each job ended. The plugin stops no job: the host cancels it when the request ends.
 */
#include <ambit.h>

enum { STEPS = 5, LONGEST_HOLD = 3600 };

/* A job of five steps of half a second. When its scope ends, ambit_sleep returns at once and the job returns, too. */
static int32_t work(ambit_scope *scope, void *arg) {
  (void)arg;
  for (int step = 1; step <= STEPS; step++) {
    ambit_logf(scope, AMBIT_INFO, "working... step %d of %d", step, STEPS);
    ambit_status status = ambit_sleep(scope, AMBIT_MILLISECONDS(500));
    if (status == AMBIT_CANCELLED)
      ambit_logf(scope, AMBIT_INFO, "cancelled, cause=%s", ambit_cause_name(ambit_cancelled(scope)));
    if (status != AMBIT_OK)
      return status;
  }
  ambit_logf(scope, AMBIT_INFO, "finished");
  return AMBIT_OK;
}

static ambit_status spawn_work(ambit_scope *scope) {
  ambit_job_options options = ambit_default_job_options("work");
  return ambit_spawn(scope, work, NULL, &options, NULL);
}

/* GET /simple: spawns the job and returns, so the host sends an empty 200. The response does not wait for the job. */
static int32_t simple(ambit_scope *scope) { return spawn_work(scope); }

/* The field `seconds` of the query, 3 if there is none; -1 unless it is a whole number from 0 to LONGEST_HOLD. */
static int64_t seconds_to_hold(ambit_scope *scope) {
  ambit_str text = ambit_query(scope, "seconds");
  if (text.ptr == NULL)
    return 3;
  int64_t seconds = text.len > 0 ? 0 : -1;
  for (size_t i = 0; i < text.len && seconds >= 0; i++) {
    bool digit = text.ptr[i] >= '0' && text.ptr[i] <= '9';
    seconds = digit ? seconds * 10 + (text.ptr[i] - '0') : -1;
    if (seconds > LONGEST_HOLD)
      seconds = -1;
  }
  return seconds;
}

/* GET /hold?seconds=N: spawns the same job and responds after N seconds. */
static int32_t hold(ambit_scope *scope) {
  int64_t seconds = seconds_to_hold(scope);
  if (seconds < 0)
    return ambit_respondf(scope, 400, "text/plain", "seconds: expected a whole number from 0 to %d\n", LONGEST_HOLD);

  ambit_status status = spawn_work(scope);
  if (status == AMBIT_OK)
    status = ambit_sleep(scope, AMBIT_SECONDS(seconds));
  if (status != AMBIT_OK)
    return status;
  return ambit_respondf(scope, 200, "text/plain", "held for %d s\n", (int)seconds);
}

/* Sends one of the server-sent events (text/event-stream). */
static ambit_status send_event(ambit_scope *scope, const char *name, unsigned number) {
  char text[64];
  const int length = snprintf(text, sizeof text, "event: %s\ndata: %u\n\n", name, number);
  return ambit_write(scope, text, (size_t)length);
}

/* GET /events: sends an event each second. The stream has no end of its own, so it waits for the begin of the drain
 * too: then it sends a last event and completes the response, instead of being cut off when drain_timeout is over. The
 * client connects again, and gets the new version. A real stream needs `timeout = "0s"` in a [[route]] of host.conf:
 * this one ends with the request_timeout. */
static int32_t events(ambit_scope *scope) {
  ambit_event *draining = ambit_draining(scope);
  if (draining == NULL)
    return AMBIT_NO_MEMORY;
  ambit_set_header(scope, "Content-Type", "text/event-stream");
  ambit_set_header(scope, "Cache-Control", "no-store");

  unsigned count = 0;
  ambit_status waited = AMBIT_TIMED_OUT;
  ambit_status status = ambit_begin(scope, 200, -1);
  while (status == AMBIT_OK && waited == AMBIT_TIMED_OUT) {
    status = send_event(scope, "tick", ++count);
    if (status == AMBIT_OK)
      waited = ambit_event_wait(scope, draining, AMBIT_SECONDS(1));
  }
  if (status == AMBIT_OK)
    status = waited;
  if (status == AMBIT_OK)
    status = send_event(scope, "bye", count);
  return status == AMBIT_OK ? ambit_end(scope) : status;
}

static const ambit_route routes[] = {
    {.pattern = "GET /simple", .handler = simple},
    {.pattern = "GET /hold", .handler = hold},
    {.pattern = "GET /events", .handler = events},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "simple_service",
    .version = "1.0",    .about = "Shows jobs that end with their request.",
    .routes = routes,    .route_count = sizeof routes / sizeof routes[0]};
