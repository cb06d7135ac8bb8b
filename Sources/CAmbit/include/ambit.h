/* ambit.h: everything that a plugin of the Ambit host needs. ABI 1.0.
 *
 * A plugin is a shared library with one exported symbol, `ambit_plugin_entry`. The host loads it, dispatches the
 * requests that match its routes to it, and gives each request a *scope*. This is a complete plugin:
 *
 *     #include <ambit.h>
 *
 *     static int32_t hello(ambit_scope *scope) {
 *       return ambit_respond(scope, 200, "text/plain", "Hello!\n", 7);
 *     }
 *     static const ambit_route routes[] = {{.pattern = "GET /hello", .handler = hello}};
 *
 *     AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
 *         AMBIT_PLUGIN_HEADER, .name = "greeter", .version = "1.0", .routes = routes, .route_count = 1};
 *
 *     cc -shared -fPIC -fstack-clash-protection -I . greeter.c -o Plugins/greeter.so    (-I: the folder of ambit.h)
 *
 * A plugin links nothing: every call goes through the table that the scope points to. Write straight-line code: a call
 * that waits suspends the handler or job, not the thread. The host cancels the jobs that a handler spawned in its scope
 * when the request ends, whatever ends it: the response is complete, the client left, the deadline passed, or the host
 * stops. Spawn work that must outlive the request in the plugin's scope: ambit_plugin_scope().
 *
 * The host calls a plugin in parallel: the same handler or function may run on every event loop at the same time, and a
 * blocking one on several pool threads. The plugin protects the data that its calls share, including static buffers of
 * C functions. The host serialises calls only for libraries that are not plugins (see `serial` in host.conf).
 *
 * How to read the comments. The tag above a call says where the plugin may call it, and whether it waits:
 *
 *     [job]         in a handler or job of this scope or of a scope below it, on a fiber or on a pool thread; `start`,
 *                   `stop` and `save` are jobs of the plugin's scope, on threads
 *     [any thread]  on any thread, including threads that the plugin made
 *     [start]       as [job], but only while the plugin's `start` runs, and on the scope that `start` got
 *     [save]        as [start], for the plugin's `save`
 *     [..., waits]  the call suspends the caller; it returns AMBIT_CANCELLED at once if the scope has ended, or ends
 *                   during the wait
 *
 * Hooks are `on_end` functions and the functions of ambit_on_cancel and ambit_defer. They belong to no job and must not
 * wait: in a hook, a call that waits returns AMBIT_WRONG_STATE, and so do ambit_shield, ambit_respond and ambit_end. A
 * hook may make all other calls tagged [job].
 *
 * "Owner" says who owns the data and for how long. If a comment has no "Owner", two rules hold. The host owns what it
 * returns (handles, ambit_str): this data lives until the scope closes, and the plugin never frees it. The host copies
 * what the plugin passes if it needs the data after the call returns.
 *
 * "Returns" lists the results of a call. Two of them are not listed, since every call with a status has them:
 * AMBIT_WRONG_THREAD if the tag forbids the call on this thread, and AMBIT_UNSUPPORTED from a host that does not have
 * the call.
 *
 * Handles must not be NULL. C++ exceptions and Rust panics must not leave a function that the host calls.
 */
#ifndef AMBIT_H
#define AMBIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Define AMBIT_NO_STDIO to leave out the formatting calls: ambit_respondf, ambit_logf, ambit_failf, ambit_vformat. */
#ifndef AMBIT_NO_STDIO
#include <stdarg.h>
#include <stdio.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header. A host refuses a plugin whose major version differs from its own, or whose minor version
 * is higher than its own. */
#define AMBIT_ABI_MAJOR 1
#define AMBIT_ABI_MINOR 0

/* ---------------------------------------------------------------------------------------------------------- Types
 *
 * Sizes and offsets are the same on x86-64 and arm64. Statuses, causes, outcomes and levels are int32_t with named
 * values and not enumerations, because a later minor version may add values: code must expect unknown ones. */

typedef struct ambit_api ambit_api;

/* Borrowed bytes, not NUL-terminated. `ptr` is NULL if the value is absent, which is not the same as empty. */
typedef struct ambit_str {
  const char *ptr;
  size_t len;
} ambit_str;

/* The handle of a scope: a request's, a plugin's, or one from ambit_open. It begins with a pointer to the host's table;
 * the memory behind it is the host's. The handle is valid until the scope closes. Keep an ambit_ref of a scope that may
 * close earlier than you use it. */
typedef struct ambit_scope {
  const ambit_api *api;
} ambit_scope;

/* A weak reference to a scope. It may be copied, and used at any time: after the scope has closed, the calls that take
 * it say so. */
typedef struct ambit_ref {
  const ambit_api *api;
  uint64_t id;
} ambit_ref;

/* The handle of a job. It is valid until the scope in which the job was spawned closes, also after the job has
 * ended. */
typedef struct ambit_job ambit_job;

/* A flag that jobs wait for. It belongs to the scope in which it was made; that of ambit_draining is the host's. */
typedef struct ambit_event {
  const ambit_api *api;
} ambit_event;

/* A bounded queue of pointers between jobs. It belongs to the scope in which it was made. */
typedef struct ambit_channel {
  const ambit_api *api;
} ambit_channel;

/* The result of most calls, handlers and jobs. A negative status means failure. */
typedef int32_t ambit_status;
#define AMBIT_OK 0
#define AMBIT_PENDING 1         /* handlers: a job will complete the response */
#define AMBIT_CANCELLED (-1)    /* the scope or job was cancelled; the operation did not happen */
#define AMBIT_TIMED_OUT (-2)    /* the timeout passed first; the operation did not happen */
#define AMBIT_CLOSED (-3)       /* the other side is closed: a scope, a channel or a connection */
#define AMBIT_INVALID (-4)      /* an argument is not valid for the call */
#define AMBIT_LIMIT (-5)        /* a limit of the host or of the scope is reached */
#define AMBIT_NO_MEMORY (-6)    /* there is no memory */
#define AMBIT_WRONG_STATE (-7)  /* the call is not possible now, for example a header after the response has begun */
#define AMBIT_WRONG_THREAD (-8) /* the call is not allowed here: see its tag */
#define AMBIT_UNSUPPORTED (-9)  /* this host does not have the call */
#define AMBIT_FAILED (-10)      /* any other failure; ambit_fail gives the reason */
#define AMBIT_BAD_REQUEST (-11) /* handlers: the request is at fault, the client gets 400; no call returns it */
#define AMBIT_NOT_FOUND (-12)   /* handlers: there is no such thing, the client gets 404; no call returns it */

/* Why a scope ended. The first cause wins and does not change. */
typedef int32_t ambit_cause;
#define AMBIT_CAUSE_NONE 0       /* the scope has not ended */
#define AMBIT_CAUSE_DONE 1       /* the handler has returned and the response is complete */
#define AMBIT_CAUSE_DISCONNECT 2 /* the client left before the response was complete */
#define AMBIT_CAUSE_DEADLINE 3   /* its deadline passed; the client gets 504 if nothing was sent yet */
#define AMBIT_CAUSE_CALLED 4     /* the plugin called ambit_cancel on it or on a scope above it */
#define AMBIT_CAUSE_FAILED 5     /* a job failed in a scope with AMBIT_FAIL_FAST */
#define AMBIT_CAUSE_RETIRED 6    /* the plugin was replaced or removed, and its drain_timeout is over. For a job with
                                    AMBIT_JOB_ONCE: it may not run in this worker any more */
#define AMBIT_CAUSE_SHUTDOWN 7   /* the host stops, and its drain_timeout is over */

/* How a job ended. */
typedef int32_t ambit_outcome;
#define AMBIT_JOB_COMPLETED 0 /* the job returned AMBIT_OK or a positive number */
#define AMBIT_JOB_CANCELLED 1 /* the job returned AMBIT_CANCELLED, or never ran */
#define AMBIT_JOB_FAILED 2    /* the job returned another negative number, or never ran because there was no memory */

/* The severity of a log line, the lowest first. */
typedef int32_t ambit_level;
#define AMBIT_TRACE 0
#define AMBIT_DEBUG 1
#define AMBIT_INFO 2
#define AMBIT_NOTICE 3
#define AMBIT_WARNING 4
#define AMBIT_ERROR 5

/* Durations are int64_t nanoseconds. A timeout below 0 means no timeout; with a timeout of 0 a call does not wait. */
#define AMBIT_MILLISECONDS(n) (INT64_C(1000000) * (n))
#define AMBIT_SECONDS(n) (INT64_C(1000000000) * (n))

/* Answers a request. It runs on the loop of the request's connection, or on a pool thread if the route is blocking.
 * Returns
 *   AMBIT_OK       If the handler has not begun a response, the host sends one with an empty body and the status of
 *                  ambit_set_status, or 200.
 *   AMBIT_PENDING  A job that the handler spawned will complete the response. The request ends then.
 *   negative       If no response has begun, AMBIT_BAD_REQUEST becomes 400, AMBIT_NOT_FOUND 404, AMBIT_LIMIT 503,
 *                  AMBIT_TIMED_OUT 504, and any other status 500. If the response has begun and is not complete, it
 *                  ends there and the host closes the connection, so that the client sees that a part is missing. If
 *                  the response is complete, the client has it, and the status changes nothing.
 *                  The host logs the status with the reason of ambit_fail: 400 and 404 at level info, since the client
 *                  caused them, and the others as errors, also a 400 or 404 after the handler has begun a response.
 *                  If a call returned the status, the line names that call,
 *                  for example "ambit_respond: status 600, expected 200 to 599".
 * Any other number is no status but a mistake: the client gets 500, and the log says what to return instead. To respond
 * with an HTTP status and no body, call ambit_set_status and return AMBIT_OK. */
typedef int32_t (*ambit_handler)(ambit_scope *scope);

/* The function of a job. `scope` is the scope in which the job was spawned, `arg` is the argument of ambit_spawn. The
 * result decides the job's ambit_outcome, and on_end and ambit_join report it as `code`. */
typedef int32_t (*ambit_job_fn)(ambit_scope *scope, void *arg);

/* Runs exactly once when a job has ended, whatever ended it, also for a job that never ran. `code` is the job's result,
 * or the status that says why it did not run. The function runs on the scope's loop, or with AMBIT_PLUGIN_THREADS on a
 * pool thread, and must not wait. From here on `arg` is the plugin's. */
typedef void (*ambit_end_fn)(void *arg, ambit_outcome outcome, int32_t code);

/* Runs in the plugin's scope when its generation is retired or the host stops. */
typedef void (*ambit_stop_fn)(ambit_scope *plugin);

/* Any C function: cast to this type to put it in a route or to pass it to ambit_spawn_call with its signature. */
typedef void (*ambit_function)(void);

