#define _GNU_SOURCE

#include "report.h"
#include "images.h"
#include "output.h"
#include "region.h"
#include "text.h"
#include "walk.h"
#include "work.h"
#include <limits.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define MOST_FRAMES 40
#define MOST_NAMED_MEMORIES 8
/// How long the line waits for the reader of the log, in nanoseconds.
#define PATIENCE ((int64_t)1000000000)
/// How long a process whose supervisor reports its end waits for the reader of its earlier lines, in nanoseconds.
#define SHORT_PATIENCE ((int64_t)25000000)
/// How long it looks up the names of functions, in nanoseconds. One look-up may take longer.
#define SYMBOL_TIME ((int64_t)20000000)

enum ccrash_form form;
size_t (*stack_overflowed_at)(uintptr_t address);
int host_process;

const char *const ccrash_dry_run_prefix = "ambit-crash: ";

static struct {
  uintptr_t start, end;
  const char *name;
} memories[MOST_NAMED_MEMORIES];
static _Atomic int memory_count;

void ccrash_name_memory(const void *start, size_t size, const char *name) {
  int index = atomic_fetch_add(&memory_count, 1);
  if (index >= MOST_NAMED_MEMORIES)
    return;
  memories[index].name = name;
  memories[index].start = (uintptr_t)start;
  memories[index].end = (uintptr_t)start + size;
}

/// The parts of a line. Static, since a stack may have little room; one line is made at a time.
static struct {
  int number;
  const siginfo_t *info;
  ucontext_t *context;
  const char *left_to;
  /// The process reports its end to its supervisor.
  bool is_recorded;
  /// Later than this, in monotonic nanoseconds, names of functions are not looked up any more.
  int64_t symbols_end;
  uintptr_t frames[MOST_FRAMES];
  struct walk walk;
  struct work work;
  struct symbol symbol;
  char message_room[600], stack_room[2600], line_room[PIPE_BUF];
  struct text message, stack, line;
} now;

// Places: the function and image of an address.

static const struct image *image_of_frame(int index) { return image_around(code_of_frame(&now.walk, index)); }

/// Adds the place of a frame, `boom+0x4 (crashy.1.3f9c.so)`. Without a symbol it adds the offset in the file, as
/// addr2line(1) takes it. The name of the image `known` is left out.
static void add_place(struct text *text, int index, const struct image *known) {
  uintptr_t address = now.frames[index];
  const struct image *image = image_of_frame(index);
  if (image == NULL)
    return text_add_hexadecimal(text, address);
  if (monotonic_time() < now.symbols_end && find_symbol(image, code_of_frame(&now.walk, index), &now.symbol)) {
    text_say(text, now.symbol.name);
    text_say(text, "+");
    text_add_hexadecimal(text, address - now.symbol.start);
  } else {
    text_add_hexadecimal(text, address - image->bias);
  }
  if (image == known)
    return;
  text_say(text, " (");
  text_say(text, image->name);
  text_say(text, ")");
}

/// The innermost frame of a plugin, or else of a library that a plugin has brought along; -1 if there is none.
static int plugin_frame(void) {
  int brought = -1;
  for (int index = 0; index < now.walk.count; index++) {
    const struct image *image = image_of_frame(index);
    if (image != NULL && image->label[0] != '\0')
      return index;
    if (brought < 0 && plugin_of(image) != NULL)
      brought = index;
  }
  return brought;
}

/// The plugin whose code is nearest on the stack; NULL if there is none.
static const char *nearest_plugin(void) {
  int index = plugin_frame();
  return index < 0 ? NULL : plugin_of(image_of_frame(index));
}

/// The plugin to blame for a signal; NULL if there is none. A constructor runs before its library has a label.
static const char *plugin_to_blame(void) {
  const char *nearest = nearest_plugin();
  return nearest == NULL && now.work.is_loading ? now.work.plugin.bytes : nearest;
}

