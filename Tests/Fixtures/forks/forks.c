/* Plugin code that forks: children that return into the host, that call it, that exec, and that stay. */
#include <ambit.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* How a child ended: its exit status, or a signal's number, negated. */
static int32_t end_of(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      return AMBIT_FAILED;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Returns twice: in the child with AMBIT_OK. */
static int32_t fork_and_return(void) {
  pid_t child = fork();
  return child > 0 ? end_of(child) : AMBIT_OK;
}

static int32_t returns(ambit_scope *scope) { return ambit_respondf(scope, 200, "text/plain", "%d", fork_and_return()); }

/* Answers nothing, so that a child that goes on would answer for it. */
static int32_t returns_unanswered(ambit_scope *scope) {
  int32_t end = fork_and_return();
  return ambit_set_header(scope, "X-Child", end == 1 ? "exited 1" : "another end");
}

static int32_t job(ambit_scope *scope, void *arg) {
  (void)scope, (void)arg;
  return fork_and_return();
}

static int32_t in_job(ambit_scope *scope) {
  ambit_job_options options = {.size = sizeof options, .name = "forker", .flags = 0};
  ambit_job *handle = NULL;
  int32_t code = -1;
  ambit_spawn(scope, job, NULL, &options, &handle);
  ambit_join(scope, handle, AMBIT_SECONDS(10), NULL, &code);
  return ambit_respondf(scope, 200, "text/plain", "%d", code);
}

static int32_t nothing(ambit_scope *scope, void *arg) {
  (void)scope, (void)arg;
  return AMBIT_OK;
}

static void on_end(void *arg, ambit_outcome outcome, int32_t code) {
  (void)outcome, (void)code;
  *(int32_t *)arg = fork_and_return();
}

static int32_t in_on_end(ambit_scope *scope) {
  int32_t end = -1;
  ambit_job_options options = {.size = sizeof options, .on_end = on_end};
  ambit_job *handle = NULL;
  ambit_spawn(scope, nothing, &end, &options, &handle);
  ambit_join(scope, handle, AMBIT_SECONDS(10), NULL, NULL);
  return ambit_respondf(scope, 200, "text/plain", "%d", end);
}

static void on_cancel(void *arg) { *(int32_t *)arg = fork_and_return(); }

static int32_t in_on_cancel(ambit_scope *scope) {
  ambit_scope *child = NULL;
  int32_t end = -1;
  ambit_open(scope, NULL, &child);
  ambit_on_cancel(child, on_cancel, &end);
  ambit_close(child);
  return ambit_respondf(scope, 200, "text/plain", "%d", end);
}

static int32_t blocked(void *arg) {
  (void)arg;
  return fork_and_return();
}

static int32_t in_block(ambit_scope *scope) {
  return ambit_respondf(scope, 200, "text/plain", "%d", ambit_block(scope, blocked, NULL));
}

static int32_t function(void) { return fork_and_return(); }

/* The child makes calls and writes what they return to a pipe of its own. */
static int32_t calls(ambit_scope *scope) {
  int ends[2];
  if (pipe(ends) != 0)
    return AMBIT_FAILED;
  ambit_ref ref = ambit_ref_of(scope);
  pid_t child = fork();
  if (child == 0) {
    int32_t results[] = {
        ambit_respond(scope, 200, "text/plain", "child", 5), ambit_sleep(scope, 1), ambit_yield(scope),
        ambit_spawn(scope, nothing, NULL, NULL, NULL),       ambit_post(ref, nothing, NULL)};
    ambit_log(scope, AMBIT_INFO, "a line of the child", 19);
    ssize_t count = write(ends[1], results, sizeof results);
    _exit(count == sizeof results ? 0 : 2);
  }
  int32_t results[5] = {0};
  ssize_t count = read(ends[0], results, sizeof results);
  close(ends[0]), close(ends[1]);
  int32_t end = end_of(child);
  return ambit_respondf(scope, 200, "text/plain", "%zd bytes, exit %d: %d %d %d %d %d", count, end, results[0],
                        results[1], results[2], results[3], results[4]);
}

static int32_t execs(ambit_scope *scope) {
  int ends[2];
  char text[32] = "";
  if (pipe(ends) != 0)
    return AMBIT_FAILED;
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    execl("/bin/echo", "echo", "-n", "from exec", (char *)NULL);
    _exit(127);
  }
  close(ends[1]);
  ssize_t count = read(ends[0], text, sizeof text - 1);
  close(ends[0]);
  return ambit_respondf(scope, 200, "text/plain", "%.*s, exit %d", (int)count, text, end_of(child));
}

/* The child stays until it is sent SIGTERM, or for a while. */
static int32_t stays(ambit_scope *scope) {
  int ends[2];
  if (pipe(ends) != 0)
    return AMBIT_FAILED;
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    for (;;)
      pause();
  }
  ambit_status status = ambit_respondf(scope, 200, "text/plain", "%d %d %d", child, ends[0], ends[1]);
  close(ends[0]), close(ends[1]);
  return status;
}

static int32_t start(ambit_scope *plugin) {
  if (ambit_setting(plugin, "forks_in_start").ptr == NULL)
    return AMBIT_OK;
  return fork_and_return() == 1 ? AMBIT_OK : AMBIT_FAILED;
}

static const ambit_route routes[] = {
    {.pattern = "GET /handler", .handler = returns},
    {.pattern = "GET /unanswered", .handler = returns_unanswered},
    {.pattern = "GET /thread", .handler = returns, .flags = AMBIT_ROUTE_BLOCKING},
    {.pattern = "GET /large", .handler = returns, .stack_size = 4 << 20},
    {.pattern = "GET /job", .handler = in_job},
    {.pattern = "GET /on_end", .handler = in_on_end},
    {.pattern = "GET /on_cancel", .handler = in_on_cancel},
    {.pattern = "GET /block", .handler = in_block},
    {.pattern = "GET /function", .function = (ambit_function)function, .signature = "i32 ()"},
    {.pattern = "GET /calls", .handler = calls},
    {.pattern = "GET /execs", .handler = execs},
    {.pattern = "GET /stays", .handler = stays},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "forks", .version = "1.0", .start = start, .routes = routes,
    .route_count = sizeof routes / sizeof *routes};