/* Fields that an initialiser leaves out are 0 in C++ as in C. The explicit default avoids a warning of C++
 * compilers. */
#if defined(__cplusplus) && __cplusplus >= 201402L
#define AMBIT_ZERO = {}
#else
#define AMBIT_ZERO
#endif

/* Options of a job. 0 or NULL in a field means the default. ambit_default_job_options(name) sets `size` and `name`.
 *
 * AMBIT_JOB_ONCE is for work that must not happen twice at a time, such as cleaning up a database. The host may have
 * several worker processes. Each loads the plugin and runs `start`, so a job that `start` spawns runs in each of them.
 * With this flag the host chooses one worker, and the job runs there only:
 *
 *   - In the other workers a job of ambit_spawn waits and begins when its worker is chosen; a job of ambit_every skips
 *     its ticks. If the scope ends first, a waiting job never runs and ends with AMBIT_JOB_CANCELLED.
 *   - If the chosen worker crashes or is replaced, the host chooses another when nothing of such jobs runs in the old
 *     one. So the work of a job may be repeated: what it does must bear that.
 *   - A worker that begins to drain, or that is not the chosen one any more, cancels those that run, with
 *     AMBIT_CAUSE_RETIRED. A tick that is cancelled so does not end its job.
 *   - A reload cancels these jobs of the old generation in the same way as soon as the new one serves, even if the old
 *     one still has requests. Those of the new generation begin when those of the old one have ended.
 *   - They never run in a dry run. `timeout` of ambit_spawn counts from the begin of the job. `start` must not join
 *     such a job, which may not begin for a long time.
 *
 * The flag works in the plugin's scope only. A host with one worker chooses that. */
#define AMBIT_JOB_THREAD 1u /* the job runs on a pool thread: for code that blocks or computes for long */
#define AMBIT_JOB_ONCE 2u   /* the job runs in one worker of the host at a time; in the plugin's scope only */

typedef struct ambit_job_options {
  size_t size AMBIT_ZERO;         /* sizeof(ambit_job_options) */
  const char *name AMBIT_ZERO;    /* for the log; copied */
  uint32_t flags AMBIT_ZERO;      /* AMBIT_JOB_THREAD, AMBIT_JOB_ONCE */
  uint32_t stack_size AMBIT_ZERO; /* bytes, at most 64 MiB, on a thread at most ulimit -s; 0: the host's stack_size */
  int64_t timeout AMBIT_ZERO;     /* nanoseconds after which the job is cancelled; 0 or less: no timeout of its own */
  ambit_end_fn on_end AMBIT_ZERO; /* runs when the job has ended; NULL: none */
} ambit_job_options;

/* Options of a scope. 0 or NULL in a field means the default. ambit_default_scope_options(name) sets `size` and
 * `name`. */
#define AMBIT_FAIL_FAST 1u /* the first job that fails cancels the scope with AMBIT_CAUSE_FAILED */

typedef struct ambit_scope_options {
  size_t size AMBIT_ZERO;       /* sizeof(ambit_scope_options) */
  const char *name AMBIT_ZERO;  /* for the log; copied */
  int64_t timeout AMBIT_ZERO;   /* nanoseconds until the scope's deadline; 0 or less: its parent's deadline */
  uint32_t max_jobs AMBIT_ZERO; /* the most jobs alive in it at once; 0: the host's limit */
  uint32_t flags AMBIT_ZERO;    /* AMBIT_FAIL_FAST */
} ambit_scope_options;

/* An argument of ambit_spawn_call. ambit_value_int and its siblings make one and set `kind`. */
typedef int32_t ambit_value_kind;
#define AMBIT_VALUE_NONE 0  /* NULL, or the job's scope for a parameter of type `scope` */
#define AMBIT_VALUE_BOOL 1  /* as.boolean */
#define AMBIT_VALUE_INT 2   /* as.i64, for any integer type that can hold it */
#define AMBIT_VALUE_UINT 3  /* as.u64, for any integer type that can hold it */
#define AMBIT_VALUE_FLOAT 4 /* as.f64, for f32 and f64 */
#define AMBIT_VALUE_STR 5   /* as.str, copied and NUL-terminated by the host */
#define AMBIT_VALUE_BYTES 6 /* as.str, copied by the host; the length is another parameter */
#define AMBIT_VALUE_PTR 7   /* as.ptr, passed as it is; what it points to must live as long as the job */

typedef struct ambit_value {
  ambit_value_kind kind;
  uint32_t reserved; /* 0 */
  union {
    bool boolean;
    int64_t i64;
    uint64_t u64;
    double f64;
    const void *ptr;
    ambit_str str;
  } as;
} ambit_value;

/* The events that ambit_wait_fd waits for and reports. */
#define AMBIT_READABLE 1u
#define AMBIT_WRITABLE 2u
#define AMBIT_HANGUP 4u /* always reported, even if not asked for */

/* What ambit_extension(scope, "ambit.worker/1") returns: which of the host's worker processes this is. All workers
 * serve all requests, and each has its own memory: ambit_state, ambit_set and static variables are not shared. During a
 * dry run, and in a host with one worker, `index` and `count` are 1. */
typedef struct ambit_worker {
  size_t size;    /* sizeof(ambit_worker) of the host */
  uint32_t index; /* the number of this worker, from 1 to `count`, as `ambit status` shows it */
  uint32_t count; /* how many workers the host has; a change of `workers` replaces all of them */
} ambit_worker;

/* ------------------------------------------------------------------------------------------ The plugin's one symbol */

#define AMBIT_ROUTE_BLOCKING 1u             /* the handler runs on a pool thread, and may block */
#define AMBIT_ROUTE_FINISH_ON_DISCONNECT 2u /* a client that leaves does not cancel the scope */

/* A route: a pattern, and either a handler or a C function with its signature (a function route).
 *
 * A pattern is a method or `*`, one space, and a path. Each segment of the path is a literal, `{name}` for one segment
 * that is not empty, or, as the last segment, `{name...}` for the rest of the path. Segment by segment, a literal is
 * preferred to a parameter, and a parameter to a rest. A slash at the end counts: `/a/` and `/a` are different paths. A
 * `GET` route also answers `HEAD`. Two routes that match the same requests are a conflict, also across plugins, and the
 * host refuses them. Patterns are matched against the path that ambit_path returns.
 *
 * A signature is `RET (TYPE source, ...)`, for example "i64 (i64 a, i64 b)". The types are void bool i8 i16 i32 i64 u8
 * u16 u32 u64 f32 f64 size str bytes ptr scope. The sources are:
 *
 *     name              the value of that name in the path parameters, else in the query, else in the fields of a JSON
 *                       object or form body (application/json or application/x-www-form-urlencoded)
 *     name = 20         the same, or this constant if the request does not have the name, or has null for it in JSON. A
 *                       value that is empty or malformed is refused nevertheless. So is a body that looks like JSON
 *                       without saying so in its Content-Type, or is multipart/form-data, if a name is missing and the
 *                       signature has neither body nor len(body). For `str` and `bytes`: `name = "x"` or `name = null`
 *     42, "text"        a constant: a number, `true`, `false`, `null` or a text in double quotes
 *     body              the request's body
 *     len(name)         the number of bytes of another parameter; len(body): of the body
 *     out TYPE name     the address of a zeroed variable; the response reports its value
 *     buffer(N) name    the address of N zeroed bytes; the response reports them as text up to the first NUL
 *
 * The host warns of a parameter of the path that no argument takes. Call it `{_name}` if it is meant to be unused.
 *
 * Memory that an argument points to lives until the request ends. The function may write to variables and buffers only.
 *
 * The response is the result as text. It is a JSON object with `result` and each reported name if the signature has
 * `out` or `buffer`, or if the client prefers JSON. RET may also be `status`: an ambit_status, which means the same as
 * that of a handler; the result is sent only for AMBIT_OK. Behind an integer type, `errno` makes -1 a 500 with the text
 * of errno. `str free` is a text that the host releases with free() when it has copied it. A missing or malformed
 * argument is a 400, and the function is not called.
 *
 * A function must be thread-safe, as a handler must: the host calls it in parallel on every event loop. */
typedef struct ambit_route {
  const char *pattern AMBIT_ZERO;
  ambit_handler handler AMBIT_ZERO;   /* NULL if there is a function */
  uint32_t flags AMBIT_ZERO;          /* AMBIT_ROUTE_BLOCKING, AMBIT_ROUTE_FINISH_ON_DISCONNECT */
  uint32_t stack_size AMBIT_ZERO;     /* bytes, at most 64 MiB; 0: the plugin's stack_size. See below */
  ambit_function function AMBIT_ZERO; /* NULL if there is a handler */
  const char *signature AMBIT_ZERO;   /* of the function */
} ambit_route;

/* Stack sizes. A handler runs on a stack of the host's handler_stack_size, 1,408 KiB by default. If it overflows the
 * stack, the worker process reports a stack overflow and ends. So the plugin must bound every recursion whose depth a
 * request decides: std::regex needs 750 to 950 bytes of stack for each letter, JSON parsers and most recursive parsers
 * 500 bytes to 2 KiB for each level. Either limit the input before parsing it, or ask for a larger stack:
 *
 *   `stack_size` of a route, or of the plugin for all its routes that set none: the handler runs on a stack of that
 *       size. Each request pays a page fault for each page that it uses, because the host returns used pages at once.
 *   AMBIT_ROUTE_BLOCKING: the handler runs on a thread, whose stack has the size of `ulimit -s`, mostly 8 MiB. The host
 *       refuses a blocking route that asks for more.
 *
 * A job has a stack of the host's stack_size, 256 KiB by default, unless its options ask for more. Compile with
 * -fstack-clash-protection: without it, a function with a frame of 64 KiB or more, such as one with an array of 100,000
 * bytes, can skip the guard below its stack and write into another stack. `ambit inspect` names such functions. */

