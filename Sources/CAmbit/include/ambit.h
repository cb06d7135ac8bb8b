/* ambit.h: all that a plugin of the Ambit host needs. ABI 1.0.
 *
 * A plugin is a shared library with one exported symbol, `ambit_plugin_entry`. The host loads it, sends it the
 * requests that match its routes, and gives each request a *scope*. This is a whole plugin:
 *
 *     #include "ambit.h"
 *
 *     static int32_t hello(ambit_scope *scope) {
 *       return ambit_respond(scope, 200, "text/plain", "Hello!\n", 7);
 *     }
 *     static const ambit_route routes[] = {{.pattern = "GET /hello", .handler = hello}};
 *
 *     AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
 *         AMBIT_PLUGIN_HEADER, .name = "greeter", .version = "1.0", .routes = routes, .route_count = 1};
 *
 *     cc -shared -fPIC -fstack-clash-protection -I Sources/CAmbit/include greeter.c -o Plugins/greeter.so
 *
 * There is nothing to link: every call goes through the table that the scope points to. Write straight-line code: a
 * call that waits suspends the handler or job, not the thread. What a handler spawns in its scope is cancelled when the
 * request ends, for whatever reason: the response is complete, the client left, the deadline passed, the host stops.
 * Work that is to outlive the request is spawned in the plugin's scope, on purpose: ambit_plugin_scope().
 *
 * Plugins are called in parallel: the same handler or function runs on every event loop, and blocking ones on several
 * threads of the pool, at the same time. The author protects what calls share, static buffers of C functions included.
 * The host runs calls one at a time only for libraries that are no plugins (see `serial` in host.conf).
 *
 * How to read the comments. The tags at the right of a call say from where it may be called, and whether it waits:
 *
 *     [job]         from a handler or job of this scope or of one below it, on a fiber or on a pool thread; `start`,
 *                   `stop` and `save` are jobs of the plugin's scope, on threads
 *     [any thread]  from any thread, also from one that the plugin made itself
 *     [start]       only while the plugin's `start`, `stop` or `save` runs
 *     [..., waits]  suspends the caller; returns AMBIT_CANCELLED at once when the scope has ended or ends meanwhile
 *
 * "Owner" says who owns what and for how long. Where it is silent: what the host returns (handles, ambit_str) lives
 * until the scope closes and is never freed by the plugin; what the plugin passes is copied if it is needed after the
 * call returns. "Returns" omits two that all calls with a status share: AMBIT_WRONG_THREAD outside the tag's reach, and
 * AMBIT_UNSUPPORTED from a host that does not have the call. Handles must not be NULL. No C++ exception and no Rust
 * panic may leave a function that the host calls.
 */
#ifndef AMBIT_H
#define AMBIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Define AMBIT_NO_STDIO to do without the formatting calls: ambit_respondf, ambit_logf, ambit_failf, ambit_vformat. */
#ifndef AMBIT_NO_STDIO
#include <stdarg.h>
#include <stdio.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header. A host refuses a plugin of another major or a higher minor version. */
#define AMBIT_ABI_MAJOR 1
#define AMBIT_ABI_MINOR 0

/* ---------------------------------------------------------------------------------------------------------- Types
 *
 * Sizes and offsets are the same on x86-64 and arm64. Statuses and the like are int32_t with named values, so that a
 * value that a later minor version adds is no surprise to code that was built before it. */

typedef struct ambit_api ambit_api;

/* Borrowed bytes. Not NUL-terminated; `ptr` is NULL if the thing is absent, which is not the same as empty. */
typedef struct ambit_str {
  const char *ptr;
  size_t len;
} ambit_str;

/* The handle of a scope: of a request, of a plugin, or of one opened by ambit_open. It begins with the host's table;
 * what follows is the host's. It is valid until the scope closes; keep an ambit_ref of what may be gone. */
typedef struct ambit_scope {
  const ambit_api *api;
} ambit_scope;

/* A weak reference to a scope: copied freely, safe for ever. After the scope has closed its calls say so. */
typedef struct ambit_ref {
  const ambit_api *api;
  uint64_t id;
} ambit_ref;

/* The handle of a job: valid until the scope that it was spawned in closes, also after the job has ended. */
typedef struct ambit_job ambit_job;

/* A flag that jobs wait for. Belongs to the scope that made it. */
typedef struct ambit_event {
  const ambit_api *api;
} ambit_event;

/* A bounded queue of pointers between jobs. Belongs to the scope that made it. */
typedef struct ambit_channel {
  const ambit_api *api;
} ambit_channel;

/* What most calls, handlers and jobs return: negative means that it did not work. */
typedef int32_t ambit_status;
#define AMBIT_OK 0
#define AMBIT_PENDING 1         /* handlers: a job will complete the response */
#define AMBIT_CANCELLED (-1)    /* the scope or job was cancelled; the operation did not happen */
#define AMBIT_TIMED_OUT (-2)    /* the timeout passed first; the operation did not happen */
#define AMBIT_CLOSED (-3)       /* the other side is closed: a scope, a channel, a connection */
#define AMBIT_INVALID (-4)      /* an argument is not what the call takes */
#define AMBIT_LIMIT (-5)        /* a limit of the host or of the scope is reached */
#define AMBIT_NO_MEMORY (-6)    /* memory could not be had */
#define AMBIT_WRONG_STATE (-7)  /* not now: for instance a header after the response has begun */
#define AMBIT_WRONG_THREAD (-8) /* not from here: see the tag of the call */
#define AMBIT_UNSUPPORTED (-9)  /* this host does not have it */
#define AMBIT_FAILED (-10)      /* it failed; ambit_fail says why */

/* Why a scope ended. The first cause wins and stays. */
typedef int32_t ambit_cause;
#define AMBIT_CAUSE_NONE 0       /* it has not ended */
#define AMBIT_CAUSE_DONE 1       /* the handler has returned and the response is complete */
#define AMBIT_CAUSE_DISCONNECT 2 /* the client left before the response was complete */
#define AMBIT_CAUSE_DEADLINE 3   /* its deadline passed; the client gets 504 if nothing was sent */
#define AMBIT_CAUSE_CALLED 4     /* ambit_cancel was called on it or on a scope above it */
#define AMBIT_CAUSE_FAILED 5     /* a job failed in a scope with AMBIT_FAIL_FAST */
#define AMBIT_CAUSE_RETIRED 6    /* a newer generation replaces the plugin, and the time to finish is over */
#define AMBIT_CAUSE_SHUTDOWN 7   /* the host stops, and the time to finish is over */

/* How a job ended. */
typedef int32_t ambit_outcome;
#define AMBIT_JOB_COMPLETED 0 /* it returned AMBIT_OK or a positive number */
#define AMBIT_JOB_CANCELLED 1 /* it returned AMBIT_CANCELLED, or never ran; for lack of memory: FAILED */
#define AMBIT_JOB_FAILED 2    /* it returned any other negative number */

/* How much a line of the log matters, least first. */
typedef int32_t ambit_level;
#define AMBIT_TRACE 0
#define AMBIT_DEBUG 1
#define AMBIT_INFO 2
#define AMBIT_NOTICE 3
#define AMBIT_WARNING 4
#define AMBIT_ERROR 5

/* Durations are int64_t nanoseconds. A timeout below 0 is none; 0 asks without waiting. */
#define AMBIT_MILLISECONDS(n) (INT64_C(1000000) * (n))
#define AMBIT_SECONDS(n) (INT64_C(1000000000) * (n))

/* Answers a request, on the loop of its connection unless the route is blocking. Returns
 *   AMBIT_OK       a response that was not begun becomes the status set so far, or 200, with an empty body;
 *   AMBIT_PENDING  a job that it spawned will complete the response; the request ends then;
 *   negative       with nothing sent: AMBIT_LIMIT becomes 503, AMBIT_INVALID 400, AMBIT_TIMED_OUT 504, any other 500,
 *                  and a line in the log; with something sent, the connection or stream is closed. */
