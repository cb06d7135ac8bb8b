/// Memory that a worker shares with its supervisor: what each thread runs, and what has ended the worker. The
/// supervisor reads it after the death of the worker, whatever it was. Code of plugins can write to it as to any memory of its
/// process, so the supervisor believes nothing in it without a check.
#ifndef CCRASH_REGION_H
#define CCRASH_REGION_H

#include "ccrash.h"

#ifdef __clang__
#pragma clang assume_nonnull begin
#endif

/// What a mark says, in 64 bits: a number for the kind of work in the lowest bits, then the origin, then the scope. 0:
/// the thread runs no code of a plugin.
#define CCRASH_KIND_BITS 4
#define CCRASH_ORIGIN_BITS 19
/// The bit is set for a scope below that of a request or of a plugin.
#define CCRASH_CHILD_BIT 23
#define CCRASH_SCOPE_SHIFT 24

/// Kinds of work in a mark.
enum ccrash_kind {
  CCRASH_JOB,
  CCRASH_HANDLER,
  CCRASH_ON_END,
  CCRASH_ON_CANCEL,
  CCRASH_DEFERRED,
  CCRASH_BLOCK,
  CCRASH_START,
  CCRASH_SAVE,
  CCRASH_STOP,
  CCRASH_CONSTRUCTOR,
  CCRASH_DESTRUCTOR,
  CCRASH_OTHER,
};

/// What has ended the process.
enum ccrash_end {
  /// A signal, which the handler has seen.
  CCRASH_BY_SIGNAL,
  /// exit(3), quick_exit(3), _exit(2) or pthread_exit(3) in code of a plugin.
  CCRASH_BY_EXIT,
  /// The host's own code, which has logged why.
  CCRASH_BY_HOST,
};

// The worker's side.

/// Has the process report its end in the region behind a descriptor, and not by a line. The descriptor stays the
/// caller's. To be called once, after `ccrash_install`. Returns 0, or -1 with `errno` set.
int ccrash_use_region(int descriptor);

/// Whether the process has a region.
bool ccrash_uses_region(void);

/// Whether the process, which is no forked child, reports its end in its region. Safe in a signal handler.
bool ccrash_reports_to_supervisor(void);

/// Notes that nobody reads the region after the end of the process, which reports its end by a line then. From any
/// thread.
void ccrash_note_loss_of_reader(void);

/// Memory of `size` bytes for the record of a loop, whose first word is its mark; NULL if there is no region. Filled
/// with zeros, and never freed.
void *CCRASH_NULLABLE ccrash_place_loop(size_t index, size_t size);

/// Adds an origin: a generation, and what a scope of it serves, or an empty text; 0 if there is no region or no room.
/// From any thread.
uint32_t ccrash_add_origin(const char *plugin, const char *label);
void ccrash_remove_origin(uint32_t index);

/// Gives the calling thread's slot to others. At the end of a thread.
void ccrash_forget_thread(void);

/// Notes what ends the process in a moment, called by the code of a plugin that runs on the calling thread: `what` is
/// the name of a function that takes the status, or a phrase. No effect if the process reports by lines.
void ccrash_record_exit(const char *what, int status);
/// The same for what has run on the thread of `loop`, which has ended.
void ccrash_record_loop_exit(const char *what, int status, const void *loop);

/// Ends the process by the host's own decision.
_Noreturn void ccrash_exit_host(int status);

// The supervisor's side.

/// The size of a region in bytes.
size_t ccrash_region_size(void);

/// Tells the worker whether the supervisor reads the region after the worker's end.
void ccrash_tell_reader(int descriptor, bool has_reader);

/// A copy of a region, whose counts, indices and texts were checked.
struct ccrash_snapshot;

/// Copies the region of a worker with `loops` event loops; NULL if it cannot be read or has another format. The caller
/// frees it.
struct ccrash_snapshot *CCRASH_NULLABLE ccrash_read_region(int descriptor, size_t loops);
void ccrash_free_snapshot(struct ccrash_snapshot *snapshot);

/// What has ended the process. The texts live as long as the snapshot, and are empty if there is nothing to say.
struct ccrash_death {
  enum ccrash_end end;
  int32_t signal, code, status, thread;
  uint64_t address;
  /// Bytes of earlier log lines that the reader of the log has not taken.
  uint64_t lost_log;
  uint64_t scope, request;
  bool has_scope, has_request;
  uint32_t frame_count, module_count, register_count;
  /// The address of the first frame is that behind a call, as those of all others are, and not that of a fault.
  bool begins_with_call;
  /// "SIGSEGV at 0x0 in boom+0x4 (crashy.1.3f9c.so)".
  const char *message;
  /// The label of the plugin to blame; empty if none is.
  const char *culprit;
  /// The work of the thread.
  const char *plugin, *label, *scope_name, *job, *work;
  /// The stack as the log shows it.
  const char *stack;
};

struct ccrash_module_text {
  const char *path;
  const char *plugin;
  const uint8_t *build_id;
  size_t build_id_size;
};

struct ccrash_place {
  uint64_t address;
  /// As addr2line(1) takes it.
  uint64_t offset;
  /// The index of the module; negative if the address lies in none.
  int32_t module;
};

/// What a thread has run.
struct ccrash_running {
  enum ccrash_kind kind;
  uint64_t scope;
  /// The scope lies below that of a request or of a plugin.
  bool is_child;
  /// The index of the loop; negative for another thread.
  int32_t loop;
  uint32_t thread;
  const char *plugin, *label;
};

/// What has ended the process; NULL if there is no record of it.
const struct ccrash_death *CCRASH_NULLABLE ccrash_snapshot_death(const struct ccrash_snapshot *snapshot);
struct ccrash_place ccrash_snapshot_frame(const struct ccrash_snapshot *snapshot, uint32_t index);
struct ccrash_module_text ccrash_snapshot_module(const struct ccrash_snapshot *snapshot, uint32_t index);
uint64_t ccrash_snapshot_register(const struct ccrash_snapshot *snapshot, uint32_t index);
/// How many threads have run code of plugins.
size_t ccrash_snapshot_running_count(const struct ccrash_snapshot *snapshot);
struct ccrash_running ccrash_snapshot_running(const struct ccrash_snapshot *snapshot, size_t index);
/// What stands before the number of a request.
const char *ccrash_snapshot_request_prefix(const struct ccrash_snapshot *snapshot);

/// The names of the registers in a record, in their order; NULL after the last one.
const char *CCRASH_NULLABLE ccrash_register_name(uint32_t index);
/// The name of a kind of work, as in "handler".
const char *ccrash_kind_name(enum ccrash_kind kind);

#ifdef __clang__
#pragma clang assume_nonnull end
#endif

#endif