/* Dry runs. Before the host loads a new version of a plugin, a child process loads it, runs `start` and then `stop`. If
 * this takes too long, the host kills the child and all processes that it has started. So `start` runs twice. During a
 * dry run ambit_extension(plugin, "ambit.dry_run/1") is not NULL: then `start` should not change anything outside its
 * process.
 *
 * Lifecycle calls. `start`, `stop` and `save` each run on a thread of their own. They may block without delaying any
 * request. Jobs that `start` spawns may run before it returns.
 *
 * Processes. A plugin may start processes. A program that it starts inherits no blocked and no ignored signal from the
 * host. A child of fork() has the standard streams, the log, the descriptors with which the host was started, and those
 * that the plugin opened; all other descriptors of the host are closed in it. In the child, calls of this header that
 * need the host return AMBIT_WRONG_THREAD: read what the child needs from a scope before the fork. The child must call
 * exec or _exit. If it returns into the host's code, the host ends it and logs that. posix_spawn() costs less than
 * fork().
 *
 * Swift. A plugin in Swift needs no compiler option. Each job has its own values of @TaskLocal variables and its own
 * current task, also after a wait, and begins without any. Code of the main actor and of the main dispatch queue runs
 * on the host's main thread. A plugin that brings a Swift runtime of its own (-static-stdlib) is refused unless it has
 * AMBIT_PLUGIN_THREADS.
 *
 * Flags. With AMBIT_PLUGIN_THREADS all code of the plugin runs on pool threads, with the same calls: handlers, jobs,
 * ticks, posted jobs, `start`, `stop`, `save`, `on_end` and deferred functions. Only functions of ambit_on_cancel run
 * on the loop, on the stack of the loop's thread, as for every plugin. A handler or job keeps its thread while it
 * waits; host.conf's `pool_threads` is the number of threads. `on_end` and deferred functions always get a thread. A
 * job counts as running until its `on_end` has returned. A plugin in Go that lacks this flag is refused.
 *
 * With AMBIT_PLUGIN_UNLOADABLE the host unmaps the library when its generation has ended. If a thread or a suspended
 * job is inside the library then, or may be, the library stays in memory, and the log names the thread or job. */
#define AMBIT_PLUGIN_UNLOADABLE 1u /* the library may be unmapped once retired: it leaves nothing that runs later */
#define AMBIT_PLUGIN_THREADS 2u    /* the plugin's language checks stack bounds (Go, CPython): pool threads only */

/* The entry of a plugin. The host reads it before it runs code of the plugin. Everything that it points to must live as
 * long as the library. */
typedef struct ambit_plugin {
  uint32_t magic AMBIT_ZERO;     /* AMBIT_PLUGIN_HEADER sets the first four fields */
  uint16_t abi_major AMBIT_ZERO; /* the ABI version that the plugin was built for */
  uint16_t abi_minor AMBIT_ZERO;
  size_t size AMBIT_ZERO;         /* sizeof(ambit_plugin); the plugin sets the fields behind it */
  const char *name AMBIT_ZERO;    /* a lower-case letter, then lower-case letters, digits, `_`, `-`; unique in a host */
  const char *version AMBIT_ZERO; /* the plugin's own version, shown to people; may be NULL */
  const char *about AMBIT_ZERO;   /* one line, shown to people; may be NULL */
  const ambit_route *routes AMBIT_ZERO;
  size_t route_count AMBIT_ZERO;
  ambit_handler start AMBIT_ZERO; /* may be NULL. Runs before the first request and may wait. Unless it returns
                                     AMBIT_OK, the host refuses the plugin */
  ambit_stop_fn stop AMBIT_ZERO;  /* may be NULL. Runs last, after the plugin's scope was cancelled; also after a
                                     `start` that failed */
  ambit_handler save AMBIT_ZERO;  /* may be NULL. Calls ambit_hand_over. Runs before each `start` of the next
                                     generation, in the dry run and live, while this one still serves */
  uint32_t flags AMBIT_ZERO;      /* AMBIT_PLUGIN_UNLOADABLE, AMBIT_PLUGIN_THREADS */
  uint32_t stack_size AMBIT_ZERO; /* bytes of stack for handlers, at most 64 MiB; 0: the host's handler_stack_size. The
                                     stack_size of a route overrides it; it does not apply to jobs */
} ambit_plugin;

/* The symbol that the host looks up, and the number at the beginning of each entry. */
#define AMBIT_PLUGIN_SYMBOL "ambit_plugin_entry"
#define AMBIT_PLUGIN_MAGIC 0x414d4254u

/* The beginning of the initialiser of ambit_plugin_entry. The other fields follow by name. C++ before C++20 cannot name
 * fields: there they follow in their order, or better, use ambit_make_plugin at the end of this file. */
#if defined(__cplusplus) && __cplusplus < 202002L
#define AMBIT_PLUGIN_HEADER AMBIT_PLUGIN_MAGIC, AMBIT_ABI_MAJOR, AMBIT_ABI_MINOR, sizeof(ambit_plugin)
#else
#define AMBIT_PLUGIN_HEADER                                                                                            \
  .magic = AMBIT_PLUGIN_MAGIC, .abi_major = AMBIT_ABI_MAJOR, .abi_minor = AMBIT_ABI_MINOR, .size = sizeof(ambit_plugin)
#endif

/* Exports ambit_plugin_entry under its plain name, also from C++ and from a library that hides all other symbols. */
#ifdef __cplusplus
#define AMBIT_EXPORT extern "C" __attribute__((visibility("default"), used))
#else
#define AMBIT_EXPORT __attribute__((visibility("default"), used))
#endif

/* ------------------------------------------------------------------------------------------------------ The table
 *
 * A scope points to the host's table. The table grows at its end only, so its `size` tells which calls a host has.
 * Check with AMBIT_HAS before you use a call that is newer than the ABI version that the plugin declares. The inline
 * functions below call through the table and document each entry. */
struct ambit_api {
  uint32_t size;  /* bytes of this table */
  uint16_t major; /* the host's ABI version */
  uint16_t minor;

  /* Scope and jobs */
  ambit_status (*spawn)(ambit_scope *scope, ambit_job_fn fn, void *arg, const ambit_job_options *options,
                        ambit_job **job);
  ambit_status (*spawn_call)(ambit_scope *scope, ambit_function function, const char *signature,
                             const ambit_value *args, size_t count, const ambit_job_options *options, ambit_job **job);
  ambit_status (*join)(ambit_scope *scope, ambit_job *job, int64_t timeout, ambit_outcome *outcome, int32_t *code);
  ambit_status (*join_all)(ambit_scope *scope, int64_t timeout);
  void (*cancel)(ambit_scope *scope);
  void (*cancel_job)(ambit_scope *scope, ambit_job *job);
  ambit_cause (*cancelled)(ambit_scope *scope);
  ambit_cause (*ref_cancelled)(ambit_ref ref);
  ambit_status (*open)(ambit_scope *scope, const ambit_scope_options *options, ambit_scope **child);
  ambit_status (*close)(ambit_scope *child);
  int64_t (*deadline)(ambit_scope *scope);
  ambit_status (*set_timeout)(ambit_scope *scope, int64_t timeout);
  ambit_status (*shield)(ambit_scope *scope, bool on);
  ambit_status (*on_cancel)(ambit_scope *scope, void (*fn)(void *arg), void *arg);
  int (*cancel_fd)(ambit_scope *scope);
  ambit_status (*defer)(ambit_scope *scope, void (*fn)(void *arg), void *arg);
  void *(*alloc)(ambit_scope *scope, size_t size);
  const char *(*cstr)(ambit_scope *scope, ambit_str str);
  ambit_scope *(*parent)(ambit_scope *scope);
  ambit_scope *(*plugin_scope)(ambit_scope *scope);
  ambit_status (*set)(ambit_scope *scope, const void *key, void *value);
  void *(*get)(ambit_scope *scope, const void *key);
  ambit_ref (*ref_of)(ambit_scope *scope);
  ambit_status (*post)(ambit_ref ref, ambit_job_fn fn, void *arg);

  /* Waits */
  ambit_status (*sleep)(ambit_scope *scope, int64_t duration);
  ambit_status (*yield)(ambit_scope *scope);
  ambit_status (*every)(ambit_scope *scope, int64_t interval, ambit_job_fn tick, void *arg,
                        const ambit_job_options *options, ambit_job **job);
  ambit_status (*wait_fd)(ambit_scope *scope, int fd, uint32_t events, int64_t timeout, uint32_t *ready);
  int32_t (*block)(ambit_scope *scope, int32_t (*fn)(void *arg), void *arg);
  ambit_event *(*event_new)(ambit_scope *scope);
  ambit_status (*event_set)(ambit_event *event);
  ambit_status (*event_reset)(ambit_event *event);
  ambit_status (*event_wait)(ambit_scope *scope, ambit_event *event, int64_t timeout);
  ambit_channel *(*channel_new)(ambit_scope *scope, size_t capacity);
  ambit_status (*send)(ambit_scope *scope, ambit_channel *channel, void *message, int64_t timeout);
  ambit_status (*receive)(ambit_scope *scope, ambit_channel *channel, void **message, int64_t timeout);
  ambit_status (*channel_close)(ambit_channel *channel);
  int64_t (*now)(ambit_scope *scope);

  /* Request */
  ambit_str (*method)(ambit_scope *scope);
  ambit_str (*path)(ambit_scope *scope);
  ambit_str (*target)(ambit_scope *scope);
  ambit_str (*query_string)(ambit_scope *scope);
  ambit_str (*scheme)(ambit_scope *scope);
  ambit_str (*authority)(ambit_scope *scope);
  ambit_str (*peer)(ambit_scope *scope);
  ambit_str (*route_pattern)(ambit_scope *scope);
  ambit_str (*request_id)(ambit_scope *scope);
  ambit_str (*param)(ambit_scope *scope, const char *name);
  ambit_str (*query)(ambit_scope *scope, const char *name);
  ambit_str (*header)(ambit_scope *scope, const char *name);
  size_t (*header_count)(ambit_scope *scope);
  bool (*header_at)(ambit_scope *scope, size_t index, ambit_str *name, ambit_str *value);
  int64_t (*body_length)(ambit_scope *scope);
  int64_t (*read)(ambit_scope *scope, void *buffer, size_t capacity);
  ambit_status (*body)(ambit_scope *scope, ambit_str *whole);

  /* Response */
  ambit_status (*set_status)(ambit_scope *scope, int status);
  ambit_status (*set_header)(ambit_scope *scope, const char *name, const char *value);
  ambit_status (*add_header)(ambit_scope *scope, const char *name, const char *value);
  ambit_status (*respond)(ambit_scope *scope, int status, const char *content_type, const void *bytes, size_t length);
  ambit_status (*begin)(ambit_scope *scope, int status, int64_t length);
  ambit_status (*write)(ambit_scope *scope, const void *bytes, size_t length);
  ambit_status (*end)(ambit_scope *scope);
  ambit_status (*send_file)(ambit_scope *scope, int fd, int64_t offset, int64_t length);

  /* Plugin */
  void *(*state)(ambit_scope *scope);
  ambit_status (*set_state)(ambit_scope *plugin, void *state);
  ambit_str (*setting)(ambit_scope *scope, const char *key);
  ambit_status (*hand_over)(ambit_scope *plugin, uint32_t version, const void *bytes, size_t length);
  ambit_str (*handed_over)(ambit_scope *plugin, uint32_t *version);
  ambit_status (*fail)(ambit_scope *scope, ambit_status status, const char *why);
  void (*log)(ambit_scope *scope, ambit_level level, const char *text, size_t length);
  const void *(*extension)(ambit_scope *scope, const char *id);
  ambit_status (*bind)(ambit_scope *scope, const char *signature, void (*fn)(void *context, void **args, void *result),
                       void *context, ambit_function *out);

