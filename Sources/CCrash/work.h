/// What the crashed thread worked on.
#ifndef CCRASH_WORK_H
#define CCRASH_WORK_H

#include "ccrash.h"

/// A copy of a text, cut where it is too long.
struct excerpt {
  char bytes[200];
  size_t count;
};

struct work {
  /// "handler", "job", ...
  const char *name;
  struct excerpt plugin, route, job, scope_name;
  uint64_t scope;
  bool has_scope;
};

#pragma GCC visibility push(hidden)

/// Where the records' fields lie; what `ccrash_install` was given.
extern struct ccrash_layout layout;

/// Whether the calling thread is one of the host's, or works for it.
bool is_host_thread(void);

/// Finds what the calling thread works on. Reads records that whatever crashed may have destroyed, and so may fault;
/// what it has found until then stays.
void find_work(struct work *work);

#pragma GCC visibility pop

#endif
