#define _GNU_SOURCE

#include "region_layout.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/// More threads are not listed.
#define MOST_RUNNING 512

struct running {
  struct ccrash_running what;
  struct ccrash_origin origin;
};

struct ccrash_snapshot {
  char request_prefix[sizeof ((struct ccrash_region *)0)->request_prefix];
  struct ccrash_record record;
  /// What `record` says; unused if that is empty.
  struct ccrash_death death;
  bool has_death;
  size_t running_count;
  struct running running[MOST_RUNNING];
};

size_t ccrash_region_size(void) { return sizeof(struct ccrash_region); }

void ccrash_tell_reader(int descriptor, bool has_reader) {
  uint32_t is_unread = !has_reader;
  // Memory files take what lies within them.
  (void)!pwrite(descriptor, &is_unread, sizeof is_unread, offsetof(struct ccrash_region, is_unread));
}

static bool read_at(int descriptor, size_t offset, void *target, size_t size) {
  return pread(descriptor, target, size, (off_t)offset) == (ssize_t)size;
}

#define END(text) ((text)[sizeof(text) - 1] = '\0')
#define LIMIT(count, most) ((count) = (count) < (most) ? (count) : (most))

/// Makes counts, indices and texts of a record safe to use.
static void check_record(struct ccrash_record *record) {
  LIMIT(record->frame_count, CCRASH_MOST_FRAMES);
  LIMIT(record->module_count, CCRASH_MOST_MODULES);
  LIMIT(record->register_count, CCRASH_MOST_REGISTERS);
  if (record->end > CCRASH_BY_HOST)
    record->end = CCRASH_BY_HOST;
  for (uint32_t index = 0; index < record->frame_count; index++)
    if (record->frames[index].module >= (int32_t)record->module_count)
      record->frames[index].module = -1;
  for (uint32_t index = 0; index < record->module_count; index++) {
    struct ccrash_module *module = &record->modules[index];
    LIMIT(module->build_id_size, (uint32_t)sizeof module->build_id);
    END(module->path);
    END(module->plugin);
  }
  END(record->message);
  END(record->culprit);
  END(record->plugin);
  END(record->route);
  END(record->scope_name);
  END(record->job);
  END(record->work);
  END(record->stack);
}

/// Notes what a thread has run, if its mark says that it has run code of a plugin.
static void add_running(struct ccrash_snapshot *snapshot, int descriptor, uint64_t mark, int32_t loop,
                        const struct ccrash_thread *thread) {
  if (mark == 0 || snapshot->running_count == MOST_RUNNING)
    return;
  uint32_t kind = mark & ((1u << CCRASH_KIND_BITS) - 1);
  uint32_t index = mark >> CCRASH_KIND_BITS & ((1u << CCRASH_ORIGIN_BITS) - 1);
  struct running *running = &snapshot->running[snapshot->running_count];
  memset(running, 0, sizeof *running);
  if (index > 0 && index < CCRASH_MOST_ORIGINS)
    read_at(descriptor, offsetof(struct ccrash_region, origins) + index * sizeof running->origin, &running->origin,
            sizeof running->origin);
  END(running->origin.plugin);
  END(running->origin.route);
  if (running->origin.plugin[0] == '\0' && thread != NULL)
    memcpy(running->origin.plugin, thread->plugin, sizeof thread->plugin - 1);
  running->what = (struct ccrash_running){.kind = kind < CCRASH_OTHER ? (enum ccrash_kind)kind : CCRASH_OTHER,
                                          .scope = mark >> CCRASH_SCOPE_SHIFT,
                                          .is_child = (mark >> CCRASH_CHILD_BIT & 1) != 0,
                                          .loop = loop,
                                          .thread = thread == NULL ? 0 : thread->number};
  snapshot->running_count++;
}

static void read_marks(struct ccrash_snapshot *snapshot, int descriptor, size_t loops) {
  for (size_t index = 0; index < loops && index < CCRASH_MOST_LOOPS; index++) {
    uint64_t mark = 0;
    size_t end_of_page = offsetof(struct ccrash_region, loops) + (index + 1) * CCRASH_PAGE;
    if (read_at(descriptor, end_of_page - CCRASH_LOOP_LEAD, &mark, sizeof mark))
      add_running(snapshot, descriptor, mark, (int32_t)index, NULL);
  }
  for (size_t index = 0; index < CCRASH_MOST_THREADS; index++) {
    struct ccrash_thread thread;
    if (read_at(descriptor, offsetof(struct ccrash_region, threads) + index * sizeof thread, &thread, sizeof thread) &&
        thread.number != 0)
      add_running(snapshot, descriptor, thread.mark, -1, &thread);
  }
}