/// Which frame the message names: the frame that has faulted, or, if the process has sent the signal itself, as
/// abort(3) does, the innermost frame of a plugin.
static int named_frame(void) {
  int index = now.info != NULL && is_fault(now.info) ? 0 : plugin_frame();
  return index < 0 ? 0 : index;
}

// The message.

const char *ccrash_signal_name(int number) {
  switch (number) {
  case SIGSEGV:
    return "SIGSEGV";
  case SIGBUS:
    return "SIGBUS";
  case SIGILL:
    return "SIGILL";
  case SIGFPE:
    return "SIGFPE";
  case SIGABRT:
    return "SIGABRT";
  case SIGTRAP:
    return "SIGTRAP";
  case SIGSYS:
    return "SIGSYS";
  default:
    return NULL;
  }
}

/// Whether the thread has used up its stack: the faulting address, or its stack pointer, lies in a guard.
static size_t overflowed_stack(void) {
  if ((now.number != SIGSEGV && now.number != SIGBUS) || !is_fault(now.info) || stack_overflowed_at == NULL)
    return 0;
  return stack_overflowed_at((uintptr_t)now.info->si_addr);
}

static void add_overflow(void *ignored) {
  (void)ignored;
  size_t size = overflowed_stack();
  if (size == 0)
    return;
  text_say(&now.message, ": stack overflow, all of ");
  text_add_decimal(&now.message, size / 1024, 1);
  text_say(&now.message, " KiB is used,");
}

static void add_memory_name(uintptr_t address) {
  int count = atomic_load(&memory_count);
  for (int index = 0; index < count && index < MOST_NAMED_MEMORIES; index++) {
    if (address < memories[index].start || address >= memories[index].end)
      continue;
    text_say(&now.message, ", a write into ");
    text_say(&now.message, memories[index].name);
    text_say(&now.message, ", which is read-only,");
  }
}

/// Describes the memory that the thread accessed.
static void add_address(void) {
  if (now.number == SIGSEGV && now.info->si_code == SI_KERNEL)
    return text_say(&now.message, " at an address that none can be (non-canonical)");
  text_say(&now.message, now.is_recorded ? " at " : " at address ");
  text_add_hexadecimal(&now.message, (uintptr_t)now.info->si_addr);
  if (now.number == SIGBUS && now.info->si_code == BUS_ADRERR)
    text_say(&now.message, ", beyond the end of a mapped file,");
  add_memory_name((uintptr_t)now.info->si_addr);
}

static void add_cause(void) {
  switch (now.number) {
  case SIGSEGV:
  case SIGBUS:
    return add_address();
  case SIGFPE:
    if (now.info->si_code == FPE_INTDIV)
      text_say(&now.message, ", an integer division by zero,");
    return;
  case SIGSYS:
    text_say(&now.message, ", system call ");
    text_add_decimal(&now.message, (uint64_t)now.info->si_syscall, 1);
    return text_say(&now.message, " is forbidden,");
  default:
    return;
  }
}

/// Whether another process has sent the signal, or this process has sent it to no particular thread. Then the code that
/// runs here is not to blame.
static bool was_sent(void) {
  return now.info->si_code == SI_USER || (now.info->si_code <= 0 && now.info->si_pid != getpid());
}

static void add_sender(void) {
  if (now.info->si_pid == getpid())
    return text_say(&now.message, " sent by this process to itself, by kill(2)");
  if (now.info->si_pid == 0)
    return text_say(&now.message, " sent by a process outside of this PID namespace");
  text_say(&now.message, " sent by process ");
  text_add_decimal(&now.message, (uint64_t)now.info->si_pid, 1);
  text_say(&now.message, " of user ");
  text_add_decimal(&now.message, now.info->si_uid, 1);
}

static void add_message_place(void *ignored) {
  (void)ignored;
  if (now.walk.count == 0)
    return;
  int index = named_frame();
  if (index == 0 && !is_code(now.frames[0]) && now.walk.count > 1) {
    text_say(&now.message, ", where no code is, called from ");
    return add_place(&now.message, 1, NULL);
  }
  text_say(&now.message, " in ");
  add_place(&now.message, index, NULL);
}

