/// How a region lies in memory. The worker and its supervisor are the same program.
#ifndef CCRASH_REGION_LAYOUT_H
#define CCRASH_REGION_LAYOUT_H

#include "ccrash_region.h"

#define CCRASH_MOST_FRAMES 40
#define CCRASH_MOST_MODULES 16
#define CCRASH_MOST_REGISTERS 34
#define CCRASH_MOST_THREADS 256
#define CCRASH_MOST_ORIGINS 4096
#define CCRASH_MOST_LOOPS 256
#define CCRASH_PAGE 4096

struct ccrash_frame {
  uint64_t address;
  /// The index of the module; negative if the address lies in none.
  int32_t module;
  int32_t reserved;
};

struct ccrash_module {
  /// The difference between addresses in memory and in the file.
  uint64_t bias;
  uint32_t build_id_size;
  uint8_t build_id[36];
  char path[256];
  /// The plugin and its generation, "crashy/1", that it belongs to, or that has brought it along; empty if there is
  /// none.
  char plugin[104];
};

/// What has ended the process. Texts end with a NUL.
struct ccrash_record {
  /// 0: nothing, 1: being written, 2: whole.
  uint32_t state;
  uint32_t end;
  /// When it was written: monotonic nanoseconds.
  int64_t time;
  int32_t signal, code, status, thread;
  uint64_t address;
  /// Bytes of earlier log lines that the reader of the log has not taken.
  uint64_t lost_log;
  uint64_t scope, request;
  uint32_t has_scope, has_request;
  uint32_t frame_count, module_count, register_count;
  /// The first frame has called, as all others have.
  uint32_t begins_with_call;
  uint64_t registers[CCRASH_MOST_REGISTERS];
  struct ccrash_frame frames[CCRASH_MOST_FRAMES];
  struct ccrash_module modules[CCRASH_MOST_MODULES];
  /// "SIGSEGV at 0x0 in boom+0x4 (crashy.1.3f9c.so)".
  char message[608];
  /// The plugin to blame; empty if none is.
  char culprit[104];
  /// The work of the thread.
  char plugin[208], route[208], scope_name[208], job[208], work[40];
  /// The stack as the log shows it.
  char stack[2608];
};

/// What a thread of the pool, or another thread of the host, runs.
struct ccrash_thread {
  uint64_t mark;
  /// The kernel's number of the thread; 0: the slot is free.
  uint32_t number;
  uint32_t reserved;
  /// The plugin, if the mark names no origin.
  char plugin[48];
};

/// A plugin's generation, or a route of it, that marks refer to by its index.
struct ccrash_origin {
  uint32_t is_used;
  char plugin[100];
  char route[152];
};

struct ccrash_region {
  uint64_t format;
  /// What stands before the number of a request.
  char request_prefix[56];
  /// Nobody reads the region after the end of the process.
  uint32_t is_unread;
  char unused[CCRASH_PAGE - 68];
  struct ccrash_record record;
  char more_unused[(CCRASH_PAGE - sizeof(struct ccrash_record) % CCRASH_PAGE) % CCRASH_PAGE];
  struct ccrash_thread threads[CCRASH_MOST_THREADS];
  struct ccrash_origin origins[CCRASH_MOST_ORIGINS];
  /// A page of each loop. Its mark is the word `CCRASH_LOOP_LEAD` bytes before the end of the page, where the loop's
  /// record begins.
  char loops[CCRASH_MOST_LOOPS][CCRASH_PAGE];
};

/// Changes with the layout.
#define CCRASH_REGION_FORMAT 0x414d424954000001
/// Bytes of a loop's record that lie in its page.
#define CCRASH_LOOP_LEAD 16

#endif
