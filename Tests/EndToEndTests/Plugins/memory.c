/* Memory of a scope, and functions deferred to its end. */
#include "probe.h"

#include <string.h>

static void deferred(void *arg) { NOTE("deferred %s\n", (const char *)arg); }

static int32_t defer(ambit_scope *scope) {
  ambit_defer(scope, deferred, "first");
  ambit_defer(scope, deferred, "second");
  ambit_defer(scope, deferred, "third");
  NOTE("handler returns\n");
  return AMBIT_OK;
}

/* 1 if `size` bytes from the scope are aligned to 16 and zero; dirties them for whoever gets them next. */
static int is_clean(ambit_scope *scope, size_t size) {
  unsigned char *bytes = ambit_alloc(scope, size);
  if (bytes == NULL || (uintptr_t)bytes % 16 != 0)
    return 0;
  for (size_t i = 0; i < size; i++)
    if (bytes[i] != 0)
      return 0;
  memset(bytes, 0xa5, size);
  return 1;
}

static int32_t alloc(ambit_scope *scope) {
  static const size_t sizes[] = {1, 15, 16, 17, 100, 4096, 5000, 65536, 1000000};
  for (int round = 0; round < 20; round++)
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
      if (!is_clean(scope, sizes[i]))
        return ambit_respondf(scope, 500, "text/plain", "size %zu, round %d\n", sizes[i], round);
  return ambit_respond(scope, 200, "text/plain", "clean\n", 6);
}

static const ambit_route routes[] = {
    {.pattern = "GET /defer", .handler = defer},
    {.pattern = "GET /alloc", .handler = alloc},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER,
    .name = "memory",
    .version = "1.0",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
};