static void make_message(void) {
  now.message = (struct text){now.message_room, 0, sizeof now.message_room};
  if (getpid() != host_process) {
    text_say(&now.message, "child process ");
    text_add_decimal(&now.message, (uint64_t)getpid(), 1);
    text_say(&now.message, " of the host: ");
  }
  text_say(&now.message, ccrash_signal_name(now.number));
  if (was_sent())
    return add_sender();
  if (is_fault(now.info))
    add_cause();
  attempt(add_overflow, NULL);
  attempt(add_message_place, NULL);
  if (now.left_to != NULL) {
    text_say(&now.message, ", left to the handler of ");
    text_say(&now.message, now.left_to);
  }
}

// The fields.

/// Bytes of a field besides its name and value.
#define FIELD_FRAME ((size_t)8)

/// Adds a field. Its value is cut if it does not fit, and the field is left out if there is no room.
static void add_field(const char *name, const char *value, size_t count) {
  struct text *line = &now.line;
  if (count == 0 || line->capacity - line->count < strlen(name) + FIELD_FRAME)
    return;
  bool is_json = form == CCRASH_JSON;
  bool is_quoted = is_json || text_needs_quotes(value, count);
  text_say(line, is_json ? ",\"" : " ");
  text_say(line, name);
  text_say(line, is_json ? "\":" : "=");
  if (is_quoted)
    text_say(line, "\"");
  line->capacity -= 1;
  text_add_escaped(line, value, count, is_json ? ESCAPE_JSON : is_quoted ? ESCAPE_QUOTED : ESCAPE_CONTROL);
  line->capacity += 1;
  if (is_quoted)
    text_say(line, "\"");
}

static void add_excerpt(const char *name, const struct excerpt *value) { add_field(name, value->bytes, value->count); }

/// The request, and the scope unless it is the request's own.
static void add_scope(void) {
  if (!now.work.has_scope)
    return;
  char room[240];
  if (now.work.has_request) {
    struct text request = {room, 0, sizeof room};
    text_say(&request, request_prefix);
    text_add_decimal(&request, now.work.request, 1);
    add_field("request", request.bytes, request.count);
    if (now.work.request == now.work.scope)
      return;
  }
  struct text scope = {room, 0, sizeof room};
  text_add_decimal(&scope, now.work.scope, 1);
  if (now.work.scope_name.count > 0) {
    text_say(&scope, " ");
    text_add(&scope, now.work.scope_name.bytes, now.work.scope_name.count);
  }
  add_field("scope", scope.bytes, scope.count);
}

/// The plugin to blame, or else the one whose code the thread has run.
static void add_plugin(void) {
  const char *plugin = plugin_to_blame();
  if (plugin == NULL)
    return add_excerpt("plugin", &now.work.plugin);
  if (now.left_to == NULL)
    add_field("fault", "plugin", strlen("plugin"));
  add_field("plugin", plugin, strlen(plugin));
}

/// How many frames from `first` on are at the same address, as in recursion.
static int count_same(int first) {
  int next = first + 1;
  while (next < now.walk.count && now.frames[next] == now.frames[first])
    next++;
  return next - first;
}

/// Adds as many frames as fit. Frames of the image that the message names come without its name.
static void make_stack(void *ignored) {
  (void)ignored;
  const struct image *known = now.walk.count > 0 ? image_of_frame(named_frame()) : NULL;
  for (int index = 0, count; index < now.walk.count; index += count) {
    if (now.stack.capacity - now.stack.count < 500) {
      text_say(&now.stack, " ...");
      return;
    }
    count = count_same(index);
    text_say(&now.stack, index > 0 ? " #" : "#");
    text_add_decimal(&now.stack, (uint64_t)index, 1);
    if (count > 1) {
      text_say(&now.stack, "-#");
      text_add_decimal(&now.stack, (uint64_t)(index + count - 1), 1);
    }
    text_say(&now.stack, " ");
    add_place(&now.stack, index, known);
  }
}