typedef int32_t (*ambit_handler)(ambit_scope *scope);

/* The work of a job: `scope` is the one that it was spawned in, `arg` what ambit_spawn was given. What it returns
 * decides its ambit_outcome and is the `code` that on_end and ambit_join report. */
typedef int32_t (*ambit_job_fn)(ambit_scope *scope, void *arg);

/* Runs once when a job has ended, in whatever way, also for one that never ran; `code` is what the job returned, or the
 * status for which it did not run. Runs on the scope's loop, with AMBIT_PLUGIN_THREADS on a pool thread, and must not
 * wait; from here on `arg` is the plugin's. */
typedef void (*ambit_end_fn)(void *arg, ambit_outcome outcome, int32_t code);

/* Runs in the plugin's scope when its generation is retired or the host stops. */
typedef void (*ambit_stop_fn)(ambit_scope *plugin);

/* Any C function: cast to this type to put it in a route or to pass it to ambit_spawn_call with its signature. */
typedef void (*ambit_function)(void);

/* What an initialiser leaves out is 0 in C++ as in C; saying so spares C++ the warning that it is missing. */
#if defined(__cplusplus) && __cplusplus >= 201402L
#define AMBIT_ZERO = {}
#else
#define AMBIT_ZERO
#endif

/* Options of a job. A field that is 0 or NULL asks for the default; ambit_default_job_options fills in `size`. */
#define AMBIT_JOB_THREAD 1u /* runs on a pool thread: for code that blocks or burns CPU */

typedef struct ambit_job_options {
  size_t size AMBIT_ZERO;         /* sizeof(ambit_job_options) */
  const char *name AMBIT_ZERO;    /* for the log; copied */
  uint32_t flags AMBIT_ZERO;      /* AMBIT_JOB_THREAD */
  uint32_t stack_size AMBIT_ZERO; /* bytes needed, up to 64 MiB, or on a thread ulimit -s; 0: the host's stack_size */
  int64_t timeout AMBIT_ZERO;     /* the job is cancelled after so long; 0 or less: only with its scope */
  ambit_end_fn on_end AMBIT_ZERO;
} ambit_job_options;

/* Options of a scope. A field that is 0 or NULL asks for the default; ambit_default_scope_options fills in `size`. */
#define AMBIT_FAIL_FAST 1u /* the first job that fails cancels the scope, with AMBIT_CAUSE_FAILED */

typedef struct ambit_scope_options {
  size_t size AMBIT_ZERO;       /* sizeof(ambit_scope_options) */
  const char *name AMBIT_ZERO;  /* for the log; copied */
  int64_t timeout AMBIT_ZERO;   /* the scope's deadline is so far away; 0 or less: its parent's */
  uint32_t max_jobs AMBIT_ZERO; /* live jobs in it; 0: the host's limit */
  uint32_t flags AMBIT_ZERO;    /* AMBIT_FAIL_FAST */
} ambit_scope_options;

/* An argument of ambit_spawn_call. Make one with ambit_value_int and its siblings, which set `kind`. */
typedef int32_t ambit_value_kind;
#define AMBIT_VALUE_NONE 0  /* NULL, or the job's scope for a parameter of type `scope` */
#define AMBIT_VALUE_BOOL 1  /* as.boolean */
#define AMBIT_VALUE_INT 2   /* as.i64, for any integer type that it fits in */
#define AMBIT_VALUE_UINT 3  /* as.u64, for any integer type that it fits in */
#define AMBIT_VALUE_FLOAT 4 /* as.f64, for f32 and f64 */
#define AMBIT_VALUE_STR 5   /* as.str, copied and NUL-terminated by the host */
#define AMBIT_VALUE_BYTES 6 /* as.str, copied by the host; its length is a parameter of its own */
#define AMBIT_VALUE_PTR 7   /* as.ptr, passed on as it is; it must live as long as the job */

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

/* What ambit_wait_fd waits for, and what it reports. */
#define AMBIT_READABLE 1u
#define AMBIT_WRITABLE 2u
#define AMBIT_HANGUP 4u /* reported whether asked for or not */

/* ------------------------------------------------------------------------------------------ The plugin's one symbol */

#define AMBIT_ROUTE_BLOCKING 1u             /* the handler runs on a pool thread, for code that blocks */
#define AMBIT_ROUTE_FINISH_ON_DISCONNECT 2u /* the scope goes on to its end although the client has left */

/* A route: a pattern, and either a handler or any C function with its signature.
 *
 * A pattern is a method or `*`, one space, and a path of segments: a literal, `{name}` for one segment that is not
 * empty, or `{name...}` as the last for the rest of the path. Literal beats parameter beats rest, segment by segment.
 * A slash at the end counts: `/a/` is not `/a`. `GET` answers `HEAD` too. Two routes with the same meaning are a
 * conflict and are refused, also across plugins. Patterns are matched against the path as ambit_path explains it.
 *
 * A signature is `RET (TYPE source, ...)` with the types void bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 size str bytes
 * ptr scope, as in "i64 (i64 a, i64 b)". Sources: a name is looked for in the path parameters, then in the query, then
 * in the fields of a JSON object or form body; a number, `true`, `false`, `null` or "text" is a constant; `body` is the
 * request's body, `len(name)` and `len(body)` are lengths. `out TYPE name` and `buffer(N) name` stand for the address
 * of a zeroed variable and of N zeroed bytes, whose content is reported. What an argument points to lives until the
 * request ends, and is the function's to read only, but for variables and buffers.
 *
 * The answer is the result as text, or with `out` or `buffer`, or for a client that prefers it, a JSON object with
 * `result` and each name. RET may also be `status`, an i32 that makes the answer a 500 unless it is 0; an integer type
 * and `errno`, where -1 makes it a 500 with what errno says; or `str free`, which is released by free() once it is
 * copied. A missing or malformed argument is a 400, and the function is not called.
 *
 * A function must be thread-safe, as a handler must: it is called in parallel, on every event loop. */
typedef struct ambit_route {
  const char *pattern AMBIT_ZERO;
  ambit_handler handler AMBIT_ZERO;
  uint32_t flags AMBIT_ZERO;      /* AMBIT_ROUTE_BLOCKING, AMBIT_ROUTE_FINISH_ON_DISCONNECT */
  uint32_t stack_size AMBIT_ZERO; /* bytes of stack it needs, up to 64 MiB; 0: the plugin's stack_size. See below */
  ambit_function function AMBIT_ZERO;
  const char *signature AMBIT_ZERO;
} ambit_route;

/* The stack of a handler has the host's handler_stack_size, 1,408 KiB by default. A handler that uses more ends the host
 * with a report of a stack overflow, so whatever recurses as deep as a request says must be bounded: std::regex needs
 * 750 to 950 bytes for each letter, JSON parsers 500 bytes to 2 KiB for each level, as do most recursive parsers. Either
 * bound the input before it is parsed, or ask for a larger stack:
 *
 *   `stack_size` of a route, or of the plugin for all routes that do not say: the handler runs on a stack of that size,
 *       which costs each of its requests a page fault for each page used, as what it has used goes back at once;
 *   AMBIT_ROUTE_BLOCKING: the handler runs on a thread, whose stack has the size that `ulimit -s` gives, mostly 8 MiB.
 *       A blocking route that asks for more than that is refused.
 *
 * A job has the host's stack_size, 256 KiB by default, unless its options ask for more. Compile with
 * -fstack-clash-protection: without it a function with a frame of 64 KiB or more, such as one with `char buffer[100000]`,
 * can step over the guard below its stack and write into another one. `ambit inspect` names such functions. */

