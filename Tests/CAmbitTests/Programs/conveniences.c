/* The inline functions that are made from calls, over a host of three calls that records what it is given. */
#include "ambit.h"

#include <stdlib.h>
#include <string.h>

#define EXPECT(condition)                                                                                              \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      printf("line %d: expected %s\n", __LINE__, #condition);                                                          \
      failures++;                                                                                                      \
    }                                                                                                                  \
  } while (0)

static int failures = 0;
static int allocations = 0;
static bool memory_is_left = true;
static char allocated[4096];
static char sent[4096];
static size_t sent_length = 0;

static void record(const void *bytes, size_t length) {
  memcpy(sent, bytes, length);
  sent_length = length;
}

static void *fake_alloc(ambit_scope *scope, size_t size) {
  (void)scope;
  allocations++;
  memset(allocated, 0, sizeof allocated);
  return memory_is_left && size <= sizeof allocated ? allocated : NULL;
}

static ambit_status fake_respond(ambit_scope *scope, int status, const char *content_type, const void *bytes,
                                 size_t length) {
  (void)scope;
  EXPECT(status == 201);
  EXPECT(strcmp(content_type, "text/plain") == 0);
  record(bytes, length);
  return AMBIT_OK;
}

static void fake_log(ambit_scope *scope, ambit_level level, const char *text, size_t length) {
  (void)scope;
  EXPECT(level == AMBIT_WARNING);
  record(text, length);
}

static ambit_status fake_fail(ambit_scope *scope, ambit_status status, const char *why) {
  (void)scope;
  record(why, strlen(why));
  return status;
}

static void formats_short_text_without_memory_of_the_scope(ambit_scope *scope) {
  allocations = 0;
  EXPECT(ambit_respondf(scope, 201, "text/plain", "%d of %s", 3, "five") == AMBIT_OK);
  EXPECT(sent_length == 9 && memcmp(sent, "3 of five", 9) == 0);
  ambit_logf(scope, AMBIT_WARNING, "step %d", 7);
  EXPECT(sent_length == 6 && memcmp(sent, "step 7", 6) == 0);
  EXPECT(ambit_failf(scope, AMBIT_LIMIT, "%s is full", "it") == AMBIT_LIMIT);
  EXPECT(sent_length == 10 && memcmp(sent, "it is full", 10) == 0);
  EXPECT(allocations == 0);
}

/* Lengths around the size of the buffer, where one byte more is the NUL that no longer fits. */
static void formats_text_of_any_length(ambit_scope *scope) {
  int length;
  for (length = 505; length < 520; length++) {
    allocations = 0;
    EXPECT(ambit_respondf(scope, 201, "text/plain", "%*s", length, "end") == AMBIT_OK);
    EXPECT(sent_length == (size_t)length && memcmp(sent + length - 3, "end", 3) == 0);
    EXPECT(allocations == (length > 511 ? 1 : 0));
  }
}

static void says_so_when_memory_is_short(ambit_scope *scope) {
  memory_is_left = false;
  sent_length = 0;
  EXPECT(ambit_respondf(scope, 201, "text/plain", "%2000d", 1) == AMBIT_NO_MEMORY);
  ambit_logf(scope, AMBIT_WARNING, "%2000d", 1);
  EXPECT(sent_length == 0);
  EXPECT(ambit_failf(scope, AMBIT_FAILED, "%2000d", 1) == AMBIT_FAILED);
  EXPECT(sent_length == 6 && memcmp(sent, "%2000d", 6) == 0);
  memory_is_left = true;
}

static void compares_bytes(void) {
  EXPECT(ambit_str_equal(AMBIT_STR("a\0b"), ambit_str_of("a\0b", 3)));
  EXPECT(!ambit_str_equal(AMBIT_STR("a\0b"), AMBIT_STR("a\0c")));
  EXPECT(!ambit_str_equal(AMBIT_STR("a"), AMBIT_STR("ab")));
  EXPECT(ambit_str_equal(ambit_str_of(NULL, 0), AMBIT_STR("")));
}

static void joins_parts_of_any_bytes(ambit_scope *scope) {
  const ambit_str parts[] = {AMBIT_STR("a\0b"), ambit_str_of(NULL, 0), AMBIT_STR(""), AMBIT_STR("cd")};
  ambit_str text = ambit_concat(scope, parts, 4);
  EXPECT(text.len == 5 && memcmp(text.ptr, "a\0bcd", 6) == 0);
  EXPECT(ambit_concat(scope, NULL, 0).ptr != NULL);
  memory_is_left = false;
  EXPECT(ambit_concat(scope, parts, 4).ptr == NULL);
  memory_is_left = true;
}

