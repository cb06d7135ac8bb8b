#define _GNU_SOURCE

#include "region.h"
#include "chains.h"
#include "images.h"
#include "output.h"
#include "region_layout.h"
#include "text.h"
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/// How long a record holds, in nanoseconds. If the process has not ended by then, it was no end.
#define LIFE_OF_RECORD ((int64_t)1000000000)

static struct ccrash_region *region;
static __thread struct ccrash_thread *slot __attribute__((tls_model("initial-exec")));

int ccrash_use_region(int descriptor) {
  void *memory = mmap(NULL, sizeof *region, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED)
    return -1;
  region = memory;
  region->format = CCRASH_REGION_FORMAT;
  strncpy(region->request_prefix, request_prefix, sizeof region->request_prefix - 1);
  return 0;
}

bool ccrash_uses_region(void) { return region != NULL; }

void ccrash_note_loss_of_reader(void) {
  if (region != NULL)
    __atomic_store_n(&region->is_unread, 1, __ATOMIC_RELAXED);
}

bool ccrash_reports_to_supervisor(void) { return records_end(); }

bool records_end(void) {
  // Code of a plugin may have written any other number there.
  return region != NULL && __atomic_load_n(&region->is_unread, __ATOMIC_RELAXED) != 1 && getpid() == host_process;
}

// Marks.

void *ccrash_place_loop(size_t index, size_t size) {
  if (region == NULL || index >= CCRASH_MOST_LOOPS)
    return NULL;
  size_t whole = (CCRASH_PAGE + size + CCRASH_PAGE - 1) / CCRASH_PAGE * CCRASH_PAGE;
  char *memory = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return NULL;
  // The loop's page comes right before its private memory.
  if (mremap(region->loops[index], CCRASH_PAGE, CCRASH_PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, memory) == MAP_FAILED) {
    munmap(memory, whole);
    return NULL;
  }
  return memory + CCRASH_PAGE - CCRASH_LOOP_LEAD;
}

/// Takes a free slot for the calling thread; NULL if there is none.
static struct ccrash_thread *take_slot(void) {
  uint32_t self = (uint32_t)syscall(SYS_gettid);
  for (int index = 0; index < CCRASH_MOST_THREADS; index++) {
    uint32_t nobody = 0;
    if (__atomic_compare_exchange_n(&region->threads[index].number, &nobody, self, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED))
      return &region->threads[index];
  }
  return NULL;
}

void mark_thread(uint64_t mark, const char *label) {
  if (region == NULL)
    return;
  if (slot == NULL && mark != 0)
    slot = take_slot();
  if (slot == NULL)
    return;
  if (label != NULL)
    strncpy(slot->plugin, label, sizeof slot->plugin - 1);
  __atomic_store_n(&slot->mark, mark, __ATOMIC_RELAXED);
}

void ccrash_forget_thread(void) {
  if (slot == NULL)
    return;
  memset(slot->plugin, 0, sizeof slot->plugin);
  slot->mark = 0;
  __atomic_store_n(&slot->number, 0, __ATOMIC_RELEASE);
  slot = NULL;
}

