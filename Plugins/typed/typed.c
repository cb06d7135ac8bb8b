/* typed: function routes, which are plain C functions with a signature. The host converts the arguments from the
 * request, calls the function, and sends its result. It answers bad arguments with 400 and does not call the function.
 *
 *     curl http://127.0.0.1:8080/sum/2/40
 *     curl http://127.0.0.1:8080/sum/2/x                            400: b: expected i64 ..., found "x"
 *     curl 'http://127.0.0.1:8080/greeting/World?punctuation=!'
 *     curl --data '2 3.5 5' http://127.0.0.1:8080/statistics
 *     curl -H 'Content-Type: application/json' --data '{"milliseconds":250}' http://127.0.0.1:8080/nap
 *
 * The compiler does not check a signature against its function. A wrong signature is undefined behaviour, as a wrong
 * prototype is in C.
 */
#include <ambit.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* GET /sum/{a}/{b}: takes and returns numbers. Sums that do not fit wrap around. */
static int64_t sum(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }

/* GET /greeting/{name}: returns a text that the caller must free. "str free" tells the host to do so. */
static char *greeting(const char *name, const char *punctuation) {
  const char *format = "Hello, %s%s";
  const int length = snprintf(NULL, 0, format, name, punctuation);
  char *text = length < 0 ? NULL : malloc((size_t)length + 1);
  if (text != NULL)
    snprintf(text, (size_t)length + 1, format, name, punctuation);
  return text;
}

/* POST /statistics: returns several results through pointers. The result is the number of numbers before the first word
 * that is not a number. */
static uint64_t statistics(const char *text, double *mean, double *least, double *greatest) {
  uint64_t count = 0;
  double sum = 0;
  *least = *greatest = NAN;
  for (;;) {
    char *end = NULL;
    const double number = strtod(text, &end);
    if (end == text)
      break;
    text = end;
    sum += number;
    if (count == 0 || number < *least)
      *least = number;
    if (count == 0 || number > *greatest)
      *greatest = number;
    count++;
  }
  *mean = count > 0 ? sum / (double)count : NAN;
  return count;
}

/* POST /nap: a function that takes the scope can do whatever a handler can. It waits on its fiber, and the wait ends if
 * the client leaves. It returns a status, which means the same as that of a handler. */
static int32_t nap(ambit_scope *scope, uint32_t milliseconds) {
  const ambit_status status = ambit_sleep(scope, AMBIT_MILLISECONDS((int64_t)milliseconds));
  if (status == AMBIT_CANCELLED)
    ambit_logf(scope, AMBIT_INFO, "woken up, cause=%s", ambit_cause_name(ambit_cancelled(scope)));
  return status;
}

static const ambit_route routes[] = {
    {.pattern = "GET /sum/{a}/{b}", .function = (ambit_function)sum, .signature = "i64 (i64 a, i64 b)"},
    {.pattern = "GET /greeting/{name}",
     .function = (ambit_function)greeting,
     .signature = "str free (str name, str punctuation)"},
    {.pattern = "POST /statistics",
     .function = (ambit_function)statistics,
     .signature = "u64 (str body, out f64 mean, out f64 least, out f64 greatest)"},
    {.pattern = "POST /nap", .function = (ambit_function)nap, .signature = "status (scope, u32 milliseconds)"},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "typed",
    .version = "1.0",    .about = "C functions as routes.",
    .routes = routes,    .route_count = sizeof routes / sizeof routes[0]};
