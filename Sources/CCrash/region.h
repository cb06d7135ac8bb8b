/// The worker's side of the region that it shares with its supervisor.
#ifndef CCRASH_REGION_SIDE_H
#define CCRASH_REGION_SIDE_H

#include "ccrash_region.h"
#include "report.h"
#include "text.h"
#include "walk.h"
#include "work.h"

#pragma GCC visibility push(hidden)

/// Whether the end of this process is to be reported in the region: it has one, and is no forked child.
bool records_end(void);

/// What a record is made of. A signal has `info` and `context`.
struct ending {
  enum ccrash_end end;
  int number, status;
  const siginfo_t *info;
  const ucontext_t *context;
  const struct work *work;
  const struct walk *walk;
  const struct text *message, *stack;
  /// The label of the plugin to blame; NULL if none is.
  const char *culprit;
};

/// Fills in the record, unless it has what the process ends by already. For the thread that has the turn.
void write_record(const struct ending *ending);

/// Changes the end of which a record of the calling thread tells, and adds `what` to its message: a handler of other code
/// ends the process after a signal. Blame and stack stay. False if there is no such record. For the thread that has the
/// turn.
bool amend_record(enum ccrash_end end, int number, int status, const char *what);

/// Takes back the record of a signal of the calling thread, which goes on. For the thread that has the turn.
void forget_record(void);

/// Sets the mark of the calling thread, which runs no loop. A plugin without a scope is named by its label.
void mark_thread(uint64_t mark, const char *label);

#pragma GCC visibility pop

#endif