static void find_death(struct ccrash_snapshot *snapshot) {
  const struct ccrash_record *record = &snapshot->record;
  // Of other signals no handler can have noted anything.
  bool is_possible = record->end != CCRASH_BY_SIGNAL || ccrash_signal_name(record->signal) != NULL;
  snapshot->has_death = record->state != 0 && record->message[0] != '\0' && is_possible;
  snapshot->death = (struct ccrash_death){
      .end = (enum ccrash_end)record->end,
      .signal = record->signal,
      .code = record->code,
      .status = record->status,
      .thread = record->thread,
      .address = record->address,
      .lost_log = record->lost_log,
      .scope = record->scope,
      .request = record->request,
      .has_scope = record->has_scope != 0,
      .has_request = record->has_request != 0,
      .frame_count = record->frame_count,
      .module_count = record->module_count,
      .register_count = record->register_count,
      .begins_with_call = record->begins_with_call != 0,
      .message = record->message,
      .culprit = record->culprit,
      .plugin = record->plugin,
      .label = record->route,
      .scope_name = record->scope_name,
      .job = record->job,
      .work = record->work,
      .stack = record->stack,
  };
}

struct ccrash_snapshot *ccrash_read_region(int descriptor, size_t loops) {
  uint64_t format = 0;
  struct ccrash_snapshot *snapshot = calloc(1, sizeof *snapshot);
  if (snapshot == NULL)
    return NULL;
  if (!read_at(descriptor, 0, &format, sizeof format) || format != CCRASH_REGION_FORMAT ||
      !read_at(descriptor, offsetof(struct ccrash_region, request_prefix), snapshot->request_prefix,
               sizeof snapshot->request_prefix) ||
      !read_at(descriptor, offsetof(struct ccrash_region, record), &snapshot->record, sizeof snapshot->record)) {
    free(snapshot);
    return NULL;
  }
  END(snapshot->request_prefix);
  check_record(&snapshot->record);
  find_death(snapshot);
  read_marks(snapshot, descriptor, loops);
  return snapshot;
}

void ccrash_free_snapshot(struct ccrash_snapshot *snapshot) { free(snapshot); }

const struct ccrash_death *ccrash_snapshot_death(const struct ccrash_snapshot *snapshot) {
  return snapshot->has_death ? &snapshot->death : NULL;
}

struct ccrash_place ccrash_snapshot_frame(const struct ccrash_snapshot *snapshot, uint32_t index) {
  const struct ccrash_frame *frame = &snapshot->record.frames[index % CCRASH_MOST_FRAMES];
  uint64_t bias = frame->module < 0 ? 0 : snapshot->record.modules[frame->module].bias;
  return (struct ccrash_place){frame->address, frame->address - bias, frame->module < 0 ? -1 : frame->module};
}

struct ccrash_module_text ccrash_snapshot_module(const struct ccrash_snapshot *snapshot, uint32_t index) {
  const struct ccrash_module *module = &snapshot->record.modules[index % CCRASH_MOST_MODULES];
  return (struct ccrash_module_text){module->path, module->plugin, module->build_id, module->build_id_size};
}

uint64_t ccrash_snapshot_register(const struct ccrash_snapshot *snapshot, uint32_t index) {
  return snapshot->record.registers[index % CCRASH_MOST_REGISTERS];
}

size_t ccrash_snapshot_running_count(const struct ccrash_snapshot *snapshot) { return snapshot->running_count; }

struct ccrash_running ccrash_snapshot_running(const struct ccrash_snapshot *snapshot, size_t index) {
  const struct running *running = &snapshot->running[index % MOST_RUNNING];
  struct ccrash_running what = running->what;
  what.plugin = running->origin.plugin;
  what.label = running->origin.route;
  return what;
}

const char *ccrash_snapshot_request_prefix(const struct ccrash_snapshot *snapshot) { return snapshot->request_prefix; }

const char *ccrash_kind_name(enum ccrash_kind kind) {
  static const char *const names[] = {[CCRASH_JOB] = "job",
                                      [CCRASH_HANDLER] = "handler",
                                      [CCRASH_ON_END] = "on_end",
                                      [CCRASH_ON_CANCEL] = "on_cancel",
                                      [CCRASH_DEFERRED] = "deferred",
                                      [CCRASH_BLOCK] = "block",
                                      [CCRASH_START] = "start",
                                      [CCRASH_SAVE] = "save",
                                      [CCRASH_STOP] = "stop",
                                      [CCRASH_CONSTRUCTOR] = "constructor",
                                      [CCRASH_DESTRUCTOR] = "destructor",
                                      [CCRASH_OTHER] = "thread"};
  return names[kind <= CCRASH_OTHER ? kind : CCRASH_OTHER];
}
