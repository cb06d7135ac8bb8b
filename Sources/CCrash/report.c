#define _GNU_SOURCE

#include "report.h"
#include "facts.h"
#include "line.h"
#include "output.h"
#include "region.h"
#include <string.h>
#include <unistd.h>

/// How long a process whose supervisor reports its end waits for the reader of its earlier lines, in nanoseconds.
#define SHORT_PATIENCE ((int64_t)25000000)

enum ccrash_form form;
size_t (*stack_overflowed_at)(uintptr_t address);
int host_process;
struct facts now;

static void walk_stack(void *ignored) {
  (void)ignored;
  walk_interrupted(now.context, &now.walk);
}

void read_work(void *ignored) {
  (void)ignored;
  find_work(&now.work);
}

/// Writes the record for the supervisor. A signal that was sent from outside concerns no code that runs here.
static void record_signal(const ucontext_t *context) {
  bool is_sent = was_sent();
  // Names of functions are looked up within a time, which waiting would use up.
  if (!is_sent)
    prepare_stack();
  await_backlog(monotonic_time() + SHORT_PATIENCE);
  if (is_sent)
    return write_record(&(struct ending){.end = CCRASH_BY_SIGNAL,
                                         .number = now.number,
                                         .info = now.info,
                                         .context = context,
                                         .message = &now.message});
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