/* The host makes a dry run of each new version of a plugin before it loads it: a child process loads it, runs `start`
 * and then `stop`, and is killed if that takes too long, with all processes that it has started. So `start` runs twice.
 * If `start` changes anything outside of its process, it should not do so in a dry run, which is where
 * ambit_extension(plugin, "ambit.dry_run/1") is not NULL.
 *
 * `start`, `stop` and `save` each run on a thread of their own: they may block, which holds up no request. What `start`
 * spawns may run before it returns.
 *
 * A plugin may start processes. A child of fork() has the standard streams, the log, what the host was started with, and
 * what the plugin opened; all other descriptors of the host are closed in it. Calls of this header that need the host
 * return AMBIT_WRONG_THREAD in it: take what it needs of a scope before the fork. It must exec or _exit; if it returns
 * into the host, the host ends it and logs that. posix_spawn() costs less.
 *
 * A plugin in Swift must be built with -enforce-exclusivity=unchecked: Swift lists for each thread what is being
 * modified, and jobs that wait while they modify something would tear that list.
 *
 * Flags of a plugin. With AMBIT_PLUGIN_THREADS all its code runs on pool threads, with the same calls: handlers, jobs,
 * ticks, posted jobs, `start`, `stop`, `save`, `on_end` hooks and deferred functions. Only functions of ambit_on_cancel
 * run on the loop, as for every plugin on its thread's own stack. A handler or job holds its thread while it waits, and
 * host.conf's `pool_threads` is how many there are; hooks and deferred functions always find one. A job counts as one
 * that has not ended until its `on_end` has returned.
 *
 * With AMBIT_PLUGIN_UNLOADABLE the library is unmapped when its generation has ended. If a thread or a suspended job is
 * inside it then, or may be, it stays in memory, and the log names the thread or job. */
#define AMBIT_PLUGIN_UNLOADABLE 1u /* may be unmapped once retired: it leaves nothing that runs later */
#define AMBIT_PLUGIN_THREADS 2u    /* its language checks stack bounds (Go, CPython): pool threads only */

/* The plugin, as the host reads it before it runs any of its code. What it points to lives as long as the library. */
typedef struct ambit_plugin {
  uint32_t magic AMBIT_ZERO;     /* the first four fields are AMBIT_PLUGIN_HEADER */
  uint16_t abi_major AMBIT_ZERO; /* what the plugin was built for */
  uint16_t abi_minor AMBIT_ZERO;
  size_t size AMBIT_ZERO;         /* sizeof(ambit_plugin); the rest is the plugin's to fill in */
  const char *name AMBIT_ZERO;    /* a lower-case letter, then those, digits, `_`, `-`; one plugin of a name */
  const char *version AMBIT_ZERO; /* its own, for people; may be NULL */
  const char *about AMBIT_ZERO;   /* one line, for people; may be NULL */
  const ambit_route *routes AMBIT_ZERO;
  size_t route_count AMBIT_ZERO;
  ambit_handler start AMBIT_ZERO; /* may be NULL. Runs before the first request, may wait; not AMBIT_OK: refused */
  ambit_stop_fn stop AMBIT_ZERO;  /* may be NULL. Runs last, when the plugin's scope has been cancelled; also after a
                                     start that failed */
  ambit_handler save AMBIT_ZERO;  /* may be NULL. Runs before each start of the next generation, in its dry run and
                                     live, while this one serves on; calls ambit_hand_over */
  uint32_t flags AMBIT_ZERO;      /* AMBIT_PLUGIN_UNLOADABLE, AMBIT_PLUGIN_THREADS */
  uint32_t stack_size AMBIT_ZERO; /* bytes of stack that its handlers need, up to 64 MiB; 0: the host's
                                     handler_stack_size. A route's own counts before it; jobs say for themselves */
} ambit_plugin;

/* The name that the host looks up, and the number that an entry begins with. */
#define AMBIT_PLUGIN_SYMBOL "ambit_plugin_entry"
#define AMBIT_PLUGIN_MAGIC 0x414d4254u

/* Begins the initialiser of ambit_plugin_entry. Fields follow by name; before C++20, which has no names there, in their
 * order, or better through ambit_make_plugin at the end of this file. */
#if defined(__cplusplus) && __cplusplus < 202002L
#define AMBIT_PLUGIN_HEADER AMBIT_PLUGIN_MAGIC, AMBIT_ABI_MAJOR, AMBIT_ABI_MINOR, sizeof(ambit_plugin)
#else
#define AMBIT_PLUGIN_HEADER                                                                                            \
  .magic = AMBIT_PLUGIN_MAGIC, .abi_major = AMBIT_ABI_MAJOR, .abi_minor = AMBIT_ABI_MINOR, .size = sizeof(ambit_plugin)
#endif

/* Makes ambit_plugin_entry visible under its plain name, also from C++ and in a library that hides the rest. */
#ifdef __cplusplus
#define AMBIT_EXPORT extern "C" __attribute__((visibility("default"), used))
#else
#define AMBIT_EXPORT __attribute__((visibility("default"), used))
#endif

/* ------------------------------------------------------------------------------------------------------ The table
 *
 * What a scope points to. It only ever grows at its end, so `size` tells what this host has: ask with AMBIT_HAS
 * before a call that is younger than the ABI version the plugin declares. The calls below go through it and explain
 * each entry. */
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
};

/* True if the host that `scope` belongs to has the call: AMBIT_HAS(scope, send_file). */
#define AMBIT_HAS(scope, name) ((scope)->api->size >= offsetof(struct ambit_api, name) + sizeof((scope)->api->name))

/* ------------------------------------------------------------------------------------------------ Scope and jobs */

/* Start a job in the scope. It gets its first turn after the caller waits or returns, never inside the call.      [job]
 * Owner     From the call on `arg` is the job's, whatever is returned: `on_end` of the options runs exactly once,
 *           also for a job that never ran, and never inside the call. Options are copied.
 * Returns   AMBIT_OK, and the handle in `*job` if `job` is not NULL. AMBIT_CANCELLED: the scope is ending, the job
 *           will not run; AMBIT_LIMIT: too many jobs, or a larger stack than there is; AMBIT_INVALID: no function, or
 *           options that this host does not know; AMBIT_NO_MEMORY. `*job` is NULL then.
 * Since     1.0 */
static inline ambit_status ambit_spawn(ambit_scope *scope, ambit_job_fn fn, void *arg, const ambit_job_options *options,
                                       ambit_job **job) {
  return scope->api->spawn(scope, fn, arg, options, job);
}

/* Start any C function as a job, with arguments that fit its signature, as in "void (str path, i32 mode)".        [job]
 * The job's code is what the function returns if that is `i32` or `status`, else 0. A job has failed if a `status` is
 * not 0, a result with `errno` is -1, or an `i32` is a negative status.
 *
 * Owner     The signature and the arguments are copied, text and bytes too; only what AMBIT_VALUE_PTR points to is
 *           not. The copies live until `on_end` has run, whose `arg` is NULL.
 * Threads   Jobs run in parallel on several loops or threads: the function must be thread-safe.
 * Returns   As ambit_spawn; AMBIT_INVALID also if the signature does not parse, `count` is not the number of its
 *           parameters, or an argument does not fit its parameter; the log says which. A signature that is not the
 *           function's own cannot be found out: the call is undefined behaviour then.
 * Since     1.0 */
static inline ambit_status ambit_spawn_call(ambit_scope *scope, ambit_function function, const char *signature,
                                            const ambit_value *args, size_t count, const ambit_job_options *options,
                                            ambit_job **job) {
  return scope->api->spawn_call(scope, function, signature, args, count, options, job);
}

