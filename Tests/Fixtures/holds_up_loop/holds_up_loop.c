/* Holds up its loop, wherever the host calls it, until the file `release` is there; its start does for a while. */
#include <ambit.h>
#include <stdio.h>
#include <unistd.h>

/* Not static, so that a backtrace can name it. */
void spins(void *arg) {
  (void)arg;
  while (access("release", F_OK) != 0)
    for (volatile int i = 0; i < 1000000; i++)
      ;
}

static void spins_at_end(void *arg, ambit_outcome outcome, int32_t code) {
  (void)outcome;
  (void)code;
  spins(arg);
}

static int32_t returns(ambit_scope *scope, void *arg) {
  (void)scope;
  (void)arg;
  return AMBIT_OK;
}

static int32_t spins_as_job(ambit_scope *scope, void *arg) {
  spins(arg);
  return ambit_respond(scope, 200, "text/plain", "", 0);
}

static int32_t handler(ambit_scope *scope) { return spins_as_job(scope, NULL); }

static int32_t job(ambit_scope *scope) {
  ambit_job_options options = {.size = sizeof options, .name = "spinner"};
  ambit_status status = ambit_spawn(scope, spins_as_job, NULL, &options, NULL);
  return status == AMBIT_OK ? AMBIT_PENDING : status;
}

static int32_t on_end(ambit_scope *scope) {
  ambit_job_options options = {.size = sizeof options, .on_end = spins_at_end};
  ambit_spawn(scope, returns, NULL, &options, NULL);
  return ambit_respond(scope, 200, "text/plain", "", 0);
}

static int32_t on_cancel(ambit_scope *scope) {
  ambit_on_cancel(scope, spins, NULL);
  return ambit_respond(scope, 200, "text/plain", "", 0);
}

static int32_t deferred(ambit_scope *scope) {
  ambit_defer(scope, spins, NULL);
  return ambit_respond(scope, 200, "text/plain", "", 0);
}

/* In the system: until the other end of the pipe `gate` is opened. */
int32_t blocks(ambit_scope *scope) {
  FILE *gate = fopen("gate", "r");
  if (gate != NULL)
    fclose(gate);
  return ambit_respond(scope, 200, "text/plain", "", 0);
}

/* Microseconds: many if the settings say so, for a test that has to see the sleep on a busy machine. */
static useconds_t nap = 900000;

int32_t sleeps(ambit_scope *plugin, void *unused) {
  (void)plugin, (void)unused;
  return usleep(nap) == 0 ? AMBIT_OK : AMBIT_FAILED;
}

static int32_t start(ambit_scope *plugin) {
  if (ambit_setting(plugin, "sleeps").len > 0 && ambit_extension(plugin, "ambit.dry_run/1") == NULL)
    nap = 4000000;
  ambit_job_options options = {.size = sizeof options, .name = "sleeper"};
  return ambit_spawn(plugin, sleeps, NULL, &options, NULL);
}

static const ambit_route routes[] = {
    {.pattern = "GET /handler", .handler = handler},   {.pattern = "GET /job", .handler = job},
    {.pattern = "GET /on_end", .handler = on_end},     {.pattern = "GET /on_cancel", .handler = on_cancel},
    {.pattern = "GET /deferred", .handler = deferred}, {.pattern = "GET /blocks", .handler = blocks},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "holds_up_loop", .start = start,
                                                      .routes = routes,
                                                      .route_count = sizeof routes / sizeof routes[0]};
