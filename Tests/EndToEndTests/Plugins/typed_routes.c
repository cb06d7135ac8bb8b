/* C functions as routes: one for each way that arguments come in and answers go out. */
#include "probe.h"
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t sum(int64_t a, int64_t b) { return a + b; }

static double half(double x) { return x / 2; }

static bool not(bool x) { return !x; }

static void nothing(void) {}

static const char *same(const char *text) { return text; }

static const char *absent(void) { return NULL; }

static const char *not_utf8(void) { return "caf\xe9"; }

static char *made(const char *text, size_t length) {
  char *copy = malloc(length + 2);
  memcpy(copy, text, length);
  memcpy(copy + length, "!", 2);
  return copy;
}

static uint32_t add_up(const unsigned char *bytes, size_t length) {
  uint32_t total = 0;
  for (size_t i = 0; i < length; i++)
    total += bytes[i];
  return total;
}

static int32_t describe(const char *text, double *mean, int8_t *least, const char **name, char *capitals, size_t room) {
  size_t length = strlen(text);
  *mean = length > 0 ? add_up((const unsigned char *)text, length) / (double)length : (double)NAN;
  *least = -128;
  *name = length > 0 ? "some \"text\"" : NULL;
  for (size_t i = 0; i < length && i < room; i++)
    capitals[i] = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 32) : text[i];
  return (int32_t)length;
}

static int32_t is_zero(int32_t code) { return code; }

static int32_t refuse(ambit_scope *scope, int32_t code) { return ambit_fail(scope, code, "the moon is full"); }

static int32_t respond_later(ambit_scope *scope, void *arg) {
  (void)arg;
  return ambit_respond(scope, 200, "text/plain", "later", 5);
}

static int32_t later(ambit_scope *scope) {
  int32_t status = ambit_spawn(scope, respond_later, NULL, NULL, NULL);
  return status == AMBIT_OK ? AMBIT_PENDING : status;
}

static int64_t system_call(int32_t number) {
  errno = number;
  return number == 0 ? 12 : -1;
}

static int32_t constants(int8_t i, double d, bool yes, const char *text, const void *null) {
  return i == -5 && d == 0.25 && yes && strcmp(text, "a \"b\"") == 0 && null == NULL;
}

static int32_t small_length(const char *text, uint8_t length) { return length == strlen(text); }

static char *defaults(int32_t limit, const char *q, bool flag, double x, const char *none, size_t length) {
  char *text = malloc(256);
  snprintf(text, 256, "%d %s %d %g %s %zu", limit, q, flag, x, none == NULL ? "null" : none, length);
  return text;
}

static const char *where(ambit_scope *scope) {
  static _Thread_local char answer[64];
  char name[16] = "";
  pthread_getname_np(pthread_self(), name, sizeof name);
  ambit_status status = ambit_sleep(scope, 1);
  snprintf(answer, sizeof answer, "%s %d", name, status);
  return answer;
}

static int32_t wait_here(ambit_scope *scope) {
  NOTE("waiting\n");
  ambit_status status = ambit_sleep(scope, HOUR);
  NOTE("waited %d %s\n", status, ambit_cause_name(ambit_cancelled(scope)));
  return status;
}

static int32_t respond(ambit_scope *scope) { return ambit_respond(scope, 418, "text/plain", "own\n", 4); }

#define CALL(name, text) .function = (ambit_function)(name), .signature = (text)

static const ambit_route routes[] = {
    {.pattern = "GET /sum/{a}/{b}", CALL(sum, "i64 (i64 a, i64 b)")},
    {.pattern = "POST /sum", CALL(sum, "i64 (i64 a, i64 b)")},
    {.pattern = "GET /half/{x}", CALL(half, "f64 (f64 x)")},
    {.pattern = "GET /not/{x}", CALL(not, "bool (bool x)")},
    {.pattern = "GET /nothing", CALL(nothing, "void ()")},
    {.pattern = "GET /same", CALL(same, "str (str text)")},
    {.pattern = "POST /same", CALL(same, "str (str text)")},
    {.pattern = "PUT /same", CALL(same, "str (str body)")},
    {.pattern = "GET /absent", CALL(absent, "str ()")},
    {.pattern = "GET /not-utf8", CALL(not_utf8, "str ()")},
    {.pattern = "GET /made/{text}", CALL(made, "str free (str text, size len(text))")},
    {.pattern = "POST /add-up", CALL(add_up, "u32 (bytes body, size len(body))")},
    {.pattern = "GET /add-up/{text}", CALL(add_up, "u32 (bytes text, size len(text))")},
    {.pattern = "POST /describe",
     CALL(describe,
          "i32 (str body, out f64 mean, out i8 least, out str name, buffer(8) capitals, size len(capitals))")},
    {.pattern = "GET /is-zero/{code}", CALL(is_zero, "status (i32 code)")},
    {.pattern = "GET /refuse/{code}", CALL(refuse, "status (scope, i32 code)")},
    {.pattern = "GET /refuse-blocking/{code}", CALL(refuse, "status (scope, i32 code)"), .flags = AMBIT_ROUTE_BLOCKING},
    {.pattern = "GET /later", CALL(later, "status (scope)")},
    {.pattern = "GET /system-call/{number}", CALL(system_call, "i64 errno (i32 number)")},
    {.pattern = "GET /constants", CALL(constants, "i32 (i8 -5, f64 0.25, bool true, str \"a \\\"b\\\"\", ptr null)")},
    {.pattern = "GET /small-length/{text}", CALL(small_length, "i32 (str text, u8 len(text))")},
    {.pattern = "* /defaults",
     CALL(defaults, "str free (i32 limit = 20, str q = \"a b\", bool flag = true, f64 x = 0.5, str none = null, "
                    "size len(q))")},
    {.pattern = "POST /sized/{text}",
     CALL(made, "str free (str text, size length = 3)")},
    {.pattern = "POST /keyed", CALL(sum, "i64 (i64 a = 1, i64 len(body))")},
    {.pattern = "GET /where", CALL(where, "str (scope)")},
    {.pattern = "GET /where-blocking", CALL(where, "str (scope)"), .flags = AMBIT_ROUTE_BLOCKING},
    {.pattern = "GET /wait", CALL(wait_here, "status (scope)")},
    {.pattern = "GET /wait-blocking", CALL(wait_here, "status (scope)"), .flags = AMBIT_ROUTE_BLOCKING},
    {.pattern = "GET /respond", CALL(respond, "i32 (scope)")},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER,
    .name = "typed_routes",
    .version = "1.0",
    .routes = routes,
    .route_count = sizeof routes / sizeof *routes,
};
