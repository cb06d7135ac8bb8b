/// The line that the process writes when a fatal signal ends it: what happened, where, and in whose code.
///
/// A handler on the signal stack of the crashed thread writes the line, then the signal takes its course. The handler
/// allocates nothing, takes no lock and does not call the loader: the functions below note what it needs beforehand.
/// They may be called from any thread, and none of them waits. Functions that a signal handler must not call say so.
#ifndef CCRASH_H
#define CCRASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __clang__
#define CCRASH_NULLABLE _Nullable
#pragma clang assume_nonnull begin
#else
#define CCRASH_NULLABLE
#endif

/// The format of the line.
enum ccrash_form {
  /// The log's text format.
  CCRASH_TEXT,
  /// The log's JSON format: one object.
  CCRASH_JSON,
  /// For the host that has started a dry run: `ccrash_dry_run_prefix` and the place of the crash.
  CCRASH_DRY_RUN,
};

/// The beginning of a line of the form CCRASH_DRY_RUN.
extern const char *const ccrash_dry_run_prefix;

/// How the handler finds what a thread works on: offsets in bytes into the records of the runtime. A text is a pointer
/// to its bytes, followed by their number.
struct ccrash_layout {
  /// In a loop: a pointer to the running job, a pointer to the scope whose hook runs, and a byte for the kind of hook.
  uint32_t loop_job, loop_hook_scope, loop_hook_kind;
  /// In a job: pointers to its scope and to its cold state; in the latter: the text of its name.
  uint32_t job_scope, job_cold_state, cold_state_name;
  /// In a scope: an integer of 64 bits, two texts, three pointers (`scope_request` leads to the scope of its request,
  /// or is NULL), and a byte for the kind of scope. `scope_mark` is an integer of 64 bits: see ccrash_region.h.
  uint32_t scope_id, scope_name, scope_label, scope_generation, scope_handler_job, scope_request, scope_kind;
  uint32_t scope_mark;
  /// In a generation: pointers to the start and the end of its label in the log.
  uint32_t generation_label;
  /// The values of a scope's kind for a request and for a plugin.
  uint8_t request_kind, plugin_kind;
  /// The name of each kind of hook in the line.
  const char *CCRASH_NULLABLE hook_kinds[8];
};

struct ccrash_settings {
  enum ccrash_form form;
  /// Two descriptors of the output for the line, since plugin code may close one of them. The line is written to the
  /// first that still leads where it led when the handlers were installed, and to neither if none does.
  int outputs[2];
  /// Returns the size in bytes of the stack in whose guard an address lies; 0 if it lies in no guard. Called in the
  /// handler.
  size_t (*stack_overflowed_at)(uintptr_t address);
  struct ccrash_layout layout;
  /// What stands before the number of a request, such as "7f3a9c2e-"; NULL: nothing. Must stay valid for ever.
  const char *CCRASH_NULLABLE request_prefix;
};

/// Installs the handlers for SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP and SIGSYS. Handlers that were installed
/// before run after them. To be called once, early; allocates. Each thread should have a signal stack. Returns 0, or -1
/// with `errno` set.
int ccrash_install(const struct ccrash_settings *settings);

/// Notes how many bytes of earlier lines are buffered. The handler waits up to a second until there are none.
void ccrash_note_backlog(size_t bytes);

/// Notes that the calling thread belongs to the host. `loop` is the record of the loop that it runs; NULL if it runs
/// none.
void ccrash_note_thread(const void *CCRASH_NULLABLE loop);

/// Notes that the calling thread, which runs no loop, works for `job` in `scope`. The line calls the work `work`; if
/// that is NULL, it is derived from the records of job and scope. All three must stay valid until `ccrash_end_work`.
void ccrash_begin_work(const void *CCRASH_NULLABLE job, const void *scope, const char *CCRASH_NULLABLE work);

/// Notes that the calling thread runs code of `plugin` outside of all scopes; the line calls it `work`. Both texts must
/// stay valid until `ccrash_end_work`.
void ccrash_begin_plain_work(const char *work, const char *plugin);

/// Notes the end of the work that the calling thread has begun last.
void ccrash_end_work(void);

/// In a forked child: writes the line about plugin code that has returned in it into the host. Takes no lock and does not
/// allocate, since threads of the parent may have held any lock. `job` and `scope` are what has run; NULL for what the
/// calling thread has noted by `ccrash_begin_plain_work`. `place` names it; NULL if it is derived from the records.
void ccrash_report_return(const void *CCRASH_NULLABLE job, const void *CCRASH_NULLABLE scope,
                          const char *CCRASH_NULLABLE place);

/// Updates the table of loaded images. To be called after each load and unload. Not in a signal handler: locks the
/// loader and allocates.
void ccrash_note_images(void);

/// Labels the image around `address` with its plugin. The line shows the label if the crashed thread works in no scope.
/// The label is copied. Not in a signal handler: takes a lock.
void ccrash_label_image(uintptr_t address, const char *label);

/// The same for a library that the plugin has brought along. Its label counts if no code of a plugin itself is on the
/// stack, and only as long as plugins of one name have brought it along: the last label holds then.
void ccrash_label_library(uintptr_t address, const char *label);

/// The label of the image around `address`; NULL if it has none. Valid until the image is unloaded.
const char *CCRASH_NULLABLE ccrash_label_around(uintptr_t address);

/// Names read-only memory: the line about a write into it shows the name. The name is not copied and must stay valid
/// for ever. The ninth and later names are ignored.
void ccrash_name_memory(const void *start, size_t size, const char *name);

/// A handler that other code has installed in place of the host's.
struct ccrash_rival {
  int signal;
  /// The file of its library; empty if it lies in no library, or if the signal was reset or ignored.
  char library[64];
  /// The label of the plugin that the library belongs to; empty if that is not known.
  char plugin[100];
  /// There is no handler: the signal was reset to its default, or ignored.
  bool is_reset;
};

/// Whether a thread reports a fatal signal at present.
bool ccrash_is_reporting(void);

/// Installs the host's handler for a signal again where other code has replaced it, and says in `rival` what was found.
/// From now on the other handler runs after the host's. Returns false if all are in place, or if a signal ends the
/// process already. From any thread; not in a signal handler: takes a lock.
bool ccrash_reclaim_signal(struct ccrash_rival *rival);

/// The name of a fatal signal, as in "SIGSEGV"; NULL for other signals.
const char *CCRASH_NULLABLE ccrash_signal_name(int number);

#ifdef __clang__
#pragma clang assume_nonnull end
#endif

#endif
