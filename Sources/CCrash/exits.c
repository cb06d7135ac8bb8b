#define _GNU_SOURCE

#include "ccrash_region.h"
#include "report.h"
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

// The program's own `_exit` and `_Exit` come before those of the C library for all libraries that it loads. Who calls
// them ends the process with no signal and no exit function, so this is the only place to learn which code it was.

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

void ccrash_exit_host(int status) {
  record_end_by_host(status);
  end(status);
}