  /* New calls */
  ambit_event *(*draining)(ambit_scope *scope);
};

/* True if the host's table has the entry: AMBIT_HAS(scope, bind). If a host has an entry and does not implement it, the
 * call returns AMBIT_UNSUPPORTED. */
#define AMBIT_HAS(scope, name) ((scope)->api->size >= offsetof(struct ambit_api, name) + sizeof((scope)->api->name))

/* ------------------------------------------------------------------------------------------------ Scope and jobs */

/* [job]
 * Start a job in the scope. The job gets its first turn after the caller waits or returns, never inside the call.
 * Owner     `arg` belongs to the job from the call on, whatever the call returns: `on_end` of the options runs exactly
 *           once, also for a job that never ran, and never inside the call. Options are copied.
 * Returns   AMBIT_OK, and the handle in `*job` unless `job` is NULL. AMBIT_CANCELLED: the scope is ending, the job will
 *           not run. AMBIT_LIMIT: there are too many jobs, or the job asks for a larger stack than it can have.
 *           AMBIT_INVALID: `fn` is NULL, this host does not know the options, or AMBIT_JOB_ONCE is set in another scope
 *           than the plugin's. AMBIT_NO_MEMORY. `*job` is NULL unless the call returns AMBIT_OK.
 * Since     1.0 */
static inline ambit_status ambit_spawn(ambit_scope *scope, ambit_job_fn fn, void *arg, const ambit_job_options *options,
                                       ambit_job **job) {
  return scope->api->spawn(scope, fn, arg, options, job);
}

/* [job]
 * Start any C function as a job. The arguments must fit the signature, for example "void (str path, i32 mode)". The
 * caller passes all of them, so a signature with a default value does not parse. The job's code is the function's
 * result if the return type is `i32` or `status`, else 0. The job counts as failed if a `status` is not 0, if a result
 * with `errno` is -1, or if an `i32` is a negative status.
 * Owner     The host copies the signature and the arguments, text and bytes included, but not what AMBIT_VALUE_PTR
 *           points to. The copies live until `on_end` has run. `on_end` gets NULL as its `arg`.
 * Threads   The function must be thread-safe: jobs run in parallel on several loops or threads.
 * Returns   As ambit_spawn. AMBIT_INVALID also if the signature does not parse, if `count` is not the number of its
 *           parameters, or if an argument does not fit its parameter; the log says which. The host cannot detect a
 *           signature that differs from the function's own: such a call is undefined behaviour.
 * Since     1.0 */
static inline ambit_status ambit_spawn_call(ambit_scope *scope, ambit_function function, const char *signature,
                                            const ambit_value *args, size_t count, const ambit_job_options *options,
                                            ambit_job **job) {
  return scope->api->spawn_call(scope, function, signature, args, count, options, job);
}

/* [job, waits]
 * Wait until a job of this scope, or of a scope below it, has ended and its `on_end` has run.
 * Returns   AMBIT_OK, however the job ended; `*outcome` and `*code` say how, and each pointer may be NULL.
 *           AMBIT_TIMED_OUT. AMBIT_CANCELLED. AMBIT_INVALID: the job is the caller itself.
 * Since     1.0 */
static inline ambit_status ambit_join(ambit_scope *scope, ambit_job *job, int64_t timeout, ambit_outcome *outcome,
                                      int32_t *code) {
  return scope->api->join(scope, job, timeout, outcome, code);
}

/* [job, waits]
 * Wait until every job that was spawned in this scope, except the caller, has ended. In a plugin's scope the call waits
 * for the jobs of the caller's loop only.
 * Returns   AMBIT_OK: no job failed. AMBIT_FAILED: at least one job failed. AMBIT_TIMED_OUT. AMBIT_CANCELLED, also when
 *           a job has failed in a scope with AMBIT_FAIL_FAST; ambit_cancelled returns AMBIT_CAUSE_FAILED then.
 * Since     1.0 */
static inline ambit_status ambit_join_all(ambit_scope *scope, int64_t timeout) {
  return scope->api->join_all(scope, timeout);
}

/* [job]
 * End the scope and all scopes below it with AMBIT_CAUSE_CALLED. Every wait in them returns AMBIT_CANCELLED, and jobs
 * that have not begun never run. The host kills nothing: running code continues until its next wait or its return.
 * Cancelling twice, or after the end, has no effect. A plugin's scope ends on all loops: on the caller's loop at once,
 * on the others in one of their next turns. From then on the host answers 503 to the plugin's requests.
 * Returns   At once. ambit_close waits.
 * Since     1.0 */
static inline void ambit_cancel(ambit_scope *scope) { scope->api->cancel(scope); }

/* [job]
 * Cancel one job of this scope, or of a scope below it: its waits return AMBIT_CANCELLED, and it does not run if it has
 * not begun. Cancelling a job that has ended has no effect.
 * Returns   At once. ambit_join waits.
 * Since     1.0 */
static inline void ambit_cancel_job(ambit_scope *scope, ambit_job *job) { scope->api->cancel_job(scope, job); }

/* [job]
 * Ask whether the scope has ended. Call it in loops that compute. Each call checks the deadlines of the scope and of
 * those above it. Once a millisecond it also checks whether the client has left, the job's own timeout, cancels by
 * other threads and by the host, and the end of `drain_timeout`. If one of them ends the scope, a 504 is sent at once,
 * but functions of ambit_on_cancel run, and other jobs wake up, only when this job waits or returns. For a job on a
 * pool thread the loop does these checks. A call takes some tens of nanoseconds. A job that computes on a fiber delays
 * the other requests of its loop; AMBIT_JOB_THREAD avoids that.
 * Returns   AMBIT_CAUSE_NONE while the scope is open, afterwards its first cause, which never changes. If only the
 *           calling job was cancelled: AMBIT_CAUSE_DEADLINE after its own timeout, AMBIT_CAUSE_CALLED after
 *           ambit_cancel_job, AMBIT_CAUSE_RETIRED if a job with AMBIT_JOB_ONCE may not run here any more. A job that
 *           outlives the handler may get AMBIT_CAUSE_DONE before the scope ends.
 * Since     1.0 */
static inline ambit_cause ambit_cancelled(ambit_scope *scope) { return scope->api->cancelled(scope); }

/* [any thread]
 * Ask whether the scope of a reference has ended. The scope may have closed long ago. A job that runs on the scope's
 * loop gets what ambit_cancelled returns. Other threads get the answer of the last turn of that loop.
 * Returns   AMBIT_CAUSE_NONE while the scope is open, afterwards its cause. AMBIT_CAUSE_DONE once the scope has closed
 *           and the host has forgotten it.
 * Since     1.0 */
static inline ambit_cause ambit_ref_cancelled(ambit_ref ref) { return ref.api->ref_cancelled(ref); }

/* [job]
 * Open a scope inside this one. Its jobs can be cancelled, limited and waited for together.
 * Owner     The child is closed by ambit_close, or by the host before this scope closes. Options are copied; NULL means
 *           the defaults.
 * Returns   AMBIT_OK, and the child in `*child`. AMBIT_CANCELLED: this scope is ending. AMBIT_LIMIT: scopes are nested
 *           more than 60 deep, or the plugin would use more than `alloc` (see ambit_alloc). AMBIT_INVALID: this host
 *           does not know the options. AMBIT_NO_MEMORY. `*child` is NULL unless the call returns AMBIT_OK.
 * Since     1.0 */
static inline ambit_status ambit_open(ambit_scope *scope, const ambit_scope_options *options, ambit_scope **child) {
  return scope->api->open(scope, options, child);
}

/* [job, waits]
 * Cancel what is left in a scope from ambit_open, and wait until it is closed. To let its jobs finish, call
 * ambit_join_all first. The call waits until the scope is closed even if the scope around it is cancelled meanwhile.
 * Owner     The handle, the scope's memory and the handles of its jobs are gone when the call returns AMBIT_OK.
 * Returns   AMBIT_OK. AMBIT_WRONG_STATE: the scope is not from ambit_open, the caller runs in it, or another job is
 *           closing it.
 * Since     1.0 */
static inline ambit_status ambit_close(ambit_scope *child) { return child->api->close(child); }

/* [job]
 * Get the time at which the host cancels the scope with AMBIT_CAUSE_DEADLINE.
 * Returns   A time of ambit_now; INT64_MAX if the scope has no deadline.
 * Since     1.0 */
static inline int64_t ambit_deadline(ambit_scope *scope) { return scope->api->deadline(scope); }

/* [job]
 * Set the scope's deadline to `timeout` nanoseconds from now. The parent's deadline holds if it is earlier; for a
 * request, so does the host's request_timeout. The deadline of a plugin's scope holds on all loops. A negative timeout
 * removes the scope's own deadline and leaves the parent's.
 * Returns   AMBIT_OK. AMBIT_CANCELLED: the scope is ending.
 * Since     1.0 */
static inline ambit_status ambit_set_timeout(ambit_scope *scope, int64_t timeout) {
  return scope->api->set_timeout(scope, timeout);
}

/* [job]
 * Let the waits of the calling job work again after a cancel, for example to say goodbye to a peer. `false` ends the
 * shield. The shield of a job does not affect other jobs. All shields of a job together last at most `cancel_grace` of
 * host.conf; after that its waits are cancelled again.
 * Returns   AMBIT_OK. AMBIT_LIMIT: that time is used up.
 * Since     1.0 */
static inline ambit_status ambit_shield(ambit_scope *scope, bool on) { return scope->api->shield(scope, on); }

/* [job]
 * Run `fn` once when the scope is cancelled, for example to stop code that blocks elsewhere. If the scope is cancelled
 * already, `fn` runs at once, inside the call. A scope that ends is always cancelled, also with AMBIT_CAUSE_DONE. A job
 * that computes on the loop delays `fn` until it waits or returns.
 * Owner     `arg` is the plugin's again after `fn` has run. If the call fails, `arg` stays the plugin's.
 * Threads   `fn` runs on the scope's loop, on the stack of the loop's thread, and must not wait.
 * Returns   AMBIT_OK. AMBIT_INVALID: `fn` is NULL. AMBIT_NO_MEMORY. AMBIT_LIMIT: the plugin would use more than `alloc`
 *           (see ambit_alloc). `fn` never runs unless the call returns AMBIT_OK.
 * Since     1.0 */
static inline ambit_status ambit_on_cancel(ambit_scope *scope, void (*fn)(void *arg), void *arg) {
  return scope->api->on_cancel(scope, fn, arg);
}

