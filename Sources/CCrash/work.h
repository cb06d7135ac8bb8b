/// The work of the crashed thread.
#ifndef CCRASH_WORK_H
#define CCRASH_WORK_H

#include "ccrash.h"

/// A copy of a text, cut if it is too long, with a NUL behind it.
struct excerpt {
  char bytes[200];
  size_t count;
};

struct work {
  /// "handler", "job", ...
  const char *name;
  struct excerpt plugin, label, job, scope_name;
  /// Numbers of scopes: of the work, and of its request if `has_request`.
  uint64_t scope, request;
  bool has_scope, has_request;
  /// The loader runs code of the plugin.
  bool is_loading;
};

#pragma GCC visibility push(hidden)

/// The offsets of the records' fields, from `ccrash_install`.
extern struct ccrash_layout layout;
/// What stands before the number of a request.
extern const char *request_prefix;

/// Whether the calling thread belongs to the host, or works for it.
bool is_host_thread(void);

/// Finds the work of the calling thread. Reads records that the crashed code may have overwritten, and so may fault;
/// what it has found by then stays in `work`.
void find_work(struct work *work);

/// The same for the thread of a loop.
void find_work_of_loop(struct work *work, const void *loop);

/// Reads the work of a job in a scope; both may be NULL. Its name is `name`, or, if that is NULL, derived from the
/// records.
void read_work_of(struct work *work, const void *job, const void *scope, const char *name);

#pragma GCC visibility pop

#endif