/* Wait until a job of this scope or of one below it has ended and its `on_end` has run.                    [job, waits]
 * Returns   AMBIT_OK, however the job ended; `*outcome` and `*code` say how, each may be NULL. AMBIT_TIMED_OUT;
 *           AMBIT_CANCELLED; AMBIT_INVALID: the job is the caller itself.
 * Since     1.0 */
static inline ambit_status ambit_join(ambit_scope *scope, ambit_job *job, int64_t timeout, ambit_outcome *outcome,
                                      int32_t *code) {
  return scope->api->join(scope, job, timeout, outcome, code);
}

/* Wait until every job that was spawned in this scope, other than the caller, has ended.                   [job, waits]
 * In a plugin's scope those of the caller's loop count.
 * Returns   AMBIT_OK: none failed; AMBIT_FAILED: at least one did; AMBIT_TIMED_OUT; AMBIT_CANCELLED, also when a job
 *           has failed in a scope with AMBIT_FAIL_FAST: ambit_cancelled says AMBIT_CAUSE_FAILED then.
 * Since     1.0 */
static inline ambit_status ambit_join_all(ambit_scope *scope, int64_t timeout) {
  return scope->api->join_all(scope, timeout);
}

/* End the scope and all below it with AMBIT_CAUSE_CALLED. Every wait in it returns AMBIT_CANCELLED, jobs that     [job]
 * have not begun never run. Nothing is killed: running code goes on to its next wait or its return. Again, or late:
 * nothing. A plugin's scope ends on all loops, on others than the caller's in one of their next turns; from then on the
 * host answers 503 to its requests.
 * Returns   At once; ambit_close waits.
 * Since     1.0 */
static inline void ambit_cancel(ambit_scope *scope) { scope->api->cancel(scope); }

/* Cancel one job of this scope or of one below it, as ambit_cancel does a scope. A job that has ended: nothing.   [job]
 * Returns   At once; ambit_join waits.
 * Since     1.0 */
static inline void ambit_cancel_job(ambit_scope *scope, ambit_job *job) { scope->api->cancel_job(scope, job); }

/* Ask whether to go no further, for loops that compute without waiting.                                           [job]
 * A job on a fiber that computes keeps its event loop from turning, so the call itself looks at what may have ended the
 * scope: its deadline and those above at each call; once a millisecond whether the client has left, the job's own
 * timeout, and cancels by other threads, by the host and by the end of `drain_timeout`. What it finds is the scope's
 * cause from then on, and a client that gets 504 gets it now. Functions of ambit_on_cancel run, and other jobs are
 * woken, when this job waits or returns, never inside the call. On a pool thread the loop looks. The call takes some
 * tens of nanoseconds. Other requests of the loop wait until the job returns or waits: see AMBIT_JOB_THREAD.
 * Returns   AMBIT_CAUSE_NONE while the scope is open, then its first cause, for good. If the calling job alone was
 *           cancelled: AMBIT_CAUSE_DEADLINE by its own timeout, AMBIT_CAUSE_CALLED by ambit_cancel_job. In a job that
 *           outlives the handler AMBIT_CAUSE_DONE may come before the scope ends.
 * Since     1.0 */
static inline ambit_cause ambit_cancelled(ambit_scope *scope) { return scope->api->cancelled(scope); }

/* Ask the same of a scope that may be gone; elsewhere than in a job of it, as of its loop's last turn.     [any thread]
 * Returns   AMBIT_CAUSE_NONE while it is open, then its cause; AMBIT_CAUSE_DONE once it has closed and is forgotten.
 * Since     1.0 */
static inline ambit_cause ambit_ref_cancelled(ambit_ref ref) { return ref.api->ref_cancelled(ref); }

/* Open a scope inside this one: jobs in it can be cancelled, limited and waited for together.                     [job]
 * Owner     The child is closed by ambit_close, or by the host before this scope closes. Options are copied, NULL for
 *           none.
 * Returns   AMBIT_OK and the child in `*child`; AMBIT_CANCELLED: this scope is ending; AMBIT_LIMIT: it lies in some 60
 *           others; AMBIT_INVALID: options that this host does not know; AMBIT_NO_MEMORY. `*child` is NULL then.
 * Since     1.0 */
static inline ambit_status ambit_open(ambit_scope *scope, const ambit_scope_options *options, ambit_scope **child) {
  return scope->api->open(scope, options, child);
}

/* Cancel what is left in a scope from ambit_open and wait until it is closed. To let its jobs finish,      [job, waits]
 * ambit_join_all first. It waits to the end, also while the scope around it is being cancelled.
 * Owner     The handle, its memory and its jobs' handles are gone when the call returns AMBIT_OK.
 * Returns   AMBIT_OK; AMBIT_WRONG_STATE: not a scope from ambit_open, or the caller runs in it, or another job closes
 *           it already.
 * Since     1.0 */
static inline ambit_status ambit_close(ambit_scope *child) { return child->api->close(child); }

/* The time at which the scope is cancelled with AMBIT_CAUSE_DEADLINE.                                             [job]
 * Returns   A time of ambit_now; INT64_MAX if it has no deadline.
 * Since     1.0 */
static inline int64_t ambit_deadline(ambit_scope *scope) { return scope->api->deadline(scope); }

/* Set the scope's deadline to `timeout` from now. It is never later than its parent's: that one holds then. A     [job]
 * request's is never later than the host's limit. A plugin's holds on all loops.
 * Returns   AMBIT_OK; a negative timeout leaves only the parent's. AMBIT_CANCELLED: the scope is ending.
 * Since     1.0 */
static inline ambit_status ambit_set_timeout(ambit_scope *scope, int64_t timeout) {
  return scope->api->set_timeout(scope, timeout);
}

/* Let the waits of this job, and no other, work again after a cancel, for a goodbye to a peer; `false` ends it.   [job]
 * All shields of a job together last at most the host's `cancel_grace`; then waits are cancelled again.
 * Returns   AMBIT_OK; AMBIT_LIMIT: that time is used up.
 * Since     1.0 */
static inline ambit_status ambit_shield(ambit_scope *scope, bool on) { return scope->api->shield(scope, on); }

/* Have `fn` run once when the scope is cancelled, to stop code that blocks elsewhere. If it already is: at once,  [job]
 * inside the call. A scope that ends is always cancelled, also with AMBIT_CAUSE_DONE. A job that computes on the loop
 * holds `fn` up until it waits or returns.
 * Owner     `arg` is the plugin's again after `fn` ran. `fn` runs on the scope's loop, on its thread's own stack, and
 *           must not wait.
 * Returns   AMBIT_OK; AMBIT_INVALID: no function; AMBIT_NO_MEMORY.
 * Since     1.0 */
static inline ambit_status ambit_on_cancel(ambit_scope *scope, void (*fn)(void *arg), void *arg) {
  return scope->api->on_cancel(scope, fn, arg);
}

/* A descriptor that becomes readable when the scope is cancelled and stays so, for a poll() of the plugin's own   [job]
 * on another thread. While a job computes on the loop, that is when the loop turns or the job calls ambit_cancelled.
 * Owner     The scope's: closed with it; do not read or close it.
 * Returns   The descriptor, the same each time; a negative status if there is none to be had.
 * Since     1.0 */
static inline int ambit_cancel_fd(ambit_scope *scope) { return scope->api->cancel_fd(scope); }

/* Have `fn` run when the scope closes, after the last job in it has ended; the last registered runs first.        [job]
 * Owner     `arg` is the plugin's again after `fn` ran. Memory of the scope is still there. `fn` runs on the scope's
 *           loop, with AMBIT_PLUGIN_THREADS on a pool thread, and must not wait.
 * Returns   AMBIT_OK; AMBIT_INVALID: no function; AMBIT_NO_MEMORY. Unless it is AMBIT_OK, `fn` never runs.
 * Since     1.0 */