/* [job]
 * Get a descriptor that becomes readable when the scope is cancelled and stays readable, for a poll() on another thread
 * of the plugin. While a job computes on the loop, the descriptor becomes readable only when the loop turns or the job
 * calls ambit_cancelled.
 * Owner     The scope's. The host closes it with the scope; do not read it or close it.
 * Returns   The descriptor, the same at each call; a negative status if the host can get no descriptor.
 * Since     1.0 */
static inline int ambit_cancel_fd(ambit_scope *scope) { return scope->api->cancel_fd(scope); }

/* [job]
 * Run `fn` when the scope closes, after the last job in it has ended. The last registered function runs first.
 * Owner     `arg` is the plugin's again after `fn` has run. The memory of the scope is still there while `fn` runs.
 * Threads   `fn` runs on the scope's loop, or with AMBIT_PLUGIN_THREADS on a pool thread, and must not wait.
 * Returns   AMBIT_OK. AMBIT_INVALID: `fn` is NULL. AMBIT_NO_MEMORY. AMBIT_LIMIT: the plugin would use more than `alloc`
 *           (see ambit_alloc). `fn` never runs unless the call returns AMBIT_OK.
 * Since     1.0 */
static inline ambit_status ambit_defer(ambit_scope *scope, void (*fn)(void *arg), void *arg) {
  return scope->api->defer(scope, fn, arg);
}

/* [job]
 * Allocate memory that lives until the scope closes. It is zeroed and aligned to 16 bytes.
 * Owner     The scope's; the plugin never frees it.
 * Returns   The memory, also for a size of 0; NULL if there is no memory, or if the plugin would use more than `alloc`
 *           of [plugin.NAME.limits] in host.conf.
 * Since     1.0 */
static inline void *ambit_alloc(ambit_scope *scope, size_t size) { return scope->api->alloc(scope, size); }

/* [job]
 * Copy `str` and put a NUL at the end, for functions that take C strings.
 * Owner     The copy lives until the scope closes. A NUL inside `str` is copied like any other byte.
 * Returns   The copy; NULL if `str` is absent, there is no memory, or the limit of ambit_alloc is reached.
 * Since     1.0 */
static inline const char *ambit_cstr(ambit_scope *scope, ambit_str str) { return scope->api->cstr(scope, str); }

/* [job]
 * Get the scope that this one is in. The parent of a child scope is the scope that opened it, the parent of a request
 * is the plugin's scope.
 * Returns   The parent; NULL for the plugin's scope.
 * Since     1.0 */
static inline ambit_scope *ambit_parent(ambit_scope *scope) { return scope->api->parent(scope); }

/* [job]
 * Get the scope of the plugin's generation, for work and memory that must outlive the request. Jobs spawned in it stay
 * on the caller's loop: each loop has a handle of its own, and this is the caller's.
 * Owner     The scope lives until the generation is retired.
 * Returns   The plugin's scope; the scope itself if it is the plugin's already.
 * Since     1.0 */
static inline ambit_scope *ambit_plugin_scope(ambit_scope *scope) { return scope->api->plugin_scope(scope); }

/* [job]
 * Store a value in the scope under a key. Keys are compared as pointers: use the address of a static variable. A value
 * in a plugin's scope is there on all loops.
 * Owner     The value stays the plugin's. NULL removes the key.
 * Returns   AMBIT_OK. AMBIT_INVALID: `key` is NULL. AMBIT_NO_MEMORY. AMBIT_LIMIT: the plugin would use more than `alloc`
 *           (see ambit_alloc).
 * Since     1.0 */
static inline ambit_status ambit_set(ambit_scope *scope, const void *key, void *value) {
  return scope->api->set(scope, key, value);
}

/* [job]
 * Get the value that is stored under a key in this scope, or else in the nearest scope above it that has the key.
 * Owner     The plugin's, as for ambit_set.
 * Returns   The value; NULL if no scope has the key.
 * Since     1.0 */
static inline void *ambit_get(ambit_scope *scope, const void *key) { return scope->api->get(scope, key); }

/* [job]
 * Get a reference to the scope. Any thread may keep and copy it, also after the scope is gone.
 * Owner     Nobody: it is a value, and nothing has to be released.
 * Returns   The reference.
 * Since     1.0 */
static inline ambit_ref ambit_ref_of(ambit_scope *scope) { return scope->api->ref_of(scope); }

/* [any thread]
 * Start a job in a scope from outside: from a thread that the plugin made, or from another request.
 * Owner     If the call returns AMBIT_OK, `arg` is the job's, else it stays the caller's. A posted job has no `on_end`:
 *           if the scope ends before the job begins, or there is no memory for its stack, the job never runs and nobody
 *           releases `arg`. So leave the release to a deferred function: a job of the scope registers it with
 *           ambit_defer before the post, for example when it hands out the ref.
 * Returns   AMBIT_OK: the scope was open and the job was spawned, in one atomic step. AMBIT_CLOSED: the scope is ending
 *           or gone. AMBIT_LIMIT: there are too many jobs. AMBIT_INVALID: `fn` is NULL. AMBIT_NO_MEMORY.
 * Since     1.0 */
static inline ambit_status ambit_post(ambit_ref ref, ambit_job_fn fn, void *arg) { return ref.api->post(ref, fn, arg); }

/* ----------------------------------------------------------------------------------------------------------- Waits
 *
 * Each wait returns AMBIT_CANCELLED at once if the scope has ended, or ends during the wait. Then the operation did not
 * happen, and every later wait fails in the same way: clean up and return. If a wait finishes in the same turn of the
 * loop as the cancel, it returns its result, and the next wait fails. */

/* [job, waits]
 * Wait until `duration` nanoseconds have passed.
 * Returns   AMBIT_OK after that time. AMBIT_INVALID: `duration` is negative. AMBIT_CANCELLED.
 * Since     1.0 */
static inline ambit_status ambit_sleep(ambit_scope *scope, int64_t duration) {
  return scope->api->sleep(scope, duration);
}

/* [job, waits]
 * Let other ready jobs run first, and new events soon. Use it between the steps of a long computation. Once a turn of
 * the loop has lasted a millisecond, at least every eighth yield lets the loop look at new events, at deadlines and at
 * clients that have left.
 * Returns   AMBIT_OK. AMBIT_CANCELLED.
 * Since     1.0 */
static inline ambit_status ambit_yield(ambit_scope *scope) { return scope->api->yield(scope); }

/* [job]
 * Start a job that runs `tick` every `interval` nanoseconds, first after one interval. The job has no stack while it
 * waits, and its times do not drift. If a tick takes longer than the interval, the ticks that it overlaps are skipped.
 * With AMBIT_JOB_THREAD each tick runs on a pool thread; a tick for which the pool is full is skipped. The job ends
 * when a tick returns anything but AMBIT_OK, with that result as its code.
 * Owner     `arg` and options as for ambit_spawn.
 * Returns   As ambit_spawn. AMBIT_INVALID also if `interval` is not above 0.
 * Since     1.0 */
static inline ambit_status ambit_every(ambit_scope *scope, int64_t interval, ambit_job_fn tick, void *arg,
                                       const ambit_job_options *options, ambit_job **job) {
  return scope->api->every(scope, interval, tick, arg, options, job);
}

/* [job, waits]
 * Wait until a descriptor is ready for what `events` names: AMBIT_READABLE, AMBIT_WRITABLE or both. Several jobs may
 * wait for one descriptor. With AMBIT_HANGUP in `events`, a peer that has shut down its sending side counts as a
 * hang-up.
 * Owner     The descriptor stays the plugin's. It must be non-blocking, and open during the wait.
 * Returns   AMBIT_OK, and what the descriptor is ready for in `*ready` unless `ready` is NULL. AMBIT_TIMED_OUT.
 *           AMBIT_CANCELLED. AMBIT_INVALID: the descriptor is not open or cannot be waited for. AMBIT_LIMIT,
 *           AMBIT_NO_MEMORY: the system can watch no more descriptors.
 * Since     1.0 */
static inline ambit_status ambit_wait_fd(ambit_scope *scope, int fd, uint32_t events, int64_t timeout,
                                         uint32_t *ready) {
  return scope->api->wait_fd(scope, fd, events, timeout, ready);
}

/* [job, waits]
 * Run `fn` on a pool thread and wait until it returns, even if the scope is cancelled meanwhile. `fn` may block and
 * compute.
 * Owner     Only `fn` uses `arg`, which may lie on the caller's stack.
 * Threads   `fn` runs outside any scope and must not call functions that wait.
 * Returns   The result of `fn`. If `fn` did not run: AMBIT_CANCELLED, the scope ended before a thread was free;
 *           AMBIT_LIMIT, the pool is full; AMBIT_INVALID, `fn` is NULL.
 * Since     1.0 */
static inline int32_t ambit_block(ambit_scope *scope, int32_t (*fn)(void *arg), void *arg) {
  return scope->api->block(scope, fn, arg);
}

/* [job]
 * Make an event that is not set.
 * Owner     The scope's; it lives until the scope closes.
 * Returns   The event; NULL if there is no memory, or if the plugin would use more than `alloc` (see ambit_alloc).
 * Since     1.0 */
static inline ambit_event *ambit_event_new(ambit_scope *scope) { return scope->api->event_new(scope); }

/* [job]
 * Set an event. All jobs that wait for it continue in the next turn of the loop, and later waits for it return at once.
 * Returns   AMBIT_OK, also if the event was set already. AMBIT_INVALID: it is the event of ambit_draining.
 * Since     1.0 */
static inline ambit_status ambit_event_set(ambit_event *event) { return event->api->event_set(event); }

/* [job]
 * Reset an event, so that it is not set. Jobs that an earlier ambit_event_set has woken still continue.
 * Returns   AMBIT_OK, also if the event was not set. AMBIT_INVALID: it is the event of ambit_draining.
 * Since     1.0 */
static inline ambit_status ambit_event_reset(ambit_event *event) { return event->api->event_reset(event); }

/* [job, waits]
 * Wait until an event of this scope, or of a scope above it, is set.
 * Returns   AMBIT_OK. AMBIT_TIMED_OUT. AMBIT_CANCELLED. AMBIT_INVALID: the event belongs to another scope.
 * Since     1.0 */
static inline ambit_status ambit_event_wait(ambit_scope *scope, ambit_event *event, int64_t timeout) {
  return scope->api->event_wait(scope, event, timeout);
}

