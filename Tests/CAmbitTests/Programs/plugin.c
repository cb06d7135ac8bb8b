/* A plugin with everything an entry can have, in the form that its language has for it. */
#include "ambit.h"

static int32_t hello(ambit_scope *scope) {
  const ambit_str name = ambit_param(scope, "name");
  return ambit_respondf(scope, 200, "text/plain", "Hello, " AMBIT_STR_FMT "!\n", AMBIT_STR_ARG(name));
}

static int64_t sum(int64_t a, int64_t b) { return a + b; }

static int32_t start(ambit_scope *plugin) { return ambit_set_state(plugin, NULL); }

static void stop(ambit_scope *plugin) { ambit_logf(plugin, AMBIT_INFO, "stops"); }

static int32_t save(ambit_scope *plugin) { return ambit_hand_over(plugin, 1, "state", 5); }

#if defined(__cplusplus) && __cplusplus < 202002L

static const ambit_route routes[] = {
    ambit_make_route("GET /hello/{name}", hello, AMBIT_ROUTE_BLOCKING),
    ambit_make_call("GET /sum/{a}/{b}", sum, "i64 (i64 a, i64 b)"),
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry =
    ambit_make_plugin("everything", "2.1", "Says hello.", routes, start, stop, save, AMBIT_PLUGIN_UNLOADABLE);

#else

static const ambit_route routes[] = {
    {.pattern = "GET /hello/{name}", .handler = hello, .flags = AMBIT_ROUTE_BLOCKING},
    {.pattern = "GET /sum/{a}/{b}", .function = (ambit_function)sum, .signature = "i64 (i64 a, i64 b)"},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "everything",
    .version = "2.1",    .about = "Says hello.",
    .routes = routes,    .route_count = 2,
    .start = start,      .stop = stop,
    .save = save,        .flags = AMBIT_PLUGIN_UNLOADABLE,
};

#endif