static void prepare_stack(void) {
  now.stack = (struct text){now.stack_room, 0, sizeof now.stack_room};
  attempt(make_stack, NULL);
}

static void add_fields(void) {
  if (was_sent())
    return;
  add_plugin();
  add_excerpt("route", &now.work.label);
  add_scope();
  add_excerpt("job", &now.work.job);
  add_field("work", now.work.name, strlen(now.work.name));
  prepare_stack();
  add_field("stack", now.stack.bytes, now.stack.count);
}

// The line.

/// Begins the line, with room left for its end.
static void begin_line(void) { now.line = (struct text){now.line_room, 0, sizeof now.line_room - 2}; }

static void end_line(void) {
  now.line.capacity = sizeof now.line_room;
  text_say(&now.line, form == CCRASH_JSON ? "}\n" : "\n");
}

static void make_line(void) {
  struct text *line = &now.line;
  begin_line();
  // End an unfinished earlier line first.
  if (log_backlog() > 0)
    text_say(line, "\n");
  if (form == CCRASH_DRY_RUN) {
    text_say(line, ccrash_dry_run_prefix);
    text_add_escaped(line, now.message.bytes, now.message.count, ESCAPE_CONTROL);
  } else if (form == CCRASH_JSON) {
    text_say(line, "{\"time\":\"");
    text_add_time(line);
    text_say(line, now.left_to != NULL ? "\",\"level\":\"warning" : "\",\"level\":\"critical");
    text_say(line, "\",\"message\":\"");
    text_add_escaped(line, now.message.bytes, now.message.count, ESCAPE_JSON);
    text_say(line, "\"");
    add_fields();
  } else {
    text_add_time(line);
    text_say(line, now.left_to != NULL ? " WARNING " : " CRITICAL ");
    text_add_escaped(line, now.message.bytes, now.message.count, ESCAPE_CONTROL);
    add_fields();
  }
  end_line();
}

static void walk_stack(void *ignored) {
  (void)ignored;
  walk_interrupted(now.context, &now.walk);
}

static void read_work(void *ignored) {
  (void)ignored;
  find_work(&now.work);
}

/// Writes the record for the supervisor. A signal that was sent from outside concerns no code that runs here.
static void record_signal(const ucontext_t *context) {
  await_backlog(monotonic_time() + SHORT_PATIENCE);
  if (was_sent())
    return write_record(&(struct ending){.end = CCRASH_BY_SIGNAL,
                                         .number = now.number,
                                         .info = now.info,
                                         .context = context,
                                         .message = &now.message});
  prepare_stack();
  write_record(&(struct ending){.end = CCRASH_BY_SIGNAL,
                                .number = now.number,
                                .info = now.info,
                                .context = context,
                                .work = &now.work,
                                .walk = &now.walk,
                                .message = &now.message,
                                .stack = &now.stack,
                                .culprit = plugin_to_blame()});
}

void report(int number, const siginfo_t *info, ucontext_t *context, const char *left_to) {
  now.number = number;
  now.info = info;
  now.context = context;
  now.left_to = left_to;
  now.is_recorded = left_to == NULL && records_end();
  now.symbols_end = now.is_recorded ? monotonic_time() + SYMBOL_TIME : INT64_MAX;
  now.walk = (struct walk){.frames = now.frames, .capacity = MOST_FRAMES};
  memset(&now.work, 0, sizeof now.work);
  now.work.name = "host";
  static mcontext_t registers;
  registers = context->uc_mcontext;
  attempt(read_work, NULL);
  attempt(walk_stack, NULL);
  // A walk that has faulted leaves other values there.
  context->uc_mcontext = registers;
  make_message();
  if (now.is_recorded)
    return record_signal(context);
  int64_t deadline = monotonic_time() + PATIENCE;
  // A forked child has no thread of the log that would write them.
  if (getpid() == host_process)
    await_backlog(deadline);
  make_line();
  write_line(&now.line, deadline + PATIENCE);
}

