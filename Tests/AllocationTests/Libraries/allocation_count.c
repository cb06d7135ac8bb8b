/* Counts the allocations of the process that this library is preloaded into.
 *
 * ALLOCATION_TRACE=FILE in the environment has it append backtraces of some allocations to FILE: of the first ones
 * after the count was read twice, as the first reading belongs to the warming. `addr2line -fe BINARY OFFSET` names the
 * frames that have no name there. */
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TRACES = 20, DEPTH = 48 };

/* What glibc calls the functions that this library stands in front of. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static atomic_long count;
static atomic_int readings;
static atomic_int traces_left;
static int trace_file = -1;
/* Taking the first backtrace allocates. */
static _Thread_local bool is_tracing __attribute__((tls_model("initial-exec")));

static void trace(const char *function, size_t size) {
  if (atomic_load(&traces_left) <= 0 || atomic_fetch_sub(&traces_left, 1) <= 0)
    return;
  is_tracing = true;
  int saved = errno;
  void *frames[DEPTH];
  dprintf(trace_file, "\n%s, %zu bytes\n", function, size);
  backtrace_symbols_fd(frames, backtrace(frames, DEPTH), trace_file);
  errno = saved;
  is_tracing = false;
}

static void record(const char *function, size_t size) {
  if (is_tracing)
    return;
  atomic_fetch_add(&count, 1);
  trace(function, size);
}

/* The calls so far, of all threads. */
long allocation_count(void) {
  const char *path = getenv("ALLOCATION_TRACE");
  if (path != NULL && atomic_fetch_add(&readings, 1) == 1) {
    trace_file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    atomic_store(&traces_left, TRACES);
  }
  return atomic_load(&count);
}

void *malloc(size_t size) {
  record("malloc", size);
  return __libc_malloc(size);
}

void *calloc(size_t members, size_t size) {
  record("calloc", members * size);
  return __libc_calloc(members, size);
}

void *realloc(void *block, size_t size) {
  record("realloc", size);
  return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size) {
  record("memalign", size);
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  record("aligned_alloc", size);
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
  record("posix_memalign", size);
  void *made = __libc_memalign(alignment, size);
  if (made == NULL)
    return ENOMEM;
  *block = made;
  return 0;
}

void *mmap(void *address, size_t length, int protection, int flags, int descriptor, off_t offset) {
  record("mmap", length);
  return (void *)syscall(SYS_mmap, address, length, protection, flags, descriptor, offset);
}

/* The name that programs built for large files call. */
void *mmap64(void *address, size_t length, int protection, int flags, int descriptor, off_t offset) {
  return mmap(address, length, protection, flags, descriptor, offset);
}
