// Ends its worker, or does not return, from each place where the host runs code of plugins: GET /in/PLACE/HOW for the
// places that a request reaches, and the settings `start`, `stop` and `save` for lifecycle calls, which do it in a worker
// and not in a dry run.
#include "probe.h"

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <stdexcept>

extern "C" {
static int *volatile nowhere;
static volatile int zero;

__attribute__((noinline)) static void write_null() { *nowhere = 1; }

__attribute__((noinline)) static int overflow(int depth) {
  volatile char frame[1000];
  frame[0] = static_cast<char>(depth);
  return depth == 0 ? 0 : overflow(depth - 1) + frame[0];
}

__attribute__((noinline)) static void divide() {
#if defined(__x86_64__)
  zero = 7 / zero;
#else
  raise(SIGFPE);
#endif
}

__attribute__((noinline)) static void free_twice() {
  char *volatile piece = static_cast<char *>(malloc(100));
  char *volatile same = piece;
  free(piece);
  free(same);
}

/// Without end.
__attribute__((noinline)) static void loop(bool rests) {
  NOTE("loops\n");
  for (;;)
    if (rests)
      usleep(1000);
}

__attribute__((noinline)) static void die(const char *how) {
  auto is = [how](const char *name) { return strcmp(how, name) == 0; };
  if (is("null"))
    write_null();
  if (is("overflow"))
    overflow(100000000);
  if (is("abort"))
    abort();
  if (is("divide"))
    divide();
  if (is("double-free"))
    free_twice();
  if (is("exit"))
    exit(0);
  if (is("_exit"))
    _exit(0);
  if (is("kill"))
    raise(SIGKILL);
  if (is("throw"))
    throw std::runtime_error("nobody catches this");
  if (is("loop"))
    loop(false);
  /* Where nobody ends it: leaves the processor to other tests. */
  if (is("loop-that-rests"))
    loop(true);
}

static const char *how_of(ambit_scope *scope) { return ambit_cstr(scope, ambit_param(scope, "how")); }
static void *pointer(const char *text) { return const_cast<char *>(text); }
static void hook(void *how) { die(static_cast<const char *>(how)); }

static int32_t handler(ambit_scope *scope) {
  die(how_of(scope));
  return ambit_respond(scope, 200, "text/plain", "alive\n", 6);
}

static int32_t run(ambit_scope *, void *how) {
  die(static_cast<const char *>(how));
  return AMBIT_OK;
}

static int32_t spawn(ambit_scope *scope, uint32_t flags) {
  ambit_job_options options = ambit_default_job_options("ending");
  options.flags = flags;
  ambit_spawn(scope, run, pointer(how_of(scope)), &options, nullptr);
  return ambit_sleep(scope, HOUR);
}

static int32_t job(ambit_scope *scope) { return spawn(scope, 0); }
static int32_t pool(ambit_scope *scope) { return spawn(scope, AMBIT_JOB_THREAD); }

static int32_t return_at_once(ambit_scope *, void *) { return AMBIT_OK; }
static void run_at_end(void *how, ambit_outcome, int32_t) { hook(how); }

static int32_t on_end(ambit_scope *scope) {
  ambit_job_options options = ambit_default_job_options("short");
  options.on_end = run_at_end;
  ambit_spawn(scope, return_at_once, pointer(how_of(scope)), &options, nullptr);
  return ambit_sleep(scope, HOUR);
}

static int32_t on_cancel(ambit_scope *scope) {
  ambit_on_cancel(scope, hook, pointer(how_of(scope)));
  ambit_cancel(scope);
  return AMBIT_OK;
}

static int32_t deferred(ambit_scope *scope) {
  ambit_defer(scope, hook, pointer(how_of(scope)));
  return ambit_respond(scope, 200, "text/plain", "alive\n", 6);
}

static int32_t ticker(ambit_scope *scope) {
  ambit_job_options options = ambit_default_job_options("ticking");
  ambit_every(scope, AMBIT_MILLISECONDS(1), run, pointer(how_of(scope)), &options, nullptr);
  return ambit_sleep(scope, HOUR);
}

static void *run_thread(void *how) {
  hook(how);
  return nullptr;
}

static int32_t thread(ambit_scope *scope) {
  pthread_t made;
  pthread_create(&made, nullptr, run_thread, strdup(how_of(scope)));
  pthread_detach(made);
  return ambit_sleep(scope, HOUR);
}

/// Does what the setting of this name says.
static int32_t obey(ambit_scope *plugin, const char *name) {
  ambit_str how = ambit_setting(plugin, name);
  if (how.ptr != nullptr && ambit_extension(plugin, "ambit.dry_run/1") == nullptr)
    die(how.ptr);
  return AMBIT_OK;
}

static int32_t start(ambit_scope *plugin) { return obey(plugin, "start"); }
static void stop(ambit_scope *plugin) { obey(plugin, "stop"); }
static int32_t save(ambit_scope *plugin) { return obey(plugin, "save"); }

}

static const ambit_route routes[] = {
    ambit_make_route("GET /in/handler/{how}", handler),
    ambit_make_route("GET /in/job/{how}", job),
    ambit_make_route("GET /in/pool/{how}", pool),
    ambit_make_route("GET /in/on_end/{how}", on_end),
    ambit_make_route("GET /in/on_cancel/{how}", on_cancel),
    ambit_make_route("GET /in/deferred/{how}", deferred),
    ambit_make_route("GET /in/ticker/{how}", ticker),
    ambit_make_route("GET /in/thread/{how}", thread),
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "mortal", .routes = routes, .route_count = sizeof routes / sizeof *routes,
    .start = start, .stop = stop, .save = save};