static inline ambit_status ambit_defer(ambit_scope *scope, void (*fn)(void *arg), void *arg) {
  return scope->api->defer(scope, fn, arg);
}

/* Memory that lives until the scope closes: zeroed, aligned to 16 bytes, never freed by the plugin.               [job]
 * Returns   The memory, for a size of 0 too; NULL if there is none.
 * Since     1.0 */
static inline void *ambit_alloc(ambit_scope *scope, size_t size) { return scope->api->alloc(scope, size); }

/* A copy of `str` with a NUL at its end, for functions that want one.                                             [job]
 * Owner     The copy lives until the scope closes. A NUL inside `str` is copied like any byte.
 * Returns   The copy; NULL if `str` is absent or there is no memory.
 * Since     1.0 */
static inline const char *ambit_cstr(ambit_scope *scope, ambit_str str) { return scope->api->cstr(scope, str); }

/* The scope that this one is in: of a child the scope that opened it, of a request the plugin's.                  [job]
 * Returns   The parent; NULL for the plugin's scope.
 * Since     1.0 */
static inline ambit_scope *ambit_parent(ambit_scope *scope) { return scope->api->parent(scope); }

/* The scope of the plugin's generation, for work and memory that are to outlive the request. What is spawned in   [job]
 * it stays on the caller's loop: the handle is that loop's, and each loop has another.
 * Returns   The plugin's scope; the scope itself if it is that already. It lives until the generation is retired.
 * Since     1.0 */
static inline ambit_scope *ambit_plugin_scope(ambit_scope *scope) { return scope->api->plugin_scope(scope); }

/* Keep a value in the scope under a key. Keys are compared as pointers: use the address of a static variable.     [job]
 * In a plugin's scope it is kept for all loops.
 * Owner     The value stays the plugin's; NULL removes the key.
 * Returns   AMBIT_OK; AMBIT_INVALID: no key; AMBIT_NO_MEMORY.
 * Since     1.0 */
static inline ambit_status ambit_set(ambit_scope *scope, const void *key, void *value) {
  return scope->api->set(scope, key, value);
}

/* The value kept under a key in this scope, or else in the nearest scope above that has one.                      [job]
 * Owner     The plugin's, as ambit_set was given it.
 * Returns   The value; NULL if no scope has the key.
 * Since     1.0 */
static inline void *ambit_get(ambit_scope *scope, const void *key) { return scope->api->get(scope, key); }

/* A reference to the scope that may be kept and copied by any thread, also after the scope is gone.               [job]
 * Owner     Nobody: it is a value, there is nothing to release.
 * Returns   The reference.
 * Since     1.0 */
static inline ambit_ref ambit_ref_of(ambit_scope *scope) { return scope->api->ref_of(scope); }

/* Start a job in a scope from outside: from a thread of the plugin's own or from another request.          [any thread]
 * Owner     `arg` is the job's if the call returns AMBIT_OK, else it remains the caller's. There is no `on_end`; a
 *           job that is cancelled before it began does not run, so what must be released hangs on the scope, by
 *           ambit_defer.
 * Returns   AMBIT_OK: spawned, in one step with finding the scope open. AMBIT_CLOSED: it is ending or gone;
 *           AMBIT_LIMIT; AMBIT_INVALID: no function; AMBIT_NO_MEMORY.
 * Since     1.0 */
static inline ambit_status ambit_post(ambit_ref ref, ambit_job_fn fn, void *arg) { return ref.api->post(ref, fn, arg); }

/* ----------------------------------------------------------------------------------------------------------- Waits
 *
 * Each returns AMBIT_CANCELLED at once when the scope has ended, or ends during the wait: the operation then did not
 * happen, and every later wait fails the same way. Clean up and return. If a wait and the cancel fall into the same
 * turn, the wait's result is delivered, and the next one fails. */

/* Wait until `duration` nanoseconds have passed.                                                           [job, waits]
 * Returns   AMBIT_OK after that time; AMBIT_INVALID if it is negative; AMBIT_CANCELLED.
 * Since     1.0 */
static inline ambit_status ambit_sleep(ambit_scope *scope, int64_t duration) {
  return scope->api->sleep(scope, duration);
}

/* Let what is ready run first, and new events soon: for long computations, between their steps.            [job, waits]
 * Once a turn of the loop has taken a millisecond, every eighth yield at the latest lets the loop look at new events,
 * at deadlines and at clients that have left.
 * Returns   AMBIT_OK; AMBIT_CANCELLED.
 * Since     1.0 */
static inline ambit_status ambit_yield(ambit_scope *scope) { return scope->api->yield(scope); }

/* Start a job that runs `tick` every `interval`, first after one interval. It has no stack while it waits and     [job]
 * does not drift; a tick that takes longer than the interval swallows those it missed. With AMBIT_JOB_THREAD each
 * tick runs on a pool thread, and one for which the pool is full is missed.
 * Owner     `arg` and options as for ambit_spawn.
 * Returns   As ambit_spawn; AMBIT_INVALID also if the interval is not above 0. The job ends when a tick returns
 *           anything but AMBIT_OK, with that as its code.
 * Since     1.0 */
static inline ambit_status ambit_every(ambit_scope *scope, int64_t interval, ambit_job_fn tick, void *arg,
                                       const ambit_job_options *options, ambit_job **job) {
  return scope->api->every(scope, interval, tick, arg, options, job);
}

/* Wait until a descriptor is ready for what `events` names: AMBIT_READABLE, AMBIT_WRITABLE or both.        [job, waits]
 * Owner     The descriptor stays the plugin's; it must be non-blocking and stay open during the wait.
 * Returns   AMBIT_OK, and what it is ready for in `*ready` unless that is NULL; AMBIT_TIMED_OUT; AMBIT_CANCELLED;
 *           AMBIT_INVALID: not an open descriptor that can be waited for; AMBIT_LIMIT, AMBIT_NO_MEMORY: the system
 *           takes no more. Several jobs may wait for one descriptor. A peer that only sends no more counts as
 *           AMBIT_HANGUP where that is asked for.
 * Since     1.0 */
static inline ambit_status ambit_wait_fd(ambit_scope *scope, int fd, uint32_t events, int64_t timeout,
                                         uint32_t *ready) {
  return scope->api->wait_fd(scope, fd, events, timeout, ready);
}

/* Run `fn` on a pool thread and wait for it, to its end, cancelled or not: `fn` may block and burn CPU.    [job, waits]
 * Owner     `arg` is used by `fn` only; it may live on the caller's stack. `fn` has no scope and makes no waits.
 * Returns   What `fn` returned. If `fn` did not run: AMBIT_CANCELLED, the scope ended before a thread was free;
 *           AMBIT_LIMIT, the pool is full; AMBIT_INVALID, no function.
 * Since     1.0 */
static inline int32_t ambit_block(ambit_scope *scope, int32_t (*fn)(void *arg), void *arg) {
  return scope->api->block(scope, fn, arg);
}

/* Make an event that is not set.                                                                                  [job]
 * Owner     The scope's; it lives until the scope closes.
 * Returns   The event; NULL if there is no memory.
 * Since     1.0 */
static inline ambit_event *ambit_event_new(ambit_scope *scope) { return scope->api->event_new(scope); }

/* Set an event: all that wait for it go on in the next turn, and who waits later does not wait.                   [job]
 * Returns   AMBIT_OK, also if it was set.
 * Since     1.0 */
static inline ambit_status ambit_event_set(ambit_event *event) { return event->api->event_set(event); }

/* Make an event not set again. Who was woken by an earlier set still goes on.                                     [job]
 * Returns   AMBIT_OK, also if it was not set.
 * Since     1.0 */
