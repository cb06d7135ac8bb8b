#define _GNU_SOURCE

#include "cfiber_signal_stack.h"
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

/// Bytes for the frames of a handler, in addition to what the kernel pushes.
#define HANDLER_SIZE ((size_t)64 * 1024)

/// The kernel's part grows with the processor's vector state, so it is known only at run time.
static size_t signal_stack_size(void) {
  size_t kernel = (size_t)sysconf(_SC_MINSIGSTKSZ);
  return (kernel + 2 * HANDLER_SIZE - 1) / HANDLER_SIZE * HANDLER_SIZE;
}

/// The stack that this file has installed; the thread may have another one, installed by other code.
static __thread stack_t installed;

int cfiber_install_signal_stack(void) {
  stack_t current;
  if (sigaltstack(NULL, &current) != 0)
    return -1;
  if (!(current.ss_flags & SS_DISABLE))
    return 0;
  stack_t fresh = {.ss_size = signal_stack_size()};
  fresh.ss_sp = mmap(NULL, fresh.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (fresh.ss_sp == MAP_FAILED)
    return -1;
  if (sigaltstack(&fresh, NULL) != 0) {
    munmap(fresh.ss_sp, fresh.ss_size);
    return -1;
  }
  installed = fresh;
  return 0;
}

int cfiber_remove_signal_stack(void) {
  if (installed.ss_sp == NULL)
    return 0;
  const stack_t none = {.ss_flags = SS_DISABLE};
  if (sigaltstack(&none, NULL) != 0 || munmap(installed.ss_sp, installed.ss_size) != 0)
    return -1;
  installed = (stack_t){.ss_sp = NULL};
  return 0;
}
