/* Reports what the preloaded counter has counted, and gives it something to count. */
#include <ambit.h>
#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/mman.h>

static long (*allocation_count)(void);

/* Keeps the compiler from leaving out an allocation that nobody uses. */
static void *volatile block;

static int32_t start(ambit_scope *plugin) {
  allocation_count = (long (*)(void))dlsym(RTLD_DEFAULT, "allocation_count");
  return allocation_count != NULL ? AMBIT_OK : ambit_fail(plugin, AMBIT_FAILED, "the counter is not preloaded");
}

static int32_t allocations(ambit_scope *scope) {
  return ambit_respondf(scope, 200, "text/plain", "%ld", allocation_count());
}

/* Calls each function that is counted once. */
static int32_t allocate(ambit_scope *scope) {
  (void)scope;
  void *aligned = NULL;
  block = malloc(1);
  block = realloc(block, 2);
  free(block);
  free(block = calloc(1, 1));
  free(block = memalign(64, 64));
  free(block = aligned_alloc(64, 64));
  if (posix_memalign(&aligned, 64, 64) == 0)
    free(aligned);
  block = mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(block, 1);
  return AMBIT_OK;
}

static int64_t sum(int64_t a, int64_t b) { return a + b; }

static int32_t measure(const char *text, size_t length, int32_t *capitals) {
  for (size_t i = 0; i < length; i++)
    *capitals += text[i] >= 'A' && text[i] <= 'Z';
  return (int32_t)length;
}

static const ambit_route routes[] = {
    {.pattern = "GET /sum/{a}/{b}", .function = (ambit_function)sum, .signature = "i64 (i64 a, i64 b)"},
    {.pattern = "POST /measure",
     .function = (ambit_function)measure,
     .signature = "i32 (str text, size len(text), out i32 capitals)"},
    {.pattern = "GET /allocations", .handler = allocations},
    {.pattern = "GET /allocate", .handler = allocate},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "allocations", .version = "1.0", .routes = routes, .route_count = 4, .start = start,
};