static inline ambit_status ambit_event_reset(ambit_event *event) { return event->api->event_reset(event); }

/* Wait until an event of this scope or of one above it is set.                                             [job, waits]
 * Returns   AMBIT_OK; AMBIT_TIMED_OUT; AMBIT_CANCELLED; AMBIT_INVALID: it belongs to another scope.
 * Since     1.0 */
static inline ambit_status ambit_event_wait(ambit_scope *scope, ambit_event *event, int64_t timeout) {
  return scope->api->event_wait(scope, event, timeout);
}

/* Make a channel that holds up to `capacity` messages; with 0 a sender waits until its message is received.       [job]
 * Owner     The scope's; it lives until the scope closes. Messages left in it are dropped, what they point to is the
 *           plugin's.
 * Returns   The channel; NULL if there is no memory.
 * Since     1.0 */
static inline ambit_channel *ambit_channel_new(ambit_scope *scope, size_t capacity) {
  return scope->api->channel_new(scope, capacity);
}

/* Put a message into a channel of this scope or of one above it; waits while the channel is full.          [job, waits]
 * Owner     What `message` points to passes to the receiver if the call returns AMBIT_OK.
 * Returns   AMBIT_OK; AMBIT_TIMED_OUT; AMBIT_CLOSED; AMBIT_CANCELLED; AMBIT_INVALID: it belongs to another scope.
 * Since     1.0 */
static inline ambit_status ambit_send(ambit_scope *scope, ambit_channel *channel, void *message, int64_t timeout) {
  return scope->api->send(scope, channel, message, timeout);
}

/* Take the oldest message out of a channel of this scope or of one above it; waits while it is empty.      [job, waits]
 * Owner     What `*message` points to is the receiver's now.
 * Returns   AMBIT_OK; AMBIT_TIMED_OUT; AMBIT_CLOSED: closed and empty; AMBIT_CANCELLED; AMBIT_INVALID: it belongs to
 *           another scope. `*message` is NULL unless AMBIT_OK.
 * Since     1.0 */
static inline ambit_status ambit_receive(ambit_scope *scope, ambit_channel *channel, void **message, int64_t timeout) {
  return scope->api->receive(scope, channel, message, timeout);
}

/* Close a channel: sends fail from now on, receives do once it is empty. Again: nothing.                          [job]
 * Returns   AMBIT_OK.
 * Since     1.0 */
static inline ambit_status ambit_channel_close(ambit_channel *channel) { return channel->api->channel_close(channel); }

/* The time of a clock that never goes back and starts anywhere.                                                   [job]
 * Returns   Nanoseconds; only differences mean something.
 * Since     1.0 */
static inline int64_t ambit_now(ambit_scope *scope) { return scope->api->now(scope); }

/* --------------------------------------------------------------------------------------------------------- Request
 *
 * Of a request's scope and of those below it; elsewhere they return what is absent: {NULL, 0}, 0, false, or
 * AMBIT_WRONG_STATE. Each ambit_str here lives until the request's scope closes. */

/* The request's method, as sent: "GET". For HEAD that a GET route answers it is "HEAD".                           [job]
 * Returns   The method.
 * Since     1.0 */
static inline ambit_str ambit_method(ambit_scope *scope) { return scope->api->method(scope); }

/* The request's path, decoded once and normalised (RFC 3986, 5.2.4); the routes are matched against it. It was    [job]
 * split at each `/` first, then each segment was decoded: `%2F` becomes a `/` that is data of its segment and never
 * separates segments for a route. Dot segments are removed, `%2e` ones too; empty segments stay. Before a plugin sees
 * it the host answers 400 to a malformed escape, to `%00`, to a path that climbs above the root, and to an encoded
 * slash that would bring a `.` or `..` component into the result. Bytes above 0x7f are passed on as they are and need
 * not be UTF-8.
 * Returns   The path, beginning with `/`.
 * Since     1.0 */
static inline ambit_str ambit_path(ambit_scope *scope) { return scope->api->path(scope); }

/* The request's target as the client sent it: path and query, nothing decoded or removed.                         [job]
 * Returns   The target.
 * Since     1.0 */
static inline ambit_str ambit_target(ambit_scope *scope) { return scope->api->target(scope); }

/* What follows the first `?` of the target, as sent.                                                              [job]
 * Returns   The query; absent without a `?`, empty with nothing after it.
 * Since     1.0 */
static inline ambit_str ambit_query_string(ambit_scope *scope) { return scope->api->query_string(scope); }

/* How the request came: "http" or "https".                                                                        [job]
 * Returns   The scheme.
 * Since     1.0 */
static inline ambit_str ambit_scheme(ambit_scope *scope) { return scope->api->scheme(scope); }

/* Whom the client believes to talk to: the Host header or the authority of the target. Not to be trusted.         [job]
 * Returns   Host and port as sent; absent if HTTP/1.0 sent none.
 * Since     1.0 */
static inline ambit_str ambit_authority(ambit_scope *scope) { return scope->api->authority(scope); }

/* The other end of the connection: "127.0.0.1:50112", "[::1]:50112", or "unix".                                   [job]
 * Returns   The address, of a proxy if there is one between.
 * Since     1.0 */
static inline ambit_str ambit_peer(ambit_scope *scope) { return scope->api->peer(scope); }

/* The pattern of the route that was chosen, with the prefix that the plugin is mounted at.                        [job]
 * Returns   The pattern: "GET /hello/{name}".
 * Since     1.0 */
static inline ambit_str ambit_route_pattern(ambit_scope *scope) { return scope->api->route_pattern(scope); }

/* What names this request in the host's log, to be shown to people who report a failure.                          [job]
 * Returns   The identifier: a few printable characters, different for each request of this host.
 * Since     1.0 */
static inline ambit_str ambit_request_id(ambit_scope *scope) { return scope->api->request_id(scope); }

/* A parameter of the path, by its name in the pattern, decoded as ambit_path explains. A `{name}` may hold a `/`  [job]
 * that came as `%2F`: check before using it as a name of a file.
 * Returns   The value; absent if the pattern has no such name.
 * Since     1.0 */
static inline ambit_str ambit_param(ambit_scope *scope, const char *name) { return scope->api->param(scope, name); }

/* A field of the query by its decoded name, the first if there are several; `+` is a space, escapes are decoded.  [job]
 * An escape that is malformed stays as it is.
 * Returns   The decoded value, empty for `?name` and `?name=`; absent if there is no such field.
 * Since     1.0 */
static inline ambit_str ambit_query(ambit_scope *scope, const char *name) { return scope->api->query(scope, name); }

/* A header of the request, by its name in any case, the first if there are several.                               [job]
 * Returns   The value without blanks around it; absent if there is no such header.
 * Since     1.0 */
static inline ambit_str ambit_header(ambit_scope *scope, const char *name) { return scope->api->header(scope, name); }

/* The number of header lines of the request.                                                                      [job]
 * Returns   The number, for ambit_header_at.
 * Since     1.0 */
static inline size_t ambit_header_count(ambit_scope *scope) { return scope->api->header_count(scope); }

/* A header line by its position, in the order in which they came.                                                 [job]
 * Returns   true, and name and value as sent; false if there is no such position, both are absent then.
 * Since     1.0 */
static inline bool ambit_header_at(ambit_scope *scope, size_t index, ambit_str *name, ambit_str *value) {
  return scope->api->header_at(scope, index, name, value);
}

/* The length of the request's body, as the client announced it.                                                   [job]
 * Returns   Bytes, 0 without a body; -1 if it is not known before the end.
 * Since     1.0 */
static inline int64_t ambit_body_length(ambit_scope *scope) { return scope->api->body_length(scope); }

