#define _GNU_SOURCE

#include "ccrash_region.h"
#include "facts.h"
#include "output.h"
#include "region.h"
#include "report.h"
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// The record of an end by exit(3) and the like.

/// How long a thread that ends the process waits for the report of another one, in milliseconds.
#define TURN_OF_EXIT 30

static void walk_calls(void *ignored) {
  (void)ignored;
  walk_here(&now.walk);
}

/// Leaves out the frames of the host that have noticed the call.
static void leave_own_frames(void) {
  int first = 0;
  while (first < now.walk.count) {
    const struct image *image = image_of_frame(first);
    if (image == NULL || !image->is_program)
      break;
    first++;
  }
  if (first == now.walk.count)
    return;
  now.walk.count -= first;
  memmove(now.frames, now.frames + first, (size_t)now.walk.count * sizeof *now.frames);
}

static void add_exit_place(void *ignored) {
  (void)ignored;
  int index = plugin_frame();
  if (index < 0)
    return;
  text_say(&now.message, " in ");
  add_place(&now.message, index, NULL);
}

static void add_call(const char *what, int status) {
  text_say(&now.message, what);
  if (strchr(what, ' ') == NULL) {
    text_say(&now.message, "(");
    if (status < 0)
      text_say(&now.message, "-");
    text_add_decimal(&now.message, status < 0 ? -(uint64_t)status : (uint64_t)status, 1);
    text_say(&now.message, ")");
  }
}

/// Whether a handler of the thread ends the process after a signal. Then the record is about that signal.
static bool follows_signal(const char *what, int status) {
  if (!is_in_handler())
    return false;
  now.message = (struct text){now.message_room, 0, sizeof now.message_room - 1};
  text_say(&now.message, ", then ");
  add_call(what, status);
  now.message_room[now.message.count] = '\0';
  return amend_record(CCRASH_BY_EXIT, 0, status, now.message_room);
}

static void read_work_of_loop(void *loop) { find_work_of_loop(&now.work, loop); }

static void record_exit(const char *what, int status, const void *loop) {
  if (!records_end() || !take_turn(TURN_OF_EXIT))
    return;
  if (follows_signal(what, status))
    return give_turn();
  memset(&now.work, 0, sizeof now.work);
  now.work.name = "host";
  now.info = NULL;
  now.is_recorded = true;
  now.walk = (struct walk){.frames = now.frames, .capacity = MOST_FRAMES};
  now.symbols_end = monotonic_time() + SYMBOL_TIME;
  if (loop == NULL) {
    attempt(read_work, NULL);
    attempt(walk_calls, NULL);
    leave_own_frames();
  } else {
    attempt(read_work_of_loop, (void *)loop);
  }
  now.message = (struct text){now.message_room, 0, sizeof now.message_room};
  add_call(what, status);
  attempt(add_exit_place, NULL);
  prepare_stack();
  const char *culprit = now.work.plugin.count > 0 ? now.work.plugin.bytes : nearest_plugin();
  write_record(&(struct ending){.end = CCRASH_BY_EXIT,
                                .status = status,
                                .work = &now.work,
                                .walk = &now.walk,
                                .message = &now.message,
                                .stack = &now.stack,
                                .culprit = culprit});
  give_turn();
}

void ccrash_record_exit(const char *what, int status) { record_exit(what, status, NULL); }

void ccrash_record_loop_exit(const char *what, int status, const void *loop) { record_exit(what, status, loop); }

/// Writes the record of an end that the host's own code has decided, for the supervisor.
static void record_end_by_host(int status) {
  if (!records_end() || !take_turn(TURN_OF_EXIT))
    return;
  now.message = (struct text){now.message_room, 0, sizeof now.message_room};
  text_say(&now.message, "the worker has ended itself, with status ");
  text_add_decimal(&now.message, (uint64_t)(status & 255), 1);
  write_record(&(struct ending){.end = CCRASH_BY_HOST, .status = status, .message = &now.message});
  give_turn();
}

// The program's own `_exit`, `_Exit` and `quick_exit` come before those of the C library for all libraries that it
// loads. Who calls the first two ends the process with no signal and no exit function, so this is the only place to
// learn which code it was. The functions that quick_exit(3) calls do not get its status.

/// The C library's quick_exit(3); NULL in a program without shared libraries.
static void (*next_quick_exit)(int status);
/// What the thread has called `quick_exit` with.
static __thread int quick_status __attribute__((tls_model("initial-exec")));

static _Noreturn void end(int status) {
  while (1)
    syscall(SYS_exit_group, status);
}

void _exit(int status) {
  ccrash_record_exit("_exit", status);
  end(status);
}

void _Exit(int status) {
  ccrash_record_exit("_Exit", status);
  end(status);
}

static void record_quick_exit(void) { ccrash_record_exit("quick_exit", quick_status); }

void prepare_exits(void) {
  // Not at the exit: a look-up waits for the lock of the loader, which code of a plugin may hold.
  *(void **)&next_quick_exit = dlsym(RTLD_NEXT, "quick_exit");
  // Registered before those of plugins, it runs after them.
  at_quick_exit(record_quick_exit);
}

void quick_exit(int status) {
  quick_status = status;
  if (next_quick_exit != NULL)
    next_quick_exit(status);
  record_quick_exit();
  end(status);
}

void ccrash_exit_host(int status) {
  record_end_by_host(status);
  end(status);
}
