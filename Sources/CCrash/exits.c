#define _GNU_SOURCE

#include "ccrash_region.h"
#include "report.h"
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

// The program's own `_exit`, `_Exit` and `quick_exit` come before those of the C library for all libraries that it
// loads. Who calls the first two ends the process with no signal and no exit function, so this is the only place to
// learn which code it was. The functions that quick_exit(3) calls do not get its status.

/// The C library's quick_exit(3); NULL in a program without shared libraries.
static void (*next_quick_exit)(int status);
/// What the thread has called `quick_exit` with.
static __thread int quick_status __attribute__((tls_model("initial-exec")));

static _Noreturn void end(int status) {
  while (1)
    syscall(SYS_exit_group, status);
}

void _exit(int status) {
  ccrash_record_exit("_exit", status);
  end(status);
}

void _Exit(int status) {
  ccrash_record_exit("_Exit", status);
  end(status);
}

static void record_quick_exit(void) { ccrash_record_exit("quick_exit", quick_status); }

void prepare_exits(void) {
  // Not at the exit: a look-up waits for the lock of the loader, which code of a plugin may hold.
  *(void **)&next_quick_exit = dlsym(RTLD_NEXT, "quick_exit");
  // Registered before those of plugins, it runs after them.
  at_quick_exit(record_quick_exit);
}

void quick_exit(int status) {
  quick_status = status;
  if (next_quick_exit != NULL)
    next_quick_exit(status);
  record_quick_exit();
  end(status);
}

void ccrash_exit_host(int status) {
  record_end_by_host(status);
  end(status);
}
