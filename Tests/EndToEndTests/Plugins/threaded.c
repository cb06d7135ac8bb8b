/* A plugin whose language would check the bounds of the stack it runs on: each of its functions says where it runs. */
#include "probe.h"

#include <pthread.h>
#include <string.h>

/* "pool", "loop", or for a stack that is not the thread's own "fiber". */
static const char *place(void) {
  pthread_attr_t attributes;
  void *low = NULL;
  size_t size = 0;
  char name[32] = "", here = 0;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &low, &size);
  pthread_attr_destroy(&attributes);
  pthread_getname_np(pthread_self(), name, sizeof name);
  if (&here < (char *)low || &here >= (char *)low + size)
    return "fiber";
  return strcmp(name, "ambit-pool") == 0 ? "pool" : "loop";
}

static void say(const char *what) { NOTE("%s on %s\n", what, place()); }

static void cancelled(void *scope) {
  NOTE("on_cancel on %s cause=%s\n", place(), ambit_cause_name(ambit_cancelled(scope)));
}

static void ended(void *arg, ambit_outcome outcome, int32_t code) {
  (void)arg;
  NOTE("on_end on %s outcome=%s code=%d\n", place(), ambit_outcome_name(outcome), code);
}

static int32_t nothing(void *arg) {
  (void)arg;
  return AMBIT_OK;
}

static void deferred(void *scope) {
  NOTE("deferred on %s sleep=%s block=%s memory=%d\n", place(), ambit_status_name(ambit_sleep(scope, 0)),
       ambit_status_name(ambit_block(scope, nothing, NULL)), ambit_alloc(scope, 1) != NULL);
}

static const ambit_job_options with_hook = {.size = sizeof(ambit_job_options), .name = "hooked", .on_end = ended};

static int32_t job(ambit_scope *scope, void *arg) {
  (void)arg;
  say("job");
  return ambit_sleep(scope, AMBIT_MILLISECONDS(1));
}

static int32_t tick(ambit_scope *scope, void *arg) {
  (void)scope;
  (void)arg;
  say("tick");
  return 1;
}

static int32_t posted(ambit_scope *scope, void *event) {
  (void)scope;
  say("posted");
  return ambit_event_set(event);
}

static int32_t everything(ambit_scope *scope) {
  say("handler");
  ambit_event *event = ambit_event_new(scope);
  ambit_job *ticker = NULL;
  ambit_scope *child = NULL;
  ambit_on_cancel(scope, cancelled, scope);
  ambit_defer(scope, deferred, scope);
  ambit_status spawned = ambit_spawn(scope, job, NULL, &with_hook, NULL);
  ambit_every(scope, AMBIT_MILLISECONDS(1), tick, NULL, NULL, &ticker);
  ambit_status post = ambit_post(ambit_ref_of(scope), posted, event);
  ambit_status waited = ambit_event_wait(scope, event, -1);
  ambit_status opened = ambit_open(scope, NULL, &child);
  ambit_defer(child, deferred, child);
  ambit_on_cancel(child, cancelled, child);
  ambit_status closed = ambit_close(child);
  ambit_status joined = ambit_join_all(scope, -1);
  return ambit_respondf(scope, 200, "text/plain", "%d %d %d %d %d %d\n", spawned, post, waited, opened, closed, joined);
}

static int32_t sleeper(ambit_scope *scope, void *arg) {
  (void)arg;
  NOTE("job waits\n");
  ambit_status status = ambit_sleep(scope, HOUR);
  NOTE("job woken status=%d\n", status);
  return status;
}

static int32_t held(ambit_scope *scope) {
  ambit_on_cancel(scope, cancelled, scope);
  ambit_defer(scope, deferred, scope);
  ambit_spawn(scope, sleeper, NULL, &with_hook, NULL);
  return ambit_sleep(scope, HOUR);
}

/* Holds its own thread while it waits for the hook of a job that never gets one. */
static int32_t refused(ambit_scope *scope) {
  ambit_job *never = NULL;
  ambit_outcome outcome = -1;
  ambit_spawn(scope, job, NULL, &with_hook, &never);
  ambit_cancel_job(scope, never);
  ambit_status joined = ambit_join(scope, never, -1, &outcome, NULL);
  return ambit_respondf(scope, 200, "text/plain", "join=%d %s\n", joined, ambit_outcome_name(outcome));
}

static int32_t start(ambit_scope *plugin) {
  say("start");
  ambit_defer(plugin, deferred, plugin);
  return ambit_sleep(plugin, AMBIT_MILLISECONDS(1));
}

static void stop(ambit_scope *plugin) {
  NOTE("stop on %s sleep=%s\n", place(), ambit_status_name(ambit_sleep(plugin, 0)));
}

static const ambit_route routes[] = {
    {.pattern = "GET /everything", .handler = everything},
    {.pattern = "GET /held", .handler = held},
    {.pattern = "GET /refused", .handler = refused},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER,
    .name = "threaded",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .start = start,
    .stop = stop,
    .flags = AMBIT_PLUGIN_THREADS,
};
