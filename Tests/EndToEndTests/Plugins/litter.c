/* Requests that take everything that a scope offers, and leave it to the host to clean up. The plugin counts what has
 * begun and what has ended: the two agree once nothing runs any more. */
#include "probe.h"

#include <pthread.h>
#include <stdatomic.h>

static struct { atomic_long requests, spawned, ended, deferred, undone, asked, told, posted, arrived; } counts;

static void undo(void *arg) {
  (void)arg;
  counts.undone++;
}

static void tell(void *arg) {
  (void)arg;
  counts.told++;
}

static void ended(void *arg, ambit_outcome outcome, int32_t code) {
  (void)arg;
  (void)outcome;
  (void)code;
  counts.ended++;
}

static const ambit_job_options counted = {.size = sizeof(ambit_job_options), .name = "counted", .on_end = ended};
static const ambit_job_options on_thread = {
    .size = sizeof(ambit_job_options), .flags = AMBIT_JOB_THREAD, .on_end = ended};

static void defer(ambit_scope *scope) { counts.deferred += ambit_defer(scope, undo, NULL) == AMBIT_OK; }

static ambit_job *spawn(ambit_scope *scope, ambit_job_fn fn, void *arg, const ambit_job_options *options) {
  ambit_job *job = NULL;
  counts.spawned++;
  ambit_spawn(scope, fn, arg, options, &job);
  return job;
}

static int32_t sleeps(ambit_scope *scope, void *arg) {
  (void)arg;
  return ambit_sleep(scope, HOUR);
}

/* Says goodbye under a shield. */
static int32_t shields(ambit_scope *scope, void *arg) {
  (void)arg;
  ambit_sleep(scope, HOUR);
  ambit_shield(scope, true);
  ambit_status status = ambit_yield(scope);
  ambit_shield(scope, false);
  return status;
}

static int32_t receives(ambit_scope *scope, void *channel) {
  void *message = NULL;
  return ambit_receive(scope, channel, &message, -1);
}

static int32_t arrives(ambit_scope *scope, void *event) {
  (void)scope;
  counts.arrived++;
  return event != NULL ? ambit_event_set(event) : AMBIT_OK;
}

static void post(ambit_ref ref, void *event) { counts.posted += ambit_post(ref, arrives, event) == AMBIT_OK; }

/* The plugin's own thread, which posts to scopes, some of which have closed by then. */
static int orders[2];
static pthread_t poster;

struct order {
  ambit_ref ref;
  ambit_event *event;
};

static void *post_as_ordered(void *arg) {
  (void)arg;
  struct order order;
  while (read(orders[0], &order, sizeof order) == sizeof order)
    post(order.ref, order.event);
  return NULL;
}

static int32_t start(ambit_scope *plugin) {
  if (pipe(orders) != 0 || pthread_create(&poster, NULL, post_as_ordered, NULL) != 0)
    return ambit_fail(plugin, AMBIT_FAILED, "no thread to be had");
  return AMBIT_OK;
}

static void stop(ambit_scope *plugin) {
  (void)plugin;
  close(orders[1]);
  pthread_join(poster, NULL);
  close(orders[0]);
}

/* Jobs, memory and the rest in a scope, which go with it. */
static void fill(ambit_scope *scope) {
  defer(scope);
  spawn(scope, sleeps, NULL, &counted);
  spawn(scope, shields, NULL, &counted);
  ambit_channel *channel = ambit_channel_new(scope, 1);
  spawn(scope, receives, channel, &counted);
  counts.spawned++;
  ambit_every(scope, HOUR, sleeps, NULL, &counted, NULL);
  counts.asked += ambit_on_cancel(scope, tell, NULL) == AMBIT_OK;
  ambit_set(scope, &counts, ambit_alloc(scope, 6000));
  post(ambit_ref_of(scope), NULL);
  defer(scope);
}

static int32_t litter(ambit_scope *scope) {
  long number = counts.requests++;
  fill(scope);
  ambit_scope_options options = ambit_default_scope_options("child");
  options.timeout = HOUR;
  ambit_scope *closed = NULL, *left = NULL;
  ambit_open(scope, &options, &closed);
  fill(closed);
  ambit_open(scope, NULL, &left);
  fill(left);
  ambit_job *cancelled = spawn(scope, sleeps, NULL, &counted);
  ambit_yield(scope);
  ambit_cancel_job(scope, cancelled);
  ambit_status status = ambit_join(scope, cancelled, -1, NULL, NULL);
  ambit_cancel(closed);
  if (status == AMBIT_OK)
    status = ambit_close(closed);
  if (number % 32 == 0) {
    spawn(scope, sleeps, NULL, &on_thread);
    ambit_cancel_fd(scope);
  }
  struct order order = {ambit_ref_of(scope), ambit_event_new(scope)};
  if (status != AMBIT_OK || write(orders[1], &order, sizeof order) != sizeof order)
    return AMBIT_FAILED;
  if (number % 2 == 0)
    status = ambit_event_wait(scope, order.event, -1);
  return status == AMBIT_OK ? ambit_respond(scope, 200, "text/plain", "left\n", 5) : status;
}

static int32_t tally(ambit_scope *scope) {
  return ambit_respondf(scope, 200, "text/plain",
                        " requests=%ld spawned=%ld ended=%ld deferred=%ld undone=%ld asked=%ld told=%ld posted=%ld "
                        "arrived=%ld",
                        counts.requests, counts.spawned, counts.ended, counts.deferred, counts.undone, counts.asked,
                        counts.told, counts.posted, counts.arrived);
}

static const ambit_route routes[] = {
    {.pattern = "GET /litter", .handler = litter},
    {.pattern = "GET /tally", .handler = tally},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "litter", .version = "1.0", .routes = routes,
    .route_count = 2,    .start = start,   .stop = stop,
};
