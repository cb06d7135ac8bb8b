/* Ends its worker, or makes it useless, in ways that `mortal` and `misdeeds` lack: GET /PLACE/HOW, where the place is a
 * handler on an event loop, a job of its own thread, or a thread that the plugin has made. */
#include "probe.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int *volatile nowhere;
/* Where a thread of another stack has been: to jump there is an error, which no check of the C library finds. */
static jmp_buf elsewhere;
/* Each loop of the worker that a request for /held reaches notes that it is there. */
static volatile int released;

/* Overwrites all memory that the worker shares with its supervisor for its report. */
static void overwrite_report(void) {
  char line[512];
  FILE *maps = fopen("/proc/self/maps", "r");
  while (fgets(line, sizeof line, maps) != NULL) {
    unsigned long start, end;
    if (strstr(line, "ambit-flight") != NULL && sscanf(line, "%lx-%lx", &start, &end) == 2)
      memset((void *)start, 0xff, end - start);
  }
  fclose(maps);
}

static void end_by(const char *how) {
  pthread_t other;
  if (strncmp(how, "quick_exit-", 11) == 0)
    quick_exit(atoi(how + 11));
  if (strcmp(how, "exit_group") == 0)
    syscall(SYS_exit_group, 4);
  if (strcmp(how, "overwrite") == 0) {
    overwrite_report();
    kill(getpid(), SIGKILL);
  }
  /* A thread whose stack has no frame of this plugin. */
  if (strcmp(how, "stranger") == 0) {
    pthread_create(&other, NULL, (void *(*)(void *))(void *)abort, NULL);
    pause();
  }
  if (strcmp(how, "null") == 0)
    *nowhere = 1;
  if (strcmp(how, "_exit") == 0)
    _exit(0);
  if (strcmp(how, "execve") == 0)
    execl("/bin/sleep", "sleep", "3600", (char *)NULL);
  if (strcmp(how, "close-3") == 0)
    close(3);
  if (strcmp(how, "closefrom") == 0)
    closefrom(3);
  if (strcmp(how, "pthread_exit") == 0)
    pthread_exit(NULL);
  if (strcmp(how, "longjmp") == 0)
    longjmp(elsewhere, 1);
}

static const char *how_of(ambit_scope *scope) { return ambit_cstr(scope, ambit_param(scope, "how")); }

/* Ends the worker here, or answers. */
static int32_t handler(ambit_scope *scope) {
  end_by(how_of(scope));
  return ambit_respond(scope, 200, "text/plain", "alive\n", 6);
}

static int32_t run_job(ambit_scope *scope, void *how) {
  (void)scope;
  end_by(how);
  return AMBIT_OK;
}

static int32_t job(ambit_scope *scope) {
  ambit_job_options options = {.size = sizeof options, .name = "ending", .flags = AMBIT_JOB_THREAD};
  ambit_spawn(scope, run_job, (void *)how_of(scope), &options, NULL);
  return ambit_sleep(scope, HOUR);
}

static void *run_thread(void *how) {
  end_by(how);
  return NULL;
}

static int32_t thread(ambit_scope *scope) {
  pthread_t made;
  pthread_create(&made, NULL, run_thread, strdup(how_of(scope)));
  pthread_detach(made);
  return ambit_sleep(scope, HOUR);
}

/* Uses up memory until the kernel ends the process. */
static int32_t memory(ambit_scope *scope) {
  for (;;) {
    char *piece = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (piece == MAP_FAILED)
      return AMBIT_FAILED;
    memset(piece, 1, 1 << 20);
  }
  return ambit_respond(scope, 200, "text/plain", "", 0);
}

/* Blocks its event loop for ever. */
static int32_t block(ambit_scope *scope) {
  NOTE("blocks\n");
  while (!released)
    usleep(10000);
  return ambit_respond(scope, 200, "text/plain", "released\n", 9);
}

/* Waits without blocking, so that other requests run beside it. */
static int32_t hold(ambit_scope *scope) {
  NOTE("holds\n");
  ambit_status status = ambit_sleep(scope, AMBIT_MILLISECONDS(atoi(how_of(scope))));
  return status == AMBIT_OK ? ambit_respond(scope, 200, "text/plain", "held\n", 5) : status;
}

