// Breaks every rule: each route crashes in another kind of work, or by another signal. With the setting `in` one of its own
// functions does, or a constructor; but not in a dry run.

#include <ambit.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int *volatile nowhere;

__attribute__((noinline)) static int32_t crash(void) {
  *nowhere = 1;
  return AMBIT_OK;
}

static int32_t handler(ambit_scope *scope) {
  (void)scope;
  return crash() + 1;
}

static int32_t run_job(ambit_scope *scope, void *argument) {
  (void)argument;
  ambit_yield(scope);
  return crash() + 1;
}

static int32_t spawn(ambit_scope *scope, uint32_t flags) {
  ambit_job_options options = ambit_default_job_options("indexer");
  options.flags = flags;
  ambit_spawn(scope, run_job, NULL, &options, NULL);
  return ambit_sleep(scope, AMBIT_SECONDS(60));
}

static int32_t job(ambit_scope *scope) { return spawn(scope, 0); }
static int32_t job_on_thread(ambit_scope *scope) { return spawn(scope, AMBIT_JOB_THREAD); }

static int32_t return_at_once(ambit_scope *scope, void *argument) {
  (void)scope;
  (void)argument;
  return AMBIT_OK;
}

static void crash_at_end(void *argument, ambit_outcome outcome, int32_t code) {
  (void)argument;
  (void)outcome;
  (void)code;
  crash();
}

static void crash_in_hook(void *argument) {
  (void)argument;
  crash();
}

static int32_t on_end(ambit_scope *scope) {
  ambit_job_options options = ambit_default_job_options("short");
  options.on_end = crash_at_end;
  ambit_spawn(scope, return_at_once, NULL, &options, NULL);
  return ambit_sleep(scope, AMBIT_SECONDS(60));
}

static int32_t on_cancel(ambit_scope *scope) {
  ambit_on_cancel(scope, crash_in_hook, NULL);
  ambit_cancel(scope);
  return AMBIT_OK;
}

static int32_t deferred(ambit_scope *scope) {
  ambit_defer(scope, crash_in_hook, NULL);
  return AMBIT_OK;
}

static int32_t crash_in_block(void *argument) {
  (void)argument;
  return crash() + 1;
}

static int32_t block(ambit_scope *scope) { return ambit_block(scope, crash_in_block, NULL); }

static void *run_thread(void *argument) {
  (void)argument;
  crash();
  return NULL;
}

static int32_t own_thread(ambit_scope *scope) {
  pthread_t thread;
  pthread_create(&thread, NULL, run_thread, NULL);
  return ambit_sleep(scope, AMBIT_SECONDS(60));
}

static int32_t aborts(ambit_scope *scope) {
  (void)scope;
  abort();
}

static int32_t traps(ambit_scope *scope) {
  (void)scope;
  __builtin_trap();
}

static int32_t divides(ambit_scope *scope) {
  (void)scope;
#if defined(__x86_64__)
  volatile int zero = 0;
  return 7 / zero;
#else
  return raise(SIGFPE);
#endif
}

static int32_t raises(ambit_scope *scope) {
  ambit_str number = ambit_param(scope, "number");
  raise(atoi(ambit_cstr(scope, number)));
  return AMBIT_OK;
}

/// Reads a page of a file that was cut short.
static int32_t reads_cut_file(ambit_scope *scope) {
  (void)scope;
  int file = open("cut", O_RDWR | O_CREAT, 0600);
  if (ftruncate(file, 4096) != 0)
    return AMBIT_FAILED;
  volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
  if (ftruncate(file, 0) != 0)
    return AMBIT_FAILED;
  return page[0] + 1;
}

__attribute__((noinline)) static int deep(volatile int left) {
  volatile char frame[1000];
  frame[0] = (char)left;
  return left == 0 ? 0 : deep(left - 1) + frame[0];
}

static int32_t overflows(ambit_scope *scope) {
  (void)scope;
  return deep(100000000);
}

static int32_t calls_nothing(ambit_scope *scope) {
  (void)scope;
  void (*volatile nothing)(void) = NULL;
  nothing();
  return AMBIT_OK;
}

/// Nothing is mapped below the lowest address that a process may map.
static int32_t calls_nowhere(ambit_scope *scope) {
  (void)scope;
  void (*volatile nowhere_else)(void) = (void (*)(void))(uintptr_t)0x1230;
  nowhere_else();
  return AMBIT_OK;
}