static void prints_slices(void) {
  char text[32];
  const ambit_str absent = ambit_str_of(NULL, 0);
  const ambit_str part = ambit_str_of("abcdef", 3);
  snprintf(text, sizeof text, "<" AMBIT_STR_FMT "|" AMBIT_STR_FMT ">", AMBIT_STR_ARG(part), AMBIT_STR_ARG(absent));
  EXPECT(strcmp(text, "<abc|>") == 0);
}

static void names_values(void) {
  EXPECT(strcmp(ambit_cause_name(AMBIT_CAUSE_NONE), "none") == 0);
  EXPECT(strcmp(ambit_cause_name(AMBIT_CAUSE_SHUTDOWN), "shutdown") == 0);
  EXPECT(strcmp(ambit_cause_name(8), "unknown") == 0);
  EXPECT(strcmp(ambit_status_name(AMBIT_PENDING), "PENDING") == 0);
  EXPECT(strcmp(ambit_status_name(AMBIT_FAILED), "FAILED") == 0);
  EXPECT(strcmp(ambit_status_name(AMBIT_BAD_REQUEST), "BAD_REQUEST") == 0);
  EXPECT(strcmp(ambit_status_name(AMBIT_NOT_FOUND), "NOT_FOUND") == 0);
  EXPECT(strcmp(ambit_status_name(-13), "unknown") == 0);
  EXPECT(strcmp(ambit_outcome_name(AMBIT_JOB_CANCELLED), "cancelled") == 0);
  EXPECT(strcmp(ambit_outcome_name(3), "unknown") == 0);
}

static void counts_time_in_nanoseconds(void) {
  EXPECT(AMBIT_MILLISECONDS(250) == INT64_C(250000000));
  EXPECT(AMBIT_SECONDS(-1 + 3) == INT64_C(2000000000));
}

static void makes_options_of_this_version(void) {
  const ambit_job_options job = ambit_default_job_options("walk");
  const ambit_scope_options scope = ambit_default_scope_options("walks");
  EXPECT(job.size == sizeof job && strcmp(job.name, "walk") == 0);
  EXPECT(job.flags == 0 && job.stack_size == 0 && job.timeout == 0 && job.on_end == NULL);
  EXPECT(scope.size == sizeof scope && strcmp(scope.name, "walks") == 0);
  EXPECT(scope.timeout == 0 && scope.max_jobs == 0 && scope.flags == 0);
}

static void makes_values_with_their_kind(void) {
  ambit_value value = ambit_value_int(-3);
  EXPECT(value.kind == AMBIT_VALUE_INT && value.reserved == 0 && value.as.i64 == -3);
  value = ambit_value_uint(UINT64_MAX);
  EXPECT(value.kind == AMBIT_VALUE_UINT && value.as.u64 == UINT64_MAX);
  value = ambit_value_bool(true);
  EXPECT(value.kind == AMBIT_VALUE_BOOL && value.as.boolean);
  value = ambit_value_float(-0.5);
  EXPECT(value.kind == AMBIT_VALUE_FLOAT && value.as.f64 < -0.4 && value.as.f64 > -0.6);
  value = ambit_value_str(AMBIT_STR("text"));
  EXPECT(value.kind == AMBIT_VALUE_STR && value.as.str.len == 4);
  value = ambit_value_bytes(sent, 9);
  EXPECT(value.kind == AMBIT_VALUE_BYTES && value.as.str.ptr == sent && value.as.str.len == 9);
  value = ambit_value_ptr(&value);
  EXPECT(value.kind == AMBIT_VALUE_PTR && value.as.ptr == &value);
  value = ambit_value_none();
  EXPECT(value.kind == AMBIT_VALUE_NONE && value.as.ptr == NULL);
}

static void knows_what_a_smaller_host_has(void) {
  ambit_api smaller;
  ambit_scope scope;
  scope.api = &smaller;
  smaller.size = (uint32_t)offsetof(ambit_api, fail);
  EXPECT(AMBIT_HAS(&scope, spawn) && AMBIT_HAS(&scope, handed_over) && !AMBIT_HAS(&scope, fail));
  smaller.size = (uint32_t)sizeof smaller;
  EXPECT(AMBIT_HAS(&scope, bind));
}

int main(void) {
  ambit_api api;
  ambit_scope scope;
  api.alloc = fake_alloc;
  api.respond = fake_respond;
  api.log = fake_log;
  api.fail = fake_fail;
  scope.api = &api;
  formats_short_text_without_memory_of_the_scope(&scope);
  formats_text_of_any_length(&scope);
  says_so_when_memory_is_short(&scope);
  compares_bytes();
  joins_parts_of_any_bytes(&scope);
  prints_slices();
  names_values();
  counts_time_in_nanoseconds();
  makes_options_of_this_version();
  makes_values_with_their_kind();
  knows_what_a_smaller_host_has();
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
