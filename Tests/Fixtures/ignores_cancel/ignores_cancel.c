/* Jobs and handlers that go on after their cancel, until the file `release` is there. */
#include <ambit.h>
#include <stdio.h>
#include <unistd.h>

static bool is_released(void) { return access("release", F_OK) == 0; }

/* Not static, so that a backtrace can name it; the same goes for those below. */
int32_t waits(ambit_scope *scope, void *arg) {
  (void)arg;
  while (!is_released())
    ambit_sleep(scope, AMBIT_SECONDS(1));
  return AMBIT_OK;
}

int32_t computes(ambit_scope *scope, void *arg) {
  (void)scope;
  (void)arg;
  while (!is_released())
    for (volatile int i = 0; i < 1000000; i++)
      ;
  return AMBIT_OK;
}

/* In the system: until the other end of the pipe `gate` is opened. */
int32_t blocks(ambit_scope *scope, void *arg) {
  (void)scope;
  (void)arg;
  FILE *gate = fopen("gate", "r");
  return gate != NULL && fclose(gate) == 0 ? AMBIT_OK : AMBIT_FAILED;
}

static int32_t leave_behind(ambit_scope *scope, ambit_job_fn fn, const char *name, uint32_t flags) {
  ambit_job_options options = {.size = sizeof options, .name = name, .flags = flags};
  ambit_status status = ambit_spawn(scope, fn, NULL, &options, NULL);
  return status == AMBIT_OK ? ambit_respond(scope, 200, "text/plain", "", 0) : status;
}

static int32_t wait_on(ambit_scope *scope) { return leave_behind(scope, waits, "waiter", 0); }

static int32_t compute_on(ambit_scope *scope) { return leave_behind(scope, computes, "reckoner", AMBIT_JOB_THREAD); }

static int32_t block_on(ambit_scope *scope) { return leave_behind(scope, blocks, "reader", AMBIT_JOB_THREAD); }

int32_t holds_the_loop(ambit_scope *scope) {
  ambit_cancel(scope);
  return computes(scope, NULL);
}

int32_t waits_as_handler(ambit_scope *scope) {
  ambit_cancel(scope);
  return waits(scope, NULL);
}

static const ambit_route routes[] = {
    {.pattern = "GET /waits", .handler = wait_on},
    {.pattern = "GET /computes", .handler = compute_on},
    {.pattern = "GET /blocks", .handler = block_on},
    {.pattern = "GET /holds-the-loop", .handler = holds_the_loop},
    {.pattern = "GET /waits-as-handler", .handler = waits_as_handler},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "ignores_cancel", .routes = routes,
                                                      .route_count = sizeof routes / sizeof routes[0]};