/// Calls what is mapped and may not be executed.
static int32_t calls_data(ambit_scope *scope) {
  (void)scope;
  static char data[64];
  void (*volatile no_function)(void) = (void (*)(void))(uintptr_t)data;
  no_function();
  return AMBIT_OK;
}

static int32_t overwrites_table(ambit_scope *scope) {
  struct ambit_api *table = (struct ambit_api *)(uintptr_t)scope->api;
  table->sleep = NULL;
  return ambit_respond(scope, 200, "text/plain", "overwritten\n", 12);
}

static void *crash_twice(void *argument) {
  pthread_barrier_wait(argument);
  crash();
  return NULL;
}

/// Two threads crash at the same time.
static int32_t twice(ambit_scope *scope) {
  static pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, NULL, 2);
  pthread_t thread;
  pthread_create(&thread, NULL, crash_twice, &barrier);
  crash_twice(&barrier);
  return ambit_sleep(scope, AMBIT_SECONDS(60));
}

/// The stack's content is gone when it crashes.
static int32_t smashes_stack(ambit_scope *scope) {
  char here[16];
  char *volatile place = here;
  (void)scope;
  memset(place, 0x55, 600);
  return crash() + place[0];
}

static int32_t forks(ambit_scope *scope) {
  if (fork() == 0) {
    crash();
    _exit(0);
  }
  return ambit_respond(scope, 200, "text/plain", "forked\n", 7);
}

static int32_t logs_much(ambit_scope *scope) {
  static char line[4000];
  memset(line, 'x', sizeof line);
  for (int count = 0; count < 100; count++)
    ambit_log(scope, AMBIT_INFO, line, sizeof line);
  return crash() + 1;
}

/// Whoever gets the number of the log's descriptor next must not get the line.
static int32_t closes_streams(ambit_scope *scope) {
  (void)scope;
  for (int stream = 0; stream < 3; stream++) {
    close(stream);
    open("stranger", O_RDWR | O_CREAT, 0600);
  }
  return crash() + 1;
}

static bool shall_crash_in(ambit_scope *plugin, const char *place) {
  ambit_str wanted = ambit_setting(plugin, "in");
  return ambit_extension(plugin, "ambit.dry_run/1") == NULL && wanted.len == strlen(place) &&
         memcmp(wanted.ptr, place, wanted.len) == 0;
}

static int32_t start(ambit_scope *plugin) {
  if (shall_crash_in(plugin, "start"))
    crash();
  return AMBIT_OK;
}

static void stop(ambit_scope *plugin) {
  if (shall_crash_in(plugin, "stop"))
    crash();
}

static int32_t save(ambit_scope *plugin) {
  if (shall_crash_in(plugin, "save"))
    crash();
  return AMBIT_OK;
}

static const ambit_route routes[] = {
    {.pattern = "GET /handler", .handler = handler},
    {.pattern = "GET /blocking", .handler = handler, .flags = AMBIT_ROUTE_BLOCKING},
    {.pattern = "GET /job", .handler = job},
    {.pattern = "GET /job-on-thread", .handler = job_on_thread},
    {.pattern = "GET /on_end", .handler = on_end},
    {.pattern = "GET /on_cancel", .handler = on_cancel},
    {.pattern = "GET /deferred", .handler = deferred},
    {.pattern = "GET /block", .handler = block},
    {.pattern = "GET /own-thread", .handler = own_thread},
    {.pattern = "GET /abort", .handler = aborts},
    {.pattern = "GET /trap", .handler = traps},
    {.pattern = "GET /divide", .handler = divides},
    {.pattern = "GET /raise/{number}", .handler = raises},
    {.pattern = "GET /cut-file", .handler = reads_cut_file},
    {.pattern = "GET /overflow", .handler = overflows},
    {.pattern = "GET /overflow-on-thread", .handler = overflows, .flags = AMBIT_ROUTE_BLOCKING},
    {.pattern = "GET /nothing", .handler = calls_nothing},
    {.pattern = "GET /nowhere", .handler = calls_nowhere},
    {.pattern = "GET /data", .handler = calls_data},
    {.pattern = "GET /table", .handler = overwrites_table},
    {.pattern = "GET /twice", .handler = twice},
    {.pattern = "GET /smash", .handler = smashes_stack},
    {.pattern = "GET /fork", .handler = forks},
    {.pattern = "GET /log-much", .handler = logs_much},
    {.pattern = "GET /close", .handler = closes_streams},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "crashes", .routes = routes, .route_count = sizeof routes / sizeof *routes,
    .start = start,      .stop = stop,      .save = save,
};