/* Read the next bytes of the body; waits until there are some. What nobody reads is thrown away.           [job, waits]
 * Owner     Up to `capacity` bytes are copied into `buffer`, which is the caller's.
 * Returns   How many, above 0; 0 at the end of the body, again each time; AMBIT_CANCELLED, also if the client left;
 *           AMBIT_LIMIT: longer than the host's max_body; AMBIT_INVALID: capacity is 0, or the body is malformed;
 *           AMBIT_WRONG_STATE: another job waits for the body.
 * Since     1.0 */
static inline int64_t ambit_read(ambit_scope *scope, void *buffer, size_t capacity) {
  return scope->api->read(scope, buffer, capacity);
}

/* Read the whole body; waits until it is there. The same bytes each time.                                  [job, waits]
 * Owner     The bytes live until the request's scope closes.
 * Returns   AMBIT_OK and the body in `*whole`, empty if there is none. AMBIT_LIMIT: longer than the host's max_body;
 *           AMBIT_INVALID: malformed; AMBIT_WRONG_STATE: ambit_read took some of it, or another job waits for it;
 *           AMBIT_CANCELLED. Absent then.
 * Since     1.0 */
static inline ambit_status ambit_body(ambit_scope *scope, ambit_str *whole) { return scope->api->body(scope, whole); }

/* -------------------------------------------------------------------------------------------------------- Response
 *
 * Of a request's scope and of those below it; elsewhere AMBIT_WRONG_STATE. A response is begun once, by ambit_respond
 * or ambit_begin; after that its head can no longer be changed. To HEAD the host sends the head alone. */

/* Set the status of the response, for when no later call names one.                                               [job]
 * Returns   AMBIT_OK; AMBIT_INVALID: not within 200 to 599; AMBIT_WRONG_STATE: the response has begun.
 * Since     1.0 */
static inline ambit_status ambit_set_status(ambit_scope *scope, int status) {
  return scope->api->set_status(scope, status);
}

/* Set a header of the response, in place of all that have this name in any case.                                  [job]
 * Owner     Name and value are copied.
 * Returns   AMBIT_OK; AMBIT_INVALID: the name is no token (RFC 9110, 5.6.2), the value has a CR, LF or NUL, or it is
 *           one that the host writes itself: Content-Length, Transfer-Encoding, Connection, Date, Server;
 *           AMBIT_WRONG_STATE: the response has begun; AMBIT_NO_MEMORY.
 * Since     1.0 */
static inline ambit_status ambit_set_header(ambit_scope *scope, const char *name, const char *value) {
  return scope->api->set_header(scope, name, value);
}

/* Add a header to the response beside those that have its name, as Set-Cookie needs it.                           [job]
 * Owner     Name and value are copied.
 * Returns   As ambit_set_header.
 * Since     1.0 */
static inline ambit_status ambit_add_header(ambit_scope *scope, const char *name, const char *value) {
  return scope->api->add_header(scope, name, value);
}

/* Send a whole response.                                                                                          [job]
 * Owner     The bytes are copied or sent before the call returns; `content_type` may be NULL for none.
 * Returns   AMBIT_OK: handed to the transport, the response is complete; AMBIT_WRONG_STATE: one was begun before;
 *           AMBIT_INVALID: the status is not within 200 to 599, or the content type has a CR, LF or NUL;
 *           AMBIT_CANCELLED: the scope has ended; AMBIT_NO_MEMORY.
 * Since     1.0 */
static inline ambit_status ambit_respond(ambit_scope *scope, int status, const char *content_type, const void *bytes,
                                         size_t length) {
  return scope->api->respond(scope, status, content_type, bytes, length);
}

/* Begin a response whose body follows by ambit_write. The head is sent with the first bytes of the body.          [job]
 * `length` is that of the body if it is known, else -1: chunked then, or for HTTP/1.0 until the connection closes.
 * Returns   AMBIT_OK; AMBIT_WRONG_STATE: one was begun before; AMBIT_INVALID: the status is not within 200 to 599, or
 *           the length is below -1; AMBIT_CANCELLED.
 * Since     1.0 */
static inline ambit_status ambit_begin(ambit_scope *scope, int status, int64_t length) {
  return scope->api->begin(scope, status, length);
}

/* Send bytes of a response that was begun; waits while the client does not keep up.                        [job, waits]
 * Owner     The bytes are copied or sent before the call returns.
 * Returns   AMBIT_OK; AMBIT_WRONG_STATE: not begun, or ended, or another job is writing; AMBIT_INVALID: more than the
 *           announced length, nothing was sent; AMBIT_CANCELLED, also if the client left; AMBIT_CLOSED: it left, and
 *           the route goes on without it (AMBIT_ROUTE_FINISH_ON_DISCONNECT).
 * Since     1.0 */
static inline ambit_status ambit_write(ambit_scope *scope, const void *bytes, size_t length) {
  return scope->api->write(scope, bytes, length);
}

/* Complete a response that was begun.                                                                             [job]
 * Returns   AMBIT_OK; AMBIT_WRONG_STATE: not begun, or ended before, or another job is writing; AMBIT_INVALID: less was
 *           written than announced, the connection or stream is closed so that the client sees it; AMBIT_CANCELLED.
 * Since     1.0 */
static inline ambit_status ambit_end(ambit_scope *scope) { return scope->api->end(scope); }

/* Send a part of a file as bytes of a response that was begun; waits like ambit_write.                     [job, waits]
 * Owner     The descriptor stays the plugin's and must stay open until the call returns; its position does not
 *           change.
 * Returns   AMBIT_OK; AMBIT_INVALID: not a regular file, or it has no such part; else as ambit_write.
 * Since     1.0 */
static inline ambit_status ambit_send_file(ambit_scope *scope, int fd, int64_t offset, int64_t length) {
  return scope->api->send_file(scope, fd, offset, length);
}

/* ---------------------------------------------------------------------------------------------------------- Plugin */

/* The plugin's own data, as its `start` set it. Handlers run on several loops at once: guard what changes.        [job]
 * Owner     The plugin's.
 * Returns   The pointer given to ambit_set_state; NULL if there was none.
 * Since     1.0 */
static inline void *ambit_state(ambit_scope *scope) { return scope->api->state(scope); }

/* Set what ambit_state returns in every scope of this generation.                                               [start]
 * Owner     The data stays the plugin's; released in `stop`, or by ambit_defer on the plugin's scope.
 * Returns   AMBIT_OK; AMBIT_WRONG_STATE: not the plugin's scope, or `start` has returned.
 * Since     1.0 */
static inline ambit_status ambit_set_state(ambit_scope *plugin, void *state) {
  return plugin->api->set_state(plugin, state);
}

/* A setting of the plugin: a key of the table [plugin.NAME] of host.conf. Numbers and booleans come as text.      [job]
 * Owner     Lives until the generation is retired; a reload with other settings makes a new generation.
 * Returns   The value; absent if the key is not there.
 * Since     1.0 */
static inline ambit_str ambit_setting(ambit_scope *scope, const char *key) { return scope->api->setting(scope, key); }

/* Leave bytes for the next generation of this plugin; called by `save`. The last call counts.                   [start]
 * Owner     The bytes are copied. `version` is the plugin's own number for their form.
 * Returns   AMBIT_OK; AMBIT_WRONG_STATE: not within `save`; AMBIT_INVALID: NULL and a length; AMBIT_LIMIT: more than
 *           64 MiB; AMBIT_NO_MEMORY.
 * Since     1.0 */
static inline ambit_status ambit_hand_over(ambit_scope *plugin, uint32_t version, const void *bytes, size_t length) {
  return plugin->api->hand_over(plugin, version, bytes, length);
}

