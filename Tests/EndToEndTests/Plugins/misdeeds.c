/* Does to its worker what code of a plugin must not do, and what does not end the worker by itself: GET /do/WHAT. */
#include "probe.h"

#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int32_t answer(ambit_scope *scope) { return ambit_respond(scope, 200, "text/plain", "done\n", 5); }

/* The child returns into the host. */
static int32_t forks(ambit_scope *scope) {
  if (fork() == 0)
    return AMBIT_OK;
  return answer(scope);
}

static int32_t executes(ambit_scope *scope) {
  execl("/bin/sleep", "sleep", "3600", (char *)NULL);
  return answer(scope);
}

static int32_t changes_folder(ambit_scope *scope) { return chdir("/") == 0 ? answer(scope) : AMBIT_FAILED; }

static int32_t sets_umask(ambit_scope *scope) {
  umask(0777);
  return answer(scope);
}

static int32_t resets_signal(ambit_scope *scope) {
  signal(SIGTERM, SIG_DFL);
  return answer(scope);
}

static int32_t sets_locale(ambit_scope *scope) {
  setlocale(LC_ALL, "C.UTF-8");
  return answer(scope);
}

static int32_t sets_alarm(ambit_scope *scope) {
  alarm(1);
  return answer(scope);
}

/* The worker may open no descriptor beyond those that it has. */
static int32_t lowers_limit(ambit_scope *scope) {
  struct rlimit limit = {.rlim_cur = 3, .rlim_max = 3};
  return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? answer(scope) : AMBIT_FAILED;
}

/* A lower limit than that of the machine, so that it takes no long. */
static int32_t eats_descriptors(ambit_scope *scope) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = 1000;
  setrlimit(RLIMIT_NOFILE, &limit);
  while (dup(STDERR_FILENO) >= 0)
    ;
  return answer(scope);
}

static int32_t closes_descriptors(ambit_scope *scope) {
  closefrom(3);
  return answer(scope);
}

static int32_t allocates(ambit_scope *scope) {
  return ambit_alloc(scope, (size_t)1 << 30) != NULL ? answer(scope) : AMBIT_NO_MEMORY;
}

/* The second request waits for the lock on the event loop that the first one needs to release it. */
static int32_t locks(ambit_scope *scope) {
  NOTE("locks\n");
  pthread_mutex_lock(&lock);
  ambit_sleep(scope, HOUR);
  pthread_mutex_unlock(&lock);
  return answer(scope);
}

static const ambit_route routes[] = {
    {.pattern = "GET /do/fork", .handler = forks},
    {.pattern = "GET /do/execve", .handler = executes},
    {.pattern = "GET /do/chdir", .handler = changes_folder},
    {.pattern = "GET /do/umask", .handler = sets_umask},
    {.pattern = "GET /do/signal", .handler = resets_signal},
    {.pattern = "GET /do/setlocale", .handler = sets_locale},
    {.pattern = "GET /do/alarm", .handler = sets_alarm},
    {.pattern = "GET /do/setrlimit", .handler = lowers_limit},
    {.pattern = "GET /do/eat", .handler = eats_descriptors},
    {.pattern = "GET /do/close", .handler = closes_descriptors},
    {.pattern = "GET /do/allocate", .handler = allocates},
    {.pattern = "GET /do/lock", .handler = locks},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "misdeeds", .routes = routes, .route_count = sizeof routes / sizeof *routes};