/* [job]
 * Get the event that the host sets when the plugin's generation begins to drain: a reload has replaced or removed it,
 * or the worker or the host stops. What runs then has `drain_timeout` to end. A response without an end of its own,
 * such as server-sent events, waits for this event and completes itself. The event is never reset. A computing job can
 * ask with a timeout of 0, after ambit_cancelled. Jobs in the plugin's scope may be cancelled as soon as the event is
 * set, since they go on only until the last request has ended.
 * Owner     The host's; it lives as long as the plugin's scope. Each loop has its own: this one is for jobs of the
 *           caller's loop, on fibers and on pool threads. Do not set or reset it.
 * Returns   The event, the same at each call on a loop, already set if the drain has begun; NULL if there is no memory.
 *           AMBIT_HAS(scope, draining) tells whether this host has the call.
 * Since     1.0 */
static inline ambit_event *ambit_draining(ambit_scope *scope) { return scope->api->draining(scope); }

/* [job]
 * Make a channel that holds up to `capacity` messages. With a capacity of 0 a sender waits until its message is
 * received.
 * Owner     The scope's; it lives until the scope closes. Messages left in it are dropped; what they point to is the
 *           plugin's.
 * Returns   The channel; NULL if there is no memory, or if the plugin would use more than `alloc` (see ambit_alloc).
 * Since     1.0 */
static inline ambit_channel *ambit_channel_new(ambit_scope *scope, size_t capacity) {
  return scope->api->channel_new(scope, capacity);
}

/* [job, waits]
 * Put a message into a channel of this scope or of a scope above it. Waits while the channel is full.
 * Owner     What `message` points to passes to the receiver if the call returns AMBIT_OK.
 * Returns   AMBIT_OK. AMBIT_TIMED_OUT. AMBIT_CLOSED: the channel is closed. AMBIT_CANCELLED. AMBIT_INVALID: the channel
 *           belongs to another scope.
 * Since     1.0 */
static inline ambit_status ambit_send(ambit_scope *scope, ambit_channel *channel, void *message, int64_t timeout) {
  return scope->api->send(scope, channel, message, timeout);
}

/* [job, waits]
 * Take the oldest message out of a channel of this scope or of a scope above it. Waits while the channel is empty.
 * Owner     What `*message` points to is the receiver's now.
 * Returns   AMBIT_OK. AMBIT_TIMED_OUT. AMBIT_CLOSED: the channel is closed and empty. AMBIT_CANCELLED. AMBIT_INVALID:
 *           the channel belongs to another scope. `*message` is NULL unless the call returns AMBIT_OK.
 * Since     1.0 */
static inline ambit_status ambit_receive(ambit_scope *scope, ambit_channel *channel, void **message, int64_t timeout) {
  return scope->api->receive(scope, channel, message, timeout);
}

/* [job]
 * Close a channel. From now on sends fail; receives fail once the channel is empty. Closing it twice has no effect.
 * Returns   AMBIT_OK.
 * Since     1.0 */
static inline ambit_status ambit_channel_close(ambit_channel *channel) { return channel->api->channel_close(channel); }

/* [job]
 * Get the time of a monotonic clock, which never goes back and whose zero has no meaning.
 * Returns   Nanoseconds; only differences between two times have a meaning.
 * Since     1.0 */
static inline int64_t ambit_now(ambit_scope *scope) { return scope->api->now(scope); }

/* --------------------------------------------------------------------------------------------------------- Request
 *
 * These calls work in a request's scope and in the scopes below it. In other scopes they return an absent value: {NULL,
 * 0}, 0, false or AMBIT_WRONG_STATE. Each ambit_str that they return lives until the request's scope closes. */

/* [job]
 * Get the request's method as sent: "GET". For a HEAD request that a GET route answers, it is "HEAD".
 * Returns   The method.
 * Since     1.0 */
static inline ambit_str ambit_method(ambit_scope *scope) { return scope->api->method(scope); }

/* [job]
 * Get the request's path, decoded once and normalised (RFC 3986, 5.2.4). Routes are matched against this path. The host
 * splits the path at each `/` first and decodes each segment then: `%2F` becomes a `/` that is data of its segment and
 * never separates segments. It removes dot segments, also those written `%2e`, and keeps empty segments. It answers 400
 * itself to a malformed escape, to `%00`, to a path that climbs above the root, and to an encoded slash that would put
 * a `.` or `..` component into the result. Bytes above 0x7f stay as they are, and need not be UTF-8.
 * Returns   The path, which begins with `/`.
 * Since     1.0 */
static inline ambit_str ambit_path(ambit_scope *scope) { return scope->api->path(scope); }

/* [job]
 * Get the request's target as the client sent it: path and query, with nothing decoded or removed.
 * Returns   The target.
 * Since     1.0 */
static inline ambit_str ambit_target(ambit_scope *scope) { return scope->api->target(scope); }

/* [job]
 * Get the part of the target behind its first `?`, as sent.
 * Returns   The query; absent if there is no `?`, empty if nothing follows it.
 * Since     1.0 */
static inline ambit_str ambit_query_string(ambit_scope *scope) { return scope->api->query_string(scope); }

/* [job]
 * Get the scheme by which the request came: "http" or "https".
 * Returns   The scheme.
 * Since     1.0 */
static inline ambit_str ambit_scheme(ambit_scope *scope) { return scope->api->scheme(scope); }

/* [job]
 * Get the name by which the client addressed the server: the Host header or the authority of the target. Do not trust
 * it.
 * Returns   Host and port as sent; absent if an HTTP/1.0 request sent none.
 * Since     1.0 */
static inline ambit_str ambit_authority(ambit_scope *scope) { return scope->api->authority(scope); }

/* [job]
 * Get the address of the other end of the connection: "127.0.0.1:50112", "[::1]:50112" or "unix". Behind a proxy it is
 * the proxy's address.
 * Returns   The address.
 * Since     1.0 */
static inline ambit_str ambit_peer(ambit_scope *scope) { return scope->api->peer(scope); }

/* [job]
 * Get the pattern of the route that was chosen, with the prefix at which the plugin is mounted.
 * Returns   The pattern: "GET /hello/{name}".
 * Since     1.0 */
static inline ambit_str ambit_route_pattern(ambit_scope *scope) { return scope->api->route_pattern(scope); }

/* [job]
 * Get the identifier of this request: "7f3a9c2e-5". Show it to people who report a failure. Every line of the host's
 * log about this request has it as `request`, and so have the host's own responses 500, 503 and 504.
 * Returns   The identifier, at most 29 characters of `0-9`, `a-f` and `-`. The part before the `-` is random and
 *           another one for each worker process; the rest is a number.
 * Since     1.0 */
static inline ambit_str ambit_request_id(ambit_scope *scope) { return scope->api->request_id(scope); }

/* [job]
 * Get a parameter of the path by its name in the pattern, decoded as ambit_path describes. A `{name}` may contain a `/`
 * that was sent as `%2F`: check the value before using it as the name of a file.
 * Returns   The value; absent if the pattern has no such name.
 * Since     1.0 */
static inline ambit_str ambit_param(ambit_scope *scope, const char *name) { return scope->api->param(scope, name); }

/* [job]
 * Get a field of the query by its decoded name; if there are several, the first one. `+` means a space, and escapes are
 * decoded. A malformed escape stays as it is.
 * Returns   The decoded value, which is empty for `?name` and `?name=`; absent if there is no such field.
 * Since     1.0 */
static inline ambit_str ambit_query(ambit_scope *scope, const char *name) { return scope->api->query(scope, name); }

/* [job]
 * Get a header of the request by its name in any case; if there are several, the first one.
 * Returns   The value without the blanks around it; absent if there is no such header.
 * Since     1.0 */
static inline ambit_str ambit_header(ambit_scope *scope, const char *name) { return scope->api->header(scope, name); }

/* [job]
 * Get the number of header lines of the request, for ambit_header_at.
 * Returns   The number.
 * Since     1.0 */
static inline size_t ambit_header_count(ambit_scope *scope) { return scope->api->header_count(scope); }

/* [job]
 * Get a header line by its index, from 0, in the order in which the lines were sent.
 * Returns   true, and name and value as sent; false if there is no such index, and both are absent then.
 * Since     1.0 */
static inline bool ambit_header_at(ambit_scope *scope, size_t index, ambit_str *name, ambit_str *value) {
  return scope->api->header_at(scope, index, name, value);
}

/* [job]
 * Get the length of the request's body as the client announced it.
 * Returns   The number of bytes, 0 without a body; -1 if the length is not known before the end.
 * Since     1.0 */
static inline int64_t ambit_body_length(ambit_scope *scope) { return scope->api->body_length(scope); }

/* [job, waits]
 * Read the next bytes of the body. Waits until there are some. The host discards what the handler does not read.
 * Owner     Up to `capacity` bytes are copied into `buffer`, which is the caller's.
 * Returns   The number of bytes, above 0. 0 at the end of the body, also when called again. AMBIT_CANCELLED, also if
 *           the client left. AMBIT_LIMIT: the body is longer than the host's max_body. AMBIT_INVALID: `capacity` is 0,
 *           or the body is malformed. AMBIT_WRONG_STATE: another job waits for the body.
 * Since     1.0 */
static inline int64_t ambit_read(ambit_scope *scope, void *buffer, size_t capacity) {
  return scope->api->read(scope, buffer, capacity);
}

/* [job, waits]
 * Read the whole body. Waits until it is there. Each call returns the same bytes.
 * Owner     The bytes live until the request's scope closes.
 * Returns   AMBIT_OK, and the body in `*whole`, which is empty if there is none. AMBIT_LIMIT: the body is longer than
 *           the host's max_body, or the limit of ambit_alloc is reached. AMBIT_INVALID: the body is malformed.
 *           AMBIT_WRONG_STATE: ambit_read took some of it, or another job waits for it. AMBIT_CANCELLED. `*whole` is
 *           absent unless the call returns AMBIT_OK.
 * Since     1.0 */
static inline ambit_status ambit_body(ambit_scope *scope, ambit_str *whole) { return scope->api->body(scope, whole); }

/* -------------------------------------------------------------------------------------------------------- Response
 *
 * These calls work in a request's scope and in the scopes below it. In other scopes they return AMBIT_WRONG_STATE. Each
 * request has one response, which ambit_respond or ambit_begin begins; after that its head cannot be changed. If a job
 * makes the response, the handler returns AMBIT_PENDING: after AMBIT_OK the host completes the response itself, and
 * these calls return AMBIT_WRONG_STATE. The answer to a HEAD request has no body: the host sends the head only. A
 * response with status 204, 205 or 304 has no body either (RFC 9110): the host drops its bytes, the calls return
 * AMBIT_OK, and the log has a warning. */

/* [job]
 * Set the status of the response, for the case that no later call names one.
 * Returns   AMBIT_OK. AMBIT_INVALID: the status is not from 200 to 599. AMBIT_WRONG_STATE: the response has begun.
 * Since     1.0 */
