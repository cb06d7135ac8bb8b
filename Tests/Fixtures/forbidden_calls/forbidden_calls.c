/* Calls that ambit.h forbids, one kind for each route: from the wrong thread, after an end, a second time, in hooks. */
#include <ambit.h>
#include <pthread.h>

static ambit_scope *kept, *plugin_scope;
static ambit_status status_in_hook;

static int32_t start(ambit_scope *plugin) {
  plugin_scope = plugin;
  return AMBIT_OK;
}

static int32_t respond_status(ambit_scope *scope, const char *call, ambit_status status) {
  return ambit_respondf(scope, 200, "text/plain", "%s %d\n", call, status);
}

static int32_t keep(ambit_scope *scope) {
  kept = scope;
  return respond_status(scope, "keep", AMBIT_OK);
}

static int32_t use_kept(ambit_scope *scope) {
  ambit_logf(kept, AMBIT_INFO, "this must not be written");
  bool is_absent = ambit_alloc(kept, 1) == NULL && ambit_path(kept).ptr == NULL;
  return respond_status(scope, is_absent ? "absent" : "present", ambit_sleep(kept, 0));
}

static int32_t returns(ambit_scope *scope, void *arg) {
  (void)scope;
  (void)arg;
  return AMBIT_OK;
}

static int32_t use_job(ambit_scope *scope) {
  ambit_scope *child = NULL;
  ambit_job *job = NULL;
  ambit_open(scope, NULL, &child);
  ambit_spawn(child, returns, NULL, NULL, &job);
  ambit_join_all(child, -1);
  ambit_close(child);
  ambit_cancel_job(scope, job);
  return respond_status(scope, "join", ambit_join(scope, job, 0, NULL, NULL));
}

static int32_t use_event(ambit_scope *scope) {
  ambit_scope *child = NULL;
  ambit_open(scope, NULL, &child);
  ambit_event *event = ambit_event_new(child);
  ambit_close(child);
  ambit_event_set(event);
  return respond_status(scope, "event_wait", ambit_event_wait(scope, event, 0));
}

static int32_t set_draining(ambit_scope *scope) {
  ambit_event_reset(ambit_draining(scope));
  return respond_status(scope, "event_set", ambit_event_set(ambit_draining(scope)));
}

/* The job is for the plugin's scope only, and its hook runs all the same. */
static int32_t once_here(ambit_scope *scope) {
  ambit_job_options options = ambit_default_job_options("once");
  options.flags = AMBIT_JOB_ONCE;
  ambit_spawn(scope, returns, NULL, &options, NULL);
  return respond_status(scope, "every", ambit_every(scope, 1, returns, NULL, &options, NULL));
}

static void *sleep_elsewhere(void *scope) {
  status_in_hook = ambit_sleep(scope, 0);
  ambit_cancel(scope);
  return NULL;
}

static int32_t use_thread(ambit_scope *scope) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, sleep_elsewhere, scope) != 0 || pthread_join(thread, NULL) != 0)
    return AMBIT_FAILED;
  return respond_status(scope, ambit_cancelled(scope) == AMBIT_CAUSE_NONE ? "open" : "cancelled", status_in_hook);
}

static int32_t end_twice(ambit_scope *scope) {
  ambit_begin(scope, 200, 0);
  ambit_end(scope);
  ambit_end(scope);
  return AMBIT_OK;
}

static int32_t respond_twice(ambit_scope *scope) {
  respond_status(scope, "first", AMBIT_OK);
  respond_status(scope, "second", AMBIT_OK);
  return AMBIT_OK;
}

static void sleep_in_hook(void *arg) {
  (void)arg;
  status_in_hook = ambit_sleep(plugin_scope, 0);
}

static void sleep_at_end(void *arg, ambit_outcome outcome, int32_t code) {
  (void)outcome;
  (void)code;
  sleep_in_hook(arg);
}

static int32_t wait_at_end(ambit_scope *scope) {
  ambit_job_options options = {.size = sizeof options, .on_end = sleep_at_end};
  ambit_spawn(scope, returns, NULL, &options, NULL);
  ambit_join_all(scope, -1);
  return respond_status(scope, "on_end", status_in_hook);
}

static int32_t wait_deferred(ambit_scope *scope) {
  ambit_scope *child = NULL;
  ambit_open(scope, NULL, &child);
  ambit_defer(child, sleep_in_hook, NULL);
  ambit_close(child);
  return respond_status(scope, "deferred", status_in_hook);
}

static int32_t wait_on_cancel(ambit_scope *scope) {
  ambit_scope *child = NULL;
  ambit_open(scope, NULL, &child);
  ambit_on_cancel(child, sleep_in_hook, NULL);
  ambit_cancel(child);
  return respond_status(scope, "on_cancel", status_in_hook);
}

static void answer(void *context, void **args, void *result) {
  (void)context;
  *(int32_t *)result = *(int32_t *)args[0];
}

static int32_t use_bound(ambit_scope *scope) {
  ambit_scope *child = NULL;
  ambit_function function = NULL;
  ambit_open(scope, NULL, &child);
  ambit_bind(child, "i32 (i32 x)", answer, NULL, &function);
  int32_t before = ((int32_t(*)(int32_t))function)(7);
  ambit_close(child);
  return respond_status(scope, before == 7 ? "bound" : "unbound", ((int32_t(*)(int32_t))function)(7));
}

/* Allowed: references are safe for ever. */
static int32_t use_ref(ambit_scope *scope) {
  ambit_scope *child = NULL;
  ambit_open(scope, NULL, &child);
  ambit_ref ref = ambit_ref_of(child);
  ambit_close(child);
  return respond_status(scope, ambit_cause_name(ambit_ref_cancelled(ref)), ambit_post(ref, returns, NULL));
}

static const ambit_route routes[] = {
    {.pattern = "GET /keep", .handler = keep},
    {.pattern = "GET /use-kept", .handler = use_kept},
    {.pattern = "GET /use-job", .handler = use_job},
    {.pattern = "GET /use-event", .handler = use_event},
    {.pattern = "GET /set-draining", .handler = set_draining},
    {.pattern = "GET /once-here", .handler = once_here},
    {.pattern = "GET /use-thread", .handler = use_thread},
    {.pattern = "GET /use-bound", .handler = use_bound},
    {.pattern = "GET /end-twice", .handler = end_twice},
    {.pattern = "GET /respond-twice", .handler = respond_twice},
    {.pattern = "GET /wait-at-end", .handler = wait_at_end},
    {.pattern = "GET /wait-deferred", .handler = wait_deferred},
    {.pattern = "GET /wait-on-cancel", .handler = wait_on_cancel},
    {.pattern = "GET /use-ref", .handler = use_ref},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER,
    .name = "forbidden_calls",
    .start = start,
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
};
