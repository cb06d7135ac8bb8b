/* Bodies of requests and responses, in one piece and in many. */
#include "probe.h"

#include <stdlib.h>

static int32_t pieces(ambit_scope *scope) {
  ambit_begin(scope, 200, -1);
  ambit_write(scope, "one ", 4);
  ambit_write(scope, "two ", 4);
  ambit_write(scope, "three\n", 6);
  return ambit_end(scope);
}

static int32_t announced(ambit_scope *scope) {
  ambit_set_header(scope, "Content-Type", "text/plain");
  ambit_begin(scope, 200, 6);
  ambit_write(scope, "abc", 3);
  ambit_write(scope, "def", 3);
  return ambit_end(scope);
}

/* Writes as many MiB as the query asks for, in blocks whose bytes tell their number. */
static int32_t flood(ambit_scope *scope) {
  static const size_t block = 65536;
  long mebibytes = atol(ambit_cstr(scope, ambit_query(scope, "mebibytes")));
  unsigned char *bytes = ambit_alloc(scope, block);
  ambit_status status = ambit_begin(scope, 200, (int64_t)mebibytes << 20);
  for (long i = 0; i < mebibytes * 16 && status == AMBIT_OK; i++) {
    for (size_t j = 0; j < block; j++)
      bytes[j] = (unsigned char)i;
    status = ambit_write(scope, bytes, block);
  }
  NOTE("flood over status=%d\n", status);
  return status == AMBIT_OK ? ambit_end(scope) : status;
}

/* Takes the whole body at once and answers with its length. */
static int32_t measure(ambit_scope *scope) {
  ambit_str body;
  ambit_status status = ambit_body(scope, &body);
  NOTE("body status=%d\n", status);
  if (status != AMBIT_OK)
    return status;
  return ambit_respondf(scope, 200, "text/plain", "%zu of %lld\n", body.len, (long long)ambit_body_length(scope));
}

static const ambit_route routes[] = {
    {.pattern = "GET /pieces", .handler = pieces},
    {.pattern = "GET /announced", .handler = announced},
    {.pattern = "GET /flood", .handler = flood},
    {.pattern = "POST /measure", .handler = measure},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER,
    .name = "bodies",
    .version = "1.0",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
};
