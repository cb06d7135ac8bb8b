/* Counts requests, and hands the count over to its next generation. The environment of the compiler chooses: FORM, the
 * version of the state that is handed over; REFUSE, a `start` that fails on it; LARGE, bytes handed over instead. */
#include "probe.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#ifndef FORM
#define FORM 1
#endif

static atomic_long count;

static int32_t start(ambit_scope *plugin) {
  uint32_t version = 99;
  ambit_str left = ambit_handed_over(plugin, &version);
  int dry_run = ambit_extension(plugin, "ambit.dry_run/1") != NULL;
  NOTE("found version=%u length=%zu present=%d dry_run=%d\n", version, left.len, left.ptr != NULL, dry_run);
  if (left.len == sizeof(long)) {
    long value;
    memcpy(&value, left.ptr, sizeof value);
    atomic_store(&count, value);
  }
#ifdef REFUSE
  return ambit_fail(plugin, AMBIT_FAILED, "cannot read what was left");
#endif
  return AMBIT_OK;
}

static int32_t save(ambit_scope *plugin) {
#ifdef UNSAVED
  return ambit_fail(plugin, AMBIT_FAILED, "nothing can be saved now");
#endif
#ifdef LARGE
  char *bytes = calloc(1, LARGE);
  ambit_status status = ambit_hand_over(plugin, FORM, bytes, LARGE);
  free(bytes);
  NOTE("handed over status=%d\n", status);
  return AMBIT_OK;
#endif
  long value = atomic_load(&count);
  ambit_hand_over(plugin, FORM + 1, "", 0);
  return ambit_hand_over(plugin, FORM, &value, sizeof value);
}

static int32_t counted(ambit_scope *scope) {
  long value = atomic_fetch_add(&count, 1) + 1;
  return ambit_respondf(scope, 200, "text/plain", "%ld\n", value);
}

static int32_t astray(ambit_scope *scope) {
  ambit_status own = ambit_hand_over(scope, 1, "x", 1);
  ambit_status plugin = ambit_hand_over(ambit_plugin_scope(scope), 1, "x", 1);
  ambit_str left = ambit_handed_over(ambit_plugin_scope(scope), NULL);
  void *state = ambit_state(scope);
  ambit_status set = ambit_set_state(ambit_plugin_scope(scope), &state);
  return ambit_respondf(scope, 200, "text/plain", "%d %d %d, state %d %d\n", own, plugin, left.ptr == NULL, set,
                        ambit_state(scope) != state);
}

static const ambit_route routes[] = {{.pattern = "GET /count", .handler = counted},
                                     {.pattern = "GET /astray", .handler = astray}};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "counting", .version = "1.0", .routes = routes,
    .route_count = 2,    .start = start,     .save = save,
};