/* What the generation before left by ambit_hand_over; asked for by `start`.                                     [start]
 * Owner     The bytes live until `start` returns.
 * Returns   The bytes, and their version in `*version` unless that is NULL; absent, and 0, if nothing was left.
 * Since     1.0 */
static inline ambit_str ambit_handed_over(ambit_scope *plugin, uint32_t *version) {
  return plugin->api->handed_over(plugin, version);
}

/* Give the reason for a failure, as in `return ambit_fail(scope, AMBIT_INVALID, "no such account")`. It is        [job]
 * written to the log when the handler, job or `start` that calls this returns a negative status; the client does not
 * see it.
 * Owner     The text is copied.
 * Returns   `status`, unchanged.
 * Since     1.0 */
static inline ambit_status ambit_fail(ambit_scope *scope, ambit_status status, const char *why) {
  return scope->api->fail(scope, status, why);
}

/* Write a line to the host's log; the host adds plugin, generation, route, scope and job.                         [job]
 * Owner     The text is copied. Control characters in it are escaped, so that one call is one line.
 * Returns   Nothing; what is below the configured level is dropped.
 * Since     1.0 */
static inline void ambit_log(ambit_scope *scope, ambit_level level, const char *text, size_t length) {
  scope->api->log(scope, level, text, length);
}

/* A table of calls that is not part of this ABI, by its name and version.                                         [job]
 * There is one for now, "ambit.dry_run/1", which has no calls: it is there in a dry run, and only there.
 * Owner     The host's; it lives as long as the process.
 * Returns   The table, of the type that the extension's header gives it; NULL if this host has none.
 * Since     1.0 */
static inline const void *ambit_extension(ambit_scope *scope, const char *id) {
  return scope->api->extension(scope, id);
}

/* Make a plain function pointer of a signature that calls `fn` with `context`, for C libraries whose callbacks    [job]
 * take no pointer of the caller's. `args[i]` points to argument i, `result` to eight zeroed bytes for the result, each
 * of its own C type. `fn` runs where the function is called, be it a job, a pool thread or a thread of the library's.
 * Owner     The function in `*out` lives until the scope closes, deferred functions included; `context` must live as
 *           long. The signature is copied. A call after that is undefined behaviour; in checked mode it is reported,
 *           and returns zero.
 * Returns   AMBIT_OK; AMBIT_INVALID: no `fn`, or the signature does not parse, and the log says where; AMBIT_NO_MEMORY;
 *           AMBIT_CLOSED: the scope has closed. `*out` is NULL then.
 * Since     1.0 */
static inline ambit_status ambit_bind(ambit_scope *scope, const char *signature,
                                      void (*fn)(void *context, void **args, void *result), void *context,
                                      ambit_function *out) {
  return scope->api->bind(scope, signature, fn, context, out);
}

/* ------------------------------------------------------------------------------------------- Made from calls above
 *
 * Plain functions over values, which need no host and may run on any thread; and formatting, which does call it. */

/* Names for logs: "disconnect" for AMBIT_CAUSE_DISCONNECT; "unknown" for a value that this header does not have. */
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

/* "completed", "cancelled", "failed", or "unknown". */
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

/* The constant's name without its prefix, "TIMED_OUT" for AMBIT_TIMED_OUT, or "unknown". */
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
  default:
    return "unknown";
  }
}

/* An ambit_str of `len` bytes at `ptr`, which it does not copy. */
static inline ambit_str ambit_str_of(const char *ptr, size_t len) {
  ambit_str str;
  str.ptr = ptr;
  str.len = len;
  return str;
}

/* An ambit_str of a string literal, as in `ambit_str_equal(ambit_method(scope), AMBIT_STR("PUT"))`. */
#define AMBIT_STR(literal) ambit_str_of("" literal, sizeof(literal) - 1)

/* True if both have the same bytes; an absent one equals an empty one. */
static inline bool ambit_str_equal(ambit_str a, ambit_str b) {
  return a.len == b.len && (a.len == 0 || __builtin_memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* One text of several parts, one behind the other: faster than a format, and the parts may have any bytes.        [job]
 * Owner     The text lives until the scope closes, with a NUL behind it.
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

/* For printf: `printf("name: " AMBIT_STR_FMT, AMBIT_STR_ARG(name))`. The argument is evaluated twice. */
#define AMBIT_STR_FMT "%.*s"
#define AMBIT_STR_ARG(str) (int)(str).len, (str).ptr != NULL ? (str).ptr : ""

/* Options with `size` and `name` set and all else by default, for the fields of interest to be set after. */
static inline ambit_job_options ambit_default_job_options(const char *name) {
  ambit_job_options options = {sizeof(ambit_job_options), name, 0, 0, 0, NULL};
  return options;
}

/* The same for a scope. */
static inline ambit_scope_options ambit_default_scope_options(const char *name) {
  ambit_scope_options options = {sizeof(ambit_scope_options), name, 0, 0, 0};
  return options;
}

/* Arguments of ambit_spawn_call, one for each parameter. This one is NULL, or for the type `scope` the job's scope. */
static inline ambit_value ambit_value_none(void) {
  ambit_value value;
  value.kind = AMBIT_VALUE_NONE;
  value.reserved = 0;
  value.as.str = ambit_str_of(NULL, 0);
  return value;
}

/* For the type bool. */
static inline ambit_value ambit_value_bool(bool boolean) {
  ambit_value value = ambit_value_none();
  value.kind = AMBIT_VALUE_BOOL;
  value.as.boolean = boolean;
  return value;
}

/* For any integer type; one that cannot hold the number makes ambit_spawn_call return AMBIT_INVALID. */
static inline ambit_value ambit_value_int(int64_t number) {
  ambit_value value = ambit_value_none();
  value.kind = AMBIT_VALUE_INT;
  value.as.i64 = number;
  return value;
}

/* The same for numbers above INT64_MAX. */
static inline ambit_value ambit_value_uint(uint64_t number) {
  ambit_value value = ambit_value_none();
  value.kind = AMBIT_VALUE_UINT;
  value.as.u64 = number;
  return value;
}

/* For f32, rounded to it, and f64. */
static inline ambit_value ambit_value_float(double number) {
  ambit_value value = ambit_value_none();
  value.kind = AMBIT_VALUE_FLOAT;
  value.as.f64 = number;
  return value;
}

/* For str: copied when ambit_spawn_call is called, with a NUL behind it. */
static inline ambit_value ambit_value_str(ambit_str text) {
  ambit_value value = ambit_value_none();
  value.kind = AMBIT_VALUE_STR;
  value.as.str = text;
  return value;
}

/* For bytes: copied when ambit_spawn_call is called. The function learns the length from another parameter. */
static inline ambit_value ambit_value_bytes(const void *bytes, size_t length) {
  ambit_value value = ambit_value_none();
  value.kind = AMBIT_VALUE_BYTES;
  value.as.str = ambit_str_of((const char *)bytes, length);
  return value;
}

/* For ptr: passed on as it is. What it points to must live as long as the job. */
static inline ambit_value ambit_value_ptr(const void *ptr) {
  ambit_value value = ambit_value_none();
  value.kind = AMBIT_VALUE_PTR;
  value.as.ptr = ptr;
  return value;
}

#ifndef AMBIT_NO_STDIO

/* Format text into `buffer`, or, if it does not fit, into memory of the scope.                                    [job]
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

/* ambit_respond with a body as printf would write it.                                                             [job]
 * Returns   As ambit_respond; AMBIT_NO_MEMORY also if the format is malformed.
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

/* ambit_log with a line as printf would write it.                                                                 [job]
 * Returns   Nothing; a line for which there is no memory is dropped.
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

/* ambit_fail with a reason as printf would write it; without memory for it the format itself is the reason.       [job]
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

/* C++ before C++20 cannot name fields in an initialiser; these can be used instead, in any C++ since C++11:
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
