/* hello: a first plugin. It greets, and it sends back the body of a request.
 *
 *     curl http://127.0.0.1:8080/hello/World
 *     curl -H 'Content-Type: image/png' --data-binary @picture.png -o same.png http://127.0.0.1:8080/echo
 *
 * host.conf can change the greeting:
 *
 *     [plugin.hello]
 *     greeting = "Good day"
 */
#include <ambit.h>

/* GET /hello/{name}: sends the whole response with one call. */
static int32_t hello(ambit_scope *scope) {
  ambit_str greeting = ambit_setting(scope, "greeting");
  if (greeting.ptr == NULL)
    greeting = AMBIT_STR("Hello");
  const ambit_str parts[] = {greeting, AMBIT_STR(", "), ambit_param(scope, "name"), AMBIT_STR("!\n")};
  ambit_str text = ambit_concat(scope, parts, sizeof parts / sizeof parts[0]);
  if (text.ptr == NULL)
    return AMBIT_NO_MEMORY;
  return ambit_respond(scope, 200, "text/plain; charset=utf-8", text.ptr, text.len);
}

/* POST /echo: sends a body of any length piece by piece. ambit_read waits until the client sends and ambit_write until
 * it receives, so one buffer is enough. If the client leaves, both calls fail and the handler returns. */
static int32_t echo(ambit_scope *scope) {
  const char *type = ambit_cstr(scope, ambit_header(scope, "Content-Type"));
  if (type != NULL)
    ambit_set_header(scope, "Content-Type", type);

  /* Large pieces need fewer system calls. A known body that is shorter needs no larger buffer. */
  int64_t body_length = ambit_body_length(scope);
  size_t size = body_length >= 0 && body_length < 64 * 1024 ? (size_t)body_length : 64 * 1024;
  char *buffer = ambit_alloc(scope, size);
  if (buffer == NULL)
    return AMBIT_NO_MEMORY;

  ambit_status status = ambit_begin(scope, 200, body_length);
  while (status == AMBIT_OK) {
    int64_t length = ambit_read(scope, buffer, size);
    if (length == 0)
      return ambit_end(scope);
    if (length < 0)
      return (int32_t)length;
    status = ambit_write(scope, buffer, (size_t)length);
  }
  return status;
}

static const ambit_route routes[] = {
    {.pattern = "GET /hello/{name}", .handler = hello},
    {.pattern = "POST /echo", .handler = echo},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "hello",
    .version = "1.0",    .about = "Greets, and echoes.",
    .routes = routes,    .route_count = sizeof routes / sizeof routes[0]};