uint32_t ccrash_add_origin(const char *plugin, const char *label) {
  // 0 stands for none.
  for (uint32_t index = 1; region != NULL && index < CCRASH_MOST_ORIGINS; index++) {
    struct ccrash_origin *origin = &region->origins[index];
    uint32_t free = 0;
    if (!__atomic_compare_exchange_n(&origin->is_used, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
      continue;
    strncpy(origin->plugin, plugin, sizeof origin->plugin - 1);
    strncpy(origin->route, label, sizeof origin->route - 1);
    return index;
  }
  return 0;
}

void ccrash_remove_origin(uint32_t index) {
  if (region == NULL || index == 0 || index >= CCRASH_MOST_ORIGINS)
    return;
  struct ccrash_origin *origin = &region->origins[index];
  memset(origin->plugin, 0, sizeof origin->plugin);
  memset(origin->route, 0, sizeof origin->route);
  __atomic_store_n(&origin->is_used, 0, __ATOMIC_RELEASE);
}

// The record.

/// Copies as much as fits, with a NUL behind it.
static void copy(char *target, size_t capacity, const char *bytes, size_t count) {
  size_t length = count < capacity ? count : capacity - 1;
  memcpy(target, bytes, length);
  target[length] = '\0';
}

#define COPY(target, bytes, count) copy(target, sizeof(target), bytes, count)

/// The index of the module with an address; -1 if it lies in none, or there is no room for it.
static int32_t module_around(struct ccrash_record *record, uintptr_t address) {
  const struct image *image = image_around(address);
  if (image == NULL)
    return -1;
  for (uint32_t index = 0; index < record->module_count; index++)
    if (record->modules[index].bias == image->bias && strcmp(record->modules[index].path, image->path) == 0)
      return (int32_t)index;
  if (record->module_count == CCRASH_MOST_MODULES)
    return -1;
  struct ccrash_module *module = &record->modules[record->module_count];
  module->bias = image->bias;
  module->build_id_size = image->build_id_size;
  memcpy(module->build_id, image->build_id, sizeof image->build_id);
  COPY(module->path, image->path, strlen(image->path));
  const char *plugin = plugin_of(image);
  if (plugin != NULL)
    COPY(module->plugin, plugin, strlen(plugin));
  return (int32_t)record->module_count++;
}

static void write_frames(struct ccrash_record *record, const struct walk *walk) {
  record->begins_with_call = walk->begins_with_call;
  for (int index = 0; index < walk->count && index < CCRASH_MOST_FRAMES; index++) {
    int32_t module = module_around(record, code_of_frame(walk, index));
    record->frames[index] = (struct ccrash_frame){walk->frames[index], module, 0};
    record->frame_count = (uint32_t)index + 1;
  }
}

static void write_registers(struct ccrash_record *record, const ucontext_t *context) {
#if defined(__x86_64__)
  record->register_count = NGREG;
  for (int index = 0; index < NGREG; index++)
    record->registers[index] = (uint64_t)context->uc_mcontext.gregs[index];
#else
  record->register_count = 34;
  memcpy(record->registers, context->uc_mcontext.regs, 31 * sizeof(uint64_t));
  record->registers[31] = context->uc_mcontext.sp;
  record->registers[32] = context->uc_mcontext.pc;
  record->registers[33] = context->uc_mcontext.pstate;
#endif
}

const char *ccrash_register_name(uint32_t index) {
#if defined(__x86_64__)
  static const char *const names[] = {"r8",  "r9",  "r10", "r11", "r12",    "r13",    "r14", "r15",
                                      "rdi", "rsi", "rbp", "rbx", "rdx",    "rax",    "rcx", "rsp",
                                      "rip", "efl", "cs",  "err", "trapno", "oldmask", "cr2"};
#else
  static const char *const names[] = {"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",
                                      "x9",  "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17",
                                      "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26",
                                      "x27", "x28", "x29", "x30", "sp",  "pc",  "pstate"};
#endif
  return index < sizeof names / sizeof *names ? names[index] : NULL;
}

static void write_work(struct ccrash_record *record, const struct work *work) {
  COPY(record->plugin, work->plugin.bytes, work->plugin.count);
  COPY(record->route, work->label.bytes, work->label.count);
  COPY(record->scope_name, work->scope_name.bytes, work->scope_name.count);
  COPY(record->job, work->job.bytes, work->job.count);
  COPY(record->work, work->name, strlen(work->name));
  record->scope = work->scope;
  record->request = work->request;
  record->has_scope = work->has_scope;
  record->has_request = work->has_request;
}

/// Whether the record is about an end that has not come yet.
static bool is_young(const struct ccrash_record *record) {
  int64_t now = monotonic_time();
  return record->state != 0 && record->time <= now && now - record->time < LIFE_OF_RECORD;
}

static bool is_own_signal(const struct ccrash_record *record) {
  return is_young(record) && record->end == CCRASH_BY_SIGNAL && record->thread == (int32_t)syscall(SYS_gettid);
}

bool amend_record(enum ccrash_end end, int number, int status, const char *what) {
  struct ccrash_record *record = region == NULL ? NULL : &region->record;
  if (record == NULL || !is_own_signal(record))
    return false;
  record->end = (uint32_t)end;
  record->signal = number;
  record->status = status;
  size_t length = strnlen(record->message, sizeof record->message - 1);
  strncpy(record->message + length, what, sizeof record->message - 1 - length);
  return true;
}

void forget_record(void) {
  if (region != NULL && is_own_signal(&region->record))
    __atomic_store_n(&region->record.state, 0, __ATOMIC_RELEASE);
}

void write_record(const struct ending *ending) {
  struct ccrash_record *record = &region->record;
  int64_t now = monotonic_time();
  // The handler of other code may have mended the fault of another thread, and not have returned.
  if (is_young(record) && (record->end != CCRASH_BY_SIGNAL || have_chains_ended()))
    return;
  region->format = CCRASH_REGION_FORMAT;
  memset(record, 0, sizeof *record);
  record->time = now;
  __atomic_store_n(&record->state, 1, __ATOMIC_RELEASE);
  record->end = (uint32_t)ending->end;
  record->signal = ending->number;
  record->status = ending->status;
  record->thread = (int32_t)syscall(SYS_gettid);
  record->lost_log = log_backlog();
  if (ending->info != NULL) {
    record->code = ending->info->si_code;
    record->address = is_fault(ending->info) ? (uintptr_t)ending->info->si_addr : 0;
  }
  if (ending->work != NULL)
    write_work(record, ending->work);
  if (ending->culprit != NULL)
    COPY(record->culprit, ending->culprit, strlen(ending->culprit));
  COPY(record->message, ending->message->bytes, ending->message->count);
  if (ending->stack != NULL)
    COPY(record->stack, ending->stack->bytes, ending->stack->count);
  if (ending->context != NULL)
    write_registers(record, ending->context);
  if (ending->walk != NULL)
    write_frames(record, ending->walk);
  __atomic_store_n(&record->state, 2, __ATOMIC_RELEASE);
}