// The end by exit(3) and the like.

/// How long a thread that ends the process waits for the report of another one, in milliseconds.
#define TURN_OF_EXIT 30

/// Collects the frames of the thread, without those of the host that have noticed the call.
static void walk_calls(void) {
  walk_here(&now.walk);
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

static void make_exit_message(const char *what, int status) {
  now.message = (struct text){now.message_room, 0, sizeof now.message_room};
  text_say(&now.message, what);
  if (strchr(what, ' ') == NULL) {
    text_say(&now.message, "(");
    if (status < 0)
      text_say(&now.message, "-");
    text_add_decimal(&now.message, status < 0 ? -(uint64_t)status : (uint64_t)status, 1);
    text_say(&now.message, ")");
  }
  attempt(add_exit_place, NULL);
}

static void read_work_of_loop(void *loop) { find_work_of_loop(&now.work, loop); }

static void record_exit(const char *what, int status, const void *loop) {
  if (!records_end() || !take_turn(TURN_OF_EXIT))
    return;
  memset(&now.work, 0, sizeof now.work);
  now.work.name = "host";
  now.info = NULL;
  now.is_recorded = true;
  now.walk = (struct walk){.frames = now.frames, .capacity = MOST_FRAMES};
  now.symbols_end = monotonic_time() + SYMBOL_TIME;
  if (loop == NULL) {
    attempt(read_work, NULL);
    walk_calls();
  } else {
    attempt(read_work_of_loop, (void *)loop);
  }
  make_exit_message(what, status);
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

void record_end_by_host(int status) {
  if (!records_end() || !take_turn(TURN_OF_EXIT))
    return;
  now.message = (struct text){now.message_room, 0, sizeof now.message_room};
  text_say(&now.message, "the worker has ended itself, with status ");
  text_add_decimal(&now.message, (uint64_t)(status & 255), 1);
  write_record(&(struct ending){.end = CCRASH_BY_HOST, .status = status, .message = &now.message});
  give_turn();
}

// The line about a forked child that has returned into the host.

static void add_number(const char *name, int number) {
  char room[24];
  struct text digits = {room, 0, sizeof room};
  text_add_decimal(&digits, (uint64_t)number, 1);
  add_field(name, digits.bytes, digits.count);
}

static bool is_lifecycle_call(const char *name) {
  return strcmp(name, "start") == 0 || strcmp(name, "save") == 0 || strcmp(name, "stop") == 0;
}

static void make_return_message(void) {
  now.message = (struct text){now.message_room, 0, sizeof now.message_room};
  text_say(&now.message, "a child that plugin code forked returned from ");
  if (!is_lifecycle_call(now.work.name))
    text_say(&now.message, now.work.name[0] == 'o' ? "an " : "a ");
  text_say(&now.message, now.work.name);
  text_say(&now.message, " into the host, so the host ended it; a forked child must exec or _exit");
}

static void make_return_line(void) {
  bool is_json = form == CCRASH_JSON;
  begin_line();
  text_say(&now.line, is_json ? "{\"time\":\"" : "");
  text_add_time(&now.line);
  text_say(&now.line, is_json ? "\",\"level\":\"error\",\"message\":\"" : " ERROR ");
  text_add(&now.line, now.message.bytes, now.message.count);
  text_say(&now.line, is_json ? "\"" : "");
  add_field("fault", "plugin", strlen("plugin"));
  add_excerpt("plugin", &now.work.plugin);
  add_excerpt("route", &now.work.label);
  add_scope();
  add_excerpt("job", &now.work.job);
  add_number("parent", getppid());
  add_number("pid", getpid());
  add_field("work", now.work.name, strlen(now.work.name));
  end_line();
}

void ccrash_report_return(const void *job, const void *scope, const char *place) {
  memset(&now.work, 0, sizeof now.work);
  now.work.name = "function";
  read_work_of(&now.work, job, scope, place);
  make_return_message();
  make_return_line();
  write_line(&now.line, monotonic_time() + PATIENCE);
}
