/* ROUTES routes, GET /routes/PLUGIN/{number}/{name}, which all answer the same. The definitions are the compiler's. */
#include <ambit.h>
#include <stdio.h>

static char patterns[ROUTES][48];
static ambit_route routes[ROUTES];

static int32_t answer(ambit_scope *scope) { return ambit_respond(scope, 200, "text/plain", "routed\n", 7); }

/* Before the host reads the entry. */
__attribute__((constructor)) static void fill(void) {
  for (int number = 0; number < ROUTES; number++) {
    snprintf(patterns[number], sizeof patterns[number], "GET /routes/" PLUGIN "/%d/{name}", number);
    routes[number] = (ambit_route){.pattern = patterns[number], .handler = answer};
  }
}

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = PLUGIN, .version = "1.0", .routes = routes, .route_count = ROUTES,
};