static inline ambit_status ambit_set_status(ambit_scope *scope, int status) {
  return scope->api->set_status(scope, status);
}

/* [job]
 * Set a header of the response. It replaces all headers of that name in any case.
 * Owner     Name and value are copied.
 * Returns   AMBIT_OK. AMBIT_INVALID: the name is no token (RFC 9110, 5.6.2), the value contains a CR, LF or NUL, or the
 *           header is one that the host writes itself: Content-Length, Transfer-Encoding, Connection, Date, Server.
 *           AMBIT_WRONG_STATE: the response has begun. AMBIT_NO_MEMORY. AMBIT_LIMIT: the plugin would use more than
 *           `alloc` (see ambit_alloc).
 * Since     1.0 */
static inline ambit_status ambit_set_header(ambit_scope *scope, const char *name, const char *value) {
  return scope->api->set_header(scope, name, value);
}

/* [job]
 * Add a header to the response and keep those that have its name, as Set-Cookie needs it.
 * Owner     Name and value are copied.
 * Returns   As ambit_set_header.
 * Since     1.0 */
static inline ambit_status ambit_add_header(ambit_scope *scope, const char *name, const char *value) {
  return scope->api->add_header(scope, name, value);
}

/* [job]
 * Send a whole response.
 * Owner     The bytes are copied or sent before the call returns. `content_type` may be NULL for none.
 * Returns   AMBIT_OK: the response is complete and handed to the transport. AMBIT_WRONG_STATE: a response was begun
 *           before. AMBIT_INVALID: the status is not from 200 to 599, or the content type contains a CR, LF or NUL.
 *           AMBIT_CANCELLED: the client has left, or the host has answered in place of the handler. A scope that has
 *           ended otherwise can still respond. AMBIT_NO_MEMORY.
 * Since     1.0 */
static inline ambit_status ambit_respond(ambit_scope *scope, int status, const char *content_type, const void *bytes,
                                         size_t length) {
  return scope->api->respond(scope, status, content_type, bytes, length);
}

/* [job]
 * Begin a response whose body follows by ambit_write. The host sends the head with the first bytes of the body.
 * `length` is the length of the body, or -1 if it is not known: the body is chunked then, or for HTTP/1.0 ends when the
 * connection closes.
 * Returns   AMBIT_OK. AMBIT_WRONG_STATE: a response was begun before. AMBIT_INVALID: the status is not from 200 to 599,
 *           or `length` is below -1. AMBIT_CANCELLED.
 * Since     1.0 */
static inline ambit_status ambit_begin(ambit_scope *scope, int status, int64_t length) {
  return scope->api->begin(scope, status, length);
}

/* [job, waits]
 * Send bytes of a response that was begun. Waits while the client reads more slowly than the handler writes.
 * Owner     The bytes are copied or sent before the call returns.
 * Returns   AMBIT_OK. AMBIT_WRONG_STATE: the response was not begun or has ended, or another job is writing.
 *           AMBIT_INVALID: the body would exceed the announced length; nothing was sent. AMBIT_CANCELLED, also if the
 *           client left. AMBIT_CLOSED: the client left, and the route goes on without it
 *           (AMBIT_ROUTE_FINISH_ON_DISCONNECT).
 * Since     1.0 */
static inline ambit_status ambit_write(ambit_scope *scope, const void *bytes, size_t length) {
  return scope->api->write(scope, bytes, length);
}

/* [job]
 * Complete a response that was begun.
 * Returns   AMBIT_OK. AMBIT_WRONG_STATE: the response was not begun or has ended, or another job is writing.
 *           AMBIT_INVALID: the body is shorter than announced; the host closes the connection or stream, so that the
 *           client notices. AMBIT_CANCELLED.
 * Since     1.0 */
static inline ambit_status ambit_end(ambit_scope *scope) { return scope->api->end(scope); }

/* [job, waits]
 * Send a part of a file as bytes of a response that was begun. Waits as ambit_write does.
 * Owner     The descriptor stays the plugin's and must stay open until the call returns. Its position does not change.
 * Returns   AMBIT_UNSUPPORTED: this host does not implement it yet, although AMBIT_HAS is true for it. Use ambit_write.
 *           A host that implements it returns the same as ambit_write, and AMBIT_INVALID also if the descriptor is not
 *           a regular file, or the file has no such part.
 * Since     1.0 */
static inline ambit_status ambit_send_file(ambit_scope *scope, int fd, int64_t offset, int64_t length) {
  return scope->api->send_file(scope, fd, offset, length);
}

/* ---------------------------------------------------------------------------------------------------------- Plugin */

/* [job]
 * Get the plugin's own data, which its `start` has set.
 * Owner     The plugin's.
 * Threads   Handlers run on several loops at once: protect data that changes.
 * Returns   The pointer that ambit_set_state was given; NULL if there was none.
 * Since     1.0 */
static inline void *ambit_state(ambit_scope *scope) { return scope->api->state(scope); }

/* [start]
 * Set what ambit_state returns in every scope of this generation. The last call counts.
 * Owner     The data stays the plugin's. Release it in `stop`, or by ambit_defer on the plugin's scope.
 * Returns   AMBIT_OK. AMBIT_WRONG_STATE: `start` is not running, or this is not the scope that it got.
 * Since     1.0 */
static inline ambit_status ambit_set_state(ambit_scope *plugin, void *state) {
  return plugin->api->set_state(plugin, state);
}

/* [job]
 * Get a setting of the plugin: a key of the table [plugin.NAME] of host.conf. Numbers and booleans come as text.
 * Owner     The value lives until the generation is retired. A reload with other settings makes a new generation.
 * Returns   The value; absent if the table has no such key.
 * Since     1.0 */
static inline ambit_str ambit_setting(ambit_scope *scope, const char *key) { return scope->api->setting(scope, key); }

/* [save]
 * Leave bytes for the next generation of this plugin. The last call counts.
 * Owner     The bytes are copied. `version` is the plugin's own number for the format of the bytes.
 * Returns   AMBIT_OK. AMBIT_WRONG_STATE: `save` is not running, or this is not the scope that it got. AMBIT_INVALID:
 *           `bytes` is NULL and `length` is not 0. AMBIT_LIMIT: there are more than 64 MiB. AMBIT_NO_MEMORY.
 * Since     1.0 */
static inline ambit_status ambit_hand_over(ambit_scope *plugin, uint32_t version, const void *bytes, size_t length) {
  return plugin->api->hand_over(plugin, version, bytes, length);
}

/* [start]
 * Get the bytes that the previous generation left by ambit_hand_over.
 * Owner     The bytes live until `start` returns.
 * Returns   The bytes, and their version in `*version` unless `version` is NULL. Absent, and version 0, if nothing was
 *           left, if `start` is not running, or if this is not the scope that it got.
 * Since     1.0 */
static inline ambit_str ambit_handed_over(ambit_scope *plugin, uint32_t *version) {
  return plugin->api->handed_over(plugin, version);
}

/* [job]
 * Give the reason for a failure: `return ambit_fail(scope, AMBIT_NOT_FOUND, "no such account")`. The host logs it when
 * the handler, job or `start` that called this returns a negative status. The client does not see it.
 * Owner     The text is copied.
 * Returns   `status`, unchanged.
 * Since     1.0 */
static inline ambit_status ambit_fail(ambit_scope *scope, ambit_status status, const char *why) {
  return scope->api->fail(scope, status, why);
}

/* [job]
 * Write a line to the host's log. The host adds plugin, generation, route, scope and job.
 * Owner     The text is copied. Control characters in it are escaped, so that one call writes one line.
 * Returns   Nothing. A line below the configured level is dropped.
 * Since     1.0 */
static inline void ambit_log(ambit_scope *scope, ambit_level level, const char *text, size_t length) {
  scope->api->log(scope, level, text, length);
}

/* [job]
 * Get a table that is not part of this ABI, by its name and version:
 *
 *     "ambit.dry_run/1"   has no calls. A host has it during a dry run only, so it tells that this is a dry run.
 *     "ambit.worker/1"    is an ambit_worker: the number of this worker process, and of all of them.
 *
 * Owner     The host's; it lives as long as the process.
 * Returns   The table, of the type that the extension declares; NULL if this host has none of that name.
 * Since     1.0 */
static inline const void *ambit_extension(ambit_scope *scope, const char *id) {
  return scope->api->extension(scope, id);
}

/* [job]
 * Make a plain function pointer of a signature that calls `fn` with `context`, for C libraries whose callbacks take no
 * context pointer. `args[i]` points to argument i, and `result` to eight zeroed bytes for the result; each has its own
 * C type. `fn` runs where the function is called: in a job, on a pool thread, or on a thread of the library.
 * Owner     The function in `*out` lives until the scope closes and its deferred functions have run. `context` must
 *           live as long. The signature is copied. Calling the function later is undefined behaviour; in checked mode
 *           the host reports the call and returns zero.
 * Returns   AMBIT_OK. AMBIT_INVALID: `fn` is NULL, or the signature does not parse; the log says where.
 *           AMBIT_NO_MEMORY. AMBIT_LIMIT: the plugin would use more than `alloc` (see ambit_alloc). AMBIT_CLOSED: the
 *           scope has closed. `*out` is NULL unless the call returns AMBIT_OK.
 * Since     1.0 */
static inline ambit_status ambit_bind(ambit_scope *scope, const char *signature,
                                      void (*fn)(void *context, void **args, void *result), void *context,
                                      ambit_function *out) {
  return scope->api->bind(scope, signature, fn, context, out);
}

/* ------------------------------------------------------------------------------------------- Made from calls above
 *
 * The functions over plain values need no host and may run on any thread. Those that take a scope call the host. */

/* The name of a cause for logs: "disconnect" for AMBIT_CAUSE_DISCONNECT. "unknown" for a value not in this header. */
static inline const char *ambit_cause_name(ambit_cause cause) {
  switch (cause) {
  case AMBIT_CAUSE_NONE:
    return "none";
  case AMBIT_CAUSE_DONE:
    return "done";
  case AMBIT_CAUSE_DISCONNECT:
    return "disconnect";
  case AMBIT_CAUSE_DEADLINE:
    return "deadline";
  case AMBIT_CAUSE_CALLED:
    return "called";
  case AMBIT_CAUSE_FAILED:
    return "failed";
  case AMBIT_CAUSE_RETIRED:
    return "retired";
  case AMBIT_CAUSE_SHUTDOWN:
    return "shutdown";
  default:
    return "unknown";
  }
}

/* The name of an outcome for logs: "completed", "cancelled", "failed" or "unknown". */
static inline const char *ambit_outcome_name(ambit_outcome outcome) {
  switch (outcome) {
  case AMBIT_JOB_COMPLETED:
    return "completed";
  case AMBIT_JOB_CANCELLED:
    return "cancelled";
  case AMBIT_JOB_FAILED:
    return "failed";
  default:
    return "unknown";
  }
}

