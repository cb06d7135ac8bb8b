/* bad_stack_size: asks for a stack that cannot be had. */
#include <ambit.h>

static int32_t answer(ambit_scope *scope) {
  (void)scope;
  return AMBIT_OK;
}

static const ambit_route routes[] = {
    {.pattern = "GET /fiber", .handler = answer, .stack_size = (64u << 20) + 1},
    {.pattern = "GET /good", .handler = answer, .stack_size = 64u << 20},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "bad_stack_size", .routes = routes, .route_count = 2, .stack_size = 64u << 20};
