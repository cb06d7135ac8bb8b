/* GET /jobs/{count}: spawns that many jobs, each of which sleeps, and answers at once. So the end of the request
 * cancels them: this is what a job costs that never gets to do its work. */
#include <ambit.h>

static int32_t sleeps(ambit_scope *scope, void *arg) {
  (void)arg;
  return ambit_sleep(scope, AMBIT_SECONDS(3600));
}

static int32_t jobs(ambit_scope *scope) {
  ambit_str digits = ambit_param(scope, "count");
  int count = 0;
  for (size_t i = 0; i < digits.len; i++)
    count = 10 * count + (digits.ptr[i] - '0');
  ambit_status status = AMBIT_OK;
  for (int i = 0; i < count && status == AMBIT_OK; i++)
    status = ambit_spawn(scope, sleeps, NULL, NULL, NULL);
  return status;
}

static const ambit_route routes[] = {{.pattern = "GET /jobs/{count}", .handler = jobs}};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "jobs", .version = "1.0",
                                                      .routes = routes, .route_count = 1};