/* The name of a status for logs, which is the constant without its prefix: "TIMED_OUT" for AMBIT_TIMED_OUT. "unknown"
 * for a value not in this header. */
static inline const char *ambit_status_name(ambit_status status) {
  switch (status) {
  case AMBIT_OK:
    return "OK";
  case AMBIT_PENDING:
    return "PENDING";
  case AMBIT_CANCELLED:
    return "CANCELLED";
  case AMBIT_TIMED_OUT:
    return "TIMED_OUT";
  case AMBIT_CLOSED:
    return "CLOSED";
  case AMBIT_INVALID:
    return "INVALID";
  case AMBIT_LIMIT:
    return "LIMIT";
  case AMBIT_NO_MEMORY:
    return "NO_MEMORY";
  case AMBIT_WRONG_STATE:
    return "WRONG_STATE";
  case AMBIT_WRONG_THREAD:
    return "WRONG_THREAD";
  case AMBIT_UNSUPPORTED:
    return "UNSUPPORTED";
  case AMBIT_FAILED:
    return "FAILED";
  case AMBIT_BAD_REQUEST:
    return "BAD_REQUEST";
  case AMBIT_NOT_FOUND:
    return "NOT_FOUND";
  default:
    return "unknown";
  }
}

/* An ambit_str of `len` bytes at `ptr`. The bytes are not copied. */
static inline ambit_str ambit_str_of(const char *ptr, size_t len) {
  ambit_str str;
  str.ptr = ptr;
  str.len = len;
  return str;
}

/* An ambit_str of a string literal: `ambit_str_equal(ambit_method(scope), AMBIT_STR("PUT"))`. */
#define AMBIT_STR(literal) ambit_str_of("" literal, sizeof(literal) - 1)

/* True if both have the same bytes. An absent string equals an empty one. */
static inline bool ambit_str_equal(ambit_str a, ambit_str b) {
  return a.len == b.len && (a.len == 0 || __builtin_memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* [job]
 * Join several parts to one text. This is faster than a format, and the parts may contain any bytes.
 * Owner     The text lives until the scope closes. A NUL follows it.
 * Returns   The text; absent if there is no memory.
 * Since     1.0 */
static inline ambit_str ambit_concat(ambit_scope *scope, const ambit_str *parts, size_t count) {
  size_t length = 0;
  for (size_t i = 0; i < count; i++)
    length += parts[i].len;
  char *text = (char *)ambit_alloc(scope, length + 1);
  if (text == NULL)
    return ambit_str_of(NULL, 0);
  char *end = text;
  for (size_t i = 0; i < count; i++) {
    if (parts[i].len > 0)
      __builtin_memcpy(end, parts[i].ptr, parts[i].len);
    end += parts[i].len;
  }
  return ambit_str_of(text, length);
}

/* An ambit_str in a printf: `printf("name: " AMBIT_STR_FMT, AMBIT_STR_ARG(name))`. The argument is evaluated twice. */
#define AMBIT_STR_FMT "%.*s"
#define AMBIT_STR_ARG(str) (int)(str).len, (str).ptr != NULL ? (str).ptr : ""

/* Options of a job with `size` and `name` set and 0 or NULL in all other fields. `name` may be NULL. */
static inline ambit_job_options ambit_default_job_options(const char *name) {
  ambit_job_options options = {sizeof(ambit_job_options), name, 0, 0, 0, NULL};
  return options;
}

/* Options of a scope with `size` and `name` set and 0 in all other fields. `name` may be NULL. */
static inline ambit_scope_options ambit_default_scope_options(const char *name) {
  ambit_scope_options options = {sizeof(ambit_scope_options), name, 0, 0, 0};
  return options;
}

/* The values for ambit_spawn_call, one for each parameter of the signature. This one stands for NULL, or for the job's
 * scope if the parameter has the type `scope`. */
static inline ambit_value ambit_value_none(void) {
  ambit_value value;
  value.kind = AMBIT_VALUE_NONE;
  value.reserved = 0;
  value.as.str = ambit_str_of(NULL, 0);
  return value;
}

/* A value for a parameter of type bool. */
static inline ambit_value ambit_value_bool(bool boolean) {
  ambit_value value = ambit_value_none();
  value.kind = AMBIT_VALUE_BOOL;
  value.as.boolean = boolean;
  return value;
}

/* A value for a parameter of any integer type. If the type cannot hold the number, ambit_spawn_call returns
 * AMBIT_INVALID. */
static inline ambit_value ambit_value_int(int64_t number) {
  ambit_value value = ambit_value_none();
  value.kind = AMBIT_VALUE_INT;
  value.as.i64 = number;
  return value;
}

/* As ambit_value_int, for numbers above INT64_MAX. */
static inline ambit_value ambit_value_uint(uint64_t number) {
  ambit_value value = ambit_value_none();
  value.kind = AMBIT_VALUE_UINT;
  value.as.u64 = number;
  return value;
}

/* A value for a parameter of type f64, or of type f32, to which it is rounded. */
static inline ambit_value ambit_value_float(double number) {
  ambit_value value = ambit_value_none();
  value.kind = AMBIT_VALUE_FLOAT;
  value.as.f64 = number;
  return value;
}

/* A value for a parameter of type str. ambit_spawn_call copies it and puts a NUL behind it. */
static inline ambit_value ambit_value_str(ambit_str text) {
  ambit_value value = ambit_value_none();
  value.kind = AMBIT_VALUE_STR;
  value.as.str = text;
  return value;
}

/* A value for a parameter of type bytes. ambit_spawn_call copies it. Pass the length in another parameter. */
static inline ambit_value ambit_value_bytes(const void *bytes, size_t length) {
  ambit_value value = ambit_value_none();
  value.kind = AMBIT_VALUE_BYTES;
  value.as.str = ambit_str_of((const char *)bytes, length);
  return value;
}

/* A value for a parameter of type ptr. It is passed as it is; what it points to must live as long as the job. */
static inline ambit_value ambit_value_ptr(const void *ptr) {
  ambit_value value = ambit_value_none();
  value.kind = AMBIT_VALUE_PTR;
  value.as.ptr = ptr;
  return value;
}

#ifndef AMBIT_NO_STDIO

/* [job]
 * Format text into `buffer`, or into memory of the scope if `buffer` is too small.
 * Owner     The text is in `buffer`, or lives until the scope closes.
 * Returns   The text, with a NUL behind it; absent if the format is malformed or there is no memory.
 * Since     1.0 */
__attribute__((format(printf, 4, 0))) static inline ambit_str
ambit_vformat(ambit_scope *scope, char *buffer, size_t capacity, const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(buffer, capacity, format, arguments);
  if (length >= 0 && (size_t)length >= capacity) {
    capacity = (size_t)length + 1;
    buffer = (char *)ambit_alloc(scope, capacity);
    length = buffer != NULL ? vsnprintf(buffer, capacity, format, again) : -1;
  }
  va_end(again);
  return length >= 0 ? ambit_str_of(buffer, (size_t)length) : ambit_str_of(NULL, 0);
}

/* [job]
 * As ambit_respond, with a body that is formatted as by printf.
 * Returns   As ambit_respond. AMBIT_NO_MEMORY also if the format is malformed.
 * Since     1.0 */
__attribute__((format(printf, 4, 5))) static inline ambit_status
ambit_respondf(ambit_scope *scope, int status, const char *content_type, const char *format, ...) {
  char buffer[512];
  va_list arguments;
  va_start(arguments, format);
  const ambit_str body = ambit_vformat(scope, buffer, sizeof buffer, format, arguments);
  va_end(arguments);
  return body.ptr != NULL ? ambit_respond(scope, status, content_type, body.ptr, body.len) : AMBIT_NO_MEMORY;
}

/* [job]
 * As ambit_log, with a line that is formatted as by printf.
 * Returns   Nothing. A line for which there is no memory is dropped.
 * Since     1.0 */
__attribute__((format(printf, 3, 4))) static inline void ambit_logf(ambit_scope *scope, ambit_level level,
                                                                    const char *format, ...) {
  char buffer[512];
  va_list arguments;
  va_start(arguments, format);
  const ambit_str line = ambit_vformat(scope, buffer, sizeof buffer, format, arguments);
  va_end(arguments);
  if (line.ptr != NULL)
    ambit_log(scope, level, line.ptr, line.len);
}

/* [job]
 * As ambit_fail, with a reason that is formatted as by printf. If there is no memory for it, the format is the reason.
 * Returns   `status`, unchanged.
 * Since     1.0 */
__attribute__((format(printf, 3, 4))) static inline ambit_status ambit_failf(ambit_scope *scope, ambit_status status,
                                                                             const char *format, ...) {
  char buffer[512];
  va_list arguments;
  va_start(arguments, format);
  const ambit_str why = ambit_vformat(scope, buffer, sizeof buffer, format, arguments);
  va_end(arguments);
  return ambit_fail(scope, status, why.ptr != NULL ? why.ptr : format);
}

#endif /* AMBIT_NO_STDIO */

#ifdef __cplusplus
} /* extern "C" */

/* C++ before C++20 cannot name fields in an initialiser. These functions can be used instead, since C++11:
 *
 *     static const ambit_route routes[] = {ambit_make_route("GET /count", count)};
 *     AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = ambit_make_plugin("counter", "1.0", "Counts.", routes); */
constexpr ambit_route ambit_make_route(const char *pattern, ambit_handler handler, uint32_t flags = 0,
                                       uint32_t stack_size = 0) {
  return ambit_route{pattern, handler, flags, stack_size, nullptr, nullptr};
}

template <typename Result, typename... Parameters>
inline ambit_route ambit_make_call(const char *pattern, Result (*function)(Parameters...), const char *signature,
                                   uint32_t flags = 0, uint32_t stack_size = 0) {
  return ambit_route{pattern, nullptr, flags, stack_size, reinterpret_cast<ambit_function>(function), signature};
}

template <size_t count>
constexpr ambit_plugin ambit_make_plugin(const char *name, const char *version, const char *about,
                                         const ambit_route (&routes)[count], ambit_handler start = nullptr,
                                         ambit_stop_fn stop = nullptr, ambit_handler save = nullptr,
                                         uint32_t flags = 0, uint32_t stack_size = 0) {
  return {AMBIT_PLUGIN_MAGIC,
          AMBIT_ABI_MAJOR,
          AMBIT_ABI_MINOR,
          sizeof(ambit_plugin),
          name,
          version,
          about,
          routes,
          count,
          start,
          stop,
          save,
          flags,
          stack_size};
}
#endif

#endif /* AMBIT_H */
