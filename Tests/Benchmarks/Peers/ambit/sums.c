/* GET /sum/{a}/{b}: a C function by its signature, on the loop and on a thread, and handlers that do the same. */
#include <ambit.h>
#include <errno.h>
#include <stdlib.h>

static int64_t sum(int64_t a, int64_t b) { return a + b; }

static bool read_number(ambit_scope *scope, const char *name, int64_t *number) {
  const char *text = ambit_cstr(scope, ambit_param(scope, name));
  if (text == NULL)
    return false;
  char *end = NULL;
  errno = 0;
  *number = strtoll(text, &end, 10);
  return errno == 0 && end != text && *end == '\0';
}

static int32_t by_hand(ambit_scope *scope) {
  int64_t a = 0, b = 0;
  if (!read_number(scope, "a", &a) || !read_number(scope, "b", &b))
    return AMBIT_BAD_REQUEST;
  return ambit_respondf(scope, 200, "text/plain", "%lld", (long long)sum(a, b));
}

struct sum {
  int64_t a, b, result;
};

static int32_t add(void *argument) {
  struct sum *numbers = argument;
  numbers->result = sum(numbers->a, numbers->b);
  return AMBIT_OK;
}

static int32_t in_block(ambit_scope *scope) {
  struct sum numbers;
  if (!read_number(scope, "a", &numbers.a) || !read_number(scope, "b", &numbers.b))
    return AMBIT_BAD_REQUEST;
  ambit_status status = ambit_block(scope, add, &numbers);
  return status < 0 ? status : ambit_respondf(scope, 200, "text/plain", "%lld", (long long)numbers.result);
}

#define SUM .function = (ambit_function)sum, .signature = "i64 (i64 a, i64 b)"

static const ambit_route routes[] = {
    {.pattern = "GET /sum/{a}/{b}", SUM},
    {.pattern = "GET /sum-on-thread/{a}/{b}", SUM, .flags = AMBIT_ROUTE_BLOCKING},
    {.pattern = "GET /sum-by-hand/{a}/{b}", .handler = by_hand},
    {.pattern = "GET /sum-by-hand-on-thread/{a}/{b}", .handler = by_hand, .flags = AMBIT_ROUTE_BLOCKING},
    {.pattern = "GET /sum-in-block/{a}/{b}", .handler = in_block},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "sums", .version = "1.0",
                                                      .routes = routes, .route_count = 5};
