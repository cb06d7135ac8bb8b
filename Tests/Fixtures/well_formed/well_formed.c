/* well_formed: breaks no rule. Every field of the entry is set. */
#include <ambit.h>

static int32_t start(ambit_scope *plugin) { return ambit_set_state(plugin, NULL); }

static void stop(ambit_scope *plugin) { (void)plugin; }

static int32_t save(ambit_scope *plugin) { return ambit_hand_over(plugin, 1, "", 0); }

static int32_t answer(ambit_scope *scope) { return ambit_respond(scope, 200, "text/plain", "ok\n", 3); }

static const ambit_route routes[] = {
    {.pattern = "GET /well_formed/{name}", .handler = answer},
    {.pattern = "POST /well_formed", .handler = answer, .flags = AMBIT_ROUTE_FINISH_ON_DISCONNECT},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "well_formed",
                                                      .version = "2.1",    .about = "Breaks no rule.",
                                                      .routes = routes,    .route_count = 2,
                                                      .start = start,      .stop = stop,
                                                      .save = save,        .flags = AMBIT_PLUGIN_UNLOADABLE};
