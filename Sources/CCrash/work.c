#define _GNU_SOURCE

#include "work.h"
#include "region.h"
#include <string.h>

struct ccrash_layout layout;
const char *request_prefix = "";

/// The notes of the thread.
static __thread struct {
  bool is_host;
  const char *loop;
  const char *job, *scope;
  const char *work, *plugin;
} thread __attribute__((tls_model("initial-exec")));

void ccrash_note_thread(const void *loop) {
  thread.is_host = true;
  thread.loop = loop;
}

static void read_job(struct work *work, const char *job);
static void name_job(struct work *work, const char *job, const char *scope);

/// The kind in a mark for what the line calls `work`.
static uint64_t kind_of(const char *work) {
  for (enum ccrash_kind kind = CCRASH_JOB; kind < CCRASH_OTHER; kind++)
    if (strcmp(ccrash_kind_name(kind), work) == 0)
      return kind;
  return CCRASH_OTHER;
}

void ccrash_begin_work(const void *job, const void *scope, const char *work) {
  thread.job = job;
  thread.scope = scope;
  thread.work = work;
  if (!ccrash_uses_region())
    return;
  struct work found = {.name = work, .has_scope = true};
  if (work == NULL && job != NULL) {
    read_job(&found, job);
    name_job(&found, job, scope);
  }
  uint64_t mark;
  memcpy(&mark, (const char *)scope + layout.scope_mark, sizeof mark);
  mark_thread(mark | kind_of(found.name), NULL);
}

void ccrash_begin_plain_work(const char *work, const char *plugin) {
  thread.work = work;
  thread.plugin = plugin;
  mark_thread(kind_of(work), plugin);
}

void ccrash_end_work(void) {
  thread.job = thread.scope = thread.work = thread.plugin = NULL;
  mark_thread(0, NULL);
}

bool is_host_thread(void) { return thread.is_host; }

static const char *pointer_at(const char *record, uint32_t offset) {
  const char *pointer;
  memcpy(&pointer, record + offset, sizeof pointer);
  return pointer;
}

static void copy_text(struct excerpt *excerpt, const char *bytes, size_t count) {
  if (bytes == NULL)
    return;
  size_t length = count < sizeof excerpt->bytes ? count : sizeof excerpt->bytes - 1;
  memcpy(excerpt->bytes, bytes, length);
  excerpt->count = length;
}

static void copy_text_at(struct excerpt *excerpt, const char *record, uint32_t offset) {
  size_t count;
  memcpy(&count, record + offset + sizeof(char *), sizeof count);
  copy_text(excerpt, pointer_at(record, offset), count);
}

static void read_scope(struct work *work, const char *scope) {
  memcpy(&work->scope, scope + layout.scope_id, sizeof work->scope);
  const char *generation = pointer_at(scope, layout.scope_generation);
  if (generation == NULL)
    return;
  const char *label = pointer_at(generation, layout.generation_label);
  const char *end = pointer_at(generation, layout.generation_label + sizeof(char *));
  copy_text(&work->plugin, label, (size_t)(end - label));
  copy_text_at(&work->label, scope, layout.scope_label);
  copy_text_at(&work->scope_name, scope, layout.scope_name);
  const char *request = pointer_at(scope, layout.scope_request);
  if (request != NULL) {
    memcpy(&work->request, request + layout.scope_id, sizeof work->request);
    work->has_request = true;
  }
  // If a record was overwritten, there has been a fault by now.
  work->has_scope = true;
}

static void read_job(struct work *work, const char *job) {
  const char *cold_state = pointer_at(job, layout.job_cold_state);
  if (cold_state != NULL)
    copy_text_at(&work->job, cold_state, layout.cold_state_name);
}

/// The kind of work: a handler or a lifecycle call, whose job is the scope's `handlerJob`, or a spawned job.
static void name_job(struct work *work, const char *job, const char *scope) {
  if (!work->has_scope)
    return;
  work->name = "job";
  if (pointer_at(scope, layout.scope_handler_job) != job)
    return;
  uint8_t kind = (uint8_t)scope[layout.scope_kind];
  if (kind == layout.request_kind)
    work->name = "handler";
  if (kind != layout.plugin_kind || work->job.count == 0)
    return;
  // The job of a lifecycle call has the name of the call.
  static char name[32];
  size_t length = work->job.count < sizeof name ? work->job.count : sizeof name - 1;
  memcpy(name, work->job.bytes, length);
  name[length] = '\0';
  work->name = name;
  work->job.count = 0;
}

static void find_loop_work(struct work *work, const char *loop) {
  const char *hook_scope = pointer_at(loop, layout.loop_hook_scope);
  if (hook_scope != NULL) {
    read_scope(work, hook_scope);
    const char *kind = layout.hook_kinds[loop[layout.loop_hook_kind] & 7];
    if (work->has_scope && kind != NULL)
      work->name = kind;
    return;
  }
  const char *job = pointer_at(loop, layout.loop_job);
  if (job == NULL)
    return;
  const char *scope = pointer_at(job, layout.job_scope);
  read_scope(work, scope);
  read_job(work, job);
  name_job(work, job, scope);
}

void find_work(struct work *work) {
  work->name = thread.is_host ? "host" : "thread";
  if (thread.loop != NULL) {
    find_loop_work(work, thread.loop);
    return;
  }
  if (thread.work != NULL)
    work->name = thread.work;
  work->is_loading = thread.plugin != NULL;
  if (thread.plugin != NULL)
    copy_text(&work->plugin, thread.plugin, strlen(thread.plugin));
  if (thread.scope == NULL)
    return;
  read_scope(work, thread.scope);
  if (thread.job != NULL)
    read_job(work, thread.job);
  if (thread.work == NULL && thread.job != NULL)
    name_job(work, thread.job, thread.scope);
}

void find_work_of_loop(struct work *work, const void *loop) { find_loop_work(work, loop); }

void read_work_of(struct work *work, const void *job, const void *scope, const char *name) {
  if (thread.plugin != NULL)
    copy_text(&work->plugin, thread.plugin, strlen(thread.plugin));
  if (scope != NULL)
    read_scope(work, scope);
  if (job != NULL)
    read_job(work, job);
  if (job != NULL && name == NULL)
    name_job(work, job, scope);
  if (name != NULL)
    work->name = name;
}
