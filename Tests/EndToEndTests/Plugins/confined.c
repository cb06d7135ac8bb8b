/* Says whom it runs as and what it may do, in its handlers, and in the log when it starts. */
#include "probe.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

static const char *text(ambit_scope *scope, const char *name) {
  static _Thread_local char copy[512];
  ambit_str value = ambit_query(scope, name);
  snprintf(copy, sizeof copy, "%.*s", (int)value.len, value.ptr == NULL ? "" : value.ptr);
  return copy;
}

static int32_t answer(ambit_scope *scope, const char *line) {
  return ambit_respondf(scope, 200, "text/plain", "%s\n", line);
}

/* "none" if no set of capabilities has one, without those that bound what programs can get: proc_pid_status(5). */
static const char *capabilities(void) {
  FILE *status = fopen("/proc/self/status", "re");
  char line[256];
  unsigned long long found = status == NULL, set;
  while (status != NULL && fgets(line, sizeof line, status) != NULL)
    if (strncmp(line, "CapBnd:", 7) != 0 && sscanf(line, "Cap%*3s: %llx", &set) == 1)
      found |= set;
  if (status != NULL)
    fclose(status);
  return found ? "some" : "none";
}

/* "uid=1 gid=1 groups=1,2 new_privileges=no dumpable=1 home=/ capabilities=none" */
static void describe(char *line, size_t size) {
  gid_t groups[64];
  int count = getgroups(64, groups);
  size_t length = snprintf(line, size, "uid=%d,%d gid=%d groups=", getuid(), geteuid(), getegid());
  for (int index = 0; index < count; index++)
    length += snprintf(line + length, size - length, "%s%d", index > 0 ? "," : "", groups[index]);
  const char *home = getenv("HOME");
  snprintf(line + length, size - length, " new_privileges=%s dumpable=%d home=%s capabilities=%s",
           prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) ? "no" : "yes", prctl(PR_GET_DUMPABLE), home ? home : "",
           capabilities());
}

static int32_t identity(ambit_scope *scope) {
  char line[1024];
  describe(line, sizeof line);
  return answer(scope, line);
}

static const char *write_to(const char *path) {
  int file = open(path, O_WRONLY | O_CREAT, 0600);
  if (file < 0)
    return strerror(errno);
  close(file);
  return "written";
}

static int32_t writes(ambit_scope *scope) { return answer(scope, write_to(text(scope, "path"))); }

static int32_t reads(ambit_scope *scope) {
  int file = open(text(scope, "path"), O_RDONLY);
  if (file < 0)
    return answer(scope, strerror(errno));
  char byte;
  const char *result = read(file, &byte, 1) >= 0 ? "read" : strerror(errno);
  close(file);
  return answer(scope, result);
}

/* Each in bytes or as a number, in the order of host.conf; -1: unlimited. */
static void list_limits(char *line, size_t size) {
  const int all[] = {RLIMIT_AS, RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_CORE, RLIMIT_FSIZE};
  size_t length = 0;
  for (int index = 0; index < 5; index++) {
    struct rlimit limit;
    getrlimit(all[index], &limit);
    length += snprintf(line + length, size - length, "%s%lld/%lld", index > 0 ? " " : "", (long long)limit.rlim_cur,
                       (long long)limit.rlim_max);
  }
}

static int32_t limits(ambit_scope *scope) {
  char line[512];
  list_limits(line, sizeof line);
  return answer(scope, line);
}

static int32_t enters(ambit_scope *scope) {
  return answer(scope, chdir(text(scope, "path")) == 0 ? "ok" : strerror(errno));
}

static volatile int *const nowhere = NULL;

__attribute__((noinline)) static int32_t crashes(ambit_scope *scope) {
  *nowhere = 1;
  return answer(scope, "not crashed");
}

__attribute__((noinline)) static int32_t holds_up(ambit_scope *scope) {
  struct timespec time = {.tv_nsec = 400000000};
  nanosleep(&time, NULL);
  return answer(scope, "slept");
}

static int32_t becomes(ambit_scope *scope) {
  execl("/bin/sleep", "sleep", "1000", (char *)NULL);
  return answer(scope, strerror(errno));
}

/* Starts a process that leaves its parent, its session and its environment, and writes its number to a file. */
static int32_t leaves(ambit_scope *scope) {
  int status = system("(setsid env -i PATH=/usr/bin:/bin sh -c 'echo $$ > number; exec sleep 1000' > /dev/null 2>&1 &)");
  return ambit_respondf(scope, 200, "text/plain", "%d\n", status);
}

static int32_t start(ambit_scope *plugin) {
  char line[1024], bounds[512];
  describe(line, sizeof line);
  list_limits(bounds, sizeof bounds);
  ambit_logf(plugin, AMBIT_INFO, "identity %s", line);
  ambit_logf(plugin, AMBIT_INFO, "limits %s", bounds);
  ambit_str path = ambit_setting(plugin, "path");
  if (path.ptr != NULL)
    ambit_logf(plugin, AMBIT_INFO, "start: %s", write_to(path.ptr));
  return AMBIT_OK;
}

static const ambit_route routes[] = {
    {.pattern = "GET /identity", .handler = identity},
    {.pattern = "GET /write", .handler = writes},
    {.pattern = "GET /read", .handler = reads},
    {.pattern = "GET /limits", .handler = limits},
    {.pattern = "GET /enter", .handler = enters},
    {.pattern = "GET /crash", .handler = crashes},
    {.pattern = "GET /hold", .handler = holds_up},
    {.pattern = "GET /become", .handler = becomes},
    {.pattern = "GET /leave", .handler = leaves, .flags = AMBIT_ROUTE_BLOCKING},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER,
    .name = "confined",
    .start = start,
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
};