/* Waits until there is a file of this name, without blocking, and whatever becomes of the working folder. */
static ambit_status until_file(ambit_scope *scope) {
  int folder = open(".", O_PATH | O_CLOEXEC);
  NOTE("waits\n");
  ambit_status status = AMBIT_OK;
  while (status == AMBIT_OK && faccessat(folder, how_of(scope), F_OK, 0) != 0)
    status = ambit_sleep(scope, AMBIT_MILLISECONDS(5));
  close(folder);
  return status;
}

static int32_t await_file(ambit_scope *scope) {
  ambit_status status = until_file(scope);
  return status == AMBIT_OK ? ambit_respond(scope, 200, "text/plain", "held\n", 5) : status;
}

/* Blocks its event loop as soon as there is a file of this name. */
static int32_t block_after(ambit_scope *scope) {
  ambit_status status = until_file(scope);
  return status == AMBIT_OK ? block(scope) : status;
}

static int32_t block_job(ambit_scope *scope, void *arg) {
  (void)arg;
  return block(scope);
}

/* Blocks its event loop for ever by a computation, in a job, or in a tick. */
static int32_t block_in(ambit_scope *scope) {
  const char *how = how_of(scope);
  ambit_job_options options = {.size = sizeof options, .name = "blocking"};
  if (strcmp(how, "job") == 0)
    ambit_spawn(scope, block_job, NULL, &options, NULL);
  if (strcmp(how, "tick") == 0)
    ambit_every(scope, AMBIT_MILLISECONDS(1), block_job, NULL, &options, NULL);
  if (strcmp(how, "handler") == 0) {
    NOTE("blocks\n");
    while (!released)
      continue;
  }
  return ambit_sleep(scope, HOUR);
}

static int32_t pid(ambit_scope *scope) { return ambit_respondf(scope, 200, "text/plain", "%d", (int)getpid()); }

/* Which thread runs the handler. */
static int32_t thread_number(ambit_scope *scope) {
  return ambit_respondf(scope, 200, "text/plain", "%d", (int)syscall(SYS_gettid));
}

/* Starts a process that leaves this one in each way that processes can: another parent, session and folder, no open
 * descriptor, and with "bare" no variable of the environment. Answers with its number. */
static int32_t daemonize(ambit_scope *scope) {
  char *const words[] = {"sleep", "3600", NULL};
  char *const none[] = {NULL};
  bool is_bare = strcmp(how_of(scope), "bare") == 0;
  int ends[2];
  pid_t found = -1;
  if (pipe2(ends, O_CLOEXEC) != 0)
    return AMBIT_FAILED;
  pid_t child = fork();
  if (child == 0) {
    setsid();
    pid_t grandchild = fork();
    if (grandchild > 0) {
      (void)!write(ends[1], &grandchild, sizeof grandchild);
      _exit(0);
    }
    (void)!chdir("/");
    closefrom(0);
    execve("/bin/sleep", words, is_bare ? none : environ);
    _exit(1);
  }
  waitpid(child, NULL, 0);
  if (read(ends[0], &found, sizeof found) != sizeof found)
    found = -1;
  close(ends[0]), close(ends[1]);
  return ambit_respondf(scope, 200, "text/plain", "%d", (int)found);
}

/* With the setting "start": what `start` does, live and not in its dry run. */
static int32_t start(ambit_scope *plugin) {
  ambit_str how = ambit_setting(plugin, "start");
  (void)setjmp(elsewhere);
  if (how.ptr != NULL && ambit_extension(plugin, "ambit.dry_run/1") == NULL)
    end_by(how.ptr);
  return AMBIT_OK;
}

static const ambit_route routes[] = {
    {.pattern = "GET /handler/{how}", .handler = handler},
    {.pattern = "GET /job/{how}", .handler = job},
    {.pattern = "GET /thread/{how}", .handler = thread},
    {.pattern = "GET /memory", .handler = memory},
    {.pattern = "GET /block", .handler = block},
    {.pattern = "GET /block-in/{how}", .handler = block_in},
    {.pattern = "GET /block-after/{how}", .handler = block_after},
    {.pattern = "GET /hold/{how}", .handler = hold},
    {.pattern = "GET /until/{how}", .handler = await_file},
    {.pattern = "GET /pid", .handler = pid},
    {.pattern = "GET /thread-number", .handler = thread_number},
    {.pattern = "GET /daemon/{how}", .handler = daemonize},
};

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "deaths", .start = start, .routes = routes,
    .route_count = sizeof routes / sizeof *routes};
