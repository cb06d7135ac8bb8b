/// The line that the process leaves when a fatal signal ends it: what happened, where, and for whom.
///
/// A handler on the signal stack of the crashed thread writes the line, then the signal takes its course. The handler
/// allocates nothing, takes no lock and does not call the loader: the functions below note beforehand what it needs.
/// They may be called from any thread, and none of them waits; those that a signal handler must not call say so.
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

/// What the line looks like.
enum ccrash_form {
  /// As a line of the log for people.
  CCRASH_TEXT,
  /// As a line of the log for machines: one JSON object.
  CCRASH_JSON,
  /// For the host that has started a dry run: `ccrash_dry_run_prefix` and where it happened.
  CCRASH_DRY_RUN,
};

/// What a line of the form CCRASH_DRY_RUN begins with.
extern const char *const ccrash_dry_run_prefix;

/// Where the handler finds what a thread works on: offsets in bytes into the records of the runtime. A text is a
/// pointer to its bytes, and their number.
struct ccrash_layout {
  /// In a loop: pointers to the job and to the scope of the hook that run, and a byte for the kind of hook.
  uint32_t loop_job, loop_hook_scope, loop_hook_kind;
  /// In a job: pointers to its scope and to what few jobs have; in the latter: the text of its name.
  uint32_t job_scope, job_cold_state, cold_state_name;
  /// In a scope: an integer of 64 bits, two texts, two pointers, and a byte for the kind of scope.
  uint32_t scope_id, scope_name, scope_route, scope_generation, scope_handler_job, scope_kind;
  /// In a generation: pointers to the first byte of what names it in the log, and behind the last.
  uint32_t generation_label;
  /// The kinds of scope that are a request's and a plugin's.
  uint8_t request_kind, plugin_kind;
  /// What the line calls each kind of hook.
  const char *CCRASH_NULLABLE hook_kinds[8];
};

struct ccrash_settings {
  enum ccrash_form form;
  /// Where the line goes: the same output by two descriptors, since code of plugins may close one. The line goes by the
  /// first that still leads where it led when the handlers were installed, and nowhere if neither does.
  int outputs[2];
  /// The size in bytes of the stack in whose guard an address lies; 0 if it lies in none. Called in the handler.
  size_t (*stack_overflowed_at)(uintptr_t address);
  struct ccrash_layout layout;
};

/// Installs the handlers for SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP and SIGSYS; those that are installed run
/// behind them. Once, early; allocates. The line is best written on a signal stack, which each thread brings along.
/// Returns 0, or -1 with `errno` set.
int ccrash_install(const struct ccrash_settings *settings);

/// Notes how many bytes of earlier lines wait for room in the output. The handler waits up to a second until there are
/// none.
void ccrash_note_backlog(size_t bytes);

/// Notes that the calling thread is one of the host's. `loop` is the record of the loop that it runs; NULL if it runs
/// none.
void ccrash_note_thread(const void *CCRASH_NULLABLE loop);

/// Notes that the calling thread, which runs no loop, works for `job` in `scope`. `work` is what the line calls the
/// work; if it is NULL, the records of job and scope tell. The caller keeps all three until `ccrash_end_work`.
void ccrash_begin_work(const void *CCRASH_NULLABLE job, const void *scope, const char *CCRASH_NULLABLE work);

/// Notes that the calling thread runs code of `plugin` outside of any scope; the line calls it `work`. The caller keeps
/// both texts until `ccrash_end_work`.
void ccrash_begin_plain_work(const char *work, const char *plugin);

/// Notes that the calling thread has done what it began last.
void ccrash_end_work(void);

/// Brings the table of loaded images up to date. Call it after each load and unload. Not in a signal handler: locks the
/// loader, and allocates.
void ccrash_note_images(void);

/// Labels the image around `address` with the plugin that it belongs to: the line shows the label if the crashed thread
/// works in no scope. The label is copied. Not in a signal handler: takes a lock.
void ccrash_label_image(uintptr_t address, const char *label);

/// Names write-protected memory: the line about a write into it shows the name, which is kept for ever and not copied.
/// The ninth and later names are ignored.
void ccrash_name_memory(const void *start, size_t size, const char *name);

/// A handler that somebody has put in the place of the host's.
struct ccrash_rival {
  int signal;
  /// The file of the library it lies in; empty if it is in none, or if the signal was reset or ignored.
  char library[64];
  /// It was no handler: the signal was reset to its default, or ignored.
  bool is_reset;
};

/// Installs the host's handlers again where somebody has replaced them. A handler that is found there runs after the
/// host's from now on. Writes what was found into `rivals` and returns how many, at most `capacity`. One thread at a
/// time. Not in a signal handler.
int ccrash_reclaim_signals(struct ccrash_rival *rivals, int capacity);

/// Notes that the calling thread waits in sigwaitinfo(2), for `signal` among others. Swift's backtracer stops each
/// thread by a signal that the thread does not block; such a thread would take the signal in without running its
/// handler, and the backtracer would wait for ever. So the handler sends the thread `signal` before the backtracer
/// begins. The thread calls `ccrash_rest_if_ending` after each wait.
void ccrash_note_waiter(int signal);

/// Does not return once the process is about to end by a fatal signal. On the thread that `ccrash_note_waiter` has
/// noted.
void ccrash_rest_if_ending(void);

/// The name of a fatal signal, as "SIGSEGV"; NULL for others.
const char *CCRASH_NULLABLE ccrash_signal_name(int number);

#ifdef __clang__
#pragma clang assume_nonnull end
#endif

#endif
